//! The shop's part of the demo, step by step.

#![expect(clippy::print_stdout, reason = "a demo prints")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use serde_json::Value;

use crate::{
    contents::Contents,
    control::number,
    documents::{Documents, InvoiceId, Pair, shop_number},
    house::House,
    partners,
    processes::Processes,
    progress::until_shop_quiet,
    purchasing::{self, Seeded},
    review,
    settings::{Edition, SHOP_COMPANIES, SHOP_INVOICES, SHOP_ORDERS, SHOP_VENDORS, VENDORS},
    shelf,
    shop::Shop,
    shop_verify::{self, Fate},
    shoppers,
    story::{show, title},
    summary::Numbers,
    trace,
    truth::{Truth, rows},
    verify::Portal,
};

/// Examples shown of what is listed.
const EXAMPLES: usize = 2;

/// Tells it. An `Err` is a step that could not be taken; what does not add up stands in `problems`.
pub(crate) async fn tell(
    house: &House,
    processes: &mut Processes,
    edition: Edition,
    started: Instant,
    numbers: &mut Numbers,
) -> anyhow::Result<Shop> {
    title("A shop joins: Adobe Commerce");
    let seeded = purchasing::seed(&house.epicor).await?;
    println!(
        "  Purchasing in Epicor: {} orders, {} of them without an account on a line;\n  {} invoices: {} for several orders, {} partial, {} debit memos, {} with prices\n  that differ by cents, {} by a quarter",
        seeded.orders,
        seeded.uncoded.len(),
        seeded.invoices,
        seeded.spanning,
        seeded.partial,
        seeded.debit_memos,
        seeded.differing,
        seeded.overpriced
    );
    let shop = Shop::join(house, processes, edition).await?;
    numbers.shop.edition = shop.edition.as_str();
    let mut telling = Telling { house, shop: &shop, numbers, accepted: BTreeSet::new() };
    telling.first_orders(processes).await?;
    telling.put_accounts_right(processes, &seeded).await?;
    telling.invoices(processes).await?;
    telling.accept_one(processes).await?;
    telling.changes(processes, &seeded).await?;
    telling.partners(processes).await?;
    telling.shoppers(processes).await?;
    telling.gl_trace().await?;
    telling.everything(started).await?;
    Ok(shop)
}

struct Telling<'a> {
    house: &'a House,
    shop: &'a Shop,
    numbers: &'a mut Numbers,
    /// Invoices that a person let through.
    accepted: BTreeSet<InvoiceId>,
}

impl Telling<'_> {
    async fn sync(&self, flows: &[&str], processes: &mut Processes) -> anyhow::Result<()> {
        for flow in flows {
            self.house.mlc.run(&["sync", flow]).await?;
        }
        until_shop_quiet(self.house, processes, self.shop).await
    }

    async fn both(&self) -> anyhow::Result<(Documents, Contents)> {
        Ok((Documents::read(&self.house.epicor).await?, Contents::read(&self.shop.server).await?))
    }

    async fn first_orders(&mut self, processes: &mut Processes) -> anyhow::Result<()> {
        title("Vendors become companies, purchase orders become orders");
        let started = Instant::now();
        // The producer's first tick orders both; here only the end is waited for.
        self.house.mlc.run(&["sync", SHOP_VENDORS]).await?;
        until_shop_quiet(self.house, processes, self.shop).await?;
        self.numbers.shop.first_sync_seconds = started.elapsed().as_secs_f64();
        let (documents, contents) = self.both().await?;
        let ours = contents.orders.iter().filter(|order| order.number.contains("-PO-"));
        let mut totals: BTreeMap<(&str, &str), (usize, Pair)> = BTreeMap::new();
        for order in ours.filter(|order| order.state != "canceled") {
            let entry = totals.entry((&order.currency, &order.base_currency)).or_default();
            entry.0 += 1;
            entry.1 += order.total;
        }
        println!("\n  orders  currency           total   in the company's currency");
        for ((currency, base), (count, sum)) in &totals {
            println!("  {count:>6}  {currency:<8} {:>15.2}   {:>15.2} {base}", sum.doc, sum.base);
            self.numbers.shop.totals.push(format!("{:.2} {currency} = {:.2} {base}", sum.doc, sum.base));
        }
        let left_out = documents.orders.values().filter(|order| order.void || !order.approved).count();
        println!("  {left_out} stay out: void, or not approved");
        let letters = shelf::read(&self.house.mlc).await?;
        self.numbers.shop.dead_letters = letters.len();
        println!("\n  What cannot go, and why:");
        for (count, cause, reason) in shelf::grouped(&letters) {
            println!("  {count:>4}  {cause}: {reason}");
        }
        self.numbers.add("orders", shop_verify::compare_orders(&documents, &contents, &BTreeSet::new()));
        Ok(())
    }

    async fn put_accounts_right(&mut self, processes: &mut Processes, seeded: &Seeded) -> anyhow::Result<()> {
        title("The forgotten accounts are entered in Epicor, the dead letters replayed");
        let before = shelf::read(&self.house.mlc).await?;
        let wanted: BTreeSet<i64> = seeded.uncoded.iter().map(|one| one.order).collect();
        let shelved: BTreeSet<i64> = before
            .iter()
            .filter_map(|letter| letter.subject.rsplit(':').next().and_then(|number| number.parse().ok()))
            .collect();
        if wanted != shelved || before.len() != wanted.len() {
            let problem = format!("orders without account: {wanted:?}; dead letters about: {shelved:?}");
            self.numbers.add("dead letters", vec![problem]);
        }
        purchasing::code_again(&self.house.epicor, &seeded.uncoded).await?;
        show(&self.house.mlc.run(&["dead-letters", "replay", "--all"]).await?);
        until_shop_quiet(self.house, processes, self.shop).await?;
        let left = shelf::read(&self.house.mlc).await?;
        if left.is_empty() {
            println!("  The shelf is empty");
        } else {
            self.numbers.add("dead letters", vec![format!("{} are left: {}", left.len(), left[0].reason)]);
        }
        let (documents, contents) = self.both().await?;
        self.numbers.add("orders", shop_verify::compare_orders(&documents, &contents, &BTreeSet::new()));
        println!("  {} orders are Epicor's, line by line, to the cent", documents.wanted_orders().count());
        Ok(())
    }

    async fn invoices(&mut self, processes: &mut Processes) -> anyhow::Result<()> {
        title("Invoices of the suppliers follow");
        self.sync(&[SHOP_INVOICES], processes).await?;
        let (documents, contents) = self.both().await?;
        let items = review::open(&self.house.mlc).await?;
        let letters = shelf::read(&self.house.mlc).await?;
        let posted = documents.invoices.values().filter(|invoice| invoice.posted).count();
        println!(
            "  {posted} posted in Epicor; {} invoices in the shop, {} records wait for a person",
            contents.invoices.len(),
            items.len()
        );
        println!("\n  $ mlc review list");
        for (kind, (count, example)) in review::grouped(&items) {
            println!("  {count:>4}  {kind}, such as {}", example.key);
            println!("        {}", example.summary);
        }
        for (count, cause, reason) in shelf::grouped(&letters) {
            println!("  {count:>4}  dead letters, {cause}: {reason}");
        }
        let held = review::held(&items, &letters);
        let mistakes = shop_verify::compare_invoices(&documents, &contents, &held, &self.accepted);
        self.numbers.add("invoices", mistakes);
        Ok(())
    }

    async fn accept_one(&mut self, processes: &mut Processes) -> anyhow::Result<()> {
        title("A person lets one price difference through");
        let documents = Documents::read(&self.house.epicor).await?;
        let items = review::open(&self.house.mlc).await?;
        let differs = |id: &InvoiceId| documents.invoices.get(id).is_some_and(|one| !one.debit_memo);
        let chosen = items.iter().filter(|item| item.kind == "price_difference");
        let Some((item, id)) = chosen.filter_map(|item| Some((item, item.invoice().filter(|id| differs(id))?))).next()
        else {
            self.numbers.add("review", vec!["no price difference waits for a decision".to_owned()]);
            return Ok(());
        };
        println!("  $ mlc review accept {} --note \"agreed with the supplier\"", item.id);
        let printed = self.house.mlc.run(&["review", "accept", &item.id, "--note", "agreed with the supplier"]).await?;
        show(&printed);
        until_shop_quiet(self.house, processes, self.shop).await?;
        self.accepted.insert(id.clone());
        self.numbers.shop.accepted = self.accepted.len();
        let contents = Contents::read(&self.shop.server).await?;
        let parts = shop_verify::delivered(&documents, &contents).remove(&id).unwrap_or_default();
        for (order, invoice) in &parts {
            println!("  Invoice {} now stands on {}: {}", id.1, shop_number(*order), invoice.total);
        }
        if parts.is_empty() {
            self.numbers.add("review", vec![format!("{} was let through and is not in the shop", id.1)]);
        }
        Ok(())
    }

    async fn changes(&mut self, processes: &mut Processes, seeded: &Seeded) -> anyhow::Result<()> {
        title("Ten orders change in Epicor, one is called off");
        let before = Documents::read(&self.house.epicor).await?;
        let mut changes = purchasing::change(&self.house.epicor, &before, &seeded.uncoded).await?;
        self.sync(&[SHOP_ORDERS], processes).await?;
        let (documents, contents) = self.both().await?;
        self.numbers.shop.changed = changes.len();
        for change in &changes {
            let order = contents.numbered(&shop_number(change.order)).first().copied();
            let now = order.map_or_else(String::new, |order| {
                format!(
                    "{:>12.2} {} {}, {} lines",
                    order.total.doc,
                    order.currency,
                    order.state,
                    order.standing().count()
                )
            });
            println!("  {}  {:<32}{now}", change.order, change.what);
        }
        let called_off = changes.pop().map(|change| shop_number(change.order)).unwrap_or_default();
        let state = contents.numbered(&called_off).first().map_or("missing", |order| order.state.as_str());
        if state != "canceled" {
            self.numbers.add("changes", vec![format!("{called_off} was called off and is {state} in the shop")]);
        }
        for change in changes.iter().filter(|change| change.what.contains("due on")) {
            let orders = contents.numbered(&shop_number(change.order));
            if !orders.iter().flat_map(|order| &order.history).any(|text| text.contains("2026-12-18")) {
                self.numbers.add("changes", vec![format!("the new date of {} is not in its history", change.order)]);
            }
        }
        let settled = documents.invoiced_orders();
        self.numbers.add("changes", shop_verify::compare_orders(&documents, &contents, &settled));
        Ok(())
    }

    async fn partners(&mut self, processes: &mut Processes) -> anyhow::Result<()> {
        title("Somebody edits companies in the shop");
        let contents = Contents::read(&self.shop.server).await?;
        let edits = partners::edit(self.shop, &contents, &self.house.epicor).await?;
        println!("  {} new telephones, which the shop owns, and a new name, which Epicor owns", partners::PHONES);
        // The last two show that nothing comes back.
        self.sync(&[SHOP_COMPANIES, VENDORS, SHOP_VENDORS, SHOP_COMPANIES], processes).await?;
        let portal = Portal::read(&self.house.hubspot).await?;
        let mut mistakes = partners::compare(&edits, &self.house.epicor, self.shop, &portal).await?;
        let items = review::open(&self.house.mlc).await?;
        match items.iter().find(|item| item.kind == "conflict" && item.key == edits.renamed()) {
            Some(item) => println!("  On the review list: {}", item.summary),
            None => mistakes.push("the edited name is not on the review list".to_owned()),
        }
        if mistakes.is_empty() {
            println!("  The telephones stand in Epicor and HubSpot, the name was put back, nothing echoed");
        }
        self.numbers.add("companies", mistakes);
        Ok(())
    }

    async fn shoppers(&mut self, processes: &mut Processes) -> anyhow::Result<()> {
        title("40 people order in the shop");
        let contents = Contents::read(&self.shop.server).await?;
        let ours: Vec<u64> = contents.orders.iter().map(|order| order.entity_id).collect();
        let orders = shoppers::order(self.shop, &ours).await?;
        println!(
            "  {} webhooks: {} orders, {} sent twice, {} of orders that never come to exist,\n  {} of our own orders, {} with a forged signature",
            orders.deliveries,
            shoppers::PLACED,
            orders.duplicates,
            shoppers::GHOSTS,
            orders.echoes,
            orders.forged
        );
        until_shop_quiet(self.house, processes, self.shop).await?;
        let (count, mistakes) = shoppers::compare(&self.house.epicor, &orders).await?;
        println!("  {count} requisitions in Epicor");
        self.numbers.shop.deliveries = orders.deliveries;
        self.numbers.shop.requisitions = count;
        self.numbers.add("requisitions", mistakes);
        Ok(())
    }

    async fn gl_trace(&mut self) -> anyhow::Result<()> {
        title("Where an account comes from, and where it went");
        let (documents, contents) = self.both().await?;
        let delivered = shop_verify::delivered(&documents, &contents);
        let good = |vendor: i64, number: &str| {
            let id = (vendor, number.to_owned());
            delivered.contains_key(&id)
                && documents.invoices.get(&id).is_some_and(|one| shop_verify::fate(one) == Fate::Delivered)
        };
        match purchasing::traced(&documents, good) {
            Some(traced) => self.numbers.add("trace", trace::show(&traced, &contents)),
            None => self.numbers.add("trace", vec!["no invoice line can be traced".to_owned()]),
        }
        Ok(())
    }

    async fn everything(&mut self, started: Instant) -> anyhow::Result<()> {
        title("Epicor and the shop, document by document");
        let (documents, contents) = self.both().await?;
        let items = review::open(&self.house.mlc).await?;
        let letters = shelf::read(&self.house.mlc).await?;
        let settled = documents.invoiced_orders();
        self.numbers.add("at the end", shop_verify::compare_orders(&documents, &contents, &settled));
        let held = review::held(&items, &letters);
        let mistakes = shop_verify::compare_invoices(&documents, &contents, &held, &self.accepted);
        self.numbers.add("at the end", mistakes);
        let vendors: Vec<Value> = rows(&self.house.epicor, "Vendor").await?;
        let truth = Truth::read(&self.house.epicor).await?;
        let good: BTreeSet<String> = truth.good_firms().map(|(key, _)| key.clone()).collect();
        self.numbers.add("at the end", shop_verify::compare_companies(&vendors, &good, &contents));
        if !letters.is_empty() {
            let reasons: Vec<&str> = letters.iter().take(EXAMPLES).map(|one| one.reason.as_str()).collect();
            self.numbers.add("at the end", vec![format!("{} dead letters: {}", letters.len(), reasons.join(", "))]);
        }
        let paths = purchasing::gl_paths(&self.house.epicor).await?;
        if paths.is_empty() {
            println!("  No request touched Epicor's /APInvExpTGLCs");
        } else {
            self.numbers.add("at the end", vec![format!("requests touched /APInvExpTGLCs: {}", paths.join(", "))]);
        }
        let stats = self.shop.server.get("/__control/stats").await?;
        let ours = contents.orders.iter().filter(|order| order.number.contains("-PO-"));
        let numbers = &mut self.numbers.shop;
        numbers.companies = contents.companies.len();
        numbers.orders = ours.clone().count();
        numbers.lines = ours.map(|order| order.standing().count()).sum();
        numbers.invoices = contents.invoices.len();
        numbers.on_review = items.len();
        numbers.requests = number(&stats, "/calls");
        numbers.seconds = started.elapsed().as_secs_f64();
        numbers.show();
        self.numbers.show_verdict();
        Ok(())
    }
}
