//! `mlc alerts`, as people type it.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use crate::{
    house::{House, Receiver},
    mail_server::MailServer,
    private_redis::{assert_fails, stderr, stdout},
};

const CHANNELS: &str = "[alerts.channels.hook]\nkind = \"webhook\"\n[alerts.channels.chat]\nkind = \"slack\"";

fn set(house: &House, arguments: &[&str], secret: &str) -> Output {
    let mut command = house.redis.command(&[&["alerts", "set-secret"], arguments].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{secret}\n").as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_set_up_and_tried_and_its_answer_is_told_without_its_secret() {
    let receiver = Receiver::start().await;
    let house = House::with(CHANNELS).await;
    let listed = house.redis.json(0, &["alerts", "list"]);
    assert_eq!(listed["channels"][0]["missing"][0], "url");
    assert_fails_softly(
        &house.redis.run(&["alerts", "test", "hook"]),
        "its url is not set: mlc alerts set-secret hook url",
    );
    let stored = set(&house, &["hook"], &receiver.url);
    assert!(stored.status.success(), "{}", stderr(&stored));
    assert!(set(&house, &["hook", "signing_key"], "0123456789abcdef").status.success());
    let tried = house.redis.run(&["alerts", "test", "hook"]);
    assert!(stdout(&tried).contains("hook has taken the test message: 200 noted [redacted]"), "{}", stdout(&tried));
    let got = receiver.take();
    assert_eq!(got.len(), 1);
    assert!(got[0].0.contains_key("x-mlc-signature") && got[0].1.contains("\"test\":true"), "{}", got[0].1);
    receiver.answer(404);
    assert_fails_softly(&house.redis.run(&["alerts", "test", "hook"]), "it answered with status 404");
    let listed = stdout(&house.redis.run(&["alerts", "list"]));
    assert!(listed.contains("signing_key") && listed.contains("Nothing fires."), "{listed}");
    // What the person did is on record, and what was typed is nowhere.
    let people = stdout(&house.redis.run(&["audit", "people"]));
    for what in ["set_secret", "alerts:hook/url", "alerts:hook/signing_key", "test_alerts", "not taken"] {
        assert!(people.contains(what), "{what}: {people}");
    }
    assert!(!format!("{people}{listed}").contains("0123456789abcdef"));
    let gone = house.redis.json(0, &["alerts", "delete-secret", "hook", "signing_key"]);
    assert_eq!(gone["secret"], "signing_key");
    assert_fails(&house.redis.run(&["alerts", "delete-secret", "hook", "signing_key"]), 3, &["was not set"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_killed_in_the_middle_stands_in_the_audit_as_begun() {
    let receiver = Receiver::start().await;
    let house = House::with(CHANNELS).await;
    assert!(set(&house, &["hook"], &receiver.url).status.success());
    receiver.answer(0);
    let mut command = house.redis.command(&["alerts", "test", "hook"]);
    let mut testing = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while receiver.take().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing was sent");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    testing.kill().unwrap();
    testing.wait().unwrap();
    let people = house.redis.json(0, &["audit", "people", "--what", "test_alerts"]);
    assert_eq!(people["items"].as_array().map(Vec::len), Some(1), "{people}");
    let item = &people["items"][0];
    assert_eq!((&item["who"], &item["subject"], &item["unfinished"]), (&"lena".into(), &"hook".into(), &true.into()));
    let told = stdout(&house.redis.run(&["audit", "people"]));
    assert!(told.contains("began, outcome unknown"), "{told}");
}

fn assert_fails_softly(output: &Output, needle: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    assert!(stdout(output).contains(needle), "{}", stdout(output));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_refused_without_being_quoted() {
    let house = House::with(CHANNELS).await;
    for (arguments, secret, code, needle) in [
        (&["hook"][..], "http://hooks.example.com/canary", 1, "use https"),
        (&["chat"][..], "canary", 1, "nothing was stored"),
        (&["chat"][..], "https://u:canary@hooks.example.com/", 1, "before `@`"),
        (&["chat", "token"][..], "canary", 3, "known: url"),
        (&["nobody"][..], "canary", 3, "known: chat, hook"),
        (&["hook", "token"][..], "cänary", 1, "no header can carry"),
        (&["hook"][..], " ", 1, "is blank"),
    ] {
        let output = set(&house, arguments, secret);
        assert_fails(&output, code, &[needle]);
        assert!(!stderr(&output).contains("canary"), "{}", stderr(&output));
    }
    let listed = house.redis.json(0, &["alerts", "list"]);
    assert!(
        listed["channels"].as_array().unwrap().iter().all(|channel| channel["secrets"].as_array().unwrap().is_empty())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_channels_are_tried_and_one_that_fails_does_not_stop_the_rest() {
    let (receiver, server) = (Receiver::start().await, MailServer::start().await);
    let mail = format!(
        "{CHANNELS}\n[alerts.channels.post]\nkind = \"mail\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"mlc@example.com\"\nto = [\"a@example.com\"]",
        server.port
    );
    let house = House::with(&mail).await;
    house.secret("hook", "url", &receiver.url).await;
    let tried = house.redis.json(1, &["alerts", "test"]);
    let taken: Vec<(&str, bool)> = tried["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["channel"].as_str().unwrap(), item["taken"].as_bool().unwrap()))
        .collect();
    assert_eq!(taken, [("chat", false), ("hook", true), ("post", true)]);
    assert!(tried["items"][2]["answer"].as_str().unwrap().contains("queued as 4711"), "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_producer_tells_by_itself_and_ends_when_it_is_told_to() {
    let receiver = Receiver::start().await;
    let house = House::with_hook(&receiver, "every = \"5s\"\ngroup_wait = \"0s\"").await;
    house.hold("epicor-main").await;
    let producer = house.redis.command(&["produce"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let given_up = Instant::now() + Duration::from_secs(30);
    let told = loop {
        let told = receiver.told();
        if !told.is_empty() || Instant::now() > given_up {
            break told;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    Command::new("kill").args(["-TERM", &producer.id().to_string()]).status().unwrap();
    let ended = tokio::task::spawn_blocking(move || producer.wait_with_output()).await.unwrap().unwrap();
    let log = stderr(&ended);
    assert_eq!(told, ["firing held"], "{log}");
    assert!(ended.status.success() && log.contains("This producer sends alerts now"), "{log}");
    assert!(!log.contains("/hooks/canary") && !log.contains("canary@"), "{log}");
    assert_eq!(house.rooms.ledger.leader("alerts").await.unwrap(), None, "the lead was given back");
}
