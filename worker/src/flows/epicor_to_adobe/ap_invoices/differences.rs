//! What a person is shown of prices that differ, and whether what was accepted is what stands there now.

use std::collections::BTreeMap;

use mlc_mapping::PriceDifference;
use mlc_model::{Fault, FaultKind, Fingerprint, System};

use super::OPERATION;

/// Lines that are shown in full.
const SHOWN: usize = 50;
/// Lines that are shown or marked. Facts of one item are bounded, and what is in none of them could not be accepted.
const MOST: usize = 900;
/// The fact with the marks of the lines that are not shown.
const NOT_SHOWN: &str = "not shown";
/// Hexadecimal digits of a mark.
const MARK: usize = 8;

/// The differing lines of an invoice, each with its amounts in words.
pub(super) struct Differences(Vec<(String, String)>);

impl Differences {
    /// In the order of the orders' lines. Lines of one key are told apart by their place.
    ///
    /// # Errors
    /// `Rejected` for more than a person can be asked about.
    pub(super) fn of(differences: &[&PriceDifference]) -> Result<Self, Fault> {
        if differences.len() > MOST {
            let message = format!(
                "{} lines differ from their orders' prices by more than the limit, at most {MOST} can be asked about: correct the \
                 orders or the invoice in Epicor, then replay, which reads the invoice afresh",
                differences.len()
            );
            return Err(Fault::new(FaultKind::Rejected, System::Connector, OPERATION, message)
                .with_code("TOO_MANY_DIFFERENCES"));
        }
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let named = differences.iter().map(|difference| {
            let place = seen.entry(&difference.line).and_modify(|place| *place += 1).or_insert(1);
            let name = if *place == 1 { difference.line.clone() } else { format!("{} ({place})", difference.line) };
            (name, in_words(difference))
        });
        Ok(Self(named.collect()))
    }

    /// As facts of an item: the first lines in full, of the others a mark each, so that other amounts are other facts.
    pub(super) fn facts(&self) -> BTreeMap<String, String> {
        let (shown, others) = self.0.split_at(self.0.len().min(SHOWN));
        let mut facts: BTreeMap<String, String> = shown.iter().cloned().collect();
        if !others.is_empty() {
            let marks: Vec<String> = others.iter().map(mark).collect();
            facts.insert(NOT_SHOWN.to_owned(), format!("{} more lines, marked {}", others.len(), marks.join(" ")));
        }
        facts
    }

    /// Whether `accepted` holds each of these lines with these amounts. It may hold others: what is invoiced by now is not asked
    /// about any more.
    pub(super) fn are_in(&self, accepted: &BTreeMap<String, String>) -> bool {
        let marks: Vec<&str> = accepted.get(NOT_SHOWN).map(|marks| marks.split(' ').collect()).unwrap_or_default();
        self.0.iter().all(|line| accepted.get(&line.0) == Some(&line.1) || marks.contains(&mark(line).as_str()))
    }
}

fn mark(line: &(String, String)) -> String {
    let print = Fingerprint::of(line).map(|print| print.to_string()).unwrap_or_default();
    print.chars().take(MARK).collect()
}

pub(super) fn in_words(difference: &PriceDifference) -> String {
    format!(
        "quantity {}, order {}, invoice {}",
        difference.quantity.normalize(),
        difference.ordered.doc.normalize(),
        difference.invoiced.doc.normalize()
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_model::Amount;

    use super::*;

    fn line(line: usize, ordered: i64) -> PriceDifference {
        let both = |number: i64| Amount { doc: number.into(), base: number.into() };
        PriceDifference {
            line: format!("5001/{line}/1"),
            quantity: 1.into(),
            ordered: both(ordered),
            invoiced: both(1_000),
        }
    }

    fn of(lines: &[PriceDifference]) -> Differences {
        Differences::of(&lines.iter().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn other_amounts_of_any_line_are_not_what_was_accepted() {
        for count in [1, SHOWN, SHOWN + 1, MOST] {
            let mut lines: Vec<PriceDifference> = (0..count).map(|at| line(at, 500)).collect();
            let accepted = of(&lines).facts();
            assert!(of(&lines).are_in(&accepted), "{count}");
            assert!(serde_json::to_string(&accepted).unwrap().len() < 15_000, "an item takes 16 KiB");
            // Those that are done are not asked about.
            assert!(of(&lines[count / 2..]).are_in(&accepted), "{count}");
            for at in [0, count / 2, count - 1] {
                let was = std::mem::replace(&mut lines[at], line(at, 1));
                assert!(!of(&lines).are_in(&accepted), "{at} of {count}");
                assert_ne!(of(&lines).facts(), accepted, "{at} of {count}");
                lines[at] = was;
            }
            lines.push(line(count + 7, 500));
            assert!(Differences::of(&lines.iter().collect::<Vec<_>>()).is_err() || !of(&lines).are_in(&accepted));
        }
    }

    #[test]
    fn two_lines_of_one_key_are_both_asked_about() {
        let accepted = of(&[line(1, 500), line(1, 600)]).facts();
        assert_eq!(accepted["5001/1/1"], "quantity 1, order 500, invoice 1000");
        assert_eq!(accepted["5001/1/1 (2)"], "quantity 1, order 600, invoice 1000");
        assert!(!of(&[line(1, 500), line(1, 1)]).are_in(&accepted));
    }

    #[test]
    fn more_than_can_be_asked_about_is_refused_with_a_way_out() {
        let lines: Vec<PriceDifference> = (0..=MOST).map(|at| line(at, 500)).collect();
        let fault = Differences::of(&lines.iter().collect::<Vec<_>>()).err().unwrap();
        assert_eq!(fault.kind, FaultKind::Rejected);
        assert!(fault.message.contains("901 lines differ") && fault.message.contains("replay"), "{fault}");
    }
}
