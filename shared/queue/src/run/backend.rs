//! apalis' view of the queue. Never an error: an error would drop every run in flight.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use apalis::prelude::{Backend, RandomId, Task, WorkerContext};
use apalis_core::backend::{BackendConfig, finalize::Ephemeral};
use mlc_runtime::metrics::Metrics;
use tokio::sync::mpsc::UnboundedSender;

use super::{
    inbox::Inbox,
    layers::Settle,
    report::{Report, Run},
};
use crate::Queue;

/// Hands out what the pump has claimed. The pump outlives it, so that a restarted worker finds everything in place.
pub(crate) struct JobBackend {
    inbox: Arc<Inbox>,
    reports: UnboundedSender<Report>,
    queue: Queue,
    metrics: Metrics,
}

impl JobBackend {
    pub(crate) fn new(inbox: Arc<Inbox>, reports: UnboundedSender<Report>, queue: Queue, metrics: Metrics) -> Self {
        Self { inbox, reports, queue, metrics }
    }
}

impl Backend for JobBackend {
    type Task = Task<Run>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Option<Result<Task<Run>, Infallible>>> {
        self.inbox.poll_next(cx).map(|run| Some(Ok(Task::new(run))))
    }

    /// Ready when Redis has confirmed the end of every job.
    fn poll_close(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        self.inbox.poll_settled(cx).map(Ok)
    }
}

impl BackendConfig for JobBackend {
    type Args = Run;
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Settle;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Settle {
        Settle { reports: self.reports.clone(), queue: self.queue.clone(), metrics: self.metrics.clone() }
    }
}
