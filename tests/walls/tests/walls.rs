//! The house plan, held against `cargo metadata`: which room may use which, and which crate belongs to which room alone.

#![expect(clippy::expect_used, reason = "a failing expect fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Room → the rooms it may use. What is not listed is a wall. Kept equal to the table in `shared/README.md`.
const ARROWS: &[(&str, &[&str])] = &[
    ("mlc-model", &[]),
    ("mlc-runtime", &["mlc-model"]),
    ("mlc-vault", &["mlc-model", "mlc-runtime"]),
    ("mlc-queue", &["mlc-model", "mlc-runtime"]),
    ("mlc-ledger", &["mlc-model", "mlc-runtime"]),
    ("mlc-outbound", &["mlc-model", "mlc-runtime", "mlc-vault"]),
    ("mlc-epicor", &["mlc-model", "mlc-outbound"]),
    ("mlc-hubspot", &["mlc-model", "mlc-outbound"]),
    ("mlc-connections", &["mlc-model", "mlc-runtime", "mlc-vault", "mlc-outbound", "mlc-epicor", "mlc-hubspot"]),
    ("mlc-flow", &["mlc-model", "mlc-queue"]),
    ("mlc-mapping", &["mlc-model", "mlc-epicor", "mlc-hubspot"]),
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
            "mlc-flow",
            "mlc-outbound",
            "mlc-epicor",
            "mlc-hubspot",
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
];

fn metadata() -> Metadata {
    MetadataCommand::new().no_deps().exec().expect("cargo metadata runs inside the workspace")
}

fn is_under_tests(metadata: &Metadata, package: &Package) -> bool {
    package.manifest_path.starts_with(metadata.workspace_root.join("tests"))
}

fn normal_dependencies(package: &Package) -> BTreeSet<String> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| dependency.name.to_string())
        .collect()
}

#[test]
fn every_room_uses_only_the_rooms_its_arrows_name() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut broken = Vec::new();
    for package in &metadata().packages {
        let Some(allowed) = arrows.get(package.name.as_str()) else { continue };
        for used in normal_dependencies(package) {
            if used.starts_with("mlc-") && !allowed.contains(&used.as_str()) {
                broken.push(format!("{} must not use {used}", package.name));
            }
        }
    }
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
fn a_crate_that_belongs_to_one_room_is_used_in_no_other() {
    let mut broken = Vec::new();
    let metadata = metadata();
    for package in &metadata.packages {
        // The harness, the demo and the benchmarks drive the product from outside and may use what they need.
        if is_under_tests(&metadata, package) {
            continue;
        }
        let used = normal_dependencies(package);
        for (kept, rooms) in KEPT_IN {
            if used.contains(*kept) && !rooms.contains(&package.name.as_str()) {
                broken.push(format!("{} must not use {kept}: it belongs to {}", package.name, rooms.join(", ")));
            }
        }
    }
    assert!(broken.is_empty(), "walls broken: {broken:#?}");
}
