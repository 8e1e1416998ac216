//! What a filter would hit, before anything is done.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    dead_letters::DeadLetter,
    jobs::instant,
    look::{DeadFilter, GIVE_MAX, Patience, Way},
};
use crate::{Queue, QueueError, subject::Bearing};

const EXAMPLES: usize = 5;

/// What a filter hits.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Preview {
    /// Letters that match. With `complete` false at least so many.
    pub letters: u64,
    /// Whether `letters` is the true number: everything was looked at, or Redis could count.
    pub complete: bool,
    /// Letters that were looked at and match: those that the sums below are of. Less than `letters` on a long shelf.
    pub counted: u64,
    /// Letters of batches that may carry the record key that is asked for, seen on the way: an action leaves them alone.
    pub may_carry: u64,
    /// Counted letters by lane.
    pub by_lane: BTreeMap<String, u64>,
    /// Counted letters by kind of job.
    pub by_kind: BTreeMap<String, u64>,
    /// When the oldest of them died; `None` without any.
    pub oldest: Option<DateTime<Utc>>,
    /// When the newest of them died; `None` without any.
    pub newest: Option<DateTime<Utc>>,
    /// The newest few.
    pub examples: Vec<DeadLetter>,
}

impl Queue {
    /// What `filter` hits, newest first, within about 60 ms of looking and at most `most` hits.
    ///
    /// # Errors
    /// [`QueueError::Refused`] for a text in the filter that is empty; [`QueueError::Redis`].
    pub async fn preview(&self, filter: &DeadFilter, most: usize) -> Result<Preview, QueueError> {
        filter.refuse_blank()?;
        let (mut preview, patience) = (Preview::default(), Patience::begin());
        let mut after = None;
        'looking: loop {
            let stretch = self.stretch(filter, Way::NewestFirst, after.as_ref(), GIVE_MAX).await?;
            for seen in &stretch.seen {
                match filter.bearing(seen) {
                    Some(Bearing::Named) => {}
                    Some(Bearing::MayCarry) => {
                        preview.may_carry += 1;
                        continue;
                    }
                    None => continue,
                }
                if preview.counted >= u64::try_from(most).unwrap_or(u64::MAX) {
                    break 'looking;
                }
                let Some((lane, kind, _)) = seen.words() else { continue };
                preview.counted += 1;
                *preview.by_lane.entry(lane).or_default() += 1;
                *preview.by_kind.entry(kind).or_default() += 1;
                let at = DateTime::from_timestamp_millis(seen.at_ms);
                preview.newest = preview.newest.or(at);
                preview.oldest = at;
                if preview.examples.len() < EXAMPLES {
                    preview.examples.extend(seen.letter(self));
                }
            }
            if stretch.ended {
                preview.complete = true;
                break;
            }
            if patience.is_over() {
                break;
            }
            after = stretch.last;
        }
        preview.letters = preview.counted;
        if !preview.complete && filter.is_countable() {
            preview.letters = self.count_letters(filter).await?;
            preview.complete = true;
            preview.oldest = self.oldest_letter(filter).await?;
        }
        Ok(preview)
    }

    async fn oldest_letter(&self, filter: &DeadFilter) -> Result<Option<DateTime<Utc>>, QueueError> {
        let (since, until) = filter.bounds();
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.shelf_key(filter)).arg(since).arg(until).arg("BYSCORE").arg("LIMIT").arg(0).arg(1);
        let found: Vec<(String, f64)> = command.arg("WITHSCORES").query_async(&mut self.connection()).await?;
        Ok(found.first().map(|(_, at)| instant(*at)))
    }
}
