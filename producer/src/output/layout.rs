//! Tables as wide as the terminal.
//!
//! Ids, record keys and instants are copied into the next command, so no cell is ever cut or broken within a word. Columns
//! that do not fit stand below their row, each with its name.

use comfy_table::{Table, presets};

/// Columns of a terminal that leave no room for a sentence: wider than any id.
const NARROWEST: usize = 40;
/// What stands below its row is indented by this.
const INDENT: &str = "    ";
/// Groups dead letters and is long; the reason beside it says the same in words.
const CAUSE: &str = "CAUSE";

/// The table as text. `width` is that of the terminal; `None` = any.
pub(super) fn lay_out(header: &[&str], rows: Vec<Vec<String>>, width: Option<usize>) -> String {
    let width = width.map_or(usize::MAX, |width| width.max(NARROWEST));
    let beside = columns_beside(header, &rows, width);
    if beside == header.len() {
        return table(header, rows);
    }
    let is_dropped = |column: usize| header[column] == CAUSE && header.contains(&"REASON");
    let (mut heads, mut below) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for mut row in rows {
        let rest = row.split_off(beside);
        // One line per row, so that what is below can be put below it.
        heads.push(row.into_iter().map(|cell| cell.replace('\n', " ")).collect());
        let named = rest.into_iter().enumerate().map(|(at, cell)| (beside + at, cell));
        let told = named.filter(|(column, cell)| !is_dropped(*column) && !cell.is_empty() && cell != "-");
        below.push(told.map(|(column, cell)| (header[column], cell)).collect::<Vec<_>>());
    }
    let above = table(&header[..beside], heads);
    let mut lines = above.lines();
    let mut out: Vec<String> = lines.next().map(str::to_owned).into_iter().collect();
    for (line, cells) in lines.zip(below) {
        out.push(line.to_owned());
        out.extend(fill(&cells, width));
    }
    out.join("\n")
}

fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header).add_rows(rows);
    table.trim_fmt()
}

/// How many columns fit beside each other, at least one.
fn columns_beside(header: &[&str], rows: &[Vec<String>], width: usize) -> usize {
    let mut used = 0_usize;
    let fitting = header.iter().enumerate().take_while(|(column, name)| {
        let cells = rows.iter().flat_map(|row| row[*column].lines());
        // One space on either side.
        used += cells.chain([**name]).map(length).max().unwrap_or(0) + 2;
        used <= width
    });
    fitting.count().max(1)
}

/// Named cells, indented. Words share lines; a sentence has its own. Lines are broken at spaces only.
fn fill(cells: &[(&str, String)], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for (name, cell) in cells {
        let is_sentence = cell.contains(char::is_whitespace);
        let piece = format!("{name} {}", cell.split_whitespace().collect::<Vec<_>>().join(" "));
        let is_too_long = length(INDENT) + length(&line) + 2 + length(&piece) > width;
        if !line.is_empty() && (is_sentence || is_too_long) {
            lines.push(std::mem::take(&mut line));
        }
        if is_sentence {
            lines.extend(broken(&piece, width - length(INDENT)));
        } else {
            let gap = if line.is_empty() { "" } else { "  " };
            line = format!("{line}{gap}{piece}");
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines.into_iter().map(|line| format!("{INDENT}{line}")).collect()
}

/// A sentence in lines of `width`; a longer word has a line of its own.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if length(line) + 1 + length(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [&str; 7] = ["ID", "DIED", "CONNECTION", "SUBJECT", "FAULT", "CAUSE", "REASON"];
    const REASON: &str = "the property credit_terms_code_of_the_vendor has the value N30, which HubSpot does not know; \
                          add it as an option of the property";

    fn letter() -> Vec<String> {
        let cells = [
            "1k9e8p0q00000abcdef",
            "2026-11-22T05:00:00Z",
            "hubspot-main",
            "EPIC06:VEND:1234567890",
            "rejected",
            "hubspot/rejected/companies.batch_upsert/INVALID_OPTION/credit_terms_code",
            REASON,
        ];
        cells.map(str::to_owned).to_vec()
    }

    #[test]
    fn no_word_is_cut_in_a_terminal_of_any_width_and_no_line_is_longer() {
        for width in [1, 40, 60, 80, 100, 132, 200, 400] {
            let text = lay_out(&HEADER, vec![letter(), letter()], Some(width));
            for (cell, name) in letter().iter().zip(HEADER).filter(|(_, name)| *name != CAUSE) {
                for word in cell.split(' ') {
                    assert!(text.contains(word), "{name} `{word}` is cut at {width}:\n{text}");
                }
            }
            let longest = text.lines().map(length).max().unwrap_or(0);
            assert!(longest <= width.max(NARROWEST), "{longest} columns at {width}:\n{text}");
        }
    }

    #[test]
    fn at_80_columns_the_reason_has_its_own_line_and_the_cause_goes() {
        let text = lay_out(&HEADER, vec![letter()], Some(80));
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert!(lines[0].starts_with("ID") && lines[0].ends_with("CONNECTION"), "{text}");
        assert_eq!(lines[2], "SUBJECT EPIC06:VEND:1234567890  FAULT rejected");
        assert!(lines[3].starts_with("REASON the property"), "{text}");
        assert!(!text.contains(CAUSE), "{text}");
    }

    #[test]
    fn a_file_and_a_wide_terminal_get_every_column() {
        for width in [None, Some(500)] {
            let text = lay_out(&HEADER, vec![letter()], width);
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(text.contains(REASON) && text.contains("INVALID_OPTION"));
        }
    }

    #[test]
    fn what_is_absent_takes_no_line_below() {
        let row = vec!["x".repeat(39), "-".to_owned(), String::new()];
        assert_eq!(lay_out(&["ID", "AT", "WHY"], vec![row], Some(40)).lines().count(), 2);
    }
}
