//! The settings of a house as a file would hold them.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use mlc_runtime::settings::CHANGE_ENTITIES;
use mlc_simulators::{
    adobe::{AdobeConfig, AdobeSim, Edition, StoreView},
    epicor::EpicorSim,
    hubspot::HubspotSim,
};

use crate::{
    COMPANIES, CUSTOMERS, HouseConfig, INVOICES_IN, REQUISITIONS, SHOP_INVOICES, SHOP_ORDERS, SHOP_VENDORS, VENDORS,
    shared_redis,
};

pub(crate) fn settings_text(
    config: &HouseConfig,
    epicor: &EpicorSim,
    hubspot: &HubspotSim,
    shop: Option<&AdobeSim>,
) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let namespace = format!("house-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let redis = config.redis_url.clone().unwrap_or_else(|| shared_redis().url());
    let unsafe_persistence = config.redis_url.is_none();
    let mut text = format!(
        r#"
[redis]
url = "{redis}"
namespace = "{namespace}"
allow_unsafe_persistence = {unsafe_persistence}

[queue]
lease = "{lease}s"
{queue_lines}

[retry]
base = "{retry_base}"
cap = "{retry_cap}"
unsettled = "50ms"

[connections.epicor-main]
system = "epicor"
base_url = "{epicor}"
company = "EPIC06"
page_rows = {page_rows}
overlap = "{overlap}"
lag = "{lag}"
concurrency = 4

[connections.hubspot-main]
system = "hubspot"
base_url = "{hubspot}"
burst = {burst}
{hubspot_lines}
"#,
        lease = config.lease.as_secs(),
        retry_base = config.retry_base,
        retry_cap = config.retry_cap,
        hubspot_lines = config.hubspot_lines,
        burst = config.burst,
        queue_lines = config.queue_lines,
        epicor = epicor.base_url(),
        hubspot = hubspot.url(),
        page_rows = config.page_rows,
        overlap = config.overlap,
        lag = config.lag,
    );
    for entity in CHANGE_ENTITIES.into_iter().filter(|entity| mlc_epicor::Entity::parse(entity).is_some()) {
        let _ = writeln!(text, "[connections.epicor-main.change_fields.{entity}]\nmode = \"{}\"", config.change_mode);
    }
    for flow in [VENDORS, CUSTOMERS] {
        let _ = writeln!(
            text,
            "[flows.\"{flow}\"]\nfrom = \"epicor-main\"\nto = \"hubspot-main\"\nevery = \"5m\"\n{}",
            config.flow_lines
        );
    }
    if let (Some(shop), Some(shop_config)) = (shop, &config.shop) {
        text.push_str(&shop_sections(config, shop_config, shop));
    }
    let shop_url = shop.map(AdobeSim::url).unwrap_or_default();
    text.push_str(&config.more_sections.replace("{epicor}", &epicor.base_url()).replace("{shop}", &shop_url));
    text
}

fn shop_sections(config: &HouseConfig, shop: &AdobeConfig, sim: &AdobeSim) -> String {
    let store = shop.stores.first().cloned().unwrap_or_else(|| StoreView::new(1, "default"));
    let (edition, base_url, ims) = match shop.edition {
        Edition::Paas => ("paas", sim.url(), String::new()),
        Edition::Saas => {
            let ims = format!("ims = {{ token_url = \"{}\" }}", sim.token_url());
            ("saas", sim.rest_url(&store.code), ims)
        }
    };
    let mut text = format!(
        r#"
[connections.shop-main]
system = "adobe"
edition = "{edition}"
base_url = "{base_url}"
store = "{code}"
store_id = {id}
website_id = 1
concurrency = 4
{ims}
{lines}
"#,
        code = store.code,
        id = store.id,
        lines = config.shop_lines,
    );
    for (flow, from, to, schedule) in [
        (SHOP_VENDORS, "epicor-main", "shop-main", "every = \"5m\""),
        (SHOP_ORDERS, "epicor-main", "shop-main", "every = \"5m\""),
        (SHOP_INVOICES, "epicor-main", "shop-main", "every = \"5m\""),
        (COMPANIES, "shop-main", "epicor-main", "every = \"5m\""),
        // Announced by webhook, never polled.
        (REQUISITIONS, "shop-main", "epicor-main", ""),
        (INVOICES_IN, "shop-main", "epicor-main", ""),
    ] {
        let lines = config.shop_flow_lines.get(flow).map_or("", String::as_str);
        let _ = writeln!(text, "[flows.\"{flow}\"]\nfrom = \"{from}\"\nto = \"{to}\"\n{schedule}\n{lines}");
    }
    text
}
