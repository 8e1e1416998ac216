//! Sections `[alerts.channels.<name>]`: the ways to people. Their secrets are in the vault.

use serde::{Deserialize, Serialize};

use super::{AlertKind, AlertSeverity};

/// One way to people. The key `kind` tells which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AlertChannel {
    /// A JSON document is posted.
    Webhook(WebhookChannel),
    /// A message is posted as Slack takes it; Mattermost, Rocket.Chat and others do too.
    Slack(SlackChannel),
    /// A mail is sent.
    Mail(MailChannel),
}

impl AlertChannel {
    /// As settings spell it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Slack(_) => "slack",
            Self::Mail(_) => "mail",
        }
    }

    /// What matters less is not told here.
    pub fn min_severity(&self) -> AlertSeverity {
        match self {
            Self::Webhook(channel) => channel.min_severity,
            Self::Slack(channel) => channel.min_severity,
            Self::Mail(channel) => channel.min_severity,
        }
    }

    /// Kinds that are told here alone, and kinds that are not. Of the two one is empty.
    pub fn kinds(&self) -> (&[AlertKind], &[AlertKind]) {
        match self {
            Self::Webhook(channel) => (&channel.only, &channel.except),
            Self::Slack(channel) => (&channel.only, &channel.except),
            Self::Mail(channel) => (&channel.only, &channel.except),
        }
    }

    /// Whether alerts of that kind and severity are told here.
    pub fn tells(&self, kind: AlertKind, severity: AlertSeverity) -> bool {
        let (only, except) = self.kinds();
        severity >= self.min_severity() && (only.is_empty() || only.contains(&kind)) && !except.contains(&kind)
    }

    /// Names of the secrets that the channel can have, in the vault. The first one is asked for where none is named.
    pub fn possible_secrets(&self) -> &'static [&'static str] {
        match self {
            Self::Webhook(_) => &["url", "signing_key", "token"],
            Self::Slack(_) => &["url"],
            Self::Mail(_) => &["password"],
        }
    }

    /// Names of the secrets without which nothing can be sent.
    pub fn needed_secrets(&self) -> &'static [&'static str] {
        match self {
            Self::Webhook(_) | Self::Slack(_) => &["url"],
            Self::Mail(mail) if mail.user.is_some() => &["password"],
            Self::Mail(_) => &[],
        }
    }
}

/// A channel of the kind `webhook`. In the vault: `url`; `signing_key`, when messages are to be signed; `token`, when one is to be sent as
/// `Authorization: Bearer`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookChannel {
    /// What matters less is not told here: `info`, `warning`, `critical`. Default `info`.
    pub min_severity: AlertSeverity,
    /// Kinds that are told here alone. Default: all.
    pub only: Vec<AlertKind>,
    /// Kinds that are not told here. Default: none. Not together with `only`.
    pub except: Vec<AlertKind>,
}

/// A channel of the kind `slack`. In the vault: `url`, the address of the incoming webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlackChannel {
    /// See [`WebhookChannel`].
    pub min_severity: AlertSeverity,
    /// See [`WebhookChannel`].
    pub only: Vec<AlertKind>,
    /// See [`WebhookChannel`].
    pub except: Vec<AlertKind>,
}

/// A channel of the kind `mail`. In the vault: `password`, where there is a `user`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailChannel {
    /// See [`WebhookChannel`].
    #[serde(default)]
    pub min_severity: AlertSeverity,
    /// See [`WebhookChannel`].
    #[serde(default)]
    pub only: Vec<AlertKind>,
    /// See [`WebhookChannel`].
    #[serde(default)]
    pub except: Vec<AlertKind>,
    /// Name of the mail server. Needed.
    pub host: String,
    /// Its port. Default: 587 for `starttls`, 465 for `implicit`, 25 for `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the way there is protected. Default `starttls`.
    #[serde(default)]
    pub tls: MailTls,
    /// Name to log in with. Default: no login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Sender's address. Needed.
    pub from: String,
    /// Receivers' addresses, 1 to 50. Needed.
    pub to: Vec<String>,
}

impl MailChannel {
    /// The port of the mail server.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailTls::Starttls => 587,
            MailTls::Implicit => 465,
            MailTls::None => 25,
        })
    }
}

/// How the way to a mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// The connection must turn into a protected one before anything else is said.
    #[default]
    Starttls,
    /// The connection is protected from the start.
    Implicit,
    /// Not at all: only to this machine.
    None,
}
