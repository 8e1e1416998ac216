//! Looking for a record in the subjects of jobs.
//!
//! A batch names its first and its last record only: `EPIC06:VEND:402 … EPIC06:VEND:501 (100)`. Batches are cut from rows in
//! the order of their numbers, with gaps where nothing changed: what lies between the two ends may be carried, or not.

/// What a person looks for in subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    text: String,
    /// Where the text is a whole record key: what stands before its number, and the number.
    key: Option<(String, u64)>,
}

/// How a subject answers to what is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearing {
    /// The text stands in it, in any case; a whole record key only in what is no batch.
    Named,
    /// It names the two ends of a batch, and the record that is looked for is one of them or lies between them.
    MayCarry,
}

impl Sought {
    /// A text, or a whole record key such as `EPIC06:VEND:450`, also without its company.
    pub fn new(text: &str) -> Self {
        let text = text.to_lowercase();
        let key = numbered(&text).map(|(before, number)| (before.to_owned(), number));
        Self { text, key }
    }

    /// Whether this subject is one of those; `None` = it is not.
    pub fn bearing(&self, subject: Option<&str>) -> Option<Bearing> {
        let subject = subject?.to_lowercase();
        let names = subject.rsplit_once(" (").map_or(subject.as_str(), |(names, _)| names);
        // A batch is not one of its records, not even of those that it names: whoever discards the one would discard a hundred.
        let (Some((kind, number)), Some((first, last))) = (self.key.as_ref(), names.split_once(" … ")) else {
            return subject.contains(&self.text).then_some(Bearing::Named);
        };
        let ((first_kind, first), (last_kind, last)) = (numbered(first)?, numbered(last)?);
        let same_kind =
            first_kind.strip_suffix(kind.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with(':'));
        let between = (first.min(last)..=first.max(last)).contains(number);
        (same_kind && first_kind == last_kind && between).then_some(Bearing::MayCarry)
    }

    /// Whether a job with this subject may carry the whole record key that is looked for without naming it: a batch, or the firm of a
    /// person (`EPIC06:VENDCNT:17:2` in `EPIC06:VEND:17`), alone or in a batch.
    pub(crate) fn may_travel_in(&self, subject: Option<&str>) -> bool {
        if self.bearing(subject) == Some(Bearing::MayCarry) {
            return true;
        }
        let (Some((kind, number)), Some(subject)) = (&self.key, subject) else { return false };
        let subject = subject.to_lowercase();
        let names = subject.rsplit_once(" (").map_or(subject.as_str(), |(names, _)| names);
        let (first, last) = names.split_once(" … ").unwrap_or((names, names));
        let (Some((firm, first)), Some((last_firm, last))) = (numbered(first), numbered(last)) else { return false };
        let is_of_firm = firm == last_firm && firm != kind && kind.starts_with(firm);
        is_of_firm && (first.min(last)..=first.max(last)).contains(number)
    }
}

/// `company:kind` or `kind`, and the number behind it: of persons the number of their firm, of invoices that of their vendor.
fn numbered(key: &str) -> Option<(&str, u64)> {
    let key = key.trim();
    let colons: Vec<usize> = key.match_indices(':').map(|(at, _)| at).collect();
    let at = *colons.get(1).or(colons.first())?;
    let rest = key[at + 1..].split([':', '/']).next()?;
    let is_number = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    Some((&key[..at], rest.parse().ok().filter(|_| is_number && at > 0)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_may_carry_what_lies_between_its_ends() {
        let batch = "EPIC06:VEND:402 … EPIC06:VEND:501 (100)";
        for (text, bearing) in [
            ("EPIC06:VEND:450", Some(Bearing::MayCarry)),
            ("epic06:vend:450", Some(Bearing::MayCarry)),
            ("VEND:450", Some(Bearing::MayCarry)),
            ("EPIC06:VEND:402", Some(Bearing::MayCarry)),
            ("EPIC06:VEND:501", Some(Bearing::MayCarry)),
            ("EPIC06:VEND:50", None),
            ("EPIC06:VEND:4", None),
            (batch, Some(Bearing::Named)),
            ("vend", Some(Bearing::Named)),
            ("EPIC06:VEND:502", None),
            ("EPIC06:VEND:401", None),
            ("EPIC06:VEND:45", None),
            ("EPIC07:VEND:450", None),
            ("EPIC06:CUST:450", None),
            ("END:450", None),
            ("450", None),
            (":450", None),
            ("EPIC06:VEND:", Some(Bearing::Named)),
            ("EPIC06:VEND:+450", None),
            ("EPIC06:VEND:99999999999999999999999", None),
        ] {
            assert_eq!(Sought::new(text).bearing(Some(batch)), bearing, "{text}");
        }
        assert_eq!(Sought::new("VEND:450").bearing(None), None);
    }

    #[test]
    fn persons_and_invoices_lie_by_the_number_of_their_firm() {
        let persons = "EPIC06:VENDCNT:12:MAIN:3 … EPIC06:VENDCNT:40:1 (80)";
        assert_eq!(Sought::new("EPIC06:VENDCNT:17:2").bearing(Some(persons)), Some(Bearing::MayCarry));
        assert_eq!(Sought::new("EPIC06:VENDCNT:41:2").bearing(Some(persons)), None);
        assert_eq!(Sought::new("EPIC06:VEND:17").bearing(Some(persons)), None);
        let invoices = "EPIC06:APINV:12/R-1 … EPIC06:APINV:40/R-9 (5)";
        assert_eq!(Sought::new("EPIC06:APINV:17/X 4").bearing(Some(invoices)), Some(Bearing::MayCarry));
    }

    #[test]
    fn a_person_may_travel_in_the_job_of_the_firm() {
        let person = Sought::new("EPIC06:VENDCNT:17:2");
        for (subject, travels) in [
            ("EPIC06:VEND:17", true),
            ("EPIC06:VEND:9 … EPIC06:VEND:20 (5)", true),
            ("EPIC06:VENDCNT:9:1 … EPIC06:VENDCNT:20:1 (5)", true),
            ("EPIC06:VEND:170", false),
            ("EPIC06:VEND:1 … EPIC06:VEND:16 (5)", false),
            ("EPIC06:CUST:17", false),
            ("EPIC07:VEND:17", false),
            ("EPIC06:VENDCNT:17:3", false),
            ("window 17", false),
        ] {
            assert_eq!(person.may_travel_in(Some(subject)), travels, "{subject}");
        }
        let firm = Sought::new("EPIC06:VEND:17");
        assert!(!firm.may_travel_in(Some("EPIC06:VENDCNT:17:2")) && !firm.may_travel_in(Some("EPIC06:VEND:17")));
        assert!(!firm.may_travel_in(None));
    }

    #[test]
    fn what_is_no_batch_carries_only_what_it_names() {
        for subject in ["EPIC06:VEND:402", "a … b (2)", "EPIC06:VEND:1 … EPIC06:CUST:900 (2)", " … ", "x: … y: (", ""]
        {
            assert_eq!(Sought::new("EPIC06:VEND:450").bearing(Some(subject)), None, "{subject}");
        }
    }
}
