//! `mlc connection`: connections and their secrets, which can be written but never read.

use std::io::{self, IsTerminal as _, Read as _};

use clap::{Args, Subcommand};
use mlc_queue::Lane;
use mlc_vault::SecretString;
use serde_json::{Value, json};

use super::Caller;
use crate::{
    Exit, Failure, Rooms,
    action::{
        lane::state,
        secret::{self, LONGEST_SECRET},
    },
    output::{Output, instant},
};

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
        let missing = secret::missing(connection, &secrets);
        let status = rooms.queue.lane(&Lane::from(id.clone())).await?;
        let set = secrets.iter().map(|secret| format!("{} ({})", secret.name, instant(secret.updated_at)));
        rows.push([
            id.to_string(),
            connection.system().to_string(),
            connection.address(),
            set.collect::<Vec<_>>().join(", "),
            missing.join(", "),
            state(&status),
        ]);
        items.push(json!({
            "connection": id,
            "system": connection.system(),
            "address": connection.address(),
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
    let name = secret::known(&id, connection, &command.name)?;
    let value = read_secret(id.as_str(), name, command.stdin)?;
    let begun = rooms.begin("set_secret", format!("{id}/{name}")).await?;
    let stored = begun.unless_refused(secret::set(rooms, &id, name, value).await).await?;
    begun.close_with(&stored.change).await?;
    let more = if stored.released { "; its lane was held and gives out jobs again" } else { "" };
    let text = format!("Stored {name} of {id}{more}. Running workers use it within seconds; `mlc ping {id}` tests it");
    output.answer(text, &json!({ "connection": id, "secret": name, "lane_released": stored.released }))?;
    Ok(Exit::Done)
}

async fn delete_secret(connection: &str, name: &str, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let (id, configured) = rooms.connection(connection)?;
    let name = secret::known(&id, configured, name)?;
    let begun = rooms.begin("delete_secret", format!("{id}/{name}")).await?;
    let change = begun.unless_refused(secret::delete(rooms, &id, name).await).await?;
    begun.close_with(&change).await?;
    output.answer(format!("Removed {name} of {id}"), &json!({ "connection": id, "secret": name }))?;
    Ok(Exit::Done)
}

/// A secret from a terminal, where it is not shown, or from standard input.
pub(super) fn read_secret(id: &str, name: &str, stdin: bool) -> Result<SecretString, Failure> {
    let unreadable = |error: io::Error| Failure::Wrong(format!("the secret cannot be read: {error}"));
    let text = if !stdin && io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{name} of {id} (not shown): ")).map_err(unreadable)?
    } else {
        let mut text = String::new();
        io::stdin().lock().take(LONGEST_SECRET as u64 + 2).read_to_string(&mut text).map_err(unreadable)?;
        text
    };
    secret::usable(name, without_newline(text))
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
    fn one_newline_is_cut_off_and_no_more() {
        for (given, kept) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a ", "a "), ("", "")] {
            assert_eq!(without_newline(given.to_owned()), kept);
        }
    }
}
