//! Controls of forms, each with its label, and what people may type into them.

use maud::{Markup, html};
use mlc_queue::QueueError;

use super::error::ConsoleError;
use crate::action;

/// Longest note or name that a person types.
const TYPED_CHARS: usize = action::REASON_CHARS;

/// A line of text.
pub(crate) fn text_field(label: &str, name: &str, value: Option<&str>) -> Markup {
    bounded_field(label, name, value, TYPED_CHARS)
}

/// A line of text with a bound of its own, in characters.
pub(crate) fn bounded_field(label: &str, name: &str, value: Option<&str>, most: usize) -> Markup {
    html! {
        label .field { span { (label) } input type="text" name=(name) value=[value] maxlength=(most) autocomplete="off"; }
    }
}

/// One of several; the empty choice says what leaving it out means. A value that is none of the choices is kept and shown.
pub(crate) fn choice<'a>(
    label: &str,
    name: &str,
    any: &str,
    choices: impl IntoIterator<Item = &'a str>,
    chosen: Option<&str>,
) -> Markup {
    let mut choices: Vec<&str> = choices.into_iter().collect();
    if let Some(chosen) = chosen.filter(|chosen| !choices.contains(chosen)) {
        choices.push(chosen);
    }
    html! {
        label .field {
            span { (label) }
            select name=(name) {
                option value="" { (any) }
                @for choice in choices { option value=(choice) selected[Some(choice) == chosen] { (choice) } }
            }
        }
    }
}

/// The reason for something that cannot be undone.
pub(crate) fn reason_field(example: &str) -> Markup {
    html! {
        label .field {
            span { "Reason, for those who wonder later (no personal data)" }
            input type="text" name="reason" required maxlength=(TYPED_CHARS) placeholder=(example) autocomplete="off";
        }
    }
}

/// Values that a form carries along unseen.
pub(crate) fn carried(pairs: &[(String, String)]) -> Markup {
    html! { @for (name, value) in pairs { input type="hidden" name=(name) value=(value); } }
}

/// The query with these parameters set anew, or without them; empty ones are left out.
pub(crate) fn query_with(query: &str, changes: &[(&str, Option<&str>)]) -> String {
    let mut pairs: Vec<(String, String)> = serde_html_form::from_str(query).unwrap_or_default();
    pairs.retain(|(name, value)| !value.is_empty() && changes.iter().all(|(changed, _)| changed != name));
    let set = changes.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned())));
    pairs.extend(set);
    serde_html_form::to_string(&pairs).unwrap_or_default()
}

/// The address of a path with that query.
pub(crate) fn address(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// How many entries of a list to show.
///
/// # Errors
/// `BadInput` for a number outside 1 to 200.
pub(crate) fn page_limit(limit: Option<usize>) -> Result<usize, ConsoleError> {
    let limit = limit.unwrap_or(50);
    if (1..=200).contains(&limit) {
        return Ok(limit);
    }
    Err(ConsoleError::bad_input(format!("`limit` is {limit}: use 1 to 200.")))
}

/// The refusal of a place in a list that this queue did not give out; everything else as it is.
pub(crate) fn cursor_error(error: QueueError) -> ConsoleError {
    match error {
        QueueError::Answer(_) => ConsoleError::bad_input("`after` is no place in this list: begin at its first page."),
        other => other.into(),
    }
}

/// A text that a person typed, of one line and bounded; empty = nothing was typed.
///
/// # Errors
/// `BadInput`, naming the field, also where it is not empty and only looks so.
pub(crate) fn typed(name: &str, text: &str) -> Result<String, ConsoleError> {
    typed_within(name, text, TYPED_CHARS)
}

/// A text that a person typed, of one line and at most `most` characters.
///
/// # Errors
/// `BadInput`, naming the field.
pub(crate) fn typed_within(name: &str, text: &str, most: usize) -> Result<String, ConsoleError> {
    let text = action::written(name, text)?.unwrap_or_default();
    let count = text.chars().count();
    if count > most || text.chars().any(char::is_control) {
        let message = format!("`{name}` has {count} characters: use at most {most}, on one line.");
        return Err(ConsoleError::bad_input(message));
    }
    Ok(text.to_owned())
}

/// A reason, where one is needed.
///
/// # Errors
/// `BadInput`.
pub(crate) fn needed_reason(text: Option<&str>) -> Result<String, ConsoleError> {
    Ok(action::reason(text.unwrap_or_default())?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_bounded_and_on_one_line() {
        assert!(typed("note", " asked by Lena ").is_ok_and(|text| text == "asked by Lena"));
        assert!(typed("note", "").is_ok_and(|text| text.is_empty()));
        let long = "x".repeat(501);
        for wrong in ["a\nb", "\u{1b}[2J", "\u{200b}\u{feff}", " ", long.as_str()] {
            let error = typed("note", wrong).err().map(|error| error.message).unwrap_or_default();
            assert!(error.contains("`note`"), "{wrong:?}: {error}");
        }
        assert!(needed_reason(None).is_err() && needed_reason(Some(" \n")).is_err());
        assert!(needed_reason(Some(" twice ")).is_ok_and(|text| text == "twice"));
    }

    #[test]
    fn a_changed_query_keeps_the_rest() {
        let query = query_with("lane=a&state=dead&kind=&after=1.2", &[("state", Some("ready")), ("after", None)]);
        assert_eq!(query, "lane=a&state=ready");
        assert_eq!(address("/jobs", &query_with("lane=a", &[("lane", None)])), "/jobs");
    }

    #[test]
    fn a_choice_that_is_no_longer_offered_stays_visible() {
        let shown = choice("Lane", "lane", "any", ["a"], Some("gone")).into_string();
        assert!(shown.contains("<option value=\"gone\" selected>gone</option>"), "{shown}");
    }
}
