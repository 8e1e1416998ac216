//! What the simulator saw.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// Requests remembered for the log.
const LOG: usize = 500;

/// Counters since the start or the last reset. Calls of the control API are not counted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Calls in all.
    pub requests: u64,
    /// By kind of path: `set`, `row`, `nested`, `count`, `metadata`, `service`, `method`, `token`,
    /// `oauth_token`, `other`.
    pub by_kind: BTreeMap<String, u64>,
    /// By status; a connection cut by a fault counts under 0.
    pub by_status: BTreeMap<u16, u64>,
    /// By entity set.
    pub by_set: BTreeMap<String, u64>,
    /// Rows served.
    pub rows: u64,
    /// Calls by the licence they claimed in the `License` header; `none` without one.
    pub licences: BTreeMap<String, u64>,
    /// Calls being answered now.
    pub in_flight: usize,
    /// The most calls that were ever answered at the same time.
    pub in_flight_max: usize,
    /// Faults that fired, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Calls of methods, by service and method (`Erp.BO.ReqSvc/Update`).
    pub by_method: BTreeMap<String, u64>,
    /// Every call whose path names `APInvExpTGLCs`, by verb and path, whatever its answer was.
    pub gl_paths: BTreeMap<String, u64>,
    /// GL rows written, by the verb and path that did it (`POST Erp.BO.APInvoiceSvc/UpdateMaster`).
    pub gl_rows: BTreeMap<String, u64>,
    /// Rows saved, by table and `A`, `U` or `D` (`ReqHead A`).
    pub saved: BTreeMap<String, u64>,
    /// Tokens handed out.
    pub tokens: u64,
    /// Path and query of the last 500 calls, oldest first.
    pub log: VecDeque<String>,
}

impl Stats {
    pub(crate) fn enter(&mut self, path_and_query: String, licence: &str) {
        self.requests += 1;
        self.in_flight += 1;
        self.in_flight_max = self.in_flight_max.max(self.in_flight);
        *self.licences.entry(licence.to_owned()).or_default() += 1;
        if self.log.len() >= LOG {
            self.log.pop_front();
        }
        self.log.push_back(path_and_query);
    }

    pub(crate) fn reset(&mut self) {
        *self = Self { in_flight: self.in_flight, ..Self::default() };
    }
}
