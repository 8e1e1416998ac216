//! Keys, and sealing with them.

use std::{collections::HashSet, fmt, fs, os::unix::fs::MetadataExt as _, path::Path};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use chacha20poly1305::{KeyInit as _, Tag, XChaCha20Poly1305, XNonce, aead::AeadInOut as _};
use mlc_model::{SealBroken, Sealer};
use mlc_runtime::settings::VaultSettings;
use rand::{RngCore as _, TryRngCore as _, rngs::OsRng};
use zeroize::{Zeroize as _, Zeroizing};

use crate::VaultError;

/// Environment variable with the keys; wins over the key file.
pub const KEYS_VARIABLE: &str = "MLC_VAULT_KEYS";

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const ID_LIMIT: usize = 16;
/// Standard alphabet, with or without `=` at the end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One active key that seals, and older ones that still open. Keys are wiped from memory when the ring is dropped.
pub struct KeyRing {
    active: Key,
    older: Vec<Key>,
}

struct Key {
    id: String,
    /// Wipes its copy of the key when dropped (feature `zeroize` of the cipher).
    cipher: XChaCha20Poly1305,
}

impl KeyRing {
    /// Reads keys as text: entries `id:base64` separated by commas or line breaks, the active one first. Lines that start
    /// with `#` are comments.
    ///
    /// # Errors
    /// [`VaultError::NoKeys`] without an entry; [`VaultError::BadKeys`] for an id that is not 1 to 16 lower-case letters,
    /// digits, `_` or `-`, an id that stands twice, or a key that is not 32 bytes of base64.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        Self::parse_from(text, "the given text")
    }

    /// Reads the keys from `MLC_VAULT_KEYS`, or else from the key file.
    ///
    /// # Errors
    /// [`VaultError::NoKeys`] when neither is there, [`VaultError::KeyFileOpen`] when everybody could read, write or run
    /// the file, and what [`KeyRing::parse`] finds.
    pub fn load(settings: &VaultSettings) -> Result<Self, VaultError> {
        Self::load_from(std::env::var(KEYS_VARIABLE).ok().map(Zeroizing::new), settings)
    }

    fn load_from(variable: Option<Zeroizing<String>>, settings: &VaultSettings) -> Result<Self, VaultError> {
        if let Some(text) = variable.filter(|text| !text.trim().is_empty()) {
            return Self::parse_from(&text, KEYS_VARIABLE);
        }
        let path = settings.key_file.as_deref().ok_or(VaultError::NoKeys)?;
        Self::parse_from(&read_private(path)?, &path.display().to_string())
    }

    fn parse_from(text: &str, origin: &str) -> Result<Self, VaultError> {
        let bad = |place: usize, problem: &str| VaultError::BadKeys {
            origin: origin.to_owned(),
            problem: format!("entry {place} {problem}"),
        };
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let entries = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty());
        let mut keys = Vec::new();
        let mut seen = HashSet::new();
        for (place, entry) in (1..).zip(entries) {
            let (id, encoded) = entry.split_once(':').ok_or_else(|| bad(place, "has no `:` between id and key"))?;
            if !is_key_id(id) {
                return Err(bad(place, "has an id that is not 1 to 16 lower-case letters, digits, `_` or `-`"));
            }
            if !seen.insert(id) {
                return Err(bad(place, "has an id that stood before; every key needs its own"));
            }
            let bytes = LENIENT.decode(encoded.trim()).map(Zeroizing::new);
            let bytes = bytes.map_err(|_| bad(place, "is not base64"))?;
            if bytes.len() != KEY_BYTES {
                return Err(bad(place, "is not 32 bytes long"));
            }
            if bytes.iter().all(|byte| *byte == bytes[0]) {
                return Err(bad(place, "is one byte repeated, not a random key"));
            }
            let cipher = XChaCha20Poly1305::new_from_slice(&bytes).map_err(|_| bad(place, "is not 32 bytes long"))?;
            keys.push(Key { id: id.to_owned(), cipher });
        }
        let mut keys = keys.into_iter();
        let active = keys.next().ok_or(VaultError::NoKeys)?;
        Ok(Self { active, older: keys.collect() })
    }

    /// A fresh entry `id:base64` with a random key and a random id.
    ///
    /// # Panics
    /// When the operating system has no randomness to give; there is no safe way on.
    pub fn generate_key() -> String {
        let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
        let mut id = [0_u8; 4];
        OsRng.try_fill_bytes(key.as_mut()).expect("without randomness of the operating system no key can be made");
        OsRng.try_fill_bytes(&mut id).expect("without randomness of the operating system no key can be made");
        format!("k{:08x}:{}", u32::from_be_bytes(id), STANDARD.encode(key.as_slice()))
    }

    /// Id of the key that seals.
    pub fn active_id(&self) -> &str {
        &self.active.id
    }

    /// Ids of all keys, the active one first.
    pub fn key_ids(&self) -> Vec<&str> {
        std::iter::once(&self.active).chain(&self.older).map(|key| key.id.as_str()).collect()
    }

    /// Id of the key that `sealed` was sealed with; `None` for bytes that are not a sealed text.
    pub fn key_id(sealed: &[u8]) -> Option<&str> {
        Parts::of(sealed).map(|parts| parts.id)
    }

    /// Whether `sealed` was sealed with another key than the active one.
    pub fn needs_reseal(&self, sealed: &[u8]) -> bool {
        Self::key_id(sealed) != Some(self.active_id())
    }

    fn find(&self, id: &str) -> Option<&Key> {
        std::iter::once(&self.active).chain(&self.older).find(|key| key.id == id)
    }
}

impl Sealer for KeyRing {
    fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let id = self.active.id.as_bytes();
        let mut nonce = XNonce::default();
        // 192 random bits never repeat in practice; the thread's generator is cryptographic and seeded by the system.
        rand::rng().fill_bytes(nonce.as_mut_slice());
        let body = 2 + id.len() + NONCE_BYTES;
        let mut sealed = Vec::with_capacity(body + plain.len() + TAG_BYTES);
        sealed.extend_from_slice(&[VERSION, id.len() as u8]);
        sealed.extend_from_slice(id);
        let bound = bound(&sealed, context);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self
            .active
            .cipher
            .encrypt_inout_detached(&nonce, &bound, (&mut sealed[body..]).into())
            .expect("the cipher only refuses texts beyond 256 GiB, which do not fit into a payload");
        sealed.extend_from_slice(&tag);
        sealed
    }

    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        let broken = |reason: String| SealBroken { reason };
        let parts = Parts::of(sealed).ok_or_else(|| broken("not a sealed text, or one of a newer version".into()))?;
        let key = self.find(parts.id).ok_or_else(|| {
            broken(format!("sealed with key `{}`, which is not among {KEYS_VARIABLE} or the key file", parts.id))
        })?;
        let mut plain = parts.ciphertext.to_vec();
        let opened = key.cipher.decrypt_inout_detached(
            &parts.nonce,
            &bound(parts.head, context),
            plain.as_mut_slice().into(),
            &parts.tag,
        );
        if opened.is_err() {
            plain.zeroize();
            return Err(broken("changed, or sealed for another place or with another key of the same id".into()));
        }
        Ok(plain)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing([redacted])")
    }
}

/// A sealed text taken apart.
struct Parts<'a> {
    head: &'a [u8],
    id: &'a str,
    nonce: XNonce,
    ciphertext: &'a [u8],
    tag: Tag,
}

impl<'a> Parts<'a> {
    fn of(sealed: &'a [u8]) -> Option<Self> {
        let (&[version, id_length], _) = sealed.split_first_chunk::<2>()?;
        let (head, rest) = sealed.split_at_checked(2 + usize::from(id_length))?;
        let id = std::str::from_utf8(&head[2..]).ok().filter(|id| is_key_id(id))?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        (version == VERSION).then(|| Self { head, id, nonce: (*nonce).into(), ciphertext, tag: (*tag).into() })
    }
}

/// What is authenticated beside the text. The head tells its own length, so that head and context cannot be confused.
fn bound(head: &[u8], context: &[u8]) -> Vec<u8> {
    [head, context].concat()
}

fn is_key_id(id: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'-';
    !id.is_empty() && id.len() <= ID_LIMIT && id.bytes().all(allowed)
}

fn read_private(path: &Path) -> Result<Zeroizing<String>, VaultError> {
    let failed = |source| VaultError::KeyFile { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.mode() & 0o777;
    // Group rights are allowed: that is how an orchestrator mounts a secret for a process without root.
    if mode & 0o007 != 0 {
        return Err(VaultError::KeyFileOpen { path: path.to_owned(), mode });
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(failed)
}

#[cfg(test)]
#[path = "key_ring_tests.rs"]
mod tests;
