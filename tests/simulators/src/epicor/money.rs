//! Exact amounts: millionths in an integer, so that totals add up to the cent.

use serde_json::Value;

const SCALE: i128 = 1_000_000;

/// An amount, quantity, price or rate with six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Amount(i128);

/// Divides and rounds half away from zero.
fn rounded(value: i128, by: i128) -> i128 {
    let half = if value < 0 { -by / 2 } else { by / 2 };
    (value + half) / by
}

impl Amount {
    pub(crate) const ZERO: Self = Self(0);

    pub(crate) fn whole(units: i64) -> Self {
        Self(i128::from(units) * SCALE)
    }

    pub(crate) fn from_cents(cents: i64) -> Self {
        Self(i128::from(cents) * (SCALE / 100))
    }

    /// Reads plain decimals; digits past the sixth are cut.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.trim().strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.trim()),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 20 || !plain(whole) || !plain(fraction) {
            return None;
        }
        let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
        let value = whole.parse::<i128>().ok()? * SCALE + fraction.parse::<i128>().ok()?;
        Some(Self(if negative { -value } else { value }))
    }

    /// The amount in a member of a row; what is no number counts as nothing.
    pub(crate) fn of(value: Option<&Value>) -> Self {
        match value {
            Some(Value::Number(number)) => Self::parse(&number.to_string()).unwrap_or_default(),
            Some(Value::String(text)) => Self::parse(text).unwrap_or_default(),
            _ => Self::ZERO,
        }
    }

    /// Quantity times price, the price being for 1 (`E`), 100 (`C`) or 1,000 (`M`); in cents.
    pub(crate) fn extended(quantity: Self, price: Self, cost_per: &str) -> Self {
        let per = match cost_per {
            "C" => 100,
            "M" => 1_000,
            _ => 1,
        };
        let cent = SCALE / 100;
        Self(rounded(quantity.0 * price.0, SCALE * cent * per) * cent)
    }

    /// This amount at `rate`, kept to six decimals.
    pub(crate) fn at(self, rate: Self) -> Self {
        Self(rounded(self.0 * rate.0, SCALE))
    }

    pub(crate) fn rounded_to(self, places: u32) -> Self {
        let step = SCALE / 10_i128.pow(places.min(6));
        Self(rounded(self.0, step) * step)
    }

    pub(crate) fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// With at least `places` decimals, and as many as are needed.
    pub(crate) fn text(self, places: usize) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let value = self.0.unsigned_abs();
        let scale = SCALE.unsigned_abs();
        let mut text = format!("{sign}{}.{:06}", value / scale, value % scale);
        while text.ends_with('0') && text.len() - text.find('.').unwrap_or(0) - 1 > places {
            text.pop();
        }
        text
    }

    /// As a JSON number.
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.text(2)).unwrap_or_default()
    }
}

impl std::ops::Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::ops::Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl std::ops::Neg for Amount {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, |sum, amount| sum + amount)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::Amount;

    #[test]
    fn prices_per_hundred_and_per_thousand_extend_to_the_cent() {
        let amount = |text| Amount::parse(text).unwrap();
        assert_eq!(Amount::extended(amount("5000"), amount("25.5"), "C").text(2), "1275.00");
        assert_eq!(Amount::extended(amount("333"), amount("1.005"), "M").text(2), "0.33");
        assert_eq!(Amount::extended(amount("-1"), amount("0.005"), "E").text(2), "-0.01");
        assert_eq!(amount("10").at(amount("1.08345")).text(2), "10.8345");
        assert_eq!(amount("-2.5").rounded_to(0).text(2), "-3.00");
    }
}
