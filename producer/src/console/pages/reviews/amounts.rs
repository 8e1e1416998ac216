//! Facts of the review list that are amounts: `quantity 5, order 10, invoice 12` as columns, with the difference.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

/// Amounts of one thing, such as a line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Amounts {
    /// The thing.
    pub(crate) name: String,
    /// Its amounts, in the order in which they were written.
    pub(crate) amounts: Vec<NamedAmount>,
    /// The last amount less the one before it.
    pub(crate) difference: String,
    /// The same in hundredths of the one before it, with one decimal; null when that is zero.
    pub(crate) percent: Option<String>,
}

/// One amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct NamedAmount {
    /// Whose it is, such as `order` or `invoice`.
    pub(crate) label: String,
    /// Digits, exactly as written.
    pub(crate) amount: String,
}

/// Reads a fact as amounts; `None` when it is anything else.
pub(super) fn read(name: &str, text: &str) -> Option<Amounts> {
    let pieces: Vec<(&str, &str)> = match text.split_once(" -> ") {
        Some((before, after)) => vec![("before", before), ("after", after)],
        None => text.split(", ").map(|piece| piece.rsplit_once(' ')).collect::<Option<_>>()?,
    };
    let values = pieces.iter().map(|(_, amount)| parse(amount)).collect::<Option<Vec<Decimal>>>()?;
    let [.., before, after] = values[..] else { return None };
    let difference = after.checked_sub(before)?;
    let percent = difference.checked_mul(Decimal::ONE_HUNDRED).and_then(|part| part.checked_div(before));
    let amounts = pieces
        .into_iter()
        .map(|(label, amount)| NamedAmount { label: label.trim().to_owned(), amount: amount.trim().to_owned() });
    Some(Amounts {
        name: name.to_owned(),
        amounts: amounts.collect(),
        difference: signed(difference.normalize()),
        percent: percent.map(|percent| signed(percent.round_dp(1).normalize())),
    })
}

fn parse(text: &str) -> Option<Decimal> {
    let text = text.trim();
    // `Decimal` also reads underscores, which no amount has.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    text.parse().ok().filter(|_| plain)
}

fn signed(amount: Decimal) -> String {
    if amount.is_zero() {
        "0".to_owned()
    } else if amount.is_sign_negative() {
        format!("\u{2212}{}", amount.abs())
    } else {
        format!("+{amount}")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn labels(amounts: &Amounts) -> Vec<String> {
        amounts.amounts.iter().map(|one| format!("{} {}", one.label, one.amount)).collect()
    }

    #[test]
    fn what_the_flows_write_is_read_as_amounts_with_their_difference() {
        let line = read("line 1", "quantity 5, order 10, invoice 12.5").unwrap();
        assert_eq!(labels(&line), ["quantity 5", "order 10", "invoice 12.5"]);
        assert_eq!((line.difference.as_str(), line.percent.as_deref()), ("+2.5", Some("+25")));
        let total = read("grand total", "Epicor 100.10, shop 90.09").unwrap();
        assert_eq!((total.difference.as_str(), total.percent.as_deref()), ("\u{2212}10.01", Some("\u{2212}10")));
        let arrow = read("x", "0 -> 12.00").unwrap();
        assert_eq!((labels(&arrow), arrow.percent), (vec!["before 0".to_owned(), "after 12.00".to_owned()], None));
    }

    #[test]
    fn anything_else_stays_a_text() {
        for text in [
            "",
            "x",
            "100 EUR",
            "order 10",
            "4711, 4712",
            "Epicor Oslo, shop Bergen",
            "a 1, b",
            "a 1e9, b 2",
            "a 1_0, b 2",
        ] {
            assert_eq!(read("fact", text), None, "{text}");
        }
        let huge = format!("a {0}, b -{0}", "7".repeat(28));
        assert!(read("fact", &huge).is_none_or(|amounts| amounts.percent.is_none() || !amounts.difference.is_empty()));
    }
}
