//! Walks the companies of a shop, which have no change field, and orders a look at those that differ from what was seen last.
//!
//! Each window covers everything and is walked by key, one page at a time; the last page closes it.

use mlc_adobe::{AdobeClient, Company, Condition, Search};
use mlc_flow::{Ask, Extent, PageStart, PollPage, PullCompany, PullStep};
use mlc_ledger::{CloseRequest, Mark, NewWindow, Opened, PageMark, PageMode, Purpose, WindowRow};
use mlc_mapping::SharedValues;
use mlc_model::{
    ChangeField, ChangeMode, CompanyCode, Fault, FaultKind, RecordKey, System, Window, WindowBounds, WindowId,
};
use mlc_queue::{JobContext, Order, Outcome, SnoozeReason};

use super::poll_page::{BACKPRESSURE_WAIT, STUCK_AFTER};
use crate::{
    context::Context,
    flows::{adobe_to_epicor::companies, vendor_master},
};

const OPERATION: &str = "poll_companies";
/// The shop's column of the id, in searches.
const ID: &str = "entity_id";

pub(crate) async fn run(context: &Context, job: &PollPage, run: &JobContext) -> Result<Outcome, Fault> {
    let waits = !matches!(job.ask, Ask::Records { .. });
    if waits && context.lane_is_full(&job.to).await? {
        return Ok(Outcome::Snooze { until: context.clock.now() + BACKPRESSURE_WAIT, why: SnoozeReason::Backpressure });
    }
    context.flow(&job.flow)?;
    let client = context.adobe(&job.from).await?;
    let walk = Walk { context, job, run, client, code: &context.epicor_settings(&job.to)?.company };
    match &job.ask {
        Ask::Plan(extent) => walk.plan(*extent).await,
        Ask::Replay(window) => walk.replay(window).await,
        Ask::Page { window, pass, start, expected_rows } => walk.page(window, *pass, start, *expected_rows).await,
        Ask::Records { keys, .. } => walk.records(keys),
    }
}

struct Walk<'a> {
    context: &'a Context,
    job: &'a PollPage,
    run: &'a JobContext,
    client: AdobeClient,
    code: &'a CompanyCode,
}

impl Walk<'_> {
    async fn plan(&self, extent: Extent) -> Result<Outcome, Fault> {
        let purpose = match extent {
            Extent::Incremental => Purpose::Incremental,
            Extent::Full => Purpose::Full,
            // Companies know no instants: a person's question reads everything, and what is unchanged is dropped.
            Extent::Since(_) => Purpose::Replay,
        };
        let open = if purpose == Purpose::Replay { None } else { self.open_already(purpose).await? };
        let row = match open {
            Some(row) => row,
            None => self.open_window(purpose, None).await?,
        };
        if row.opened_by.as_ref() != Some(&self.run.job_id) {
            return Ok(Outcome::done());
        }
        self.page(&row.window, row.pass, &PageStart::After(None), 0).await
    }

    /// A window that is being walked, by this very job or another one. One that is stuck is given up.
    async fn open_already(&self, purpose: Purpose) -> Result<Option<WindowRow>, Fault> {
        let ledger = &self.context.ledger;
        let now = ledger.server_time().await?;
        for row in ledger.open_windows(&self.job.flow).await? {
            if row.entity != self.job.entity.as_str() || row.purpose != purpose {
                continue;
            }
            let stuck = now - row.advanced_at.unwrap_or(row.opened_at) > STUCK_AFTER;
            if !stuck || row.opened_by.as_ref() == Some(&self.run.job_id) {
                return Ok(Some(row));
            }
            tracing::warn!(flow = %self.job.flow, window = %row.window.id, "Window {} made no progress and is given up", row.window.id);
            ledger.abandon_window(&row.window.id, "no page of it was read for 15 minutes", now).await?;
        }
        Ok(None)
    }

    async fn open_window(&self, purpose: Purpose, replay_of: Option<WindowId>) -> Result<WindowRow, Fault> {
        let (flow, entity, ledger) = (&self.job.flow, self.job.entity.as_str(), &self.context.ledger);
        let change_field = ChangeField { mode: ChangeMode::FullScan, column: String::new() };
        let now = self.context.clock.now();
        if ledger.pinned(flow, entity).await?.is_none() {
            ledger.pin_change_field(flow, entity, change_field.clone(), "companies have no change field", now).await?;
        }
        let opened = ledger
            .open_window(NewWindow {
                flow: flow.clone(),
                entity: entity.to_owned(),
                purpose,
                change_field,
                bounds: WindowBounds::Everything { until: ledger.server_time().await? },
                query: format!("company/ by {ID}, {ID} gt last"),
                mode: PageMode::Keyset,
                replay_of,
                opened_by: Some(self.run.job_id.clone()),
                at: now,
            })
            .await?;
        Ok(match opened {
            Opened::New(row) | Opened::Coalesced(row) => row,
        })
    }

    async fn replay(&self, id: &WindowId) -> Result<Outcome, Fault> {
        if self.context.ledger.window(id).await?.is_none() {
            let message = format!("window {id} is not in the ledger any more");
            return Err(Fault::new(FaultKind::Rejected, System::Connector, OPERATION, message));
        }
        let row = self.open_window(Purpose::Replay, Some(id.clone())).await?;
        self.page(&row.window, row.pass, &PageStart::After(None), 0).await
    }

    /// Reads one page. `number` counts the pages of the walk.
    async fn page(&self, window: &Window, pass: u32, start: &PageStart, number: u64) -> Result<Outcome, Fault> {
        let ledger = &self.context.ledger;
        let last = match start {
            PageStart::After(Some(last)) => {
                Some(last.parse::<i64>().map_err(|problem| Fault::defect(OPERATION, problem.to_string()))?)
            }
            PageStart::After(None) | PageStart::Skip(_) => None,
        };
        let mut search = Search::by(ID).page_size(self.client.config().page_size);
        if let Some(last) = last {
            search = search.and(ID, Condition::Gt, last.to_string());
        }
        let page = self.client.search_companies(&search).await?;
        let ids: Vec<i64> = page.items.iter().filter_map(|company| company.id).collect();
        if ids.len() < page.items.len() || last.is_some_and(|last| ids.iter().any(|id| *id <= last)) {
            let message = "the shop sends companies without an id, or the same ones again instead of those behind them";
            return Err(Fault::new(FaultKind::Rejected, System::Adobe, OPERATION, message).with_code("FILTER_IGNORED"));
        }
        let highest = ids.iter().max().copied();
        let ours = self.ours(&page.items)?;
        let changed = self.changed(&ours).await?;
        let mut then = Vec::with_capacity(changed.len() + 1);
        for id in &changed {
            then.push(self.look_at(*id)?);
        }
        let is_last = page.is_last(&search) || highest.is_none();
        if !is_last {
            let start = PageStart::After(highest.map(|id| id.to_string()));
            let ask = Ask::Page { window: window.clone(), pass, start, expected_rows: number + 1 };
            then.push(Order::of(&PollPage { ask, ..self.job.clone() })?.priority(self.run.priority));
        }
        let (read, differs) = (page.items.len() as u64, changed.len() as u64);
        let unchanged = ours.len() as u64 - differs;
        let mark = PageMark {
            skip: number,
            read,
            changed: differs,
            unchanged,
            superseded: 0,
            refused: 0,
            excluded: read - ours.len() as u64,
            rows_in_window: (number == 0).then_some(page.total_count),
            highest_revision: None,
            requests: 1,
            starts: None,
            ends: None,
        };
        let state = ledger.record_page(&window.id, pass, mark, is_last.then_some(number + 1)).await?;
        if state.complete {
            self.close(window, pass).await?;
        }
        tracing::info!(flow = %self.job.flow, window = %window.id, page = number, read, changed = differs, "Read {read} companies, {differs} changed");
        Ok(Outcome::then(then))
    }

    async fn close(&self, window: &Window, pass: u32) -> Result<(), Fault> {
        let ledger = &self.context.ledger;
        let row = ledger.window(&window.id).await?;
        let is_replay = row.is_some_and(|row| row.purpose == Purpose::Replay);
        let mark = match window.bounds {
            WindowBounds::Everything { until } if !is_replay => Some(Mark::Time(until)),
            _ => None,
        };
        // Closed by an earlier run, given up or abandoned: all the same to this page, which has been read.
        ledger
            .close_window(&window.id, CloseRequest { pass, rows_after: None, mark, at: self.context.clock.now() })
            .await?;
        Ok(())
    }

    /// Companies that stand for a vendor, with the fingerprint of what both sides keep. Others of the shop are none of our business.
    fn ours(&self, items: &[Company]) -> Result<Vec<Ours>, Fault> {
        let placeholders = vendor_master::placeholders(&self.context.settings, &self.job.to, &self.job.from);
        let mut ours = Vec::new();
        for company in items {
            if let (Some(id), Some((number, vendor))) = (company.id, companies::vendor_of(company, self.code)) {
                let print = SharedValues::of_company(company, number, &placeholders).fingerprint(&vendor)?;
                ours.push(Ours { id, vendor, print });
            }
        }
        Ok(ours)
    }

    /// Those that differ from what was seen last, but not those that another company is written for, and not what Epicor has refused.
    async fn changed(&self, ours: &[Ours]) -> Result<Vec<i64>, Fault> {
        let (flow, ledger) = (&self.job.flow, &self.context.ledger);
        let keys: Vec<RecordKey> = ours.iter().map(|one| one.vendor.clone()).collect();
        let subjects: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let rows = ledger.row(flow, &keys).await?;
        let refused = ledger.kept_many(flow, &subjects, companies::REFUSED).await?;
        let links = match vendor_master::to_shop(&self.context.settings, &self.job.to, &self.job.from) {
            Some((to_shop, _)) => ledger.link(to_shop, &keys).await?,
            None => vec![None; keys.len()],
        };
        let mut changed = Vec::new();
        for (((one, row), refused), link) in ours.iter().zip(rows).zip(refused).zip(links) {
            let seen = row.is_some_and(|row| {
                !row.pending && row.delivered.is_some_and(|delivered| delivered.fingerprint == one.print)
            });
            let linked = link.and_then(|link| link.as_str().parse::<i64>().ok());
            let is_anothers = linked.is_some_and(|linked| linked != one.id);
            if !seen && !is_anothers && refused != Some(one.print.to_string()) {
                changed.push(one.id);
            }
        }
        Ok(changed)
    }

    fn look_at(&self, company_id: i64) -> Result<Order, Fault> {
        let order = Order::of(&PullCompany {
            flow: self.job.flow.clone(),
            from: self.job.from.clone(),
            to: self.job.to.clone(),
            company_id,
            step: PullStep::Read,
        })?;
        Ok(order.priority(self.run.priority))
    }

    /// Single companies by their ids, whatever was seen of them.
    fn records(&self, keys: &[String]) -> Result<Outcome, Fault> {
        let orders = keys.iter().map(|key| {
            let id = key.trim().parse::<i64>();
            self.look_at(id.map_err(|problem| Fault::defect(OPERATION, problem.to_string()))?)
        });
        Ok(Outcome::then(orders.collect::<Result<_, _>>()?))
    }
}

/// A company that stands for a vendor.
struct Ours {
    id: i64,
    vendor: RecordKey,
    print: mlc_model::Fingerprint,
}
