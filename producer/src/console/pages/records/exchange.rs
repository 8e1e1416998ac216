//! What was read, sent and answered last: opened for operators only, and that they looked is recorded.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;
use mlc_ledger::{Exchange, ExchangeUnreadable};
use mlc_model::{FlowId, RecordKey, Sealer};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::console::{
    call::Call,
    components::{empty, facts, or_dash, record_path, text, time},
    error::ConsoleError,
    json_text::json_text,
};

/// The last exchange about a record.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum ExchangeShown {
    /// None is kept: it was never pushed, longest ago of all that are kept, or `audit.exchanges` is 0.
    None,
    /// One is kept, and hidden for the role of whoever asks.
    Hidden,
    /// One is kept, and cannot be opened.
    Unreadable {
        /// Why not.
        why: String,
    },
    /// One is kept; its content was not asked for.
    Closed {
        /// The call.
        call: Outline,
    },
    /// With its content.
    Open {
        /// The call.
        call: Outline,
        /// What was read at the source.
        source: Option<Value>,
        /// What was sent.
        sent: Option<Value>,
        /// What the target answered.
        answered: Option<Value>,
    },
}

/// An exchange without its content.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Outline {
    /// The call, such as `companies.batch_upsert`.
    operation: String,
    /// HTTP status; `null` when nothing was sent or nobody answered.
    status: Option<u16>,
    /// The record's id at the target; `null` when it was refused.
    target_id: Option<String>,
    /// When.
    at: DateTime<Utc>,
    /// The job that carried it.
    job: Option<String>,
}

impl ExchangeShown {
    /// Reads it as far as the viewer may see it; the content only where `content` asks for it.
    pub(super) async fn read(call: &Call, flow: &FlowId, key: &RecordKey, content: bool) -> Result<Self, ConsoleError> {
        let sealed = call.rooms.ledger.exchange(flow, key).await?;
        let sees = call.viewer.may(Role::Operator);
        Ok(sealed
            .map_or(Self::None, |sealed| Self::of(&sealed, call.rooms.sealer.as_ref(), flow, key, (sees, content))))
    }

    fn of(sealed: &[u8], sealer: &dyn Sealer, flow: &FlowId, key: &RecordKey, (sees, content): (bool, bool)) -> Self {
        if !sees {
            return Self::Hidden;
        }
        let exchange = match Exchange::open(sealer, flow, key, sealed) {
            Ok(exchange) => exchange,
            Err(ExchangeUnreadable::Sealed(_)) => {
                let why = "no key of the vault opens it: it was sealed with one that is no longer in the ring";
                return Self::Unreadable { why: why.to_owned() };
            }
            Err(problem) => return Self::Unreadable { why: problem.to_string() },
        };
        let outline = Outline {
            operation: exchange.operation,
            status: exchange.status,
            target_id: exchange.target_id.map(String::from),
            at: exchange.at,
            job: exchange.job.map(String::from),
        };
        let (source, sent, answered) = (exchange.source, exchange.sent, exchange.answered);
        if content { Self::Open { call: outline, source, sent, answered } } else { Self::Closed { call: outline } }
    }

    /// Whether its content is shown.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// The section of the page.
pub(super) fn section(shown: &ExchangeShown, (flow, key): (&str, &str), now: DateTime<Utc>) -> Markup {
    let page = record_path(flow, key);
    html! {
        h2 #exchange { "Last exchange" }
        @match shown {
            ExchangeShown::None => {
                (empty("Nothing is kept of what was read, sent and answered: the record was not pushed since this is kept, or too many \
                        others were after it."))
            }
            ExchangeShown::Hidden => { p .hint { "What was read, sent and answered is hidden for your role." } }
            ExchangeShown::Unreadable { why } => { p .message .error { "It cannot be shown: " (text(why)) "." } }
            ExchangeShown::Closed { call } => {
                (outline(call, now))
                p {
                    a .button href={ (page) "?content=1#exchange" } { "Show what was read, sent and answered" }
                    " " span .hint { "It holds personal data; that you looked is recorded." }
                }
            }
            ExchangeShown::Open { call, source, sent, answered } => {
                (outline(call, now))
                div .columns {
                    (part("Read at the source", source.as_ref(), "What was read was not at hand."))
                    (part("Sent", sent.as_ref(), "Nothing had to be sent: the target held it already, or refused an earlier look."))
                    (part("Answered", answered.as_ref(), "No answer is known."))
                }
                p { a href=(page) { "Hide the content" } }
            }
        }
    }
}

fn outline(call: &Outline, now: DateTime<Utc>) -> Markup {
    let job = match &call.job {
        Some(job) => html! { a href={ "/jobs/" (job) } { (text(job)) } },
        None => or_dash(None),
    };
    let operation = if call.operation.is_empty() { "nothing was sent" } else { &call.operation };
    facts(&[
        ("Call", text(operation)),
        ("Status", or_dash(call.status.map(|status| status.to_string()).as_deref())),
        ("Id at the target", or_dash(call.target_id.as_deref())),
        ("When", time(call.at, now)),
        ("Job", job),
    ])
}

fn part(title: &str, value: Option<&Value>, none: &str) -> Markup {
    html! {
        section {
            h3 { (title) }
            @match value {
                Some(value) => { (json_text(title, value)) }
                None => { (empty(none)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_vault::KeyRing;
    use serde_json::json;

    use super::*;

    #[test]
    fn who_may_not_see_it_sees_that_it_is_there_and_no_word_of_it() {
        let keys = KeyRing::parse("test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let (flow, key) = (FlowId::parse("a::b").unwrap(), RecordKey::from_text("E:VEND:1"));
        let exchange = Exchange {
            source: Some(json!({"name": "Lena Berg"})),
            sent: None,
            answered: None,
            operation: "orders.create".to_owned(),
            status: Some(200),
            target_id: None,
            at: DateTime::UNIX_EPOCH,
            job: None,
        };
        let sealed = exchange.seal(&keys, &flow, &key);
        let shown = |sees, content| {
            let shown = ExchangeShown::of(&sealed, &keys, &flow, &key, (sees, content));
            let page = section(&shown, ("a::b", "E:VEND:1"), DateTime::UNIX_EPOCH).into_string();
            (serde_json::to_string(&shown).unwrap(), page)
        };
        for content in [false, true] {
            let (json, page) = shown(false, content);
            assert_eq!(json, r#"{"state":"hidden"}"#);
            assert!(
                page.contains("hidden for your role") && !page.contains("Lena") && !page.contains("orders"),
                "{page}"
            );
        }
        let (json, page) = shown(true, false);
        assert!(!json.contains("Lena") && !page.contains("Lena") && page.contains("orders.create"), "{json}");
        assert!(shown(true, true).0.contains("Lena") && shown(true, true).1.contains("Lena"));
    }
}
