//! Purchase requisitions that we ask Epicor to keep.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// One thing that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequisitionLine {
    /// What tells this line from the others of its requisition for ever, such as the shop's item id. Kept in the line's comment, so that a
    /// crash after saving does not double it.
    pub reference: String,
    /// Part number; `None` = a line of text.
    pub part: Option<String>,
    /// Description.
    pub description: String,
    /// How many.
    pub quantity: Decimal,
    /// Unit; `None` = the part's own.
    pub unit: Option<String>,
    /// Expected price of one unit, in the company's own currency; `None` = not known.
    pub unit_cost: Option<Decimal>,
    /// Number of the supplier; `None` = purchasing chooses.
    pub vendor_number: Option<i64>,
    /// When it is needed.
    pub due: Option<NaiveDate>,
}

/// A requisition to create once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requisition {
    /// What it is found again by, such as `Adobe order 000000412`. Becomes part of its comment.
    pub marker: String,
    /// Code of the person who asks.
    pub requestor: String,
    /// Day it is asked for.
    pub requested: NaiveDate,
    /// Text after the marker, by which it is found again too; empty = none.
    pub comment: String,
    /// Who the goods go to; `None` = Epicor's default.
    pub ship_name: Option<String>,
    /// Lines in their order.
    pub lines: Vec<RequisitionLine>,
}

impl Requisition {
    /// The header's comment: the marker stands alone on the first line.
    pub fn header_comment(&self) -> String {
        match self.comment.trim() {
            "" => self.marker.clone(),
            text => format!("{}\n{text}", self.marker),
        }
    }
}
