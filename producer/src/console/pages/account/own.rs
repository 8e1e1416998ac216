//! A person's own account: password, sessions, tokens.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::{AccountName, ExposeSecret as _, NewPassword, NewToken, Role, SecretString};
use mlc_runtime::settings::duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{TokenRow, WhichToken, login, needs_account, own_account, role, role_field, role_words, token_table};
use crate::{
    Failure,
    console::{
        access::SESSION,
        call::{Call, Viewer},
        components::{empty, facts, stacked, text, time},
        error::ConsoleError,
        reply::{Act, Done, Entry, View},
        route::Route,
        shell,
    },
};

/// A person's own account.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Own {
    /// The account; null where the console stands open and nobody is logged in.
    account: Option<OwnAccount>,
    /// When this was read.
    at: DateTime<Utc>,
}

/// The account of whoever is logged in.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct OwnAccount {
    /// The login name.
    name: String,
    /// What it may do.
    role: String,
    /// When the password was last set.
    password_at: DateTime<Utc>,
    /// Until when another password has to be chosen; null = it is the person's own.
    one_time_until: Option<DateTime<Utc>>,
    /// Where it is logged in, newest first.
    sessions: Vec<SessionRow>,
    /// Its tokens, by name.
    tokens: Vec<TokenRow>,
}

/// One session.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct SessionRow {
    /// What it is called; nobody can use it to get in.
    id: String,
    /// The browser in a few words.
    browser: String,
    /// When it began.
    at: DateTime<Utc>,
    /// When it was last used, to the minute.
    seen_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    this: bool,
}

/// Another password.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct PasswordForm {
    /// The current one.
    current: String,
    /// The new one.
    new: String,
    /// The new one again.
    again: String,
}

/// Which session.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct WhichSession {
    /// Its id.
    session: String,
}

/// A token to be made.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct TokenForm {
    /// What it is for: 1 to 30 letters, digits, `_`, `-` or `.`.
    token: String,
    /// What it allows at most.
    role: String,
    /// How long it lives, such as `90d`.
    lives: String,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::show("/account", "The own account: password, sessions, tokens", show).page_only().answers::<Own>(),
        Route::act_with("/account/password", "change_password", "Choose another password", change_password)
            .needs(Role::ReadOnly)
            .takes::<PasswordForm>(),
        Route::act_with("/account/sessions/end", "end_session", "End one of the own sessions", end_session)
            .needs(Role::ReadOnly)
            .takes::<WhichSession>(),
        Route::act_with("/account/sessions/end-others", "end_sessions", "End all other own sessions", end_others)
            .needs(Role::ReadOnly),
        Route::act_with("/account/tokens", "add_token", "Make a token", add_token)
            .needs(Role::ReadOnly)
            .takes::<TokenForm>(),
        Route::act("/account/tokens/remove", "remove_token", "Remove an own token", remove_token)
            .page_only()
            .needs(Role::ReadOnly)
            .takes::<WhichToken>(),
    ]
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let own = read(&call).await?;
    Ok(View::new("/account", "Account", own, page))
}

async fn read(call: &Call) -> Result<Own, ConsoleError> {
    let Some(name) = own_account(&call.viewer) else { return Ok(Own { account: None, at: call.now }) };
    let accounts = &call.rooms.accounts;
    let account = accounts.account(&name).await?.ok_or_else(|| ConsoleError::not_found("This account is gone."))?;
    let this = this_session(call).await?;
    let sessions = accounts.sessions(&name, call.now).await?.into_iter().map(|session| SessionRow {
        this: this.as_deref() == Some(&session.id),
        id: session.id,
        browser: session.agent,
        at: session.at,
        seen_at: session.seen_at,
    });
    Ok(Own {
        account: Some(OwnAccount {
            name: account.name.to_string(),
            role: account.role.to_string(),
            password_at: account.password_at,
            one_time_until: account.one_time_until,
            sessions: sessions.collect(),
            tokens: accounts.tokens(Some(&name)).await?.into_iter().map(TokenRow::from).collect(),
        }),
        at: call.now,
    })
}

/// What the session is called that the request came with.
async fn this_session(call: &Call) -> Result<Option<String>, ConsoleError> {
    let Some(secret) = shell::cookie(&call.headers, SESSION) else { return Ok(None) };
    let inside = call.rooms.accounts.session(secret, call.now).await?;
    Ok(inside.map(|inside| inside.session.short().to_owned()))
}

fn page(own: &Own, viewer: &Viewer) -> Markup {
    let Some(account) = &own.account else {
        return html! {
            h1 { "Account" }
            p .message {
                "This console stands open on this machine: everybody here acts as " (text(viewer.person.as_str()))
                " and may do everything. With " code { "console.login = \"always\"" } " people log in instead."
            }
            p { a href="/people" { "The accounts that exist" } " · " a href="/login?next=/account" { "Log in with one" } }
        };
    };
    html! {
        h1 { "Account" }
        @if let Some(until) = account.one_time_until {
            p .message .error {
                "Somebody else chose your password. Choose one of your own before anything else: this one opens no second login, \
                 and ends " (time(until, own.at)) "."
            }
        }
        (facts(&[
            ("Name", text(&account.name)),
            ("Role", html! { (role_words(&account.role)) }),
            ("Password set", time(account.password_at, own.at)),
        ]))
        section {
            h2 { "Password" }
            p .hint { "At least 12 characters. All other sessions end; tokens stay." }
            form .form method="post" action="/account/password" {
                input type="hidden" name="username" autocomplete="username" value=(account.name);
                (password_field("current", "Current password", "current-password"))
                (password_field("new", "New password", "new-password"))
                (password_field("again", "New password again", "new-password"))
                button .primary type="submit" { "Change the password" }
            }
        }
        @if account.one_time_until.is_none() {
            section {
                h2 { "Sessions" }
                (sessions(&account.sessions, own.at))
                @if account.sessions.len() > 1 {
                    form method="post" action="/account/sessions/end-others" {
                        button type="submit" { "End all other sessions" }
                    }
                }
            }
            section {
                h2 { "Tokens" }
                p .hint { "For programs that call the API under " code { "/api/v1" } " with " code { "Authorization: Bearer" } "." }
                @if account.tokens.is_empty() { (empty("No token.")) }
                @else { (token_table(&account.tokens, false, "/account/tokens/remove", own.at)) }
                form .form method="post" action="/account/tokens" {
                    div .field {
                        label for="token" { "Name" }
                        input #token name="token" required maxlength="30" pattern="[A-Za-z0-9._\\-]+" autocomplete="off" placeholder="nightly-report";
                    }
                    (role_field("token-role", viewer.role))
                    div .field {
                        label for="lives" { "Lives for" }
                        input #lives name="lives" required value="90d" maxlength="10" autocomplete="off";
                    }
                    button .primary type="submit" { "Make a token" }
                }
            }
        }
    }
}

fn password_field(name: &str, label: &str, autocomplete: &str) -> Markup {
    html! {
        div .field {
            label for=(name) { (label) }
            input id=(name) type="password" name=(name) required maxlength="1024" autocomplete=(autocomplete);
        }
    }
}

fn sessions(sessions: &[SessionRow], now: DateTime<Utc>) -> Markup {
    let rows = html! {
        @for session in sessions {
            tr {
                th scope="row" { (text(&session.browser)) @if session.this { " (this one)" } }
                td data-label="Since" { (time(session.at, now)) }
                td data-label="Last used" { (time(session.seen_at, now)) }
                td {
                    form method="post" action="/account/sessions/end" {
                        input type="hidden" name="session" value=(session.id);
                        button type="submit" aria-label=(format!("End the session in {}", session.browser)) { "End" }
                    }
                }
            }
        }
    };
    stacked("Sessions", &["Browser", "Since", "Last used", "End"], rows)
}

async fn change_password(call: Call) -> Result<Act, ConsoleError> {
    let name = needs_account(&call)?;
    let form: PasswordForm = call.input()?;
    if form.new != form.again {
        return Err(ConsoleError::bad_input("The new password was typed in two ways."));
    }
    let new = NewPassword::parse(SecretString::from(form.new), &name)?;
    call.rooms.accounts.change_password(&name, &SecretString::from(form.current), &new, call.now).await?;
    let done = Done {
        message: "The password is another one now, and all other sessions have ended.".to_owned(),
        back: "/account".to_owned(),
        answer: json!({ "name": name }),
        entry: Entry::about(name.as_str()).after("another password; all sessions ended"),
    };
    Ok(Act { cookies: vec![fresh_session(&call, &name).await?], ..Act::from(done) })
}

async fn end_session(call: Call) -> Result<Act, ConsoleError> {
    let name = needs_account(&call)?;
    let form: WhichSession = call.input()?;
    if !call.rooms.accounts.end_session(&name, &form.session).await? {
        return Err(ConsoleError::not_found("There is no such session; perhaps it has ended."));
    }
    let done = Done {
        message: "The session has ended.".to_owned(),
        back: "/account".to_owned(),
        answer: json!({ "session": form.session }),
        entry: Entry::about(name.as_str()).before(format!("session {}", form.session)).after("ended"),
    };
    Ok(done.into())
}

async fn end_others(call: Call) -> Result<Act, ConsoleError> {
    let name = needs_account(&call)?;
    let before = call.rooms.accounts.sessions(&name, call.now).await?.len();
    call.rooms.accounts.end_sessions(&name).await?;
    let done = Done {
        message: "All other sessions have ended.".to_owned(),
        back: "/account".to_owned(),
        answer: json!({ "name": name }),
        entry: Entry::about(name.as_str()).before(format!("{before} sessions")).after("this one"),
    };
    Ok(Act { cookies: vec![fresh_session(&call, &name).await?], ..Act::from(done) })
}

/// Another session in the same browser, after all have ended.
async fn fresh_session(call: &Call, name: &AccountName) -> Result<String, ConsoleError> {
    let agent = login::browser_of(call);
    let secret = call.rooms.accounts.open_session(name, &agent, call.now).await?;
    Ok(login::session_cookie(&secret))
}

async fn add_token(call: Call) -> Result<Act, ConsoleError> {
    let owner = needs_account(&call)?;
    let form: TokenForm = call.input()?;
    let lives = duration::parse(&form.lives)
        .map_err(|_| ConsoleError::bad_input("How long the token lives is not a time such as `90d`."))?;
    let new = NewToken { owner: owner.clone(), name: form.token, role: role(&form.role)?, lives };
    let secret = call.rooms.accounts.add_token(&new, call.now).await.map_err(Failure::of_first_write)?;
    let token = secret.expose_secret().to_owned();
    let done = Done {
        message: format!("Made the token {}.", new.name),
        back: "/account".to_owned(),
        answer: json!({ "owner": owner, "token": new.name }),
        entry: Entry::about(format!("{owner}/{}", new.name)).after(format!(
            "{}, for {}",
            new.role,
            duration::format(new.lives)
        )),
    };
    let page = View::new("/account", "A new token", json!({ "token": new.name }), move |_, _| {
        html! {
            h1 { "A new token" }
            p .message { "Copy it now: it is shown this once. Whoever has it may do what it allows." }
            p { code .secret { (token) } }
            p { a .button href="/account" { "I have copied it" } }
        }
    });
    Ok(Act { page: Some(page), ..Act::from(done) })
}

async fn remove_token(call: Call) -> Result<Done, ConsoleError> {
    let owner = needs_account(&call)?;
    let form: WhichToken = call.input()?;
    if form.owner.as_deref().is_some_and(|named| AccountName::parse(named).ok().as_ref() != Some(&owner)) {
        return Err(ConsoleError::new(
            crate::console::error::ErrorKind::Forbidden,
            "This token belongs to somebody else: an admin can remove it.",
        ));
    }
    super::remove_token(&call, &owner, &form.token, "/account").await
}
