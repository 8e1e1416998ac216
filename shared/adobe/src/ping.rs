//! The connection test: what works, what does not, and what a person can do about it.

use mlc_model::{Fault, PingReport};

use crate::{AdobeClient, AdobeEdition, Capabilities, capabilities::Probe, fault::code};

/// A clock ahead by more than this comes near to the ten minutes at which the shop refuses signatures.
const TOLERATED_SKEW_SECS: i64 = 60;

/// What the flows of a connection are going to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdobeNeeds {
    /// Purchase orders become orders.
    pub orders: bool,
    /// AP invoices become invoices.
    pub invoices: bool,
    /// Vendors become companies.
    pub companies: bool,
    /// Vendors become inventory sources.
    pub sources: bool,
}

impl Default for AdobeNeeds {
    /// Everything.
    fn default() -> Self {
        Self { orders: true, invoices: true, companies: true, sources: true }
    }
}

/// A right that is tried out: what it is for, how, and whether an empty write tells.
struct Right {
    needed: bool,
    what: &'static str,
    path: &'static str,
    operation: &'static str,
    write: bool,
}

impl AdobeClient {
    /// Tests the connection: credentials, store, each right the flows need (a missing one is named), modules, clock.
    /// Never fails, says what is bad. Writes nothing: rights to write are tried with an empty body, which the shop
    /// refuses after it has looked at the right.
    pub async fn ping(&self, needs: AdobeNeeds) -> PingReport {
        let mut report = PingReport::default();
        let login = match self.config().edition {
            AdobeEdition::PaaS => "signature",
            AdobeEdition::SaaS(_) => "token",
        };
        match self.probe_search("/orders", "orders.probe").await {
            Ok(Probe::Open) => report.good(login, "accepted"),
            Ok(Probe::Missing) => {
                report.bad(login, "there are no orders at this address", "Check base_url in the settings.");
                return report;
            }
            // Also what an inactive integration answers, so it is said once and everything else is tried all the same.
            Ok(Probe::Refused(fault)) => report_refused(&mut report, "orders: read", &fault),
            Err(fault) => {
                report.bad(login, fault.to_string(), fix_of(&fault));
                return report;
            }
        }
        for right in rights(needs).iter().filter(|right| right.needed) {
            self.check_right(&mut report, right).await;
        }
        match self.refresh_capabilities().await {
            Ok(capabilities) => self.report_capabilities(&mut report, &capabilities),
            Err(fault) => report.warning("capabilities", fault.to_string(), fix_of(&fault)),
        }
        self.check_clock(&mut report).await;
        report
    }

    async fn check_right(&self, report: &mut PingReport, right: &Right) {
        let probe = if right.write {
            self.probe_empty(right.path, right.operation).await
        } else if right.path == "/inventory/sources" {
            self.probe_sources().await
        } else {
            self.probe_search(right.path, right.operation).await
        };
        match probe {
            Ok(Probe::Open) => report.good(right.what, "permitted"),
            Ok(Probe::Missing) => report.bad(
                right.what,
                "the shop does not offer this call",
                "Install the module for it in the shop (B2B for companies, inventory for sources), or leave the flow out.",
            ),
            Ok(Probe::Refused(fault)) => report_refused(report, right.what, &fault),
            Err(fault) => report.bad(right.what, fault.to_string(), fix_of(&fault)),
        }
    }

    fn report_capabilities(&self, report: &mut PingReport, capabilities: &Capabilities) {
        let config = self.config();
        match capabilities.store(config.store_id) {
            Some(store) => {
                report.good(
                    "store",
                    format!("{} (id {}), base currency {}", store.code, store.id, store.base_currency_code),
                );
                if config.store != "all" && config.store != store.code {
                    report.warning(
                        "store",
                        format!("calls go to store view {}, orders into {}", config.store, store.code),
                        "Let `store` and `store_id` name the same store view.",
                    );
                }
                if store.website_id != config.website_id {
                    report.warning(
                        "web site",
                        format!(
                            "the store belongs to web site {}, customers to {}",
                            store.website_id, config.website_id
                        ),
                        "Set `website_id` to the store's, unless customers belong to another one on purpose.",
                    );
                }
                if !store.locale.starts_with("en") {
                    report.warning(
                        "language",
                        format!("the store's messages are in {}", store.locale),
                        "Set `store` to an English store view or `all`: refusals are recognised by their English text.",
                    );
                }
            }
            None if capabilities.stores.is_empty() => report.warning(
                "store",
                "the integration may not read the stores",
                "Grant Magento_Backend::store, so that store and currency can be checked.",
            ),
            None => report.bad(
                "store",
                format!("the shop has no store with id {}", config.store_id),
                "Set `store_id` to one of the shop's store views.",
            ),
        }
        match &capabilities.modules {
            Some(modules) => report.good("modules", format!("{} enabled", modules.len())),
            None => report.warning(
                "modules",
                "the integration may not read them",
                "Nothing stops; what the shop can do is found out call by call.",
            ),
        }
        report_abilities(report, capabilities);
    }

    async fn check_clock(&self, report: &mut PingReport) {
        let Some(skew) = self.inner.door.server_skew().await else { return };
        let seconds = skew.num_seconds();
        if seconds.abs() > TOLERATED_SKEW_SECS {
            let side = if seconds > 0 { "behind" } else { "ahead of" };
            report.warning(
                "clock",
                format!("this machine is {} s {side} the shop; it refuses signatures of 600 s ahead", seconds.abs()),
                "Let the machine take its time from a time server (NTP).",
            );
        } else {
            report.good("clock", format!("within {} s of the shop's", seconds.abs().max(1)));
        }
    }
}

/// What the shop can do, needed or not: whoever plans a flow reads it here.
fn report_abilities(report: &mut PingReport, capabilities: &Capabilities) {
    let b2b = match (capabilities.companies, capabilities.company_attributes) {
        (true, true) => "companies, which take custom attributes",
        (true, false) => "companies without custom attributes; reseller_id and comment carry the keys",
        (false, _) => "not in this shop: there are no companies",
    };
    report.good("B2B", b2b);
    let sources = if capabilities.sources { "can be kept as supplier records" } else { "not in this shop" };
    report.good("inventory sources", sources);
    let lines = if capabilities.line_attributes {
        "GL codes go there and into additional_data"
    } else {
        "not in this shop; GL codes go into additional_data only"
    };
    report.good("custom attributes on lines", lines);
    let announcing = match (capabilities.webhooks, capabilities.events) {
        (true, true) => "by webhooks and by I/O Events",
        (true, false) => "by webhooks",
        (false, true) => "by I/O Events",
        (false, false) => "neither webhooks nor I/O Events are known to be installed",
    };
    report.good("announces changes", announcing);
}

fn rights(needs: AdobeNeeds) -> [Right; 10] {
    let of = |needed, what, path, operation, write| Right { needed, what, path, operation, write };
    let AdobeNeeds { orders, invoices, companies, sources } = needs;
    [
        of(orders || invoices, "orders: save", "/orders", "orders.probe_save", true),
        of(orders, "orders: comment", "/orders/0/comments", "orders.probe_comment", true),
        of(orders, "orders: cancel", "/orders/0/cancel", "orders.probe_cancel", true),
        of(invoices, "invoices: read", "/invoices", "invoices.probe", false),
        of(invoices, "invoices: create", "/order/0/invoice", "invoices.probe_create", true),
        of(companies, "customers: read", "/customers/search", "customers.probe", false),
        of(companies, "companies: read", "/company/", "companies.probe", false),
        of(companies, "companies: save", "/company/", "companies.probe_save", true),
        of(sources, "sources: read", "/inventory/sources", "sources.probe", false),
        of(sources, "sources: save", "/inventory/sources", "sources.probe_save", true),
    ]
}

fn report_refused(report: &mut PingReport, what: &str, fault: &Fault) {
    match &fault.field {
        Some(resource) => report.bad(
            what,
            format!("the right {resource} is missing, or the integration is inactive"),
            format!("Grant {resource} to the integration in the shop's Admin (System, Integrations, API) and activate it again."),
        ),
        None => report.bad(what, fault.to_string(), fix_of(fault)),
    }
}

fn fix_of(fault: &Fault) -> String {
    let fix = match fault.code.as_deref() {
        Some(code::BAD_SIGNATURE) => {
            "Check the four secrets, and that base_url is the address the shop itself knows: scheme, host and port."
        }
        Some(code::BAD_LOGIN) => {
            "Do what the reason says. Enter the credentials again where they are wrong, from the shop's integration or the Developer Console."
        }
        _ if fault.operation == "token.issue" => {
            "Check ims.token_url, the network and the state of Adobe's identity service; try again after some seconds."
        }
        Some(code::CLOCK) => "Let this machine take its time from a time server (NTP).",
        Some(code::NO_STORE | code::NO_ROUTE | code::WEB_PAGE | "answer.redirect") => {
            "Check base_url and store in the settings; base_url has no /rest at its end."
        }
        Some("net.connect" | "net.timeout" | "net.broken") => "Check the address, the network and the firewall.",
        _ => "See the reason; where it is an internal error of the shop, its log tells more.",
    };
    fix.to_owned()
}
