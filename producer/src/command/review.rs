//! `mlc review`: what only a person can decide.

use clap::{Subcommand, ValueEnum};
use mlc_ledger::ReviewState;
use serde_json::json;

use super::{Caller, limit};
use crate::{
    Exit, Failure, Rooms,
    action::review::{accept, decide, find},
    output::{Output, instant, or_dash},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Review {
    /// List what waits for a decision, newest first.
    List {
        /// Which.
        #[arg(long, value_enum, default_value = "open")]
        state: State,
        /// Most items to list.
        #[arg(long, default_value = "50", value_parser = limit)]
        limit: usize,
    },
    /// Show one item with its facts.
    Show {
        /// The item.
        id: String,
    },
    /// Let an open item through: a price difference is carried over as Epicor has it. The record is read afresh and goes on.
    Accept {
        /// The item.
        id: String,
        /// Decide only about these facts: the `revision` that `show` told. With others the command fails.
        #[arg(long, value_name = "N")]
        revision: Option<u64>,
        /// Why, for those who wonder later.
        #[arg(long)]
        note: Option<String>,
    },
    /// Close an open item: nothing is written. A later version of the record asks again.
    Dismiss {
        /// The item.
        id: String,
        /// Decide only about these facts: the `revision` that `show` told. With others the command fails.
        #[arg(long, value_name = "N")]
        revision: Option<u64>,
        /// Why, for those who wonder later.
        #[arg(long)]
        note: String,
    },
    /// Put a decided item back on the list.
    Reopen {
        /// The item.
        id: String,
    },
}

/// For `--state`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum State {
    Open,
    Accepted,
    Dismissed,
    All,
}

impl State {
    fn wanted(self) -> Option<ReviewState> {
        match self {
            Self::Open => Some(ReviewState::Open),
            Self::Accepted => Some(ReviewState::Accepted),
            Self::Dismissed => Some(ReviewState::Dismissed),
            Self::All => None,
        }
    }
}

pub(crate) async fn run(command: Review, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    match command {
        Review::List { state, limit } => list(state, limit, &rooms, output).await,
        Review::Show { id } => show(&id, &rooms, output).await,
        Review::Accept { id, revision, note } => {
            let (item, job) = accept(&find(&id, &rooms).await?, revision, note.as_deref(), &rooms).await?;
            let more = match &job {
                Some(job) => format!("; the record is read afresh by job {job}"),
                None => String::new(),
            };
            let text = format!("Accepted {} of {}{more}", item.kind, item.key);
            output.answer(text, &json!({ "item": item, "job": job }))?;
            Ok(Exit::Done)
        }
        Review::Dismiss { id, revision, note } => {
            let item = decide(&find(&id, &rooms).await?, ReviewState::Dismissed, revision, Some(&note), &rooms).await?;
            output.answer(format!("Dismissed {} of {}", item.kind, item.key), &json!({ "item": item }))?;
            Ok(Exit::Done)
        }
        Review::Reopen { id } => {
            let item = decide(&find(&id, &rooms).await?, ReviewState::Open, None, None, &rooms).await?;
            output.answer(format!("Reopened {} of {}", item.kind, item.key), &json!({ "item": item }))?;
            Ok(Exit::Done)
        }
    }
}

async fn list(state: State, limit: usize, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let mut items = rooms.ledger.reviews(state.wanted(), limit + 1, None).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    output.json(&json!({ "items": items, "more": more }))?;
    if items.is_empty() {
        let none =
            if matches!(state, State::Open) { "Nothing waits for a decision." } else { "There is no such item." };
        output.line(none)?;
    }
    let rows = items.iter().map(|item| {
        [
            item.id.to_string(),
            item.kind.to_string(),
            item.key.to_string(),
            item.state.to_string(),
            instant(item.last_at),
            item.summary.clone(),
        ]
    });
    output.table(["ITEM", "KIND", "RECORD", "STATE", "LAST RAISED", "WHAT"], rows.collect())?;
    if more {
        output.line("There are more; raise --limit.")?;
    }
    let missed = items.is_empty() && matches!(state, State::Accepted | State::Dismissed);
    Ok(if missed { Exit::NothingMatched } else { Exit::Done })
}

async fn show(id: &str, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let item = find(id, rooms).await?;
    output.json(&json!({ "item": item }))?;
    output.line(&item.summary)?;
    let mut rows: Vec<[String; 2]> = vec![
        ["kind".to_owned(), item.kind.to_string()],
        ["record".to_owned(), item.key.to_string()],
        ["flow".to_owned(), item.flow.to_string()],
        ["state".to_owned(), item.state.to_string()],
        ["first raised".to_owned(), instant(item.first_at)],
        ["last raised".to_owned(), format!("{} ({} times in all)", instant(item.last_at), item.times)],
        ["revision".to_owned(), item.revision.to_string()],
        ["decided by".to_owned(), or_dash(item.decided_by.as_deref())],
        ["note".to_owned(), or_dash(item.note.as_deref())],
    ];
    rows.extend(item.facts.iter().map(|(name, value)| [name.clone(), value.clone()]));
    output.table(["", ""], rows)?;
    Ok(Exit::Done)
}
