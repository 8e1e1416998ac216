//! Rows change while every page is read: nothing is skipped, nothing old overwrites anything new, replays change nothing.
//!
//! `MLC_PROPERTY_CASES` and `MLC_PROPERTY_SEED` choose more cases or other ones.

mod rig;
mod schedule;

use std::time::Instant;

use mlc_model::{Clock as _, SystemClock};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rig::{Rig, Setup, setups};
use schedule::{Schedule, schedule};
use tokio::task::{JoinSet, LocalSet};

/// Cases over all setups together.
const CASES: usize = 2_040;
/// Smaller cases that are tried once one has failed.
const SHRINK_STEPS: usize = 60;

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn runner(setup: usize) -> TestRunner {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&(number("MLC_PROPERTY_SEED", 1) as u64).to_le_bytes());
    seed[8..16].copy_from_slice(&(setup as u64).to_le_bytes());
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

/// Runs `cases` cases one after another; the first that fails is made smaller and described.
async fn run_cases(at: usize, setup: Setup, cases: usize) -> Result<(), String> {
    let rig = Rig::open(setup, SystemClock.now()).await.map_err(|error| format!("{setup:?}: {error:#}"))?;
    let mut runner = runner(at);
    let strategy = schedule();
    for case in 0..cases {
        let mut tree = strategy.new_tree(&mut runner).map_err(|reason| reason.to_string())?;
        let Err(error) = rig.run(&tree.current()).await else { continue };
        let mut smallest: (Schedule, String) = (tree.current(), format!("{error:#}"));
        let mut steps = 0;
        let mut more = tree.simplify();
        while more && steps < SHRINK_STEPS {
            steps += 1;
            rig.clear().await.map_err(|error| format!("{setup:?}: {error:#}"))?;
            more = match rig.run(&tree.current()).await {
                Err(error) => {
                    smallest = (tree.current(), format!("{error:#}"));
                    tree.simplify()
                }
                Ok(()) => tree.complicate(),
            };
        }
        let (schedule, error) = smallest;
        return Err(format!("{setup:?}, case {case}: {error}\n{schedule:?}"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_final_version_arrives_whatever_changes_while_pages_are_read() {
    let setups = setups();
    let cases = number("MLC_PROPERTY_CASES", CASES).div_ceil(setups.len());
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    let local = LocalSet::new();
    for (at, setup) in setups.into_iter().enumerate() {
        // Only what chooses the cases stays on this thread; the workers use all of them.
        let run = async move {
            let result = run_cases(at, setup, cases).await;
            report_time(setup, cases, started);
            result
        };
        tasks.spawn_local_on(run, &local);
    }
    let results = local.run_until(tasks.join_all()).await;
    let failures: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[expect(clippy::print_stderr, reason = "shown by `--nocapture` only: how long each setup took")]
fn report_time(setup: Setup, cases: usize, started: Instant) {
    eprintln!("{setup:?}: {cases} cases after {:?}", started.elapsed());
}
