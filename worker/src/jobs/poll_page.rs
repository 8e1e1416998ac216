//! Plans a window and reads its pages.
//!
//! The first page of a pass counts the rows and spreads the rest over page jobs, which may run in parallel; when the pass turns out to be unstable,
//! `close_window` starts another, and finally a walk by key.

use chrono::{DateTime, TimeDelta, Utc};
use mlc_epicor::{Cell, EpicorClient, Page, PageAsk, QueryShape, Row, RowKey, RowProblem, page_query};
use mlc_flow::{Ask, CloseWindow, Extent, PageStart, PollPage};
use mlc_ledger::{Mark, NewWindow, Opened, PageMark, PageMode, Purpose, WindowRow, WindowState};
use mlc_model::{ChangeField, ChangeMode, Fault, FaultKind, System, Window, WindowBounds, WindowId};
use mlc_queue::{JobContext, Order, Outcome, SnoozeReason};
use mlc_runtime::settings::EpicorConnection;

use super::page::{Digest, Scope, digest};
use crate::{context::Context, entities::epicor_entity};

/// An open window that nobody has advanced for so long is given up: its pages stand on the dead-letter shelf or are gone.
const STUCK_AFTER: TimeDelta = TimeDelta::minutes(15);
/// How long a page waits while the target's lane is full.
const BACKPRESSURE_WAIT: TimeDelta = TimeDelta::seconds(2);

/// Runs one job.
pub(crate) async fn run(context: &Context, job: PollPage, run: &JobContext) -> Outcome {
    match poll(context, &job, run).await {
        Ok(outcome) => outcome,
        Err(fault) => Outcome::Failed(fault),
    }
}

async fn poll(context: &Context, job: &PollPage, run: &JobContext) -> Result<Outcome, Fault> {
    let waits = !matches!(job.ask, Ask::Records { .. });
    if waits && context.lane_is_full(&job.to).await? {
        return Ok(Outcome::Snooze { until: Utc::now() + BACKPRESSURE_WAIT, why: SnoozeReason::Backpressure });
    }
    let mut source = Source::open(context, job, run).await?;
    match &job.ask {
        Ask::Plan(extent) => source.plan(*extent).await,
        Ask::Replay(window) => source.replay(window).await,
        Ask::Page { window, pass, start, expected_rows } => {
            source.page(window, *pass, start, *expected_rows, None).await
        }
        Ask::Records { keys, .. } => source.records(keys).await,
    }
}

/// Everything a poll needs at hand.
struct Source<'a> {
    context: &'a Context,
    job: &'a PollPage,
    run: &'a JobContext,
    client: EpicorClient,
    connection: &'a EpicorConnection,
    shape: QueryShape,
    scope: Scope<'a>,
}

impl<'a> Source<'a> {
    async fn open(context: &'a Context, job: &'a PollPage, run: &'a JobContext) -> Result<Self, Fault> {
        let settings = context.flow(&job.flow)?;
        let connection = context.epicor_settings(&job.from)?;
        let client = context.epicor(&job.from).await?;
        let rules = context.company_rules(&job.flow, &job.to)?;
        let extra: Vec<String> = rules.fields.values().cloned().collect();
        let shape = client.shape(&extra);
        let scope = Scope { job, run, settings, rules, company: connection.company.clone(), window: None };
        Ok(Self { context, job, run, client, connection, shape, scope })
    }

    fn entity(&self) -> mlc_epicor::Entity {
        epicor_entity(self.job.entity)
    }

    /// The change field stays what it was when the entity was first read: marks of two fields cannot be compared.
    async fn change_field(&self) -> Result<ChangeField, Fault> {
        let (flow, entity) = (&self.job.flow, self.job.entity.as_str());
        if let Some(pin) = self.context.ledger.pinned(flow, entity).await? {
            return Ok(pin.change_field);
        }
        let choice = self.client.change_field(self.entity()).await?;
        tracing::info!(flow = %flow, entity, change_field = %choice.field, "Changes of {entity} are found by {}: {}", choice.field, choice.why);
        self.context.ledger.pin_change_field(flow, entity, choice.field.clone(), &choice.why, self.context.clock.now()).await?;
        Ok(choice.field)
    }

    async fn plan(mut self, extent: Extent) -> Result<Outcome, Fault> {
        let purpose = match extent {
            Extent::Incremental => Purpose::Incremental,
            Extent::Full => Purpose::Full,
            // A person's question from an instant on is its own; the checkpoint does not move with it.
            Extent::Since(_) => Purpose::Replay,
        };
        if let Some(row) = self.open_already(purpose).await? {
            if !self.is_mine(&row) {
                return Ok(Outcome::done());
            }
            // This very job opened it and died before it could hand its pages on.
            return self.page(&row.window, row.pass, &first_start(row.mode), 0, None).await;
        }
        let field = self.change_field().await?;
        let Some(planned) = self.bounds(&field, extent).await? else { return Ok(Outcome::done()) };
        let row = self.open_window(purpose, field, planned.bounds, None).await?;
        if !self.is_mine(&row) {
            return Ok(Outcome::done());
        }
        self.page(&row.window, row.pass, &first_start(row.mode), 0, planned.page).await
    }

    fn is_mine(&self, row: &WindowRow) -> bool {
        row.opened_by.as_ref() == Some(&self.run.job_id)
    }

    async fn open_already(&self, purpose: Purpose) -> Result<Option<WindowRow>, Fault> {
        if purpose == Purpose::Replay {
            return Ok(None);
        }
        let now = self.context.clock.now();
        for row in self.context.ledger.open_windows(&self.job.flow).await? {
            if row.entity != self.job.entity.as_str() || row.purpose != purpose || row.state != WindowState::Open {
                continue;
            }
            let stuck = now - row.advanced_at.unwrap_or(row.opened_at) > STUCK_AFTER;
            if !stuck || self.is_mine(&row) {
                return Ok(Some(row));
            }
            tracing::warn!(flow = %self.job.flow, window = %row.window.id, "Window {} made no progress and is given up", row.window.id);
            self.context.ledger.abandon_window(&row.window.id, "no page of it was read for 15 minutes", now).await?;
        }
        Ok(None)
    }

    async fn open_window(
        &self,
        purpose: Purpose,
        field: ChangeField,
        bounds: WindowBounds,
        replay_of: Option<WindowId>,
    ) -> Result<WindowRow, Fault> {
        let mode = match bounds {
            // Without a bound on the change field rows do not leave, but new ones arrive: walk by key.
            WindowBounds::Everything { .. } => PageMode::Keyset,
            _ => PageMode::Skip,
        };
        let window = unnumbered(&field, bounds)?;
        let query = page_query(self.entity(), Some(&window), &page_ask(&first_start(mode))?, &self.shape);
        let opened = self
            .context
            .ledger
            .open_window(NewWindow {
                flow: self.job.flow.clone(),
                entity: self.job.entity.to_string(),
                purpose,
                change_field: field,
                bounds,
                query: query.to_query_string(self.entity().read_operation())?,
                mode,
                replay_of,
                opened_by: Some(self.run.job_id.clone()),
                at: self.context.clock.now(),
            })
            .await?;
        Ok(match opened {
            Opened::New(row) | Opened::Coalesced(row) => row,
        })
    }

    /// Freezes the bounds. `None` when nothing can have changed yet.
    async fn bounds(&self, field: &ChangeField, extent: Extent) -> Result<Option<Planned>, Fault> {
        let checkpoint = match extent {
            Extent::Incremental => self.context.ledger.checkpoint(&self.job.flow, self.job.entity.as_str()).await?,
            Extent::Full | Extent::Since(_) => None,
        };
        let overlap = TimeDelta::from_std(self.connection.overlap).unwrap_or(TimeDelta::minutes(2));
        let since = checkpoint.map(|checkpoint| match checkpoint.until {
            Mark::Time(_) => checkpoint.until,
            // Versions are given at write and seen at commit: start where the checkpoint stood a while ago.
            Mark::Revision(_) => checkpoint.mark_at(self.context.clock.now() - overlap),
        });
        let bounds = match (field.mode, since, extent) {
            (ChangeMode::FullScan, ..) => WindowBounds::Everything { until: self.server_now().await? },
            (ChangeMode::Revision, Some(Mark::Revision(since)), _) => return self.revisions_since(field, since).await.map(Some),
            // Row versions know no instants: a person's `--since` reads everything, and what is unchanged is dropped.
            (ChangeMode::Revision, ..) => {
                WindowBounds::Revision { since: None, until: Some(self.client.newest(self.entity()).await?.revision.unwrap_or(0)) }
            }
            (mode, since, extent) => {
                let since = match (extent, since) {
                    (Extent::Since(at), _) => Some(at),
                    (_, Some(Mark::Time(at))) => Some(at - overlap),
                    _ => None,
                };
                return self.instants_since(field, mode, since).await;
            }
        };
        Ok(Some(Planned { bounds, page: None }))
    }

    /// Row versions above `since`. What fits on one page was read in one consistent answer: it freezes the window by itself, in one request.
    async fn revisions_since(&self, field: &ChangeField, since: i64) -> Result<Planned, Fault> {
        let window = unnumbered(field, WindowBounds::Revision { since: Some(since), until: None })?;
        let page = self.fetch(Some(&window), &PageStart::Skip(0)).await?;
        let count = page.count.unwrap_or(page.received as u64);
        if count == page.received as u64 {
            let until = page.rows.iter().flatten().filter_map(revision).max().unwrap_or(since).max(since);
            return Ok(Planned { bounds: WindowBounds::Revision { since: Some(since), until: Some(until) }, page: Some(page) });
        }
        let newest = self.client.newest(self.entity()).await?.revision.unwrap_or(since);
        if newest < since {
            // The database was replaced by an older copy: row versions went backwards and the checkpoint means nothing any more.
            tracing::warn!(flow = %self.job.flow, entity = %self.job.entity, "Row versions went backwards: everything is read again");
            return Ok(Planned { bounds: WindowBounds::Revision { since: None, until: Some(newest) }, page: None });
        }
        Ok(Planned { bounds: WindowBounds::Revision { since: Some(since), until: Some(newest) }, page: None })
    }

    /// Instants after `since`, up to the server's present time less a small lag. Its clock is known from earlier answers; the answer to the first page
    /// tells whether that still holds, so that an ordinary poll is one request.
    async fn instants_since(
        &self,
        field: &ChangeField,
        mode: ChangeMode,
        since: Option<DateTime<Utc>>,
    ) -> Result<Option<Planned>, Fault> {
        let lag = match mode {
            ChangeMode::Timestamp => TimeDelta::from_std(self.connection.lag).unwrap_or(TimeDelta::seconds(5)),
            _ => TimeDelta::zero(),
        };
        let mut now = match self.context.connections.server_skew(&self.job.from).await {
            Some(skew) => self.context.clock.now() + skew,
            None => self.server_now().await?,
        };
        loop {
            let until = now - lag;
            if since.is_some_and(|since| since >= until) {
                return Ok(None);
            }
            let bounds = WindowBounds::Time { since, until };
            let window = unnumbered(field, bounds)?;
            let page = self.fetch(Some(&window), &PageStart::Skip(0)).await?;
            match page.server_time {
                // Its clock is behind what we expected: rows would still be stamped inside the window.
                Some(told) if mode == ChangeMode::Timestamp && told < until => now = told,
                // The day modes have no upper bound in their query; the mark must not run ahead of the server.
                Some(told) => {
                    let bounds = WindowBounds::Time { since, until: until.min(told) };
                    return Ok(Some(Planned { bounds, page: Some(page) }));
                }
                None => return Ok(Some(Planned { bounds, page: Some(page) })),
            }
        }
    }

    /// The server's present time, by a small question.
    async fn server_now(&self) -> Result<DateTime<Utc>, Fault> {
        let answered = self.client.newest(self.entity()).await?.server_time;
        answered.ok_or_else(|| {
            Fault::new(FaultKind::Transient, System::Epicor, "poll_page.plan", "the server does not tell its time (no Date header), so a window cannot be frozen")
                .with_code("epicor.no_date")
        })
    }

    async fn fetch(&self, window: Option<&Window>, start: &PageStart) -> Result<Page, Fault> {
        let query = page_query(self.entity(), window, &page_ask(start)?, &self.shape);
        self.client.fetch_page(self.entity(), &query).await
    }

    async fn replay(mut self, id: &WindowId) -> Result<Outcome, Fault> {
        let ledger = &self.context.ledger;
        let Some(original) = ledger.window(id).await? else {
            return Err(Fault::new(FaultKind::Rejected, System::Connector, "poll_page.replay", format!("window {id} is not in the ledger any more")));
        };
        let row = self
            .open_window(Purpose::Replay, original.window.change_field, original.window.bounds, Some(id.clone()))
            .await?;
        self.page(&row.window, row.pass, &first_start(row.mode), 0, None).await
    }

    /// Reads one page, hands its changed records on and marks it.
    async fn page(
        &mut self,
        window: &Window,
        pass: u32,
        start: &PageStart,
        expected_rows: u64,
        ready: Option<Page>,
    ) -> Result<Outcome, Fault> {
        let page = match ready {
            Some(page) => page,
            None => self.fetch(Some(window), start).await?,
        };
        self.scope.window = Some(window.id.clone());
        let (received, count, last_key) = (page.received as u64, page.count, page.last_key.clone());
        let highest = page.rows.iter().flatten().filter_map(revision).max();
        let rows = self.refined(page.rows, window);
        let Digest { changed, unchanged, refused, mut then, shelve, .. } =
            digest(self.context, &self.scope, rows).await?;

        let (number, expected_pages, expected_rows) = match start {
            PageStart::Skip(0) => {
                let rows = count.unwrap_or(received);
                // A server whose own limit is below `$top` makes every page short: its length is the step.
                let step = received.max(1);
                let mut skip = step;
                while received > 0 && skip < rows {
                    then.push(self.page_order(window, pass, PageStart::Skip(skip), rows)?);
                    skip += step;
                }
                (0, Some(rows.div_ceil(step).max(1)), rows)
            }
            PageStart::Skip(skip) => (*skip, None, expected_rows),
            PageStart::After(_) => {
                // A walk carries its page number where the other mode carries the count.
                let number = expected_rows;
                if received == 0 {
                    (number, Some(number + 1), number)
                } else if last_key.is_none() {
                    let message = "no row of this page has a readable key, so the walk cannot go on";
                    return Err(Fault::new(FaultKind::Rejected, System::Epicor, "poll_page.page", message).with_code("KEYS_UNREADABLE"));
                } else {
                    let after = PageStart::After(last_key.map(|key| key.to_string()));
                    then.push(self.page_order(window, pass, after, number + 1)?);
                    (number, None, number)
                }
            }
        };
        let mark = PageMark {
            skip: number,
            read: received,
            changed,
            unchanged,
            superseded: 0,
            refused,
            excluded: 0,
            rows_in_window: count,
            highest_revision: highest,
            requests: 1,
        };
        let state = self.context.ledger.record_page(&window.id, pass, mark, expected_pages).await?;
        if state.complete {
            then.push(self.close_order(window, pass, expected_rows)?);
        }
        tracing::info!(
            flow = %self.job.flow, entity = %self.job.entity, window = %window.id, pass, page = number, read = received, changed, unchanged, refused,
            "Read {received} rows, {changed} changed"
        );
        Ok(Outcome::Done { then, shelve })
    }

    /// Seconds since midnight sort out what the server could only filter by day. A full read keeps everything.
    fn refined(&self, rows: Vec<Result<Row, RowProblem>>, window: &Window) -> Vec<Result<Row, RowProblem>> {
        let zone = self.shape.zone;
        rows.into_iter()
            .filter(|row| row.as_ref().map_or(true, |row| mlc_epicor::maybe_changed(row, window, zone)))
            .collect()
    }

    /// Reads single rows afresh. A record that is still broken goes back to the shelf as this very job, with its history.
    async fn records(self, keys: &[String]) -> Result<Outcome, Fault> {
        let keys: Vec<RowKey> = keys
            .iter()
            .map(|key| key.parse::<RowKey>())
            .collect::<Result<_, _>>()
            .map_err(|problem| Fault::defect("poll_page.records", problem.to_string()))?;
        let rows = self.client.fetch_records(self.entity(), &keys, &self.shape).await?;
        if rows.is_empty() {
            let message = "the row does not exist at the source any more; discard this if that is right";
            return Err(Fault::new(FaultKind::Rejected, System::Epicor, "poll_page.records", message).with_code("ROW_GONE"));
        }
        let Digest { then, mut shelve, .. } = digest(self.context, &self.scope, rows).await?;
        if let Ask::Records { about: Some(about), .. } = &self.job.ask
            && let Some(own) = shelve.iter().position(|(order, _)| order.subject() == Some(about.as_str()))
        {
            let (_, fault) = shelve.swap_remove(own);
            // What else the row holds is either on the shelf already or moves with its next change.
            return Err(fault);
        }
        Ok(Outcome::Done { then, shelve })
    }

    fn page_order(&self, window: &Window, pass: u32, start: PageStart, expected_rows: u64) -> Result<Order, Fault> {
        let ask = Ask::Page { window: window.clone(), pass, start, expected_rows };
        Ok(Order::of(&PollPage { ask, ..self.job.clone() })?.priority(self.run.priority))
    }

    fn close_order(&self, window: &Window, pass: u32, expected_rows: u64) -> Result<Order, Fault> {
        let close = CloseWindow {
            flow: self.job.flow.clone(),
            entity: self.job.entity,
            from: self.job.from.clone(),
            to: self.job.to.clone(),
            window: window.clone(),
            pass,
            expected_rows,
        };
        Ok(Order::of(&close)?.priority(self.run.priority))
    }
}

/// Frozen bounds, and the first page where planning had to read it.
struct Planned {
    bounds: WindowBounds,
    page: Option<Page>,
}

/// A window that the ledger has not numbered yet.
fn unnumbered(field: &ChangeField, bounds: WindowBounds) -> Result<Window, Fault> {
    let defect = |problem: String| Fault::defect("poll_page.plan", problem);
    let id = WindowId::parse("unnumbered").map_err(|problem| defect(problem.to_string()))?;
    Window::new(id, field.clone(), bounds).map_err(|problem| defect(problem.to_string()))
}

fn first_start(mode: PageMode) -> PageStart {
    match mode {
        PageMode::Skip => PageStart::Skip(0),
        PageMode::Keyset => PageStart::After(None),
    }
}

fn page_ask(start: &PageStart) -> Result<PageAsk, Fault> {
    let defect = |problem: String| Fault::defect("poll_page.page", problem);
    Ok(match start {
        PageStart::Skip(skip) => PageAsk::Skip { skip: u32::try_from(*skip).map_err(|problem| defect(problem.to_string()))? },
        PageStart::After(key) => {
            let key = key.as_ref().map(|key| key.parse::<RowKey>().map_err(|problem| defect(problem.to_string()))).transpose()?;
            PageAsk::After { key }
        }
    })
}

/// The row's own `SysRevID`. Its version may be higher: that of a contact sent with it, which no window of vendors is bounded by.
fn revision(row: &Row) -> Option<i64> {
    match row.fields.get("SysRevID") {
        Some(Cell::Number(digits) | Cell::Text(digits)) => digits.parse().ok(),
        _ => None,
    }
}
