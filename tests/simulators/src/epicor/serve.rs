//! From a request to an answer: URL shapes, credentials, licences, faults, pages.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, Response, header},
};

use super::{
    auth, control,
    errors::{Refusal, answer, json_answer, query_too_long},
    fault::{Fault, FaultKind},
    locked, metadata,
    methods::{self, Sent},
    options::{self, Options},
    render::Renderer,
    schema::{self, Table, tables},
    sim::{PageRequest, Phase, Shared},
    value::{Key, KeyPart},
};
use crate::server::Wire;

/// Largest request body read.
const MAX_BODY: usize = 256 * 1024 * 1024;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(handle).with_state(shared)
}

/// A request taken apart.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) raw_query: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return answer(400, "text/plain", b"unreadable body".to_vec());
    };
    let raw_query = parts.uri.query().unwrap_or_default().to_owned();
    let call = Call {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: options::pairs(&raw_query),
        raw_query,
        headers: parts.headers,
        body,
    };
    if call.path.starts_with(crate::control::PREFIX) {
        return control::handle(&shared, &call);
    }
    let mut response = observed(&shared, &wire, &call).await;
    let date = shared.clock.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// Counts the call while it is in flight, even when the client goes away meanwhile.
struct InFlight(Arc<Shared>);

impl Drop for InFlight {
    fn drop(&mut self) {
        locked(&self.0.stats).in_flight -= 1;
    }
}

async fn observed(shared: &Arc<Shared>, wire: &Wire, call: &Call) -> Response<Body> {
    let licence = call
        .headers
        .get("license")
        .and_then(|value| serde_json::from_slice::<serde_json::Value>(value.as_bytes()).ok())
        .and_then(|licence| licence.get("ClaimedLicense")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| "none".to_owned());
    let shown = if call.raw_query.is_empty() { call.path.clone() } else { format!("{}?{}", call.path, call.raw_query) };
    let in_flight = {
        let mut stats = locked(&shared.stats);
        stats.enter(shown, &licence);
        if call.path.contains("APInvExpTGLCs") {
            *stats.gl_paths.entry(format!("{} {}", call.method, call.path)).or_default() += 1;
        }
        stats.in_flight
    };
    let _in_flight = InFlight(Arc::clone(shared));
    wait(shared).await;
    let fault = locked(&shared.faults).strike(&call.path);
    if let Some(fault) = &fault {
        let name = serde_json::to_value(fault.kind).ok().and_then(|name| name.as_str().map(str::to_owned));
        *locked(&shared.stats).faults.entry(name.unwrap_or_default()).or_default() += 1;
        if let Some(delay) = fault.delay() {
            tokio::time::sleep(delay).await;
        }
    }
    let response = answered(shared, call, fault.as_ref(), in_flight);
    if let Some(hang) = fault.as_ref().and_then(Fault::hang) {
        tokio::time::sleep(hang).await;
    }
    let status = match fault.map(|fault| fault.kind) {
        Some(FaultKind::ResetBefore | FaultKind::ResetAfter) => {
            wire.cut();
            0
        }
        _ => response.status().as_u16(),
    };
    *locked(&shared.stats).by_status.entry(status).or_default() += 1;
    response
}

async fn wait(shared: &Shared) {
    let (fixed, jitter) = *locked(&shared.latency);
    let extra = jitter.mul_f64(rand::random::<f64>());
    if fixed + extra > Duration::ZERO {
        tokio::time::sleep(fixed + extra).await;
    }
}

fn answered(shared: &Shared, call: &Call, fault: Option<&Fault>, in_flight: usize) -> Response<Body> {
    let correlation = super::value::guid_text(rand::random());
    let xml = call
        .headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("xml") && !accept.contains("json"));
    if let Some(fault) = fault {
        if fault.kind == FaultKind::ResetBefore {
            return answer(500, "text/plain", Vec::new());
        }
        let key = auth::sent_key(&call.headers, &call.query);
        let company = locked(&shared.store).default_company();
        if let Some(response) = fault.replacement(&key, &company, &correlation) {
            return response;
        }
    }
    match dispatch(shared, call, in_flight, fault) {
        Ok(response) => response,
        Err(refusal) => refusal.response(xml, &correlation),
    }
}

fn seen(shared: &Shared, kind: &str) {
    *locked(&shared.stats).by_kind.entry(kind.to_owned()).or_default() += 1;
}

fn dispatch(shared: &Shared, call: &Call, in_flight: usize, fault: Option<&Fault>) -> Result<Response<Body>, Refusal> {
    let config = &shared.config;
    let switches = locked(&shared.store).switches.clone();
    if call.raw_query.len() > switches.max_query_chars {
        seen(shared, "other");
        return Ok(query_too_long());
    }
    let now = shared.clock.now();
    if call.path == "/connect/token" && call.method == Method::POST {
        seen(shared, "oauth_token");
        locked(&shared.stats).tokens += 1;
        let mut tokens = locked(&shared.tokens);
        let lifetime = switches.token_lifetime_secs;
        return Ok(auth::connect_token(config, &mut tokens, &call.headers, &call.body, now, lifetime));
    }
    let missing = || Refusal::no_resource(&options::percent_decode(&call.path, false));
    let path =
        call.path.strip_prefix(config.instance.as_str()).ok_or_else(missing).inspect_err(|_| seen(shared, "other"))?;
    if path.trim_end_matches('/') == "/TokenResource.svc" {
        seen(shared, "token");
        if call.method != Method::POST {
            return Err(Refusal::wrong_verb());
        }
        locked(&shared.stats).tokens += 1;
        let mut tokens = locked(&shared.tokens);
        let lifetime = switches.token_lifetime_secs;
        return auth::token_resource(config, &mut tokens, &call.headers, &call.body, now, lifetime);
    }
    let Some(path) = path.strip_prefix("/api/v2/odata/") else {
        seen(shared, "other");
        return Err(missing());
    };
    if switches.max_in_flight.is_some_and(|limit| in_flight > limit) {
        return Err(Refusal::no_licence());
    }
    let mut segments = path.split('/').map(|segment| options::percent_decode(segment, false));
    let company = segments.next().unwrap_or_default();
    auth::check_login(config, &locked(&shared.tokens), &call.headers, now)?;
    auth::check_key(config, &call.headers, &call.query, &company)?;
    let company_at = locked(&shared.store).company_index(&company).ok_or_else(|| {
        seen(shared, "other");
        Refusal::no_resource(&company)
    })?;
    let segments: Vec<String> = segments.filter(|segment| !segment.is_empty()).collect();
    let host = call.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let read = Read {
        shared,
        call,
        company,
        company_at,
        root: format!("http://{host}{}/api/v2/odata", config.instance),
        scope: switches.scope.as_deref(),
        fault,
    };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    read.route(&segments)
}

/// Below `/api/v2/odata/{Company}/`, with good credentials.
struct Read<'a> {
    shared: &'a Shared,
    call: &'a Call,
    company: String,
    company_at: usize,
    root: String,
    scope: Option<&'a [String]>,
    fault: Option<&'a Fault>,
}

impl Read<'_> {
    fn route(&self, segments: &[&str]) -> Result<Response<Body>, Refusal> {
        let Some((service, rest)) = segments.split_first() else {
            seen(self.shared, "other");
            return Err(Refusal::no_resource(&self.company));
        };
        if !metadata::has_service(service) {
            seen(self.shared, "other");
            return Err(Refusal::no_resource(service));
        }
        match rest {
            [] => {
                seen(self.shared, "service");
                let context = format!("{}/{}/{service}/$metadata", self.root, self.company);
                Ok(json_answer(200, &metadata::service_document(service, &context)))
            }
            ["$metadata"] => {
                seen(self.shared, "metadata");
                let document = metadata::edmx(&locked(&self.shared.store), service);
                Ok(answer(200, "application/xml", document.into_bytes()))
            }
            [set, rest @ ..] => self.set(service, set, rest),
        }
    }

    /// Refuses methods outside the scope of the API key. `GetRows` serves sets, `GetByID` rows.
    fn allow(&self, service: &str, method: &str) -> Result<(), Refusal> {
        let service = service.strip_suffix("Svc").unwrap_or(service);
        let full = format!("{service}.{method}");
        let allowed = self.scope.is_none_or(|scope| {
            scope.iter().any(|entry| *entry == full || entry.strip_suffix("Svc").unwrap_or(entry) == service)
        });
        if allowed { Ok(()) } else { Err(Refusal::no_right(&full)) }
    }

    fn set(&self, service: &str, segment: &str, rest: &[&str]) -> Result<Response<Body>, Refusal> {
        let (name, key) = match segment.split_once('(') {
            Some((name, key)) => (name, Some(key.strip_suffix(')').ok_or_else(|| Refusal::no_resource(segment))?)),
            None => (segment, None),
        };
        let Some(at) = schema::find(name).filter(|at| tables()[*at].service == service && tables()[*at].set == name)
        else {
            // Methods (GetByID, Update, ..) come here.
            seen(self.shared, "method");
            self.allow(service, name)?;
            let reads = methods::reads(service, name).filter(|_| key.is_none() && rest.is_empty());
            let reads = reads.ok_or_else(|| Refusal::no_resource(segment))?;
            return self.method(service, name, reads);
        };
        *locked(&self.shared.stats).by_set.entry(name.to_owned()).or_default() += 1;
        let table = &tables()[at];
        if self.call.method != Method::GET {
            seen(self.shared, "method");
            self.allow(service, "UpdateExt")?;
            let key = key.map(|key| self.key(table, key)).transpose()?;
            return self.write_set(at, key.as_ref(), rest);
        }
        self.allow(service, if key.is_some() { "GetByID" } else { "GetRows" })?;
        let key = key.map(|key| self.key(table, key)).transpose()?;
        match (key, rest) {
            (None, []) => self.page(at),
            (None, ["$count"]) => self.count(at),
            (Some(key), []) => self.row(at, &key),
            (Some(key), [child]) if table.children.contains(child) => {
                let child = schema::find(child).ok_or_else(|| Refusal::no_resource(child))?;
                self.nested(at, &key, child)
            }
            (_, [.., last]) => {
                seen(self.shared, "other");
                Err(Refusal::no_resource(last))
            }
        }
    }

    fn method(&self, service: &str, name: &str, reads: bool) -> Result<Response<Body>, Refusal> {
        *locked(&self.shared.stats).by_method.entry(format!("{service}/{name}")).or_default() += 1;
        let sent = match (&self.call.method, reads) {
            (&Method::GET, true) => Sent::Query(&self.call.query),
            (&Method::POST, _) => Sent::Body(&self.call.body),
            _ => return Err(Refusal::wrong_verb()),
        };
        let reply = methods::run(self.shared, self.company_at, service, name, sent)?;
        Ok(self.damaged(reply.to_string().into_bytes()))
    }

    /// A write on a set, a row, or a child set of a row.
    fn write_set(&self, at: usize, key: Option<&Key>, rest: &[&str]) -> Result<Response<Body>, Refusal> {
        let (at, key) = match rest {
            [] => (at, key),
            // The body of a post to a nested path names its parent itself.
            [child] if tables()[at].children.contains(child) => {
                (schema::find(child).ok_or_else(|| Refusal::no_resource(child))?, None)
            }
            [.., last] => return Err(Refusal::no_resource(last)),
        };
        let Call { method, body, .. } = self.call;
        let row = methods::write_set(self.shared, self.company_at, at, key, method, body)?;
        let Some(mut row) = row.filter(|_| *method == Method::POST) else {
            return Ok(answer(204, "application/json", Vec::new()));
        };
        row.insert("@odata.context".into(), self.context(&tables()[at], "/$entity").into());
        Ok(json_answer(201, &row.into()))
    }

    /// Reads `'EPIC06',12`, positional or `Company='EPIC06',VendorNum=12`.
    fn key(&self, table: &Table, text: &str) -> Result<Key, Refusal> {
        let bad = || Refusal::odata(format!("Bad Request - Error in query syntax near '({text})'."));
        let mut parts = Vec::new();
        let (mut value, mut quoted, mut was_quoted) = (String::new(), false, false);
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\'' if quoted && letters.next_if_eq(&'\'').is_some() => value.push('\''),
                '\'' => {
                    quoted = !quoted;
                    was_quoted = true;
                }
                ',' if !quoted => parts.push((std::mem::take(&mut value), std::mem::take(&mut was_quoted))),
                '=' if !quoted => value.clear(),
                other => value.push(other),
            }
        }
        parts.push((value, was_quoted));
        let Some(((company, true), key)) = parts.split_first() else {
            return Err(bad());
        };
        if key.len() != table.keys.len() {
            return Err(bad());
        }
        if *company != self.company {
            return Err(Refusal::no_record());
        }
        key.iter()
            .map(|(value, was_quoted)| match was_quoted {
                true => Ok(KeyPart::Text(value.as_str().into())),
                false if super::value::parse_guid(value).is_some() => Ok(KeyPart::Text(value.as_str().into())),
                false => value.trim().parse().map(KeyPart::Int).map_err(|_| bad()),
            })
            .collect()
    }

    fn context(&self, table: &Table, suffix: &str) -> String {
        format!("{}/{}/{}/$metadata#{}{suffix}", self.root, self.company, table.service, table.set)
    }

    fn damaged(&self, body: Vec<u8>) -> Response<Body> {
        let body = match self.fault {
            Some(fault) => fault.damage(body),
            None => body,
        };
        answer(200, "application/json; odata.metadata=minimal; charset=utf-8", body)
    }

    fn page(&self, at: usize) -> Result<Response<Body>, Refusal> {
        seen(self.shared, "set");
        let table = &tables()[at];
        let hooks = locked(&self.shared.hooks).clone();
        let mutator = locked(&self.shared.mutator).clone();
        let mut store = locked(&self.shared.store);
        let options = Options::read(&store, table, &self.call.query)?;
        let mut request = PageRequest {
            phase: Phase::Before,
            company: self.company.clone(),
            set: table.set.into(),
            query: self.call.query.clone(),
            number: store.pages,
        };
        if let Some(mutator) = &mutator {
            mutator.run(&mut store, &request);
        }
        for hook in &hooks {
            hook(&mut store, &request);
        }
        let limit = options.top.unwrap_or(store.switches.default_top);
        let limit = limit.min(store.switches.max_top.unwrap_or(usize::MAX));
        // The server evaluates the filter of a child set against the parent type.
        let lost = table.is_child && options.filter.is_some() && store.switches.child_filter_empty;
        let found = if lost { Default::default() } else { store.find(self.company_at, at, &options, limit) };
        let mut body = Vec::with_capacity(256 + found.rows.len() * 512);
        body.extend_from_slice(b"{\"@odata.context\":");
        super::value::write_text(&self.context(table, ""), &mut body);
        if options.count {
            let count = if store.switches.count_of_page { found.rows.len() } else { found.total };
            body.extend_from_slice(format!(",\"@odata.count\":{count}").as_bytes());
        }
        body.extend_from_slice(b",\"value\":[");
        let rows = Renderer::new(&store, self.company_at).rows(at, &found.rows, &options, &mut body);
        body.extend_from_slice(b"]}");
        request.phase = Phase::After;
        for hook in &hooks {
            hook(&mut store, &request);
        }
        store.count_page();
        drop(store);
        locked(&self.shared.stats).rows += rows as u64;
        Ok(self.damaged(body))
    }

    fn count(&self, at: usize) -> Result<Response<Body>, Refusal> {
        seen(self.shared, "count");
        let mut store = locked(&self.shared.store);
        let read = Options::read(&store, &tables()[at], &self.call.query)?;
        let counted = Options { filter: read.filter, count: true, ..Options::default() };
        let total = store.find(self.company_at, at, &counted, 0).total;
        Ok(answer(200, "text/plain", total.to_string().into_bytes()))
    }

    fn row(&self, at: usize, key: &Key) -> Result<Response<Body>, Refusal> {
        seen(self.shared, "row");
        let store = locked(&self.shared.store);
        let table = &tables()[at];
        let options = Options::read(&store, table, &self.call.query)?;
        let renderer = Renderer::new(&store, self.company_at);
        let data = &renderer.company.tables[at];
        let id = *data.by_key.get(key).ok_or_else(Refusal::no_record)?;
        let row = data.row(id).ok_or_else(Refusal::no_record)?;
        let mut body = b"{\"@odata.context\":".to_vec();
        super::value::write_text(&self.context(table, "/$entity"), &mut body);
        body.push(b',');
        renderer.fields(at, id, row, &options, &mut body);
        body.push(b'}');
        Ok(self.damaged(body))
    }

    fn nested(&self, parent: usize, key: &Key, child: usize) -> Result<Response<Body>, Refusal> {
        seen(self.shared, "nested");
        let store = locked(&self.shared.store);
        let mut options = Options::read(&store, &tables()[child], &self.call.query)?;
        let renderer = Renderer::new(&store, self.company_at);
        if !renderer.company.tables[parent].by_key.contains_key(key) {
            return Err(Refusal::no_record());
        }
        let limit = options.top.unwrap_or(store.switches.default_top);
        options.top = Some(limit.min(store.switches.max_top.unwrap_or(usize::MAX)));
        let rows = renderer.children(child, key, &options);
        let mut body = b"{\"@odata.context\":".to_vec();
        super::value::write_text(&self.context(&tables()[child], ""), &mut body);
        body.extend_from_slice(b",\"value\":[");
        let written = renderer.rows(child, &rows, &options, &mut body);
        body.extend_from_slice(b"]}");
        drop(store);
        locked(&self.shared.stats).rows += written as u64;
        Ok(self.damaged(body))
    }
}
