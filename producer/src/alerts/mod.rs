//! Alerts: what people are told of by themselves.
//!
//! Every few seconds the producer that leads looks (`look`), says what should worry somebody (`conditions`), compares it with the
//! book of what was told (`book`), and sends what follows (`channel`). Looking and sending touch the world; the rest is pure.

mod book;
mod channel;
mod conditions;
mod look;
mod notifier;
mod wording;

pub(crate) use channel::{Outgoing, Sent, send};
pub use notifier::Notifier;
