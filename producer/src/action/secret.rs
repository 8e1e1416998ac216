//! The secrets of a connection: written, never read.

use mlc_model::ConnectionId;
use mlc_queue::Lane;
use mlc_runtime::settings::{AdobeConnection, AdobeEdition, Connection, EpicorAuth, HubspotAuth, WebhookScheme};
use mlc_vault::{SecretInfo, SecretString};

use super::{Change, lane};
use crate::{Failure, Rooms};

/// More than any key or token; a pasted file is a mistake.
pub(crate) const LONGEST_SECRET: usize = 64 << 10;

/// A secret that was stored.
#[derive(Debug)]
pub(crate) struct Stored {
    /// For the audit: set or not, never what.
    pub(crate) change: Change,
    /// Whether it replaced an earlier one.
    pub(crate) replaced: bool,
    /// Whether it ended an automatic hold of the lane.
    pub(crate) released: bool,
}

/// Stores a secret of the configured connection `id`. `name` comes from [`known`], `secret` from [`usable`].
///
/// # Errors
/// `Full`, `Redis`.
pub(crate) async fn set(
    rooms: &Rooms,
    id: &ConnectionId,
    name: &'static str,
    secret: SecretString,
) -> Result<Stored, Failure> {
    let before = is_set(&rooms.secrets.list(id).await?, name);
    rooms.secrets.set(id, name, secret).await.map_err(Failure::of_first_write)?;
    rooms.connections.forget_secrets(id).await;
    let why = format!("secret {name} was set");
    let released = lane::release_after(rooms, &Lane::from(id.clone()), &why).await?;
    Ok(Stored { change: change(id, name, word(before), "set"), replaced: before, released })
}

/// Removes a secret.
///
/// # Errors
/// `NothingMatched` when it was not set; `Redis`.
pub(crate) async fn delete(rooms: &Rooms, id: &ConnectionId, name: &'static str) -> Result<Change, Failure> {
    if !rooms.secrets.delete(id, name).await? {
        return Err(Failure::NothingMatched(format!(
            "secret {name} of {id} was not set; `mlc connection list` shows those that are"
        )));
    }
    rooms.connections.forget_secrets(id).await;
    Ok(change(id, name, word(true), word(false)))
}

fn change(id: &ConnectionId, name: &str, before: &str, after: &str) -> Change {
    Change { subject: format!("{id}/{name}"), before: before.to_owned(), after: after.to_owned() }
}

fn is_set(secrets: &[SecretInfo], name: &str) -> bool {
    secrets.iter().any(|secret| secret.name == name)
}

fn word(is_set: bool) -> &'static str {
    if is_set { "set" } else { "not set" }
}

/// Every name that a connection to the system may use.
pub(crate) fn possible(connection: &Connection) -> &'static [&'static str] {
    match connection {
        Connection::Epicor(_) => &["api_key", "user", "password", "client_id", "client_secret"],
        Connection::Hubspot(_) => &["token", "client_id", "client_secret", "refresh_token"],
        Connection::Adobe(_) => &[
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
pub(crate) fn needed(connection: &Connection) -> Vec<&'static str> {
    match connection {
        Connection::Epicor(epicor) => match epicor.auth {
            EpicorAuth::Basic | EpicorAuth::TokenResource => vec!["api_key", "user", "password"],
            EpicorAuth::Oauth2(_) => vec!["api_key", "client_id", "client_secret"],
        },
        Connection::Hubspot(hubspot) => match hubspot.auth {
            HubspotAuth::StaticToken => vec!["token"],
            HubspotAuth::Oauth2 => vec!["client_id", "client_secret", "refresh_token"],
        },
        Connection::Adobe(adobe) => {
            let mut names = match adobe.edition {
                AdobeEdition::Paas => vec!["consumer_key", "consumer_secret", "token", "token_secret"],
                AdobeEdition::Saas => vec!["client_id", "client_secret"],
            };
            names.extend(webhook_secret(adobe));
            names
        }
    }
}

/// Names that are needed and not set.
pub(crate) fn missing(connection: &Connection, secrets: &[SecretInfo]) -> Vec<&'static str> {
    needed(connection).into_iter().filter(|name| !is_set(secrets, name)).collect()
}

/// The secret that deliveries to the connection's endpoint are checked with, where the scheme has one.
pub(crate) fn webhook_secret(adobe: &AdobeConnection) -> Option<&'static str> {
    match adobe.webhook.as_ref()?.scheme {
        WebhookScheme::HmacSha256 | WebhookScheme::StaticHeader => Some("webhook_secret"),
        WebhookScheme::CommerceRsa | WebhookScheme::IoEventsRsa => None,
    }
}

/// The name as the system spells it.
///
/// # Errors
/// `NothingMatched`, listing those that there are.
pub(crate) fn known(id: &ConnectionId, connection: &Connection, name: &str) -> Result<&'static str, Failure> {
    let possible = possible(connection);
    possible.iter().copied().find(|known| *known == name).ok_or_else(|| {
        // Somebody may have typed the secret where the name belongs: shown short, never whole.
        let start: String = name.chars().filter(|c| !c.is_control()).take(4).collect();
        let system = connection.system();
        let known = possible.join(", ");
        Failure::NothingMatched(format!(
            "`{start}…` is no secret of a connection to {system} such as {id}; known: {known}"
        ))
    })
}

/// What was typed or piped, as a secret.
///
/// # Errors
/// `Wrong`, never with what was typed: blank, longer than 64 KiB, or with control characters.
pub(crate) fn usable(name: &str, text: String) -> Result<SecretString, Failure> {
    // No server gives such a thing out as a secret: it is a slip of the hand or of a script.
    let problem = if text.len() > LONGEST_SECRET {
        "is longer than 64 KiB"
    } else if text.trim().is_empty() {
        "is blank"
    } else if text.contains(char::is_control) {
        "holds control characters, such as a line break or a tab"
    } else {
        return Ok(SecretString::from(text));
    };
    Err(Failure::Wrong(format!("the secret {name} {problem}: nothing was stored")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_secret_or_one_with_control_characters_is_refused_without_being_quoted() {
        for (text, is_refused) in
            [("", true), (" ", true), ("a\nb", true), ("a\tb", true), ("a\u{1b}[A", true), ("a b", false), ("é", false)]
        {
            assert_eq!(usable("token", text.to_owned()).is_err(), is_refused, "{text:?}");
        }
        let told = usable("token", "canary\n4711".to_owned()).map(drop).map_err(|failure| failure.to_string());
        assert!(told.is_err_and(|text| !text.contains("canary") && text.contains("token")));
    }
}
