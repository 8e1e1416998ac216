//! One value of a row as Epicor sent it: loose, and exact to the last digit.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Columns of one row by Epicor's names.
pub type Fields = BTreeMap<String, Cell>;

/// Rows hold children, and those children: a header, its lines, their releases and the accounts of these are six levels; nothing we read is
/// deeper.
const DEPTH_LIMIT: usize = 7;

/// Longer texts are refused: no column we map is, and no target takes them.
///
/// Source: HubSpot reference, text properties hold 65,536 characters.
pub const TEXT_LIMIT: usize = 65_536;

const TOO_LONG: &str = "more than the 65,536 characters that HubSpot takes";

/// A value as it stood in the answer.
#[derive(Clone, PartialEq, Eq)]
pub enum Cell {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number, digit by digit: amounts are decimals and never pass through floating point.
    Number(String),
    /// A text.
    Text(String),
    /// Child rows.
    List(Vec<Cell>),
    /// One child row.
    Object(Fields),
    /// Something that cannot be read: why.
    Unreadable(&'static str),
}

impl fmt::Debug for Cell {
    /// Shows the shape only: values are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shape())
    }
}

impl Cell {
    /// Reads a value whose JSON is known to be well-formed. Of the children in it only `child_columns` are kept: they
    /// come with every column they have, about sixty, because the nested `$select` cannot be relied on.
    pub(crate) fn read(raw: &RawValue, child_columns: &[&str]) -> Self {
        read(raw.get(), 0, child_columns)
    }

    /// The kind of value, for messages.
    pub fn shape(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Flag(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "a nested row",
            Self::Unreadable(why) => why,
        }
    }
}

fn read(json: &str, depth: usize, child_columns: &[&str]) -> Cell {
    let json = json.trim();
    match json.as_bytes().first() {
        Some(b'n') => Cell::Null,
        Some(b't') => Cell::Flag(true),
        Some(b'f') => Cell::Flag(false),
        Some(b'"') if json.len() > 6 * TEXT_LIMIT => Cell::Unreadable(TOO_LONG),
        Some(b'"') => match serde_json::from_str::<String>(json) {
            Ok(text) if text.chars().nth(TEXT_LIMIT).is_some() => Cell::Unreadable(TOO_LONG),
            Ok(text) if text.contains('\u{FFFD}') => Cell::Unreadable("a text with broken characters"),
            Ok(text) => Cell::Text(text),
            Err(_) => Cell::Unreadable("a text with broken characters"),
        },
        Some(b'[' | b'{') if depth >= DEPTH_LIMIT => Cell::Unreadable("rows nested too deeply"),
        Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(json) {
            Ok(items) => Cell::List(items.into_iter().map(|item| read(item.get(), depth + 1, child_columns)).collect()),
            Err(_) => Cell::Unreadable("a broken list"),
        },
        Some(b'{') => match fields(json, depth, child_columns) {
            Some(fields) => Cell::Object(fields),
            None => Cell::Unreadable("a broken nested row"),
        },
        _ => Cell::Number(json.to_owned()),
    }
}

fn fields(json: &str, depth: usize, child_columns: &[&str]) -> Option<Fields> {
    let seed = Columns { depth, child_columns };
    seed.deserialize(&mut serde_json::Deserializer::from_str(json)).ok()
}

/// Reads the columns of one row without copying those that are left out.
#[derive(Clone, Copy)]
struct Columns<'c> {
    depth: usize,
    child_columns: &'c [&'c str],
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Columns<'_> {
    type Value = Fields;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fields, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Columns<'_> {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::new();
        while let Some(Name(name)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            if self.depth == 0 || self.child_columns.contains(&&*name) {
                fields.insert(name.into_owned(), read(value.get(), self.depth + 1, self.child_columns));
            }
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn cell(json: &str) -> Cell {
        read(json, 0, &[])
    }

    #[test]
    fn decimals_keep_every_digit() {
        assert_eq!(cell("12345678901234567890.1200"), Cell::Number("12345678901234567890.1200".to_owned()));
    }

    #[test]
    fn a_text_that_cannot_be_trusted_is_told_apart_from_a_good_one() {
        assert_eq!(cell(r#""A\u00e9""#), Cell::Text("Aé".to_owned()));
        assert!(matches!(cell(r#""\ud800""#), Cell::Unreadable(_)));
        assert!(matches!(cell(&format!("\"{}\"", "x".repeat(TEXT_LIMIT + 1))), Cell::Unreadable(_)));
        assert!(matches!(cell(&format!("\"{}\"", "x".repeat(TEXT_LIMIT))), Cell::Text(_)));
    }

    #[test]
    fn deep_nesting_neither_overflows_nor_takes_for_ever() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let raw: Box<RawValue> = serde_json::from_str(&deep).unwrap();
        assert!(matches!(Cell::read(&raw, &[]), Cell::List(_)));
    }

    #[test]
    fn of_children_only_the_columns_that_are_used_are_kept() {
        let json = r#"{"Name":"A","Site_c":1,"Kids":[{"Name":"B","WebPassword":"x"}]}"#;
        let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
        let Cell::Object(row) = Cell::read(&raw, &["Name"]) else { panic!("not a row") };
        assert!(row.contains_key("Site_c"));
        let Cell::List(kids) = &row["Kids"] else { panic!("no children") };
        let Cell::Object(kid) = &kids[0] else { panic!("not a row") };
        assert_eq!(kid.keys().collect::<Vec<_>>(), ["Name"]);
    }

    #[test]
    fn values_do_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", cell(r#""Lena Berg""#)), "a text");
    }
}
