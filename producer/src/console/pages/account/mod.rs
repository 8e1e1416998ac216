//! Logging in and out, a person's own account, and the people.

mod login;
mod own;
mod people;

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::{AccountName, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::console::{
    call::{Call, Viewer},
    components::{stacked, text, time},
    error::ConsoleError,
    reply::{Done, Entry},
    route::Route,
};

pub(super) fn routes() -> Vec<Route> {
    [login::routes(), own::routes(), people::routes()].into_iter().flatten().collect()
}

/// A token, without its text.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct TokenRow {
    /// Whose it is.
    owner: String,
    /// What it is for.
    name: String,
    /// What it allows at most.
    role: String,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it ends.
    expires_at: DateTime<Utc>,
    /// When it was last used, to the minute; null = never.
    used_at: Option<DateTime<Utc>>,
}

impl From<mlc_accounts::Token> for TokenRow {
    fn from(token: mlc_accounts::Token) -> Self {
        Self {
            owner: token.owner.to_string(),
            name: token.name,
            role: token.role.to_string(),
            created_at: token.created_at,
            expires_at: token.expires_at,
            used_at: token.used_at,
        }
    }
}

/// Which token.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WhichToken {
    /// Whose it is; left out = the person's own.
    owner: Option<String>,
    /// Its name.
    token: String,
}

/// A name that was sent.
fn account_name(text: &str) -> Result<AccountName, ConsoleError> {
    AccountName::parse(text).map_err(|error| ConsoleError::bad_input(format!("The name is {error}.")))
}

/// A role that was sent.
fn role(text: &str) -> Result<Role, ConsoleError> {
    text.parse().map_err(|error: mlc_accounts::InvalidRole| ConsoleError::bad_input(format!("The role is {error}.")))
}

/// The account of whoever is logged in; none where the console stands open, or for a program with a token.
fn own_account(viewer: &Viewer) -> Option<AccountName> {
    viewer.logged_in.then(|| AccountName::parse(viewer.person.as_str()).ok()).flatten()
}

/// The account of whoever is logged in, for acting on it.
fn needs_account(call: &Call) -> Result<AccountName, ConsoleError> {
    own_account(&call.viewer).ok_or_else(|| {
        ConsoleError::conflict("Nobody is logged in here: this console stands open, and has no account.")
    })
}

/// Removes a token, whoever asks for it.
async fn remove_token(call: &Call, owner: &AccountName, token: &str, back: &str) -> Result<Done, ConsoleError> {
    let removed = call.rooms.accounts.remove_token(owner, token).await?;
    let token = removed.ok_or_else(|| ConsoleError::not_found("There is no such token."))?;
    Ok(Done {
        message: format!("Removed the token {} of {}.", token.name, token.owner),
        back: back.to_owned(),
        answer: json!({ "owner": token.owner, "token": token.name }),
        entry: Entry::about(format!("{}/{}", token.owner, token.name)).before(token.role.as_str()).after("removed"),
    })
}

/// A role as people read it.
fn role_words(role: &str) -> String {
    role.replace('_', "-")
}

/// A choice of roles up to `highest`.
fn role_field(id: &str, highest: Role) -> Markup {
    html! {
        div .field {
            label for=(id) { "Role" }
            select id=(id) name="role" required {
                @for role in Role::ALL.into_iter().filter(|role| *role <= highest) {
                    option value=(role.as_str()) { (role_words(role.as_str())) }
                }
            }
        }
    }
}

/// Tokens, each with the button that removes it. `remove` is where its form goes.
fn token_table(tokens: &[TokenRow], with_owner: bool, remove: &str, now: DateTime<Utc>) -> Markup {
    let rows = html! {
        @for token in tokens {
            tr {
                th scope="row" { (text(&token.name)) }
                @if with_owner { td data-label="Owner" { (text(&token.owner)) } }
                td data-label="Role" { (role_words(&token.role)) }
                td data-label="Ends" { span { @if token.expires_at <= now { "ended " } (time(token.expires_at, now)) } }
                td data-label="Last used" { @match token.used_at { Some(at) => (time(at, now)), None => "never" } }
                td {
                    details {
                        summary { "Remove…" span .hidden { " " (token.name) " of " (token.owner) } }
                        form .form method="post" action=(remove) {
                            @if with_owner { input type="hidden" name="owner" value=(token.owner); }
                            input type="hidden" name="token" value=(token.name);
                            p { "Programs that use it are refused from then on." }
                            button .danger type="submit" { "Remove " (token.name) }
                        }
                    }
                }
            }
        }
    };
    match with_owner {
        true => stacked("Tokens", &["Name", "Owner", "Role", "Ends", "Last used", "Remove"], rows),
        false => stacked("Tokens", &["Name", "Role", "Ends", "Last used", "Remove"], rows),
    }
}
