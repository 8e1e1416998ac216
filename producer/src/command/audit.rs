//! `mlc audit`: who or what changed something, and when.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use mlc_ledger::{ActionEntry, ActionFilter, AuditEntry, Past};
use mlc_model::{RecordKey, WindowId};
use serde::Serialize;
use serde_json::json;

use super::{Caller, limit, sync::since};
use crate::{
    Exit, Failure, Rooms,
    action::{
        begun::UNFINISHED,
        edit::{self, FieldChange},
        record::Found,
    },
    output::{Output, instant, or_dash},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// The trail of one record, newest first.
    Record {
        /// The flow.
        flow: String,
        /// The record, such as EPIC06:VEND:118.
        key: String,
        /// Tell how it stood then instead: 2026-11-01, 2026-11-01T06:00:00Z, or how long ago, such as 2h or 3d.
        #[arg(long, value_name = "TIME", conflicts_with = "limit", value_parser = since)]
        at: Option<DateTime<Utc>>,
        /// Most entries to list.
        #[arg(long, default_value = "50", value_parser = limit)]
        limit: usize,
    },
    /// Everything one window did, oldest first.
    Window {
        /// The window.
        window: String,
        /// Most entries to list.
        #[arg(long, default_value = "1000", value_parser = limit)]
        limit: usize,
    },
    /// What people did, newest first.
    People {
        /// Only of people whose name contains this.
        #[arg(long)]
        who: Option<String>,
        /// Only what contains this, such as `replay`.
        #[arg(long)]
        what: Option<String>,
        /// Only what was done to something that contains this, such as a record's key.
        #[arg(long)]
        subject: Option<String>,
        /// Go on after this place: `next` of an earlier answer.
        #[arg(long, value_name = "PLACE")]
        after: Option<String>,
        /// Open what edits of dead letters changed too. It is business data; that you looked is recorded.
        #[arg(long)]
        values: bool,
        /// Most entries to list.
        #[arg(long, default_value = "50", value_parser = limit)]
        limit: usize,
    },
}

pub(crate) async fn run(command: Audit, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    match command {
        Audit::Record { flow, key, at: Some(at), .. } => record_at(&flow, &key, at, &rooms, output).await,
        Audit::Record { flow, key, limit, at: None } => record(&flow, &key, limit, &rooms, output).await,
        Audit::Window { window, limit } => {
            let unknown = || {
                Failure::NothingMatched(format!(
                    "window `{}` is not in the ledger; `mlc window list FLOW` shows those that are",
                    window.chars().take(80).collect::<String>()
                ))
            };
            let id = WindowId::parse(&window).map_err(|_| unknown())?;
            rooms.ledger.window(&id).await?.ok_or_else(unknown)?;
            let scan = rooms.ledger.audit_window(&id, limit).await?;
            output.json(&json!({ "items": scan.entries, "complete": scan.complete }))?;
            if scan.entries.is_empty() {
                output.line(format!("Window {id} changed nothing."))?;
            }
            show(&scan.entries, output)?;
            if !scan.complete {
                output.line("There are more: raise --limit.")?;
            }
            Ok(Exit::Done)
        }
        Audit::People { who, what, subject, after, values, limit } => {
            people(ActionFilter { who, what, subject }, after, values, limit, &rooms, output).await
        }
    }
}

async fn record(flow: &str, key: &str, limit: usize, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let (id, _) = rooms.flow(flow)?;
    let key = RecordKey::from_text(key);
    let row = rooms.ledger.row(&id, std::slice::from_ref(&key)).await?.pop().flatten();
    let Some(row) = row else {
        let text = format!("record `{key}` was never seen by {id}; keys look like EPIC06:VEND:118");
        return Err(Failure::NothingMatched(text));
    };
    let entries = rooms.ledger.audit_record(&id, &key, limit).await?;
    output.json(&json!({ "key": key, "row": row, "items": entries }))?;
    let reviews = rooms.ledger.reviews_of(&id, &key).await?;
    let on_review =
        reviews.iter().map(|item| format!("{} on the review list: item {}, {}", item.kind, item.id, item.state));
    // What waits for a person, or was decided against, stays pending: nothing is on its way then.
    let pushed = if reviews.is_empty() { Found::of(&rooms.queue, &key).await?.told(&row) } else { None };
    let words = [row.refused.then_some("refused"), pushed, row.excluded.then_some("excluded")];
    let state: Vec<String> = words.into_iter().flatten().map(str::to_owned).chain(on_review).collect();
    output.line(format!(
        "{key} → {}; newest version seen {}, delivered {}{}{}",
        or_dash(row.target.as_ref()),
        or_dash(row.seen),
        or_dash(row.delivered.as_ref().map(|delivered| delivered.version)),
        if state.is_empty() { "" } else { "; " },
        state.join(", ")
    ))?;
    show(&entries, output)?;
    Ok(Exit::Done)
}

fn show(entries: &[AuditEntry], output: Output) -> Result<(), Failure> {
    let rows = entries.iter().map(|entry| {
        [
            instant(entry.at),
            entry.key.clone(),
            entry.action.to_string(),
            or_dash(entry.version),
            or_dash(entry.target_id.as_ref()),
            or_dash(entry.window.as_ref()),
            or_dash(entry.job.as_ref()),
            or_dash(entry.detail.as_deref()),
        ]
    });
    output.table(["AT", "RECORD", "ACTION", "VERSION", "TARGET", "WINDOW", "JOB", "DETAIL"], rows.collect())
}

/// A record as it stood at a time that is past.
async fn record_at(flow: &str, key: &str, at: DateTime<Utc>, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let (id, _) = rooms.flow(flow)?;
    let key = RecordKey::from_text(key);
    let past = rooms.ledger.audit_at(&id, &key, at).await?;
    let when = instant(at);
    let standing = match &past {
        Past::Known(standing) => standing,
        Past::NotYet => {
            output.answer(
                format!("{key} was not moved yet at {when}."),
                &json!({ "key": key, "at": at, "past": past }),
            )?;
            return Ok(Exit::Done);
        }
        Past::Unknown { oldest } => {
            let reaches = match oldest {
                Some(oldest) => format!("its trail reaches back to {} only", instant(*oldest)),
                None => format!("nothing was ever written down about it in {id}; keys look like EPIC06:VEND:118"),
            };
            return Err(Failure::NothingMatched(format!("nobody knows how `{key}` stood at {when}: {reaches}")));
        }
    };
    output.json(&json!({ "key": key, "at": at, "past": past }))?;
    output.line(match &standing.delivered {
        Some(delivered) => format!(
            "{key} at {when}: version {} stood at the target as {}, content {}",
            or_dash(delivered.version),
            or_dash(standing.last.target_id.as_ref()),
            or_dash(delivered.after)
        ),
        None => format!("{key} at {when}: nothing of it stood at the target, as far as its trail tells"),
    })?;
    // The last thing that had happened, and the delivery before it that still counted.
    let mut told = vec![standing.last.clone()];
    told.extend(standing.delivered.clone().filter(|delivered| delivered.id != standing.last.id));
    show(&told, output)?;
    Ok(Exit::Done)
}

/// An action with what it changed, where that was asked for.
#[derive(Serialize)]
struct Item<'a> {
    #[serde(flatten)]
    entry: &'a ActionEntry,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<&'a [FieldChange]>,
}

async fn people(
    filter: ActionFilter,
    mut after: Option<String>,
    values: bool,
    limit: usize,
    rooms: &Rooms,
    output: Output,
) -> Result<Exit, Failure> {
    let mut entries = Vec::new();
    // A search stops after a while with what it has; a person at the command line waits.
    loop {
        let (found, next) = rooms.ledger.actions(&filter, after.as_deref(), limit - entries.len()).await?;
        entries.extend(found);
        after = next;
        if after.is_none() || entries.len() >= limit {
            break;
        }
    }
    let open = |entry: &ActionEntry| values.then(|| edit::unseal(rooms, &entry.action)).flatten();
    let opened: Vec<Option<Vec<FieldChange>>> = entries.iter().map(open).collect();
    if opened.iter().any(Option::is_some) {
        let subjects = entries.iter().zip(&opened).filter(|(_, opened)| opened.is_some());
        let subjects: BTreeSet<&str> = subjects.map(|(entry, _)| entry.action.subject.as_str()).take(20).collect();
        let subjects: Vec<&str> = subjects.into_iter().collect();
        rooms.record("view_edits", subjects.join(" "), None, None).await?;
    }
    let items = entries.iter().zip(&opened).map(|(entry, changes)| Item { entry, changes: changes.as_deref() });
    output.json(&json!({ "items": items.collect::<Vec<_>>(), "next": after }))?;
    if entries.is_empty() {
        let everything = filter == ActionFilter::default();
        output.line(if everything { "Nobody has done anything yet." } else { "Nobody has done this." })?;
    }
    let rows = entries.iter().map(|entry| {
        let action = &entry.action;
        [
            instant(action.at),
            action.who.clone(),
            action.what.clone(),
            action.subject.clone(),
            or_dash(action.before.as_deref()),
            if action.unfinished { UNFINISHED.to_owned() } else { or_dash(action.after.as_deref()) },
        ]
    });
    output.table(["AT", "WHO", "WHAT", "SUBJECT", "BEFORE", "AFTER"], rows.collect())?;
    for (entry, changes) in entries.iter().zip(&opened) {
        if let Some(changes) = changes {
            output.line(format!("\n{} {}", instant(entry.action.at), entry.action.subject))?;
            changes.iter().try_for_each(|change| output.line(change.to_string()))?;
        }
    }
    if let Some(after) = after {
        output.line(format!("There are more: --after {after}"))?;
    }
    let missed = entries.is_empty() && filter != ActionFilter::default();
    Ok(if missed { Exit::NothingMatched } else { Exit::Done })
}
