//! Tablesets: the `ds` of methods, filled from the database one document at a time.

use serde_json::{Map, Value, json};

use super::{
    errors::Refusal,
    options::Options,
    render::Renderer,
    schema::{self, Table, tables},
    store::Store,
    value::{Cell, Dates, Key, KeyPart, guid_text},
};

/// A tableset: arrays of rows by table name.
pub(crate) type Ds = Map<String, Value>;

/// A row of a tableset.
pub(crate) type Fields = Map<String, Value>;

/// A service with methods.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// Parameters of `GetByID`, in the order of the key.
    pub(crate) by_id: &'static [&'static str],
    /// Tables of the tableset in the order they are saved; the first is the header.
    pub(crate) tables: &'static [&'static str],
}

/// Tables without rows here are those the simulator does not keep; clients have to carry them along.
pub(crate) const SERVICES: &[Service] = &[
    Service {
        name: "Erp.BO.VendorSvc",
        by_id: &["vendorNum"],
        tables: &["Vendor", "VendorAttch", "EntityGLC", "TaxExempt", "VendBank", "VendCntMain", "VendorPP", "VendCnt"],
    },
    Service {
        name: "Erp.BO.POSvc",
        by_id: &["poNum"],
        tables: &[
            "POHeader",
            "POHeaderAttch",
            "PODetail",
            "PODetailAttch",
            "PORel",
            "PORelTGLC",
            "POMisc",
            "POHeadMisc",
        ],
    },
    Service {
        name: "Erp.BO.APInvoiceSvc",
        by_id: &["vendorNum", "invoiceNum"],
        tables: &[
            "APInvHed",
            "APInvHedAttch",
            "APIHAPInvExp",
            "APIHAPInvExpTGLC",
            "APInvDtl",
            "APInvDtlAttch",
            "APInvExp",
            "APInvExpTGLC",
            "APInvDtlTGLC",
            "APInvSched",
            "APInvTax",
        ],
    },
    Service { name: "Erp.BO.APInvGrpSvc", by_id: &["groupID"], tables: &["APInvGrp"] },
    Service {
        name: "Erp.BO.ReqSvc",
        by_id: &["reqNum"],
        tables: &["ReqHead", "ReqHeadAttch", "ReqDetail", "ReqDetailAttch"],
    },
];

pub(crate) fn service(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}

/// The table a child table hangs below.
pub(crate) fn parent_of(table: &Table) -> Option<usize> {
    tables().iter().position(|parent| parent.children.contains(&table.set))
}

/// Adds the arrays a tableset of `service` has and `ds` lacks.
pub(crate) fn complete(service: &Service, ds: &mut Ds) {
    for table in service.tables {
        ds.entry(*table).or_insert_with(|| json!([]));
    }
    ds.entry("ExtensionTables").or_insert_with(|| json!([]));
}

/// Adds a row to its array.
pub(crate) fn push(ds: &mut Ds, table: &str, row: Fields) {
    if let Value::Array(rows) = ds.entry(table).or_insert_with(|| json!([])) {
        rows.push(Value::Object(row));
    }
}

/// A row nobody saved yet: every column with its default, `RowMod` `A` and a row id of its own.
pub(crate) fn blank(company: &str, table: &Table, dates: Dates, given: Value) -> Fields {
    let mut row = Fields::new();
    for column in &table.columns {
        let mut text = Vec::new();
        Cell::default_of(column.edm).write(dates, 0, &mut text);
        row.insert(column.name.into(), serde_json::from_slice(&text).unwrap_or_default());
    }
    row.remove("UpdatedOn");
    row.insert("Company".into(), company.into());
    row.insert("SysRowID".into(), guid_text(rand::random()).into());
    row.insert("RowMod".into(), "A".into());
    if let Value::Object(given) = given {
        row.extend(given);
    }
    row
}

/// The row a `Change*` method works on: the last one that is added or changed.
pub(crate) fn current<'d>(ds: &'d mut Ds, table: &str) -> Result<&'d mut Fields, Refusal> {
    ds.get_mut(table)
        .and_then(Value::as_array_mut)
        .and_then(|rows| {
            rows.iter_mut().filter_map(Value::as_object_mut).rev().find(|row| {
                let mark = row.get("RowMod").and_then(Value::as_str).unwrap_or_default();
                mark == "A" || mark == "U"
            })
        })
        .ok_or_else(|| Refusal::business(format!("{table} has not changed.")))
}

/// Text of a member of a row.
pub(crate) fn text<'r>(row: &'r Fields, name: &str) -> &'r str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whole number in a member of a row.
pub(crate) fn int(row: &Fields, name: &str) -> i64 {
    row.get(name).and_then(Value::as_i64).unwrap_or_default()
}

/// Truth of a member of a row.
pub(crate) fn flag(row: &Fields, name: &str) -> bool {
    row.get(name).and_then(Value::as_bool).unwrap_or_default()
}

impl Store {
    /// A row with all its columns, as it is served without `$select`.
    pub(crate) fn full_row(&self, company: usize, at: usize, key: &[KeyPart]) -> Option<Fields> {
        let data = &self.companies[company].tables[at];
        let id = *data.by_key.get(key)?;
        let mut body = vec![b'{'];
        Renderer::new(self, company).fields(at, id, data.row(id)?, &Options::default(), &mut body);
        body.push(b'}');
        serde_json::from_slice(&body).ok()
    }

    /// As [`Store::full_row`], by name and key parts.
    pub(crate) fn find_row(&self, company: usize, table: &str, key: &[KeyPart]) -> Option<Fields> {
        self.full_row(company, schema::find(table)?, key)
    }

    /// The first row whose text column has that value.
    pub(crate) fn find_by_text(&self, company: usize, table: &str, column: &str, wanted: &str) -> Option<Fields> {
        let at = schema::find(table)?;
        let index = tables()[at].column(column)?;
        let owner = &self.companies[company];
        let row = owner.tables[at]
            .by_key
            .values()
            .filter_map(|id| owner.tables[at].row(*id))
            .find(|row| Self::cell(owner, &tables()[at], row, index) == Cell::Text(wanted.into()))?;
        self.full_row(company, at, &row.key)
    }

    /// Keys of the rows of a child table below a parent's key.
    pub(crate) fn keys_below(&self, company: usize, table: &str, parent: &[KeyPart]) -> Vec<Key> {
        let Some(at) = schema::find(table) else {
            return Vec::new();
        };
        self.companies[company].tables[at]
            .by_key
            .range(Key::from(parent)..)
            .take_while(|(key, _)| key.starts_with(parent))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Full rows of a child table below a parent's key.
    pub(crate) fn rows_below(&self, company: usize, table: &str, parent: &[KeyPart]) -> Vec<Fields> {
        let keys = self.keys_below(company, table, parent);
        keys.iter().filter_map(|key| self.find_row(company, table, key)).collect()
    }

    /// A whole document: the header and everything below it.
    pub(crate) fn document(&self, company: usize, service: &Service, key: &[KeyPart]) -> Option<Ds> {
        let header = service.tables.first()?;
        let mut ds = Ds::new();
        complete(service, &mut ds);
        push(&mut ds, header, self.find_row(company, header, key)?);
        for table in &service.tables[1..] {
            if schema::find(table).is_some() {
                for row in self.rows_below(company, table, key) {
                    push(&mut ds, table, row);
                }
            }
        }
        Some(ds)
    }

    /// Adds a row with rows of its child sets nested in it, as `$expand` shows them. Keys that children
    /// share with their parent need not be given. Returns the key of the top row.
    ///
    /// # Errors
    /// As [`Store::insert`].
    pub fn insert_tree(&mut self, company: &str, table: &str, fields: &Value) -> Result<Value, String> {
        self.insert_below(company, table, fields, &[])
    }

    fn insert_below(
        &mut self,
        company: &str,
        table: &str,
        fields: &Value,
        parent: &[KeyPart],
    ) -> Result<Value, String> {
        let at = schema::find(table).ok_or_else(|| format!("no table {table:?}"))?;
        let table = &tables()[at];
        let mut row = fields.as_object().cloned().ok_or("fields must be an object")?;
        let nested: Vec<(&str, Value)> =
            table.children.iter().filter_map(|set| Some((*set, row.remove(*set)?))).collect();
        for (name, part) in table.keys.iter().zip(parent) {
            let value = match part {
                KeyPart::Int(number) => Value::from(*number),
                KeyPart::Text(text) => Value::from(&**text),
            };
            row.insert((*name).into(), value);
        }
        let key = self.insert(company, table.name, &Value::Object(row))?;
        let parts = super::keys::key_of(table, &key)?;
        for (set, children) in nested {
            for child in children.as_array().into_iter().flatten() {
                self.insert_below(company, set, child, &parts)?;
            }
        }
        Ok(key)
    }
}
