//! What can go wrong with accounts.

use crate::{AccountName, InvalidAccountName};

/// An account could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// Redis did not answer, or refused.
    #[error("the accounts' Redis failed: {0}")]
    Redis(#[from] redis::RedisError),
    /// A text that cannot be a login name.
    #[error(transparent)]
    Name(#[from] InvalidAccountName),
    /// A text that is not made a login name any more: one name could look like another.
    #[error(
        "a new login name is of the letters a to z, digits, `.`, `_` and `-`, and begins with a letter or a digit, such as `lena`"
    )]
    NewName,
    /// The name is taken, perhaps with other capitals.
    #[error("there is an account `{0}` already")]
    NameTaken(AccountName),
    /// No such account.
    #[error("there is no account `{0}`")]
    NoSuchAccount(AccountName),
    /// Nobody could manage accounts any more.
    #[error("`{0}` is the last admin who can log in: make somebody else an admin first")]
    LastAdmin(AccountName),
    /// The account is in that state already.
    #[error("nothing to change: {0}")]
    Unchanged(String),
    /// A bound was reached.
    #[error("there are {0} already, which is the most")]
    Full(&'static str),
    /// The password is too easily guessed. Says why, never what it was.
    #[error("the password {0}")]
    WeakPassword(&'static str),
    /// The current password that was given is not the account's.
    #[error("the current password is another one")]
    WrongPassword,
    /// The current password was given wrongly too often.
    #[error("too many tries: wait {} s", .0.as_secs().max(1))]
    TooManyTries(std::time::Duration),
    /// A token's name that is none, or taken; an expiry out of bounds; a role above its owner's.
    #[error("{0}")]
    Token(String),
    /// The account was changed meanwhile, again and again.
    #[error("account `{0}` was changed by somebody else meanwhile: look again")]
    Conflict(AccountName),
    /// Too many log in at the same time.
    #[error("too many people log in at this moment: try again in a few seconds")]
    Busy,
    /// A stored value does not read as what this version writes.
    #[error("the stored {what} cannot be read: {reason}")]
    Unreadable {
        /// What kind of value.
        what: &'static str,
        /// Why not; never the value itself.
        reason: String,
    },
    /// A broken invariant of our own.
    #[error("{0}")]
    Defect(String),
}

impl AccountsError {
    pub(crate) fn unreadable(what: &'static str, reason: impl ToString) -> Self {
        Self::Unreadable { what, reason: reason.to_string() }
    }
}
