use std::time::Duration;

use chrono::TimeDelta;
use mlc_ledger::{Alert, AlertBook, AlertEvent, AlertMessage, AlertNews, ChannelBook, LedgerError, Told};
use mlc_model::{ChannelId, ConnectionId};
use mlc_runtime::settings::{AlertKind, AlertSeverity};

use crate::server::{Server, at};

fn book() -> AlertBook {
    let alert = Alert {
        id: "a1".to_owned(),
        kind: AlertKind::Held,
        subject: "epicor-main".to_owned(),
        severity: AlertSeverity::Critical,
        since: at(0),
        noticed_at: at(5),
        ended_at: None,
        changed_at: Some(at(7)),
        text: "Something \"odd\" <b>".to_owned(),
        path: "/connections/epicor-main".to_owned(),
    };
    let told = Told { at: at(9), severity: AlertSeverity::Critical, ended: false, times: 1 };
    let message = AlertMessage {
        id: "m1".to_owned(),
        created_at: at(9),
        summary: true,
        events: vec![AlertEvent { id: "a1.1".to_owned(), news: AlertNews::StillFiring, alert: alert.clone() }],
        more: 3,
        tells: [("a1".to_owned(), told.clone())].into(),
        attempts: 2,
        next_at: at(10),
    };
    let channel = ChannelBook {
        told: [("a1".to_owned(), told)].into(),
        message: Some(message),
        kept_back: true,
        sent_at: Some(at(9)),
        problem: Some("no answer".to_owned()),
    };
    AlertBook { alerts: vec![alert], channels: [(ChannelId::parse("ops").unwrap(), channel)].into() }
}

#[tokio::test]
async fn only_the_one_that_leads_keeps_the_book_and_it_reads_back_the_same() {
    let server = Server::start().await;
    let ledger = server.ledger();
    assert_eq!(ledger.alert_book().await.unwrap(), AlertBook::default());
    assert!(!ledger.keep_alert_book("alerts", "one", &book()).await.unwrap(), "nobody leads yet");
    assert!(ledger.lead("alerts", "one", Duration::from_secs(60)).await.unwrap());
    assert!(!ledger.keep_alert_book("alerts", "two", &book()).await.unwrap());
    assert_eq!(ledger.alert_book().await.unwrap(), AlertBook::default());
    assert!(ledger.keep_alert_book("alerts", "one", &book()).await.unwrap());
    assert_eq!(ledger.alert_book().await.unwrap(), book());
}

#[tokio::test]
async fn a_book_of_another_version_is_an_error_without_its_content() {
    let server = Server::start().await;
    redis::cmd("SET")
        .arg("{mlcl:mlc}:alerts")
        .arg(r#"{"alerts":[{"canary":1}]}"#)
        .query_async::<()>(&mut server.handle.manager.clone())
        .await
        .unwrap();
    let error = server.ledger().alert_book().await.unwrap_err();
    assert!(matches!(error, LedgerError::Unreadable { .. }) && !error.to_string().contains("canary"), "{error}");
}

#[tokio::test]
async fn refused_deliveries_count_for_five_minutes_and_leave_by_themselves() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let [shop, other] = ["shop", "shop-two"].map(|name| ConnectionId::parse(name).unwrap());
    for second in [0, 1, 61] {
        ledger.count_refused(&shop, at(second * 1000)).await.unwrap();
    }
    let both = [other, shop];
    let counted = |minutes: i64| {
        let (ledger, both) = (ledger.clone(), both.clone());
        async move { ledger.refused(&both, at(0) + TimeDelta::minutes(minutes)).await.unwrap() }
    };
    assert_eq!(counted(1).await, [0, 3]);
    assert_eq!(counted(5).await, [0, 1]);
    assert_eq!(counted(6).await, [0, 0]);
    assert_eq!(ledger.refused(&[], at(0)).await.unwrap(), Vec::<u64>::new());
    for key in server.keys("*refused*").await {
        let left: i64 = redis::cmd("TTL").arg(key).query_async(&mut server.handle.manager.clone()).await.unwrap();
        assert!((1..=600).contains(&left), "{left}");
    }
    let memory = ledger.memory().await.unwrap();
    assert!(memory.used > 100_000 && memory.limit == 0, "{memory:?}");
}
