//! Typed access to the database for tests in the same process.

use serde_json::{Map, Value};

use super::{
    keys::{key_json, key_of},
    schema,
    store::{Row, Store},
    value::Cell,
};

impl Store {
    fn company_of(&self, fields: &Value) -> String {
        fields.get("Company").and_then(Value::as_str).map_or_else(|| self.default_company(), str::to_owned)
    }

    fn insert_numbered(&mut self, table: &str, fields: &Value) -> Result<i64, String> {
        let company = self.company_of(fields);
        let key = self.insert(&company, table, fields)?;
        key.as_i64().ok_or_else(|| format!("{key} is no number"))
    }

    /// Adds a vendor to the company in `fields` or the default one; returns its number.
    ///
    /// # Errors
    /// As [`Store::insert`].
    pub fn insert_vendor(&mut self, fields: &Value) -> Result<i64, String> {
        self.insert_numbered("Vendor", fields)
    }

    /// Adds a customer; returns its number.
    ///
    /// # Errors
    /// As [`Store::insert`].
    pub fn insert_customer(&mut self, fields: &Value) -> Result<i64, String> {
        self.insert_numbered("Customer", fields)
    }

    /// Adds a contact of a vendor (`VendorNum` is needed, `ConNum` is assigned); returns its key.
    ///
    /// # Errors
    /// As [`Store::insert`].
    pub fn insert_vendor_contact(&mut self, fields: &Value) -> Result<Value, String> {
        let company = self.company_of(fields);
        self.insert(&company, "VendCntMain", fields)
    }

    /// Adds a contact of a customer (`CustNum` is needed, `ConNum` is assigned); returns its key.
    ///
    /// # Errors
    /// As [`Store::insert`].
    pub fn insert_customer_contact(&mut self, fields: &Value) -> Result<Value, String> {
        let company = self.company_of(fields);
        self.insert(&company, "CustCnt", fields)
    }

    /// Changes a vendor of the default company.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub fn update_vendor(&mut self, number: i64, fields: &Value) -> Result<(), String> {
        let company = self.company_of(fields);
        self.update(&company, "Vendor", &number.into(), fields)
    }

    /// Changes a customer of the default company.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub fn update_customer(&mut self, number: i64, fields: &Value) -> Result<(), String> {
        let company = self.company_of(fields);
        self.update(&company, "Customer", &number.into(), fields)
    }

    /// Makes a row appear twice in every page, or once again.
    ///
    /// # Errors
    /// When company, table or row do not exist.
    pub fn serve_twice(&mut self, company: &str, table: &str, key: &Value, twice: bool) -> Result<(), String> {
        let (company, at) = self.place(company, table)?;
        let key = key_of(&schema::tables()[at], key)?;
        let data = &mut self.companies[company].tables[at];
        let id = *data.by_key.get(&key).ok_or("no such row")?;
        if let Some(row) = &mut data.rows[id as usize] {
            row.twice = twice;
        }
        Ok(())
    }

    /// How many rows a table has.
    #[must_use]
    pub fn len(&self, company: &str, table: &str) -> usize {
        self.place(company, table).map_or(0, |(company, at)| self.companies[company].tables[at].by_key.len())
    }

    /// Visible rows in key order with key, written columns, `SysRevID` and `UpdatedOn`.
    /// Unknown companies and tables have none.
    #[must_use]
    pub fn rows(&self, company: &str, table: &str) -> Vec<Value> {
        self.rows_between(company, table, 0, usize::MAX)
    }

    pub(crate) fn rows_between(&self, company: &str, table: &str, offset: usize, limit: usize) -> Vec<Value> {
        let Ok((company, at)) = self.place(company, table) else {
            return Vec::new();
        };
        let data = &self.companies[company].tables[at];
        let ids = data.by_key.values().skip(offset).take(limit);
        ids.filter_map(|id| data.row(*id)).map(|row| self.row_json(company, at, row)).collect()
    }

    /// One row, as in [`Store::rows`].
    #[must_use]
    pub fn row(&self, company: &str, table: &str, key: &Value) -> Option<Value> {
        let (company, at) = self.place(company, table).ok()?;
        let key = key_of(&schema::tables()[at], key).ok()?;
        let data = &self.companies[company].tables[at];
        data.row(*data.by_key.get(&key)?).map(|row| self.row_json(company, at, row))
    }

    fn row_json(&self, company: usize, at: usize, row: &Row) -> Value {
        let table = &schema::tables()[at];
        let company = &self.companies[company];
        let dates = self.dates();
        let mut members = Map::new();
        for (column, index) in table.columns.iter().zip(0_u16..) {
            let cell = Self::cell(company, table, row, index);
            let is_written = column.origin != schema::Origin::Stored || cell != Cell::default_of(column.edm);
            if is_written {
                let mut text = Vec::new();
                cell.write(dates, 0, &mut text);
                members.insert(column.name.into(), serde_json::from_slice(&text).unwrap_or_default());
            }
        }
        members
            .extend(row.extra.iter().flat_map(|extra| extra.iter()).map(|(name, value)| (name.clone(), value.clone())));
        members.insert("__key".into(), key_json(&row.key));
        Value::Object(members)
    }
}
