//! Refused credentials hold a lane: its jobs wait, nothing is burned, nothing is lost, other lanes go on.

use mlc_flow::{Ask, Entity, Extent, PollPage};
use mlc_house::{CUSTOMERS, House, HouseConfig, TOKEN, VENDORS};
use mlc_model::{ConnectionId, FlowId};
use mlc_queue::{JobState, Order};

use crate::trouble::{
    assert_delivered_once, assert_no_dead_letters, delivered, held, jobs, resume, seed_customers, seed_vendors, until,
};

/// Everything in a held lane is as good as new.
async fn assert_nothing_burned(house: &House, lane: &str, count: usize) {
    let waiting = jobs(house, lane, JobState::Ready).await;
    assert_eq!(waiting.len(), count, "{waiting:?}");
    for job in waiting {
        let job = house.context.queue.job(&job.id).await.unwrap().unwrap();
        assert_eq!((job.attempts, job.snoozes, job.failed.len(), job.crashes), (0, 0, 0, 0), "{job:?}");
    }
    assert_no_dead_letters(house).await;
}

/// Waits until a lane has nothing left to do.
async fn at_rest(house: &House, lane: &str) {
    let lane = house.lane(lane).unwrap();
    until("the lane is empty", || async {
        let lane = house.context.queue.lane(&lane).await.unwrap();
        lane.ready + lane.delayed + lane.running == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_hubspot_token_holds_its_lane_until_a_new_one_is_set_and_loses_nothing() {
    let house = House::open().await.unwrap();
    let mut keys = seed_vendors(&house, 4);
    house.sync(VENDORS).await.unwrap();
    assert_delivered_once(&house, &keys).await;

    // Revoked in the midst of work: the worker has just used it.
    assert!(house.hubspot.revoke_token(TOKEN));
    keys.extend(seed_vendors(&house, 3));
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    let reason = held(&house, "hubspot-main").await;
    assert!(reason.contains("does not accept the token"), "{reason}");
    assert!(reason.contains("mlc connection set-secret"), "{reason}");
    assert!(!reason.contains(TOKEN), "{reason}");

    // Epicor's lane goes on: what it reads waits in the held lane.
    keys.extend(seed_customers(&house, 2));
    house.order(CUSTOMERS, Extent::Incremental).await.unwrap();
    at_rest(&house, "epicor-main").await;
    assert_nothing_burned(&house, "hubspot-main", 2).await;
    let asked = house.hubspot.request_log().count_with_status("batch/upsert", 401);
    assert_eq!(asked, 1, "a held lane asks no more");

    // Resumed without a new token it is held again, at no cost.
    resume(&house, "hubspot-main").await;
    held(&house, "hubspot-main").await;
    assert_nothing_burned(&house, "hubspot-main", 2).await;

    house.hubspot.add_token("pat-eu1-the-new-one", None);
    house.set_secret("hubspot-main", "token", "pat-eu1-the-new-one").await.unwrap();
    resume(&house, "hubspot-main").await;
    house.settle().await.unwrap();
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
    assert!(house.context.queue.lane(&house.lane("hubspot-main").unwrap()).await.unwrap().held.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_scope_holds_the_lane_and_is_named() {
    let house = House::open().await.unwrap();
    house.hubspot.add_token(TOKEN, Some(&["crm.objects.companies.read", "crm.schemas.companies.read"]));
    let keys = seed_vendors(&house, 3);
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    let reason = held(&house, "hubspot-main").await;
    assert!(reason.contains("lacks the scope crm.objects.companies.write"), "{reason}");
    assert!(reason.contains("HTTP 403"), "{reason}");
    at_rest(&house, "epicor-main").await;
    assert_nothing_burned(&house, "hubspot-main", 1).await;

    house.hubspot.add_token(TOKEN, None);
    resume(&house, "hubspot-main").await;
    house.settle().await.unwrap();
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_oauth_grant_holds_the_lane_and_asks_to_connect_again() {
    let config = HouseConfig { hubspot_lines: "auth = \"oauth2\"".to_owned(), ..HouseConfig::default() };
    let refresh_token = config.hubspot.refresh_token.clone();
    let house = House::open_with(config).await.unwrap();
    assert!(house.hubspot.revoke_token(&refresh_token));
    house.hubspot.expire_oauth_tokens();
    let keys = seed_vendors(&house, 3);
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    let reason = held(&house, "hubspot-main").await;
    assert!(reason.contains("connect the app to HubSpot again"), "{reason}");
    assert!(!reason.contains(&refresh_token), "{reason}");
    at_rest(&house, "epicor-main").await;
    assert_nothing_burned(&house, "hubspot-main", 1).await;
    assert_eq!(delivered(&house), Vec::<String>::new());
    assert_eq!(keys.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_epicor_key_holds_that_connection_while_another_one_goes_on() {
    // A second way into the same company, with secrets of its own.
    let more_sections =
        "[connections.epicor-second]\nsystem = \"epicor\"\nbase_url = \"{epicor}\"\ncompany = \"EPIC06\"\n".to_owned();
    let mut house = House::open_without_worker(HouseConfig { more_sections, ..HouseConfig::default() }).await.unwrap();
    let config = house.epicor.config().clone();
    for (name, secret) in [("api_key", &config.api_key), ("user", &config.user), ("password", &config.password)] {
        house.set_secret("epicor-second", name, secret).await.unwrap();
    }
    house.set_secret("epicor-main", "api_key", "mistyped-key-canary").await.unwrap();
    house.start_worker(8);
    let mut vendors = seed_vendors(&house, 3);
    let customers = seed_customers(&house, 3);

    house.order(VENDORS, Extent::Incremental).await.unwrap();
    let reason = held(&house, "epicor-main").await;
    assert!(reason.contains("refused the API key"), "{reason}");
    assert!(!reason.contains("canary"), "Epicor repeats the key, the reason must not: {reason}");

    let poll = PollPage {
        flow: FlowId::parse(CUSTOMERS).unwrap(),
        entity: Entity::Customers,
        from: ConnectionId::parse("epicor-second").unwrap(),
        to: ConnectionId::parse("hubspot-main").unwrap(),
        ask: Ask::Plan(Extent::Incremental),
    };
    house.context.queue.enqueue(&[Order::of(&poll).unwrap()]).await.unwrap();
    at_rest(&house, "epicor-second").await;
    at_rest(&house, "hubspot-main").await;
    assert_delivered_once(&house, &customers).await;
    assert_nothing_burned(&house, "epicor-main", 1).await;

    house.set_secret("epicor-main", "api_key", &config.api_key).await.unwrap();
    resume(&house, "epicor-main").await;
    house.settle().await.unwrap();
    assert_no_dead_letters(&house).await;
    vendors.extend(customers);
    assert_delivered_once(&house, &vendors).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_epicor_password_holds_the_lane_and_says_so() {
    let mut house = House::open_without_worker(HouseConfig::default()).await.unwrap();
    let password = house.epicor.config().password.clone();
    house.set_secret("epicor-main", "password", "last-year").await.unwrap();
    house.start_worker(8);
    let keys = seed_vendors(&house, 3);
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    let reason = held(&house, "epicor-main").await;
    assert!(reason.contains("refused the login"), "{reason}");
    assert_nothing_burned(&house, "epicor-main", 1).await;

    house.set_secret("epicor-main", "password", &password).await.unwrap();
    resume(&house, "epicor-main").await;
    house.settle().await.unwrap();
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_was_never_set_holds_the_lane_and_names_the_command() {
    let house = House::open().await.unwrap();
    let epicor = ConnectionId::parse("epicor-main").unwrap();
    assert!(house.secrets.delete(&epicor, "api_key").await.unwrap());
    let keys = seed_vendors(&house, 2);
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    let reason = held(&house, "epicor-main").await;
    assert!(reason.contains("mlc connection set-secret epicor-main api_key"), "{reason}");
    assert_nothing_burned(&house, "epicor-main", 1).await;

    house.set_secret("epicor-main", "api_key", &house.epicor.config().api_key).await.unwrap();
    resume(&house, "epicor-main").await;
    house.settle().await.unwrap();
    assert_delivered_once(&house, &keys).await;
    assert_no_dead_letters(&house).await;
}
