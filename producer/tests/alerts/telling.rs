//! What is told, when, and by whom.

use std::time::Duration;

use mlc_flow::Extent;
use mlc_ledger::{CloseRequest, Mark, NewWindow, Opened, PageMark, PageMode, Purpose};
use mlc_model::{ChangeField, ChangeMode, ConnectionId, Fault, FaultKind, System, WindowBounds};
use mlc_queue::{DeadFilter, Priority};
use mlc_runtime::{redis::RedisHandle, shutdown::Shutdown};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::house::{House, Receiver};

#[tokio::test]
async fn what_begins_together_is_told_once_again_after_hours_and_when_it_is_over_through_restarts() {
    let receiver = Receiver::start().await;
    let house = House::with_hook(&receiver, "").await;
    house.hold("epicor-main").await;
    assert!(house.notifier("one").look().await.unwrap());
    house.hold("hubspot-main").await;
    house.after(30);
    // Every look is a process of its own.
    assert!(house.notifier("one").look().await.unwrap());
    let documents = receiver.documents();
    let [document] = documents.as_slice() else { panic!("{documents:#?}") };
    let subjects: Vec<&str> =
        document["alerts"].as_array().unwrap().iter().map(|alert| alert["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects.len(), 2, "{document}");
    assert!(subjects.contains(&"epicor-main") && subjects.contains(&"hubspot-main"), "{document}");
    assert!(!document.to_string().contains("canary@"), "the reason is the other system's text: {document}");
    for _ in 0..5 {
        house.after(600);
        assert!(house.notifier("one").look().await.unwrap());
    }
    assert_eq!(receiver.told(), [""; 0]);
    house.after(4 * 3600);
    house.notifier("one").look().await.unwrap();
    assert_eq!(receiver.told(), ["still_firing held, still_firing held"]);
    house.release("epicor-main").await;
    house.notifier("one").look().await.unwrap();
    house.after(30);
    house.notifier("one").look().await.unwrap();
    assert_eq!(receiver.told(), ["resolved held"]);
}

#[tokio::test]
async fn in_a_quiet_time_only_what_is_critical_is_told_and_the_rest_as_one_summary() {
    let receiver = Receiver::start().await;
    let quiet = "quiet = [{ days = [\"MON\"], from = \"13:00\", until = \"15:00\", time_zone = \"Europe/Berlin\" }]";
    let house = House::with_hook(&receiver, quiet).await;
    house.die_of(Fault::rejected_field("test", "name", "canary@example.com is wrong")).await;
    let one = house.notifier("one");
    one.look().await.unwrap();
    house.after(60);
    one.look().await.unwrap();
    assert_eq!(receiver.told(), [""; 0]);
    house.hold("epicor-main").await;
    one.look().await.unwrap();
    house.after(60);
    one.look().await.unwrap();
    assert_eq!(receiver.told(), ["firing held"]);
    house.after(2 * 3600 - 120);
    one.look().await.unwrap();
    let documents = receiver.documents();
    assert_eq!(documents.len(), 1);
    assert_eq!((&documents[0]["summary"], &documents[0]["alerts"][0]["kind"]), (&true.into(), &"dead_letters".into()));
    assert!(!documents[0].to_string().contains("canary@"), "{}", documents[0]);
}

#[tokio::test]
async fn a_dead_channel_is_tried_again_and_keeps_nobody_waiting() {
    let (dead, alive) = (Receiver::start().await, Receiver::start().await);
    let house =
        House::with("[alerts.channels.a-dead]\nkind = \"webhook\"\n[alerts.channels.b]\nkind = \"webhook\"").await;
    house.secret("a-dead", "url", &dead.url).await;
    house.secret("b", "url", &alive.url).await;
    dead.answer(500);
    house.hold("epicor-main").await;
    let one = house.notifier("one");
    one.look().await.unwrap();
    house.after(30);
    one.look().await.unwrap();
    assert_eq!(alive.told(), ["firing held"]);
    let mut tries = dead.documents();
    assert_eq!(tries.len(), 1);
    for _ in 0..120 {
        house.after(15);
        one.look().await.unwrap();
        tries.extend(dead.documents());
    }
    // Half an hour: 5, 10, 20 … seconds at most between them, and then ten minutes at most.
    assert!((4..60).contains(&tries.len()), "{}", tries.len());
    assert!(tries.iter().all(|document| *document == tries[0]), "a repetition is the same to the letter");
    assert_eq!(alive.told(), [""; 0]);
    let page = house.rooms.metrics.render();
    assert!(page.contains("mlc_alerts_sent_total{channel=\"b\",result=\"sent\"} 1"), "{page}");
    assert!(page.contains(&format!("mlc_alerts_sent_total{{channel=\"a-dead\",result=\"failed\"}} {}", tries.len())));
    dead.answer(204);
    house.after(600);
    one.look().await.unwrap();
    assert_eq!(dead.documents(), [tries[0].clone()]);
}

#[tokio::test]
async fn a_receiver_that_never_answers_does_not_hold_up_the_look_for_longer_than_its_time() {
    let (silent, alive) = (Receiver::start().await, Receiver::start().await);
    let house = House::with("[alerts.channels.a]\nkind = \"webhook\"\n[alerts.channels.b]\nkind = \"webhook\"").await;
    house.secret("a", "url", &silent.url).await;
    house.secret("b", "url", &alive.url).await;
    silent.answer(0);
    house.hold("epicor-main").await;
    let one = house.notifier("one");
    one.look().await.unwrap();
    house.after(30);
    let looking = tokio::spawn(async move { one.look().await });
    // Its neighbour is told and noted while the silent one is still waited for.
    let name = "b".parse().unwrap();
    while house.rooms.ledger.alert_book().await.unwrap().channels.get(&name).is_none_or(|entry| entry.sent_at.is_none())
    {
        assert!(!looking.is_finished());
        tokio::task::yield_now().await;
    }
    assert_eq!(alive.told(), ["firing held"]);
    looking.abort();
}

#[tokio::test]
async fn of_two_producers_one_sends_and_the_other_takes_over() {
    let receiver = Receiver::start().await;
    let house = House::with_hook(&receiver, "").await;
    let (one, two) = (house.notifier("one"), house.notifier("two"));
    house.hold("epicor-main").await;
    for _ in 0..4 {
        let both = tokio::join!(one.look(), two.look());
        assert_eq!((both.0.unwrap(), both.1.unwrap()), (true, false));
        house.after(30);
    }
    assert_eq!(receiver.told(), ["firing held"]);
    // The first one stops in an orderly way.
    let stop = Shutdown::new();
    stop.trigger();
    one.run(stop).await;
    house.release("epicor-main").await;
    for _ in 0..3 {
        house.after(30);
        assert!(two.look().await.unwrap());
    }
    assert_eq!(receiver.told(), ["resolved held"]);
}

#[tokio::test]
async fn a_crash_between_sending_and_noting_repeats_the_message_under_its_id() {
    let house = House::with("[alerts.channels.hook]\nkind = \"webhook\"").await;
    let ledger = house.rooms.ledger.clone();
    // The other producer takes the lead while the message is under way: the first one cannot note what it did.
    let receiver = Receiver::before_answering(move || {
        let ledger = ledger.clone();
        async move {
            ledger.resign("alerts", "one").await.unwrap();
            assert!(ledger.lead("alerts", "two", Duration::from_secs(60)).await.unwrap());
        }
    })
    .await;
    house.secret("hook", "url", &receiver.url).await;
    house.hold("epicor-main").await;
    let (one, two) = (house.notifier("one"), house.notifier("two"));
    one.look().await.unwrap();
    house.after(30);
    assert!(!one.look().await.unwrap(), "it leads no more");
    house.after(15);
    assert!(two.look().await.unwrap());
    house.after(15);
    assert!(two.look().await.unwrap());
    let got = receiver.take();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].1, got[1].1);
    assert_eq!(got[0].0["x-mlc-message"], got[1].0["x-mlc-message"]);
}

#[tokio::test]
async fn a_book_that_cannot_be_read_does_not_silence_alerts() {
    let receiver = Receiver::start().await;
    let house = House::with_hook(&receiver, "").await;
    let redis = RedisHandle::connect(&house.rooms.settings.redis).await.unwrap();
    redis::cmd("SET")
        .arg("{mlcl:mlc}:alerts")
        .arg("{\"alerts\":7}")
        .query_async::<()>(&mut redis.manager.clone())
        .await
        .unwrap();
    house.hold("epicor-main").await;
    let one = house.notifier("one");
    one.look().await.unwrap();
    house.after(30);
    one.look().await.unwrap();
    assert_eq!(receiver.told(), ["firing held"]);
}

#[tokio::test]
async fn every_kind_is_seen_in_redis() {
    let receiver = Receiver::start().await;
    let shop = "[connections.shop-main]\nsystem = \"adobe\"\nedition = \"paas\"\nbase_url = \"http://127.0.0.1:9\"\n[connections.shop-main.webhook]\n\
                scheme = \"hmac_sha256\"\n[alerts]\nsignature_failures = 3\n[alerts.channels.hook]\nkind = \"webhook\"";
    let house = House::with(shop).await;
    house.secret("hook", "url", &receiver.url).await;
    let rooms = &house.rooms;
    // A cause, and after it jobs that nobody takes, because no worker lives.
    house.die_of(Fault::new(FaultKind::Rejected, System::Hubspot, "push", "canary@example.com")).await;
    let flow = "epicor_to_hubspot::vendors".parse().unwrap();
    let settings = rooms.settings.flow(&flow).unwrap().clone();
    let letters = rooms.queue.dead_letters(&DeadFilter::default(), &mlc_queue::Page { after: None, limit: 10 }).await;
    assert!(!letters.unwrap().items.is_empty());
    let customers = "epicor_to_hubspot::customers".parse().unwrap();
    mlc_producer::order_poll(
        &rooms.queue,
        &customers,
        &settings_of(rooms, &customers),
        Extent::Full,
        Priority::Normal,
        "t",
    )
    .await
    .unwrap();
    house.hold("hubspot-main").await;
    // Every entity of the flow was read two hours ago.
    for entity in mlc_flow::flow_kind(settings.kind(&flow)).unwrap().entities {
        close_a_window(rooms, &flow, entity.as_str()).await;
    }
    // Three deliveries with signatures that are none.
    rooms
        .secrets
        .set(&ConnectionId::parse("shop-main").unwrap(), "webhook_secret", "s3cret-s3cret".to_owned().into())
        .await
        .unwrap();
    let stop = Shutdown::new();
    let taking =
        mlc_producer::webhook::serve(rooms.clone(), "127.0.0.1:0".parse().unwrap(), stop.clone()).await.unwrap();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(taking.address).await.unwrap();
        let head = "POST /webhooks/adobe/shop-main HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-adobe-signature: AAAA\r\n\
                    content-length: 2\r\n\r\n{}";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    stop.trigger();
    // Nine tenths of Redis' memory.
    let redis = RedisHandle::connect(&rooms.settings.redis).await.unwrap();
    let most = rooms.ledger.memory().await.unwrap().used * 10 / 9;
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("maxmemory")
        .arg(most)
        .query_async::<()>(&mut redis.manager.clone())
        .await
        .unwrap();
    let one = house.notifier("one");
    one.look().await.unwrap();
    house.after(30);
    one.look().await.unwrap();
    let documents = receiver.documents();
    assert_eq!(documents.len(), 1, "{documents:#?}");
    let alerts = documents[0]["alerts"].as_array().unwrap();
    let mut kinds: Vec<&str> = alerts.iter().map(|alert| alert["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, ["bytes", "dead_letters", "held", "lag", "signatures", "unconsumed"], "{documents:#?}");
    assert!(!documents[0].to_string().contains("canary@"), "{}", documents[0]);
}

fn settings_of(rooms: &mlc_producer::Rooms, flow: &mlc_model::FlowId) -> mlc_runtime::settings::FlowSettings {
    rooms.settings.flow(flow).unwrap().clone()
}

async fn close_a_window(rooms: &mlc_producer::Rooms, flow: &mlc_model::FlowId, entity: &str) {
    let at = rooms.clock.now() - chrono::TimeDelta::hours(2);
    let new = NewWindow {
        flow: flow.clone(),
        entity: entity.to_owned(),
        purpose: Purpose::Incremental,
        change_field: ChangeField { mode: ChangeMode::Revision, column: "SysRevID".into() },
        bounds: WindowBounds::Revision { since: Some(1), until: Some(2) },
        query: "$top=100".to_owned(),
        mode: PageMode::Skip,
        replay_of: None,
        opened_by: None,
        at,
    };
    let Opened::New(row) = rooms.ledger.open_window(new).await.unwrap() else { panic!("{entity} has a window") };
    let id = row.window.id;
    let page = PageMark { rows_in_window: Some(0), requests: 1, ..PageMark::default() };
    rooms.ledger.record_page(&id, row.pass, page, Some(1)).await.unwrap();
    let close = CloseRequest { pass: row.pass, rows_after: Some(0), mark: Some(Mark::Revision(2)), at };
    let closed = rooms.ledger.close_window(&id, close).await.unwrap();
    assert!(rooms.ledger.checkpoint(flow, entity).await.unwrap().is_some(), "{closed:?}");
}
