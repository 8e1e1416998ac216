//! Reads `[alerts]`: its channels differ by kind, as connections do by system.

use toml::{Table, Value};

use super::{
    AlertChannel, AlertsSettings, MailChannel, QuietTime, SlackChannel, WebhookChannel,
    nearest::nearest,
    needed::{mail_example, quiet_example},
    reading::Reading,
};

const KINDS: [&str; 3] = ["webhook", "slack", "mail"];
/// Keys that somebody would write a channel's secret to, besides those that are secrets everywhere.
const SECRETS: [&str; 3] = ["url", "webhook_url", "signing_key"];

impl Reading<'_> {
    pub(super) fn alerts(&mut self) -> AlertsSettings {
        let path = ["alerts".to_owned()];
        let mut table = match self.document.root.get("alerts") {
            Some(Value::Table(table)) => table.clone(),
            Some(other) => {
                self.not_a_table(&path, other);
                return AlertsSettings::default();
            }
            None => return AlertsSettings::default(),
        };
        let channels = table.remove("channels");
        let channels = self.named(&["alerts", "channels"], channels.as_ref(), Self::channel);
        self.tables::<QuietTime>(&path, &mut table, "quiet", &quiet_example());
        let settings: AlertsSettings = self.fields(&path, &table, &Table::new()).unwrap_or_default();
        AlertsSettings { channels, ..settings }
    }

    fn channel(&mut self, path: &[String], table: &Table) -> Option<AlertChannel> {
        let mut rest = table.clone();
        for key in SECRETS {
            if rest.remove(key).is_some() {
                let secret = if key == "webhook_url" { "url" } else { key };
                self.secret(&[path, &[key.to_owned()]].concat(), secret);
            }
        }
        let at_kind = [path, &["kind".to_owned()]].concat();
        let fix = "set kind = \"webhook\", \"slack\" or \"mail\"";
        match rest.remove("kind") {
            Some(Value::String(kind)) if kind == "webhook" => {
                self.fields::<WebhookChannel>(path, &rest, &Table::new()).map(AlertChannel::Webhook)
            }
            Some(Value::String(kind)) if kind == "slack" => {
                self.fields::<SlackChannel>(path, &rest, &Table::new()).map(AlertChannel::Slack)
            }
            Some(Value::String(kind)) if kind == "mail" => {
                self.fields::<MailChannel>(path, &rest, &mail_example()).map(AlertChannel::Mail)
            }
            Some(other) => {
                let meant = nearest(other.as_str().unwrap_or_default(), KINDS);
                let meant = meant.map(|kind| format!("; did you mean `{kind}`?")).unwrap_or_default();
                self.errors.push(self.document.error(&at_kind, format!("unknown kind {other}{meant}"), fix));
                None
            }
            None => {
                self.errors.push(self.document.error(&at_kind, "is missing", fix));
                None
            }
        }
    }
}
