//! The frame around every page: navigation, search, messages, and the policy of what a browser may load.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use mlc_accounts::Role;

use super::{assets, call::Viewer, error::ConsoleError, reply::View};

/// Sections of the navigation: path, name, key that goes there after `g`.
pub(crate) const SECTIONS: [(&str, &str, &str); 9] = [
    ("/", "Overview", "o"),
    ("/flows", "Flows", "f"),
    ("/jobs", "Jobs", "j"),
    ("/dead-letters", "Dead letters", "d"),
    ("/records", "Records", "r"),
    ("/reviews", "Review list", "v"),
    ("/connections", "Connections", "c"),
    ("/budgets", "Budgets", "b"),
    ("/audit", "Audit", "a"),
];

/// Name of the cookie that carries one message to the next page.
const FLASH: &str = "flash";

/// A whole page; with `fragment` only its content, for the live updates. It shows what was so at `at`: what changed later
/// makes its live regions stale.
pub(super) fn page(view: View, viewer: &Viewer, flash: Option<&str>, fragment: bool, at: DateTime<Utc>) -> Response {
    let (title, section) = (view.title.clone(), view.section);
    let content = view.page(viewer);
    if fragment {
        let mut response = html_response(StatusCode::OK, content.into_string(), None);
        response.headers_mut().insert("x-console-at", HeaderValue::from(at.timestamp_millis()));
        return response;
    }
    let nonce = nonce();
    let page = frame(&title, section, Some(viewer), flash, &content, &nonce, Some(at));
    let mut response = html_response(StatusCode::OK, page.into_string(), Some(&nonce));
    if flash.is_some() {
        set_cookie(&mut response, &format!("{FLASH}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"));
    }
    response
}

/// The page of an error.
pub(super) fn error_page(error: &ConsoleError, viewer: Option<&Viewer>, back: Option<&str>) -> Response {
    let status = error.kind.status();
    let title = error.kind.title();
    let plain = || {
        html! {
            h1 { (title) }
            p .message .error role="alert" { bdi { (error.message) } }
            p {
                @if let Some(back) = back { a href=(back) { "Back to the page before" } " · " }
                a href="/" { "To the overview" }
            }
        }
    };
    let content = error.page.as_deref().cloned().unwrap_or_else(plain);
    bare_page(status, title, viewer, &content)
}

/// A page outside the sections, such as the login.
pub(crate) fn bare_page(status: StatusCode, title: &str, viewer: Option<&Viewer>, content: &Markup) -> Response {
    let nonce = nonce();
    let page = frame(title, "", viewer, None, content, &nonce, None);
    html_response(status, page.into_string(), Some(&nonce))
}

/// The page of ours from which a request was sent, so that a refused form can be gone back to. Never another host's.
pub(super) fn page_before(headers: &HeaderMap) -> Option<String> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let referer: axum::http::Uri = text(header::REFERER)?.parse().ok()?;
    let ours = referer.authority().map(axum::http::uri::Authority::as_str) == text(header::HOST);
    let path = referer.path_and_query()?.as_str();
    (ours && own_path(path) == path).then(|| path.to_owned())
}

/// Back to a page, with one sentence for it.
pub(super) fn back_to(path: &str, message: &str) -> Response {
    let mut response = redirect(path);
    let cut: String = message.chars().take(500).collect();
    let value = URL_SAFE_NO_PAD.encode(cut);
    set_cookie(&mut response, &format!("{FLASH}={value}; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"));
    response
}

/// To the login, and back from there.
pub(super) fn to_login(path: &str) -> Response {
    let query = serde_html_form::to_string([("next", path)]).unwrap_or_default();
    redirect(&format!("/login?{query}"))
}

/// Another page of ours, asked for anew.
pub(crate) fn redirect(path: &str) -> Response {
    let path = own_path(path);
    // Keys of records may hold any letter; a header holds ASCII.
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            0x21..=0x7e => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(value) = HeaderValue::from_str(&encoded) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// The path when it is one of ours, else the overview. What begins with two slashes would be another host, and browsers read a
/// backslash as a slash and skip tabs and line breaks.
pub(crate) fn own_path(path: &str) -> &str {
    let own = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= 2_000
        && !path.contains(|c: char| c == '\\' || c.is_control());
    if own { path } else { "/" }
}

/// Asks for a page of ours once more, from ourselves: browsers keep the session's cookie back when a link elsewhere led here.
pub(crate) fn once_more(path: &str) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content=(format!("0;url={}", own_path(path)));
                title { "ml-connector" }
            }
            body { p { a href=(own_path(path)) { "Go on" } } }
        }
    };
    html_response(StatusCode::OK, page.into_string(), None)
}

/// The message that the last action left.
pub(super) fn flash_of(headers: &HeaderMap) -> Option<String> {
    let value = cookie(headers, FLASH)?;
    let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

/// A cookie by its name.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).find_map(|line| {
        line.split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    })
}

/// Adds a cookie.
pub(crate) fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn nonce() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 18]>())
}

fn html_response(status: StatusCode, html: String, nonce: Option<&str>) -> Response {
    let mut response = (status, Body::from(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Some(nonce) = nonce {
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        if let Ok(value) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, value);
        }
    }
    response
}

fn frame(
    title: &str,
    section: &str,
    viewer: Option<&Viewer>,
    flash: Option<&str>,
    content: &Markup,
    nonce: &str,
    at: Option<DateTime<Utc>>,
) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · ml-connector" }
                link rel="icon" href="data:,";
                @for path in assets::styles() { link rel="stylesheet" href=(path) nonce=(nonce); }
                @for path in assets::scripts() { script src=(path) nonce=(nonce) defer {} }
            }
            body {
                a .skip href="#main" { "Skip to the content" }
                header .top {
                    a .brand href="/" { "ml-connector" }
                    @if let Some(viewer) = viewer {
                        nav aria-label="Sections" {
                            ul {
                                @for (path, name, key) in SECTIONS {
                                    li { a href=(path) data-key=(key) aria-current=[(path == section).then_some("page")] { (name) } }
                                }
                            }
                        }
                        form .search role="search" aria-label="All pages" action="/records" method="get" {
                            label .hidden for="find" { "Find a record by its key" }
                            input #find type="search" name="key" placeholder="EPIC06:VEND:118" autocomplete="off" maxlength="200";
                        }
                        div .viewer {
                            a href="/account" aria-current=[(section == "/account").then_some("page")] {
                                bdi { (viewer.person.as_str()) }
                            }
                            span { (viewer.role.as_str().replace('_', "-")) }
                            @if viewer.may(Role::Admin) {
                                a href="/people" aria-current=[(section == "/people").then_some("page")] { "People" }
                            }
                            @if viewer.logged_in {
                                form method="post" action="/logout" { button .quiet type="submit" { "Log out" } }
                            }
                        }
                    }
                }
                main #main tabindex="-1" data-at=[at.map(|at| at.timestamp_millis())] {
                    @if let Some(flash) = flash { p .message role="status" { bdi { (flash) } } }
                    (content)
                }
                @if at.is_some() {
                    footer .foot {
                        span .live-state hidden {}
                        button #show-shortcuts .quiet type="button" hidden { "Keys: ?" }
                    }
                }
                (PreEscaped(assets::SHORTCUTS_DIALOG))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_our_own_is_gone_to() {
        for path in ["/", "/jobs?kind=push_record", "/records/a::b/EPIC06:VEND:1", "/a//b", "/%2f%2fevil.example"] {
            assert_eq!(own_path(path), path);
        }
        let long = format!("/{}", "a".repeat(2_000));
        for path in [
            "",
            "jobs",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "javascript:alert(1)",
            " /jobs",
            long.as_str(),
        ] {
            assert_eq!(own_path(path), "/", "{path:?}");
        }
    }

    #[test]
    fn the_page_before_is_one_of_ours_or_none() {
        let before = |referer: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("console.example:9467"));
            headers.insert(header::REFERER, HeaderValue::from_static(referer));
            page_before(&headers)
        };
        assert_eq!(before("https://console.example:9467/audit?who=a").as_deref(), Some("/audit?who=a"));
        for elsewhere in [
            "https://evil.example/audit",
            "https://console.example/audit",
            "https://console.example:9467@evil.example/",
            "https://console.example:9467//evil.example",
            "/audit",
            "",
            "javascript:alert(1)",
        ] {
            assert_eq!(before(elsewhere), None, "{elsewhere:?}");
        }
        assert_eq!(page_before(&HeaderMap::new()), None);
    }

    #[test]
    fn letters_of_any_script_travel_in_a_redirect() {
        let response = redirect("/records/f/Müller 1");
        assert_eq!(response.headers()[header::LOCATION], "/records/f/M%C3%BCller%201");
    }
}
