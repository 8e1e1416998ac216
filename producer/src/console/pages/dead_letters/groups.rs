//! `/dead-letters`: what was given up, grouped by its cause.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;
use mlc_queue::Cause;
use schemars::JsonSchema;
use serde::Serialize;

use super::{actions, dto::TriageSeen};
use crate::console::{
    call::{Call, Viewer},
    components::{badge, empty, number, or_dash, table, text, time},
    error::ConsoleError,
    forms::query_with,
    pages::jobs::dto::example_for,
    reply::View,
    route::Route,
};

/// Most groups on the page; those with the most letters stand first.
const GROUPS_SHOWN: usize = 200;

/// The shelf by cause.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Groups {
    /// All letters on the shelf.
    letters: u64,
    /// Bytes on the shelf.
    bytes: u64,
    /// Bytes allowed there; beyond them the oldest letters go, each with an entry.
    bytes_budget: u64,
    /// Letters by connection and kind of fault.
    lanes: Vec<LaneShare>,
    /// Groups, most letters first.
    groups: Vec<Group>,
    /// Groups that are not listed because they are too many.
    more_groups: u64,
}

/// The letters of one connection.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct LaneShare {
    /// The connection.
    lane: String,
    /// Its letters.
    letters: u64,
    /// The same by kind of fault.
    faults: Vec<super::dto::Share>,
}

/// Letters with the same cause: system, fault, operation, code and field.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Group {
    /// Names it in filters.
    cause: String,
    /// Who said so.
    system: String,
    /// Kind of fault.
    fault: String,
    /// What was being done.
    operation: String,
    /// The system's own code.
    code: Option<String>,
    /// The field it is about.
    field: Option<String>,
    /// How many.
    letters: u64,
    /// When the oldest one died.
    first_at: DateTime<Utc>,
    /// When the newest one died.
    last_at: DateTime<Utc>,
    /// The newest one's reason.
    example: String,
    /// Who looks after the group, and a note.
    triage: Option<TriageSeen>,
}

impl Group {
    fn seen_by(cause: Cause, viewer: &Viewer) -> Self {
        let [system, fault, operation, code, field] = parts(&cause.text);
        let some = |part: String| (part != "-" && !part.is_empty()).then_some(part);
        Self {
            cause: cause.hash,
            system,
            fault,
            operation,
            code: some(code),
            field: some(field),
            letters: cause.letters,
            first_at: cause.first_at,
            last_at: cause.last_at,
            example: example_for(&cause.text, &cause.example, viewer),
            triage: cause.triage.as_ref().map(|triage| TriageSeen::seen_by(triage, viewer)),
        }
    }
}

/// `system/fault/operation/code/field` taken apart; an operation may hold slashes of its own.
pub(crate) fn parts(text: &str) -> [String; 5] {
    let mut front = text.splitn(3, '/');
    let (system, fault) = (front.next().unwrap_or_default(), front.next().unwrap_or_default());
    let mut back = front.next().unwrap_or_default().rsplitn(3, '/');
    let (field, code) = (back.next().unwrap_or_default(), back.next().unwrap_or_default());
    [system, fault, back.next().unwrap_or_default(), code, field].map(str::to_owned)
}

pub(super) fn routes() -> Vec<Route> {
    vec![Route::show("/dead-letters", "Dead letters grouped by cause, with totals", show).answers::<Groups>()]
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let stats = call.rooms.queue.stats().await?;
    let mut causes = call.rooms.queue.causes().await?;
    let more_groups = causes.len().saturating_sub(GROUPS_SHOWN) as u64;
    causes.truncate(GROUPS_SHOWN);
    let share = |(name, letters): (&String, &u64)| super::dto::Share { name: name.clone(), letters: *letters };
    let lanes: Vec<LaneShare> = stats
        .dead
        .iter()
        .map(|(lane, faults)| LaneShare {
            lane: lane.clone(),
            letters: faults.values().sum(),
            faults: faults.iter().filter(|(_, n)| **n > 0).map(share).collect(),
        })
        .filter(|lane| lane.letters > 0)
        .collect();
    let groups = Groups {
        letters: lanes.iter().map(|lane| lane.letters).sum(),
        bytes: stats.dead_bytes,
        bytes_budget: stats.dead_bytes_budget,
        lanes,
        groups: causes.into_iter().map(|cause| Group::seen_by(cause, &call.viewer)).collect(),
        more_groups,
    };
    let now = call.now;
    Ok(View::new("/dead-letters", "Dead letters", groups, move |groups, viewer| page_of(groups, viewer, now)))
}

fn page_of(groups: &Groups, viewer: &Viewer, now: DateTime<Utc>) -> Markup {
    html! {
        h1 { "Dead letters" }
        p .crumbs {
            a href="/dead-letters/list" { "All letters, newest first" } " · "
            a href="/bulk" { "Bulk operations" }
        }
        div #groups data-live="dead" {
            @if groups.groups.is_empty() { (empty("The dead-letter shelf is empty: nothing was given up.")) }
            @else {
                p {
                    strong { (super::dto::letters(groups.letters)) } " in " (number(groups.groups.len() as u64 + groups.more_groups))
                    " groups; " (megabytes(groups.bytes)) " of " (megabytes(groups.bytes_budget)) " used"
                }
                (lanes(&groups.lanes))
                h2 { "By cause" }
                (table("Groups by cause", &["Cause", "#Letters", "First", "Last", "Newest reason", "Looked after by", "Do"], rows(groups, viewer, now)))
                @if groups.more_groups > 0 {
                    p .note { (number(groups.more_groups)) " smaller groups are not listed: filter the letters instead." }
                }
            }
        }
    }
}

fn lanes(lanes: &[LaneShare]) -> Markup {
    let rows = html! {
        @for lane in lanes {
            tr {
                th scope="row" { a href={ "/dead-letters/list?" (query_with("", &[("lane", Some(&lane.lane))])) } { (text(&lane.lane)) } }
                td .n { (number(lane.letters)) }
                td {
                    @for (place, share) in lane.faults.iter().enumerate() {
                        @if place > 0 { ", " }
                        @let query = query_with("", &[("lane", Some(&lane.lane)), ("fault", Some(&share.name))]);
                        a href={ "/dead-letters/list?" (query) } { (share.name) } " " (number(share.letters))
                    }
                }
            }
        }
    };
    html! { h2 { "By connection" } (table("Letters by connection", &["Connection", "#Letters", "Faults"], rows)) }
}

fn rows(groups: &Groups, viewer: &Viewer, now: DateTime<Utc>) -> Markup {
    html! {
        @for group in &groups.groups {
            @let query = query_with("", &[("cause", Some(&group.cause))]);
            tr {
                th scope="row" {
                    (badge("bad", &group.fault)) " "
                    a href={ "/dead-letters/list?" (query) } { (text(&group.system)) " " (text(&group.operation)) }
                    @if let Some(code) = &group.code { br; span .note { "code " (text(code)) } }
                    @if let Some(field) = &group.field { br; span .note { "field " (text(field)) } }
                }
                td .n { (number(group.letters)) }
                td { (time(group.first_at, now)) }
                td { (time(group.last_at, now)) }
                td .long { (text(&group.example)) }
                td {
                    @match &group.triage { Some(triage) => (triage.line()), None => (or_dash(None)) }
                }
                td .tight {
                    @if viewer.may(Role::Operator) {
                        p .actions {
                            a .button href={ "/dead-letters/replay-matching?" (query) } { "Replay…" }
                            a .button href={ "/dead-letters/discard-matching?" (query) } { "Discard…" }
                        }
                        details .confirm {
                            summary { "Assign or note" }
                            (actions::triage_form(&format!("/dead-letters/causes/{}/triage", group.cause), group.triage.as_ref()))
                        }
                    } @else { (or_dash(None)) }
                }
            }
        }
    }
}

fn megabytes(bytes: u64) -> String {
    match bytes {
        0..=1_048_575 => format!("{} KiB", number(bytes.div_ceil(1024))),
        _ => format!("{} MiB", number(bytes / 1_048_576)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_taken_apart_whatever_its_operation_is_called() {
        let read = |text: &str| parts(text).join("|");
        assert_eq!(read("connector/rejected/vendor_to_company/-/name"), "connector|rejected|vendor_to_company|-|name");
        assert_eq!(read("adobe/rejected/POST /V1/orders/E1/-"), "adobe|rejected|POST /V1/orders|E1|-");
        assert_eq!(read("x"), "x||||");
    }
}
