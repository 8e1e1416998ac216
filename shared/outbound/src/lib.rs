#![doc = include_str!("../README.md")]

mod answer;
mod budget;
mod connecting;
mod door;
mod hosts;
mod keys;
mod post;
mod redact;
mod request;
mod sign;
mod skew;
mod spend;
mod token;
mod token_fault;
mod transport;
mod witness;

pub use answer::Answer;
pub use budget::{BudgetConfig, BudgetKind, BudgetLeft};
pub use bytes::Bytes;
pub use door::{Door, DoorConfig, DoorError};
pub use futures_util::future::BoxFuture;
pub use post::{PostAddress, PostError, Posted, post_json};
pub use redact::redact;
pub use request::Request;
pub use reqwest::Method;
pub use sign::RequestSigner;
pub use token::{Credentials, IssuedToken, TokenIssuer};
pub use token_fault::{TOKEN_PAUSE, TOKEN_UNAVAILABLE, TokenFault, oauth_refusal};
pub use url::Url;
pub use witness::{Said, witnessed};
