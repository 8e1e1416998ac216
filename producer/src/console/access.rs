//! Who calls: the person behind a request, and whether the request comes from the console itself.

use std::net::IpAddr;

use axum::http::{HeaderMap, Version, header, request::Parts};
use mlc_accounts::{Account, Role};

use super::{
    Console,
    call::Viewer,
    error::{ConsoleError, ErrorKind},
    route::API,
    shell::cookie,
};
use crate::{Person, serving::Peer};

/// Name of the session's cookie. Browsers take one of this prefix only over TLS (or from their own machine), for this host alone
/// and for all its paths.
pub(super) const SESSION: &str = "__Host-mlc";
/// Name of the cookie by which a browser is known, that somebody has logged in with before.
pub(super) const DEVICE: &str = "__Host-mlc-device";
/// What follows the value of both.
pub(super) const COOKIE_FLAGS: &str = "; Path=/; Secure; HttpOnly; SameSite=Strict";

/// Where somebody may be who has to choose a password of their own first.
const BEFORE_OWN_PASSWORD: [&str; 4] = ["/account", "/account/password", "/login", "/logout"];

/// The person behind a request: a token's owner under [`API`], else who is logged in, else, where the console stands open, the
/// person who started it.
///
/// # Errors
/// `LoginNeeded`; `PasswordNeeded` for a password that somebody else chose; `Forbidden` for a name of this server that is not its
/// own while it stands open: a page elsewhere could have pointed its own name at us. `Unavailable`.
pub(super) async fn viewer(console: &Console, parts: &Parts) -> Result<Viewer, ConsoleError> {
    if !console.demands_login {
        is_own_name(console, &parts.headers)?;
        came_straight(parts)?;
    }
    let path = parts.uri.path();
    let accounts = &console.rooms.accounts;
    let now = console.rooms.clock.now();
    // Tokens are for programs: a page that took one could be made to act by whoever gets hold of it, without a login to end.
    if under_api(path)
        && let Some(token) = parts.headers.get(header::AUTHORIZATION)
    {
        let nothing =
            || ConsoleError::new(ErrorKind::LoginNeeded, "This token opens nothing: it is wrong or has ended.");
        let token = token.to_str().ok().and_then(bearer).ok_or_else(nothing)?;
        let bearer = accounts.bearer(token, now).await?.ok_or_else(nothing)?;
        let person = named(&format!("{} (token {})", bearer.owner, bearer.token))?;
        return Ok(Viewer { person, role: bearer.role, logged_in: false });
    }
    if let Some(secret) = cookie(&parts.headers, SESSION)
        && let Some(inside) = accounts.session(secret, now).await?
    {
        if inside.account.one_time_until.is_some() && !BEFORE_OWN_PASSWORD.contains(&path) {
            let message = "Choose a password of your own first, on the page Account.";
            return Err(ConsoleError::new(ErrorKind::PasswordNeeded, message));
        }
        return person_of(&inside.account);
    }
    if console.demands_login {
        return Err(ConsoleError::new(ErrorKind::LoginNeeded, "Log in first."));
    }
    Ok(Viewer { person: console.rooms.person.clone(), role: Role::Admin, logged_in: false })
}

/// Whether a path belongs to the API.
pub(super) fn under_api(path: &str) -> bool {
    path.strip_prefix(API).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Somebody who is logged in.
pub(super) fn person_of(account: &Account) -> Result<Viewer, ConsoleError> {
    Ok(Viewer { person: named(account.name.as_str())?, role: account.role, logged_in: true })
}

fn named(name: &str) -> Result<Person, ConsoleError> {
    Person::named(name).map_err(|error| ConsoleError::new(ErrorKind::Defect, error))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Where a request comes from: of one from a proxy, the address that the proxy saw.
pub(super) fn caller(console: &Console, parts: &Parts) -> Option<IpAddr> {
    let peer = parts.extensions.get::<Peer>()?.0.ip();
    let of_proxy = |address: IpAddr| console.rooms.settings.console.proxies.iter().any(|proxy| proxy.contains(address));
    if !of_proxy(peer) {
        return Some(peer);
    }
    // Earlier entries are what the sender wrote; the last one is the proxy's own.
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let last = forwarded.and_then(|line| line.rsplit(',').next()).and_then(|text| text.trim().parse().ok());
    Some(last.unwrap_or(peer))
}

/// Whether a request that acts comes from the console's own pages, or from no page at all.
///
/// # Errors
/// `Forbidden`.
pub(super) fn is_own_page(headers: &HeaderMap) -> Result<(), ConsoleError> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let own = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        // Browsers from before that header send their origin with every form.
        (None, Some(_)) => is_own_origin(headers),
        (None, None) => true,
    };
    if own {
        Ok(())
    } else {
        Err(ConsoleError::new(ErrorKind::Forbidden, "This was sent from a page elsewhere: refused."))
    }
}

/// Headers that proxies add, besides `X-Forwarded-…`.
const OF_PROXIES: [&str; 8] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-original-host",
    "x-original-forwarded-for",
    "cf-connecting-ip",
    "true-client-ip",
];

/// That no proxy handed this on, as far as that can be seen: whoever stands before it is not somebody at this machine, whatever name
/// the proxy calls us by. nginx says nothing of itself where nobody told it to, but speaks HTTP/1.0, and a browser before it sends
/// the name that it knows as its origin.
fn came_straight(parts: &Parts) -> Result<(), ConsoleError> {
    let headers = &parts.headers;
    let by_proxy = parts.version == Version::HTTP_10
        || OF_PROXIES.iter().any(|name| headers.contains_key(*name))
        || headers.keys().any(|name| name.as_str().starts_with("x-forwarded"))
        || headers.contains_key(header::ORIGIN) && !is_own_origin(headers);
    if !by_proxy {
        return Ok(());
    }
    let message =
        "This came through a proxy, and this console stands open: set `console.login = \"always\"` in the settings.";
    Err(ConsoleError::new(ErrorKind::Forbidden, message))
}

/// Whether the page that a request comes from has the name by which it calls us.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("?");
    let origin = text("origin");
    origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")) == Some(text("host"))
}

fn is_own_name(console: &Console, headers: &HeaderMap) -> Result<(), ConsoleError> {
    let host = headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or_default();
    // `[::1]:9467`, `127.0.0.1:9467` or `localhost`: anything behind the name but a port makes it another name.
    let (name, rest) = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').unwrap_or((bracketed, "?")),
        None => host.find(':').map_or((host, ""), |colon| host.split_at(colon)),
    };
    let is_port = rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let own = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address == console.address.ip());
    if own && is_port {
        return Ok(());
    }
    let message =
        "This console stands open on this machine only: call it `localhost`, or set `console.login = \"always\"`.";
    Err(ConsoleError::new(ErrorKind::Forbidden, message))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn what_acts_comes_from_a_page_of_ours_or_from_none() {
        for (headers, own) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://c.example"), ("host", "c.example")], false),
            (&[("origin", "https://c.example"), ("host", "c.example")], true),
            (&[("origin", "http://c.example:8080"), ("host", "c.example:8080")], true),
            (&[("origin", "https://evil.example"), ("host", "c.example")], false),
            (&[("origin", "https://c.example.evil"), ("host", "c.example")], false),
            (&[("origin", "null"), ("host", "c.example")], false),
            (&[("origin", "c.example"), ("host", "c.example")], false),
            (&[("origin", "https://c.example")], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(is_own_page(&map).is_ok(), own, "{headers:?}");
        }
    }

    #[test]
    fn only_a_bearers_token_is_a_token_and_only_the_api_is_the_api() {
        assert_eq!(bearer("Bearer mlct_1"), Some("mlct_1"));
        assert_eq!(bearer("bearer  mlct_1 "), Some("mlct_1"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer"), None);
        assert!(under_api("/api/v1/jobs") && under_api("/api/v1"));
        assert!(!under_api("/api/v11/jobs") && !under_api("/jobs") && !under_api("//api/v1"));
    }
}
