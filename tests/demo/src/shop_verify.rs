//! Holds the shop against Epicor, document by document, by what the simulators hold.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::Value;

use crate::{
    contents::{Contents, ShopInvoice, ShopOrder},
    control::{number, text},
    documents::{Documents, Invoice, InvoiceId, Order, Pair, shop_number},
    settings::{COMPANY, GL_ATTRIBUTE},
    verify::Mistakes,
};

/// Largest share by which a line may differ from its order before a person is asked: the settings' default.
const REVIEW_SHARE: Decimal = Decimal::from_parts(1, 0, 0, false, 1);

/// Orders of the shop against purchase orders. `settled`: orders whose amounts are no longer those of the purchase order, since an
/// invoice was corrected into them.
pub(crate) fn compare_orders(documents: &Documents, shop: &Contents, settled: &BTreeSet<i64>) -> Vec<String> {
    let mut mistakes = Mistakes::default();
    let mut known: BTreeMap<String, i64> = documents.orders.keys().map(|order| (shop_number(*order), *order)).collect();
    let mut found: BTreeSet<i64> = BTreeSet::new();
    for order in shop.orders.iter().filter(|order| order.number.starts_with(&format!("{COMPANY}-PO-"))) {
        let Some(number) = known.remove(&order.number) else {
            mistakes.add("orders in the shop have no purchase order, or stand there twice", &order.number);
            continue;
        };
        found.insert(number);
        let Some(purchase) = documents.orders.get(&number) else { continue };
        if purchase.void {
            if order.state != "canceled" {
                mistakes.add("orders were called off in Epicor and not in the shop", &order.number);
            }
        } else if !purchase.approved || !purchase.is_coded() {
            mistakes.add("orders stand in the shop without approval or account", &order.number);
        } else {
            for what in differences(number, purchase, order, settled.contains(&number)) {
                mistakes.add(&format!("orders have {what}"), &order.number);
            }
        }
    }
    for (number, _) in documents.wanted_orders().filter(|(_, order)| order.is_coded()) {
        if !found.contains(&number) {
            mistakes.add("approved orders are missing in the shop", &number.to_string());
        }
    }
    mistakes.into_lines()
}

fn differences(number: i64, purchase: &Order, order: &ShopOrder, settled: bool) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let mut check = |is_wrong: bool, what| {
        if is_wrong {
            wrong.push(what);
        }
    };
    check(order.currency != purchase.currency, "another currency");
    check(order.base_currency != purchase.base_currency, "another base currency");
    check(order.state == "canceled", "been cancelled by mistake");
    let mut lines = Pair::default();
    purchase.lines.values().filter(|line| !line.void).for_each(|line| lines += line.amount);
    if !settled {
        check(order.total != purchase.total, "another total");
        check(order.tax != purchase.tax, "another tax");
        check(order.shipping != purchase.charges, "other charges");
        check(order.subtotal != lines, "another subtotal");
    }
    let standing: BTreeMap<_, _> =
        order.standing().filter_map(|line| line.reference.map(|reference| (reference, line))).collect();
    let wanted: BTreeMap<_, _> =
        purchase.standing().map(|(line, release, row)| ((number, line, release), row)).collect();
    check(order.standing().count() != standing.len(), "a line twice, or one that no release knows");
    check(!standing.keys().eq(wanted.keys()), "other lines than Epicor's releases");
    let mut sums: BTreeMap<i64, Pair> = BTreeMap::new();
    for (reference, line) in &standing {
        *sums.entry(reference.1).or_default() += line.row_total;
        let Some(release) = wanted.get(reference) else { continue };
        check(line.open != release.quantity, "another quantity on a line");
        let part = purchase.lines.get(&reference.1).map_or("", |line| &line.part);
        check(line.sku != part, "another part on a line");
        let account = release.account.as_ref().map_or("", |account| &account.shown);
        check(!line.additional_data.contains(account), "another account in a line's additional data");
        check(
            line.attributes.get(GL_ATTRIBUTE).map(String::as_str) != Some(account),
            "another account in a line's attribute",
        );
    }
    for (line, sum) in sums {
        let amount = purchase.lines.get(&line).map(|line| line.amount);
        check(!settled && amount != Some(sum), "another amount on a line");
    }
    wrong.dedup();
    wrong
}

/// What must become of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// One invoice per order in the shop.
    Delivered,
    /// A person has to decide.
    Review,
    /// So near the limit that either is right.
    Either,
}

/// By this file's own reading of the rules.
pub(crate) fn fate(invoice: &Invoice) -> Fate {
    if invoice.debit_memo {
        return Fate::Review;
    }
    let mut fate = Fate::Delivered;
    for line in &invoice.lines {
        let (ours, theirs) = (line.amount.doc, line.expected);
        let difference = (ours - theirs).abs();
        if difference > REVIEW_SHARE * ours.max(theirs) {
            return Fate::Review;
        }
        if difference > REVIEW_SHARE * ours.min(theirs) {
            fate = Fate::Either;
        }
    }
    fate
}

/// Invoices that stand in the shop, by supplier and number, with their order.
pub(crate) fn delivered(documents: &Documents, shop: &Contents) -> BTreeMap<InvoiceId, Vec<(i64, ShopInvoice)>> {
    let orders: BTreeMap<u64, i64> = documents
        .orders
        .keys()
        .flat_map(|number| shop.numbered(&shop_number(*number)).into_iter().map(|order| (order.entity_id, *number)))
        .collect();
    let mut found: BTreeMap<InvoiceId, Vec<(i64, ShopInvoice)>> = BTreeMap::new();
    for invoice in &shop.invoices {
        let vendor = invoice.comments.iter().find_map(|comment| vendor_of(comment, &invoice.transaction));
        let order = orders.get(&invoice.order_id).copied().unwrap_or_default();
        let id = (vendor.unwrap_or_default(), invoice.transaction.clone());
        found.entry(id).or_default().push((order, invoice.clone()));
    }
    found
}

/// From `Epicor AP invoice 4711 (vendor 118, company EPIC06)`.
fn vendor_of(comment: &str, number: &str) -> Option<i64> {
    let rest = comment.split_once(&format!("Epicor AP invoice {number} (vendor "))?.1;
    let (vendor, rest) = rest.split_once(',')?;
    rest.trim_start().starts_with(&format!("company {COMPANY})")).then(|| vendor.trim().parse().ok())?
}

/// Invoices of the shop against those of Epicor. `held`: invoices on the review list or the dead-letter shelf; `accepted`: those that a
/// person let through.
pub(crate) fn compare_invoices(
    documents: &Documents,
    shop: &Contents,
    held: &BTreeSet<InvoiceId>,
    accepted: &BTreeSet<InvoiceId>,
) -> Vec<String> {
    let mut mistakes = Mistakes::default();
    let mut found = delivered(documents, shop);
    for (id, invoice) in documents.invoices.iter().filter(|(_, invoice)| invoice.posted) {
        let name = format!("{} of vendor {}", id.1, id.0);
        let parts = found.remove(id).unwrap_or_default();
        let is_held = held.contains(id);
        match (fate(invoice), accepted.contains(id)) {
            (Fate::Delivered, _) | (_, true) if is_held => mistakes.add("good invoices are held back", &name),
            (Fate::Review, false) if !is_held => mistakes.add("invoices should stand on the review list", &name),
            _ => {}
        }
        if is_held {
            if !parts.is_empty() {
                mistakes.add("invoices stand in the shop and on the review list", &name);
            }
            continue;
        }
        let mut wanted = invoice.by_order();
        let mut sum = Pair::default();
        parts.iter().for_each(|(_, part)| sum += part.total);
        if sum != invoice.total {
            mistakes
                .add("invoices do not come to Epicor's total", &format!("{name}: {sum} instead of {}", invoice.total));
        }
        for (order, part) in &parts {
            match wanted.remove(order) {
                None => mistakes.add("invoices stand twice, or on an order that they do not name", &name),
                Some(amount) if amount != part.total => mistakes.add(
                    "invoices have another amount in the shop",
                    &format!("{name} on {order}: {} instead of {amount}", part.total),
                ),
                Some(_) => {}
            }
            let comments = part.comments.join("\n");
            let accounts = invoice.lines.iter().filter(|line| line.release.0 == *order);
            let missing =
                accounts.filter_map(|line| line.account.as_ref()).any(|account| !comments.contains(&account.shown));
            if missing {
                mistakes.add("invoices do not tell the account of a line", &name);
            }
        }
        if !wanted.is_empty() {
            mistakes.add("invoices are missing in the shop, whole or in part", &name);
        }
    }
    for id in found.keys() {
        mistakes.add("invoices in the shop belong to none that was posted", &format!("{} of vendor {}", id.1, id.0));
    }
    mistakes.into_lines()
}

/// Companies of the shop against vendors.
pub(crate) fn compare_companies(vendors: &[Value], good: &BTreeSet<String>, shop: &Contents) -> Vec<String> {
    let mut mistakes = Mistakes::default();
    let mut companies: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for company in &shop.companies {
        companies.entry(text(company, "reseller_id").to_uppercase()).or_default().push(company);
    }
    for vendor in vendors {
        let vendor_number = number(vendor, "/VendorNum");
        if !good.contains(&format!("{COMPANY}:VEND:{vendor_number}")) {
            continue;
        }
        let key = format!("{COMPANY}-V-{vendor_number}");
        let inactive = vendor.get("Inactive").and_then(Value::as_bool).unwrap_or_default();
        let found = companies.remove(&key).unwrap_or_default();
        match found[..] {
            [] if inactive => {}
            [] => mistakes.add("good vendors are no company of the shop", &key),
            [company] => {
                // 3 is blocked.
                if (number(company, "/status") == 3) != inactive {
                    mistakes.add("companies are blocked or open, other than their vendor", &key);
                }
                let (ours, theirs) = (text(company, "company_name"), text(vendor, "Name").trim());
                let phone = Some(text(vendor, "PhoneNum").trim()).filter(|phone| !phone.is_empty()).unwrap_or("-");
                if ours != theirs {
                    mistakes.add("companies have another name than their vendor", &key);
                }
                if text(company, "telephone") != phone {
                    mistakes.add("companies have another telephone than their vendor", &key);
                }
            }
            _ => mistakes.add("vendors are more than one company", &key),
        }
    }
    for key in companies.keys() {
        mistakes.add("companies of the shop belong to no good vendor", key);
    }
    mistakes.into_lines()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        contents::ShopLine,
        documents::{Account, InvoiceLine, Line, Release},
    };

    /// What should be found, and the change that should be found by it.
    type Spoilt<T> = (&'static str, fn(&mut T));

    fn pair(doc: i64, base: i64) -> Pair {
        Pair { doc: Decimal::new(doc, 2), base: Decimal::new(base, 2) }
    }

    fn account() -> Account {
        Account {
            internal: "6100|10".into(),
            shown: "6100-10".into(),
            description: "Supplies".into(),
            segments: vec!["6100".into(), "10".into()],
        }
    }

    /// One order of one line over 20.00 (24.00), with tax and freight of 1.00 (1.20) each, and a posted invoice for the line.
    fn documents() -> Documents {
        let release = Release { quantity: Decimal::from(2), void: false, account: Some(account()) };
        let line = Line {
            part: "BOLT".into(),
            price: Decimal::TEN,
            per: Decimal::ONE,
            amount: pair(2_000, 2_400),
            void: false,
            releases: [(1, release)].into(),
        };
        let order = Order {
            currency: "EUR".into(),
            base_currency: "USD".into(),
            approved: true,
            void: false,
            charges: pair(100, 120),
            tax: pair(100, 120),
            total: pair(2_200, 2_640),
            lines: [(1, line)].into(),
        };
        let line = InvoiceLine {
            number: 1,
            release: (7, 1, 1),
            amount: pair(2_000, 2_400),
            expected: Decimal::from(20),
            account: Some(account()),
        };
        let invoice = Invoice { posted: true, debit_memo: false, total: pair(2_000, 2_400), lines: vec![line] };
        Documents { orders: [(7, order)].into(), invoices: [((3, "A/1".to_owned()), invoice)].into() }
    }

    fn shop() -> Contents {
        let line = ShopLine {
            item_id: 11,
            reference: Some((7, 1, 1)),
            sku: "BOLT".into(),
            open: Decimal::from(2),
            row_total: pair(2_000, 2_400),
            additional_data: r#"{"gl":"6100-10"}"#.into(),
            attributes: [(GL_ATTRIBUTE.to_owned(), "6100-10".to_owned())].into(),
        };
        let order = ShopOrder {
            entity_id: 5,
            number: shop_number(7),
            state: "new".into(),
            currency: "EUR".into(),
            base_currency: "USD".into(),
            subtotal: pair(2_000, 2_400),
            shipping: pair(100, 120),
            tax: pair(100, 120),
            total: pair(2_200, 2_640),
            lines: vec![line],
            history: Vec::new(),
        };
        let invoice = ShopInvoice {
            order_id: 5,
            number: "000000001".into(),
            transaction: "A/1".into(),
            total: pair(2_000, 2_400),
            items: vec![11],
            comments: vec![format!("Epicor AP invoice A/1 (vendor 3, company {COMPANY})\nline 1: 6100-10 20.00")],
        };
        let company = json!({ "reseller_id": "EPIC06-V-3", "company_name": "Nordic", "telephone": "-", "status": 1 });
        Contents { orders: vec![order], invoices: vec![invoice], companies: vec![company] }
    }

    fn orders(documents: &Documents, shop: &Contents) -> String {
        compare_orders(documents, shop, &BTreeSet::new()).join("\n")
    }

    fn invoices(documents: &Documents, shop: &Contents, held: &[(i64, &str)]) -> String {
        let held = held.iter().map(|(vendor, number)| (*vendor, (*number).to_owned())).collect();
        compare_invoices(documents, shop, &held, &BTreeSet::new()).join("\n")
    }

    #[test]
    fn a_faithful_shop_has_no_mistakes() {
        assert_eq!(orders(&documents(), &shop()), "");
        assert_eq!(invoices(&documents(), &shop(), &[]), "");
    }

    #[test]
    fn every_difference_of_an_order_is_found() {
        let wrong: [Spoilt<ShopOrder>; 12] = [
            ("another total", |order| order.total.base += Decimal::new(1, 2)),
            ("another tax", |order| order.tax.doc = Decimal::ZERO),
            ("other charges", |order| order.shipping.doc = Decimal::ZERO),
            ("another subtotal", |order| order.subtotal.base = Decimal::ZERO),
            ("another currency", |order| order.currency = "USD".into()),
            ("another base currency", |order| order.base_currency = "EUR".into()),
            ("cancelled by mistake", |order| order.state = "canceled".into()),
            ("another quantity", |order| order.lines[0].open = Decimal::ONE),
            ("another part", |order| order.lines[0].sku = "NUT".into()),
            ("another amount on a line", |order| order.lines[0].row_total.doc -= Decimal::new(1, 2)),
            ("additional data", |order| order.lines[0].additional_data.clear()),
            ("line's attribute", |order| order.lines[0].attributes.clear()),
        ];
        for (what, change) in wrong {
            let mut shop = shop();
            change(&mut shop.orders[0]);
            let found = orders(&documents(), &shop);
            assert!(found.contains(what), "{what} in {found:?}");
        }
        let mut twice = shop();
        let line = twice.orders[0].lines[0].clone();
        twice.orders[0].lines.push(line);
        assert!(orders(&documents(), &twice).contains("a line twice"));
        let mut lost = shop();
        lost.orders[0].lines[0].reference = Some((7, 2, 1));
        assert!(orders(&documents(), &lost).contains("other lines"));
    }

    #[test]
    fn missing_doubled_and_forbidden_orders_are_found() {
        let mut twice = shop();
        twice.orders.push(twice.orders[0].clone());
        assert!(orders(&documents(), &twice).contains("stand there twice"));
        assert!(orders(&documents(), &Contents::default()).contains("are missing"));
        let change = |change: fn(&mut Order)| {
            let mut documents = documents();
            documents.orders.values_mut().for_each(change);
            orders(&documents, &shop())
        };
        assert!(change(|order| order.void = true).contains("called off"));
        assert!(change(|order| order.approved = false).contains("without approval"));
        let uncoded = change(|order| {
            order
                .lines
                .values_mut()
                .flat_map(|line| line.releases.values_mut())
                .for_each(|release| release.account = None);
        });
        assert!(uncoded.contains("without approval or account"));
    }

    #[test]
    fn every_difference_of_an_invoice_is_found() {
        let wrong: [Spoilt<Contents>; 5] = [
            ("another amount", |shop| shop.invoices[0].total.base += Decimal::new(1, 2)),
            ("stand twice", |shop| shop.invoices.push(shop.invoices[0].clone())),
            ("missing in the shop", |shop| shop.invoices.clear()),
            ("account of a line", |shop| {
                shop.invoices[0].comments[0] = shop.invoices[0].comments[0].replace("6100-10", "")
            }),
            ("none that was posted", |shop| shop.invoices[0].transaction = "B/2".into()),
        ];
        for (what, change) in wrong {
            let mut shop = shop();
            change(&mut shop);
            let found = invoices(&documents(), &shop, &[]);
            assert!(found.contains(what), "{what} in {found:?}");
        }
        assert!(invoices(&documents(), &shop(), &[(3, "A/1")]).contains("held back"));
        let mut unposted = documents();
        unposted.invoices.values_mut().for_each(|invoice| invoice.posted = false);
        assert!(invoices(&unposted, &shop(), &[]).contains("none that was posted"));
    }

    #[test]
    fn what_a_person_must_see_may_not_pass() {
        let with = |change: fn(&mut Invoice)| {
            let mut documents = documents();
            documents.invoices.values_mut().for_each(change);
            documents
        };
        let memo = with(|invoice| invoice.debit_memo = true);
        assert!(invoices(&memo, &shop(), &[]).contains("should stand on the review list"));
        assert!(invoices(&memo, &shop(), &[(3, "A/1")]).contains("in the shop and on the review list"));
        let mut empty = shop();
        empty.invoices.clear();
        assert_eq!(invoices(&memo, &empty, &[(3, "A/1")]), "");
        for (expected, wanted) in [(16, Fate::Review), (18, Fate::Either), (19, Fate::Delivered), (25, Fate::Review)] {
            let mut documents = documents();
            let invoice = documents.invoices.values_mut().next().unwrap_or_else(|| unreachable!("there is one"));
            invoice.lines[0].expected = Decimal::from(expected);
            assert_eq!(fate(invoice), wanted, "20 instead of {expected}");
        }
    }

    #[test]
    fn companies_are_told_by_the_number_of_their_vendor() {
        let vendor =
            |name: &str, inactive: bool| json!({ "VendorNum": 3, "Name": name, "PhoneNum": "", "Inactive": inactive });
        let good = BTreeSet::from([format!("{COMPANY}:VEND:3")]);
        let check = |vendor: Value, shop: &Contents| compare_companies(&[vendor], &good, shop).join("\n");
        assert_eq!(check(vendor("Nordic", false), &shop()), "");
        assert!(check(vendor("Other", false), &shop()).contains("another name"));
        assert!(check(vendor("Nordic", true), &shop()).contains("blocked or open"));
        assert!(check(vendor("Nordic", false), &Contents::default()).contains("are no company"));
        assert!(!compare_companies(&[], &good, &shop()).is_empty());
    }
}
