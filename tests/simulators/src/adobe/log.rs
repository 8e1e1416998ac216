//! What the shop was asked.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// Calls remembered one by one.
const REMEMBERED: usize = 50_000;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedCall {
    /// Verb.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Raw query.
    pub query: String,
    /// Status of the answer; 0 when the line was cut.
    pub status: u16,
}

/// The calls since the start or the last reset. Control calls are not counted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CallLog {
    /// Calls in all.
    pub calls: u64,
    /// By status; a cut line counts under 0.
    pub by_status: BTreeMap<u16, u64>,
    /// By `METHOD path`, ids replaced by `{id}`.
    pub by_route: BTreeMap<String, u64>,
    /// Calls being answered now.
    pub in_flight: usize,
    /// The most calls that were answered at the same time.
    pub in_flight_max: usize,
    /// The last 50,000 calls, oldest first.
    pub last: VecDeque<LoggedCall>,
}

impl CallLog {
    pub(super) fn enter(&mut self) {
        self.in_flight += 1;
        self.in_flight_max = self.in_flight_max.max(self.in_flight);
    }

    pub(super) fn add(&mut self, call: LoggedCall) {
        self.calls += 1;
        *self.by_status.entry(call.status).or_default() += 1;
        *self.by_route.entry(format!("{} {}", call.method, route(&call.path))).or_default() += 1;
        if self.last.len() >= REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(call);
    }

    pub(super) fn reset(&mut self) {
        *self = Self { in_flight: self.in_flight, ..Self::default() };
    }

    /// Remembered calls whose `METHOD path` contains `route`.
    #[must_use]
    pub fn count(&self, route: &str) -> usize {
        self.matching(route).count()
    }

    /// Remembered calls whose `METHOD path` contains `route` and that were answered with `status`.
    #[must_use]
    pub fn count_with_status(&self, route: &str, status: u16) -> usize {
        self.matching(route).filter(|call| call.status == status).count()
    }

    fn matching(&self, route: &str) -> impl Iterator<Item = &LoggedCall> {
        self.last.iter().filter(move |call| format!("{} {}", call.method, call.path).contains(route))
    }
}

fn route(path: &str) -> String {
    let parts = path
        .split('/')
        .map(|part| if part.bytes().any(|byte| byte.is_ascii_digit()) && part != "V1" { "{id}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}
