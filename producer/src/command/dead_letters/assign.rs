//! `mlc dead-letters assign`: who looks after a letter or a cause, and what is known.

use clap::Args;
use mlc_model::JobId;
use mlc_queue::{ASSIGNEE_CHARS, NOTE_CHARS, Triage, TriageKey};
use serde_json::json;

use super::not_there;
use crate::{
    Exit, Failure, Rooms,
    action::written,
    output::{Output, or_dash},
};

#[derive(Debug, Args)]
pub(crate) struct Assign {
    /// The letter.
    #[arg(required_unless_present = "cause")]
    id: Option<String>,
    /// All letters of this cause instead, as `groups` names it.
    #[arg(long, conflicts_with = "id")]
    cause: Option<String>,
    /// Who looks after it; empty for nobody.
    #[arg(long, value_name = "WHO")]
    to: Option<String>,
    /// What is known; empty for nothing.
    #[arg(long, required_unless_present = "to")]
    note: Option<String>,
}

pub(super) async fn run(command: Assign, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let Assign { id, cause, to, note } = command;
    if [&to, &note].into_iter().flatten().any(|text| text.chars().any(char::is_control)) {
        return Err(Failure::Usage("a name and a note are one line without control characters".to_owned()));
    }
    for (option, text, most) in [("to", &to, ASSIGNEE_CHARS), ("note", &note, NOTE_CHARS)] {
        let count = text.as_ref().map_or(0, |text| text.chars().count());
        if count > most {
            return Err(Failure::Usage(format!("`--{option}` has {count} characters: use at most {most}")));
        }
    }
    let said = |option: &str, text: Option<String>| match text {
        Some(text) => Ok::<_, Failure>(Some(written(option, &text)?.map(str::to_owned))),
        None => Ok(None),
    };
    let (to, note) = (said("--to", to)?, said("--note", note)?);
    let (name, key, before) = match (id, cause) {
        (Some(id), _) => {
            let job = JobId::parse(&id).map_err(|_| not_there(&id))?;
            let letter = rooms.queue.dead_letter(&job).await?.ok_or_else(|| not_there(&id))?;
            (id, TriageKey::Letter(job), letter.triage)
        }
        (None, cause) => {
            let hash = cause.unwrap_or_default();
            let found = rooms.queue.causes().await?.into_iter().find(|found| found.hash == hash);
            let found = found.ok_or_else(|| unknown_cause(&hash))?;
            (hash.clone(), TriageKey::Cause(hash), found.triage)
        }
    };
    let (old_assignee, old_note) = before.map(|before| (before.assignee, before.note)).unwrap_or_default();
    // What is not said stays.
    let assignee = to.unwrap_or_else(|| old_assignee.clone());
    let noted = note.is_some();
    let note = note.unwrap_or(old_note);
    let (by, at) = (rooms.person.to_string(), rooms.clock.now());
    let triage = Triage { assignee: assignee.clone(), note, by, at };
    let begun = rooms.begin("assign_dead_letters", name.as_str()).await?;
    let set = rooms.queue.set_triage(&key, triage.clone()).await.map_err(Failure::of_first_write);
    if !begun.unless_refused(set).await? {
        begun.withdraw().await?;
        return Err(match key {
            TriageKey::Letter(_) => not_there(&name),
            TriageKey::Cause(_) => unknown_cause(&name),
        });
    }
    // A note can hold names: the audit tells that there is one.
    let state = |assignee: &Option<String>| format!("looked after by {}", or_dash(assignee.as_deref()));
    let after = if noted { format!("{}, with a new note", state(&assignee)) } else { state(&assignee) };
    begun.close(name.as_str(), Some(state(&old_assignee)), Some(after.clone())).await?;
    output.answer(format!("{name} is {after}"), &json!({ "subject": name, "triage": triage }))?;
    Ok(Exit::Done)
}

fn unknown_cause(hash: &str) -> Failure {
    let hash: String = hash.chars().take(80).collect();
    Failure::NothingMatched(format!(
        "no dead letter has the cause `{hash}`; `mlc dead-letters groups` shows the causes"
    ))
}
