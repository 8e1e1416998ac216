//! Keeps what was said about records when they were pushed, for people who look at one of them later.
//!
//! It comes after the delivery, under the same lease, and nothing depends on it: when it fails, the record was pushed all the same.

use chrono::{DateTime, Utc};
use mlc_hubspot::BatchParts;
use mlc_ledger::Exchange;
use mlc_model::{Fault, FlowId, JobId, RecordKey, TargetId};
use mlc_outbound::Said;
use mlc_queue::JobContext;
use serde::Serialize;
use serde_json::{Value, json};

use crate::context::Context;

/// The exchanges of one job, until they are kept together.
pub(crate) struct Exchanges<'a> {
    context: &'a Context,
    flow: &'a FlowId,
    job: JobId,
    at: DateTime<Utc>,
    sealed: Vec<(RecordKey, Vec<u8>)>,
}

/// What was said about one record.
#[derive(Debug, Default)]
pub(crate) struct Told {
    operation: String,
    status: Option<u16>,
    sent: Option<Value>,
    answered: Option<Value>,
}

/// How the push of a record ended.
pub(crate) type End<'a> = Result<Option<&'a TargetId>, &'a Fault>;

impl<'a> Exchanges<'a> {
    pub(crate) fn new(context: &'a Context, flow: &'a FlowId, run: &JobContext) -> Self {
        let (job, at) = (run.job_id.clone(), context.clock.now());
        Self { context, flow, job, at, sealed: Vec::new() }
    }

    /// One record whose push has ended.
    pub(crate) fn add(&mut self, key: RecordKey, source: &impl Serialize, told: Told, end: End<'_>) {
        if self.context.settings.audit.exchanges == 0 {
            return;
        }
        let told = match end {
            Ok(_) => told,
            Err(fault) => told.refused(fault),
        };
        let exchange = Exchange {
            source: serde_json::to_value(source).ok(),
            sent: told.sent,
            answered: told.answered,
            operation: told.operation,
            status: told.status,
            target_id: end.ok().flatten().cloned(),
            at: self.at,
            job: Some(self.job.clone()),
        };
        let sealed = exchange.seal(self.context.sealer.as_ref(), self.flow, &key);
        self.sealed.push((key, sealed));
    }

    /// Keeps all of them in one call.
    pub(crate) async fn keep(self) {
        let records = self.sealed.len();
        if let Err(problem) = self.context.ledger.keep_exchanges(self.flow, self.sealed).await {
            tracing::debug!(flow = %self.flow, records, %problem, "What was said about records could not be kept");
        }
    }
}

impl Told {
    /// The last call of those that count for the record, else the last of all.
    pub(crate) fn last(said: &[Said], operations: &[&str]) -> Self {
        let counts = |said: &&Said| operations.contains(&said.operation);
        said.iter().rev().find(counts).or(said.last()).map(Self::of).unwrap_or_default()
    }

    fn of(said: &Said) -> Self {
        Self {
            operation: said.operation.to_owned(),
            status: said.status,
            sent: content(&said.sent),
            answered: content(&said.answered),
        }
    }

    /// A record that the target did not take: what counts is the call that it refused, which may have been a look or a draft.
    fn refused(self, fault: &Fault) -> Self {
        // An entry of a batch is refused without a status of its own.
        let is_the_refused =
            self.operation == fault.operation && (fault.status.is_none() || self.status == fault.status);
        match (is_the_refused, self.answered) {
            (true, Some(answered)) => Self { answered: Some(answered), ..self },
            (is_the_refused, _) => Self {
                operation: fault.operation.to_string(),
                status: fault.status.or(self.status.filter(|_| is_the_refused)),
                sent: self.sent.filter(|_| is_the_refused),
                answered: Some(json!({ "code": fault.code, "field": fault.field, "message": fault.message })),
            },
        }
    }
}

/// What was sent and answered about the records of a HubSpot batch.
pub(crate) struct BatchTold(Vec<(Told, BatchParts)>);

impl BatchTold {
    pub(crate) fn read(said: &[Said]) -> Self {
        let upserts = said.iter().filter(|said| said.operation.ends_with(".batch_upsert"));
        let parts = |said: &Said| {
            let told = Told { operation: said.operation.to_owned(), status: said.status, ..Told::default() };
            (told, BatchParts::read(&said.sent, &said.answered))
        };
        Self(upserts.map(parts).collect())
    }

    /// The last that was said about the record with this key at HubSpot; a batch may have been cut and sent again.
    pub(crate) fn of(&self, key: &str) -> Told {
        let found = self.0.iter().rev().find_map(|(told, parts)| Some((told, parts.of(key)?)));
        found.map_or_else(Told::default, |(told, (sent, answered))| Told {
            operation: told.operation.clone(),
            status: told.status,
            sent: Some(sent.clone()),
            answered,
        })
    }
}

/// JSON as such, anything else as a text; nothing is `None`.
fn content(body: &[u8]) -> Option<Value> {
    if body.is_empty() {
        return None;
    }
    Some(serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned())))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_model::{FaultKind, System};
    use mlc_outbound::Bytes;

    use super::*;

    fn said(operation: &'static str, status: u16, answered: &'static str) -> Said {
        Said {
            operation,
            status: Some(status),
            sent: Bytes::from_static(b"{\"a\":1}"),
            answered: Bytes::from_static(answered.as_bytes()),
        }
    }

    #[test]
    fn what_counts_is_the_call_that_wrote_the_record_and_not_what_followed() {
        let all = [said("orders.create", 200, "{\"entity_id\":5}"), said("orders.comment", 200, "true")];
        let told = Told::last(&all, &["orders.create", "orders.update"]);
        assert_eq!((told.operation.as_str(), told.answered.unwrap()["entity_id"].as_i64()), ("orders.create", Some(5)));
        assert_eq!(Told::last(&all, &["orders.cancel"]).operation, "orders.comment");
        assert_eq!(Told::last(&[], &[]).sent, None);
    }

    #[test]
    fn a_refused_look_does_not_show_the_answer_of_an_earlier_write() {
        let fault = Fault::new(FaultKind::Rejected, System::Epicor, "ap_invoices.line_part", "Part X is unknown")
            .with_status(400);
        let told = Told::last(&[said("ap_invoices.update_master", 200, "{}")], &[]).refused(&fault);
        assert_eq!((told.operation.as_str(), told.status, told.sent), ("ap_invoices.line_part", Some(400), None));
        assert_eq!(told.answered.unwrap()["message"], "Part X is unknown");
    }

    #[test]
    fn the_targets_own_words_win_over_ours() {
        let fault = Fault::new(FaultKind::Rejected, System::Adobe, "orders.create", "ours").with_status(400);
        let told = Told::last(&[said("orders.create", 400, "{\"message\":\"theirs\"}")], &[]).refused(&fault);
        assert_eq!(told.answered.unwrap()["message"], "theirs");
        assert!(told.sent.is_some());
    }
}
