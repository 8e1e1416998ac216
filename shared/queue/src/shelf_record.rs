//! Why a job stands on the shelf.
//!
//! Stored as `1 <lane> <kind> <cause hash> <fault kind> <size> <unique hash or -> <priority> <subject or -> [<times> <job>]\n<fault
//! as JSON>`. `size` is what the letter counts for in the shelf's byte budget: its envelope and its fault. The last two words are
//! the script's: it knows which letters have come back. Letters of before any did have no subject here.

use mlc_model::{Fault, Fingerprint, JobId};
use serde::Serialize;

use crate::envelope::{Envelope, escape};

/// That what a letter is about was on the shelf before, was replayed, and came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CameBack {
    /// How often; 1 = this is the first time.
    pub times: u32,
    /// The job that was replayed last; the letter's own where that job died again.
    pub previous: JobId,
}

/// The strings that the scripts store for one dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShelfRecord {
    pub(crate) cause: String,
    pub(crate) cause_text: String,
    pub(crate) record: String,
}

/// Short hash of a fault's cause; names a set of dead letters.
pub(crate) fn cause_hash(fault: &Fault) -> String {
    // A string always serialises.
    Fingerprint::of(&fault.cause()).map(|print| print.to_string()[..16].to_owned()).unwrap_or_default()
}

impl ShelfRecord {
    pub(crate) fn of(envelope: &Envelope, stored_bytes: usize, fault: &Fault) -> Self {
        let json = fault_json(fault);
        let cause = cause_hash(fault);
        let record = format!(
            "1 {} {} {cause} {} {} {} {} {}\n{json}",
            envelope.lane,
            envelope.kind,
            fault.kind,
            stored_bytes + json.len(),
            envelope.unique.as_deref().unwrap_or("-"),
            envelope.priority.digit(),
            envelope.subject.as_deref().map_or_else(|| "-".to_owned(), escape),
        );
        Self { cause, cause_text: fault.cause(), record }
    }
}

pub(crate) fn fault_json(fault: &Fault) -> String {
    serde_json::to_string(fault).unwrap_or_else(|_| "{}".to_owned())
}

/// The fault of a stored record. One that cannot be read is shown as what it is.
pub(crate) fn read_fault(record: &[u8]) -> Fault {
    let text = String::from_utf8_lossy(record);
    text.split_once('\n')
        .and_then(|(_, json)| serde_json::from_str(json).ok())
        .unwrap_or_else(|| Fault::defect("shelf.read", "the reason of this dead letter cannot be read"))
}

/// What a letter is about, as one text: lane, kind, unique key and subject. `None` without a subject. Letters with the same text
/// stand for the same thing: the unique key tells apart flows that read the same record. Of a batch without one its own job stands
/// there, since many batches have the same ends. As `about` in `shared.lua`.
pub(crate) fn about(id: &str, record: &[u8]) -> Option<String> {
    let words: Vec<&str> = words_of(record)?.take(9).collect();
    let [_, lane, kind, _, _, _, unique, _, subject] = words[..] else { return None };
    (subject != "-").then(|| format!("{lane} {kind} {} {subject}", told_apart_by(id, unique, subject)))
}

/// The same without the subject, of a job that was a letter, and then its id: two letters about the same may be replayed one after the other.
pub(crate) fn letter(id: &str, envelope: &Envelope) -> String {
    let (unique, subject) = (envelope.unique.as_deref().unwrap_or("-"), envelope.subject.as_deref().unwrap_or("-"));
    format!("{} {} {} {id}", envelope.lane, envelope.kind, told_apart_by(id, unique, subject))
}

fn told_apart_by<'a>(id: &'a str, unique: &'a str, subject: &str) -> &'a str {
    if unique == "-" && subject.contains('…') { id } else { unique }
}

fn words_of(record: &[u8]) -> Option<std::str::Split<'_, char>> {
    Some(std::str::from_utf8(record.split(|byte| *byte == b'\n').next()?).ok()?.split(' '))
}

/// `None` for a letter that did not come back, as far as that is known.
pub(crate) fn came_back(record: &[u8]) -> Option<CameBack> {
    let mut words = words_of(record)?.skip(9);
    Some(CameBack { times: words.next()?.parse().ok()?, previous: JobId::parse(words.next()?).ok()? })
}

/// What a text is looked for in: the fault as it is written to the log, and the parts of its cause. The same for jobs and for letters.
pub(crate) fn words(fault: &Fault) -> String {
    format!("{fault} {}", fault.cause())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use std::time::Duration;

    use super::*;
    use crate::{Lane, Priority};

    #[test]
    fn the_stored_form_is_pinned() {
        let envelope = Envelope {
            lane: Lane::parse("hubspot-main").unwrap(),
            priority: Priority::Normal,
            kind: "push_record".to_owned(),
            unique: None,
            enqueued_ms: 0,
            max_attempts: 1,
            timeout: Duration::from_secs(1),
            version: 1,
            parent: None,
            trace: "t".to_owned(),
            subject: Some("EPIC06:VEND:17 and more".to_owned()),
            letters: Vec::new(),
            due_ms: None,
        };
        let fault = Fault::rejected_field("vendor_to_company", "name", "vendor 17 has no name");
        let shelved = ShelfRecord::of(&envelope, 400, &fault);
        assert_eq!(shelved.cause_text, "connector/rejected/vendor_to_company/-/name");
        assert_eq!(
            shelved.record,
            format!(
                "1 hubspot-main push_record {} rejected 521 - 1 EPIC06:VEND:17%20and%20more\n{{\"kind\":\"rejected\",\"system\":\"connector\",\
                 \"operation\":\"vendor_to_company\",\"field\":\"name\",\"message\":\"vendor 17 has no name\"}}",
                shelved.cause
            )
        );
        assert_eq!(read_fault(shelved.record.as_bytes()), fault);
        assert_eq!(came_back(shelved.record.as_bytes()), None);
        let named = "hubspot-main push_record - EPIC06:VEND:17%20and%20more";
        assert_eq!(about("job", shelved.record.as_bytes()).as_deref(), Some(named));
        let back = shelved.record.replacen('\n', " 3 1k9e8p0q00000abcdef\n", 1);
        let previous = JobId::parse("1k9e8p0q00000abcdef").unwrap();
        assert_eq!(came_back(back.as_bytes()), Some(CameBack { times: 3, previous }));
        assert_eq!(about("job", back.as_bytes()).as_deref(), Some(named));
        assert_eq!(read_fault(back.as_bytes()), fault);
        let batch = "1 hubspot-main push_record c rejected 521 - 1 A:VEND:1%20…%20A:VEND:9%20(9)\n{}";
        let named = "hubspot-main push_record job A:VEND:1%20…%20A:VEND:9%20(9)";
        assert_eq!(about("job", batch.as_bytes()).as_deref(), Some(named));
        for nameless in
            ["1 hubspot-main push_record c rejected 521 - 1 -\n{}", "1 hubspot-main push_record c rejected 521 - 1\n{}"]
        {
            assert_eq!((about("job", nameless.as_bytes()), came_back(nameless.as_bytes())), (None, None), "{nameless}");
        }
        assert_eq!(read_fault(b"nonsense").kind, mlc_model::FaultKind::Defect);
    }
}
