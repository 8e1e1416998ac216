#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use std::os::unix::fs::PermissionsExt as _;

use proptest::prelude::*;
use zeroize::ZeroizeOnDrop;

use super::*;

const OLD: &str = "old:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const NEW: &str = "new:ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

fn ring(text: &str) -> KeyRing {
    KeyRing::parse(text).unwrap()
}

proptest! {
    #[test]
    fn what_was_sealed_opens_to_the_same(plain in prop::collection::vec(any::<u8>(), 0..2000), context in prop::collection::vec(any::<u8>(), 0..60)) {
        let ring = ring(NEW);
        let sealed = ring.seal(&context, &plain);
        prop_assert_eq!(sealed.len(), 2 + 3 + NONCE_BYTES + plain.len() + TAG_BYTES);
        prop_assert_eq!(ring.open(&context, &sealed).unwrap(), plain);
    }

    #[test]
    fn another_context_does_not_open(plain in ".{1,100}", one in ".{0,30}", other in ".{0,30}") {
        prop_assume!(one != other);
        let ring = ring(NEW);
        let sealed = ring.seal(one.as_bytes(), plain.as_bytes());
        prop_assert!(ring.open(other.as_bytes(), &sealed).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_open_nor_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let ring = ring(NEW);
        prop_assert!(ring.open(b"", &bytes).is_err());
        prop_assert!(ring.needs_reseal(&bytes));
    }
}

#[test]
fn every_changed_or_missing_byte_is_noticed() {
    let ring = ring(NEW);
    let sealed = ring.seal(b"context", b"a secret");
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(ring.open(b"context", &changed).is_err(), "byte {place}");
        assert!(ring.open(b"context", &sealed[..place]).is_err(), "cut at {place}");
    }
}

#[test]
fn one_text_sealed_twice_looks_different() {
    let ring = ring(NEW);
    assert_ne!(ring.seal(b"", b"same"), ring.seal(b"", b"same"));
}

#[test]
fn an_older_key_still_opens_and_asks_to_be_sealed_anew() {
    let sealed = ring(OLD).seal(b"c", b"text");
    let both = ring(&format!("{NEW},{OLD}"));
    assert_eq!(both.open(b"c", &sealed).unwrap(), b"text");
    assert!(both.needs_reseal(&sealed));
    let again = both.seal(b"c", b"text");
    assert!(!both.needs_reseal(&again));
    assert_eq!(KeyRing::key_id(&again), Some("new"));
}

#[test]
fn a_key_that_was_removed_is_named() {
    let sealed = ring(OLD).seal(b"c", b"text");
    let error = ring(NEW).open(b"c", &sealed).unwrap_err();
    assert!(error.reason.contains("`old`"), "{error}");
}

#[test]
fn neither_keys_nor_their_ids_are_printed() {
    assert_eq!(format!("{:?}", ring(NEW)), "KeyRing([redacted])");
    let error = KeyRing::parse("k:c2VjcmV0LWtleQ==").unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("c2VjcmV0") && !text.contains("secret-key"), "{text}");
}

#[test]
fn keys_are_wiped_when_dropped() {
    const fn wipes<T: ZeroizeOnDrop>() {}
    wipes::<XChaCha20Poly1305>();
    wipes::<Zeroizing<String>>();
    wipes::<secrecy::SecretString>();
}

#[test]
fn wrong_keys_are_refused_with_their_place() {
    let wrong = [
        (format!("{NEW},{NEW}"), "entry 2 has an id that stood before"),
        (format!("{NEW},justtext"), "entry 2 has no `:`"),
        ("k:***".to_owned(), "entry 1 is not base64"),
        ("k:c2hvcnQ=".to_owned(), "entry 1 is not 32 bytes"),
        (format!("K 1:{}", &OLD[4..]), "entry 1 has an id"),
        (format!("k:{}=", "A".repeat(43)), "entry 1 is one byte repeated"),
    ];
    for (text, expected) in wrong {
        let error = KeyRing::parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(matches!(KeyRing::parse(" \n# nothing\n"), Err(VaultError::NoKeys)));
}

#[test]
fn a_generated_key_is_usable_and_never_the_same() {
    let (one, other) = (KeyRing::generate_key(), KeyRing::generate_key());
    assert_ne!(one, other);
    let sealed = ring(&one).seal(b"", b"text");
    assert!(ring(&other).open(b"", &sealed).is_err());
}

#[test]
fn a_key_file_that_everybody_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    fs::write(&path, format!("# active\n{NEW}\n{OLD}\n")).unwrap();
    let settings = VaultSettings { key_file: Some(path.clone()) };
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(KeyRing::load_from(None, &settings), Err(VaultError::KeyFileOpen { mode: 0o644, .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
    assert_eq!(KeyRing::load_from(None, &settings).unwrap().key_ids(), ["new", "old"]);
}

#[test]
fn the_environment_wins_over_the_file_and_neither_is_an_error() {
    let settings = VaultSettings { key_file: Some("/nowhere/keys".into()) };
    let variable = Some(Zeroizing::new(OLD.to_owned()));
    assert_eq!(KeyRing::load_from(variable, &settings).unwrap().active_id(), "old");
    assert!(matches!(KeyRing::load_from(None, &settings), Err(VaultError::KeyFile { .. })));
    assert!(matches!(KeyRing::load_from(None, &VaultSettings::default()), Err(VaultError::NoKeys)));
}
