//! A simulated Adobe Commerce shop joins the two systems that are in step already.

#![expect(clippy::print_stdout, reason = "a demo prints")]

use serde_json::json;
use tokio::process::Command;

use crate::{
    control::Server,
    house::{House, address},
    processes::Processes,
    settings::{self, Edition, SHOP},
};

/// Credentials of the simulated shop; worth nothing elsewhere. Adobe's keys and tokens have 32 characters.
const CONSUMER_KEY: &str = "democonsumerkeydemoconsumerkey01";
const CONSUMER_SECRET: &str = "democonsumersecretdemoconsumer01";
const TOKEN: &str = "demoaccesstokendemoaccesstoken01";
const TOKEN_SECRET: &str = "demotokensecretdemotokensecret01";
const CLIENT_ID: &str = "demo-client";
const CLIENT_SECRET: &str = "demo-client-secret";
const TENANT: &str = "DemoTenant";
const WEBHOOK_SECRET: &str = "demo-webhook-secret";

/// The shop, and how to reach it.
pub(crate) struct Shop {
    pub(crate) server: Server,
    pub(crate) edition: Edition,
    /// Where it posts its webhooks.
    pub(crate) webhook_url: String,
}

impl Shop {
    /// Starts the shop, adds it to settings and vault, asks it whether all is well, and starts the product anew.
    pub(crate) async fn join(house: &House, processes: &mut Processes, edition: Edition) -> anyhow::Result<Self> {
        let mut shop = Command::new(processes.own("mlc-simulators"));
        shop.args(["adobe", "--listen", "127.0.0.1:0", "--edition", edition.as_str()]);
        match edition {
            // Version 2.4.7: it shows line totals as they are stored.
            Edition::Paas => shop.args(["--sort", "natural", "--consumer-key", CONSUMER_KEY]).args([
                "--consumer-secret",
                CONSUMER_SECRET,
                "--token",
                TOKEN,
                "--token-secret",
                TOKEN_SECRET,
            ]),
            Edition::Saas => {
                shop.args(["--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET, "--tenant", TENANT])
            }
        };
        let ready = processes.start_until_line("shop", &mut shop).await?;
        let origin = address(&ready, "listening")?;
        let server = Server::at(&origin)?;
        // A shop of today, whose lines take attributes of their own.
        server.post("/__control/behaviour", &json!({ "custom_attributes": true })).await?;

        let base = match edition {
            Edition::Paas => origin.clone(),
            Edition::Saas => format!("{origin}/{TENANT}"),
        };
        house.extend_settings(&settings::shop_sections(edition, &base, &format!("{origin}/ims/token/v3")))?;
        let login: &[(&str, &str, &str)] = match edition {
            Edition::Paas => &[
                (SHOP, "consumer_key", CONSUMER_KEY),
                (SHOP, "consumer_secret", CONSUMER_SECRET),
                (SHOP, "token", TOKEN),
                (SHOP, "token_secret", TOKEN_SECRET),
            ],
            Edition::Saas => &[(SHOP, "client_id", CLIENT_ID), (SHOP, "client_secret", CLIENT_SECRET)],
        };
        house.seal(login).await?;
        house.seal(&[(SHOP, "webhook_secret", WEBHOOK_SECRET)]).await?;
        println!("  Five sections added to the settings, {} secrets to the vault", login.len() + 1);
        for arguments in [&["check"][..], &["ping", SHOP]] {
            house.show(arguments).await?;
        }
        println!();
        house.restart_product(processes).await?;
        let webhook_url = format!("{}/webhooks/adobe/{SHOP}", house.webhooks.url());
        Ok(Self { server, edition, webhook_url })
    }

    /// The secret of its deliveries.
    pub(crate) fn webhook_secret(&self) -> &'static str {
        WEBHOOK_SECRET
    }
}
