//! `/events`.

use std::time::Duration;

use mlc_ledger::ReviewKind;
use mlc_queue::Lane;
use serde_json::Value;
use tokio::{io::AsyncReadExt as _, net::TcpStream, time::timeout};

use crate::{reviews::review, site::Site};

/// The head of the answer, then what the stream says piece by piece.
struct Listener {
    stream: TcpStream,
    heard: String,
}

impl Listener {
    async fn open(site: &Site) -> Self {
        let stream = site.request("GET", "/events", &[("accept", "text/event-stream")], b"").await;
        Self { stream, heard: String::new() }
    }

    /// Reads until `wanted` was heard. False when the stream ended before.
    async fn hear(&mut self, wanted: impl Fn(&str) -> bool) -> bool {
        let mut piece = [0; 4096];
        while !wanted(&self.heard) {
            let read = timeout(Duration::from_secs(20), self.stream.read(&mut piece)).await.unwrap().unwrap();
            if read == 0 {
                return false;
            }
            self.heard.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
        true
    }

    /// The newest change of each topic that was heard.
    fn topics(&self) -> Value {
        let data = self.heard.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap();
        serde_json::from_str(data).unwrap()
    }
}

#[tokio::test]
async fn a_page_hears_what_changed_and_nothing_else() {
    let site = Site::start().await;
    let mut page = Listener::open(&site).await;
    assert!(page.hear(|text| text.matches("event: topics").count() == 1).await);
    assert!(page.heard.starts_with("HTTP/1.1 200") && page.heard.contains("content-type: text/event-stream"));
    assert!(page.heard.contains("retry: "));
    let before = page.topics();
    site.rooms.queue.pause(&Lane::parse("hubspot-main").unwrap(), "test", "moving").await.unwrap();
    assert!(page.hear(|text| text.matches("event: topics").count() == 2).await);
    let after = page.topics();
    assert!(after["lanes"].as_i64() > before["lanes"].as_i64(), "{before} {after}");
    assert!(before["reviews"].is_i64() && after["reviews"] == before["reviews"], "{before} {after}");
}

#[tokio::test]
async fn a_page_hears_that_the_facts_of_one_item_of_the_review_list_changed() {
    let site = Site::start().await;
    let mut item = review(118, ReviewKind::PriceDifference);
    site.rooms.ledger.raise_review(&item).await.unwrap();
    let mut page = Listener::open(&site).await;
    assert!(page.hear(|text| text.matches("event: topics").count() == 1).await);
    let before = page.topics();
    item.facts.insert("line 1".to_owned(), "quantity 5, order 1, invoice 12".to_owned());
    site.rooms.ledger.raise_review(&item).await.unwrap();
    assert!(page.hear(|text| text.matches("event: topics").count() == 2).await);
    let after = page.topics();
    assert!(after["reviews"].as_i64() > before["reviews"].as_i64(), "{before} {after}");
}

#[tokio::test]
async fn a_stream_ends_with_the_console() {
    let site = Site::start().await;
    let mut page = Listener::open(&site).await;
    assert!(page.hear(|text| text.contains("event: topics")).await);
    site.stop();
    assert!(!page.hear(|_| false).await);
}

#[tokio::test]
async fn twenty_streams_of_one_person_are_enough_and_a_closed_one_makes_room() {
    let site = Site::start().await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut page = Listener::open(&site).await;
        assert!(page.hear(|text| text.contains("retry: ")).await);
        open.push(page);
    }
    assert_eq!(site.get("/events").await.status, 429);
    open.pop();
    // The server notices when it next reads or writes there.
    let noticed = async {
        loop {
            let mut page = Listener::open(&site).await;
            assert!(page.hear(|text| text.contains("\r\n\r\n")).await);
            if page.heard.starts_with("HTTP/1.1 200") {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), noticed).await.unwrap();
}
