//! Saving and finding orders: what the recorded sessions do not cover.

use mlc_simulators::adobe::{AdobeConfig, PastTheEnd, SignatureSort};
use serde_json::{Value, json};

use crate::client::{Client, Order, filter};

/// A purchase order of two lines, worth 262.5.
pub(crate) fn purchase_order(number: &str) -> Value {
    json!({ "entity": {
        "customer_email": "ap@northwind-castings.example", "increment_id": number, "store_id": 1, "state": "new", "status": "pending",
        "is_virtual": 1, "base_currency_code": "USD", "order_currency_code": "USD",
        "subtotal": 262.5, "base_subtotal": 262.5, "grand_total": 262.5, "base_grand_total": 262.5, "total_qty_ordered": 25,
        "items": [
            { "sku": "CAST-220", "name": "Cast bracket 220 mm", "product_type": "virtual", "is_virtual": 1, "qty_ordered": 20, "price": 10.5,
              "base_price": 10.5, "row_total": 210, "base_row_total": 210, "ext_order_item_id": "4500123/1/1", "additional_data": "{\"gl\":\"5000-10-200\"}" },
            { "sku": "BOLT-M8", "name": "Hex bolt M8", "product_type": "virtual", "is_virtual": 1, "qty_ordered": 5, "price": 10.5,
              "base_price": 10.5, "row_total": 52.5, "base_row_total": 52.5, "ext_order_item_id": "4500123/2/1" },
        ],
        "payment": { "method": "purchaseorder", "po_number": "4500123" },
    } })
}

#[tokio::test]
async fn an_order_is_kept_as_sent_and_its_number_is_unique_in_its_store() {
    let client = Client::paas().await;
    let body = purchase_order("EPIC06-PO-4500123");
    assert_eq!(client.post("/V1/orders", &body).await.0, 200);
    let (status, refused) = client.post("/V1/orders", &purchase_order("epic06-po-4500123 ")).await;
    assert_eq!((status, refused["message"].as_str()), (400, Some("Unique constraint violation found")));
    let (_, found) = client.get(&format!("/V1/orders?{}", filter("increment_id", "EPIC06-PO-4500123", "eq"))).await;
    assert_eq!(found["total_count"], 1);
    assert_eq!(found["items"][0]["items"][0]["additional_data"], "{\"gl\":\"5000-10-200\"}");
    let order = &client.sim.orders_numbered("EPIC06-PO-4500123")[0];
    assert_eq!((order.grand_total, order.total_due, order.items.len()), (262.5, 262.5, 2));
}

#[tokio::test]
async fn lines_with_their_id_are_changed_and_lines_without_are_added() {
    let client = Client::paas().await;
    let (_, order) = client.post("/V1/orders", &purchase_order("PO-1")).await;
    let (id, line) = (&order["entity_id"], &order["items"][0]["item_id"]);
    let change = json!({ "entity": { "entity_id": id, "increment_id": "PO-1", "store_id": 1, "grand_total": 300, "items": [
        { "item_id": line, "order_id": id, "qty_ordered": 22 }, { "sku": "NEW", "qty_ordered": 1, "price": 1 } ] } });
    assert_eq!(client.post("/V1/orders", &change).await.0, 200);
    let order = &client.sim.orders()[0];
    assert_eq!(order.items.len(), 3);
    assert_eq!((order.items[0].qty_ordered, order.items[0].row_total, order.grand_total), (22.0, 210.0, 300.0));
    assert_eq!(order.payment["po_number"], "4500123");
}

#[tokio::test]
async fn a_line_of_another_order_moves_without_a_word() {
    let client = Client::paas().await;
    let (_, first) = client.post("/V1/orders", &purchase_order("PO-1")).await;
    let (_, second) = client.post("/V1/orders", &purchase_order("PO-2")).await;
    let theft = json!({ "entity": { "entity_id": second["entity_id"], "items": [{ "item_id": first["items"][0]["item_id"], "qty_ordered": 1 }] } });
    assert_eq!(client.post("/V1/orders", &theft).await.0, 200);
    let lines: Vec<usize> = client.sim.orders().iter().map(|order| order.items.len()).collect();
    assert_eq!(lines, [1, 3]);
}

#[tokio::test]
async fn custom_attributes_are_refused_until_the_shop_has_them() {
    let client = Client::paas().await;
    let mut body = purchase_order("PO-1");
    body["entity"]["items"][0]["custom_attributes"] =
        json!([{ "attribute_code": "epicor_gl_account", "value": "5000-10-200" }]);
    let (status, refused) = client.post("/V1/orders", &body).await;
    assert_eq!((status, refused["parameters"]["fieldName"].as_str()), (400, Some("CustomAttributes")));
    client.sim.change_behaviour(|behaviour| behaviour.custom_attributes = true);
    assert_eq!(client.post("/V1/orders", &body).await.0, 200);
    assert_eq!(client.sim.items()[0].attribute("epicor_gl_account").as_deref(), Some("5000-10-200"));
    let (_, line) = client.get("/V1/orders/items/1").await;
    assert_eq!(line["custom_attributes"][0]["value"], "5000-10-200");
}

#[tokio::test]
async fn texts_are_cut_to_their_columns_without_a_word() {
    let client = Client::paas().await;
    let mut body = purchase_order("PO-1");
    body["entity"]["ext_order_id"] = "E".repeat(40).into();
    body["entity"]["items"][0]["name"] = "Bolt 🔩".into();
    let (status, echo) = client.post("/V1/orders", &body).await;
    assert_eq!((status, echo["ext_order_id"].as_str().map(str::len)), (200, Some(40)));
    let (_, order) = client.get("/V1/orders/1").await;
    assert_eq!(
        (order["ext_order_id"].as_str().map(str::len), order["items"][0]["name"].as_str()),
        (Some(32), Some("Bolt ????"))
    );
}

#[tokio::test]
async fn the_right_to_save_differs_by_version_and_the_refusal_names_it() {
    for (sort, resource) in
        [(SignatureSort::Natural, "Magento_Sales::create"), (SignatureSort::Decoded, "Magento_Sales::api_actions")]
    {
        let client = Client::new(AdobeConfig { sort, ..AdobeConfig::default() }).await;
        client.sim.change_integration(0, |integration| {
            *integration = integration.clone().with_resources(&["Magento_Sales::actions_view"])
        });
        let (status, refused) = client.post("/V1/orders", &purchase_order("PO-1")).await;
        assert_eq!((status, refused["parameters"]["resources"].as_str()), (401, Some(resource)));
    }
}

#[tokio::test]
async fn the_newer_version_shows_the_unit_price_as_row_total() {
    for (sort, shown) in [(SignatureSort::Natural, json!(210)), (SignatureSort::Decoded, json!(10.5))] {
        let client = Client::new(AdobeConfig { sort, ..AdobeConfig::default() }).await;
        client.post("/V1/orders", &purchase_order("PO-1")).await;
        assert_eq!(client.get("/V1/orders/1").await.1["items"][0]["row_total"], shown);
    }
}

#[tokio::test]
async fn eleven_groups_pass_only_in_the_order_of_the_version() {
    let query: Vec<String> = (0..=10)
        .map(|at| {
            let name = format!("searchCriteria[filter_groups][{at}][filters][0]");
            format!("{name}[field]=entity_id&{name}[value]=0&{name}[condition_type]=gt")
        })
        .collect();
    for (sort, good) in [(SignatureSort::Natural, Order::Natural), (SignatureSort::Decoded, Order::Decoded)] {
        let mut client = Client::new(AdobeConfig { sort, ..AdobeConfig::default() }).await;
        for order in [Order::Rfc, Order::Natural, Order::Decoded] {
            client.signer.order = order;
            let (status, _) = client.get(&format!("/V1/orders?{}", query.join("&"))).await;
            assert_eq!(status, if order == good { 200 } else { 401 }, "{sort:?} {order:?}");
        }
        client.signer.order = Order::Rfc;
        let equal_width = query.join("&").replace("groups][", "groups][1").replace("groups][110]", "groups][20]");
        assert_eq!(client.get(&format!("/V1/orders?{equal_width}")).await.0, 200, "{sort:?}");
    }
}

#[tokio::test]
async fn pages_past_the_end_and_input_limits_are_switches() {
    let client = Client::paas().await;
    for number in 0..5 {
        client.post("/V1/orders", &purchase_order(&format!("PO-{number}"))).await;
    }
    let page = "/V1/orders?searchCriteria[pageSize]=2&searchCriteria[currentPage]=9&searchCriteria[sortOrders][0][field]=entity_id&searchCriteria[sortOrders][0][direction]=ASC";
    assert_eq!(client.get(page).await.1["items"], json!([]));
    client.sim.change_behaviour(|behaviour| {
        behaviour.past_the_end = PastTheEnd::LastPage;
        behaviour.input_limits = Some(Default::default());
    });
    assert_eq!(client.get(page).await.1["items"][0]["entity_id"], 5);
    let (status, refused) = client.get("/V1/orders?searchCriteria[pageSize]=301").await;
    assert_eq!((status, refused["parameters"]["max"].as_i64()), (400, Some(300)));
    assert_eq!(client.get("/V1/orders?searchCriteria=").await.1["search_criteria"]["page_size"], 20);
}
