//! Everything Epicor does wrong, on the whole way: the page or the record fails with a reason, the rest goes on.

use mlc_flow::Extent;
use mlc_house::{CUSTOMERS, House, HouseConfig, VENDORS};
use mlc_queue::JobState;
use mlc_simulators::epicor::{Fault, FaultKind};

use crate::trouble::{
    assert_delivered_once, assert_no_dead_letters, assert_snoozed_without_cost, due_in, jobs, replay_all,
    seed_customers, seed_vendors, texts, the_waiting_job, until,
};

/// The set of vendors; the service's `$metadata` is another address.
const SET: &str = "VendorSvc/Vendors";

fn quick() -> HouseConfig {
    HouseConfig { retry_base: "20ms", retry_cap: "100ms", ..HouseConfig::default() }
}

/// A fault in the page of rows: the question for the newest revision goes before it.
fn in_page(kind: FaultKind) -> Fault {
    Fault { after: 1, ..Fault::once(SET, kind) }
}

/// Five vendors are read from an Epicor that commits this fault at each question of a poll in turn (columns, newest revision, page): all arrive
/// once, none is given up.
async fn delivered_despite(kind: FaultKind) {
    let house = House::open_with(quick()).await.unwrap();
    let keys = seed_vendors(&house, 5);
    for fault in [Fault::once("$metadata", kind), Fault::once(SET, kind), in_page(kind)] {
        house.epicor.faults().add(fault);
    }
    house.sync(VENDORS).await.unwrap();
    assert_eq!(house.epicor.faults().waiting().len(), 0, "a fault was not committed");
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
}

/// Five vendors, one of which is damaged on the way: the others arrive, it is shelved with a reason, and replay brings it once the damage is gone.
async fn only_one_is_shelved(kind: FaultKind, subject: Option<&str>, reason: &str) {
    let house = House::open_with(quick()).await.unwrap();
    let keys = seed_vendors(&house, 5);
    house.epicor.faults().add(in_page(kind));
    house.sync(VENDORS).await.unwrap();
    assert_eq!(house.epicor.faults().waiting().len(), 0, "the fault was not committed");
    assert_delivered_once(&house, &keys[1..]).await;
    let letters = house.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1, "{:#?}", texts(&house).await);
    assert!(letters[0].fault.to_string().contains(reason), "{}", letters[0].fault);
    if subject.is_some() {
        assert_eq!(letters[0].job.subject.as_deref(), subject);
    }
    replay_all(&house).await;
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_licence_shortage_400_is_waited_out_without_an_attempt_while_others_go_on() {
    let house = House::open_with(quick()).await.unwrap();
    seed_vendors(&house, 5);
    let customers = seed_customers(&house, 5);
    house.epicor.faults().add(in_page(FaultKind::Licence400));
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    let job = the_waiting_job(&house, "epicor-main").await;
    assert_snoozed_without_cost(&job);
    assert!((28..=33).contains(&due_in(&job)), "due in {} s", due_in(&job));

    house.order(CUSTOMERS, Extent::Incremental).await.unwrap();
    until("the customers are there", || async { house.hubspot.companies().len() == 5 }).await;
    assert_delivered_once(&house, &customers).await;
    assert_no_dead_letters(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_conversions_503_are_waited_for_five_minutes_and_the_reason_is_kept() {
    let house = House::open_with(quick()).await.unwrap();
    seed_vendors(&house, 2);
    house.epicor.faults().add(in_page(FaultKind::Conversions503));
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    let job = the_waiting_job(&house, "epicor-main").await;
    assert!((295..=301).contains(&due_in(&job)), "due in {} s", due_in(&job));
    assert!(job.failed[0].fault.message.contains("being upgraded"), "{:?}", job.failed);
    assert_no_dead_letters(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_internal_error_500_with_hidden_details_is_tried_again() {
    delivered_despite(FaultKind::Hidden500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_gateway_502_in_html_is_tried_again() {
    delivered_despite(FaultKind::Html502).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_504_of_a_gateway_is_tried_again() {
    delivered_despite(FaultKind::Empty504).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_gone_410_is_tried_again() {
    delivered_despite(FaultKind::Session410).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_cut_before_the_answer_is_tried_again() {
    delivered_despite(FaultKind::ResetBefore).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_cut_after_the_answer_began_is_tried_again() {
    delivered_despite(FaultKind::ResetAfter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_ends_in_the_middle_is_asked_for_again() {
    delivered_despite(FaultKind::TruncatedJson).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_page_with_status_200_is_no_success() {
    delivered_despite(FaultKind::Html200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_login_or_key_holds_the_lane_and_burns_nothing() {
    for kind in [FaultKind::Login401, FaultKind::Key401] {
        let house = House::open_with(quick()).await.unwrap();
        let keys = seed_vendors(&house, 5);
        house.epicor.faults().add(in_page(kind));
        house.order(VENDORS, Extent::Incremental).await.unwrap();
        let reason = crate::trouble::held(&house, "epicor-main").await;
        assert!(reason.starts_with("epicor vendors.read: Epicor refused the"), "{reason}");
        assert_eq!(jobs(&house, "epicor-main", JobState::Ready).await.len(), 1);
        crate::trouble::resume(&house, "epicor-main").await;
        house.settle().await.unwrap();
        assert_no_dead_letters(&house).await;
        assert_delivered_once(&house, &keys).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_is_named_on_the_shelf_and_does_not_stop_later_polls() {
    let house = House::open_with(quick()).await.unwrap();
    let keys = seed_vendors(&house, 5);
    let customers = seed_customers(&house, 2);
    house.epicor.store().switches_mut().scope = Some(vec!["Erp.BO.Customer".to_owned(), "Erp.BO.CustCnt".to_owned()]);
    house.sync(VENDORS).await.unwrap();
    // Asked twice, it is one problem and one letter.
    house.sync(VENDORS).await.unwrap();
    let letters = house.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1, "{:#?}", texts(&house).await);
    let text = letters[0].fault.to_string();
    assert!(text.contains("has no right to Erp.BO.Vendor.GetRows"), "{text}");
    assert!(text.contains("Grant it in the access scope"), "{text}");
    house.sync(CUSTOMERS).await.unwrap();
    assert_delivered_once(&house, &customers).await;

    // The right is granted: the next poll runs, whether or not anybody has looked at the shelf.
    house.epicor.store().switches_mut().scope = None;
    house.sync(VENDORS).await.unwrap();
    assert_delivered_once(&house, &[keys, customers].concat()).await;
    replay_all(&house).await;
    assert_no_dead_letters(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_failed_to_the_end_does_not_stop_later_polls() {
    let house = House::open_with(HouseConfig { retry_base: "10ms", retry_cap: "10ms", ..quick() }).await.unwrap();
    let keys = seed_vendors(&house, 5);
    house.epicor.faults().add(Fault::once("$metadata", FaultKind::Html502).times(1000));
    house.sync(VENDORS).await.unwrap();
    assert_eq!(house.dead_letters().await.unwrap().len(), 1);
    house.epicor.faults().clear();
    house.sync(VENDORS).await.unwrap();
    assert_delivered_once(&house, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_with_wrong_types_is_shelved_alone() {
    only_one_is_shelved(FaultKind::WrongTypes, None, "VendorNum holds something that is not a whole number").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_with_null_keys_is_shelved_alone_and_found_again_by_its_window() {
    only_one_is_shelved(FaultKind::NullKeys, None, "Vendor in row 1 of the page: VendorNum is empty").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_with_a_text_of_ten_megabytes_is_shelved_alone() {
    let reason = "Vendor 1: Name holds more than the 65,536 characters that HubSpot takes. Correct it in Epicor";
    only_one_is_shelved(FaultKind::HugeString, Some("EPIC06:VEND:1"), reason).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newest_row_that_cannot_be_read_hides_no_other() {
    for kind in [FaultKind::WrongTypes, FaultKind::NullKeys] {
        let house = House::open_with(quick()).await.unwrap();
        let keys = seed_vendors(&house, 5);
        house.epicor.faults().add(Fault::once(SET, kind));
        house.sync(VENDORS).await.unwrap();
        assert_no_dead_letters(&house).await;
        // What lies beyond the newest readable row belongs to the next window.
        house.sync(VENDORS).await.unwrap();
        assert_delivered_once(&house, &keys).await;
        assert_no_dead_letters(&house).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_come_twice_become_one_company_each() {
    let house = House::open_with(quick()).await.unwrap();
    let keys = seed_vendors(&house, 5);
    house.epicor.faults().add(Fault { rows: Some(3), ..in_page(FaultKind::DuplicateRows) });
    house.sync(VENDORS).await.unwrap();
    assert_eq!(house.epicor.faults().waiting().len(), 0, "the fault was not committed");
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
    let writes = house.hubspot.stats().companies;
    assert_eq!((writes.created, writes.updated + writes.unchanged), (5, 0));
}
