//! Styles and scripts, part of the binary. Their addresses hold a digest of their content, so that browsers keep them for ever.

use std::sync::LazyLock;

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::{
    call::Call,
    error::ConsoleError,
    reply::Raw,
    route::{Route, Verb},
};

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

const ASSETS: &[Asset] = &[
    Asset { name: "uplot.css", kind: "text/css; charset=utf-8", content: include_str!("assets/uplot.css") },
    Asset { name: "console.css", kind: "text/css; charset=utf-8", content: include_str!("assets/console.css") },
    Asset { name: "uplot.js", kind: "text/javascript; charset=utf-8", content: include_str!("assets/uplot.js") },
    Asset { name: "console.js", kind: "text/javascript; charset=utf-8", content: include_str!("assets/console.js") },
];

/// The list of keys, shown by `?`.
pub(super) const SHORTCUTS_DIALOG: &str = include_str!("assets/shortcuts.html");

static PATHS: LazyLock<Vec<(String, &'static Asset)>> = LazyLock::new(|| {
    let path = |asset: &'static Asset| {
        let digest = Sha256::digest(asset.content.as_bytes());
        (format!("/assets/{}/{}", URL_SAFE_NO_PAD.encode(&digest[..9]), asset.name), asset)
    };
    ASSETS.iter().map(path).collect()
});

fn paths(ending: &'static str) -> impl Iterator<Item = &'static str> {
    PATHS.iter().filter(move |(path, _)| path.ends_with(ending)).map(|(path, _)| path.as_str())
}

/// Addresses of the styles.
pub(super) fn styles() -> impl Iterator<Item = &'static str> {
    paths(".css")
}

/// Addresses of the scripts, in the order in which they run.
pub(super) fn scripts() -> impl Iterator<Item = &'static str> {
    paths(".js")
}

/// Their route.
pub(super) fn routes() -> Vec<Route> {
    vec![Route::raw(Verb::Get, "/assets/{digest}/{name}", "Styles and scripts", asset).open()]
}

async fn asset(call: Call) -> Result<Raw, ConsoleError> {
    let path = format!("/assets/{}/{}", call.text("digest"), call.text("name"));
    let found = PATHS.iter().find(|(known, _)| *known == path);
    let Some((_, asset)) = found else { return Err(ConsoleError::not_found("There is no such file.")) };
    let mut response: Response = Body::from(asset.content).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(Raw { response, entry: None })
}
