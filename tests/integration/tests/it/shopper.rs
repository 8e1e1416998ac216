//! What happens in the shop by other hands than ours: shoppers order, people invoice, and the shop announces it.

use mlc_flow::{CreateApInvoice, CreateRequisition, InvoiceStep, RequisitionStep};
use mlc_house::{House, INVOICES_IN, REQUISITIONS};
use mlc_model::{ConnectionId, FlowId};
use mlc_queue::Order;
use serde_json::{Value, json};

pub(crate) const COMPANY: &str = "EPIC06";

/// A line of an order: product, pieces, price of one.
pub(crate) fn piece(sku: &str, quantity: u32, price: &str) -> Value {
    let price: f64 = price.parse().unwrap();
    let total = price * f64::from(quantity);
    json!({
        "sku": sku, "name": format!("{sku} in words"), "product_type": "simple", "qty_ordered": quantity, "price": price,
        "base_price": price, "row_total": total, "base_row_total": total,
    })
}

/// An order as the shop saves it.
pub(crate) fn order(number: &str, pieces: &[Value]) -> Value {
    let total: f64 = pieces.iter().filter_map(|piece| piece["row_total"].as_f64()).sum();
    json!({
        "increment_id": number, "store_id": 1, "state": "new", "status": "pending", "customer_email": "mia@shop.example",
        "base_currency_code": "USD", "order_currency_code": "USD", "base_to_order_rate": 1, "created_at": "2026-04-23 09:14:02",
        "subtotal": total, "base_subtotal": total, "grand_total": total, "base_grand_total": total, "shipping_amount": 0,
        "base_shipping_amount": 0, "payment": {"method": "checkmo"}, "items": pieces,
        "extension_attributes": {"shipping_assignments": [{"shipping": {"method": "flatrate_flatrate", "address": {
            "address_type": "shipping", "firstname": "Mia", "lastname": "Shopper", "street": ["1 Yard"], "city": "Duluth",
            "postcode": "55802", "country_id": "US", "telephone": "1",
        }}, "items": []}]},
    })
}

/// A shopper orders; its id.
pub(crate) fn place(house: &House, order: &Value) -> u64 {
    house.shop().place_order(order).unwrap()
}

/// The shop says that an order was placed; the intake has accepted it now.
pub(crate) async fn announce_order(house: &House, number: &str) {
    house.context.queue.enqueue(&[Order::of(&announced(house, number)).unwrap()]).await.unwrap();
}

pub(crate) fn announced(house: &House, number: &str) -> CreateRequisition {
    CreateRequisition {
        flow: FlowId::parse(REQUISITIONS).unwrap(),
        from: ConnectionId::parse("shop-main").unwrap(),
        to: ConnectionId::parse("epicor-main").unwrap(),
        increment_id: number.to_owned(),
        accepted_at: house.context.clock.now(),
        step: RequisitionStep::Confirm,
    }
}

/// The shop says that an invoice was made.
pub(crate) async fn announce_invoice(house: &House, invoice_id: u64) {
    let job = CreateApInvoice {
        flow: FlowId::parse(INVOICES_IN).unwrap(),
        from: ConnectionId::parse("shop-main").unwrap(),
        to: ConnectionId::parse("epicor-main").unwrap(),
        invoice_id: invoice_id.try_into().unwrap(),
        accepted_at: house.context.clock.now(),
        step: InvoiceStep::Read,
    };
    house.context.queue.enqueue(&[Order::of(&job).unwrap()]).await.unwrap();
}

/// The requisitions in Epicor that are for this order of the shop.
pub(crate) fn requisitions_of(house: &House, number: &str) -> Vec<Value> {
    let marker = format!("Adobe order {number}");
    let is_meant =
        |row: &Value| row["CommentText"].as_str().is_some_and(|text| text.lines().any(|line| line == marker));
    house.epicor.store().rows(COMPANY, "ReqHead").into_iter().filter(is_meant).collect()
}

/// The lines of a requisition, in their order.
pub(crate) fn lines_of(house: &House, requisition: &Value) -> Vec<Value> {
    let rows = house.epicor.store().rows(COMPANY, "ReqDetail");
    rows.into_iter().filter(|row| row["ReqNum"] == requisition["ReqNum"]).collect()
}

/// The mirrored order of a purchase order, as our own push makes it: a line per release, with the account for it. Its id.
///
/// The account is another one than the purchase order's, so that a test sees where it comes from.
pub(crate) fn mirror(house: &House, purchase_order: i64, account: &str) -> u64 {
    let (header, details, releases) = {
        let store = house.epicor.store();
        let of_order = |table: &str, column: &str| -> Vec<Value> {
            store.rows(COMPANY, table).into_iter().filter(|row| row[column] == purchase_order).collect()
        };
        (of_order("POHeader", "PONum").remove(0), of_order("PODetail", "PONUM"), of_order("PORel", "PONum"))
    };
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap();
    let segments: serde_json::Map<String, Value> =
        (1..).zip(account.split('|')).map(|(number, value)| (i32::to_string(&number), json!(value))).collect();
    let mut items = Vec::new();
    for release in &releases {
        let detail = details.iter().find(|detail| detail["POLine"] == release["POLine"]).unwrap();
        let (quantity, price) = (number(&release["XRelQty"]), number(&detail["DocUnitCost"]));
        items.push(json!({
            "sku": detail["PartNum"], "name": detail["LineDesc"], "product_type": "virtual", "is_virtual": 1, "qty_ordered": quantity,
            "price": price, "base_price": price, "row_total": quantity * price, "base_row_total": quantity * price,
            "ext_order_item_id": format!("{purchase_order}/{}/{}", release["POLine"], release["PORelNum"]),
            "additional_data": json!({"epicor": {"gl_segments": segments}}).to_string(),
        }));
    }
    let mut entity = order(&format!("{COMPANY}-PO-{purchase_order}"), &items);
    entity["ext_customer_id"] = json!(header["VendorNum"].to_string());
    entity["payment"] = json!({"method": "purchaseorder", "po_number": purchase_order.to_string()});
    place(house, &entity)
}

/// Somebody in the shop invoices so many pieces of each line, in their order; the invoice's id.
pub(crate) fn invoice(house: &House, order: u64, pieces: &[u32]) -> u64 {
    let view = house.shop().orders().into_iter().find(|view| view.entity_id == order).unwrap();
    let items: Vec<Value> = view
        .items
        .iter()
        .zip(pieces)
        .filter(|(_, pieces)| **pieces > 0)
        .map(|(item, pieces)| json!({"order_item_id": item.item_id, "qty": pieces}))
        .collect();
    house.shop().place_invoice(order, &json!({"items": items})).unwrap();
    house.shop().invoices_of(order).last().unwrap().entity_id
}

/// The AP invoices in Epicor under this number.
pub(crate) fn ap_invoices(house: &House, number: &str) -> Vec<Value> {
    let rows = house.epicor.store().rows(COMPANY, "APInvHed");
    rows.into_iter().filter(|row| row["InvoiceNum"] == number).collect()
}

/// Rows of a table that belong to an AP invoice, in the order of lines.
pub(crate) fn ap_rows(house: &House, table: &str, number: &str) -> Vec<Value> {
    let rows = house.epicor.store().rows(COMPANY, table);
    let mut rows: Vec<Value> = rows.into_iter().filter(|row| row["InvoiceNum"] == number).collect();
    rows.sort_by_key(|row| row["InvoiceLine"].as_i64());
    rows
}

/// Actions that the audit trail of a flow holds for records whose key ends so, oldest first, with their details.
pub(crate) async fn audit(house: &House, flow: &str, key: &str) -> Vec<(String, String)> {
    let entries = house.context.ledger.audit_flow(&FlowId::parse(flow).unwrap(), 10_000).await.unwrap();
    let mut found: Vec<_> = entries.into_iter().filter(|entry| entry.key.ends_with(key)).collect();
    found.sort_by_key(|entry| entry.id);
    found.into_iter().map(|entry| (entry.action.to_string(), entry.detail.unwrap_or_default())).collect()
}
