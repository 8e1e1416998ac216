//! The way of a call through the server: fault, latency, the shop, the wire, the log.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, Response, header},
};

use super::{answers::Answer, control, faults::FaultKind, log::LoggedCall, operate::Call, shop::Shop};
use crate::server::Wire;

/// Larger bodies are refused.
const BODY_CEILING: usize = 64 << 20;

/// The shop, shared by all connections.
pub(super) type Shared = Arc<Mutex<Shop>>;

/// Locks the shop. A panic elsewhere must not hide what happened until then.
pub(super) fn lock(shop: &Mutex<Shop>) -> MutexGuard<'_, Shop> {
    shop.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts the call while it is in flight, even when the client goes away meanwhile.
struct InFlight(Shared);

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.0).log.in_flight -= 1;
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The single handler of the server.
pub(super) async fn handle(
    State(shop): State<Shared>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_CEILING).await else {
        return render(Answer::html(413, "413 Request Entity Too Large"), None, false);
    };
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    if path.starts_with(crate::control::PREFIX) {
        return control::handle(&shop, &parts.method, &path, &query, &body).await;
    }
    let forwarded = text(&parts.headers, &HeaderName::from_static("x-forwarded-proto"));
    let call = Call {
        method: parts.method.to_string(),
        scheme: forwarded.filter(|scheme| scheme == "https").unwrap_or_else(|| "http".to_owned()),
        host: text(&parts.headers, &header::HOST).unwrap_or_default(),
        authorization: text(&parts.headers, &header::AUTHORIZATION),
        content_type: text(&parts.headers, &header::CONTENT_TYPE),
        accept: text(&parts.headers, &header::ACCEPT),
        store: text(&parts.headers, &HeaderName::from_static("store")),
        path,
        query,
        body,
    };
    serve(shop, wire, call).await
}

async fn serve(shop: Shared, wire: Wire, call: Call) -> Response<Body> {
    let (latency, fault) = {
        let mut shop = lock(&shop);
        shop.log.enter();
        let asked = format!("{} {}", call.method, call.path);
        (shop.latency, shop.faults.strike(&asked, &call.body))
    };
    let _in_flight = InFlight(Arc::clone(&shop));
    // The work is done first and the answer held back, so that a client that gave up meets a finished call.
    let answer = match fault.as_ref().and_then(super::faults::Fault::instead) {
        Some(answer) => answer,
        None => lock(&shop).answer(&call),
    };
    let wait = latency + fault.as_ref().and_then(super::faults::Fault::delay).unwrap_or(Duration::ZERO);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let kind = fault.map(|fault| fault.kind);
    let cut = matches!(kind, Some(FaultKind::ResetBefore | FaultKind::ResetAfterWrite));
    let status = match kind {
        _ if cut => 0,
        Some(FaultKind::Html200) => 200,
        _ => answer.status,
    };
    let head = call.method == "HEAD";
    lock(&shop).log.add(LoggedCall { method: call.method, path: call.path, query: call.query, status });
    if cut {
        wire.cut();
    }
    render(answer, kind, head)
}

fn render(answer: Answer, kind: Option<FaultKind>, head: bool) -> Response<Body> {
    let answer = if kind == Some(FaultKind::Html200) { Answer::html(200, "Welcome") } else { answer };
    let (mut response, mut bytes) = answer.into_bytes();
    match kind {
        Some(FaultKind::TruncatedJson) => bytes.truncate(bytes.len() / 2),
        Some(FaultKind::HugeBody) => {
            bytes = format!("{{\"items\":[\"{}\"],\"total_count\":1}}", "x".repeat(64 << 20)).into_bytes();
        }
        _ => {}
    }
    if head {
        bytes.clear();
    }
    *response.body_mut() = Body::from(Bytes::from(bytes));
    response
}
