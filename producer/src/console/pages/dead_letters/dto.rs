//! Dead letters as the API tells them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;
use mlc_queue::{CameBack, DeadLetter, Preview, Triage};
use schemars::JsonSchema;
use serde::Serialize;

use crate::console::{
    call::Viewer,
    components::{badge, facts, number, or_dash, table, text, time},
    pages::jobs::dto::FaultSeen,
};

/// Letters shown of those that an action would hit.
const EXAMPLES: usize = 5;

/// A job that was given up, with the reason.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Letter {
    /// The job.
    pub(crate) id: String,
    /// Its connection.
    pub(crate) lane: String,
    /// Kind of work.
    pub(crate) kind: String,
    /// Record key, window or flow.
    pub(crate) subject: Option<String>,
    /// In a list that was asked for a whole record key: a batch between whose two ends the record lies. It may carry it; an
    /// action on all that match leaves it alone.
    pub(crate) may_carry: bool,
    /// Why it was given up.
    pub(crate) fault: FaultSeen,
    /// When.
    pub(crate) died_at: DateTime<Utc>,
    /// Names the group of letters with the same cause.
    pub(crate) cause: String,
    /// Failed attempts since it was accepted or replayed.
    pub(crate) attempts: u32,
    /// Replays so far.
    pub(crate) replays: u32,
    /// Who looks after it, and a note; null when nobody said.
    pub(crate) triage: Option<TriageSeen>,
    /// The same for all letters of its cause: it counts for a letter without an assignee of its own.
    pub(crate) cause_triage: Option<TriageSeen>,
    /// It was replayed before, with an assignee or a note, which it has kept; null when that is not known.
    pub(crate) came_back: Option<CameBackSeen>,
}

impl Letter {
    /// As that person may see it.
    pub(crate) fn seen_by(letter: &DeadLetter, viewer: &Viewer) -> Self {
        Self {
            id: letter.job.id.to_string(),
            lane: letter.job.lane.to_string(),
            kind: letter.job.kind.clone(),
            subject: letter.job.subject.clone(),
            may_carry: letter.job.may_carry,
            fault: FaultSeen::seen_by(&letter.fault, viewer),
            died_at: letter.died_at,
            cause: letter.cause.clone(),
            attempts: letter.job.attempts,
            replays: letter.job.replays,
            triage: letter.triage.as_ref().map(|triage| TriageSeen::seen_by(triage, viewer)),
            cause_triage: letter.cause_triage.as_ref().map(|triage| TriageSeen::seen_by(triage, viewer)),
            came_back: letter.came_back.as_ref().map(CameBackSeen::from),
        }
    }

    /// Who looks after it, and after all letters of its cause.
    pub(crate) fn looked_after(&self) -> Markup {
        html! {
            @if let Some(triage) = &self.triage { (triage.line()) }
            @if let Some(triage) = &self.cause_triage {
                @if self.triage.is_some() { br; }
                span .note { "Its cause: " } (triage.line())
            }
            @if self.triage.is_none() && self.cause_triage.is_none() { (or_dash(None)) }
        }
    }
}

/// That a letter came back after a replay.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct CameBackSeen {
    /// How often so far.
    pub(crate) times: u32,
    /// The job that was replayed last; the letter's own where that job died again.
    pub(crate) previous: String,
}

impl From<&CameBack> for CameBackSeen {
    fn from(back: &CameBack) -> Self {
        Self { times: back.times, previous: back.previous.to_string() }
    }
}

impl CameBackSeen {
    /// How often, such as `once` or `3 times`, with the way to the job before.
    pub(crate) fn line(&self, id: &str) -> Markup {
        html! {
            (badge("warn", "came back")) " "
            @match self.times { 1 => "once", times => { (number(u64::from(times))) " times" } }
            @if self.previous != id { ", last from " a href={ "/jobs/" (self.previous) } { "job " code { (text(&self.previous)) } } }
        }
    }
}

/// Who looks after a letter or a group, and a note.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TriageSeen {
    /// Who looks after it.
    pub(crate) assignee: Option<String>,
    /// What is known about it; null for who may only look, because people write names into notes.
    pub(crate) note: Option<String>,
    /// Who said so.
    pub(crate) by: String,
    /// When.
    pub(crate) at: DateTime<Utc>,
}

impl TriageSeen {
    /// As that person may see it.
    pub(crate) fn seen_by(triage: &Triage, viewer: &Viewer) -> Self {
        Self {
            assignee: triage.assignee.clone(),
            note: triage.note.clone().filter(|_| viewer.may(Role::Operator)),
            by: triage.by.clone(),
            at: triage.at,
        }
    }

    /// One line.
    pub(crate) fn line(&self) -> Markup {
        html! {
            @if let Some(assignee) = &self.assignee { strong { (text(assignee)) } " " }
            @if let Some(note) = &self.note { span .note { (text(note)) } }
        }
    }
}

/// What an action on many letters would hit.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Hits {
    /// How many letters match; at least so many where not `complete`.
    pub(crate) letters: u64,
    /// Whether `letters` is the true number.
    pub(crate) complete: bool,
    /// Letters that the shares below are of: the newest ones, where looking at all would take too long.
    pub(crate) counted: u64,
    /// Letters of batches that may carry the record key that was asked for, seen on the way: an action leaves them alone.
    pub(crate) may_carry: u64,
    /// How many of them, by connection.
    pub(crate) by_lane: Vec<Share>,
    /// How many of them, by kind of job.
    pub(crate) by_kind: Vec<Share>,
    /// When the oldest of them died.
    pub(crate) oldest: Option<DateTime<Utc>>,
    /// When the newest of them died.
    pub(crate) newest: Option<DateTime<Utc>>,
    /// A few of them.
    pub(crate) examples: Vec<Letter>,
}

/// A part of the letters.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Share {
    /// Name of the connection or kind.
    pub(crate) name: String,
    /// Letters.
    pub(crate) letters: u64,
}

impl Hits {
    /// As that person may see them.
    pub(crate) fn seen_by(preview: Preview, viewer: &Viewer) -> Self {
        let share = |(name, letters): (String, u64)| Share { name, letters };
        Self {
            letters: preview.letters,
            complete: preview.complete,
            counted: preview.counted,
            may_carry: preview.may_carry,
            by_lane: preview.by_lane.into_iter().map(share).collect(),
            by_kind: preview.by_kind.into_iter().map(share).collect(),
            oldest: preview.oldest,
            newest: preview.newest,
            examples: preview.examples.iter().map(|letter| Letter::seen_by(letter, viewer)).collect(),
        }
    }

    /// Of what a page of the list found; `complete` when that is all.
    pub(crate) fn of_page(found: &[DeadLetter], complete: bool, viewer: &Viewer) -> Self {
        let (may_carry, hit): (Vec<_>, Vec<_>) = found.iter().partition(|letter| letter.job.may_carry);
        let (mut by_lane, mut by_kind) = (BTreeMap::new(), BTreeMap::new());
        for letter in &hit {
            *by_lane.entry(letter.job.lane.to_string()).or_default() += 1;
            *by_kind.entry(letter.job.kind.clone()).or_default() += 1;
        }
        let preview = Preview {
            letters: hit.len() as u64,
            complete,
            counted: hit.len() as u64,
            may_carry: may_carry.len() as u64,
            by_lane,
            by_kind,
            // The newest stands first.
            oldest: hit.last().map(|letter| letter.died_at),
            newest: hit.first().map(|letter| letter.died_at),
            examples: hit.into_iter().take(EXAMPLES).cloned().collect(),
        };
        Self::seen_by(preview, viewer)
    }

    /// How many, such as `3 letters` or `at least 2 000 letters`.
    pub(crate) fn words(&self) -> String {
        let about = if self.complete { "" } else { "at least " };
        format!("{about}{}", letters(self.letters))
    }

    /// What is not hit although it may be meant.
    pub(crate) fn left_alone(&self) -> Markup {
        html! {
            @if self.may_carry > 0 {
                p .message .warn {
                    "Not hit: " (letters(self.may_carry)) " of batches that may carry the record. A batch names its first and last \
                     record only: open it to see, and act on it by itself."
                }
            }
        }
    }

    /// The preview on a page.
    pub(crate) fn show(&self, now: DateTime<Utc>) -> Markup {
        let shares = |shares: &[Share]| {
            html! {
                ul .bare { @for share in shares { li { (text(&share.name)) ": " (number(share.letters)) } } }
            }
        };
        html! {
            (facts(&[
                ("Letters", html! { strong { (self.words()) } }),
                ("By connection", shares(&self.by_lane)),
                ("By kind", shares(&self.by_kind)),
                ("Oldest", self.oldest.map_or_else(|| or_dash(None), |at| time(at, now))),
                ("Newest", self.newest.map_or_else(|| or_dash(None), |at| time(at, now))),
            ]))
            @if self.counted < self.letters {
                p .note { "By connection and kind: of the newest " (number(self.counted)) " of them." }
            }
            @if !self.complete {
                p .note { "Looking stopped early because there are many: the action goes on to the end." }
            }
            @if !self.examples.is_empty() { (examples(&self.examples, now)) }
        }
    }
}

fn examples(letters: &[Letter], now: DateTime<Utc>) -> Markup {
    let rows = html! {
        @for letter in letters {
            tr {
                th scope="row" { a href={ "/dead-letters/" (letter.id) } { (text(letter.subject.as_deref().unwrap_or(&letter.id))) } }
                td { (text(&letter.lane)) }
                td .long { (text(&letter.fault.message)) }
                td { (time(letter.died_at, now)) }
            }
        }
    };
    table("Examples", &["Example", "Connection", "Reason", "Died"], rows)
}

/// How many letters, in words.
pub(crate) fn letters(n: u64) -> String {
    if n == 1 { "1 letter".to_owned() } else { format!("{} letters", number(n)) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;
    use crate::Person;

    #[test]
    fn a_note_is_for_operators() {
        let triage = Triage {
            assignee: Some("lena".to_owned()),
            note: Some("ask Otto".to_owned()),
            by: "lena".to_owned(),
            at: DateTime::default(),
        };
        let seen = |role| {
            let viewer = Viewer { person: Person::named("max").unwrap(), role, logged_in: true };
            let seen = TriageSeen::seen_by(&triage, &viewer);
            (seen.assignee, seen.note)
        };
        assert_eq!(seen(Role::ReadOnly), (Some("lena".to_owned()), None));
        assert_eq!(seen(Role::Operator), (Some("lena".to_owned()), Some("ask Otto".to_owned())));
    }
}
