//! Brings many records over in batches, so that one bad record never sinks the others.
//!
//! A batch that is refused as a whole is halved until the bad record is alone: at most log2(100) = 7 cuts deep, and only
//! the halves that hold a bad record are cut again. Records whose fate an answer leaves open go again alone; that is safe,
//! because every call made here may be repeated.

use std::future::Future;

use mlc_model::{Fault, FaultKind};

use crate::fault::{Blame, Refusal};

/// Most inputs of one call. Source: HubSpot, "Using object APIs".
pub(crate) const BATCH: usize = 100;

/// What one call decided.
pub(crate) enum Sent<T> {
    /// Answered; items that are not listed are undecided.
    Answered(Vec<(usize, Result<T, Fault>)>),
    /// Not granted.
    Refused(Box<Refusal>),
}

/// The call that takes many items at once. Items are known by their index.
pub(crate) trait BatchCall: Sync {
    /// What an item that went well gives.
    type Done: Clone + Send;

    /// Sends these items in one call.
    fn send(&self, items: &[usize]) -> impl Future<Output = Sent<Self::Done>> + Send;

    /// Whether the item writes this property.
    fn writes_property(&self, item: usize, property: &str) -> bool;

    /// The fault of an item that stays undecided even when it is sent alone.
    fn undecided(&self) -> Fault;
}

/// Sends `count` items and gives one result each, in order.
///
/// # Errors
/// The fault that stopped it before a single item was decided. When it stops later, the rest carries the fault.
pub(crate) async fn deliver<C: BatchCall>(
    call: &C,
    count: usize,
    split_on_500: bool,
) -> Result<Vec<Result<C::Done, Fault>>, Fault> {
    let mut decided: Vec<Option<Result<C::Done, Fault>>> = vec![None; count];
    let items: Vec<usize> = (0..count).collect();
    let mut waiting: Vec<Vec<usize>> = items.chunks(BATCH).rev().map(<[usize]>::to_vec).collect();
    let mut stopped_by: Option<Fault> = None;
    while let Some(chunk) = waiting.pop() {
        match call.send(&chunk).await {
            Sent::Answered(results) => {
                for (item, result) in results {
                    decided[item] = Some(result);
                }
                let open: Vec<usize> = chunk.iter().copied().filter(|item| decided[*item].is_none()).collect();
                if chunk.len() == 1 {
                    open.iter().for_each(|item| decided[*item] = Some(Err(call.undecided())));
                } else {
                    waiting.extend(open.into_iter().rev().map(|item| vec![item]));
                }
            }
            Sent::Refused(refusal) => match cut(call, &chunk, &refusal, split_on_500) {
                Cut::Decided { refused, again } => {
                    refused.into_iter().for_each(|item| decided[item] = Some(Err(refusal.fault.clone())));
                    waiting.extend(again.into_iter().rev());
                }
                Cut::Stop => {
                    chunk.iter().for_each(|item| decided[*item] = Some(Err(refusal.fault.clone())));
                    stopped_by = Some(refusal.fault);
                    if waiting.iter().map(Vec::len).sum::<usize>() + chunk.len() == count {
                        // Nothing is decided yet, so the whole order can go again as it is.
                        break;
                    }
                    let rest = not_sent(stopped_by.as_ref());
                    waiting.drain(..).flatten().for_each(|item| decided[item] = Some(Err(rest.clone())));
                }
            },
        }
    }
    match stopped_by {
        Some(fault) if decided.iter().flatten().all(|result| result.as_ref().is_err_and(|f| f == &fault)) => Err(fault),
        _ => Ok(decided.into_iter().map(|result| result.unwrap_or_else(|| Err(call.undecided()))).collect()),
    }
}

/// A write that was granted and whose answer cannot be used (not JSON, another shape, without end) says nothing about
/// the records: they may be written. Without this a whole batch would be shelved for a fault of the server.
pub(crate) fn after_a_write(mut fault: Fault) -> Box<Refusal> {
    if fault.kind == FaultKind::Rejected && matches!(fault.code.as_deref(), Some("answer.too_big" | "answer.shape")) {
        fault.kind = FaultKind::Uncertain;
    }
    Box::new(Refusal::from(fault))
}

enum Cut {
    /// `refused` are to blame; `again` are the batches to send next, in order.
    Decided { refused: Vec<usize>, again: Vec<Vec<usize>> },
    /// No part would fare better.
    Stop,
}

fn cut<C: BatchCall>(call: &C, chunk: &[usize], refusal: &Refusal, split_on_500: bool) -> Cut {
    match refusal.blame {
        Blame::TheWhole if refusal.fault.kind == FaultKind::Rejected => {
            Cut::Decided { refused: chunk.to_vec(), again: Vec::new() }
        }
        Blame::TheWhole => Cut::Stop,
        Blame::PerhapsARecord if !split_on_500 => Cut::Stop,
        _ if chunk.len() == 1 => Cut::Decided { refused: chunk.to_vec(), again: Vec::new() },
        _ => {
            // A property that HubSpot does not know names its writers by itself; no halving needed.
            let (writers, others): (Vec<usize>, Vec<usize>) = chunk.iter().copied().partition(|item| {
                refusal.unknown_properties.iter().any(|property| call.writes_property(*item, property))
            });
            if !writers.is_empty() {
                let again = if others.is_empty() { Vec::new() } else { vec![others] };
                return Cut::Decided { refused: writers, again };
            }
            let (left, right) = chunk.split_at(chunk.len() / 2);
            Cut::Decided { refused: Vec::new(), again: vec![left.to_vec(), right.to_vec()] }
        }
    }
}

/// The fault of items that were never sent, because an earlier part of the order was stopped.
fn not_sent(cause: Option<&Fault>) -> Fault {
    let Some(cause) = cause else { return Fault::defect("batch", "stopped without a cause") };
    let mut fault = cause.clone();
    if fault.kind == FaultKind::Uncertain {
        fault.kind = FaultKind::Transient;
    }
    fault.message = format!("not sent, because an earlier part failed: {}", fault.message);
    fault
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use std::{
        collections::BTreeSet,
        future::{Ready, ready},
        sync::Mutex,
        task::{Context, Poll, Waker},
    };

    use mlc_model::System;

    use super::*;

    /// Refuses every batch that holds one of `bad`, as an old portal does without trace ids.
    #[derive(Default)]
    struct Portal {
        bad: BTreeSet<usize>,
        silent: BTreeSet<usize>,
        unknown_property_of: BTreeSet<usize>,
        limited_after: Option<usize>,
        calls: Mutex<Vec<usize>>,
    }

    fn fault(kind: FaultKind) -> Fault {
        Fault::new(kind, System::Hubspot, "x", "no")
    }

    impl BatchCall for Portal {
        type Done = usize;

        fn send(&self, items: &[usize]) -> impl Future<Output = Sent<usize>> + Send {
            let mut calls = self.calls.lock().unwrap();
            calls.push(items.len());
            let refused = |kind, blame, unknown: &[&str]| {
                let unknown_properties = unknown.iter().map(ToString::to_string).collect();
                Sent::Refused(Box::new(Refusal { fault: fault(kind), blame, unknown_properties, limit: None }))
            };
            let answer: Ready<Sent<usize>> = ready(if self.limited_after.is_some_and(|after| calls.len() > after) {
                refused(FaultKind::Limited, Blame::TheWhole, &[])
            } else if items.iter().any(|item| self.unknown_property_of.contains(item)) {
                refused(FaultKind::Rejected, Blame::SomeRecord, &["tier"])
            } else if items.iter().any(|item| self.bad.contains(item)) {
                refused(FaultKind::Rejected, Blame::SomeRecord, &[])
            } else {
                let told = items.iter().filter(|item| items.len() == 1 || !self.silent.contains(item));
                Sent::Answered(told.map(|item| (*item, Ok(*item))).collect())
            });
            answer
        }

        fn writes_property(&self, item: usize, property: &str) -> bool {
            property == "tier" && self.unknown_property_of.contains(&item)
        }

        fn undecided(&self) -> Fault {
            fault(FaultKind::Uncertain)
        }
    }

    impl Portal {
        fn run(&self, count: usize) -> Result<Vec<Result<usize, Fault>>, Fault> {
            let mut run = std::pin::pin!(deliver(self, count, false));
            match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => result,
                Poll::Pending => unreachable!("the portal answers at once"),
            }
        }

        fn calls(&self) -> usize {
            self.calls.lock().unwrap().len()
        }
    }

    #[test]
    fn a_refused_batch_is_halved_until_the_bad_record_is_alone() {
        for bad in [0, 1, 42, 63, 99] {
            let portal = Portal { bad: [bad].into(), ..Portal::default() };
            let results = portal.run(100).unwrap();
            for (item, result) in results.iter().enumerate() {
                assert_eq!(result.is_err(), item == bad, "{item}");
            }
            assert!(portal.calls() <= 1 + 2 * 7, "{} calls", portal.calls());
        }
    }

    #[test]
    fn the_writers_of_an_unknown_property_are_found_without_halving() {
        let portal = Portal { unknown_property_of: (10..60).collect(), ..Portal::default() };
        let results = portal.run(100).unwrap();
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 50);
        assert_eq!(portal.calls(), 2);
    }

    #[test]
    fn records_that_an_answer_does_not_mention_go_again_alone() {
        let portal = Portal { silent: [3, 7].into(), ..Portal::default() };
        assert_eq!(portal.run(10).unwrap(), (0..10).map(Ok).collect::<Vec<_>>());
        assert_eq!(*portal.calls.lock().unwrap(), [10, 1, 1]);
    }

    #[test]
    fn a_limit_before_anything_is_decided_stops_the_whole_order() {
        let portal = Portal { limited_after: Some(0), ..Portal::default() };
        assert_eq!(portal.run(250).unwrap_err().kind, FaultKind::Limited);
        assert_eq!(portal.calls(), 1);
    }

    #[test]
    fn a_limit_half_way_keeps_what_is_decided() {
        let portal = Portal { limited_after: Some(1), ..Portal::default() };
        let results = portal.run(250).unwrap();
        assert!(results[..100].iter().all(Result::is_ok));
        assert!(results[100..].iter().all(|result| result.as_ref().is_err_and(|f| f.kind == FaultKind::Limited)));
        assert_eq!(portal.calls(), 2);
    }

    #[test]
    fn more_than_a_hundred_go_in_batches_of_a_hundred() {
        let portal = Portal::default();
        assert_eq!(portal.run(250).unwrap().len(), 250);
        assert_eq!(*portal.calls.lock().unwrap(), [100, 100, 50]);
    }
}
