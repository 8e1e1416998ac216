//! What a run knows about itself.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use chrono::{DateTime, Utc};
use mlc_model::JobId;
use tokio::sync::Notify;

use crate::{Lane, Priority};

/// Facts about the run, handed to the job's handler.
#[derive(Debug, Clone)]
pub struct JobContext {
    /// The job.
    pub job_id: JobId,
    /// This attempt, counted from 1. Snoozes, hand-backs and crashed workers do not count.
    pub attempt: u32,
    /// Attempts until the shelf.
    pub max_attempts: u32,
    /// The lane it came from.
    pub lane: Lane,
    /// Its class; follow-ups usually inherit it.
    pub priority: Priority,
    /// How often it came back from the shelf.
    pub replays: u32,
    /// How often it was snoozed.
    pub snoozes: u32,
    /// When it was accepted, by Redis' clock.
    pub enqueued_at: DateTime<Utc>,
    /// Fencing token: grows with every claim of any job, so the later holder has the higher one.
    pub token: u64,
    /// Tells when the job no longer belongs to this run.
    pub lost: LeaseWatch,
    /// Id of the first job of the chain this one belongs to.
    pub trace: String,
}

const HELD: u8 = 0;
const LOST: u8 = 1;
const STOPPING: u8 = 2;

/// Tells when the lease is lost. The queue drops the run's future then; code that works outside of it looks here.
#[derive(Debug, Clone, Default)]
pub struct LeaseWatch(Arc<Watch>);

#[derive(Debug, Default)]
struct Watch {
    state: AtomicU8,
    changed: Notify,
}

impl LeaseWatch {
    /// Whether the job belongs to somebody else by now.
    pub fn is_lost(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == LOST
    }

    /// Returns when the lease is lost.
    pub async fn lost(&self) {
        while self.ended().await != Ended::Lost {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn lose(&self) {
        self.end(LOST);
    }

    /// The process stops and hands the job back.
    pub(crate) fn stop(&self) {
        self.end(STOPPING);
    }

    fn end(&self, state: u8) {
        // What came first stays: a lost lease cannot be handed back.
        let _ = self.0.state.compare_exchange(HELD, state, Ordering::AcqRel, Ordering::Acquire);
        self.0.changed.notify_waiters();
    }

    pub(crate) async fn ended(&self) -> Ended {
        loop {
            let changed = self.0.changed.notified();
            match self.0.state.load(Ordering::Acquire) {
                HELD => changed.await,
                LOST => return Ended::Lost,
                _ => return Ended::Stopping,
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Lost,
    Stopping,
}
