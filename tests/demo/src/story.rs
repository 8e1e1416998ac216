//! The demo, step by step.

#![expect(clippy::print_stdout, reason = "a demo prints")]

use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::json;

use crate::{
    house::House,
    processes::Processes,
    progress,
    settings::{CUSTOMERS, VENDORS},
    shelf,
    summary::{Counters, Numbers, show_counters},
    truth::Truth,
    verify::{self, Portal},
};

/// Vendors changed in Epicor.
const CHANGED: u64 = 50;
/// The first sync was ordered by the producer's schedule; its first tick comes at once.
const FIRST_TICK_WITHIN: Duration = Duration::from_secs(20);

/// Tells the whole story. An `Err` is a step that could not be taken; what does not add up stands in `problems`.
pub(crate) async fn tell(house: &House, processes: &mut Processes, started: Instant) -> anyhow::Result<Numbers> {
    let mut numbers = Numbers::default();
    let before_repair = first_sync(house, processes, &mut numbers).await?;
    replay(house, processes, &mut numbers).await?;
    change(house, processes, &mut numbers).await?;
    read_all_again(house, processes, &mut numbers).await?;

    title("Both systems, record by record");
    let portal = compare(house, Some(&before_repair), &mut numbers).await?;
    numbers.last = Counters::read(house).await?;
    numbers.companies = portal.companies.len();
    numbers.contacts = portal.contacts.len();
    numbers.links = portal.links.len();
    if numbers.last.answers_429 > 0 {
        numbers.add("at the end", vec![format!("{} requests were answered with 429", numbers.last.answers_429)]);
    }
    numbers.seconds = started.elapsed().as_secs_f64();
    numbers.show_result();
    Ok(numbers)
}

async fn first_sync(house: &House, processes: &mut Processes, numbers: &mut Numbers) -> anyhow::Result<Portal> {
    title("The first sync");
    let truth = Truth::read(&house.epicor).await?;
    reset_counters(house).await?;
    let started = Instant::now();
    house.start_product(processes).await?;
    until_ordered(house, processes).await?;
    progress::until_quiet(house, processes, truth.good_firms().count()).await?;
    numbers.first_sync_seconds = started.elapsed().as_secs_f64();

    let letters = shelf::read(&house.mlc).await?;
    numbers.dead_letters = letters.len();
    show_counters(&Counters::read(house).await?, letters.len(), numbers.first_sync_seconds);
    println!("\n  What cannot go, and why:");
    for (count, cause, reason) in shelf::grouped(&letters) {
        println!("  {count:>4}  {cause}: {reason}");
    }
    numbers.add("after the first sync", verify::compare_shelf(&truth, &letters));
    // The replay would hide what went wrong so far.
    let portal = Portal::read(&house.hubspot).await?;
    numbers.add("after the first sync", verify::compare(&truth, &portal, None));
    Ok(portal)
}

async fn until_ordered(house: &House, processes: &mut Processes) -> anyhow::Result<()> {
    let started = Instant::now();
    while started.elapsed() < FIRST_TICK_WITHIN {
        processes.check_alive()?;
        let reads = crate::control::number(&house.epicor.get("/__control/stats").await?, "/rows");
        if reads > 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("nothing was read from Epicor within {} seconds of the start", FIRST_TICK_WITHIN.as_secs())
}

async fn replay(house: &House, processes: &mut Processes, numbers: &mut Numbers) -> anyhow::Result<()> {
    title("The broken rows are put right in Epicor, the dead letters replayed");
    house.epicor.post("/__control/fix_broken", &json!({})).await?;
    show(&house.mlc.run(&["dead-letters", "replay", "--all"]).await?);
    let goal = Truth::read(&house.epicor).await?.good_firms().count();
    progress::until_quiet(house, processes, goal).await?;
    // Rows that were odd but usable changed too: they come with the next poll.
    for flow in [VENDORS, CUSTOMERS] {
        house.mlc.run(&["sync", flow]).await?;
    }
    progress::until_quiet(house, processes, goal).await?;
    let letters = shelf::read(&house.mlc).await?;
    numbers.dead_letters_after_replay = letters.len();
    if letters.is_empty() {
        println!("  The shelf is empty");
    } else {
        let reasons: Vec<String> =
            letters.iter().take(3).map(|one| format!("{} ({})", one.subject, one.reason)).collect();
        numbers.add(
            "after the replay",
            vec![format!("{} dead letters are left after the replay: {}", letters.len(), reasons.join(", "))],
        );
    }
    Ok(())
}

async fn change(house: &House, processes: &mut Processes, numbers: &mut Numbers) -> anyhow::Result<()> {
    title("50 vendors change in Epicor");
    let before = Counters::read(house).await?;
    let touched =
        house.epicor.post("/__control/touch", &json!({ "table": "Vendor", "rows": CHANGED, "seed": 50 })).await?;
    numbers.changed = touched["keys"].as_array().map_or(0, |keys| keys.len() as u64);
    show(&house.mlc.run(&["sync", VENDORS]).await?);
    progress::until_quiet(house, processes, Truth::read(&house.epicor).await?.good_firms().count()).await?;
    let after = Counters::read(house).await?;
    numbers.updates_seen = after.companies_updated - before.companies_updated;
    println!("  {} changed in Epicor, {} updates at HubSpot", numbers.changed, numbers.updates_seen);
    let others =
        (after.created - before.created, after.updated - before.updated, after.idle_writes - before.idle_writes);
    if numbers.changed != CHANGED || numbers.updates_seen != CHANGED || others != (0, CHANGED, 0) {
        numbers.add("after the change", vec![format!(
            "{} vendors changed, and HubSpot saw {} companies updated; in all {} records created, {} updated, {} written without a change",
            numbers.changed, numbers.updates_seen, others.0, others.1, others.2
        )]);
    }
    Ok(())
}

async fn read_all_again(house: &House, processes: &mut Processes, numbers: &mut Numbers) -> anyhow::Result<()> {
    title("All vendors are read again");
    let before = Counters::read(house).await?;
    show(&house.mlc.run(&["sync", VENDORS, "--full"]).await?);
    progress::until_quiet(house, processes, Truth::read(&house.epicor).await?.good_firms().count()).await?;
    let after = Counters::read(house).await?;
    let writes = |counters: &Counters| counters.created + counters.updated + counters.idle_writes;
    numbers.writes_of_full_read = writes(&after) - writes(&before);
    println!(
        "  {} rows read, {} records unchanged, {} writes at HubSpot",
        after.read - before.read,
        after.unchanged - before.unchanged,
        numbers.writes_of_full_read
    );
    if numbers.writes_of_full_read != 0 || after.read == before.read {
        let read = after.read - before.read;
        numbers.add(
            "after reading all again",
            vec![format!("reading {read} rows again wrote {} records", numbers.writes_of_full_read)],
        );
    }
    Ok(())
}

async fn compare(house: &House, before: Option<&Portal>, numbers: &mut Numbers) -> anyhow::Result<Portal> {
    let truth = Truth::read(&house.epicor).await?;
    let portal = Portal::read(&house.hubspot).await?;
    println!(
        "  {} rows in Epicor; {} good vendors and customers, {} others that stay out; {} companies in HubSpot",
        truth.rows,
        truth.good_firms().count(),
        truth.others.len(),
        portal.companies.len()
    );
    let broken = truth.held_back();
    if !broken.is_empty() {
        numbers.add("at the end", vec![format!("{} rows are still broken in Epicor", broken.len())]);
    }
    numbers.add("at the end", verify::compare(&truth, &portal, before));
    Ok(portal)
}

/// The pings were counted too; the numbers are about the sync.
async fn reset_counters(house: &House) -> anyhow::Result<()> {
    house.hubspot.post("/__control/reset-stats", &json!({})).await?;
    house.epicor.delete("/__control/stats").await
}

pub(crate) fn show(printed: &str) {
    printed.trim_end().lines().for_each(|line| println!("  {line}"));
}

pub(crate) fn title(text: &str) {
    println!("\n== {text}");
}
