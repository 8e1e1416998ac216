//! Forms: every control has a label, every button says what it does.

use maud::{Markup, html};

/// A field of one line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Field<'a> {
    /// Its name in what is sent; with the form's prefix also its id.
    pub(crate) name: &'a str,
    /// Makes the id differ from those of other forms on the page.
    pub(crate) form: &'a str,
    /// What people read.
    pub(crate) label: &'a str,
    /// What stands in it.
    pub(crate) value: &'a str,
    /// A line below it, such as an example.
    pub(crate) hint: &'a str,
    /// Whether it must be filled in.
    pub(crate) required: bool,
    /// `text` when left empty.
    pub(crate) kind: &'a str,
}

impl Field<'_> {
    /// The field with its label.
    pub(crate) fn show(&self) -> Markup {
        let id = format!("{}-{}", self.form, self.name);
        let hint = format!("{id}-hint");
        let kind = if self.kind.is_empty() { "text" } else { self.kind };
        html! {
            div .field {
                label for=(id) { (self.label) }
                input id=(id) type=(kind) name=(self.name) value=(self.value) required[self.required] maxlength="500"
                    autocomplete="off" aria-describedby=[(!self.hint.is_empty()).then_some(&hint)];
                @if !self.hint.is_empty() { span .hint id=(hint) { (self.hint) } }
            }
        }
    }
}

/// A choice of one among few. `options` are values and what people read; an empty value stands for "any".
pub(crate) fn select(form: &str, name: &str, label: &str, options: &[(String, String)], chosen: &str) -> Markup {
    let id = format!("{form}-{name}");
    html! {
        div .field {
            label for=(id) { (label) }
            select id=(id) name=(name) {
                @for (value, word) in options { option value=(value) selected[value == chosen] { (word) } }
            }
        }
    }
}

/// Options of [`select`] whose values read well as they are, after "any".
pub(crate) fn options<'a>(any: &str, values: impl IntoIterator<Item = &'a str>) -> Vec<(String, String)> {
    let all = (String::new(), any.to_owned());
    let named = values.into_iter().map(|value| (value.to_owned(), value.replace('_', " ")));
    std::iter::once(all).chain(named).collect()
}

/// A form that narrows the list of this page at `path`.
pub(crate) fn filters(path: &str, controls: Markup) -> Markup {
    html! {
        form .filters method="get" action=(path) aria-label="Filters" {
            (controls)
            div .actions {
                button type="submit" { "Filter" }
                a .button href=(path) { "Clear" }
            }
        }
    }
}

/// A button that acts at once: for what can be undone as easily.
pub(crate) fn act(path: &str, button: &str, class: &str) -> Markup {
    html! { form method="post" action=(path) { button class=(class) type="submit" { (button) } } }
}

/// What needs a second thought: a button that opens the form which says what will happen. `class` is that of the button that
/// acts: `primary`, or `danger` for what destroys.
pub(crate) fn confirm(path: &str, summary: &str, why: &str, fields: Markup, button: &str, class: &str) -> Markup {
    html! {
        details class=(format!("confirm {class}")) {
            summary { (summary) }
            form .form method="post" action=(path) {
                p { (why) }
                (fields)
                button class=(class) type="submit" { (button) }
            }
        }
    }
}
