//! `mlc alerts`: the channels that alerts go out by, their secrets, and what fires now.

use clap::{Args, Subcommand};
use mlc_model::ChannelId;
use mlc_outbound::PostAddress;
use mlc_runtime::settings::AlertChannel;
use mlc_vault::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{Caller, connection::read_secret};
use crate::{
    Exit, Failure, Rooms,
    alerts::{Outgoing, Sent, send},
    output::{Output, instant},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Alerts {
    /// List the channels, whether they can send, and what fires now.
    List,
    /// Send a test message, and tell what the channel answered.
    Test {
        /// The channel; all where none is named.
        channel: Option<String>,
    },
    /// Store a secret of a channel: asked for at a terminal, else read from standard input. It cannot be read back.
    SetSecret(SetSecret),
    /// Remove a secret of a channel.
    DeleteSecret {
        /// The channel.
        channel: String,
        /// The secret.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SetSecret {
    /// The channel.
    channel: String,
    /// The secret: url, signing_key or token of a webhook, url of slack, password of mail. Where it is not named, the first of these.
    name: Option<String>,
    /// Read it from standard input even at a terminal. One newline at the end is cut off.
    #[arg(long)]
    stdin: bool,
}

pub(crate) async fn run(command: Alerts, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    match command {
        Alerts::List => list(&rooms, output).await,
        Alerts::Test { channel } => test(channel.as_deref(), &rooms, output).await,
        Alerts::SetSecret(secret) => set_secret(secret, &rooms, output).await,
        Alerts::DeleteSecret { channel, name } => delete_secret(&channel, &name, &rooms, output).await,
    }
}

async fn list(rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let book = rooms.ledger.alert_book().await?;
    let (mut rows, mut channels): (Vec<[String; 6]>, Vec<Value>) = (Vec::new(), Vec::new());
    for (name, channel) in &rooms.settings.alerts.channels {
        let secrets = rooms.secrets.list_of_channel(name).await?;
        let is_set = |name: &&str| secrets.iter().any(|secret| secret.name == *name);
        let missing: Vec<&str> = channel.needed_secrets().iter().copied().filter(|name| !is_set(name)).collect();
        let entry = book.channels.get(name);
        let sent_at = entry.and_then(|entry| entry.sent_at);
        let problem = entry.and_then(|entry| entry.problem.clone());
        let set: Vec<String> =
            secrets.iter().map(|secret| format!("{} ({})", secret.name, instant(secret.updated_at))).collect();
        rows.push([
            name.to_string(),
            channel.kind().to_owned(),
            set.join(", "),
            missing.join(", "),
            sent_at.map_or_else(|| "never".to_owned(), instant),
            problem.clone().unwrap_or_default(),
        ]);
        channels.push(json!({
            "channel": name,
            "kind": channel.kind(),
            "min_severity": channel.min_severity(),
            "secrets": secrets,
            "missing": missing,
            "sent_at": sent_at,
            "problem": problem,
            "waiting": entry.is_some_and(|entry| entry.message.is_some()),
        }));
    }
    let mut firing: Vec<_> = book.alerts.iter().filter(|alert| alert.ended_at.is_none()).collect();
    firing.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.since.cmp(&b.since)));
    let quiet = rooms.settings.alerts.is_quiet(rooms.clock.now());
    output.json(&json!({ "channels": channels, "alerts": firing, "quiet": quiet }))?;
    if rows.is_empty() {
        return output
            .line("No channel is configured: nobody is told anything. See [alerts] in deploy/example.toml.")
            .map(|()| Exit::Done);
    }
    output.table(["CHANNEL", "KIND", "SECRETS", "MISSING", "LAST SENT", "PROBLEM"], rows)?;
    if quiet {
        output.line("It is a quiet time: only what is critical is told until it ends.")?;
    }
    if firing.is_empty() {
        output.line("Nothing fires.")?;
    }
    let lines = firing
        .iter()
        .map(|alert| [alert.severity.to_string(), alert.kind.to_string(), instant(alert.since), alert.text.clone()]);
    output.table(["SEVERITY", "KIND", "SINCE", "WHAT"], lines.collect())?;
    Ok(Exit::Done)
}

async fn test(channel: Option<&str>, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let names: Vec<&ChannelId> = match channel {
        Some(name) => vec![configured(rooms, name)?.0],
        None => rooms.settings.alerts.channels.keys().collect(),
    };
    if names.is_empty() {
        return Err(Failure::NothingMatched(
            "no channel is configured; see [alerts] in deploy/example.toml".to_owned(),
        ));
    }
    let (mut items, mut all_taken) = (Vec::new(), true);
    for name in names {
        let begun = rooms.begin("test_alerts", name.as_str()).await?;
        let sent = send(rooms, name, &Outgoing::Test).await;
        let (taken, text, answer) = match sent {
            Sent::Taken { answer } => (true, format!("{name} has taken the test message: {answer}"), Some(answer)),
            Sent::NotTaken { why, answer, .. } => {
                let more = answer.as_ref().map(|answer| format!(" ({answer})")).unwrap_or_default();
                (false, format!("{name} has not taken the test message: {why}{more}"), answer)
            }
        };
        all_taken &= taken;
        let after = if taken { "taken" } else { "not taken" };
        begun.close(name.as_str(), None, Some(after.to_owned())).await?;
        output.line(&text)?;
        items.push(json!({ "channel": name, "taken": taken, "text": text, "answer": answer }));
    }
    output.json(&json!({ "items": items }))?;
    Ok(if all_taken { Exit::Done } else { Exit::Wrong })
}

async fn set_secret(command: SetSecret, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let (id, channel) = configured(rooms, &command.channel)?;
    let name = match &command.name {
        Some(name) => known(id, channel, name)?,
        None => channel.possible_secrets()[0],
    };
    let value = read_secret(id.as_str(), name, command.stdin)?;
    check(name, &value)?;
    let before = word(rooms.secrets.list_of_channel(id).await?.iter().any(|secret| secret.name == name));
    let begun = rooms.begin("set_secret", subject(id, name)).await?;
    let stored = rooms.secrets.set_of_channel(id, name, value).await.map_err(Failure::of_first_write);
    begun.unless_refused(stored).await?;
    begun.close(subject(id, name), Some(before.to_owned()), Some(word(true).to_owned())).await?;
    let text = format!("Stored {name} of {id}. The next message uses it; `mlc alerts test {id}` tests it");
    output.answer(text, &json!({ "channel": id, "secret": name }))?;
    Ok(Exit::Done)
}

async fn delete_secret(channel: &str, name: &str, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let (id, channel) = configured(rooms, channel)?;
    let name = known(id, channel, name)?;
    let begun = rooms.begin("delete_secret", subject(id, name)).await?;
    if !begun.unless_refused(rooms.secrets.delete_of_channel(id, name).await).await? {
        begun.withdraw().await?;
        let text = format!("secret {name} of {id} was not set; `mlc alerts list` shows those that are");
        return Err(Failure::NothingMatched(text));
    }
    let (before, after) = (word(true).to_owned(), word(false).to_owned());
    begun.close(subject(id, name), Some(before), Some(after)).await?;
    output.answer(format!("Removed {name} of {id}"), &json!({ "channel": id, "secret": name }))?;
    Ok(Exit::Done)
}

fn subject(id: &ChannelId, name: &str) -> String {
    format!("alerts:{id}/{name}")
}

fn word(is_set: bool) -> &'static str {
    if is_set { "set" } else { "not set" }
}

fn configured<'a>(rooms: &'a Rooms, name: &str) -> Result<(&'a ChannelId, &'a AlertChannel), Failure> {
    let channels = &rooms.settings.alerts.channels;
    channels.iter().find(|(id, _)| id.as_str() == name).ok_or_else(|| {
        let known: Vec<&str> = channels.keys().map(ChannelId::as_str).collect();
        let known =
            if known.is_empty() { "none is configured".to_owned() } else { format!("known: {}", known.join(", ")) };
        let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
        Failure::NothingMatched(format!("unknown channel `{name}`; {known}"))
    })
}

fn known(id: &ChannelId, channel: &AlertChannel, name: &str) -> Result<&'static str, Failure> {
    let possible = channel.possible_secrets();
    possible.iter().copied().find(|known| *known == name).ok_or_else(|| {
        // Somebody may have typed the secret where the name belongs: shown short, never whole.
        let start: String = name.chars().filter(|c| !c.is_control()).take(4).collect();
        let (kind, known) = (channel.kind(), possible.join(", "));
        Failure::NothingMatched(format!(
            "`{start}…` is no secret of a channel of the kind {kind} such as {id}; known: {known}"
        ))
    })
}

/// What cannot work is refused at once: later it would only be seen when an alert does not arrive.
fn check(name: &str, value: &SecretString) -> Result<(), Failure> {
    match name {
        "url" => PostAddress::parse(value.expose_secret())
            .map(drop)
            .map_err(|error| Failure::Wrong(format!("{error}: nothing was stored"))),
        "token" if !value.expose_secret().chars().all(|c| c.is_ascii_graphic()) => {
            Err(Failure::Wrong("the token holds characters that no header can carry: nothing was stored".to_owned()))
        }
        _ => Ok(()),
    }
}
