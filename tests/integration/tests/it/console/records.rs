//! Records looked up by whatever a person has in hand, their trail, and the way to both systems' own screens.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
};

use mlc_house::{House, HouseConfig, VENDORS};
use mlc_ledger::{Action, AuditNote};
use mlc_model::{Clock as _, FlowId, RecordKey, SystemClock};

use super::{browser::Browser, site::Site};
use crate::trouble::seed_vendors;

/// A business system that shows a page for every address, and says on it which one was asked for.
fn other_system() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 2_048];
            let read = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..read]).to_lowercase();
            let asked = head.split(' ').nth(1).unwrap_or_default();
            let from = if head.contains("\nreferer:") { "and knows whence" } else { "and nothing else" };
            let page = format!("<title>Screen</title><p>The other system shows {asked} {from}</p>");
            let length = page.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{page}"
            );
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_record_leads_to_the_screens_of_both_systems() {
    let system = other_system();
    let house = House::open_with(HouseConfig {
        hubspot_lines: format!("screens = {{ vendors = \"{system}/crm/company/{{id}}\" }}"),
        more_sections: format!(
            "[connections.epicor-main.screens]\nvendors = \"{system}/erp/vendor?number={{number}}&company={{company}}&key={{key}}\"\n"
        ),
        ..HouseConfig::default()
    });
    let house = house.await.unwrap();
    seed_vendors(&house, 2);
    house.sync(VENDORS).await.unwrap();
    let company = house.hubspot.company_by("epicor_key", "EPIC06:VEND:2").unwrap().id;
    let site = Site::of(house, &[]).await;
    let browser = Browser::open(&site.base).await;
    let record = format!("/records/{VENDORS}/EPIC06:VEND:2");
    browser.go(&record).await;
    let expected = [
        format!("{system}/erp/vendor?number=2&company=EPIC06&key=EPIC06%3AVEND%3A2"),
        format!("{system}/crm/company/{company}"),
    ];
    assert_eq!(browser.all("main .links a", "href").await, expected);
    assert_eq!(browser.violations().await, [""; 0]);
    // The other system learns nothing of where the person comes from.
    browser.press("main .links", "Open in epicor (epicor-main)").await;
    browser
        .sees("The other system shows /erp/vendor?number=2&company=epic06&key=epic06%3avend%3a2 and nothing else")
        .await;
    browser.go(&record).await;
    browser.press("main .links", "Open in hubspot (hubspot-main)").await;
    browser.sees(&format!("The other system shows /crm/company/{company} and nothing else")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_found_by_what_is_in_hand_and_their_trail_is_read_to_its_end() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;
    let page = |flow: &str, key: &str| format!("/records/{flow}/{key}");
    let vendor = [page(mlc_house::SHOP_VENDORS, "EPIC06:VEND:1"), page(VENDORS, "EPIC06:VEND:1")];
    for typed in ["EPIC06:VEND:1", " epic06:vend:1 ", "VEND:1", "EPIC06-V-1"] {
        browser.go("/records").await;
        browser.fill("main input[name=key]", typed).await;
        browser.press("main", "Find the record").await;
        browser.shows("main tbody th a", "href", &vendor).await;
    }
    // A bare number is one of a vendor and of a customer.
    browser.fill("main input[name=key]", "1").await;
    browser.press("main", "Find the record").await;
    browser.sees("EPIC06:CUST:1").await;
    browser.sees("EPIC06:VEND:1").await;
    browser.fill("main input[name=key]", "EPIC06:VEND:99999").await;
    browser.press("main", "Find the record").await;
    browser.sees("No flow has seen a record with this key.").await;
    browser.go(&page(VENDORS, "EPIC06:VEND:99999")).await;
    browser.sees("has never seen a record EPIC06:VEND:99999").await;

    // From one flow to the same record in the other one.
    browser.go(&vendor[1]).await;
    browser.press("main", mlc_house::SHOP_VENDORS).await;
    browser.arrives(&vendor[0]).await;
    // A record with a letter leads to it.
    let letters = site.house.dead_letters().await.unwrap();
    let letter = letters.iter().find(|letter| letter.job.subject.as_deref() == Some("EPIC06:VEND:20")).unwrap();
    browser.go(&page(VENDORS, "EPIC06:VEND:20")).await;
    browser.press("#record-work", letter.job.id.as_str()).await;
    browser.sees("What to do").await;
    browser.press("main .facts", "EPIC06:VEND:20").await;
    browser.arrives("/records").await;

    // A long trail, newest first, page by page.
    let flow = FlowId::parse(VENDORS).unwrap();
    let key = RecordKey::from_text("EPIC06:VEND:1");
    for number in 1..=120 {
        let note = AuditNote {
            detail: Some(format!("entry {number}")),
            ..AuditNote::new(key.clone(), Action::Reviewed, SystemClock.now())
        };
        site.house.context.ledger.note(&flow, &[note]).await.unwrap();
    }
    browser.go(&vendor[1]).await;
    let trail = "[aria-label=Trail] tbody td:last-child";
    let pages = browser.every_page_of(trail, "innerText").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 21]);
    let told = pages.concat();
    let expected = (1..=120).rev().map(|number| format!("entry {number}"));
    assert!(expected.eq(told[..120].iter().cloned()), "{told:?}");
    browser.go(&vendor[1]).await;
    browser.press("main", "Read this record afresh").await;
    browser.sees("EPIC06:VEND:1 is being read afresh by job").await;
    // The page that says so follows the record by itself.
    browser.shows("[aria-label=Trail] tbody tr:first-child .badge", "innerText", &["updated".to_owned()]).await;
}
