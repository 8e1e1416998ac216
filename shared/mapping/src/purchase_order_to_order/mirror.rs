//! What has to change in an order that the shop has.
//!
//! Only differences are sent. What is invoiced stays as it was invoiced: a line's total is what its invoices took plus what is open at the
//! order's price, and the header is what is invoiced plus what is open, so that the next invoice finds its money.

use mlc_adobe::{
    Order, OrderLine,
    wire::{Amount as Wire, OrderLineWrite, OrderWrite},
};
use mlc_model::Amount;
use rust_decimal::Decimal;

use super::{
    DECIMALS, DraftLine, LiveOrder, MappingProblem, VoidOrder,
    create::{base, doc, put_amounts},
    shares,
};

/// What an order in the shop lacks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mirror {
    /// Columns and lines to send; `None` = it is as it should be.
    pub change: Option<OrderWrite>,
    /// Lines that the change adds: nothing keeps the shop from adding them twice.
    pub adds: bool,
    /// Each difference with what stands there and what comes, in amounts and keys only.
    pub differences: Vec<String>,
    /// Nothing of it was invoiced and all of it is called off: cancel it as a whole.
    pub cancel: bool,
}

/// Amounts of a line as they should be.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Wanted {
    quantity: Decimal,
    price: Amount,
    row_total: Amount,
    tax: Amount,
}

/// What an order in the shop lacks to show a purchase order. `attributes`: its lines keep custom attributes.
///
/// # Errors
/// A line whose data do not fit the shop.
pub fn mirror(live: &LiveOrder, read: &Order, attributes: bool) -> Result<Mirror, MappingProblem> {
    let mut work = Work::default();
    let sums = Sums::of(live, read);
    let doubtful = pair(read.subtotal, read.base_subtotal) != plus(InvoicedHeader::of(read).subtotal, sums.row);
    let mut items = Vec::new();
    for line in &live.lines {
        match read.line(&line.ext_order_item_id) {
            None if line.void => {}
            None => {
                let what =
                    format!("line {} added: {} for {}", line.ext_order_item_id, line.quantity, both(line.row_total));
                work.mirror.differences.push(what);
                work.mirror.adds = true;
                items.push(live.new_line(line, attributes)?);
            }
            Some(found) if line.void => items.extend(work.voided(found)),
            Some(found) => items.extend(work.changed(live, line, found, doubtful, attributes)?),
        }
    }
    items.extend(work.left_over(live, read));
    work.header(live, read, &sums);
    work.standing(live, read, sums.quantity > Decimal::ZERO);
    if !items.is_empty() {
        work.write.items = Some(items);
    }
    Ok(work.done())
}

/// What an order in the shop lacks to be called off: as a whole, or what is left of it where a part is invoiced.
pub fn mirror_void(_void: &VoidOrder, read: &Order) -> Mirror {
    let lines = || read.items.iter().flatten();
    let open: Vec<&OrderLine> = lines().filter(|line| line.open_quantity() > Decimal::ZERO).collect();
    let is_over = matches!(read.state.as_deref(), Some("canceled" | "closed"));
    if open.is_empty() || is_over {
        return Mirror::default();
    }
    let mut work = Work::default();
    if lines().all(|line| number(line.qty_invoiced).is_zero()) {
        work.mirror.differences.push(format!("order cancelled: it was for {}", number(read.grand_total).normalize()));
        work.mirror.cancel = true;
        return work.mirror;
    }
    let items: Vec<OrderLineWrite> = open.into_iter().filter_map(|line| work.voided(line)).collect();
    let invoiced = InvoicedHeader::of(read);
    work.totals(read, invoiced.subtotal, invoiced.tax, invoiced.shipping);
    work.write.items = Some(items);
    (work.write.state, work.write.status) = (Some(COMPLETE.0.to_owned()), Some(COMPLETE.1.to_owned()));
    work.done()
}

/// State and status of an order of which nothing is left to invoice. The shop moves it there with an invoice, but not when the last open line is
/// cancelled.
const COMPLETE: (&str, &str) = ("complete", "complete");
/// State and status of an order that is over.
const CLOSED: (&str, &str) = ("closed", "closed");

#[derive(Default)]
struct Work {
    mirror: Mirror,
    write: OrderWrite,
}

/// What is open, over all lines.
#[derive(Default)]
struct Sums {
    row: Amount,
    tax: Amount,
    quantity: Decimal,
}

impl Sums {
    fn of(live: &LiveOrder, read: &Order) -> Self {
        let mut sums = Self::default();
        for line in live.lines.iter().filter(|line| !line.void) {
            let (row, tax, quantity) = match read.line(&line.ext_order_item_id) {
                None => (line.row_total, line.tax, line.quantity),
                Some(found) => {
                    let (wanted, invoiced) = (wanted(line, found), Invoiced::of(found));
                    let row = minus(wanted.row_total, invoiced.row);
                    (row, minus(wanted.tax, invoiced.tax), wanted.quantity - invoiced.quantity)
                }
            };
            sums.row = plus(sums.row, row);
            sums.tax = plus(sums.tax, tax);
            sums.quantity += quantity;
        }
        sums
    }
}

impl Work {
    fn done(mut self) -> Mirror {
        if !self.mirror.differences.is_empty() {
            self.mirror.change = Some(self.write);
        }
        self.mirror
    }

    /// `doubtful`: the header's sum is not what it should be, so a row total that cannot be told may be wrong.
    fn changed(
        &mut self,
        live: &LiveOrder,
        line: &DraftLine,
        found: &OrderLine,
        doubtful: bool,
        attributes: bool,
    ) -> Result<Option<OrderLineWrite>, MappingProblem> {
        let wanted = wanted(line, found);
        let is_told = line.is_told(found.additional_data.as_deref());
        let place = &line.ext_order_item_id;
        let mut told = Vec::new();
        let mut differs = |what: &str, there: Amount, comes: Amount| {
            if there != comes {
                told.push(format!("{place} {what} {} -> {}", both(there), both(comes)));
            }
        };
        differs("price", pair(found.price, found.base_price), wanted.price);
        differs("tax", pair(found.tax_amount, found.base_tax_amount), wanted.tax);
        let shown = pair(found.row_total, found.base_row_total);
        // What was sent last stands in our own data too; an invoice changes what is wanted.
        let is_known = is_told && number(found.qty_invoiced).is_zero();
        if !is_shown(found, wanted.row_total, is_known || !doubtful) {
            differs("row total", shown, wanted.row_total);
        }
        let ordered = number(found.qty_ordered);
        if ordered != wanted.quantity {
            told.push(format!("{place} quantity {} -> {}", ordered.normalize(), wanted.quantity.normalize()));
        }
        let canceled = number(found.qty_canceled);
        if !canceled.is_zero() {
            told.push(format!("{place} cancelled {} -> 0", canceled.normalize()));
        }
        if !is_told {
            told.push(format!("{place} data for other systems: account, line or amount"));
        }
        // A list that does not show attributes tells nothing about them.
        let shows = attributes && found.custom_attributes.is_some();
        if shows && found.attribute(&live.gl_attribute) != Some(line.gl_account.as_str()) {
            told.push(format!("{place} attribute of the account"));
        }
        for (what, there, comes) in [("part", &found.sku, &line.sku), ("name", &found.name, &line.name)] {
            if there.as_ref().is_some_and(|there| there.trim() != comes.trim()) {
                told.push(format!("{place} {what}"));
            }
        }
        if told.is_empty() {
            return Ok(None);
        }
        self.mirror.differences.extend(told);
        let mut write = live.line(line, found.additional_data.as_deref(), attributes)?;
        write.item_id = found.item_id;
        write.qty_canceled = Some(Wire(Decimal::ZERO));
        put_amounts(&mut write, wanted.quantity, wanted.price, wanted.row_total, wanted.tax);
        Ok(Some(write))
    }

    /// No call removes a line: what is open of it is cancelled. Its amounts stay, but for taxes that nobody will invoice.
    fn voided(&mut self, found: &OrderLine) -> Option<OrderLineWrite> {
        let open = found.open_quantity();
        if open <= Decimal::ZERO {
            return None;
        }
        let (ordered, invoiced) = (number(found.qty_ordered), Invoiced::of(found));
        let name = found.ext_order_item_id.as_deref().unwrap_or("?");
        self.mirror.differences.push(format!("{name} voided: open {} -> 0", open.normalize()));
        Some(OrderLineWrite {
            item_id: found.item_id,
            qty_canceled: Some(Wire(ordered - invoiced.quantity)),
            tax_amount: doc(invoiced.tax),
            base_tax_amount: base(invoiced.tax),
            ..OrderLineWrite::default()
        })
    }

    /// Lines of ours that the purchase order has no more, and doubles that a lost answer left behind.
    fn left_over(&mut self, live: &LiveOrder, read: &Order) -> Vec<OrderLineWrite> {
        let prefix = format!("{}/", live.number);
        let mut seen = Vec::new();
        let mut items = Vec::new();
        for found in read.items.iter().flatten() {
            let Some(name) = found.ext_order_item_id.as_deref().filter(|name| name.starts_with(&prefix)) else {
                continue;
            };
            let is_double = seen.contains(&name);
            seen.push(name);
            let is_known = live.lines.iter().any(|line| line.ext_order_item_id == name);
            if is_double || !is_known {
                items.extend(self.voided(found));
            }
        }
        items
    }

    fn header(&mut self, live: &LiveOrder, read: &Order, open: &Sums) {
        let invoiced = InvoicedHeader::of(read);
        // The first invoice takes the charges as a whole; after it nothing more of them can be invoiced.
        let charged = !invoiced.shipping.doc.is_zero() || !invoiced.shipping.base.is_zero();
        let shipping = match (charged, open.quantity > Decimal::ZERO) {
            (true, _) => invoiced.shipping,
            (false, true) => live.shipping,
            (false, false) if invoiced.is_nothing() => live.shipping,
            (false, false) => Amount::default(),
        };
        self.totals(read, plus(invoiced.subtotal, open.row), plus(invoiced.tax, open.tax), shipping);
        let quantity = number(read.total_qty_ordered);
        if quantity != live.quantity() {
            self.mirror.differences.push(format!("pieces {} -> {}", quantity.normalize(), live.quantity().normalize()));
            self.write.total_qty_ordered = Some(Wire(live.quantity()));
        }
        let same = read.order_currency_code.as_deref() == Some(live.currency.as_str())
            && read.base_currency_code.as_deref() == Some(live.base_currency.as_str());
        if !same || number(read.base_to_order_rate) != live.rate {
            self.mirror.differences.push(format!("currency or rate -> {} at {}", live.currency, live.rate));
            self.write.order_currency_code = Some(live.currency.clone());
            self.write.base_currency_code = Some(live.base_currency.clone());
            self.write.base_to_order_rate = Some(Wire(live.rate));
            self.write.store_to_order_rate = Some(Wire(live.rate));
        }
        if read.customer_email.as_ref().is_some_and(|there| !there.eq_ignore_ascii_case(&live.party.email)) {
            self.mirror.differences.push("e-mail address of the buyer".to_owned());
            self.write.customer_email = Some(live.party.email.clone());
        }
        if read.ext_customer_id.as_ref() != Some(&live.ext_customer_id) {
            self.mirror.differences.push("number of the supplier".to_owned());
            self.write.ext_customer_id = Some(live.ext_customer_id.clone());
        }
    }

    /// Totals of the header, all of them as soon as one differs.
    fn totals(&mut self, read: &Order, subtotal: Amount, tax: Amount, shipping: Amount) {
        let grand = plus(plus(subtotal, tax), shipping);
        let before = self.mirror.differences.len();
        for (what, there, comes) in [
            ("subtotal", pair(read.subtotal, read.base_subtotal), subtotal),
            ("tax", pair(read.tax_amount, read.base_tax_amount), tax),
            ("shipping", pair(read.shipping_amount, read.base_shipping_amount), shipping),
            ("grand total", pair(read.grand_total, read.base_grand_total), grand),
        ] {
            if there != comes {
                self.mirror.differences.push(format!("{what} {} -> {}", both(there), both(comes)));
            }
        }
        if self.mirror.differences.len() == before {
            return;
        }
        let with_tax = plus(subtotal, tax);
        let write = &mut self.write;
        (write.subtotal, write.base_subtotal) = (doc(subtotal), base(subtotal));
        (write.subtotal_incl_tax, write.base_subtotal_incl_tax) = (doc(with_tax), base(with_tax));
        (write.tax_amount, write.base_tax_amount) = (doc(tax), base(tax));
        (write.shipping_amount, write.base_shipping_amount) = (doc(shipping), base(shipping));
        (write.grand_total, write.base_grand_total) = (doc(grand), base(grand));
    }

    /// An order that came to an end in the shop takes no invoice: it is opened again when something is open. A closed one is closed when
    /// nothing is.
    fn standing(&mut self, live: &LiveOrder, read: &Order, is_open: bool) {
        let state = read.state.as_deref().unwrap_or_default();
        let to = match (state, is_open) {
            ("canceled" | "complete", true) => Some(reopened(read)),
            ("closed", true) if !live.closed => Some(reopened(read)),
            ("closed" | "canceled" | "holded", _) => None,
            (_, false) if live.closed => Some(CLOSED),
            ("processing", false) => Some(COMPLETE),
            _ => None,
        };
        if let Some((to_state, to_status)) = to {
            self.mirror.differences.push(format!("state {state} -> {to_state}"));
            self.write.state = Some(to_state.to_owned());
            self.write.status = Some(to_status.to_owned());
        }
    }
}

fn reopened(read: &Order) -> (&'static str, &'static str) {
    let begun = read.items.iter().flatten().any(|line| !number(line.qty_invoiced).is_zero());
    if begun { ("processing", "processing") } else { ("new", "pending") }
}

/// Amounts of a line that is in the shop.
fn wanted(line: &DraftLine, found: &OrderLine) -> Wanted {
    let invoiced = Invoiced::of(found);
    // What is invoiced cannot be ordered less.
    let quantity = line.quantity.max(invoiced.quantity);
    let ours = Wanted { quantity, price: line.price, row_total: line.row_total, tax: line.tax };
    if invoiced.quantity.is_zero() {
        return ours;
    }
    if quantity == invoiced.quantity {
        // Nothing is open: the amounts are those of its invoices.
        return Wanted {
            quantity,
            price: pair(found.price, found.base_price),
            row_total: invoiced.row,
            tax: invoiced.tax,
        };
    }
    let open = quantity - invoiced.quantity;
    Wanted {
        row_total: rest(invoiced.row, line.row_total, invoiced.quantity, open),
        tax: rest(invoiced.tax, line.tax, invoiced.quantity, open),
        ..ours
    }
}

/// What is invoiced plus what is open at the order's price. Where the invoices were at that price too, it is the order's amount to the cent.
fn rest(invoiced: Amount, whole: Amount, done: Decimal, open: Decimal) -> Amount {
    let of = |invoiced: Decimal, whole: Decimal| {
        let part = |quantity: Decimal| {
            whole.checked_mul(quantity).and_then(|amount| amount.checked_div(done + open)).unwrap_or_default()
        };
        let at_price = (part(done) - invoiced).abs() <= super::CENT;
        if at_price && whole >= invoiced { whole } else { invoiced + shares::round(part(open), 2) }
    };
    Amount { doc: of(invoiced.doc, whole.doc), base: of(invoiced.base, whole.base) }
}

/// Whether a line shows this row total. Servers of 2.4.8 show the price of one piece instead, which is `trusted` to mean the same or not.
///
/// Source: measured on 2.4.8-p2.
fn is_shown(found: &OrderLine, wanted: Amount, trusted: bool) -> bool {
    let quantity = number(found.qty_ordered);
    let one = |shown: Option<Wire>, price: Option<Wire>, wanted: Decimal| {
        let shown = number(shown);
        let unit = wanted.checked_div(quantity).unwrap_or(wanted);
        let may_be_unit =
            trusted && quantity != Decimal::ONE && (shown == number(price) || shown == shares::round(unit, DECIMALS));
        shown == wanted || may_be_unit
    };
    one(found.row_total, found.price, wanted.doc) && one(found.base_row_total, found.base_price, wanted.base)
}

/// What is invoiced of a line.
struct Invoiced {
    quantity: Decimal,
    row: Amount,
    tax: Amount,
}

impl Invoiced {
    fn of(line: &OrderLine) -> Self {
        Self {
            quantity: number(line.qty_invoiced),
            row: pair(line.row_invoiced, line.base_row_invoiced),
            tax: pair(line.tax_invoiced, line.base_tax_invoiced),
        }
    }
}

/// What is invoiced of an order.
struct InvoicedHeader {
    subtotal: Amount,
    tax: Amount,
    shipping: Amount,
}

impl InvoicedHeader {
    fn of(read: &Order) -> Self {
        Self {
            subtotal: pair(read.subtotal_invoiced, read.base_subtotal_invoiced),
            tax: pair(read.tax_invoiced, read.base_tax_invoiced),
            shipping: pair(read.shipping_invoiced, read.base_shipping_invoiced),
        }
    }

    fn is_nothing(&self) -> bool {
        [self.subtotal, self.tax, self.shipping].iter().all(|amount| amount.doc.is_zero() && amount.base.is_zero())
    }
}

fn number(amount: Option<Wire>) -> Decimal {
    amount.unwrap_or_default().0
}

fn pair(doc: Option<Wire>, base: Option<Wire>) -> Amount {
    Amount { doc: number(doc), base: number(base) }
}

fn plus(a: Amount, b: Amount) -> Amount {
    a.checked_add(b).unwrap_or(a)
}

fn minus(a: Amount, b: Amount) -> Amount {
    Amount { doc: a.doc - b.doc, base: a.base - b.base }
}

/// For people: the order's currency, and the company's own where it differs.
fn both(amount: Amount) -> String {
    if amount.doc == amount.base {
        amount.doc.normalize().to_string()
    } else {
        format!("{} ({})", amount.doc.normalize(), amount.base.normalize())
    }
}
