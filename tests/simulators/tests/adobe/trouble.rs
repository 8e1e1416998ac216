//! Faults, latency, the control API.

use std::time::{Duration, Instant};

use mlc_simulators::adobe::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::{
    client::{Client, send},
    orders::purchase_order,
};

#[tokio::test]
async fn a_line_that_breaks_after_the_write_leaves_the_order() {
    let client = Client::paas().await;
    client.sim.add_fault(Fault::times("POST /rest/default/V1/orders", FaultKind::ResetAfterWrite, 1));
    assert!(client.try_call("POST", "/V1/orders", &purchase_order("PO-1")).await.is_none());
    assert_eq!(client.sim.orders_numbered("PO-1").len(), 1);
    client.sim.add_fault(Fault::times("*", FaultKind::ResetBefore, 1));
    assert!(client.try_call("POST", "/V1/orders", &purchase_order("PO-2")).await.is_none());
    assert!(client.sim.orders_numbered("PO-2").is_empty());
    assert_eq!((client.sim.faults_committed(), client.sim.request_log().by_status[&0]), (2, 2));
}

#[tokio::test]
async fn each_fault_has_its_status_and_shape() {
    let client = Client::paas().await;
    let kinds = [
        (FaultKind::TooManyRequests, 429, "application/json"),
        (FaultKind::Unavailable, 503, "text/html"),
        (FaultKind::Firewall, 403, "text/html"),
        (FaultKind::MaskedError, 500, "application/json"),
        (FaultKind::PhpError, 500, "text/plain"),
        (FaultKind::HtmlError, 500, "text/html"),
        (FaultKind::NotAuthorized, 401, "application/json"),
        (FaultKind::Html200, 200, "text/html"),
    ];
    for (kind, status, media) in kinds {
        client.sim.add_fault(Fault { retry_after: Some("7".to_owned()), ..Fault::times("/V1/modules", kind, 1) });
        let reply = client.try_call("GET", "/V1/modules", &Value::Null).await.unwrap();
        assert_eq!((reply.status, reply.content_type.split(';').next()), (status, Some(media)), "{kind:?}");
        assert_eq!(reply.headers.contains("retry-after: 7"), !matches!(kind, FaultKind::Html200), "{kind:?}");
    }
    assert_eq!(client.get("/V1/modules").await.0, 200);
}

#[tokio::test]
async fn latency_delays_every_answer_and_calls_overlap() {
    let client = Client::paas().await;
    client.sim.set_latency(Duration::from_millis(100));
    let begun = Instant::now();
    let nothing = Value::Null;
    let (first, second) =
        tokio::join!(client.call("GET", "/V1/modules", &nothing), client.call("GET", "/V1/modules", &nothing));
    assert_eq!((first.0, second.0), (200, 200));
    assert!(begun.elapsed() >= Duration::from_millis(100));
    assert_eq!(client.sim.request_log().in_flight_max, 2);
}

#[tokio::test]
async fn the_control_api_changes_switches_and_shows_tables() {
    let client = Client::paas().await;
    let control = |method: &'static str, path: &'static str, body: Value| {
        let address = client.address();
        async move {
            let reply = send(&address, method, path, &[], body.to_string().as_bytes()).await.unwrap();
            (reply.status, reply.json())
        }
    };
    let (status, behaviour) = control("POST", "/__control/behaviour", json!({ "b2b": false })).await;
    assert_eq!((status, behaviour["b2b"].as_bool()), (200, Some(false)));
    assert_eq!(control("POST", "/__control/orders", purchase_order("SHOP-1")).await.0, 200);
    assert_eq!(control("GET", "/__control/orders", json!({})).await.1[0]["increment_id"], "SHOP-1");
    assert_eq!(control("POST", "/__control/faults", json!({ "kind": "masked_error", "times": 1 })).await.0, 200);
    assert_eq!(client.get("/V1/modules").await.0, 500);
    assert_eq!(control("GET", "/__control/stats", json!({})).await.1["faults_committed"], 1);
    assert_eq!(control("GET", "/__control/nosuch", json!({})).await.0, 404);
}
