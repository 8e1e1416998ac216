use mlc_model::{FlowId, RecordKey};

use crate::server::{Server, flow, key};

fn of(number: u32, text: &str) -> (RecordKey, Vec<u8>) {
    (key(number), text.as_bytes().to_vec())
}

#[tokio::test]
async fn the_newest_exchange_of_a_record_takes_the_place_of_the_one_before() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    assert_eq!(ledger.exchange(&flow, &key(1)).await.unwrap(), None);
    ledger.keep_exchanges(&flow, vec![of(1, "old"), of(2, "other")]).await.unwrap();
    ledger.keep_exchanges(&flow, vec![(key(1), vec![0, 255, 10])]).await.unwrap();
    assert_eq!(ledger.exchange(&flow, &key(1)).await.unwrap(), Some(vec![0, 255, 10]));
    assert_eq!(ledger.exchange(&flow, &key(2)).await.unwrap(), Some(b"other".to_vec()));
    let elsewhere = FlowId::parse("epicor_to_adobe::vendors").unwrap();
    assert_eq!(ledger.exchange(&elsewhere, &key(1)).await.unwrap(), None);
}

#[tokio::test]
async fn beyond_the_bound_the_records_that_were_longest_untouched_go() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger().keep_exchanges_of(100), flow());
    ledger.keep_exchanges(&flow, (0..100).map(|number| of(number, "a")).collect()).await.unwrap();
    // The oldest is written again, so the next ones in age go instead of it.
    ledger.keep_exchanges(&flow, vec![of(0, "b")]).await.unwrap();
    ledger.keep_exchanges(&flow, (100..103).map(|number| of(number, "c")).collect()).await.unwrap();
    let mut gone = Vec::new();
    for number in 0..103 {
        if ledger.exchange(&flow, &key(number)).await.unwrap().is_none() {
            gone.push(number);
        }
    }
    assert_eq!(gone, [1, 2, 3]);
}

#[tokio::test]
async fn a_lowered_bound_is_reached_bit_by_bit_and_none_leaves_nothing() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    ledger.keep_exchanges(&flow, (0..600).map(|number| of(number, "a")).collect()).await.unwrap();
    let off = server.ledger().keep_exchanges_of(0);
    off.keep_exchanges(&flow, vec![of(700, "never kept")]).await.unwrap();
    assert_eq!(ledger.exchange(&flow, &key(700)).await.unwrap(), None);
    assert_eq!(ledger.exchange(&flow, &key(255)).await.unwrap(), None);
    assert!(ledger.exchange(&flow, &key(256)).await.unwrap().is_some(), "one call does bounded work");
    for _ in 0..2 {
        off.keep_exchanges(&flow, Vec::new()).await.unwrap();
    }
    let left = server.keys("*exchanges*").await;
    assert!(left.is_empty(), "{left:?}");
}
