//! What a record looked like when it was last delivered, in 16 bytes.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// First 16 bytes of the SHA-256 of a record's content. Two equal fingerprints mean: nothing to write.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// Fingerprint of a JSON value. The order of an object's fields does not matter.
    pub fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        // A `Value` keeps its objects sorted, which is what makes the order of fields irrelevant.
        let canonical = serde_json::to_vec(&serde_json::to_value(value)?)?;
        let digest = Sha256::digest(&canonical);
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        Ok(Self(short))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = hex::FromHexError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_fields_does_not_matter_but_every_value_does() {
        let a = Fingerprint::of(&json!({"name": "A", "city": "B"})).unwrap();
        let b = Fingerprint::of(&json!({"city": "B", "name": "A"})).unwrap();
        let c = Fingerprint::of(&json!({"city": "B", "name": "C"})).unwrap();
        assert_eq!(a, b);
        assert_ne!(a, c);
        assert_eq!(Fingerprint::try_from(String::from(a)).unwrap(), a);
    }
}
