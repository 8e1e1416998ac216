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
            Extent::Incremental => self.context.ledger.checkpoint(&self.job.flow, self.job.entity.as_str()).await?,
            Extent::Full | Extent::Since(_) => None,
        };
        let overlap = TimeDelta::from_std(self.connection.overlap).unwrap_or(TimeDelta::minutes(2));
        let bounds = match field.mode {
            ChangeMode::FullScan => WindowBounds::Everything { until: self.server_now().await? },
            // Row versions know no instants: a person's `--since` reads everything, and what is unchanged is dropped.
            ChangeMode::Revision => return self.revisions(field, checkpoint.as_ref(), overlap).await.map(Some),
            mode => {
                let since = match (extent, checkpoint.map(|checkpoint| checkpoint.until)) {
                    (Extent::Since(at), _) => Some(at),
                    (_, Some(Mark::Time(at))) => Some(at - overlap),
                    _ => None,
                };
                return self.instants_since(field, mode, since).await;
            }
        };
        Ok(Some(Planned { bounds, page: None }))
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
        Ok(Planned { bounds: WindowBounds::Revision { since: None, until: Some(until) }, page: None })
    }

    /// Row versions from `since` on: the row that has it is read again, which shows that the source still knows it. What fits on one page was read in
    /// one consistent answer: it freezes the window by itself, in one request.
    async fn revisions_since(&mut self, field: &ChangeField, since: i64, seen: i64) -> Result<Planned, Fault> {
        let since = since - 1;
        let window = unnumbered(field, WindowBounds::Revision { since: Some(since), until: None })?;
        let page = self.fetch(Some(&window), &PageStart::Skip(0)).await?;
        let distinct = (page.received - page.duplicates) as u64;
        let on_page = page.rows.iter().flatten().map(|row| row.version.0).max();
        let is_whole = page.count.is_none_or(|count| count <= distinct);
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

    /// The newest row version is below one that was seen: the database was replaced by an older copy, or the newest row was deleted. The
    /// checkpoint means nothing any more, and versions that are read from now on count as newer than all before.
    async fn begin_anew(&mut self) -> Result<(), Fault> {
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
