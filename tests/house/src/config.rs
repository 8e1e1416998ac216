//! What differs between houses.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mlc_model::{Clock, SystemClock};
use mlc_simulators::{
    adobe::{AdobeConfig, SignatureSort},
    epicor::Profile,
    hubspot::HubspotConfig,
};

/// What differs between houses.
#[derive(Debug, Clone)]
pub struct HouseConfig {
    /// Address of a Redis; the process's shared one when none is given.
    pub redis_url: Option<String>,
    /// Which change columns Epicor has.
    pub profile: Profile,
    /// Change mode for every entity, such as `auto` or `full_scan`.
    pub change_mode: &'static str,
    /// Rows per page.
    pub page_rows: u32,
    /// Overlap of windows, such as `2m`.
    pub overlap: &'static str,
    /// Lag behind the server's clock.
    pub lag: &'static str,
    /// Lease of the queue.
    pub lease: Duration,
    /// Portal limits.
    pub hubspot: HubspotConfig,
    /// Extra lines for the flows' sections.
    pub flow_lines: String,
    /// First delay between attempts.
    pub retry_base: &'static str,
    /// Longest delay between attempts.
    pub retry_cap: &'static str,
    /// Extra lines for the section of `hubspot-main`.
    pub hubspot_lines: String,
    /// Further sections of the settings; `{epicor}` and `{shop}` stand for the simulators' addresses.
    pub more_sections: String,
    /// Whether the portal is set up as `mlc ping --set-up` does it.
    pub set_up: bool,
    /// Time as the worker sees it; the simulators keep their own.
    pub clock: Arc<dyn Clock>,
    /// Calls per 10 s that the worker's budget for HubSpot allows.
    pub burst: u32,
    /// Extra lines for the section of the queue.
    pub queue_lines: &'static str,
    /// A shop, to which `shop-main` leads. Without one neither that connection nor a flow to or from a shop is configured.
    pub shop: Option<AdobeConfig>,
    /// Extra lines for the section of `shop-main`; they may end with sections below it.
    pub shop_lines: String,
    /// Extra lines for the sections of the shop's flows, by name of the flow; they may end with sections below it.
    pub shop_flow_lines: BTreeMap<&'static str, String>,
}

impl Default for HouseConfig {
    fn default() -> Self {
        Self {
            redis_url: None,
            profile: Profile::Stock,
            change_mode: "auto",
            page_rows: 100,
            overlap: "2m",
            lag: "0s",
            lease: Duration::from_secs(3),
            hubspot: HubspotConfig::without_limits(),
            flow_lines: String::new(),
            retry_base: "100ms",
            retry_cap: "5s",
            hubspot_lines: String::new(),
            more_sections: String::new(),
            set_up: true,
            clock: Arc::new(SystemClock),
            burst: 250,
            queue_lines: "",
            shop: None,
            shop_lines: String::new(),
            shop_flow_lines: BTreeMap::new(),
        }
    }
}

impl HouseConfig {
    /// With a PaaS shop that checks signatures as 2.4.8 does.
    #[must_use]
    pub fn with_paas_shop() -> Self {
        Self::with_shop(AdobeConfig::default())
    }

    /// With a PaaS shop that sorts parameters in natural order before it checks a signature, as 2.4.7 does.
    #[must_use]
    pub fn with_older_paas_shop() -> Self {
        Self::with_shop(AdobeConfig { sort: SignatureSort::Natural, ..AdobeConfig::default() })
    }

    /// With a SaaS shop.
    #[must_use]
    pub fn with_saas_shop() -> Self {
        Self::with_shop(AdobeConfig::saas())
    }

    /// With this shop. Its first store view is the one that `shop-main` works in.
    #[must_use]
    pub fn with_shop(shop: AdobeConfig) -> Self {
        Self { shop: Some(shop), ..Self::default() }
    }

    /// Adds lines to the section of one of the shop's flows.
    #[must_use]
    pub fn shop_flow(mut self, flow: &'static str, lines: &str) -> Self {
        let section = self.shop_flow_lines.entry(flow).or_default();
        section.push_str(lines);
        section.push('\n');
        self
    }
}
