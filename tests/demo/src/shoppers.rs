//! People who order in the shop, and what the shop tells us about it: signed webhooks, some twice, some about nothing, one forged.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::{
    control::{Server, number, text},
    documents::{decimal, int},
    shop::Shop,
    truth::rows,
    verify::Mistakes,
};

/// Orders placed.
pub(crate) const PLACED: usize = 40;
/// Orders that are announced and never saved.
pub(crate) const GHOSTS: usize = 2;
/// Orders of our own making that the shop announces too.
const ECHOES: usize = 3;
const EVENT: &str = "observer.sales_order_place_after";

const GOODS: [(&str, &str, &str); 5] = [
    ("DR-HSS-5", "Drill HSS 5 mm", "4.20"),
    ("BX-400", "Carton 400x300", "0.85"),
    ("OIL-46", "Hydraulic oil ISO 46", "61.90"),
    ("BRG-6204", "Ball bearing 6204", "7.15"),
    ("GL-NIT-L", "Nitrile gloves L", "12.50"),
];

/// A line as it was ordered: quantity and price in the shop's base currency.
type Wanted = BTreeMap<String, (Decimal, Decimal)>;

/// What was ordered, and how the deliveries were answered.
#[derive(Default)]
pub(crate) struct Orders {
    /// By number in the shop.
    placed: BTreeMap<String, Wanted>,
    pub(crate) deliveries: usize,
    pub(crate) duplicates: usize,
    pub(crate) echoes: usize,
    pub(crate) forged: usize,
    /// Answers other than they should be.
    pub(crate) odd_answers: Vec<String>,
}

/// Places the orders; the shop announces each as it is placed. `ours`: orders in the shop that we made.
pub(crate) async fn order(shop: &Shop, ours: &[u64]) -> anyhow::Result<Orders> {
    let mut orders = Orders::default();
    for place in 0..PLACED {
        let (entity, wanted) = entity(place);
        let saved = shop.server.post("/__control/orders", &json!({ "entity": entity })).await?;
        let (id, increment) = (number(&saved, "/entity_id"), text(&saved, "increment_id").to_owned());
        orders.placed.insert(increment.clone(), wanted);
        let mut delivery = delivery(shop, place);
        delivery["order_id"] = id.into();
        delivery["id"] = format!("request-{id}").into();
        if place == 5 {
            let mut forged = delivery.clone();
            forged["secret"] = "somebody-elses-secret".into();
            orders.forged += 1;
            orders.deliver(shop, &forged, 401).await?;
        }
        orders.deliver(shop, &delivery, 200).await?;
        if place.is_multiple_of(4) {
            // The answer was lost on its way, so the shop sends the same again.
            orders.duplicates += 1;
            orders.deliver(shop, &delivery, 200).await?;
        }
        if place % 10 == 3 {
            // The same order by another way.
            delivery["id"] = format!("other-request-{id}").into();
            delivery["form"] = "plugin".into();
            orders.duplicates += 1;
            orders.deliver(shop, &delivery, 200).await?;
        }
    }
    for ghost in 0..GHOSTS {
        let (mut entity, _) = entity(ghost);
        entity["increment_id"] = format!("0009990{ghost:02}").into();
        let mut delivery = delivery(shop, ghost);
        delivery["payload"] = entity;
        orders.deliver(shop, &delivery, 200).await?;
    }
    for id in ours.iter().take(ECHOES) {
        let mut delivery = delivery(shop, 1);
        delivery["order_id"] = (*id).into();
        orders.echoes += 1;
        orders.deliver(shop, &delivery, 200).await?;
    }
    Ok(orders)
}

impl Orders {
    async fn deliver(&mut self, shop: &Shop, delivery: &Value, wanted: u64) -> anyhow::Result<()> {
        let answer = shop.server.post("/__control/deliver", delivery).await?;
        self.deliveries += 1;
        let status = number(&answer, "/status");
        if status != wanted || (status == 200 && !text(&answer, "body").contains("success")) {
            let body: String = text(&answer, "body").chars().take(80).collect();
            self.odd_answers.push(format!("{status} {body} instead of {wanted}"));
        }
        Ok(())
    }
}

/// Both body forms, numbers as text, and the hook that comes before the order has its id.
fn delivery(shop: &Shop, place: usize) -> Value {
    json!({
        "url": shop.webhook_url,
        "form": if place.is_multiple_of(2) { "observer" } else { "plugin" },
        "scheme": if place.is_multiple_of(3) { "hmac_sha256_hex" } else { "hmac_sha256" },
        "secret": shop.webhook_secret(),
        "event": EVENT,
        "wobble": place % 3 == 1,
        "before_save": place % 5 == 2,
    })
}

fn entity(place: usize) -> (Value, Wanted) {
    let mut wanted = Wanted::new();
    let (mut items, mut total) = (Vec::new(), Decimal::ZERO);
    for line in 0..=place % 3 {
        let (sku, name, price) = GOODS[(place + line) % GOODS.len()];
        let price: Decimal = price.parse().unwrap_or_default();
        let quantity = Decimal::from(1 + (place * 7 + line * 3) % 24);
        total += price * quantity;
        items.push(json!({
            "sku": sku, "name": name, "product_type": "simple", "qty_ordered": float(quantity),
            "price": float(price), "base_price": float(price), "row_total": float(price * quantity),
            "base_row_total": float(price * quantity),
        }));
        wanted.insert(sku.to_owned(), (quantity, price));
    }
    let total = float(total);
    let entity = json!({
        "customer_email": format!("shopper{place}@customers.example"), "store_id": 1, "state": "new", "status": "pending",
        "base_currency_code": "USD", "order_currency_code": "USD", "store_currency_code": "USD", "global_currency_code": "USD",
        "subtotal": total, "base_subtotal": total, "grand_total": total, "base_grand_total": total,
        "total_qty_ordered": items.len(), "items": items, "payment": { "method": "checkmo" },
    });
    (entity, wanted)
}

/// The shop's API takes numbers only.
fn float(amount: Decimal) -> f64 {
    amount.to_string().parse().unwrap_or_default()
}

/// How many requisitions there are, and what is wrong with them.
pub(crate) async fn compare(epicor: &Server, orders: &Orders) -> anyhow::Result<(usize, Vec<String>)> {
    let heads = rows(epicor, "ReqHead").await?;
    let mut lines: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for line in rows(epicor, "ReqDetail").await? {
        lines.entry(int(&line, "ReqNum")).or_default().push(line);
    }
    let mut mistakes = Mistakes::default();
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for head in &heads {
        let marker = text(head, "CommentText").lines().next().unwrap_or_default();
        let Some((increment, wanted)) =
            marker.strip_prefix("Adobe order ").and_then(|increment| orders.placed.get_key_value(increment))
        else {
            mistakes.add("requisitions belong to no order", marker);
            continue;
        };
        if !found.insert(increment) {
            mistakes.add("orders have more than one requisition", increment);
        }
        let lines = lines.remove(&int(head, "ReqNum")).unwrap_or_default();
        let kept: Wanted = lines
            .iter()
            .map(|line| (text(line, "PartNum").to_owned(), (decimal(line, "OrderQty"), decimal(line, "UnitCost"))))
            .collect();
        if lines.len() != wanted.len() || kept != *wanted {
            mistakes.add("requisitions differ from their order", increment);
        }
    }
    for increment in orders.placed.keys().filter(|increment| !found.contains(increment.as_str())) {
        mistakes.add("orders have no requisition", increment);
    }
    for odd in &orders.odd_answers {
        mistakes.add("deliveries were answered otherwise than they should be", odd);
    }
    Ok((heads.len(), mistakes.into_lines()))
}
