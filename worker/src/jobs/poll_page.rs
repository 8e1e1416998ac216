//! Plans a window and reads its pages.
//!
//! The first page of a pass counts the rows and spreads the rest over page jobs, which may run in parallel; when the pass turns out to be unstable,
//! `close_window` starts another, and finally a walk by key.

mod parts;
mod plan;

use chrono::TimeDelta;
use mlc_epicor::{EpicorClient, Page, PageAsk, QueryShape, Row, RowKey, RowProblem, page_query};
use mlc_flow::{Ask, CloseWindow, Entity, Extent, PageStart, PollPage};
use mlc_ledger::{NewWindow, Opened, PageMark, PageMode, Purpose, WindowRow, WindowState};
use mlc_model::{ChangeField, Fault, FaultKind, Fingerprint, System, Window, WindowBounds, WindowId};
use mlc_queue::{JobContext, Order, Outcome, SnoozeReason, UniqueKey};
use mlc_runtime::settings::EpicorConnection;

use self::{parts::Beginning, plan::unnumbered};
use super::page::{Digest, Scope, digest};
use crate::{
    context::Context,
    entities::{epicor_entity, row_of},
};

/// An open window that nobody has advanced for so long is given up: its pages stand on the dead-letter shelf or are gone.
pub(super) const STUCK_AFTER: TimeDelta = TimeDelta::minutes(15);
/// How long a page waits while the target's lane is full.
pub(super) const BACKPRESSURE_WAIT: TimeDelta = TimeDelta::seconds(2);

/// Runs one job.
pub(crate) async fn run(context: &Context, job: PollPage, run: &JobContext) -> Outcome {
    let polled = match job.entity {
        Entity::Companies => super::poll_companies::run(context, &job, run).await,
        _ => poll(context, &job, run).await,
    };
    match polled {
        Ok(outcome) => outcome,
        Err(fault) => {
            context.note_refusal(&job.from, &fault).await;
            match context.waits_for_redis(&fault) {
                Some(snooze) => snooze,
                None => given_up(&job, run, fault),
            }
        }
    }
}

/// A plan that cannot be carried out goes to the shelf under a unique key of its own: with its usual one it would stand in the way of every later
/// poll, and the flow would be silent until somebody replays it.
fn given_up(job: &PollPage, run: &JobContext, fault: Fault) -> Outcome {
    let is_over = match fault.kind {
        FaultKind::Rejected | FaultKind::Defect => true,
        FaultKind::Transient | FaultKind::Uncertain => run.attempt >= run.max_attempts,
        FaultKind::Limited | FaultKind::Unauthorized => false,
    };
    // A letter that was replayed keeps its history.
    if !is_over || run.replays > 0 || !matches!(job.ask, Ask::Plan(_)) {
        return Outcome::Failed(fault);
    }
    match Order::of(job) {
        Ok(order) => {
            let key = UniqueKey::of(&format!("poll_page/{}/{}/given_up/{}", job.flow, job.entity, fault.cause()));
            Outcome::Done { then: Vec::new(), shelve: vec![(order.unique(key).priority(run.priority), fault)] }
        }
        Err(defect) => Outcome::Failed(defect),
    }
}

async fn poll(context: &Context, job: &PollPage, run: &JobContext) -> Result<Outcome, Fault> {
    let waits = !matches!(job.ask, Ask::Records { .. });
    if waits && context.lane_is_full(&job.to).await? {
        return Ok(Outcome::Snooze { until: context.clock.now() + BACKPRESSURE_WAIT, why: SnoozeReason::Backpressure });
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
    listed: mlc_epicor::Entity,
    shape: QueryShape,
    scope: Scope<'a>,
}

impl<'a> Source<'a> {
    async fn open(context: &'a Context, job: &'a PollPage, run: &'a JobContext) -> Result<Self, Fault> {
        let settings = context.flow(&job.flow)?;
        let connection = context.epicor_settings(&job.from)?;
        let client = context.epicor(&job.from).await?;
        let rules = context.rules(&job.flow, &job.from, &job.to)?;
        let shape = client.shape(&rules.extra_columns(job.entity));
        let epoch = context.ledger.epoch(&job.flow, job.entity.as_str()).await?;
        let company = connection.company.clone();
        let scope = Scope { job, run, settings, rules, company, zone: shape.zone, window: None, epoch };
        let listed = epicor_entity(job.entity)?;
        Ok(Self { context, job, run, client, connection, listed, shape, scope })
    }

    fn entity(&self) -> mlc_epicor::Entity {
        self.listed
    }

    /// The change field stays what it was when the entity was first read: marks of two fields cannot be compared.
    async fn change_field(&self) -> Result<ChangeField, Fault> {
        let (flow, entity) = (&self.job.flow, self.job.entity.as_str());
        if let Some(pin) = self.context.ledger.pinned(flow, entity).await? {
            return Ok(pin.change_field);
        }
        let choice = self.client.change_field(self.entity()).await?;
        tracing::info!(flow = %flow, entity, change_field = %choice.field, "Changes of {entity} are found by {}: {}", choice.field, choice.why);
        self.context
            .ledger
            .pin_change_field(flow, entity, choice.field.clone(), &choice.why, self.context.clock.now())
            .await?;
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
            let (window, mode) = (row.window, row.mode);
            let begins = matches!(self.beginning_of_parts(&window.change_field, extent).await?, Beginning::Now);
            let outcome = self.page(&window, row.pass, &first_start(mode), 0, None).await?;
            return self.followed_by_all_orders(outcome, begins);
        }
        let field = self.change_field().await?;
        let begins = match self.beginning_of_parts(&field, extent).await? {
            Beginning::Known => false,
            Beginning::Now => true,
            Beginning::Never => return self.followed_by_all_orders(Outcome::done(), true),
            Beginning::Covered => return Ok(Outcome::done()),
        };
        let epoch = self.scope.epoch;
        let Some(planned) = self.bounds(&field, extent).await? else { return Ok(Outcome::done()) };
        // Edits of parts that an older copy has undone are told by no row: the orders tell, whose own rows may never have changed.
        let begins = begins || (self.listed.is_order_part() && self.scope.epoch != epoch);
        let row = self.open_window(purpose, field, planned.bounds, None).await?;
        if !self.is_mine(&row) {
            return Ok(Outcome::done());
        }
        let outcome = self.page(&row.window, row.pass, &first_start(row.mode), 0, planned.page).await?;
        self.followed_by_all_orders(outcome, begins)
    }

    fn is_mine(&self, row: &WindowRow) -> bool {
        row.opened_by.as_ref() == Some(&self.run.job_id)
    }

    async fn open_already(&self, purpose: Purpose) -> Result<Option<WindowRow>, Fault> {
        if purpose == Purpose::Replay {
            return Ok(None);
        }
        let now = self.context.ledger.server_time().await?;
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

    async fn fetch(&self, window: Option<&Window>, start: &PageStart) -> Result<Page, Fault> {
        let query = page_query(self.entity(), window, &page_ask(start)?, &self.shape);
        self.client.fetch_page(self.entity(), &query).await
    }

    async fn replay(mut self, id: &WindowId) -> Result<Outcome, Fault> {
        let ledger = &self.context.ledger;
        let Some(original) = ledger.window(id).await? else {
            return Err(Fault::new(
                FaultKind::Rejected,
                System::Connector,
                "poll_page.replay",
                format!("window {id} is not in the ledger any more"),
            ));
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
        let distinct = (page.received - page.duplicates) as u64;
        let highest = page.rows.iter().flatten().map(|row| row.version.0).max();
        let (mut rows, first_key) = (page.rows, page.first_key);
        // Further pages repeat the last row of the one before, which has been dealt with there.
        let repeats_one = matches!(start, PageStart::Skip(skip) if *skip > 0) && first_key.is_some();
        if repeats_one {
            rows.drain(..1);
        }
        let read = distinct - u64::from(repeats_one);
        let rows = self.refined(rows, window);
        let Digest { changed, unchanged, superseded, refused, excluded, mut then, shelve, .. } =
            digest(self.context, &self.scope, rows).await?;
        if let Some((entity, row)) = superseded.first().and_then(row_of) {
            // Another page may have read the row later than this one. Or the source was put back to an older copy: one row read afresh tells.
            let ask = Ask::Records { keys: vec![row.to_string()], about: None };
            let order = Order::of(&PollPage { entity, ask, ..self.job.clone() })?;
            then.push(order.priority(self.run.priority));
        }

        let (number, expected_pages, expected_rows) = match start {
            PageStart::Skip(0) => {
                let rows = count.unwrap_or(received);
                if received == 0 && rows > 0 {
                    let message = format!("the server counts {rows} rows and sends none");
                    return Err(Fault::new(FaultKind::Transient, System::Epicor, "poll_page.page", message)
                        .with_code("ROWS_MISSING"));
                }
                // A page that is full may be followed by more, whatever the count says: some gateways count the rows of the page.
                let is_full = received >= u64::from(self.shape.page_rows);
                let looked_for = if is_full { rows.max(distinct + 1) } else { rows };
                let skips = further_pages(distinct, looked_for);
                let pages = skips.len() as u64 + 1;
                for skip in skips {
                    then.push(self.page_order(window, pass, PageStart::Skip(skip), rows)?);
                }
                (0, Some(pages), rows)
            }
            PageStart::Skip(skip) => (*skip, None, expected_rows),
            PageStart::After(_) => {
                // A walk carries its page number where the other mode carries the count.
                let number = expected_rows;
                if received == 0 {
                    (number, Some(number + 1), number)
                } else if matches!(start, PageStart::After(Some(before)) if last_key.as_ref().is_some_and(|last| last.to_string() == *before))
                {
                    let message = "the server sends the same rows again instead of those behind them: it ignores the filter on the key";
                    return Err(Fault::new(FaultKind::Rejected, System::Epicor, "poll_page.page", message)
                        .with_code("FILTER_IGNORED"));
                } else if last_key.is_none() {
                    let message = "no row of this page has a readable key, so the walk cannot go on";
                    return Err(Fault::new(FaultKind::Rejected, System::Epicor, "poll_page.page", message)
                        .with_code("KEYS_UNREADABLE"));
                } else {
                    let after = PageStart::After(last_key.as_ref().map(ToString::to_string));
                    then.push(self.page_order(window, pass, after, number + 1)?);
                    (number, None, number)
                }
            }
        };
        // A row without a readable key joins nothing: such a window is walked by key in the end.
        let boundaries = match start {
            PageStart::Skip(_) => {
                (Some(boundary(first_key.as_ref())?.unwrap_or(0)), Some(boundary(last_key.as_ref())?.unwrap_or(1)))
            }
            PageStart::After(_) => (None, None),
        };
        let mark = PageMark {
            skip: number,
            read,
            changed,
            unchanged,
            superseded: superseded.len() as u64,
            refused,
            excluded,
            rows_in_window: count,
            highest_revision: highest,
            requests: 1,
            starts: boundaries.0,
            ends: boundaries.1,
        };
        let state = self.context.ledger.record_page(&window.id, pass, mark, expected_pages).await?;
        if state.complete {
            then.push(self.close_order(window, pass, expected_rows)?);
        }
        tracing::info!(
            flow = %self.job.flow, entity = %self.job.entity, window = %window.id, pass, page = number, read, changed, unchanged, refused,
            "Read {read} rows, {changed} changed"
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
    async fn records(mut self, keys: &[String]) -> Result<Outcome, Fault> {
        let keys: Vec<RowKey> = keys
            .iter()
            .map(|key| key.parse::<RowKey>())
            .collect::<Result<_, _>>()
            .map_err(|problem| Fault::defect("poll_page.records", problem.to_string()))?;
        let rows = self.client.fetch_records(self.entity(), &keys, &self.shape).await?;
        if rows.is_empty() && matches!(self.job.ask, Ask::Records { about: None, .. }) {
            return Ok(Outcome::done());
        }
        if rows.is_empty() {
            let message = "the row does not exist at the source any more; discard this if that is right";
            return Err(
                Fault::new(FaultKind::Rejected, System::Epicor, "poll_page.records", message).with_code("ROW_GONE")
            );
        }
        let Digest { mut then, mut shelve, superseded, .. } = digest(self.context, &self.scope, rows).await?;
        if !superseded.is_empty() {
            // What the source says at this moment is older than what it said before.
            self.begin_anew().await?;
            let everything = PollPage { ask: Ask::Plan(Extent::Full), ..self.job.clone() };
            then.push(Order::of(&everything)?.priority(self.run.priority));
        }
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

/// Where the pages behind the first one start, which held `first` rows. Each repeats the last row of the one before, so that a gap shows, and the last
/// one is not full, so that its end is the window's. A server whose own limit is below `$top` makes every page short, and a row that is served twice
/// makes one longer: what counts is the number of different rows.
fn further_pages(first: u64, rows: u64) -> Vec<u64> {
    let mut skips = Vec::new();
    if rows > first {
        let step = first.saturating_sub(1).max(1);
        let mut skip = step;
        while skip + first <= rows {
            skips.push(skip);
            skip += step;
        }
        skips.push(skip);
    }
    skips
}

/// A row's key as the number that pages are held against each other by.
fn boundary(key: Option<&RowKey>) -> Result<Option<u64>, Fault> {
    let Some(key) = key else { return Ok(None) };
    let print =
        Fingerprint::of(&key.to_string()).map_err(|problem| Fault::defect("poll_page.page", problem.to_string()))?;
    let [a, b, c, d, e, f, g, h, ..] = print.0;
    Ok(Some(u64::from_be_bytes([a, b, c, d, e, f, g, h])))
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
        PageStart::Skip(skip) => {
            PageAsk::Skip { skip: u32::try_from(*skip).map_err(|problem| defect(problem.to_string()))? }
        }
        PageStart::After(key) => {
            let key = key
                .as_ref()
                .map(|key| key.parse::<RowKey>().map_err(|problem| defect(problem.to_string())))
                .transpose()?;
            PageAsk::After { key }
        }
    })
}
