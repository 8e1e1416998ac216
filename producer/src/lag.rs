//! How far behind its source a flow is.

use chrono::{DateTime, TimeDelta, Utc};
use mlc_flow::{Entity, flow_kind};
use mlc_ledger::{Checkpoint, Mark};
use mlc_model::FlowId;
use mlc_runtime::settings::FlowSettings;

use crate::{Failure, Rooms};

/// How far one entity of a flow has been read.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) entity: Entity,
    /// `None` before its first closed window.
    pub(crate) checkpoint: Option<Checkpoint>,
}

impl Progress {
    /// The instant up to which everything was read. Row versions know no time: then it is when their newest window was opened.
    pub(crate) fn until(&self) -> Option<DateTime<Utc>> {
        let checkpoint = self.checkpoint.as_ref()?;
        match checkpoint.until {
            Mark::Time(at) => Some(at),
            Mark::Revision(_) => checkpoint.recent.last().map(|(opened_at, _)| *opened_at),
        }
    }

    /// How long ago that was.
    pub(crate) fn lag(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        self.until().map(|until| (now - until).max(TimeDelta::zero()))
    }
}

/// How far each entity of a flow has been read. Empty for a flow that webhooks announce.
///
/// # Errors
/// `Redis`; `Wrong` for a flow of no known kind.
pub(crate) async fn progress_of(rooms: &Rooms, id: &FlowId, flow: &FlowSettings) -> Result<Vec<Progress>, Failure> {
    let mut progress = Vec::new();
    for &entity in flow_kind(flow.kind(id))?.entities {
        let checkpoint = rooms.ledger.checkpoint(id, entity.as_str()).await?;
        progress.push(Progress { entity, checkpoint });
    }
    Ok(progress)
}

/// A flow is as far behind as the entity that is furthest behind. One that never closed a window has no lag yet.
pub(crate) fn lag_of(progress: &[Progress], now: DateTime<Utc>) -> Option<TimeDelta> {
    progress.iter().filter_map(|entity| entity.lag(now)).max()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_model::{ChangeField, ChangeMode};

    use super::*;

    #[test]
    fn a_flow_is_as_far_behind_as_the_entity_that_is_furthest_behind() {
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        let read = |mode: ChangeMode, until: Mark, opened: DateTime<Utc>| Progress {
            entity: Entity::Vendors,
            checkpoint: Some(Checkpoint {
                change_field: ChangeField { mode, column: "SysRevID".to_owned() },
                until,
                recent: vec![(opened, until)],
            }),
        };
        let ago = |minutes| now - TimeDelta::minutes(minutes);
        let by_time = read(ChangeMode::Timestamp, Mark::Time(ago(3)), ago(1));
        let by_revision = read(ChangeMode::Revision, Mark::Revision(77), ago(9));
        let never = Progress { entity: Entity::Vendors, checkpoint: None };
        assert_eq!(lag_of(&[by_time, by_revision, never.clone()], now), Some(TimeDelta::minutes(9)));
        assert_eq!(lag_of(&[never], now), None);
    }
}
