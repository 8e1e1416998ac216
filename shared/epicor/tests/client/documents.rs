//! Orders and invoices, read whole.

use mlc_epicor::{Entity, PageAsk, RowKey, ap_invoice, page_query, purchase_order, split_keys};
use mlc_model::CompanyCode;
use mlc_simulators::epicor::{FaultKind, NewInvoice, NewInvoiceLine, NewOrder, SeedPurchasing};

use crate::support::Site;

#[tokio::test]
async fn orders_and_invoices_add_up_to_the_last_cent() {
    let site = Site::open().await;
    let seeded =
        site.sim.store().seed_purchasing(&SeedPurchasing { pos: 20, invoices: 12, ..Default::default() }).unwrap();
    let client = site.client(site.config()).await;
    let (company, zone) = (CompanyCode::parse("EPIC06").unwrap(), client.config().zone);

    let query = page_query(Entity::PurchaseOrders, None, &PageAsk::Skip { skip: 0 }, &client.shape(&[]));
    let page = client.fetch_page(Entity::PurchaseOrders, &query).await.unwrap();
    assert_eq!(page.rows.len(), seeded.orders.len());
    for row in &page.rows {
        let order = purchase_order(row.as_ref().unwrap(), &company, zone, &[]).unwrap();
        assert!(order.vendor.number > 0 && !order.lines.is_empty() && !order.currency.is_empty());
        for line in order.lines.iter().filter(|line| !line.void) {
            assert_eq!(line.computed(2).unwrap().doc, line.extended.doc, "{} line {}", order.number, line.number);
            assert!(!line.releases.is_empty());
        }
    }

    let query = page_query(Entity::ApInvoices, None, &PageAsk::After { key: None }, &client.shape(&[]));
    let page = client.fetch_page(Entity::ApInvoices, &query).await.unwrap();
    assert_eq!(page.rows.len(), seeded.invoices.len());
    for row in &page.rows {
        let invoice = ap_invoice(row.as_ref().unwrap(), &company, zone, &[]).unwrap();
        assert!(invoice.lines.iter().all(|line| !line.gl.is_empty()), "{} has no account", invoice.number);
    }
    let keys: Vec<_> = page.rows.iter().map(|row| row.as_ref().unwrap().key.clone()).collect();
    let again = client.fetch_records(Entity::ApInvoices, &keys, &client.shape(&[])).await.unwrap();
    assert_eq!(again.len(), keys.len());
}

#[tokio::test]
async fn documents_are_asked_for_by_key_several_at_once_however_their_numbers_look() {
    let site = Site::open().await;
    let client = site.client(site.config()).await;
    let (company, zone, shape) = (CompanyCode::parse("EPIC06").unwrap(), client.config().zone, client.shape(&[]));
    let long = format!("{} & 'äöü' #%/", "x".repeat(40));
    let numbers =
        ["NB/2026-0455", "O'Hare's", "#7", "100%", "a b  c", "%2F", "1.2.3", "12:34", "a+b&c=d", "(x) or 1", &long];
    let mut orders = Vec::new();
    {
        let mut store = site.sim.store();
        for number in numbers {
            let order = store.add_order("EPIC06", &NewOrder { vendor: 1, ..Default::default() }).unwrap();
            let line = NewInvoiceLine { order: Some([order, 1, 1]), charge: "1.50".into(), ..Default::default() };
            let invoice = NewInvoice { vendor: 1, number: number.into(), lines: vec![line], ..Default::default() };
            store.add_invoice("EPIC06", &invoice).unwrap();
            orders.push(RowKey::firm(order));
        }
        store.add_order("EPIC06", &NewOrder { vendor: 1, ..Default::default() }).unwrap();
    }
    let invoices: Vec<RowKey> = numbers.iter().map(|number| RowKey::document(1, *number)).collect();
    for (entity, keys) in [(Entity::PurchaseOrders, orders), (Entity::ApInvoices, invoices)] {
        let gone = if entity == Entity::ApInvoices { RowKey::document(1, "no such") } else { RowKey::firm(1) };
        let asked: Vec<RowKey> = keys.iter().cloned().chain([gone]).collect();
        let groups = split_keys(entity, &asked, &shape).len();
        assert!(groups < asked.len(), "several in one call");
        site.sim.reset_stats();
        let rows = client.fetch_records(entity, &asked, &shape).await.unwrap();
        assert_eq!(site.sim.stats().by_set[entity.set()], groups as u64);
        let mut found = Vec::new();
        for row in rows {
            let row = row.unwrap();
            if entity == Entity::PurchaseOrders {
                let order = purchase_order(&row, &company, zone, &[]).unwrap();
                assert!(order.lines[0].releases[0].gl.is_some() && order.version >= row.version);
            } else {
                let invoice = ap_invoice(&row, &company, zone, &[]).unwrap();
                assert_eq!((invoice.lines[0].charges.to_string(), invoice.lines[0].gl.len()), ("1.50".to_owned(), 1));
                assert_eq!(invoice.total.doc.to_string(), "11.50");
            }
            let again: RowKey = row.key.to_string().parse().unwrap();
            assert_eq!(again, row.key);
            found.push(row.key);
        }
        found.sort();
        let mut keys = keys;
        keys.sort();
        assert_eq!(found, keys, "each once, and none besides");
    }
}

#[tokio::test]
async fn a_server_that_breaks_on_nested_reads_is_asked_document_by_document() {
    let site = Site::open().await;
    site.sim.store().seed_purchasing(&SeedPurchasing { pos: 6, invoices: 4, ..Default::default() }).unwrap();
    for (entity, fault) in
        [(Entity::PurchaseOrders, FaultKind::Hidden500), (Entity::ApInvoices, FaultKind::ODataError400)]
    {
        let client = site.client(site.config()).await;
        let query = page_query(entity, None, &PageAsk::After { key: None }, &client.shape(&[]));
        let nested = client.fetch_page(entity, &query).await.unwrap();
        site.fault(entity.set(), fault);
        let single = client.fetch_page(entity, &query).await.unwrap();
        let (company, zone) = (CompanyCode::parse("EPIC06").unwrap(), client.config().zone);
        assert_eq!(nested.rows.len(), single.rows.len());
        for (one, other) in nested.rows.iter().zip(&single.rows) {
            let (one, other) = (one.as_ref().unwrap(), other.as_ref().unwrap());
            if entity == Entity::PurchaseOrders {
                let read = |row| purchase_order(row, &company, zone, &[]).unwrap();
                assert_eq!(read(one), read(other));
            } else {
                let read = |row| ap_invoice(row, &company, zone, &[]).unwrap();
                assert_eq!(read(one), read(other));
            }
        }
    }
}
