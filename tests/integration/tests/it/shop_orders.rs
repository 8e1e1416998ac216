//! Purchase orders that become orders of a shop, in both editions.

mod bad_orders;
mod changes;
mod compare;
mod polls;
pub(crate) mod rig;
mod trouble;

use mlc_house::{House, HouseConfig, SHOP_ORDERS};
use mlc_ledger::Action;
use mlc_model::FlowId;
use mlc_simulators::epicor::{NewOrder, NewOrderLine, SeedPurchasing};
use serde_json::json;

use self::{
    compare::assert_equal,
    rig::{COMPANY, config, line, poll, reread, vendor},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approved_orders_stand_in_the_shop_with_lines_totals_and_accounts_in_both_editions() {
    for shop in [HouseConfig::with_paas_shop(), HouseConfig::with_older_paas_shop(), HouseConfig::with_saas_shop()] {
        let house = House::open_with(config(shop)).await.unwrap();
        let seeded = house
            .epicor
            .store()
            .seed_purchasing(&SeedPurchasing { pos: 60, vendors: 12, seed: 7, ..SeedPurchasing::default() })
            .unwrap();
        poll(&house).await;
        assert!(house.dead_letters().await.unwrap().is_empty(), "{:?}", house.dead_letters().await.unwrap());
        let compared = assert_equal(&house);
        assert!(compared > 40 && compared <= seeded.approved.len(), "{compared} of {}", seeded.approved.len());
        house.shop().reset_log();
        poll(&house).await;
        assert_eq!(house.shop().request_log().calls, 0, "an unchanged source led to writes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_carries_all_that_its_supplier_and_buyer_agreed() {
    let house = House::open_with(config(HouseConfig::with_paas_shop())).await.unwrap();
    let supplier = vendor(&house, "NORDBOLT");
    let order = NewOrder {
        vendor: supplier,
        currency: Some("EUR".into()),
        rate: "1.10".into(),
        freight: "12.50".into(),
        tax: "8.21".into(),
        lines: vec![NewOrderLine {
            cost_per: "C".into(),
            price: "25.50".into(),
            releases: vec![3000, 2000, 100],
            ..line()
        }],
        ..NewOrder::default()
    };
    let number = house.epicor.store().add_order(COMPANY, &order).unwrap();
    let more = json!({
        "VendorCntName": "Lena Berg", "VendorCntEmailAddress": "lena@nordbolt.example", "VendorCntPhoneNum": "218-555-0142",
        "VendorAddress1": "12 Quay Rd", "VendorCity": "Duluth", "VendorState": "MN", "VendorZIP": "55802", "VendorCountry": "United States",
        "TermsCodeDescription": "Net 30 days", "CommentText": "Call before delivery", "FOB": "ORIG", "ShipViaCode": "BEST"
    });
    house.epicor.store().edit_order(COMPANY, number, &more).unwrap();
    poll(&house).await;
    assert_eq!(assert_equal(&house), 1);

    let order = house.shop().orders_numbered(&format!("EPIC06-PO-{number}")).remove(0);
    let column = |name: &str| order.row[name].clone();
    assert_eq!(column("ext_order_id"), format!("EPIC06/{number}"));
    assert_eq!(column("ext_customer_id"), supplier.to_string());
    assert_eq!((column("state"), column("status")), (json!("new"), json!("pending")));
    assert_eq!((column("order_currency_code"), column("base_currency_code")), (json!("EUR"), json!("USD")));
    assert_eq!((column("customer_firstname"), column("customer_lastname")), (json!("Lena"), json!("Berg")));
    let address = order.billing_address.clone().unwrap();
    assert_eq!(
        (&address["city"], &address["country_id"], &address["telephone"]),
        (&json!("Duluth"), &json!("US"), &json!("218-555-0142"))
    );
    assert_eq!(order.payment["po_number"], number.to_string());
    assert!(order.comments.iter().any(|text| text.contains("Net 30 days")
        && text.contains("Bea Buyer")
        && text.contains("Call before delivery")));
    assert!(order.comments.iter().any(|text| text.contains("Line 1 release 2: due 2026-05-04")));
    assert!(order.items.iter().all(|item| item.row["is_qty_decimal"] == 1));
    assert_eq!(order.items.len(), 3);
    assert_eq!(order.items[0].price, 0.255);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_left_out_until_it_is_approved_and_stays_when_it_loses_the_approval() {
    let house = House::open_with(config(HouseConfig::with_paas_shop())).await.unwrap();
    let supplier = vendor(&house, "NORDBOLT");
    let number = house
        .epicor
        .store()
        .add_order(COMPANY, &NewOrder { vendor: supplier, approval: "P".into(), ..NewOrder::default() })
        .unwrap();
    poll(&house).await;
    assert!(house.shop().orders().is_empty());
    let flow = FlowId::parse(SHOP_ORDERS).unwrap();
    let windows = house.context.ledger.windows(&flow, 10).await.unwrap();
    let totals: Vec<_> = windows.iter().map(|row| (row.totals.read, row.totals.changed, row.totals.excluded)).collect();
    assert_eq!(totals, [(1, 0, 1)], "what was left out is counted");
    house.epicor.store().approve_order(COMPANY, number).unwrap();
    poll(&house).await;
    assert_eq!(house.shop().orders().len(), 1);
    house.epicor.store().set_approval(COMPANY, number, "U").unwrap();
    house.epicor.store().edit_line(COMPANY, number, 1, &json!({"DocUnitCost": "99.00"})).unwrap();
    reread(&house, number).await;
    let order = house.shop().orders().remove(0);
    assert_eq!((order.state.as_deref(), order.grand_total), (Some("new"), 10.0), "as it was approved");
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_called_off_before_they_were_sent_are_never_made_and_closed_ones_are() {
    let house = House::open_with(config(HouseConfig::with_paas_shop())).await.unwrap();
    let supplier = vendor(&house, "NORDBOLT");
    let (void, closed) = {
        let mut store = house.epicor.store();
        let order = NewOrder { vendor: supplier, ..NewOrder::default() };
        let (void, closed) = (store.add_order(COMPANY, &order).unwrap(), store.add_order(COMPANY, &order).unwrap());
        store.void_order(COMPANY, void).unwrap();
        store.close_order(COMPANY, closed).unwrap();
        (void, closed)
    };
    poll(&house).await;
    assert!(house.shop().orders_numbered(&format!("EPIC06-PO-{void}")).is_empty());
    let order = house.shop().orders_numbered(&format!("EPIC06-PO-{closed}")).remove(0);
    assert_eq!(order.state.as_deref(), Some("new"), "its invoices may still come");
    assert!(order.comments.iter().any(|text| text.contains("closed in Epicor")));
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_shop_does_with_attributes_of_lines_is_found_out_with_its_first_order() {
    let house = House::open_with(config(HouseConfig::with_saas_shop())).await.unwrap();
    let supplier = vendor(&house, "NORDBOLT");
    let add =
        || house.epicor.store().add_order(COMPANY, &NewOrder { vendor: supplier, ..NewOrder::default() }).unwrap();
    let first = add();
    poll(&house).await;
    let carries = |number: i64| {
        let order = house.shop().orders_numbered(&format!("EPIC06-PO-{number}")).remove(0);
        (order.items[0].attribute("epicor_gl_account"), order.items[0].additional_data.clone().unwrap())
    };
    assert_eq!(carries(first).0.as_deref(), Some("6100-10-200"));
    assert!(carries(first).1.contains(r#""gl_account":"6100-10-200""#));
    house.shop().reset_log();
    let second = add();
    poll(&house).await;
    assert_eq!(carries(second).0.as_deref(), Some("6100-10-200"));
    let log = house.shop().request_log();
    assert_eq!(log.calls, 2, "one look and one write, once the shop is known: {log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_refuses_attributes_is_given_orders_without_them() {
    let house = House::open_with(config(HouseConfig::with_saas_shop())).await.unwrap();
    house.shop().change_behaviour(|behaviour| behaviour.custom_attributes = false);
    let supplier = vendor(&house, "NORDBOLT");
    for _ in 0..3 {
        house.epicor.store().add_order(COMPANY, &NewOrder { vendor: supplier, ..NewOrder::default() }).unwrap();
        poll(&house).await;
    }
    assert_eq!(assert_equal(&house), 3);
    assert!(house.shop().items().iter().all(|item| item.attribute("epicor_gl_account").is_none()));
    assert!(house.dead_letters().await.unwrap().is_empty());
    let trail = rig::trail(&house, SHOP_ORDERS).await;
    assert_eq!(trail.iter().filter(|entry| entry.action == Action::Created).count(), 3);
}
