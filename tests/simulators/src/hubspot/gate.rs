//! The way of a call: fault, token, path, limit, scope, the call itself, headers, log.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::{Body as HttpBody, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderName, HeaderValue, Response, header},
};
use serde_json::{Value, json};

use super::{
    answers::{self, Answer, Body, Handled},
    faults::{Fault, FaultKind},
    limits::{Exceeded, Standing},
    objects::Query,
    orders,
    routes::{Astray, Operation, Route, fields, label},
    spoil,
    tokens::TokenRefusal,
    world::World,
    writes::Mode,
};
use crate::server::Wire;

/// Longer addresses are refused; lists of many properties belong into a batch read.
const ADDRESS_CEILING: usize = 8_192;
/// Larger bodies are refused.
const BODY_CEILING: usize = 32 << 20;

/// The portal, shared by all connections.
pub(super) type Shared = Arc<Mutex<World>>;

/// Locks the portal. A panic elsewhere must not hide what happened until then.
pub(super) fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One call, read.
struct Call {
    method: axum::http::Method,
    path: String,
    query: String,
    token: Option<String>,
    content_type: String,
    body: Bytes,
    arrived: Instant,
}

/// The single handler of the server.
pub(super) async fn handle(
    State(world): State<Shared>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
) -> Response<HttpBody> {
    let arrived = Instant::now();
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_CEILING).await else {
        return render(Answer::html(413, "413 Request Entity Too Large"), None);
    };
    let path = parts.uri.path().to_owned();
    if path.starts_with(crate::control::PREFIX) {
        return orders::handle(&world, &parts.method, &path, parts.uri.query(), &body);
    }
    let text_header =
        |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let call = Call {
        token: text_header(header::AUTHORIZATION)
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim().to_owned()),
        content_type: text_header(header::CONTENT_TYPE).to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        method: parts.method,
        path,
        body,
        arrived,
    };
    let name = label(&call.method, &call.path);
    let (latency, fault) = {
        let mut world = lock(&world);
        let asked = format!("{} {}", call.method, call.path);
        (world.latency, world.faults.strike(&asked, &call.body))
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let inputs = count_inputs(&call);
    let early = fault.as_ref().and_then(|fault| before(fault, &call));
    let (answer, standing) = match early {
        Some(answer) => (answer, None),
        None => lock(&world).answer(&call),
    };
    if let Some(delay) = fault.as_ref().and_then(delay_of) {
        tokio::time::sleep(delay).await;
    }
    let kind = fault.map(|fault| fault.kind);
    if matches!(kind, Some(FaultKind::ResetBefore | FaultKind::ResetAfterWrite)) {
        lock(&world).log.add(name, 0, inputs);
        wire.cut();
        return render(answer, None);
    }
    let extra_fields = {
        let mut world = lock(&world);
        let status = if kind == Some(FaultKind::Html200) { 200 } else { answer.status };
        world.log.add(name, status, inputs);
        world.behaviour.extra_fields
    };
    let response = render(spoil::fields(answer, kind, extra_fields), standing);
    spoil::bytes(response, kind).await
}

/// Faults that keep the call from being looked at.
fn before(fault: &Fault, call: &Call) -> Option<Answer> {
    let mut answer = match fault.kind {
        FaultKind::TenSecondly => answers::limited(Exceeded::TenSecondly),
        FaultKind::Daily => answers::limited(Exceeded::Daily),
        FaultKind::Secondly => answers::limited(Exceeded::Secondly),
        FaultKind::SearchRecorded => answers::limited_search(),
        FaultKind::Edge => Answer::text(429, "error code: 1015"),
        FaultKind::Locked => answers::error(
            423,
            "LOCKED",
            "This record is being changed by another call. Please try again in a few seconds.",
        ),
        FaultKind::Moving => Answer::json(
            477,
            json!({"status": "error", "message": "This account is being moved to another data hosting location.",
                "correlationId": answers::correlation_id()}),
        ),
        FaultKind::Internal => Answer::json(
            500,
            json!({"status": "error", "message": "internal error", "correlationId": answers::correlation_id()}),
        ),
        FaultKind::BadGateway => Answer::html(502, "502 Bad Gateway"),
        FaultKind::Unavailable => Answer::json(
            503,
            json!({"status": "error", "message": "Service temporarily unavailable", "correlationId": answers::correlation_id()}),
        ),
        FaultKind::GatewayTimeout => Answer::html(504, "504 Gateway Time-out"),
        FaultKind::EdgeDown => Answer::html(521, "521: Web server is down"),
        FaultKind::ResetBefore => Answer::empty(),
        FaultKind::ExpiredToken => answers::expired(super::clock::now() - 42_000),
        FaultKind::RevokedToken => answers::unauthenticated(),
        FaultKind::MissingScope => {
            let scopes = Route::parse(&call.method, &call.path).map(|route| route.scopes());
            answers::missing_scopes(&scopes.unwrap_or_default())
        }
        FaultKind::Slow
        | FaultKind::ResetAfterWrite
        | FaultKind::TruncatedJson
        | FaultKind::WrongTypes
        | FaultKind::Html200
        | FaultKind::HugeBody
        | FaultKind::WithoutTraceIds
        | FaultKind::ExtraFields => return None,
    };
    if let Some(seconds) = fault.retry_after {
        answer.headers.push(("retry-after", seconds.to_string()));
    }
    Some(answer)
}

fn delay_of(fault: &Fault) -> Option<Duration> {
    let default = (fault.kind == FaultKind::Slow).then_some(5_000);
    fault.delay_ms.or(default).map(Duration::from_millis)
}

/// How many records a batch call brings; a cheap count, since only the log wants it.
fn count_inputs(call: &Call) -> usize {
    #[derive(serde::Deserialize)]
    struct Batch {
        inputs: Vec<serde::de::IgnoredAny>,
    }
    if !call.path.contains("/batch/") {
        return 0;
    }
    serde_json::from_slice::<Batch>(&call.body).map_or(0, |batch| batch.inputs.len())
}

impl World {
    fn answer(&mut self, call: &Call) -> (Answer, Option<Standing>) {
        if call.path.starts_with("/oauth/") {
            let handled =
                self.oauth_call(call.method.as_str(), &call.path, &call.query, &call.content_type, &call.body);
            let answer = handled.map_or_else(
                || Answer::html(404, "404 Not Found"),
                |handled| handled.unwrap_or_else(|refusal| *refusal),
            );
            return (answer, None);
        }
        let mut standing = None;
        let answer = self
            .admit(call, &mut standing)
            .and_then(|route| self.dispatch(&route, call))
            .unwrap_or_else(|refusal| *refusal);
        (answer, standing)
    }

    fn admit(&mut self, call: &Call, standing: &mut Option<Standing>) -> Result<Route, Box<Answer>> {
        if call.path.len() + call.query.len() > ADDRESS_CEILING {
            return Answer::html(414, "414 Request-URI Too Large").refuse();
        }
        let route = match Route::parse(&call.method, &call.path) {
            Ok(route) => route,
            Err(Astray::NoSuchPath) => return Answer::html(404, "404 Not Found").refuse(),
            Err(Astray::WrongMethod) => {
                return Answer::html(405, "405 Method Not Allowed").refuse();
            }
        };
        let Some(name) = call.token.as_deref() else {
            return answers::unauthenticated().refuse();
        };
        let token = match self.tokens.check(name) {
            Ok(token) => token,
            Err(TokenRefusal::Unknown) => return answers::unauthenticated().refuse(),
            Err(TokenRefusal::Expired(at)) => return answers::expired(at).refuse(),
        };
        let taken = self.limiter.take(name, token.oauth, route.bucket(), call.arrived, super::clock::now());
        match taken {
            Ok(now) => *standing = Some(now),
            Err(exceeded) => return answers::limited(exceeded).refuse(),
        }
        let missing: Vec<&str> = route.scopes().into_iter().filter(|scope| !token.scopes.contains(*scope)).collect();
        if !missing.is_empty() {
            return answers::missing_scopes(&missing).refuse();
        }
        Ok(route)
    }

    fn dispatch(&mut self, route: &Route, call: &Call) -> Handled {
        use Operation as O;
        let query = Query(fields(&call.query));
        let kind = route.kind;
        let body = &call.body;
        match &route.operation {
            O::UnknownType(name) => answers::unknown_type(name).refuse(),
            O::List => self.list(kind, &query),
            O::Create => self.create_one(kind, body),
            O::Read(id) => self.read_one(kind, id, &query),
            O::Update(id) => self.update_one(kind, id, &query, body),
            O::Archive(id) => self.archive_one(kind, id),
            O::BatchCreate => self.batch_write(kind, Mode::Create, body),
            O::BatchUpdate => self.batch_write(kind, Mode::Update, body),
            O::BatchUpsert => self.batch_write(kind, Mode::Upsert, body),
            O::BatchRead => self.batch_read(kind, &query, body),
            O::BatchArchive => self.batch_archive(kind, body),
            O::Search => self.search(kind, body),
            O::Merge => self.merge_call(kind, body),
            O::Links(to, operation) => self.link_call(kind, *to, operation, route.dated, &query, body),
            O::AccountDetails => Ok(Answer::json(200, account_details())),
            O::DailyUse => Ok(Answer::json(200, self.daily_use())),
            other => self
                .definition_call(kind, other, &query, body)
                .unwrap_or_else(|| Answer::html(404, "404 Not Found").refuse()),
        }
    }

    fn daily_use(&self) -> Value {
        json!({"results": [{"name": "private-apps-api-calls-daily", "usageLimit": self.limiter.daily_allowance(),
            "currentUsage": self.limiter.used_today(), "fetchStatus": "SUCCESS",
            "collectedAt": super::clock::iso(super::clock::now())}]})
    }
}

fn account_details() -> Value {
    json!({"portalId": answers::PORTAL, "timeZone": "Europe/Brussels", "accountType": "DEVELOPER_TEST",
        "companyCurrency": "EUR", "additionalCurrencies": [], "utcOffset": "+01:00",
        "utcOffsetMilliseconds": 3_600_000, "uiDomain": "app-eu1.hubspot.com", "dataHostingLocation": "eu1"})
}

fn render(answer: Answer, standing: Option<Standing>) -> Response<HttpBody> {
    let (content_type, body) = match answer.body {
        Body::Json(value) => ("application/json;charset=utf-8", value.to_string()),
        Body::Html(page) => ("text/html", page),
        Body::Text(text) => ("text/plain; charset=UTF-8", text),
        Body::Empty => ("", String::new()),
    };
    let mut response = Response::new(HttpBody::from(body));
    // 477 is no registered status, but it is a legal one.
    *response.status_mut() =
        axum::http::StatusCode::from_u16(answer.status).unwrap_or(axum::http::StatusCode::INTERNAL_SERVER_ERROR);
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    };
    if !content_type.is_empty() {
        set("content-type", content_type);
    }
    set("x-hubspot-correlation-id", &answers::correlation_id());
    for (name, value) in &answer.headers {
        set(name, value);
    }
    if let Some((most, left)) = standing.and_then(|standing| standing.burst) {
        set("x-hubspot-ratelimit-max", &most.to_string());
        set("x-hubspot-ratelimit-remaining", &left.to_string());
        set("x-hubspot-ratelimit-interval-milliseconds", "10000");
        set("x-hubspot-ratelimit-secondly", &(most / 10).to_string());
        let secondly = (most / 10).saturating_sub(1).to_string();
        set("x-hubspot-ratelimit-secondly-remaining", &secondly);
    }
    if let Some((most, left)) = standing.and_then(|standing| standing.daily) {
        set("x-hubspot-ratelimit-daily", &most.to_string());
        set("x-hubspot-ratelimit-daily-remaining", &left.to_string());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::limits::Bucket;
    use super::*;

    #[test]
    fn dated_and_numbered_paths_mean_the_same_call() {
        let method = axum::http::Method::POST;
        for path in [
            "/crm/v3/objects/companies/search",
            "/crm/objects/2026-03/company/search",
            "/crm/objects/2026-09/0-2/search",
        ] {
            let route = Route::parse(&method, path).map(|route| (route.bucket(), route.operation));
            assert_eq!(route, Ok((Bucket::Search, Operation::Search)));
        }
    }
}
