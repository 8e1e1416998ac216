//! Dead letters at the command line: groups, edits, assignees, and operations on many.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod private_redis;

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use mlc_flow::{PullCompany, PullStep};
use mlc_model::{ConnectionId, Fault, FlowId, RecordKey};
use mlc_producer::Rooms;
use mlc_queue::{Job, Lane, Order, Outcome, Registry, Workers, WorkersConfig};
use mlc_runtime::{metrics::Metrics, readiness::Readiness, shutdown::Shutdown};
use private_redis::{PrivateRedis, assert_fails, stderr, stdout};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An order to pull company `n`, that has no name.
fn pull(n: i64) -> Order {
    let step = PullStep::Write {
        vendor: RecordKey::from_text(&format!("EPIC06:VEND:{n}")),
        values: [(mlc_model::SharedField::Name, "Lena Berg Garage".to_owned())].into(),
        read_at: DateTime::<Utc>::UNIX_EPOCH,
        seen: mlc_model::Fingerprint([7; 16]),
    };
    let id = |name| ConnectionId::parse(name).unwrap();
    let flow = FlowId::parse("adobe_to_epicor::companies").unwrap();
    Order::of(&PullCompany { flow, from: id("shop-main"), to: id("epicor-main"), company_id: n, step }).unwrap()
}

/// `n` dead letters; returns their ids, oldest first.
async fn dead(rooms: &Rooms, n: i64) -> Vec<String> {
    let orders: Vec<Order> = (0..n).map(pull).collect();
    rooms.queue.enqueue(&orders).await.unwrap();
    let registry = Registry::new().on::<PullCompany, _, _>(|job, _| async move {
        let field = if job.company_id % 2 == 0 { "name" } else { "email" };
        let reason = format!("company {} lacks it", job.company_id);
        Outcome::Failed(Fault::rejected_field("company_to_vendor", field, reason))
    });
    work_until_dead(rooms, registry, n as u64).await;
    orders.iter().map(|order| order.id().to_string()).collect()
}

async fn work_until_dead(rooms: &Rooms, registry: Registry, n: u64) {
    let stop = Shutdown::new();
    let config = WorkersConfig { name: "w".to_owned(), concurrency: 1, shutdown_deadline: Duration::from_secs(5) };
    let (waiting, queue) = (stop.waiting(), rooms.queue.clone());
    let worker = tokio::spawn(Workers::run(queue, registry, config, waiting, Metrics::new(), Readiness::default()));
    let started = Instant::now();
    while rooms.queue.lanes().await.unwrap().iter().map(|lane| lane.dead).sum::<u64>() < n {
        assert!(started.elapsed() < Duration::from_secs(20), "they do not die");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.trigger();
    worker.await.unwrap().unwrap();
}

/// A job of some records, called by the first and the last one.
#[derive(Serialize, Deserialize)]
struct Batch {
    subject: String,
}

impl Job for Batch {
    const KIND: &'static str = "batch";
    const TIMEOUT: Duration = Duration::from_secs(20);

    fn lane(&self) -> Lane {
        Lane::parse("hubspot-main").unwrap()
    }

    fn subject(&self) -> Option<String> {
        Some(self.subject.clone())
    }
}

async fn actions(rooms: &Rooms) -> Vec<String> {
    let entries = rooms.ledger.audit_actions(100).await.unwrap();
    entries.into_iter().rev().map(|entry| format!("{} {}", entry.action.who, entry.action.what)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_letters_are_replayed_and_discarded_as_operations_that_are_recorded() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    dead(&rooms, 40).await;
    let groups = redis.json(0, &["dead-letters", "groups"]);
    assert_eq!((&groups["items"][0]["letters"], groups["items"].as_array().unwrap().len()), (&20.into(), 2));

    let terms = r#"lane=epicor-main kind=pull_company fault=rejected error~"company 1" subject~company"#;
    let replayed = redis.json(0, &["dead-letters", "replay", "--where", terms, "--rate", "500/s"]);
    let bulk = &replayed["bulk"];
    assert_eq!((&bulk["acted"], &bulk["matched"], &bulk["state"]), (&11.into(), &11.into(), &"done".into()));
    let id = bulk["id"].as_str().unwrap();
    let shown = stdout(&redis.run(&["bulk", "show", id]));
    assert!(shown.contains("11 of 11") && shown.contains("company 1"), "{shown}");
    assert_fails(&redis.run(&["bulk", "abort", id]), 1, &["done"]);
    assert_fails(&redis.run(&["bulk", "pause", "nope"]), 3, &["nope"]);

    let slow = redis.json(0, &["dead-letters", "replay", "--all", "--rate", "1/h", "--no-wait"]);
    let slow = slow["bulk"]["id"].as_str().unwrap();
    assert_eq!(redis.json(0, &["bulk", "pause", slow])["bulk"]["state"], "paused");
    assert_eq!(redis.json(0, &["bulk", "resume", slow])["bulk"]["state"], "running");
    assert_eq!(redis.json(0, &["bulk", "abort", slow])["bulk"]["state"], "aborted");

    let discarded = redis.json(0, &["dead-letters", "discard", "--all", "--reason", "closed"]);
    assert_eq!((&discarded["bulk"]["acted"], &discarded["bulk"]["reason"]), (&29.into(), &"closed".into()));
    assert_eq!(redis.json(0, &["bulk", "list"])["items"].as_array().unwrap().len(), 3);
    assert_fails(&redis.run(&["dead-letters", "replay", "--all"]), 3, &["no dead letter matches"]);
    let words = ["start_bulk", "start_bulk", "pause_bulk", "resume_bulk", "abort_bulk", "start_bulk"];
    assert_eq!(actions(&rooms).await, words.map(|word| format!("lena {word}")));
    let told = format!("{:?}", rooms.ledger.audit_actions(10).await.unwrap());
    assert!(told.contains("replay 11 letters, 500 per second") && told.contains("discard 29 letters"), "{told}");
    assert!(!told.contains("company 1"), "what was searched for may be a name: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_producer_carries_out_what_was_started_and_ends_in_the_middle_of_it() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    dead(&rooms, 30).await;
    let started = redis.json(0, &["dead-letters", "replay", "--all", "--rate", "20/s", "--no-wait"]);
    let id = mlc_queue::BulkId::parse(started["bulk"]["id"].as_str().unwrap()).unwrap();
    let mut acted = 0;
    // Two that take turns: the second goes on where the first was stopped.
    for until in [10, 30] {
        let mut producer = redis.command(&["produce"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while acted < until {
            assert!(begun.elapsed() < Duration::from_secs(20), "{acted} after {:?}", begun.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
            acted = rooms.queue.bulk(&id).await.unwrap().unwrap().acted;
        }
        let pid = producer.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(producer.wait().unwrap().success());
        acted = rooms.queue.bulk(&id).await.unwrap().unwrap().acted;
    }
    let replayed = rooms.queue.stats().await.unwrap().total("replayed");
    assert_eq!((acted, replayed), (30, 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_shows_what_changes_and_the_audit_keeps_values_sealed() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let id = &dead(&rooms, 1).await[0];
    let file = redis.settings_file().with_file_name("payload.json");
    let from = file.to_str().unwrap();
    let mut payload: Value = redis.json(0, &["dead-letters", "show", id, "--payload"])["payload"].clone();
    let write = |payload: &Value| std::fs::write(&file, payload.to_string()).unwrap();
    write(&payload);
    assert_fails(&redis.run(&["dead-letters", "edit", id, "--from", from]), 2, &["same as before"]);
    payload["company_id"] = json!(8);
    write(&payload);
    assert_fails(&redis.run(&["dead-letters", "edit", id, "--from", from]), 2, &["another job"]);
    std::fs::write(&file, "{\"flow\": Lena}").unwrap();
    let output = redis.run(&["dead-letters", "edit", id, "--from", from]);
    assert_fails(&output, 2, &["line 1, column"]);
    assert!(!stderr(&output).contains("Lena"));
    payload["company_id"] = json!(0);
    payload["step"]["write"]["values"]["name"] = json!("Otto Berg Garage");
    write(&payload);
    let dry = redis.json(0, &["dead-letters", "edit", id, "--from", from, "--dry-run"]);
    assert_eq!((&dry["edited"], &dry["changes"][0]["before"]), (&false.into(), &"Lena Berg Garage".into()));
    let output = redis.run(&["dead-letters", "edit", id, "--from", from]);
    let told = stdout(&output);
    assert!(output.status.success() && told.contains("step.write.values.name"), "{told} {}", stderr(&output));
    assert!(told.contains("- \"Lena Berg Garage\"") && told.contains("+ \"Otto Berg Garage\""), "{told}");
    assert_eq!(redis.json(0, &["dead-letters", "show", id, "--payload"])["payload"], payload);
    assert!(stdout(&redis.run(&["dead-letters", "show", id])).contains("by lena"));

    let entries = rooms.ledger.audit_actions(100).await.unwrap();
    let edit = &entries.iter().find(|entry| entry.action.what == "edit_dead_letter").unwrap().action;
    assert_eq!((edit.subject.as_str(), edit.before.as_deref()), (id.as_str(), Some("1 field")));
    assert_eq!(edit.after.as_deref(), Some("edited: step.write.values.name"));
    assert!(edit.sealed.is_some() && !format!("{entries:?}").contains("Berg"));

    let people = redis.json(0, &["audit", "people", "--what", "edit", "--values"]);
    assert_eq!(people["items"][0]["changes"][0]["after"], "Otto Berg Garage");
    assert!(!redis.json(0, &["audit", "people", "--what", "edit"]).to_string().contains("Berg"));
    assert_eq!(actions(&rooms).await.last().unwrap(), "lena view_edits");

    // An editor, too: this one puts another name in.
    let editor = "sed -i s/Otto/Olga/";
    let mut command = redis.command(&["dead-letters", "edit", id]);
    let output = command.env_remove("VISUAL").env("EDITOR", editor).stdin(Stdio::null()).output().unwrap();
    assert!(stdout(&output).contains("Olga Berg Garage"), "{}", stderr(&output));
    let mut command = redis.command(&["dead-letters", "edit", id]);
    let output = command.env_remove("VISUAL").env("EDITOR", "false").stdin(Stdio::null()).output().unwrap();
    assert_fails(&output, 1, &["nothing was done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_or_a_cause_is_given_to_somebody() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let id = &dead(&rooms, 2).await[0];
    assert_eq!(
        redis.json(0, &["dead-letters", "assign", id, "--to", "otto", "--note", "Mrs Berg asks"])["triage"]["assignee"],
        "otto"
    );
    redis.json(0, &["dead-letters", "assign", id, "--to", "lena"]);
    let shown = stdout(&redis.run(&["dead-letters", "show", id]));
    assert!(shown.contains("lena") && shown.contains("Mrs Berg asks"), "what is not said stays: {shown}");
    let mine = redis.json(0, &["dead-letters", "list", "--assignee", "lena"]);
    assert_eq!(mine["items"].as_array().unwrap().len(), 1);
    let cause = redis.json(0, &["dead-letters", "groups"])["items"][1]["hash"].clone();
    redis.json(0, &["dead-letters", "assign", "--cause", cause.as_str().unwrap(), "--to", "otto"]);
    assert_eq!(redis.json(0, &["dead-letters", "groups"])["items"][1]["triage"]["assignee"], "otto");
    assert_fails(&redis.run(&["dead-letters", "assign", "nope", "--to", "x"]), 3, &["nope"]);
    assert_fails(&redis.run(&["dead-letters", "assign", "--cause", "nope", "--to", "x"]), 3, &["groups"]);
    // Slower than people look: the one who follows drives all the same.
    let slowly = redis.json(0, &["dead-letters", "replay", "--all", "--rate", "2/s"]);
    assert_eq!(slowly["bulk"]["acted"], 2);
    let told = format!("{:?}", rooms.ledger.audit_actions(10).await.unwrap());
    assert!(told.contains("looked after by otto, with a new note") && !told.contains("Berg"), "{told}");
}

/// `mlc dead-letters discard --subject="$KEY"` with a variable that is not set.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_filter_is_refused_by_its_name_and_hits_nothing() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let ids = dead(&rooms, 25).await;
    for name in ["connection", "kind", "fault", "cause", "subject", "error", "assignee", "older-than"] {
        for value in ["", " "] {
            let option = format!("--{name}={value}");
            for all in [&[][..], &["--all"]] {
                let mut arguments = vec!["dead-letters", "discard", "--reason", "x", &option];
                arguments.extend(all);
                let output = redis.run(&arguments);
                assert_eq!(output.status.code(), Some(2), "{option}: {}", stderr(&output));
                assert!(stderr(&output).contains(&format!("--{name}")), "{option}: {}", stderr(&output));
            }
        }
    }
    let quoted = redis.run(&["dead-letters", "discard", "--reason", "x", "--where", "subject~\"\""]);
    assert_eq!(quoted.status.code(), Some(2));
    assert!(stderr(&quoted).contains("`subject~`"), "{}", stderr(&quoted));
    assert_fails(&redis.run(&["dead-letters", "discard", "--reason", "x", "--where", ""]), 2, &["nothing is chosen"]);
    assert_eq!(actions(&rooms).await, [""; 0]);
    assert_eq!(rooms.queue.bulks(10).await.unwrap(), []);

    // Each of many chosen letters is found in the audit and among the ended jobs.
    let mut arguments = vec!["dead-letters", "discard", "--reason", "closed for good"];
    arguments.extend(ids.iter().map(String::as_str));
    assert!(redis.run(&arguments).status.success());
    let last = ids.last().unwrap();
    let people = redis.json(0, &["audit", "people", "--subject", last]);
    assert_eq!(people["items"][0]["what"], "discard_dead_letters", "{people}");
    let shown = stdout(&redis.run(&["jobs", "show", last]));
    assert!(shown.contains("discarded") && shown.contains("by lena: closed for good"), "{shown}");
    assert!(stdout(&redis.run(&["jobs", "ended"])).contains("by lena: closed for good"));
    assert_eq!(redis.json(0, &["jobs", "show", last])["ended"]["discarded"]["by"], "lena");
    assert_fails(&redis.run(&["jobs", "show", last, "--payload"]), 3, &[last.as_str()]);
}

#[test]
fn what_is_chosen_must_be_clear() {
    let redis = PrivateRedis::start();
    for (choice, two) in [
        (&["x", "--all"][..], ["ids", "`--all`"]),
        (&["x", "--kind", "y"], ["ids", "`--kind`"]),
        (&["--all", "--kind", "x"], ["`--kind`", "`--all`"]),
        (&["--all", "--subject", "x"], ["`--subject`", "`--all`"]),
        (&["--all", "--older-than", "2h"], ["`--older-than`", "`--all`"]),
        (&["--all", "--where", "kind=x"], ["`--where`", "`--all`"]),
        // `--where "$WHICH"` with a variable that is not set.
        (&["--all", "--where", ""], ["`--where`", "`--all`"]),
    ] {
        for verb in [&["replay"][..], &["discard", "--reason", "x"]] {
            let output = redis.run(&[&["dead-letters"], verb, choice].concat());
            assert_fails(&output, 2, &[&format!("{} and {} contradict each other", two[0], two[1]), "only one"]);
        }
    }
    let twice = ["dead-letters", "list", "--kind", "x", "--where", "kind=y"];
    assert_fails(&redis.run(&twice), 2, &["kind"]);
    let wrong = redis.run(&["dead-letters", "list", "--where", "colour=red"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("colour=red") && stderr(&wrong).contains("subject~"), "{}", stderr(&wrong));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_is_stopped_leaves_no_draft() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let id = &dead(&rooms, 1).await[0];
    let place = tempfile::tempdir().unwrap();
    let drafts = || std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    for signal in ["-TERM", "-INT", "-HUP"] {
        let mut command = redis.command(&["dead-letters", "edit", id]);
        // As editors do, it leaves a copy beside the file.
        command.env("XDG_RUNTIME_DIR", place.path()).env_remove("VISUAL");
        command.env("EDITOR", "copy() { cp \"$1\" \"$1~\"; exec sleep 30; }; copy");
        let mut edit = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        while !drafts().first().is_some_and(|draft| draft.join("payload.json~").exists()) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", drafts());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(drafts()[0].metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let pid = edit.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
        assert_eq!(edit.wait().unwrap().code(), Some(1), "{signal}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{signal}");
        assert_eq!(drafts(), [""; 0].map(std::path::PathBuf::from), "{signal}");
    }
    let told = redis.json(3, &["audit", "people", "--what", "edit"]);
    assert_eq!(told["items"].as_array().map(Vec::len), Some(0), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_may_carry_the_record_is_listed_and_marked_but_nothing_is_done_to_it() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let key = ["--subject", "EPIC06:VEND:450"];
    let batch = "EPIC06:VEND:402 … EPIC06:VEND:501 (100)";
    let orders = [batch, "EPIC06:VEND:450"].map(|subject| Order::of(&Batch { subject: subject.to_owned() }).unwrap());
    rooms.queue.enqueue(&orders).await.unwrap();
    let marks = |list: &Value| {
        let jobs = list["items"].as_array().unwrap().iter().map(|item| item.get("job").unwrap_or(item).clone());
        let mut marks: Vec<_> = jobs.map(|job| (job["id"].clone(), job["may_carry"].clone())).collect();
        marks.sort_by_key(|(id, _)| id.to_string());
        marks
    };
    let expected = [(json!(orders[0].id()), json!(true)), (json!(orders[1].id()), json!(false))];
    assert_eq!(marks(&redis.json(0, &[&["jobs"][..], &key].concat())), expected);
    let shown = stdout(&redis.run(&[&["jobs"][..], &key].concat()));
    assert_eq!(shown.matches("(may carry it)").count(), 1, "{shown}");

    let registry = Registry::new().on::<Batch, _, _>(|_, _| async move {
        Outcome::Failed(Fault::rejected_field("vendor_to_company", "name", "it has no name"))
    });
    work_until_dead(&rooms, registry, 2).await;
    assert_eq!(marks(&redis.json(0, &[&["dead-letters", "list"][..], &key].concat())), expected);
    let done = redis.run(&[&["dead-letters", "discard", "--reason", "entered twice"][..], &key].concat());
    assert!(done.status.success(), "{}", stderr(&done));
    assert!(stderr(&done).contains("Left alone: 1 letter of batches that may carry the record"), "{}", stderr(&done));
    let left = redis.json(0, &["dead-letters", "list"]);
    assert_eq!(marks(&left), [(json!(orders[0].id()), json!(false))], "the batch still stands there");
}
