//! Calls to one company of one Kinetic instance.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use chrono::{DateTime, Utc};
use mlc_model::{Fault, FaultKind, System, Window};
use mlc_outbound::{Answer, Credentials, Door, Method, Request};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Cell, ChangeChoice, Entity, EntityColumns, EpicorConfig, EpicorSecrets, Fields, Page, PageAsk, PageQuery,
    QueryShape, Row, RowKey, RowProblem, auth, choose_change_field, document,
    fault::{self, Refusal, code},
    page_query,
    query::split_keys,
    settings::{CONCURRENCY, PACE},
};

/// The highest revision of an entity set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// Highest `SysRevID`; `None` when the set has no rows.
    pub revision: Option<i64>,
    /// The server's `Date` header.
    pub server_time: Option<DateTime<Utc>>,
}

/// The number of rows in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Rows that match the window's filter.
    pub rows: u64,
    /// The server's `Date` header.
    pub server_time: Option<DateTime<Utc>>,
}

/// A client of one connection. Clones share everything.
#[derive(Clone)]
pub struct EpicorClient {
    pub(crate) door: Door,
    inner: Arc<Inner>,
}

struct Inner {
    config: EpicorConfig,
    credentials: Credentials,
    columns: RwLock<BTreeMap<Entity, Arc<EntityColumns>>>,
    /// Entities whose nested `$expand` this server refuses.
    flat: RwLock<BTreeSet<Entity>>,
    /// Whether filters on parts of orders find what they should, where that was tried.
    part_filters: RwLock<BTreeMap<Entity, bool>>,
}

impl fmt::Debug for EpicorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpicorClient").field("address", &self.inner.config.address.root()).finish_non_exhaustive()
    }
}

impl EpicorClient {
    /// A client that goes out through `door`, which [`EpicorConfig::door_config`] describes.
    ///
    /// # Errors
    /// `Unauthorized`, with the name in `field`, when a secret the login needs is not there.
    pub fn new(door: Door, config: EpicorConfig, secrets: EpicorSecrets) -> Result<Self, Fault> {
        let credentials = auth::credentials(&config.address, &config.auth, &secrets).map_err(|mut fault| {
            let (connection, name) = (door.connection(), fault.field.as_deref().unwrap_or_default());
            fault.message = format!("{} Run `mlc connection set-secret {connection} {name}`.", fault.message);
            fault
        })?;
        Ok(Self {
            door,
            inner: Arc::new(Inner {
                config,
                credentials,
                columns: RwLock::default(),
                flat: RwLock::default(),
                part_filters: RwLock::default(),
            }),
        })
    }

    /// The settings it was made with.
    pub fn config(&self) -> &EpicorConfig {
        &self.inner.config
    }

    /// The shape of this connection's pages, with the extra columns of a flow.
    pub fn shape(&self, extra_columns: &[String]) -> QueryShape {
        QueryShape {
            page_rows: self.config().page_rows,
            extra_columns: extra_columns.to_vec(),
            zone: self.config().zone,
        }
    }

    /// Reads one page.
    ///
    /// # Errors
    /// `Limited` when a budget is spent or no licence is free, `Unauthorized` when login or API key are refused,
    /// `Rejected` when the question does not fit this Epicor or a right is missing, `Transient` for what the network or a
    /// tired server did. A broken row is not an error of the page.
    pub async fn fetch_page(&self, entity: Entity, query: &PageQuery) -> Result<Page, Fault> {
        if entity.is_order_part() {
            return self.fetch_parts(entity, query).await;
        }
        let documents = !document::levels(entity).is_empty() && !query.expand.is_empty();
        if !documents {
            return self.read_page(entity, query).await;
        }
        let plain = PageQuery { expand: Vec::new(), ..query.clone() };
        let mut page = if self.inner.flat.read().unwrap_or_else(PoisonError::into_inner).contains(&entity) {
            self.read_page(entity, &plain).await?
        } else {
            match self.read_page(entity, query).await {
                Err(fault) if may_be_the_nesting(&fault) => {
                    let page = self.read_page(entity, &plain).await?;
                    // A server fault may have been a bad moment; a refusal will be repeated.
                    if fault.status == Some(400) {
                        self.inner.flat.write().unwrap_or_else(PoisonError::into_inner).insert(entity);
                    }
                    page
                }
                page => page?,
            }
        };
        self.complete(entity, &mut page).await?;
        Ok(page)
    }

    /// Reads by `GetByID` what `$expand` did not bring.
    async fn complete(&self, entity: Entity, page: &mut Page) -> Result<(), Fault> {
        let levels = document::levels(entity);
        for entry in &mut page.rows {
            let Ok(row) = entry else { continue };
            if document::is_whole(levels, &row.fields) {
                continue;
            }
            match self.tableset(entity, &row.key).await {
                Ok(tables) => document::nest(levels, &tables, &mut row.fields),
                Err(fault) if fault.kind == FaultKind::Rejected => {
                    let what = format!("was listed, but cannot be read whole: {}", fault.message);
                    *entry = Err(row.place(entity).problem("", "row.children_missing", &what));
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// The tables of one document, with the columns our model is made of.
    async fn tableset(&self, entity: Entity, key: &RowKey) -> Result<Fields, Fault> {
        let operation = entity.read_operation();
        let path = self.config().address.document_path(entity, key);
        let answer = self.get(path, operation, "application/json").await?;
        let reply: TablesetReply = answer.json()?;
        match Cell::read(&reply.tables, entity.child_columns()) {
            Cell::Object(tables) => Ok(tables),
            _ => Err(Fault::new(FaultKind::Rejected, System::Epicor, operation, "Epicor's answer holds no tables.")
                .with_code(code::WRONG_SHAPE)),
        }
    }

    pub(crate) async fn read_page(&self, entity: Entity, query: &PageQuery) -> Result<Page, Fault> {
        let operation = entity.read_operation();
        let path = format!("{}?{}", self.config().address.set_path(entity), query.to_query_string(operation)?);
        let answer = self.get(path, operation, "application/json").await?;
        let mut page =
            Page::read(entity, self.config().address.company(), answer.body()).map_err(|fault| self.redacted(fault))?;
        page.server_time = answer.server_time();
        Ok(page)
    }

    /// Reads the highest revision of a set, and the server's time with it.
    ///
    /// # Errors
    /// As [`EpicorClient::fetch_page`]; `Rejected` also when none of the newest rows can be read.
    pub async fn newest(&self, entity: Entity) -> Result<Newest, Fault> {
        let query = page_query(entity, None, &PageAsk::Newest, &self.shape(&[]));
        let page = self.read_page(entity, &query).await?;
        let server_time = page.server_time;
        let revision = page.rows.iter().flatten().map(|row| row.version.0).max();
        match page.rows.into_iter().find_map(Result::err) {
            // A window up to a lower revision loses nothing: the unreadable row belongs to the next one, and is reported there.
            Some(problem) if revision.is_none() => Err(problem.into()),
            _ => Ok(Newest { revision, server_time }),
        }
    }

    /// Counts the rows of a window; without one, of the whole set.
    ///
    /// # Errors
    /// As [`EpicorClient::fetch_page`]; `Rejected` also when the server tells no count in either of two ways.
    pub async fn count(&self, entity: Entity, window: Option<&Window>) -> Result<Counted, Fault> {
        let query = page_query(entity, window, &PageAsk::Count, &self.shape(&[]));
        let page = self.fetch_page(entity, &query).await?;
        if let Some(rows) = page.count {
            return Ok(Counted { rows, server_time: page.server_time });
        }
        // `$count=true` was not seen on a live server, `/$count` was.
        let operation = entity.read_operation();
        let mut path = format!("{}/$count", self.config().address.set_path(entity));
        if query.filter.is_some() {
            path = format!("{path}?{}", query.filter_only(operation)?);
        }
        let answer = self.get(path, operation, "text/plain, application/json").await?;
        let text = answer.text();
        match text.trim_start_matches('\u{FEFF}').trim().parse() {
            Ok(rows) => Ok(Counted { rows, server_time: answer.server_time() }),
            Err(_) => Err(Fault::new(
                FaultKind::Rejected,
                System::Epicor,
                operation,
                "Epicor tells the number of rows neither by `$count=true` nor by `/$count`.",
            )
            .with_code(code::WRONG_SHAPE)),
        }
    }

    /// Reads these rows again, in as many requests as it takes. A row that is gone is simply not among them.
    ///
    /// # Errors
    /// As [`EpicorClient::fetch_page`], for the whole call.
    pub async fn fetch_records(
        &self,
        entity: Entity,
        keys: &[RowKey],
        shape: &QueryShape,
    ) -> Result<Vec<Result<Row, RowProblem>>, Fault> {
        let mut rows = Vec::with_capacity(keys.len());
        for group in split_keys(entity, keys, shape) {
            let query = page_query(entity, None, &PageAsk::Records(group), shape);
            rows.extend(self.fetch_page(entity, &query).await?.rows);
        }
        Ok(rows)
    }

    /// The columns of an entity, from its service's `$metadata`; read once per client, for a client lives as long as its
    /// process and columns change with an upgrade.
    ///
    /// # Errors
    /// As [`EpicorClient::fetch_page`]; `Rejected` when the service does not publish the set.
    pub async fn columns(&self, entity: Entity) -> Result<Arc<EntityColumns>, Fault> {
        if let Some(known) = self.inner.columns.read().unwrap_or_else(PoisonError::into_inner).get(&entity) {
            return Ok(Arc::clone(known));
        }
        let path = self.config().address.metadata_path(entity);
        let answer = self.get(path, entity.metadata_operation(), "application/xml").await?;
        let columns = Arc::new(EntityColumns::parse(entity, &answer.text())?);
        let mut cache = self.inner.columns.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(cache.entry(entity).or_insert(columns)))
    }

    /// The change field of an entity: what the settings say, held against what the entity has.
    ///
    /// # Errors
    /// As [`EpicorClient::columns`]; `Rejected` with code `configuration` when the settings name a column that does not
    /// exist or does not fit.
    pub async fn change_field(&self, entity: Entity) -> Result<ChangeChoice, Fault> {
        let setting = self.config().change_fields.get(&entity).cloned().unwrap_or_default();
        choose_change_field(&*self.columns(entity).await?, &setting)
    }

    async fn get(&self, path: String, operation: &'static str, accept: &'static str) -> Result<Answer, Fault> {
        let answer = self.send_as(Request::new(Method::GET, path, operation), accept).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        let refusal = Refusal { status: answer.status(), retry_after: answer.retry_after(), body: answer.body() };
        Err(self.redacted(fault::classify(operation, &refusal)))
    }

    /// One request with what every request carries. Any status is an answer.
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, Fault> {
        self.send_as(request, "application/json").await
    }

    async fn send_as(&self, request: Request, accept: &'static str) -> Result<Answer, Fault> {
        let mut request = request.family(CONCURRENCY).family(PACE).header("accept", accept);
        if let Some(license) = self.config().license.header() {
            request = request.header("license", license);
        }
        self.door.send(&request, &self.inner.credentials).await
    }

    pub(crate) fn part_filter(&self, entity: Entity) -> Option<bool> {
        self.inner.part_filters.read().unwrap_or_else(PoisonError::into_inner).get(&entity).copied()
    }

    pub(crate) fn set_part_filter(&self, entity: Entity, honoured: bool) {
        self.inner.part_filters.write().unwrap_or_else(PoisonError::into_inner).insert(entity, honoured);
    }

    /// Epicor repeats what it refuses, secrets included.
    pub(crate) fn redacted(&self, fault: Fault) -> Fault {
        let message = self.door.redact(&fault.message, &self.inner.credentials);
        Fault { message, ..fault }
    }
}

#[derive(Deserialize)]
struct TablesetReply {
    #[serde(rename = "returnObj")]
    tables: Box<RawValue>,
}

/// Whether a read may have failed because of its nested `$expand`: some servers refuse it, others break on it.
///
/// Source: Epicor reference, sections 0 (8) and 3.1.
fn may_be_the_nesting(fault: &Fault) -> bool {
    let temporary = [code::NO_LICENSE, code::CONVERSIONS_PENDING];
    matches!(fault.status, Some(400 | 500 | 501))
        && !fault.code.as_deref().is_some_and(|code| temporary.contains(&code))
}
