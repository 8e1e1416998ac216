//! Who calls: the person behind a request, and whether the request comes from the console itself.

use axum::http::{HeaderMap, request::Parts};
use mlc_accounts::Role;

use super::{
    Console,
    call::Viewer,
    error::{ConsoleError, ErrorKind},
};

/// The person behind a request.
///
/// # Errors
/// `LoginNeeded`; `Forbidden` for a name of this server that is not its own while it stands open: a page elsewhere could have
/// pointed its own name at us.
pub(super) async fn viewer(console: &Console, parts: &Parts) -> Result<Viewer, ConsoleError> {
    if console.demands_login {
        return Err(ConsoleError::new(ErrorKind::LoginNeeded, "Log in first."));
    }
    is_own_name(console, &parts.headers)?;
    Ok(Viewer { person: console.rooms.person.clone(), role: Role::Admin, logged_in: false })
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
        (None, Some(origin)) => {
            let host = text("host").unwrap_or("?");
            origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")) == Some(host)
        }
        (None, None) => true,
    };
    if own {
        Ok(())
    } else {
        Err(ConsoleError::new(ErrorKind::Forbidden, "This was sent from a page elsewhere: refused."))
    }
}

fn is_own_name(console: &Console, headers: &HeaderMap) -> Result<(), ConsoleError> {
    let host = headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    let own = name == "localhost" || name == console.address.ip().to_string() || name == "127.0.0.1" || name == "::1";
    if own {
        return Ok(());
    }
    let message =
        "This console stands open on this machine only: call it `localhost`, or set `console.login = \"always\"`.";
    Err(ConsoleError::new(ErrorKind::Forbidden, message))
}
