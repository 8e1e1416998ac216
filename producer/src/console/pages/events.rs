//! Live updates by server-sent events: which topics changed, and when. The pages fetch themselves what they show.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use tokio::{sync::watch::Receiver, time::Instant};

use crate::console::{
    Console,
    call::Call,
    error::{ConsoleError, ErrorKind},
    reply::Raw,
    route::{Route, Verb},
    watch::{Changes, Place, Watch},
};

/// A stream ends after this long and the browser opens another: so a login that ended ends the stream too.
const STREAM_FOR: Duration = Duration::from_secs(5 * 60);
/// Proxies close what is silent for long.
const REMARK_EVERY: Duration = Duration::from_secs(15);

pub(super) fn routes() -> Vec<Route> {
    vec![Route::raw(Verb::Get, "/events", "Which topics changed, as server-sent events", events)]
}

struct Stream {
    console: Arc<Console>,
    changes: Receiver<Changes>,
    until: Instant,
    begun: bool,
    /// Its place among the streams.
    _place: Place,
}

async fn events(call: Call) -> Result<Raw, ConsoleError> {
    let (mut changes, place) = Watch::join(&call.console, &call.viewer.person).ok_or_else(|| {
        ConsoleError::new(ErrorKind::TooMany, "Too many pages are open already; this one works without live updates.")
    })?;
    // What is known already is told at once.
    if !changes.borrow().is_empty() {
        changes.mark_changed();
    }
    let until = Instant::now() + STREAM_FOR;
    let stream = Stream { console: call.console, changes, until, begun: false, _place: place };
    let body = Body::from_stream(stream::unfold(stream, next));
    let mut response: Response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // A proxy that collects would hold back what is to be live.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(Raw { response, entry: None })
}

/// The next piece; `None` ends the stream.
async fn next(mut stream: Stream) -> Option<(Result<String, Infallible>, Stream)> {
    if !std::mem::replace(&mut stream.begun, true) {
        return Some((Ok("retry: 2000\n\n".to_owned()), stream));
    }
    let text = tokio::select! {
        () = stream.console.shutdown.wait() => return None,
        () = tokio::time::sleep_until(stream.until) => return None,
        changed = stream.changes.changed() => {
            changed.ok()?;
            let changes = stream.changes.borrow_and_update().clone();
            format!("event: topics\ndata: {}\n\n", serde_json::to_string(&changes).ok()?)
        }
        () = tokio::time::sleep(REMARK_EVERY) => ": still here\n\n".to_owned(),
    };
    Some((Ok(text), stream))
}
