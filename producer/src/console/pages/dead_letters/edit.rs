//! Another payload for a letter: edit, look at the difference, apply.

use maud::{Markup, html};
use mlc_accounts::Role;
use mlc_model::JobId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    action::edit::{self, FieldChange, Opened},
    console::{
        call::Call,
        components::text,
        diff::{self, DiffLine},
        error::ConsoleError,
        reply::{Done, Entry, View},
        route::Route,
    },
};

/// Changed fields that an entry of the audit names.
const NAMED: usize = 20;

/// The payload of a letter, to be edited. Business data: that somebody looked is recorded.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Editing {
    /// The letter.
    id: String,
    /// Kind of its job: what the payload must be.
    kind: String,
    /// Names exactly this payload: hand it back with the edited one.
    digest: String,
    /// The arguments of the job.
    payload: Value,
}

/// An edited payload.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EditInput {
    /// All of the new payload: as JSON, or as a text that holds JSON.
    payload: Option<Value>,
    /// The digest that came with the payload that was edited.
    digest: Option<String>,
    /// Put the letter back into its lane afterwards. For applying only.
    replay: bool,
}

/// What an edit would change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Review {
    /// The letter.
    id: String,
    /// Paths of the fields that change, such as `records[0].name`; at most 20.
    fields: Vec<String>,
    /// Whether more fields change than are named.
    more_fields: bool,
    /// The difference, line by line.
    lines: Vec<DiffLine>,
}

/// What became of an edit.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Applied {
    /// Paths of the fields that changed; at most 20.
    fields: Vec<String>,
    /// Whether the letter is back in its lane.
    replayed: bool,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::show("/dead-letters/{id}/edit", "The payload of a letter; that you looked is recorded", open)
            .needs(Role::Operator)
            .audited("view_payload")
            .answers::<Editing>(),
        Route::ask("/dead-letters/{id}/review", "What an edited payload would change; changes nothing", review)
            .audited("view_payload")
            .takes::<EditInput>()
            .answers::<Review>(),
        Route::act("/dead-letters/{id}/edit", "edit_dead_letter", "Give a letter another payload", apply)
            .takes::<EditInput>()
            .answers::<Applied>(),
    ]
}

async fn open(call: Call) -> Result<View, ConsoleError> {
    let id: JobId = call.part("id")?;
    let stored = edit::open(&call.rooms, &id).await?.editable;
    let value = Editing { id: id.to_string(), kind: stored.kind, digest: stored.digest, payload: stored.payload };
    let view = View::new("/dead-letters", format!("Edit letter {id}"), value, |value, _viewer| {
        let lines = format!("{:#}", value.payload);
        html! {
            h1 { "Payload of letter " (text(&value.id)) }
            p .note { "Business data: that you looked is recorded. Job, connection and record stay what they are." }
            (form(&value.id, &value.digest, &lines))
        }
    });
    Ok(view.recorded(Entry::about(id.as_str())))
}

fn form(id: &str, digest: &str, lines: &str) -> Markup {
    html! {
        form .payload method="post" action={ "/dead-letters/" (id) "/review" } {
            input type="hidden" name="digest" value=(digest);
            label .field {
                span { "Payload as JSON" }
                // A line break right after the tag would be swallowed, were there none.
                textarea name="payload" rows="24" spellcheck="false" autocomplete="off" required { "\n" (lines) }
            }
            button type="submit" { "Look at the difference" } " "
            a href={ "/dead-letters/" (id) } { "Back, change nothing" }
        }
    }
}

impl EditInput {
    fn digest(&self) -> Result<String, ConsoleError> {
        self.digest.clone().ok_or_else(|| ConsoleError::bad_input("`digest` is missing: open the payload first."))
    }

    /// The new payload; a form sends it as a text.
    fn payload(&self) -> Result<Value, ConsoleError> {
        let payload = match &self.payload {
            None => return Err(ConsoleError::bad_input("`payload` is missing.")),
            Some(Value::String(text)) => serde_json::from_str(text).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                ConsoleError::bad_input(format!("This is no JSON: look at line {line}, column {column}."))
            })?,
            Some(value) => value.clone(),
        };
        Ok(payload)
    }

    /// The new payload, for exactly the letter that its maker saw.
    fn fitting(&self, opened: &Opened) -> Result<Value, ConsoleError> {
        if self.digest()? != opened.editable.digest {
            return Err(ConsoleError::conflict(
                "Somebody changed this payload meanwhile: nothing was done. Open it anew.",
            ));
        }
        self.payload()
    }

    /// What was typed, to show it again.
    fn typed(&self) -> String {
        match &self.payload {
            Some(Value::String(text)) => text.clone(),
            Some(value) => format!("{value:#}"),
            None => String::new(),
        }
    }
}

/// What an edit would change, when it is one that may be made.
fn checked(input: &EditInput, opened: &Opened) -> Result<(Value, Vec<FieldChange>), ConsoleError> {
    let after = input.fitting(opened)?;
    let changes = edit::review(opened, &after)?;
    Ok((after, changes))
}

/// Paths of what changes, and whether there are more.
fn paths(changes: &[FieldChange]) -> (Vec<String>, bool) {
    (changes.iter().take(NAMED).map(|change| change.path.clone()).collect(), changes.len() > NAMED)
}

async fn review(call: Call) -> Result<View, ConsoleError> {
    let id: JobId = call.part("id")?;
    let input: EditInput = call.input()?;
    let opened = edit::open(&call.rooms, &id).await?;
    let (after, changes) = match checked(&input, &opened) {
        Ok(checked) => checked,
        // What was typed must not be lost over a comma.
        Err(error) => return Ok(again(&id, &input, error)),
    };
    let (fields, more_fields) = paths(&changes);
    let lines = diff::lines(&opened.editable.payload, &after);
    let value = Review { id: id.to_string(), fields, more_fields, lines };
    let digest = opened.editable.digest;
    let view = View::new("/dead-letters", format!("Changes to letter {id}"), value, move |value, _viewer| {
        html! {
            h1 { "Changes to the payload of letter " (text(&value.id)) }
            p { "Nothing is changed yet. The audit keeps the names of the fields, not what stands in them." }
            h2 { "Fields" }
            ul {
                @for field in &value.fields { li { code { (text(field)) } } }
                @if value.more_fields { li { "and more" } }
            }
            h2 { "Difference" }
            (diff::table(&value.lines))
            form .payload method="post" action={ "/dead-letters/" (value.id) "/edit" } {
                input type="hidden" name="digest" value=(digest);
                input type="hidden" name="payload" value=(after.to_string());
                button .primary type="submit" name="replay" value="true" { "Apply and replay the letter" } " "
                button .quiet type="submit" name="replay" value="false" { "Apply, leave it on the shelf" } " "
                a href={ "/dead-letters/" (value.id) } { "Back, change nothing" }
            }
            details { summary { "Edit on" } (form(&value.id, &digest, &format!("{after:#}"))) }
        }
    });
    Ok(view.recorded(Entry::about(id.as_str())))
}

fn again(id: &JobId, input: &EditInput, error: ConsoleError) -> View {
    let (id, typed) = (id.to_string(), input.typed());
    let digest = input.digest.clone().unwrap_or_default();
    let message = error.message.clone();
    let view = View::new("/dead-letters", format!("Edit letter {id}"), Value::Null, move |_, _viewer| {
        html! {
            h1 { "Payload of letter " (text(&id)) }
            p .message .error role="alert" { (text(&message)) }
            (form(&id, &digest, &typed))
        }
    });
    view.refused(error)
}

async fn apply(call: Call) -> Result<Done, ConsoleError> {
    let id: JobId = call.part("id")?;
    let input: EditInput = call.input()?;
    let opened = edit::open(&call.rooms, &id).await?;
    let after = input.fitting(&opened)?;
    let edited = edit::edit(&call.rooms, &opened, &after).await?;
    let by = call.viewer.person.as_str();
    // From here on the payload is changed: whatever fails now, the entry of the edit must be left.
    let replay = if input.replay { Some(replayed_after_edit(&call, &id, by).await) } else { None };
    let replayed = matches!(replay, Some(Ok(true)));
    let message = match replay {
        None => "The payload is changed. The letter is still on the shelf.",
        Some(Ok(true)) => "The payload is changed and the letter replayed.",
        Some(Ok(false)) => "The payload is changed; the letter had left the shelf before it could be replayed.",
        Some(Err(_)) => "The payload is changed; whether the letter was replayed is not known. Look at it again.",
    };
    let (fields, _) = paths(&edited.changes);
    Ok(Done {
        message: message.to_owned(),
        back: if replayed { format!("/jobs/{id}") } else { format!("/dead-letters/{id}") },
        answer: json!(Applied { fields, replayed }),
        entry: Entry {
            subject: id.to_string(),
            before: Some(edited.before),
            after: Some(edited.after),
            sealed: Some(edited.sealed),
            who: None,
        },
    })
}

/// Replays a letter that was just edited, with an entry of its own: the route's entry tells of the edit. False when it was gone.
async fn replayed_after_edit(call: &Call, id: &JobId, by: &str) -> Result<bool, ConsoleError> {
    let begun = call.rooms.begin("replay_dead_letters", id.as_str()).await?;
    let replayed = begun.unless_refused(call.rooms.queue.replay(std::slice::from_ref(id), by).await).await?;
    if replayed.jobs.is_empty() {
        begun.withdraw().await?;
        return Ok(false);
    }
    begun.close(id.as_str(), None, Some("1 replayed, edited".to_owned())).await?;
    Ok(true)
}
