//! A producer's rooms with channels, a clock that is moved by hand, and receivers that note what comes.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
};
use chrono::TimeDelta;
use mlc_model::{ChannelId, ConnectionId, Fault, ManualClock};
use mlc_producer::{Notifier, Person, Rooms};
use mlc_queue::{Lane, Outcome, Registry, Workers, WorkersConfig};
use mlc_runtime::{metrics::Metrics, readiness::Readiness, settings::Settings, shutdown::Shutdown};
use serde_json::Value;

use crate::private_redis::PrivateRedis;

/// One HTTP receiver.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    /// Answers with this from now on; 0 = never.
    pub(crate) status: Arc<AtomicU16>,
    got: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::before_answering(|| async {}).await
    }

    /// Does something each time between receiving and answering.
    pub(crate) async fn before_answering<F, T>(act: F) -> Self
    where
        F: Fn() -> T + Clone + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks/canary", listener.local_addr().unwrap());
        let receiver = Self { url, status: Arc::new(AtomicU16::new(200)), got: Arc::default() };
        let (status, got) = (Arc::clone(&receiver.status), Arc::clone(&receiver.got));
        let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            let (act, status, got) = (act.clone(), Arc::clone(&status), Arc::clone(&got));
            async move {
                got.lock().unwrap().push((headers, String::from_utf8(body.to_vec()).unwrap()));
                act().await;
                match status.load(Ordering::SeqCst) {
                    0 => std::future::pending().await,
                    status => (StatusCode::from_u16(status).unwrap(), "noted /hooks/canary"),
                }
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// What came since the last call.
    pub(crate) fn take(&self) -> Vec<(HeaderMap, String)> {
        std::mem::take(&mut self.got.lock().unwrap())
    }

    /// The documents that came since the last call.
    pub(crate) fn documents(&self) -> Vec<Value> {
        self.take().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
    }

    /// What webhooks told since the last call: one text per message, such as `firing held, resolved lag`.
    pub(crate) fn told(&self) -> Vec<String> {
        let word = |alert: &Value| format!("{} {}", alert["state"].as_str().unwrap(), alert["kind"].as_str().unwrap());
        let words = |document: &Value| {
            let alerts: Vec<String> = document["alerts"].as_array().unwrap().iter().map(word).collect();
            let summary = if document["summary"] == true { "summary: " } else { "" };
            format!("{summary}{}", alerts.join(", "))
        };
        self.documents().iter().map(words).collect()
    }
}

pub(crate) struct House {
    pub(crate) redis: PrivateRedis,
    pub(crate) rooms: Rooms,
    pub(crate) clock: ManualClock,
}

impl House {
    /// With these lines behind the usual settings.
    pub(crate) async fn with(lines: &str) -> Self {
        let redis = PrivateRedis::start();
        let text = format!("{}\n{lines}", redis.settings());
        std::fs::write(redis.settings_file(), &text).unwrap();
        let none: [(String, String); 0] = [];
        let settings = Settings::parse("mlc.toml", &text, none).unwrap();
        let mut rooms = mlc_producer::open(settings, Person::named("test").unwrap()).await.unwrap();
        // A Monday.
        let clock = ManualClock::at("2026-11-23T12:00:00Z".parse().unwrap());
        rooms.clock = Arc::new(clock.clone());
        Self { redis, rooms, clock }
    }

    /// With one webhook called `hook`, and more lines for `[alerts]`.
    pub(crate) async fn with_hook(receiver: &Receiver, lines: &str) -> Self {
        let house = Self::with(&format!("[alerts]\n{lines}\n[alerts.channels.hook]\nkind = \"webhook\"")).await;
        house.secret("hook", "url", &receiver.url).await;
        house
    }

    pub(crate) async fn secret(&self, channel: &str, name: &str, value: &str) {
        let channel = ChannelId::parse(channel).unwrap();
        self.rooms.secrets.set_of_channel(&channel, name, value.to_owned().into()).await.unwrap();
    }

    /// A producer that just started.
    pub(crate) fn notifier(&self, holder: &str) -> Notifier {
        Notifier::new(self.rooms.clone(), holder.to_owned()).unwrap()
    }

    pub(crate) fn after(&self, secs: i64) {
        self.clock.advance(TimeDelta::seconds(secs));
    }

    pub(crate) async fn hold(&self, connection: &str) {
        self.rooms.queue.hold(&lane(connection), "401 for canary@example.com").await.unwrap();
    }

    pub(crate) async fn release(&self, connection: &str) {
        self.rooms.queue.resume(&lane(connection), "test").await.unwrap();
    }

    /// A job dies of this.
    pub(crate) async fn die_of(&self, fault: Fault) {
        let flow = "epicor_to_hubspot::vendors".parse().unwrap();
        let settings = self.rooms.settings.flow(&flow).unwrap().clone();
        let extent = mlc_flow::Extent::Incremental;
        let queue = &self.rooms.queue;
        mlc_producer::order_poll(queue, &flow, &settings, extent, mlc_queue::Priority::Normal, "test").await.unwrap();
        let stop = Shutdown::new();
        let died = stop.clone();
        let registry = Registry::new().on::<mlc_flow::PollPage, _, _>(move |_, _| {
            let (died, fault) = (died.clone(), fault.clone());
            async move {
                died.trigger();
                Outcome::Failed(fault)
            }
        });
        let config = WorkersConfig { name: "w".to_owned(), concurrency: 8, shutdown_deadline: Duration::from_secs(5) };
        Workers::run(queue.clone(), registry, config, stop.waiting(), Metrics::new(), Readiness::default())
            .await
            .unwrap();
    }
}

pub(crate) fn lane(connection: &str) -> Lane {
    Lane::from(ConnectionId::parse(connection).unwrap())
}
