//! Jobs found by all their filters and followed through what they went through.

use mlc_flow::{Ask, Entity, Extent, PollPage};
use mlc_house::{House, HouseConfig, VENDORS};
use mlc_model::{Clock as _, ConnectionId, FlowId, SystemClock};
use mlc_queue::{JobFilter, JobState, JobView, Order, Page, Priority, UniqueKey};
use mlc_simulators::hubspot::{Fault, FaultKind};

use super::{browser::Browser, site::Site};
use crate::trouble::{jobs, seed_vendor, until};

const UPSERT: &str = "companies/batch/upsert";
const ROWS: &str = "main tbody th a";
const STEPS: &str = "main .timeline > li";

fn quick() -> HouseConfig {
    HouseConfig { retry_base: "20ms", retry_cap: "100ms", ..HouseConfig::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_job_tells_its_attempts_its_waits_and_where_it_comes_from() {
    let house = House::open_with(quick()).await.unwrap();
    seed_vendor(&house, "Acme Supply");
    house.hubspot.faults().add(Fault::times(UPSERT, FaultKind::Internal, 2));
    house.hubspot.faults().add(Fault::times(UPSERT, FaultKind::Daily, 1));
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    let snoozed = async || {
        let found = jobs(&house, "hubspot-main", JobState::Delayed).await.into_iter().find(|job| job.snoozes == 1)?;
        // The full view, with what the job has been through.
        house.context.queue.job(&found.id).await.unwrap()
    };
    until("it has failed twice and waits for the next day", || async { snoozed().await.is_some() }).await;
    let job = snoozed().await.unwrap();
    assert_eq!((job.attempts, job.snoozes), (2, 1), "{job:?}");
    let site = Site::of(house, &[]).await;
    let browser = Browser::open(&site.base).await;

    // Found by what went wrong with it, in any case of letters.
    let why = job.why.clone().unwrap();
    browser.go("/jobs").await;
    browser.fill("form.filters [name=error]", &why[..why.len().min(20)].to_uppercase()).await;
    browser.press("form.filters", "Filter").await;
    browser.shows(ROWS, "href", &[format!("/jobs/{}", job.id)]).await;
    browser.fill("form.filters [name=error]", "nothing says this").await;
    browser.press("form.filters", "Filter").await;
    browser.sees("No job matches.").await;
    browser.press("main", "Clear the filters").await;
    browser.press("main tbody", "EPIC06:VEND:1").await;
    browser.arrives(&format!("/jobs/{}", job.id)).await;

    let steps = browser.all(STEPS, "innerText").await;
    let parent = job.parent.clone().unwrap();
    let expected: [&[&str]; 5] = [
        &["Accepted, as a follow-up of job", parent.as_str()],
        &["Attempt 1 of 12 failed", "transient", "HTTP 500"],
        &["Attempt 2 of 12 failed", "transient", "HTTP 500"],
        &["Put off once through no fault of its own: no attempt used", "counted, without its time"],
        &["Waits until then: ", &why],
    ];
    assert_eq!(steps.len(), expected.len(), "{steps:#?}");
    for (step, words) in steps.iter().zip(expected) {
        assert!(words.iter().all(|word| step.contains(word)), "{words:?}: {step}");
    }
    assert!(browser.text("main .facts").await.contains("2 of 12 attempts failed"));

    // Its payload is opened on purpose only.
    assert!(!browser.text("main").await.contains("Acme Supply"));
    browser.press("main", "Open the payload (recorded)").await;
    browser.sees("Acme Supply").await;
    browser.press("main", "Back to the job").await;

    // Up to the job that it follows from, and down again by the chain.
    browser.press("main", &format!("job {parent}")).await;
    browser.sees("It ended").await;
    browser.sees("The first of its chain").await;
    browser.press("main", "that wait or run").await;
    browser.shows(ROWS, "href", &[format!("/jobs/{}", job.id)]).await;
    browser.go("/audit").await;
    browser.sees("view_payload").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_followed_from_its_last_attempt_over_a_replay_to_its_end() {
    let house = House::open_with(quick()).await.unwrap();
    seed_vendor(&house, "Acme Supply");
    house.hubspot.faults().add(Fault::always(UPSERT, FaultKind::Internal));
    house.sync(VENDORS).await.unwrap();
    let letter = house.dead_letters().await.unwrap().remove(0);
    let site = Site::of(house, &[]).await;
    let browser = Browser::open(&site.base).await;
    browser.go(&format!("/dead-letters/{}", letter.job.id)).await;
    let steps = browser.all(STEPS, "innerText").await;
    assert_eq!(steps.len(), letter.job.failed.len() + 2, "accepted, each attempt, given up: {steps:#?}");
    assert!(steps[steps.len() - 2].starts_with("Attempt 12 of 12 failed"), "{steps:#?}");
    assert!(steps[steps.len() - 1].starts_with("Given up"), "{steps:#?}");

    browser.press("main", "Replay this letter").await;
    browser.sees("1 letter replayed.").await;
    let queue = &site.house.context.queue;
    until("it is given up again", || async { queue.dead_letter(&letter.job.id).await.unwrap().is_some() }).await;
    browser.go(&format!("/jobs/{}", letter.job.id)).await;
    let steps = browser.all(STEPS, "innerText").await.join("\n");
    assert!(steps.contains("Replayed by ") && steps.contains("attempts start anew"), "{steps}");
    browser.press("main", "To its dead letter: replay, edit or discard").await;
    browser.arrives(&format!("/dead-letters/{}", letter.job.id)).await;

    // The page of a job that is looked at tells its end by itself.
    browser.go(&format!("/jobs/{}", letter.job.id)).await;
    browser.script("window.stays = 'here'").await;
    site.house.hubspot.faults().clear();
    queue.replay(std::slice::from_ref(&letter.job.id), "otto").await.unwrap();
    browser.sees("It ended: Redis keeps no more of it than this.").await;
    assert_eq!(browser.script("return window.stays").await, "here", "the page was not loaded anew");
    assert_eq!(browser.text("main .facts .badge").await, "done");
}

/// Jobs of two lanes, of every class, ready and delayed, in a house where nobody works.
async fn orders(house: &House) {
    let mut orders = Vec::new();
    for number in 0_usize..12 {
        let lane = if number % 4 == 0 { "hubspot-main" } else { "epicor-main" };
        let poll = PollPage {
            flow: FlowId::parse(if number % 2 == 0 { VENDORS } else { mlc_house::CUSTOMERS }).unwrap(),
            entity: Entity::Vendors,
            from: ConnectionId::parse(lane).unwrap(),
            to: ConnectionId::parse("hubspot-main").unwrap(),
            ask: Ask::Plan(Extent::Full),
        };
        let order = Order::of(&poll).unwrap().priority(Priority::ALL[number % 3]);
        let order = order.unique(UniqueKey::of(&format!("test {number}")));
        let later = SystemClock.now() + chrono::TimeDelta::hours(1);
        orders.push(if number % 5 == 0 { order.at(later) } else { order });
    }
    house.context.queue.enqueue(&orders).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_filter_and_state_of_the_jobs_shows_exactly_what_it_names() {
    // The producer orders nothing by itself.
    let on_demand = HouseConfig { flow_lines: "enabled = false".to_owned(), ..HouseConfig::default() };
    let house = House::open_without_worker(on_demand).await.unwrap();
    orders(&house).await;
    let site = Site::of(house, &[]).await;
    let queue = &site.house.context.queue;
    let all = queue.jobs(&JobFilter::default(), &Page { after: None, limit: 200 }).await.unwrap().items;
    assert_eq!(all.len(), 12);
    let trace = all[3].trace.clone();
    type Fits<'a> = Box<dyn Fn(&JobView) -> bool + 'a>;
    type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, Fits<'a>);
    let cases: Vec<Case<'_>> = vec![
        ("Waiting and running", vec![], Box::new(|_| true)),
        ("Ready", vec![], Box::new(|job| job.state == JobState::Ready)),
        ("Delayed", vec![], Box::new(|job| job.state == JobState::Delayed)),
        ("Running", vec![], Box::new(|_| false)),
        ("Dead", vec![], Box::new(|_| false)),
        ("Waiting and running", vec![("lane", "hubspot-main")], Box::new(|job| job.lane.as_str() == "hubspot-main")),
        ("Waiting and running", vec![("kind", "poll_page")], Box::new(|_| true)),
        ("Waiting and running", vec![("kind", "push_record")], Box::new(|_| false)),
        ("Waiting and running", vec![("priority", "backfill")], Box::new(|job| job.priority == Priority::Backfill)),
        ("Waiting and running", vec![("subject", "HUBSPOT::CUSTOMERS")], Box::new(|job| names(job, "customers"))),
        ("Waiting and running", vec![("trace", &trace)], Box::new(|job| job.trace == trace)),
        (
            "Ready",
            vec![("lane", "epicor-main"), ("priority", "normal"), ("subject", "vendors")],
            Box::new(|job| {
                job.state == JobState::Ready
                    && job.lane.as_str() == "epicor-main"
                    && job.priority == Priority::Normal
                    && names(job, "vendors")
            }),
        ),
    ];
    let browser = Browser::open(&site.base).await;
    for (state, fields, fits) in &cases {
        browser.go("/jobs").await;
        browser.press("main nav", state).await;
        for (name, value) in fields {
            browser.fill(&format!("form.filters [name={name}]"), value).await;
        }
        browser.press("form.filters", "Filter").await;
        let expected: Vec<String> = all.iter().filter(|job| fits(job)).map(|job| format!("/jobs/{}", job.id)).collect();
        assert!(expected.len() < all.len() || fields.len() < 2, "the case tells nothing: {fields:?}");
        browser.shows(ROWS, "href", &expected).await;
        // The state that was chosen is still the one that is shown.
        let current = browser.text("main nav [aria-current]").await;
        assert!(current.starts_with(state), "{fields:?}: {current}");
        if expected.is_empty() {
            browser.sees(if fields.is_empty() { "No job is here." } else { "No job matches." }).await;
        }
    }
}

fn names(job: &JobView, flow: &str) -> bool {
    job.subject.as_deref().unwrap_or_default().contains(flow)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_jobs_follow_each_other_and_ended_ones_offer_only_filters_that_work() {
    let site = Site::furnished().await;
    let queue = &site.house.context.queue;
    let all = queue.jobs(&JobFilter::default(), &Page { after: None, limit: 500 }).await.unwrap().items;
    let ended = queue.ended(&Page { after: None, limit: 500 }).await.unwrap().items;
    assert!(all.len() > 20 && ended.len() > 20);
    let browser = Browser::open(&site.base).await;
    browser.go("/jobs?limit=8&lane=shop-main").await;
    let pages = browser.every_page_of(ROWS, "href").await;
    let expected: Vec<String> =
        all.iter().filter(|job| job.lane.as_str() == "shop-main").map(|job| format!("/jobs/{}", job.id)).collect();
    assert_eq!(pages.concat(), expected);
    browser.go("/jobs?limit=8&state=ended").await;
    let pages = browser.every_page_of(ROWS, "href").await;
    assert_eq!(pages.concat(), ended.iter().map(|job| format!("/jobs/{}", job.id)).collect::<Vec<_>>());

    // What is not kept of jobs that ended is not asked for, and not silently passed over either.
    browser.go("/jobs?error=timeout&priority=normal&kind=push_record").await;
    browser.press("main nav", "Ended").await;
    browser.sees("The newest of about the last 10,000 that ended.").await;
    let expected = ended.iter().filter(|job| job.kind == "push_record").map(|job| format!("/jobs/{}", job.id));
    browser.shows(ROWS, "href", &expected.collect::<Vec<_>>()).await;
    assert_eq!(browser.count("form.filters [name=error], form.filters [name=priority]").await, 0);
    browser.fill("form.filters [name=subject]", "ic06:vend").await;
    browser.fill("form.filters [name=lane]", "hubspot-main").await;
    browser.press("form.filters", "Filter").await;
    let expected = ended.iter().filter(|job| {
        let subject = job.subject.as_deref().unwrap_or_default();
        job.kind == "push_record" && job.lane.as_str() == "hubspot-main" && subject.contains("IC06:VEND")
    });
    let expected: Vec<String> = expected.map(|job| format!("/jobs/{}", job.id)).collect();
    browser.shows(ROWS, "href", &expected).await;
    browser.go("/jobs?state=ended&error=timeout").await;
    browser.sees("Neither `priority` nor `error` is kept of jobs that ended").await;
}
