//! Claimed jobs on their way from the pump to apalis' worker.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

use super::report::Run;

/// Holds as many jobs as there are permits, at most, and for no longer than the worker needs to look.
#[derive(Default)]
pub(crate) struct Inbox {
    jobs: Mutex<VecDeque<Run>>,
    arrived: AtomicWaker,
    /// Everything is settled: the worker may close.
    settled: AtomicBool,
}

impl Inbox {
    pub(crate) fn deliver(&self, jobs: impl Iterator<Item = Run>) {
        self.jobs().extend(jobs);
        self.arrived.wake();
    }

    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Run> {
        if let Some(job) = self.jobs().pop_front() {
            return Poll::Ready(job);
        }
        self.arrived.register(cx.waker());
        // Again: it may have arrived between the look and the registration.
        self.jobs().pop_front().map_or(Poll::Pending, Poll::Ready)
    }

    /// Takes out what no one has started.
    pub(crate) fn drain(&self) -> VecDeque<Run> {
        std::mem::take(&mut *self.jobs())
    }

    pub(crate) fn settle(&self) {
        self.settled.store(true, Ordering::Release);
        self.arrived.wake();
    }

    pub(crate) fn poll_settled(&self, cx: &Context<'_>) -> Poll<()> {
        self.arrived.register(cx.waker());
        if self.settled.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn jobs(&self) -> MutexGuard<'_, VecDeque<Run>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
