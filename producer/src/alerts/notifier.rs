//! The one producer that leads looks, and tells.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use mlc_ledger::{AlertBook, LedgerError};
use mlc_model::{ChannelId, FlowId};
use mlc_runtime::{backoff::RetryPolicy, settings::FlowSettings, shutdown::Shutdown};
use tokio::time::MissedTickBehavior;
use tracing::{debug, error, info, warn};

use super::{Outgoing, Sent, book, conditions::conditions, look::look, send};
use crate::{InvalidSchedule, Rooms, Schedule};

/// Name of the lead.
const ROLE: &str = "alerts";
/// Besides two looks, how long the lead lasts: looking and sending take their time.
const LEASE: Duration = Duration::from_secs(30);
/// A channel that takes nothing is tried again after up to 5, 10, 20 … 600 seconds.
const RETRY: RetryPolicy = RetryPolicy::new(Duration::from_secs(5), Duration::from_secs(600));

/// Tells people of what should worry them, while it holds the lead.
#[derive(Debug)]
pub struct Notifier {
    rooms: Rooms,
    holder: String,
    schedules: Vec<(FlowId, FlowSettings, Schedule)>,
}

impl Notifier {
    /// A notifier under the name `holder`, which no other replica may have.
    ///
    /// # Errors
    /// A cron expression that cannot be read.
    pub fn new(rooms: Rooms, holder: String) -> Result<Self, InvalidSchedule> {
        let mut schedules = Vec::new();
        for (id, flow) in &rooms.settings.flows {
            if let Some(schedule) = Schedule::configured(flow.schedule(), flow.jitter)? {
                schedules.push((id.clone(), flow.clone(), schedule));
            }
        }
        Ok(Self { rooms, holder, schedules })
    }

    /// Looks every `alerts.every` until `shutdown`, then gives the lead back.
    pub async fn run(self, shutdown: Shutdown) {
        let mut looks = tokio::time::interval(self.rooms.settings.alerts.every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut led, mut failing) = (false, false);
        loop {
            tokio::select! {
                () = shutdown.wait() => break,
                _ = looks.tick() => {}
            }
            match self.look().await {
                Ok(leads) => {
                    failing = false;
                    if leads != led {
                        let what =
                            if leads { "This producer sends alerts now" } else { "Another producer sends alerts now" };
                        info!(holder = self.holder, "{what}");
                    }
                    led = leads;
                }
                Err(error) => {
                    // Once per outage.
                    if !std::mem::replace(&mut failing, true) {
                        warn!(%error, "Alerts could not be looked after; trying again with every look: {error}");
                    }
                }
            }
        }
        if let Err(error) = self.rooms.ledger.resign(ROLE, &self.holder).await {
            debug!(%error, "The lead of alerts was not given back; it ends by itself");
        }
    }

    /// One look, and sending what is due after it. False when another replica leads.
    ///
    /// Messages are kept before they are sent, and noted as sent one by one: a crash repeats what was not noted, under the same id.
    ///
    /// # Errors
    /// `Redis`: nothing is lost, the next look goes on.
    pub async fn look(&self) -> Result<bool, LedgerError> {
        let ledger = &self.rooms.ledger;
        let settings = &self.rooms.settings.alerts;
        if !ledger.lead(ROLE, &self.holder, settings.every * 2 + LEASE).await? {
            return Ok(false);
        }
        let before = match ledger.alert_book().await {
            Ok(book) => book,
            // Whatever stands there must not silence alerts for ever: they are all told anew.
            Err(LedgerError::Unreadable { what, reason }) => {
                error!("The {what} cannot be read ({reason}); it begins anew, and what fires is told again");
                AlertBook::default()
            }
            Err(error) => return Err(error),
        };
        let seen = look(&self.rooms, &self.schedules).await;
        let now = self.rooms.clock.now();
        let (found, unknown) = conditions(&seen, settings, now);
        let mut book = before.clone();
        book::note(&mut book, found, &unknown, settings, now);
        for channel in book::compose(&mut book, settings, now) {
            warn!(channel = %channel, "Channel {channel} took no alerts for an hour; what fires now is told in a new message");
            self.rooms.metrics.alerts_sent(channel.as_str(), "given_up");
        }
        if book != before && !ledger.keep_alert_book(ROLE, &self.holder, &book).await? {
            return Ok(false);
        }
        self.send_due(book).await
    }

    /// Sends to all channels at once, so that a dead one keeps nobody waiting.
    async fn send_due(&self, mut book: AlertBook) -> Result<bool, LedgerError> {
        let now = self.rooms.clock.now();
        let due: Vec<_> = book
            .channels
            .iter()
            .filter_map(|(name, entry)| Some((name.clone(), entry.message.clone()?)))
            .filter(|(_, message)| message.next_at <= now)
            .collect();
        let mut sending: FuturesUnordered<_> = due
            .iter()
            .map(|(name, message)| async move {
                (name, send(&self.rooms, name, &Outgoing::Message(message)).await, message.attempts)
            })
            .collect();
        let mut leads = true;
        while let Some((name, sent, attempts)) = sending.next().await {
            self.noted(&mut book, name, sent, attempts);
            // The others are sent to their end even so: half a message helps nobody, and their ids tell repetitions.
            leads &= self.rooms.ledger.keep_alert_book(ROLE, &self.holder, &book).await?;
        }
        Ok(leads)
    }

    fn noted(&self, book: &mut AlertBook, name: &ChannelId, sent: Sent, attempts: u32) {
        let now = self.rooms.clock.now();
        let Some(entry) = book.channels.get_mut(name) else { return };
        match sent {
            Sent::Taken { .. } => {
                self.rooms.metrics.alerts_sent(name.as_str(), "sent");
                if let Some(problem) = &entry.problem {
                    info!(channel = %name, "Channel {name} takes alerts again; before: {problem}");
                }
                book::taken(entry, now);
            }
            Sent::NotTaken { why, again_after, .. } => {
                self.rooms.metrics.alerts_sent(name.as_str(), "failed");
                let wait = RETRY.random_delay(attempts.saturating_add(1)).max(again_after.unwrap_or_default());
                // Once per reason, not once per try.
                if entry.problem.as_ref() != Some(&why) {
                    warn!(channel = %name, "Channel {name} took no alert and is tried again: {why}");
                }
                let wait = TimeDelta::from_std(wait).unwrap_or_default();
                book::failed(entry, why, now + wait);
            }
        }
    }
}
