//! The one replica that holds the lease looks every second which flows are due, and orders them.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use mlc_flow::{Ask, Entity, Extent, PollPage, UnknownFlow, flow_kind};
use mlc_ledger::{Ledger, LedgerError};
use mlc_model::{Clock, Fault, FlowId, JobId};
use mlc_queue::{Enqueued, Order, Priority, Queue, QueueError};
use mlc_runtime::{
    readiness::Readiness,
    settings::{FlowPriority, FlowSettings, Schedule as Configured, Settings},
    shutdown::Shutdown,
};
use tokio::time::MissedTickBehavior;
use tracing::{debug, info, warn};

use super::plan::{InvalidSchedule, Schedule, jitter_of};

/// Name of the lease.
const ROLE: &str = "ticker";
/// Who replays a poll that died, in its history.
const SCHEDULE: &str = "schedule";
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a look at the schedules failed. The next one tries again.
#[derive(Debug, thiserror::Error)]
pub enum TickError {
    /// The queue took no order.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The ledger told or noted nothing.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The order could not be written.
    #[error(transparent)]
    Order(#[from] Fault),
    /// The flow is of no known kind.
    #[error(transparent)]
    Flow(#[from] UnknownFlow),
}

/// What became of the order for one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// What will be polled.
    pub entity: Entity,
    /// The job that stands for the order.
    pub job: JobId,
    /// False when an equal order was waiting already.
    pub new: bool,
}

/// Orders one poll per entity of the flow. Equal orders coalesce: where one waits already, its job stands for this one too.
///
/// A poll of the same question that stands on the dead-letter shelf is put back into its lane, in the name of `by`:
/// the shelf must not silence a schedule, for it holds the unique key.
///
/// # Errors
/// [`TickError`]: some entities may be ordered already; repeating is safe.
pub async fn order_poll(
    queue: &Queue,
    id: &FlowId,
    flow: &FlowSettings,
    extent: Extent,
    priority: Priority,
    by: &str,
) -> Result<Vec<Ordered>, TickError> {
    let entities = flow_kind(flow.kind(id))?.entities;
    let mut orders = Vec::with_capacity(entities.len());
    for &entity in entities {
        let poll =
            PollPage { flow: id.clone(), entity, from: flow.from.clone(), to: flow.to.clone(), ask: Ask::Plan(extent) };
        orders.push(Order::of(&poll)?.priority(priority));
    }
    let answers = queue.enqueue(&orders).await?;
    let mut ordered = Vec::with_capacity(entities.len());
    for (&entity, answer) in entities.iter().zip(answers) {
        let new = match &answer {
            Enqueued::Accepted(_) => true,
            Enqueued::Duplicate(job) => {
                let dead = queue.dead_letter(job).await?.is_some();
                dead && !queue.replay(std::slice::from_ref(job), by).await?.jobs.is_empty()
            }
        };
        ordered.push(Ordered { entity, job: answer.id().clone(), new });
    }
    Ok(ordered)
}

#[derive(Debug)]
struct Planned {
    id: FlowId,
    flow: FlowSettings,
    changes: Option<Schedule>,
    full: Option<Schedule>,
}

/// Ticks for all flows of the settings, while it holds the lease.
#[derive(Debug)]
pub struct Ticker {
    queue: Queue,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    holder: String,
    lease: Duration,
    flows: Vec<Planned>,
}

impl Ticker {
    /// A ticker under the name `holder`, which no other replica may have.
    ///
    /// # Errors
    /// A cron expression that cannot be read.
    pub fn new(
        settings: &Settings,
        queue: Queue,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        holder: String,
    ) -> Result<Self, InvalidSchedule> {
        let mut flows = Vec::with_capacity(settings.flows.len());
        for (id, flow) in &settings.flows {
            flows.push(Planned {
                id: id.clone(),
                changes: Schedule::configured(flow.schedule(), flow.jitter)?,
                full: Schedule::configured(flow.full_schedule(), flow.jitter)?,
                flow: flow.clone(),
            });
        }
        Ok(Self { queue, ledger, clock, holder, lease: settings.producer.lease, flows })
    }

    /// Looks every second until `shutdown`, then gives the lease back. `readiness` beats as long as Redis answers.
    pub async fn run(self, readiness: Readiness, shutdown: Shutdown) {
        let mut seconds = tokio::time::interval(LOOK_EVERY);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut led, mut failing) = (false, false);
        loop {
            tokio::select! {
                () = shutdown.wait() => break,
                _ = seconds.tick() => {}
            }
            match self.tick().await {
                Ok(leads) => {
                    readiness.beat();
                    failing = false;
                    if leads != led {
                        let what = if leads { "This producer ticks now" } else { "Another producer ticks now" };
                        info!(holder = self.holder, "{what}");
                    }
                    led = leads;
                }
                Err(error) => {
                    // Once per outage, not once per second.
                    if !std::mem::replace(&mut failing, true) {
                        warn!(%error, "Flows that are due could not be ordered; trying again every second: {error}");
                    }
                }
            }
        }
        if let Err(error) = self.ledger.resign(ROLE, &self.holder).await {
            debug!(%error, "The lease was not given back; it ends by itself");
        }
    }

    /// One look at all schedules. False when another replica holds the lease.
    ///
    /// A flow that fails does not hold back the others.
    ///
    /// # Errors
    /// The first [`TickError`].
    pub async fn tick(&self) -> Result<bool, TickError> {
        if !self.ledger.lead(ROLE, &self.holder, self.lease).await? {
            return Ok(false);
        }
        let mut first_error = None;
        for planned in &self.flows {
            if let Err(error) = self.tick_flow(planned).await {
                debug!(flow = %planned.id, %error, "Flow {} could not be ordered", planned.id);
                first_error.get_or_insert(error);
            }
        }
        first_error.map_or(Ok(true), Err)
    }

    async fn tick_flow(&self, planned: &Planned) -> Result<(), TickError> {
        let (id, now) = (&planned.id, self.clock.now());
        if let Some(schedule) = &planned.changes {
            let last = self.ledger.last_tick(id).await?;
            if is_due(schedule, id, last, now) {
                let priority = match planned.flow.priority {
                    FlowPriority::Normal => Priority::Normal,
                    FlowPriority::Backfill => Priority::Backfill,
                };
                self.order(planned, Extent::Incremental, priority).await?;
                // Only now: a crash in between orders again, and equal orders coalesce.
                self.ledger.set_last_tick(id, now).await?;
            }
        }
        if let Some(schedule) = &planned.full {
            let last = self.ledger.last_full_tick(id).await?;
            // The first poll for changes reads everything anyway, so the first full scan waits for its turn.
            let first_is_covered = last.is_none() && planned.changes.is_some();
            if first_is_covered {
                self.ledger.set_last_full_tick(id, now).await?;
            } else if is_due(schedule, id, last, now) {
                self.order(planned, Extent::Full, Priority::Backfill).await?;
                self.ledger.set_last_full_tick(id, now).await?;
            }
        }
        Ok(())
    }

    async fn order(&self, planned: &Planned, extent: Extent, priority: Priority) -> Result<(), TickError> {
        let id = &planned.id;
        let ordered = order_poll(&self.queue, id, &planned.flow, extent, priority, SCHEDULE).await?;
        let new = ordered.iter().filter(|order| order.new).count();
        debug!(flow = %id, ordered = new, coalesced = ordered.len() - new, "Ordered {extent:?} polls of {id}");
        Ok(())
    }
}

fn is_due(schedule: &Schedule, id: &FlowId, last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    schedule.is_due(last, now, jitter_of(id.as_str(), last))
}

impl Schedule {
    /// The schedule that stands in the settings; `None` when only people order.
    pub(crate) fn configured(configured: Configured<'_>, jitter: Duration) -> Result<Option<Self>, InvalidSchedule> {
        match configured {
            Configured::OnDemand => Ok(None),
            Configured::Every(interval) => Ok(Some(Self::every(interval, jitter))),
            Configured::Cron(expression) => Self::cron(expression, jitter).map(Some),
        }
    }
}
