//! Accounts of the general ledger, as they stand on releases and invoice lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Amount;

/// One account with its segments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlCoding {
    /// Internal account: the segments joined by `|`, such as `6100|10|200`.
    pub account: String,
    /// The account as people read it, such as `6100-10-200`. `None` = not sent.
    pub display: Option<String>,
    /// What the account is for. `None` = not sent.
    pub description: Option<String>,
    /// `SegValue1` to `SegValue20` by number, without the empty ones. Which of them is the natural account is site set-up.
    pub segments: BTreeMap<u8, String>,
    /// Chart of accounts.
    pub chart: Option<String>,
    /// Accounting book; of several books the main one is taken.
    pub book: Option<String>,
    /// What the account is used for, such as `Expense`.
    pub context: Option<String>,
    /// The share of the line that is booked to it; `None` = the whole line, or not told.
    pub amount: Option<Amount>,
}

impl GlCoding {
    /// The internal account of segments in their order, an empty one where a number is missing.
    pub fn account_of(segments: &BTreeMap<u8, String>) -> String {
        let last = segments.keys().next_back().copied().unwrap_or(0);
        let value = |number: u8| segments.get(&number).map_or("", String::as_str);
        (1..=last).map(value).collect::<Vec<_>>().join("|")
    }

    /// The account as one text: the segments with these numbers, in this order, with `separator` between them. A segment that is empty keeps
    /// its place, so that two accounts never read alike. Without an order it is the account as people read it; where Epicor did not tell
    /// that, all segments by number. A coding without segments is split from its internal account.
    pub fn joined(&self, order: &[u8], separator: &str) -> String {
        let split: BTreeMap<u8, String>;
        let segments = if self.segments.is_empty() {
            split = (1..=u8::MAX).zip(self.account.split('|').map(str::to_owned)).collect();
            &split
        } else {
            &self.segments
        };
        let value = |number: u8| segments.get(&number).map_or("", String::as_str);
        if !order.is_empty() {
            return order.iter().copied().map(value).collect::<Vec<_>>().join(separator);
        }
        match &self.display {
            Some(display) => display.clone(),
            None => {
                let last = segments.keys().next_back().copied().unwrap_or(0);
                (1..=last).map(value).collect::<Vec<_>>().join(separator)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_segment_keeps_its_place_in_the_account() {
        let segments = BTreeMap::from([(1, "6100".to_owned()), (3, "200".to_owned())]);
        assert_eq!(GlCoding::account_of(&segments), "6100||200");
        assert_eq!(GlCoding::account_of(&BTreeMap::new()), "");
    }

    #[test]
    fn segments_are_joined_in_the_order_that_is_asked_for() {
        let coding = GlCoding {
            account: "6100||200".to_owned(),
            display: Some("6100--200".to_owned()),
            segments: BTreeMap::from([(1, "6100".to_owned()), (3, "200".to_owned())]),
            ..GlCoding::default()
        };
        assert_eq!(coding.joined(&[3, 1], "."), "200.6100");
        assert_eq!(coding.joined(&[1, 2, 3], "-"), "6100--200", "an empty segment keeps its place");
        assert_eq!(coding.joined(&[], "."), "6100--200", "as people read it");
        let untold = GlCoding { display: None, ..coding };
        assert_eq!(untold.joined(&[], "."), "6100..200");
        let bare = GlCoding { segments: BTreeMap::new(), ..untold };
        assert_eq!(bare.joined(&[1, 3], "-"), "6100-200", "split from the internal account");
        assert_eq!(GlCoding::default().joined(&[], "-"), "");
    }
}
