//! From a path to what is asked for, whatever the version in the path.

use axum::http::Method;

use super::{limits::Bucket, store::Kind};

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    List,
    Create,
    Read(String),
    Update(String),
    Archive(String),
    BatchCreate,
    BatchRead,
    BatchUpdate,
    BatchUpsert,
    BatchArchive,
    Search,
    Merge,
    PropertyList,
    PropertyCreate,
    PropertyRead(String),
    PropertyChange(String),
    PropertyArchive(String),
    PropertyBatchCreate,
    PropertyBatchRead,
    PropertyBatchArchive,
    GroupList,
    GroupCreate,
    GroupRead(String),
    GroupChange(String),
    GroupArchive(String),
    Links(Kind, LinkOperation),
    AccountDetails,
    DailyUse,
    UnknownType(String),
}

/// A call about associations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LinkOperation {
    BatchAssociateDefault,
    BatchCreate,
    BatchRead,
    BatchArchive,
    BatchArchiveLabels,
    Labels,
    CreateLabel,
    PutDefault(String, String),
    Put(String, String),
    Delete(String, String),
    ListOf(String),
}

/// A call the API knows.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) kind: Kind,
    pub(super) operation: Operation,
    /// Paths named by date answer in small ways differently.
    pub(super) dated: bool,
}

/// Why a path led nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Astray {
    NoSuchPath,
    WrongMethod,
}

impl Route {
    /// Understands a path of the CRM or account API.
    pub(super) fn parse(method: &Method, path: &str) -> Result<Self, Astray> {
        let segments: Vec<String> = path.trim_matches('/').split('/').map(percent_decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let dated = |version: &str| ["2026-03", "2026-09"].contains(&version);
        let (area, rest, dated) = match segments.as_slice() {
            ["crm", "v3", area @ ("objects" | "properties"), rest @ ..]
            | ["crm", "v4", area @ ("objects" | "associations"), rest @ ..] => (*area, rest, false),
            ["crm", area, version, rest @ ..] if dated(version) => (*area, rest, true),
            ["account-info", version, rest @ ..] => ("account", rest, dated(version)),
            _ => return Err(Astray::NoSuchPath),
        };
        let (kind, operation) = match area {
            "objects" => object_call(method, rest)?,
            "properties" => property_call(method, rest)?,
            "associations" => association_call(method, rest)?,
            "account" => (Kind::Company, account_call(method, rest)?),
            _ => return Err(Astray::NoSuchPath),
        };
        Ok(Self { kind, operation, dated })
    }

    /// The allowance the call draws on.
    pub(super) fn bucket(&self) -> Bucket {
        match &self.operation {
            Operation::Search => Bucket::Search,
            Operation::Links(
                _,
                LinkOperation::BatchAssociateDefault
                | LinkOperation::BatchCreate
                | LinkOperation::BatchRead
                | LinkOperation::BatchArchive
                | LinkOperation::BatchArchiveLabels,
            ) => Bucket::Association,
            _ => Bucket::Burst,
        }
    }

    /// The scopes the call needs.
    pub(super) fn scopes(&self) -> Vec<&'static str> {
        use Operation as O;
        let (read, write, schema_read, schema_write) = scopes_of(self.kind);
        match &self.operation {
            O::List | O::Read(_) | O::BatchRead | O::Search => vec![read],
            O::Create
            | O::Update(_)
            | O::Archive(_)
            | O::BatchCreate
            | O::BatchUpdate
            | O::BatchUpsert
            | O::BatchArchive
            | O::Merge => vec![write],
            O::PropertyList | O::PropertyRead(_) | O::PropertyBatchRead | O::GroupList | O::GroupRead(_) => {
                vec![schema_read]
            }
            O::PropertyCreate
            | O::PropertyChange(_)
            | O::PropertyArchive(_)
            | O::PropertyBatchCreate
            | O::PropertyBatchArchive
            | O::GroupCreate
            | O::GroupChange(_)
            | O::GroupArchive(_) => vec![schema_write],
            O::Links(to, operation) => {
                let other = scopes_of(*to);
                match operation {
                    LinkOperation::BatchRead | LinkOperation::ListOf(_) | LinkOperation::Labels => vec![read, other.0],
                    _ => vec![write, other.1],
                }
            }
            O::AccountDetails | O::DailyUse | O::UnknownType(_) => Vec::new(),
        }
    }
}

fn scopes_of(kind: Kind) -> (&'static str, &'static str, &'static str, &'static str) {
    match kind {
        Kind::Company => (
            "crm.objects.companies.read",
            "crm.objects.companies.write",
            "crm.schemas.companies.read",
            "crm.schemas.companies.write",
        ),
        Kind::Contact => (
            "crm.objects.contacts.read",
            "crm.objects.contacts.write",
            "crm.schemas.contacts.read",
            "crm.schemas.contacts.write",
        ),
    }
}

type Call = (Kind, Operation);

fn typed(name: &str, operation: Operation) -> Call {
    Kind::parse(name).map_or_else(|| (Kind::Company, Operation::UnknownType(name.to_owned())), |kind| (kind, operation))
}

fn linked(from: &str, to: &str, operation: LinkOperation) -> Call {
    match Kind::parse(to) {
        Some(kind) => typed(from, Operation::Links(kind, operation)),
        None => (Kind::Company, Operation::UnknownType(to.to_owned())),
    }
}

fn object_call(method: &Method, rest: &[&str]) -> Result<Call, Astray> {
    use Operation as O;
    let wrong = Err(Astray::WrongMethod);
    Ok(match (method.as_str(), rest) {
        ("GET", [name]) => typed(name, O::List),
        ("POST", [name]) => typed(name, O::Create),
        ("POST", [name, "batch", "create"]) => typed(name, O::BatchCreate),
        ("POST", [name, "batch", "read"]) => typed(name, O::BatchRead),
        ("POST", [name, "batch", "update"]) => typed(name, O::BatchUpdate),
        ("POST", [name, "batch", "upsert"]) => typed(name, O::BatchUpsert),
        ("POST", [name, "batch", "archive"]) => typed(name, O::BatchArchive),
        ("POST", [name, "search"]) => typed(name, O::Search),
        ("POST", [name, "merge"]) => typed(name, O::Merge),
        (_, [_] | [_, "search" | "merge"]) => return wrong,
        ("GET", [name, id]) => typed(name, O::Read((*id).to_owned())),
        ("PATCH", [name, id]) => typed(name, O::Update((*id).to_owned())),
        ("DELETE", [name, id]) => typed(name, O::Archive((*id).to_owned())),
        (_, [_, _] | [_, "batch", "create" | "read" | "update" | "upsert" | "archive"]) => return wrong,
        ("PUT", [from, id, "associations", "default", to, to_id]) => {
            linked(from, to, LinkOperation::PutDefault((*id).to_owned(), (*to_id).to_owned()))
        }
        ("PUT", [from, id, "associations", to, to_id]) => {
            linked(from, to, LinkOperation::Put((*id).to_owned(), (*to_id).to_owned()))
        }
        ("DELETE", [from, id, "associations", to, to_id]) => {
            linked(from, to, LinkOperation::Delete((*id).to_owned(), (*to_id).to_owned()))
        }
        ("GET", [from, id, "associations", to]) => linked(from, to, LinkOperation::ListOf((*id).to_owned())),
        _ => return Err(Astray::NoSuchPath),
    })
}

fn property_call(method: &Method, rest: &[&str]) -> Result<Call, Astray> {
    use Operation as O;
    Ok(match (method.as_str(), rest) {
        ("GET", [name]) => typed(name, O::PropertyList),
        ("POST", [name]) => typed(name, O::PropertyCreate),
        ("GET", [name, "groups"]) => typed(name, O::GroupList),
        ("POST", [name, "groups"]) => typed(name, O::GroupCreate),
        ("GET", [name, "groups", group]) => typed(name, O::GroupRead((*group).to_owned())),
        ("PATCH", [name, "groups", group]) => typed(name, O::GroupChange((*group).to_owned())),
        ("DELETE", [name, "groups", group]) => typed(name, O::GroupArchive((*group).to_owned())),
        ("POST", [name, "batch", "create"]) => typed(name, O::PropertyBatchCreate),
        ("POST", [name, "batch", "read"]) => typed(name, O::PropertyBatchRead),
        ("POST", [name, "batch", "archive"]) => typed(name, O::PropertyBatchArchive),
        ("GET", [name, property]) => typed(name, O::PropertyRead((*property).to_owned())),
        ("PATCH", [name, property]) => typed(name, O::PropertyChange((*property).to_owned())),
        ("DELETE", [name, property]) => typed(name, O::PropertyArchive((*property).to_owned())),
        (_, [_] | [_, _] | [_, "groups" | "batch", _]) => return Err(Astray::WrongMethod),
        _ => return Err(Astray::NoSuchPath),
    })
}

fn association_call(method: &Method, rest: &[&str]) -> Result<Call, Astray> {
    use LinkOperation as L;
    let operation = match (method.as_str(), rest) {
        ("POST", [_, _, "batch", "associate", "default"]) => L::BatchAssociateDefault,
        ("POST", [_, _, "batch", "create"]) => L::BatchCreate,
        ("POST", [_, _, "batch", "read"]) => L::BatchRead,
        ("POST", [_, _, "batch", "archive"]) => L::BatchArchive,
        ("POST", [_, _, "batch", "labels", "archive"]) => L::BatchArchiveLabels,
        ("GET", [_, _, "labels"]) => L::Labels,
        ("POST", [_, _, "labels"]) => L::CreateLabel,
        (_, [_, _, "batch", ..] | [_, _, "labels"]) => return Err(Astray::WrongMethod),
        _ => return Err(Astray::NoSuchPath),
    };
    Ok(linked(rest[0], rest[1], operation))
}

fn account_call(method: &Method, rest: &[&str]) -> Result<Operation, Astray> {
    match (method.as_str(), rest) {
        ("GET", ["details"]) => Ok(Operation::AccountDetails),
        ("GET", ["api-usage", "daily", "private-apps"]) => Ok(Operation::DailyUse),
        (_, ["details"]) => Err(Astray::WrongMethod),
        _ => Err(Astray::NoSuchPath),
    }
}

/// The path with record ids replaced, so that calls can be counted by route.
pub(super) fn label(method: &Method, path: &str) -> String {
    let mut label = String::with_capacity(path.len() + 8);
    label.push_str(method.as_str());
    label.push(' ');
    let mut before = "";
    let mut properties = false;
    for segment in path.trim_matches('/').split('/') {
        label.push('/');
        properties |= segment == "properties";
        let is_id = !segment.is_empty()
            && (segment.bytes().all(|byte| byte.is_ascii_digit())
                || (!properties
                    && Kind::parse(before).is_some()
                    && Kind::parse(segment).is_none()
                    && !["batch", "search", "merge", "labels", "associations"].contains(&segment))
                || before == "access-tokens");
        label.push_str(if is_id { "{id}" } else { segment });
        before = segment;
    }
    label
}

/// Undoes percent encoding; what is not encoding stays as it is.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = code {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Fields of a query string or a form, decoded, in their order.
pub(super) fn fields(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| percent_decoded(&text.replace('+', " "));
            (decode(name), decode(value))
        })
        .collect()
}
