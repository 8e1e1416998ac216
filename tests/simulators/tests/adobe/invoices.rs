//! Invoice amounts and quantities.

use serde_json::{Value, json};

use crate::{
    client::{Client, filter},
    orders::purchase_order,
};

async fn with_order(change: impl FnOnce(&mut Value)) -> Client {
    let client = Client::paas().await;
    let mut body = purchase_order("PO-1");
    change(&mut body["entity"]);
    assert_eq!(client.post("/V1/orders", &body).await.0, 200);
    client
}

fn totals(client: &Client) -> Vec<f64> {
    client.sim.invoices().iter().map(|invoice| invoice.grand_total).collect()
}

#[tokio::test]
async fn a_missing_subtotal_gives_a_wrong_invoice_without_any_error() {
    let client = with_order(|order| {
        for name in ["subtotal", "base_subtotal"] {
            order.as_object_mut().unwrap().remove(name);
        }
        order["shipping_amount"] = 5.into();
        order["base_shipping_amount"] = 5.into();
    })
    .await;
    assert_eq!(client.post("/V1/order/1/invoice", &json!({})).await, (200, json!("1")));
    assert_eq!(totals(&client), [5.0]);
    assert_eq!(client.sim.orders()[0].total_due, 257.5);
}

#[tokio::test]
async fn a_partial_invoice_takes_its_lines_and_the_last_one_what_the_order_has_left() {
    let client = with_order(|order| {
        order["subtotal"] = 270.into();
        order["grand_total"] = 275.into();
        order["shipping_amount"] = 5.into();
    })
    .await;
    let part = json!({ "items": [{ "order_item_id": 1, "qty": 10 }, { "order_item_id": 4711, "qty": 1 }] });
    assert_eq!(client.post("/V1/order/1/invoice", &part).await.0, 200);
    assert_eq!(client.sim.orders()[0].state.as_deref(), Some("processing"));
    assert_eq!(client.post("/V1/order/1/invoice", &Value::Null).await.0, 200);
    assert_eq!(totals(&client), [110.0, 165.0]);
    let order = &client.sim.orders()[0];
    assert_eq!((order.total_due, order.state.as_deref()), (0.0, Some("complete")));
    let (status, refused) = client.post("/V1/order/1/invoice", &Value::Null).await;
    assert_eq!(status, 400);
    assert!(refused["message"].as_str().unwrap().contains("complete"));
}

#[tokio::test]
async fn a_corrected_price_is_what_the_invoice_takes() {
    let client = with_order(|_| {}).await;
    let change = json!({ "entity": { "entity_id": 1, "increment_id": "PO-1", "store_id": 1, "subtotal": 312.5, "base_subtotal": 312.5,
        "grand_total": 312.5, "base_grand_total": 312.5, "items": [{ "item_id": 1, "order_id": 1, "price": 13, "base_price": 13,
        "row_total": 260, "base_row_total": 260 }] } });
    assert_eq!(client.post("/V1/orders", &change).await.0, 200);
    assert_eq!(client.sim.orders()[0].total_due, 312.5);
    assert_eq!(
        client.post("/V1/order/1/invoice", &json!({ "items": [{ "order_item_id": 1, "qty": 20 }] })).await.0,
        200
    );
    assert_eq!(client.post("/V1/order/1/invoice", &json!({})).await.0, 200);
    assert_eq!(totals(&client), [260.0, 52.5]);
    assert_eq!(client.sim.orders()[0].total_due, 0.0);
}

#[tokio::test]
async fn a_voided_line_is_left_out_and_the_order_completes() {
    let client = with_order(|_| {}).await;
    let void = json!({ "entity": { "entity_id": 1, "increment_id": "PO-1", "store_id": 1, "subtotal": 210, "base_subtotal": 210,
        "grand_total": 210, "base_grand_total": 210, "items": [{ "item_id": 2, "order_id": 1, "qty_canceled": 5 }] } });
    assert_eq!(client.post("/V1/orders", &void).await.0, 200);
    assert_eq!(client.post("/V1/order/1/invoice", &json!({})).await.0, 200);
    let invoice = &client.sim.invoices()[0];
    assert_eq!((invoice.grand_total, invoice.lines.as_slice()), (210.0, [(1, 20.0)].as_slice()));
    assert_eq!(client.sim.orders()[0].state.as_deref(), Some("complete"));
}

#[tokio::test]
async fn a_line_not_marked_as_decimal_takes_whole_quantities_only() {
    for (decimal, invoiced) in [(0, 1.0), (1, 1.5)] {
        let client = with_order(|order| {
            order["items"][0]["qty_ordered"] = 1.5.into();
            order["items"][0]["is_qty_decimal"] = decimal.into();
        })
        .await;
        assert_eq!(client.post("/V1/order/1/invoice", &json!({})).await.0, 200);
        assert_eq!(client.sim.invoices()[0].lines[0], (1, invoiced));
    }
}

#[tokio::test]
async fn the_callers_number_makes_an_invoice_searchable_and_keeps_the_rest() {
    let client = with_order(|_| {}).await;
    let body =
        json!({ "comment": { "comment": "Epicor AP invoice INV-88121 (vendor 1042)", "is_visible_on_front": 0 } });
    assert_eq!(client.post("/V1/order/1/invoice", &body).await.1, "1");
    let number = json!({ "entity": { "entity_id": 1, "order_id": 1, "total_qty": 25, "items": [], "transaction_id": "INV-88121" } });
    assert_eq!(client.post("/V1/invoices/", &number).await.0, 200);
    let (_, found) = client.get(&format!("/V1/invoices?{}", filter("transaction_id", "INV-88121", "eq"))).await;
    assert_eq!((found["total_count"].as_i64(), found["items"][0]["grand_total"].as_f64()), (Some(1), Some(262.5)));
    assert_eq!(found["items"][0]["items"].as_array().unwrap().len(), 2);
    assert_eq!(client.sim.comments()[0].comment, "Epicor AP invoice INV-88121 (vendor 1042)");
}

#[tokio::test]
async fn storing_an_invoice_row_moves_nothing_on_the_order() {
    let client = with_order(|_| {}).await;
    let row = json!({ "entity": { "order_id": 1, "total_qty": 1, "grand_total": 99, "items": [{ "sku": "CAST-220", "order_item_id": 1, "qty": 1 }] } });
    assert_eq!(client.post("/V1/invoices/", &row).await.0, 200);
    let order = &client.sim.orders()[0];
    assert_eq!((order.total_invoiced, order.items[0].qty_invoiced), (0.0, 0.0));
}
