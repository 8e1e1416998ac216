//! The command line as people and scripts meet it: the built binary against a Redis of its own.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod private_redis;
#[path = "command_line/top.rs"]
mod top;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use mlc_flow::{PollPage, PushRecord};
use mlc_model::{Fault, FaultKind, System};
use mlc_queue::{Lane, Order, Outcome, Registry, Workers, WorkersConfig};
use mlc_runtime::{metrics::Metrics, readiness::Readiness, shutdown::Shutdown};
use private_redis::{KEYS, PrivateRedis, assert_fails, mlc, stderr, stdout};

const VENDORS: &str = "epicor_to_hubspot::vendors";

#[test]
fn redis_down_is_said_in_one_line_within_seconds_and_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mlc.toml");
    std::fs::write(&file, "").unwrap();
    for arguments in [&["jobs"][..], &["sync", VENDORS], &["produce"]] {
        let started = Instant::now();
        let output = mlc(arguments)
            .arg("--config")
            .arg(&file)
            .env("MLC_VAULT_KEYS", KEYS)
            .env("MLC__REDIS__URL", "redis://:canary-4711@127.0.0.1:9/0")
            .output()
            .unwrap();
        assert!(started.elapsed() < Duration::from_secs(8), "{arguments:?} took {:?}", started.elapsed());
        assert_fails(&output, 4, &["127.0.0.1:9", "Redis"]);
        assert!(!stderr(&output).contains("canary"), "{}", stderr(&output));
    }
}

#[test]
fn a_full_redis_and_a_replica_are_said_in_words() {
    let redis = PrivateRedis::start();
    let set = |arguments: &[&str]| {
        let mut cli = Command::new("redis-cli");
        cli.arg("-s").arg(redis.settings_file().with_file_name("redis.sock")).args(arguments);
        assert!(cli.stdout(Stdio::null()).status().unwrap().success());
    };
    set(&["config", "set", "maxmemory", "1"]);
    assert_fails(&redis.run(&["sync", VENDORS, "--no-wait"]), 4, &["Redis is full (maxmemory)"]);
    // What takes memory can be stopped all the same.
    redis.json(0, &["pause", "hubspot-main", "--reason", "x"]);
    set(&["config", "set", "maxmemory", "0"]);
    set(&["replicaof", "127.0.0.1", "9"]);
    assert_fails(&redis.run(&["sync", VENDORS, "--no-wait"]), 4, &["Redis is a read-only replica"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_without_the_key_of_a_secret_speaks_of_the_key_ring() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let lane = Lane::parse("hubspot-main").unwrap();
    rooms.secrets.set(&lane.0, "token", "canary-4711".to_owned().into()).await.unwrap();
    let other = KEYS.replace("test:AAE", "other:BBE");
    std::fs::write(redis.settings_file().with_file_name("keys"), other).unwrap();
    let told = redis.json(1, &["ping", "hubspot-main"]).to_string();
    assert!(told.contains("key ring") && !told.contains("[connections."), "{told}");
}

#[test]
fn everything_wrong_with_the_settings_is_found_in_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mlc.toml");
    let text = "[redis]\nurl = \"http://x\"\n[connections.a]\nsystem = \"epicor\"\nbase_url = \"nonsense\"\n\
                [flows.\"epicor_to_hubspot::vendors\"]\nfrom = \"a\"\nto = \"b\"\ncron = \"61 * * * *\"\n";
    std::fs::write(&file, text).unwrap();
    let output = mlc(&["check"]).arg("--config").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    for needle in ["redis.url", "connections.a.company", "connections.a.base_url", "cron", "unknown connection `b`"] {
        assert!(told.contains(needle), "`{needle}` is missing in:\n{told}");
    }
    let output = mlc(&["check", "--json"]).arg("--config").arg(&file).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &answer["good"]), (Some(1), &serde_json::json!(false)));
    assert_eq!(answer["errors"].as_array().unwrap().len(), told.lines().count());
    let output = mlc(&["check", "--config", "/nowhere/mlc.toml"]).output().unwrap();
    assert_fails(&output, 1, &["/nowhere/mlc.toml"]);
}

#[test]
fn unknown_ids_end_with_their_own_code_and_say_what_is_known() {
    let redis = PrivateRedis::start();
    assert_fails(&redis.run(&["sync", "epicor_to_hubspot::orders"]), 3, &["known:", VENDORS]);
    assert_fails(&redis.run(&["sync", "x"]), 3, &["known:"]);
    assert_fails(&redis.run(&["pause", "sap", "--reason", "x"]), 3, &["epicor-main"]);
    assert_fails(&redis.run(&["resume", "sap"]), 3, &["epicor-main"]);
    assert_fails(&redis.run(&["ping", "sap"]), 3, &["epicor-main"]);
    assert_fails(&redis.run(&["jobs", "show", "nope"]), 3, &["nope"]);
    assert_fails(&redis.run(&["dead-letters", "show", "nope"]), 3, &["nope"]);
    assert_fails(&redis.run(&["window", "replay", "epicor_to_hubspot::vendors.7"]), 3, &["vendors.7"]);
    assert_fails(&redis.run(&["window", "replay", "nope"]), 3, &["nope"]);
    assert_fails(&redis.run(&["audit", "window", "nope"]), 3, &["nope"]);
    assert_fails(&redis.run(&["audit", "record", VENDORS, "EPIC06:VEND:1"]), 3, &["EPIC06:VEND:1"]);
    assert_fails(&redis.run(&["connection", "set-secret", "hubspot-main", "api_key"]), 3, &["token", "refresh_token"]);
    let both = redis.json(3, &["dead-letters", "replay", "nope"]);
    assert_eq!(both["not_on_the_shelf"], serde_json::json!(["nope"]));
}

#[test]
fn a_filter_that_matches_nothing_is_no_success() {
    let redis = PrivateRedis::start();
    assert_eq!(redis.json(0, &["jobs"])["items"], serde_json::json!([]));
    assert_eq!(redis.json(0, &["dead-letters", "list"])["items"], serde_json::json!([]));
    assert_fails(&redis.run(&["jobs", "list", "--kind", "push_record"]), 3, &["no job matches"]);
    assert_fails(&redis.run(&["jobs", "--connection", "epicor-main"]), 3, &["no job matches"]);
    for filter in [["--error", "no name"], ["--priority", "person"], ["--trace", "0123"]] {
        assert_fails(&redis.run(&[&["jobs"][..], &filter].concat()), 3, &["no job matches"]);
    }
    assert_eq!(redis.json(0, &["jobs", "ended"])["items"], serde_json::json!([]));
    assert!(stdout(&redis.run(&["jobs", "ended"])).contains("No job has come to an end yet."));
    assert_fails(&redis.run(&["dead-letters", "list", "--older-than", "2h"]), 3, &["no dead letter matches"]);
    let discard = ["dead-letters", "discard", "--cause", "0123", "--reason", "x"];
    let output = redis.run(&discard);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert_fails(&redis.run(&["dead-letters", "replay"]), 2, &["--all"]);
    assert_fails(&redis.run(&["window", "list", VENDORS, "--state", "open"]), 3, &["no window"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_in_and_never_comes_out_and_opens_a_held_lane() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let lane = Lane::parse("hubspot-main").unwrap();
    rooms.queue.hold(&lane, "401").await.unwrap();
    let missing = redis.json(0, &["connection", "list"]);
    assert_eq!(missing["items"][1]["missing"], serde_json::json!(["token"]));

    let mut child = redis
        .command(&["connection", "set-secret", "hubspot-main", "token", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"canary-4711\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["lane_released"], true);
    assert!(rooms.queue.lane(&lane).await.unwrap().held.is_none());

    for unusable in ["  \n", "a\tb\n"] {
        let mut child = redis
            .command(&["connection", "set-secret", "hubspot-main", "token"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(unusable.as_bytes()).unwrap();
        assert_fails(&child.wait_with_output().unwrap(), 1, &["nothing was stored"]);
    }

    use mlc_vault::ExposeSecret as _;
    let stored = rooms.secrets.get(&lane.0, "token").await.unwrap().unwrap();
    assert_eq!(stored.expose_secret(), "canary-4711");
    for arguments in [&["connection", "list"][..], &["audit", "people"], &["vault", "rotate"]] {
        let output = redis.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(!stdout(&output).contains("canary") && !stderr(&output).contains("canary"));
    }
    let people = redis.json(0, &["audit", "people"]);
    let told = people["items"].as_array().unwrap();
    assert!(told.iter().any(|entry| entry["what"] == "set_secret" && entry["who"] == "lena"), "{people}");
    assert_eq!(redis.run(&["connection", "delete-secret", "hubspot-main", "token"]).status.code(), Some(0));
    assert_fails(&redis.run(&["connection", "delete-secret", "hubspot-main", "token"]), 3, &["was not set"]);
}

#[test]
fn an_order_is_one_order_however_often_it_is_given() {
    let redis = PrivateRedis::start();
    let first = redis.json(0, &["sync", "epicor_to_hubspot::customers", "--no-wait"]);
    assert_eq!((first["coalesced"].as_u64(), first["jobs"].as_array().map(Vec::len)), (Some(0), Some(2)));
    let second = redis.json(0, &["sync", "epicor_to_hubspot::customers", "--no-wait"]);
    assert_eq!((second["coalesced"].as_u64(), &second["jobs"]), (Some(2), &first["jobs"]));
    let jobs = redis.json(0, &["jobs", "list", "--connection", "epicor-main", "--state", "ready"]);
    assert_eq!(jobs["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(jobs["items"][0]["priority"], "person");
    let id = first["jobs"][0].as_str().unwrap();
    let shown = stdout(&redis.run(&["jobs", "show", id, "--payload"]));
    assert!(shown.contains("poll_page") && shown.contains("incremental"), "{shown}");

    assert_eq!(redis.json(0, &["pause", "epicor-main", "--reason", "upgrade"])["waiting"], 2);
    let stopped = redis.run(&["sync", "epicor_to_hubspot::customers"]);
    assert_eq!(stopped.status.code(), Some(1));
    assert!(stderr(&stopped).contains("paused by lena: upgrade"), "{}", stderr(&stopped));
    assert_eq!(redis.json(0, &["resume", "epicor-main"])["resumed"], true);
    assert_eq!(redis.json(0, &["resume", "epicor-main"])["resumed"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_whose_poll_dies_says_so_and_its_letter_can_be_replayed_and_discarded() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let registry = Registry::new().on::<PollPage, _, _>(|_, _| async {
        let fault = Fault::new(FaultKind::Rejected, System::Epicor, "vendors.read", "there is no such company");
        Outcome::Failed(fault.with_status(404))
    });
    let stop = Shutdown::new();
    let config = WorkersConfig { name: "w".to_owned(), concurrency: 2, shutdown_deadline: Duration::from_secs(5) };
    let (waiting, queue) = (stop.waiting(), rooms.queue.clone());
    let worker = tokio::spawn(Workers::run(queue, registry, config, waiting, Metrics::new(), Readiness::default()));

    let ended = redis.json(1, &["sync", VENDORS]);
    assert_eq!((&ended["good"], &ended["finished"], &ended["dead_letters"]), (&false.into(), &true.into(), &1.into()));
    assert_eq!(ended["causes"][0]["example"], "there is no such company");
    let lines = redis.run(&["sync", VENDORS]);
    assert_eq!(lines.status.code(), Some(1));
    assert!(!stdout(&lines).contains("no window was opened"), "{}", stdout(&lines));
    assert!(stdout(&lines).contains("rows read") && stdout(&lines).contains("records refused"), "{}", stdout(&lines));
    assert!(stdout(&lines).contains("dead letters") && stderr(&lines).contains("0 of 0 read"), "{}", stderr(&lines));

    let listed = redis.json(0, &["dead-letters", "list", "--fault", "rejected", "--connection", "epicor-main"]);
    let (id, cause) =
        (listed["items"][0]["job"]["id"].as_str().unwrap(), listed["items"][0]["cause"].as_str().unwrap());
    assert_eq!(redis.json(0, &["dead-letters", "list", "--by-cause"])["items"][0]["hash"], cause);
    assert!(stdout(&redis.run(&["dead-letters", "show", id])).contains("there is no such company"));
    let replayed = redis.json(0, &["dead-letters", "replay", "--cause", cause, "--rate", "50/s"]);
    assert_eq!((&replayed["bulk"]["acted"], &replayed["bulk"]["state"]), (&1.into(), &"done".into()), "{replayed}");
    let back = Instant::now();
    while rooms.queue.dead_letter(&id.parse().unwrap()).await.unwrap().is_none() {
        assert!(back.elapsed() < Duration::from_secs(10), "the replayed job did not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(redis.json(0, &["dead-letters", "discard", id, "--reason", "wrong company"])["discarded"][0], id);
    assert_eq!(redis.run(&["dead-letters", "show", id]).status.code(), Some(3));
    stop.trigger();
    worker.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_not_finished_while_a_record_of_the_flow_waits_for_long_in_an_older_chain() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    // Two pushes of an earlier sync: one of this flow, which the server put off for an hour, and one of another flow.
    let (ours, other) = (push_of(VENDORS, 17), push_of("epicor_to_hubspot::customers", 18));
    rooms.queue.enqueue(&[Order::of(&ours).unwrap(), Order::of(&other).unwrap()]).await.unwrap();
    let registry =
        Registry::new().on::<PollPage, _, _>(|_, _| async { Outcome::done() }).on::<PushRecord, _, _>(|_, _| async {
            let moving = Fault::new(FaultKind::Limited, System::Hubspot, "companies.batch_upsert", "the account moves");
            Outcome::Failed(moving.with_code("ACCOUNT_MOVING").with_retry_after(Duration::from_secs(3600)))
        });
    let stop = Shutdown::new();
    let config = WorkersConfig { name: "w".to_owned(), concurrency: 2, shutdown_deadline: Duration::from_secs(5) };
    let (waiting, queue) = (stop.waiting(), rooms.queue.clone());
    let worker = tokio::spawn(Workers::run(queue, registry, config, waiting, Metrics::new(), Readiness::default()));

    let ended = redis.json(1, &["sync", VENDORS]);
    assert_eq!((&ended["good"], &ended["finished"]), (&false.into(), &false.into()), "{ended}");
    let told = redis.run(&["sync", VENDORS]);
    assert_fails_at_the_end(&told, &["1 record waits until ", "ACCOUNT_MOVING", "in hubspot-main"]);
    assert!(!stdout(&told).contains("no window was opened"), "{}", stdout(&told));

    let jobs = redis.json(0, &["jobs", "--state", "delayed", "--subject", "VEND:17"]);
    let (id, why) = (jobs["items"][0]["id"].as_str().unwrap(), jobs["items"][0]["why"].as_str().unwrap());
    assert_eq!(why, "rate_limited ACCOUNT_MOVING: hubspot companies.batch_upsert: the account moves");
    for arguments in [&["jobs"][..], &["jobs", "show", id], &["jobs", "--error", "account_moving"]] {
        assert!(stdout(&redis.run(arguments)).contains(why), "{arguments:?}");
    }
    stop.trigger();
    worker.await.unwrap().unwrap();
}

fn push_of(flow: &str, number: i64) -> PushRecord {
    let vendor = serde_json::json!({
        "company": "EPIC06", "number": number, "code": "A", "name": "A", "address": {}, "active": true,
        "contacts": [], "version": 1,
    });
    serde_json::from_value(serde_json::json!({
        "flow": flow, "from": "epicor-main", "to": "hubspot-main", "records": [{ "vendor": vendor }],
    }))
    .unwrap()
}

/// As `assert_fails`, after lines of progress.
fn assert_fails_at_the_end(output: &std::process::Output, needles: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("mlc: ") && needles.iter().all(|needle| last.contains(needle)), "{text}");
}

#[test]
fn the_producer_orders_what_is_due_tells_its_levels_and_ends_on_sigterm() {
    let redis = PrivateRedis::start();
    let mut producer = redis.command(&["produce"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(producer.stderr.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "the producer ended");
        if let Some((_, rest)) = line.split_once("/readyz at ") {
            break rest.split(|c: char| c != ':' && c != '.' && !c.is_ascii_digit()).next().unwrap().to_owned();
        }
    };
    let started = Instant::now();
    let page = loop {
        let page = get(&address, "/metrics");
        if page.contains("mlc_queue_jobs{queue=\"epicor-main\",state=\"ready\"} 3") {
            break page;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{page}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(page.contains("mlc_queue_oldest_age_seconds{queue=\"epicor-main\"}"), "{page}");
    assert!(get(&address, "/readyz").starts_with("HTTP/1.1 200"));
    let pid = producer.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(producer.wait().unwrap().code(), Some(0), "{rest}");
}

#[test]
fn a_key_and_completions_need_neither_settings_nor_redis() {
    let key = mlc(&["vault", "generate-key", "--config", "/nowhere"]).output().unwrap();
    assert_eq!(key.status.code(), Some(0));
    assert!(stdout(&key).trim().contains(':'));
    for shell in ["bash", "zsh", "fish"] {
        let script = mlc(&["completions", shell]).output().unwrap();
        assert!(script.status.success());
        for command in ["dead-letters", "top", "man"] {
            assert!(stdout(&script).contains(command), "{shell} does not know {command}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man");
    let written = mlc(&["man", "--config", "/nowhere"]).arg(&pages).output().unwrap();
    assert!(written.status.success(), "{}", stderr(&written));
    let page = std::fs::read_to_string(pages.join("mlc-review-accept.1")).unwrap();
    assert!(page.contains(".SH SYNOPSIS") && page.contains("MLC_CONFIG"), "{page}");
    assert_fails(&mlc(&["man", "/proc/nowhere"]).output().unwrap(), 1, &["/proc/nowhere"]);
    assert_eq!(mlc(&["jobs", "--limit", "0"]).output().unwrap().status.code(), Some(2));
}

fn get(address: &str, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
