//! What a handler gives back.

use axum::response::Response;
use maud::Markup;
use serde::Serialize;
use serde_json::Value;

use super::{call::Viewer, error::ConsoleError};
use crate::{Person, action::Change};

/// What a handler gives back.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Something to look at.
    View(View),
    /// Something that was done.
    Done(Done),
    /// Something that was done, with more to answer than where to go.
    Act(Box<Act>),
    /// Anything else.
    Raw(Raw),
}

/// An answer that the frame leaves alone, but for its security headers.
#[derive(Debug)]
pub(crate) struct Raw {
    /// The answer.
    pub(crate) response: Response,
    /// The entry for the audit, for a route that leaves one.
    pub(crate) entry: Option<Entry>,
}

/// The same thing as a page and as JSON.
pub(crate) struct View {
    /// Title of the page.
    pub(crate) title: String,
    /// The section of the navigation that it belongs to: the path of its list, such as `/jobs`.
    pub(crate) section: &'static str,
    /// The entry for the audit, where looking leaves one.
    pub(crate) entry: Option<Entry>,
    /// Why this shows again what was sent, instead of what was asked for.
    pub(crate) refusal: Option<ConsoleError>,
    value: Box<dyn FnOnce() -> Value + Send>,
    page: Box<dyn FnOnce(&Viewer) -> Markup + Send>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("title", &self.title).finish_non_exhaustive()
    }
}

impl View {
    /// `value` is what the API answers, `page` the content of the page made of the same value.
    pub(crate) fn new<T: Serialize + Clone + Send + 'static>(
        section: &'static str,
        title: impl Into<String>,
        value: T,
        page: impl FnOnce(&T, &Viewer) -> Markup + Send + 'static,
    ) -> Self {
        let shown = value.clone();
        Self {
            title: title.into(),
            section,
            entry: None,
            refusal: None,
            value: Box::new(move || serde_json::to_value(value).unwrap_or(Value::Null)),
            page: Box::new(move |viewer| page(&shown, viewer)),
        }
    }

    /// With an entry for the audit.
    #[must_use]
    pub(crate) fn recorded(mut self, entry: Entry) -> Self {
        self.entry = Some(entry);
        self
    }

    /// A page that shows again what was sent and tells why it cannot be taken, so that nobody types it twice. It has the
    /// error's status; the API answers the error alone.
    #[must_use]
    pub(crate) fn refused(mut self, error: ConsoleError) -> Self {
        self.refusal = Some(error);
        self
    }

    pub(super) fn value(self) -> Value {
        (self.value)()
    }

    pub(super) fn page(self, viewer: &Viewer) -> Markup {
        (self.page)(viewer)
    }
}

/// Something that was done.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// One sentence for the person who did it, without personal data.
    pub(crate) message: String,
    /// The page to go back to.
    pub(crate) back: String,
    /// What the API answers.
    pub(crate) answer: Value,
    /// What the audit keeps.
    pub(crate) entry: Entry,
}

/// Something that was done, with more to answer than where to go.
#[derive(Debug)]
pub(crate) struct Act {
    /// What was done, with its entry.
    pub(crate) done: Done,
    /// Cookies to set, whole.
    pub(crate) cookies: Vec<String>,
    /// A page that is shown at once and never again, instead of the way back.
    pub(crate) page: Option<View>,
}

impl From<Done> for Act {
    fn from(done: Done) -> Self {
        Self { done, cookies: Vec::new(), page: None }
    }
}

/// What the audit keeps of an action, beside who, what and when. Holds no secret and no personal data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    /// What it was done to, such as a lane or a job.
    pub(crate) subject: String,
    /// State before, where there is one.
    pub(crate) before: Option<String>,
    /// State after, where there is one.
    pub(crate) after: Option<String>,
    /// What may be personal data, sealed: [`mlc_ledger::PersonAction::sealed`].
    pub(crate) sealed: Option<String>,
    /// Who did it, where that was not yet known when it began; `None` = the viewer.
    pub(crate) who: Option<Person>,
}

impl From<Change> for Entry {
    fn from(change: Change) -> Self {
        Self {
            subject: change.subject,
            before: Some(change.before),
            after: Some(change.after),
            sealed: None,
            who: None,
        }
    }
}

impl Entry {
    /// An entry about `subject`.
    pub(crate) fn about(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), ..Self::default() }
    }

    /// With the state before.
    #[must_use]
    pub(crate) fn before(mut self, text: impl Into<String>) -> Self {
        self.before = Some(text.into());
        self
    }

    /// With the state after.
    #[must_use]
    pub(crate) fn after(mut self, text: impl Into<String>) -> Self {
        self.after = Some(text.into());
        self
    }

    /// Done by somebody who was not known when it began.
    #[must_use]
    pub(crate) fn by(mut self, person: Person) -> Self {
        self.who = Some(person);
        self
    }
}
