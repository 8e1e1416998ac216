//! What only a person can decide.

use mlc_flow::{Entity, flow_kind};
use mlc_ledger::{Action, AuditEntry, AuditNote, LedgerError, REVIEW_NOTE_BYTES, ReviewId, ReviewItem, ReviewState};
use mlc_model::{FlowId, JobId, System};

use super::{record::read_afresh, written};
use crate::{Failure, Rooms};

/// Lets an open item through, and orders its record to be read afresh where it comes from Epicor. Once it is accepted nothing
/// orders that again: after a crash in between the record's own page does.
///
/// # Errors
/// As [`decide`]; those of the order say that the decision itself has taken effect.
pub(crate) async fn accept(
    item: &ReviewItem,
    seen: Option<u64>,
    note: Option<&str>,
    rooms: &Rooms,
) -> Result<(ReviewItem, Option<JobId>), Failure> {
    let item = decide(item, ReviewState::Accepted, seen, note, rooms).await?;
    let told = |why: String| format!("item {} is accepted, but its record could not be ordered: {why}", item.id);
    match go_on(&item, rooms).await {
        Ok(job) => Ok((item, job)),
        Err(Failure::Redis(why) | Failure::Full(why)) => Err(Failure::Redis(told(why))),
        Err(Failure::Defect(why)) => Err(Failure::Defect(told(why))),
        Err(Failure::Wrong(why) | Failure::Usage(why) | Failure::NothingMatched(why)) => Err(Failure::Wrong(told(why))),
    }
}

async fn go_on(item: &ReviewItem, rooms: &Rooms) -> Result<Option<JobId>, Failure> {
    let (flow, settings) = rooms.flow(item.flow.as_str())?;
    if source_row(item, settings.kind(&flow))?.is_none() {
        return Ok(None);
    }
    read_afresh(rooms, &flow, &item.key).await
}

/// Whether accepting the item reads its record afresh.
pub(crate) fn comes_from_epicor(item: &ReviewItem, rooms: &Rooms) -> bool {
    let known = rooms.flow(item.flow.as_str());
    known.is_ok_and(|(flow, settings)| source_row(item, settings.kind(&flow)).is_ok_and(|row| row.is_some()))
}

/// The record as Epicor knows it, where its flow reads such records from there.
fn source_row(item: &ReviewItem, kind: &FlowId) -> Result<Option<(Entity, String)>, Failure> {
    let kind = flow_kind(kind).map_err(|unknown| Failure::Wrong(unknown.to_string()))?;
    let Some((entity, row)) = mlc_epicor::Entity::of_record(&item.key) else { return Ok(None) };
    let entity = Entity::parse(entity.as_str()).filter(|entity| kind.entities.contains(entity));
    Ok(entity.filter(|_| kind.source == System::Epicor).map(|entity| (entity, row.to_string())))
}

/// Records a decision: on the item and among people's actions by the ledger in one step, then in the record's own trail. What
/// came too late stands in neither. `seen` is the revision of the facts that the person looked at.
///
/// # Errors
/// `NothingMatched`, `Usage` for a note beyond 4,000 bytes, one of which nothing can be seen, or none where an item is dismissed,
/// `Wrong` with who was first for an item that is not open any more (to reopen: that is open) or whose facts are others than those
/// seen, `Redis`.
pub(crate) async fn decide(
    item: &ReviewItem,
    state: ReviewState,
    seen: Option<u64>,
    note: Option<&str>,
    rooms: &Rooms,
) -> Result<ReviewItem, Failure> {
    let note = written("note", note.unwrap_or_default())?;
    if state == ReviewState::Dismissed && note.is_none() {
        return Err(Failure::Usage("`note` is empty: say why the item is dismissed".to_owned()));
    }
    if let Some(bytes) = note.map(str::len).filter(|bytes| *bytes > REVIEW_NOTE_BYTES) {
        return Err(Failure::Usage(format!("`note` has {bytes} bytes: use at most {REVIEW_NOTE_BYTES}")));
    }
    let now = rooms.clock.now();
    let item = match rooms.ledger.decide_review(&item.id, state, seen, rooms.person.as_str(), note, now).await {
        Err(error @ LedgerError::Decided(_)) if state == ReviewState::Accepted => {
            // Also for whoever repeats what a crash cut short: no second decision is needed for the reading.
            return Err(Failure::Wrong(format!("{error}, or read its record afresh on the record's page")));
        }
        decided => decided?,
    };
    let mut detail = format!("{} {} by {}", item.kind, item.state, rooms.person);
    if let (ReviewState::Open, Some(note)) = (state, note) {
        // The item itself keeps only notes of decisions.
        detail.push_str(&format!(": {note}"));
    }
    // The record's own trail tells too that a person decided about it.
    let trail = AuditNote { detail: Some(detail), ..AuditNote::new(item.key.clone(), Action::Reviewed, now) };
    rooms.ledger.note(&item.flow, &[trail]).await?;
    Ok(item)
}

/// What a trail's entry tells somebody who may not read notes, because people write names into them: a decision without its
/// note, everything else in full.
pub(crate) fn without_note(entry: &AuditEntry) -> Option<&str> {
    let detail = entry.detail.as_deref()?;
    // What a job raised tells amounts, and nobody's words.
    let is_decision = entry.action == Action::Reviewed && entry.job.is_none();
    // A note begins after the first colon, as `decide` writes it. A name with a colon in it is cut too: too much is harmless.
    detail.split_once(": ").filter(|_| is_decision).map_or(Some(detail), |(decision, _)| Some(decision))
}

/// The item of that number.
///
/// # Errors
/// `NothingMatched`, `Redis`.
pub(crate) async fn find(id: &str, rooms: &Rooms) -> Result<ReviewItem, Failure> {
    let unknown = || {
        let id: String = id.chars().take(40).collect();
        Failure::NothingMatched(format!(
            "item `{id}` is not on the review list; `mlc review list --state all` shows those that are"
        ))
    };
    let parsed: ReviewId = id.parse().map_err(|_| unknown())?;
    rooms.ledger.review(&parsed).await?.ok_or_else(unknown)
}
