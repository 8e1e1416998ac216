//! What changed between two JSON values, line by line.

use maud::{Markup, html};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::json_text::marks_shown;

/// Lines shown around a change.
const CONTEXT: usize = 3;
/// Cells of the comparison's table at most; larger differences are shown as one block out and one block in.
const CELLS: usize = 1_000_000;

/// How a line stands between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// In both.
    Same,
    /// Only before.
    Out,
    /// Only after.
    In,
    /// Lines in both were left out here; the text says how many.
    Gap,
}

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct DiffLine {
    /// How it stands between the two.
    pub(crate) change: Change,
    /// The line.
    pub(crate) text: String,
}

impl DiffLine {
    fn new(change: Change, text: &str) -> Self {
        Self { change, text: text.to_owned() }
    }
}

/// The difference of two values as lines, with a little of what stayed around each change.
pub(crate) fn lines(before: &Value, after: &Value) -> Vec<DiffLine> {
    let (before, after) = (format!("{before:#}"), format!("{after:#}"));
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let (old, new) = (&before[head..], &after[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let mut lines: Vec<DiffLine> = before[..head].iter().map(|line| DiffLine::new(Change::Same, line)).collect();
    compare(&old[..old.len() - tail], &new[..new.len() - tail], &mut lines);
    lines.extend(old[old.len() - tail..].iter().map(|line| DiffLine::new(Change::Same, line)));
    shortened(lines)
}

/// The longest lines that both share, by the table of all pairs; its size is bounded.
fn compare(old: &[&str], new: &[&str], lines: &mut Vec<DiffLine>) {
    let width = new.len() + 1;
    if (old.len() + 1).saturating_mul(width) > CELLS {
        lines.extend(old.iter().map(|line| DiffLine::new(Change::Out, line)));
        lines.extend(new.iter().map(|line| DiffLine::new(Change::In, line)));
        return;
    }
    // `shared[i * width + j]`: lines that `old[i..]` and `new[j..]` share.
    let mut shared = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            shared[i * width + j] = if old[i] == new[j] {
                shared[(i + 1) * width + j + 1] + 1
            } else {
                shared[(i + 1) * width + j].max(shared[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(DiffLine::new(Change::Same, old[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || shared[(i + 1) * width + j] >= shared[i * width + j + 1]) {
            lines.push(DiffLine::new(Change::Out, old[i]));
            i += 1;
        } else {
            lines.push(DiffLine::new(Change::In, new[j]));
            j += 1;
        }
    }
}

/// Without what stayed, but for a few lines around each change.
fn shortened(lines: Vec<DiffLine>) -> Vec<DiffLine> {
    let changed: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.change != Change::Same).map(|(place, _)| place).collect();
    let mut keep = vec![false; lines.len()];
    for place in changed {
        let last = (place + CONTEXT).min(lines.len().saturating_sub(1));
        keep[place.saturating_sub(CONTEXT)..=last].fill(true);
    }
    let (mut kept, mut left_out) = (Vec::new(), 0_usize);
    for (line, keep) in lines.into_iter().zip(keep) {
        if !keep {
            left_out += 1;
            continue;
        }
        push_gap(&mut kept, &mut left_out);
        kept.push(line);
    }
    push_gap(&mut kept, &mut left_out);
    kept
}

fn push_gap(kept: &mut Vec<DiffLine>, left_out: &mut usize) {
    match std::mem::take(left_out) {
        0 => {}
        1 => kept.push(DiffLine::new(Change::Gap, "1 line that stays")),
        n => kept.push(DiffLine { change: Change::Gap, text: format!("{n} lines that stay") }),
    }
}

/// The difference on a page. Every line says in words, for those who hear it, whether it goes or comes.
pub(crate) fn table(lines: &[DiffLine]) -> Markup {
    html! {
        div .scroll role="region" aria-label="Difference" tabindex="0" {
            ol .diff {
                @for line in lines {
                    @match line.change {
                        Change::Same => li { code { bdi { (marks_shown(line.text.clone())) } } },
                        Change::Out => li .out { del { span .hidden { "removed: " } code { bdi { (marks_shown(line.text.clone())) } } } },
                        Change::In => li .in { ins { span .hidden { "added: " } code { bdi { (marks_shown(line.text.clone())) } } } },
                        Change::Gap => li .gap { (line.text) },
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_shown_with_a_little_of_what_stays() {
        let before = json!({ "a": 1, "b": [1, 2, 3, 4, 5, 6, 7, 8, 9], "name": "old", "z": 0 });
        let after = json!({ "a": 1, "b": [1, 2, 3, 4, 5, 6, 7, 8, 9], "name": "new", "z": 0 });
        let shown: Vec<(Change, String)> =
            lines(&before, &after).into_iter().map(|line| (line.change, line.text)).collect();
        assert_eq!(shown[0], (Change::Gap, "10 lines that stay".to_owned()));
        assert!(shown.contains(&(Change::Out, "  \"name\": \"old\",".to_owned())), "{shown:?}");
        assert!(shown.contains(&(Change::In, "  \"name\": \"new\",".to_owned())), "{shown:?}");
        assert_eq!(shown.iter().filter(|(change, _)| matches!(change, Change::In | Change::Out)).count(), 2);
    }

    #[test]
    fn equal_values_have_no_changed_line() {
        let value = json!({ "a": [1, 2] });
        assert!(lines(&value, &value).iter().all(|line| line.change == Change::Gap));
    }

    #[test]
    fn inserted_lines_do_not_make_their_neighbours_new() {
        let changed = lines(&json!(["a", "b", "c"]), &json!(["a", "x", "b", "y", "c"]));
        let only = |change| changed.iter().filter(|line| line.change == change).count();
        assert_eq!((only(Change::In), only(Change::Out)), (2, 0), "{changed:?}");
    }

    #[test]
    fn two_large_values_without_a_common_line_are_compared_in_bounded_memory() {
        let (before, after): (Vec<u32>, Vec<u32>) = ((0..20_000).collect(), (20_000..40_000).collect());
        let changed = lines(&json!(before), &json!(after));
        assert_eq!(changed.iter().filter(|line| line.change == Change::In).count(), 20_000);
    }

    #[test]
    fn a_line_of_markup_shows_as_text() {
        let shown = table(&lines(&json!("x"), &json!("<script>alert(1)</script>"))).into_string();
        assert!(!shown.contains("<script>") && shown.contains("&lt;script&gt;"), "{shown}");
    }
}
