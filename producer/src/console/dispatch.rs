//! From HTTP to a handler and back.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{RawPathParams, Request, rejection::RawPathParamsRejection},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any},
};
use serde_json::json;
use tokio::time::timeout;
use tracing::{error, warn};

use super::{
    Console, access,
    call::{Call, Viewer},
    error::{ConsoleError, ErrorKind},
    reply::{Done, Entry, Reply},
    route::{API, Faces, Route, Verb},
    shell, table,
};
use crate::Rooms;

/// Largest body. The payload of one job is far below it.
const BODY_BYTES: usize = 1 << 20;
/// Largest body of what is open to everybody: a name and a password.
const OPEN_BODY_BYTES: usize = 16 << 10;
/// Longest time for a body.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// Longest time for a handler; a ping of a slow system is the longest that there is.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// As what a route is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    Page,
    Api,
}

/// All routes with both their faces.
pub(super) fn router(console: Arc<Console>) -> Router {
    let mut paths: BTreeMap<String, (Face, Vec<Arc<Route>>)> = BTreeMap::new();
    for route in table::all() {
        let route = Arc::new(route);
        if route.faces != Faces::Api {
            paths.entry(route.path.to_owned()).or_insert((Face::Page, Vec::new())).1.push(route.clone());
        }
        if route.faces != Faces::Own {
            paths.entry(format!("{API}{}", route.path)).or_insert((Face::Api, Vec::new())).1.push(route);
        }
    }
    let mut router = Router::new();
    for (path, (face, routes)) in paths {
        router = router.route(&path, at(console.clone(), face, routes));
    }
    let nowhere = console.clone();
    router.fallback(move |request: Request| {
        let console = nowhere.clone();
        async move { not_there(&console, request).await }
    })
}

fn at(console: Arc<Console>, face: Face, routes: Vec<Arc<Route>>) -> MethodRouter {
    any(move |params: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
        let (console, routes) = (console.clone(), routes.clone());
        async move {
            match params {
                Ok(params) => answer(console, face, &routes, &params, request).await,
                // A part of the path that is no text names nothing of ours.
                Err(_) => not_there(&console, request).await,
            }
        }
    })
}

async fn not_there(console: &Arc<Console>, request: Request) -> Response {
    let face = if access::under_api(request.uri().path()) { Face::Api } else { Face::Page };
    let (parts, _) = request.into_parts();
    let viewer = access::viewer(console, &parts).await;
    let (viewer, error) = match viewer {
        Ok(viewer) => (Some(viewer), ConsoleError::not_found("There is nothing at this address.")),
        Err(error) => (None, error),
    };
    secured(refusal(face, &error, viewer.as_ref(), &parts))
}

async fn answer(
    console: Arc<Console>,
    face: Face,
    routes: &[Arc<Route>],
    params: &RawPathParams,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let wanted = match parts.method {
        Method::GET | Method::HEAD => Some(Verb::Get),
        Method::POST => Some(Verb::Post),
        _ => None,
    };
    let Some(route) = routes.iter().find(|route| Some(route.verb) == wanted) else {
        let allow = if routes.iter().any(|route| route.verb == Verb::Get) { "GET, HEAD" } else { "POST" };
        let mut response = (StatusCode::METHOD_NOT_ALLOWED, "This address takes another method.\n").into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        return secured(response);
    };
    let head = head_of(&parts);
    let fragment = parts.headers.contains_key("x-console-fragment");
    let flash = shell::flash_of(&parts.headers);
    let mut viewer = None;
    let at = console.rooms.clock.now();
    let carried = carry_out(&console, route, params, parts, body, &mut viewer).await;
    let response = match (carried, viewer) {
        (Ok(Reply::Raw(raw)), _) => raw.response,
        (Ok(Reply::View(view)), Some(viewer)) => match (face, view.refusal.clone()) {
            (Face::Api, Some(error)) => refusal(face, &error, Some(&viewer), &head),
            (Face::Api, None) => axum::Json(view.value()).into_response(),
            (Face::Page, error) => {
                let mut response = shell::page(view, &viewer, flash.as_deref(), fragment, at);
                if let Some(error) = error {
                    *response.status_mut() = error.kind.status();
                }
                response
            }
        },
        (Ok(Reply::Done(done)), _) => done_response(face, done),
        (Ok(Reply::Act(act)), viewer) => {
            let mut response = match (act.page, viewer) {
                (Some(page), Some(viewer)) => shell::page(page, &viewer, None, false, at),
                _ => done_response(face, act.done),
            };
            act.cookies.iter().for_each(|cookie| shell::set_cookie(&mut response, cookie));
            response
        }
        (Ok(Reply::View(_)), None) => {
            refusal(face, &ConsoleError::new(ErrorKind::LoginNeeded, "Log in first."), None, &head)
        }
        (Err(error), viewer) => refusal(face, &error, viewer.as_ref(), &head),
    };
    secured(response)
}

fn done_response(face: Face, done: Done) -> Response {
    match face {
        Face::Api => axum::Json(done.answer).into_response(),
        Face::Page => shell::back_to(&done.back, &done.message),
    }
}

/// The head of a request without what only its body and its handler need.
fn head_of(parts: &Parts) -> Parts {
    let (mut head, ()) = axum::http::Request::new(()).into_parts();
    head.method = parts.method.clone();
    head.uri = parts.uri.clone();
    head.headers = parts.headers.clone();
    head
}

/// Everything between the head of a request and its reply. `viewer` is set as soon as it is known, for the page of an error.
async fn carry_out(
    console: &Arc<Console>,
    route: &Route,
    params: &RawPathParams,
    parts: Parts,
    body: Body,
    known: &mut Option<Viewer>,
) -> Result<Reply, ConsoleError> {
    if route.verb == Verb::Post {
        access::is_own_page(&parts.headers)?;
    }
    let viewer = match (access::viewer(console, &parts).await, route.needs) {
        (Ok(viewer), _) => {
            *known = Some(viewer.clone());
            viewer
        }
        // Somebody who is about to log in may look at what is open and no more. A page elsewhere that points its own name at an
        // open console may not even do that.
        (Err(error), None) if error.kind != ErrorKind::Forbidden => {
            Viewer { person: console.rooms.person.clone(), role: mlc_accounts::Role::ReadOnly, logged_in: false }
        }
        (Err(error), _) => return Err(error),
    };
    if let Some(role) = route.needs.filter(|role| !viewer.may(*role)) {
        let message = format!("This needs the role {role}; yours is {}.", viewer.role);
        return Err(ConsoleError::new(ErrorKind::Forbidden, message));
    }
    let own_page = access::is_own_page(&parts.headers);
    let body = read_body(body, if route.needs.is_some() { BODY_BYTES } else { OPEN_BODY_BYTES }).await?;
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_json = content_type.starts_with("application/json");
    if !body.is_empty() && !is_json && !content_type.starts_with("application/x-www-form-urlencoded") {
        return Err(ConsoleError::bad_input("Send a form or JSON: the content type is neither."));
    }
    // Whoever sends something where nothing is taken means something else than what would be done.
    if route.verb == Verb::Post && route.input.is_none() && !body.trim_ascii().is_empty() && body.trim_ascii() != b"{}"
    {
        return Err(ConsoleError::bad_input("This takes nothing: send no content."));
    }
    // Of a login nobody knows yet whose it is.
    if route.needs.is_some() {
        console.allowance.may(&viewer.person, route, console.rooms.clock.now())?;
    }
    let mut rooms = console.rooms.clone();
    rooms.person = viewer.person.clone();
    let call = Call {
        now: rooms.clock.now(),
        rooms: rooms.clone(),
        viewer,
        console: Arc::clone(console),
        params: params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        body,
        is_json,
        caller: access::caller(console, &parts),
        headers: parts.headers,
    };
    let work = hand_over(route.clone(), call, rooms, own_page);
    match route.verb {
        Verb::Get => work.await,
        // Somebody who leaves before the answer must not leave a thing half done, or done without its entry.
        Verb::Post => {
            tokio::spawn(work).await.map_err(|_| ConsoleError::new(ErrorKind::Defect, "This was stopped."))?
        }
    }
}

/// The handler, then the entry that it leaves.
async fn hand_over(
    route: Route,
    call: Call,
    mut rooms: Rooms,
    own_page: Result<(), ConsoleError>,
) -> Result<Reply, ConsoleError> {
    let console = Arc::clone(&call.console);
    // What acts has an entry before it begins: whoever dies meanwhile leaves that. Of a login nobody knows yet whose it is, and one
    // whose answer never came opens nothing.
    let begun = match route.audits.filter(|_| route.acts && !route.recorded_by_ledger && route.needs.is_some()) {
        Some(what) => Some(rooms.begin(what, call.subject()).await?),
        None => None,
    };
    let carried = timeout(ANSWER_WITHIN, (route.handler)(call)).await.map_err(|_| {
        ConsoleError::new(
            ErrorKind::Unavailable,
            "This took longer than a minute; look whether it was done before you repeat it.",
        )
    })?;
    let reply = match carried {
        Ok(reply) => reply,
        Err(error) => {
            // A refusal did nothing, that of a full Redis neither. Of anything else nobody knows, and so says the entry that stays.
            let refused = !matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Defect);
            if let Some(begun) = begun.filter(|_| refused)
                && let Err(failure) = begun.withdraw().await
            {
                warn!(error = %failure, "The entry of something that was refused stays in the audit as one that began");
            }
            return Err(error);
        }
    };
    let entry = match &reply {
        Reply::Done(Done { entry, .. }) => Some(entry),
        Reply::Act(act) => Some(&act.done.entry),
        Reply::View(view) => view.entry.as_ref(),
        Reply::Raw(raw) => raw.entry.as_ref(),
    };
    // What acts gives a `Done`, which has an entry, at a route that says what the entry is called. Anything else was made wrongly,
    // and must not look as if it had gone well.
    if route.acts && (entry.is_none() || route.audits.is_none()) {
        return Err(ConsoleError::new(ErrorKind::Defect, "This was done, but leaves no entry in the audit."));
    }
    // A page elsewhere can make a browser look, too: what leaves an entry must come from the console or from no page at all.
    if entry.is_some() {
        own_page?;
    }
    if let Some(entry) = entry {
        let (person, now) = (entry.who.as_ref().unwrap_or(&rooms.person), rooms.clock.now());
        if route.needs.is_none() {
            console.allowance.may(person, &route, now)?;
        }
        console.allowance.count(person, &route, now);
    }
    let audits = route.audits.filter(|_| !route.recorded_by_ledger);
    if let (Some(what), Some(Entry { subject, before, after, sealed, who })) = (audits, entry.cloned()) {
        if let Some(who) = who {
            rooms.person = who;
        }
        match begun {
            Some(begun) => begun.close_sealed(subject, before, after, sealed).await?,
            None => rooms.record_sealed(what, subject, before, after, sealed).await?,
        }
    }
    Ok(reply)
}

async fn read_body(body: Body, most: usize) -> Result<bytes::Bytes, ConsoleError> {
    let too_large =
        || ConsoleError::new(ErrorKind::TooLarge, format!("What was sent is larger than {} KiB.", most >> 10));
    match timeout(BODY_WITHIN, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(ConsoleError::bad_input("What was sent did not arrive within ten seconds.")),
    }
}

fn refusal(face: Face, error: &ConsoleError, viewer: Option<&Viewer>, head: &Parts) -> Response {
    let path = head.uri.path();
    match error.kind {
        ErrorKind::Defect => error!(path, %error, "A page of the console failed"),
        ErrorKind::Unavailable | ErrorKind::Full => warn!(path, %error, "A page of the console could not be shown"),
        _ => {}
    }
    let status = error.kind.status();
    match face {
        Face::Api => {
            let body = json!({ "error": { "kind": error.kind.as_str(), "message": error.message } });
            let mut response = (status, axum::Json(body)).into_response();
            if status == StatusCode::UNAUTHORIZED {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
        // What a page fetches for itself cannot be replaced by another page.
        Face::Page if head.headers.contains_key("x-console-fragment") => shell::error_page(error, viewer, None),
        Face::Page if error.kind == ErrorKind::LoginNeeded => {
            let asked = head.uri.path_and_query().filter(|_| head.method != Method::POST);
            shell::to_login(asked.map_or("/", |asked| asked.as_str()))
        }
        Face::Page if error.kind == ErrorKind::PasswordNeeded => shell::redirect("/account"),
        Face::Page => {
            let back = shell::page_before(&head.headers).filter(|_| head.method == Method::POST && viewer.is_some());
            shell::error_page(error, viewer, back.as_deref())
        }
    }
}

/// What every answer carries, whatever it is.
fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
        );
    }
    response
}
