//! Stored JSON on a page: in lines, with nothing in it that does anything.

use maud::{Markup, html};
use mlc_model::is_hidden_mark;
use serde_json::Value;

/// A JSON value in lines. Marks that turn the direction of writing, and controls, stand there as JSON writes them (`\u202e`): they
/// would show the lines in another order than they have.
pub(crate) fn json_text(label: &str, value: &Value) -> Markup {
    // It scrolls in itself when it is long, so the keyboard must reach it.
    html! { pre role="region" aria-label=(label) tabindex="0" { code { bdi { (lines(value)) } } } }
}

fn lines(value: &Value) -> String {
    // Such a mark can only stand inside a text, where its escape means the same.
    marks_shown(format!("{value:#}"))
}

/// Written JSON, or a line of it, with its marks of direction and controls as JSON escapes them.
pub(crate) fn marks_shown(plain: String) -> String {
    if !plain.chars().any(is_mark) {
        return plain;
    }
    plain.chars().fold(String::with_capacity(plain.len()), |mut shown, c| {
        if is_mark(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| shown.push_str(&format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
        shown
    })
}

/// JSON escapes the other control characters itself.
fn is_mark(c: char) -> bool {
    is_hidden_mark(c) || matches!(c, '\u{7f}'..='\u{9f}')
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_of_direction_are_shown_and_do_nothing() {
        let value = json!({"name": "a\u{202e}gnp.exe\u{2066}", "b": "<script>"});
        let shown = lines(&value);
        assert!(shown.contains("a\\u202egnp.exe\\u2066"), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value, "it is still the same JSON");
        let page = json_text("x", &value).into_string();
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
    }
}
