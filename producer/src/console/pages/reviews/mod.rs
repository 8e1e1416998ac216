//! The review list: what only a person can decide.

mod amounts;
mod page;

use chrono::{DateTime, Utc};
use mlc_accounts::Role;
use mlc_ledger::{Action, AuditEntry, ReviewFilter, ReviewId, ReviewItem, ReviewKind, ReviewState};
use mlc_model::FlowId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::amounts::Amounts;
use crate::{
    action::review::{accept, decide, find, without_note},
    console::{
        call::{Call, Viewer},
        error::ConsoleError,
        reply::{Done, Entry, View},
        route::Route,
    },
};

/// Items on a page.
const PER_PAGE: usize = 50;
/// Entries of a record's trail that are searched for decisions.
const TRAIL: usize = 60;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::show("/reviews", "What waits for a person's decision, and what was decided", list)
            .asks::<Wanted>()
            .answers::<ReviewList>(),
        Route::show("/reviews/{id}", "One item of the review list", show).answers::<ReviewPage>(),
        Route::act(
            "/reviews/{id}/accept",
            "reviews.accept",
            "Let an open one through; the record is read afresh",
            accept_item,
        )
        .takes::<Note>()
        .recorded_by_ledger(),
        Route::act("/reviews/{id}/dismiss", "reviews.dismiss", "Close an open one; nothing is written", dismiss)
            .takes::<Note>()
            .recorded_by_ledger(),
        Route::act("/reviews/{id}/reopen", "reviews.reopen", "Put a decided item back on the list", reopen)
            .takes::<Note>()
            .recorded_by_ledger(),
    ]
}

/// Which items.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Wanted {
    /// `open` (default), `accepted`, `dismissed` or `all`.
    state: Option<String>,
    /// Only this kind: `price_difference`, `debit_memo`, `correction`, `conflict` or `unmatched`.
    kind: Option<String>,
    /// Only this flow.
    flow: Option<String>,
    /// `next` of the part before.
    after: Option<String>,
}

/// A part of the review list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ReviewList {
    /// How many items stand in each state, whatever the filter.
    counts: Counts,
    /// Newest first.
    items: Vec<Review>,
    /// `after` of the next part; null when there is no more. A part can be short and still have a next one.
    next: Option<String>,
}

/// Items by state.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
struct Counts {
    /// Nobody decided yet.
    open: u64,
    /// Let through.
    accepted: u64,
    /// Closed without letting anything through.
    dismissed: u64,
}

/// An item of the review list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Review {
    /// Its number.
    id: String,
    /// The flow that came upon it.
    flow: String,
    /// The record it is about.
    key: String,
    /// Why a person has to look.
    kind: String,
    /// `open`, `accepted` or `dismissed`.
    state: String,
    /// One sentence.
    summary: String,
    /// When it was raised first.
    first_at: DateTime<Utc>,
    /// When it was raised last.
    last_at: DateTime<Utc>,
    /// How often it was raised.
    times: u64,
    /// Counts up when the facts change: send it with a decision, so that it is made about the facts that were seen.
    revision: u64,
    /// Who decided; null while open.
    decided_by: Option<String>,
    /// When; null while open.
    decided_at: Option<DateTime<Utc>>,
    /// What that person wrote; null for who may only look, because people write names into notes.
    note: Option<String>,
    /// The job that raised it last.
    job: Option<String>,
}

/// An item with everything that is known about it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ReviewPage {
    /// The item.
    item: Review,
    /// Facts that are amounts, to be compared.
    amounts: Vec<Amounts>,
    /// The other facts.
    facts: Vec<Fact>,
    /// Whether accepting it reads the record afresh at its source.
    reads_afresh: bool,
    /// What was raised and decided about this record, newest first.
    history: Vec<Event>,
}

/// A fact that is no amount.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Fact {
    /// What it is about.
    name: String,
    /// The fact.
    text: String,
}

/// Something that was raised or decided.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Event {
    /// When.
    at: DateTime<Utc>,
    /// What; without the note of a decision for who may only look.
    text: String,
    /// The job that raised it.
    job: Option<String>,
}

/// What a person writes with a decision.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Note {
    /// Why, for those who wonder later. Needed to dismiss. At most 4,000 bytes, kept with the item.
    note: Option<String>,
    /// `revision` of the item that was looked at. A decision about facts that changed since is refused (409). Left out: decides
    /// about the facts as they stand.
    revision: Option<u64>,
}

impl Review {
    fn seen_by(item: &ReviewItem, viewer: &Viewer) -> Self {
        Self {
            id: item.id.to_string(),
            flow: item.flow.to_string(),
            key: item.key.to_string(),
            kind: item.kind.to_string(),
            state: item.state.to_string(),
            summary: item.summary.clone(),
            first_at: item.first_at,
            last_at: item.last_at,
            times: item.times,
            revision: item.revision,
            decided_by: item.decided_by.clone(),
            decided_at: item.decided_at,
            note: item.note.clone().filter(|_| viewer.may(Role::Operator)),
            job: item.job.as_ref().map(ToString::to_string),
        }
    }
}

async fn list(call: Call) -> Result<View, ConsoleError> {
    let wanted: Wanted = call.query()?;
    let bad = |error: mlc_ledger::InvalidReview| ConsoleError::bad_input(error.to_string());
    let state = match wanted.state.as_deref().unwrap_or("open") {
        "all" => None,
        state => Some(state.parse::<ReviewState>().map_err(bad)?),
    };
    let kind = wanted.kind.as_deref().map(str::parse::<ReviewKind>).transpose().map_err(bad)?;
    let flow = wanted.flow.as_deref().map(FlowId::parse).transpose();
    let flow = flow.map_err(|_| ConsoleError::bad_input("This is no flow's name."))?;
    let after = wanted.after.as_deref().map(str::parse::<ReviewId>).transpose().map_err(bad)?;
    let ledger = &call.rooms.ledger;
    let filter = ReviewFilter { state, kind, flow };
    let (open, accepted, dismissed, (items, next)) = tokio::try_join!(
        ledger.review_count(Some(ReviewState::Open)),
        ledger.review_count(Some(ReviewState::Accepted)),
        ledger.review_count(Some(ReviewState::Dismissed)),
        ledger.search_reviews(&filter, after, PER_PAGE),
    )?;
    let list = ReviewList {
        counts: Counts { open, accepted, dismissed },
        items: items.iter().map(|item| Review::seen_by(item, &call.viewer)).collect(),
        next: next.map(|id| id.to_string()),
    };
    let frame = page::Frame {
        filter,
        flows: call.rooms.settings.flows.keys().map(ToString::to_string).collect(),
        query: call.raw_query().to_owned(),
        now: call.now,
    };
    Ok(View::new("/reviews", "Review list", list, move |list, _| page::list(list, &frame)))
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let item = find(call.text("id"), &call.rooms).await?;
    let trail = call.rooms.ledger.audit_record(&item.flow, &item.key, TRAIL).await?;
    let history = trail.into_iter().filter(|entry| entry.action == Action::Reviewed).map(|entry| Event {
        at: entry.at,
        text: trail_text(&entry, &call.viewer).unwrap_or_else(|| "reviewed".to_owned()),
        job: entry.job.map(|job| job.to_string()),
    });
    let (mut amounts, mut facts) = (Vec::new(), Vec::new());
    for (name, text) in &item.facts {
        match amounts::read(name, text) {
            Some(pair) => amounts.push(pair),
            None => facts.push(Fact { name: name.clone(), text: text.clone() }),
        }
    }
    let shown = ReviewPage {
        item: Review::seen_by(&item, &call.viewer),
        amounts,
        facts,
        reads_afresh: crate::action::review::comes_from_epicor(&item, &call.rooms),
        history: history.collect(),
    };
    let now = call.now;
    let title = format!("Review {}", item.id);
    Ok(View::new("/reviews", title, shown, move |shown, viewer| page::one(shown, viewer, now)))
}

/// An entry of a record's trail in the words that somebody may read.
pub(super) fn trail_text(entry: &AuditEntry, viewer: &Viewer) -> Option<String> {
    if viewer.may(Role::Operator) { entry.detail.clone() } else { without_note(entry).map(str::to_owned) }
}

async fn accept_item(call: Call) -> Result<Done, ConsoleError> {
    let Asked { item, note, seen } = asked(&call).await?;
    let (item, job) = accept(&item, seen, note.as_deref(), &call.rooms).await?;
    let more = match &job {
        Some(job) => format!("; the record is read afresh by job {job}"),
        None => String::new(),
    };
    let job = job.map(|job| job.to_string());
    Ok(done(&call, &item, format!("Accepted {} of {}{more}.", item.kind, item.key), job))
}

async fn dismiss(call: Call) -> Result<Done, ConsoleError> {
    let Asked { item, note, seen } = asked(&call).await?;
    let item = decide(&item, ReviewState::Dismissed, seen, note.as_deref(), &call.rooms).await?;
    Ok(done(&call, &item, format!("Dismissed {} of {}.", item.kind, item.key), None))
}

async fn reopen(call: Call) -> Result<Done, ConsoleError> {
    let Asked { item, note, seen } = asked(&call).await?;
    let item = decide(&item, ReviewState::Open, seen, note.as_deref(), &call.rooms).await?;
    Ok(done(&call, &item, format!("{} of {} is open again.", item.kind, item.key), None))
}

/// What a person decides about.
struct Asked {
    item: ReviewItem,
    note: Option<String>,
    seen: Option<u64>,
}

/// Whether the item can still be decided only the ledger knows.
async fn asked(call: &Call) -> Result<Asked, ConsoleError> {
    let Note { note, revision } = call.input()?;
    Ok(Asked { item: find(call.text("id"), &call.rooms).await?, note, seen: revision })
}

fn done(call: &Call, item: &ReviewItem, message: String, job: Option<String>) -> Done {
    Done {
        message,
        back: format!("/reviews/{}", item.id),
        answer: json!({ "item": Review::seen_by(item, &call.viewer), "job": job }),
        entry: Entry::about(format!("review {}", item.id)),
    }
}
