//! The entry of an action, in two halves: that it begins, before anything is changed, and how it ended. Whoever dies in between
//! leaves the first one, and the audit tells that an outcome is not known.

use mlc_ledger::PersonAction;

use super::Change;
use crate::{Failure, Rooms};

/// How such an entry is told.
pub(crate) const UNFINISHED: &str = "began, outcome unknown";

/// An action that began. Dropped without an end it stays in the audit as one whose outcome is not known.
#[derive(Debug)]
#[must_use = "what began has to be closed or withdrawn"]
pub(crate) struct Begun {
    rooms: Rooms,
    what: String,
    place: String,
}

impl Rooms {
    /// Records that the rooms' person begins an action, as far as it is known what to.
    ///
    /// # Errors
    /// `Redis`: the action must not be carried out then.
    pub(crate) async fn begin(&self, what: &str, subject: impl Into<String>) -> Result<Begun, Failure> {
        let action = self.action(what, subject.into(), None, None, None);
        let place = self.ledger.begin_action(&action).await.map_err(|error| match Failure::from(error) {
            Failure::Redis(text) => {
                Failure::Redis(format!("nothing was done, for its entry cannot be written: {text}"))
            }
            other => other,
        })?;
        Ok(Begun { rooms: self.clone(), what: what.to_owned(), place })
    }
}

impl Begun {
    /// What an attempt gave. A refusal takes the entry back, and so does a full Redis that refused the first write: nothing was done.
    /// After any other failure of Redis, or a defect, nobody knows what was done, and the entry stays.
    ///
    /// # Errors
    /// The attempt's own.
    pub(crate) async fn unless_refused<T, E: Into<Failure>>(&self, attempt: Result<T, E>) -> Result<T, Failure> {
        let failure = match attempt {
            Ok(done) => return Ok(done),
            Err(error) => error.into(),
        };
        if !matches!(failure, Failure::Redis(_) | Failure::Defect(_)) {
            // One that cannot be taken back says that its outcome is not known, which is less than is known, and not wrong.
            let _ = self.rooms.ledger.withdraw_action(&self.place).await;
        }
        Err(failure)
    }

    /// Takes the entry back: nothing was done.
    ///
    /// # Errors
    /// `Redis`: the entry stays.
    pub(crate) async fn withdraw(self) -> Result<(), Failure> {
        Ok(self.rooms.ledger.withdraw_action(&self.place).await?)
    }

    /// Records how it ended.
    ///
    /// # Errors
    /// `Redis`: the action itself has taken effect, and its entry tells that it began.
    pub(crate) async fn close(
        self,
        subject: impl Into<String>,
        before: Option<String>,
        after: Option<String>,
    ) -> Result<(), Failure> {
        self.close_sealed(subject, before, after, None).await
    }

    /// Records how it ended, with what only some may read: [`PersonAction::sealed`].
    ///
    /// # Errors
    /// `Redis`, as [`Begun::close`].
    pub(crate) async fn close_sealed(
        self,
        subject: impl Into<String>,
        before: Option<String>,
        after: Option<String>,
        sealed: Option<String>,
    ) -> Result<(), Failure> {
        let action: PersonAction = self.rooms.action(&self.what, subject.into(), before, after, sealed);
        self.rooms.ledger.finish_action(&self.place, &action).await.map_err(|error| match Failure::from(error) {
            Failure::Redis(text) => Failure::Redis(format!(
                "this was done, but its entry in the audit could not be closed and tells only that it began: {text}"
            )),
            other => other,
        })
    }

    /// Records what it changed.
    ///
    /// # Errors
    /// `Redis`, as [`Begun::close`].
    pub(crate) async fn close_with(self, change: &Change) -> Result<(), Failure> {
        self.close(change.subject.clone(), Some(change.before.clone()), Some(change.after.clone())).await
    }
}
