//! The house plan, held against `cargo metadata`: which room may use which, and which crate belongs to which room alone.

#![expect(clippy::expect_used, reason = "a failing expect fails the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package};

/// Room → the rooms it may use. What is not listed is a wall. Kept equal to the table in `shared/README.md`.
const ARROWS: &[(&str, &[&str])] = &[
    ("mlc-model", &[]),
    ("mlc-runtime", &["mlc-model"]),
    ("mlc-vault", &["mlc-model", "mlc-runtime"]),
    ("mlc-queue", &["mlc-model", "mlc-runtime"]),
    ("mlc-ledger", &["mlc-model", "mlc-runtime"]),
    ("mlc-accounts", &["mlc-model", "mlc-runtime"]),
    ("mlc-outbound", &["mlc-model", "mlc-runtime", "mlc-vault"]),
    ("mlc-epicor", &["mlc-model", "mlc-outbound"]),
    ("mlc-hubspot", &["mlc-model", "mlc-outbound"]),
    ("mlc-adobe", &["mlc-model", "mlc-outbound"]),
    (
        "mlc-connections",
        &["mlc-model", "mlc-runtime", "mlc-vault", "mlc-outbound", "mlc-epicor", "mlc-hubspot", "mlc-adobe"],
    ),
    ("mlc-flow", &["mlc-model", "mlc-queue"]),
    ("mlc-mapping", &["mlc-model", "mlc-epicor", "mlc-hubspot", "mlc-adobe"]),
    (
        "mlc-worker",
        &[
            "mlc-model",
            "mlc-runtime",
            "mlc-vault",
            "mlc-queue",
            "mlc-ledger",
            "mlc-flow",
            "mlc-outbound",
            "mlc-epicor",
            "mlc-hubspot",
            "mlc-adobe",
            "mlc-connections",
            "mlc-mapping",
        ],
    ),
    (
        "mlc-producer",
        &[
            "mlc-model",
            "mlc-runtime",
            "mlc-vault",
            "mlc-queue",
            "mlc-ledger",
            "mlc-accounts",
            "mlc-flow",
            "mlc-outbound",
            "mlc-epicor",
            "mlc-hubspot",
            "mlc-adobe",
            "mlc-connections",
        ],
    ),
    // Stand-ins for the business systems share no code with the product: one misreading must not hide on both sides.
    ("mlc-simulators", &[]),
];

/// Crates that live in one room. Everyone else goes through that room.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("apalis", &["mlc-queue"]),
    ("apalis-core", &["mlc-queue"]),
    ("backoff", &["mlc-runtime"]),
    ("prometheus", &["mlc-runtime"]),
    ("chacha20poly1305", &["mlc-vault"]),
    ("reqwest", &["mlc-outbound"]),
    ("argon2", &["mlc-accounts"]),
    ("lettre", &["mlc-producer"]),
];

/// What the tests of a room may use besides: enough to open its door towards a simulator.
const IN_TESTS: &[&str] = &["mlc-simulators", "mlc-runtime", "mlc-vault"];

fn metadata() -> Metadata {
    MetadataCommand::new().no_deps().exec().expect("cargo metadata runs inside the workspace")
}

fn is_under_tests(metadata: &Metadata, package: &Package) -> bool {
    package.manifest_path.starts_with(metadata.workspace_root.join("tests"))
}

fn kind(dependency: &Dependency) -> &'static str {
    match dependency.kind {
        DependencyKind::Development => " in its tests",
        DependencyKind::Build => " to build itself",
        _ => "",
    }
}

/// Every arrow that is not in the plan. A renamed dependency counts by its true name.
fn broken_arrows(metadata: &Metadata) -> Vec<String> {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut broken = Vec::new();
    for package in &metadata.packages {
        let Some(allowed) = arrows.get(package.name.as_str()) else { continue };
        let is_product = !is_under_tests(metadata, package);
        for dependency in package.dependencies.iter().filter(|dependency| dependency.name.starts_with("mlc-")) {
            let used = dependency.name.as_str();
            let for_tests = is_product && dependency.kind == DependencyKind::Development && IN_TESTS.contains(&used);
            if !allowed.contains(&used) && !for_tests {
                broken.push(format!("{} must not use {used}{}", package.name, kind(dependency)));
            }
        }
    }
    broken
}

/// Every use of a crate outside the room it belongs to.
fn strayed_crates(metadata: &Metadata) -> Vec<String> {
    let mut broken = Vec::new();
    for package in &metadata.packages {
        // The harness, the demo and the benchmarks drive the product from outside and may use what they need.
        if is_under_tests(metadata, package) {
            continue;
        }
        for (kept, rooms) in KEPT_IN {
            for dependency in package.dependencies.iter().filter(|dependency| dependency.name == *kept) {
                if !rooms.contains(&package.name.as_str()) {
                    let rooms = rooms.join(", ");
                    broken.push(format!(
                        "{} must not use {kept}{}: it belongs to {rooms}",
                        package.name,
                        kind(dependency)
                    ));
                }
            }
        }
    }
    broken
}

/// The same workspace with one dependency more, as somebody might add it.
fn with_dependency(of: &str, name: &str, kind: DependencyKind) -> Metadata {
    let mut metadata = metadata();
    let mut added = metadata.packages[0].dependencies[0].clone();
    added.name = name.into();
    added.kind = kind;
    let package = metadata.packages.iter_mut().find(|package| package.name.as_str() == of);
    package.expect("the room exists").dependencies.push(added);
    metadata
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_room_uses_only_the_rooms_its_arrows_name() {
    let broken = broken_arrows(&metadata());
    assert!(broken.is_empty(), "walls broken: {broken:#?}");
}

#[test]
fn a_crate_that_belongs_to_one_room_is_used_in_no_other() {
    let broken = strayed_crates(&metadata());
    assert!(broken.is_empty(), "walls broken: {broken:#?}");
}

#[test]
fn every_product_room_stands_in_the_plan() {
    let planned: BTreeSet<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    let metadata = metadata();
    let missing: Vec<String> = metadata
        .packages
        .iter()
        .filter(|package| !is_under_tests(&metadata, package))
        .map(|package| package.name.to_string())
        .filter(|name| !planned.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "rooms without a place in the plan: {missing:?}");
}

#[test]
fn the_simulators_borrow_no_file_of_the_product() {
    // A dependency is not the only way in: a file can be included past the manifest.
    let folder = metadata().workspace_root.join("tests/simulators");
    for source in sources(folder.as_std_path()) {
        let text = fs::read_to_string(&source).expect("a source file can be read");
        for way in ["#[path", "include!("] {
            assert!(!text.contains(way), "{} uses {way}", source.display());
        }
    }
}

#[test]
fn a_forbidden_dependency_of_any_kind_breaks_a_wall() {
    use DependencyKind::{Build, Development, Normal};
    let before = (broken_arrows(&metadata()).len(), strayed_crates(&metadata()).len());
    for (of, name, kind) in [
        ("mlc-producer", "mlc-mapping", Normal),
        ("mlc-model", "mlc-runtime", Normal),
        ("mlc-hubspot", "mlc-queue", Normal),
        ("mlc-hubspot", "mlc-ledger", Development),
        ("mlc-worker", "mlc-simulators", Normal),
        ("mlc-queue", "mlc-simulators", Build),
        ("mlc-simulators", "mlc-model", Normal),
        ("mlc-simulators", "mlc-hubspot", Development),
        ("mlc-simulators", "mlc-epicor", Build),
        ("mlc-simulators", "mlc-house", Development),
    ] {
        let broken = broken_arrows(&with_dependency(of, name, kind));
        assert_eq!(broken.len(), before.0 + 1, "{of} -> {name} ({kind:?})");
    }
    for (of, name, kind) in [("mlc-worker", "reqwest", Normal), ("mlc-flow", "apalis", Development)] {
        let broken = strayed_crates(&with_dependency(of, name, kind));
        assert_eq!(broken.len(), before.1 + 1, "{of} -> {name} ({kind:?})");
    }
}
