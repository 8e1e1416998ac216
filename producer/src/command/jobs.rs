//! `mlc jobs`: what waits, runs or was given up.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use mlc_model::JobId;
use mlc_queue::{AttemptNote, Discarded, EndedJob, JobFilter, JobState, JobView, Listing, Priority};
use mlc_runtime::settings::duration;
use serde_json::json;

use super::{Caller, gather, limit};
use crate::{
    Exit, Failure, Rooms,
    output::{Output, instant, or_dash},
};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Jobs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List jobs, those that run first.
    List(List),
    /// Show one job with its attempts, or how it ended.
    Show(Show),
    /// List jobs that came to an end, newest first; about 10,000 are remembered.
    Ended(Ended),
}

#[derive(Debug, Args)]
struct List {
    /// Only this connection.
    #[arg(long)]
    connection: Option<String>,
    /// Only this state; without it, everything but the shelf.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Only this kind of job, such as push_record.
    #[arg(long)]
    kind: Option<String>,
    /// Only subjects that contain this text, in any case; for a whole record key also batches that may carry it.
    #[arg(long)]
    subject: Option<String>,
    /// Only jobs whose last failure, or reason for waiting, contains this text, in any case.
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// Only this class.
    #[arg(long, value_enum)]
    priority: Option<Class>,
    /// Only this chain: the id of its first job.
    #[arg(long, value_name = "ID")]
    trace: Option<String>,
    /// Most jobs to list.
    #[arg(long, default_value = "50", value_parser = limit)]
    limit: usize,
}

#[derive(Debug, Args)]
struct Ended {
    /// Most jobs to list.
    #[arg(long, default_value = "50", value_parser = limit)]
    limit: usize,
}

#[derive(Debug, Args)]
struct Show {
    /// The job.
    id: String,
    /// Open its payload too. It holds business data; that you looked is recorded.
    #[arg(long)]
    payload: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Ready,
    Delayed,
    Running,
    Dead,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Class {
    Person,
    Normal,
    Backfill,
}

impl From<Class> for Priority {
    fn from(class: Class) -> Self {
        match class {
            Class::Person => Self::Person,
            Class::Normal => Self::Normal,
            Class::Backfill => Self::Backfill,
        }
    }
}

impl From<State> for JobState {
    fn from(state: State) -> Self {
        match state {
            State::Ready => Self::Ready,
            State::Delayed => Self::Delayed,
            State::Running => Self::Running,
            State::Dead => Self::Dead,
        }
    }
}

pub(crate) async fn run(command: Jobs, caller: &Caller) -> Result<Exit, Failure> {
    let rooms = caller.open().await?;
    match command.what {
        None => list(command.list, &rooms, caller.output).await,
        Some(What::List(options)) => list(options, &rooms, caller.output).await,
        Some(What::Show(options)) => show(options, &rooms, caller.output).await,
        Some(What::Ended(options)) => ended(&options, &rooms, caller.output).await,
    }
}

async fn list(options: List, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let lane = match &options.connection {
        Some(name) => Some(rooms.lane(name).await?),
        None => None,
    };
    let List { state, kind, subject, error, priority, trace, limit, .. } = options;
    let filtered = lane.is_some()
        || state.is_some()
        || priority.is_some()
        || [&kind, &subject, &error, &trace].into_iter().any(Option::is_some);
    let filter = JobFilter {
        lane,
        state: state.map(JobState::from),
        kind,
        subject,
        error,
        trace,
        priority: priority.map(Priority::from),
    };
    let filter = &filter;
    let read = |page| async move { Ok(Listing::from(rooms.queue.jobs(filter, &page).await?)) };
    let (jobs, more) = gather(limit, read).await?;
    output.json(&json!({ "items": jobs, "more": more }))?;
    if jobs.is_empty() {
        if filtered {
            return Err(Failure::NothingMatched("no job matches; `mlc jobs` without a filter lists all".to_owned()));
        }
        output.line("No job waits or runs.")?;
    }
    let rows = jobs.iter().map(|job| {
        [
            job.id.to_string(),
            self::state(job.state).to_owned(),
            job.lane.to_string(),
            job.kind.clone(),
            named(job),
            format!("{}/{}", job.attempts, job.max_attempts),
            instant(job.enqueued_at),
            or_dash(job.at.map(instant)),
            or_dash(job.why.as_deref()),
        ]
    });
    output
        .table(["ID", "STATE", "CONNECTION", "KIND", "SUBJECT", "FAILED", "ENQUEUED", "AT", "WHY"], rows.collect())?;
    if more {
        output.line(format!("There are more than these {}: raise --limit or filter.", jobs.len()))?;
    }
    Ok(Exit::Done)
}

async fn ended(options: &Ended, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let read = |page| async move { Ok(rooms.queue.ended(&page).await?) };
    let (jobs, more) = gather(options.limit, read).await?;
    output.json(&json!({ "items": jobs, "more": more }))?;
    if jobs.is_empty() {
        output.line("No job has come to an end yet.")?;
    }
    let rows = jobs.iter().map(|job| {
        [
            instant(job.ended_at),
            job.outcome.as_str().to_owned(),
            job.id.to_string(),
            job.lane.to_string(),
            job.kind.clone(),
            or_dash(job.subject.as_deref()),
            job.attempts.to_string(),
            duration::format(Duration::from_millis(job.wait_ms)),
            duration::format(Duration::from_millis(job.run_ms)),
            or_dash(job.discarded.as_ref().map(why)),
        ]
    });
    let columns = ["ENDED", "HOW", "ID", "CONNECTION", "KIND", "SUBJECT", "ATTEMPTS", "WAITED", "RAN", "DISCARDED"];
    output.table(columns, rows.collect())?;
    if more {
        output.line(format!("There are more than these {}: raise --limit.", jobs.len()))?;
    }
    Ok(Exit::Done)
}

async fn show(options: Show, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let unknown = || {
        Failure::NothingMatched(format!("job `{}` is not here: it is done, was discarded, or never was", options.id))
    };
    let id = JobId::parse(&options.id).map_err(|_| unknown())?;
    let Some(job) = rooms.queue.job(&id).await? else {
        // Its payload is gone with it.
        let ended = if options.payload { None } else { rooms.queue.ended_job(&id).await? };
        return show_ended(&ended.ok_or_else(unknown)?, output);
    };
    let letter = match job.state {
        JobState::Dead => rooms.queue.dead_letter(&id).await?,
        _ => None,
    };
    let payload = if options.payload { Some(opened(rooms, &id).await?.ok_or_else(unknown)?) } else { None };
    let fault = letter.as_ref().map(|letter| &letter.fault);
    output.json(&json!({ "job": job, "fault": fault, "payload": payload }))?;
    describe(&job, output)?;
    if let Some(fault) = fault {
        output.line(format!("given up    {}: {fault}", fault.kind))?;
    }
    describe_attempts(&job.failed, output)?;
    if let Some(payload) = payload {
        output.line(format!("payload\n{payload:#}"))?;
    }
    Ok(Exit::Done)
}

/// What is left of a job that came to an end.
fn show_ended(job: &EndedJob, output: Output) -> Result<Exit, Failure> {
    output.json(&json!({ "job": null, "ended": job }))?;
    let facts = [
        ("job", job.id.to_string()),
        ("ended", format!("{}, {}", job.outcome.as_str(), instant(job.ended_at))),
        ("why", or_dash(job.discarded.as_ref().map(why))),
        ("connection", job.lane.to_string()),
        ("kind", job.kind.clone()),
        ("subject", or_dash(job.subject.as_deref())),
        ("attempts", job.attempts.to_string()),
        ("follows", or_dash(job.parent.as_ref())),
        ("chain", job.trace.clone()),
    ];
    facts.into_iter().try_for_each(|(what, fact)| output.line(format!("{what:<11} {fact}")))?;
    Ok(Exit::Done)
}

/// Who discarded a job and why, or the operation that has the reason.
fn why(discarded: &Discarded) -> String {
    let Discarded { by, bulk, reason } = discarded;
    match (reason, bulk) {
        (Some(reason), _) => format!("by {by}: {reason}"),
        (None, Some(bulk)) => format!("by {by}, operation {bulk}"),
        (None, None) => format!("by {by}"),
    }
}

/// Opens the payload and records that a person did.
pub(super) async fn opened(rooms: &Rooms, id: &JobId) -> Result<Option<serde_json::Value>, Failure> {
    let payload = rooms.queue.payload(id).await?;
    rooms.record("view_payload", id.as_str(), None, None).await?;
    Ok(payload)
}

/// The facts of one job, one per line.
pub(super) fn describe(job: &JobView, output: Output) -> Result<(), Failure> {
    let due = match job.state {
        JobState::Delayed => ", due",
        JobState::Running => ", lease until",
        JobState::Dead => ", died",
        JobState::Ready => ",",
    };
    let at = job.at.map(|at| format!("{due} {}", instant(at))).unwrap_or_default();
    let counts = format!(
        "{} of {} attempts failed, {} snoozes, {} crashed workers, {} replays",
        job.attempts, job.max_attempts, job.snoozes, job.crashes, job.replays
    );
    let facts = [
        ("job", job.id.to_string()),
        ("state", format!("{}{at}", state(job.state))),
        ("waits for", or_dash(job.why.as_deref())),
        ("connection", job.lane.to_string()),
        ("kind", job.kind.clone()),
        ("subject", or_dash(job.subject.as_deref())),
        ("enqueued", instant(job.enqueued_at)),
        ("counts", counts),
        ("time limit", duration::format(job.timeout)),
        ("follows", or_dash(job.parent.as_ref())),
        ("chain", job.trace.clone()),
        ("size", format!("{} bytes", job.bytes)),
    ];
    for (what, fact) in facts {
        output.line(format!("{what:<11} {fact}"))?;
    }
    for replay in &job.replayed {
        output.line(format!("{:<11} {} by {}", "replayed", instant(replay.at), replay.by))?;
    }
    for edit in &job.edited {
        output.line(format!("{:<11} {} by {}", "edited", instant(edit.at), edit.by))?;
    }
    Ok(())
}

/// Past failures, oldest first.
pub(super) fn describe_attempts(failed: &[AttemptNote], output: Output) -> Result<(), Failure> {
    let rows = failed
        .iter()
        .map(|note| [note.attempt.to_string(), instant(note.at), note.fault.kind.to_string(), note.fault.to_string()]);
    output.table(["ATTEMPT", "ENDED", "FAULT", "REASON"], rows.collect())
}

/// The subject, and whether it is a batch that does not name the record that was asked for.
pub(super) fn named(job: &JobView) -> String {
    let subject = or_dash(job.subject.as_deref());
    if job.may_carry { format!("{subject} (may carry it)") } else { subject }
}

pub(super) fn state(state: JobState) -> &'static str {
    match state {
        JobState::Ready => "ready",
        JobState::Delayed => "delayed",
        JobState::Running => "running",
        JobState::Dead => "dead",
    }
}
