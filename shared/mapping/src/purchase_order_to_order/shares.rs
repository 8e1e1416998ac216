//! Splitting amounts so that not a cent is lost.

use mlc_model::{Amount, round_half_up};
use rust_decimal::Decimal;

pub(super) fn round(number: Decimal, decimals: u32) -> Decimal {
    round_half_up(number, decimals)
}

/// Splits an amount by weights. The shares add up to it exactly: each is rounded to cents, the last one with a weight takes what is left, and
/// none changes sign. Without any weight the first takes all.
pub(super) fn split(total: Decimal, weights: &[Decimal]) -> Vec<Decimal> {
    let whole: Decimal = weights.iter().sum();
    let last = weights.iter().rposition(|weight| !weight.is_zero()).filter(|_| !whole.is_zero()).unwrap_or(0);
    let mut left = total;
    let shares = weights.iter().enumerate().map(|(place, weight)| {
        let share = if place == last {
            left
        } else {
            let share = weight.checked_div(whole).and_then(|part| total.checked_mul(part)).unwrap_or_default();
            let share = round(share, 2);
            // Many small shares rounded up would leave less than nothing for the last.
            if share.abs() > left.abs() { left } else { share }
        };
        left -= share;
        share
    });
    shares.collect()
}

/// [`split`] in both currencies.
pub(super) fn split_amount(total: Amount, weights: &[Amount]) -> Vec<Amount> {
    let by = |of: fn(&Amount) -> Decimal| weights.iter().map(of).collect::<Vec<_>>();
    let doc = split(total.doc, &by(|weight| weight.doc));
    let base = split(total.base, &by(|weight| weight.base));
    doc.into_iter().zip(base).map(|(doc, base)| Amount { doc, base }).collect()
}
