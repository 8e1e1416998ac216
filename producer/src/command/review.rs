//! `mlc review`: what only a person can decide.

use clap::{Subcommand, ValueEnum};
use mlc_flow::{Ask, Entity, PollPage, flow_kind};
use mlc_ledger::{Action, AuditNote, ReviewId, ReviewItem, ReviewState};
use mlc_model::{JobId, System};
use mlc_queue::{Order, Priority};
use serde_json::json;

use super::{Caller, limit};
use crate::{
    Exit, Failure, Rooms,
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
    /// Let it through: a price difference is carried over as Epicor has it. The record is read afresh and goes on.
    Accept {
        /// The item.
        id: String,
        /// Why, for those who wonder later.
        #[arg(long)]
        note: Option<String>,
    },
    /// Close it: nothing is written. A later version of the record asks again.
    Dismiss {
        /// The item.
        id: String,
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
        Review::Accept { id, note } => accept(&id, note.as_deref(), &rooms, output).await,
        Review::Dismiss { id, note } => {
            let item = decide(&id, ReviewState::Dismissed, Some(&note), &rooms).await?;
            output.answer(format!("Dismissed {} of {}", item.kind, item.key), &json!({ "item": item }))?;
            Ok(Exit::Done)
        }
        Review::Reopen { id } => {
            let item = decide(&id, ReviewState::Open, None, &rooms).await?;
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
        output.line("Nothing waits for a decision.")?;
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
    Ok(Exit::Done)
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
        ["decided by".to_owned(), or_dash(item.decided_by.as_deref())],
        ["note".to_owned(), or_dash(item.note.as_deref())],
    ];
    rows.extend(item.facts.iter().map(|(name, value)| [name.clone(), value.clone()]));
    output.table(["", ""], rows)?;
    Ok(Exit::Done)
}

async fn accept(id: &str, note: Option<&str>, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let item = decide(id, ReviewState::Accepted, note, rooms).await?;
    let job = go_on(&item, rooms).await?;
    let more = match &job {
        Some(job) => format!("; the record is read afresh by job {job}"),
        None => String::new(),
    };
    output.answer(format!("Accepted {} of {}{more}", item.kind, item.key), &json!({ "item": item, "job": job }))?;
    Ok(Exit::Done)
}

/// Orders the record anew, where it comes from Epicor. Repeating `accept` after a crash orders it again, which is harmless.
async fn go_on(item: &ReviewItem, rooms: &Rooms) -> Result<Option<JobId>, Failure> {
    let (flow, settings) = rooms.flow(item.flow.as_str())?;
    let kind = flow_kind(settings.kind(&flow)).map_err(|unknown| Failure::Wrong(unknown.to_string()))?;
    let Some((entity, row)) = mlc_epicor::Entity::of_record(&item.key) else { return Ok(None) };
    let entity = Entity::parse(entity.as_str()).filter(|entity| kind.entities.contains(entity));
    let (System::Epicor, Some(entity)) = (kind.source, entity) else { return Ok(None) };
    // Without this an equal fingerprint would end the reading as unchanged.
    rooms.ledger.unsettle(&flow, std::slice::from_ref(&item.key)).await?;
    let poll = PollPage {
        flow,
        entity,
        from: settings.from.clone(),
        to: settings.to.clone(),
        ask: Ask::Records { keys: vec![row.to_string()], about: Some(item.key.clone()) },
    };
    let order = Order::of(&poll)?.priority(Priority::Person);
    let answers = rooms.queue.enqueue(std::slice::from_ref(&order)).await?;
    Ok(answers.first().map(|answer| answer.id().clone()))
}

async fn decide(id: &str, state: ReviewState, note: Option<&str>, rooms: &Rooms) -> Result<ReviewItem, Failure> {
    let id = find(id, rooms).await?.id;
    let now = rooms.clock.now();
    let item = rooms.ledger.decide_review(&id, state, rooms.person.as_str(), note, now).await?;
    // The record's own trail tells too that a person decided about it.
    let trail = AuditNote {
        key: item.key.clone(),
        action: Action::Reviewed,
        version: None,
        fingerprint: None,
        target_id: None,
        window: None,
        job: None,
        at: now,
        detail: Some(format!("{} {} by {}", item.kind, item.state, rooms.person)),
    };
    rooms.ledger.note(&item.flow, &[trail]).await?;
    Ok(item)
}

async fn find(id: &str, rooms: &Rooms) -> Result<ReviewItem, Failure> {
    let unknown = || {
        let id: String = id.chars().take(40).collect();
        Failure::NothingMatched(format!(
            "item `{id}` is not on the review list; `mlc review list --state all` shows those that are"
        ))
    };
    let parsed: ReviewId = id.parse().map_err(|_| unknown())?;
    rooms.ledger.review(&parsed).await?.ok_or_else(unknown)
}
