//! A house with a shop: the product's own client reaches the simulated shop, in both editions.

use mlc_adobe::AdobeNeeds;
use mlc_flow::{Extent, catalogue};
use mlc_house::{COMPANIES, House, HouseConfig, INVOICES_IN, REQUISITIONS, SHOP_INVOICES, SHOP_ORDERS, SHOP_VENDORS};
use mlc_model::{ConnectionId, FlowId, Verdict};

async fn assert_pings_good(config: HouseConfig) {
    let house = House::open_without_worker(config).await.unwrap();
    let client = house.context.connections.adobe(&ConnectionId::parse("shop-main").unwrap()).await.unwrap();
    let report = client.ping(AdobeNeeds::default()).await;
    assert_eq!(report.worst(), Verdict::Good, "{report:#?}");
    assert!(house.shop().orders().is_empty(), "a ping writes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paas_shop_is_reached_whichever_way_it_sorts_parameters() {
    assert_pings_good(HouseConfig::with_paas_shop()).await;
    assert_pings_good(HouseConfig::with_older_paas_shop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saas_shop_is_reached() {
    assert_pings_good(HouseConfig::with_saas_shop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flow_of_a_house_with_a_shop_leads_from_the_system_it_reads_to_the_one_it_writes() {
    let house = House::open_without_worker(HouseConfig::with_paas_shop()).await.unwrap();
    for flow in [SHOP_VENDORS, SHOP_ORDERS, SHOP_INVOICES, COMPANIES, REQUISITIONS, INVOICES_IN] {
        let settings = house.context.settings.flow(&FlowId::parse(flow).unwrap()).unwrap();
        let kind = catalogue().iter().find(|kind| kind.name == flow).unwrap();
        let system = |end| house.context.settings.connection(end).unwrap().system();
        assert_eq!((system(&settings.from), system(&settings.to)), (kind.source, kind.target), "{flow}");
        let ordered = house.order(flow, Extent::Incremental).await;
        assert_eq!(ordered.is_err(), kind.entities.is_empty(), "{flow}: {ordered:?}");
    }
}
