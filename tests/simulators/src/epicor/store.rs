//! The database: rows by company and table, one revision counter, commits that may come late.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{
    clock::Clock,
    config::{EpicorConfig, Switches},
    keys::{key_json, key_of, key_part, next_number, row_id},
    query::CachedList,
    schema::{self, Column, Edm, Origin, Stamps, Table},
    value::{Cell, Dates, Key, KeyPart, Scalar, guid_text, parse_guid},
};

/// A row as of its last visible write.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) key: Key,
    /// Sorted by column; a column that is absent holds the default of its type.
    pub(crate) cells: Vec<(u16, Cell)>,
    /// Columns no metadata announces.
    pub(crate) extra: Option<Box<Map<String, Value>>>,
    pub(crate) revision: i64,
    /// Microseconds since 1970-01-01 UTC.
    pub(crate) updated: i64,
    /// The row appears twice in pages, as a join gone wrong shows it.
    pub(crate) twice: bool,
}

impl Row {
    fn set(&mut self, column: u16, cell: Cell) {
        match self.cells.binary_search_by_key(&column, |(column, _)| *column) {
            Ok(at) => self.cells[at].1 = cell,
            Err(at) => self.cells.insert(at, (column, cell)),
        }
    }

    fn stored(&self, column: u16) -> Option<&Cell> {
        let at = self.cells.binary_search_by_key(&column, |(column, _)| *column).ok()?;
        Some(&self.cells[at].1)
    }
}

/// The rows of one entity set in one company.
#[derive(Debug, Default)]
pub(crate) struct TableData {
    pub(crate) rows: Vec<Option<Row>>,
    pub(crate) by_key: BTreeMap<Key, u32>,
    pub(crate) by_revision: BTreeSet<(i64, u32)>,
    /// Raised by every visible change.
    pub(crate) version: u64,
    pub(crate) cache: Vec<CachedList>,
}

impl TableData {
    pub(crate) fn row(&self, id: u32) -> Option<&Row> {
        self.rows.get(id as usize)?.as_ref()
    }

    fn commit(&mut self, row: Row) {
        self.version += 1;
        if let Some(&id) = self.by_key.get(&row.key) {
            if let Some(old) = self.row(id).map(|old| old.revision) {
                self.by_revision.remove(&(old, id));
            }
            self.by_revision.insert((row.revision, id));
            self.rows[id as usize] = Some(row);
        } else {
            let id = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
            self.by_revision.insert((row.revision, id));
            self.by_key.insert(row.key.clone(), id);
            self.rows.push(Some(row));
        }
    }

    fn remove(&mut self, key: &[KeyPart]) -> bool {
        let Some(id) = self.by_key.remove(key) else {
            return false;
        };
        if let Some(row) = self.rows[id as usize].take() {
            self.by_revision.remove(&(row.revision, id));
        }
        self.version += 1;
        true
    }
}

#[derive(Debug)]
pub(crate) struct Company {
    pub(crate) code: Arc<str>,
    pub(crate) tables: Vec<TableData>,
}

/// A write that has its revision and stamps but is not visible yet.
#[derive(Debug)]
struct Held {
    id: u64,
    company: usize,
    table: usize,
    row: Row,
    pages_left: Option<u64>,
}

/// When a write becomes visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// At once.
    Now,
    /// After this many further pages have been served.
    AfterPages(u64),
    /// When [`Store::commit_held`] says so.
    OnCommit,
}

/// The state of the simulated database. All writes stamp rows the way Kinetic does.
#[derive(Debug)]
pub struct Store {
    pub(crate) companies: Vec<Company>,
    pub(crate) switches: Switches,
    pub(crate) clock: Arc<Clock>,
    pub(crate) broken: Vec<super::seed::Broken>,
    revision: i64,
    held: Vec<Held>,
    next_hold: u64,
    pub(crate) pages: u64,
    pub(crate) seed: u64,
}

impl Store {
    pub(crate) fn new(config: &EpicorConfig, clock: Arc<Clock>) -> Self {
        let mut store = Self {
            companies: Vec::new(),
            switches: Switches::of(config),
            clock,
            broken: Vec::new(),
            revision: config.first_revision,
            held: Vec::new(),
            next_hold: 1,
            pages: 0,
            seed: config.seed,
        };
        for code in &config.companies {
            let tables = schema::tables().iter().map(|_| TableData::default()).collect();
            store.companies.push(Company { code: code.as_str().into(), tables });
            let row = serde_json::json!({
                "Company": code, "Name": format!("{code} Distributing"), "City": "Duluth",
                "State": "MN", "Country": "United States", "CurrencyCode": "USD",
            });
            // A fresh company table cannot refuse its only row.
            let _ = store.insert(code, "Company", &row);
        }
        store
    }

    /// The clock behind the stamps, for hooks that let time pass.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The switches, to be turned while the simulator runs.
    pub fn switches_mut(&mut self) -> &mut Switches {
        &mut self.switches
    }

    pub(crate) fn company_index(&self, code: &str) -> Option<usize> {
        self.companies.iter().position(|company| &*company.code == code)
    }

    pub(crate) fn place(&self, company: &str, table: &str) -> Result<(usize, usize), String> {
        let company_at = self.company_index(company).ok_or_else(|| format!("no company {company:?}"))?;
        let table_at = schema::find(table).ok_or_else(|| format!("no table {table:?}"))?;
        Ok((company_at, table_at))
    }

    /// The company the control API uses when none is named.
    #[must_use]
    pub fn default_company(&self) -> String {
        self.companies.first().map(|company| company.code.to_string()).unwrap_or_default()
    }

    pub(crate) fn dates(&self) -> Dates {
        Dates::new(self.switches.dates, self.switches.server_offset_minutes)
    }

    /// Whether a column exists at present: `UpdatedOn` does only where it is switched on.
    pub(crate) fn is_visible(&self, table: &Table, column: &Column) -> bool {
        column.origin != Origin::UpdatedOn || self.switches.has_updated_on(table.set)
    }

    /// The highest revision ever assigned, visible or not.
    #[must_use]
    pub fn max_rev(&self) -> i64 {
        self.revision
    }

    /// Sets the revision counter; a lower value stands for a database refresh.
    pub fn set_revision(&mut self, revision: i64) {
        self.revision = revision;
    }

    /// Adds a row. A missing number in the key is assigned.
    ///
    /// # Errors
    /// When company or table do not exist, a key part has a wrong type, or the key is taken.
    pub fn insert(&mut self, company: &str, table: &str, fields: &Value) -> Result<Value, String> {
        self.write(company, table, None, fields, Visibility::Now).map(|(key, _)| key)
    }

    /// Changes fields of a row; the other fields stay. `key` is an object or an array of the key
    /// without the company, or its only part.
    ///
    /// # Errors
    /// When company, table or row do not exist.
    pub fn update(&mut self, company: &str, table: &str, key: &Value, fields: &Value) -> Result<(), String> {
        self.write(company, table, Some(key), fields, Visibility::Now).map(|_| ())
    }

    /// As [`Store::update`], with the moment of visibility chosen. Returns the number of the hold.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub fn update_later(
        &mut self,
        company: &str,
        table: &str,
        key: &Value,
        fields: &Value,
        visibility: Visibility,
    ) -> Result<Option<u64>, String> {
        self.write(company, table, Some(key), fields, visibility).map(|(_, hold)| hold)
    }

    /// As [`Store::insert`], with the moment of visibility chosen.
    ///
    /// # Errors
    /// As [`Store::insert`].
    pub fn insert_later(
        &mut self,
        company: &str,
        table: &str,
        fields: &Value,
        visibility: Visibility,
    ) -> Result<(Value, Option<u64>), String> {
        self.write(company, table, None, fields, visibility)
    }

    /// Removes a row without a trace, as deletes are to readers. Returns whether it was there.
    ///
    /// # Errors
    /// When company or table do not exist.
    pub fn delete(&mut self, company: &str, table: &str, key: &Value) -> Result<bool, String> {
        let (company, at) = self.place(company, table)?;
        let key = key_of(&schema::tables()[at], key)?;
        Ok(self.companies[company].tables[at].remove(&key))
    }

    /// Makes a held write visible (all of them for `None`). Returns how many became visible.
    pub fn commit_held(&mut self, hold: Option<u64>) -> usize {
        self.release(|held| hold.is_none_or(|id| id == held.id))
    }

    /// Counts a page served; holds that waited for it become visible.
    pub(crate) fn count_page(&mut self) {
        self.pages += 1;
        for held in &mut self.held {
            if let Some(left) = &mut held.pages_left {
                *left = left.saturating_sub(1);
            }
        }
        self.release(|held| held.pages_left == Some(0));
    }

    fn release(&mut self, due: impl Fn(&Held) -> bool) -> usize {
        let (out, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.held).into_iter().partition(|held| due(held));
        self.held = kept;
        let released = out.len();
        for held in out {
            self.companies[held.company].tables[held.table].commit(held.row);
        }
        released
    }

    fn write(
        &mut self,
        company: &str,
        table: &str,
        key: Option<&Value>,
        fields: &Value,
        visibility: Visibility,
    ) -> Result<(Value, Option<u64>), String> {
        let (company_at, table_at) = self.place(company, table)?;
        let table = &schema::tables()[table_at];
        let Value::Object(fields) = fields else {
            return Err("fields must be an object".into());
        };
        let is_update = key.is_some();
        let key = match key {
            Some(key) => key_of(table, key)?,
            None => self.new_key(company_at, table_at, fields)?,
        };
        // A second writer waits for the first one's lock, so the first becomes visible now.
        self.release(|held| held.company == company_at && held.table == table_at && held.row.key == key);
        let data = &self.companies[company_at].tables[table_at];
        let existing = data.by_key.get(&key).and_then(|id| data.row(*id)).cloned();
        let is_new = existing.is_none();
        if is_new && is_update {
            return Err(format!("no {} {}", table.name, key_json(&key)));
        }
        let mut row = existing.unwrap_or_else(|| Row {
            key: key.clone(),
            cells: Vec::new(),
            extra: None,
            revision: 0,
            updated: 0,
            twice: false,
        });
        let now = self.clock.now();
        self.stamp(table, &mut row, is_new, now);
        self.apply(table, &mut row, fields);
        row.cells.shrink_to_fit();
        let key_value = key_json(&row.key);
        if visibility == Visibility::Now {
            self.companies[company_at].tables[table_at].commit(row);
            return Ok((key_value, None));
        }
        let id = self.next_hold;
        self.next_hold += 1;
        let pages_left = match visibility {
            Visibility::AfterPages(pages) => Some(pages.max(1)),
            _ => None,
        };
        self.held.push(Held { id, company: company_at, table: table_at, row, pages_left });
        Ok((key_value, Some(id)))
    }

    /// Changes fields without a trace: no revision, no stamp. Columns that Kinetic computes while it reads change like that.
    pub(crate) fn amend(&mut self, company: &str, table: &str, key: &Value, fields: &Value) -> Result<(), String> {
        let (company_at, table_at) = self.place(company, table)?;
        let table = &schema::tables()[table_at];
        let key = key_of(table, key)?;
        let data = &self.companies[company_at].tables[table_at];
        let row = data.by_key.get(&key).and_then(|id| data.row(*id)).cloned();
        let mut row = row.ok_or_else(|| format!("no {} {}", table.name, key_json(&key)))?;
        let fields = fields.as_object().ok_or("fields must be an object")?;
        self.apply(table, &mut row, fields);
        self.companies[company_at].tables[table_at].commit(row);
        Ok(())
    }

    fn stamp(&mut self, table: &Table, row: &mut Row, is_new: bool, now: DateTime<Utc>) {
        self.revision += 1;
        row.revision = self.revision;
        row.updated = now.timestamp_micros();
        let (day, second) = self.dates().local_day_and_second(now);
        if let (true, Some(column)) = (is_new, table.column("CreateDate")) {
            row.set(column, Cell::Day(day));
        }
        if table.stamps == Stamps::None {
            return;
        }
        if let Some(column) = table.column("ChangeDate") {
            row.set(column, if table.stamps == Stamps::Moment { Cell::Moment(row.updated) } else { Cell::Day(day) });
        }
        if let (Stamps::DayAndSeconds, Some(column)) = (table.stamps, table.column("ChangeTime")) {
            row.set(column, Cell::Int(second));
        }
        if let Some(column) = table.column("ChangedBy") {
            row.set(column, Cell::Text("manager".into()));
        }
    }

    /// Takes the given fields over; explicit change columns win over the stamps just set.
    fn apply(&self, table: &Table, row: &mut Row, fields: &Map<String, Value>) {
        let zone = self.dates().zone;
        for (name, value) in fields {
            let Some(index) = table.column(name) else {
                if name == "Company" {
                    continue;
                }
                row.extra.get_or_insert_default().insert(name.clone(), value.clone());
                continue;
            };
            let column = &table.columns[usize::from(index)];
            match column.origin {
                Origin::Company | Origin::Key(_) => {}
                Origin::Revision => row.revision = value.as_i64().unwrap_or(row.revision),
                Origin::UpdatedOn => {
                    if let Cell::Moment(micros) = Cell::from_json(value, Edm::Moment, zone) {
                        row.updated = micros;
                    }
                }
                Origin::RowId | Origin::Stored => {
                    let cell = Cell::from_json(value, column.edm, zone);
                    if cell == Cell::default_of(column.edm) && row.stored(index).is_none() {
                        continue;
                    }
                    row.set(index, cell);
                }
            }
        }
    }

    fn new_key(&self, company: usize, at: usize, fields: &Map<String, Value>) -> Result<Key, String> {
        let table = &schema::tables()[at];
        let data = &self.companies[company].tables[at];
        let mut key: Vec<KeyPart> = Vec::new();
        for name in table.keys {
            let edm = table.column(name).map_or(Edm::Text, |column| table.columns[usize::from(column)].edm);
            let part = match (fields.get(*name), edm) {
                (Some(value), edm) if !value.is_null() => key_part(value, edm, name)?,
                (_, Edm::Guid) => KeyPart::Text(guid_text(rand::random()).into()),
                (_, Edm::Int32 | Edm::Int64) => KeyPart::Int(next_number(data, &key)),
                _ => KeyPart::Text("".into()),
            };
            key.push(part);
        }
        let key: Key = key.into();
        if data.by_key.contains_key(&key) {
            return Err(format!("{} {} exists", table.name, key_json(&key)));
        }
        Ok(key)
    }

    /// The value of a column of a row.
    pub(crate) fn cell(company: &Company, table: &Table, row: &Row, index: u16) -> Cell {
        let column = &table.columns[usize::from(index)];
        match column.origin {
            Origin::Company => Cell::Text(Arc::clone(&company.code)),
            Origin::Key(part) => match &row.key[part] {
                KeyPart::Int(number) => Cell::Int(*number),
                KeyPart::Text(text) => Cell::Text(Arc::clone(text)),
            },
            Origin::Revision => Cell::Int(row.revision),
            Origin::UpdatedOn => Cell::Moment(row.updated),
            Origin::RowId => {
                row.stored(index).cloned().unwrap_or_else(|| Cell::Text(guid_text(row_id(company, table, row)).into()))
            }
            Origin::Stored => row.stored(index).cloned().unwrap_or_else(|| Cell::default_of(column.edm)),
        }
    }

    /// The value of a column as filters see it.
    pub(crate) fn scalar<'r>(
        company: &'r Company,
        table: &Table,
        row: &'r Row,
        index: u16,
        dates: Dates,
    ) -> Scalar<'r> {
        let column = &table.columns[usize::from(index)];
        match column.origin {
            Origin::Company => Scalar::Text(&company.code),
            Origin::Key(part) => match &row.key[part] {
                KeyPart::Int(number) => Scalar::Int(*number),
                KeyPart::Text(text) if column.edm == Edm::Guid => parse_guid(text).map_or(Scalar::Null, Scalar::Guid),
                KeyPart::Text(text) => Scalar::Text(text),
            },
            Origin::Revision => Scalar::Int(row.revision),
            Origin::UpdatedOn => Scalar::Moment(row.updated),
            Origin::RowId | Origin::Stored => match row.stored(index) {
                Some(cell) => cell.scalar(column.edm, dates),
                None => match column.edm {
                    Edm::Guid => Scalar::Guid(row_id(company, table, row)),
                    Edm::Boolean => Scalar::Bool(false),
                    Edm::Int32 | Edm::Int64 => Scalar::Int(0),
                    Edm::Decimal => Scalar::Float(0.0),
                    Edm::Text | Edm::Binary => Scalar::Text(""),
                    Edm::Day | Edm::Moment => Scalar::Null,
                },
            },
        }
    }
}
