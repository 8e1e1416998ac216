//! Settings of an Epicor connection as its client wants them.

use mlc_epicor::{
    Address, ChangeSetting, Entity, EpicorAuth, EpicorConfig, EpicorSecrets, License, ModeSetting, OAuthGrant,
};
use mlc_model::{ConnectionId, Fault, FaultKind, System};
use mlc_runtime::settings::{EpicorAuth as AuthSetting, EpicorConnection, EpicorLicense, Settings};

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

pub(crate) fn config(
    connection: &ConnectionId,
    settings: &EpicorConnection,
    all: &Settings,
) -> Result<EpicorConfig, Fault> {
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
    // A flow that is switched off counts too: a person can run it at any time.
    for (id, flow) in all.flows.iter().filter(|(_, flow)| &flow.from == connection) {
        let Some(entity) = flow.kind(id).as_str().rsplit("::").next().and_then(Entity::parse) else { continue };
        let columns = config.extra_columns.entry(entity).or_default();
        columns.extend(flow.fields.values().cloned());
        // Set in flows of vendors alone.
        columns.extend(flow.vendors.gl_dimension_column.clone());
        columns.sort();
        columns.dedup();
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn the_columns_of_all_flows_that_read_a_connection_are_known_to_its_client() {
        let text = r#"
            [connections.epicor-main]
            system = "epicor"
            base_url = "https://erp.example.com/EpicorERP"
            company = "EPIC06"
            [connections.hubspot-main]
            system = "hubspot"
            [flows."epicor_to_hubspot::vendors"]
            from = "epicor-main"
            to = "hubspot-main"
            fields = { region = "Region_c", tier = "Tier_c", area = "Region_c" }
            [flows."epicor_to_hubspot::buyers"]
            kind = "epicor_to_hubspot::customers"
            from = "epicor-main"
            to = "hubspot-main"
            enabled = false
            fields = { credit = "CreditLimit" }
            [connections.shop-main]
            system = "adobe"
            edition = "paas"
            base_url = "https://shop.example.com"
            [flows."epicor_to_adobe::vendors"]
            from = "epicor-main"
            to = "shop-main"
            vendors = { gl_dimension_column = "Dimension_c" }
        "#;
        let all = Settings::parse("mlc.toml", text, []).unwrap();
        let id: ConnectionId = "epicor-main".parse().unwrap();
        let config = config(&id, all.connection(&id).unwrap().as_epicor().unwrap(), &all).unwrap();
        assert_eq!(config.extra_columns[&Entity::Vendors], ["Dimension_c", "Region_c", "Tier_c"]);
        assert_eq!(config.extra_columns[&Entity::Customers], ["CreditLimit"]);
    }
}
