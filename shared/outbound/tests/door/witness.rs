//! What a witness is told, and what never.

use axum::{Router, http::HeaderMap, routing::any};
use mlc_outbound::{BoxFuture, Credentials, Door, IssuedToken, Method, Request, TokenFault, TokenIssuer, witnessed};

use crate::support::{PrivateRedis, config, door, serve};

/// Sells a token and echoes whatever it is asked with.
#[derive(Debug)]
struct Seller;

impl TokenIssuer for Seller {
    fn cache_key(&self) -> String {
        "seller".to_owned()
    }

    fn issue<'a>(&'a self, door: &'a Door) -> BoxFuture<'a, Result<IssuedToken, TokenFault>> {
        Box::pin(async move {
            let form = Request::new(Method::POST, "/token", "token.issue").form(&[("client_secret", "s3cret-of-ours")]);
            door.ask_for_token(&form, &Credentials::default()).await?;
            Ok(IssuedToken {
                secret: "token-secret-1".to_owned().into(),
                expires_in: std::time::Duration::from_secs(600),
            })
        })
    }
}

async fn echo() -> String {
    let router = Router::new().fallback(any(|headers: HeaderMap, body: String| async move {
        let given = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        format!("{{\"id\":7,\"with\":\"{given}\",\"body\":{body:?}}}")
    }));
    serve(router).await
}

#[tokio::test]
async fn a_witness_hears_writes_and_answers_but_no_credential() {
    let (redis, server) = (PrivateRedis::start().await, echo().await);
    let door = door(&redis, config(&server)).await;
    let credentials = Credentials { token: Some(std::sync::Arc::new(Seller)), ..Credentials::default() };
    let (answer, said) = witnessed(async {
        door.send(&Request::new(Method::GET, "/a", "companies.read"), &credentials).await.unwrap();
        let search = Request::new(Method::POST, "/a", "companies.find").json("{\"q\":1}").writes(false);
        door.send(&search, &credentials).await.unwrap();
        let write = Request::new(Method::POST, "/a", "companies.update").json("{\"name\":\"Acme\"}");
        door.send(&write, &credentials).await.unwrap()
    })
    .await;
    assert!(answer.text().contains("token-secret-1"), "the server does echo");
    let [write] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((write.operation, write.status), ("companies.update", Some(200)));
    assert_eq!(write.sent.as_ref(), b"{\"name\":\"Acme\"}");
    let told = String::from_utf8(write.answered.to_vec()).unwrap();
    assert!(told.contains("Acme") && !told.contains("token-secret") && !told.contains("s3cret"), "{told}");
}

#[tokio::test]
async fn a_write_without_an_answer_is_told_too() {
    let redis = PrivateRedis::start().await;
    // Nobody listens there.
    let door = door(&redis, config("http://127.0.0.1:9")).await;
    let write = Request::new(Method::POST, "/a", "companies.update").json("{}");
    let (sent, said) = witnessed(door.send(&write, &Credentials::default())).await;
    assert!(sent.is_err());
    assert_eq!(said.iter().map(|said| (said.status, said.answered.len())).collect::<Vec<_>>(), [(None, 0)]);
}
