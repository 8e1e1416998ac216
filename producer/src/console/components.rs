//! Small pieces that pages are made of. Every text from outside goes through [`text`], so that it shows and does nothing.

mod chart;
mod forms;
mod layout;

use chrono::{DateTime, SecondsFormat, Utc};
use maud::{Markup, html};

pub(crate) use self::{
    chart::{Chart, Days, Line, chart, value_text},
    forms::{Field, act, confirm, filters, options, select},
    layout::{Step, Tab, card, cards, head, meter, progress, tabs, timeline},
};

/// Longest stored text that a page shows whole.
const SHOWN: usize = 2_000;

/// A text from outside: isolated, so that marks for right-to-left writing end where it ends, and cut visibly when very long.
pub(crate) fn text(text: &str) -> Markup {
    match text.char_indices().nth(SHOWN) {
        None => html! { bdi { (text) } },
        Some((cut, _)) => html! { bdi { (text[..cut]) } " " span .cut { "… (" (text.len()) " bytes, cut here)" } },
    }
}

/// An optional text, or a dash.
pub(crate) fn or_dash(value: Option<&str>) -> Markup {
    match value {
        Some(value) if !value.is_empty() => text(value),
        _ => html! { span .none title="none" { "–" } },
    }
}

/// An instant: the exact one for machines and on hover, its distance for people.
pub(crate) fn time(at: DateTime<Utc>, now: DateTime<Utc>) -> Markup {
    let exact = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    html! { time datetime=(exact) title=(exact) { (distance(at, now)) } }
}

/// How long ago or how soon, such as `3 min ago`.
pub(crate) fn distance(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let secs = (now - at).num_seconds();
    let words = span(secs.unsigned_abs());
    match secs {
        -1..=1 => "now".to_owned(),
        2.. => format!("{words} ago"),
        _ => format!("in {words}"),
    }
}

/// A span of seconds in its largest unit.
pub(crate) fn span(secs: u64) -> String {
    match secs {
        0..=119 => format!("{secs} s"),
        120..=7_199 => format!("{} min", secs / 60),
        7_200..=172_799 => format!("{} h", secs / 3_600),
        _ => format!("{} d", secs / 86_400),
    }
}

/// A number with thin spaces between thousands.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// A state as a word with a colour; the word alone says it too. `tone`: `good`, `busy`, `warn`, `bad` or `plain`.
pub(crate) fn badge(tone: &str, word: &str) -> Markup {
    html! { span class=(format!("badge {tone}")) { (word) } }
}

/// A part of a page that is shown anew when one of its `topics` changed; see `pages::events` for their names. `id` is the
/// part's own on its page, and stays the same.
pub(crate) fn live(id: &str, topics: &str, content: Markup) -> Markup {
    html! { div id=(id) data-live=(topics) { (content) } }
}

/// A table that scrolls in itself when it is wide. `label` says what it lists. A column of numbers has a `#` before its name, and
/// its cells the class `n`.
pub(crate) fn table(label: &str, columns: &[&str], rows: Markup) -> Markup {
    table_of("scroll", label, columns, rows)
}

/// A table with forms in its last column. On a phone a row's cells stand below each other, so that no form is out of sight: each
/// of the others has the name of its column as `data-label`.
pub(crate) fn stacked(label: &str, columns: &[&str], rows: Markup) -> Markup {
    table_of("scroll stacked", label, columns, rows)
}

fn table_of(class: &str, label: &str, columns: &[&str], rows: Markup) -> Markup {
    html! {
        div class=(class) role="region" aria-label=(label) tabindex="0" {
            table {
                thead {
                    tr {
                        @for column in columns {
                            @match column.strip_prefix('#') {
                                Some(name) => { th .n scope="col" { (name) } }
                                None => { th scope="col" { (column) } }
                            }
                        }
                    }
                }
                tbody { (rows) }
            }
        }
    }
}

/// What stands where a list has nothing to show.
pub(crate) fn empty(sentence: &str) -> Markup {
    html! { p .empty { (sentence) } }
}

/// Names and values.
pub(crate) fn facts(pairs: &[(&str, Markup)]) -> Markup {
    html! { dl .facts { @for (name, value) in pairs { div { dt { (name) } dd { (value) } } } } }
}

/// The link to the next part of a list: the same path and query with another `after`.
pub(crate) fn next_page(path: &str, query: &str, next: Option<&str>) -> Markup {
    let Some(next) = next else { return html! {} };
    let mut pairs: Vec<(String, String)> = serde_html_form::from_str(query).unwrap_or_default();
    pairs.retain(|(name, value)| name != "after" && !value.is_empty());
    pairs.push(("after".to_owned(), next.to_owned()));
    let query = serde_html_form::to_string(&pairs).unwrap_or_default();
    html! { nav .pager aria-label="Pages" { a .button rel="next" href=(format!("{path}?{query}")) { "Next" } } }
}

/// A part of a path, whatever stands in it.
pub(crate) fn segment(text: &str) -> String {
    let mut part = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'@' => part.push(byte.into()),
            _ => part.push_str(&format!("%{byte:02X}")),
        }
    }
    part
}

/// The page of a record.
pub(crate) fn record_path(flow: &str, key: &str) -> String {
    format!("/records/{}/{}", segment(flow), segment(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_is_escaped_isolated_and_cut_visibly() {
        let shown = text("<script>alert(1)</script>\u{202e}x").into_string();
        assert_eq!(shown, "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;\u{202e}x</bdi>");
        let long = text(&"ä".repeat(32_768)).into_string();
        assert!(long.len() < 5_000 && long.contains("65536 bytes, cut here"), "{}", long.len());
    }

    #[test]
    fn a_number_and_a_span_are_told_as_people_say_them() {
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(number(12), "12");
        assert_eq!([span(59), span(130), span(7_200), span(200_000)], ["59 s", "2 min", "2 h", "2 d"]);
    }

    #[test]
    fn a_key_is_one_part_of_a_path_whatever_stands_in_it() {
        assert_eq!(record_path("a::b", "E:V:1"), "/records/a::b/E:V:1");
        assert_eq!(segment("a/b?c#d%e ä\"<"), "a%2Fb%3Fc%23d%25e%20%C3%A4%22%3C");
    }

    #[test]
    fn the_next_page_keeps_the_filters() {
        let link = next_page("/jobs", "kind=push_record&after=1.2&lane=", Some("3.4")).into_string();
        assert!(link.contains("/jobs?kind=push_record&amp;after=3.4"), "{link}");
    }
}
