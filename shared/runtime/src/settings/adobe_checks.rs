//! What must hold for connections to Adobe Commerce.

use std::collections::BTreeMap;

use mlc_model::ConnectionId;

use super::{
    AdobeConnection, AdobeEdition, Connection, Settings, WebhookEndpoint, WebhookScheme,
    bounds::{DAY, HOUR, MIB, MINUTE, SECOND, check_rate, check_text, check_url, range, span},
    process_checks::check_file,
    reading::Reading,
};

/// Ids of stores and web sites are small whole numbers. Source: Adobe Commerce, `smallint unsigned`.
const MOST_STORES: i64 = 65_535;

pub(super) fn check_adobe(id: &ConnectionId, adobe: &AdobeConnection, reading: &mut Reading<'_>) {
    let at = |key: &'static str| ["connections", id.as_str(), key];
    check_base(id, adobe, reading);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if adobe.store.is_empty() || adobe.store.len() > 32 || !adobe.store.chars().all(plain) {
        let fix = "use the code of a store view, such as \"default\", or \"all\"";
        reading.wrong(&at("store"), "is not a code of a store view", fix);
    }
    range(reading, &at("store_id"), adobe.store_id, 1, MOST_STORES);
    range(reading, &at("website_id"), adobe.website_id, 1, MOST_STORES);
    match adobe.edition {
        AdobeEdition::Paas if reading.is_set(&at("ims")) => {
            let fix = "remove it, or set edition = \"saas\"";
            reading.wrong(&at("ims"), "belongs to edition \"saas\" alone: a PaaS shop signs with OAuth 1.0a", fix);
        }
        AdobeEdition::Paas => {}
        AdobeEdition::Saas => {
            let at = |key: &'static str| ["connections", id.as_str(), "ims", key];
            check_url(reading, &at("token_url"), &adobe.ims.token_url);
            check_text(reading, &at("scopes"), &adobe.ims.scopes, 1000);
            if let Some(org_id) = &adobe.ims.org_id {
                check_text(reading, &at("org_id"), org_id, 100);
            }
        }
    }
    if let Some(file) = &adobe.ca_file {
        check_file(&at("ca_file"), file, reading);
    }
    range(reading, &at("concurrency"), adobe.concurrency, 1, 64);
    check_rate(reading, &at("requests_per_second"), adobe.requests_per_second);
    span(reading, &at("timeout"), adobe.timeout, SECOND, 10 * MINUTE);
    range(reading, &at("page_size"), adobe.page_size, 1, 300);
    if let Some(webhook) = &adobe.webhook {
        check_webhook(id, webhook, reading);
    }
}

fn check_base(id: &ConnectionId, adobe: &AdobeConnection, reading: &mut Reading<'_>) {
    let at = ["connections", id.as_str(), "base_url"];
    check_url(reading, &at, &adobe.base_url);
    let mut parts = adobe.base_url.path().split('/').filter(|part| !part.is_empty());
    match adobe.edition {
        AdobeEdition::Paas if parts.any(|part| part == "rest") => {
            reading.wrong(&at, "contains a part that we add", "end it before `/rest`");
        }
        AdobeEdition::Paas => {}
        AdobeEdition::Saas => match parts.next_back() {
            Some(last) if last == "V1" || last == "rest" => {
                reading.wrong(&at, "contains a part that we add", "end it with the tenant, before `/V1`");
            }
            Some(_) => {}
            None => {
                let fix = "use the whole address, such as \"https://na1.api.commerce.adobe.com/q7Zt4nVb\"";
                reading.wrong(&at, "lacks the tenant, which a SaaS shop is addressed by", fix);
            }
        },
    }
}

fn check_webhook(id: &ConnectionId, webhook: &WebhookEndpoint, reading: &mut Reading<'_>) {
    let at = |key: &'static str| ["connections", id.as_str(), "webhook", key];
    let scheme = webhook.scheme;
    // A key of another scheme stands for a check that is not made.
    for (key, owners) in [
        ("header", [WebhookScheme::HmacSha256, WebhookScheme::StaticHeader].as_slice()),
        ("public_keys", &[WebhookScheme::CommerceRsa]),
        ("recipient", &[WebhookScheme::IoEventsRsa]),
        ("keys_url", &[WebhookScheme::IoEventsRsa]),
    ] {
        if reading.is_set(&at(key)) && !owners.contains(&scheme) {
            let owners: Vec<String> = owners.iter().map(|owner| format!("\"{owner}\"")).collect();
            let problem = format!("does not belong to scheme = \"{scheme}\"");
            reading.wrong(&at(key), problem, format!("remove it, or set scheme = {}", owners.join(" or ")));
        }
    }
    match scheme {
        WebhookScheme::HmacSha256 => check_header(id, webhook, reading),
        WebhookScheme::StaticHeader if webhook.header.is_none() => {
            let fix = "name the header that holds the secret, such as header = \"x-webhook-secret\"";
            reading.wrong(&at("header"), "is missing", fix);
        }
        WebhookScheme::StaticHeader => check_header(id, webhook, reading),
        WebhookScheme::CommerceRsa => {
            let keys = &webhook.public_keys;
            if keys.is_empty() || keys.len() > 2 {
                let fix = "name the file with the shop's public key, and a second one while it is changed";
                reading.wrong(&at("public_keys"), format!("names {} files", keys.len()), fix);
            }
            if keys.len() == 2 && keys[0] == keys[1] {
                reading.wrong(&at("public_keys"), "names one file twice", "name it once");
            }
            for file in keys {
                check_file(&at("public_keys"), file, reading);
            }
        }
        WebhookScheme::IoEventsRsa => {
            match &webhook.recipient {
                Some(recipient) => check_text(reading, &at("recipient"), recipient, 100),
                None => {
                    let fix = "name the client id of the Developer Console's project that the events are meant for";
                    reading.wrong(&at("recipient"), "is missing", fix);
                }
            }
            if let Some(url) = &webhook.keys_url {
                check_url(reading, &at("keys_url"), url);
            }
        }
    }
    range(reading, &at("body_limit"), webhook.body_limit, 1024, 64 * MIB);
    span(reading, &at("remember"), webhook.remember, HOUR, 30 * DAY);
}

/// Headers that a proxy or the body has a use for cannot prove where a delivery comes from.
fn check_header(id: &ConnectionId, webhook: &WebhookEndpoint, reading: &mut Reading<'_>) {
    let Some(header) = &webhook.header else { return };
    let at = ["connections", id.as_str(), "webhook", "header"];
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if header.is_empty() || header.len() > 64 || !header.chars().all(token) {
        reading.wrong(&at, "is not a name of a header", "use 1 to 64 letters, digits and `-`");
    } else if ["host", "content-length", "content-type", "connection", "transfer-encoding", "user-agent"]
        .contains(&header.to_lowercase().as_str())
    {
        reading.wrong(&at, "has another meaning", "name a header of its own, such as \"x-adobe-signature\"");
    }
}

/// Lanes, the lease of an order and the memory of deliveries go by connection: two for one store would not know of each other.
pub(super) fn check_shared_stores(settings: &Settings, reading: &mut Reading<'_>) {
    let mut seen: BTreeMap<(String, i64), &ConnectionId> = BTreeMap::new();
    for (id, connection) in &settings.connections {
        let Connection::Adobe(adobe) = connection else { continue };
        let store = (adobe.base_url.as_str().trim_end_matches('/').to_owned(), adobe.store_id);
        if let Some(other) = seen.get(&store) {
            let problem = format!("leads to the same store as `{other}`: both would write the same orders");
            let fix = "keep one connection per store, or correct `base_url` or `store_id`";
            reading.wrong(&["connections", id.as_str()], problem, fix);
        } else {
            seen.insert(store, id);
        }
    }
}
