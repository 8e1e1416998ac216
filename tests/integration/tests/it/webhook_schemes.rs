//! Who may post to the intake: every scheme, right and wrong.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use mlc_house::{House, INVOICES_IN};
use mlc_model::ConnectionId;
use mlc_producer::webhook;
use mlc_runtime::shutdown::Shutdown;
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    intake::{HMAC, Intake, PATH, SECRET, SUCCESS, any_port, furnished, placed, rooms},
    sender::{SIGNATURE, send, signed, signed_raw},
};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/adobe/src/webhook/fixtures");

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{FIXTURES}/{name}")).unwrap()
}

#[tokio::test]
async fn a_delivery_signed_with_the_shared_secret_becomes_a_job_and_any_other_is_refused() {
    let intake = Intake::open(HMAC).await;
    let body = placed("000000041");
    let right = signed(SECRET, body.as_bytes());
    let wrong = signed("another secret", body.as_bytes());
    for header in [wrong.as_str(), &right[..right.len() - 8], &right[..20], "", "not base64 at all"] {
        let answer = intake.post(&[(SIGNATURE, header)], &body).await;
        assert_eq!(answer.status, 401, "{header}");
        assert!(answer.body.starts_with("{\"error\":") && !answer.body.contains("000000041"), "{}", answer.body);
    }
    assert_eq!(intake.post(&[], &body).await.status, 401);
    assert_eq!(intake.post(&[(SIGNATURE, &right), (SIGNATURE, &right)], &body).await.status, 401);
    // Of another body.
    assert_eq!(intake.post(&[(SIGNATURE, &right)], placed("000000042")).await.status, 401);
    assert_eq!((intake.jobs().await.len(), intake.counted("refused_signature")), (0, 8));

    let answer = intake.post(&[(SIGNATURE, &right)], &body).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, SUCCESS));
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    let jobs = intake.jobs().await;
    assert_eq!((jobs.len(), jobs[0].kind.as_str(), jobs[0].lane.as_str()), (1, "create_requisition", "shop-main"));
    let payload = intake.house.context.queue.payload(&jobs[0].id).await.unwrap().unwrap();
    assert_eq!((&payload["increment_id"], &payload["step"]), (&json!("000000041"), &json!("confirm")));
    // In hex.
    let body = placed("000000043");
    let in_hex = hex::encode(signed_raw(SECRET, body.as_bytes()));
    assert_eq!(intake.post(&[(SIGNATURE, &in_hex)], &body).await.status, 200);
    assert_eq!((intake.jobs().await.len(), intake.counted("accepted")), (2, 2));
}

#[tokio::test]
async fn a_replayed_delivery_is_answered_and_makes_no_job() {
    let intake = Intake::open(HMAC).await;
    let body = placed("000000041");
    let header = signed(SECRET, body.as_bytes());
    let headers = [(SIGNATURE, header.as_str()), ("x-adobe-commerce-request-id", "r-1")];
    assert_eq!(intake.post(&headers, &body).await.status, 200);
    // As if the job had been carried out: its unique key does not keep the replay away, the guard does.
    let queue = &intake.house.context.queue;
    let done = intake.jobs().await.remove(0);
    intake.house.set_secret("shop-main", "webhook_secret", SECRET).await.unwrap();
    for _ in 0..5 {
        let answer = intake.post(&headers, &body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, SUCCESS));
    }
    assert_eq!((intake.counted("accepted"), intake.counted("duplicate")), (1, 5));
    assert_eq!(queue.stats().await.unwrap().total("duplicate"), 0, "the guard let a replay through to the queue");
    // Another announcement of the same order while its job has not begun: the job stands for both.
    let headers = [(SIGNATURE, header.as_str()), ("x-adobe-commerce-request-id", "r-2")];
    assert_eq!(intake.post(&headers, &body).await.status, 200);
    let jobs = intake.jobs().await;
    assert_eq!((jobs.len(), &jobs[0].id), (1, &done.id));
}

#[tokio::test]
async fn both_secrets_count_during_a_rotation_and_the_old_one_no_longer_after_it() {
    let intake = Intake::open(HMAC).await;
    intake.house.set_secret("shop-main", "webhook_secret_next", "next-secret").await.unwrap();
    for (number, secret) in [("1", SECRET), ("2", "next-secret")] {
        let body = placed(number);
        assert_eq!(intake.post(&[(SIGNATURE, &signed(secret, body.as_bytes()))], &body).await.status, 200, "{secret}");
    }
    let shop = ConnectionId::parse("shop-main").unwrap();
    intake.house.set_secret("shop-main", "webhook_secret", "next-secret").await.unwrap();
    intake.house.secrets.delete(&shop, "webhook_secret_next").await.unwrap();
    // Secrets are kept for five seconds: a second intake has none in hand.
    let serving = webhook::serve(rooms(&intake.house).await, any_port(), Shutdown::new()).await.unwrap();
    for (number, secret, status) in [("3", SECRET, 401), ("4", "next-secret", 200)] {
        let body = placed(number);
        let header = signed(secret, body.as_bytes());
        let answer = send(serving.address, "POST", PATH, &[(SIGNATURE, &header)], body.as_bytes()).await.unwrap();
        assert_eq!(answer.status, status, "{secret}");
    }
}

#[tokio::test]
async fn without_its_secret_an_endpoint_is_shut_and_not_open() {
    let intake = Intake::open(HMAC).await;
    let shop = ConnectionId::parse("shop-main").unwrap();
    intake.house.secrets.delete(&shop, "webhook_secret").await.unwrap();
    let body = placed("1");
    for header in [signed("", body.as_bytes()), signed(SECRET, body.as_bytes())] {
        assert_eq!(intake.post(&[(SIGNATURE, &header)], &body).await.status, 503);
    }
    assert_eq!(intake.post(&[], &body).await.status, 503);
    assert_eq!((intake.jobs().await.len(), intake.counted("unavailable")), (0, 3));
}

#[tokio::test]
async fn a_secret_in_a_header_is_compared_whole() {
    let intake =
        Intake::open("[connections.shop-main.webhook]\nscheme = \"static_header\"\nheader = \"X-Shop-Key\"\n").await;
    let body = placed("000000041");
    for value in ["", "wh-canary-secret-471", "WH-CANARY-SECRET-4711", "wh-canary-secret-47110"] {
        assert_eq!(intake.post(&[("x-shop-key", value)], &body).await.status, 401, "{value}");
    }
    // Another header is no answer to the question, whatever it holds.
    assert_eq!(intake.post(&[(SIGNATURE, &signed(SECRET, body.as_bytes()))], &body).await.status, 401);
    assert_eq!(intake.post(&[("x-shop-key", SECRET)], &body).await.status, 200);
    assert_eq!(intake.post(&[("x-shop-key", SECRET)], &body).await.status, 200);
    assert_eq!((intake.jobs().await.len(), intake.counted("duplicate")), (1, 1));
}

#[tokio::test]
async fn the_shops_own_signature_is_held_against_its_public_key() {
    let lines = format!(
        "[connections.shop-main.webhook]\nscheme = \"commerce_rsa\"\npublic_keys = [\"{FIXTURES}/public-key.pem\"]\n"
    );
    let intake = Intake::open(&lines).await;
    const HEADER: &str = "x-adobe-commerce-webhook-signature";
    let (body, right) = (fixture("commerce-body.json"), fixture("commerce-signature.txt"));
    let right = right.trim();
    for wrong in ["AAAA", &right[4..], &right[..right.len() - 4], fixture("event-signature.txt").trim()] {
        assert_eq!(intake.post(&[(HEADER, wrong)], &body).await.status, 401, "{wrong}");
    }
    assert_eq!(intake.post(&[], &body).await.status, 401);
    assert_eq!(intake.post(&[(HEADER, right)], format!("{body} ")).await.status, 401, "a blank more");
    for _ in 0..2 {
        let answer = intake.post(&[(HEADER, right)], &body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, SUCCESS));
    }
    assert_eq!(intake.subjects().await, ["shop order 000000412"]);
    assert_eq!((intake.counted("accepted"), intake.counted("duplicate")), (1, 1));
}

/// Adobe's key server: answers the one key, 404 for any other path, and counts what it was asked.
async fn key_server() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::<AtomicUsize>::default());
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap();
            let known = head[..read].starts_with(b"GET /prod/keys/pub-key-1.pem ");
            let (status, body) =
                if known { ("200 OK", fixture("public-key.pem")) } else { ("404 Not Found", String::new()) };
            let answer =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, asked)
}

#[tokio::test]
async fn events_of_adobes_gateway_need_one_valid_signature_and_our_name_in_them() {
    let (keys, asked) = key_server().await;
    let lines = |recipient: &str| {
        format!(
            "[connections.shop-main.webhook]\nscheme = \"io_events_rsa\"\nrecipient = \"{recipient}\"\nkeys_url = \"http://{keys}\"\n"
        )
    };
    let intake = Intake::with(furnished(&lines("5f0e3a7b9c")).shop_flow(INVOICES_IN, "enabled = true")).await;
    let (body, right) = (fixture("event-body.json"), fixture("event-signature.txt"));
    let event = |first: &str, path: &str| {
        vec![
            ("x-adobe-event-code".to_owned(), "com.adobe.commerce.observer.sales_order_invoice_save_after".to_owned()),
            ("x-adobe-event-id".to_owned(), "0b9d7c52".to_owned()),
            ("x-adobe-digital-signature-1".to_owned(), first.to_owned()),
            ("x-adobe-digital-signature-2".to_owned(), "AAAA".to_owned()),
            ("x-adobe-public-key1-path".to_owned(), path.to_owned()),
            ("x-adobe-public-key2-path".to_owned(), "/prod/keys/pub-key-1.pem".to_owned()),
        ]
    };
    let post = async |headers: Vec<(String, String)>, body: &str| {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        intake.post(&headers, body).await.status
    };
    const KEY: &str = "/prod/keys/pub-key-1.pem";
    let right = right.trim();
    assert_eq!(post(event(&right[4..], KEY), &body).await, 401);
    assert_eq!(post(Vec::new(), &body).await, 401);
    assert_eq!(post(event(right, KEY), &body.replace("732", "733")).await, 401);
    let before = asked.load(Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(post(event(right, "/prod/keys/unknown.pem"), &body).await, 401);
        assert_eq!(post(event(right, "/../../evil"), &body).await, 401);
    }
    let more = asked.load(Ordering::Relaxed) - before;
    assert!(more <= 1, "Adobe is asked {more} times for a key that it does not have");
    assert_eq!(intake.jobs().await.len(), 0);
    assert_eq!(post(event(right, KEY), &body).await, 200);
    assert_eq!(post(event(right, KEY), &body).await, 200);
    assert_eq!(intake.subjects().await, ["shop invoice 732"]);
    assert_eq!((intake.counted("accepted"), intake.counted("duplicate")), (1, 1));

    let stranger = Intake::open(&lines("another-client")).await;
    let headers = event(right, KEY);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(stranger.post(&headers, &body).await.status, 401);
}

#[tokio::test]
async fn a_challenge_is_answered_where_adobes_gateway_is_expected_and_nowhere_else() {
    let lines = "[connections.shop-main.webhook]\nscheme = \"io_events_rsa\"\nrecipient = \"5f0e3a7b9c\"\n";
    let intake = Intake::open(lines).await;
    let url = format!("http://{}{PATH}", intake.address);
    assert!(intake.house.shop().challenge(&url).await.unwrap());
    let get = async |query: &str| send(intake.address, "GET", &format!("{PATH}{query}"), &[], b"").await.unwrap();
    let answer = get("?challenge=8ec8d794-e0ab-42df").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "8ec8d794-e0ab-42df"));
    assert!(answer.head.contains("content-type: text/plain"), "{}", answer.head);
    for query in ["", "?challenge=", "?challenge=%3Cscript%3E", "?other=1"] {
        assert_eq!(get(query).await.status, 400, "{query}");
    }
    let hmac = Intake::open(HMAC).await;
    assert_eq!(send(hmac.address, "GET", &format!("{PATH}?challenge=a"), &[], b"").await.unwrap().status, 405);
}

#[tokio::test]
async fn settings_that_are_not_enough_stop_the_start_and_name_the_key() {
    let empty = TempDir::new().unwrap();
    let no_key = empty.path().join("key.pem");
    std::fs::write(&no_key, "no key").unwrap();
    let missing = empty.path().join("missing.pem");
    for (lines, key) in [
        ("scheme = \"static_header\"".to_owned(), "webhook.header"),
        ("scheme = \"commerce_rsa\"".to_owned(), "webhook.public_keys"),
        (format!("scheme = \"commerce_rsa\"\npublic_keys = [\"{}\"]", no_key.display()), "webhook.public_keys"),
        (format!("scheme = \"commerce_rsa\"\npublic_keys = [\"{}\"]", missing.display()), "webhook.public_keys"),
        ("scheme = \"io_events_rsa\"".to_owned(), "webhook.recipient"),
    ] {
        let config = furnished(&format!("[connections.shop-main.webhook]\n{lines}\n"));
        // Perhaps the settings refuse it already.
        let problem = match House::open_without_worker(config).await {
            Err(problem) => format!("{problem:#}"),
            Ok(house) => {
                webhook::serve(rooms(&house).await, any_port(), Shutdown::new()).await.unwrap_err().to_string()
            }
        };
        assert!(problem.contains(key), "{lines}: {problem}");
    }
}
