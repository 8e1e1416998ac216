//! A settings file as a tree, with the line of every key and the overrides from the environment laid over it.

use std::collections::HashMap;

use toml::{
    Table, Value,
    de::{DeTable, DeValue},
};

use super::errors::{SettingsError, SettingsErrors};

/// Names of overriding environment variables start with this.
const PREFIX: &str = "MLC__";
/// Keys of the vault, which win over the file of `vault.key_file`.
const VAULT_KEYS: &str = "MLC_VAULT_KEYS";

/// Keys from the root to a value.
pub(super) type Path = Vec<String>;

/// A file that is TOML.
pub(super) struct Document {
    pub(super) file: String,
    pub(super) root: Table,
    lines: HashMap<Path, usize>,
    /// Environment variable and its text, by the path it has set.
    overrides: HashMap<Path, (String, String)>,
    /// Whether the environment holds the vault's keys.
    pub(super) vault_keys: bool,
}

impl Document {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, SettingsErrors> {
        let line_at =
            |offset: usize| 1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|b| **b == b'\n').count();
        let (spanned, errors) = DeTable::parse_recoverable(text);
        let syntax = |error: &toml::de::Error| SettingsError {
            file: file.to_owned(),
            key: String::new(),
            line: error.span().map(|span| line_at(span.start)),
            problem: format!("not TOML: {}", error.message().lines().collect::<Vec<_>>().join(", ")),
            fix: "correct the line; texts and durations stand in quotes, names with `::` too".to_owned(),
        };
        if !errors.is_empty() {
            return Err(SettingsErrors(errors.iter().map(syntax).collect()));
        }
        let mut too_large = Vec::new();
        find_too_large(spanned.get_ref(), &mut Vec::new(), &mut |path, offset| {
            too_large.push(SettingsError {
                file: file.to_owned(),
                key: path.join("."),
                line: Some(line_at(offset)),
                problem: "is a number that no setting can be: it has too many digits".to_owned(),
                fix: "see the key in deploy/example.toml for its range".to_owned(),
            });
        });
        if !too_large.is_empty() {
            return Err(SettingsErrors(too_large));
        }
        let root: Table = toml::from_str(text).map_err(|error| SettingsErrors(vec![syntax(&error)]))?;
        let mut lines = HashMap::new();
        note_lines(spanned.get_ref(), &mut Vec::new(), &line_at, &mut lines);
        Ok(Self { file: file.to_owned(), root, lines, overrides: HashMap::new(), vault_keys: false })
    }

    /// Lays `MLC__SECTION__KEY` variables over the file. Text that is a TOML number, truth value, list or table becomes
    /// one; reading takes the text itself where that does not fit.
    pub(super) fn overlay(&mut self, environment: impl IntoIterator<Item = (String, String)>) {
        let mut variables: Vec<_> = environment.into_iter().collect();
        self.vault_keys = variables.iter().any(|(name, text)| name == VAULT_KEYS && !text.is_empty());
        variables.retain(|(name, _)| name.starts_with(PREFIX));
        variables.sort();
        for (name, text) in variables {
            let parts: Vec<String> = name[PREFIX.len()..].split("__").map(normal).collect();
            let mut path = Path::new();
            let mut table = &mut self.root;
            let (last, sections) = parts.split_last().expect("splitting gives at least one part");
            for section in sections {
                let key = existing(table, section);
                path.push(key.clone());
                let value = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
                if !value.is_table() {
                    *value = Value::Table(Table::new());
                }
                table = value.as_table_mut().expect("it was made one just now");
            }
            let key = existing(table, last);
            path.push(key.clone());
            let value = toml::from_str::<Table>(&format!("v = {text}")).ok().and_then(|mut table| table.remove("v"));
            table.insert(key, value.unwrap_or_else(|| Value::String(text.clone())));
            self.overrides.insert(path, (name, text));
        }
    }

    /// The text of the environment variable that set `path`.
    pub(super) fn override_text(&self, path: &[String]) -> Option<&str> {
        self.overrides.get(path).map(|(_, text)| text.as_str())
    }

    /// An error about `path`, with the place it comes from: the key's own line, or that of its section.
    pub(super) fn error(&self, path: &[String], problem: impl Into<String>, fix: impl Into<String>) -> SettingsError {
        let origin = self.overrides.get(path);
        let line = (1..=path.len()).rev().find_map(|length| self.lines.get(&path[..length]).copied());
        SettingsError {
            file: origin.map_or_else(|| self.file.clone(), |(name, _)| format!("environment variable {name}")),
            key: path.join("."),
            line: if origin.is_some() { None } else { line },
            problem: problem.into(),
            fix: fix.into(),
        }
    }
}

/// How a name looks in the name of an environment variable.
fn normal(name: &str) -> String {
    name.to_lowercase().replace("::", "_").replace('-', "_")
}

fn existing(table: &Table, part: &str) -> String {
    table.keys().find(|key| normal(key) == part).cloned().unwrap_or_else(|| part.to_owned())
}

fn note_lines(
    table: &DeTable<'_>,
    path: &mut Path,
    line_at: &impl Fn(usize) -> usize,
    lines: &mut HashMap<Path, usize>,
) {
    for (key, value) in table.iter() {
        path.push(key.get_ref().to_string());
        lines.insert(path.clone(), line_at(key.span().start));
        note_lines_in(value.get_ref(), path, line_at, lines);
        path.pop();
    }
}

fn note_lines_in(
    value: &DeValue<'_>,
    path: &mut Path,
    line_at: &impl Fn(usize) -> usize,
    lines: &mut HashMap<Path, usize>,
) {
    match value {
        DeValue::Table(inner) => note_lines(inner, path, line_at, lines),
        DeValue::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                // Tables of a list go by number, from 1.
                path.push((place + 1).to_string());
                lines.insert(path.clone(), line_at(value.span().start));
                note_lines_in(value.get_ref(), path, line_at, lines);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Whole numbers beyond 64 bits, with their keys: reading them as a table fails without naming the key.
fn find_too_large(table: &DeTable<'_>, path: &mut Path, found: &mut impl FnMut(&[String], usize)) {
    for (key, value) in table.iter() {
        path.push(key.get_ref().to_string());
        let offset = key.span().start;
        in_value(value.get_ref(), offset, path, found);
        path.pop();
    }
}

fn in_value(value: &DeValue<'_>, offset: usize, path: &mut Path, found: &mut impl FnMut(&[String], usize)) {
    match value {
        DeValue::Table(inner) => find_too_large(inner, path, found),
        DeValue::Array(values) => {
            for value in values.iter() {
                in_value(value.get_ref(), offset, path, found);
            }
        }
        DeValue::Integer(number) if i64::from_str_radix(number.as_str(), number.radix()).is_err() => {
            found(path, offset);
        }
        _ => {}
    }
}
