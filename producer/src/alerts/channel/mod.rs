//! The ways to people. Each sends one message once and says what became of it.

mod mail;
mod slack;
mod webhook;

use std::time::Duration;

use mlc_ledger::AlertMessage;
use mlc_model::ChannelId;
use mlc_outbound::{PostAddress, PostError, Posted, Url, redact};
use mlc_runtime::settings::AlertChannel;
use mlc_vault::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

use super::wording::clean;
use crate::Rooms;

/// Longest time for one message, whatever the other side does.
const WITHIN: Duration = Duration::from_secs(15);
/// Characters of an answer that people are shown.
const ANSWER_CHARS: usize = 300;

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outgoing<'a> {
    /// A message about alerts.
    Message(&'a AlertMessage),
    /// A person tries the channel.
    Test,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The channel has it.
    Taken {
        /// What the channel answered, for people; never logged.
        answer: String,
    },
    /// The channel does not have it, as far as we know.
    NotTaken {
        /// Why, in our words.
        why: String,
        /// What the channel answered, for people; never logged.
        answer: Option<String>,
        /// How long it asks to be left alone.
        again_after: Option<Duration>,
    },
}

impl Sent {
    fn not_taken(why: impl Into<String>) -> Self {
        Self::NotTaken { why: why.into(), answer: None, again_after: None }
    }
}

/// What every channel needs to word its message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wording<'a> {
    outgoing: Outgoing<'a>,
    /// Tells one installation from another.
    installation: &'a str,
    console: Option<&'a Url>,
}

impl Wording<'_> {
    /// The address of a page of the console.
    fn link(&self, path: &str) -> Option<String> {
        self.console.map(|url| format!("{}{path}", url.as_str().trim_end_matches('/')))
    }
}

/// Sends to a configured channel.
pub(crate) async fn send(rooms: &Rooms, name: &ChannelId, outgoing: &Outgoing<'_>) -> Sent {
    let Some(channel) = rooms.settings.alerts.channels.get(name) else {
        return Sent::not_taken("the channel is not configured");
    };
    let mut secrets = Vec::new();
    for secret in channel.possible_secrets() {
        match rooms.secrets.get_of_channel(name, secret).await {
            Ok(Some(value)) => secrets.push((*secret, value)),
            Ok(None) if channel.needed_secrets().contains(secret) => {
                return Sent::not_taken(format!("its {secret} is not set: mlc alerts set-secret {name} {secret}"));
            }
            Ok(None) => {}
            Err(_) => return Sent::not_taken(format!("its {secret} cannot be read from the vault")),
        }
    }
    let settings = &rooms.settings;
    let wording = Wording {
        outgoing: *outgoing,
        installation: &settings.redis.namespace,
        console: settings.alerts.console_url.as_ref(),
    };
    let now = rooms.clock.now();
    let sending = async {
        match channel {
            AlertChannel::Webhook(_) => webhook::send(wording, name, &secrets, now).await,
            AlertChannel::Slack(_) => slack::send(wording, &secrets).await,
            AlertChannel::Mail(mail) => mail::send(wording, mail, &secrets, now).await,
        }
    };
    let sent = timeout(WITHIN, sending).await;
    let sent = sent.unwrap_or_else(|_| Sent::not_taken(format!("no answer within {} s", WITHIN.as_secs())));
    for_people(sent, &secrets)
}

type Secrets = [(&'static str, SecretString)];

fn secret<'a>(secrets: &'a Secrets, name: &str) -> Option<&'a str> {
    secrets.iter().find(|(known, _)| *known == name).map(|(_, value)| value.expose_secret())
}

/// The other side's words, on one line and without our secrets.
fn for_people(sent: Sent, secrets: &Secrets) -> Sent {
    let mut values: Vec<SecretString> = secrets.iter().map(|(_, value)| value.clone()).collect();
    // A server that repeats an address leaves its host out.
    if let Some(url) = secret(secrets, "url").and_then(|url| Url::parse(url.trim()).ok()) {
        values.extend(
            [Some(url.path()), url.query()].into_iter().flatten().map(|part| SecretString::from(part.to_owned())),
        );
    }
    let clean = |text: &str| clean(&redact(text, &values), ANSWER_CHARS);
    match sent {
        Sent::Taken { answer } => Sent::Taken { answer: clean(&answer) },
        Sent::NotTaken { why, answer, again_after } => {
            Sent::NotTaken { why: clean(&why), answer: answer.as_deref().map(clean), again_after }
        }
    }
}

fn posted(posted: Result<Posted, PostError>) -> Sent {
    match posted {
        Ok(posted) => {
            let answer = format!("{} {}", posted.status, posted.text);
            if posted.is_success() {
                return Sent::Taken { answer };
            }
            let why = format!("it answered with status {}", posted.status);
            Sent::NotTaken { why, answer: Some(answer), again_after: posted.retry_after }
        }
        Err(error) => Sent::not_taken(error.to_string()),
    }
}

fn address(secrets: &Secrets) -> Result<PostAddress, Sent> {
    PostAddress::parse(secret(secrets, "url").unwrap_or_default()).map_err(|error| Sent::not_taken(error.to_string()))
}
