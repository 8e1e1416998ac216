//! `mlc audit`: who or what changed something, and when.

use clap::Subcommand;
use mlc_ledger::AuditEntry;
use mlc_model::{RecordKey, WindowId};
use serde_json::json;

use super::{Caller, limit};
use crate::{
    Exit, Failure, Rooms,
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
        /// Most entries to list.
        #[arg(long, default_value = "50", value_parser = limit)]
        limit: usize,
    },
}

pub(crate) async fn run(command: Audit, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    match command {
        Audit::Record { flow, key, limit } => record(&flow, &key, limit, &rooms, output).await,
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
        Audit::People { limit } => people(limit, &rooms, output).await,
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
    let pushed = row.pending && reviews.is_empty();
    let words = [(pushed, "a push is on its way"), (row.refused, "refused"), (row.excluded, "excluded")];
    let state: Vec<String> =
        words.iter().filter(|(is, _)| *is).map(|(_, word)| (*word).to_owned()).chain(on_review).collect();
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

async fn people(limit: usize, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let entries = rooms.ledger.audit_actions(limit).await?;
    output.json(&json!({ "items": entries }))?;
    if entries.is_empty() {
        output.line("Nobody has done anything yet.")?;
    }
    let rows = entries.iter().map(|entry| {
        let action = &entry.action;
        [
            instant(action.at),
            action.who.clone(),
            action.what.clone(),
            action.subject.clone(),
            or_dash(action.before.as_deref()),
            or_dash(action.after.as_deref()),
        ]
    });
    output.table(["AT", "WHO", "WHAT", "SUBJECT", "BEFORE", "AFTER"], rows.collect())?;
    Ok(Exit::Done)
}
