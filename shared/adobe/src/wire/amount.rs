//! Numbers on the wire.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::value::RawValue;

/// An amount, quantity or rate. It is a JSON number on the wire and never passes through a float: the digits are read
/// and written as they stand. Numbers in quotes are read too, as webhooks send them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub Decimal);

impl Amount {
    /// Reads `262.5`, `1.0e+15` or the same in quotes.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches('"').trim();
        text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)).ok().map(Self)
    }
}

impl From<Decimal> for Amount {
    fn from(number: Decimal) -> Self {
        Self(number)
    }
}

impl From<Amount> for Decimal {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.normalize().fmt(f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).ok_or_else(|| D::Error::custom("expected a number"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn no_digit_is_lost_in_either_direction() {
        for (text, written) in
            [("10.5000", "10.5"), ("0.1", "0.1"), ("123456789012.3456", "123456789012.3456"), ("\"47.2500\"", "47.25")]
        {
            let amount: Amount = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&amount).unwrap(), written);
        }
    }

    #[test]
    fn large_numbers_come_with_an_exponent() {
        let amount: Amount = serde_json::from_str("1.0e+15").unwrap();
        assert_eq!(amount.to_string(), "1000000000000000");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["\"50,50\"", "true", "[]", "\"\""] {
            assert!(serde_json::from_str::<Amount>(text).is_err(), "{text}");
        }
    }
}
