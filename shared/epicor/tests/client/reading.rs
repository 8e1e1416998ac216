//! Logins, pages, windows.

use std::collections::BTreeSet;

use mlc_epicor::{
    Entity, EpicorClient, EpicorConfig, License, PageAsk, RowKey, contact, customer, maybe_changed, page_query, vendor,
};
use mlc_model::{ChangeField, ChangeMode, CompanyCode, Window, WindowBounds, WindowId};
use mlc_simulators::epicor::DateShape;
use serde_json::json;

use crate::support::Site;

fn company() -> CompanyCode {
    CompanyCode::parse("EPIC06").unwrap()
}

fn window(mode: ChangeMode, column: &str, bounds: WindowBounds) -> Window {
    let field = ChangeField { mode, column: column.to_owned() };
    Window::new(WindowId::parse("w1").unwrap(), field, bounds).unwrap()
}

/// All keys, page by page, in the way `next` asks.
async fn keys_of(client: &EpicorClient, entity: Entity, by_key: bool) -> Vec<RowKey> {
    let mut keys = Vec::new();
    let (mut skip, mut last) = (0, None);
    loop {
        let ask = if by_key { PageAsk::After { key: last.clone() } } else { PageAsk::Skip { skip } };
        let query = page_query(entity, None, &ask, &client.shape(&[]));
        let page = client.fetch_page(entity, &query).await.unwrap();
        if page.received == 0 {
            return keys;
        }
        skip += u32::try_from(page.received).unwrap();
        last = page.last_key;
        keys.extend(page.rows.into_iter().map(|row| row.unwrap().key));
    }
}

#[tokio::test]
async fn every_kind_of_login_reads_and_claims_the_licence() {
    let site = Site::open().await;
    for config in [site.config(), site.token_resource(), site.oauth2()] {
        let config = EpicorConfig { license: License::WebService, ..config };
        let client = site.client(config).await;
        let newest = client.newest(Entity::Vendors).await.unwrap();
        assert!(newest.revision.unwrap() > 4_821_000_000, "beyond 32 bits");
        assert!(newest.server_time.is_some());
    }
    let stats = site.sim.stats();
    assert_eq!(stats.tokens, 2);
    assert!(
        stats.licences.keys().any(|licence| licence.contains("WebService") || licence.contains("9439")),
        "{:?}",
        stats.licences
    );
}

#[tokio::test]
async fn a_token_is_shared_by_processes_and_renewed_once_when_it_ends() {
    let site = Site::open().await;
    let (one, other) = (site.client(site.token_resource()).await, site.client(site.token_resource()).await);
    one.newest(Entity::Vendors).await.unwrap();
    other.newest(Entity::Vendors).await.unwrap();
    assert_eq!(site.sim.stats().tokens, 1);
    site.sim.expire_tokens();
    one.newest(Entity::Vendors).await.unwrap();
    other.newest(Entity::Vendors).await.unwrap();
    assert_eq!(site.sim.stats().tokens, 2);
}

#[tokio::test]
async fn skipping_and_walking_by_key_read_every_row_once() {
    let site = Site::open().await;
    let client = site.client(EpicorConfig { page_rows: 7, ..site.config() }).await;
    for entity in Entity::PARTIES {
        let skipped = keys_of(&client, entity, false).await;
        let walked = keys_of(&client, entity, true).await;
        assert_eq!(skipped, walked, "{entity}");
        assert_eq!(skipped.iter().collect::<BTreeSet<_>>().len(), skipped.len(), "{entity}");
        let counted = client.count(entity, None).await.unwrap().rows;
        assert_eq!(counted, u64::try_from(skipped.len()).unwrap(), "{entity}");
    }
}

#[tokio::test]
async fn the_walk_by_a_composite_key_passes_places_with_quotes() {
    let site = Site::open().await;
    for place in ["", "EAST", "O'Hare & A+B", "west"] {
        for number in 901..904 {
            let row = json!({"CustNum": 1, "ShipToNum": place, "ConNum": number, "Name": "X"});
            site.sim.store().insert("EPIC06", "CustCnt", &row).unwrap();
        }
    }
    let client = site.client(EpicorConfig { page_rows: 2, ..site.config() }).await;
    let walked = keys_of(&client, Entity::CustomerContacts, true).await;
    assert_eq!(walked, keys_of(&client, Entity::CustomerContacts, false).await);
    assert!(walked.contains(&RowKey::contact(1, "O'Hare & A+B", 903)));

    let wanted = [RowKey::contact(1, "O'Hare & A+B", 902), RowKey::contact(1, "", 901), RowKey::contact(1, "none", 1)];
    let found = client.fetch_records(Entity::CustomerContacts, &wanted, &client.shape(&[])).await.unwrap();
    assert_eq!(found.len(), 2, "the third is not there");
}

#[tokio::test]
async fn rows_become_records_with_contacts_and_extra_columns() {
    let site = Site::open().await;
    let client = site.client(site.config()).await;
    let extra = ["MinOrderValue".to_owned()];
    let query = page_query(Entity::Vendors, None, &PageAsk::Skip { skip: 0 }, &client.shape(&extra));
    let page = client.fetch_page(Entity::Vendors, &query).await.unwrap();
    assert_eq!(page.count, Some(60));
    let vendors: Vec<_> =
        page.rows.iter().map(|row| vendor(row.as_ref().unwrap(), &company(), &extra).unwrap()).collect();
    assert!(vendors.iter().all(|vendor| !vendor.name.is_empty()));
    assert!(vendors.iter().any(|vendor| vendor.active && !vendor.contacts.is_empty()));
    assert!(vendors.iter().all(|vendor| vendor.extra.contains_key("MinOrderValue")));

    let query = page_query(Entity::Customers, None, &PageAsk::Skip { skip: 0 }, &client.shape(&[]));
    let page = client.fetch_page(Entity::Customers, &query).await.unwrap();
    let row = page.rows[0].as_ref().unwrap();
    assert_eq!(customer(row, &company(), &[]).unwrap().customer_type.as_deref(), Some("CUS"));

    let query = page_query(Entity::CustomerContacts, None, &PageAsk::Skip { skip: 0 }, &client.shape(&[]));
    let page = client.fetch_page(Entity::CustomerContacts, &query).await.unwrap();
    let row = page.rows[0].as_ref().unwrap();
    assert!(contact(row, &company()).unwrap().name.is_some());
}

#[tokio::test]
async fn a_window_by_revision_finds_exactly_what_changed() {
    let site = Site::open().await;
    let client = site.client(site.config()).await;
    let since = client.newest(Entity::Vendors).await.unwrap().revision;
    let changed = site.sim.store().touch("EPIC06", "Vendor", 5, 1).unwrap();
    let until = client.newest(Entity::Vendors).await.unwrap().revision;
    site.sim.store().touch("EPIC06", "Vendor", 60, 2).unwrap();

    let open = window(ChangeMode::Revision, "SysRevID", WindowBounds::Revision { since, until: None });
    assert_eq!(client.count(Entity::Vendors, Some(&open)).await.unwrap().rows, 60);
    let closed = window(ChangeMode::Revision, "SysRevID", WindowBounds::Revision { since, until });
    assert_eq!(client.count(Entity::Vendors, Some(&closed)).await.unwrap().rows, 0, "all {} moved on", changed.len());
}

#[tokio::test]
async fn a_window_by_day_reads_too_much_and_the_seconds_refine_it_in_every_date_shape() {
    for shape in [DateShape::NoZone, DateShape::Z, DateShape::Offset, DateShape::Mixed, DateShape::Null] {
        let site = Site::open().await;
        {
            let mut store = site.sim.store();
            store.switches_mut().dates = shape;
            store.switches_mut().server_offset_minutes = -360;
        }
        let start = "2030-04-07T20:00:00Z".parse().unwrap();
        site.sim.clock().freeze(start);
        site.sim.store().touch("EPIC06", "Customer", 10, 1).unwrap();
        site.sim.clock().freeze(start + std::time::Duration::from_secs(3_600));
        let late = site.sim.store().touch("EPIC06", "Customer", 3, 2).unwrap();

        let client = site.client(EpicorConfig { zone: "-360".parse().unwrap(), ..site.config() }).await;
        let since = start + std::time::Duration::from_secs(1_800);
        let until = start + std::time::Duration::from_secs(7_200);
        let window =
            window(ChangeMode::DatePlusSeconds, "ChangeDate", WindowBounds::Time { since: Some(since), until });
        let query = page_query(Entity::Customers, Some(&window), &PageAsk::Skip { skip: 0 }, &client.shape(&[]));
        let page = client.fetch_page(Entity::Customers, &query).await.unwrap();
        assert!(page.received >= late.len());
        let zone = client.config().zone;
        let kept = page.rows.iter().flatten().filter(|row| maybe_changed(row, &window, zone)).count();
        match shape {
            // A date that is not there refines nothing.
            DateShape::Null | DateShape::Mixed => assert!(kept >= late.len(), "{shape:?}"),
            _ => assert_eq!(kept, late.len(), "{shape:?}"),
        }
    }
}

#[tokio::test]
async fn a_window_by_timestamp_has_both_bounds() {
    let site = Site::open().await;
    site.sim.store().switches_mut().updated_on = vec!["*".to_owned()];
    let since = "2030-04-07T20:00:00Z".parse().unwrap();
    site.sim.clock().freeze(since + std::time::Duration::from_secs(10));
    site.sim.store().touch("EPIC06", "Vendor", 4, 1).unwrap();
    site.sim.clock().freeze(since + std::time::Duration::from_secs(100));
    site.sim.store().touch("EPIC06", "Customer", 4, 1).unwrap();

    let client = site.client(site.config()).await;
    assert_eq!(client.change_field(Entity::Vendors).await.unwrap().field.mode, ChangeMode::Timestamp);
    let until = since + std::time::Duration::from_secs(50);
    let window = window(ChangeMode::Timestamp, "UpdatedOn", WindowBounds::Time { since: Some(since), until });
    assert_eq!(client.count(Entity::Vendors, Some(&window)).await.unwrap().rows, 4);
    assert_eq!(client.count(Entity::Customers, Some(&window)).await.unwrap().rows, 0);
}
