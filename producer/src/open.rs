//! From settings to open rooms: what a command needs before it may look or act.

use std::{sync::Arc, time::Duration};

use mlc_accounts::Accounts;
use mlc_connections::Connections;
use mlc_ledger::{Ledger, PersonAction};
use mlc_model::{Clock, ConnectionId, FlowId, Sealer, SystemClock};
use mlc_queue::{Lane, Queue, QueueConfig};
use mlc_runtime::{
    metrics::Metrics,
    redis::RedisHandle,
    settings::{Connection, FlowSettings, Settings},
};
use mlc_vault::{KeyRing, SecretStore};

use crate::{Failure, Person};

/// A person waits for no silent server longer than this.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Everything behind Redis, opened.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// What is configured.
    pub settings: Arc<Settings>,
    /// The jobs.
    pub queue: Queue,
    /// What has been moved.
    pub ledger: Ledger,
    /// The secrets of the connections.
    pub secrets: SecretStore,
    /// Opens and seals what is kept for people.
    pub sealer: Arc<dyn Sealer>,
    /// The people who use the console.
    pub accounts: Accounts,
    /// The id of the key that seals now.
    pub active_key: String,
    /// Clients of the business systems, to ping them and to read their budgets.
    pub connections: Connections,
    /// Counters and levels.
    pub metrics: Metrics,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who gives the orders.
    pub person: Person,
}

/// Connects to Redis, checks that it keeps what it is given, and opens the rooms.
///
/// # Errors
/// `Redis` when it does not answer within five seconds, refuses, or could lose accepted work; `Wrong` when the vault has no
/// usable keys.
pub async fn open(settings: Settings, person: Person) -> Result<Rooms, Failure> {
    let settings = Arc::new(settings);
    let keys = Arc::new(KeyRing::load(&settings.vault)?);
    let (metrics, clock): (_, Arc<dyn Clock>) = (Metrics::new(), Arc::new(SystemClock));
    let connecting = async {
        let redis = RedisHandle::connect(&settings.redis).await?;
        redis.check_persistence(settings.redis.allow_unsafe_persistence).await?;
        let sealer: Arc<dyn Sealer> = keys.clone();
        let config = QueueConfig {
            lease: settings.queue.lease,
            poison_after: settings.queue.poison_after,
            dead_letter_bytes: settings.queue.dead_letter_bytes,
            retry: settings.retry.policy(),
            max_attempts: settings.retry.max_attempts,
            ..QueueConfig::default()
        };
        let queue = Queue::open(redis.clone(), sealer, config).await?;
        Ok::<_, Failure>((redis, queue))
    };
    let (redis, queue) =
        tokio::time::timeout(CONNECT_WITHIN, connecting).await.map_err(|_| silent_redis(&settings.redis.url))??;
    let connections =
        Connections::new(Arc::clone(&settings), redis.clone(), Arc::clone(&keys), metrics.clone(), Arc::clone(&clock));
    let ledger = Ledger::new(redis.clone()).keep_exchanges_of(settings.audit.exchanges);
    Ok(Rooms {
        accounts: Accounts::new(redis.clone(), settings.console.session),
        settings,
        queue,
        ledger,
        sealer: keys.clone(),
        active_key: keys.active_id().to_owned(),
        secrets: SecretStore::new(redis, keys),
        connections,
        metrics,
        clock,
        person,
    })
}

/// The address as the client reads it: without a password.
fn silent_redis(url: &str) -> Failure {
    let address = redis::Client::open(url).map(|client| client.get_connection_info().addr().to_string());
    let address = address.unwrap_or_else(|_| "`redis.url`".to_owned());
    Failure::Redis(format!(
        "Redis at {address} is not available: no answer within {} s; is the address right and the way there open?",
        CONNECT_WITHIN.as_secs()
    ))
}

impl Rooms {
    /// Gives every lane the most jobs at once that its connection allows.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn set_caps(&self) -> Result<(), Failure> {
        for (id, connection) in &self.settings.connections {
            self.queue.set_cap(&Lane::from(id.clone()), Some(connection.lane_cap())).await?;
        }
        Ok(())
    }

    /// Records what the person did, after it was done: for what only looks. What changes something goes through
    /// [`Rooms::begin`].
    ///
    /// # Errors
    /// `Redis`: the action itself has taken effect.
    pub async fn record(
        &self,
        what: &str,
        subject: impl Into<String>,
        before: Option<String>,
        after: Option<String>,
    ) -> Result<(), Failure> {
        self.record_sealed(what, subject, before, after, None).await
    }

    /// Records what the person did, with what only some may read: [`PersonAction::sealed`].
    ///
    /// # Errors
    /// `Redis`: the action itself has taken effect.
    pub async fn record_sealed(
        &self,
        what: &str,
        subject: impl Into<String>,
        before: Option<String>,
        after: Option<String>,
        sealed: Option<String>,
    ) -> Result<(), Failure> {
        let action = self.action(what, subject.into(), before, after, sealed);
        Ok(self.ledger.record_action(&action).await?)
    }

    /// Something that the rooms' person did now.
    pub(crate) fn action(
        &self,
        what: &str,
        subject: String,
        before: Option<String>,
        after: Option<String>,
        sealed: Option<String>,
    ) -> PersonAction {
        let (who, what, at) = (self.person.to_string(), what.to_owned(), self.clock.now());
        PersonAction { who, what, subject, before, after, sealed, at, unfinished: false }
    }

    /// The configured connection of that name.
    ///
    /// # Errors
    /// `NothingMatched`, listing those that are configured.
    pub fn connection(&self, name: &str) -> Result<(ConnectionId, &Connection), Failure> {
        let found = self.settings.connections.iter().find(|(id, _)| id.as_str() == name);
        found
            .map(|(id, connection)| (id.clone(), connection))
            .ok_or_else(|| unknown("connection", name, self.settings.connections.keys().map(ConnectionId::as_str)))
    }

    /// The configured flow of that name.
    ///
    /// # Errors
    /// `NothingMatched`, listing those that are configured.
    pub fn flow(&self, name: &str) -> Result<(FlowId, &FlowSettings), Failure> {
        let found = self.settings.flows.iter().find(|(id, _)| id.as_str() == name);
        found
            .map(|(id, flow)| (id.clone(), flow))
            .ok_or_else(|| unknown("flow", name, self.settings.flows.keys().map(FlowId::as_str)))
    }

    /// The lane of that name: of a configured connection, or of one that was removed from the settings but has jobs still.
    ///
    /// # Errors
    /// `NothingMatched`, listing those that exist; `Redis`.
    pub async fn lane(&self, name: &str) -> Result<Lane, Failure> {
        if let Ok((id, _)) = self.connection(name) {
            return Ok(Lane::from(id));
        }
        let lanes = self.queue.lanes().await?;
        let configured = self.settings.connections.keys().map(ConnectionId::as_str);
        match lanes.iter().find(|status| status.lane.as_str() == name) {
            Some(status) => Ok(status.lane.clone()),
            None => Err(unknown("connection", name, configured.chain(lanes.iter().map(|status| status.lane.as_str())))),
        }
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let known: std::collections::BTreeSet<&str> = known.collect();
    let list = match known.len() {
        0 => "none is configured".to_owned(),
        _ => format!("known: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    };
    Failure::NothingMatched(format!("unknown {what} `{}`; {list}", name.chars().take(80).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_redis_is_named_without_its_password() {
        let text = silent_redis("redis://lena:s3cret@10.0.0.9:6379/0").to_string();
        assert!(text.contains("10.0.0.9:6379") && !text.contains("s3cret"), "{text}");
    }

    #[test]
    fn an_unknown_name_comes_with_those_that_exist() {
        let text = unknown("flow", "x", ["b", "a", "b"].into_iter()).to_string();
        assert_eq!(text, "unknown flow `x`; known: a, b");
    }
}
