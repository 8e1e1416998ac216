//! Freezes the bounds of a window.

use chrono::{DateTime, TimeDelta, Utc};
use mlc_epicor::Page;
use mlc_flow::{Extent, PageStart};
use mlc_ledger::{Checkpoint, Mark};
use mlc_model::{ChangeField, ChangeMode, Fault, FaultKind, System, Window, WindowBounds, WindowId};

use super::Source;

impl Source<'_> {
    /// Freezes the bounds. `None` when nothing can have changed yet.
    pub(super) async fn bounds(&mut self, field: &ChangeField, extent: Extent) -> Result<Option<Planned>, Fault> {
        let checkpoint = match extent {
            Extent::Incremental => self.checkpoint().await?,
            Extent::Full | Extent::Since(_) => None,
        };
        let overlap = self.overlap();
        let bounds = match field.mode {
            ChangeMode::FullScan => WindowBounds::Everything { until: self.server_now().await? },
            // Row versions know no instants: a person's `--since` reads everything, and what is unchanged is dropped.
            ChangeMode::Revision => return self.revisions(field, checkpoint.as_ref(), overlap).await.map(Some),
            mode => {
                let since = match (extent, checkpoint.map(|checkpoint| checkpoint.until)) {
                    (Extent::Since(at), _) => Some(at),
                    (_, Some(Mark::Time(at))) => Some(at - overlap),
                    _ if self.listed.is_order_part() => Some(self.server_now().await? - overlap),
                    _ => None,
                };
                return self.instants_since(field, mode, since).await;
            }
        };
        Ok(Some(Planned { bounds, page: None }))
    }

    pub(super) async fn checkpoint(&self) -> Result<Option<Checkpoint>, Fault> {
        Ok(self.context.ledger.checkpoint(&self.job.flow, self.job.entity.as_str()).await?)
    }

    async fn revisions(
        &mut self,
        field: &ChangeField,
        checkpoint: Option<&Checkpoint>,
        overlap: TimeDelta,
    ) -> Result<Planned, Fault> {
        let Some((checkpoint, Mark::Revision(seen))) = checkpoint.map(|checkpoint| (checkpoint, checkpoint.until))
        else {
            return self.all_revisions().await;
        };
        match checkpoint.start(overlap, self.context.clock.now()) {
            Some(Mark::Revision(since)) => self.revisions_since(field, since, seen).await,
            _ => self.all_revisions().await,
        }
    }

    async fn all_revisions(&self) -> Result<Planned, Fault> {
        let until = self.client.newest(self.entity()).await?.revision.unwrap_or(0);
        // Of order parts only the newest row, which shows later that the source still knows it.
        let since = self.listed.is_order_part().then_some(until - 1);
        Ok(Planned { bounds: WindowBounds::Revision { since, until: Some(until) }, page: None })
    }

    /// Row versions from `since` on: the row that has it is read again, which shows that the source still knows it. What fits on one page was read in
    /// one consistent answer: it freezes the window by itself, in one request.
    async fn revisions_since(&mut self, field: &ChangeField, since: i64, seen: i64) -> Result<Planned, Fault> {
        let since = since - 1;
        let window = unnumbered(field, WindowBounds::Revision { since: Some(since), until: None })?;
        let page = self.fetch(Some(&window), &PageStart::Skip(0)).await?;
        let distinct = (page.received - page.duplicates) as u64;
        let on_page = page.rows.iter().flatten().map(|row| row.version.0).max();
        // A full page may be followed by more, whatever the count says.
        let is_full = page.received >= self.shape.page_rows as usize;
        let is_whole = !is_full && page.count.is_none_or(|count| count <= distinct);
        if is_whole && (seen <= 0 || on_page.is_some_and(|newest| newest >= seen)) {
            let until = on_page.unwrap_or(seen).max(since);
            return Ok(Planned {
                bounds: WindowBounds::Revision { since: Some(since), until: Some(until) },
                page: Some(page),
            });
        }
        let newest = self.client.newest(self.entity()).await?.revision.unwrap_or(0);
        if newest < seen {
            self.begin_anew().await?;
            return self.all_revisions().await;
        }
        Ok(Planned { bounds: WindowBounds::Revision { since: Some(since), until: Some(newest) }, page: None })
    }

    /// The newest row version is below one that was seen, or a row read just now is older than it was: the database was replaced by an older copy, or
    /// the newest row was deleted. The checkpoint means nothing any more, and versions that are read from now on count as newer than all before.
    pub(super) async fn begin_anew(&mut self) -> Result<(), Fault> {
        let (flow, entity) = (&self.job.flow, self.job.entity.as_str());
        tracing::warn!(flow = %flow, entity, "Row versions of {entity} went backwards: everything is read again");
        let ledger = &self.context.ledger;
        self.scope.epoch = ledger.begin_epoch(flow, entity).await?;
        ledger.reset_checkpoint(flow, entity, "row versions went backwards", self.context.clock.now()).await?;
        Ok(())
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
            Some(skew) => self.believable(self.context.clock.now() + skew),
            None => self.server_now().await?,
        };
        let mut asked = false;
        loop {
            let until = now - lag;
            if since.is_some_and(|since| since >= until) {
                if asked {
                    return self.ahead_of_the_server(field, since, until).await;
                }
                // What earlier answers taught us of the server's clock may have been wrong: ask before believing that nothing can have changed.
                (now, asked) = (self.server_now().await?, true);
                continue;
            }
            let window = unnumbered(field, WindowBounds::Time { since, until })?;
            let page = self.fetch(Some(&window), &PageStart::Skip(0)).await?;
            let told = page.server_time.map(|told| self.believable(told));
            match told {
                // Its clock is behind what we expected: rows would still be stamped inside the window.
                Some(told) if mode == ChangeMode::Timestamp && told < until => now = told,
                // The day modes have no upper bound in their query; the mark must not run ahead of the server.
                Some(told) if since.is_some_and(|since| since >= until.min(told)) => (now, asked) = (told, true),
                told => {
                    let until = told.map_or(until, |told| until.min(told));
                    return Ok(Some(Planned { bounds: WindowBounds::Time { since, until }, page: Some(page) }));
                }
            }
        }
    }

    /// A server's time that is ahead of ours by more than half the overlap is not believed: a window that ends too early costs a repetition, one that ends later
    /// than the next one looks back costs records.
    fn believable(&self, told: DateTime<Utc>) -> DateTime<Utc> {
        told.min(self.context.clock.now() + self.overlap() / 2)
    }

    fn overlap(&self) -> TimeDelta {
        TimeDelta::from_std(self.connection.overlap).unwrap_or(TimeDelta::minutes(2))
    }

    /// Nothing can have changed yet, or the checkpoint stands in the server's future and would hide what changes until then.
    async fn ahead_of_the_server(
        &self,
        field: &ChangeField,
        since: Option<DateTime<Utc>>,
        until: DateTime<Utc>,
    ) -> Result<Option<Planned>, Fault> {
        if since.is_none_or(|since| since <= until + self.overlap()) {
            return Ok(None);
        }
        let (flow, entity) = (&self.job.flow, self.job.entity.as_str());
        tracing::warn!(flow = %flow, entity, "The checkpoint of {entity} stands in the future of the server's clock: everything is read again");
        let ledger = &self.context.ledger;
        ledger
            .reset_checkpoint(flow, entity, "it stood in the future of the server's clock", self.context.clock.now())
            .await?;
        let bounds = WindowBounds::Time { since: None, until };
        let page = self.fetch(Some(&unnumbered(field, bounds)?), &PageStart::Skip(0)).await?;
        Ok(Some(Planned { bounds, page: Some(page) }))
    }

    /// The server's present time, by a small question.
    async fn server_now(&self) -> Result<DateTime<Utc>, Fault> {
        let answered = self.client.newest(self.entity()).await?.server_time;
        answered.map(|told| self.believable(told)).ok_or_else(|| {
            Fault::new(
                FaultKind::Transient,
                System::Epicor,
                "poll_page.plan",
                "the server does not tell its time (no Date header), so a window cannot be frozen",
            )
            .with_code("epicor.no_date")
        })
    }
}

/// Frozen bounds, and the first page where planning had to read it.
pub(super) struct Planned {
    pub(super) bounds: WindowBounds,
    pub(super) page: Option<Page>,
}

/// A window that the ledger has not numbered yet.
pub(super) fn unnumbered(field: &ChangeField, bounds: WindowBounds) -> Result<Window, Fault> {
    let defect = |problem: String| Fault::defect("poll_page.plan", problem);
    let id = WindowId::parse("unnumbered").map_err(|problem| defect(problem.to_string()))?;
    Window::new(id, field.clone(), bounds).map_err(|problem| defect(problem.to_string()))
}
