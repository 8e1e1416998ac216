//! A JSON document, signed. Its form is documented in the README: fields are added, never changed.

use chrono::{DateTime, SecondsFormat, Utc};
use hmac::{Hmac, Mac as _};
use mlc_model::ChannelId;
use mlc_outbound::post_json;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Outgoing, Secrets, Sent, Wording, address, posted, secret};

pub(super) async fn send(wording: Wording<'_>, name: &ChannelId, secrets: &Secrets, now: DateTime<Utc>) -> Sent {
    let address = match address(secrets) {
        Ok(address) => address,
        Err(sent) => return sent,
    };
    let document = document(wording, name, now);
    let body = document.to_string();
    let id = document["id"].as_str().unwrap_or_default().to_owned();
    let mut headers = vec![("x-mlc-message", id)];
    if let Some(key) = secret(secrets, "signing_key") {
        headers.push(("x-mlc-signature", signature(key, now.timestamp(), &body)));
    }
    if let Some(token) = secret(secrets, "token") {
        headers.push(("authorization", format!("Bearer {token}")));
    }
    posted(post_json(&address, &headers, body).await)
}

/// `t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>" in hex>`: the time is signed too, so that a receiver can refuse old ones.
fn signature(key: &str, seconds: i64, body: &str) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(format!("{seconds}.{body}").as_bytes());
    let digest: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={digest}")
}

fn document(wording: Wording<'_>, name: &ChannelId, now: DateTime<Utc>) -> Value {
    let at = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (id, created_at, summary, events, more) = match wording.outgoing {
        Outgoing::Test => (format!("test-{}", now.timestamp_millis()), now, false, Vec::new(), 0),
        Outgoing::Message(message) => {
            let events = message.events.iter().map(|event| {
                let alert = &event.alert;
                json!({
                    "event": event.id,
                    "state": event.news.as_str(),
                    "alert": alert.id,
                    "kind": alert.kind,
                    "subject": alert.subject,
                    "severity": alert.severity,
                    "since": at(alert.since),
                    "ended_at": alert.ended_at.map(at),
                    "text": alert.text,
                    "link": wording.link(&alert.path),
                })
            });
            (message.id.clone(), message.created_at, message.summary, events.collect(), message.more)
        }
    };
    json!({
        "version": 1,
        "id": id,
        "installation": wording.installation,
        "channel": name,
        "created_at": at(created_at),
        "test": matches!(wording.outgoing, Outgoing::Test),
        "summary": summary,
        "alerts": events,
        "more": more,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `printf '1764000000.{"a":1}' | openssl dgst -sha256 -hmac s3cret`.
    #[test]
    fn the_signature_is_the_one_that_others_compute() {
        assert_eq!(
            signature("s3cret", 1_764_000_000, "{\"a\":1}"),
            "t=1764000000,v1=ece4ac47663d3ad88bb0892d55cacbb8177c0af8203f4a4e2e1e25c47ec628d5"
        );
    }
}
