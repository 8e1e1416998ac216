//! Replay and discard: a few by id at once, many as an operation that can be stopped.

use mlc_model::JobId;
use mlc_queue::{BulkState, BulkVerb, DeadFilter, NewBulk};
use serde_json::json;

use super::{
    chosen::{Chosen, Target},
    not_there, nothing_matches,
};
use crate::{
    Exit, Failure, Rooms,
    action::{self, begun::Begun},
    command::bulk,
    output::{Output, note},
};

/// Hits looked for before an operation by subject starts; the looking ends after some 60 ms anyway.
const PREVIEW_LOOKS: usize = 20_000;
/// Letters that one entry of the audit names; more take several.
const NAMED: usize = 200;

/// How an operation on many is to go.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Manner {
    /// Most letters per time, such as 50/s, 600/m or 1000/h. Not for ids.
    #[arg(long, value_parser = action::letter_terms::rate, conflicts_with = "ids")]
    rate: Option<f64>,
    /// Start it and return; the producer carries it out. Not for ids.
    #[arg(long, conflicts_with = "ids")]
    no_wait: bool,
}

pub(super) async fn replay(chosen: Chosen, manner: Manner, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let ids = match chosen.read(rooms).await? {
        Target::Matching(filter) => return many(BulkVerb::Replay, filter, manner, None, rooms, output).await,
        Target::Ids(ids) => ids,
    };
    let mut jobs = Vec::new();
    for ids in ids.chunks(NAMED) {
        let begun = rooms.begin("replay_dead_letters", named(ids)).await?;
        let done = begun.unless_refused(rooms.queue.replay(ids, rooms.person.as_str()).await).await?.jobs;
        close(begun, &done, |n| format!("{n} replayed")).await?;
        jobs.extend(done);
    }
    let missing = left_out(&ids, &jobs);
    let value = json!({ "replayed": jobs, "not_on_the_shelf": missing });
    output.answer(format!("Replayed {}", letters(jobs.len())), &value)?;
    all_were_there(jobs.len(), &missing)
}

pub(super) async fn discard(
    chosen: Chosen,
    manner: Manner,
    reason: &str,
    rooms: &Rooms,
    output: Output,
) -> Result<Exit, Failure> {
    let reason = action::reason(reason)?;
    let ids = match chosen.read(rooms).await? {
        Target::Matching(filter) => {
            return many(BulkVerb::Discard, filter, manner, Some(reason), rooms, output).await;
        }
        Target::Ids(ids) => ids,
    };
    let mut gone = Vec::new();
    for ids in ids.chunks(NAMED) {
        let begun = rooms.begin("discard_dead_letters", named(ids)).await?;
        let done = begun.unless_refused(rooms.queue.discard(ids, rooms.person.as_str(), reason).await).await?;
        close(begun, &done, |n| format!("{n} discarded: {reason}")).await?;
        gone.extend(done);
    }
    let missing = left_out(&ids, &gone);
    let value = json!({ "discarded": gone, "not_on_the_shelf": missing });
    output.answer(format!("Discarded {}", letters(gone.len())), &value)?;
    all_were_there(gone.len(), &missing)
}

/// Starts an operation and, unless told otherwise, drives and follows it to its end.
async fn many(
    verb: BulkVerb,
    filter: DeadFilter,
    manner: Manner,
    reason: Option<&str>,
    rooms: &Rooms,
    output: Output,
) -> Result<Exit, Failure> {
    // To tell of batches that are left alone it must look past the first hit.
    let looks = if filter.subject.is_some() { PREVIEW_LOOKS } else { 1 };
    let preview = rooms.queue.preview(&filter, looks).await?;
    if preview.may_carry > 0 && !output.is_json() {
        let batches = letters(usize::try_from(preview.may_carry).unwrap_or(usize::MAX));
        note(format!(
            "Left alone: {batches} of batches that may carry the record; they name their first and last one only."
        ));
    }
    if preview.complete && preview.letters == 0 {
        return Err(nothing_matches());
    }
    let (per_second, by) = (manner.rate, rooms.person.to_string());
    let new = NewBulk { verb, filter, per_second, by, reason: reason.map(str::to_owned) };
    let begun = rooms.begin("start_bulk", verb.as_str()).await?;
    let started = begun.unless_refused(rooms.queue.start_bulk(new).await).await?;
    begun.close(started.id.as_str(), None, Some(bulk::words(&started))).await?;
    let id = &started.id;
    if manner.no_wait {
        let text = format!("Started operation {id}; `mlc bulk show {id}` shows how far it is");
        output.answer(text, &json!({ "bulk": started }))?;
        return Ok(Exit::Done);
    }
    if !output.is_json() {
        note(format!("Operation {id}. Ctrl-C stops only the following; `mlc bulk abort {id}` ends it."));
    }
    let ended = bulk::follow(&started, rooms, output).await?;
    output.answer(bulk::ending(&ended), &json!({ "bulk": ended }))?;
    match ended.state {
        BulkState::Done if ended.acted == 0 => Err(nothing_matches()),
        BulkState::Done => Ok(Exit::Done),
        _ => Ok(Exit::Wrong),
    }
}

fn all_were_there(done: usize, missing: &[JobId]) -> Result<Exit, Failure> {
    match missing {
        [] if done == 0 => Err(nothing_matches()),
        [] => Ok(Exit::Done),
        [id] => Err(not_there(id.as_str())),
        [id, ..] => {
            let text = format!("{} letters are not on the shelf, such as `{id}`", missing.len());
            Err(Failure::NothingMatched(text))
        }
    }
}

fn left_out(asked: &[JobId], done: &[JobId]) -> Vec<JobId> {
    let done: std::collections::HashSet<&JobId> = done.iter().collect();
    asked.iter().filter(|id| !done.contains(id)).cloned().collect()
}

fn letters(n: usize) -> String {
    if n == 1 { "1 letter".to_owned() } else { format!("{n} letters") }
}

/// Closes the entry of what was done to chosen letters, or takes it back when there was none.
async fn close(begun: Begun, done: &[JobId], after: impl FnOnce(usize) -> String) -> Result<(), Failure> {
    match done {
        [] => begun.withdraw().await,
        done => begun.close(named(done), None, Some(after(done.len()))).await,
    }
}

/// All of them: whoever asks the audit for one finds who did what to it.
fn named(ids: &[JobId]) -> String {
    ids.iter().map(JobId::as_str).collect::<Vec<_>>().join(" ")
}
