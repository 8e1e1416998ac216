//! Everything HubSpot does wrong, on the whole way: queue, worker, door, client.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use mlc_flow::Extent;
use mlc_house::{CUSTOMERS, House, HouseConfig, VENDORS};
use mlc_model::{Clock as _, SystemClock};
use mlc_queue::JobState;
use mlc_simulators::hubspot::{Fault, FaultKind};
use serde_json::json;

use crate::trouble::{
    assert_delivered_once, assert_no_dead_letters, assert_snoozed_without_cost, delivered, due_in, jobs, replay_all,
    seed_customers, seed_vendor, seed_vendors, texts, the_waiting_job,
};

const UPSERT: &str = "companies/batch/upsert";

fn quick() -> HouseConfig {
    HouseConfig { retry_base: "20ms", retry_cap: "100ms", ..HouseConfig::default() }
}

/// Five vendors reach a portal that commits this fault: all are there once, none is given up. Gives the house for more questions.
async fn delivered_despite(fault: Fault) -> House {
    let house = House::open_with(quick()).await.unwrap();
    let keys = seed_vendors(&house, 5);
    house.hubspot.faults().add(fault);
    house.sync(VENDORS).await.unwrap();
    assert_eq!(house.hubspot.faults().pending().len(), 0, "the fault was not committed");
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
    assert_eq!(house.hubspot.stats().companies.created, 5);
    house
}

/// A house whose first write meets this fault and now waits.
async fn stopped_by(fault: Fault) -> (House, Vec<String>) {
    let house = House::open_with(quick()).await.unwrap();
    let keys = seed_vendors(&house, 5);
    house.hubspot.faults().add(fault);
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    (house, keys)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_of_the_ten_seconds_policy_is_waited_out_without_an_attempt() {
    let (house, keys) = stopped_by(Fault::times(UPSERT, FaultKind::TenSecondly, 1)).await;
    let job = the_waiting_job(&house, "hubspot-main").await;
    assert_snoozed_without_cost(&job);
    assert!((9..=13).contains(&due_in(&job)), "due in {} s", due_in(&job));
    house.settle().await.unwrap();
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
    let log = house.hubspot.request_log();
    assert_eq!((log.count_with_status(UPSERT, 429), log.count_with_status(UPSERT, 200)), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_of_the_one_second_policy_is_waited_out_without_an_attempt() {
    let (house, keys) = stopped_by(Fault::times(UPSERT, FaultKind::Secondly, 1)).await;
    let job = the_waiting_job(&house, "hubspot-main").await;
    assert_snoozed_without_cost(&job);
    assert!((0..=2).contains(&due_in(&job)), "due in {} s", due_in(&job));
    house.settle().await.unwrap();
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
}

/// The simulated portal lives in Brussels.
fn next_midnight_of_the_portal() -> DateTime<Utc> {
    let zone = chrono_tz::Europe::Brussels;
    let tomorrow = SystemClock.now().with_timezone(&zone).date_naive().succ_opt().unwrap();
    tomorrow.and_time(NaiveTime::MIN).and_local_timezone(zone).unwrap().to_utc()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_of_the_daily_policy_stops_every_call_until_the_portals_midnight() {
    let (house, _) = stopped_by(Fault::times(UPSERT, FaultKind::Daily, 1)).await;
    let job = the_waiting_job(&house, "hubspot-main").await;
    assert_snoozed_without_cost(&job);
    // A tenth of the wait at most is added, so that not every job comes back at once.
    let (due, midnight) = (job.at.unwrap(), next_midnight_of_the_portal());
    let wait = midnight - SystemClock.now();
    assert!(
        due > midnight && due <= midnight + wait / 10 + TimeDelta::minutes(1),
        "due at {due}, midnight is at {midnight}"
    );

    // Other work for the same portal waits too, and does not even ask.
    seed_customers(&house, 3);
    house.order(CUSTOMERS, Extent::Incremental).await.unwrap();
    let lane = house.lane("hubspot-main").unwrap();
    crate::trouble::until("the customers wait too", || async {
        house.context.queue.lane(&lane).await.unwrap().delayed == 2
    })
    .await;
    for job in jobs(&house, "hubspot-main", JobState::Delayed).await {
        assert_snoozed_without_cost(&house.context.queue.job(&job.id).await.unwrap().unwrap());
    }
    assert_eq!(house.hubspot.request_log().count(UPSERT), 1);
    assert_no_dead_letters(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_from_the_edge_in_plain_text_is_a_limit_too() {
    let fault = Fault { retry_after: Some(1), ..Fault::times(UPSERT, FaultKind::Edge, 1) };
    let (house, keys) = stopped_by(fault).await;
    let job = the_waiting_job(&house, "hubspot-main").await;
    assert_snoozed_without_cost(&job);
    assert!(due_in(&job) <= 2, "due in {} s", due_in(&job));
    house.settle().await.unwrap();
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_being_moved_477_is_waited_for_without_an_attempt() {
    let (house, keys) = stopped_by(Fault { retry_after: Some(1), ..Fault::times(UPSERT, FaultKind::Moving, 1) }).await;
    let job = the_waiting_job(&house, "hubspot-main").await;
    assert_snoozed_without_cost(&job);
    assert!(due_in(&job) <= 1, "due in {} s", due_in(&job));
    house.settle().await.unwrap();
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_record_423_is_written_two_seconds_later() {
    let (house, keys) = stopped_by(Fault::times(UPSERT, FaultKind::Locked, 1)).await;
    let job = the_waiting_job(&house, "hubspot-main").await;
    assert_eq!((job.attempts, job.failed[0].fault.code.as_deref()), (1, Some("LOCKED")));
    house.settle().await.unwrap();
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_internal_error_500_is_tried_again() {
    delivered_despite(Fault::times(UPSERT, FaultKind::Internal, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_the_server_chokes_on_is_shelved_alone_and_delivered_by_replay() {
    let house = House::open_with(quick()).await.unwrap();
    let mut keys = seed_vendors(&house, 4);
    let poison = seed_vendor(&house, "Choke & Sons");
    keys.extend(seed_vendors(&house, 3));
    let fault = Fault::always(UPSERT, FaultKind::Internal);
    house.hubspot.faults().add(Fault { body_contains: Some("Choke & Sons".to_owned()), ..fault });
    house.sync(VENDORS).await.unwrap();

    assert_delivered_once(&house, &keys).await;
    let letters = house.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].job.subject.as_deref(), Some(poison.as_str()));
    assert_eq!(letters[0].fault.status, Some(500));
    assert!(letters[0].fault.correlation_id.is_some(), "HubSpot's support asks for it");

    house.hubspot.faults().clear();
    replay_all(&house).await;
    assert_no_dead_letters(&house).await;
    keys.push(poison);
    assert_delivered_once(&house, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_gateway_502_in_html_is_tried_again() {
    delivered_despite(Fault::times(UPSERT, FaultKind::BadGateway, 2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unavailable_service_503_is_tried_again() {
    delivered_despite(Fault::times(UPSERT, FaultKind::Unavailable, 2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_timeout_504_in_html_is_tried_again() {
    delivered_despite(Fault::times(UPSERT, FaultKind::GatewayTimeout, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_that_is_down_521_in_html_is_tried_again() {
    delivered_despite(Fault::times(UPSERT, FaultKind::EdgeDown, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_cut_before_the_write_loses_nothing() {
    delivered_despite(Fault::times(UPSERT, FaultKind::ResetBefore, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_cut_after_the_write_took_effect_doubles_nothing() {
    let house = delivered_despite(Fault::times(UPSERT, FaultKind::ResetAfterWrite, 1)).await;
    assert_eq!(house.hubspot.request_log().count(UPSERT), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_ends_in_the_middle_doubles_nothing() {
    delivered_despite(Fault::times(UPSERT, FaultKind::TruncatedJson, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_page_with_status_200_is_no_success() {
    delivered_despite(Fault::times(UPSERT, FaultKind::Html200, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_end_is_cut_off_and_asked_for_again() {
    delivered_despite(Fault::times(UPSERT, FaultKind::HugeBody, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_with_wrong_types_is_asked_for_again() {
    delivered_despite(Fault::times(UPSERT, FaultKind::WrongTypes, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_entries_without_trace_ids_are_found_and_shelved_alone() {
    let flow_lines = "fields = { industry = \"Region_c\" }".to_owned();
    let house = House::open_with(HouseConfig { flow_lines, ..quick() }).await.unwrap();
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for number in 1..=8 {
        let region = if number % 4 == 0 { "no such industry" } else { "BANKING" };
        let row = json!({"VendorID": format!("V{number}"), "Name": format!("Vendor {number}"), "Region_c": region});
        let key = format!("EPIC06:VEND:{}", house.epicor.store().insert_vendor(&row).unwrap());
        if number % 4 == 0 { bad.push(key) } else { good.push(key) }
    }
    house.hubspot.faults().add(Fault::always(UPSERT, FaultKind::WithoutTraceIds));
    house.sync(VENDORS).await.unwrap();

    assert_delivered_once(&house, &good).await;
    let reason = "hubspot companies.batch_upsert: the value of `industry` is not one of the options that HubSpot allows there: \
                  add the option or change the value";
    let texts = texts(&house).await;
    assert_eq!(texts.len(), 2, "{texts:#?}");
    for (text, key) in texts.iter().zip(&bad) {
        assert!(text.starts_with(&format!("{key}: {reason}")), "{text}");
    }

    // Put right where it is wrong, in Epicor: the replay reads it afresh.
    for key in &bad {
        let number = key.rsplit(':').next().unwrap().parse().unwrap();
        house.epicor.store().update_vendor(number, &json!({"Region_c": "BANKING"})).unwrap();
    }
    replay_all(&house).await;
    assert_no_dead_letters(&house).await;
    good.extend(bad);
    assert_delivered_once(&house, &good).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_oauth_token_is_renewed_once_and_nobody_notices() {
    let hubspot_lines = "auth = \"oauth2\"".to_owned();
    let house = House::open_with(HouseConfig { hubspot_lines, ..quick() }).await.unwrap();
    let mut keys = seed_vendors(&house, 3);
    house.sync(VENDORS).await.unwrap();
    let before = house.hubspot.stats().tokens_granted;

    house.hubspot.expire_oauth_tokens();
    keys.extend(seed_customers(&house, 3));
    keys.push(seed_vendor(&house, "Late Vendor"));
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    house.sync(CUSTOMERS).await.unwrap();

    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
    assert_eq!(house.hubspot.stats().tokens_granted, before + 1);
    assert!(house.context.queue.lane(&house.lane("hubspot-main").unwrap()).await.unwrap().held.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_property_that_an_admin_removed_is_named_with_its_cure_and_replay_delivers() {
    let house = House::open_with(quick()).await.unwrap();
    let keys = seed_vendors(&house, 3);
    assert!(house.hubspot.remove_company_property("epicor_key"));
    house.sync(VENDORS).await.unwrap();

    assert_eq!(delivered(&house), Vec::<String>::new());
    let letters = house.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 3);
    for letter in &letters {
        assert!(letter.fault.message.contains("`epicor_key`"), "{}", letter.fault);
        assert!(letter.fault.message.contains("run `mlc ping --set-up`, then replay"), "{}", letter.fault);
    }
    // One problem, not three: they stand under one cause.
    assert_eq!(house.context.queue.causes().await.unwrap().len(), 1);

    house.set_up_hubspot().await.unwrap();
    replay_all(&house).await;
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
}
