//! The numbers of a demo, for people and for scripts.

#![expect(clippy::print_stdout, reason = "a demo prints")]

use serde_json::{Value, json};

use crate::{
    control::{metric, number},
    house::House,
};

/// Calls a day of a Professional account. Source: HubSpot, usage guidelines.
const DAILY_ALLOWANCE: u64 = 625_000;

/// Counters at one moment, from the simulators; `unchanged` from the workers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    /// Rows that Epicor served.
    pub(crate) read: u64,
    /// Companies and contacts made in HubSpot.
    pub(crate) created: u64,
    /// … and changed.
    pub(crate) updated: u64,
    pub(crate) companies_updated: u64,
    /// Writes that changed nothing.
    pub(crate) idle_writes: u64,
    /// Records that the ledger knew to be at the target as they are.
    pub(crate) unchanged: u64,
    pub(crate) epicor_requests: u64,
    pub(crate) hubspot_requests: u64,
    /// Most HubSpot requests in any ten seconds, and how many are allowed.
    pub(crate) highest_burst: u64,
    pub(crate) burst_allowance: u64,
    pub(crate) answers_429: u64,
    /// HubSpot requests that count against the day's allowance.
    pub(crate) used_today: u64,
}

impl Counters {
    pub(crate) async fn read(house: &House) -> anyhow::Result<Self> {
        let hubspot = house.hubspot.get("/__control/stats").await?;
        let epicor = house.epicor.get("/__control/stats").await?;
        let mut unchanged = 0;
        for worker in &house.workers {
            let (_, page) = worker.page("/metrics").await?;
            unchanged += metric(&page, "mlc_records_total", &["action=\"unchanged\""]);
        }
        let both = |what: &str| {
            number(&hubspot, &format!("/companies/{what}")) + number(&hubspot, &format!("/contacts/{what}"))
        };
        Ok(Self {
            read: number(&epicor, "/rows"),
            created: both("created"),
            updated: both("updated"),
            companies_updated: number(&hubspot, "/companies/updated"),
            idle_writes: both("unchanged"),
            unchanged,
            epicor_requests: number(&epicor, "/requests"),
            hubspot_requests: number(&hubspot, "/total_requests"),
            highest_burst: number(&hubspot, "/burst/highest_in_a_window"),
            burst_allowance: number(&hubspot, "/burst/allowance"),
            answers_429: number(&hubspot, "/answers_429") + number(&epicor, "/by_status/429"),
            used_today: number(&hubspot, "/used_today"),
        })
    }
}

/// What the demo found out about the shop.
#[derive(Debug, Default)]
pub(crate) struct ShopNumbers {
    pub(crate) edition: &'static str,
    pub(crate) companies: usize,
    pub(crate) orders: usize,
    pub(crate) lines: usize,
    /// Totals of all orders by currency, as text.
    pub(crate) totals: Vec<String>,
    pub(crate) invoices: usize,
    pub(crate) dead_letters: usize,
    pub(crate) on_review: usize,
    pub(crate) accepted: usize,
    pub(crate) changed: usize,
    pub(crate) deliveries: usize,
    pub(crate) requisitions: usize,
    pub(crate) requests: u64,
    pub(crate) first_sync_seconds: f64,
    pub(crate) seconds: f64,
}

impl ShopNumbers {
    fn json(&self) -> Value {
        json!({
            "edition": self.edition,
            "companies": self.companies,
            "orders": self.orders,
            "lines": self.lines,
            "totals": self.totals,
            "invoices": self.invoices,
            "dead_letters": self.dead_letters,
            "on_review": self.on_review,
            "accepted": self.accepted,
            "changed": self.changed,
            "deliveries": self.deliveries,
            "requisitions": self.requisitions,
            "requests": self.requests,
            "first_sync_seconds": tenths(self.first_sync_seconds),
            "seconds": tenths(self.seconds),
        })
    }

    /// For people.
    pub(crate) fn show(&self) {
        let row = |what: &str, value: String| println!("  {what:<28}{value:>14}");
        println!();
        row("edition of the shop", self.edition.to_owned());
        row("companies", self.companies.to_string());
        row("orders from Epicor", self.orders.to_string());
        row("  lines, each with account", self.lines.to_string());
        row("invoices", self.invoices.to_string());
        row("waiting for a person", self.on_review.to_string());
        row("webhooks delivered", self.deliveries.to_string());
        row("requisitions in Epicor", self.requisitions.to_string());
        row("requests to the shop", self.requests.to_string());
        row("seconds", format!("{:.1}", self.seconds));
    }
}

/// Everything that the demo found out.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) last: Counters,
    pub(crate) first_sync_seconds: f64,
    pub(crate) seconds: f64,
    pub(crate) dead_letters: usize,
    pub(crate) dead_letters_after_replay: usize,
    pub(crate) changed: u64,
    pub(crate) updates_seen: u64,
    pub(crate) writes_of_full_read: u64,
    pub(crate) companies: usize,
    pub(crate) contacts: usize,
    pub(crate) links: usize,
    /// Counted once the shop has joined.
    pub(crate) shop: ShopNumbers,
    /// What does not add up; empty is good.
    pub(crate) problems: Vec<String>,
}

impl Numbers {
    /// Notes what does not add up, and says so at once.
    pub(crate) fn add(&mut self, stage: &str, problems: Vec<String>) {
        for problem in problems {
            println!("  ! {problem}");
            self.problems.push(format!("{stage}: {problem}"));
        }
    }

    /// For scripts.
    pub(crate) fn json(&self) -> Value {
        let last = &self.last;
        json!({
            "ok": self.problems.is_empty(),
            "read": last.read,
            "created": last.created,
            "updated": last.updated,
            "unchanged": last.unchanged,
            "dead_letters": self.dead_letters,
            "dead_letters_after_replay": self.dead_letters_after_replay,
            "changed": self.changed,
            "updates_seen": self.updates_seen,
            "writes_of_full_read": self.writes_of_full_read,
            "companies": self.companies,
            "contacts": self.contacts,
            "associations": self.links,
            "epicor_requests": last.epicor_requests,
            "hubspot_requests": last.hubspot_requests,
            "highest_burst": last.highest_burst,
            "burst_allowance": last.burst_allowance,
            "answers_429": last.answers_429,
            "first_sync_seconds": tenths(self.first_sync_seconds),
            "seconds": tenths(self.seconds),
            "shop": self.shop.json(),
            "problems": self.problems,
        })
    }

    /// For people.
    pub(crate) fn show_result(&self) {
        show_counters(&self.last, self.dead_letters_after_replay, self.seconds);
        if self.problems.is_empty() {
            println!(
                "\nAll numbers add up: {} companies, {} contacts, {} links in HubSpot are what Epicor says, one for one.",
                self.companies, self.contacts, self.links
            );
        } else {
            self.show_problems();
        }
    }

    /// The last word, when the shop has been compared too.
    pub(crate) fn show_verdict(&self) {
        if self.problems.is_empty() {
            println!(
                "\nAll documents add up: {} orders and {} invoices in the shop, {} requisitions in Epicor.",
                self.shop.orders, self.shop.invoices, self.shop.requisitions
            );
        } else {
            self.show_problems();
        }
    }

    fn show_problems(&self) {
        println!("\nThese numbers do not add up:");
        self.problems.iter().for_each(|problem| println!("  - {problem}"));
    }
}

fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

/// The table of counters.
pub(crate) fn show_counters(counters: &Counters, dead_letters: usize, seconds: f64) {
    let row = |what: &str, value: String| println!("  {what:<28}{value:>14}");
    println!();
    row("rows read in Epicor", counters.read.to_string());
    row("created in HubSpot", counters.created.to_string());
    row("updated in HubSpot", counters.updated.to_string());
    row("unchanged, not written", counters.unchanged.to_string());
    row("dead letters", dead_letters.to_string());
    row("requests to Epicor", counters.epicor_requests.to_string());
    row("requests to HubSpot", counters.hubspot_requests.to_string());
    row("  of the day's allowance", format!("{} of {DAILY_ALLOWANCE}", counters.used_today));
    row("  most in ten seconds", format!("{} of {}", counters.highest_burst, counters.burst_allowance));
    row("answers with 429", counters.answers_429.to_string());
    row("seconds", format!("{seconds:.1}"));
}
