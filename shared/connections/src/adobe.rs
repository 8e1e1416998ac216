//! Settings of a connection to Adobe Commerce as its client wants them.

use mlc_adobe::{AdobeConfig, AdobeSecrets, Ims};
use mlc_model::{ConnectionId, Fault, FaultKind, System};
use mlc_runtime::settings::{AdobeConnection, AdobeEdition};

use crate::secrets::Secrets;

/// In the order that [`secrets`] expects.
pub(crate) const SECRET_NAMES: [&str; 6] =
    ["consumer_key", "consumer_secret", "token", "token_secret", "client_id", "client_secret"];

pub(crate) fn secrets(read: &Secrets) -> AdobeSecrets {
    AdobeSecrets {
        consumer_key: read.at(0),
        consumer_secret: read.at(1),
        token: read.at(2),
        token_secret: read.at(3),
        client_id: read.at(4),
        client_secret: read.at(5),
    }
}

pub(crate) fn config(connection: &ConnectionId, settings: &AdobeConnection) -> Result<AdobeConfig, Fault> {
    let base = settings.base_url.as_str();
    let mut config = match settings.edition {
        AdobeEdition::Paas => AdobeConfig::paas(base),
        AdobeEdition::Saas => AdobeConfig::saas(
            base,
            Ims {
                token_url: settings.ims.token_url.to_string(),
                scopes: settings.ims.scopes.clone(),
                org_id: settings.ims.org_id.clone(),
            },
        ),
    };
    config.store = settings.store.clone();
    config.store_id = settings.store_id;
    config.website_id = settings.website_id;
    config.page_size = settings.page_size;
    config.concurrency = settings.concurrency;
    // A rate below one a second would be no rate at all.
    config.requests_per_second = settings.requests_per_second.map(|rate| rate.round().clamp(1.0, 1e6) as u32);
    config.timeout = settings.timeout;
    if let Some(url) = settings.webhook.as_ref().and_then(|webhook| webhook.keys_url.as_ref()) {
        config.event_keys_url = url.to_string();
    }
    config.check().map_err(|problem| {
        Fault::new(FaultKind::Rejected, System::Connector, "settings", format!("connections.{connection}: {problem}"))
            .with_code("SETTINGS")
    })?;
    Ok(config)
}
