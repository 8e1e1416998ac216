//! Two people edit the same vendors, one in Epicor, one in the shop, while calls fail and orders repeat. Whatever happens: both sides come to
//! agree, the owner's last value wins, every edit that is lost is listed and no other, and nothing is written that nobody edited.
//!
//! A run is one round of one vendor: `ROUNDS` × `VENDORS` of them per edition. `MLC_PROPERTY_SEED` chooses others.
//! Edits happen while jobs run, too; in the shop only on companies that nobody has a reason to write just then, because its API has no check
//! against somebody who saves between the reading and the writing of a company.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mlc_flow::{Extent, PullCompany, PullStep};
use mlc_house::{COMPANIES, House, HouseConfig, SHOP_VENDORS};
use mlc_ledger::ReviewState;
use mlc_model::{Clock as _, ConnectionId, FlowId, SystemClock};
use mlc_queue::{Order, Priority};
use mlc_simulators::{adobe, epicor};
use serde_json::{Value, json};

use crate::shop_vendors::vendor;

const VENDORS: usize = 40;
const ROUNDS: usize = 13;
const FIELDS: [&str; 6] = ["name", "address", "phone", "email", "tax_id", "comment"];

/// SplitMix64: the same seed gives the same edits.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn one_in(&mut self, chance: usize) -> bool {
        self.below(chance) == 0
    }
}

/// A field's value as people would compare it: an address as street and town.
type Text = String;

fn plain(field: &str, text: &str) -> Text {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if field == "email" { line.to_lowercase() } else { line }
}

/// The columns of a side for a value as typed.
fn columns(side: Side, field: &str, typed: &str) -> Value {
    let (street, town) = typed.split_once('|').unwrap_or((typed, ""));
    match (side, field) {
        (Side::Epicor, "name") => json!({"Name": typed}),
        (Side::Epicor, "phone") => json!({"PhoneNum": typed}),
        (Side::Epicor, "email") => json!({"EMailAddress": typed}),
        (Side::Epicor, "tax_id") => json!({"TaxPayerID": typed}),
        (Side::Epicor, "comment") => json!({"Comment": typed}),
        (Side::Epicor, _) => json!({"Address1": street, "Address2": "", "City": town}),
        (Side::Shop, "name") => json!({"company_name": typed}),
        (Side::Shop, "phone") => json!({"telephone": if typed.is_empty() { "-" } else { typed }}),
        (Side::Shop, "email") => json!({"company_email": typed}),
        (Side::Shop, "tax_id") => json!({"vat_tax_id": typed}),
        (Side::Shop, "comment") => json!({"comment": typed}),
        (Side::Shop, _) => json!({"street": [street], "city": town}),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Epicor,
    Shop,
}

/// One person's edit of one field.
#[derive(Debug, Clone)]
struct Edit {
    vendor: usize,
    side: Side,
    field: &'static str,
    typed: String,
}

struct Rig {
    house: House,
    shop_owns: BTreeSet<&'static str>,
    numbers: Vec<i64>,
    companies: Vec<u64>,
    /// What both sides should hold, by vendor and field.
    truth: Vec<BTreeMap<&'static str, Text>>,
    dice: Dice,
    serial: u64,
}

impl Rig {
    async fn open(config: HouseConfig, shop_owns: &[&'static str], seed: u64) -> Self {
        let owned = shop_owns.iter().map(|field| format!("\"{field}\"")).collect::<Vec<_>>().join(", ");
        let config = HouseConfig { retry_base: "10ms", retry_cap: "200ms", ..config };
        let config = config.shop_flow(COMPANIES, &format!("companies = {{ adobe_owns = [{owned}] }}"));
        let house = House::open_with(config).await.unwrap();
        let mut numbers = Vec::new();
        for at in 0..VENDORS {
            let own =
                json!({"VendorID": format!("V{at}"), "EMailAddress": format!("ap@v{at}.example"), "Address2": ""});
            numbers.push(house.epicor.store().insert_vendor(&vendor(&own)).unwrap());
        }
        house.sync(SHOP_VENDORS).await.unwrap();
        house.sync(COMPANIES).await.unwrap();
        let by_key: BTreeMap<String, u64> =
            house.shop().companies().into_iter().map(|company| (company.reseller_id.unwrap(), company.id)).collect();
        let companies = numbers.iter().map(|number| by_key[&format!("EPIC06-V-{number}")]).collect();
        let mut rig = Self {
            house,
            shop_owns: shop_owns.iter().copied().collect(),
            numbers,
            companies,
            truth: Vec::new(),
            dice: Dice(seed),
            serial: 0,
        };
        rig.truth = (0..VENDORS).map(|at| rig.held(Side::Epicor, at)).collect();
        rig
    }

    fn owner(&self, field: &str) -> Side {
        if self.shop_owns.contains(field) { Side::Shop } else { Side::Epicor }
    }

    /// What a side holds, read from the simulator's own tables.
    fn held(&self, side: Side, at: usize) -> BTreeMap<&'static str, Text> {
        let row = match side {
            Side::Epicor => self.house.epicor.store().row("EPIC06", "Vendor", &json!([self.numbers[at]])).unwrap(),
            Side::Shop => {
                let companies = self.house.shop().companies();
                Value::Object(companies.into_iter().find(|company| company.id == self.companies[at]).unwrap().row)
            }
        };
        let text = |column: &str| row.get(column).and_then(Value::as_str).unwrap_or_default().to_owned();
        FIELDS
            .into_iter()
            .map(|field| {
                let typed = match (side, field) {
                    (Side::Epicor, "name") => text("Name"),
                    (Side::Epicor, "phone") => text("PhoneNum"),
                    (Side::Epicor, "email") => text("EMailAddress"),
                    (Side::Epicor, "tax_id") => text("TaxPayerID"),
                    (Side::Epicor, "comment") => text("Comment"),
                    (Side::Epicor, _) => format!("{}|{}", text("Address1"), text("City")),
                    (Side::Shop, "name") => text("company_name"),
                    (Side::Shop, "phone") => text("telephone").trim_matches('-').to_owned(),
                    (Side::Shop, "email") => text("company_email"),
                    (Side::Shop, "tax_id") => text("vat_tax_id"),
                    (Side::Shop, "comment") => text("comment"),
                    (Side::Shop, _) => format!("{}|{}", row["street"][0].as_str().unwrap_or_default(), text("city")),
                };
                (field, plain(field, &typed))
            })
            .collect()
    }

    fn value(&mut self, field: &str) -> String {
        self.serial += 1;
        let n = self.serial;
        match field {
            "email" => format!("Ap{n}@Edited.example"),
            "address" => format!("{n} Kaai|Town {n}"),
            "phone" | "tax_id" | "comment" if self.dice.one_in(6) => String::new(),
            "comment" => format!("  note {n}  über  {n} "),
            "name" => format!("Firm {n}  AB"),
            _ => format!("{field}-{n}"),
        }
    }

    /// Random edits: some of the same field on both sides, some of them to the same value.
    fn edits(&mut self) -> Vec<Edit> {
        let mut edits = Vec::new();
        for vendor in 0..VENDORS {
            for field in FIELDS {
                let (in_epicor, in_shop) = (self.dice.one_in(6), self.dice.one_in(6));
                let mut typed = None;
                for (side, edited) in [(Side::Epicor, in_epicor), (Side::Shop, in_shop)] {
                    if !edited {
                        continue;
                    }
                    let same = typed.clone().filter(|_| self.dice.one_in(4));
                    let value = same.unwrap_or_else(|| self.value(field));
                    if plain(field, &value) != self.truth[vendor][field] {
                        typed = Some(value.clone());
                        edits.push(Edit { vendor, side, field, typed: value });
                    }
                }
            }
        }
        edits
    }

    /// Those that are made while jobs run, and those before. Owners edit some fields a second time then, so that a value that is being sent is
    /// old before its answer comes. In the shop only on vendors whose company nobody has a reason to write in this round.
    fn split(&mut self, edits: &[Edit]) -> (Vec<Edit>, Vec<Edit>) {
        // Edits of both sides to one value are made together; otherwise an older value of the owner may be seen in between.
        let is_same = |edit: &Edit| {
            edits.iter().any(|other| {
                other.side != edit.side
                    && (other.vendor, other.field) == (edit.vendor, edit.field)
                    && plain(edit.field, &other.typed) == plain(edit.field, &edit.typed)
            })
        };
        let (mut late, early): (Vec<Edit>, Vec<Edit>) =
            edits.iter().cloned().partition(|edit| edit.side == Side::Epicor && edit.vendor % 2 == 0 && !is_same(edit));
        let stays = |vendor: usize| {
            edits.iter().filter(|edit| edit.vendor == vendor).all(|edit| self.shop_owns.contains(edit.field))
        };
        let again: Vec<Edit> = early
            .iter()
            .filter(|edit| self.owner(edit.field) == edit.side && !is_same(edit))
            .filter(|edit| edit.side == Side::Epicor || stays(edit.vendor))
            .cloned()
            .collect();
        for edit in again {
            let typed = self.value(edit.field);
            if !typed.is_empty() {
                late.push(Edit { typed, ..edit });
            }
        }
        (late, early)
    }

    fn apply(&self, edit: &Edit) {
        let changes = columns(edit.side, edit.field, &edit.typed);
        match edit.side {
            Side::Epicor => {
                self.house.epicor.store().update_vendor(self.numbers[edit.vendor], &changes).unwrap();
            }
            Side::Shop => assert!(self.house.shop().edit_company(self.companies[edit.vendor], &changes)),
        }
    }

    async fn announce(&self, at: usize) {
        let pull = PullCompany {
            flow: FlowId::parse(COMPANIES).unwrap(),
            from: ConnectionId::parse("shop-main").unwrap(),
            to: ConnectionId::parse("epicor-main").unwrap(),
            company_id: i64::try_from(self.companies[at]).unwrap(),
            step: PullStep::Read,
        };
        self.house.context.queue.enqueue(&[Order::of(&pull).unwrap().priority(Priority::Person)]).await.unwrap();
    }

    /// Orders as schedules and webhooks give them, in any order, some twice.
    async fn order_at_random(&mut self) {
        for _ in 0..4 {
            match self.dice.below(4) {
                0 => self.house.order(SHOP_VENDORS, Extent::Incremental).await.unwrap(),
                1 => self.house.order(SHOP_VENDORS, Extent::Full).await.unwrap(),
                2 => self.house.order(COMPANIES, Extent::Incremental).await.unwrap(),
                _ => {
                    for _ in 0..VENDORS {
                        let at = self.dice.below(VENDORS);
                        self.announce(at).await;
                    }
                }
            }
        }
    }

    fn break_things(&self) {
        use adobe::FaultKind as F;
        let shop = self.house.shop();
        for (route, kind, chance) in [
            ("PUT /", F::ResetAfterWrite, 0.15),
            ("PUT /", F::ResetBefore, 0.1),
            ("PUT /", F::TruncatedJson, 0.1),
            ("GET /", F::Deadlock, 0.03),
            ("GET /", F::ResetBefore, 0.03),
        ] {
            shop.add_fault(adobe::Fault::sometimes(route, kind, chance));
        }
        use epicor::FaultKind as E;
        for (route, kind, chance) in [
            ("VendorSvc/Update", E::ResetAfter, 0.15),
            ("VendorSvc/Update", E::ResetBefore, 0.1),
            ("VendorSvc/Update", E::Stale400, 0.1),
            ("VendorSvc/GetByID", E::Hidden500, 0.05),
            ("Vendors", E::ResetBefore, 0.03),
        ] {
            let fault = epicor::Fault { times: None, probability: Some(chance), ..epicor::Fault::once(route, kind) };
            self.house.epicor.faults().add(fault);
        }
    }

    fn mend_things(&self) {
        self.house.shop().clear_faults();
        self.house.epicor.faults().clear();
    }

    /// Writes of vendors and companies that were asked for.
    fn writes(&self) -> (usize, usize) {
        let log = self.house.shop().request_log();
        let epicor = self.house.epicor.stats().by_method.get("Erp.BO.VendorSvc/Update").copied().unwrap_or(0);
        (log.count("PUT ") + log.count("POST "), usize::try_from(epicor).unwrap())
    }

    async fn until_quiet(&self) {
        for _ in 0..8 {
            let before = self.writes();
            self.house.sync(SHOP_VENDORS).await.unwrap();
            self.house.sync(COMPANIES).await.unwrap();
            if self.writes() == before {
                return;
            }
        }
        panic!("the two sides keep writing: an echo");
    }

    /// What stands on the review list since the last call, which takes note of it.
    async fn listed(&self) -> Vec<(String, String, String)> {
        let ledger = &self.house.context.ledger;
        let open = ledger.reviews(Some(ReviewState::Open), 10_000, None).await.unwrap();
        let mut listed = Vec::new();
        for item in open {
            listed.push((item.key.to_string(), item.facts["field"].clone(), item.facts["edited_in"].clone()));
            let now = SystemClock.now();
            ledger.decide_review(&item.id, ReviewState::Dismissed, None, "the test", None, now).await.unwrap();
        }
        listed.sort();
        listed
    }

    async fn round(&mut self, round: usize) {
        let faulty = !round.is_multiple_of(3);
        let first = self.edits();
        let (late, early) = if round % 2 == 1 { self.split(&first) } else { (Vec::new(), first) };
        let edits: Vec<Edit> = early.iter().chain(&late).cloned().collect();
        let before = self.writes();
        early.iter().for_each(|edit| self.apply(edit));
        if faulty {
            self.break_things();
        }
        self.order_at_random().await;
        for edit in &late {
            tokio::time::sleep(Duration::from_millis(2)).await;
            self.apply(edit);
            match edit.side {
                Side::Epicor => self.house.order(SHOP_VENDORS, Extent::Incremental).await.unwrap(),
                Side::Shop => self.announce(edit.vendor).await,
            }
        }
        self.order_at_random().await;
        self.house.settle().await.unwrap();
        self.mend_things();
        self.until_quiet().await;
        let letters = self.house.dead_letters().await.unwrap();
        assert!(letters.is_empty(), "round {round}: {letters:#?}");

        let mut expected = Vec::new();
        let (mut for_shop, mut for_epicor) = (0, 0);
        for edit in &edits {
            match self.owner(edit.field) {
                Side::Epicor => for_shop += 1,
                Side::Shop => for_epicor += 1,
            }
            let text = plain(edit.field, &edit.typed);
            if self.owner(edit.field) == edit.side {
                self.truth[edit.vendor].insert(edit.field, text);
            }
        }
        for edit in edits.iter().filter(|edit| self.owner(edit.field) != edit.side) {
            if plain(edit.field, &edit.typed) != self.truth[edit.vendor][edit.field] {
                let edited_in = if edit.side == Side::Epicor { "Epicor" } else { "Adobe Commerce" };
                let key = format!("EPIC06:VEND:{}", self.numbers[edit.vendor]);
                expected.push((key, edit.field.to_owned(), edited_in.to_owned()));
            }
        }
        expected.sort();
        for at in 0..VENDORS {
            for side in [Side::Epicor, Side::Shop] {
                assert_eq!(self.held(side, at), self.truth[at], "round {round}, vendor {}, {side:?}", self.numbers[at]);
            }
        }
        assert_eq!(self.listed().await, expected, "round {round}: lost edits and the review list");
        let after = self.writes();
        if !faulty {
            let (shop, epicor) = (after.0 - before.0, after.1 - before.1);
            assert!(shop <= for_shop, "round {round}: {shop} writes to the shop for {for_shop} edits");
            assert!(epicor <= for_epicor, "round {round}: {epicor} writes to Epicor for {for_epicor} edits");
        }

        // Everything is looked at again by every way there is: nothing is written.
        self.house.order(SHOP_VENDORS, Extent::Full).await.unwrap();
        self.house.order(COMPANIES, Extent::Full).await.unwrap();
        for at in 0..VENDORS {
            self.announce(at).await;
        }
        self.house.settle().await.unwrap();
        assert_eq!(self.writes(), after, "round {round}: an echo");
    }
}

async fn both_sides_come_to_agree(config: HouseConfig, shop_owns: &[&'static str]) {
    let seed = std::env::var("MLC_PROPERTY_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut rig = Rig::open(config, shop_owns, seed).await;
    let started = SystemClock.now();
    for round in 0..ROUNDS {
        rig.round(round).await;
    }
    let (shop, epicor) = rig.writes();
    let seconds = (SystemClock.now() - started).num_seconds();
    report(&format!(
        "{} runs, seed {seed}: {shop} writes to the shop, {epicor} to Epicor, {seconds} s",
        ROUNDS * VENDORS
    ));
}

#[expect(clippy::print_stdout, reason = "what the runs came to is for people, with --nocapture")]
fn report(line: &str) {
    println!("{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vendors_edited_on_both_sides_come_to_agree_with_a_paas_shop() {
    both_sides_come_to_agree(HouseConfig::with_paas_shop(), &["name", "phone", "address"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vendors_edited_on_both_sides_come_to_agree_with_a_saas_shop() {
    both_sides_come_to_agree(HouseConfig::with_saas_shop(), &["email", "tax_id", "comment"]).await;
}
