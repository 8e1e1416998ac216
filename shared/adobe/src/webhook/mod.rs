//! What a shop, or Adobe's event gateway, sends us: is it genuine, and what does it say. Pure: no clock, no network.
//!
//! Two different senders. *Commerce Webhooks* come from the shop itself inside a shopper's request and want
//! `{"op":"success"}`; *I/O Events* come from Adobe's gateway and want any 2xx. Neither signs a time, so what was seen
//! before must be remembered by [`Delivery::replay_key`].
//!
//! Source: Adobe Commerce reference, section 9.

mod body;
mod event_keys;
mod headers;
mod public_key;
mod scheme;

pub use body::{BodyProblem, Delivery, EventKind, ShopEvent};
pub use event_keys::EventKeyPath;
pub use headers::DeliveryHeaders;
pub use public_key::{PublicKey, PublicKeyProblem};
pub use scheme::{EventKeys, Refused, Scheme};

/// The answer a Commerce Webhook wants.
pub const SUCCESS: &str = r#"{"op":"success"}"#;

/// The answer that proves to the event gateway that the address is ours: the text of `?challenge=` as it came.
/// `query` is the raw query of the GET. `None` for anything else.
pub fn challenge(query: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("challenge="))?;
    let text = String::from_utf8(crate::oauth1::decode(value)).ok()?;
    // It is echoed: nothing that a browser could take for more than a text.
    let harmless =
        !text.is_empty() && text.len() <= 200 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    harmless.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_echoed_and_a_script_is_not() {
        assert_eq!(challenge("a=b&challenge=8ec8d794-e0ab-42df").as_deref(), Some("8ec8d794-e0ab-42df"));
        assert_eq!(challenge("challenge=%3Cscript%3E"), None);
        assert_eq!(challenge("challenge="), None);
        assert_eq!(challenge("x=1"), None);
    }
}
