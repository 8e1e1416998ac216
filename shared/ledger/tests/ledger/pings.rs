use mlc_ledger::LastPing;
use mlc_model::{ConnectionId, PingReport};

use crate::server::{Server, at};

#[tokio::test]
async fn the_last_test_of_each_connection_is_kept_and_one_that_cannot_be_read_hides_no_other() {
    let server = Server::start().await;
    let ledger = server.ledger();
    assert!(ledger.pings().await.unwrap().is_empty());
    let (epicor, hubspot) = (ConnectionId::parse("epicor-main").unwrap(), ConnectionId::parse("hubspot-main").unwrap());
    let mut ping = LastPing { at: at(1), by: "lena".to_owned(), report: PingReport::default(), released: false };
    ping.report.bad("token", "refused <b>", "set it");
    ledger.keep_ping(&epicor, &ping).await.unwrap();
    ledger.keep_ping(&hubspot, &ping).await.unwrap();
    let later = LastPing { at: at(2), by: "otto".to_owned(), released: true, ..ping.clone() };
    ledger.keep_ping(&hubspot, &later).await.unwrap();
    assert_eq!(
        ledger.pings().await.unwrap().into_iter().collect::<Vec<_>>(),
        [(epicor.clone(), ping), (hubspot, later.clone())]
    );

    let key = server.keys("*pings").await.remove(0);
    let mut redis = server.handle.manager.clone();
    redis::cmd("HSET").arg(key).arg("epicor-main").arg("{}").exec_async(&mut redis).await.unwrap();
    assert_eq!(ledger.pings().await.unwrap().into_values().collect::<Vec<_>>(), [later]);
}
