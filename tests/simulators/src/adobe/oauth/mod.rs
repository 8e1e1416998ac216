//! OAuth 1.0a as the shop checks it: its own header reading, base string, order of checks and texts.
//!
//! Source: measurements against 2.4.7-p3 and 2.4.8-p2, and `Magento/Framework/Oauth` of the open core.

mod base_string;
mod door;
mod header;
mod natural;

pub use base_string::SignatureSort;
pub(super) use base_string::decode;
pub use door::Integration;
pub(super) use door::{Caller, Door, SignedCall};
