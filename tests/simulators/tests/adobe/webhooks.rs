//! What the shop sends.

use mlc_simulators::adobe::{BodyForm, Delivery, Scheme};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{client::Client, orders::purchase_order};

/// Takes one delivery, answers `{"op":"success"}`, and tells what came.
async fn receiver() -> (String, tokio::task::JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks/adobe/main", listener.local_addr().unwrap());
    let received = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        let mut buffer = vec![0; 65_536];
        loop {
            let count = stream.read(&mut buffer).await.unwrap();
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "))
                .and_then(|length| length.parse().ok());
            if length.is_some_and(|length: usize| body.len() >= length) {
                break;
            }
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 16\r\n\r\n{\"op\":\"success\"}")
            .await
            .unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    });
    (url, received)
}

#[tokio::test]
async fn a_raw_delivery_is_signed_as_the_known_vector() {
    let client = Client::paas().await;
    let (url, received) = receiver().await;
    let payload: Value = json!({ "event": { "data": { "value": { "entity_id": 41, "increment_id": "000000041", "status": "pending" } } } });
    let delivery = Delivery {
        scheme: Scheme::HmacSha256,
        secret: "wh-secret-for-tests".to_owned(),
        ..Delivery::new(&url, BodyForm::Raw, payload)
    };
    let reply = client.sim.deliver(&delivery).await.unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (200, "{\"op\":\"success\"}"));
    let (head, _) = received.await.unwrap();
    assert!(head.contains("x-adobe-signature: QQhuNzuyhMwjn+Ps1OuSwa/0d1ISnlXEU+3XK5Qiq2I="), "{head}");
    assert!(head.contains("x-adobe-commerce-request-id: "), "{head}");
}

#[tokio::test]
async fn the_place_hook_sends_an_order_without_id_and_with_wobbling_types() {
    let client = Client::paas().await;
    let id = client.sim.place_order(&purchase_order("000000412")["entity"]).unwrap();
    let (url, received) = receiver().await;
    let delivery = Delivery {
        order_id: Some(id),
        before_save: true,
        wobble: true,
        ..Delivery::new(&url, BodyForm::Observer, Value::Null)
    };
    client.sim.deliver(&delivery).await.unwrap();
    let (_, body) = received.await.unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    let order = &body["data"]["order"];
    assert_eq!((body["eventName"].as_str(), order["entity_id"].is_null()), (Some("sales_order_place_after"), true));
    assert_eq!((&order["items"]["1"]["price"], &order["grand_total"]), (&json!("10.5000"), &json!("262.5000")));
}
