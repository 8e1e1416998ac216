//! The control API: what a test or a demo may ask of the portal behind HubSpot's back.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use axum::{
    body::Body as HttpBody,
    http::{Method, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    faults::Fault,
    gate::{Shared, lock},
    limits::Plan,
    routes::{fields, percent_decoded},
    store::Kind,
    tokens::{ALL_SCOPES, Token},
    views,
    world::{Behaviour, World},
    writes::{Mode, Text, WriteInput},
};
use crate::control::{answer, body, refusal};

/// What `--help` says about the control API.
pub(super) const HELP: &str = "\
Control API (JSON, no token):
  GET    /__control/stats                          calls by route and status, writes, burst use
  GET    /__control/calls?limit=N                  the last calls
  GET    /__control/companies?limit=N              companies with all values (also: contacts)
  GET    /__control/companies?property=P&value=V   companies with this value
  GET    /__control/associations                   company-contact links with their types
  POST   /__control/reset                          empty portal, fresh counters
  POST   /__control/reset-stats                    fresh counters only
  GET    /__control/faults                         switches that are on
  POST   /__control/faults                         {route, kind, times | probability, body_contains, skip, retry_after, delay_ms}
         kinds: 429_ten_secondly 429_daily 429_secondly 429_search 429_edge 423 477 500 502_html 503
                504_html 521_html slow reset_before reset_after_write expired_token revoked_token
                missing_scope truncated_json wrong_types html_200 huge_body 207_without_trace_ids
                extra_fields
  DELETE /__control/faults                         all switches off
  POST   /__control/properties/NAME/remove         {object: companies|contacts}
  POST   /__control/merge                          {object, survivor, loser}
  POST   /__control/archive                        {object, id}
  POST   /__control/companies/ID/properties        {properties}: an edit by a sales user (also: contacts)
  POST   /__control/associations                   {company, contact, label | type_id}: a link or label by a user
  POST   /__control/limits                         {plan, burst, daily, lifted, used_today, search_lag_ms}
  POST   /__control/tokens                         {token, revoked, scopes, oauth, expires_in_secs}
                                                   {refresh_token, revoked} {expires_in_secs} {expire_oauth: true}
  POST   /__control/latency                        {ms}
  POST   /__control/behaviour                      {shuffle_results, to_object_id_as_text, extra_fields,
                                                    ignore_trace_ids, read_of_nothing_is_404, association_page}";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectName {
    #[serde(default)]
    object: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MergeOrder {
    #[serde(default)]
    object: Option<String>,
    survivor: Text,
    loser: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchiveOrder {
    #[serde(default)]
    object: Option<String>,
    id: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditOrder {
    properties: BTreeMap<String, Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkOrder {
    company: Text,
    contact: Text,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    type_id: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitOrder {
    plan: Option<Plan>,
    burst: Option<u32>,
    daily: Option<u64>,
    lifted: Option<bool>,
    used_today: Option<u64>,
    search_lag_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct TokenOrder {
    token: Option<String>,
    refresh_token: Option<String>,
    revoked: bool,
    scopes: Option<BTreeSet<String>>,
    oauth: Option<bool>,
    expires_in_secs: Option<u64>,
    expire_oauth: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LatencyOrder {
    ms: u64,
}

type Outcome = Result<Value, Box<Response<HttpBody>>>;

fn refused<T>(status: u16, why: &str) -> Result<T, Box<Response<HttpBody>>> {
    Err(Box::new(refusal(status, why)))
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Box<Response<HttpBody>>> {
    body(bytes).map_err(Box::new)
}

/// Answers a call below the control prefix.
pub(super) fn handle(
    world: &Shared,
    method: &Method,
    path: &str,
    query: Option<&str>,
    bytes: &[u8],
) -> Response<HttpBody> {
    let segments: Vec<String> = path.trim_matches('/').split('/').skip(1).map(percent_decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let mut world = lock(world);
    let outcome = match method.as_str() {
        "GET" => world.look(&segments, &fields(query.unwrap_or_default())),
        "POST" => world.order(&segments, bytes),
        "DELETE" if segments == ["faults"] => {
            world.faults.switches.clear();
            Ok(json!({"ok": true}))
        }
        _ => refused(405, "unknown order"),
    };
    outcome.map_or_else(|refusal| *refusal, |value| answer(&value))
}

impl World {
    fn look(&mut self, segments: &[&str], query: &[(String, String)]) -> Outcome {
        let get = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let limit = get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
        Ok(match segments {
            ["stats"] => json!(views::stats(self)),
            ["calls"] => {
                let calls: Vec<_> = self.log.last_calls().collect();
                json!(calls[calls.len().saturating_sub(limit)..])
            }
            ["companies" | "contacts"] => {
                let kind = Kind::parse(segments[0]).unwrap_or(Kind::Company);
                let wanted = get("property").zip(get("value"));
                json!({"total": self.table(kind).live_count(),
                    "results": views::records(self.table(kind), limit, wanted)})
            }
            ["associations"] => json!({ "results": views::links(&self.links) }),
            ["faults"] => {
                json!({"switches": self.faults.switches, "committed": self.faults.committed})
            }
            _ => return refused(404, "unknown order; see --help"),
        })
    }

    fn order(&mut self, segments: &[&str], bytes: &[u8]) -> Outcome {
        match segments {
            ["reset"] => *self = Self::new(self.config.clone()),
            ["reset-stats"] => self.reset_counters(),
            ["faults"] => self.faults.switches.push(read::<Fault>(bytes)?),
            ["properties", name, "remove"] => {
                let kind = kind_named(read::<ObjectName>(bytes)?.object.as_deref())?;
                if !self.table_mut(kind).remove_property(name) {
                    return refused(404, "no such property");
                }
            }
            ["merge"] => {
                let order: MergeOrder = read(bytes)?;
                let kind = kind_named(order.object.as_deref())?;
                if !self.merge(kind, number(order.survivor)?, number(order.loser)?) {
                    return refused(404, "no such record");
                }
            }
            ["archive"] => {
                let order: ArchiveOrder = read(bytes)?;
                let kind = kind_named(order.object.as_deref())?;
                self.archive(kind, number(order.id)?);
            }
            [name @ ("companies" | "contacts"), id, "properties"] => {
                let kind = kind_named(Some(name))?;
                let order: EditOrder = read(bytes)?;
                if let Err(why) = self.edit(kind, id, order.properties) {
                    return refused(400, &why);
                }
            }
            ["associations"] => {
                let order: LinkOrder = read(bytes)?;
                let (company, contact) = (number(order.company)?, number(order.contact)?);
                let type_id = match (order.label, order.type_id) {
                    (Some(label), _) => Some(self.label_id(&label)),
                    (None, id) => id,
                };
                if !self.link(company, contact, type_id) {
                    return refused(404, "no such company, contact or type");
                }
            }
            ["limits"] => self.change_limits(&read(bytes)?),
            ["tokens"] => self.change_tokens(read(bytes)?),
            ["latency"] => {
                self.latency = Duration::from_millis(read::<LatencyOrder>(bytes)?.ms);
            }
            ["behaviour"] => {
                let mut settings = json!(self.behaviour);
                if let (Some(settings), Value::Object(change)) = (settings.as_object_mut(), read::<Value>(bytes)?) {
                    settings.extend(change);
                }
                match serde_json::from_value::<Behaviour>(settings) {
                    Ok(behaviour) => self.behaviour = behaviour,
                    Err(error) => return refused(400, &error.to_string()),
                }
            }
            _ => return refused(404, "unknown order; see --help"),
        }
        Ok(json!({"ok": true}))
    }

    /// Fresh counters; records, definitions, tokens and switches stay.
    pub(super) fn reset_counters(&mut self) {
        self.log = super::log::CallLog::default();
        self.limiter.reset();
        self.companies.counts = super::store::WriteCounts::default();
        self.contacts.counts = super::store::WriteCounts::default();
        self.faults.committed = 0;
        self.tokens.granted = 0;
    }

    /// An edit in the portal: checked like any write, but no call of the API.
    pub(super) fn edit(&mut self, kind: Kind, id: &str, properties: BTreeMap<String, Text>) -> Result<(), String> {
        let input = WriteInput { id: Some(Text(id.to_owned())), properties, ..WriteInput::default() };
        let planned = self
            .plan(kind, Mode::Update, &input, &mut super::writes::Claims::new())
            .map_err(|problem| format!("{:?}", problem.refusal().body))?;
        self.carry_out(kind, planned);
        Ok(())
    }

    /// The id (company to contact) of a label a user made up; made when new.
    pub(super) fn label_id(&mut self, label: &str) -> u32 {
        self.links.add_label(Kind::Company, Kind::Contact, label, None).0
    }

    /// Links a company and a contact, adding one type besides the plain one.
    pub(super) fn link(&mut self, company: u64, contact: u64, type_id: Option<u32>) -> bool {
        let known = self.companies.get(company).is_some() && self.contacts.get(contact).is_some();
        let fits = type_id.is_none_or(|id| self.links.fitting(id, Kind::Company, Kind::Contact).is_some());
        if !known || !fits {
            return false;
        }
        let (a, b) = ((Kind::Company, company), (Kind::Contact, contact));
        self.links.associate(a, b);
        if let Some(id) = type_id {
            self.links.add(a, b, id);
        }
        true
    }

    fn change_limits(&mut self, order: &LimitOrder) {
        let settings = &mut self.limiter.settings;
        if let Some(plan) = order.plan {
            settings.plan = plan;
            settings.burst = None;
            settings.daily = None;
        }
        settings.burst = order.burst.or(settings.burst);
        settings.daily = order.daily.or(settings.daily);
        settings.lifted = order.lifted.unwrap_or(settings.lifted);
        if let Some(used) = order.used_today {
            self.limiter.set_used_today(used);
        }
        if let Some(lag) = order.search_lag_ms {
            self.companies.search_lag = Duration::from_millis(lag);
            self.contacts.search_lag = Duration::from_millis(lag);
        }
    }

    fn change_tokens(&mut self, order: TokenOrder) {
        if order.expire_oauth {
            self.tokens.expire_oauth();
        }
        if let Some(refresh) = &order.refresh_token {
            if order.revoked {
                self.tokens.revoke(refresh);
            } else {
                self.tokens.add_refresh_token(refresh);
            }
        }
        let expires = order
            .expires_in_secs
            .map(|seconds| super::clock::now() + i64::try_from(seconds * 1000).unwrap_or(i64::MAX));
        let Some(name) = order.token else {
            // Without a token it is about all tokens issued from now on.
            self.tokens.expires_in = order.expires_in_secs.unwrap_or(self.tokens.expires_in);
            return;
        };
        let before = self.tokens.find(&name);
        let token = Token {
            scopes: order.scopes.unwrap_or_else(|| {
                before.map_or_else(|| ALL_SCOPES.map(str::to_owned).into(), |known| known.scopes.clone())
            }),
            oauth: order.oauth.unwrap_or_else(|| before.is_some_and(|known| known.oauth)),
            expires: expires.or_else(|| before.and_then(|known| known.expires)),
            revoked: order.revoked,
        };
        self.tokens.put(&name, token);
    }
}

fn number(id: Text) -> Result<u64, Box<Response<HttpBody>>> {
    match id.into_id().parse() {
        Ok(id) => Ok(id),
        Err(_) => refused(400, "an id is a number"),
    }
}

fn kind_named(name: Option<&str>) -> Result<Kind, Box<Response<HttpBody>>> {
    match Kind::parse(name.unwrap_or("companies")) {
        Some(kind) => Ok(kind),
        None => refused(400, "object is companies or contacts"),
    }
}
