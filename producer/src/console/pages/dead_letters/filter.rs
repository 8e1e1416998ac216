//! Which letters: as people ask for them, as the queue looks for them, and in words.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use maud::{Markup, html};
use mlc_model::{ConnectionId, FaultKind};
use mlc_queue::{DeadFilter, Lane};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    action::letter_terms,
    console::{
        call::Call,
        error::ConsoleError,
        forms::{choice, text_field},
        pages::jobs::dto::{may_read_words, words_may_be_searched},
    },
};

/// All kinds of fault that a letter can have died of.
const FAULTS: [FaultKind; 6] = [
    FaultKind::Transient,
    FaultKind::Limited,
    FaultKind::Unauthorized,
    FaultKind::Rejected,
    FaultKind::Uncertain,
    FaultKind::Defect,
];

/// Which letters, as people ask. Empty = all. An unknown parameter is refused: a filter that was misspelt must not hit more
/// than was meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Which {
    /// Only this cause, as the groups name it.
    pub(crate) cause: Option<String>,
    /// Only this connection.
    pub(crate) lane: Option<String>,
    /// Only this kind of job, such as `push_record`.
    pub(crate) kind: Option<String>,
    /// Only this kind of fault: `transient`, `limited`, `unauthorized`, `rejected`, `uncertain` or `defect`.
    pub(crate) fault: Option<String>,
    /// Only subjects (record key, window, flow) that contain this text, in any case. For a whole record key the list shows
    /// batches that may carry it too; an action leaves them alone.
    pub(crate) subject: Option<String>,
    /// Only reasons that contain this text, in any case.
    pub(crate) error: Option<String>,
    /// Only letters that this person looks after.
    pub(crate) assignee: Option<String>,
    /// Only letters at least so old, such as `2h` or `3d`.
    pub(crate) older_than: Option<String>,
    /// Only letters that died at this time or earlier.
    pub(crate) until: Option<DateTime<Utc>>,
    /// Where the page before ended: its `next`.
    pub(crate) after: Option<String>,
    /// Most letters on a page, 1 to 200; 50 without it.
    pub(crate) limit: Option<usize>,
}

impl Which {
    /// What narrows the choice, by name; the time of looking does not.
    fn terms(&self) -> [(&'static str, &Option<String>); 8] {
        let Self { cause, lane, kind, fault, subject, error, assignee, older_than, .. } = self;
        [
            ("cause", cause),
            ("lane", lane),
            ("kind", kind),
            ("fault", fault),
            ("subject", subject),
            ("error", error),
            ("assignee", assignee),
            ("older_than", older_than),
        ]
    }

    /// The name of the first parameter that narrows the choice; `None` = every letter.
    pub(crate) fn narrowed_by(&self) -> Option<&'static str> {
        self.terms().into_iter().find(|(_, value)| value.is_some()).map(|(name, _)| name)
    }

    /// Whether anything narrows the choice.
    pub(crate) fn is_filtered(&self) -> bool {
        self.narrowed_by().is_some()
    }

    /// Refuses an empty text, which is in every letter: an operation must not take it for a choice. Forms leave empty fields out.
    ///
    /// # Errors
    /// `BadInput`, naming the parameter.
    pub(crate) fn refuse_blank(&self) -> Result<(), ConsoleError> {
        match letter_terms::blank(self.terms()) {
            None => Ok(()),
            Some(name) => {
                let text = format!("`{name}` is empty, which would be every letter: leave it out, or say which.");
                Err(ConsoleError::bad_input(text))
            }
        }
    }

    /// As the queue looks for them.
    ///
    /// # Errors
    /// `BadInput` and `NotFound`, naming the parameter; `Forbidden` for words that the viewer may not read.
    pub(crate) async fn read(&self, call: &Call) -> Result<DeadFilter, ConsoleError> {
        words_may_be_searched(self.error.as_deref(), &call.viewer)?;
        let lane = match &self.lane {
            Some(name) => Some(known_lane(call, name).await?),
            None => None,
        };
        let fault = match &self.fault {
            Some(name) => Some(fault(name)?),
            None => None,
        };
        let aged = match &self.older_than {
            Some(age) => Some(before(call.now, age)?),
            None => None,
        };
        // The earlier one holds.
        let until = [aged, self.until].into_iter().flatten().min();
        let Self { cause, kind, subject, error, assignee, .. } = self.clone();
        Ok(DeadFilter { lane, kind, fault, cause, subject, error, assignee, since: None, until })
    }

    /// Names and values, without place and length of the page.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let exact = self.until.map(|until| until.to_rfc3339_opts(SecondsFormat::Millis, true));
        [
            ("cause", &self.cause),
            ("lane", &self.lane),
            ("kind", &self.kind),
            ("fault", &self.fault),
            ("subject", &self.subject),
            ("error", &self.error),
            ("assignee", &self.assignee),
            ("older_than", &self.older_than),
            ("until", &exact),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
        .collect()
    }

    /// The same as the part of an address behind the question mark.
    pub(crate) fn query(&self) -> String {
        serde_html_form::to_string(self.pairs()).unwrap_or_default()
    }
}

/// The choice in words, such as `cause 1f…, connection hubspot-main`.
pub(crate) fn words(filter: &DeadFilter) -> String {
    let exact = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let words: Vec<String> = [
        filter.cause.as_ref().map(|cause| format!("cause {cause}")),
        filter.lane.as_ref().map(|lane| format!("connection {lane}")),
        filter.kind.as_ref().map(|kind| format!("kind {kind}")),
        filter.fault.map(|fault| format!("fault {fault}")),
        filter.subject.as_ref().map(|text| format!("subject contains “{text}”")),
        filter.error.as_ref().map(|text| format!("reason contains “{text}”")),
        filter.assignee.as_ref().map(|name| format!("looked after by {name}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let what = if words.is_empty() { "all dead letters".to_owned() } else { words.join(", ") };
    match &filter.until {
        Some(until) => format!("{what}, died until {}", exact(until)),
        None => what,
    }
}

/// Like [`words`], with the cause as people read it instead of its short name, as long as letters of it are there.
pub(crate) async fn told(call: &Call, filter: &DeadFilter) -> Result<String, ConsoleError> {
    let Some(cause) = &filter.cause else { return Ok(words(filter)) };
    let causes = call.rooms.queue.causes().await?;
    let text = causes.into_iter().find(|known| known.hash == *cause).map(|known| known.text);
    Ok(words(&DeadFilter { cause: Some(text.unwrap_or_else(|| cause.clone())), ..filter.clone() }))
}

async fn known_lane(call: &Call, name: &str) -> Result<Lane, ConsoleError> {
    Ok(call.rooms.lane(name).await?)
}

fn fault(name: &str) -> Result<FaultKind, ConsoleError> {
    letter_terms::fault_kind(name)
        .map_err(|why| ConsoleError::bad_input(format!("`fault` is no kind of fault: {why}.")))
}

fn before(now: DateTime<Utc>, age: &str) -> Result<DateTime<Utc>, ConsoleError> {
    let age = letter_terms::age(age).map_err(|why| ConsoleError::bad_input(format!("`older_than`: {why}.")))?;
    // Older than time itself: nothing matches.
    Ok(TimeDelta::from_std(age).ok().and_then(|age| now.checked_sub_signed(age)).unwrap_or_default())
}

/// The form that filters the list.
pub(crate) fn form(which: &Which, call: &FormContext) -> Markup {
    let lanes = call.lanes.iter().map(String::as_str);
    html! {
        form .filters method="get" action="/dead-letters/list" role="search" aria-label="Filter dead letters" {
            (choice("Connection", "lane", "any", lanes, which.lane.as_deref()))
            (choice("Kind", "kind", "any", mlc_flow::JOB_KINDS, which.kind.as_deref()))
            (choice("Fault", "fault", "any", FAULTS.map(FaultKind::as_str), which.fault.as_deref()))
            (text_field("Record or subject", "subject", which.subject.as_deref()))
            @if call.words { (text_field("Reason", "error", which.error.as_deref())) }
            (text_field("Cause", "cause", which.cause.as_deref()))
            (text_field("Looked after by", "assignee", which.assignee.as_deref()))
            (text_field("At least so old (2h, 3d)", "older_than", which.older_than.as_deref()))
            button type="submit" { "Filter" }
            @if which.is_filtered() { a href="/dead-letters/list" { "Clear the filters" } }
        }
    }
}

/// What the form offers.
#[derive(Debug, Clone)]
pub(crate) struct FormContext {
    lanes: Vec<String>,
    /// Whether reasons may be searched.
    words: bool,
}

impl FormContext {
    /// The connections that are configured, and the one that is asked for.
    pub(crate) fn of(call: &Call) -> Self {
        let words = may_read_words(&call.viewer);
        Self { words, lanes: call.rooms.settings.connections.keys().map(ConnectionId::to_string).collect() }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_choice_survives_the_way_through_an_address() {
        let which = Which {
            lane: Some("hubspot-main".to_owned()),
            subject: Some("EPIC06:VEND:1 & <b>".to_owned()),
            older_than: Some("2h".to_owned()),
            until: DateTime::from_timestamp_millis(1_763_800_000_123),
            ..Which::default()
        };
        assert_eq!(serde_html_form::from_str::<Which>(&which.query()).unwrap(), which);
    }

    #[test]
    fn a_choice_is_told_in_words() {
        let filter = DeadFilter {
            fault: Some(FaultKind::Rejected),
            subject: Some("<b>".to_owned()),
            until: DateTime::from_timestamp_millis(1_763_800_000_123),
            ..DeadFilter::default()
        };
        assert_eq!(words(&filter), "fault rejected, subject contains “<b>”, died until 2025-11-22T08:26:40Z");
        assert_eq!(words(&DeadFilter::default()), "all dead letters");
    }

    #[test]
    fn a_misspelt_filter_is_refused() {
        assert!(serde_html_form::from_str::<Which>("lanes=hubspot-main").is_err());
    }

    #[test]
    fn an_age_needs_its_unit() {
        let now = DateTime::from_timestamp_millis(1_763_800_000_000).unwrap();
        assert_eq!(before(now, "2h").unwrap(), now - TimeDelta::hours(2));
        assert!(before(now, "2").is_err() && before(now, "old").is_err());
        assert!(before(now, "500000000d").unwrap() < now);
    }
}
