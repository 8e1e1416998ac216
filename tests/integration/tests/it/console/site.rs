//! A house whose producer shows its console.

use std::{
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use mlc_house::{CUSTOMERS, House, HouseConfig, SHOP_INVOICES, SHOP_ORDERS, SHOP_VENDORS, VENDORS};
use mlc_ledger::{NewReview, ReviewKind, WindowState};
use mlc_model::{ConnectionId, FlowId, RecordKey};
use mlc_queue::Lane;
use mlc_simulators::epicor::SeedCompany;
use serde_json::json;

use crate::processes::Process;

/// What somebody could have typed into a vendor's name to do harm.
pub(crate) const HOSTILE: [&str; 4] = [
    "<script>document.title='owned'</script>",
    "\"><img src=x onerror=document.title='owned'>",
    "\u{202e}dlrow\u{2066} right to left",
    "{{7*7}}${7*7}<!--",
];

/// A house and the console of its producer.
pub(crate) struct Site {
    pub(crate) house: House,
    pub(crate) base: String,
    producer: Process,
}

impl Site {
    /// Starts `mlc produce` with its console. `variables` override settings.
    pub(crate) async fn of(house: House, variables: &[(&str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let mut all = vec![("MLC__CONSOLE__LISTEN", listen.as_str()), ("MLC__LOG__LEVEL", "info")];
        all.extend_from_slice(variables);
        let producer = Process::mlc_with(&house, &["produce"], &all);
        let begun = Instant::now();
        while TcpStream::connect(&listen).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the console does not listen:\n{}", producer.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { house, base: format!("http://{listen}"), producer }
    }

    /// A house in which something of everything has happened: records moved, letters of several causes, an open review of
    /// each kind, a held and a paused connection, and texts that mean harm.
    pub(crate) async fn furnished() -> Self {
        Self::furnished_with(&[]).await
    }

    /// The same with settings overridden.
    pub(crate) async fn furnished_with(variables: &[(&str, &str)]) -> Self {
        let house = House::open_with(HouseConfig::with_paas_shop()).await.unwrap();
        let seed = SeedCompany {
            vendors: 40,
            customers: 20,
            prospects: 5,
            contacts: true,
            broken: true,
            broken_each: 3,
            ..SeedCompany::default()
        };
        house.epicor.store().seed_company(&seed).unwrap();
        for (place, name) in HOSTILE.iter().enumerate() {
            let vendor = json!({"VendorID": format!("EVIL{place}"), "Name": name, "City": "Duluth"});
            house.epicor.store().insert_vendor(&vendor).unwrap();
        }
        house.sync(VENDORS).await.unwrap();
        raise_reviews(&house).await;
        let lane = |name: &str| Lane(ConnectionId::parse(name).unwrap());
        let reason = "401: the integration's token was revoked";
        house.context.queue.hold(&lane("shop-main"), reason).await.unwrap();
        let site = Self::of(house, variables).await;
        site.comes_to_rest().await;
        site
    }

    /// Waits until all polls that the start of the producer orders have been read and what follows from them is done; what
    /// stands in the lane that is held stays there.
    pub(crate) async fn comes_to_rest(&self) {
        let begun = Instant::now();
        // The house itself has read the vendors before.
        let windows = [(VENDORS, 2), (CUSTOMERS, 1), (SHOP_VENDORS, 1), (SHOP_ORDERS, 1), (SHOP_INVOICES, 1)];
        loop {
            let mut is_done = true;
            for (flow, least) in windows {
                let rows = self.house.context.ledger.windows(&FlowId::parse(flow).unwrap(), 10).await.unwrap();
                is_done &= rows.iter().filter(|row| row.state == WindowState::Closed).count() >= least;
            }
            let lanes = self.house.context.queue.lanes().await.unwrap();
            let others = lanes.iter().filter(|lane| lane.held.is_none());
            if is_done && others.into_iter().all(|lane| lane.ready + lane.delayed + lane.running == 0) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{lanes:#?}\n{}", self.producer.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the producer wrote.
    pub(crate) fn log(&self) -> String {
        self.producer.log()
    }
}

async fn raise_reviews(house: &House) {
    for place in 0..3 {
        house.context.ledger.raise_review(&review(place, "112.50")).await.unwrap();
    }
}

/// What stands on the review list as item `place + 1`, with this total of its invoice.
pub(crate) fn review(place: usize, invoice_total: &str) -> NewReview {
    NewReview {
        flow: FlowId::parse("epicor_to_adobe::ap_invoices").unwrap(),
        key: RecordKey::from_text(&format!("EPIC06:INV:{}:AB-{place}", 118 + place)),
        kind: [ReviewKind::PriceDifference, ReviewKind::DebitMemo, ReviewKind::Conflict][place],
        about: format!("version {place}"),
        summary: format!("The invoice differs from its order by 12.50 USD {}", HOSTILE[place]),
        facts: [("order total", "100.00"), ("invoice total", invoice_total), ("limit", "10.00")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        job: None,
        at: chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap(),
    }
}
