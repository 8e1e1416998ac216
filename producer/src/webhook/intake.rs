//! The way of one delivery, from its head to its answer.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use mlc_adobe::webhook::{self, Delivery, DeliveryHeaders, Refused};
use mlc_ledger::LedgerError;
use mlc_model::{ConnectionId, Fault};
use mlc_queue::{Enqueued, QueueError};
use mlc_runtime::settings::Connection;
use tokio::{sync::Semaphore, time::timeout};
use tracing::{debug, info};

use super::{
    adobe::Wanted,
    body::{self, NoBody},
    endpoint::{Endpoint, NotTaken},
    notes::Notes,
};
use crate::{Failure, Rooms};

/// Requests under way at once. Beyond it a shop hears 503 at once instead of waiting in its shopper's name.
const IN_FLIGHT: usize = 256;
/// Memory for all bodies under way.
const BODY_MEMORY: u64 = 64 << 20;
/// Longest time that vault, guard and queue may take together. A Commerce Webhook keeps a shopper waiting meanwhile.
const STORE_WITHIN: Duration = Duration::from_secs(5);
/// Longest time for counting a refused signature.
const COUNT_WITHIN: Duration = Duration::from_millis(250);
/// Seconds after which a sender that repeats may do so.
const AGAIN_AFTER: &str = "5";

/// Everything a delivery needs.
#[derive(Debug)]
pub(super) struct Intake {
    rooms: Rooms,
    endpoints: BTreeMap<String, Endpoint>,
    places: Semaphore,
    memory: Arc<Semaphore>,
    notes: Notes,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Duplicate,
    Echo,
    Ignored,
    Unusable,
    RefusedSignature(Refused),
    TooLarge,
    CutOff,
    Unavailable,
}

#[derive(Debug, thiserror::Error)]
enum StoreError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Order(#[from] Fault),
}

impl Intake {
    /// # Errors
    /// `Wrong`, see [`Endpoint::new`].
    pub(super) fn new(rooms: Rooms) -> Result<Self, Failure> {
        let (mut endpoints, mut longest) = (BTreeMap::new(), 0);
        for (id, connection) in &rooms.settings.connections {
            let Connection::Adobe(adobe) = connection else { continue };
            let Some(settings) = &adobe.webhook else { continue };
            let endpoint = Endpoint::new(&rooms.settings, id, adobe, settings)?;
            if endpoint.routes.is_empty() {
                info!(connection.id = %id, "No enabled flow takes anything from the webhooks of {id}");
            }
            longest = longest.max(settings.body_limit);
            endpoints.insert(id.to_string(), endpoint);
        }
        // Whatever the limits are, two of the longest fit beside one another.
        let memory = body::memory(BODY_MEMORY.max(longest.saturating_mul(2)));
        Ok(Self { rooms, endpoints, places: Semaphore::new(IN_FLIGHT), memory, notes: Notes::default() })
    }

    async fn judge(&self, endpoint: &Endpoint, headers: &HeaderMap, body: Body) -> Verdict {
        let unavailable = |reason: &'static str| {
            self.notes.say(&endpoint.connection, "unavailable", reason);
            Verdict::Unavailable
        };
        let Ok(_place) = self.places.try_acquire() else {
            return unavailable("too many deliveries are under way");
        };
        let body = match body::read(body, endpoint.settings.body_limit, &self.memory).await {
            Ok(body) => body,
            Err(NoBody::TooLarge) => {
                self.notes.say(&endpoint.connection, "too_large", "its body is longer than `body_limit`");
                return Verdict::TooLarge;
            }
            Err(NoBody::CutOff) => return Verdict::CutOff,
            Err(NoBody::NoMemory) => return unavailable("bodies under way fill the memory set aside for them"),
        };
        // A header that is no text cannot be one that we look for.
        let texts = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let headers = DeliveryHeaders::new(texts);
        match timeout(STORE_WITHIN, self.take(endpoint, &headers, &body.bytes)).await {
            Ok(verdict) => verdict,
            Err(_) => unavailable("Redis did not answer in time"),
        }
    }

    async fn take(&self, endpoint: &Endpoint, headers: &DeliveryHeaders, body: &[u8]) -> Verdict {
        let connection = &endpoint.connection;
        match endpoint.verify(headers, body, &self.rooms.secrets, &self.rooms.connections).await {
            Ok(()) => {}
            Err(NotTaken::Refused(refused)) => {
                self.notes.say(connection, reason(refused), &refused.to_string());
                // For alerts. A Redis that is slow must not keep the shop waiting for a no.
                let counted = self.rooms.ledger.count_refused(connection, self.rooms.clock.now());
                if !matches!(timeout(COUNT_WITHIN, counted).await, Ok(Ok(()))) {
                    debug!(connection.id = %connection, "A refused signature was not counted");
                }
                return Verdict::RefusedSignature(refused);
            }
            Err(NotTaken::Unknown(why)) => {
                self.notes.say(connection, "unavailable", why);
                return Verdict::Unavailable;
            }
        }
        let events = match Delivery::read(headers, body) {
            Ok(Delivery::Events(events)) => events,
            // The gateway asks so only when the challenge was not answered. Its address holds a secret, and whoever has a valid
            // signature could make us fetch it: a person repeats the registration instead.
            Ok(Delivery::Validation { .. }) => {
                let detail = "Adobe asks to confirm the address by hand; register it again, so that the challenge is answered here";
                self.notes.say(connection, "validation", detail);
                return Verdict::Ignored;
            }
            // Genuine, so a repetition would be the same: its sender must not repeat it, nor stop a shopper for it.
            Err(problem) => {
                self.notes.say(connection, "unusable", &problem.to_string());
                return Verdict::Unusable;
            }
        };
        let sorted = endpoint.routes.sort(&events, self.rooms.clock.now());
        for why in &sorted.unusable {
            self.notes.say(connection, why, why);
        }
        if sorted.wanted.is_empty() {
            return match (&sorted.unusable[..], sorted.echoes) {
                ([], 0) => Verdict::Ignored,
                ([], _) => Verdict::Echo,
                _ => Verdict::Unusable,
            };
        }
        match self.store(endpoint, &sorted.wanted, &Delivery::replay_key(headers, body)).await {
            Ok(verdict) => verdict,
            Err(error) => {
                debug!(%error, connection.id = %connection, "A webhook delivery could not be stored: {error}");
                self.notes.say(connection, "unavailable", "Redis could not store it");
                Verdict::Unavailable
            }
        }
    }

    /// Asks the guard, enqueues, remembers: in this order a crash at any point costs at most a second look at the same delivery.
    async fn store(&self, endpoint: &Endpoint, wanted: &[Wanted], delivery: &str) -> Result<Verdict, StoreError> {
        let ledger = &self.rooms.ledger;
        let scope = format!("webhook/{}", endpoint.connection);
        if ledger.seen_before(&scope, delivery).await? {
            return Ok(Verdict::Duplicate);
        }
        self.enqueue(wanted, delivery).await?;
        if let Err(error) = ledger.remember_seen(&scope, delivery, endpoint.settings.remember).await {
            // The jobs are stored, and stand being run twice: refusing now would stop a shopper for nothing.
            debug!(%error, connection.id = %endpoint.connection, "A webhook delivery was stored but not remembered");
        }
        Ok(Verdict::Accepted)
    }

    async fn enqueue(&self, wanted: &[Wanted], delivery: &str) -> Result<(), StoreError> {
        let queue = &self.rooms.queue;
        let orders = wanted.iter().map(Wanted::order).collect::<Result<Vec<_>, _>>()?;
        let answers = queue.enqueue(&orders).await?;
        let mut apart = Vec::new();
        for (wanted, answer) in wanted.iter().zip(&answers) {
            let Enqueued::Duplicate(id) = answer else { continue };
            let open = queue.job(id).await?;
            if !open.is_some_and(|open| wanted.is_done_by(&open, self.rooms.clock.now())) {
                apart.push(wanted.order_apart(delivery)?);
            }
        }
        queue.enqueue(&apart).await?;
        Ok(())
    }
}

impl Verdict {
    /// Value of the metric's label.
    fn result(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Echo => "echo",
            Self::Ignored => "ignored",
            Self::Unusable => "unusable",
            Self::RefusedSignature(_) => "refused_signature",
            Self::TooLarge => "too_large",
            Self::CutOff => "cut_off",
            Self::Unavailable => "unavailable",
        }
    }

    fn answer(self) -> Response {
        match self {
            Self::Accepted | Self::Duplicate | Self::Echo | Self::Ignored | Self::Unusable => {
                json(StatusCode::OK, webhook::SUCCESS.to_owned())
            }
            Self::RefusedSignature(refused) => error(StatusCode::UNAUTHORIZED, &refused.to_string()),
            Self::TooLarge => error(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"),
            Self::CutOff => error(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
            Self::Unavailable => {
                let mut answer =
                    error(StatusCode::SERVICE_UNAVAILABLE, "the delivery cannot be stored now; send it again");
                answer.headers_mut().insert(RETRY_AFTER, axum::http::HeaderValue::from_static(AGAIN_AFTER));
                answer
            }
        }
    }
}

fn reason(refused: Refused) -> &'static str {
    match refused {
        Refused::NoSignature => "no_signature",
        Refused::WrongSignature => "wrong_signature",
        Refused::NoKey => "no_key",
        Refused::WrongRecipient => "wrong_recipient",
    }
}

fn json(status: StatusCode, text: String) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], text).into_response()
}

/// `what` is a text of ours.
fn error(status: StatusCode, what: &str) -> Response {
    json(status, serde_json::json!({ "error": what }).to_string())
}

/// The one address there is.
pub(super) fn router(intake: Arc<Intake>) -> Router {
    Router::new()
        .route("/webhooks/adobe/{connection}", get(show_challenge).post(take_delivery))
        .fallback(|| async { nothing_here() })
        .method_not_allowed_fallback(|| async { error(StatusCode::METHOD_NOT_ALLOWED, "deliveries are posted") })
        .with_state(intake)
}

/// The same for a name that is none, is not configured, or has no section `webhook`: a stranger learns no names.
fn nothing_here() -> Response {
    error(StatusCode::NOT_FOUND, "no webhook is taken at this address")
}

async fn take_delivery(
    State(intake): State<Arc<Intake>>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let started = Instant::now();
    let Some(endpoint) = name.ok().and_then(|Path(name)| intake.endpoints.get(&name)) else { return nothing_here() };
    let verdict = intake.judge(endpoint, &headers, body).await;
    let connection: &ConnectionId = &endpoint.connection;
    intake.rooms.metrics.webhook_delivery(connection.as_str(), verdict.result(), started.elapsed().as_secs_f64());
    verdict.answer()
}

/// Adobe's event gateway asks for the text of `?challenge=` back before it sends anything.
async fn show_challenge(
    State(intake): State<Arc<Intake>>,
    name: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(endpoint) = name.ok().and_then(|Path(name)| intake.endpoints.get(&name)) else { return nothing_here() };
    if !endpoint.answers_challenges() {
        return error(StatusCode::METHOD_NOT_ALLOWED, "deliveries are posted");
    }
    match webhook::challenge(&query.unwrap_or_default()) {
        Some(text) => (StatusCode::OK, [(CONTENT_TYPE, "text/plain")], text).into_response(),
        None => error(StatusCode::BAD_REQUEST, "a `challenge` is expected"),
    }
}
