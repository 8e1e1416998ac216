//! Changes to a vendor: read whole, edit, write whole.

use std::collections::BTreeMap;

use mlc_model::{Fault, FaultKind, System, Version};
use serde::{Deserialize, Serialize};

use super::{
    ColumnValue, DataRow, RowMod,
    draft::{Draft, Save},
    method::{VENDOR_CHANGE_COUNTRY, VENDOR_GET, VENDOR_UPDATE},
    wire::Wire,
};
use crate::{Cell, EpicorClient, fault::code};

const TABLE: &str = "Vendor";
const COUNTRY: &str = "CountryNum";
/// Follows [`COUNTRY`].
const COUNTRY_NAME: &str = "Country";

/// Tries after somebody else saved in between.
const RETRIES: usize = 3;

/// Columns that are the server's.
const UNTOUCHABLE: [&str; 5] = ["Company", "VendorNum", "SysRevID", "SysRowID", "RowMod"];

/// What to change on one vendor. Columns that are not named stay as they are, whoever edits them meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorEdit {
    /// The vendor.
    pub number: i64,
    /// New values by Epicor's column names. A country is written by `CountryNum`, which Epicor's name of the country follows; no public
    /// source describes a way from a name or an ISO code to that number.
    pub columns: BTreeMap<String, ColumnValue>,
    /// The version that the decision was made on: a row that somebody saved since is not written, and the answer is `stale_row` at once.
    /// `None` edits whatever stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Version>,
}

/// What became of a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VendorUpdate {
    /// It was like that already; nothing was written.
    Unchanged {
        /// The row's version.
        version: Option<Version>,
    },
    /// It was written.
    Saved {
        /// The version after the write, by which the echo is known; `None` when Epicor did not tell.
        version: Option<Version>,
        /// The changed columns as they were, for the audit.
        before: BTreeMap<String, String>,
    },
}

impl EpicorClient {
    /// Changes a vendor: `GetByID`, edit, `RowMod` `U`, the whole row back. Reads and edits again when somebody saved in between.
    ///
    /// # Errors
    /// `Rejected` when Epicor refuses or has no such vendor; `Transient` with code `stale_row` when others kept saving; `Uncertain` when the
    /// end of the write is not known, and then the same call again is safe; `Rejected` with code `country_not_writable` for a country by its
    /// name; `Defect` for a column that is the server's.
    pub async fn update_vendor(&self, edit: &VendorEdit) -> Result<VendorUpdate, Fault> {
        update_vendor(self, edit).await
    }
}

async fn update_vendor<W: Wire>(wire: &W, edit: &VendorEdit) -> Result<VendorUpdate, Fault> {
    if let Some(name) = edit.columns.keys().find(|name| UNTOUCHABLE.contains(&name.as_str())) {
        return Err(Fault::defect(VENDOR_UPDATE.operation, format!("Column {name} is the server's.")).with_field(name));
    }
    if edit.columns.contains_key(COUNTRY_NAME) {
        let message = "Epicor's Country follows CountryNum and cannot be set by name. Set the country in Epicor.";
        return Err(Fault::new(FaultKind::Rejected, System::Epicor, VENDOR_UPDATE.operation, message)
            .with_code(code::COUNTRY_NOT_WRITABLE)
            .with_field(COUNTRY_NAME));
    }
    // Whoever expects a version has to look again himself.
    let mut retries = if edit.expected.is_some() { 0 } else { RETRIES };
    loop {
        match try_once(wire, edit).await {
            Err(fault) if fault.code.as_deref() == Some(code::STALE_ROW) && retries > 0 => retries -= 1,
            end => return end,
        }
    }
}

async fn try_once<W: Wire>(wire: &W, edit: &VendorEdit) -> Result<VendorUpdate, Fault> {
    let mut draft = Draft::open(wire, &VENDOR_GET, &[("vendorNum", ColumnValue::Int(edit.number))]).await?;
    let meant = |row: &DataRow| row.int("VendorNum") == Some(edit.number);
    let missing = || Fault::defect(VENDOR_GET.operation, "Epicor answered with another vendor than the one asked for.");
    let row = draft.dataset_mut().find_mut(TABLE, meant).ok_or_else(missing)?;
    if let (Some(expected), Some(there)) = (edit.expected, row.version())
        && expected != there
    {
        let message = "Somebody saved this vendor after it was read.";
        return Err(
            Fault::new(FaultKind::Transient, System::Epicor, VENDOR_GET.operation, message).with_code(code::STALE_ROW)
        );
    }
    let mut before = BTreeMap::new();
    let mut country = None;
    for (name, value) in &edit.columns {
        let old = match row.cell(name) {
            Cell::Flag(flag) => flag.to_string(),
            _ => row.text(name),
        };
        if row.set(name, value) {
            before.insert(name.clone(), old);
            country = country.or_else(|| (name == COUNTRY).then(|| value.clone()));
        }
    }
    if before.is_empty() {
        return Ok(VendorUpdate::Unchanged { version: row.version() });
    }
    row.mark(RowMod::Update);
    if let Some(number) = country {
        // A country brings its name and formats along.
        draft.step(&VENDOR_CHANGE_COUNTRY, &[("i_CountryNum", number)]).await?;
    }
    let saved = draft.save(Save::Update(&VENDOR_UPDATE)).await?;
    let version = saved
        .and_then(|dataset| dataset.rows(TABLE).iter().filter(|row| meant(row)).filter_map(DataRow::version).max());
    Ok(VendorUpdate::Saved { version, before })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;
    use crate::write::script::Script;

    const STALE: &str = r#"{"ErrorMessage":"Row has been modified by another user and couldn't be updated."}"#;

    fn there(revision: u32) -> String {
        format!(
            r#"{{"returnObj":{{"Vendor":[{{"VendorNum":118,"Name":"Old","Limit_c":1.5000,"Inactive":false,"SysRevID":{revision},"RowMod":""}}],"VendBank":[{{"K":1}}]}}}}"#
        )
    }

    fn edit(name: &str) -> VendorEdit {
        let columns = BTreeMap::from([("Name".to_owned(), ColumnValue::text(name))]);
        VendorEdit { number: 118, columns, expected: None }
    }

    #[tokio::test]
    async fn a_vendor_goes_back_whole_and_marked() {
        let script = Script::new();
        script.answer("GetByID", 200, &there(7));
        script.answer(
            "Update",
            200,
            r#"{"parameters":{"ds":{"Vendor":[{"VendorNum":118,"SysRevID":9,"RowMod":""}]}}}"#,
        );
        let done = update_vendor(&script, &edit("New")).await.unwrap();
        let before = BTreeMap::from([("Name".to_owned(), "Old".to_owned())]);
        assert_eq!(done, VendorUpdate::Saved { version: Some(Version(9)), before });
        let sent = script.sent("Update");
        assert!(sent[0].contains(r#""Limit_c":1.5000"#) && sent[0].contains(r#""RowMod":"U""#), "{}", sent[0]);
        assert!(sent[0].contains(r#""Name":"New""#) && sent[0].contains("VendBank"), "{}", sent[0]);
    }

    #[tokio::test]
    async fn an_equal_vendor_is_not_written() {
        let script = Script::new();
        script.answer("GetByID", 200, &there(7));
        let done = update_vendor(&script, &edit("Old")).await.unwrap();
        assert_eq!(done, VendorUpdate::Unchanged { version: Some(Version(7)) });
        assert!(script.sent("Update").is_empty());
    }

    #[tokio::test]
    async fn a_stale_row_is_read_and_edited_again_three_times_at_most() {
        let script = Script::new();
        for revision in 7..11 {
            script.answer("GetByID", 200, &there(revision));
            script.answer("Update", 400, STALE);
        }
        let fault = update_vendor(&script, &edit("New")).await.unwrap_err();
        assert_eq!(fault.code.as_deref(), Some(code::STALE_ROW));
        let sent = script.sent("Update");
        assert_eq!(sent.len(), 4);
        assert!(sent[3].contains(r#""SysRevID":10"#), "the last one read");
    }

    #[tokio::test]
    async fn the_servers_own_columns_are_refused_before_anything_is_sent() {
        let columns = BTreeMap::from([("SysRevID".to_owned(), ColumnValue::Int(1))]);
        let edit = VendorEdit { number: 118, columns, expected: None };
        assert_eq!(update_vendor(&Script::new(), &edit).await.unwrap_err().kind, FaultKind::Defect);
        let columns = BTreeMap::from([(COUNTRY_NAME.to_owned(), ColumnValue::text("Belgium"))]);
        let fault =
            update_vendor(&Script::new(), &VendorEdit { number: 118, columns, expected: None }).await.unwrap_err();
        assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Rejected, Some(code::COUNTRY_NOT_WRITABLE)));
    }

    #[tokio::test]
    async fn a_vendor_that_was_saved_since_it_was_read_is_not_written() {
        let script = Script::new();
        script.answer("GetByID", 200, &there(8));
        let edit = VendorEdit { expected: Some(Version(7)), ..edit("New") };
        let fault = update_vendor(&script, &edit).await.unwrap_err();
        assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Transient, Some(code::STALE_ROW)));
        assert!(script.sent("Update").is_empty());
        assert_eq!(script.sent("GetByID").len(), 1);
    }
}
