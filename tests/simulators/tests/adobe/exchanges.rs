//! The recorded sessions with a real server, lived through again.

use crate::{compare::differences, replay::Session, vectors::fixture};

/// Steps that are left out, with the reason. The README lists the same.
const LEFT_OUT: [(&str, &str); 7] = [
    ("create product", "the catalogue is not simulated"),
    ("delete product", "the catalogue is not simulated"),
    ("stock after", "stock is not simulated"),
    ("E: order after", "the request that made this order was not recorded; its state cannot be explained without"),
    ("dev mode: unknown order", "developer mode with its traces is not simulated"),
    ("dev mode: invoices bad", "developer mode with its traces is not simulated"),
    ("E: invoice", "belongs to the order above"),
];

#[tokio::test]
async fn the_recorded_sessions_get_the_same_answers() {
    let steps = fixture("observed-exchanges.json");
    let mut session = Session::start().await;
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (at, step) in steps.iter().enumerate() {
        let label = step["label"].as_str().unwrap();
        if LEFT_OUT.iter().any(|(left_out, _)| *left_out == label) {
            continue;
        }
        session.prepare(at, step);
        let reply = session.send(step).await;
        compared += 1;
        let media = |text: &str| text.split(';').next().unwrap_or_default().to_owned();
        let mut found = Vec::new();
        if step["status"] != reply.status {
            found.push(format!("status {} against {}: {:.300}", step["status"], reply.status, reply.body));
        } else {
            let recorded = media(step["content_type"].as_str().unwrap_or_default());
            if recorded != media(&reply.content_type) {
                found.push(format!("content type {recorded} against {}", reply.content_type));
            }
            if recorded != "text/html" {
                found.extend(differences(&step["response"], &reply.json()));
            }
        }
        if !found.is_empty() {
            wrong.push(format!("{at} {label}:\n    {}", found.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(compared, steps.len() - LEFT_OUT.len());
}
