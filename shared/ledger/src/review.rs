//! What only a person can decide: the values of the review list.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    str::FromStr,
};

use chrono::{DateTime, Utc};
use mlc_model::{FlowId, JobId, RecordKey};
use serde::{Deserialize, Serialize};

use crate::LedgerError;

/// A text that is no number, kind or state of the review list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {what}: use {expected}")]
pub struct InvalidReview {
    what: &'static str,
    expected: &'static str,
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident ($what:literal: $expected:literal) { $($(#[$each:meta])* $name:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $type { $($(#[$each])* $name,)+ }

        impl $type {
            /// The word as it is stored, shown and counted.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl FromStr for $type {
            type Err = InvalidReview;
            fn from_str(text: &str) -> Result<Self, InvalidReview> {
                match text {
                    $($text => Ok(Self::$name),)+
                    _ => Err(InvalidReview { what: $what, expected: $expected }),
                }
            }
        }
    };
}

words! {
    /// Why a person has to look.
    ReviewKind ("kind of review": "price_difference, debit_memo, correction, conflict or unmatched") {
        /// An invoice differs from its order by more than the settings let through. Accepting lets it through.
        PriceDifference = "price_difference",
        /// A debit memo: the shop has nothing that it could become by itself.
        DebitMemo = "debit_memo",
        /// A document that corrects an earlier one.
        Correction = "correction",
        /// Both sides changed the same field, or the side that does not own it did. Opens again when it comes again: new
        /// edits are a new conflict.
        Conflict = "conflict",
        /// Several records fit, or none does, and no rule tells which.
        Unmatched = "unmatched",
    }
}

words! {
    /// Where an item stands.
    ReviewState ("state of a review": "open, accepted or dismissed") {
        /// Nobody decided yet.
        Open = "open",
        /// A person lets it through.
        Accepted = "accepted",
        /// A person took note and lets nothing through.
        Dismissed = "dismissed",
    }
}

/// Number of an item on the review list, counting from 1 over all flows. A newer item has a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReviewId(pub(crate) u64);

impl fmt::Display for ReviewId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ReviewId {
    type Err = InvalidReview;
    fn from_str(text: &str) -> Result<Self, InvalidReview> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        // Redis' scores are doubles: up to here they are exact.
        let number = text.parse().ok().filter(|number| plain && (1..=1 << 53).contains(number));
        number.map(Self).ok_or(InvalidReview { what: "number of a review", expected: "the number that the list shows" })
    }
}

impl From<ReviewId> for String {
    fn from(id: ReviewId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for ReviewId {
    type Error = InvalidReview;
    fn try_from(text: String) -> Result<Self, InvalidReview> {
        text.parse()
    }
}

/// Something for a person to decide. Flow, key, kind and `about` together are its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReview {
    /// The flow that came upon it.
    pub flow: FlowId,
    /// The record it is about.
    pub key: RecordKey,
    /// Why.
    pub kind: ReviewKind,
    /// What tells two items of one record and kind apart, such as the fingerprint of an invoice's version or a field's name.
    /// A decision is bound to it: what must be decided anew needs another `about`. At most 512 bytes.
    pub about: String,
    /// One sentence for people; no personal data. Cut at 2,000 bytes.
    pub summary: String,
    /// Amounts, numbers, names of fields; no personal data. At most 16 KiB.
    pub facts: BTreeMap<String, String>,
    /// The job that came upon it.
    pub job: Option<JobId>,
    /// When.
    pub at: DateTime<Utc>,
}

/// An item of the review list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewItem {
    /// Its number.
    pub id: ReviewId,
    /// The flow that came upon it.
    pub flow: FlowId,
    /// The record it is about.
    pub key: RecordKey,
    /// Why.
    pub kind: ReviewKind,
    /// What tells it from others of the record and kind.
    pub about: String,
    /// One sentence for people, as last raised.
    pub summary: String,
    /// Amounts, numbers, names of fields, as last raised.
    pub facts: BTreeMap<String, String>,
    /// How often the facts were others, from 1 on.
    pub revision: u64,
    /// Where it stands.
    pub state: ReviewState,
    /// When it was raised first.
    pub first_at: DateTime<Utc>,
    /// When it was raised last, also after it was decided.
    pub last_at: DateTime<Utc>,
    /// How often it was raised. A job that runs twice counts twice.
    pub times: u64,
    /// Who decided; `None` while open.
    pub decided_by: Option<String>,
    /// When; `None` while open.
    pub decided_at: Option<DateTime<Utc>>,
    /// What that person wrote; `None` while open.
    pub note: Option<String>,
    /// The job that raised it last.
    pub job: Option<JobId>,
}

/// Which items of the review list. Empty = all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReviewFilter {
    /// Only those that stand here.
    pub state: Option<ReviewState>,
    /// Only those of this kind.
    pub kind: Option<ReviewKind>,
    /// Only those of this flow.
    pub flow: Option<FlowId>,
}

impl ReviewFilter {
    pub(crate) fn fits(&self, item: &ReviewItem) -> bool {
        self.state.is_none_or(|state| item.state == state)
            && self.kind.is_none_or(|kind| item.kind == kind)
            && self.flow.as_ref().is_none_or(|flow| item.flow == *flow)
    }
}

/// An item as the scripts give it: number, fields.
pub(crate) type Stored = (u64, HashMap<String, String>);

impl ReviewItem {
    /// Reads what `lua/review.lua` describes.
    pub(crate) fn read((id, mut fields): Stored) -> Result<Self, LedgerError> {
        let mut text = |name: &str| fields.remove(name);
        Ok(Self {
            id: ReviewId(id),
            flow: parsed(text("flow"), FlowId::parse)?,
            key: parsed(text("key"), |text| Ok::<_, InvalidReview>(RecordKey::from_text(text)))?,
            kind: parsed(text("kind"), str::parse)?,
            about: parsed(text("about"), str::parse)?,
            summary: parsed(text("summary"), str::parse)?,
            facts: parsed(text("facts"), |json| serde_json::from_str(json))?,
            revision: text("revision").map_or(Ok(1), |revision| parsed(Some(revision), str::parse))?,
            state: parsed(text("state"), str::parse)?,
            first_at: instant(text("first_at"))?,
            last_at: instant(text("last_at"))?,
            times: parsed(text("times"), str::parse)?,
            decided_by: text("decided_by"),
            decided_at: text("decided_at").map(|ms| instant(Some(ms))).transpose()?,
            note: text("note"),
            job: text("job").map(|id| parsed(Some(id), JobId::parse)).transpose()?,
        })
    }
}

fn unreadable(reason: impl ToString) -> LedgerError {
    LedgerError::unreadable("review item", reason)
}

fn parsed<T, E: ToString>(text: Option<String>, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, LedgerError> {
    parse(&text.ok_or_else(|| unreadable("a field is missing"))?).map_err(unreadable)
}

fn instant(ms: Option<String>) -> Result<DateTime<Utc>, LedgerError> {
    DateTime::from_timestamp_millis(parsed(ms, str::parse)?).ok_or_else(|| unreadable("a time is out of range"))
}
