//! Purchase orders: header, supplier, lines, releases and their accounts.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Address, Amount, CompanyCode, CostPer, GlCoding, Money, RecordKey, RecordKind, Version, round_half_up};

/// Where a purchase order stands with those who approve it.
///
/// Source: Epicor reference, section 5.3, `ApprovalStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// `U`, or empty.
    Unsubmitted,
    /// `P`.
    Pending,
    /// `A`.
    Approved,
    /// `R`.
    Rejected,
}

impl Approval {
    /// The meaning of Epicor's code; `None` for any other.
    pub fn from_code(code: &str) -> Option<Self> {
        match code.trim() {
            "" | "U" => Some(Self::Unsubmitted),
            "P" => Some(Self::Pending),
            "A" => Some(Self::Approved),
            "R" => Some(Self::Rejected),
            _ => None,
        }
    }
}

/// The supplier as the order shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderVendor {
    /// Number the system assigned. 0 = none, which the mapping refuses.
    pub number: i64,
    /// Code people use; a read-only decoration of the order, so it may be missing.
    pub code: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Purchase point; `None` = the supplier itself.
    pub purchase_point: Option<String>,
    /// Where it is.
    pub address: Address,
    /// Person in charge there.
    pub contact: Option<String>,
    /// That person's e-mail address.
    pub email: Option<String>,
    /// That person's telephone.
    pub phone: Option<String>,
}

/// One delivery of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Number within the line.
    pub number: i64,
    /// Quantity in the supplier's unit.
    pub quantity: Decimal,
    /// Quantity received so far, in our own unit.
    pub received: Decimal,
    /// Quantity invoiced so far.
    pub invoiced: Decimal,
    /// When it is due.
    pub due: Option<NaiveDate>,
    /// When the supplier promised it.
    pub promised: Option<NaiveDate>,
    /// Site it goes to.
    pub plant: Option<String>,
    /// Warehouse it goes to.
    pub warehouse: Option<String>,
    /// Whether something is still to come.
    pub open: bool,
    /// Whether it was cancelled.
    pub void: bool,
    /// Epicor's status letter, one of `O A I R U D C V`.
    pub status: Option<String>,
    /// Requisition it came from; `None` = none.
    pub requisition: Option<i64>,
    /// Line of that requisition.
    pub requisition_line: Option<i64>,
    /// Account of the main book; `None` = the release has no account.
    pub gl: Option<GlCoding>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Number within the order.
    pub number: i64,
    /// Part number; `None` = a line of text.
    pub part: Option<String>,
    /// The supplier's number of the part.
    pub vendor_part: Option<String>,
    /// Description.
    pub description: String,
    /// Quantity in the supplier's unit, which the price is for.
    pub quantity: Decimal,
    /// The supplier's unit.
    pub unit: Option<String>,
    /// Price of [`CostPer::units`] units.
    pub unit_cost: Amount,
    /// How many units the price is for.
    pub cost_per: CostPer,
    /// Amount of the line as Epicor computed it.
    pub extended: Amount,
    /// When it is due.
    pub due: Option<NaiveDate>,
    /// Comment for the supplier.
    pub comment: Option<String>,
    /// Whether something is still to come.
    pub open: bool,
    /// Whether it was cancelled.
    pub void: bool,
    /// Deliveries, in the order of their numbers.
    pub releases: Vec<Release>,
    /// The row's version.
    pub version: Version,
}

impl OrderLine {
    /// The line's amounts by its own quantity and price, rounded to `decimals`; `None` beyond 28 digits.
    pub fn computed(&self, decimals: u32) -> Option<Amount> {
        let amount = |cost| Some(round_half_up(self.cost_per.extended(self.quantity, cost)?, decimals));
        Some(Amount { doc: amount(self.unit_cost.doc)?, base: amount(self.unit_cost.base)? })
    }

    /// Price of one unit, not rounded.
    pub fn each(&self) -> Amount {
        Amount { doc: self.cost_per.each(self.unit_cost.doc), base: self.cost_per.each(self.unit_cost.base) }
    }

    /// The account of the line: of its first release that has one. Voided releases count last.
    pub fn gl(&self) -> Option<&GlCoding> {
        let coded = |void: bool| self.releases.iter().filter(move |release| release.void == void);
        coded(false).chain(coded(true)).find_map(|release| release.gl.as_ref())
    }
}

/// A purchase order of one Epicor company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseOrder {
    /// Epicor company that owns the order.
    pub company: CompanyCode,
    /// Number the system assigned; the key.
    pub number: i64,
    /// Whether something is still to come: `false` = closed.
    pub open: bool,
    /// Whether it was cancelled.
    pub void: bool,
    /// Whether it is on hold.
    pub held: bool,
    /// Where it stands with those who approve it. `Approve` without a status counts as approved.
    pub approval: Approval,
    /// Day of the order.
    pub ordered: Option<NaiveDate>,
    /// When it is due.
    pub due: Option<NaiveDate>,
    /// When the supplier promised it.
    pub promised: Option<NaiveDate>,
    /// The supplier.
    pub vendor: OrderVendor,
    /// Where the goods go.
    pub ship_to: Address,
    /// Who the goods go to.
    pub ship_name: Option<String>,
    /// Code of the buyer.
    pub buyer: Option<String>,
    /// Name of the buyer.
    pub buyer_name: Option<String>,
    /// Payment terms code.
    pub terms: Option<String>,
    /// Payment terms in words.
    pub terms_description: Option<String>,
    /// How it is shipped.
    pub ship_via: Option<String>,
    /// Delivery terms.
    pub fob: Option<String>,
    /// Comment for the supplier.
    pub comment: Option<String>,
    /// Currency of the order. Empty in broken data, which the mapping refuses.
    pub currency: String,
    /// The company's own currency; `None` = not told by this release of Epicor.
    pub base_currency: Option<String>,
    /// Epicor's exchange rate between the two, as it stands there.
    pub exchange_rate: Decimal,
    /// The supplier's own reference.
    pub vendor_reference: Option<String>,
    /// Charges beside the lines.
    pub charges: Amount,
    /// Taxes.
    pub tax: Amount,
    /// Lines, charges and taxes.
    pub total: Amount,
    /// Lines, in the order of their numbers.
    pub lines: Vec<OrderLine>,
    /// Who changed it last: tells our own writes.
    pub changed_by: Option<String>,
    /// The highest version of header, lines, releases and accounts. One counter numbers all rows of the database, so this grows with every
    /// edit of any of them, where the header's own would stand still. Deleting a line could lower it, but changes the header's totals, and with
    /// them its version.
    ///
    /// Source: Epicor reference, section 4, `SysRevID`.
    pub version: Version,
    /// Columns asked for by extra mappings in the settings, as texts. Null = left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, String>,
}

/// The increment id of an order in a shop, `{COMPANY}-PO-{number}`: two companies number their orders alike, and a shop has one sequence.
pub fn order_increment_id(company: &CompanyCode, number: i64) -> String {
    format!("{}{number}", order_increment_prefix(company))
}

/// What the increment ids of a company's orders begin with, `{COMPANY}-PO-`, in upper case.
pub fn order_increment_prefix(company: &CompanyCode) -> String {
    format!("{}-PO-", company.as_str().to_ascii_uppercase())
}

impl PurchaseOrder {
    /// The order's increment id in a shop, see [`order_increment_id`].
    pub fn increment_id(&self) -> String {
        order_increment_id(&self.company, self.number)
    }

    /// The order's key over all systems.
    pub fn key(&self) -> RecordKey {
        RecordKey::new(&self.company, RecordKind::PurchaseOrder, &self.number.to_string())
    }

    /// The supplier's key over all systems.
    pub fn vendor_key(&self) -> RecordKey {
        RecordKey::new(&self.company, RecordKind::Vendor, &self.vendor.number.to_string())
    }

    /// The total in the order's currency.
    pub fn doc_total(&self) -> Money {
        Money::new(self.total.doc, &self.currency)
    }

    /// The sum of the lines that are not cancelled; `None` beyond 28 digits.
    pub fn lines_total(&self) -> Option<Amount> {
        let lines = self.lines.iter().filter(|line| !line.void);
        lines.map(|line| line.extended).try_fold(Amount::default(), Amount::checked_add)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn an_increment_id_names_the_company_in_upper_case() {
        let company = CompanyCode::parse("epic-06").unwrap();
        assert_eq!(order_increment_id(&company, 50231), "EPIC-06-PO-50231");
        assert!(order_increment_id(&company, 50231).starts_with(&order_increment_prefix(&company)));
    }
}
