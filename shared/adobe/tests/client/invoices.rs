//! Invoices: made, marked, found again.

use mlc_adobe::{Condition, InvoiceAsk, InvoiceItemAsk, Search, fault, wire::Amount};
use mlc_model::FaultKind;

use crate::support::{Site, amount, code, purchase_order};

#[tokio::test]
async fn an_invoice_is_made_marked_and_found_by_its_number() {
    for site in Site::all().await {
        for as_integer in [false, true] {
            site.sim.change_behaviour(|behaviour| behaviour.invoice_id_as_integer = as_integer);
            let number = format!("P-{as_integer}");
            let client = site.client().await;
            let order = client.create_order(&purchase_order(&number)).await.unwrap();
            let order_id = order.entity_id.unwrap();
            let item = order.line(&format!("{number}/1/1")).unwrap().item_id.unwrap();
            let marker = "Epicor AP invoice INV-88121 (vendor 1042)";
            let ask = InvoiceAsk {
                items: vec![InvoiceItemAsk { order_item_id: item, qty: Amount::from(rust_decimal::Decimal::from(20)) }],
                comment: Some(marker.to_owned()),
                ..InvoiceAsk::default()
            };
            let id = client.create_invoice(order_id, &ask).await.unwrap();
            let invoices = client.invoices_of_order(order_id).await.unwrap();
            assert_eq!(invoices.len(), 1);
            let invoice = &invoices[0];
            assert_eq!((invoice.entity_id, invoice.grand_total), (Some(id), amount("210")));
            assert!(invoice.is_marked("INV-88121", marker), "by its comment");

            let transaction = format!("INV-{number}");
            client.set_invoice_transaction(invoice, &transaction).await.unwrap();
            let search = Search::by("entity_id").and("transaction_id", Condition::Eq, transaction.as_str());
            let found = client.search_invoices(&search).await.unwrap();
            assert_eq!(found.items.len(), 1);
            assert!(found.items[0].is_marked(&transaction, "other"), "by its number");
            assert_eq!(found.items[0].items.as_ref().unwrap().len(), 1, "the lines stay");
            assert_eq!(client.invoice(id).await.unwrap().state, Some(2));
        }
    }
}

#[tokio::test]
async fn too_much_nothing_left_and_an_unknown_order_are_told_apart() {
    for site in Site::all().await {
        let client = site.client().await;
        let order = client.create_order(&purchase_order("P-1")).await.unwrap();
        let order_id = order.entity_id.unwrap();
        let item = order.line("P-1/1/1").unwrap().item_id.unwrap();
        let ask = |qty: u32| InvoiceAsk {
            items: vec![InvoiceItemAsk { order_item_id: item, qty: Amount(qty.into()) }],
            ..InvoiceAsk::default()
        };
        let fault = client.create_invoice(order_id, &ask(21)).await.unwrap_err();
        assert_eq!(code(&fault), fault::code::INVOICE_QUANTITY, "{fault}");
        assert_eq!(client.create_invoice(order_id, &ask(0)).await.unwrap_err().kind, FaultKind::Defect);
        client.create_invoice(order_id, &InvoiceAsk::default()).await.unwrap();
        let fault = client.create_invoice(order_id, &ask(1)).await.unwrap_err();
        let done = [fault::code::NOTHING_TO_INVOICE, fault::code::ORDER_STATE];
        assert!(done.contains(&code(&fault)), "{fault}");
        let fault = client.create_invoice(999_999, &ask(1)).await.unwrap_err();
        assert_eq!(code(&fault), fault::code::NOT_FOUND, "{fault}");
        assert_eq!(site.sim.invoices().len(), 1);
    }
}
