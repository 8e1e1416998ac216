//! What is posted to the producer's intake, and what it makes of it.

use std::time::Duration;

use mlc_flow::{CreateRequisition, PullCompany};
use mlc_house::{HouseConfig, Persistence, PrivateRedis};
use mlc_model::{Fault, FaultKind, System};
use mlc_queue::{JobContext, JobState, Outcome, Registry};
use mlc_simulators::adobe::{BodyForm, Delivery, Scheme};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    intake::{HMAC, Intake, PATH, SECRET, SOON, SUCCESS, furnished, placed},
    processes::eventually,
    sender::{SIGNATURE, Sender, send, signed},
};

#[tokio::test]
async fn there_is_one_address_per_configured_endpoint_and_one_method() {
    let intake = Intake::open(HMAC).await;
    for path in [
        "/webhooks/adobe/shop-other",
        "/webhooks/adobe/epicor-main",
        "/webhooks/adobe/hubspot-main",
        "/webhooks/adobe/",
        "/webhooks/adobe/%ff",
        "/webhooks/adobe/shop-main/x",
        "/metrics",
        "/",
    ] {
        let body = placed("1");
        let header = signed(SECRET, body.as_bytes());
        let answer = send(intake.address, "POST", path, &[(SIGNATURE, &header)], body.as_bytes()).await.unwrap();
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, r#"{"error":"no webhook is taken at this address"}"#),
            "{path}"
        );
    }
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        assert_eq!(send(intake.address, method, PATH, &[], b"").await.unwrap().status, 405, "{method}");
    }
    assert_eq!(intake.jobs().await.len(), 0);
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_refused_and_one_within_the_limit_is_read() {
    let intake = Intake::open(HMAC).await;
    let long = vec![b' '; 10 << 20];
    let header = signed(SECRET, &long);
    let answer = intake.post(&[(SIGNATURE, &header)], &long).await;
    assert_eq!((answer.status, answer.body.as_str()), (413, r#"{"error":"the body is too long"}"#));
    // Without saying how long it is.
    let mut stream = TcpStream::connect(intake.address).await.unwrap();
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..70 {
        stream.write_all(format!("400\r\n{}\r\n", " ".repeat(1024)).as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(intake.counted("too_large"), 2);
    let fits = format!("{}{}", placed("000000041"), " ".repeat(60_000));
    assert_eq!(intake.post_signed(&fits).await.status, 200);
}

#[tokio::test]
async fn a_genuine_body_that_cannot_be_used_is_answered_with_success_and_makes_no_job() {
    let intake = Intake::open(HMAC).await;
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let deep_inside = format!(
        r#"{{"data":{{"order":{{"increment_id":{}{}}}}}}}"#,
        "{\"a\":".repeat(5_000),
        "1".to_owned() + &"}".repeat(5_000)
    );
    let many = format!("[{}]", vec![placed("1"); 201].join(","));
    let no_number =
        json!({ "eventName": "sales_order_place_after", "data": { "order": { "grand_total": "1" } } }).to_string();
    let bodies: [&[u8]; 11] = [
        b"",
        b"null",
        b"\"text\"",
        b"{}",
        b"[]",
        b"{\"data\":",
        b"{\"data\":{\"order\":{\"increment_id\":\"\xff\xfe\"}}}",
        deep.as_bytes(),
        deep_inside.as_bytes(),
        many.as_bytes(),
        no_number.as_bytes(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = intake.post_signed(body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, SUCCESS), "{shown}");
        // The same without a signature is not looked at.
        assert_eq!(intake.post(&[], body).await.status, 401, "{shown}");
    }
    assert_eq!((intake.jobs().await.len(), intake.counted("unusable")), (0, 11));
    assert_eq!(intake.post_signed(placed("000000041")).await.status, 200);
    assert_eq!(intake.jobs().await.len(), 1, "it goes on after all that");
}

#[tokio::test]
async fn every_form_of_body_and_every_wobble_of_types_is_read() {
    let intake = Intake::open(HMAC).await;
    let shop = intake.house.shop();
    let order = |number: &str| {
        json!({ "customer_email": "a@b.example", "increment_id": number, "store_id": 1, "state": "new", "status": "pending",
            "base_currency_code": "USD", "grand_total": 10, "payment": { "method": "checkmo" },
            "items": [{ "sku": "A", "name": "A", "qty_ordered": 1, "price": 10 }] })
    };
    let forms = [BodyForm::Observer, BodyForm::Plugin, BodyForm::Event, BodyForm::EventBatch];
    for (n, form) in forms.into_iter().enumerate() {
        for wobble in [false, true] {
            let number = format!("00000{n}{}", u8::from(wobble));
            let id = shop.place_order(&order(&number)).unwrap();
            let delivery = Delivery {
                scheme: if wobble { Scheme::HmacSha256Hex } else { Scheme::HmacSha256 },
                secret: SECRET.to_owned(),
                event: if n < 2 { "observer.sales_order_place_after" } else { "observer.checkout_submit_all_after" }
                    .to_owned(),
                order_id: Some(id),
                before_save: n < 2,
                wobble,
                ..Delivery::new(&format!("http://{}{PATH}", intake.address), form, Value::Null)
            };
            let reply = shop.deliver(&delivery).await.unwrap();
            assert_eq!((reply.status, reply.body.as_str()), (200, SUCCESS), "{form:?}");
        }
    }
    let wanted: Vec<String> =
        (0..4).flat_map(|n| [0, 1].map(|wobble| format!("shop order 00000{n}{wobble}"))).collect();
    assert_eq!(intake.subjects().await, wanted);
}

#[tokio::test]
async fn a_batch_becomes_all_of_its_jobs_and_our_own_orders_are_not_among_them() {
    let intake = Intake::open(HMAC).await;
    let event = |name: &str, value: Value| json!({ "type": format!("com.adobe.commerce.observer.{name}"), "event": { "data": { "value": value } } });
    let mut batch: Vec<Value> =
        (0..20).map(|n| event("checkout_submit_all_after", json!({ "increment_id": format!("{n:09}") }))).collect();
    batch.push(event("checkout_submit_all_after", json!({ "increment_id": "EPIC06-PO-4500123" })));
    batch.push(event("company_save_commit_after", json!({ "entity_id": "7" })));
    batch.push(event("customer_save_commit_after", json!({ "entity_id": "7" })));
    batch.push(event("checkout_submit_all_after", json!({ "increment_id": "000000003" })));
    assert_eq!(intake.post_signed(Value::from(batch).to_string()).await.status, 200);
    let subjects = intake.subjects().await;
    assert_eq!(subjects.len(), 21, "{subjects:?}");
    assert_eq!(subjects[0], "company 7");
    assert!(!subjects.iter().any(|subject| subject.contains("EPIC06")), "{subjects:?}");

    let ours = placed("EPIC06-PO-4500124");
    assert_eq!(intake.post_signed(&ours).await.body, SUCCESS);
    assert_eq!((intake.subjects().await.len(), intake.counted("echo")), (21, 1));
}

#[tokio::test]
async fn a_job_that_runs_does_not_swallow_a_later_announcement() {
    let intake = Intake::open(HMAC).await;
    let company = |more: u32| {
        let event = json!({ "type": "com.adobe.commerce.observer.company_save_commit_after",
            "event": { "data": { "value": { "entity_id": 7, "n": more } } } });
        event.to_string()
    };
    assert_eq!(intake.post_signed(company(1)).await.status, 200);
    // Nobody has begun: one job reads what both tell.
    assert_eq!(intake.post_signed(company(2)).await.status, 200);
    assert_eq!(intake.jobs().await.len(), 1);
    // A worker whose job never ends: it may have read what was there before the next change.
    let forever = |_: PullCompany, _: JobContext| std::future::pending::<Outcome>();
    let running = intake.work(Registry::new().on::<PullCompany, _, _>(forever));
    eventually("the job runs", SOON, async || intake.jobs().await.iter().any(|job| job.state == JobState::Running))
        .await;
    assert_eq!(intake.post_signed(company(3)).await.status, 200);
    assert_eq!(intake.jobs().await.len(), 2);
    // A repetition of that delivery is none.
    assert_eq!(intake.post_signed(company(3)).await.status, 200);
    assert_eq!(intake.jobs().await.len(), 2);
    running.abort();
}

#[tokio::test]
async fn a_job_on_the_dead_letter_shelf_does_not_swallow_a_later_announcement() {
    let intake = Intake::open(HMAC).await;
    assert_eq!(intake.post(&[(SIGNATURE, &signed(SECRET, placed("1").as_bytes()))], placed("1")).await.status, 200);
    let refuse = |_: CreateRequisition, _: JobContext| async {
        Outcome::Failed(Fault::new(FaultKind::Rejected, System::Adobe, "test", "no"))
    };
    let working = intake.work(Registry::new().on::<CreateRequisition, _, _>(refuse));
    eventually("the job is dead", SOON, async || intake.house.dead_letters().await.unwrap().len() == 1).await;
    let body = placed("1");
    let header = signed(SECRET, body.as_bytes());
    let headers = [(SIGNATURE, header.as_str()), ("x-adobe-commerce-request-id", "the shopper's second try")];
    assert_eq!(intake.post(&headers, &body).await.status, 200);
    // It was carried out too, with the same end.
    eventually("a second job is dead", SOON, async || intake.house.dead_letters().await.unwrap().len() == 2).await;
    working.abort();
}

#[tokio::test]
async fn while_redis_cannot_store_nothing_is_accepted_and_the_sender_may_repeat() {
    let mut redis = PrivateRedis::start(Persistence::AofAlways).unwrap();
    let config = HouseConfig { redis_url: Some(redis.url()), ..furnished(HMAC) };
    let intake = Intake::with(config).await;
    assert_eq!(intake.post_signed(placed("1")).await.status, 200);
    let admin = async |arguments: &[&str]| {
        let client = redis::Client::open(redis.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::cmd(arguments[0]);
        command.arg(&arguments[1..]);
        command.query_async::<()>(&mut connection).await.unwrap();
    };
    // Full.
    admin(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_eq!(intake.post_signed(placed("2")).await.status, 503);
    admin(&["CONFIG", "SET", "maxmemory", "0"]).await;
    // Read-only.
    admin(&["REPLICAOF", "127.0.0.1", "1"]).await;
    assert_eq!(intake.post_signed(placed("2")).await.status, 503);
    admin(&["REPLICAOF", "NO", "ONE"]).await;
    // Silent. A shopper must not wait for it.
    admin(&["CLIENT", "PAUSE", "60000", "ALL"]).await;
    let asked = std::time::Instant::now();
    assert_eq!(intake.post_signed(placed("2")).await.status, 503);
    assert!(asked.elapsed() < Duration::from_secs(7), "{:?}", asked.elapsed());
    // Gone.
    redis.kill();
    let answer = intake.post_signed(placed("2")).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.head.contains("retry-after: 5"), "{}", answer.head);
    redis.restart().unwrap();
    assert_eq!(intake.counted("unavailable"), 4);
    eventually("it is accepted once Redis is back", Duration::from_secs(20), async || {
        intake.post_signed(placed("2")).await.status == 200
    })
    .await;
    assert_eq!(intake.subjects().await, ["shop order 1", "shop order 2"]);
}

#[tokio::test]
async fn a_sender_that_is_slow_on_purpose_is_let_go_after_ten_seconds() {
    let intake = Intake::open(HMAC).await;
    let slow = async |beginning: &str| {
        let mut stream = TcpStream::connect(intake.address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_string(&mut answer)).await;
        assert!(read.is_ok(), "still open after 20 s: {beginning}");
        answer
    };
    let body = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10\r\n\r\nabc");
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\nx-adobe-sig");
    // Asks and asks, and never takes an answer.
    let deaf = async {
        let mut stream = TcpStream::connect(intake.address).await.unwrap();
        let asking = "GET /x HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
        let cut = async { while stream.write_all(asking.as_bytes()).await.is_ok() {} };
        assert!(tokio::time::timeout(Duration::from_secs(25), cut).await.is_ok(), "still open after 25 s");
    };
    let (body, _head, _nothing, ()) = tokio::join!(slow(&body), slow(&head), slow(""), deaf);
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    assert_eq!(intake.counted("cut_off"), 1);
}

#[tokio::test]
async fn a_connection_serves_many_deliveries_and_ends_with_the_intake() {
    let intake = Intake::open(HMAC).await;
    let mut sender = Sender::to(intake.address).await.unwrap();
    for n in 0..50 {
        let body = placed(&format!("{n}"));
        let header = signed(SECRET, body.as_bytes());
        assert_eq!(sender.send("POST", PATH, &[(SIGNATURE, &header)], body.as_bytes()).await.unwrap().status, 200);
    }
    // A request that is under way is answered; one that does not end does not keep the process.
    let mut slow = TcpStream::connect(intake.address).await.unwrap();
    slow.write_all(format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").as_bytes())
        .await
        .unwrap();
    let stopping = std::time::Instant::now();
    intake.shutdown.trigger();
    intake.task.await.unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(8), "{:?}", stopping.elapsed());
    assert!(Sender::to(intake.address).await.is_err(), "it still listens");
    assert_eq!(intake.house.context.queue.stats().await.unwrap().total("enqueued"), 50);
}
