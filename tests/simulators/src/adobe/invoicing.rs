//! `POST /V1/order/{id}/invoice`: quantities from the request, amounts from the order.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    answers::{Answer, Handled, Step, refusal},
    columns::{self, add, amount, copy, round},
    schema::{self, Row, number},
    shop::Shop,
    store::{Invoice, Order, Tables},
};

const NO_PRODUCTS: &str = "The invoice can't be created without products. Add products and try again.";
const NOT_ALLOWED: &str = "The order does not allow an invoice to be created.";

/// States in which an order takes no invoice.
const CLOSED_STATES: [&str; 5] = ["complete", "canceled", "holded", "closed", "payment_review"];

/// Order columns that an invoice repeats.
const FROM_ORDER: [&str; 11] = [
    "base_currency_code",
    "base_to_global_rate",
    "base_to_order_rate",
    "global_currency_code",
    "order_currency_code",
    "store_currency_code",
    "store_id",
    "store_to_base_rate",
    "store_to_order_rate",
    "billing_address_id",
    "shipping_address_id",
];

/// Line columns that an invoice line repeats.
const FROM_LINE: [&str; 8] =
    ["name", "sku", "product_id", "price", "base_price", "price_incl_tax", "base_price_incl_tax", "description"];

/// Amounts of one currency.
#[derive(Debug, Clone, Copy, Default)]
struct Amounts {
    subtotal: f64,
    tax: f64,
    /// Positive.
    discount: f64,
    shipping: f64,
    shipping_tax: f64,
}

impl Amounts {
    fn grand_total(self) -> f64 {
        round(self.subtotal + self.tax + self.shipping - self.discount, 4)
    }
}

impl Shop {
    /// Invoices the lines that are asked for, or all that is open.
    pub(super) fn invoice_order(&mut self, id: u64, body: &Value) -> Handled {
        let wanted = match body.get("items") {
            None | Some(Value::Null) => None,
            Some(Value::Array(items)) => wanted_lines(items),
            Some(_) => return Answer::php_error().refuse(),
        };
        let order = self.order(id)?.clone();
        let lines = self.quantities(&order, wanted.as_ref())?;
        let total: f64 = lines.iter().map(|(_, quantity)| quantity).sum();
        let mut wrong = Vec::new();
        if total <= 0.0 {
            wrong.push(NO_PRODUCTS.to_owned());
        }
        let state = order.row.get("state").and_then(Value::as_str).unwrap_or_default();
        if CLOSED_STATES.contains(&state) {
            wrong.push(format!("An invoice cannot be created when an order has a status of {state}"));
        } else if !self.tables.lines(&order).iter().any(|line| Tables::open(line) > 0.0) {
            wrong.push(NOT_ALLOWED.to_owned());
        }
        if !wrong.is_empty() {
            let text = format!("Invoice Document Validation Error(s):\n{}", wrong.join("\n"));
            return refusal(400, &text).refuse();
        }
        match order.payment.get("method").and_then(Value::as_str) {
            Some("braintree") => return Answer::php_error().refuse(),
            Some("paypal_express") => {
                return refusal(400, "Could not save an invoice, see error log for details").refuse();
            }
            _ => {}
        }
        let invoice = self.book(id, &order, &lines);
        if let Some(comment) = body.get("comment").filter(|comment| comment.is_object()) {
            self.comment_invoice(invoice, comment);
        }
        self.settle_state(id);
        self.touch(id);
        let answer = if self.behaviour.invoice_id_as_integer { json!(invoice) } else { json!(invoice.to_string()) };
        Ok(Answer::ok(answer))
    }

    /// The lines with a quantity to invoice. Ids that are not of this order are passed over.
    fn quantities(&self, order: &Order, wanted: Option<&BTreeMap<u64, f64>>) -> Step<Vec<(u64, f64)>> {
        let mut lines = Vec::new();
        for (id, line) in order.items.iter().filter_map(|id| Some((*id, self.tables.items.get(id)?))) {
            let open = Tables::open(line);
            // A line with nothing left is passed over, whatever is asked of it.
            if open <= 0.0 {
                continue;
            }
            let asked = match wanted {
                None => open,
                Some(wanted) => wanted.get(&id).copied().unwrap_or(0.0),
            };
            // A line that is not marked as decimal takes whole quantities only.
            let asked = if amount(line, "is_qty_decimal") == 0.0 { asked.trunc() } else { asked };
            if asked > open + 1e-9 {
                let name = line.get("name").cloned().unwrap_or_default();
                return refusal(400, "We found an invalid quantity to invoice item \"%1\".")
                    .with(json!([name]))
                    .refuse();
            }
            if asked > 0.0 {
                lines.push((id, asked));
            }
        }
        Ok(lines)
    }

    /// Writes the invoice and moves what was invoiced on lines and order.
    fn book(&mut self, id: u64, order: &Order, lines: &[(u64, f64)]) -> u64 {
        let quantity = |line: u64| lines.iter().find(|(id, _)| *id == line).map_or(0.0, |(_, quantity)| *quantity);
        let finishes = order
            .items
            .iter()
            .filter_map(|id| Some((*id, self.tables.items.get(id)?)))
            .all(|(id, line)| Tables::open(line) - quantity(id) < 1e-9);
        let first = !self.tables.invoices_of.get(&id).into_iter().flatten().any(|earlier| {
            self.tables.invoices.get(earlier).is_some_and(|earlier| amount(&earlier.row, "shipping_amount") != 0.0)
        });
        let invoice = self.tables.next("invoice");
        let now = self.now_text();
        let mut items = Vec::new();
        let mut sums = [Amounts::default(); 2];
        for (line_id, asked) in lines {
            let item_id = self.tables.next("invoice item");
            let Some(line) = self.tables.items.get_mut(line_id) else { continue };
            // What is left of the line is shared by what is not invoiced yet; its last quantity takes all of it, also where others were
            // cancelled. Source: the platform's `Order\Invoice\Item::calcRowTotal` and `isLast`, the same from 2.0 on.
            let share = asked / (amount(line, "qty_ordered") - amount(line, "qty_invoiced"));
            let last = (Tables::open(line) - asked).abs() < 1e-9;
            let mut item = Row::new();
            copy(line, &mut item, &FROM_LINE);
            for ((prefix, sum), booked) in
                ["", "base_"].iter().zip(&mut sums).zip(["row_invoiced", "base_row_invoiced"])
            {
                let column = |name: &str| format!("{prefix}{name}");
                let part = |line: &Row, total: &str, done: &str| {
                    let left = amount(line, &column(total)) - amount(line, done);
                    if last { left } else { round(left * share, 2) }
                };
                let row_total = part(line, "row_total", booked);
                let tax = part(line, "tax_amount", &column("tax_invoiced"));
                let discount = part(line, "discount_amount", &column("discount_invoiced"));
                sum.subtotal += row_total;
                sum.tax += tax;
                sum.discount += discount;
                item.insert(column("row_total"), number(round(row_total, 4)));
                item.insert(column("row_total_incl_tax"), number(round(row_total + tax, 4)));
                item.insert(column("tax_amount"), number(round(tax, 4)));
                item.insert(column("discount_tax_compensation_amount"), json!(0));
                if discount != 0.0 {
                    item.insert(column("discount_amount"), number(round(discount, 4)));
                }
                add(line, booked, row_total);
                add(line, &column("tax_invoiced"), tax);
                add(line, &column("discount_invoiced"), discount);
            }
            add(line, "qty_invoiced", *asked);
            item.insert("base_cost".to_owned(), json!(0));
            item.insert("entity_id".to_owned(), item_id.into());
            item.insert("parent_id".to_owned(), invoice.into());
            item.insert("order_item_id".to_owned(), (*line_id).into());
            item.insert("qty".to_owned(), number(*asked));
            items.push(item);
        }
        let mut row = Row::new();
        copy(&order.row, &mut row, &FROM_ORDER);
        for (name, address) in [("billing_address_id", &order.billing), ("shipping_address_id", &order.shipping)] {
            if let Some(id) = address.as_ref().and_then(|address| address.get("entity_id")) {
                row.insert(name.to_owned(), id.clone());
            }
        }
        for (prefix, lines) in ["", "base_"].iter().zip(sums) {
            let amounts = settle(prefix, &order.row, lines, finishes, first);
            write(prefix, &mut row, amounts);
            if let Some(kept) = self.tables.orders.get_mut(&id) {
                move_order(prefix, &mut kept.row, amounts);
            }
        }
        let total: f64 = lines.iter().map(|(_, quantity)| quantity).sum();
        row.insert("total_qty".to_owned(), number(total));
        for (name, value) in
            [("state", json!(2)), ("can_void_flag", json!(0)), ("order_id", json!(id)), ("entity_id", json!(invoice))]
        {
            row.insert(name.to_owned(), value);
        }
        let increment = self.tables.next("invoice number");
        row.insert("increment_id".to_owned(), format!("{increment:09}").into());
        row.insert("created_at".to_owned(), now.clone().into());
        row.insert("updated_at".to_owned(), now.into());
        self.tables.invoices.insert(invoice, Invoice { row, items, comments: Vec::new() });
        self.tables.invoices_of.entry(id).or_default().push(invoice);
        invoice
    }

    /// Adds a comment to an invoice; `comment` holds `comment`, `is_visible_on_front`.
    pub(super) fn comment_invoice(&mut self, invoice: u64, comment: &Value) -> Row {
        let mut row = Row::new();
        row.insert("comment".to_owned(), comment.get("comment").cloned().unwrap_or_default());
        for flag in ["is_customer_notified", "is_visible_on_front"] {
            row.insert(
                flag.to_owned(),
                comment.get(flag).filter(|value| value.is_number()).cloned().unwrap_or(json!(0)),
            );
        }
        let mut row = columns::store("invoice-comment", &row);
        row.insert("entity_id".to_owned(), self.tables.next("invoice comment").into());
        row.insert("parent_id".to_owned(), invoice.into());
        row.insert("created_at".to_owned(), self.now_text().into());
        if let Some(invoice) = self.tables.invoices.get_mut(&invoice) {
            invoice.comments.push(row.clone());
        }
        row
    }
}

/// Quantities by line; a line that comes twice counts once. `None` stands for everything.
fn wanted_lines(items: &[Value]) -> Option<BTreeMap<u64, f64>> {
    if items.is_empty() {
        return None;
    }
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default();
    let field = |item: &Value, name: &str, camel: &str| {
        number(item.get(name).or_else(|| item.get(camel)).unwrap_or(&Value::Null))
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ids are small; negative ones match nothing"
    )]
    let lines =
        items.iter().map(|item| (field(item, "order_item_id", "orderItemId") as u64, field(item, "qty", "qty")));
    Some(lines.collect())
}

/// A partial invoice takes its lines; the one that finishes the order takes what the order has left.
fn settle(prefix: &str, order: &Row, lines: Amounts, finishes: bool, first: bool) -> Amounts {
    let column = |name: &str| amount(order, &format!("{prefix}{name}"));
    let left = column("subtotal") - column("subtotal_invoiced");
    let shipping = if first { column("shipping_amount") } else { 0.0 };
    let shipping_tax = if first { column("shipping_tax_amount") } else { 0.0 };
    if finishes {
        return Amounts {
            subtotal: left,
            tax: column("tax_amount") - column("tax_invoiced"),
            discount: column("discount_invoiced").abs().mul_add(-1.0, column("discount_amount").abs()),
            shipping,
            shipping_tax,
        };
    }
    Amounts { subtotal: lines.subtotal.min(left), tax: lines.tax + shipping_tax, shipping, shipping_tax, ..lines }
}

fn write(prefix: &str, row: &mut Row, amounts: Amounts) {
    let mut put = |name: &str, value: f64| {
        row.insert(format!("{prefix}{name}"), number(round(value, 4)));
    };
    put("subtotal", amounts.subtotal);
    put("subtotal_incl_tax", amounts.subtotal + amounts.tax - amounts.shipping_tax);
    put("tax_amount", amounts.tax);
    put("discount_amount", if amounts.discount == 0.0 { 0.0 } else { -amounts.discount });
    put("discount_tax_compensation_amount", 0.0);
    put("grand_total", amounts.grand_total());
    if amounts.shipping != 0.0 {
        put("shipping_amount", amounts.shipping);
        put("shipping_incl_tax", amounts.shipping + amounts.shipping_tax);
        if amounts.shipping_tax != 0.0 {
            put("shipping_tax_amount", amounts.shipping_tax);
        }
    }
}

fn move_order(prefix: &str, order: &mut Row, amounts: Amounts) {
    let total = amounts.grand_total();
    for (name, value) in [
        ("subtotal_invoiced", amounts.subtotal),
        ("tax_invoiced", amounts.tax),
        ("discount_invoiced", -amounts.discount),
        ("shipping_invoiced", amounts.shipping),
        ("total_invoiced", total),
        ("total_paid", total),
    ] {
        add(order, &format!("{prefix}{name}"), value);
    }
    debug_assert!(schema::fields("order").contains_key("total_paid"));
}
