//! `mlc bulk`: operations on many dead letters.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use mlc_queue::{Bulk, BulkId, BulkState, BulkVerb};
use serde_json::json;
use tokio::time::Instant;

use super::{Caller, limit};
use crate::{
    Exit, Failure, Rooms,
    output::{Output, instant, note, or_dash},
};

/// How often a person who follows sees news.
const NEWS_EVERY: Duration = Duration::from_millis(250);
/// News per line where progress is not a bar.
const NEWS_PER_LINE: u32 = 20;
/// Redis may be away for a moment.
const TRIES: u32 = 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Bulks {
    /// List operations, newest first.
    List {
        /// Most operations to list.
        #[arg(long, default_value = "50", value_parser = limit)]
        limit: usize,
    },
    /// Show one operation.
    Show {
        /// The operation.
        id: String,
    },
    /// Halt a running operation.
    Pause {
        /// The operation.
        id: String,
    },
    /// Let a paused operation go on.
    Resume {
        /// The operation.
        id: String,
    },
    /// End an operation. What it did stays done; start another with the same filter for the rest.
    Abort {
        /// The operation.
        id: String,
    },
}

pub(crate) async fn run(command: Bulks, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    match command {
        Bulks::List { limit } => list(limit, &rooms, output).await,
        Bulks::Show { id } => show(&find(&id, &rooms).await?, output),
        Bulks::Pause { id } => switch("pause_bulk", &id, &rooms, output).await,
        Bulks::Resume { id } => switch("resume_bulk", &id, &rooms, output).await,
        Bulks::Abort { id } => switch("abort_bulk", &id, &rooms, output).await,
    }
}

async fn find(id: &str, rooms: &Rooms) -> Result<Bulk, Failure> {
    let unknown = || {
        let id: String = id.chars().take(80).collect();
        Failure::NothingMatched(format!("there is no operation `{id}`; `mlc bulk list` shows those that are"))
    };
    let id = BulkId::parse(id).map_err(|_| unknown())?;
    rooms.queue.bulk(&id).await?.ok_or_else(unknown)
}

async fn list(limit: usize, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let bulks = rooms.queue.bulks(limit).await?;
    output.json(&json!({ "items": bulks }))?;
    if bulks.is_empty() {
        output.line("There has been no operation on many dead letters yet.")?;
    }
    let rows = bulks.iter().map(|bulk| {
        [
            bulk.id.to_string(),
            bulk.verb.as_str().to_owned(),
            bulk.state.as_str().to_owned(),
            bulk.acted.to_string(),
            or_dash(bulk.matched),
            or_dash(bulk.per_second.map(|rate| format!("{rate}/s"))),
            instant(bulk.started_at),
            or_dash(bulk.ended_at.map(instant)),
            bulk.by.clone(),
        ]
    });
    let header = ["ID", "WHAT", "STATE", "DONE", "OF", "RATE", "STARTED", "ENDED", "BY"];
    output.table(header, rows.collect())?;
    Ok(Exit::Done)
}

fn show(bulk: &Bulk, output: Output) -> Result<Exit, Failure> {
    let filter = serde_json::to_string(&bulk.filter).unwrap_or_default();
    let facts = [
        ("operation", bulk.id.to_string()),
        ("what", words(bulk)),
        ("state", bulk.state.as_str().to_owned()),
        ("done", format!("{} of {}", bulk.acted, or_dash(bulk.matched))),
        ("passed over", bulk.passed_over.to_string()),
        ("looked at", format!("{} of about {}", bulk.looked_at, bulk.to_look_at)),
        ("filter", filter),
        ("started", format!("{} by {}", instant(bulk.started_at), bulk.by)),
        ("ended", or_dash(bulk.ended_at.map(instant))),
        ("switched by", or_dash(bulk.switched_by.as_deref())),
        ("reason", or_dash(bulk.reason.as_deref())),
    ];
    output.json(&json!({ "bulk": bulk }))?;
    for (what, fact) in facts {
        output.line(format!("{what:<11} {fact}"))?;
    }
    Ok(Exit::Done)
}

async fn switch(what: &str, id: &str, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let (before, by) = (find(id, rooms).await?, rooms.person.as_str());
    let begun = rooms.begin(what, before.id.as_str()).await?;
    let switched = match what {
        "pause_bulk" => rooms.queue.pause_bulk(&before.id, by).await,
        "resume_bulk" => rooms.queue.resume_bulk(&before.id, by).await,
        _ => rooms.queue.abort_bulk(&before.id, by).await,
    };
    let switched = begun.unless_refused(switched).await?;
    let after = find(id, rooms).await?;
    if !switched {
        begun.withdraw().await?;
        let text = format!("operation {id} is {}; nothing was done", after.state.as_str());
        return Err(Failure::Wrong(text));
    }
    let state = |bulk: &Bulk| format!("{}, {} letters done", bulk.state.as_str(), bulk.acted);
    begun.close(before.id.as_str(), Some(state(&before)), Some(state(&after))).await?;
    output.answer(format!("Operation {id} is {}", state(&after)), &json!({ "bulk": after }))?;
    Ok(Exit::Done)
}

/// What an operation is, for the audit. Holds no personal data: texts that were searched for stay out.
pub(super) fn words(bulk: &Bulk) -> String {
    let rate = bulk.per_second.map_or_else(|| "as fast as it goes".to_owned(), |rate| format!("{rate} per second"));
    let matched = bulk.matched.map_or_else(|| "an unknown number of".to_owned(), |n| n.to_string());
    let reason = bulk.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{} {matched} letters, {rate}{reason}", bulk.verb.as_str())
}

/// How it ended, for people.
pub(super) fn ending(bulk: &Bulk) -> String {
    let done = match bulk.verb {
        BulkVerb::Replay => "Replayed",
        BulkVerb::Discard => "Discarded",
    };
    let letters = if bulk.acted == 1 { "letter" } else { "letters" };
    let over = match bulk.passed_over {
        0 => String::new(),
        n => format!("; {n} had been dealt with meanwhile"),
    };
    let by = or_dash(bulk.switched_by.as_deref());
    let early = match bulk.state {
        BulkState::Aborted => format!("; {by} aborted it"),
        BulkState::Paused => format!("; {by} has paused it"),
        BulkState::Running | BulkState::Done => String::new(),
    };
    format!("{done} {} {letters}{over}{early}", bulk.acted)
}

/// Drives an operation and shows how it gets on, until it is over or somebody pauses it. The producer drives it too.
pub(super) async fn follow(started: &Bulk, rooms: &Rooms, output: Output) -> Result<Bulk, Failure> {
    let (mut screen, mut failures) = (Screen::open(output), 0);
    let mut look = tokio::time::interval(NEWS_EVERY);
    // An instant, not a wait: looking must not put off driving.
    let mut due = Instant::now();
    loop {
        tokio::select! {
            biased;
            _ = look.tick() => match rooms.queue.bulk(&started.id).await {
                Ok(Some(bulk)) => {
                    failures = 0;
                    screen.show(&bulk);
                    if bulk.state != BulkState::Running {
                        screen.close();
                        return Ok(bulk);
                    }
                }
                Ok(None) => return Err(Failure::NothingMatched(format!("operation {} is gone", started.id))),
                Err(error) => {
                    failures += 1;
                    if failures >= TRIES {
                        return Err(error.into());
                    }
                }
            },
            () = tokio::time::sleep_until(due) => {
                // An error shows when we look. It has changed nothing, or a whole step.
                let wait = match rooms.queue.advance_bulks().await {
                    Ok(Some(wait)) => wait.min(NEWS_EVERY),
                    Ok(None) | Err(_) => NEWS_EVERY,
                };
                due = Instant::now() + wait;
                if wait == NEWS_EVERY {
                    look.reset_immediately();
                }
            }
        }
    }
}

/// Where progress is shown: standard error, so that the answer stays alone on standard output.
enum Screen {
    Bar(ProgressBar),
    Lines(u32),
    Dark,
}

impl Screen {
    fn open(output: Output) -> Self {
        if output.is_json() {
            return Self::Dark;
        }
        if !io::stderr().is_terminal() {
            return Self::Lines(0);
        }
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{spinner} [{elapsed_precise}] {bar:30} {pos}/{len} · {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self::Bar(bar)
    }

    fn show(&mut self, bulk: &Bulk) {
        // Of the letters that match where they are counted, else of all that it passes.
        let (at, of) = match bulk.matched {
            Some(matched) => (bulk.acted + bulk.passed_over, matched),
            None => (bulk.looked_at, bulk.to_look_at),
        };
        match self {
            Self::Bar(bar) => {
                bar.set_length(of);
                bar.set_position(at);
                bar.set_message(format!("{} done, {} passed over", bulk.acted, bulk.passed_over));
            }
            Self::Lines(looks) => {
                if *looks > 0 && (*looks).is_multiple_of(NEWS_PER_LINE) {
                    note(format!("{at}/{of}: {} done, {} passed over", bulk.acted, bulk.passed_over));
                }
                *looks += 1;
            }
            Self::Dark => {}
        }
    }

    fn close(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
