//! Starts one simulator: `mlc-simulators hubspot`, `epicor` or `adobe`.

use clap::{Parser, Subcommand};
use mlc_simulators::{adobe, epicor, hubspot};

/// Stand-ins for the systems the connector talks to.
#[derive(Parser)]
#[command(name = "mlc-simulators", version)]
struct Arguments {
    #[command(subcommand)]
    system: System,
}

#[derive(Subcommand)]
enum System {
    /// HubSpot's CRM API.
    Hubspot(hubspot::HubspotArgs),
    /// Epicor Kinetic's OData services.
    Epicor(epicor::EpicorArgs),
    /// Adobe Commerce's REST API.
    Adobe(adobe::AdobeArgs),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().system {
        System::Hubspot(arguments) => hubspot::run(arguments).await,
        System::Epicor(arguments) => epicor::run(arguments).await,
        System::Adobe(arguments) => adobe::run(arguments).await,
    }
}
