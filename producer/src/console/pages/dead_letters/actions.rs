//! What can be done with chosen letters: replay, discard, say who looks after them.

use std::collections::HashSet;

use maud::{Markup, html};
use mlc_accounts::Role;
use mlc_model::JobId;
use mlc_queue::{ASSIGNEE_CHARS, NOTE_CHARS, Triage, TriageKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    dto::{self, Letter, TriageSeen},
    list,
};
use crate::{
    Failure,
    console::{
        call::Call,
        error::ConsoleError,
        forms::{bounded_field, needed_reason, reason_field, typed_within},
        reply::{Done, Entry, View},
        route::Route,
    },
};

/// Where letters are replayed.
pub(super) const REPLAY: &str = "/dead-letters/replay";
/// Where letters are discarded.
pub(super) const DISCARD: &str = "/dead-letters/discard";
/// Most letters that are chosen one by one; more are an operation by filter.
const CHOSEN_MAX: usize = 200;

/// Letters chosen one by one.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Chosen {
    /// The letters, 1 to 200.
    ids: Vec<String>,
    /// Discard only, and needed there: why, for those who wonder later. Without personal data.
    reason: Option<String>,
    /// The page to go back to; for forms.
    back: Option<String>,
}

/// The letters that were chosen, to look at before they are discarded.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ChosenLetters {
    /// Those that are on the shelf.
    letters: Vec<Letter>,
    /// Those that are not, or not any more.
    missing: Vec<String>,
}

/// Who looks after a letter or a group. What is left out is taken away.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TriageInput {
    /// Who looks after it.
    assignee: Option<String>,
    /// A note for other operators.
    note: Option<String>,
}

/// Which letters were hit.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Acted {
    /// Letters that it was done to.
    done: Vec<String>,
    /// Letters that were not on the shelf any more.
    missing: Vec<String>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::act(REPLAY, "replay_dead_letters", "Put chosen letters back into their lanes", replay)
            .takes::<Chosen>()
            .answers::<Acted>(),
        Route::act(DISCARD, "discard_dead_letters", "Delete chosen letters for good", discard)
            .takes::<Chosen>()
            .answers::<Acted>(),
        Route::show("/dead-letters/chosen", "Chosen letters, before they are discarded", chosen)
            .needs(Role::Operator)
            .asks::<Chosen>()
            .answers::<ChosenLetters>(),
        Route::act("/dead-letters/{id}/triage", "assign_dead_letters", "Say who looks after a letter", triage_letter)
            .takes::<TriageInput>(),
        Route::act(
            "/dead-letters/causes/{cause}/triage",
            "assign_dead_letters",
            "Say who looks after the letters of a cause",
            triage_cause,
        )
        .takes::<TriageInput>(),
    ]
}

impl Chosen {
    fn ids(&self) -> Result<Vec<JobId>, ConsoleError> {
        if self.ids.is_empty() {
            return Err(ConsoleError::bad_input("No letter is chosen: tick at least one."));
        }
        if self.ids.len() > CHOSEN_MAX {
            let message = format!("More than {CHOSEN_MAX} letters are chosen: act on all that match a filter instead.");
            return Err(ConsoleError::bad_input(message));
        }
        let parse = |id: &String| JobId::parse(id).map_err(|_| ConsoleError::bad_input("`ids` holds what is no id."));
        self.ids.iter().map(parse).collect()
    }

    /// Where a form goes back to: a page of the letters, nowhere else.
    fn back(&self) -> String {
        let back = self.back.clone().unwrap_or_default();
        if back.starts_with("/dead-letters") { back } else { "/dead-letters".to_owned() }
    }
}

async fn replay(call: Call) -> Result<Done, ConsoleError> {
    let chosen: Chosen = call.input()?;
    let ids = chosen.ids()?;
    let replayed = call.rooms.queue.replay(&ids, call.viewer.person.as_str()).await?.jobs;
    done(&chosen, &ids, &replayed, "replayed", None)
}

async fn discard(call: Call) -> Result<Done, ConsoleError> {
    let chosen: Chosen = call.input()?;
    let ids = chosen.ids()?;
    let reason = needed_reason(chosen.reason.as_deref())?;
    let gone = call.rooms.queue.discard(&ids, call.viewer.person.as_str(), &reason).await?;
    done(&chosen, &ids, &gone, "discarded", Some(&reason))
}

fn done(
    chosen: &Chosen,
    asked: &[JobId],
    hit: &[JobId],
    what: &str,
    reason: Option<&str>,
) -> Result<Done, ConsoleError> {
    let hit_ids: HashSet<&JobId> = hit.iter().collect();
    let missing: Vec<String> = asked.iter().filter(|id| !hit_ids.contains(id)).map(ToString::to_string).collect();
    if hit.is_empty() {
        return Err(ConsoleError::not_found(format!(
            "Nothing was {what}: {} not on the shelf any more.",
            if asked.len() == 1 { "that letter is" } else { "those letters are" }
        )));
    }
    let acted = dto::letters(hit.len() as u64);
    let rest = if missing.is_empty() {
        String::new()
    } else {
        format!(" {} not on the shelf any more.", dto::letters(missing.len() as u64))
    };
    // All of them: whoever asks for one finds who did what to it.
    let subject = hit.iter().map(JobId::as_str).collect::<Vec<_>>().join(" ");
    let after = match reason {
        Some(reason) => format!("{} {what}: {reason}", hit.len()),
        None => format!("{} {what}", hit.len()),
    };
    let acted_on = Acted { done: hit.iter().map(ToString::to_string).collect(), missing };
    Ok(Done {
        message: format!("{acted} {what}.{rest}"),
        back: chosen.back(),
        answer: json!(acted_on),
        entry: Entry::about(subject).after(after),
    })
}

async fn chosen(call: Call) -> Result<View, ConsoleError> {
    let chosen: Chosen = call.query()?;
    let (mut letters, mut missing) = (Vec::new(), Vec::new());
    for id in chosen.ids()? {
        match call.rooms.queue.dead_letter(&id).await? {
            Some(letter) => letters.push(Letter::seen_by(&letter, &call.viewer)),
            None => missing.push(id.to_string()),
        }
    }
    if letters.is_empty() {
        return Err(ConsoleError::not_found("None of those letters is on the shelf any more."));
    }
    let (back, now) = (chosen.back(), call.now);
    let value = ChosenLetters { letters, missing };
    Ok(View::new("/dead-letters", "Discard chosen letters", value, move |value, _viewer| {
        let count = dto::letters(value.letters.len() as u64);
        html! {
            h1 { "Discard " (count) "?" }
            p { "They are deleted for good and never run again. Who did it and why is kept in the audit." }
            @if !value.missing.is_empty() {
                p .message .warn { "Not on the shelf any more, of those chosen: " (dto::letters(value.missing.len() as u64)) "." }
            }
            (list::rows(&value.letters, false, now))
            form .form method="post" action=(DISCARD) {
                @for letter in &value.letters { input type="hidden" name="ids" value=(letter.id); }
                input type="hidden" name="back" value=(back);
                (reason_field("entered twice by mistake"))
                button .danger type="submit" { "Discard " (count) } " "
                a href=(back) { "Back, discard nothing" }
            }
        }
    }))
}

/// The form that says who looks after a letter or a group.
pub(super) fn triage_form(action: &str, triage: Option<&TriageSeen>) -> Markup {
    html! {
        form .form method="post" action=(action) {
            (bounded_field("Looked after by", "assignee", triage.and_then(|triage| triage.assignee.as_deref()), ASSIGNEE_CHARS))
            (bounded_field("Note, for operators", "note", triage.and_then(|triage| triage.note.as_deref()), NOTE_CHARS))
            button type="submit" { "Save who looks after it" }
        }
    }
}

async fn triage_letter(call: Call) -> Result<Done, ConsoleError> {
    let id: JobId = call.part("id")?;
    let letter = call.rooms.queue.dead_letter(&id).await?.ok_or_else(|| not_there(&id))?;
    let back = format!("/dead-letters/{id}");
    triage(call, TriageKey::Letter(id.clone()), id.to_string(), letter.triage, back).await
}

async fn triage_cause(call: Call) -> Result<Done, ConsoleError> {
    let cause = call.text("cause").to_owned();
    let causes = call.rooms.queue.causes().await?;
    let known = causes.into_iter().find(|known| known.hash == cause);
    let known = known.ok_or_else(|| ConsoleError::not_found("No letter with that cause is on the shelf."))?;
    triage(call, TriageKey::Cause(cause.clone()), cause, known.triage, "/dead-letters".to_owned()).await
}

async fn triage(
    call: Call,
    key: TriageKey,
    subject: String,
    before: Option<Triage>,
    back: String,
) -> Result<Done, ConsoleError> {
    let input: TriageInput = call.input()?;
    let read = |name: &str, text: Option<&String>, most: usize| {
        let text = typed_within(name, text.map(String::as_str).unwrap_or_default(), most)?;
        Ok::<_, ConsoleError>((!text.is_empty()).then_some(text))
    };
    let triage = Triage {
        assignee: read("assignee", input.assignee.as_ref(), ASSIGNEE_CHARS)?,
        note: read("note", input.note.as_ref(), NOTE_CHARS)?,
        by: call.viewer.person.to_string(),
        at: call.now,
    };
    let same = |before: &Triage| before.assignee == triage.assignee && before.note == triage.note;
    let nothing = triage.assignee.is_none() && triage.note.is_none();
    if before.as_ref().map_or(nothing, same) {
        return Err(ConsoleError::conflict("Nothing changed: it says so already."));
    }
    let after = in_words(&triage);
    if !call.rooms.queue.set_triage(&key, triage).await.map_err(Failure::of_first_write)? {
        return Err(ConsoleError::not_found("It is not on the shelf any more."));
    }
    Ok(Done {
        message: "Saved who looks after it.".to_owned(),
        back,
        answer: json!({ "saved": true }),
        entry: Entry::about(subject)
            .before(before.as_ref().map_or_else(|| "looked after by nobody".to_owned(), in_words))
            .after(after),
    })
}

/// For the audit: the words of a note stay with the letter.
fn in_words(triage: &Triage) -> String {
    let assignee = triage.assignee.as_deref().unwrap_or("nobody");
    let note = if triage.note.is_some() { "with a note" } else { "without a note" };
    format!("looked after by {assignee}, {note}")
}

/// What is said of a letter that is not there.
pub(super) fn not_there(id: &JobId) -> ConsoleError {
    let id: String = id.as_str().chars().take(80).collect();
    ConsoleError::not_found(format!("Letter {id} is not on the shelf: it was replayed or discarded, or never was."))
}
