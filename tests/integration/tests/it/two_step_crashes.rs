//! A worker dies at every single request of a write that takes many. Another one goes on, and Epicor holds one header with each line once.
//!
//! For the n-th request two deaths: before Epicor has taken it, and after Epicor has done it but before the worker has read the answer.

use std::{sync::Arc, time::Duration};

use mlc_house::{House, HouseConfig};
use mlc_queue::{Workers, WorkersConfig};
use mlc_runtime::{metrics::Metrics, readiness::Readiness, shutdown::Shutdown};
use mlc_simulators::epicor::{Fault, FaultKind, NewOrder, NewOrderLine, SeedPurchasing};
use mlc_vault::KeyRing;
use serde_json::json;
use tokio::{
    runtime::Runtime,
    sync::Semaphore,
    task::{JoinSet, LocalSet},
};

use crate::{
    processes::eventually,
    shopper::{
        announce_invoice, announce_order, ap_invoices, ap_rows, invoice, lines_of, mirror, order, piece, place,
        requisitions_of,
    },
};

const SOON: Duration = Duration::from_secs(30);
const ACCOUNT: &str = "6210|20|100";
const ORDER: &str = "000000412";
/// Houses at once.
const SIDE_BY_SIDE: usize = 12;

/// What happens at a request.
#[derive(Debug, Clone, Copy)]
enum Blow {
    /// The worker dies; Epicor never gets to it.
    DiesBefore,
    /// The worker dies; Epicor has done it.
    DiesAfter,
    /// The line breaks; Epicor never gets to it.
    CutBefore,
    /// The line breaks; Epicor has done it.
    CutAfter,
}

const BLOWS: [Blow; 4] = [Blow::DiesBefore, Blow::DiesAfter, Blow::CutBefore, Blow::CutAfter];

impl Blow {
    fn is_deadly(self) -> bool {
        matches!(self, Self::DiesBefore | Self::DiesAfter)
    }

    /// At the request after so many.
    fn at(self, after: u64) -> Fault {
        let (kind, delay_ms) = match self {
            Self::DiesBefore => (FaultKind::Delay20s, Some(120_000)),
            Self::DiesAfter => (FaultKind::HangAfter, Some(120_000)),
            Self::CutBefore => (FaultKind::ResetBefore, None),
            Self::CutAfter => (FaultKind::ResetAfter, None),
        };
        Fault { after, delay_ms, ..Fault::once("*", kind) }
    }
}

/// A worker of its own runtime, with its own connections, that can die like a process: at once, wherever each of its jobs stands.
struct Worker(Option<Runtime>);

impl Worker {
    fn start(house: &House) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let settings = Arc::clone(&house.context.settings);
        let keys = Arc::new(KeyRing::parse(&house.vault_keys).unwrap());
        let clock = Arc::clone(&house.context.clock);
        runtime.spawn(async move {
            let context = mlc_worker::open_with_keys(settings, keys, Metrics::new(), clock).await.unwrap();
            let config =
                WorkersConfig { name: "mortal".to_owned(), concurrency: 4, shutdown_deadline: Duration::from_secs(20) };
            let shutdown = Shutdown::new();
            let registry = mlc_worker::registry(&context);
            let (metrics, readiness) = (context.metrics.clone(), Readiness::default());
            let _ = Workers::run(context.queue.clone(), registry, config, shutdown.waiting(), metrics, readiness).await;
        });
        Self(Some(runtime))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Write {
    Requisition,
    ApInvoice,
}

impl Write {
    /// A house in which the thing to be written stands in the shop.
    async fn house(self) -> House {
        let config = HouseConfig { lease: Duration::from_secs(2), ..HouseConfig::with_paas_shop() };
        let house = House::open_without_worker(config).await.unwrap();
        match self {
            Self::Requisition => {
                place(&house, &order(ORDER, &[piece("HX", 250, "0.255"), piece("BRG", 3, "12.4")]));
            }
            Self::ApInvoice => {
                let vendor = {
                    let mut store = house.epicor.store();
                    store.seed_purchasing(&SeedPurchasing { vendors: 2, ..SeedPurchasing::default() }).unwrap();
                    store.rows("EPIC06", "Vendor")[0]["VendorNum"].as_i64().unwrap()
                };
                let lines = vec![
                    NewOrderLine { price: "12.50".to_owned(), releases: vec![3], ..NewOrderLine::default() },
                    NewOrderLine { price: "2.25".to_owned(), releases: vec![4, 6], ..NewOrderLine::default() },
                ];
                let new = NewOrder { vendor, lines, ..NewOrder::default() };
                let po = house.epicor.store().add_order("EPIC06", &new).unwrap();
                invoice(&house, mirror(&house, po, ACCOUNT), &[2, 4, 0]);
            }
        }
        house
    }

    async fn announce(self, house: &House) {
        match self {
            Self::Requisition => announce_order(house, ORDER).await,
            Self::ApInvoice => announce_invoice(house, 1).await,
        }
    }

    /// Epicor holds it whole and once.
    async fn assert_right(self, house: &House, case: &str) {
        assert!(house.dead_letters().await.unwrap().is_empty(), "{case}");
        let stats = house.epicor.stats();
        assert!(stats.gl_paths.is_empty(), "{case}: {:?}", stats.gl_paths);
        let (headers, lines) = match self {
            Self::Requisition => ("ReqHead A", "ReqDetail A"),
            Self::ApInvoice => ("APInvHed A", "APInvDtl A"),
        };
        assert_eq!((stats.saved.get(headers), stats.saved.get(lines)), (Some(&1), Some(&2)), "{case}");
        match self {
            Self::Requisition => {
                let found = requisitions_of(house, ORDER);
                let lines = lines_of(house, &found[0]);
                let wanted: Vec<_> =
                    lines.iter().map(|line| (line["PartNum"].clone(), line["OrderQty"].as_f64())).collect();
                assert_eq!(wanted, [(json!("HX"), Some(250.0)), (json!("BRG"), Some(3.0))], "{case}");
            }
            Self::ApInvoice => {
                let marked = house.shop().invoices().remove(0);
                let number = marked.transaction_id.unwrap();
                assert_eq!(marked.comments.len(), 1, "{case}");
                let found = ap_invoices(house, &number);
                assert_eq!(found[0]["DocInvoiceAmt"].as_f64(), Some(34.0), "{case}");
                let lines = ap_rows(house, "APInvDtl", &number);
                let billed: Vec<_> =
                    lines.iter().map(|line| (line["POLine"].as_i64(), line["DocExtCost"].as_f64())).collect();
                assert_eq!(billed, [(Some(1), Some(25.0)), (Some(2), Some(9.0))], "{case}");
                let books = ap_rows(house, "APInvExpTGLC", &number);
                let main: Vec<_> =
                    books.iter().filter(|row| row["IsMainBook"] == true).map(|row| &row["GLAccount"]).collect();
                assert_eq!(main, [ACCOUNT, ACCOUNT], "{case}");
                assert_eq!(books.len(), 4, "{case}: the server's own rows, two books for each line");
                let group = house.epicor.store().row("EPIC06", "APInvGrp", &json!("MLC")).unwrap();
                assert_eq!(group["ActiveUserID"].as_str().unwrap_or_default(), "", "{case}");
            }
        }
    }

    /// How many requests a quiet day takes.
    async fn requests(self) -> u64 {
        let house = self.house().await;
        house.epicor.reset_stats();
        self.announce(&house).await;
        let _worker = Worker::start(&house);
        house.settle().await.unwrap();
        self.assert_right(&house, "a quiet day").await;
        house.epicor.stats().requests
    }

    async fn struck(self, blow: Blow, after: u64) {
        let case = format!("{self:?}, {blow:?} at request {}", after + 1);
        let house = self.house().await;
        house.epicor.reset_stats();
        house.epicor.faults().add(blow.at(after));
        self.announce(&house).await;
        let mut worker = Worker::start(&house);
        eventually(&case, SOON, async || !house.epicor.stats().faults.is_empty()).await;
        if blow.is_deadly() {
            drop(worker);
            worker = Worker::start(&house);
        }
        house.settle().await.unwrap();
        self.assert_right(&house, &case).await;
        if blow.is_deadly() {
            assert_eq!(
                house.context.queue.stats().await.unwrap().total("rescued"),
                1,
                "{case}: the job was taken over"
            );
        }
        drop(worker);
    }

    async fn struck_everywhere(self) {
        LocalSet::new().run_until(Box::pin(self.struck_side_by_side())).await;
    }

    async fn struck_side_by_side(self) {
        let requests = self.requests().await;
        let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        let mut cases = JoinSet::new();
        for (after, blow) in (0..requests).flat_map(|after| BLOWS.map(|blow| (after, blow))) {
            let places = Arc::clone(&places);
            cases.spawn_local(async move {
                let _place = places.acquire_owned().await.unwrap();
                self.struck(blow, after).await;
            });
        }
        // A case that panics ends the test with its message.
        while let Some(case) = cases.join_next().await {
            if let Err(failed) = case {
                std::panic::resume_unwind(failed.into_panic());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requisition_survives_a_death_at_every_request() {
    Box::pin(Write::Requisition.struck_everywhere()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ap_invoice_survives_a_death_at_every_request() {
    Box::pin(Write::ApInvoice.struck_everywhere()).await;
}
