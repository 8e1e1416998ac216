//! Settings of an Epicor connection as its client wants them.

use mlc_epicor::{
    Address, ChangeSetting, Entity, EpicorAuth, EpicorConfig, EpicorSecrets, License, ModeSetting, OAuthGrant,
};
use mlc_model::{ConnectionId, Fault, FaultKind, System};
use mlc_runtime::settings::{EpicorAuth as AuthSetting, EpicorConnection, EpicorLicense};

use crate::secrets::Secrets;

/// In the order that [`secrets`] expects.
pub(crate) const SECRET_NAMES: [&str; 5] = ["api_key", "user", "password", "client_id", "client_secret"];

pub(crate) fn secrets(read: &Secrets) -> EpicorSecrets {
    EpicorSecrets {
        api_key: read.at(0),
        user: read.at(1),
        password: read.at(2),
        client_id: read.at(3),
        client_secret: read.at(4),
    }
}

pub(crate) fn config(connection: &ConnectionId, settings: &EpicorConnection) -> Result<EpicorConfig, Fault> {
    let wrong = |problem: String| {
        Fault::new(FaultKind::Rejected, System::Connector, "settings", format!("connections.{connection}: {problem}"))
    };
    let address = Address::parse(settings.base_url.as_str(), settings.company.clone())
        .map_err(|problem| wrong(problem.to_string()))?;
    let mut config = EpicorConfig::new(address);
    config.auth = match &settings.auth {
        AuthSetting::Basic => EpicorAuth::Basic,
        AuthSetting::TokenResource => EpicorAuth::TokenResource,
        AuthSetting::Oauth2(oauth2) => EpicorAuth::OAuth2 {
            token_url: oauth2.token_url.to_string(),
            scope: oauth2.scope.clone(),
            grant: OAuthGrant::ClientCredentials,
        },
    };
    config.license = match settings.license {
        EpicorLicense::None => License::None,
        EpicorLicense::WebService => License::WebService,
        EpicorLicense::WebServiceShared => License::WebServiceShared,
        EpicorLicense::Default => License::Default,
    };
    config.zone =
        settings.server_time_zone.to_string().parse().map_err(|_| {
            wrong(format!("server_time_zone `{}` is not known to the client", settings.server_time_zone))
        })?;
    config.page_rows = settings.page_rows;
    config.concurrency = settings.concurrency;
    // A rate below one a second would be no rate at all.
    config.requests_per_second = settings.requests_per_second.map(|rate| rate.round().clamp(1.0, 1e6) as u32);
    config.timeout = settings.timeout;
    for (name, setting) in &settings.change_fields {
        let entity = Entity::parse(name).ok_or_else(|| wrong(format!("change_fields.{name} is no entity")))?;
        let mode = setting.mode.fixed().map_or(ModeSetting::Auto, ModeSetting::Fixed);
        config.change_fields.insert(entity, ChangeSetting { mode, column: setting.column.clone() });
    }
    Ok(config)
}
