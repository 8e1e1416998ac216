//! The settings file of the demo, as an operator would write it.

use std::{net::TcpListener, path::Path};

/// Company code in Epicor.
pub(crate) const COMPANY: &str = "EPIC06";
/// Names of the connections.
pub(crate) const EPICOR: &str = "epicor-main";
pub(crate) const HUBSPOT: &str = "hubspot-main";
/// Names of the flows.
pub(crate) const VENDORS: &str = "epicor_to_hubspot::vendors";
pub(crate) const CUSTOMERS: &str = "epicor_to_hubspot::customers";
/// The shop that joins later, and its flows.
pub(crate) const SHOP: &str = "shop-main";
pub(crate) const SHOP_VENDORS: &str = "epicor_to_adobe::vendors";
pub(crate) const SHOP_ORDERS: &str = "epicor_to_adobe::purchase_orders";
pub(crate) const SHOP_INVOICES: &str = "epicor_to_adobe::ap_invoices";
pub(crate) const SHOP_COMPANIES: &str = "adobe_to_epicor::companies";
pub(crate) const REQUISITIONS: &str = "adobe_to_epicor::requisitions";
/// Custom attribute of the shop's order lines that carries the account.
pub(crate) const GL_ATTRIBUTE: &str = "epicor_gl_account";
/// HubSpot property that holds our key.
pub(crate) const KEY_PROPERTY: &str = "epicor_key";

/// The text of the file. Schedules tick every minute, so that a demo that stays up is seen to live.
///
/// `ports`: of the producer's probes, of its intake of webhooks, which opens when a connection has one, and of the console.
pub(crate) fn file(directory: &Path, epicor: &str, hubspot: &str, ports: [u16; 3]) -> String {
    let [producer_port, webhook_port, console_port] = ports;
    let directory = directory.display();
    format!(
        r#"# Settings of the demo. `deploy/example.toml` explains every key.
[redis]
url = "unix://{directory}/redis.sock"

[vault]
key_file = "{directory}/vault.keys"

[producer]
listen = "127.0.0.1:{producer_port}"
webhooks = "127.0.0.1:{webhook_port}"

[console]
listen = "127.0.0.1:{console_port}"

[log]
format = "human"

[connections.{EPICOR}]
system = "epicor"
base_url = "{epicor}"
company = "{COMPANY}"
auth = "basic"

[connections.{HUBSPOT}]
system = "hubspot"
base_url = "{hubspot}"
key_property = "{KEY_PROPERTY}"

[flows."{VENDORS}"]
from = "{EPICOR}"
to = "{HUBSPOT}"
every = "1m"
jitter = "1s"

[flows."{CUSTOMERS}"]
from = "{EPICOR}"
to = "{HUBSPOT}"
every = "1m"
jitter = "1s"
"#
    )
}

/// Which of Adobe's two systems is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Edition {
    /// Adobe Commerce on cloud infrastructure or on-premises: OAuth 1.0a.
    Paas,
    /// Adobe Commerce as a Cloud Service: tokens of Adobe's identity service.
    Saas,
}

impl Edition {
    /// As settings and simulator call it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Paas => "paas",
            Self::Saas => "saas",
        }
    }
}

/// What the operator adds when the shop joins. `base` is its address, with the tenant on SaaS; `ims` where tokens are bought there.
///
/// Invoices come when a person orders them: the demo does when the orders stand and are compared.
pub(crate) fn shop_sections(edition: Edition, base: &str, ims: &str) -> String {
    let ims = match edition {
        Edition::Paas => String::new(),
        Edition::Saas => format!("\n[connections.{SHOP}.ims]\ntoken_url = \"{ims}\"\n"),
    };
    let edition = edition.as_str();
    format!(
        r#"
[connections.{SHOP}]
system = "adobe"
edition = "{edition}"
base_url = "{base}"
{ims}
[connections.{SHOP}.webhook]
scheme = "hmac_sha256"

[flows."{SHOP_VENDORS}"]
from = "{EPICOR}"
to = "{SHOP}"
every = "1m"
jitter = "1s"
priority = "backfill"

[flows."{SHOP_VENDORS}".vendors]
default_email = "vendor-{{number}}@suppliers.example"

[flows."{SHOP_ORDERS}"]
from = "{EPICOR}"
to = "{SHOP}"
every = "1m"
jitter = "1s"

[flows."{SHOP_ORDERS}".purchase_orders]
default_email = "purchasing@demo.example"

[flows."{SHOP_INVOICES}"]
from = "{EPICOR}"
to = "{SHOP}"

[flows."{SHOP_COMPANIES}"]
from = "{SHOP}"
to = "{EPICOR}"
every = "1m"
jitter = "1s"

[flows."{SHOP_COMPANIES}".companies]
adobe_owns = ["phone"]

[flows."{REQUISITIONS}"]
from = "{SHOP}"
to = "{EPICOR}"

[flows."{REQUISITIONS}".requisitions]
order_wait = "5s"
"#
    )
}

/// Free ports on loopback, all different. Whoever listens next must not wait long.
pub(crate) fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let listeners: Vec<TcpListener> =
        (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<std::io::Result<_>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
