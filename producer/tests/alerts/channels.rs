//! What arrives at the receivers, and what hostile texts become there.

use hmac::{Hmac, Mac as _};
use mlc_model::{Fault, FaultKind, System};
use serde_json::Value;
use sha2::Sha256;

use crate::{
    house::{House, Receiver},
    mail_server::MailServer,
};

/// A cause as another system could spell it.
fn hostile() -> Fault {
    let code =
        "<!channel>\r\nBcc: canary@example.com\r\n\r\n<script>alert(1)</script>\u{202e}&<https://evil.example|click>";
    Fault::new(FaultKind::Rejected, System::Hubspot, "push", "message").with_code(code)
}

/// One hostile cause of dead letters, told by every channel.
async fn tell(house: &House) {
    house.die_of(hostile()).await;
    let one = house.notifier("one");
    one.look().await.unwrap();
    house.after(30);
    one.look().await.unwrap();
}

#[tokio::test]
async fn a_webhook_is_signed_with_its_time_and_has_the_documented_form() {
    let receiver = Receiver::start().await;
    let house = House::with_hook(&receiver, "console_url = \"https://console.example.com/mlc/\"").await;
    house.secret("hook", "signing_key", "0123456789abcdef").await;
    house.secret("hook", "token", "t0ken").await;
    tell(&house).await;
    let got = receiver.take();
    let [(headers, body)] = got.as_slice() else { panic!("{got:?}") };
    let signature = headers["x-mlc-signature"].to_str().unwrap();
    let (time, digest) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).unwrap();
    assert_eq!(time.parse::<i64>().unwrap(), house.rooms.clock.now().timestamp());
    let mut mac = Hmac::<Sha256>::new_from_slice(b"0123456789abcdef").unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, expected);
    assert_eq!(headers["authorization"], "Bearer t0ken");
    let document: Value = serde_json::from_str(body).unwrap();
    assert_eq!(headers["x-mlc-message"], document["id"].as_str().unwrap());
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&document), "alerts channel created_at id installation more summary test version");
    let alert = &document["alerts"][0];
    assert_eq!(keys(alert), "alert ended_at event kind link severity since state subject text");
    assert_eq!((&document["version"], &document["test"], &document["more"]), (&1.into(), &false.into(), &0.into()));
    assert_eq!(document["created_at"], "2026-11-23T12:00:30.000Z");
    assert_eq!((&alert["state"], &alert["kind"]), (&"firing".into(), &"dead_letters".into()));
    let link = alert["link"].as_str().unwrap();
    assert!(link.starts_with("https://console.example.com/mlc/dead-letters/list?cause="), "{link}");
    let text = alert["text"].as_str().unwrap();
    assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
}

#[tokio::test]
async fn a_chat_shows_hostile_texts_harmlessly_and_calls_nobody() {
    let receiver = Receiver::start().await;
    let house = House::with(
        "[alerts]\nconsole_url = \"https://console.example.com\"\n[alerts.channels.chat]\nkind = \"slack\"",
    )
    .await;
    house.secret("chat", "url", &receiver.url).await;
    tell(&house).await;
    let documents = receiver.documents();
    let [document] = documents.as_slice() else { panic!("{documents:?}") };
    let section = &document["blocks"][1]["text"];
    let text = section["text"].as_str().unwrap();
    assert_eq!(section["type"], "mrkdwn");
    assert!(text.contains("&lt;!channel&gt;") && text.contains("&lt;script&gt;") && text.contains("&amp;"), "{text}");
    // The only link is ours.
    assert_eq!(text.matches('<').count(), 1, "{text}");
    assert!(text.contains("<https://console.example.com/dead-letters/list?cause="), "{text}");
    assert_eq!(document["blocks"][0]["text"]["type"], "plain_text");
    assert!(document["text"].as_str().unwrap().contains("ml-connector (mlc): Warning: "), "{document}");
}

#[tokio::test]
async fn a_mail_is_plain_text_and_a_hostile_text_adds_no_header_and_no_receiver() {
    let server = MailServer::start().await;
    let house = House::with(&format!(
        "[alerts.channels.post]\nkind = \"mail\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"svc\"\nfrom = \"mlc@example.com\"\n\
         to = [\"a@example.com\", \"b@example.com\"]",
        server.port
    ))
    .await;
    house.secret("post", "password", "s3cret").await;
    tell(&house).await;
    let said = server.said.lock().unwrap().clone();
    let [said] = said.as_slice() else { panic!("{said:?}") };
    let receivers: Vec<&String> = said.iter().filter(|line| line.starts_with("RCPT")).collect();
    assert_eq!(receivers, ["RCPT TO:<a@example.com>", "RCPT TO:<b@example.com>"]);
    assert!(said.iter().any(|line| line.starts_with("AUTH ")), "{said:?}");
    let data = said.iter().position(|line| line == "DATA").unwrap();
    let blank = data + said[data..].iter().position(String::is_empty).unwrap();
    let names: Vec<&str> = said[data + 1..blank].iter().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    for name in &names {
        let known = [
            "Message-ID",
            "Date",
            "From",
            "To",
            "Subject",
            "Content-Type",
            "Content-Transfer-Encoding",
            "MIME-Version",
        ];
        assert!(known.contains(name), "{names:?}");
    }
    let head = said[data + 1..blank].join("\n");
    assert!(head.contains("Content-Type: text/plain; charset=utf-8"), "{head}");
    assert!(head.contains("Subject: [ml-connector mlc] Warning: 1 new, dead_letters of "), "{head}");
    let id = head.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap();
    assert!(id.ends_with("@example.com>"), "{id}");
    let body = said[blank..].join("\n");
    assert!(body.contains("dead letter") && !body.lines().any(|line| line.starts_with("Bcc")), "{body}");
}

#[tokio::test]
async fn a_mail_server_that_refuses_is_told_by_its_code_and_tried_again_with_the_same_mail() {
    let server = MailServer::start().await;
    let house = House::with(&format!(
        "[alerts.channels.post]\nkind = \"mail\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"mlc@example.com\"\nto = [\"a@example.com\"]",
        server.port
    ))
    .await;
    server.refuse(true);
    tell(&house).await;
    let book = house.rooms.ledger.alert_book().await.unwrap();
    let entry = &book.channels[&"post".parse().unwrap()];
    assert_eq!(entry.problem.as_deref(), Some("the mail server answered with 550"));
    server.refuse(false);
    house.after(600);
    house.notifier("one").look().await.unwrap();
    let book = house.rooms.ledger.alert_book().await.unwrap();
    let entry = &book.channels[&"post".parse().unwrap()];
    assert!(entry.problem.is_none() && entry.message.is_none() && entry.sent_at.is_some(), "{entry:?}");
}

#[tokio::test]
async fn a_mail_server_without_protection_hears_neither_the_password_nor_the_mail() {
    for tls in ["starttls", "implicit"] {
        let server = MailServer::start().await;
        let house = House::with(&format!(
            "[alerts.channels.post]\nkind = \"mail\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"{tls}\"\nuser = \"svc\"\nfrom = \"mlc@example.com\"\n\
             to = [\"a@example.com\"]",
            server.port
        ))
        .await;
        house.secret("post", "password", "s3cret").await;
        tell(&house).await;
        let book = house.rooms.ledger.alert_book().await.unwrap();
        let entry = &book.channels[&"post".parse().unwrap()];
        assert!(entry.problem.is_some() && entry.sent_at.is_none(), "{entry:?}");
        for line in server.said.lock().unwrap().concat() {
            assert!(!["AUTH", "MAIL", "RCPT", "DATA"].iter().any(|word| line.starts_with(word)), "{tls}: {line}");
        }
    }
}
