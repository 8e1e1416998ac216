//! `mlc dead-letters`: look at what was given up, and decide.

mod act;
mod assign;
mod chosen;
mod edit;

use clap::Subcommand;
use mlc_model::JobId;
use mlc_queue::{CameBack, DeadFilter, DeadLetter, Triage};
use serde_json::json;

use self::{
    act::Manner,
    chosen::{Chosen, Filter},
};
use super::{Caller, gather, jobs, limit};
use crate::{
    Exit, Failure, Rooms,
    output::{Output, instant, or_dash},
};

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List letters, newest first.
    List {
        #[command(flatten)]
        filter: Filter,
        /// One row per cause instead of one per letter, as `groups`.
        #[arg(long, conflicts_with_all = [
            "connection", "kind", "fault", "cause", "subject", "error", "assignee", "older_than", "terms",
        ])]
        by_cause: bool,
        /// Most letters to list.
        #[arg(long, default_value = "50", value_parser = limit)]
        limit: usize,
    },
    /// List causes: letters with the same fault, system, operation and field, most letters first.
    Groups,
    /// Show one letter with its reason and its attempts.
    Show {
        /// The job.
        id: String,
        /// Open its payload too. It holds business data; that you looked is recorded.
        #[arg(long)]
        payload: bool,
    },
    /// Put letters back into their lanes: by id, by filter, or all.
    Replay {
        #[command(flatten)]
        chosen: Chosen,
        #[command(flatten)]
        manner: Manner,
    },
    /// Delete letters for good: by id, by filter, or all.
    Discard {
        #[command(flatten)]
        chosen: Chosen,
        #[command(flatten)]
        manner: Manner,
        /// Why, for those who wonder later.
        #[arg(long)]
        reason: String,
    },
    /// Give a letter another payload, before it is replayed. What changed is recorded.
    Edit(edit::Edit),
    /// Say who looks after a letter or a cause, and what is known.
    Assign(assign::Assign),
}

pub(crate) async fn run(command: DeadLetters, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    match command {
        DeadLetters::List { by_cause: true, .. } | DeadLetters::Groups => list_causes(&rooms, output).await,
        DeadLetters::List { filter, limit, .. } => list(filter, limit, &rooms, output).await,
        DeadLetters::Show { id, payload } => show(&id, payload, &rooms, output).await,
        DeadLetters::Replay { chosen, manner } => act::replay(chosen, manner, &rooms, output).await,
        DeadLetters::Discard { chosen, manner, reason } => act::discard(chosen, manner, &reason, &rooms, output).await,
        DeadLetters::Edit(command) => edit::run(command, &rooms, output).await,
        DeadLetters::Assign(command) => assign::run(command, &rooms, output).await,
    }
}

async fn list(filter: Filter, limit: usize, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let (filter, filtered) = filter.read(rooms).await?;
    let (letters, more) = read(rooms, &filter, limit).await?;
    output.json(&json!({ "items": letters, "more": more }))?;
    if letters.is_empty() {
        if filtered {
            return Err(nothing_matches());
        }
        output.line("The dead-letter shelf is empty.")?;
    }
    let rows = letters.iter().map(|letter| {
        [
            letter.job.id.to_string(),
            instant(letter.died_at),
            letter.job.lane.to_string(),
            jobs::named(&letter.job),
            letter.fault.kind.to_string(),
            letter.cause.clone(),
            letter.fault.message.clone(),
        ]
    });
    output.table(["ID", "DIED", "CONNECTION", "SUBJECT", "FAULT", "CAUSE", "REASON"], rows.collect())?;
    if more {
        output.line(format!(
            "There are more than these {}: raise --limit, filter, or use `mlc dead-letters groups`.",
            letters.len()
        ))?;
    }
    Ok(Exit::Done)
}

async fn list_causes(rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let causes = rooms.queue.causes().await?;
    output.json(&json!({ "items": causes }))?;
    if causes.is_empty() {
        output.line("The dead-letter shelf is empty.")?;
    }
    let rows = causes.iter().map(|cause| {
        let (hash, text, example) = (cause.hash.clone(), cause.text.clone(), cause.example.clone());
        let who = or_dash(cause.triage.as_ref().and_then(|triage| triage.assignee.as_deref()));
        [hash, cause.letters.to_string(), instant(cause.last_at), who, text, example]
    });
    output.table(["CAUSE", "LETTERS", "NEWEST", "ASSIGNEE", "WHAT", "EXAMPLE"], rows.collect())?;
    Ok(Exit::Done)
}

async fn show(id: &str, payload: bool, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let job = JobId::parse(id).map_err(|_| not_there(id))?;
    let letter = rooms.queue.dead_letter(&job).await?.ok_or_else(|| not_there(id))?;
    let payload = if payload { jobs::opened(rooms, &job).await? } else { None };
    output.json(&json!({ "letter": letter, "payload": payload }))?;
    jobs::describe(&letter.job, output)?;
    let fault = &letter.fault;
    let facts = [
        ("reason", fault.message.clone()),
        ("fault", fault.kind.to_string()),
        ("cause", format!("{} ({})", letter.cause, fault.cause())),
        ("status", or_dash(fault.status)),
        ("correlation", or_dash(fault.correlation_id.as_deref())),
    ];
    for (what, fact) in facts {
        output.line(format!("{what:<11} {fact}"))?;
    }
    if let Some(Triage { assignee, note, by, at }) = &letter.triage {
        output.line(format!("{:<11} {} (said {by} at {})", "assignee", or_dash(assignee.as_deref()), instant(*at)))?;
        output.line(format!("{:<11} {}", "note", or_dash(note.as_deref())))?;
    }
    if let Some(CameBack { times, previous }) = &letter.came_back {
        let times = if *times == 1 { "once".to_owned() } else { format!("{times} times") };
        output.line(format!("{:<11} {times}, last from job {previous}", "came back"))?;
    }
    jobs::describe_attempts(&letter.job.failed, output)?;
    if let Some(payload) = payload {
        output.line(format!("payload\n{payload:#}"))?;
    }
    Ok(Exit::Done)
}

async fn read(rooms: &Rooms, filter: &DeadFilter, most: usize) -> Result<(Vec<DeadLetter>, bool), Failure> {
    gather(most, |mut page| async move {
        page.limit = page.limit.min(1000);
        Ok(rooms.queue.dead_letters(filter, &page).await?)
    })
    .await
}

fn not_there(id: &str) -> Failure {
    let id: String = id.chars().take(80).collect();
    Failure::NothingMatched(format!(
        "dead letter `{id}` is not on the shelf; `mlc dead-letters list` shows those that are"
    ))
}

fn nothing_matches() -> Failure {
    Failure::NothingMatched("no dead letter matches; `mlc dead-letters list` without a filter shows all".to_owned())
}
