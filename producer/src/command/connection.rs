//! `mlc connection`: connections and their secrets, which can be written but never read.

use std::io::{self, IsTerminal as _, Read as _};

use clap::{Args, Subcommand};
use mlc_model::ConnectionId;
use mlc_queue::Lane;
use mlc_runtime::settings::{
    AdobeConnection, AdobeEdition, Connection as Configured, EpicorAuth, HubspotAuth, WebhookScheme,
};
use mlc_vault::{SecretInfo, SecretString};
use serde_json::{Value, json};

use super::{Caller, check::address, lane};
use crate::{
    Exit, Failure, Rooms,
    output::{Output, instant},
};

/// More than any key or token; a pasted file is a mistake.
const LONGEST_SECRET: u64 = 64 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum Connection {
    /// List connections: where they lead, which secrets are set, whether their lanes give out jobs.
    List,
    /// Store a secret: asked for at a terminal, else read from standard input. It cannot be read back.
    SetSecret(SetSecret),
    /// Remove a secret.
    DeleteSecret {
        /// The connection.
        connection: String,
        /// The secret.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SetSecret {
    /// The connection.
    connection: String,
    /// The secret, such as api_key, user, password, token, client_id, client_secret, consumer_key, webhook_secret.
    name: String,
    /// Read it from standard input even at a terminal. One newline at the end is cut off.
    #[arg(long)]
    stdin: bool,
}

pub(crate) async fn run(command: Connection, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    match command {
        Connection::List => list(&rooms, output).await,
        Connection::SetSecret(secret) => set_secret(secret, &rooms, output).await,
        Connection::DeleteSecret { connection, name } => delete_secret(&connection, &name, &rooms, output).await,
    }
}

async fn list(rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let (mut rows, mut items): (Vec<[String; 6]>, Vec<Value>) = (Vec::new(), Vec::new());
    for (id, connection) in &rooms.settings.connections {
        let secrets = rooms.secrets.list(id).await?;
        let missing: Vec<&str> = needed_secrets(connection)
            .into_iter()
            .filter(|name| !secrets.iter().any(|secret| secret.name == *name))
            .collect();
        let status = rooms.queue.lane(&Lane::from(id.clone())).await?;
        let set = secrets.iter().map(|secret| format!("{} ({})", secret.name, instant(secret.updated_at)));
        rows.push([
            id.to_string(),
            connection.system().to_string(),
            address(connection),
            set.collect::<Vec<_>>().join(", "),
            missing.join(", "),
            lane::state(&status),
        ]);
        items.push(json!({
            "connection": id,
            "system": connection.system(),
            "address": address(connection),
            "secrets": secrets,
            "missing": missing,
            "lane": status,
        }));
    }
    output.json(&json!({ "items": items }))?;
    if rows.is_empty() {
        output.line("No connection is configured.")?;
    }
    output.table(["CONNECTION", "SYSTEM", "ADDRESS", "SECRETS", "MISSING", "LANE"], rows)?;
    Ok(Exit::Done)
}

async fn set_secret(command: SetSecret, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let (id, connection) = rooms.connection(&command.connection)?;
    let name = known_secret(&id, connection, &command.name)?;
    let secret = read_secret(&id, name, command.stdin)?;
    let before = find(&rooms.secrets.list(&id).await?, name);
    rooms.secrets.set(&id, name, secret).await?;
    rooms.record("set_secret", format!("{id}/{name}"), Some(before.to_owned()), Some("set".to_owned())).await?;
    let why = format!("secret {name} was set");
    let released = lane::release_hold(rooms, &Lane::from(id.clone()), &why).await?;
    let more = if released { "; its lane was held and gives out jobs again" } else { "" };
    let text = format!("Stored {name} of {id}{more}. Running workers use it within seconds; `mlc ping {id}` tests it");
    output.answer(text, &json!({ "connection": id, "secret": name, "lane_released": released }))?;
    Ok(Exit::Done)
}

async fn delete_secret(connection: &str, name: &str, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let (id, configured) = rooms.connection(connection)?;
    let name = known_secret(&id, configured, name)?;
    if !rooms.secrets.delete(&id, name).await? {
        return Err(Failure::NothingMatched(format!(
            "secret {name} of {id} was not set; `mlc connection list` shows those that are"
        )));
    }
    rooms.record("delete_secret", format!("{id}/{name}"), Some("set".to_owned()), Some("not set".to_owned())).await?;
    output.answer(format!("Removed {name} of {id}"), &json!({ "connection": id, "secret": name }))?;
    Ok(Exit::Done)
}

/// Every name that a connection to the system may use.
fn possible_secrets(connection: &Configured) -> &'static [&'static str] {
    match connection {
        Configured::Epicor(_) => &["api_key", "user", "password", "client_id", "client_secret"],
        Configured::Hubspot(_) => &["token", "client_id", "client_secret", "refresh_token"],
        Configured::Adobe(_) => &[
            "consumer_key",
            "consumer_secret",
            "token",
            "token_secret",
            "client_id",
            "client_secret",
            "webhook_secret",
            "webhook_secret_next",
        ],
    }
}

/// The names without which this connection cannot work.
fn needed_secrets(connection: &Configured) -> Vec<&'static str> {
    match connection {
        Configured::Epicor(epicor) => match epicor.auth {
            EpicorAuth::Basic | EpicorAuth::TokenResource => vec!["api_key", "user", "password"],
            EpicorAuth::Oauth2(_) => vec!["api_key", "client_id", "client_secret"],
        },
        Configured::Hubspot(hubspot) => match hubspot.auth {
            HubspotAuth::StaticToken => vec!["token"],
            HubspotAuth::Oauth2 => vec!["client_id", "client_secret", "refresh_token"],
        },
        Configured::Adobe(adobe) => {
            let mut names = match adobe.edition {
                AdobeEdition::Paas => vec!["consumer_key", "consumer_secret", "token", "token_secret"],
                AdobeEdition::Saas => vec!["client_id", "client_secret"],
            };
            names.extend(webhook_secret(adobe));
            names
        }
    }
}

/// The secret that deliveries to the connection's endpoint are checked with, where the scheme has one.
pub(super) fn webhook_secret(adobe: &AdobeConnection) -> Option<&'static str> {
    match adobe.webhook.as_ref()?.scheme {
        WebhookScheme::HmacSha256 | WebhookScheme::StaticHeader => Some("webhook_secret"),
        WebhookScheme::CommerceRsa | WebhookScheme::IoEventsRsa => None,
    }
}

fn known_secret(id: &ConnectionId, connection: &Configured, name: &str) -> Result<&'static str, Failure> {
    let possible = possible_secrets(connection);
    possible.iter().copied().find(|known| *known == name).ok_or_else(|| {
        let name: String = name.chars().take(80).collect();
        let system = connection.system();
        let known = possible.join(", ");
        Failure::NothingMatched(format!(
            "`{name}` is no secret of a connection to {system} such as {id}; known: {known}"
        ))
    })
}

fn find(secrets: &[SecretInfo], name: &str) -> &'static str {
    if secrets.iter().any(|secret| secret.name == name) { "set" } else { "not set" }
}

fn read_secret(id: &ConnectionId, name: &str, stdin: bool) -> Result<SecretString, Failure> {
    let unreadable = |error: io::Error| Failure::Wrong(format!("the secret cannot be read: {error}"));
    let text = if !stdin && io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{name} of {id} (not shown): ")).map_err(unreadable)?
    } else {
        let mut text = String::new();
        io::stdin().lock().take(LONGEST_SECRET + 1).read_to_string(&mut text).map_err(unreadable)?;
        text
    };
    let text = without_newline(text);
    if text.len() as u64 > LONGEST_SECRET {
        let most = LONGEST_SECRET >> 10;
        return Err(Failure::Wrong(format!("the secret {name} is longer than {most} KiB: nothing was stored")));
    }
    if let Some(problem) = unusable(&text) {
        return Err(Failure::Wrong(format!("the secret {name} {problem}: nothing was stored")));
    }
    Ok(SecretString::from(text))
}

/// What no server gives out as a secret: a slip of the hand or of a script.
fn unusable(text: &str) -> Option<&'static str> {
    if text.trim().is_empty() {
        Some("is blank")
    } else if text.contains(char::is_control) {
        Some("holds control characters, such as a line break or a tab")
    } else {
        None
    }
}

/// `echo` and editors end with a newline that is no part of the secret.
fn without_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_secret_or_one_with_control_characters_is_refused() {
        for (text, is_refused) in
            [("", true), (" ", true), ("a\nb", true), ("a\tb", true), ("a\u{1b}[A", true), ("a b", false), ("é", false)]
        {
            assert_eq!(unusable(text).is_some(), is_refused, "{text:?}");
        }
    }

    #[test]
    fn one_newline_is_cut_off_and_no_more() {
        for (given, kept) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a ", "a "), ("", "")] {
            assert_eq!(without_newline(given.to_owned()), kept);
        }
    }
}
