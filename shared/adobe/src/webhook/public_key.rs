//! RSA public keys as Adobe hands them out.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

/// A text that is no RSA public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no RSA public key: {problem}")]
pub struct PublicKeyProblem {
    problem: &'static str,
}

/// Content of the object identifier `rsaEncryption`, 1.2.840.113549.1.1.1.
const RSA_ENCRYPTION: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BIT_STRING: u8 = 0x03;

/// A public key of 2048 to 8192 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// `RSAPublicKey` of PKCS#1, DER.
    pkcs1: Vec<u8>,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} bytes)", self.pkcs1.len())
    }
}

impl PublicKey {
    /// Reads PEM: `BEGIN PUBLIC KEY`, as the shop's Admin and the event gateway give it, or `BEGIN RSA PUBLIC KEY`.
    ///
    /// # Errors
    /// [`PublicKeyProblem`] for anything else.
    pub fn from_pem(pem: &str) -> Result<Self, PublicKeyProblem> {
        let wrong = |problem| PublicKeyProblem { problem };
        let section = |label: &str| {
            let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
            let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
            let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
            STANDARD.decode(body).ok()
        };
        if let Some(pkcs1) = section("RSA PUBLIC KEY") {
            return Ok(Self { pkcs1 });
        }
        let der = section("PUBLIC KEY").ok_or_else(|| wrong("there is no PEM section PUBLIC KEY in it"))?;
        let pkcs1 = of_spki(&der).ok_or_else(|| wrong("it is a key of another kind"))?;
        Ok(Self { pkcs1: pkcs1.to_vec() })
    }

    /// Whether `signature` is this key's over `message`: RSA PKCS#1 v1.5 with SHA-256.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.pkcs1).verify(message, signature).is_ok()
    }
}

/// The key inside `SubjectPublicKeyInfo`: SEQUENCE { SEQUENCE { OID, NULL }, BIT STRING { 0, key } }.
fn of_spki(der: &[u8]) -> Option<&[u8]> {
    let (outer, rest) = take(der, SEQUENCE)?;
    let (algorithm, key) = take(outer, SEQUENCE)?;
    let (identifier, _) = take(algorithm, OBJECT_IDENTIFIER)?;
    let (bits, trailing) = take(key, BIT_STRING)?;
    let (unused_bits, key) = bits.split_first()?;
    (identifier == RSA_ENCRYPTION && *unused_bits == 0 && rest.is_empty() && trailing.is_empty()).then_some(key)
}

/// One DER element of this tag: its content, and what follows it.
fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7F => (usize::from(*length), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7F))?;
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (*found == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    const PEM: &str = include_str!("fixtures/public-key.pem");
    const PKCS1_PEM: &str = include_str!("fixtures/public-key-pkcs1.pem");
    const SIGNATURE: &str = include_str!("fixtures/signature-of-hello.txt");

    #[test]
    fn a_signature_made_by_another_library_verifies_under_both_forms_of_the_key() {
        let signature = STANDARD.decode(SIGNATURE.trim()).unwrap();
        for pem in [PEM, PKCS1_PEM] {
            let key = PublicKey::from_pem(pem).unwrap();
            assert!(key.verifies(b"hello", &signature));
            assert!(!key.verifies(b"hellO", &signature));
            assert!(!key.verifies(b"hello", &signature[1..]));
        }
    }

    #[test]
    fn what_is_no_rsa_key_is_refused() {
        let cut = PEM.replace("MIIB", "MIIC");
        for pem in ["", "-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----", cut.as_str()] {
            assert!(PublicKey::from_pem(pem).is_err(), "{pem}");
        }
        assert!(of_spki(&[0x30, 0x84, 0xFF]).is_none());
        assert!(of_spki(&[0x30, 0x02, 0x30]).is_none());
    }
}
