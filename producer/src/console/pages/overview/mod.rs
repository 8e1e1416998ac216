//! The overview: how the whole stands.

mod page;
mod value;

use chrono::{DateTime, Utc};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};
use mlc_connections::BudgetLeft;
use mlc_ledger::ReviewState;
use mlc_queue::{Lane, LaneStatus, PaceMinute};
use schemars::JsonSchema;
use serde::Deserialize;

use self::value::{CauseRow, Figures, FlowLag, LaneRow, Minute, Overview, Period, Worker};
use super::budgets;
use crate::{
    Failure, Rooms,
    console::{
        backlog::{Drain, LOOK_BACK, Taking, drain, speed},
        call::{Call, Viewer},
        error::ConsoleError,
        reply::View,
        route::Route,
    },
    lag::{lag_of, progress_of},
};

/// Lanes whose backlog is estimated: those with the most waiting jobs.
const ESTIMATED: usize = 25;
/// What is read at once for them.
const AT_ONCE: usize = 8;
/// Causes shown.
const CAUSES: usize = 5;

/// What the charts show.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct OverviewQuery {
    /// `hour` (the default, by minutes), `day` or `month` (by hours).
    period: Option<Period>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![Route::show("/", "How the whole stands", show).asks::<OverviewQuery>().answers::<Overview>()]
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let period = call.query::<OverviewQuery>()?.period.unwrap_or_default();
    let overview = read(&call.rooms, period, &call.viewer, call.now).await?;
    Ok(View::new("/", "Overview", overview, |overview, _viewer| page::page(overview)))
}

async fn read(rooms: &Rooms, period: Period, viewer: &Viewer, now: DateTime<Utc>) -> Result<Overview, Failure> {
    let queue = &rooms.queue;
    let (lanes, hour, workers, unconsumed, causes) =
        tokio::try_join!(queue.lanes(), queue.pace(None, 60), queue.workers(), queue.unconsumed(), queue.causes())?;
    let reviews = rooms.ledger.review_count(Some(ReviewState::Open)).await?;
    let pace: Vec<PaceMinute> = match period {
        Period::Hour => hour.clone(),
        Period::Day => queue.pace_hours(24).await?,
        Period::Month => queue.pace_hours(35 * 24).await?,
    };
    let days = if period == Period::Month { by_day(&pace) } else { Vec::new() };
    let drains = estimates(rooms, &lanes, &unconsumed, now).await?;
    let rows = lanes.iter().zip(drains).map(|(status, (drain, tightest))| LaneRow {
        unconsumed: unconsumed.contains(&status.lane),
        configured: rooms.settings.connections.keys().any(|id| id.as_str() == status.lane.as_str()),
        drain,
        tightest,
        ..LaneRow::from(status)
    });
    let rows: Vec<LaneRow> = rows.collect();
    let sum = |count: fn(&LaneStatus) -> u64| lanes.iter().map(count).sum::<u64>();
    let lately = |count: fn(&PaceMinute) -> u64| hour.iter().map(count).sum::<u64>();
    let figures = Figures {
        ready: sum(|lane| lane.ready),
        delayed: sum(|lane| lane.delayed),
        running: sum(|lane| lane.running),
        dead: sum(|lane| lane.dead),
        done_last_hour: lately(|minute| minute.done),
        failed_last_hour: lately(|minute| minute.failed),
        dead_last_hour: lately(|minute| minute.dead),
        reviews_open: reviews,
        workers: workers.len() as u64,
        places: workers.iter().map(|worker| u64::from(worker.places)).sum(),
        stopped_lanes: rows.iter().filter(|lane| lane.paused.is_some() || lane.held.is_some()).count() as u64,
    };
    Ok(Overview {
        at: now,
        period,
        figures,
        pace: pace.iter().map(Minute::from).collect(),
        days: days.iter().map(Minute::from).collect(),
        flows: flows(rooms, now).await?,
        lanes: rows,
        causes: causes.iter().take(CAUSES).map(|cause| CauseRow::seen_by(cause, viewer)).collect(),
        causes_in_all: causes.len() as u64,
        workers: workers.iter().map(Worker::from).collect(),
    })
}

/// When a lane drains, and its budget with the smallest share left.
type Estimate = (Option<Drain>, Option<budgets::Budget>);

/// For each lane when it drains and its budget with the smallest share left, as far as that is worth a look.
async fn estimates(
    rooms: &Rooms,
    lanes: &[LaneStatus],
    unconsumed: &[Lane],
    now: DateTime<Utc>,
) -> Result<Vec<Estimate>, Failure> {
    let waiting = |lane: &LaneStatus| lane.ready + lane.delayed;
    let mut backlogs: Vec<u64> = lanes.iter().map(waiting).filter(|jobs| *jobs > 0).collect();
    backlogs.sort_unstable_by_key(|jobs| std::cmp::Reverse(*jobs));
    let least = backlogs.get(ESTIMATED - 1).copied().unwrap_or(1);
    let mut look: Vec<BoxFuture<'_, Result<Estimate, Failure>>> = Vec::with_capacity(lanes.len());
    for status in lanes {
        let worthwhile = waiting(status) >= least || lanes.len() <= ESTIMATED;
        look.push(match worthwhile {
            true => estimate(rooms, status, Taking::of(status, unconsumed), now).boxed(),
            false => std::future::ready(Ok((None, None))).boxed(),
        });
    }
    stream::iter(look).buffered(AT_ONCE).try_collect().await
}

async fn estimate(rooms: &Rooms, status: &LaneStatus, taking: Taking, now: DateTime<Utc>) -> Result<Estimate, Failure> {
    let left = match rooms.settings.connections.keys().find(|id| id.as_str() == status.lane.as_str()) {
        // A connection whose secrets are missing has no budgets yet; its own page says so.
        Some(id) => rooms.connections.budgets(id).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let share = |budget: &BudgetLeft| budget.remaining.saturating_mul(1_000) / budget.limit.max(1);
    let tightest = left.iter().min_by_key(|budget| share(budget)).map(|budget| budgets::seen(budget, now));
    let waiting = status.ready + status.delayed;
    let pace = match waiting {
        0 => Vec::new(),
        _ => rooms.queue.pace(Some(&status.lane), LOOK_BACK).await?,
    };
    Ok((Some(drain(waiting, speed(&pace, now), taking, &left)), tightest))
}

async fn flows(rooms: &Rooms, now: DateTime<Utc>) -> Result<Vec<FlowLag>, Failure> {
    let mut rows = Vec::new();
    for (id, flow) in &rooms.settings.flows {
        let progress = progress_of(rooms, id, flow).await?;
        let open = rooms.ledger.open_windows(id).await?.len() as u64;
        let lag_secs = lag_of(&progress, now).map(|lag| lag.num_seconds().unsigned_abs());
        rows.push(FlowLag {
            flow: id.to_string(),
            enabled: flow.enabled,
            announced: progress.is_empty(),
            lag_secs,
            open_windows: open,
        });
    }
    Ok(rows)
}

/// Hours added up to days (UTC), oldest first. Times are added up too, so that a mean is one over all jobs and not over hours.
fn by_day(hours: &[PaceMinute]) -> Vec<PaceMinute> {
    let of_one_day = |a: &PaceMinute, b: &PaceMinute| a.at.date_naive() == b.at.date_naive();
    let added = |sum: PaceMinute, hour: &PaceMinute| PaceMinute {
        at: sum.at,
        started: sum.started + hour.started,
        done: sum.done + hour.done,
        failed: sum.failed + hour.failed,
        snoozed: sum.snoozed + hour.snoozed,
        dead: sum.dead + hour.dead,
        enqueued: sum.enqueued + hour.enqueued,
        ended: sum.ended + hour.ended,
        wait_ms: sum.wait_ms.saturating_add(hour.wait_ms),
        run_ms: sum.run_ms.saturating_add(hour.run_ms),
    };
    let day = |hours: &[PaceMinute]| {
        let at = hours.first().map(|first| first.at).unwrap_or_default();
        hours.iter().fold(PaceMinute { at, ..PaceMinute::default() }, added)
    };
    hours.chunk_by(of_one_day).map(day).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_adds_up_its_hours_and_its_mean_is_one_over_all_jobs() {
        let hour = |hour: i64, started, wait_ms| PaceMinute {
            at: DateTime::from_timestamp(hour * 3_600, 0).unwrap_or_default(),
            started,
            wait_ms,
            done: 1,
            ..PaceMinute::default()
        };
        let days = by_day(&[hour(22, 0, 0), hour(23, 1, 8_000), hour(24, 3, 3_000), hour(25, 1, 1_000)]);
        let told: Vec<_> = days.iter().map(|day| (day.at.timestamp() / 3_600, day.done, day.mean_wait())).collect();
        let seconds = |n| Some(std::time::Duration::from_secs(n));
        assert_eq!(told, [(22, 2, seconds(8)), (24, 2, seconds(1))]);
        assert!(by_day(&[]).is_empty());
    }
}
