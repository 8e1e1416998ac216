//! Logging in and out.

use std::{net::IpAddr, time::Duration};

use axum::http::StatusCode;
use maud::{Markup, html};
use mlc_accounts::{Attempt, DEVICE_FOR, ExposeSecret as _, Locked, Login, Recorded, Refusal, Role, SecretString};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tracing::warn;

use crate::console::{
    access::{self, COOKIE_FLAGS, DEVICE, SESSION},
    call::Call,
    error::{ConsoleError, ErrorKind},
    reply::{Act, Done, Entry, Raw},
    route::{Route, Verb},
    shell,
};

/// Where to go after logging in.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct LoginQuery {
    /// A path of the console; anything else is the overview.
    next: Option<String>,
}

/// Who logs in.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct LoginForm {
    /// The login name.
    name: String,
    /// The password.
    password: String,
    /// Where to go then.
    next: Option<String>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::raw(Verb::Get, "/login", "The form to log in", show).open().asks::<LoginQuery>(),
        Route::act_with("/login", "login", "Log in", login).open().takes::<LoginForm>(),
        Route::act_with("/logout", "logout", "Log out", logout).needs(Role::ReadOnly),
    ]
}

async fn show(call: Call) -> Result<Raw, ConsoleError> {
    let query: LoginQuery = call.query()?;
    let next = shell::own_path(query.next.as_deref().unwrap_or("/"));
    let response = if call.viewer.logged_in {
        shell::redirect(next)
    } else if from_elsewhere(&call) && shell::cookie(&call.headers, SESSION).is_none() {
        // Perhaps there is a session: the browser does not say so to a link from a mail or a chat.
        let query = serde_html_form::to_string([("next", next)]).unwrap_or_default();
        shell::once_more(&format!("/login?{query}"))
    } else {
        let nobody = call.rooms.accounts.is_empty().await?;
        let form = form(&LoginForm { next: Some(next.to_owned()), ..LoginForm::default() }, None, nobody);
        shell::bare_page(StatusCode::OK, "Log in", None, &form)
    };
    Ok(Raw { response, entry: None })
}

fn from_elsewhere(call: &Call) -> bool {
    call.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

fn form(form: &LoginForm, problem: Option<&str>, nobody: bool) -> Markup {
    html! {
        h1 { "Log in" }
        @if let Some(problem) = problem { p .message .error role="alert" { (problem) } }
        @if nobody {
            p .message {
                "There is no account yet. Make the first one where this console runs, with its settings: "
                code { "mlc account add NAME --role admin" }
            }
        }
        form .form method="post" action="/login" {
            input type="hidden" name="next" value=(shell::own_path(form.next.as_deref().unwrap_or("/")));
            div .field {
                label for="name" { "Name" }
                input #name name="name" required maxlength="60" autocomplete="username" autocapitalize="none" spellcheck="false" value=(form.name);
            }
            div .field {
                label for="password" { "Password" }
                input #password type="password" name="password" required maxlength="1024" autocomplete="current-password";
            }
            button .primary type="submit" { "Log in" }
        }
        p .hint {
            "Forgotten? An admin can give you another password. A one-time password opens one login. If you \
             come back here although the password was right, this page was not loaded over TLS."
        }
    }
}

async fn login(call: Call) -> Result<Act, ConsoleError> {
    let LoginForm { name, password, next } = call.input()?;
    if name.is_empty() || password.is_empty() {
        return Err(refused(ErrorKind::BadInput, name, next, "Fill in a name and a password."));
    }
    let password = SecretString::from(password);
    let agent = browser_of(&call);
    let attempt = Attempt {
        name: &name,
        password: &password,
        address: call.caller,
        device: shell::cookie(&call.headers, DEVICE),
        agent: &agent,
    };
    let welcome = match call.rooms.accounts.login(&attempt, call.now).await? {
        Login::In(welcome) => welcome,
        Login::Locked { wait } => {
            let words = format!("Too many tries: wait {} s.", whole_secs(wait));
            return Err(refused(ErrorKind::TooMany, name, next, &words));
        }
        Login::Refused(refusal) => {
            record_refusal(&call, &refusal).await?;
            let words = "This name and this password do not belong together.";
            return Err(refused(ErrorKind::LoginRefused, name, next, words));
        }
    };
    end_earlier(&call).await?;
    let person = access::person_of(&welcome.account)?.person;
    let own_password_first = welcome.account.one_time_until.is_some();
    let next = if own_password_first { "/account" } else { shell::own_path(next.as_deref().unwrap_or("/")) };
    let done = Done {
        message: format!("Welcome, {person}."),
        back: next.to_owned(),
        answer: json!({ "name": welcome.account.name, "role": welcome.account.role }),
        entry: Entry::about(person.as_str()).after(place(call.caller)).by(person),
    };
    let cookies = vec![
        session_cookie(&welcome.session),
        format!("{DEVICE}={}{COOKIE_FLAGS}; Max-Age={}", welcome.device.expose_secret(), DEVICE_FOR.as_secs()),
    ];
    Ok(Act { done, cookies, page: None })
}

async fn logout(call: Call) -> Result<Act, ConsoleError> {
    let name = super::needs_account(&call)?;
    end_earlier(&call).await?;
    let done = Done {
        message: "Logged out.".to_owned(),
        back: "/login".to_owned(),
        answer: json!({ "name": name }),
        entry: Entry::about(name.as_str()),
    };
    Ok(Act { done, cookies: vec![format!("{SESSION}={COOKIE_FLAGS}; Max-Age=0")], page: None })
}

/// The cookie of a session. It goes with the browser; how long it counts, Redis knows.
pub(super) fn session_cookie(secret: &SecretString) -> String {
    format!("{SESSION}={}{COOKIE_FLAGS}", secret.expose_secret())
}

/// Ends the session that came with a request: whoever logs in gets another one, whatever cookie was there before.
async fn end_earlier(call: &Call) -> Result<(), ConsoleError> {
    let accounts = &call.rooms.accounts;
    if let Some(secret) = shell::cookie(&call.headers, SESSION)
        && let Some(inside) = accounts.session(secret, call.now).await?
    {
        accounts.end_session(&inside.account.name, inside.session.short()).await?;
    }
    Ok(())
}

fn refused(kind: ErrorKind, name: String, next: Option<String>, words: &str) -> ConsoleError {
    let back = LoginForm { name: shortened(&name), password: String::new(), next };
    ConsoleError::new(kind, words).with_page(form(&back, Some(words), false))
}

fn shortened(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// Writes a refused login into the audit. What was typed as a name that is none may be a password: it is not written.
async fn record_refusal(call: &Call, refusal: &Refusal) -> Result<(), ConsoleError> {
    let recorded = call.rooms.accounts.records_refusal().await?;
    if let Some(lock) = refusal.lock {
        let (what, secs) = match lock {
            Locked::Name(wait) => ("a name", whole_secs(wait)),
            Locked::Address(wait) => ("an address", whole_secs(wait)),
        };
        warn!(locked = what, seconds = secs, "Logins failed so often that {what} is locked for {secs} s");
    }
    if recorded == Recorded::No {
        return Ok(());
    }
    let why = match (refusal.closed, refusal.used) {
        (true, _) => "account is closed",
        (false, true) => "this one-time password has been used",
        (false, false) => "wrong name or password",
    };
    let mut words = vec![why.to_owned()];
    words.extend(refusal.lock.map(|lock| match lock {
        Locked::Name(wait) => format!("the name is locked for {} s", whole_secs(wait)),
        Locked::Address(wait) => format!("the address is locked for {} s", whole_secs(wait)),
    }));
    words.push(place(call.caller));
    if recorded == Recorded::Last {
        words.push("further refusals of this hour are not recorded".to_owned());
    }
    let what = if refusal.lock.is_some() { "login_locked" } else { "login_refused" };
    let subject = refusal.account.as_ref().map_or("no account", |name| name.as_str());
    let mut rooms = call.rooms.clone();
    rooms.person = crate::Person::named("nobody").map_err(ConsoleError::bad_input)?;
    Ok(rooms.record(what, subject, None, Some(words.join("; "))).await?)
}

fn whole_secs(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX)
}

/// The network of an address: enough to see that many tries have one source, too little to tell a person by.
fn place(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "from an unknown address".to_owned(),
        Some(address) if address.is_loopback() => "from this machine".to_owned(),
        Some(IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            format!("from {a}.{b}.{c}.0/24")
        }
        Some(IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            format!("from {a:x}:{b:x}:{c:x}::/48")
        }
    }
}

/// The browser of a request, in two words.
pub(super) fn browser_of(call: &Call) -> String {
    browser(call.headers.get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or_default())
}

/// A browser in two words, of how it describes itself in two hundred.
fn browser(agent: &str) -> String {
    let find = |names: &[(&'static str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    // Most claim to be others too: the odd ones first.
    let browser = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ => "another program".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_told_in_two_words_and_a_place_by_its_network() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0";
        assert_eq!(browser(edge), "Edge on Windows");
        assert_eq!(browser("curl/8.1"), "another program");
        let place = |text: &str| place(text.parse().ok());
        assert_eq!(place("192.0.2.77"), "from 192.0.2.0/24");
        assert_eq!(place("2001:db8:1:2:3::4"), "from 2001:db8:1::/48");
        assert_eq!(place("::ffff:127.0.0.1"), "from this machine");
    }
}
