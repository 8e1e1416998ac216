//! Budgets: what is left, and when what waits is done.

use mlc_house::{House, HouseConfig, VENDORS};
use mlc_simulators::epicor::SeedCompany;

use super::{browser::Browser, site::Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_is_told_with_what_becomes_of_it_and_follows_what_happens() {
    let mut house = House::open_with(HouseConfig::default()).await.unwrap();
    let seed = SeedCompany { vendors: 5, ..SeedCompany::default() };
    house.epicor.store().seed_company(&seed).unwrap();
    house.sync(VENDORS).await.unwrap();
    house.stop_workers().await;
    let site = Site::of(house, &[]).await;
    let browser = Browser::open(&site.base).await;
    browser.go("/budgets").await;
    browser.sees("nothing waits").await;
    assert!(browser.count("main table").await >= 2, "{}", browser.text("main").await);
    browser.script("window.stays = 'here'").await;

    // No worker lives any more: no estimate is made up, and that is said.
    site.house.order(VENDORS, mlc_flow::Extent::Incremental).await.unwrap();
    browser.sees("nobody takes them").await;
    let told = browser.text("main section").await;
    assert!(told.contains(" wait") && told.contains(" done a minute"), "{told}");
    let mut wrong = browser.inspect("budgets-waiting").await;

    let queue = &site.house.context.queue;
    let lane = site.house.lane("epicor-main").unwrap();
    queue.pause(&lane, "lena", "upgrade on Sunday").await.unwrap();
    browser.sees("stopped").await;
    assert!(!browser.text("main section").await.contains("nobody takes them"));
    wrong.extend(browser.inspect("budgets-stopped").await);
    queue.resume(&lane, "lena").await.unwrap();
    browser.sees("nobody takes them").await;
    assert_eq!(browser.script("return window.stays").await, "here", "the page was not loaded anew");
    browser.press("main", "epicor-main").await;
    browser.arrives("/connections/epicor-main").await;
    assert!(browser.complaints().await.is_empty());
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
}
