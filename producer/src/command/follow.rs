//! Following ordered polls to the end of everything that comes of them.
//!
//! A job's `trace` names the first job of its chain: the polls we ordered, their pages, and the pushes of what had changed.
//! A record that changed again while its push waits already comes in that older push, of another chain: so we wait for every
//! push of the flow. The work is over when none of these jobs is left, which is looked at twice because lists move while they
//! are read. Pushes that wait for long, say for an account that is being moved, end the following instead.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IsTerminal as _},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use mlc_flow::PushRecord;
use mlc_ledger::{Purpose, WindowRow, WindowState};
use mlc_model::{FlowId, JobId, WindowId};
use mlc_queue::{DeadFilter, DeadLetter, Job as _, JobFilter, JobState, JobView, Lane, LaneStatus, Page, QueueError};
use mlc_runtime::settings::FlowSettings;
use serde::Serialize;

use super::gather;
use crate::{
    Failure, Ordered, Rooms,
    action::lane,
    output::{Output, note},
};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Looks between two searches for leftover jobs while windows are open: the search reads whole jobs.
const SEARCH_EVERY: u32 = 20;
/// Looks per line where progress is not a bar: a log of a job that takes an hour should stay readable.
const LOOKS_PER_LINE: u32 = 4;
/// Looks without any running job after which a person should know that nobody works.
const IDLE_LOOKS: u32 = 20;
/// Nobody should look on while every push that is left waits longer than this.
const LONG_WAIT: TimeDelta = TimeDelta::minutes(1);
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
    /// Pushes in the target's lane that are of no chain of ours: how many records of our flow each holds, 0 for other flows.
    others: BTreeMap<JobId, usize>,
}

/// What is left to do.
enum Left {
    Nothing,
    Work,
    /// Nothing but pushes that wait for long.
    Waits(Waits),
}

/// Pushes that wait for long.
#[derive(Debug, Default)]
struct Waits {
    records: usize,
    /// When the last of them is due.
    until: DateTime<Utc>,
    why: Option<String>,
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
        Ok(Self { rooms, flow, lanes, started, polls, chains, joined, others: BTreeMap::new() })
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
                let left = self.left().await?;
                clear = if matches!(left, Left::Work) { 0 } else { clear + 1 };
                if clear == 2 {
                    break match left {
                        Left::Waits(waits) => Some(self.stop_of_waits(&waits)),
                        Left::Nothing | Left::Work => None,
                    };
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

    /// What is left of our chains and of the flow's pushes. Ends at the first job that can soon go on.
    async fn left(&mut self) -> Result<Left, Failure> {
        let mut waits: Option<Waits> = None;
        for lane in self.lanes.clone() {
            let filter = JobFilter { lane: Some(lane.clone()), ..JobFilter::default() };
            let mut page = Page { after: None, limit: 200 };
            loop {
                let listing = self.rooms.queue.jobs(&filter, &page).await?;
                for job in &listing.items {
                    let is_push = lane == self.lanes[1] && job.kind == PushRecord::KIND;
                    let records = if is_push { self.records_in(job).await? } else { 0 };
                    if records == 0 && !self.is_ours(job) {
                        continue;
                    }
                    let Some(until) = late(job, self.rooms.clock.now()).filter(|_| is_push) else {
                        return Ok(Left::Work);
                    };
                    let waits = waits.get_or_insert_default();
                    waits.records += records;
                    if until > waits.until {
                        (waits.until, waits.why) = (until, job.why.clone());
                    }
                }
                page.after = listing.next;
                if page.after.is_none() {
                    break;
                }
            }
        }
        Ok(waits.map_or(Left::Nothing, Left::Waits))
    }

    /// Whether the job is of a chain we follow, or a push of our flow that was met on the way.
    fn is_ours(&self, job: &JobView) -> bool {
        self.chains.contains(&job.trace) || self.others.get(&job.id).is_some_and(|records| *records > 0)
    }

    /// Records of our flow in a push. The envelope does not name the flow, so the push is opened, once.
    async fn records_in(&mut self, job: &JobView) -> Result<usize, Failure> {
        if let Some(records) = self.others.get(&job.id) {
            return Ok(*records);
        }
        let payload = self.rooms.queue.payload(&job.id).await;
        let records = match payload.map(|payload| payload.map(serde_json::from_value::<PushRecord>)) {
            Ok(Some(Ok(push))) if push.flow == *self.flow => push.records.len(),
            // Another flow's, or done since it was listed.
            Ok(Some(Ok(_)) | None) => 0,
            Err(error @ QueueError::Redis(_)) => return Err(error.into()),
            // It cannot be ruled out that it is ours.
            Ok(Some(Err(_))) | Err(_) => 1,
        };
        self.others.insert(job.id.clone(), records);
        Ok(records)
    }

    fn stop_of_waits(&self, waits: &Waits) -> String {
        let (records, verb) = if waits.records == 1 { ("record", "waits") } else { ("records", "wait") };
        let why = waits.why.as_deref().unwrap_or("ordered for later");
        let (n, lane) = (waits.records, &self.lanes[1]);
        let until = until_text(waits.until, self.rooms.clock.now());
        format!("{n} {records} {verb} until {until} ({why}) in {lane}: `mlc jobs --connection {lane}` shows them")
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
        for letter in letters.into_iter().filter(|letter| self.is_ours(&letter.job)) {
            let example = letter.fault.message;
            let new = || Refusals { cause: letter.cause.clone(), letters: 0, example };
            causes.entry(letter.cause.clone()).or_insert_with(new).letters += 1;
        }
        let mut causes: Vec<Refusals> = causes.into_values().collect();
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.letters));
        Ok(causes)
    }
}

/// When a job is due that waits for long.
fn late(job: &JobView, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    job.at.filter(|at| job.state == JobState::Delayed && *at > now + LONG_WAIT)
}

/// The time of day, with its day where that is not today.
fn until_text(until: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let form = if until.date_naive() == now.date_naive() { "%H:%M UTC" } else { "%Y-%m-%d %H:%M UTC" };
    until.format(form).to_string()
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
