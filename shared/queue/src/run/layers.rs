//! What stands around a run, from the outside in: report its end · own task · span · panic · time limit and lease · code.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use apalis::prelude::{BoxDynError, Task};
use chrono::DateTime;
use futures_util::{FutureExt, future::BoxFuture};
use mlc_model::{Fault, FaultKind, Sealer, System};
use mlc_runtime::metrics::Metrics;
use tokio::sync::mpsc::UnboundedSender;
use tower::{Layer, Service};
use tracing::{Instrument, info_span};

use super::report::{End, Guard, Held, Report, Run};
use crate::{JobContext, Queue, Registry, context::Ended, registry::Delivery};

type Ending = BoxFuture<'static, Result<End, BoxDynError>>;

macro_rules! layer {
    ($(#[$doc:meta])* $layer:ident, $service:ident, $call:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $layer;

        impl<S> Layer<S> for $layer {
            type Service = $service<S>;

            fn layer(&self, inner: S) -> $service<S> {
                $service { inner }
            }
        }

        /// See the layer of the same name.
        #[derive(Debug, Clone)]
        pub(crate) struct $service<S> {
            inner: S,
        }

        impl<S> Service<Task<Run>> for $service<S>
        where
            S: Service<Task<Run>, Response = End>,
            S::Error: Into<BoxDynError>,
            S::Future: Send + 'static,
        {
            type Response = End;
            type Error = BoxDynError;
            type Future = Ending;

            fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
                self.inner.poll_ready(cx).map_err(Into::into)
            }

            fn call(&mut self, task: Task<Run>) -> Ending {
                let held = Arc::clone(&task.args.held);
                let run = self.inner.call(task).map(|end| end.map_err(Into::into));
                $call(held, run)
            }
        }
    };
}

layer!(
    /// Every run is a task of its own: one that computes for long does not hold up the others.
    Parallel,
    ParallelService,
    in_own_task
);

fn in_own_task(_: Arc<Held>, run: impl Future<Output = Result<End, BoxDynError>> + Send + 'static) -> Ending {
    // Cancelled together with the runtime only; the guard around hands the job back.
    async move { tokio::spawn(run).await.unwrap_or(Ok(End::HandedBack)) }.boxed()
}

layer!(
    /// One span per run.
    RunSpan,
    RunSpanService,
    in_span
);

fn in_span(held: Arc<Held>, run: impl Future<Output = Result<End, BoxDynError>> + Send + 'static) -> Ending {
    let ticket = &held.ticket;
    let span = info_span!(
        "job",
        job.id = %ticket.id,
        job.kind = %ticket.envelope.kind,
        job.attempt = ticket.history.as_ref().map_or(0, |history| history.attempts) + 1,
        connection.id = %ticket.envelope.lane,
        trace = %ticket.envelope.trace,
    );
    run.instrument(span).boxed()
}

layer!(
    /// A panic is a failed attempt with its text, not the end of the worker.
    CatchPanic,
    CatchPanicService,
    catching_panics
);

fn catching_panics(_: Arc<Held>, run: impl Future<Output = Result<End, BoxDynError>> + Send + 'static) -> Ending {
    AssertUnwindSafe(run)
        .catch_unwind()
        .map(|end| end.unwrap_or_else(|panic| Ok(End::Outcome(panicked(panic.as_ref()).into()))))
        .boxed()
}

layer!(
    /// Ends a run at its kind's time limit, when its lease is lost, and when the process stops.
    Limits,
    LimitsService,
    within_limits
);

fn within_limits(held: Arc<Held>, run: impl Future<Output = Result<End, BoxDynError>> + Send + 'static) -> Ending {
    async move {
        let limit = held.ticket.envelope.timeout;
        tokio::select! {
            // The run first: a result that is there counts.
            biased;
            end = run => end,
            ended = held.watch.ended() => Ok(match ended {
                Ended::Lost => End::Lost,
                Ended::Stopping => End::HandedBack,
            }),
            () = tokio::time::sleep(limit) => Ok(End::Outcome(timed_out(limit).into())),
        }
    }
    .boxed()
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Fault {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no text".to_owned());
    Fault::new(FaultKind::Transient, System::Connector, "job.run", format!("panicked: {text}")).with_code("panic")
}

fn timed_out(limit: Duration) -> Fault {
    // Uncertain: whatever was being written when the time was over may have arrived.
    let text = format!("took longer than {} s", limit.as_secs_f64());
    Fault::new(FaultKind::Uncertain, System::Connector, "job.run", text).with_code("timeout")
}

/// Reports the end of every run to the pump. Installed by the backend, outermost.
#[derive(Clone)]
pub(crate) struct Settle {
    pub(crate) reports: UnboundedSender<Report>,
    pub(crate) queue: Queue,
    pub(crate) metrics: Metrics,
}

impl<S> Layer<S> for Settle {
    type Service = SettleService<S>;

    fn layer(&self, inner: S) -> SettleService<S> {
        SettleService { settle: self.clone(), inner }
    }
}

/// See [`Settle`].
#[derive(Clone)]
pub(crate) struct SettleService<S> {
    settle: Settle,
    inner: S,
}

impl<S> Service<Task<Run>> for SettleService<S>
where
    S: Service<Task<Run>, Response = End, Error = BoxDynError>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<(), BoxDynError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, task: Task<Run>) -> Self::Future {
        let held = Arc::clone(&task.args.held);
        let guard = Guard::new(self.settle.reports.clone(), Arc::clone(&held));
        let waited = self.settle.queue.now_ms() - held.ticket.envelope.enqueued_ms;
        // Snoozes and retries wait on purpose: only the first start tells how busy the queue is.
        if held.ticket.history.is_none() {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of a wait")]
            self.settle.metrics.job_wait(held.ticket.envelope.lane.as_str(), waited.max(0) as f64 / 1000.0);
        }
        let run = self.inner.call(task);
        async move {
            let end = run.await.unwrap_or_else(|error| {
                // Our own layers do not fail; what comes here is a defect of apalis or ours.
                End::Outcome(Fault::defect("job.run", error.to_string()).into())
            });
            guard.report(end);
            Ok(())
        }
        .boxed()
    }
}

/// Opens, decodes and runs the job.
#[derive(Clone)]
pub(crate) struct JobService {
    registry: Arc<Registry>,
    sealer: Arc<dyn Sealer>,
}

impl JobService {
    pub(crate) fn new(registry: Registry, sealer: Arc<dyn Sealer>) -> Self {
        Self { registry: Arc::new(registry), sealer }
    }
}

impl Service<Task<Run>> for JobService {
    type Response = End;
    type Error = BoxDynError;
    type Future = Ending;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<Run>) -> Ending {
        let Run { held, sealed } = task.take().0;
        let (ticket, past) = (&held.ticket, held.ticket.history.as_ref());
        let envelope = &ticket.envelope;
        let context = JobContext {
            job_id: ticket.id.clone(),
            attempt: past.map_or(0, |past| past.attempts) + 1,
            max_attempts: envelope.max_attempts,
            lane: envelope.lane.clone(),
            priority: envelope.priority,
            replays: past.map_or(0, |past| past.replays),
            snoozes: past.map_or(0, |past| past.snoozes),
            enqueued_at: DateTime::from_timestamp_millis(envelope.enqueued_ms).unwrap_or_default(),
            token: ticket.token,
            lost: held.watch.clone(),
            trace: envelope.trace.clone(),
        };
        let delivery = Delivery { kind: envelope.kind.clone(), version: envelope.version, sealed, context };
        self.registry.run(delivery, &self.sealer).map(|outcome| Ok(End::Outcome(outcome))).boxed()
    }
}
