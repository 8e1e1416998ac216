//! Following ordered polls to the end of everything that comes of them.
//!
//! A job's `trace` names the first job of its chain: the polls we ordered, their pages, and the pushes of what had changed.
//! The work is over when no job of our chains is left, which is looked at twice because lists move while they are read.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IsTerminal as _},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use mlc_ledger::{Purpose, WindowRow, WindowState};
use mlc_model::{FlowId, JobId, WindowId};
use mlc_queue::{DeadFilter, DeadLetter, JobFilter, Lane, LaneStatus, Page};
use mlc_runtime::settings::FlowSettings;
use serde::Serialize;

use super::{gather, lane};
use crate::{
    Failure, Ordered, Rooms,
    output::{Output, note},
};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Looks between two searches for leftover jobs while windows are open: the search reads whole jobs.
const SEARCH_EVERY: u32 = 20;
/// Looks per line where progress is not a bar: a log of a job that takes an hour should stay readable.
const LOOKS_PER_LINE: u32 = 4;
/// Looks without any running job after which a person should know that nobody works.
const IDLE_LOOKS: u32 = 20;
/// Newest windows of the flow that are looked at.
const WINDOWS: usize = 100;

/// Sums over the followed windows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) read: u64,
    pub(super) changed: u64,
    pub(super) unchanged: u64,
    pub(super) superseded: u64,
    pub(super) refused: u64,
    pub(super) excluded: u64,
    pub(super) requests: u64,
    /// Rows that the windows hold as far as is known.
    expected: u64,
}

/// Dead letters with one cause.
#[derive(Debug, Serialize)]
pub(super) struct Refusals {
    pub(super) cause: String,
    pub(super) letters: u64,
    pub(super) example: String,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) started: DateTime<Utc>,
    pub(super) windows: Vec<WindowRow>,
    pub(super) causes: Vec<Refusals>,
    /// Why following ended before the work did.
    pub(super) stopped: Option<String>,
}

impl Ending {
    pub(super) fn totals(&self) -> Totals {
        totals(&self.windows)
    }

    pub(super) fn dead_letters(&self) -> u64 {
        self.causes.iter().map(|cause| cause.letters).sum()
    }

    pub(super) fn unclosed(&self) -> impl Iterator<Item = &WindowRow> {
        self.windows.iter().filter(|row| row.state != WindowState::Closed)
    }

    pub(super) fn is_good(&self) -> bool {
        let nothing_refused = self.totals().refused == 0 && self.dead_letters() == 0;
        self.stopped.is_none() && nothing_refused && self.unclosed().next().is_none()
    }
}

/// The polls of one flow that are being followed.
pub(super) struct Following<'a> {
    rooms: &'a Rooms,
    flow: &'a FlowId,
    lanes: [Lane; 2],
    started: DateTime<Utc>,
    polls: BTreeSet<JobId>,
    chains: BTreeSet<String>,
    /// Windows that were open before: an equal poll joins them instead of opening its own.
    joined: BTreeSet<WindowId>,
}

impl<'a> Following<'a> {
    /// To be called before anything is ordered: what is open now may be joined by the new polls.
    pub(super) async fn start(
        rooms: &'a Rooms,
        flow: &'a FlowId,
        settings: &FlowSettings,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        let joined = match purpose {
            Purpose::Replay => BTreeSet::new(),
            _ => {
                let open = rooms.ledger.open_windows(flow).await?;
                open.into_iter().filter(|row| row.purpose == purpose).map(|row| row.window.id).collect()
            }
        };
        let lanes = [Lane::from(settings.from.clone()), Lane::from(settings.to.clone())];
        let (started, polls, chains) = (rooms.clock.now(), BTreeSet::new(), BTreeSet::new());
        Ok(Self { rooms, flow, lanes, started, polls, chains, joined })
    }

    /// Names what is to be followed.
    pub(super) async fn watch(&mut self, ordered: &[Ordered]) -> Result<(), Failure> {
        for order in ordered {
            let job = self.rooms.queue.job(&order.job).await?;
            self.chains.insert(job.map_or_else(|| order.job.to_string(), |job| job.trace));
            self.polls.insert(order.job.clone());
        }
        Ok(())
    }

    /// Shows progress until no job is left, or until nothing can go on without a person.
    pub(super) async fn until_the_end(mut self, output: Output) -> Result<Ending, Failure> {
        let mut screen = Screen::open(output);
        let (mut looks, mut clear, mut idle) = (0_u32, 0, 0);
        let stopped = loop {
            let windows = self.windows().await?;
            let lanes = self.lanes().await?;
            screen.show(self.flow, &windows, &lanes);
            if let Some(reason) = stop_of(&lanes) {
                break Some(reason);
            }
            let open = windows.iter().any(|row| row.state == WindowState::Open);
            if !open || looks % SEARCH_EVERY == SEARCH_EVERY - 1 {
                self.join_chains(&windows).await?;
                clear = if self.has_jobs().await? { 0 } else { clear + 1 };
                if clear == 2 {
                    break None;
                }
            }
            let waits = lanes.iter().any(|status| status.ready > 0);
            idle = if waits && lanes.iter().all(|status| status.running == 0) { idle + 1 } else { 0 };
            if idle == IDLE_LOOKS {
                screen.remark("Nobody has taken the order yet: is `mlc-worker` running?");
            }
            looks = looks.wrapping_add(1);
            tokio::time::sleep(LOOK_EVERY).await;
        };
        screen.close();
        let windows = self.windows().await?;
        Ok(Ending { started: self.started, windows, causes: self.causes().await?, stopped })
    }

    async fn windows(&self) -> Result<Vec<WindowRow>, Failure> {
        let mut rows = self.rooms.ledger.windows(self.flow, WINDOWS).await?;
        rows.retain(|row| {
            self.joined.contains(&row.window.id) || row.opened_by.as_ref().is_some_and(|job| self.polls.contains(job))
        });
        Ok(rows)
    }

    async fn lanes(&self) -> Result<[LaneStatus; 2], Failure> {
        let [from, to] = &self.lanes;
        Ok(tokio::try_join!(self.rooms.queue.lane(from), self.rooms.queue.lane(to))?.into())
    }

    /// Learns the chains that read the windows we joined.
    async fn join_chains(&mut self, windows: &[WindowRow]) -> Result<(), Failure> {
        let open = windows.iter().filter(|row| row.state == WindowState::Open);
        for row in open.filter(|row| self.joined.contains(&row.window.id)) {
            let filter = JobFilter {
                lane: Some(self.lanes[0].clone()),
                subject: Some(row.window.id.to_string()),
                ..JobFilter::default()
            };
            let found = self.rooms.queue.jobs(&filter, &Page { after: None, limit: 10 }).await?;
            self.chains.extend(found.items.into_iter().map(|job| job.trace));
        }
        Ok(())
    }

    /// Whether any job of our chains waits or runs. Ends at the first one found.
    async fn has_jobs(&self) -> Result<bool, Failure> {
        for lane in &self.lanes {
            let filter = JobFilter { lane: Some(lane.clone()), ..JobFilter::default() };
            let mut page = Page { after: None, limit: 200 };
            loop {
                let listing = self.rooms.queue.jobs(&filter, &page).await?;
                if listing.items.iter().any(|job| self.chains.contains(&job.trace)) {
                    return Ok(true);
                }
                page.after = listing.next;
                if page.after.is_none() {
                    break;
                }
            }
        }
        Ok(false)
    }

    async fn causes(&self) -> Result<Vec<Refusals>, Failure> {
        // Letters are dated by Redis' clock, which need not be ours.
        let since = self.started - TimeDelta::minutes(1);
        let filter = &DeadFilter { since: Some(since), ..DeadFilter::default() };
        let (letters, _): (Vec<DeadLetter>, bool) = gather(100_000, |mut page| async move {
            page.limit = page.limit.min(1000);
            Ok(self.rooms.queue.dead_letters(filter, &page).await?)
        })
        .await?;
        let mut causes: BTreeMap<String, Refusals> = BTreeMap::new();
        for letter in letters.into_iter().filter(|letter| self.chains.contains(&letter.job.trace)) {
            let example = letter.fault.message;
            let new = || Refusals { cause: letter.cause.clone(), letters: 0, example };
            causes.entry(letter.cause.clone()).or_insert_with(new).letters += 1;
        }
        let mut causes: Vec<Refusals> = causes.into_values().collect();
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.letters));
        Ok(causes)
    }
}

/// A lane that was stopped goes on only when a person says so.
fn stop_of(lanes: &[LaneStatus]) -> Option<String> {
    let stopped = |status: &&LaneStatus| {
        let waiting = status.ready + status.delayed;
        (status.held.is_some() || status.paused.is_some()) && waiting > 0 && status.running == 0
    };
    lanes.iter().find(stopped).map(|status| {
        let (name, state) = (&status.lane, lane::state(status));
        format!("connection {name} is {state}. Its jobs wait: `mlc ping {name}`, then `mlc resume {name}`")
    })
}

fn totals(windows: &[WindowRow]) -> Totals {
    windows.iter().fold(Totals::default(), |sum, row| {
        let totals = &row.totals;
        Totals {
            read: sum.read + totals.read,
            changed: sum.changed + totals.changed,
            unchanged: sum.unchanged + totals.unchanged,
            superseded: sum.superseded + totals.superseded,
            refused: sum.refused + totals.refused,
            excluded: sum.excluded + totals.excluded,
            requests: sum.requests + row.requests,
            expected: sum.expected + totals.rows_high.unwrap_or(0).max(totals.read),
        }
    })
}

/// Where progress is shown: standard error, so that the answer stays alone on standard output.
enum Screen {
    Bar(ProgressBar),
    Lines { last: String, looks: u32 },
    Dark,
}

impl Screen {
    fn open(output: Output) -> Self {
        if output.is_json() {
            return Self::Dark;
        }
        if !io::stderr().is_terminal() {
            return Self::Lines { last: String::new(), looks: 0 };
        }
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{spinner} [{elapsed_precise}] {bar:30} {pos}/{len} read · {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self::Bar(bar)
    }

    fn show(&mut self, flow: &FlowId, windows: &[WindowRow], lanes: &[LaneStatus]) {
        let sums = totals(windows);
        let lanes: Vec<String> = lanes
            .iter()
            .map(|status| {
                format!("{} {} waiting {} running", status.lane, status.ready + status.delayed, status.running)
            })
            .collect();
        let counts = format!("{} changed {} unchanged {} refused", sums.changed, sums.unchanged, sums.refused);
        let text = format!("{counts} · {}", lanes.join(" · "));
        match self {
            Self::Bar(bar) => {
                bar.set_length(sums.expected);
                bar.set_position(sums.read);
                bar.set_message(text);
            }
            Self::Lines { last, looks } => {
                let line = format!("{flow}: {} of {} read · {text}", sums.read, sums.expected);
                let due = *looks % LOOKS_PER_LINE == 0;
                *looks = looks.wrapping_add(1);
                if due && *last != line {
                    note(&line);
                    *last = line;
                }
            }
            Self::Dark => {}
        }
    }

    fn remark(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.println(text),
            Self::Lines { .. } => note(text),
            Self::Dark => {}
        }
    }

    fn close(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
