//! Invoices of suppliers, as accounts payable keeps them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Amount, CompanyCode, CostPer, GlCoding, Money, RecordKey, RecordKind, Version};

/// The place in a purchase order that an invoice line bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PurchaseOrderRef {
    /// Number of the order.
    pub order: i64,
    /// Number of the line; 0 = none told.
    pub line: i64,
    /// Number of the release; 0 = none told.
    pub release: i64,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApInvoiceLine {
    /// Number within the invoice.
    pub number: i64,
    /// `R` receipt, `U` unreceived, `M` miscellaneous, `A` advance, `J` job, `S` asset.
    pub line_type: Option<String>,
    /// What it bills; `None` = no purchase order.
    pub purchase_order: Option<PurchaseOrderRef>,
    /// Part number.
    pub part: Option<String>,
    /// The supplier's number of the part.
    pub vendor_part: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Quantity in the supplier's unit, which the price is for.
    pub quantity: Decimal,
    /// The supplier's unit.
    pub unit: Option<String>,
    /// Price of [`CostPer::units`] units.
    pub unit_cost: Amount,
    /// How many units the price is for.
    pub cost_per: CostPer,
    /// Amount of the line as Epicor computed it; negative on debit memos.
    pub extended: Amount,
    /// Charges of the line beside its amount, in the invoice's currency.
    pub charges: Decimal,
    /// Accounts of the main book, one per expense, with its amount. Empty = the line has no account.
    pub gl: Vec<GlCoding>,
    /// The row's version.
    pub version: Version,
}

/// An invoice of one Epicor company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApInvoice {
    /// Epicor company that owns the invoice.
    pub company: CompanyCode,
    /// Number of the supplier; with `number` the key.
    pub vendor_number: i64,
    /// Code of the supplier.
    pub vendor_code: Option<String>,
    /// Name of the supplier.
    pub vendor_name: Option<String>,
    /// The supplier's number of the invoice: free text, unique within the supplier only.
    pub number: String,
    /// Group it was entered in.
    pub group: Option<String>,
    /// Whether it is booked. Only then it is final.
    pub posted: bool,
    /// Whether something is still to be paid.
    pub open: bool,
    /// Whether it is a debit memo.
    pub debit_memo: bool,
    /// Whether it corrects or cancels another invoice.
    pub correction: bool,
    /// Whether payment is on hold.
    pub held: bool,
    /// Date on the invoice.
    pub invoiced: Option<NaiveDate>,
    /// Day it is booked on.
    pub applied: Option<NaiveDate>,
    /// When it is to be paid.
    pub due: Option<NaiveDate>,
    /// Payment terms code.
    pub terms: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Purchase order on the header; `None` = none. The lines' are what counts.
    pub header_order: Option<i64>,
    /// Currency of the invoice. Empty in broken data, which the mapping refuses.
    pub currency: String,
    /// The company's own currency; `None` = not told by this release of Epicor.
    pub base_currency: Option<String>,
    /// Epicor's exchange rate between the two, as it stands there.
    pub exchange_rate: Decimal,
    /// Total, negative on debit memos.
    pub total: Amount,
    /// What is still to be paid.
    pub balance: Amount,
    /// Taxes in the total.
    pub tax: Amount,
    /// Lines, in the order of their numbers.
    pub lines: Vec<ApInvoiceLine>,
    /// Who changed it last: tells our own writes.
    pub changed_by: Option<String>,
    /// The highest version of header, lines, expenses and accounts: it grows with every edit of any of them.
    pub version: Version,
    /// Columns asked for by extra mappings in the settings, as texts. Null = left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, String>,
}

impl ApInvoice {
    /// The invoice's key over all systems.
    pub fn key(&self) -> RecordKey {
        let number = format!("{}/{}", self.vendor_number, self.number);
        RecordKey::new(&self.company, RecordKind::ApInvoice, &number)
    }

    /// The purchase orders its lines bill. An invoice may span several.
    pub fn purchase_orders(&self) -> BTreeSet<i64> {
        self.lines.iter().filter_map(|line| Some(line.purchase_order?.order)).collect()
    }

    /// The sum of the lines; `None` beyond 28 digits.
    pub fn lines_total(&self) -> Option<Amount> {
        self.lines.iter().map(|line| line.extended).try_fold(Amount::default(), Amount::checked_add)
    }

    /// The total in the invoice's currency.
    pub fn doc_total(&self) -> Money {
        Money::new(self.total.doc, &self.currency)
    }
}

/// One line of an invoice to enter in Epicor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewApInvoiceLine {
    /// What it bills; `None` = a miscellaneous line.
    pub purchase_order: Option<PurchaseOrderRef>,
    /// Part number or a word for it, for lines without purchase order.
    pub part: String,
    /// Description.
    pub description: String,
    /// Quantity in the supplier's unit; `None` = leave what the purchase order gives.
    pub quantity: Option<Decimal>,
    /// Amount of the line in the invoice's currency.
    pub extended: Decimal,
    /// Account to book it to. Empty segments and account = leave what Epicor's GL controls give.
    pub gl: Option<GlCoding>,
}

/// An invoice to enter in Epicor. Its key there is the supplier with the invoice number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewApInvoice {
    /// Number of the supplier.
    pub vendor_number: i64,
    /// Code of the supplier.
    pub vendor_code: String,
    /// Number of the invoice.
    pub number: String,
    /// Group to enter it in; made when it is missing.
    pub group: String,
    /// Purchase order on the header; `None` = the supplier's code is used instead.
    pub header_order: Option<i64>,
    /// Date on the invoice.
    pub invoiced: NaiveDate,
    /// Total in the invoice's currency.
    pub total: Decimal,
    /// Lines in their order.
    pub lines: Vec<NewApInvoiceLine>,
}
