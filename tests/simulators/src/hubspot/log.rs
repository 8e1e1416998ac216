//! What was called, how it was answered.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::clock;

/// Calls kept in full.
const KEPT: usize = 2_000;

/// One answered call.
#[derive(Debug, Clone, Serialize)]
pub struct LoggedCall {
    /// When it was answered, ISO-8601.
    pub at: String,
    /// `METHOD /path` with record ids replaced by `{id}`.
    pub route: String,
    /// Status of the answer; 0 when the line was cut.
    pub status: u16,
    /// Number of `inputs` in the body of a batch, else 0.
    pub inputs: usize,
}

/// Counts of answered calls since the start or the last reset.
#[derive(Debug, Clone, Default)]
pub struct CallLog {
    counts: BTreeMap<String, BTreeMap<u16, u64>>,
    last: VecDeque<LoggedCall>,
}

impl CallLog {
    pub(super) fn add(&mut self, route: String, status: u16, inputs: usize) {
        *self.counts.entry(route.clone()).or_default().entry(status).or_default() += 1;
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(LoggedCall { at: clock::iso(clock::now()), route, status, inputs });
    }

    /// Calls by route (`METHOD /path/with/{id}`) and status.
    #[must_use]
    pub fn by_route(&self) -> &BTreeMap<String, BTreeMap<u16, u64>> {
        &self.counts
    }

    /// Number of calls whose route contains `part`, whatever the status; `""` is all calls.
    #[must_use]
    pub fn count(&self, part: &str) -> u64 {
        self.matching(part).map(|(_, count)| count).sum()
    }

    /// Number of calls whose route contains `part` and whose status is `status`.
    #[must_use]
    pub fn count_with_status(&self, part: &str, status: u16) -> u64 {
        self.matching(part).filter(|(known, _)| *known == status).map(|(_, count)| count).sum()
    }

    /// The last calls (at most 2,000), oldest first.
    pub fn last_calls(&self) -> impl Iterator<Item = &LoggedCall> {
        self.last.iter()
    }

    fn matching(&self, part: &str) -> impl Iterator<Item = (u16, u64)> {
        self.counts
            .iter()
            .filter(move |(route, _)| route.contains(part))
            .flat_map(|(_, statuses)| statuses.iter().map(|(status, count)| (*status, *count)))
    }
}
