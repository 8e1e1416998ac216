//! What becomes of a job after a run. Pure: time and randomness are arguments.

use std::time::Duration;

use chrono::{DateTime, Utc};
use mlc_model::{Fault, FaultKind};
use mlc_runtime::backoff::RetryPolicy;

use crate::{Order, Outcome, SnoozeReason, history::History};

/// A server that asks for a pause without saying how long gets this one.
const DEFAULT_SNOOZE: Duration = Duration::from_secs(5);
/// Nobody waits longer than this without being looked at.
const LONGEST_DELAY: Duration = Duration::from_secs(7 * 24 * 3600);

/// The decision.
#[derive(Debug)]
pub(crate) enum Step {
    /// Gone, with follow-ups and shelved orders.
    Done { then: Vec<Order>, shelve: Vec<(Order, Fault)> },
    /// Later, with this history. `retry` tells a used attempt from a snooze.
    Later { delay: Duration, history: History, retry: bool, why: String },
    /// Back to the front of its lane, nothing burned.
    Release,
    /// As `Release`, and the lane is held.
    Hold { fault: Fault },
    /// To the shelf, with this history.
    Shelve { fault: Fault, history: History },
}

impl Step {
    /// The outcome as it is counted.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Later { retry: true, .. } => "retried",
            Self::Later { .. } => "snoozed",
            Self::Release | Self::Hold { .. } => "handed_back",
            Self::Shelve { .. } => "dead",
        }
    }
}

/// Decides from the outcome of a run and from what the job has been through.
pub(crate) fn decide(
    outcome: Outcome,
    mut history: History,
    max_attempts: u32,
    retry: RetryPolicy,
    now: DateTime<Utc>,
    random: f64,
) -> Step {
    match outcome {
        Outcome::Done { then, shelve } => Step::Done { then, shelve },
        Outcome::Snooze { until, why } => {
            let delay = (until - now).to_std().unwrap_or_default();
            let why = match &why {
                SnoozeReason::WaitsFor(what) => format!("{} {what}", why.as_str()),
                _ => why.as_str().to_owned(),
            };
            snooze(history, delay, why)
        }
        Outcome::Failed(fault) => match fault.kind {
            FaultKind::Limited => {
                // A little later than asked, spread, so that all snoozed jobs do not come back in the same millisecond.
                let asked = fault.retry_after().unwrap_or(DEFAULT_SNOOZE).min(LONGEST_DELAY);
                snooze(history, asked + asked.mul_f64(0.1 * random.clamp(0.0, 1.0)), limited(&fault))
            }
            FaultKind::Unauthorized => Step::Hold { fault },
            FaultKind::Rejected | FaultKind::Defect => {
                history.fail(now, fault.clone());
                Step::Shelve { fault, history }
            }
            FaultKind::Transient | FaultKind::Uncertain => {
                history.fail(now, fault.clone());
                if history.attempts >= max_attempts {
                    return Step::Shelve { fault, history };
                }
                let mut delay = retry.delay(history.attempts, random).max(fault.retry_after().unwrap_or_default());
                if fault.kind == FaultKind::Uncertain {
                    delay = delay.max(retry.unsettled);
                }
                Step::Later { delay: delay.min(LONGEST_DELAY), history, retry: true, why: fault.to_string() }
            }
        },
    }
}

fn snooze(mut history: History, delay: Duration, why: String) -> Step {
    history.snooze(why.clone());
    Step::Later { delay: delay.min(LONGEST_DELAY), history, retry: false, why }
}

/// What the server said, with its code where it gave one: `rate_limited ACCOUNT_MOVING: …`.
fn limited(fault: &Fault) -> String {
    let word = SnoozeReason::RateLimited;
    match &fault.code {
        Some(code) => format!("{} {code}: {fault}", word.as_str()),
        None => format!("{}: {fault}", word.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use mlc_model::System;

    use super::*;

    const RETRY: RetryPolicy = RetryPolicy::new(Duration::from_secs(1), Duration::from_secs(600));

    fn after(fault: Fault, attempts: u32) -> Step {
        decide(fault.into(), History { attempts, ..History::default() }, 3, RETRY, DateTime::default(), 0.5)
    }

    fn fault(kind: FaultKind) -> Fault {
        Fault::new(kind, System::Hubspot, "x", "y")
    }

    #[test]
    fn a_transient_fault_is_retried_until_the_attempts_are_used() {
        for kind in [FaultKind::Transient, FaultKind::Uncertain] {
            assert!(matches!(
                after(fault(kind), 0),
                Step::Later { retry: true, history: History { attempts: 1, .. }, .. }
            ));
            assert!(matches!(after(fault(kind), 1), Step::Later { .. }));
            assert!(matches!(after(fault(kind), 2), Step::Shelve { history: History { attempts: 3, .. }, .. }));
        }
    }

    #[test]
    fn a_retry_is_never_earlier_than_the_server_asked() {
        let asked = fault(FaultKind::Transient).with_retry_after(Duration::from_secs(90));
        assert!(matches!(after(asked, 0), Step::Later { delay, .. } if delay == Duration::from_secs(90)));
    }

    #[test]
    fn a_limit_costs_no_attempt() {
        let limited = fault(FaultKind::Limited).with_retry_after(Duration::from_secs(10));
        let Step::Later { delay, history, retry: false, .. } = after(limited, 2) else { panic!("not snoozed") };
        assert_eq!((history.attempts, history.snoozes), (2, 1));
        assert_eq!(history.why.as_deref(), Some("rate_limited: hubspot x: y"));
        let moving = fault(FaultKind::Limited).with_code("ACCOUNT_MOVING");
        let Step::Later { why, .. } = after(moving, 0) else { panic!("not snoozed") };
        assert_eq!(why, "rate_limited ACCOUNT_MOVING: hubspot x: y");
        assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&delay));
    }

    #[test]
    fn refused_credentials_hold_the_lane_and_burn_nothing() {
        assert!(matches!(after(fault(FaultKind::Unauthorized), 2), Step::Hold { .. }));
    }

    #[test]
    fn what_cannot_succeed_goes_to_the_shelf_at_once() {
        assert!(matches!(after(fault(FaultKind::Rejected), 0), Step::Shelve { .. }));
        assert!(matches!(after(fault(FaultKind::Defect), 0), Step::Shelve { .. }));
    }

    #[test]
    fn a_write_whose_end_is_not_known_is_left_time_to_be_carried_out() {
        let retry = RETRY.with_unsettled(Duration::from_secs(30));
        let delay = |kind| match decide(fault(kind).into(), History::default(), 3, retry, DateTime::default(), 0.5) {
            Step::Later { delay, .. } => delay,
            other => panic!("{other:?}"),
        };
        assert_eq!(delay(FaultKind::Uncertain), Duration::from_secs(30));
        assert_eq!(delay(FaultKind::Transient), Duration::from_millis(500));
    }
}
