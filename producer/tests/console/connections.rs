//! `/connections`.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use mlc_ledger::LastPing;
use mlc_model::{ConnectionId, PingReport};
use mlc_queue::Lane;
use mlc_vault::ExposeSecret as _;
use serde_json::json;
use tokio::{io::AsyncReadExt as _, net::TcpListener, sync::Notify};

use crate::{
    browser::{Browser, closed_site},
    private_redis::PrivateRedis,
    site::Site,
};

const CANARY: &str = "canary-4711-<i>-secret";

fn hubspot() -> Lane {
    Lane::parse("hubspot-main").unwrap()
}

/// A server that takes a request and answers nothing until it is told to.
async fn silent_server() -> (u16, Arc<Notify>, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (open, taken) = (Arc::new(Notify::new()), Arc::new(Mutex::new(0)));
    let (opened, counted) = (open.clone(), taken.clone());
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let (opened, counted) = (opened.clone(), counted.clone());
            tokio::spawn(async move {
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await;
                *counted.lock().unwrap() += 1;
                opened.notified().await;
                // Whoever else waits may go too.
                opened.notify_one();
            });
        }
    });
    (port, open, taken)
}

#[tokio::test]
async fn the_list_tells_where_connections_lead_and_why_a_lane_stands() {
    let site = Site::start().await;
    site.rooms.queue.hold(&hubspot(), "401 <script>x</script>").await.unwrap();
    let epicor = Lane::parse("epicor-main").unwrap();
    site.rooms.queue.pause(&epicor, "otto", "month end").await.unwrap();
    site.rooms.queue.pause(&Lane::parse("removed").unwrap(), "otto", "gone").await.unwrap();
    let page = site.page("/connections").await;
    for needle in
        ["/kinetic company EPIC06", "month end", "otto", "401 &lt;script&gt;", "1 missing", "not in the settings"]
    {
        assert!(page.contains(needle), "{needle}: {page}");
    }
    let json = site.get_json("/connections").await;
    let names: Vec<&str> =
        json["connections"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["epicor-main", "hubspot-main", "removed"]);
    assert_eq!(json["connections"][1]["lane"]["held"]["by"], "queue");
    assert_eq!(json["connections"][0]["missing"], json!(["api_key", "user", "password"]));
    let removed = site.page("/connections/removed").await;
    assert!(removed.contains("not in the settings any more") && !removed.contains("type=\"password\""), "{removed}");
    assert_eq!(site.post_form("/connections/removed/ping", &[]).await.status, 404);
    for unknown in ["nope", "%3Cscript%3E", "a%2Fb"] {
        assert_eq!(site.get(&format!("/connections/{unknown}")).await.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn a_pause_needs_a_reason_and_a_resume_leaves_the_hold() {
    let site = Site::start().await;
    let path = |verb: &str| format!("/connections/hubspot-main/{verb}");
    for reason in ["", "  ", "two\nlines"] {
        let answer = site.post_form(&path("pause"), &[("reason", reason)]).await;
        assert_eq!(answer.status, 400, "{reason:?}");
    }
    assert_eq!(site.post_form(&path("resume"), &[]).await.status, 409);
    assert_eq!(site.post_form(&path("release"), &[("reason", "x")]).await.status, 409);
    assert!(site.actions().await.is_empty(), "what changed nothing leaves no entry");

    assert_eq!(site.post_form(&path("pause"), &[("reason", "upgrade on Sunday")]).await.status, 303);
    site.rooms.queue.hold(&hubspot(), "401").await.unwrap();
    let page = site.page("/connections/hubspot-main").await;
    for needle in ["upgrade on Sunday", "Release hubspot-main", "Resume hubspot-main", "It is held because"] {
        assert!(page.contains(needle), "{needle}: {page}");
    }
    let resumed = site.post_form(&path("resume"), &[]).await;
    assert!(resumed.message().contains("but still held"), "{}", resumed.message());
    let status = site.rooms.queue.lane(&hubspot()).await.unwrap();
    assert!(status.held.is_some() && status.paused.is_none());

    site.rooms.queue.pause(&hubspot(), "otto", "month end").await.unwrap();
    let released = site.post_json(&path("release"), &json!({ "reason": "the vendor was away" })).await;
    assert_eq!((released.status, &released.json()["after"]), (200, &json!("the vendor was away")));
    let status = site.rooms.queue.lane(&hubspot()).await.unwrap();
    assert!(status.held.is_none() && status.paused.is_some_and(|stop| stop.by == "otto"));
    let actions = site.rooms.ledger.audit_actions(10).await.unwrap();
    let told: Vec<String> = actions
        .iter()
        .map(|entry| {
            let action = &entry.action;
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            format!("{} {} | {} | {}", action.what, action.subject, part(&action.before), part(&action.after))
        })
        .collect();
    assert_eq!(
        told,
        [
            "release_hold hubspot-main | held by queue: 401; paused by otto: month end | the vendor was away",
            "resume hubspot-main | held by queue: 401; paused by test: upgrade on Sunday | held by queue: 401",
            "pause hubspot-main | open | paused: upgrade on Sunday",
        ]
    );
}

#[tokio::test]
async fn a_test_tells_its_lines_and_keeps_them_for_every_page() {
    let site = Site::start().await;
    assert!(site.page("/connections/hubspot-main").await.contains("It was not tested yet."));
    // By another process: any producer may show the page, whoever ran the test.
    let cli = site.redis.json(1, &["ping", "hubspot-main"]);
    let page = site.page("/connections/hubspot-main").await;
    assert!(page.contains("Report of the last test") && page.contains("set-secret hubspot-main token"), "{page}");

    let answer = site.post_json("/connections/hubspot-main/ping", &json!({})).await;
    let report = answer.json();
    assert_eq!((answer.status, &report["verdict"]), (200, &json!("bad")));
    assert_eq!(cli["connections"][0]["lines"], report["lines"], "the command line runs the same test");
    assert!(report["lines"][0]["fix"].as_str().unwrap().contains("set-secret hubspot-main token"), "{report}");
    assert_eq!(site.get_json("/connections/hubspot-main").await["ping"], report);
    let brief = &site.get_json("/connections").await["connections"][1]["last_ping"];
    assert_eq!(brief["verdict"], "bad");
    assert_eq!(site.actions().await, ["ping hubspot-main"]);
}

#[tokio::test]
async fn a_connection_is_tested_once_at_a_time_and_a_person_who_leaves_leaves_the_report_behind() {
    let (port, open, taken) = silent_server().await;
    let site = Site::with(|text| {
        text.replace("base_url = \"http://127.0.0.1:9\"", &format!("base_url = \"http://127.0.0.1:{port}\""))
    })
    .await;
    site.rooms.secrets.set(&hubspot().0, "token", CANARY.to_owned().into()).await.unwrap();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let first = site.request("POST", "/connections/hubspot-main/ping", &headers, b"").await;
    until("the system was called", async || *taken.lock().unwrap() > 0).await;
    let second = site.post_form("/connections/hubspot-main/ping", &[]).await;
    assert_eq!(second.status, 409, "{}", second.text());
    let page = site.page("/connections/hubspot-main").await;
    assert!(page.contains("its report is here") || page.contains("Its report is here"), "{page}");
    let other = site.post_form("/connections/epicor-main/ping", &[]).await;
    assert_eq!(other.status, 303, "another connection is tested meanwhile");

    drop(first);
    open.notify_one();
    let connection = async || site.get_json("/connections/hubspot-main").await;
    until("the test has ended", async || connection().await["ping"].is_object()).await;
    let shown = connection().await;
    assert_eq!((&shown["ping"]["verdict"], &shown["connection"]["testing_since"]), (&json!("bad"), &json!(null)));
    until("its entry is there", async || site.actions().await.contains(&"ping hubspot-main".to_owned())).await;
    assert!(!shown.to_string().contains("canary"), "{shown}");
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !holds().await {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), looking).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn a_secret_that_was_set_works_and_is_found_nowhere() {
    let site = Site::start().await;
    site.rooms.queue.hold(&hubspot(), "401").await.unwrap();
    let path = "/connections/hubspot-main/secrets/token";
    let answer = site.post_form(path, &[("value", CANARY)]).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/connections/hubspot-main"), "{}", answer.text());
    assert!(answer.message().starts_with("Set token of hubspot-main. Its lane was held"), "{}", answer.message());
    let replaced = site.post_json(path, &json!({ "value": CANARY })).await;
    assert_eq!(
        replaced.json(),
        json!({ "connection": "hubspot-main", "secret": "token", "replaced": true, "lane_released": false })
    );
    let id: ConnectionId = "hubspot-main".parse().unwrap();
    assert_eq!(site.rooms.secrets.get(&id, "token").await.unwrap().unwrap().expose_secret(), CANARY);
    assert_eq!(
        site.actions().await,
        ["set_secret hubspot-main/token", "set_secret hubspot-main/token", "release_hold hubspot-main"]
    );

    // What a slip of the hand sends is refused without being repeated.
    let mut refused = vec![
        site.post_json(path, &json!({ "value": 4711_4711 })).await,
        site.post_json(path, &json!({ "value": [CANARY] })).await,
        site.post_json(path, &json!({ "token": CANARY })).await,
        site.post_json(path, &json!(CANARY)).await,
        site.post_json(path, &json!({ "value": format!("{CANARY}\n") })).await,
        site.post_json(path, &json!({ "value": CANARY.repeat(4_000) })).await,
        site.post_form(path, &[("value", " ")]).await,
        site.post_form(path, &[("value", CANARY), ("value", CANARY)]).await,
        site.post_form("/connections/hubspot-main/secrets/canary-4711-x", &[("value", CANARY)]).await,
        site.post_form("/connections/hubspot-main/secrets/api_key", &[("value", CANARY)]).await,
    ];
    for answer in &refused {
        assert!((400..500).contains(&answer.status), "{}: {}", answer.status, answer.text());
    }
    let form = format!("value={CANARY}");
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "cross-site")];
    refused.push(site.send("POST", path, &headers, form.as_bytes()).await);
    assert_eq!(refused.last().unwrap().status, 403);

    let mut answers = vec![answer, replaced];
    answers.append(&mut refused);
    for page in ["/connections", "/connections/hubspot-main", "/audit", "/"] {
        answers.push(site.get(page).await);
        answers.push(site.get(&format!("/api/v1{page}")).await);
    }
    answers.push(site.post_form("/connections/hubspot-main/ping", &[]).await);
    for answer in &answers {
        let (text, headers) = (answer.text(), format!("{:?}", answer.headers));
        for part in ["canary-4711", "47114711"] {
            assert!(!text.contains(part) && !headers.contains(part), "{headers}{text}");
        }
    }
    let page = site.page("/connections/hubspot-main").await;
    assert!(
        page.contains("type=\"password\"") && page.contains("autocomplete=\"off\"") && page.contains("Replace token")
    );
    let flash = answers.iter().filter(|answer| answer.status == 303).map(crate::site::Answer::message);
    assert!(flash.into_iter().all(|message| !message.contains("canary")));
    assert!(!everything_stored(&site).contains("canary"), "it stands sealed in Redis and nowhere else");
}

/// Every value in Redis, as its command line shows it.
fn everything_stored(site: &Site) -> String {
    let script = "local out = {} for _, key in ipairs(redis.call('KEYS', '*')) do \
                  local kind = redis.call('TYPE', key).ok \
                  local read = { string = {'GET'}, hash = {'HGETALL'}, stream = {'XRANGE', '-', '+'}, \
                  zset = {'ZRANGE', 0, -1}, list = {'LRANGE', 0, -1}, set = {'SMEMBERS'} } \
                  local command = read[kind] \
                  out[#out + 1] = redis.call(command[1], key, unpack(command, 2)) end return out";
    let output = Command::new("redis-cli")
        .arg("-s")
        .arg(site.redis.settings_file().with_file_name("redis.sock"))
        .args(["--no-raw", "EVAL", script, "0"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("hubspot-main/token"), "{text}");
    text
}

#[tokio::test]
async fn a_deleted_secret_is_gone_and_says_why() {
    let site = Site::start().await;
    let path = "/connections/hubspot-main/secrets/token";
    let reason = [("reason", "the integration was replaced")];
    assert_eq!(site.post_form(&format!("{path}/delete"), &reason).await.status, 404);
    assert_eq!(site.post_form(path, &[("value", CANARY)]).await.status, 303);
    assert_eq!(site.post_form(&format!("{path}/delete"), &[]).await.status, 400);
    assert_eq!(site.post_form(&format!("{path}/delete"), &reason).await.status, 303);
    assert!(site.rooms.secrets.list(&hubspot().0).await.unwrap().is_empty());
    let last = site.rooms.ledger.audit_actions(1).await.unwrap().remove(0).action;
    assert_eq!((last.what.as_str(), last.before.as_deref()), ("delete_secret", Some("set")));
    assert_eq!(last.after.as_deref(), Some("not set: the integration was replaced"));
}

#[test]
fn a_secret_that_was_set_stands_in_no_line_of_the_log() {
    let redis = PrivateRedis::start();
    let mut producer =
        redis.command(&["produce"]).env("MLC__LOG__LEVEL", "trace").stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(producer.stderr.take().unwrap());
    let mut lines = String::new();
    let address = loop {
        let read = lines.len();
        assert!(log.read_line(&mut lines).unwrap() > 0, "the producer ended: {lines}");
        if let Some((_, rest)) = lines[read..].split_once("console at http://") {
            break rest.split('/').next().unwrap().to_owned();
        }
    };
    // Nobody else empties the pipe, and a full one would stop the producer.
    let reading = std::thread::spawn(move || {
        log.read_to_string(&mut lines).unwrap();
        lines
    });
    let post = |path: &str, kind: &str, body: &str| {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: {kind}\r\n");
        stream.write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(!answer.contains("canary"), "{answer}");
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let (page, api) = ("/connections/hubspot-main", "/api/v1/connections/hubspot-main");
    let (form, json) = ("application/x-www-form-urlencoded", "application/json");
    assert_eq!(post(&format!("{page}/secrets/token"), form, "value=canary-4711"), "303");
    assert_eq!(post(&format!("{api}/secrets/token"), json, r#"{"value": "canary-4711"}"#), "200");
    assert_eq!(post(&format!("{api}/secrets/token"), json, r#"{"value": ["canary-4711"]}"#), "400");
    assert_eq!(post(&format!("{page}/secrets/api_key"), form, "value=canary-4711"), "404");
    assert_eq!(post(&format!("{page}/ping"), form, ""), "303");
    let socket = redis.settings_file().with_file_name("redis.sock");
    let mut stop = Command::new("redis-cli");
    stop.arg("-s").arg(socket).args(["config", "set", "maxmemory", "1"]).stdout(Stdio::null());
    assert!(stop.status().unwrap().success());
    assert_eq!(post(&format!("{page}/secrets/token"), form, "value=canary-4711"), "503");
    assert!(Command::new("kill").args(["-TERM", &producer.id().to_string()]).status().unwrap().success());
    let lines = reading.join().unwrap();
    producer.wait().unwrap();
    assert!(lines.contains("\"DEBUG\"") || lines.contains("\"TRACE\""), "nothing was logged in detail: {lines}");
    assert!(lines.contains("A page of the console could not be shown"), "{lines}");
    let told = lines.lines().find(|line| line.contains("canary"));
    assert!(told.is_none(), "{told:?}");
}

#[tokio::test]
async fn what_a_system_said_in_a_test_is_hidden_from_those_who_may_only_look() {
    let site = closed_site().await;
    let mut report = PingReport::default();
    report.good("address", "it answers within 20 ms");
    report.warning("service", "GET Erp.BO.VendorSvc answered: Otto Meier has no right", "give the user that right");
    report.bad("sign-in", "401: the account of Otto Meier is locked", "unlock the account");
    for name in ["epicor-main", "hubspot-main"] {
        let last =
            LastPing { at: site.rooms.clock.now(), by: "olga".to_owned(), report: report.clone(), released: false };
        site.rooms.ledger.keep_ping(&ConnectionId::parse(name).unwrap(), &last).await.unwrap();
    }
    let (mut olga, mut rita) = (Browser::of(&site, "olga").await, Browser::of(&site, "rita").await);
    for path in ["/connections/epicor-main", "/api/v1/connections/epicor-main"] {
        let (full, part) = (olga.get(path).await.text(), rita.get(path).await.text());
        assert_eq!(full.matches("Otto Meier").count(), 2, "{path}: {full}");
        assert!(!full.contains("shown to operators"), "{path}: {full}");
        // That something is wrong, where, and what to do about it: in our own words.
        assert!(!part.contains("Otto"), "{path}: {part}");
        assert_eq!(part.matches("What the system said is shown to operators").count(), 2, "{path}: {part}");
        for ours in ["it answers within 20 ms", "service", "sign-in", "unlock the account", "give the user that right"]
        {
            assert!(part.contains(ours), "{path}: {ours}: {part}");
        }
    }
    // HubSpot names fields and codes, and nobody.
    assert_eq!(rita.get("/connections/hubspot-main").await.text().matches("Otto Meier").count(), 2);
    let list = rita.get("/api/v1/connections").await.json();
    assert_eq!(list["connections"][0]["last_ping"]["verdict"], "bad");
    assert!(!list.to_string().contains("Otto"), "{list}");
}
