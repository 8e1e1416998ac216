//! One record of one flow.

use mlc_ledger::{AuditEntry, AuditId};
use mlc_model::{FlowId, RecordKey};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{
    about::Work,
    dto::{RecordPage, ReviewRow, TrailRow, delivered_at, words_of},
    exchange::ExchangeShown,
    screens::screens,
    view,
};
use crate::{
    action::record::{Found, read_afresh},
    console::{
        call::Call,
        components::record_path,
        error::ConsoleError,
        reply::{Done, Entry, View},
        route::Route,
    },
};

/// Entries of the trail per page.
const ENTRIES: usize = 50;
/// Most items of the review list.
const REVIEWS: usize = 100;
/// Longest key in bytes, as the ledger has it.
const KEY_LIMIT: usize = 512;

/// What to show of it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Query {
    /// `1` opens what was read, sent and answered, for operators; that is recorded.
    content: Option<u8>,
    /// Where the part of the trail begins: `next` of the part before.
    after: Option<String>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::show("/records/{flow}/{key}", "One record: its state, last exchange, trail and jobs", show)
            .asks::<Query>()
            .answers::<RecordPage>()
            .audited("open_exchange"),
        Route::act("/records/{flow}/{key}/read", "read_record", "Read the record afresh and write it again", read),
    ]
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let (flow, key) = names(&call)?;
    let query: Query = call.query()?;
    let rooms = &call.rooms;
    let settings = rooms.flow(flow.as_str())?.1;
    let row = rooms.ledger.row(&flow, std::slice::from_ref(&key)).await?.pop().flatten();
    let newest = row.as_ref().and_then(|row| row.last_entry);
    let start = match &query.after {
        None => newest,
        Some(text) => {
            Some(text.parse::<AuditId>().map_err(|_| ConsoleError::bad_input("`after` is no place in this trail."))?)
        }
    };
    let (trail, next) = match start {
        Some(start) => rooms.ledger.audit_chain(&flow, &key, start, ENTRIES).await?,
        None => (Vec::new(), None),
    };
    let work = Work::of(&rooms.queue, &key, &call.viewer).await?;
    let reviews = rooms.ledger.reviews_of(&flow, &key).await?;
    let exchange = ExchangeShown::read(&call, &flow, &key, query.content == Some(1)).await?;
    let traces = [work.jobs.is_empty(), work.letters.is_empty(), reviews.is_empty()];
    if row.is_none() && matches!(exchange, ExchangeShown::None) && traces.iter().all(|none| *none) {
        return Err(unseen(&flow, &key));
    }
    let target_id = row.as_ref().and_then(|row| row.target.as_ref()).map(ToString::to_string);
    let delivered = row.as_ref().and_then(|row| row.delivered);
    let found = Found { job: !work.jobs.is_empty(), letter: !work.letters.is_empty() };
    let page = RecordPage {
        push: row.as_ref().filter(|_| reviews.is_empty()).and_then(|row| found.told(row)),
        state: words_of(row.as_ref()),
        seen_version: row.as_ref().and_then(|row| row.seen).map(|version| version.0),
        delivered_version: delivered.map(|delivered| delivered.version.0),
        fingerprint: delivered.map(|delivered| delivered.fingerprint.to_string()),
        delivered_at: delivered_at(&trail).filter(|_| query.after.is_none()),
        screens: screens(rooms, &flow, settings, &key, target_id.as_deref()).await?,
        target_id,
        trail: trail.iter().map(|entry| TrailRow::seen_by(entry, &call.viewer)).collect(),
        next: more(&trail, next),
        reviews: reviews.iter().take(REVIEWS).map(ReviewRow::from).collect(),
        work,
        other_flows: other_flows(&call, &flow, &key).await?,
        exchange,
        flow: flow.to_string(),
        key: key.to_string(),
    };
    let opened = page.exchange.is_open();
    let now = call.now;
    let view = View::new("/records", format!("Record {key}"), page, move |page, viewer| view::page(page, viewer, now));
    Ok(if opened { view.recorded(Entry::about(format!("{flow} {key}"))) } else { view })
}

/// Where the trail goes on; a part that is shorter than it may be ended where older entries were trimmed.
fn more(trail: &[AuditEntry], next: Option<AuditId>) -> Option<String> {
    next.filter(|_| trail.len() == ENTRIES).map(|next| next.to_string())
}

async fn other_flows(call: &Call, flow: &FlowId, key: &RecordKey) -> Result<Vec<String>, ConsoleError> {
    let mut others = Vec::new();
    for other in call.rooms.settings.flows.keys().filter(|other| *other != flow) {
        if call.rooms.ledger.row(other, std::slice::from_ref(key)).await?.pop().flatten().is_some() {
            others.push(other.to_string());
        }
    }
    Ok(others)
}

async fn read(call: Call) -> Result<Done, ConsoleError> {
    let (flow, key) = names(&call)?;
    let Some(job) = read_afresh(&call.rooms, &flow, &key).await? else {
        return Err(ConsoleError::conflict(format!(
            "{key} cannot be read by itself in {flow}: it is of another company or kind, or its company in the shop is not known yet. Let the flow run instead."
        )));
    };
    Ok(Done {
        message: format!("{key} is being read afresh by job {job}."),
        back: record_path(flow.as_str(), key.as_str()),
        answer: json!({ "job": job }),
        entry: Entry::about(format!("{flow} {key}")).after(format!("job {job}")),
    })
}

fn names(call: &Call) -> Result<(FlowId, RecordKey), ConsoleError> {
    let (flow, _) = call.rooms.flow(call.text("flow"))?;
    let key = RecordKey::from_text(call.text("key"));
    if key.as_str().is_empty() || key.as_str().len() > KEY_LIMIT {
        return Err(ConsoleError::not_found("This is no key of a record: keys look like EPIC06:VEND:118."));
    }
    Ok((flow, key))
}

fn unseen(flow: &FlowId, key: &RecordKey) -> ConsoleError {
    let key: String = key.as_str().chars().filter(|c| !c.is_control()).take(80).collect();
    ConsoleError::not_found(format!("{flow} has never seen a record {key}; keys look like EPIC06:VEND:118."))
}
