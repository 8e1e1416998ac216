//! Random orders of sightings, pushes and crashes against one Redis, compared with what the target really holds.

use std::collections::HashMap;

use mlc_ledger::{Ledger, Sighting, Verdict};
use mlc_model::{Fingerprint, FlowId, RecordKey, Version};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::server::{Server, delivery, print, sighting};

/// What a worker does with one version of one record.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A poll reads it.
    Classify,
    /// A push writes it and records the delivery.
    Push,
    /// As `Push`, while a poll sees the next version between the write and its recording.
    PushDuringPoll,
    /// A push writes it and dies before it can record that.
    PushAndDie,
    /// A push dies before it writes.
    DieBeforeWriting,
    /// Somebody wants the record written again.
    Unsettle,
    /// As `Push`, while somebody wants the record written again.
    PushDuringUnsettle,
}

/// What the test itself knows of a record.
#[derive(Debug, Default)]
struct Truth {
    newest_seen: Option<i64>,
    /// What stands at the target.
    at_target: Option<(i64, Fingerprint)>,
    /// Whether the ledger was told so, and no push was begun since.
    told: bool,
}

/// Neighbours that a double mixes up, signs, and equal versions with different contents.
const BASES: [i64; 4] = [0, -3, (1 << 53) - 1, i64::MAX - 8];

fn steps() -> impl Strategy<Value = (usize, Vec<(u32, i64, u8, Step)>)> {
    let step = prop_oneof![
        3 => Just(Step::Classify),
        3 => Just(Step::Push),
        1 => Just(Step::PushDuringPoll),
        1 => Just(Step::PushAndDie),
        1 => Just(Step::DieBeforeWriting),
        1 => Just(Step::Unsettle),
        1 => Just(Step::PushDuringUnsettle),
    ];
    (0..BASES.len(), proptest::collection::vec((0..2_u32, 0..7_i64, 0..3_u8, step), 1..30))
}

#[test]
fn no_older_version_is_deliverable_once_a_newer_was_seen_and_unchanged_is_always_true() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(Server::start());
    let ledger = server.ledger();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(2_000) });
    let counter = std::cell::Cell::new(0_u32);
    let result = runner.run(&steps(), |(base, steps)| {
        counter.set(counter.get() + 1);
        let flow = FlowId::parse(&format!("law::case_{}", counter.get())).unwrap();
        runtime.block_on(run(&ledger, &flow, BASES[base], &steps))
    });
    result.unwrap();
}

async fn run(ledger: &Ledger, flow: &FlowId, base: i64, steps: &[(u32, i64, u8, Step)]) -> Result<(), TestCaseError> {
    let mut truths: HashMap<RecordKey, Truth> = HashMap::new();
    for (number, offset, content, step) in steps {
        let seen: Sighting = sighting(*number, base + offset, *content);
        let truth = truths.entry(seen.key.clone()).or_default();
        let one = std::slice::from_ref(&seen);
        if matches!(step, Step::Unsettle) {
            ledger.unsettle(flow, std::slice::from_ref(&seen.key)).await.unwrap();
            truth.told = false;
            continue;
        }
        let verdict = match step {
            Step::Classify => ledger.classify(flow, one).await.unwrap()[0],
            _ => ledger.begin(flow, one).await.unwrap()[0],
        };
        check(truth, &seen, *content, *step, verdict)?;
        truth.newest_seen = truth.newest_seen.max(Some(seen.version.0));
        if verdict == Verdict::Changed {
            match step {
                Step::Classify | Step::Unsettle => {}
                Step::Push | Step::PushDuringPoll | Step::PushDuringUnsettle => {
                    if matches!(step, Step::PushDuringPoll) {
                        let next = sighting(*number, seen.version.0 + 1, (content + 1) % 3);
                        let verdict = ledger.classify(flow, std::slice::from_ref(&next)).await.unwrap()[0];
                        truth.told = false;
                        check(truth, &next, (content + 1) % 3, Step::Classify, verdict)?;
                        truth.newest_seen = truth.newest_seen.max(Some(next.version.0));
                    }
                    if matches!(step, Step::PushDuringUnsettle) {
                        ledger.unsettle(flow, std::slice::from_ref(&seen.key)).await.unwrap();
                    }
                    let late = ledger.deliver(flow, &[delivery(&seen, "77")]).await.unwrap();
                    prop_assert!(late.is_empty());
                    truth.at_target = Some((seen.version.0, seen.fingerprint));
                    truth.told = !matches!(step, Step::PushDuringUnsettle);
                }
                Step::PushAndDie => {
                    truth.at_target = Some((seen.version.0, seen.fingerprint));
                    truth.told = false;
                }
                Step::DieBeforeWriting => truth.told = false,
            }
        } else if verdict == Verdict::Unchanged {
            let version = truth.at_target.map(|(version, _)| version.max(seen.version.0));
            truth.at_target = version.map(|version| (version, seen.fingerprint));
        }
    }
    for (key, truth) in truths {
        let Some(row) = ledger.row(flow, std::slice::from_ref(&key)).await.unwrap().remove(0) else {
            prop_assert_eq!(truth.newest_seen, None);
            continue;
        };
        prop_assert_eq!(row.seen, truth.newest_seen.map(Version));
        if truth.told {
            prop_assert_eq!(row.delivered.map(|d| (d.version.0, d.fingerprint)), truth.at_target);
        }
    }
    Ok(())
}

fn check(truth: &Truth, seen: &Sighting, content: u8, step: Step, verdict: Verdict) -> Result<(), TestCaseError> {
    let version = seen.version.0;
    let equal = truth.at_target.is_some_and(|(_, at_target)| at_target == print(content));
    match verdict {
        Verdict::Changed => {
            prop_assert!(truth.newest_seen.is_none_or(|newest| version >= newest), "an older version is deliverable");
            // "Unchanged iff equal", the other way round: what is known to stand there is not written again.
            let settled = truth.told && truth.at_target.map(|(version, _)| version) == truth.newest_seen;
            let newer_at_push = !matches!(step, Step::Classify) && truth.newest_seen.is_some_and(|n| version > n);
            prop_assert!(!(settled && equal) || newer_at_push, "known to be equal, yet to be written");
        }
        Verdict::Unchanged => prop_assert!(truth.told && equal, "not known to be equal, yet unchanged"),
        Verdict::Superseded => {
            prop_assert!(truth.newest_seen.is_some_and(|newest| version < newest), "nothing newer was seen");
        }
    }
    Ok(())
}
