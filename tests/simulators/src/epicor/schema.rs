//! Tables as data: services, entity sets, keys, children and columns.
//!
//! Adding an entity set is adding a [`Table`] description here and its columns to `columns.csv`.

use std::{collections::HashMap, sync::OnceLock};

/// Edm type of a column, as far as the simulator tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edm {
    Boolean,
    Int32,
    Int64,
    Decimal,
    Text,
    Binary,
    Guid,
    /// A date column holding whole days (the type is still `Edm.DateTimeOffset`).
    Day,
    /// A date column holding moments.
    Moment,
}

impl Edm {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Edm::Boolean => "Edm.Boolean",
            Edm::Int32 => "Edm.Int32",
            Edm::Int64 => "Edm.Int64",
            Edm::Decimal => "Edm.Decimal",
            Edm::Text => "Edm.String",
            Edm::Binary => "Edm.Binary",
            Edm::Guid => "Edm.Guid",
            Edm::Day | Edm::Moment => "Edm.DateTimeOffset",
        }
    }
}

/// Where the value of a column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Company,
    /// Part of the key, counted without the company.
    Key(usize),
    Revision,
    UpdatedOn,
    RowId,
    Stored,
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) edm: Edm,
    pub(crate) origin: Origin,
}

/// How a table keeps its own change columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamps {
    /// Nothing but the revision, though columns of that name may exist.
    None,
    /// `ChangeDate` as a day.
    Day,
    /// `ChangeDate` as a day and `ChangeTime` in seconds since local midnight.
    DayAndSeconds,
    /// `ChangeDate` as a moment.
    Moment,
}

/// One entity set and the table behind it.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) service: &'static str,
    pub(crate) set: &'static str,
    pub(crate) name: &'static str,
    /// Key columns in key order, without the company.
    pub(crate) keys: &'static [&'static str],
    /// The company column, first part of every key.
    pub(crate) company_column: &'static str,
    /// Child sets; their key starts with this table's key.
    pub(crate) children: &'static [&'static str],
    pub(crate) is_child: bool,
    pub(crate) stamps: Stamps,
    pub(crate) columns: Vec<Column>,
    pub(crate) by_name: HashMap<&'static str, u16>,
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<u16> {
        self.by_name.get(name).copied()
    }

    /// The published name of the row type; that of purchase orders differs from their table.
    pub(crate) fn type_name(&self) -> &'static str {
        if self.name == "POHeader" { "PO" } else { self.name }
    }
}

const COLUMNS: &str = include_str!("columns.csv");

struct Entry(&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str], bool, Stamps);

/// Service, set, table, keys after the company, children, is it a child, stamps.
const TABLES: &[Entry] = &[
    Entry("Erp.BO.VendorSvc", "Vendors", "Vendor", &["VendorNum"], &["VendCntMains"], false, Stamps::None),
    Entry(
        "Erp.BO.VendorSvc",
        "VendCntMains",
        "VendCntMain",
        &["VendorNum", "PurPoint", "ConNum"],
        &[],
        true,
        Stamps::Day,
    ),
    Entry("Erp.BO.CustomerSvc", "Customers", "Customer", &["CustNum"], &[], false, Stamps::DayAndSeconds),
    // The vendor's own note says nothing maintains this table's ChangeDate.
    Entry("Erp.BO.CustCntSvc", "CustCnts", "CustCnt", &["CustNum", "ShipToNum", "ConNum"], &[], false, Stamps::None),
    Entry("Erp.BO.CompanySvc", "Companies", "Company", &[], &[], false, Stamps::None),
    Entry("Erp.BO.POSvc", "POes", "POHeader", &["PONum"], &["PODetails", "POHeadMiscs"], false, Stamps::Moment),
    Entry("Erp.BO.POSvc", "PODetails", "PODetail", &["PONUM", "POLine"], &["PORels"], true, Stamps::Moment),
    Entry("Erp.BO.POSvc", "PORels", "PORel", &["PONum", "POLine", "PORelNum"], &["PORelTGLCs"], true, Stamps::None),
    Entry(
        "Erp.BO.POSvc",
        "PORelTGLCs",
        "PORelTGLC",
        &["PONum", "POLine", "PORelNum", "BookID"],
        &[],
        true,
        Stamps::None,
    ),
    Entry("Erp.BO.POSvc", "POHeadMiscs", "POHeadMisc", &["PONum", "POLine", "SeqNum"], &[], true, Stamps::None),
    Entry(
        "Erp.BO.APInvoiceSvc",
        "APInvoices",
        "APInvHed",
        &["VendorNum", "InvoiceNum"],
        &["APInvDtls"],
        false,
        Stamps::Day,
    ),
    Entry(
        "Erp.BO.APInvoiceSvc",
        "APInvDtls",
        "APInvDtl",
        &["VendorNum", "InvoiceNum", "InvoiceLine"],
        &["APInvExps"],
        true,
        Stamps::Day,
    ),
    Entry(
        "Erp.BO.APInvoiceSvc",
        "APInvExps",
        "APInvExp",
        &["VendorNum", "InvoiceNum", "InvoiceLine", "InvExpSeq"],
        &["APInvExpTGLCs"],
        true,
        Stamps::None,
    ),
    Entry(
        "Erp.BO.APInvoiceSvc",
        "APInvExpTGLCs",
        "APInvExpTGLC",
        &["VendorNum", "InvoiceNum", "InvoiceLine", "InvExpSeq", "SysRowID"],
        &[],
        true,
        Stamps::None,
    ),
    Entry("Erp.BO.APInvGrpSvc", "APInvGrps", "APInvGrp", &["GroupID"], &[], false, Stamps::None),
    Entry("Erp.BO.ReqSvc", "Reqs", "ReqHead", &["ReqNum"], &["ReqDetails"], false, Stamps::None),
    Entry("Erp.BO.ReqSvc", "ReqDetails", "ReqDetail", &["ReqNum", "ReqLine"], &[], true, Stamps::None),
    Entry("Erp.BO.GLAccountSvc", "GLAccounts", "GLAccount", &["COACode", "GLAccount1"], &[], false, Stamps::None),
];

/// All tables; the position of a table is its number in the store.
pub(crate) fn tables() -> &'static [Table] {
    static SCHEMA: OnceLock<Vec<Table>> = OnceLock::new();
    SCHEMA.get_or_init(|| TABLES.iter().map(build).collect())
}

/// Finds a table by the name of its table or of its entity set.
pub(crate) fn find(name: &str) -> Option<usize> {
    tables().iter().position(|table| table.name == name || table.set == name)
}

fn build(entry: &Entry) -> Table {
    let Entry(service, set, name, keys, children, is_child, stamps) = *entry;
    // A property named like its entity is published with a trailing 1.
    let company_column = if name == "Company" { "Company1" } else { "Company" };
    let mut columns = Vec::new();
    for line in COLUMNS.lines().skip(1) {
        let mut parts = line.split(',');
        let (Some(table), Some(column), Some(edm)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if table != name {
            continue;
        }
        let origin = match column {
            "SysRevID" => Origin::Revision,
            "UpdatedOn" => Origin::UpdatedOn,
            "SysRowID" if !keys.contains(&"SysRowID") => Origin::RowId,
            _ if column == company_column => Origin::Company,
            _ => keys.iter().position(|key| *key == column).map_or(Origin::Stored, Origin::Key),
        };
        let edm = match edm {
            "Edm.Boolean" => Edm::Boolean,
            "Edm.Int32" => Edm::Int32,
            "Edm.Int64" => Edm::Int64,
            "Edm.Decimal" => Edm::Decimal,
            "Edm.Binary" => Edm::Binary,
            "Edm.Guid" => Edm::Guid,
            "Edm.DateTimeOffset" if origin == Origin::UpdatedOn => Edm::Moment,
            "Edm.DateTimeOffset" if column == "CreatedOn" && name == "ReqHead" => Edm::Moment,
            "Edm.DateTimeOffset" if column == "ChangeDate" && stamps == Stamps::Moment => Edm::Moment,
            "Edm.DateTimeOffset" => Edm::Day,
            _ => Edm::Text,
        };
        columns.push(Column { name: column, edm, origin });
    }
    let by_name = columns.iter().zip(0_u16..).map(|(column, index)| (column.name, index)).collect();
    Table { service, set, name, keys, company_column, children, is_child, stamps, columns, by_name }
}
