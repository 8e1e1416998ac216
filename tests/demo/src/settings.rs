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
/// HubSpot property that holds our key.
pub(crate) const KEY_PROPERTY: &str = "epicor_key";

/// The text of the file. Schedules tick every minute, so that a demo that stays up is seen to live.
pub(crate) fn file(directory: &Path, epicor: &str, hubspot: &str, producer_port: u16) -> String {
    let directory = directory.display();
    format!(
        r#"# Settings of the demo. `deploy/example.toml` explains every key.
[redis]
url = "unix://{directory}/redis.sock"

[vault]
key_file = "{directory}/vault.keys"

[producer]
listen = "127.0.0.1:{producer_port}"

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
