//! `mlc vault`: keys that seal secrets and jobs.

use clap::Subcommand;
use mlc_vault::KeyRing;
use serde_json::json;

use super::Caller;
use crate::{Exit, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Vault {
    /// Print a fresh key for `vault.key_file` or MLC_VAULT_KEYS. Needs neither settings nor Redis.
    GenerateKey,
    /// Seal every secret anew with the first key of the ring, so that older keys can go.
    Rotate,
}

pub(crate) async fn run(command: Vault, caller: &Caller) -> Result<Exit, Failure> {
    match command {
        Vault::GenerateKey => {
            let key = KeyRing::generate_key();
            caller.output.answer(&key, &json!({ "key": key }))?;
        }
        Vault::Rotate => {
            let rooms = caller.open().await?;
            let begun = rooms.begin("vault_rotate", rooms.active_key.as_str()).await?;
            let resealed = begun.unless_refused(rooms.secrets.rotate().await).await?;
            begun.close(rooms.active_key.as_str(), None, Some(format!("{resealed} secrets"))).await?;
            let text = format!(
                "Sealed {resealed} secrets anew with key {}. Keep older keys in the ring until no job or dead letter from before is left",
                rooms.active_key
            );
            caller.output.answer(text, &json!({ "resealed": resealed, "active_key": rooms.active_key }))?;
        }
    }
    Ok(Exit::Done)
}
