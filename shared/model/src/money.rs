//! Amounts as exact decimals. No amount ever passes through floating point.

use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// An amount in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// How much; stored as a text, digit by digit.
    pub amount: Decimal,
    /// ISO currency code, upper case. Empty in broken data, which the mapping refuses.
    pub currency: String,
}

impl Money {
    /// An amount with its currency, whose code is made upper case.
    pub fn new(amount: Decimal, currency: &str) -> Self {
        Self { amount, currency: currency.trim().to_uppercase() }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// One amount in both currencies of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// In the document's currency: what the supplier sees. Epicor's `Doc…` columns.
    pub doc: Decimal,
    /// In the company's own currency. Epicor's columns without prefix.
    pub base: Decimal,
}

impl Amount {
    /// The sum; `None` beyond 28 digits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self { doc: self.doc.checked_add(other.doc)?, base: self.base.checked_add(other.base)? })
    }
}

/// Rounds to this many decimals, a half away from zero, as invoices do.
pub fn round_half_up(amount: Decimal, decimals: u32) -> Decimal {
    amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

/// How many units a unit price is for.
///
/// Source: Epicor reference, section 5.3: `CostPerCode` E, C and M divide the quantity by 1, 100 and 1,000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostPer {
    /// One unit: `E`.
    #[default]
    Each,
    /// A hundred: `C`.
    PerHundred,
    /// A thousand: `M`.
    PerThousand,
}

impl CostPer {
    /// The meaning of Epicor's code; `None` for any other. Empty is Epicor's default, each.
    pub fn from_code(code: &str) -> Option<Self> {
        match code.trim() {
            "" | "E" | "e" => Some(Self::Each),
            "C" | "c" => Some(Self::PerHundred),
            "M" | "m" => Some(Self::PerThousand),
            _ => None,
        }
    }

    /// Epicor's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Each => "E",
            Self::PerHundred => "C",
            Self::PerThousand => "M",
        }
    }

    /// The number of units the price is for.
    pub fn units(self) -> Decimal {
        match self {
            Self::Each => Decimal::ONE,
            Self::PerHundred => Decimal::ONE_HUNDRED,
            Self::PerThousand => Decimal::ONE_THOUSAND,
        }
    }

    /// The extended amount, `quantity / units * unit_cost`, not rounded; `None` beyond 28 digits.
    pub fn extended(self, quantity: Decimal, unit_cost: Decimal) -> Option<Decimal> {
        quantity.checked_mul(unit_cost)?.checked_div(self.units())
    }

    /// The price of one unit, not rounded.
    pub fn each(self, unit_cost: Decimal) -> Decimal {
        unit_cost.checked_div(self.units()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn the_extended_amount_divides_by_the_price_unit() {
        let extended = |per: CostPer| per.extended(decimal("5000"), decimal("25.5")).unwrap();
        assert_eq!(extended(CostPer::Each), decimal("127500"));
        assert_eq!(extended(CostPer::PerHundred), decimal("1275.00"));
        assert_eq!(extended(CostPer::PerThousand), decimal("127.5"));
    }

    #[test]
    fn codes_are_read_and_written_and_others_are_refused() {
        for per in [CostPer::Each, CostPer::PerHundred, CostPer::PerThousand] {
            assert_eq!(CostPer::from_code(per.code()), Some(per));
        }
        assert_eq!(CostPer::from_code(""), Some(CostPer::Each));
        assert_eq!(CostPer::from_code("X"), None);
    }

    #[test]
    fn a_half_cent_is_rounded_away_from_zero_on_both_sides() {
        assert_eq!(round_half_up(decimal("0.125"), 2), decimal("0.13"));
        assert_eq!(round_half_up(decimal("-0.125"), 2), decimal("-0.13"));
    }

    #[test]
    fn an_amount_survives_storage_digit_by_digit() {
        let money = Money::new(decimal("1275.0000"), "usd");
        let stored = serde_json::to_string(&money).unwrap();
        assert_eq!(stored, r#"{"amount":"1275.0000","currency":"USD"}"#);
        assert_eq!(serde_json::from_str::<Money>(&stored).unwrap().amount.to_string(), "1275.0000");
    }

    #[test]
    fn an_overflow_is_told_and_does_not_panic() {
        assert_eq!(CostPer::Each.extended(Decimal::MAX, decimal("10")), None);
    }
}
