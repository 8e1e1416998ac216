//! Blocks with a text for those that show none, as Slack's incoming webhooks take them.
//!
//! Source: docs.slack.dev, "Sending messages using incoming webhooks", "Block Kit" (50 blocks, 3,000 characters in a section, 150 in
//! a header), "Formatting text" (`&`, `<` and `>` are escaped).

use mlc_outbound::post_json;
use serde_json::{Value, json};

use super::{Outgoing, Secrets, Sent, Wording, address, posted};
use crate::alerts::wording::{clean, headline, line};

/// Events that get a block of their own; the rest is a number.
const MOST_BLOCKS: usize = 30;
const SECTION_CHARS: usize = 2_900;
const HEADER_CHARS: usize = 150;

pub(super) async fn send(wording: Wording<'_>, secrets: &Secrets) -> Sent {
    match address(secrets) {
        Ok(address) => posted(post_json(&address, &[], document(wording).to_string()).await),
        Err(sent) => sent,
    }
}

/// No name may become a mention or a link: `<!channel>` calls everybody.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn document(wording: Wording<'_>) -> Value {
    let installation = format!("ml-connector ({})", wording.installation);
    let Outgoing::Message(message) = wording.outgoing else {
        let text = format!("{installation}: this is a test; nothing has happened.");
        let section = json!({ "type": "section", "text": { "type": "plain_text", "text": text } });
        return json!({ "text": escaped(&text), "blocks": [section] });
    };
    let title = format!("{installation}: {}", headline(message));
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": clean(&title, HEADER_CHARS), "emoji": false },
    })];
    for event in message.events.iter().take(MOST_BLOCKS) {
        let mut text = escaped(&clean(&line(event), SECTION_CHARS / 6));
        if let Some(link) = wording.link(&event.alert.path) {
            text.push_str(&format!("\n<{}|Open in the console>", escaped(&link).replace('|', "%7C")));
        }
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } }));
    }
    let left = message.events.len().saturating_sub(MOST_BLOCKS) + usize::try_from(message.more).unwrap_or(0);
    if left > 0 {
        let text = format!("And {left} more.");
        blocks.push(json!({ "type": "context", "elements": [{ "type": "plain_text", "text": text }] }));
    }
    json!({ "text": escaped(&clean(&title, SECTION_CHARS)), "blocks": blocks })
}
