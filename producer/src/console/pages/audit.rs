//! What people did.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;
use mlc_ledger::{ActionEntry, ActionFilter, PersonAction};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    action::{
        begun::UNFINISHED,
        edit::{FieldChange, unseal},
    },
    console::{
        call::Call,
        components::{empty, facts, filters, live, next_page, or_dash, segment, table, text, time},
        error::ConsoleError,
        json_text::json_text,
        reply::{Entry, View},
        route::Route,
    },
};

/// Most actions per page.
const MOST: usize = 200;
/// Actions per page unless asked otherwise.
const USUAL: usize = 50;
/// Longest text of a filter.
const LONGEST: usize = 200;

/// Which actions.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Query {
    /// Only of people whose name contains this, in any case.
    who: Option<String>,
    /// Only of this kind, or a part of its name, such as `replay`.
    what: Option<String>,
    /// Only about what contains this, such as a record's key or a connection.
    subject: Option<String>,
    /// Where the list goes on: `next` of the part before.
    after: Option<String>,
    /// Most actions to list, 1 to 200. Default 50.
    limit: Option<usize>,
}

/// What people did, newest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Actions {
    /// The actions. A search can give few or none and have a `next` all the same.
    items: Vec<ActionRow>,
    /// `after` of the next part; `null` at the end.
    next: Option<String>,
}

/// One action.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ActionRow {
    /// Its place in the audit.
    id: String,
    /// When.
    at: DateTime<Utc>,
    /// Who did it.
    who: String,
    /// What was done.
    what: String,
    /// What it was done to.
    subject: String,
    /// State before, where there is one.
    before: Option<String>,
    /// State after, where there is one.
    after: Option<String>,
    /// Whether it only began, and nobody wrote down how it ended: it is under way, or whoever carried it out died with it. Look at its
    /// subject to see whether it was done.
    unfinished: bool,
    /// Whether its page has more to tell to operators.
    has_more: bool,
}

/// One action with what its page tells beside it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ActionPage {
    /// The action.
    action: ActionRow,
    /// What changed in words that may be personal data.
    changes: Changes,
}

/// What changed in words that may be personal data, such as fields of a payload.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Changes {
    /// There is nothing more to tell.
    None,
    /// Hidden for the role of whoever asks.
    Hidden,
    /// It was not asked for.
    Closed,
    /// No key of the vault opens it.
    Unreadable,
    /// Field by field.
    Open {
        /// The fields that changed.
        fields: Vec<ChangedField>,
    },
}

/// One field that changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ChangedField {
    /// Where it stands, such as `records[0].vendor.name`.
    path: String,
    /// What stood there; `null` = nothing did.
    before: Option<Value>,
    /// What stands there now; `null` = nothing does.
    after: Option<Value>,
}

/// What to show of one action.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct OneQuery {
    /// `1` opens what may be personal data, for operators; that is recorded.
    content: Option<u8>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::show("/audit", "What people did, newest first", list).asks::<Query>().answers::<Actions>(),
        Route::show("/audit/{id}", "One action of a person", one)
            .asks::<OneQuery>()
            .answers::<ActionPage>()
            .audited("open_action"),
    ]
}

async fn list(call: Call) -> Result<View, ConsoleError> {
    let query: Query = call.query()?;
    let limit = query.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(ConsoleError::bad_input(format!("`limit` is {limit}: use 1 to {MOST}.")));
    }
    for (name, given) in [("who", &query.who), ("what", &query.what), ("subject", &query.subject)] {
        if given.as_ref().is_some_and(|given| given.len() > LONGEST) {
            return Err(ConsoleError::bad_input(format!("`{name}` is longer than {LONGEST} bytes.")));
        }
    }
    let filter = ActionFilter { who: query.who.clone(), what: query.what.clone(), subject: query.subject.clone() };
    let listed = call.rooms.ledger.actions(&filter, query.after.as_deref(), limit).await;
    let (entries, next) = listed.map_err(|error| match error {
        mlc_ledger::LedgerError::NoSuchPlace => {
            ConsoleError::bad_input("`after` is no place in this list: begin at its first page.")
        }
        other => other.into(),
    })?;
    let actions = Actions { items: entries.into_iter().map(ActionRow::from).collect(), next };
    let (raw, now) = (call.raw_query().to_owned(), call.now);
    Ok(View::new("/audit", "Audit", actions, move |actions, _viewer| list_page(actions, &query, &raw, now)))
}

async fn one(call: Call) -> Result<View, ConsoleError> {
    let gone = || ConsoleError::not_found("This action is not in the audit: it is long past, or never was.");
    let found = call.rooms.ledger.action(call.text("id")).await.map_err(|error| match error {
        mlc_ledger::LedgerError::NoSuchPlace => gone(),
        other => other.into(),
    })?;
    let found = found.ok_or_else(gone)?;
    let query: OneQuery = call.query()?;
    let changes = changes_of(&call, &found, query.content == Some(1));
    let opened = matches!(changes, Changes::Open { .. });
    let page = ActionPage { action: ActionRow::from(found), changes };
    let (now, id) = (call.now, page.action.id.clone());
    let title = format!("{} by {}", page.action.what, page.action.who);
    let view = View::new("/audit", title, page, move |page, _viewer| one_page(page, now));
    Ok(if opened { view.recorded(Entry::about(format!("action {id}"))) } else { view })
}

fn changes_of(call: &Call, entry: &ActionEntry, content: bool) -> Changes {
    if entry.action.sealed.is_none() {
        return Changes::None;
    }
    if !call.viewer.may(Role::Operator) {
        return Changes::Hidden;
    }
    if !content {
        return Changes::Closed;
    }
    let field = |change: FieldChange| ChangedField { path: change.path, before: change.before, after: change.after };
    unseal(&call.rooms, &entry.action)
        .map_or(Changes::Unreadable, |changes| Changes::Open { fields: changes.into_iter().map(field).collect() })
}

impl From<ActionEntry> for ActionRow {
    fn from(ActionEntry { id, action }: ActionEntry) -> Self {
        let has_more = action.sealed.is_some();
        let PersonAction { who, what, subject, before, after, at, unfinished, .. } = action;
        Self { id, at, who, what, subject, before, after, unfinished, has_more }
    }
}

fn list_page(actions: &Actions, query: &Query, raw: &str, now: DateTime<Utc>) -> Markup {
    let field = |label: &str, name: &str, value: Option<&str>| {
        html! {
            label .field { span { (label) } input type="text" name=(name) value=[value] maxlength=(LONGEST) autocomplete="off"; }
        }
    };
    let narrowed = [&query.who, &query.what, &query.subject, &query.after]
        .into_iter()
        .any(|given| given.as_ref().is_some_and(|text| !text.is_empty()));
    html! {
        h1 { "Audit" }
        (filters("/audit", html! {
            (field("Who", "who", query.who.as_deref()))
            (field("What was done", "what", query.what.as_deref()))
            (field("To what", "subject", query.subject.as_deref()))
        }))
        (live("audit-actions", "audit", html! {
            @if actions.items.is_empty() {
                (empty(match actions.next {
                    Some(_) => "None among those looked at so far.",
                    None if narrowed => "None of the actions is like this.",
                    None => "Nobody has done anything yet.",
                }))
            } @else {
                (table("What people did", &["When", "Who", "What", "To what", "Before", "After"], rows(actions, now)))
            }
            (next_page("/audit", raw, actions.next.as_deref()))
        }))
    }
}

fn rows(actions: &Actions, now: DateTime<Utc>) -> Markup {
    html! {
        @for row in &actions.items {
            tr {
                th scope="row" { a href={ "/audit/" (segment(&row.id)) } { (time(row.at, now)) } }
                td { (text(&row.who)) }
                td .tight { (text(&row.what)) }
                td { (text(&beginning(&row.subject))) }
                td .wide { (or_dash(row.before.as_deref())) }
                td .wide { (ended(row)) }
            }
        }
    }
}

/// How it ended, as far as that is known.
fn ended(row: &ActionRow) -> Markup {
    if row.unfinished {
        html! { strong { (UNFINISHED) } }
    } else {
        or_dash(row.after.as_deref())
    }
}

/// Of many names the first ones: the page of the action has all.
fn beginning(subject: &str) -> String {
    const SHOWN: usize = 100;
    match subject.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", subject[..end].trim_end()),
        None => subject.to_owned(),
    }
}

fn one_page(page: &ActionPage, now: DateTime<Utc>) -> Markup {
    let row = &page.action;
    html! {
        h1 { (text(&row.what)) " by " (text(&row.who)) }
        (facts(&[
            ("When", time(row.at, now)),
            ("Who", text(&row.who)),
            ("What", text(&row.what)),
            ("To what", text(&row.subject)),
            ("Before", or_dash(row.before.as_deref())),
            ("After", ended(row)),
        ]))
        @if row.unfinished {
            p .message .warn {
                "Nobody wrote down how this ended: it is under way at this moment, or whoever carried it out was stopped in the middle. \
                 Look at what it was about to see whether it was done."
            }
        }
        @match &page.changes {
            Changes::None => {}
            Changes::Hidden => { p .hint { "What changed in detail is hidden for your role." } }
            Changes::Unreadable => {
                p .message .error { "What changed in detail cannot be shown: no key of the vault opens it." }
            }
            Changes::Closed => {
                p {
                    a .button href={ "/audit/" (segment(&row.id)) "?content=1" } { "Show what changed" }
                    " " span .hint { "It may hold personal data; that you looked is recorded." }
                }
            }
            Changes::Open { fields } => {
                h2 { "What changed" }
                @for field in fields {
                    section {
                        h3 { (text(&field.path)) }
                        div .columns { (side("Before", field.before.as_ref())) (side("After", field.after.as_ref())) }
                    }
                }
            }
        }
        p { a href="/audit" { "All actions" } }
    }
}

fn side(title: &str, value: Option<&Value>) -> Markup {
    html! {
        div {
            h4 { (title) }
            @match value {
                Some(value) => { (json_text(title, value)) }
                None => { (empty("Nothing.")) }
            }
        }
    }
}
