//! What a handler is given.

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use mlc_accounts::Role;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Console, error::ConsoleError};
use crate::{Person, Rooms};

/// Fields of what is sent that name what it is about: ids of letters, of sessions, logins, names of tokens.
const NAMING: [&str; 4] = ["id", "ids", "name", "owner"];
/// Most of them in one entry.
const NAMED: usize = 200;

/// Who looks or acts.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    /// The name under which actions are recorded.
    pub(crate) person: Person,
    /// What that person may do.
    pub(crate) role: Role,
    /// Whether there is a login to leave.
    pub(crate) logged_in: bool,
}

impl Viewer {
    /// Whether that person may do what needs `role`.
    pub(crate) fn may(&self, role: Role) -> bool {
        self.role >= role
    }
}

/// One request, without HTTP.
#[derive(Debug)]
pub(crate) struct Call {
    /// Everything behind Redis; its person is the viewer.
    pub(crate) rooms: Rooms,
    /// Who calls.
    pub(crate) viewer: Viewer,
    /// Now.
    pub(crate) now: DateTime<Utc>,
    /// The console itself.
    pub(crate) console: Arc<Console>,
    pub(super) params: BTreeMap<String, String>,
    pub(super) query: String,
    pub(super) body: Bytes,
    pub(super) is_json: bool,
    /// Where it comes from, past the proxies that are configured; `None` = not known.
    pub(crate) caller: Option<std::net::IpAddr>,
    /// Head of the request, for what reads cookies or resumes a stream.
    pub(crate) headers: axum::http::HeaderMap,
}

impl Call {
    /// The part of the path that the route calls `name`.
    ///
    /// # Errors
    /// `NotFound` when it is none: what is not spelt like an id is no id of ours.
    pub(crate) fn part<T: FromStr>(&self, name: &str) -> Result<T, ConsoleError> {
        let text = self.text(name);
        text.parse().map_err(|_| ConsoleError::not_found(format!("There is no `{}` here.", shortened(text))))
    }

    /// The part of the path that the route calls `name`, as it stands there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.params.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The parameters behind the question mark. An empty one counts as left out: forms send those too.
    ///
    /// # Errors
    /// `BadInput`, naming the parameter.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, ConsoleError> {
        read_form(self.query.as_bytes())
    }

    /// What was sent, as a form or as JSON.
    ///
    /// # Errors
    /// `BadInput`, naming the field.
    pub(crate) fn input<T: DeserializeOwned>(&self) -> Result<T, ConsoleError> {
        if self.is_json {
            let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
            return serde_json::from_slice(body).map_err(|error| ConsoleError::bad_input(error.to_string()));
        }
        read_form(&self.body)
    }

    /// What an action is about, as far as the request says so by itself: the names in its path, and those of the things it was sent.
    /// Everything else that is sent may be personal, or a secret.
    pub(super) fn subject(&self) -> String {
        let sent: Vec<(String, String)> = if self.is_json {
            let body: Map<String, Value> = serde_json::from_slice(&self.body).unwrap_or_default();
            let texts = |value: Value| match value {
                Value::String(text) => vec![text],
                Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
                _ => Vec::new(),
            };
            body.into_iter()
                .flat_map(|(name, value)| texts(value).into_iter().map(move |text| (name.clone(), text)))
                .collect()
        } else {
            serde_html_form::from_bytes(&self.body).unwrap_or_default()
        };
        let named = sent.into_iter().filter(|(name, _)| NAMING.contains(&name.as_str())).map(|(_, text)| text);
        // Whoever mistakes the field may send the secret itself as the name of one.
        let is_name = |text: &str| text.len() <= 30 && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let of_path = self.params.iter().filter(|(part, text)| part.as_str() != "secret" || is_name(text));
        let of_path = of_path.map(|(_, text)| text.clone());
        let all: Vec<String> = of_path.chain(named).filter(|text| !text.is_empty()).collect();
        let more = if all.len() > NAMED { format!(" … ({})", all.len()) } else { String::new() };
        let named: Vec<String> = all.iter().take(NAMED).map(|text| shortened(text)).collect();
        format!("{}{more}", named.join(" "))
    }

    /// The query as it came, to keep filters in links.
    pub(crate) fn raw_query(&self) -> &str {
        &self.query
    }
}

fn read_form<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ConsoleError> {
    let fields: Vec<(String, String)> =
        serde_html_form::from_bytes(bytes).map_err(|error| ConsoleError::bad_input(error.to_string()))?;
    // An empty value counts as left out, but only of what could be a field: anything else is no form.
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c));
    if !fields.iter().all(|(name, _)| is_name(name)) {
        return Err(ConsoleError::bad_input("This is no form: names of fields are letters, digits and `_`."));
    }
    let kept: Vec<(String, String)> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let text = serde_html_form::to_string(&kept).map_err(|error| ConsoleError::bad_input(error.to_string()))?;
    serde_html_form::from_str(&text).map_err(|error| ConsoleError::bad_input(error.to_string()))
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
