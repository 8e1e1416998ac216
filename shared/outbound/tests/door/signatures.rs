//! Requests that are signed one by one.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use axum::{Router, http::HeaderMap, routing::any};
use chrono::{DateTime, Utc};
use mlc_model::Fault;
use mlc_outbound::{Credentials, Method, Request, RequestSigner, Url};
use secrecy::SecretString;

use crate::support::{PrivateRedis, config, door, serve};

#[derive(Default)]
struct Counting(AtomicU32);

impl RequestSigner for Counting {
    fn sign(&self, method: &Method, url: &Url, _: DateTime<Utc>) -> Result<Vec<(&'static str, SecretString)>, Fault> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let text = format!("Signed {number} {method} {} {}", url.path(), url.query().unwrap_or_default());
        Ok(vec![("authorization", SecretString::from(text))])
    }

    fn secrets(&self) -> Vec<SecretString> {
        vec![SecretString::from("signing-secret".to_owned())]
    }
}

#[tokio::test]
async fn every_try_is_signed_anew_over_the_address_that_goes_out() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let noting = Arc::clone(&seen);
    let router = Router::new().fallback(any(move |headers: HeaderMap| {
        let signature = headers["authorization"].to_str().unwrap().to_owned();
        noting.lock().unwrap().push(signature);
        async { "ok" }
    }));
    let redis = PrivateRedis::start().await;
    let door = door(&redis, config(&format!("{}/shop", serve(router).await))).await;
    let credentials = Credentials::none().with_signer(Arc::new(Counting::default()));
    let request = Request::new(Method::GET, "/V1/orders?a%5B0%5D=x%20y", "orders.search");
    door.send(&request, &credentials).await.unwrap();
    door.send(&request, &credentials).await.unwrap();
    let expected = |number: u32| format!("Signed {number} GET /shop/V1/orders a%5B0%5D=x%20y");
    assert_eq!(*seen.lock().unwrap(), [expected(0), expected(1)]);
}

#[tokio::test]
async fn the_secrets_of_a_signer_are_taken_out_of_texts_and_debug_output() {
    let redis = PrivateRedis::start().await;
    let door = door(&redis, config("http://127.0.0.1:9")).await;
    let credentials = Credentials::none().with_signer(Arc::new(Counting::default()));
    assert_eq!(door.redact("you used signing-secret", &credentials), "you used [redacted]");
    assert!(!format!("{credentials:?}").contains("signing-secret"));
}
