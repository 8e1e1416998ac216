//! Lines: one per release.

use std::collections::BTreeMap;

use mlc_adobe::{columns, wire::CustomAttribute};
use mlc_model::{Amount, GlCoding, OrderLine, PurchaseOrder, Release};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Adapting, CENT, DECIMALS, LARGEST, MappingProblem, OrderRules, exact, key, problem, shares};
use crate::text::{filled, one_line};

/// Longest comment of a line, in characters.
const DESCRIPTION: usize = 2_000;

/// One release as a line of the shop's order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DraftLine {
    /// Its key: order, line and release, `50231/1/2`.
    pub ext_order_item_id: String,
    /// Number of the line.
    pub line: i64,
    /// Number of the release; 0 for a line without releases.
    pub release: i64,
    /// Part number.
    pub sku: String,
    /// Description.
    pub name: String,
    /// Comment of the line.
    pub description: Option<String>,
    /// Quantity in the supplier's unit.
    pub quantity: Decimal,
    /// Price of one unit, to four decimals. The row total is exact where this is not.
    pub price: Amount,
    /// Amount of the release.
    pub row_total: Amount,
    /// Its share of the order's taxes.
    pub tax: Amount,
    /// Called off: it is not made, and cancelled where it exists. Its amounts are 0.
    pub void: bool,
    /// Account as one text; empty only on voided lines.
    pub gl_account: String,
    /// Its segments by number.
    pub gl_segments: BTreeMap<u8, String>,
    /// Number of the supplier.
    pub vendor: i64,
}

impl DraftLine {
    /// The text for other systems on the line: ours under `epicor`, beside what others keep there.
    ///
    /// # Errors
    /// When there is no room left for it.
    pub fn additional_data(&self, found: Option<&str>) -> Result<String, MappingProblem> {
        let mut whole = found.and_then(object).unwrap_or_default();
        whole.insert("epicor".to_owned(), self.epicor());
        let text = Value::Object(whole).to_string();
        if text.len() > columns::ADDITIONAL_DATA_BYTES {
            let message = format!(
                "line {} release {}: the shop has room for {} bytes of additional data, and others use too many of them.",
                self.line,
                self.release,
                columns::ADDITIONAL_DATA_BYTES
            );
            return Err(problem("ADDITIONAL_DATA_FULL", "PORelTGLCs", message));
        }
        Ok(text)
    }

    /// Whether the line's text for other systems says what it should.
    pub fn is_told(&self, found: Option<&str>) -> bool {
        found.and_then(object).is_some_and(|whole| whole.get("epicor") == Some(&self.epicor()))
    }

    /// The account as a custom attribute.
    pub fn attribute(&self, code: &str) -> CustomAttribute {
        CustomAttribute::new(code, self.gl_account.clone())
    }

    fn epicor(&self) -> Value {
        let segments: Map<String, Value> =
            self.gl_segments.iter().map(|(number, value)| (number.to_string(), json!(value))).collect();
        // The amounts stand here too, since some shops show another row total than they keep.
        json!({
            "gl_account": self.gl_account,
            "gl_segments": segments,
            "po_line": self.line,
            "release": self.release,
            "vendor_num": self.vendor,
            "ext_cost": self.row_total.doc.normalize().to_string(),
            "base_ext_cost": self.row_total.base.normalize().to_string(),
        })
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

/// Whether nothing of a line counts any more.
pub(super) fn is_void(line: &OrderLine) -> bool {
    line.void || (!line.releases.is_empty() && line.releases.iter().all(|release| release.void))
}

pub(super) fn draft(
    order: &PurchaseOrder,
    rules: &OrderRules,
    adapting: &mut Adapting,
    remarks: &mut Vec<String>,
) -> Result<Vec<DraftLine>, MappingProblem> {
    let mut drafted = Vec::new();
    for line in &order.lines {
        let text = Text::of(order, line, adapting)?;
        let void = is_void(line);
        if !void {
            checked(line, remarks)?;
        }
        let releases: Vec<Option<&Release>> =
            if line.releases.is_empty() { vec![None] } else { line.releases.iter().map(Some).collect() };
        let counts = |release: &Option<&Release>| !void && !release.is_some_and(|release| release.void);
        let quantity = |release: &Option<&Release>| release.map_or(line.quantity, |release| release.quantity);
        let weights: Vec<Decimal> =
            releases.iter().map(|release| if counts(release) { quantity(release) } else { Decimal::ZERO }).collect();
        let split = |amount: Decimal| shares::split(amount, &weights);
        let row_totals = if void {
            vec![Amount::default(); releases.len()]
        } else {
            let extended = exact(line.extended, "ExtCost")?;
            split(extended.doc).into_iter().zip(split(extended.base)).map(|(doc, base)| Amount { doc, base }).collect()
        };
        for (release, row_total) in releases.iter().zip(row_totals) {
            let number = release.map_or(0, |release| release.number);
            let is_counted = counts(release);
            let gl = release.and_then(|release| release.gl.as_ref());
            drafted.push(DraftLine {
                ext_order_item_id: key(
                    "PORelNum",
                    columns::EXT_ORDER_ITEM_ID,
                    format!("{}/{}/{number}", order.number, line.number),
                )?,
                line: line.number,
                release: number,
                sku: text.sku.clone(),
                name: text.name.clone(),
                description: text.description.clone(),
                quantity: decimals(quantity(release), line.number, number, remarks),
                price: price(line),
                row_total,
                tax: Amount::default(),
                void: !is_counted,
                gl_account: account(gl, rules, line.number, number, is_counted)?,
                gl_segments: gl.map(|gl| gl.segments.clone()).unwrap_or_default(),
                vendor: order.vendor.number,
            });
        }
    }
    Ok(drafted)
}

/// Taxes of the order on its lines, so that partial invoices carry their part: the sum of the lines is the order's.
pub(super) fn spread_tax(lines: &mut [DraftLine], tax: Amount) {
    // Without any amount to share by, one line takes all of it, which must not be one that is called off.
    let mut lines: Vec<&mut DraftLine> = lines.iter_mut().filter(|line| !line.void).collect();
    let weights: Vec<Amount> = lines.iter().map(|line| line.row_total).collect();
    for (line, tax) in lines.iter_mut().zip(shares::split_amount(tax, &weights)) {
        line.tax = tax;
    }
}

/// What is the same for all releases of a line.
struct Text {
    sku: String,
    name: String,
    description: Option<String>,
}

impl Text {
    fn of(order: &PurchaseOrder, line: &OrderLine, adapting: &mut Adapting) -> Result<Self, MappingProblem> {
        let number = line.number;
        let part = filled(line.part.as_deref()).or_else(|| filled(line.vendor_part.as_deref()));
        let sku = match part {
            Some(part) => key("PartNum", columns::TEXT, one_line(part)).map_err(|problem| MappingProblem {
                message: format!("line {number}: {}", problem.message),
                ..problem
            })?,
            // A line of text has no part; the shop wants something that people recognise.
            None => format!("PO{}-{number}", order.number),
        };
        let name = filled(Some(&line.description)).map_or_else(|| sku.clone(), one_line);
        let comment = filled(line.comment.as_deref());
        Ok(Self {
            name: adapting.fit(&name, columns::TEXT, &format!("name of line {number}")),
            description: comment.map(|text| adapting.fit(text, DESCRIPTION, &format!("description of line {number}"))),
            sku,
        })
    }
}

/// A line's amounts are Epicor's; it is told where they are not quantity times price.
fn checked(line: &OrderLine, remarks: &mut Vec<String>) -> Result<(), MappingProblem> {
    let number = line.number;
    let negative = |release: &Release| release.quantity < Decimal::ZERO && !release.void;
    if line.quantity < Decimal::ZERO || line.releases.iter().any(negative) {
        let message = format!("line {number} has a quantity below zero. Correct the quantity in Epicor.");
        return Err(problem("QUANTITY_NEGATIVE", "OrderQty", message));
    }
    let numbers = [line.quantity, line.unit_cost.doc, line.unit_cost.base];
    if numbers.into_iter().chain(line.releases.iter().map(|release| release.quantity)).any(|one| one.abs() >= LARGEST) {
        let message = format!("line {number} has a quantity or price with more digits than the shop keeps.");
        return Err(problem("AMOUNT_TOO_LARGE", "OrderQty", message));
    }
    let computed = line.computed(2).unwrap_or(line.extended);
    for (ours, theirs, column) in
        [(computed.doc, line.extended.doc, "DocExtCost"), (computed.base, line.extended.base, "ExtCost")]
    {
        if (ours - theirs).abs() > CENT {
            remarks.push(format!(
                "line {number}: {column} is {}, quantity and price give {}; Epicor's amount counts",
                theirs.normalize(),
                ours.normalize()
            ));
        }
    }
    Ok(())
}

fn price(line: &OrderLine) -> Amount {
    let each = line.each();
    Amount { doc: shares::round(each.doc, DECIMALS), base: shares::round(each.base, DECIMALS) }
}

fn decimals(quantity: Decimal, line: i64, release: i64, remarks: &mut Vec<String>) -> Decimal {
    let kept = shares::round(quantity, DECIMALS);
    if kept != quantity {
        remarks.push(format!("line {line} release {release}: the quantity is rounded to {DECIMALS} decimals"));
    }
    kept.normalize()
}

fn account(
    gl: Option<&GlCoding>,
    rules: &OrderRules,
    line: i64,
    release: i64,
    is_counted: bool,
) -> Result<String, MappingProblem> {
    let account = gl.map(|gl| gl.joined(&rules.gl_segments, &rules.gl_separator)).unwrap_or_default();
    let is_empty = !account.chars().any(char::is_alphanumeric);
    if is_empty && is_counted {
        let message = format!(
            "line {line} release {release} has no account of the general ledger. Enter its account in Epicor, so that it can be booked."
        );
        return Err(problem("GL_MISSING", "PORelTGLCs", message));
    }
    // Carried as an attribute, it must survive as it is.
    key("PORelTGLCs", columns::TEXT, account)
}
