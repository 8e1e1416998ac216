//! A house that carries out one case after another. Each case has rows of its own and starts without a checkpoint.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use mlc_house::{CUSTOMERS, House, HouseConfig, VENDORS};
use mlc_ledger::WindowState;
use mlc_model::{FlowId, ManualClock};
use mlc_simulators::epicor::{Profile, Store, Visibility};
use serde_json::{Value, json};

use super::schedule::{Change, Schedule};

const COMPANY: &str = "EPIC06";
/// Longer than any change of a case takes to become visible.
const OVERLAP: TimeDelta = TimeDelta::seconds(90);
/// Time that passes with every look at a page.
const STEP: TimeDelta = TimeDelta::milliseconds(137);

/// Which entity is read, and by which change field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) flow: &'static str,
    pub(crate) profile: Profile,
    pub(crate) mode: &'static str,
}

impl Setup {
    fn table(self) -> &'static str {
        if self.flow == VENDORS { "Vendor" } else { "Customer" }
    }

    fn entity(self) -> &'static str {
        if self.flow == VENDORS { "vendors" } else { "customers" }
    }

    fn key(self, number: i64) -> String {
        format!("{COMPANY}:{}:{number}", if self.flow == VENDORS { "VEND" } else { "CUST" })
    }

    /// The fields of a new row.
    fn row(self, number: i64, version: u64) -> Value {
        let address = format!("v{version}");
        if self.flow == VENDORS {
            json!({"VendorNum": number, "VendorID": format!("V{number}"), "Name": format!("Vendor {number}"), "Address1": address})
        } else {
            json!({"CustNum": number, "CustID": format!("C{number}"), "Name": format!("Customer {number}"), "CustomerType": "CUS", "Address1": address})
        }
    }
}

/// The table while a case runs: what is there, what comes next.
struct Table {
    setup: Setup,
    clock: ManualClock,
    live: Vec<i64>,
    first: i64,
    last: i64,
    version: u64,
    ahead: VecDeque<Vec<Change>>,
}

impl Table {
    fn begin(&mut self) {
        self.live.clear();
        // Room in front for rows that are prepended.
        self.first = self.last + 1_000;
        self.last = self.first - 1;
        self.ahead.clear();
    }

    fn apply(&mut self, store: &mut Store, change: &Change) {
        let table = self.setup.table();
        let picked = |row: usize| self.live.get(row % self.live.len().max(1)).copied();
        match change {
            Change::Append | Change::Prepend => {
                let number = if *change == Change::Append { self.last + 1 } else { self.first - 1 };
                (self.first, self.last) = (self.first.min(number), self.last.max(number));
                self.version += 1;
                store.insert(COMPANY, table, &self.setup.row(number, self.version)).unwrap();
                self.live.push(number);
            }
            Change::Delete(row) => {
                if let Some(number) = picked(*row) {
                    store.delete(COMPANY, table, &number.into()).unwrap();
                    self.live.retain(|live| *live != number);
                }
            }
            Change::Update(row) | Change::Late(row, _) => {
                let Some(number) = picked(*row) else { return };
                let visibility = match change {
                    Change::Late(_, pages) => Visibility::AfterPages(*pages),
                    _ => Visibility::Now,
                };
                self.version += 1;
                let fields = json!({"Address1": format!("v{}", self.version)});
                store.update_later(COMPANY, table, &number.into(), &fields, visibility).unwrap();
            }
        }
    }

    fn pass_time(&self, store: &Store, by: TimeDelta) {
        self.clock.advance(by);
        store.clock().advance(by);
    }
}

pub(crate) struct Rig {
    house: House,
    setup: Setup,
    flow: FlowId,
    table: Arc<Mutex<Table>>,
}

impl Rig {
    pub(crate) async fn open(setup: Setup, now: DateTime<Utc>) -> anyhow::Result<Self> {
        // Behind the real time throughout, so that nothing the worker puts off is put off for long.
        let start = now - TimeDelta::days(120);
        let clock = ManualClock::at(start);
        let mut house = House::open_without_worker(HouseConfig {
            profile: setup.profile,
            change_mode: setup.mode,
            page_rows: 3,
            overlap: "90s",
            lag: "1s",
            burst: 1_000,
            clock: Arc::new(clock.clone()),
            ..HouseConfig::default()
        })
        .await?;
        house.epicor.clock().freeze(start);
        for _ in 0..2 {
            house.start_worker(4);
        }
        let table = Table { setup, clock, live: Vec::new(), first: 0, last: 0, version: 0, ahead: VecDeque::new() };
        let table = Arc::new(Mutex::new(table));
        let hooked = Arc::clone(&table);
        let set = format!("{}s", setup.table());
        house.epicor.on_page(move |store, page| {
            let mut table = hooked.lock().unwrap();
            table.pass_time(store, STEP);
            // Questions for the newest row read no page of the window.
            let is_page = page.set == set && page.query.iter().any(|(name, value)| name == "$top" && value == "3");
            if is_page {
                for change in table.ahead.pop_front().unwrap_or_default() {
                    table.apply(store, &change);
                }
            }
        });
        Ok(Self { house, setup, flow: FlowId::parse(setup.flow)?, table })
    }

    fn with_table<T>(&self, act: impl FnOnce(&mut Table, &mut Store) -> T) -> T {
        // The same order as inside a hook: the store first.
        let mut store = self.house.epicor.store();
        act(&mut self.table.lock().unwrap(), &mut store)
    }

    /// Carries out a case.
    ///
    /// # Errors
    /// What was found to be wrong.
    pub(crate) async fn run(&self, schedule: &Schedule) -> anyhow::Result<()> {
        let ledger = &self.house.context.ledger;
        let now = self.with_table(|table, store| {
            table.begin();
            table.pass_time(store, OVERLAP);
            (0..schedule.rows).for_each(|_| table.apply(store, &Change::Append));
            store.clock().now()
        });
        ledger.reset_checkpoint(&self.flow, self.setup.entity(), "a new case", now).await?;
        let older = ledger.windows(&self.flow, 1).await?.first().map(|row| row.opened_at);
        self.house.hubspot.watch_company_property("address");

        for poll in &schedule.polls {
            self.with_table(|table, store| {
                if poll.after_seconds > 5 {
                    store.commit_held(None);
                }
                table.pass_time(store, TimeDelta::seconds(poll.after_seconds));
                poll.before.iter().for_each(|change| table.apply(store, change));
                table.ahead = poll.during.iter().cloned().collect();
            });
            self.house.sync(self.setup.flow).await?;
        }
        self.with_table(|table, store| {
            table.ahead.clear();
            store.commit_held(None);
            table.pass_time(store, OVERLAP + TimeDelta::seconds(2));
        });
        self.house.sync(self.setup.flow).await.context("the last poll")?;

        self.every_final_version_arrived()?;
        self.no_older_version_overwrote_a_newer_one()?;
        let dead = self.house.dead_letters().await?;
        ensure!(dead.is_empty(), "{} dead letters, such as {:?}", dead.len(), dead.first());
        self.replays_write_nothing(schedule, older).await?;
        self.clear().await
    }

    fn every_final_version_arrived(&self) -> anyhow::Result<()> {
        let rows = self.house.epicor.store().rows(COMPANY, self.setup.table());
        for row in rows {
            let number = row["__key"].as_i64().context("a key")?;
            let company = self.house.hubspot.company_by("epicor_key", &self.setup.key(number));
            let there = company.as_ref().map_or("nothing", |company| company.value("address"));
            let wanted = row["Address1"].as_str().unwrap_or_default();
            ensure!(there == wanted, "row {number} is {wanted} in Epicor and {there} in HubSpot");
        }
        Ok(())
    }

    fn no_older_version_overwrote_a_newer_one(&self) -> anyhow::Result<()> {
        let mut newest: HashMap<String, u64> = HashMap::new();
        for (company, address) in self.house.hubspot.watched_writes() {
            let version = address.trim_start_matches('v').parse::<u64>()?;
            let before = newest.insert(company.clone(), version).unwrap_or(0);
            ensure!(before <= version, "company {company}: v{version} was written over v{before}");
        }
        Ok(())
    }

    async fn replays_write_nothing(&self, schedule: &Schedule, older: Option<DateTime<Utc>>) -> anyhow::Result<()> {
        let windows = self.house.context.ledger.windows(&self.flow, 40).await?;
        let closed: Vec<_> = windows
            .into_iter()
            .filter(|row| row.state == WindowState::Closed && row.entity == self.setup.entity())
            .filter(|row| older.is_none_or(|older| row.opened_at > older))
            .collect();
        ensure!(!closed.is_empty(), "no window was closed");
        self.house.hubspot.reset_stats();
        for pick in &schedule.replays {
            let window = &closed[pick % closed.len()];
            self.house.order_replays(self.setup.flow, std::slice::from_ref(window)).await?;
            self.house.settle().await?;
            let calls = self.house.hubspot.stats().total_requests;
            ensure!(calls == 0, "replaying window {} made {calls} calls to HubSpot", window.window.id);
        }
        Ok(())
    }

    /// Leaves an empty table to the next case, also after a failure.
    pub(crate) async fn clear(&self) -> anyhow::Result<()> {
        self.house.settle().await?;
        self.with_table(|table, store| {
            table.ahead.clear();
            store.commit_held(None);
            for row in store.rows(COMPANY, self.setup.table()) {
                store.delete(COMPANY, self.setup.table(), &row["__key"]).unwrap();
            }
        });
        Ok(())
    }
}

/// All modes, with both profiles where they make sense.
pub(crate) fn setups() -> Vec<Setup> {
    let mut setups = Vec::new();
    for (profile, modes) in [
        (Profile::Stock, vec!["auto", "revision", "full_scan"]),
        (Profile::UpdatedOn, vec!["auto", "timestamp", "revision"]),
    ] {
        setups.extend(modes.into_iter().map(|mode| Setup { flow: VENDORS, profile, mode }));
    }
    for (profile, modes) in [
        (Profile::Stock, vec!["auto", "date", "date_plus_seconds", "full_scan"]),
        (Profile::UpdatedOn, vec!["timestamp", "date_plus_seconds"]),
    ] {
        setups.extend(modes.into_iter().map(|mode| Setup { flow: CUSTOMERS, profile, mode }));
    }
    setups
}
