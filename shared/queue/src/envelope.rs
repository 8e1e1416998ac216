//! A job as Redis holds it: one readable line, then the sealed payload.
//!
//! `1 <lane> <priority 0-2> <kind> <unique hash or -> <enqueued ms> <max attempts> <timeout ms> <kind's version>
//! <parent id or -> <trace> <subject or -> [^<letter> …] [@<due ms>]\n<sealed bytes>`. Scripts read some words of it, people the
//! whole line. Only what follows from a replayed letter has the word `^`: that letter's lane, kind, unique key and id, with commas; two of
//! them where a follow-up was a letter itself. Only a job that was ordered for later has the last word. Who does not know them reads
//! the line without them.
//! The line never changes; what does change stands in the job's history. The payload changes only on the dead-letter shelf,
//! when a person edits it.

use std::time::Duration;

use mlc_model::{JobId, SealBroken, Sealer};

use crate::{Lane, Priority, error::QueueError};

/// Payloads below this size are not worth compressing.
const COMPRESS_FROM: usize = 200;
const RAW: u8 = 0;
const LZ4: u8 = 1;
/// Refused when opened: nothing we enqueue is near it.
const LARGEST_PAYLOAD: usize = 64 << 20;

/// The readable part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) lane: Lane,
    pub(crate) priority: Priority,
    pub(crate) kind: String,
    pub(crate) unique: Option<String>,
    pub(crate) enqueued_ms: i64,
    pub(crate) max_attempts: u32,
    pub(crate) timeout: Duration,
    pub(crate) version: u16,
    pub(crate) parent: Option<String>,
    pub(crate) trace: String,
    pub(crate) subject: Option<String>,
    /// The replayed letters that it follows from: lane, kind and unique key, as in the names of `carried`, and id.
    pub(crate) letters: Vec<String>,
    /// When it could start at the earliest, where it was ordered for later.
    pub(crate) due_ms: Option<i64>,
}

impl Envelope {
    /// The stored bytes of the job `id` with this payload.
    pub(crate) fn seal(&self, id: &JobId, payload: &[u8], sealer: &dyn Sealer) -> Vec<u8> {
        let sealed = sealer.seal(&context(id.as_str(), &self.kind), &pack(payload));
        let mut bytes = Vec::with_capacity(sealed.len() + 160);
        bytes.extend_from_slice(self.head().as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(&sealed);
        bytes
    }

    pub(crate) fn head(&self) -> String {
        format!(
            "1 {} {} {} {} {} {} {} {} {} {} {}{}{}",
            self.lane,
            self.priority.digit(),
            self.kind,
            self.unique.as_deref().unwrap_or("-"),
            self.enqueued_ms,
            self.max_attempts,
            self.timeout.as_millis(),
            self.version,
            self.parent.as_deref().unwrap_or("-"),
            self.trace,
            self.subject.as_deref().map_or_else(|| "-".to_owned(), escape),
            self.letters.iter().map(|letter| format!(" ^{}", letter.replace(' ', ","))).collect::<String>(),
            self.due_ms.map(|due| format!(" @{due}")).unwrap_or_default(),
        )
    }

    /// Reads the line; the rest of `stored` is the sealed payload.
    pub(crate) fn read<'a>(id: &str, stored: &'a [u8]) -> Result<(Self, &'a [u8]), QueueError> {
        let unreadable =
            |why: &str| QueueError::Unreadable { what: format!("envelope of job {id}"), why: why.to_owned() };
        let end = stored.iter().position(|byte| *byte == b'\n').ok_or_else(|| unreadable("it has no first line"))?;
        let line = std::str::from_utf8(&stored[..end]).map_err(|_| unreadable("its first line is not text"))?;
        let mut words = line.split(' ');
        if words.next() != Some("1") {
            return Err(unreadable("its form is not version 1"));
        }
        let mut word = |what: &str| words.next().ok_or_else(|| unreadable(&format!("{what} is missing")));
        let number =
            |text: &str, what: &str| text.parse::<u64>().map_err(|_| unreadable(&format!("{what} is no number")));
        let optional = |text: &str| (text != "-").then(|| text.to_owned());
        let mut envelope = Self {
            lane: Lane::parse(word("lane")?)?,
            priority: Priority::from_digit(word("priority")?).ok_or_else(|| unreadable("its priority is unknown"))?,
            kind: word("kind")?.to_owned(),
            unique: optional(word("unique key")?),
            enqueued_ms: i64::try_from(number(word("time")?, "time")?).unwrap_or(i64::MAX),
            max_attempts: u32::try_from(number(word("attempts")?, "attempts")?).unwrap_or(u32::MAX),
            timeout: Duration::from_millis(number(word("timeout")?, "timeout")?),
            version: u16::try_from(number(word("version")?, "version")?).unwrap_or(u16::MAX),
            parent: optional(word("parent")?),
            trace: word("trace")?.to_owned(),
            subject: optional_word(word("subject")?),
            letters: Vec::new(),
            due_ms: None,
        };
        for word in words {
            match (word.strip_prefix('^'), word.strip_prefix('@')) {
                (Some(letter), _) => envelope.letters.push(letter.replace(',', " ")),
                (_, Some(due)) => envelope.due_ms = due.parse().ok(),
                _ => {}
            }
        }
        Ok((envelope, &stored[end + 1..]))
    }
}

/// Opens a sealed payload.
pub(crate) fn open(id: &str, kind: &str, sealed: &[u8], sealer: &dyn Sealer) -> Result<Vec<u8>, SealBroken> {
    let packed = sealer.open(&context(id, kind), sealed)?;
    unpack(&packed).ok_or_else(|| SealBroken { reason: "its compression is broken".to_owned() })
}

/// A payload belongs to one job: it cannot be moved to another.
fn context(id: &str, kind: &str) -> Vec<u8> {
    [id.as_bytes(), b"/", kind.as_bytes()].concat()
}

fn pack(payload: &[u8]) -> Vec<u8> {
    if payload.len() >= COMPRESS_FROM {
        let compressed = lz4_flex::block::compress(payload);
        if compressed.len() + 5 < payload.len() {
            let size = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            return [&[LZ4], size.to_le_bytes().as_slice(), &compressed].concat();
        }
    }
    [&[RAW], payload].concat()
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    match packed.split_first()? {
        (&RAW, payload) => Some(payload.to_vec()),
        (&LZ4, rest) => {
            let (size, compressed) = rest.split_at_checked(4)?;
            let size = usize::try_from(u32::from_le_bytes(size.try_into().ok()?)).ok()?;
            if size > LARGEST_PAYLOAD {
                return None;
            }
            lz4_flex::block::decompress(compressed, size).ok()
        }
        _ => None,
    }
}

/// Spaces, control characters, `%` and a lone `-` cannot stand in a word. Cut at 200 bytes.
pub(crate) fn escape(subject: &str) -> String {
    escape_within(subject, 200)
}

/// The same, cut once it has more than so many bytes.
pub(crate) fn escape_within(subject: &str, most: usize) -> String {
    if subject == "-" || subject.is_empty() {
        return if subject.is_empty() { "-".to_owned() } else { "%2d".to_owned() };
    }
    let mut out = String::with_capacity(subject.len());
    for c in subject.chars() {
        if out.len() > most {
            break;
        }
        if c == '%' || c.is_whitespace() || c.is_control() {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                out.push_str(&format!("%{byte:02x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Reads what [`escape`] wrote; `-` stands for none.
pub(crate) fn optional_word(word: &str) -> Option<String> {
    (word != "-").then(|| unescape(word))
}

fn unescape(word: &str) -> String {
    if !word.contains('%') {
        return word.to_owned();
    }
    let bytes = word.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = word.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            lane: Lane::parse("hubspot-main").unwrap(),
            priority: Priority::Backfill,
            kind: "push_record".to_owned(),
            unique: Some("0123456789abcdef0123456789abcdef".to_owned()),
            enqueued_ms: 1_763_800_000_000,
            max_attempts: 12,
            timeout: Duration::from_secs(60),
            version: 1,
            parent: Some("1k9e8p0q00000abcdef".to_owned()),
            trace: "1k9e8p0q00000abcdee".to_owned(),
            subject: Some("EPIC06:VEND:17 and 99 % more".to_owned()),
            letters: Vec::new(),
            due_ms: None,
        }
    }

    #[test]
    fn the_first_line_is_pinned() {
        assert_eq!(
            envelope().head(),
            "1 hubspot-main 2 push_record 0123456789abcdef0123456789abcdef 1763800000000 12 60000 1 \
             1k9e8p0q00000abcdef 1k9e8p0q00000abcdee EPIC06:VEND:17%20and%2099%20%25%20more"
        );
        let bare = Envelope { unique: None, parent: None, subject: None, ..envelope() };
        assert_eq!(bare.head(), "1 hubspot-main 2 push_record - 1763800000000 12 60000 1 - 1k9e8p0q00000abcdee -");
        let later = Envelope { due_ms: Some(1_763_800_060_000), ..bare };
        assert_eq!(
            later.head(),
            "1 hubspot-main 2 push_record - 1763800000000 12 60000 1 - 1k9e8p0q00000abcdee - @1763800060000"
        );
        let cured = Envelope {
            letters: vec!["epicor-main poll_page 0123456789abcdef 1k9e8p0q00000abcdec".to_owned()],
            ..later
        };
        assert_eq!(
            cured.head(),
            "1 hubspot-main 2 push_record - 1763800000000 12 60000 1 - 1k9e8p0q00000abcdee - \
             ^epicor-main,poll_page,0123456789abcdef,1k9e8p0q00000abcdec @1763800060000"
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        for subject in [None, Some("-"), Some("a b\nc%"), Some("Ümläut"), Some("plain")] {
            let due_ms = subject.map(|_| 1_763_800_060_000);
            let n = subject.map_or(0, |word| word.len() % 3);
            let letters = vec!["hubspot-main push_record -".to_owned(); n];
            let written = Envelope { subject: subject.map(str::to_owned), letters, due_ms, ..envelope() };
            let stored = [written.head().as_bytes(), b"\n", b"sealed\nbytes"].concat();
            let (read, sealed) = Envelope::read("x", &stored).unwrap();
            assert_eq!(read, written);
            assert_eq!(sealed, b"sealed\nbytes");
        }
    }

    #[test]
    fn a_line_with_words_of_a_newer_version_is_read() {
        let stored = [envelope().head().as_bytes(), b" @1763800060000 and more\nsealed"].concat();
        let due_ms = Some(1_763_800_060_000);
        assert_eq!(Envelope::read("x", &stored).unwrap().0, Envelope { due_ms, ..envelope() });
        let stored = [envelope().head().as_bytes(), b" else\nsealed"].concat();
        assert_eq!(Envelope::read("x", &stored).unwrap().0, envelope());
    }

    #[test]
    fn a_compressible_payload_shrinks_and_comes_back() {
        let long = "abc".repeat(5000).into_bytes();
        assert!(pack(&long).len() < long.len() / 10);
        for payload in [long.as_slice(), b"", b"short"] {
            assert_eq!(unpack(&pack(payload)).unwrap(), payload);
        }
        assert_eq!(unpack(&[LZ4, 255, 255, 255, 255, 0]), None);
        assert_eq!(unpack(&[7, 1]), None);
        assert_eq!(unpack(&[]), None);
    }

    #[test]
    fn a_broken_line_is_an_error_and_no_panic() {
        for stored in
            [&b""[..], b"1", b"1 lane\n", b"2 a 1 k - 0 0 0 0 - - -\n", b"1 A! 1 k - 0 0 0 0 - - -\n", b"\xff\n"]
        {
            assert!(Envelope::read("x", stored).is_err());
        }
    }
}
