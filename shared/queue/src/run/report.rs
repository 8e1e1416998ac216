//! One run, and the promise that its end is reported.

use std::{sync::Arc, time::Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::{LeaseWatch, Outcome, store::turn::Ticket};

/// A leased job inside this process.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) ticket: Ticket,
    pub(crate) watch: LeaseWatch,
}

impl AsRef<Ticket> for Held {
    fn as_ref(&self) -> &Ticket {
        &self.ticket
    }
}

impl AsRef<Ticket> for Arc<Held> {
    fn as_ref(&self) -> &Ticket {
        &self.ticket
    }
}

/// The argument of apalis' task: a job that is to be started.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) held: Arc<Held>,
    pub(crate) sealed: Vec<u8>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) enum End {
    /// By itself.
    Outcome(Outcome),
    /// Its lease was lost: there is nothing to settle any more.
    Lost,
    /// It was stopped or never started: back to the front of its lane.
    HandedBack,
}

/// An end, on its way to the pump.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) held: Arc<Held>,
    pub(crate) end: End,
    /// `None` = never started.
    pub(crate) started: Option<Instant>,
}

/// Reports exactly once. A run that is dropped is reported as handed back, so that no permit and no lease leaks.
pub(crate) struct Guard {
    reports: UnboundedSender<Report>,
    held: Option<Arc<Held>>,
    started: Instant,
}

impl Guard {
    pub(crate) fn new(reports: UnboundedSender<Report>, held: Arc<Held>) -> Self {
        Self { reports, held: Some(held), started: Instant::now() }
    }

    pub(crate) fn report(mut self, end: End) {
        self.send(end);
    }

    fn send(&mut self, end: End) {
        if let Some(held) = self.held.take() {
            // The pump outlives the runs; when it is gone the process ends and the leases end by themselves.
            let _ = self.reports.send(Report { held, end, started: Some(self.started) });
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.send(End::HandedBack);
    }
}
