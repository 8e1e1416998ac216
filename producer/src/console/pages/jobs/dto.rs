//! Jobs and faults as the API tells them.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;
use mlc_model::{Fault, System};
use mlc_queue::{JobState, JobView};
use schemars::JsonSchema;
use serde::Serialize;

use crate::console::{
    call::Viewer,
    components::{badge, text},
    error::{ConsoleError, ErrorKind},
};

/// One job, without its payload.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Job {
    /// Its id.
    pub(crate) id: String,
    /// `ready`, `delayed`, `running` or `dead`.
    pub(crate) state: &'static str,
    /// Its connection.
    pub(crate) lane: String,
    /// `person`, `normal` or `backfill`.
    pub(crate) priority: &'static str,
    /// Kind of work.
    pub(crate) kind: String,
    /// Record key, window or flow.
    pub(crate) subject: Option<String>,
    /// When it was accepted.
    pub(crate) enqueued_at: DateTime<Utc>,
    /// `delayed`: when it is due. `running`: when its lease ends unless extended. `dead`: when it died. Else null.
    pub(crate) at: Option<DateTime<Utc>>,
    /// `delayed`: why it waits; null when it was ordered for later.
    pub(crate) why: Option<String>,
    /// Failed attempts since it was accepted or replayed.
    pub(crate) attempts: u32,
    /// Attempts until the dead-letter shelf.
    pub(crate) max_attempts: u32,
    /// Longest run, in seconds.
    pub(crate) timeout_s: u64,
    /// Workers that died while they held it, since it was accepted or replayed.
    pub(crate) crashes: u32,
    /// How often it was put off through no fault of its own.
    pub(crate) snoozes: u32,
    /// Replays from the shelf.
    pub(crate) replays: u32,
    /// Whether other orders like it are absorbed.
    pub(crate) unique: bool,
    /// The job it follows from.
    pub(crate) parent: Option<String>,
    /// The first job of its chain.
    pub(crate) trace: String,
    /// Size in Redis, in bytes.
    pub(crate) bytes: u64,
    /// In a list that was asked for a whole record key: a batch between whose two ends the record lies. It may carry it.
    pub(crate) may_carry: bool,
}

impl Job {
    /// A job as a viewer may see it.
    pub(crate) fn seen_by(job: &JobView, viewer: &Viewer) -> Self {
        Self {
            id: job.id.to_string(),
            state: state(job.state),
            lane: job.lane.to_string(),
            priority: job.priority.as_str(),
            kind: job.kind.clone(),
            subject: job.subject.clone(),
            enqueued_at: job.enqueued_at,
            at: job.at,
            why: why_for(job, viewer),
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            timeout_s: job.timeout.as_secs(),
            crashes: job.crashes,
            snoozes: job.snoozes,
            replays: job.replays,
            unique: job.unique,
            parent: job.parent.as_ref().map(ToString::to_string),
            trace: job.trace.clone(),
            bytes: job.bytes as u64,
            may_carry: job.may_carry,
        }
    }
}

/// What went wrong. Holds no personal data.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct FaultSeen {
    /// `transient`, `limited`, `unauthorized`, `rejected`, `uncertain` or `defect`.
    pub(crate) kind: &'static str,
    /// Who said so.
    pub(crate) system: &'static str,
    /// What was being done.
    pub(crate) operation: String,
    /// HTTP status, where there was an answer.
    pub(crate) status: Option<u16>,
    /// The system's own code for the cause.
    pub(crate) code: Option<String>,
    /// The field it is about.
    pub(crate) field: Option<String>,
    /// The system's correlation id: its support asks for it.
    pub(crate) correlation_id: Option<String>,
    /// The reason, for people; for who may only look not in the words of Epicor or of a shop, because those may name people.
    pub(crate) message: String,
}

/// Whether somebody may read the words of every fault. HubSpot's are rid of values before they get here, and ours hold none.
pub(crate) fn may_read_words(viewer: &Viewer) -> bool {
    viewer.may(Role::Operator)
}

/// That a filter does not search in words which the viewer may not read: its hits would tell them.
///
/// # Errors
/// `Forbidden`.
pub(crate) fn words_may_be_searched(error: Option<&str>, viewer: &Viewer) -> Result<(), ConsoleError> {
    if error.is_none() || may_read_words(viewer) {
        return Ok(());
    }
    Err(ConsoleError::new(
        ErrorKind::Forbidden,
        "To search in reasons (`error`) needs the role operator: they may name people.",
    ))
}

/// What stands in place of the words of Epicor and of a shop for those who may not read them.
pub(crate) const NOT_SHOWN: &str = "What the system said is shown to operators: it may name people.";

/// The words of a fault, for a viewer.
pub(crate) fn message_for(fault: &Fault, viewer: &Viewer) -> String {
    if fault.is_in_their_words() && !may_read_words(viewer) { NOT_SHOWN.to_owned() } else { fault.message.clone() }
}

/// The reason of one of many letters with one cause, for a viewer; `cause` begins with the system.
pub(crate) fn example_for(cause: &str, example: &str, viewer: &Viewer) -> String {
    let theirs = cause.split('/').next().is_some_and(is_talkative);
    if theirs && !may_read_words(viewer) { NOT_SHOWN.to_owned() } else { example.to_owned() }
}

/// Whether a system puts words of its own into its refusals, values among them.
pub(crate) fn is_talkative(system: &str) -> bool {
    system == System::Epicor.as_str() || system == System::Adobe.as_str()
}

/// Why a job waits, for a viewer: after a failure that is the fault.
pub(crate) fn why_for(job: &JobView, viewer: &Viewer) -> Option<String> {
    let why = job.why.clone()?;
    match job.failed.last() {
        Some(note) if note.fault.to_string() == why && !may_read_words(viewer) => {
            Some(message_for(&note.fault, viewer))
        }
        _ => Some(why),
    }
}

impl FaultSeen {
    /// A fault as a viewer may see it.
    pub(crate) fn seen_by(fault: &Fault, viewer: &Viewer) -> Self {
        Self {
            kind: fault.kind.as_str(),
            system: fault.system.as_str(),
            operation: fault.operation.clone(),
            status: fault.status,
            code: fault.code.clone(),
            field: fault.field.clone(),
            correlation_id: fault.correlation_id.clone(),
            message: message_for(fault, viewer),
        }
    }
}

impl FaultSeen {
    /// What support needs, on one line.
    pub(crate) fn details(&self) -> Markup {
        html! {
            span .note {
                (text(self.system)) " · " (text(&self.operation))
                @if let Some(status) = self.status { " · HTTP " (status) }
                @if let Some(code) = &self.code { " · code " (text(code)) }
                @if let Some(field) = &self.field { " · field " (text(field)) }
                @if let Some(id) = &self.correlation_id { " · correlation id " code { (text(id)) } }
            }
        }
    }
}

/// The state as it stands in addresses and answers.
pub(crate) fn state(state: JobState) -> &'static str {
    match state {
        JobState::Ready => "ready",
        JobState::Delayed => "delayed",
        JobState::Running => "running",
        JobState::Dead => "dead",
    }
}

/// Behind the subject of a batch that does not name the record that was asked for.
pub(crate) fn may_carry(may_carry: bool) -> Markup {
    html! { @if may_carry { " " (badge("plain", "may carry it")) } }
}

/// The state as a coloured word.
pub(crate) fn state_badge(state: &str) -> Markup {
    let tone = match state {
        "running" => "busy",
        "done" => "good",
        "dead" => "bad",
        "delayed" | "discarded" => "warn",
        _ => "plain",
    };
    badge(tone, state)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_model::FaultKind;

    use super::*;
    use crate::Person;

    fn viewer(role: Role) -> Viewer {
        Viewer { person: Person::named("rita").unwrap(), role, logged_in: true }
    }

    #[test]
    fn who_may_only_look_reads_our_words_and_hubspots_and_nobody_elses() {
        let (looks, acts) = (viewer(Role::ReadOnly), viewer(Role::Operator));
        for (system, hidden) in
            [(System::Epicor, true), (System::Adobe, true), (System::Hubspot, false), (System::Connector, false)]
        {
            let fault = Fault::new(FaultKind::Rejected, system, "x.write", "Otto Meier is not valid").with_status(400);
            assert_eq!(message_for(&fault, &looks) == NOT_SHOWN, hidden, "{system}");
            assert_eq!(example_for(&fault.cause(), &fault.message, &looks) == NOT_SHOWN, hidden, "{system}");
            assert_eq!(message_for(&fault, &acts), fault.message);
            assert_eq!(example_for(&fault.cause(), &fault.message, &acts), fault.message);
        }
        let ours = Fault::new(FaultKind::Rejected, System::Epicor, "vendors.read", "the row cannot be read");
        assert_eq!(message_for(&ours, &looks), ours.message, "without an answer the words are ours");
        assert!(words_may_be_searched(Some("meier"), &looks).is_err() && words_may_be_searched(None, &looks).is_ok());
        assert!(words_may_be_searched(Some("meier"), &acts).is_ok());
    }
}
