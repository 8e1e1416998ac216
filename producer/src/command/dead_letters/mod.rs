//! `mlc dead-letters`: look at what was given up, and decide.

use std::time::Duration;

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use mlc_model::{FaultKind, JobId};
use mlc_queue::{BulkVerb, DeadFilter, DeadLetter, NewBulk, Replayed};
use mlc_runtime::settings::duration;
use serde_json::json;

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
        /// One row per cause instead of one per letter.
        #[arg(long, conflicts_with_all = ["connection", "kind", "fault", "cause", "subject", "older_than"])]
        by_cause: bool,
        /// Most letters to list.
        #[arg(long, default_value = "50", value_parser = limit)]
        limit: usize,
    },
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
        /// Spread the starts, such as 50/s, 600/m or 1000/h. Not for ids.
        #[arg(long, value_parser = rate, conflicts_with = "ids")]
        rate: Option<f64>,
    },
    /// Delete letters for good: by id, by filter, or all.
    Discard {
        #[command(flatten)]
        chosen: Chosen,
        /// Why, for those who wonder later.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only this connection.
    #[arg(long)]
    connection: Option<String>,
    /// Only this kind of job, such as push_record.
    #[arg(long)]
    kind: Option<String>,
    /// Only this kind of fault: transient, limited, unauthorized, rejected, uncertain or defect.
    #[arg(long, value_parser = fault_kind)]
    fault: Option<FaultKind>,
    /// Only this cause, as `list --by-cause` names it.
    #[arg(long)]
    cause: Option<String>,
    /// Only subjects that contain this text, in any case.
    #[arg(long)]
    subject: Option<String>,
    /// Only letters at least so old, such as 2h or 3d.
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// The letters.
    #[arg(conflicts_with_all = ["connection", "kind", "fault", "cause", "subject", "older_than", "all"])]
    ids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// Every letter on the shelf.
    #[arg(long, conflicts_with_all = ["connection", "kind", "fault", "cause", "subject", "older_than"])]
    all: bool,
}

impl Filter {
    fn is_empty(&self) -> bool {
        let Self { connection, kind, fault, cause, subject, older_than } = self;
        connection.is_none()
            && kind.is_none()
            && fault.is_none()
            && cause.is_none()
            && subject.is_none()
            && older_than.is_none()
    }

    async fn read(self, rooms: &Rooms) -> Result<DeadFilter, Failure> {
        let lane = match &self.connection {
            Some(name) => Some(rooms.lane(name).await?),
            None => None,
        };
        let oldest = |age| TimeDelta::from_std(age).ok().and_then(|age| rooms.clock.now().checked_sub_signed(age));
        let until = self.older_than.map(|age| oldest(age).unwrap_or_default());
        let Self { kind, fault, cause, subject, .. } = self;
        Ok(DeadFilter { lane, kind, fault, cause, subject, until, ..DeadFilter::default() })
    }
}

/// What a command is to act on.
enum Target {
    Ids(Vec<JobId>),
    Matching(DeadFilter),
}

impl Chosen {
    async fn read(self, rooms: &Rooms) -> Result<Target, Failure> {
        if !self.ids.is_empty() {
            let parse = |id: &String| JobId::parse(id).map_err(|_| not_there(id));
            return Ok(Target::Ids(self.ids.iter().map(parse).collect::<Result<_, _>>()?));
        }
        if !self.all && self.filter.is_empty() {
            let text = "nothing is chosen: name ids, a filter such as `--cause`, or `--all`";
            return Err(Failure::Usage(text.to_owned()));
        }
        self.filter.read(rooms).await.map(Target::Matching)
    }
}

pub(crate) async fn run(command: DeadLetters, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    match command {
        DeadLetters::List { by_cause: true, .. } => list_causes(&rooms, output).await,
        DeadLetters::List { filter, limit, .. } => list(filter, limit, &rooms, output).await,
        DeadLetters::Show { id, payload } => show(&id, payload, &rooms, output).await,
        DeadLetters::Replay { chosen, rate } => replay(chosen, rate, &rooms, output).await,
        DeadLetters::Discard { chosen, reason } => discard(chosen, &reason, &rooms, output).await,
    }
}

async fn list(filter: Filter, limit: usize, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let filtered = !filter.is_empty();
    let (letters, more) = read(rooms, &filter.read(rooms).await?, limit).await?;
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
            or_dash(letter.job.subject.as_deref()),
            letter.fault.kind.to_string(),
            letter.cause.clone(),
            letter.fault.message.clone(),
        ]
    });
    output.table(["ID", "DIED", "CONNECTION", "SUBJECT", "FAULT", "CAUSE", "REASON"], rows.collect())?;
    if more {
        output
            .line(format!("There are more than these {}: raise --limit, filter, or use --by-cause.", letters.len()))?;
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
        [hash, cause.letters.to_string(), instant(cause.last_at), text, example]
    });
    output.table(["CAUSE", "LETTERS", "NEWEST", "WHAT", "EXAMPLE"], rows.collect())?;
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
    jobs::describe_attempts(&letter.job.failed, output)?;
    if let Some(payload) = payload {
        output.line(format!("payload\n{payload:#}"))?;
    }
    Ok(Exit::Done)
}

async fn replay(chosen: Chosen, rate: Option<f64>, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let by = rooms.person.as_str();
    let (replayed, missing) = match chosen.read(rooms).await? {
        Target::Ids(ids) => {
            let replayed = rooms.queue.replay(&ids, by).await?;
            let missing = left_out(&ids, &replayed.jobs);
            (replayed, missing)
        }
        Target::Matching(filter) => {
            let (verb, by) = (BulkVerb::Replay, by.to_owned());
            let bulk = rooms.queue.start_bulk(NewBulk { verb, filter, per_second: rate, by, reason: None }).await?;
            let after = format!("replay of {} letters", or_dash(bulk.matched));
            rooms.record("start_bulk", bulk.id.as_str(), None, Some(after)).await?;
            while let Some(wait) = rooms.queue.advance_bulks().await? {
                tokio::time::sleep(wait).await;
            }
            let bulk = rooms.queue.bulk(&bulk.id).await?.unwrap_or(bulk);
            if bulk.acted == 0 {
                return Err(nothing_matches());
            }
            output.answer(format!("Replayed {} letters", bulk.acted), &json!({ "bulk": bulk }))?;
            return Ok(Exit::Done);
        }
    };
    let Replayed { jobs } = &replayed;
    if !jobs.is_empty() {
        rooms.record("replay_dead_letters", few(jobs), None, Some(format!("{} replayed", jobs.len()))).await?;
    }
    let value = json!({ "replayed": jobs, "not_on_the_shelf": missing });
    output.answer(format!("Replayed {}", letters(jobs.len())), &value)?;
    all_were_there(jobs.len(), &missing)
}

async fn discard(chosen: Chosen, reason: &str, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let ids = match chosen.read(rooms).await? {
        Target::Ids(ids) => ids,
        Target::Matching(mut filter) => {
            // Letters that die while we read were not meant.
            filter.until = filter.until.or(Some(rooms.clock.now()));
            let (found, _) = read(rooms, &filter, usize::MAX).await?;
            found.into_iter().map(|letter| letter.job.id).collect()
        }
    };
    let gone = rooms.queue.discard(&ids, rooms.person.as_str(), reason).await?;
    if !gone.is_empty() {
        let after = format!("{} discarded: {reason}", gone.len());
        rooms.record("discard_dead_letters", few(&gone), None, Some(after)).await?;
    }
    let missing = left_out(&ids, &gone);
    let value = json!({ "discarded": gone, "not_on_the_shelf": missing });
    output.answer(format!("Discarded {}", letters(gone.len())), &value)?;
    all_were_there(gone.len(), &missing)
}

async fn read(rooms: &Rooms, filter: &DeadFilter, most: usize) -> Result<(Vec<DeadLetter>, bool), Failure> {
    gather(most, |mut page| async move {
        page.limit = page.limit.min(1000);
        Ok(rooms.queue.dead_letters(filter, &page).await?)
    })
    .await
}

fn all_were_there(done: usize, missing: &[JobId]) -> Result<Exit, Failure> {
    match missing {
        [] if done == 0 => Err(nothing_matches()),
        [] => Ok(Exit::Done),
        [id] => Err(not_there(id.as_str())),
        [id, ..] => {
            let text = format!("{} letters are not on the shelf, such as `{id}`", missing.len());
            Err(Failure::NothingMatched(text))
        }
    }
}

fn left_out(asked: &[JobId], done: &[JobId]) -> Vec<JobId> {
    let done: std::collections::HashSet<&JobId> = done.iter().collect();
    asked.iter().filter(|id| !done.contains(id)).cloned().collect()
}

fn letters(n: usize) -> String {
    if n == 1 { "1 letter".to_owned() } else { format!("{n} letters") }
}

/// Ids for the record of a person's action, which has a bound.
fn few(ids: &[JobId]) -> String {
    const NAMED: usize = 20;
    let named = ids.iter().take(NAMED).map(JobId::as_str).collect::<Vec<_>>().join(" ");
    if ids.len() > NAMED { format!("{named} … ({})", ids.len()) } else { named }
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

fn fault_kind(text: &str) -> Result<FaultKind, String> {
    use FaultKind::{Defect, Limited, Rejected, Transient, Unauthorized, Uncertain};
    let kinds = [Transient, Limited, Unauthorized, Rejected, Uncertain, Defect];
    kinds
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| format!("use one of {}", kinds.map(FaultKind::as_str).join(", ")))
}

fn age(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|error| error.to_string())
}

/// Letters per second.
fn rate(text: &str) -> Result<f64, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let rate = number.parse::<f64>().unwrap_or(f64::NAN) / seconds;
    let usable = rate > 0.0 && rate <= 100_000.0;
    if usable { Ok(rate) } else { Err("use a number per s, m or h, such as 50/s".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_a_number_and_a_unit() {
        assert_eq!(rate("50/s"), Ok(50.0));
        assert_eq!(rate("600/m"), Ok(10.0));
        assert_eq!(rate("7"), Ok(7.0));
        for wrong in ["0/s", "-1", "fast", "1/w", "inf", ""] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_kind_of_fault_is_named_as_it_is_stored() {
        assert_eq!(fault_kind("rejected"), Ok(FaultKind::Rejected));
        assert!(fault_kind("bad").is_err_and(|text| text.contains("transient")));
    }
}
