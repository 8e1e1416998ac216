//! Columns of documents, and how their tables hang together.

use crate::{Cell, Entity, Fields};

/// `POHeader`. Source: Epicor reference, section 5.3.
pub(crate) const ORDER: &[&str] = &[
    "OpenOrder",
    "VoidOrder",
    "OrderHeld",
    "Approve",
    "ApprovalStatus",
    "OrderDate",
    "DueDate",
    "PromiseDate",
    "BuyerID",
    "BuyerIDName",
    "VendorNum",
    "PurPoint",
    "TermsCode",
    "TermsCodeDescription",
    "ShipViaCode",
    "FOB",
    "ShipName",
    "ShipAddress1",
    "ShipAddress2",
    "ShipAddress3",
    "ShipCity",
    "ShipState",
    "ShipZIP",
    "ShipCountry",
    "CommentText",
    "CurrencyCode",
    "BaseCurrencyID",
    "ExchangeRate",
    "VendorRefNum",
    "TotalMiscCharges",
    "TotalTax",
    "TotalOrder",
    "DocTotalMisc",
    "DocTotalTax",
    "DocTotalOrder",
    "ChangedBy",
    "VendorVendorID",
    "VendorName",
    "VendorAddress1",
    "VendorAddress2",
    "VendorAddress3",
    "VendorCity",
    "VendorState",
    "VendorZIP",
    "VendorCountry",
    "VendorCntName",
    "VendorCntEmailAddress",
    "VendorCntPhoneNum",
];

/// `APInvHed`. Source: Epicor reference, section 5.4.
pub(crate) const INVOICE: &[&str] = &[
    "GroupID",
    "Posted",
    "OpenPayable",
    "DebitMemo",
    "CorrectionInv",
    "CancellationInv",
    "InvoiceHeld",
    "PayHold",
    "InvoiceDate",
    "ApplyDate",
    "DueDate",
    "TermsCode",
    "Description",
    "REFPONum",
    "CurrencyCode",
    "BaseCurrencyID",
    "ExchangeRate",
    "InvoiceAmt",
    "DocInvoiceAmt",
    "InvoiceBal",
    "DocInvoiceBal",
    "TaxAmt",
    "DocTaxAmt",
    "ChangedBy",
    "VendorNumVendorID",
    "VendorNumName",
];

macro_rules! with_accounts {
    ($($name:literal),* $(,)?) => {
        &[
            $($name,)*
            "TGLCTranNum", "GLAcctContext", "BookID", "COACode", "GLAccount", "GLAccountGLAcctDisp", "GLAccountAccountDesc", "IsMainBook",
            "SegValue1", "SegValue2", "SegValue3", "SegValue4", "SegValue5", "SegValue6", "SegValue7", "SegValue8", "SegValue9",
            "SegValue10", "SegValue11", "SegValue12", "SegValue13", "SegValue14", "SegValue15", "SegValue16", "SegValue17",
            "SegValue18", "SegValue19", "SegValue20", "SysRevID",
        ]
    };
}

/// Columns of lines, releases and accounts of an order, with the names of the nested sets.
pub(crate) const ORDER_CHILDREN: &[&str] = with_accounts![
    "PORels",
    "PORelTGLCs",
    "PONUM",
    "PONum",
    "POLine",
    "OpenLine",
    "VoidLine",
    "LineDesc",
    "PartNum",
    "VenPartNum",
    "PUM",
    "OrderQty",
    "UnitCost",
    "DocUnitCost",
    "CostPerCode",
    "ExtCost",
    "DocExtCost",
    "DueDate",
    "CommentText",
    "PORelNum",
    "RelQty",
    "XRelQty",
    "ReceivedQty",
    "InvoicedQty",
    "PromiseDt",
    "Plant",
    "WarehouseCode",
    "OpenRelease",
    "VoidRelease",
    "Status",
    "ReqNum",
    "ReqLine",
];

/// Columns of lines, expenses and accounts of an invoice, with the names of the nested sets.
pub(crate) const INVOICE_CHILDREN: &[&str] = with_accounts![
    "APInvExps",
    "APInvExpTGLCs",
    "InvoiceLine",
    "LineType",
    "PONum",
    "POLine",
    "PORelNum",
    "PartNum",
    "VenPartNum",
    "Description",
    "VendorQty",
    "PUM",
    "UnitCost",
    "DocUnitCost",
    "CostPerCode",
    "ExtCost",
    "DocExtCost",
    "TotalMiscChrg",
    "DocTotalMiscChrg",
    "InvExpSeq",
    "ExpAmt",
    "DocExpAmt",
    "GLAccountDesc",
    "ExpDispGLAcct",
];

/// One level of a document below its header.
pub(crate) struct Level {
    /// The nested set in OData.
    pub(crate) set: &'static str,
    /// The flat table in a tableset.
    pub(crate) table: &'static str,
    /// Columns that tie a row to its parent: the child's name and the parent's, which differ for orders.
    pub(crate) ties: &'static [(&'static str, &'static str)],
}

/// The levels of a document from the header down; empty for what is no document.
pub(crate) fn levels(entity: Entity) -> &'static [Level] {
    match entity {
        Entity::PurchaseOrders => &[
            Level { set: "PODetails", table: "PODetail", ties: &[("PONUM", "PONum")] },
            Level { set: "PORels", table: "PORel", ties: &[("PONum", "PONUM"), ("POLine", "POLine")] },
            Level {
                set: "PORelTGLCs",
                table: "PORelTGLC",
                ties: &[("PONum", "PONum"), ("POLine", "POLine"), ("PORelNum", "PORelNum")],
            },
        ],
        Entity::ApInvoices => &[
            Level { set: "APInvDtls", table: "APInvDtl", ties: &[] },
            Level { set: "APInvExps", table: "APInvExp", ties: &[("InvoiceLine", "InvoiceLine")] },
            Level {
                set: "APInvExpTGLCs",
                table: "APInvExpTGLC",
                ties: &[("InvoiceLine", "InvoiceLine"), ("InvExpSeq", "InvExpSeq")],
            },
        ],
        Entity::Vendors
        | Entity::Customers
        | Entity::CustomerContacts
        | Entity::PurchaseOrderLines
        | Entity::PurchaseOrderReleases => &[],
    }
}

/// Whether every level came with the row. One that is missing was not sent, which is not the same as empty.
pub(crate) fn is_whole(levels: &[Level], fields: &Fields) -> bool {
    let Some((level, below)) = levels.split_first() else { return true };
    match fields.get(level.set) {
        Some(Cell::List(children)) => children.iter().all(|child| match child {
            Cell::Object(fields) => is_whole(below, fields),
            // Broken rows are reported where they are read.
            _ => true,
        }),
        Some(_) => true,
        None => false,
    }
}

/// Hangs the flat tables of a tableset below their header, as `$expand` would.
pub(crate) fn nest(levels: &[Level], tables: &Fields, header: &mut Fields) {
    let Some((level, below)) = levels.split_first() else { return };
    let rows = match tables.get(level.table) {
        Some(Cell::List(rows)) => rows.as_slice(),
        _ => &[],
    };
    let mut children = Vec::new();
    for row in rows {
        match row {
            Cell::Object(fields) if belongs(level, fields, header) => {
                let mut fields = fields.clone();
                nest(below, tables, &mut fields);
                children.push(Cell::Object(fields));
            }
            Cell::Object(_) => {}
            broken => children.push(broken.clone()),
        }
    }
    header.insert(level.set.to_owned(), Cell::List(children));
}

fn belongs(level: &Level, child: &Fields, parent: &Fields) -> bool {
    level.ties.iter().all(|(of_child, of_parent)| {
        let (mine, its) = (child.get(*of_child).and_then(number), parent.get(*of_parent).and_then(number));
        mine.is_some() && mine == its
    })
}

fn number(cell: &Cell) -> Option<&str> {
    match cell {
        Cell::Number(text) | Cell::Text(text) => Some(text.trim().trim_end_matches(".0")),
        _ => None,
    }
}
