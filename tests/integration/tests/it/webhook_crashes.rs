//! The producer dies again and again while shops post: what it has accepted is there, once.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mlc_house::{
    COMPANIES, House, HouseConfig, Persistence, PrivateRedis, REQUISITIONS, SHOP_INVOICES, SHOP_ORDERS, SHOP_VENDORS,
};
use mlc_queue::{JobFilter, Page};
use serde_json::json;

use crate::{
    processes::{Process, eventually},
    sender::{SIGNATURE, Sender, signed},
    shopper::{COMPANY, order, piece, place, requisitions_of},
};

const PATH: &str = "/webhooks/adobe/shop-main";
const SECRET: &str = "wh-canary-secret-4711";
const DELIVERIES: usize = 10_000;
const SENDERS: usize = 6;
const SOON: Duration = Duration::from_secs(60);

/// One delivery of a sender's list.
#[derive(Debug, Clone)]
struct Posted {
    number: String,
    id: String,
    genuine: bool,
}

impl Posted {
    fn body(&self) -> String {
        json!({ "eventName": "sales_order_place_after", "data": { "order": { "increment_id": self.number, "store_id": "1" } } })
            .to_string()
    }
}

/// 6,000 orders, 3,000 repetitions of them, and 1,000 deliveries that somebody forged, in an order that looks like none.
fn deliveries() -> Vec<Posted> {
    let genuine = |n: usize| Posted { number: format!("{n:09}"), id: format!("request-{n}"), genuine: true };
    let forged = |n: usize| Posted { number: format!("FORGED-{n}"), id: format!("forged-{n}"), genuine: false };
    let mut list: Vec<Posted> = (0..6_000).map(genuine).collect();
    list.extend((0..3_000).map(|n| genuine(n * 7 % 6_000)));
    list.extend((0..1_000).map(forged));
    // A walk by a step that has no divisor in common with the length meets every place once.
    (0..DELIVERIES).map(|n| list[n * 7_919 % DELIVERIES].clone()).collect()
}

/// The answers so far: numbers of orders whose delivery was answered with success.
#[derive(Default)]
struct Answers {
    accepted: Mutex<BTreeSet<String>>,
    count: AtomicUsize,
    refused: AtomicUsize,
    cut: AtomicUsize,
}

/// Posts every delivery until it is answered for good, as Adobe's gateway does.
async fn post_all(address: SocketAddr, list: Arc<Vec<Posted>>, next: Arc<AtomicUsize>, answers: Arc<Answers>) {
    let mut connection: Option<Sender> = None;
    loop {
        let Some(posted) = list.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
        let body = posted.body();
        let secret = if posted.genuine { SECRET } else { "somebody else's secret" };
        let signature = signed(secret, body.as_bytes());
        let headers = [(SIGNATURE, signature.as_str()), ("x-adobe-commerce-request-id", posted.id.as_str())];
        loop {
            let mut sender = match connection.take() {
                Some(sender) => sender,
                None => match Sender::to(address).await {
                    Ok(sender) => sender,
                    Err(_) => {
                        // Nobody listens: the gateway would come back later too.
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        continue;
                    }
                },
            };
            match sender.send("POST", PATH, &headers, body.as_bytes()).await {
                Ok(answer) if answer.status == 503 => {
                    connection = Some(sender);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Ok(answer) => {
                    connection = Some(sender);
                    match (answer.status, posted.genuine) {
                        (200, true) => drop(answers.accepted.lock().unwrap().insert(posted.number.clone())),
                        (401, false) => drop(answers.refused.fetch_add(1, Ordering::Relaxed)),
                        other => panic!("{posted:?}: {other:?} {answer:?}"),
                    }
                    answers.count.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                // Whether it was taken is not known: once more.
                Err(_) => drop(answers.cut.fetch_add(1, Ordering::Relaxed)),
            }
        }
    }
}

/// A house with an endpoint and no flow that polls: `mlc produce` has nothing else to do than to take deliveries.
fn furnished(redis: &PrivateRedis, port: u16) -> HouseConfig {
    let mut config = HouseConfig {
        redis_url: Some(redis.url()),
        flow_lines: "enabled = false".to_owned(),
        shop_lines: "[connections.shop-main.webhook]\nscheme = \"hmac_sha256\"\n".to_owned(),
        more_sections: format!("\n[producer]\nwebhooks = \"127.0.0.1:{port}\"\n"),
        ..HouseConfig::with_paas_shop()
    };
    for flow in [SHOP_VENDORS, SHOP_ORDERS, SHOP_INVOICES, COMPANIES] {
        config = config.shop_flow(flow, "enabled = false");
    }
    config
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Numbers of orders, and how many jobs there are for each.
async fn jobs(house: &House) -> BTreeMap<String, usize> {
    let (mut found, mut page) = (BTreeMap::new(), Page { limit: 1000, ..Page::default() });
    loop {
        // The first call after Redis was away may find its old connection.
        let listing = match house.context.queue.jobs(&JobFilter::default(), &page).await {
            Ok(listing) => listing,
            Err(_) => house.context.queue.jobs(&JobFilter::default(), &page).await.unwrap(),
        };
        for job in listing.items {
            assert_eq!(job.kind, "create_requisition");
            let number = job.subject.unwrap().strip_prefix("shop order ").unwrap().to_owned();
            *found.entry(number).or_default() += 1;
        }
        match listing.next {
            Some(next) => page.after = Some(next),
            None => return found,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_producer_had_accepted_is_there_once_and_nothing_forged_is() {
    let mut redis = PrivateRedis::start(Persistence::AofAlways).unwrap();
    let port = free_port();
    let house = House::open_without_worker(furnished(&redis, port)).await.unwrap();
    house.set_secret("shop-main", "webhook_secret", SECRET).await.unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let (list, next, answers) = (Arc::new(deliveries()), Arc::<AtomicUsize>::default(), Arc::<Answers>::default());

    let mut producer = Process::mlc(&house, &["produce"]);
    let senders: Vec<_> =
        (0..SENDERS).map(|_| tokio::spawn(post_all(address, list.clone(), next.clone(), answers.clone()))).collect();
    for round in 1..=6 {
        eventually("deliveries are answered", SOON, async || {
            answers.count.load(Ordering::Relaxed) >= round * DELIVERIES / 7
                || senders.iter().any(|task| task.is_finished())
        })
        .await;
        if round == 4 {
            redis.kill();
            redis.restart().unwrap();
        } else {
            producer.kill();
            // What was answered so far is there now, not only in the end.
            let there = jobs(&house).await;
            let accepted = answers.accepted.lock().unwrap().clone();
            let lost: Vec<&String> = accepted.iter().filter(|number| !there.contains_key(*number)).collect();
            assert!(lost.is_empty(), "round {round}: accepted and lost: {lost:?}");
            producer = Process::mlc(&house, &["produce"]);
        }
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let there = jobs(&house).await;
    let accepted = answers.accepted.lock().unwrap().clone();
    assert_eq!(accepted.len(), 6_000);
    assert_eq!(there.keys().cloned().collect::<BTreeSet<_>>(), accepted);
    let doubled: Vec<_> = there.iter().filter(|(_, jobs)| **jobs > 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    assert_eq!((answers.count.load(Ordering::Relaxed), answers.refused.load(Ordering::Relaxed)), (DELIVERIES, 1_000));
    assert!(answers.cut.load(Ordering::Relaxed) > 0, "no kill hit a delivery that was under way");
    let (status, took) = producer.terminate(Duration::from_secs(10)).await;
    assert!(status.success(), "{status} after {took:?}");
    let log = producer.log();
    assert!(!log.contains(SECRET) && !log.contains("FORGED-"), "the log shows what came");
}

/// What a shop does with one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    /// Announced from inside the shopper's request, saved right after it.
    AnnouncedThenSaved,
    /// Saved, then announced.
    SavedThenAnnounced,
    /// Announced; the payment failed and nothing was saved.
    NeverSaved,
    /// Saved by our own push, and announced like any other.
    Ours,
    /// An order that is there, announced by somebody who cannot sign.
    Forged,
}

const ORDER_WAIT: &str = "12s";
/// Each third one brings five numbers, the others two; each number is posted four times: 10,008 deliveries.
const STORIES: usize = 834;
const LONG: Duration = Duration::from_secs(400);

fn stories() -> Vec<(Story, String)> {
    let mut stories = Vec::new();
    for n in 0..STORIES {
        stories.push((Story::AnnouncedThenSaved, format!("1{n:08}")));
        stories.push((Story::SavedThenAnnounced, format!("2{n:08}")));
        if n % 3 == 0 {
            stories.push((Story::NeverSaved, format!("3{n:08}")));
            stories.push((Story::Ours, format!("EPIC06-PO-{}", 900_000 + n)));
            stories.push((Story::Forged, format!("4{n:08}")));
        }
    }
    stories
}

/// Posts until it is answered for good.
async fn announce(address: SocketAddr, posted: &Posted) {
    let list = Arc::new(vec![posted.clone()]);
    post_all(address, list, Arc::default(), Arc::default()).await;
}

/// Tells every `of`th story, from the `first` on. Each announcement comes twice, and each of the two is repeated.
async fn tell(house: &House, address: SocketAddr, first: usize, of: usize, told: &AtomicUsize) {
    for (story, number) in stories().into_iter().skip(first).step_by(of) {
        let save = || {
            let pieces = [piece("HX-M8-40", 2, "1.5"), piece("BRG-6204", 1, "12.4")];
            place(house, &order(&number, &pieces));
        };
        if matches!(story, Story::SavedThenAnnounced | Story::Ours | Story::Forged) {
            save();
        }
        for id in ["before", "before", "after", "after"] {
            let genuine = story != Story::Forged;
            announce(address, &Posted { number: number.clone(), id: format!("{number}-{id}"), genuine }).await;
            if story == Story::AnnouncedThenSaved && house.shop().orders_numbered(&number).is_empty() {
                save();
            }
        }
        told.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_order_of_the_shop_becomes_one_requisition_while_producer_and_worker_die() {
    let redis = PrivateRedis::start(Persistence::AofAlways).unwrap();
    let port = free_port();
    let lines = format!("[flows.\"{REQUISITIONS}\".requisitions]\norder_wait = \"{ORDER_WAIT}\"");
    let house = House::open_without_worker(furnished(&redis, port).shop_flow(REQUISITIONS, &lines)).await.unwrap();
    house.set_secret("shop-main", "webhook_secret", SECRET).await.unwrap();
    let before = house.epicor.store().rows(COMPANY, "ReqHead").len();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let told = AtomicUsize::new(0);
    let total = stories().len();

    let quietly = [("MLC__LOG__LEVEL", "info")];
    let kills = async {
        let mut producer = Process::mlc(&house, &["produce"]);
        let mut worker = Process::worker(&house, &quietly);
        for round in 1..=5 {
            eventually("stories are told", LONG, async || told.load(Ordering::Relaxed) >= round * total / 6).await;
            producer.kill();
            producer = Process::mlc(&house, &["produce"]);
            if round % 2 == 0 {
                worker.kill();
                worker = Process::worker(&house, &quietly);
            }
        }
        eventually("all stories are told", LONG, async || told.load(Ordering::Relaxed) == total).await;
        (producer, worker)
    };
    let tell = |first| tell(&house, address, first, 4, &told);
    let (_processes, ..) = tokio::join!(kills, tell(0), tell(1), tell(2), tell(3));
    eventually("what was accepted is worked off", LONG, async || {
        let lanes = house.context.queue.lanes().await.unwrap();
        lanes.iter().all(|lane| lane.ready + lane.delayed + lane.running == 0)
    })
    .await;
    house.settle().await.unwrap();

    let mut wanted = 0;
    for (story, number) in stories() {
        let expected = usize::from(matches!(story, Story::AnnouncedThenSaved | Story::SavedThenAnnounced));
        assert_eq!(requisitions_of(&house, &number).len(), expected, "{story:?} {number}");
        wanted += expected;
    }
    assert_eq!(house.epicor.store().rows(COMPANY, "ReqHead").len() - before, wanted);
    let letters = house.dead_letters().await.unwrap();
    assert!(letters.is_empty(), "{letters:#?}");
}
