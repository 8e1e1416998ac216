//! Orders of a shop and AP invoices that bill them, built line by line.

use std::time::Duration;

use mlc_flow::{PushRecord, Record};
use mlc_house::{House, HouseConfig, SHOP_INVOICES};
use mlc_ledger::ReviewItem;
use mlc_model::{
    Amount, ApInvoice, ApInvoiceLine, CompanyCode, ConnectionId, CostPer, FlowId, GlCoding, PurchaseOrderRef, Version,
};
use mlc_queue::Order;
use mlc_simulators::adobe::{AdobeSim, InvoiceView, OrderView};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

pub(crate) const VENDOR: i64 = 118;

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// What the simulator shows as a float, to the cent.
pub(crate) fn shown(value: f64) -> Decimal {
    cents(format!("{value:.4}").parse().unwrap())
}

pub(crate) fn column(row: &serde_json::Map<String, Value>, name: &str) -> Decimal {
    shown(row.get(name).and_then(Value::as_f64).unwrap_or_default())
}

fn float(amount: Decimal) -> f64 {
    amount.to_string().parse().unwrap()
}

/// A line of an order, by its key `line/release`.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) line: i64,
    pub(crate) release: i64,
    pub(crate) quantity: Decimal,
    pub(crate) price: Decimal,
}

pub(crate) fn release(line: i64, release: i64, quantity: &str, price: &str) -> Release {
    Release { line, release, quantity: dec(quantity), price: dec(price) }
}

/// An order as the purchase order flow leaves it in the shop.
#[derive(Debug, Clone)]
pub(crate) struct ShopOrder {
    pub(crate) number: i64,
    pub(crate) releases: Vec<Release>,
    pub(crate) currency: &'static str,
    /// Base currency per order currency.
    pub(crate) rate: Decimal,
    pub(crate) freight: Decimal,
    pub(crate) tax: Decimal,
}

impl ShopOrder {
    pub(crate) fn of(number: i64, releases: Vec<Release>) -> Self {
        let zero = Decimal::ZERO;
        Self { number, releases, currency: "USD", rate: Decimal::ONE, freight: zero, tax: zero }
    }

    pub(crate) fn increment_id(&self) -> String {
        format!("EPIC06-PO-{}", self.number)
    }

    pub(crate) fn place(&self, shop: &AdobeSim) {
        let base = |amount: Decimal| cents(amount * self.rate);
        let (mut subtotal, mut base_subtotal) = (Decimal::ZERO, Decimal::ZERO);
        let mut items = Vec::new();
        for at in &self.releases {
            let row = cents(at.price * at.quantity);
            subtotal += row;
            base_subtotal += base(row);
            items.push(json!({
                "sku": format!("PART-{}", at.line), "name": format!("Part {}", at.line), "product_type": "virtual", "is_virtual": 1,
                "ext_order_item_id": format!("{}/{}/{}", self.number, at.line, at.release), "qty_ordered": float(at.quantity),
                "price": float(at.price.round_dp(4)), "base_price": float((at.price * self.rate).round_dp(4)),
                "row_total": float(row), "base_row_total": float(base(row)),
                "additional_data": json!({ "epicor": { "ext_cost": row.to_string(), "base_ext_cost": base(row).to_string() } }).to_string(),
            }));
        }
        let total = subtotal + self.freight + self.tax;
        let base_total = base_subtotal + base(self.freight) + base(self.tax);
        let order = json!({
            "increment_id": self.increment_id(), "store_id": 1, "state": "new", "status": "pending", "is_virtual": 1,
            "base_currency_code": "USD", "order_currency_code": self.currency,
            "subtotal": float(subtotal), "base_subtotal": float(base_subtotal),
            "shipping_amount": float(self.freight), "base_shipping_amount": float(base(self.freight)),
            "tax_amount": float(self.tax), "base_tax_amount": float(base(self.tax)),
            "grand_total": float(total), "base_grand_total": float(base_total),
            "total_qty_ordered": self.releases.len(), "items": items, "payment": {"method": "purchaseorder"},
        });
        shop.place_order(&order).unwrap();
    }
}

/// A posted invoice without lines.
pub(crate) fn invoice(number: &str) -> ApInvoice {
    ApInvoice {
        company: CompanyCode::parse("EPIC06").unwrap(),
        vendor_number: VENDOR,
        vendor_code: Some("NOORD".to_owned()),
        vendor_name: Some("Noordzee Pompen".to_owned()),
        number: number.to_owned(),
        group: None,
        posted: true,
        open: true,
        debit_memo: false,
        correction: false,
        held: false,
        invoiced: None,
        applied: None,
        due: None,
        terms: None,
        description: None,
        header_order: None,
        currency: "USD".to_owned(),
        base_currency: Some("USD".to_owned()),
        exchange_rate: Decimal::ONE,
        total: Amount::default(),
        balance: Amount::default(),
        tax: Amount::default(),
        lines: Vec::new(),
        changed_by: None,
        version: Version(1),
        extra: std::collections::BTreeMap::new(),
    }
}

/// Building an invoice; every amount is added to its total.
pub(crate) trait Billing: Sized {
    fn bills(self, at: [i64; 3], quantity: &str, amount: &str) -> Self;
    fn bills_amount(self, at: Option<[i64; 3]>, quantity: Decimal, amount: Amount) -> Self;
    fn with_tax(self, tax: Amount) -> Self;
    fn with_charges(self, charges: Amount) -> Self;
    fn misc(self, amount: &str) -> Self;
}

pub(crate) fn same(amount: &str) -> Amount {
    Amount { doc: dec(amount), base: dec(amount) }
}

fn plus(total: &mut Amount, more: Amount) {
    total.doc += more.doc;
    total.base += more.base;
}

impl Billing for ApInvoice {
    fn bills(self, at: [i64; 3], quantity: &str, amount: &str) -> Self {
        self.bills_amount(Some(at), dec(quantity), same(amount))
    }

    fn bills_amount(mut self, at: Option<[i64; 3]>, quantity: Decimal, amount: Amount) -> Self {
        let number = i64::try_from(self.lines.len()).unwrap() + 1;
        let segments = ["5000".to_owned(), "10".to_owned(), format!("{}", 200 + number)];
        self.lines.push(ApInvoiceLine {
            number,
            line_type: Some(if at.is_some() { "R" } else { "M" }.to_owned()),
            purchase_order: at.map(|[order, line, release]| PurchaseOrderRef { order, line, release }),
            part: None,
            vendor_part: None,
            description: Some(format!("Line {number} 🔩")),
            quantity,
            unit: None,
            unit_cost: Amount::default(),
            cost_per: CostPer::Each,
            extended: amount,
            charges: Decimal::ZERO,
            gl: vec![GlCoding {
                account: segments.join("|"),
                display: Some(segments.join("-")),
                segments: (1..).zip(segments).collect(),
                amount: Some(amount),
                ..GlCoding::default()
            }],
            version: Version(1),
        });
        plus(&mut self.total, amount);
        self
    }

    fn with_tax(mut self, tax: Amount) -> Self {
        plus(&mut self.tax, tax);
        plus(&mut self.total, tax);
        self
    }

    fn with_charges(mut self, charges: Amount) -> Self {
        plus(&mut self.total, charges);
        self
    }

    fn misc(self, amount: &str) -> Self {
        self.bills_amount(None, Decimal::ONE, same(amount))
    }
}

pub(crate) fn flow() -> FlowId {
    FlowId::parse(SHOP_INVOICES).unwrap()
}

/// A house whose invoices wait this long for their orders.
pub(crate) async fn house(config: HouseConfig, order_wait: &str) -> House {
    let lines = format!("ap_invoices = {{ order_wait = \"{order_wait}\" }}");
    let mut house = House::open_without_worker(config.shop_flow(SHOP_INVOICES, &lines)).await.unwrap();
    house.start_worker(8);
    house
}

/// Pushes one invoice, as a poll that found it changed would. `again` tells repeats apart.
pub(crate) async fn push(house: &House, invoice: &ApInvoice, again: u32) {
    let job = PushRecord {
        flow: flow(),
        from: ConnectionId::parse("epicor-main").unwrap(),
        to: ConnectionId::parse("shop-main").unwrap(),
        window: None,
        records: vec![Record::ApInvoice(Box::new(invoice.clone()))],
        waits: again,
        readings: 0,
    };
    house.context.queue.enqueue(&[Order::of(&job).unwrap()]).await.unwrap();
}

/// Pushes and waits until nothing is left to do.
pub(crate) async fn carry(house: &House, invoice: &ApInvoice) {
    push(house, invoice, 0).await;
    house.settle().await.unwrap();
}

pub(crate) async fn reviews(house: &House, invoice: &ApInvoice) -> Vec<ReviewItem> {
    house.context.ledger.reviews_of(&flow(), &invoice.key()).await.unwrap()
}

/// The shop's invoices that bear the marker of an invoice, on one order.
pub(crate) fn marked(shop: &AdobeSim, order: &OrderView, invoice: &ApInvoice) -> Vec<InvoiceView> {
    let marker = format!("Epicor AP invoice {} (vendor {}, company EPIC06)", invoice.number, invoice.vendor_number);
    let bears = |found: &InvoiceView| found.comments.iter().any(|comment| comment.lines().next() == Some(&marker));
    shop.invoices_of(order.entity_id).into_iter().filter(bears).collect()
}

pub(crate) fn the_order(shop: &AdobeSim, order: &ShopOrder) -> OrderView {
    let found = shop.orders_numbered(&order.increment_id());
    assert_eq!(found.len(), 1);
    found.into_iter().next().unwrap()
}

/// Waits until `done`, at most 30 s.
pub(crate) async fn until(mut done: impl AsyncFnMut() -> bool) {
    let started = std::time::Instant::now();
    while !done().await {
        assert!(started.elapsed() < Duration::from_secs(30), "this never came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The details of its audit entries with this action.
pub(crate) async fn noted(house: &House, invoice: &ApInvoice, action: mlc_ledger::Action) -> Vec<String> {
    let trail = house.context.ledger.audit_record(&flow(), &invoice.key(), 100).await.unwrap();
    trail.into_iter().filter(|entry| entry.action == action).filter_map(|entry| entry.detail).collect()
}

/// Its id at the target, as the ledger has it.
pub(crate) async fn target(house: &House, invoice: &ApInvoice) -> String {
    let links = house.context.ledger.link(&flow(), &[invoice.key()]).await.unwrap();
    links[0].as_ref().unwrap().as_str().to_owned()
}
