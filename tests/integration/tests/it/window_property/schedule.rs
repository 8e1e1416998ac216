//! What happens to the rows of a case, and when.

use std::fmt;

use proptest::{collection::vec, prelude::*};

/// One change of the table that is being read. Numbers pick a row among those that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A row gets its next version.
    Update(usize),
    /// A new row behind all others.
    Append,
    /// A new row in front of all others.
    Prepend,
    /// A row disappears.
    Delete(usize),
    /// A row gets its next version now, which readers see only so many pages later.
    Late(usize, u64),
}

/// One poll.
#[derive(Debug, Clone)]
pub(crate) struct Poll {
    /// Seconds that pass before it.
    pub(crate) after_seconds: i64,
    /// What changes before it.
    pub(crate) before: Vec<Change>,
    /// What changes right before and right after each page is read, page by page over all passes.
    pub(crate) during: Vec<Vec<Change>>,
}

/// A whole case.
#[derive(Clone)]
pub(crate) struct Schedule {
    /// Rows at the start.
    pub(crate) rows: usize,
    /// The polls.
    pub(crate) polls: Vec<Poll>,
    /// Which of the closed windows are read again at the end, in this order.
    pub(crate) replays: Vec<usize>,
}

fn change() -> impl Strategy<Value = Change> {
    let row = 0_usize..32;
    prop_oneof![
        8 => row.clone().prop_map(Change::Update),
        2 => Just(Change::Append),
        1 => Just(Change::Prepend),
        2 => row.clone().prop_map(Change::Delete),
        3 => (row, 1_u64..=3).prop_map(|(row, pages)| Change::Late(row, pages)),
    ]
}

fn poll() -> impl Strategy<Value = Poll> {
    let pause = prop_oneof![Just(1_i64), Just(5), Just(89), Just(300), Just(3_600)];
    (pause, vec(change(), 0..4), vec(vec(change(), 0..3), 0..14)).prop_map(|(after_seconds, before, during)| Poll {
        after_seconds,
        before,
        during,
    })
}

/// Any case.
pub(crate) fn schedule() -> impl Strategy<Value = Schedule> {
    (5_usize..=20, vec(poll(), 1..=3), vec(0_usize..8, 1..=2)).prop_map(|(rows, polls, replays)| Schedule {
        rows,
        polls,
        replays,
    })
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Update(row) => write!(f, "update row {row}"),
            Self::Append => f.write_str("append a row"),
            Self::Prepend => f.write_str("prepend a row"),
            Self::Delete(row) => write!(f, "delete row {row}"),
            Self::Late(row, pages) => write!(f, "update row {row}, visible {pages} pages later"),
        }
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |changes: &[Change]| changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        writeln!(f, "{} rows, then", self.rows)?;
        for (number, poll) in self.polls.iter().enumerate() {
            writeln!(f, "  poll {number}, {} s later, after: {}", poll.after_seconds, list(&poll.before))?;
            for (at, changes) in poll.during.iter().enumerate().filter(|(_, changes)| !changes.is_empty()) {
                let moment = if at % 2 == 0 { "before" } else { "after" };
                writeln!(f, "    {moment} page {} is read: {}", at / 2, list(changes))?;
            }
        }
        write!(f, "  replays of windows {:?}", self.replays)
    }
}
