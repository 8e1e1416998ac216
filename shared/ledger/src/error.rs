//! What can go wrong in the ledger.

use mlc_model::{Fault, FaultKind, InvalidWindow, System, WindowId};

use crate::{ReviewId, ReviewItem, ReviewState};

/// The ledger could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Redis did not answer, or refused.
    #[error("the ledger's Redis failed: {0}")]
    Redis(#[from] redis::RedisError),
    /// No such window: never opened, or so old that it was pruned.
    #[error("window {0} is not in the ledger")]
    NoSuchWindow(WindowId),
    /// No such item on the review list: never given out, or decided so long ago that it was dropped.
    #[error("item {0} is not on the review list")]
    NoSuchReview(ReviewId),
    /// The item does not stand as whoever decides saw it: somebody else decided meanwhile, or took a decision back. It is
    /// given as it stands; nothing was changed.
    #[error("{}", standing(.0))]
    Decided(Box<ReviewItem>),
    /// The item was raised with other facts since whoever decides saw it. It is given as it stands; nothing was changed.
    #[error("the facts of item {} are no longer those that you saw: look at it again; nothing was changed, and no note was kept", .0.id)]
    FactsChanged(Box<ReviewItem>),
    /// A list that is gone on with from a place that it never gave.
    #[error("this is no place in the audit: begin again without it")]
    NoSuchPlace,
    /// A window that would read nothing or everything by mistake.
    #[error(transparent)]
    InvalidWindow(#[from] InvalidWindow),
    /// A stored value does not read as what this version writes.
    #[error("the ledger holds a {what} that cannot be read: {reason}")]
    Unreadable {
        /// What kind of value.
        what: &'static str,
        /// Why not; never the value itself.
        reason: String,
    },
    /// A text is longer than the ledger stores.
    #[error("{what} is too long for the ledger: {length} bytes, at most {limit}")]
    TooLong {
        /// What kind of text.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

impl LedgerError {
    pub(crate) fn unreadable(what: &'static str, reason: impl ToString) -> Self {
        Self::Unreadable { what, reason: reason.to_string() }
    }

    /// Whether Redis is well and what it holds for us is not: another type, or a value that a script of ours cannot work with. Waiting cures
    /// neither. `OOM` and its like name the script as well, under codes of their own.
    fn is_damage(error: &redis::RedisError) -> bool {
        match error.code() {
            Some("WRONGTYPE") => true,
            Some("ERR") => error.to_string().contains("user_script:"),
            _ => error.kind() == redis::ErrorKind::UnexpectedReturnType,
        }
    }
}

/// Who decided about an item and when, for somebody who comes too late.
fn standing(item: &ReviewItem) -> String {
    let (id, state) = (item.id, item.state);
    let nothing = "nothing was changed, and no note was kept";
    if state == ReviewState::Open {
        return format!("item {id} is open, there is no decision to take back: {nothing}");
    }
    let who = item.decided_by.as_deref().unwrap_or("somebody");
    let when = item.decided_at.map(|at| format!(" at {}", at.format("%Y-%m-%dT%H:%M:%SZ"))).unwrap_or_default();
    format!("item {id} was {state} by {who}{when}: {nothing}; reopen it to decide anew")
}

/// `Transient` when Redis failed, `Rejected` for what the caller gave, `Defect` for what is stored.
impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        let (kind, system) = match &error {
            LedgerError::Redis(error) if LedgerError::is_damage(error) => (FaultKind::Defect, System::Redis),
            LedgerError::Redis(_) => (FaultKind::Transient, System::Redis),
            LedgerError::TooLong { .. }
            | LedgerError::NoSuchWindow(_)
            | LedgerError::NoSuchReview(_)
            | LedgerError::Decided(_)
            | LedgerError::FactsChanged(_)
            | LedgerError::NoSuchPlace => (FaultKind::Rejected, System::Connector),
            LedgerError::InvalidWindow(_) | LedgerError::Unreadable { .. } => (FaultKind::Defect, System::Connector),
        };
        Fault::new(kind, system, "ledger", error.to_string())
    }
}
