//! Events of Adobe's gateway, with keys fetched from where it keeps them.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{Router, routing::get};
use mlc_adobe::{
    AdobeConfig,
    webhook::{DeliveryHeaders, Refused, Scheme},
};

use crate::support::Site;

const PEM: &str = include_str!("../../src/webhook/fixtures/public-key.pem");
const BODY: &[u8] = include_bytes!("../../src/webhook/fixtures/event-body.json");
const SIGNED: &str = include_str!("../../src/webhook/fixtures/event-signature.txt");

fn headers(path: &str) -> DeliveryHeaders {
    DeliveryHeaders::new([("x-adobe-digital-signature-1", SIGNED), ("x-adobe-public-key1-path", path)])
}

#[tokio::test]
async fn a_key_is_fetched_once_and_an_unknown_one_proves_nothing() {
    let fetched = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&fetched);
    let key = get(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { PEM }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let event_keys_url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/prod/keys/pub-key-1.pem", key);
    tokio::spawn(async move { axum::serve(listener, router).await });

    let site = Site::paas().await;
    let config = AdobeConfig { event_keys_url, ..site.config() };
    let client = site.client_with(config, site.secrets()).await.unwrap();
    let scheme = Scheme::IoEventsRsa { client_id: "5f0e3a7b9c".to_owned() };
    for _ in 0..2 {
        let headers = headers("/prod/keys/pub-key-1.pem");
        let keys = client.event_keys(&headers).await.unwrap();
        assert_eq!(scheme.verify(&headers, BODY, &keys), Ok(()));
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 1, "kept");
    for path in ["/prod/keys/pub-key-2.pem", "//evil.example/keys/pub-key-1.pem"] {
        let headers = headers(path);
        let keys = client.event_keys(&headers).await.unwrap();
        assert_eq!(scheme.verify(&headers, BODY, &keys), Err(Refused::NoKey), "{path}");
    }
}
