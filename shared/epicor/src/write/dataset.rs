//! A business object as Epicor hands it out and wants it back: rows stay maps, so that columns we know nothing about return untouched.

use std::{collections::BTreeMap, fmt};

use mlc_model::Version;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ColumnValue;
use crate::{Cell, query::REVISION_COLUMN};

const ROW_MOD: &str = "RowMod";
const ROW_ID: &str = "SysRowID";

/// What is to be done with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowMod {
    /// Add it: `A`.
    Add,
    /// Update it: `U`.
    Update,
    /// Delete it: `D`.
    Delete,
    /// Nothing: empty.
    Unchanged,
}

impl RowMod {
    fn code(self) -> &'static str {
        match self {
            Self::Add => "A",
            Self::Update => "U",
            Self::Delete => "D",
            Self::Unchanged => "",
        }
    }
}

/// One row, every value as it stood in the answer, to the last digit.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DataRow(BTreeMap<String, Box<RawValue>>);

impl fmt::Debug for DataRow {
    /// Shows the columns only: values are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl DataRow {
    /// A column's value; absent = null.
    pub fn cell(&self, column: &str) -> Cell {
        self.0.get(column).map_or(Cell::Null, |raw| Cell::read(raw, &[]))
    }

    /// A text or number as a text, trimmed; anything else and absent = empty.
    pub fn text(&self, column: &str) -> String {
        match self.cell(column) {
            Cell::Text(text) | Cell::Number(text) => text.trim().to_owned(),
            _ => String::new(),
        }
    }

    /// A whole number.
    pub fn int(&self, column: &str) -> Option<i64> {
        let text = self.text(column);
        text.split_once('.').map_or(text.as_str(), |(whole, _)| whole).parse().ok()
    }

    /// A yes or no; absent = no.
    pub fn flag(&self, column: &str) -> bool {
        matches!(self.cell(column), Cell::Flag(true))
    }

    /// The row's version.
    pub fn version(&self) -> Option<Version> {
        self.int(REVISION_COLUMN).map(Version)
    }

    /// Whether the row has the column at all.
    pub fn has(&self, column: &str) -> bool {
        self.0.contains_key(column)
    }

    /// Puts a value in. Returns whether that changes anything.
    pub fn set(&mut self, column: &str, value: &ColumnValue) -> bool {
        if self.0.get(column).is_some_and(|raw| value.is_in(&Cell::read(raw, &[]))) {
            return false;
        }
        self.0.insert(column.to_owned(), value.raw());
        true
    }

    /// Says what is to be done with the row.
    pub fn mark(&mut self, row_mod: RowMod) {
        self.0.insert(ROW_MOD.to_owned(), ColumnValue::text(row_mod.code()).raw());
    }

    pub(crate) fn is_marked(&self, row_mod: RowMod) -> bool {
        self.text(ROW_MOD) == row_mod.code()
    }

    pub(crate) fn row_id(&self) -> String {
        self.text(ROW_ID).to_ascii_lowercase()
    }
}

/// All tables of one business object. Parts that are no tables of rows are kept as they came.
#[derive(Clone, Default)]
pub struct Dataset {
    tables: BTreeMap<String, Vec<DataRow>>,
    others: BTreeMap<String, Box<RawValue>>,
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.tables.iter().map(|(name, rows)| (name, rows.len()))).finish()
    }
}

impl Dataset {
    /// Reads a tableset; `None` when it is no JSON object.
    pub(crate) fn read(raw: &RawValue) -> Option<Self> {
        let parts: BTreeMap<String, Box<RawValue>> = serde_json::from_str(raw.get()).ok()?;
        let mut dataset = Self::default();
        for (name, part) in parts {
            match serde_json::from_str::<Vec<DataRow>>(part.get()) {
                Ok(rows) => {
                    dataset.tables.insert(name, rows);
                }
                Err(_) => {
                    dataset.others.insert(name, part);
                }
            }
        }
        Some(dataset)
    }

    pub(crate) fn raw(&self) -> Result<Box<RawValue>, serde_json::Error> {
        let mut parts: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
        for (name, rows) in &self.tables {
            parts.insert(name, serde_json::value::to_raw_value(rows)?);
        }
        for (name, part) in &self.others {
            parts.insert(name, part.clone());
        }
        serde_json::value::to_raw_value(&parts)
    }

    /// Whether it holds no row at all, as the answer of a method without a result does.
    pub fn is_empty(&self) -> bool {
        self.tables.values().all(Vec::is_empty)
    }

    /// The rows of a table; a table that was not sent has none.
    pub fn rows(&self, table: &str) -> &[DataRow] {
        self.tables.get(table).map_or(&[], Vec::as_slice)
    }

    /// The first row of a table that is the one meant.
    pub fn find(&self, table: &str, meant: impl Fn(&DataRow) -> bool) -> Option<&DataRow> {
        self.rows(table).iter().find(|row| meant(row))
    }

    /// The same, to be changed. Where an update came back as two rows, before and after, it is the one marked `U`.
    pub fn find_mut(&mut self, table: &str, meant: impl Fn(&DataRow) -> bool) -> Option<&mut DataRow> {
        let rows = self.tables.get_mut(table)?;
        let marked = rows.iter().position(|row| meant(row) && row.is_marked(RowMod::Update));
        let index = marked.or_else(|| rows.iter().position(meant))?;
        rows.get_mut(index)
    }

    /// The row that is about to be added: the newest one marked `A`.
    pub fn added_mut(&mut self, table: &str) -> Option<&mut DataRow> {
        self.tables.get_mut(table)?.iter_mut().rev().find(|row| row.is_marked(RowMod::Add))
    }

    /// The row with that `SysRowID`; where none has it, the only row there is.
    pub(crate) fn same_row(&self, table: &str, row_id: &str) -> Option<&DataRow> {
        let same = self.find(table, |row| !row_id.is_empty() && row.row_id() == row_id);
        same.or_else(|| match self.rows(table) {
            [only] => Some(only),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn dataset(json: &str) -> Dataset {
        Dataset::read(&RawValue::from_string(json.to_owned()).unwrap()).unwrap()
    }

    #[test]
    fn what_we_do_not_know_returns_digit_by_digit() {
        let json = r#"{"ExtensionTables":{"x":1.50},"Vendor":[{"Limit":12345678901234567890.1200,"New_c":null,"SysRevID":48210377}]}"#;
        assert_eq!(dataset(json).raw().unwrap().get(), json);
    }

    #[test]
    fn rows_are_picked_by_what_they_are_and_not_by_place() {
        let mut ds =
            dataset(r#"{"T":[{"K":1,"RowMod":""},{"K":2,"RowMod":""},{"K":2,"RowMod":"U"},{"K":3,"RowMod":"A"}]}"#);
        assert_eq!(ds.added_mut("T").unwrap().int("K"), Some(3));
        assert!(ds.find_mut("T", |row| row.int("K") == Some(2)).unwrap().is_marked(RowMod::Update));
        assert!(ds.added_mut("U").is_none());
    }

    #[test]
    fn an_equal_value_is_no_change() {
        let mut ds = dataset(r#"{"T":[{"Name":"A","Cost":1.500,"Day":"2026-04-07T00:00:00","On":false}]}"#);
        let row = ds.find_mut("T", |_| true).unwrap();
        assert!(!row.set("Name", &ColumnValue::text("A")));
        assert!(!row.set("Cost", &ColumnValue::Decimal("1.5".parse().unwrap())));
        assert!(!row.set("Day", &ColumnValue::Day("2026-04-07".parse().unwrap())));
        assert!(row.set("On", &ColumnValue::Flag(true)));
        assert!(row.flag("On"));
    }

    #[test]
    fn values_do_not_show_in_debug_output() {
        assert!(!format!("{:?}", dataset(r#"{"T":[{"Name":"Lena"}]}"#).rows("T")).contains("Lena"));
    }
}
