//! An order placed in the shop as a purchase requisition.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime};
use mlc_adobe::{Order, OrderLine, wire::Amount};
use mlc_model::{Requisition, RequisitionLine, round_half_up};
use rust_decimal::Decimal;

use crate::{
    MappingProblem,
    text::{cut, filled, one_line},
};

const OPERATION: &str = "map.shop_order_to_requisition";
/// `ReqDetail.PartNum`, in characters.
const PART: usize = 50;
/// `ReqDetail.LineDesc`, in characters.
const DESCRIPTION: usize = 1000;
/// `ReqHead.ShipName`, in characters.
const SHIP_NAME: usize = 50;
/// Decimals of `ReqDetail.UnitCost`.
const COST_DECIMALS: u32 = 5;

/// What the settings say about requisitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequisitionRules {
    /// Code of the person in whose name they are made.
    pub requestor: String,
    /// Number of the supplier to propose on every line; `None` = purchasing chooses.
    pub vendor_number: Option<i64>,
    /// Days until the goods are needed; `None` = no date.
    pub due_in_days: Option<u32>,
    /// Name of the shop, where several shops order in one company: their numbers are alike. `None` = the number says it all.
    pub shop: Option<String>,
}

/// A requisition with what was changed on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedRequisition {
    /// What to write.
    pub requisition: Requisition,
    /// What was cut or written elsewhere, for the audit trail. No personal data.
    pub notes: Vec<String>,
}

/// The requisition for an order of the shop; `None` when everything in it was cancelled.
///
/// The marker `Adobe order {increment_id}` is what it is found by again, and each line carries the id of the order's line, so that
/// nothing is made twice. A configurable product counts once, with the part number of the chosen variant; of a bundle its parts count.
/// Prices are in the shop's base currency. `today` is only for what the order does not date itself and for the due date.
///
/// # Errors
/// [`MappingProblem`] for an order without number or lines, a line without id, quantity or any name, and a price in a foreign currency
/// without a rate.
pub fn shop_order_to_requisition(
    order: &Order,
    rules: &RequisitionRules,
    today: NaiveDate,
) -> Result<Option<MappedRequisition>, MappingProblem> {
    let number = filled(order.increment_id.as_deref())
        .ok_or_else(|| problem("ORDER_NUMBER_MISSING", "increment_id", "the order has no number in the shop"))?;
    let items = order.items.as_deref().unwrap_or_default();
    if items.is_empty() {
        let fix =
            "the order has no lines: nothing can be asked for. Cancel it in the shop, or add lines there and replay";
        return Err(problem("NO_ITEMS", "items", fix));
    }
    let mut notes = Vec::new();
    let mut lines = Vec::new();
    for wanted in wanted(items) {
        lines.extend(line(order, &wanted, rules, today, &mut notes)?);
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let requisition = Requisition {
        marker: requisition_marker(number),
        requestor: rules.requestor.clone(),
        requested: day(order.created_at.as_deref()).unwrap_or(today),
        comment: rules.shop.as_ref().map(|shop| format!("Shop {shop}")).unwrap_or_default(),
        ship_name: ship_name(order, &mut notes),
        lines,
    };
    Ok(Some(MappedRequisition { requisition, notes }))
}

/// What a requisition of an order is found by.
pub fn requisition_marker(increment_id: &str) -> String {
    format!("Adobe order {increment_id}")
}

/// One thing that is wanted: a line of the order with the part number and price that count for it.
struct Wanted<'a> {
    line: &'a OrderLine,
    sku: Option<&'a str>,
    /// The price stands on the bundle as a whole, so that of the part says nothing.
    price_is_elsewhere: bool,
}

/// The lines that count. The shop lists a product with choices twice: as what was ordered and as what it consists of.
fn wanted(items: &[OrderLine]) -> Vec<Wanted<'_>> {
    let kind = |line: &OrderLine| line.product_type.as_deref().unwrap_or_default().to_ascii_lowercase();
    let parent_of = |line: &OrderLine| {
        let parent = line.parent_item_id.filter(|parent| *parent > 0 && Some(*parent) != line.item_id)?;
        items.iter().find(|other| other.item_id == Some(parent))
    };
    let has_price = |line: &OrderLine| line.base_price.or(line.price).is_some_and(|price| !price.0.is_zero());
    let mut wanted = Vec::with_capacity(items.len());
    for line in items {
        let child = items.iter().find(|other| parent_of(other).is_some_and(|parent| std::ptr::eq(parent, line)));
        let sku = filled(line.sku.as_deref());
        match (parent_of(line), child) {
            (Some(parent), _) if kind(parent) == "bundle" => {
                let price_is_elsewhere = !has_price(line) && has_price(parent);
                wanted.push(Wanted { line, sku, price_is_elsewhere });
            }
            (Some(_), _) => {}
            (None, Some(_)) if kind(line) == "bundle" => {}
            (None, Some(child)) => {
                let sku = filled(child.sku.as_deref()).or(sku);
                wanted.push(Wanted { line, sku, price_is_elsewhere: false });
            }
            (None, None) => wanted.push(Wanted { line, sku, price_is_elsewhere: false }),
        }
    }
    wanted
}

/// `None` when it was cancelled.
fn line(
    order: &Order,
    wanted: &Wanted<'_>,
    rules: &RequisitionRules,
    today: NaiveDate,
    notes: &mut Vec<String>,
) -> Result<Option<RequisitionLine>, MappingProblem> {
    let Some(item_id) = wanted.line.item_id else {
        return Err(problem("ITEM_ID_MISSING", "items.item_id", "a line of the order has no id in the shop"));
    };
    let reference = format!("adobe item {item_id}");
    let Some(ordered) = wanted.line.qty_ordered else {
        let text = format!("line {item_id} of the order has no quantity: put it right in the shop and replay");
        return Err(problem("QUANTITY_MISSING", "items.qty_ordered", text));
    };
    let quantity = ordered.0 - wanted.line.qty_canceled.unwrap_or_default().0;
    if quantity <= Decimal::ZERO {
        return Ok(None);
    }
    let sku = wanted.sku.map(one_line);
    let name = filled(wanted.line.name.as_deref()).map(one_line);
    let fits = sku.as_ref().is_none_or(|sku| sku.chars().count() <= PART);
    let words = match (&sku, name) {
        (Some(sku), Some(name)) if !fits => format!("{sku} {name}"),
        (_, Some(name)) => name,
        (Some(sku), None) => sku.clone(),
        (None, None) => {
            let text = format!("line {item_id} of the order has neither product number nor name");
            return Err(problem("NAME_MISSING", "items.name", text));
        }
    };
    if !fits {
        notes.push(format!("{reference}: the product number is longer than {PART} characters and stands in the text"));
    }
    let (description, was_cut) = cut(&words, DESCRIPTION);
    if was_cut {
        notes.push(format!("{reference}: the text was cut to {DESCRIPTION} characters"));
    }
    Ok(Some(RequisitionLine {
        reference,
        part: sku.filter(|_| fits),
        description,
        quantity: quantity.normalize(),
        unit: None,
        unit_cost: if wanted.price_is_elsewhere { None } else { base_price(order, wanted.line)? },
        vendor_number: rules.vendor_number,
        due: rules.due_in_days.and_then(|days| today.checked_add_days(Days::new(days.into()))),
    }))
}

/// The price of one piece in the shop's base currency; `None` where the shop names none.
fn base_price(order: &Order, line: &OrderLine) -> Result<Option<Decimal>, MappingProblem> {
    let named = |amount: Option<Amount>| amount.map(|amount| amount.0);
    let (base, price) = (named(line.base_price), named(line.price));
    let Some(price) = price.filter(|price| !price.is_zero() && base.is_none_or(|base| base.is_zero())) else {
        return Ok(base.or(price).map(|price| price.normalize()));
    };
    let currency = |code: &Option<String>| code.as_deref().map(|code| code.trim().to_ascii_uppercase());
    let (of_base, of_order) = (currency(&order.base_currency_code), currency(&order.order_currency_code));
    if of_base.is_none() || of_order.is_none() || of_base == of_order {
        return Ok(Some(price.normalize()));
    }
    let rate = named(order.base_to_order_rate).filter(|rate| *rate > Decimal::ZERO);
    let converted = rate.and_then(|rate| price.checked_div(rate));
    let Some(converted) = converted else {
        let text = "the order is in a foreign currency and names neither prices in the shop's base currency nor a rate. \
                    Set the rate in the shop and replay";
        return Err(problem("FOREIGN_CURRENCY_WITHOUT_RATE", "base_to_order_rate", text));
    };
    Ok(Some(round_half_up(converted, COST_DECIMALS).normalize()))
}

/// Who the goods go to, where the order is shipped.
fn ship_name(order: &Order, notes: &mut Vec<String>) -> Option<String> {
    let address = order.shipping_address()?;
    let person = [address.firstname.as_deref(), address.lastname.as_deref()].map(|name| filled(name).map(one_line));
    let person = person.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name = filled(address.company.as_deref()).map_or(person, one_line);
    let (name, was_cut) = cut(&name, SHIP_NAME);
    if was_cut {
        notes.push(format!("the name of the recipient was cut to {SHIP_NAME} characters"));
    }
    (!name.is_empty()).then_some(name)
}

/// The day of a time of the shop, which is UTC without a zone.
pub(crate) fn day(text: Option<&str>) -> Option<NaiveDate> {
    let text = text?.trim();
    let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok().map(|at| at.date());
    let naive = naive.or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc().date_naive()));
    naive.or_else(|| text.parse().ok())
}

fn problem(code: &'static str, field: &str, message: impl Into<String>) -> MappingProblem {
    MappingProblem { operation: OPERATION, code, field: field.to_owned(), message: message.into() }
}
