//! The one way to standard output: tables and lines for people, JSON for scripts.

use std::io::{self, Write as _};

use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::Table;
use mlc_model::is_hidden_mark;
use serde::Serialize;

use crate::Failure;

mod layout;

/// How a command answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether the answer is one JSON value and nothing else.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// For people only.
    pub(crate) fn line(self, text: impl AsRef<str>) -> Result<(), Failure> {
        if self.json { Ok(()) } else { write(&shown(text.as_ref())) }
    }

    /// For people only; nothing when there are no rows.
    pub(crate) fn table<const N: usize>(self, header: [&str; N], rows: Vec<[String; N]>) -> Result<(), Failure> {
        if self.json || rows.is_empty() {
            return Ok(());
        }
        let rows = rows.into_iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
        write(&layout::lay_out(&header, rows, terminal_width()))
    }

    /// For scripts only: one value on one line.
    pub(crate) fn json(self, value: &impl Serialize) -> Result<(), Failure> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::Defect(format!("the answer cannot be written as JSON: {error}")))?;
        write(&text)
    }

    /// The text for people, the value for scripts.
    pub(crate) fn answer(self, text: impl AsRef<str>, value: &impl Serialize) -> Result<(), Failure> {
        self.line(text)?;
        self.json(value)
    }
}

/// Stored text for a terminal: what would command it (escape sequences, bells) or turn the direction of reading round stands there as
/// a sign instead.
fn shown(text: &str) -> String {
    let harmless = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || is_hidden_mark(c));
    text.chars().map(|c| if harmless(c) { c } else { '\u{fffd}' }).collect()
}

/// Columns of the terminal; `None` when the answer goes to a file or a pipe, where nobody minds long lines.
fn terminal_width() -> Option<usize> {
    Table::new().width().map(usize::from)
}

/// A note on standard error, for people who wait: never part of the answer.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// Writes to standard output as it is.
pub(crate) fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        // `mlc jobs | head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Failure::Wrong(format!("standard output cannot be written: {error}"))),
    }
}

/// An instant for a table.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Something that may be absent, for a table.
pub(crate) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
