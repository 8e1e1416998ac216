//! One record, as the page and the API show it.

use chrono::{DateTime, Utc};
use mlc_ledger::{Action, AuditEntry, ReviewItem, Row};
use schemars::JsonSchema;
use serde::Serialize;

use super::{super::reviews::trail_text, about::Work, exchange::ExchangeShown, screens::Screen};
use crate::console::call::Viewer;

/// One record of one flow.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct RecordPage {
    /// The flow.
    pub(super) flow: String,
    /// The key.
    pub(super) key: String,
    /// Where it stands, such as `delivered`, `pending`, `refused`; `unseen` when the flow has never seen it.
    pub(super) state: Vec<String>,
    /// What became of a push that has not come to a good end; `null` when there is none, or when a person has to decide about it.
    pub(super) push: Option<&'static str>,
    /// Newest version seen at the source; `null` when none was.
    pub(super) seen_version: Option<i64>,
    /// Version that the target took last; `null` when it took none, or it was deleted there.
    pub(super) delivered_version: Option<i64>,
    /// Fingerprint of what the target took last.
    pub(super) fingerprint: Option<String>,
    /// When the target took it last; `null` when it never did, or longer ago than this part of the trail.
    pub(super) delivered_at: Option<DateTime<Utc>>,
    /// Its id at the target.
    pub(super) target_id: Option<String>,
    /// What was read, sent and answered last.
    pub(super) exchange: ExchangeShown,
    /// What happened to it, newest first.
    pub(super) trail: Vec<TrailRow>,
    /// `after` of the next part of the trail.
    pub(super) next: Option<String>,
    /// What a person has to decide about it, or has decided.
    pub(super) reviews: Vec<ReviewRow>,
    /// Jobs that wait or run for it, and its dead letters.
    pub(super) work: Work,
    /// Where the systems show it.
    pub(super) screens: Vec<Screen>,
    /// Other flows that have seen a record with this key.
    pub(super) other_flows: Vec<String>,
}

/// One entry of the trail.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct TrailRow {
    /// Its place in the flow's audit.
    id: String,
    /// When.
    pub(super) at: DateTime<Utc>,
    /// What happened.
    pub(super) action: String,
    /// Version at the source.
    pub(super) version: Option<i64>,
    /// Fingerprint at the target before.
    pub(super) before: Option<String>,
    /// Fingerprint that this is about; after a delivery it is what stands at the target.
    pub(super) after: Option<String>,
    /// Id at the target.
    target_id: Option<String>,
    /// Window that brought the record in.
    pub(super) window: Option<String>,
    /// Job that carried it.
    pub(super) job: Option<String>,
    /// A few words; without the note of a decision for who may only look.
    pub(super) detail: Option<String>,
}

/// One item of the review list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct ReviewRow {
    /// Its number.
    pub(super) id: String,
    /// Why a person has to look.
    pub(super) kind: String,
    /// `open`, `accepted` or `dismissed`.
    pub(super) state: String,
    /// One sentence.
    pub(super) summary: String,
    /// When it was raised last.
    pub(super) last_at: DateTime<Utc>,
}

impl TrailRow {
    pub(super) fn seen_by(entry: &AuditEntry, viewer: &Viewer) -> Self {
        Self {
            id: entry.id.to_string(),
            at: entry.at,
            action: entry.action.to_string(),
            version: entry.version.map(|version| version.0),
            before: entry.before.map(|print| print.to_string()),
            after: entry.after.map(|print| print.to_string()),
            target_id: entry.target_id.as_ref().map(ToString::to_string),
            window: entry.window.as_ref().map(ToString::to_string),
            job: entry.job.as_ref().map(ToString::to_string),
            detail: trail_text(entry, viewer),
        }
    }
}

impl From<&ReviewItem> for ReviewRow {
    fn from(item: &ReviewItem) -> Self {
        Self {
            id: item.id.to_string(),
            kind: item.kind.to_string(),
            state: item.state.to_string(),
            summary: item.summary.clone(),
            last_at: item.last_at,
        }
    }
}

/// Where a record stands, in words.
pub(super) fn words_of(row: Option<&Row>) -> Vec<String> {
    let Some(row) = row else { return vec!["unseen".to_owned()] };
    let all = [
        (row.delivered.is_some() && !row.pending, "delivered"),
        // What was refused may be on its way again; the row alone cannot tell.
        (row.pending && !row.refused, "pending"),
        (row.refused, "refused"),
        (row.excluded, "excluded"),
    ];
    let words: Vec<String> = all.into_iter().filter(|(is, _)| *is).map(|(_, word)| word.to_owned()).collect();
    if words.is_empty() { vec!["seen".to_owned()] } else { words }
}

/// When the target took a record last, as far as this part of its trail tells.
pub(super) fn delivered_at(trail: &[AuditEntry]) -> Option<DateTime<Utc>> {
    let is_delivery = |entry: &&AuditEntry| {
        matches!(entry.action, Action::Created | Action::Updated | Action::Unchanged) && entry.after.is_some()
    };
    trail.iter().find(is_delivery).map(|entry| entry.at)
}
