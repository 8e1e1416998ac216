//! Ordering a flow now: what changed, what changed since an instant, or everything.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use mlc_flow::{Extent, flow_kind};
use mlc_ledger::Purpose;
use mlc_model::FlowId;
use mlc_queue::Priority;
use mlc_runtime::settings::{FlowSettings, duration};

use crate::{Failure, Ordered, Rooms, order_poll};

/// What is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) extent: Extent,
}

impl Request {
    /// What changed since the checkpoint; since `since`; or with `full` everything.
    pub(crate) fn new(since: Option<DateTime<Utc>>, full: bool) -> Self {
        let extent = match (full, since) {
            (true, _) => Extent::Full,
            (false, Some(at)) => Extent::Since(at),
            (false, None) => Extent::Incremental,
        };
        Self { extent }
    }

    /// What the windows will be read for. The worker opens those since an instant as questions of their own: the checkpoint
    /// does not move with them.
    pub(crate) fn purpose(self) -> Purpose {
        match self.extent {
            Extent::Full => Purpose::Full,
            Extent::Since(_) => Purpose::Replay,
            Extent::Incremental => Purpose::Incremental,
        }
    }

    /// One word for people.
    pub(crate) fn word(self) -> &'static str {
        match self.extent {
            Extent::Full => "full",
            Extent::Since(_) => "since",
            Extent::Incremental => "incremental",
        }
    }

    /// What the audit keeps.
    pub(crate) fn after(self) -> String {
        match self.extent {
            Extent::Since(at) => format!("since {at}"),
            _ => self.word().to_owned(),
        }
    }
}

/// Whether a flow can be asked for at all.
///
/// # Errors
/// `NothingMatched` for a flow that webhooks announce.
pub(crate) fn can_be_asked_for(id: &FlowId, flow: &FlowSettings) -> Result<(), Failure> {
    if flow_kind(flow.kind(id)).is_ok_and(|kind| kind.entities.is_empty()) {
        return Err(Failure::NothingMatched(format!(
            "{id} cannot be asked for: the webhooks of {} announce what is new, and there is nothing to poll. What was announced \
             stands in `mlc jobs --connection {}` and `mlc dead-letters list`",
            flow.from, flow.from
        )));
    }
    Ok(())
}

/// Orders it, ahead of what runs by itself.
///
/// # Errors
/// `NothingMatched` as [`can_be_asked_for`]; `Full` when nothing was ordered; `Redis`.
pub(crate) async fn order(
    rooms: &Rooms,
    id: &FlowId,
    flow: &FlowSettings,
    request: Request,
) -> Result<Vec<Ordered>, Failure> {
    can_be_asked_for(id, flow)?;
    rooms.set_caps().await.map_err(Failure::of_first_write)?;
    // All entities are ordered in one step, or none. What may follow, a letter put back, a full Redis takes.
    let ordered = order_poll(&rooms.queue, id, flow, request.extent, Priority::Person, rooms.person.as_str()).await;
    ordered.map_err(Failure::of_first_write)
}

/// An instant in the past, as people write it.
///
/// # Errors
/// A sentence that tells how to write it.
pub(crate) fn since_at(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let day = || text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let ago = || now.checked_sub_signed(TimeDelta::from_std(duration::parse(text).ok()?).ok()?);
    let at = text.parse().ok().or_else(day).or_else(ago);
    at.filter(|at| *at < now).ok_or_else(|| {
        "use a time in the past: 2026-11-01, 2026-11-01T06:00:00Z, or how long ago, such as 2h or 3d".to_owned()
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn since_is_an_instant_a_day_or_an_age() {
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-01T06:00:00Z", "2026-11-01T06:00:00Z"),
            ("2026-11-01T06:00:00+01:00", "2026-11-01T05:00:00Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2h", "2026-11-22T10:00:00Z"),
        ] {
            assert_eq!(since_at(text, now).unwrap(), expected.parse::<DateTime<Utc>>().unwrap(), "{text}");
        }
        for wrong in ["2026-11-23", "yesterday", ""] {
            assert!(since_at(wrong, now).is_err(), "{wrong}");
        }
    }
}
