//! `mlc account`: the people who use the console, and their tokens.

use std::{
    io::{self, IsTerminal as _, Read as _},
    time::Duration,
};

use clap::{Args, Subcommand};
use mlc_accounts::{AccountName, ExposeSecret as _, NewAccount, NewPassword, NewToken, Role, SecretString};
use mlc_runtime::settings::duration;
use serde_json::{Value, json};

use super::Caller;
use crate::{
    Exit, Failure, Rooms,
    output::{Output, instant, or_dash},
};

/// More than any password; a pasted file is a mistake.
const LONGEST_INPUT: u64 = 8 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account. The password is asked for at a terminal, else read from standard input.
    Add(Add),
    /// List the accounts.
    List,
    /// Give an account another role. It counts at once.
    SetRole {
        /// The account.
        name: AccountName,
        /// read_only, operator or admin.
        role: Role,
    },
    /// Give an account another password: ends its sessions and opens its lock.
    SetPassword(SetPassword),
    /// Keep an account out: ends its sessions, and its tokens rest.
    Disable {
        /// The account.
        name: AccountName,
    },
    /// Let an account in again.
    Enable {
        /// The account.
        name: AccountName,
    },
    /// Remove an account with its sessions and tokens.
    Remove {
        /// The account.
        name: AccountName,
    },
    /// Tokens for programs that call the API.
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The login name.
    name: AccountName,
    /// read_only, operator or admin.
    #[arg(long)]
    role: Role,
    #[command(flatten)]
    password: PasswordFrom,
}

#[derive(Debug, Args)]
pub(crate) struct SetPassword {
    /// The account.
    name: AccountName,
    #[command(flatten)]
    password: PasswordFrom,
}

#[derive(Debug, Args)]
struct PasswordFrom {
    /// Read it from standard input even at a terminal. One newline at the end is cut off.
    #[arg(long, conflicts_with = "one_time")]
    stdin: bool,
    /// Make a random one and print it: good for one login within three days, at which the person chooses another one.
    #[arg(long)]
    one_time: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it, this once.
    Add {
        /// The account whose token it is.
        account: AccountName,
        /// What it is for, such as nightly-report.
        token: String,
        /// What it allows, at most the account's own role.
        #[arg(long)]
        role: Role,
        /// How long it lives, such as 90d; at most 366d.
        #[arg(long, value_name = "TIME", value_parser = lives)]
        expires: Duration,
    },
    /// List tokens, without their text.
    List {
        /// Only of this account.
        account: Option<AccountName>,
    },
    /// Remove a token.
    Remove {
        /// The account whose token it is.
        account: AccountName,
        /// Its name.
        token: String,
    },
}

pub(crate) async fn run(command: AccountCommand, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    match command {
        AccountCommand::Add(command) => add(command, &rooms, output).await?,
        AccountCommand::List => list(&rooms, output).await?,
        AccountCommand::SetRole { name, role } => {
            let begun = rooms.begin("set_role", name.as_str()).await?;
            let before = begun.unless_refused(rooms.accounts.set_role(&name, role).await).await?;
            let (from, to) = (before.role.to_string(), role.to_string());
            begun.close(before.name.as_str(), Some(from), Some(to)).await?;
            let text = format!("{} is {role} now, and was {}", before.name, before.role);
            output.answer(text, &json!({ "account": before.name, "role": role, "before": before.role }))?;
        }
        AccountCommand::SetPassword(command) => set_password(command, &rooms, output).await?,
        AccountCommand::Disable { name } => set_disabled(&name, true, &rooms, output).await?,
        AccountCommand::Enable { name } => set_disabled(&name, false, &rooms, output).await?,
        AccountCommand::Remove { name } => {
            let begun = rooms.begin("remove_account", name.as_str()).await?;
            let before = begun.unless_refused(rooms.accounts.remove(&name).await).await?;
            let (role, after) = (before.role.to_string(), "removed".to_owned());
            begun.close(before.name.as_str(), Some(role), Some(after)).await?;
            output.answer(format!("Removed {}", before.name), &json!({ "account": before.name }))?;
        }
        AccountCommand::Token(command) => token(command, &rooms, output).await?,
    }
    Ok(Exit::Done)
}

async fn add(command: Add, rooms: &Rooms, output: Output) -> Result<(), Failure> {
    let Add { name, role, password: from } = command;
    let name = name.for_new()?;
    if rooms.accounts.account(&name).await?.is_some() {
        return Err(Failure::Wrong(format!("there is an account `{name}` already")));
    }
    let password = from.read(&name)?;
    let new =
        NewAccount { name, role, password: password.clone(), one_time: from.one_time, by: rooms.person.to_string() };
    let begun = rooms.begin("add_account", new.name.as_str()).await?;
    let account = begun.unless_refused(rooms.accounts.add(new, rooms.clock.now()).await).await?;
    let after = if from.one_time { format!("{role}, one-time password") } else { role.to_string() };
    begun.close(account.name.as_str(), None, Some(after)).await?;
    let text = format!("Made the account {} as {role}", account.name);
    answer_with(from.one_time.then_some(&password), text, json!({ "account": account.name, "role": role }), output)
}

async fn set_password(command: SetPassword, rooms: &Rooms, output: Output) -> Result<(), Failure> {
    let SetPassword { name, password: from } = command;
    let account = rooms.accounts.account(&name).await?;
    let Some(account) = account else { return Err(mlc_accounts::AccountsError::NoSuchAccount(name).into()) };
    let password = from.read(&account.name)?;
    let begun = rooms.begin("set_password", account.name.as_str()).await?;
    let set = rooms.accounts.set_password(&name, &password, from.one_time, rooms.clock.now()).await;
    begun.unless_refused(set).await?;
    let kind = if from.one_time { "one-time password" } else { "another password" };
    let after = format!("{kind}; all sessions ended");
    begun.close(account.name.as_str(), None, Some(after)).await?;
    let text = format!("{} has {kind}, and is logged out everywhere", account.name);
    answer_with(from.one_time.then_some(&password), text, json!({ "account": account.name }), output)
}

fn answer_with(password: Option<&NewPassword>, text: String, mut value: Value, output: Output) -> Result<(), Failure> {
    let Some(password) = password else { return output.answer(text, &value) };
    value["one_time_password"] = json!(password.expose());
    let more = "shown this once, good for one login within three days";
    output.answer(format!("{text}\nOne-time password, {more}: {}", password.expose()), &value)
}

async fn set_disabled(name: &AccountName, disabled: bool, rooms: &Rooms, output: Output) -> Result<(), Failure> {
    let word = |disabled: bool| if disabled { "disabled" } else { "enabled" };
    let begun = rooms.begin(if disabled { "disable_account" } else { "enable_account" }, name.as_str()).await?;
    let account = begun.unless_refused(rooms.accounts.set_disabled(name, disabled).await).await?;
    let (before, after) = (word(!disabled).to_owned(), word(disabled).to_owned());
    begun.close(account.name.as_str(), Some(before), Some(after)).await?;
    let value = json!({ "account": account.name, "disabled": disabled });
    output.answer(format!("{} is {}", account.name, word(disabled)), &value)
}

async fn list(rooms: &Rooms, output: Output) -> Result<(), Failure> {
    let accounts = rooms.accounts.list().await?;
    output.json(&json!({ "items": accounts }))?;
    if accounts.is_empty() {
        output.line("There is no account. Make one with `mlc account add NAME --role admin`.")?;
    }
    let rows = accounts.iter().map(|account| {
        let state = match (account.disabled, account.one_time_until) {
            (true, _) => "disabled".to_owned(),
            (false, Some(until)) if account.one_time_used => {
                format!("has used the one-time password, has to choose another until {}", instant(until))
            }
            (false, Some(until)) => format!("has to choose a password until {}", instant(until)),
            (false, None) => "active".to_owned(),
        };
        let made = format!("{} by {}", instant(account.created_at), account.created_by);
        [account.name.to_string(), account.role.to_string(), state, made]
    });
    output.table(["NAME", "ROLE", "STATE", "MADE"], rows.collect())
}

async fn token(command: TokenCommand, rooms: &Rooms, output: Output) -> Result<(), Failure> {
    match command {
        TokenCommand::Add { account, token, role, expires } => {
            let new = NewToken { owner: account, name: token, role, lives: expires };
            let subject = format!("{}/{}", new.owner, new.name.chars().take(80).collect::<String>());
            let begun = rooms.begin("add_token", subject.clone()).await?;
            let added = rooms.accounts.add_token(&new, rooms.clock.now()).await.map_err(Failure::of_first_write);
            let secret = begun.unless_refused(added).await?;
            begun.close(subject, None, Some(format!("{role}, for {}", duration::format(expires)))).await?;
            // Alone on standard output, so that a script can keep it.
            let value = json!({ "account": new.owner, "token": new.name, "secret": secret.expose_secret() });
            output.answer(secret.expose_secret(), &value)
        }
        TokenCommand::List { account } => {
            let tokens = rooms.accounts.tokens(account.as_ref()).await?;
            output.json(&json!({ "items": tokens }))?;
            if tokens.is_empty() {
                output.line("There is no token.")?;
            }
            let now = rooms.clock.now();
            let rows = tokens.iter().map(|token| {
                let ended = if token.expires_at <= now { " (ended)" } else { "" };
                [
                    token.owner.to_string(),
                    token.name.clone(),
                    token.role.to_string(),
                    format!("{}{ended}", instant(token.expires_at)),
                    or_dash(token.used_at.map(instant)),
                ]
            });
            output.table(["ACCOUNT", "TOKEN", "ROLE", "ENDS", "LAST USED"], rows.collect())
        }
        TokenCommand::Remove { account, token } => {
            let name: String = token.chars().filter(|c| !c.is_control()).take(80).collect();
            let begun = rooms.begin("remove_token", format!("{account}/{name}")).await?;
            let removed = rooms.accounts.remove_token(&account, &token).await.map_err(Failure::from);
            let removed = removed.and_then(|removed| {
                removed.ok_or_else(|| {
                    Failure::NothingMatched(format!(
                        "{account} has no token `{name}`; `mlc account token list` shows those that are"
                    ))
                })
            });
            let removed = begun.unless_refused(removed).await?;
            let subject = format!("{}/{}", removed.owner, removed.name);
            begun.close(subject.clone(), Some(removed.role.to_string()), Some("removed".to_owned())).await?;
            output.answer(format!("Removed {subject}"), &json!({ "account": removed.owner, "token": removed.name }))
        }
    }
}

impl PasswordFrom {
    fn read(&self, name: &AccountName) -> Result<NewPassword, Failure> {
        if self.one_time {
            return Ok(NewPassword::random());
        }
        let unreadable = |error: io::Error| Failure::Wrong(format!("the password cannot be read: {error}"));
        let text = if !self.stdin && io::stdin().is_terminal() {
            let text = rpassword::prompt_password(format!("Password of {name} (not shown): ")).map_err(unreadable)?;
            let again = rpassword::prompt_password("Once more: ").map_err(unreadable)?;
            if text != again {
                return Err(Failure::Wrong("the password was typed in two ways: nothing was changed".to_owned()));
            }
            text
        } else {
            let mut text = String::new();
            io::stdin().lock().take(LONGEST_INPUT).read_to_string(&mut text).map_err(unreadable)?;
            let line = text.strip_suffix('\n').unwrap_or(&text);
            line.strip_suffix('\r').unwrap_or(line).to_owned()
        };
        Ok(NewPassword::parse(SecretString::from(text), name)?)
    }
}

fn lives(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|_| "use a time such as `90d` or `12h`".to_owned())
}
