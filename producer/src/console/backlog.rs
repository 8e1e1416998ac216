//! When a backlog drains: pure estimates from the pace of the last minutes and from what is left of the budgets.

use mlc_connections::BudgetLeft;
use mlc_queue::{Lane, LaneStatus, PaceMinute};
use schemars::JsonSchema;
use serde::Serialize;

/// Minutes of pace that an estimate looks back.
pub(crate) const LOOK_BACK: u32 = 15;
const DAY_SECS: f64 = 86_400.0;
/// How far, as a logarithm, a budget may be from the speed to be what limits it: 20 percent.
const NEAR: f64 = 0.182;

/// What becomes of a backlog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Drain {
    /// `empty`: nothing waits. `stopped`: paused or held. `unconsumed`: no worker takes them. `standing`: nothing was done lately.
    /// `moving`: it drains.
    pub(crate) state: &'static str,
    /// Estimated seconds until nothing waits any more; null unless `moving`.
    pub(crate) secs: Option<u64>,
    /// The budget that makes it last so long, where one does.
    pub(crate) limited_by: Option<&'static str>,
}

impl Drain {
    fn is(state: &'static str) -> Self {
        Self { state, secs: None, limited_by: None }
    }
}

/// Jobs done a second over the last minutes, the present one included as far as it has gone. Looks back to the first minute in
/// which something happened, so that a burst that has just begun is not spread over the quiet before it.
pub(crate) fn speed(minutes: &[PaceMinute], now: chrono::DateTime<chrono::Utc>) -> f64 {
    let from = minutes.len().saturating_sub(LOOK_BACK as usize);
    let lately = &minutes[from..];
    let Some(first) = lately.iter().position(|minute| minute.started + minute.ended > 0) else { return 0.0 };
    let (Some(begun), done) = (lately.get(first), lately[first..].iter().map(|minute| minute.done).sum::<u64>()) else {
        return 0.0;
    };
    let secs = (now - begun.at).as_seconds_f64().max(10.0);
    float(done) / secs
}

/// Whether jobs of a lane are given out and taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taking {
    /// They are.
    Open,
    /// The lane is paused or held.
    Stopped,
    /// No living worker serves the lane.
    Unconsumed,
}

impl Taking {
    /// Of a lane, given those that nobody serves.
    pub(crate) fn of(status: &LaneStatus, unconsumed: &[Lane]) -> Self {
        match status {
            LaneStatus { paused: None, held: None, .. } if unconsumed.contains(&status.lane) => Self::Unconsumed,
            LaneStatus { paused: None, held: None, .. } => Self::Open,
            _ => Self::Stopped,
        }
    }
}

/// When `jobs` are done at `speed` a second.
///
/// The speed is what was really done, so it holds what the budgets of the calls cost already; one that allows hardly more than that is
/// named as the limit. A daily budget with fewer calls left than jobs makes the rest wait for its midnight. New jobs that arrive
/// meanwhile are not foreseen.
pub(crate) fn drain(jobs: u64, speed: f64, taking: Taking, budgets: &[BudgetLeft]) -> Drain {
    match taking {
        _ if jobs == 0 => return Drain::is("empty"),
        Taking::Stopped => return Drain::is("stopped"),
        Taking::Unconsumed => return Drain::is("unconsumed"),
        Taking::Open if speed <= 0.0 => return Drain::is("standing"),
        Taking::Open => {}
    }
    let mut nearest: (f64, Option<&'static str>) = (NEAR, None);
    let mut wait = (0.0_f64, None);
    for budget in budgets {
        let per = budget.per.as_secs_f64();
        if per > 0.0 && per < DAY_SECS {
            let allowed = float(budget.limit) / per;
            // Work that is much faster than a budget allows does not spend that budget.
            let apart = (allowed / speed).ln().abs();
            if apart < nearest.0 {
                nearest = (apart, Some(budget.family));
            }
        }
        let blocked = budget.blocked_for.as_secs_f64();
        if blocked > wait.0 {
            wait = (blocked, Some(budget.family));
        }
    }
    let mut longest = (wait.0 + float(jobs) / speed, wait.1.or(nearest.1));
    for budget in budgets.iter().filter(|budget| budget.per.as_secs_f64() >= DAY_SECS && budget.remaining < jobs) {
        let over = jobs - budget.remaining;
        // What the days after today take in full, then the rest of the last one.
        let whole_days = (over - 1) / budget.limit.max(1);
        let rest = over - whole_days * budget.limit.max(1);
        let secs = budget.whole_in.as_secs_f64() + float(whole_days) * DAY_SECS + float(rest) / speed;
        if secs > longest.0 {
            longest = (secs, Some(budget.family));
        }
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let secs = longest.0.ceil() as u64;
    Drain { state: "moving", secs: Some(secs), limited_by: longest.1 }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate; counts are far below 2^52")]
fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use std::time::Duration;

    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;

    fn budget(family: &'static str, limit: u64, remaining: u64, per_secs: u64, whole_in_secs: u64) -> BudgetLeft {
        BudgetLeft {
            family,
            remaining,
            limit,
            per: Duration::from_secs(per_secs),
            whole_in: Duration::from_secs(whole_in_secs),
            blocked_for: Duration::ZERO,
        }
    }

    #[test]
    fn a_backlog_takes_its_jobs_over_the_speed() {
        let drained = drain(600, 2.0, Taking::Open, &[budget("burst", 190, 190, 10, 0)]);
        assert_eq!(drained, Drain { state: "moving", secs: Some(300), limited_by: None });
    }

    #[test]
    fn nothing_waiting_stopped_and_standing_are_told_apart() {
        assert_eq!(drain(0, 0.0, Taking::Stopped, &[]).state, "empty");
        assert_eq!(drain(5, 3.0, Taking::Stopped, &[]).state, "stopped");
        assert_eq!(drain(5, 3.0, Taking::Unconsumed, &[]), Drain::is("unconsumed"), "however fast it was before");
        assert_eq!(drain(5, 0.0, Taking::Open, &[]).state, "standing");
    }

    #[test]
    fn a_budget_that_allows_hardly_more_is_named_and_one_that_is_not_spent_slows_nothing_down() {
        let budgets = [budget("search", 4, 4, 1, 0), budget("burst", 190, 190, 10, 0)];
        let drained = drain(600, 18.0, Taking::Open, &budgets);
        assert_eq!(drained, Drain { state: "moving", secs: Some(34), limited_by: Some("burst") });
        assert_eq!(drain(600, 3.9, Taking::Open, &budgets).limited_by, Some("search"));
        let between = drain(600, 10.0, Taking::Open, &budgets);
        assert_eq!(between, Drain { state: "moving", secs: Some(60), limited_by: None });
    }

    #[test]
    fn a_day_that_is_used_up_makes_the_rest_wait_for_midnight() {
        let day = 86_400;
        let daily = budget("daily", 1_000, 100, day, 3_600);
        assert_eq!(drain(100, 1.0, Taking::Open, &[daily]).secs, Some(100));
        // 100 today, 500 after midnight.
        let drained = drain(600, 1.0, Taking::Open, &[daily]);
        assert_eq!(drained, Drain { state: "moving", secs: Some(3_600 + 500), limited_by: Some("daily") });
        // 100 today, 1,000 on the first day, 1 on the second.
        assert_eq!(drain(1_101, 1.0, Taking::Open, &[daily]).secs, Some(3_600 + day + 1));
    }

    #[test]
    fn a_block_is_waited_for() {
        let blocked = BudgetLeft { blocked_for: Duration::from_secs(90), ..budget("burst", 190, 0, 10, 0) };
        assert_eq!(
            drain(10, 1.0, Taking::Open, &[blocked]),
            Drain { state: "moving", secs: Some(100), limited_by: Some("burst") }
        );
    }

    #[test]
    fn a_burst_that_has_just_begun_is_not_spread_over_the_quiet_before_it() {
        let now: DateTime<Utc> = "2026-11-22T12:00:30Z".parse().unwrap();
        let minute = |ago: i64, done: u64| PaceMinute {
            at: "2026-11-22T12:00:00Z".parse::<DateTime<Utc>>().unwrap() - TimeDelta::minutes(ago),
            started: done,
            ended: done,
            done,
            ..PaceMinute::default()
        };
        let minutes: Vec<PaceMinute> =
            (2..60).rev().map(|ago| minute(ago, 0)).chain([minute(1, 60), minute(0, 30)]).collect();
        assert!((speed(&minutes, now) - 1.0).abs() < 1e-9, "{}", speed(&minutes, now));
        assert!(speed(&minutes[..58], now).abs() < f64::EPSILON);
        // What happened before the last quarter of an hour does not count.
        let long_ago: Vec<PaceMinute> =
            [minute(40, 600)].into_iter().chain((0..30).rev().map(|ago| minute(ago, 0))).collect();
        assert!(speed(&long_ago, now).abs() < f64::EPSILON);
    }
}
