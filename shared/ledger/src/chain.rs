//! Whether the pages of a pass hang together.
//!
//! Pages that are cut by `$skip` repeat the last row of the page before. When each page starts with the row that its
//! predecessor ended with, their ranges of keys leave no gap, whatever came and went while they were read: a row that was
//! in the window all the time lies in one of those ranges and was therefore read. Equal counts alone do not tell: one row
//! that leaves and another that enters cancel out.

use std::collections::HashMap;

/// The marks of a pass as they are stored: skip, and the counts with the two boundaries behind them.
pub(crate) struct Chain(Vec<Link>);

struct Link {
    skip: u64,
    read: u64,
    starts: Option<u64>,
    ends: Option<u64>,
}

impl Chain {
    /// `None` when a mark cannot be read.
    pub(crate) fn read(marks: &HashMap<u64, String>) -> Option<Self> {
        let mut links = marks.iter().map(|(skip, mark)| Link::read(*skip, mark)).collect::<Option<Vec<_>>>()?;
        links.sort_unstable_by_key(|link| link.skip);
        Some(Self(links))
    }

    /// `rows` is the number of rows that the window had. Pages without boundaries were cut without repeating a row; there is
    /// nothing to hold against each other then.
    pub(crate) fn holds(&self, rows: Option<u64>) -> bool {
        let joined = self.0.windows(2).all(|pair| match (pair[0].ends, pair[1].starts) {
            (Some(ends), Some(starts)) => ends == starts,
            (None, None) => true,
            _ => false,
        });
        // More rows than were left: the last page was cut off, and what lies behind it was not read.
        let ended = self.0.last().is_none_or(|last| {
            let repeated = u64::from(last.starts.is_some() && last.skip > 0);
            last.starts.is_none() || rows.is_none_or(|rows| last.skip + repeated + last.read <= rows)
        });
        joined && ended
    }
}

impl Link {
    fn read(skip: u64, mark: &str) -> Option<Self> {
        let mut parts = mark.split(',');
        let read = parts.next()?.parse().ok()?;
        let mut boundaries = parts.skip(5).map(|text| text.parse().ok());
        Some(Self { skip, read, starts: boundaries.next().flatten(), ends: boundaries.next().flatten() })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    /// Pages of three rows, which repeat one.
    fn chain(marks: &[(u64, &str)]) -> Chain {
        Chain::read(&marks.iter().map(|(skip, mark)| (*skip, (*mark).to_owned())).collect()).unwrap()
    }

    #[test]
    fn pages_that_join_hold() {
        let pages = [(0, "3,0,0,0,0,0,11,13"), (2, "2,0,0,0,0,0,13,15"), (4, "1,0,0,0,0,0,15,16")];
        assert!(chain(&pages).holds(Some(6)));
        assert!(!chain(&pages[..2]).holds(Some(4)), "the last page was cut off");
    }

    #[test]
    fn a_gap_between_pages_shows() {
        let pages = [(0, "3,0,0,0,0,0,11,13"), (2, "2,0,0,0,0,0,14,16")];
        assert!(!chain(&pages).holds(Some(5)));
    }

    #[test]
    fn pages_without_boundaries_are_not_held_against_each_other() {
        assert!(chain(&[(0, "3,0,0,0,0,0,,"), (3, "3,0,0,0,0,0,,")]).holds(Some(6)));
    }
}
