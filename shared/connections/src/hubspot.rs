//! Settings of a HubSpot connection as its client wants them.

use mlc_hubspot::{ApiVersion, HubspotAuth, HubspotConfig, HubspotSecrets};
use mlc_model::{ConnectionId, Fault, FaultKind, System};
use mlc_outbound::DoorConfig;
use mlc_runtime::settings::{HubspotAuth as AuthSetting, HubspotConnection, Settings};

use crate::secrets::Secrets;

/// In the order that [`secrets`] expects.
pub(crate) const SECRET_NAMES: [&str; 4] = ["token", "client_id", "client_secret", "refresh_token"];

pub(crate) fn secrets(read: &Secrets) -> HubspotSecrets {
    HubspotSecrets { token: read.at(0), client_id: read.at(1), client_secret: read.at(2), refresh_token: read.at(3) }
}

pub(crate) fn config(
    connection: &ConnectionId,
    settings: &HubspotConnection,
    all: &Settings,
) -> Result<HubspotConfig, Fault> {
    let api_version = ApiVersion::parse(settings.api_version.as_str()).map_err(|problem| {
        Fault::new(FaultKind::Rejected, System::Connector, "settings", format!("connections.{connection}: {problem}"))
    })?;
    let mut extra_properties: Vec<String> =
        all.flows.values().filter(|flow| &flow.to == connection).flat_map(|flow| flow.fields.keys().cloned()).collect();
    extra_properties.sort();
    extra_properties.dedup();
    Ok(HubspotConfig {
        api_version,
        key_property: settings.key_property.clone(),
        set_builtin_type: settings.set_builtin_type,
        auth: match settings.auth {
            AuthSetting::StaticToken => HubspotAuth::StaticToken,
            AuthSetting::Oauth2 => HubspotAuth::OAuth2,
        },
        extra_properties,
    })
}

pub(crate) fn door_config(connection: &ConnectionId, settings: &HubspotConnection) -> DoorConfig {
    let mut door = DoorConfig::new(connection.clone(), System::Hubspot, settings.base_url.as_str());
    door.timeout = settings.timeout;
    door.budgets = mlc_hubspot::budgets(settings.burst, settings.concurrency);
    door
}
