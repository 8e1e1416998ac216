//! An answer of an entity set, taken apart row by row.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
};

use chrono::{DateTime, Utc};
use mlc_model::{CompanyCode, Fault, FaultKind, System};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Cell, Entity, Row, RowKey, RowProblem,
    fault::{self, code},
};

/// One page of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// One entry per key, in the order of the answer. A broken row does not hold back the others.
    pub rows: Vec<Result<Row, RowProblem>>,
    /// Rows in the answer, broken and doubled ones included. Paging goes on this, never on `rows`.
    pub received: usize,
    /// Rows whose key had already been in the same answer. The newest version of each key is in `rows`.
    pub duplicates: usize,
    /// Rows that match the filter, where `$count=true` was asked for and answered.
    pub count: Option<u64>,
    /// The server's `Date` header.
    pub server_time: Option<DateTime<Utc>>,
    /// Key of the first row; `None` when it cannot be read.
    pub first_key: Option<RowKey>,
    /// Key of the last row whose key could be read: where the walk by key goes on.
    pub last_key: Option<RowKey>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(rename = "@odata.count", borrow)]
    count: Option<&'a RawValue>,
}

impl Page {
    /// Takes the body of a 200 apart.
    ///
    /// # Errors
    /// `Transient` for a body that was cut short, is empty, is a web page, or holds an error after all: the next try
    /// will see another one. `Rejected` for JSON of another shape than an entity set's.
    pub fn read(entity: Entity, company: &CompanyCode, body: &[u8]) -> Result<Self, Fault> {
        let operation = entity.read_operation();
        let text: Cow<'_, str> = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{FEFF}').trim();
        let transient = |what: &str| Err(fault::transient(operation, 200, code::NOT_JSON, what));
        if text.is_empty() {
            return transient("Epicor answered with success but sent nothing.");
        }
        if text.starts_with('<') {
            return transient(
                "Epicor answered with a web page instead of data; something on the way answered in its place.",
            );
        }
        let envelope: Envelope<'_> = match serde_json::from_str(text) {
            Ok(envelope) => envelope,
            Err(problem) if problem.is_data() => return Err(wrong_shape(operation, "is not an OData answer")),
            Err(problem) if problem.is_eof() => return transient("Epicor's answer was cut short."),
            Err(_) => return transient("Epicor's answer is not readable JSON."),
        };
        let Some(value) = envelope.value else {
            return match fault::in_success(operation, text) {
                Some(fault) => Err(fault),
                None => Err(wrong_shape(operation, "has no list of rows in `value`")),
            };
        };
        let Ok(raw_rows) = serde_json::from_str::<Vec<&RawValue>>(value.get()) else {
            return Err(wrong_shape(operation, "has something else than a list of rows in `value`"));
        };
        let mut page = Self { received: raw_rows.len(), count: envelope.count.and_then(count), ..Self::default() };
        let mut seen: HashMap<RowKey, usize> = HashMap::with_capacity(raw_rows.len());
        for (index, raw) in raw_rows.into_iter().enumerate() {
            page.add(Row::check(entity, company, index + 1, Cell::read(raw, entity.child_columns())), &mut seen);
        }
        Ok(page)
    }

    fn add(&mut self, row: Result<Row, RowProblem>, seen: &mut HashMap<RowKey, usize>) {
        let key = match &row {
            Ok(row) => Some(&row.key),
            Err(problem) => problem.key.as_ref(),
        };
        let Some(key) = key else {
            self.rows.push(row);
            return;
        };
        if self.rows.is_empty() {
            self.first_key = Some(key.clone());
        }
        self.last_key = Some(key.clone());
        match seen.entry(key.clone()) {
            Entry::Vacant(free) => {
                free.insert(self.rows.len());
                self.rows.push(row);
            }
            Entry::Occupied(first) => {
                self.duplicates += 1;
                let kept = &mut self.rows[*first.get()];
                let newer = match (&*kept, &row) {
                    (Ok(kept), Ok(row)) => row.version >= kept.version,
                    (Err(_), Ok(_)) => true,
                    (_, Err(_)) => false,
                };
                if newer {
                    *kept = row;
                }
            }
        }
    }
}

fn count(raw: &RawValue) -> Option<u64> {
    match Cell::read(raw, &[]) {
        Cell::Number(text) | Cell::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn wrong_shape(operation: &str, what: &str) -> Fault {
    Fault::new(FaultKind::Rejected, System::Epicor, operation, format!("Epicor's answer {what}."))
        .with_status(200)
        .with_code(code::WRONG_SHAPE)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn read(body: &str) -> Result<Page, Fault> {
        Page::read(Entity::Vendors, &CompanyCode::parse("EPIC06").unwrap(), body.as_bytes())
    }

    #[test]
    fn a_page_gives_its_rows_count_and_last_key() {
        let page = read(
            r#"{"@odata.context":"x","@odata.count":2,"value":[
                {"Company":"EPIC06","VendorNum":118,"SysRevID":48210377,"New_c":1.50},
                {"Company":"EPIC06","VendorNum":"119","SysRevID":"48210378"}]}"#,
        )
        .unwrap();
        assert_eq!((page.received, page.count, page.duplicates), (2, Some(2), 0));
        assert_eq!(page.last_key, Some(RowKey::firm(119)));
        assert_eq!(page.rows[0].as_ref().unwrap().version.0, 48_210_377);
    }

    #[test]
    fn a_broken_row_does_not_hold_back_the_others() {
        let page = read(
            r#"{"value":[7, null, {"VendorNum":null,"SysRevID":1}, {"VendorNum":5,"SysRevID":null},
                {"VendorNum":{"a":1},"SysRevID":1}, {"Company":"EPIC07","VendorNum":6,"SysRevID":1},
                {"Company":null,"VendorNum":7,"SysRevID":1}, {"VendorNum":1.5,"SysRevID":1}, {"VendorNum":9,"SysRevID":2}]}"#,
        )
        .unwrap();
        assert_eq!(page.received, 9);
        let good: Vec<_> = page.rows.iter().filter_map(|row| row.as_ref().ok()).map(|row| row.key.number).collect();
        assert_eq!(good, [9]);
        let fields: Vec<_> = page.rows.iter().filter_map(|row| row.as_ref().err()).map(|row| &*row.field).collect();
        assert_eq!(fields, ["", "", "VendorNum", "SysRevID", "VendorNum", "Company", "Company", "VendorNum"]);
        let fault = Fault::from(page.rows[3].clone().unwrap_err());
        assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::Rejected, "Vendor 5: SysRevID is empty."));
    }

    #[test]
    fn a_doubled_row_is_kept_once_in_its_newest_version() {
        let row = |version: u32| format!(r#"{{"VendorNum":5,"SysRevID":{version}}}"#);
        let page = read(&format!(r#"{{"value":[{},{},{}]}}"#, row(2), row(3), row(1))).unwrap();
        assert_eq!((page.received, page.duplicates, page.rows.len()), (3, 2, 1));
        assert_eq!(page.rows[0].as_ref().unwrap().version.0, 3);
    }

    #[test]
    fn a_body_that_another_try_may_mend_is_transient() {
        for body in [
            "",
            "<html><body>Sign in</body></html>",
            r#"{"value":[{"VendorNum":5,"#,
            r#"{"value":[{"VendorNum":5}]"#,
            r#"{"value":[}"#,
            r#"{"error":{"code":"","message":"An error has occurred."}}"#,
        ] {
            assert_eq!(read(body).unwrap_err().kind, FaultKind::Transient, "{body}");
        }
    }

    #[test]
    fn json_of_another_shape_is_rejected() {
        for body in ["[]", "7", r#"{"value":7}"#, r#"{"values":[]}"#, r#"{"value":null}"#] {
            assert_eq!(read(body).unwrap_err().kind, FaultKind::Rejected, "{body}");
        }
    }

    #[test]
    fn a_text_of_ten_megabytes_spoils_its_column_only() {
        let huge = "x".repeat(10_000_000);
        let body =
            format!(r#"{{"value":[{{"VendorNum":5,"SysRevID":1,"Name":"{huge}"}},{{"VendorNum":6,"SysRevID":1}}]}}"#);
        let page = read(&body).unwrap();
        let row = page.rows[0].as_ref().unwrap();
        assert!(matches!(row.fields["Name"], Cell::Unreadable(_)));
        assert!(page.rows[1].is_ok());
    }

    #[test]
    fn the_version_is_the_rows_own_even_where_a_child_is_newer() {
        let page =
            read(r#"{"value":[{"VendorNum":5,"SysRevID":10,"VendCntMains":[{"SysRevID":12},{"SysRevID":null},7]}]}"#)
                .unwrap();
        assert_eq!(page.rows[0].as_ref().unwrap().version.0, 10);
    }
}
