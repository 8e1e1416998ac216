//! The people: who may come in, and what they may do.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::{Account, AccountName, NewAccount, NewPassword, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{TokenRow, WhichToken, account_name, role, role_field, role_words, token_table};
use crate::{
    action,
    console::{
        call::{Call, Viewer},
        components::{badge, empty, stacked, text, time},
        error::ConsoleError,
        reply::{Act, Done, Entry, View},
        route::Route,
    },
};

/// The accounts, and their tokens.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct People {
    /// Accounts, by name.
    accounts: Vec<AccountRow>,
    /// Tokens, by owner and name.
    tokens: Vec<TokenRow>,
    /// When this was read.
    at: DateTime<Utc>,
}

/// One account.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct AccountRow {
    /// The login name.
    name: String,
    /// What it may do.
    role: String,
    /// Whether it may not log in.
    disabled: bool,
    /// Until when its one-time password can be used; null = the password is the person's own.
    one_time_until: Option<DateTime<Utc>>,
    /// Whether somebody has logged in with that password: it opens no second login.
    one_time_used: bool,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// Who made it.
    created_by: String,
}

impl From<Account> for AccountRow {
    fn from(account: Account) -> Self {
        Self {
            name: account.name.to_string(),
            role: account.role.to_string(),
            disabled: account.disabled,
            one_time_until: account.one_time_until,
            one_time_used: account.one_time_used,
            created_at: account.created_at,
            created_by: account.created_by,
        }
    }
}

/// An account to be made, or to get another role.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct NameAndRole {
    /// The login name.
    name: String,
    /// `read_only`, `operator` or `admin`.
    role: String,
}

/// Which account.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Which {
    /// The login name.
    name: String,
}

/// An account to be removed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Removal {
    /// The login name.
    name: String,
    /// Why, on one line.
    reason: String,
}

pub(super) fn routes() -> Vec<Route> {
    let act = [
        Route::act("/people/role", "set_role", "Give an account another role", set_role).takes::<NameAndRole>(),
        Route::act("/people/disable", "disable_account", "Keep an account out", disable).takes::<Which>(),
        Route::act("/people/enable", "enable_account", "Let an account in again", enable).takes::<Which>(),
        Route::act("/people/sessions/end", "end_sessions", "End all sessions of an account", end_sessions)
            .takes::<Which>(),
        Route::act("/people/remove", "remove_account", "Remove an account", remove).takes::<Removal>(),
        Route::act("/people/tokens/remove", "remove_token", "Remove anybody's token", remove_token)
            .takes::<WhichToken>(),
    ];
    let mut routes = vec![
        Route::show("/people", "Accounts and tokens", show).page_only().answers::<People>(),
        Route::act_with("/people", "add_account", "Make an account with a one-time password", add)
            .takes::<NameAndRole>(),
        Route::act_with("/people/password", "set_password", "Give an account a one-time password", set_password)
            .takes::<Which>(),
    ];
    routes.extend(act.map(Route::page_only));
    routes.into_iter().map(|route| route.needs(Role::Admin)).collect()
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let accounts = &call.rooms.accounts;
    let people = People {
        accounts: accounts.list().await?.into_iter().map(AccountRow::from).collect(),
        tokens: accounts.tokens(None).await?.into_iter().map(TokenRow::from).collect(),
        at: call.now,
    };
    Ok(View::new("/people", "People", people, page))
}

fn page(people: &People, _viewer: &Viewer) -> Markup {
    let rows = html! { @for account in &people.accounts { (row(account, people.at)) } };
    html! {
        h1 { "People" }
        @if people.accounts.is_empty() { (empty("There is no account yet.")) }
        @else { (stacked("Accounts", &["Name", "Role", "State", "Since", "Change"], rows)) }
        section {
            h2 { "Add a person" }
            p .hint { "They get a password for one login within three days, and choose their own then." }
            form .form method="post" action="/people" {
                div .field {
                    label for="name" { "Login name" }
                    input #name name="name" required maxlength="60" pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*"
                        aria-describedby="name-hint" autocomplete="off" autocapitalize="none" spellcheck="false";
                    span #name-hint .hint { "Letters a to z, digits, dots, underscores and hyphens." }
                }
                (role_field("role", Role::Admin))
                button .primary type="submit" { "Add the person" }
            }
        }
        section {
            h2 { "Tokens" }
            @if people.tokens.is_empty() { (empty("No token.")) }
            @else { (token_table(&people.tokens, true, "/people/tokens/remove", people.at)) }
        }
    }
}

fn row(account: &AccountRow, now: DateTime<Utc>) -> Markup {
    let name = account.name.as_str();
    html! {
        tr {
            th scope="row" { (text(name)) }
            td data-label="Role" { (role_words(&account.role)) }
            td data-label="State" {
                @if account.disabled { (badge("bad", "disabled")) }
                @else if let Some(until) = account.one_time_until {
                    @if until <= now { (badge("warn", "one-time password ended")) }
                    @else if account.one_time_used { (badge("warn", "one-time password used")) }
                    @else { (badge("warn", "has to choose a password")) }
                }
                @else { (badge("good", "active")) }
            }
            td data-label="Since" { span { (time(account.created_at, now)) " by " (text(&account.created_by)) } }
            td {
                details {
                    summary aria-label=(format!("Change {name}")) { "Change" }
                    form .form method="post" action="/people/role" {
                        input type="hidden" name="name" value=(name);
                        label .field {
                            "Role of " (name)
                            select name="role" {
                                @for role in Role::ALL {
                                    option value=(role.as_str()) selected[role.as_str() == account.role] { (role_words(role.as_str())) }
                                }
                            }
                        }
                        button type="submit" { "Set the role" }
                    }
                    div .actions {
                        (button_form("/people/password", name, "Give a one-time password"))
                        (button_form("/people/sessions/end", name, "End all sessions"))
                        @if account.disabled { (button_form("/people/enable", name, "Enable")) }
                        @else { (button_form("/people/disable", name, "Disable")) }
                    }
                    form .form method="post" action="/people/remove" {
                        input type="hidden" name="name" value=(name);
                        label .field { "Reason to remove " (name) input name="reason" required maxlength="500"; }
                        button .danger type="submit" { "Remove " (name) }
                    }
                }
            }
        }
    }
}

fn button_form(action: &str, name: &str, words: &str) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="name" value=(name);
            button type="submit" aria-label=(format!("{words}: {name}")) { (words) }
        }
    }
}

async fn add(call: Call) -> Result<Act, ConsoleError> {
    let form: NameAndRole = call.input()?;
    let (name, role, password) = (account_name(&form.name)?, role(&form.role)?, NewPassword::random());
    let by = call.viewer.person.to_string();
    let new = NewAccount { name, role, password: password.clone(), one_time: true, by };
    let account = call.rooms.accounts.add(new, call.now).await?;
    let done = done(
        &account.name,
        "was added",
        Entry::about(account.name.as_str()).after(format!("{role}, one-time password")),
    );
    Ok(shown_once(done, &account.name, &password))
}

async fn set_password(call: Call) -> Result<Act, ConsoleError> {
    let name = which(&call)?;
    let password = NewPassword::random();
    let before = call.rooms.accounts.set_password(&name, &password, true, call.now).await?;
    let entry = Entry::about(before.name.as_str()).after("one-time password; all sessions ended");
    Ok(shown_once(done(&before.name, "has a one-time password", entry), &before.name, &password))
}

/// The page with a one-time password, which is shown once.
fn shown_once(done: Done, name: &AccountName, password: &NewPassword) -> Act {
    let (name, password) = (name.to_string(), password.clone());
    let page = View::new("/people", "One-time password", json!({ "name": name }), move |_, _| {
        html! {
            h1 { "One-time password" }
            p .message { "Give it to " (text(&name)) " now: it is shown this once, and good for one login within three days." }
            p { code .secret { (password.expose()) } }
            p { a .button href="/people" { "I have passed it on" } }
        }
    });
    Act { page: Some(page), ..Act::from(done) }
}

async fn set_role(call: Call) -> Result<Done, ConsoleError> {
    let form: NameAndRole = call.input()?;
    let (name, role) = (account_name(&form.name)?, role(&form.role)?);
    let before = call.rooms.accounts.set_role(&name, role).await?;
    let entry = Entry::about(before.name.as_str()).before(before.role.as_str()).after(role.as_str());
    Ok(done(&before.name, &format!("is {} now", role_words(role.as_str())), entry))
}

async fn disable(call: Call) -> Result<Done, ConsoleError> {
    let before = call.rooms.accounts.set_disabled(&which(&call)?, true).await?;
    Ok(done(&before.name, "is disabled", Entry::about(before.name.as_str()).before("enabled").after("disabled")))
}

async fn enable(call: Call) -> Result<Done, ConsoleError> {
    let before = call.rooms.accounts.set_disabled(&which(&call)?, false).await?;
    Ok(done(&before.name, "is enabled", Entry::about(before.name.as_str()).before("disabled").after("enabled")))
}

async fn end_sessions(call: Call) -> Result<Done, ConsoleError> {
    let name = which(&call)?;
    let count = call.rooms.accounts.sessions(&name, call.now).await?.len();
    call.rooms.accounts.end_sessions(&name).await?;
    let entry = Entry::about(name.as_str()).before(format!("{count} sessions")).after("none");
    Ok(done(&name, "is logged out everywhere", entry))
}

async fn remove(call: Call) -> Result<Done, ConsoleError> {
    let form: Removal = call.input()?;
    let (name, reason) = (account_name(&form.name)?, action::reason(&form.reason)?);
    let before = call.rooms.accounts.remove(&name).await?;
    let entry = Entry::about(before.name.as_str()).before(before.role.as_str()).after(format!("removed: {reason}"));
    Ok(done(&before.name, "was removed", entry))
}

async fn remove_token(call: Call) -> Result<Done, ConsoleError> {
    let form: WhichToken = call.input()?;
    let owner = account_name(form.owner.as_deref().unwrap_or_default())?;
    super::remove_token(&call, &owner, &form.token, "/people").await
}

fn which(call: &Call) -> Result<AccountName, ConsoleError> {
    account_name(&call.input::<Which>()?.name)
}

fn done(name: &AccountName, what: &str, entry: Entry) -> Done {
    Done { message: format!("{name} {what}."), back: "/people".to_owned(), answer: json!({ "name": name }), entry }
}
