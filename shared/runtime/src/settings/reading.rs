//! From a tree to settings, collecting everything that is wrong on the way.
//!
//! A struct is read key by key: each key is tried alone on top of a minimal example of its struct, so that one wrong key
//! neither hides the next nor keeps the rest from being checked.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{
    AdobeConnection, CHANGE_ENTITIES, ChangeFieldSetting, Connection, EpicorConnection, FlowSettings,
    HubspotConnection, Settings, SettingsError, SettingsErrors,
    document::{Document, Path},
    field_names::field_names,
    nearest::nearest,
    needed::{adobe_example, epicor_example, flow_example},
    wording::{in_words, kind_of, problem_of},
};

const SECTIONS: [&str; 12] = [
    "redis",
    "queue",
    "worker",
    "producer",
    "console",
    "audit",
    "alerts",
    "vault",
    "log",
    "retry",
    "connections",
    "flows",
];
const SYSTEMS: [&str; 3] = ["epicor", "hubspot", "adobe"];
/// Keys that somebody who wants to write a secret would use.
const SECRETS: [&str; 15] = [
    "password",
    "passwd",
    "secret",
    "token",
    "access_token",
    "refresh_token",
    "api_key",
    "apikey",
    "client_secret",
    "client_id",
    "consumer_key",
    "consumer_secret",
    "token_secret",
    "webhook_secret",
    "webhook_secret_next",
];

/// Reads a document.
pub(super) struct Reading<'a> {
    pub(super) document: &'a Document,
    pub(super) errors: Vec<SettingsError>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        Self { document, errors: Vec::new() }
    }

    /// Settings with what could be read. What could not is an error and stands there as its default.
    pub(super) fn settings(&mut self) -> Settings {
        let document = self.document;
        for section in document.root.keys().filter(|key| !SECTIONS.contains(&key.as_str())) {
            let path = std::slice::from_ref(section);
            if SECRETS.contains(&section.as_str()) {
                self.secret(path, section);
            } else {
                self.unknown(path, section, &SECTIONS);
            }
        }
        Settings {
            redis: self.section("redis"),
            queue: self.section("queue"),
            worker: self.section("worker"),
            producer: self.section("producer"),
            console: self.section("console"),
            audit: self.section("audit"),
            alerts: self.alerts(),
            vault: self.section("vault"),
            log: self.section("log"),
            retry: self.section("retry"),
            connections: self.named(&["connections"], document.root.get("connections"), Self::connection),
            flows: self.named(&["flows"], document.root.get("flows"), |reading, path, table| {
                let mut table = table.clone();
                reading.flow_options(path, &mut table);
                reading.fields::<FlowSettings>(path, &table, &flow_example())
            }),
        }
    }

    /// The settings, or everything that is wrong in the order of the file.
    pub(super) fn finish(mut self, settings: Settings) -> Result<Settings, SettingsErrors> {
        self.errors.sort_by(|a, b| (a.line.is_none(), a.line, &a.key).cmp(&(b.line.is_none(), b.line, &b.key)));
        self.errors.dedup();
        if self.errors.is_empty() { Ok(settings) } else { Err(SettingsErrors(self.errors)) }
    }

    /// Notes an error about the key at `path`.
    pub(super) fn wrong(&mut self, path: &[&str], problem: impl Into<String>, fix: impl Into<String>) {
        let path: Path = path.iter().map(|part| (*part).to_owned()).collect();
        self.errors.push(self.document.error(&path, problem, fix));
    }

    /// Whether the file or the environment sets something at `path`.
    pub(super) fn is_set(&self, path: &[&str]) -> bool {
        let mut table = Some(&self.document.root);
        path.iter().all(|part| {
            let value = table.and_then(|table| table.get(*part));
            table = value.and_then(Value::as_table);
            value.is_some()
        })
    }

    /// Whether the environment holds the vault's keys.
    pub(super) fn has_vault_keys(&self) -> bool {
        self.document.vault_keys
    }

    /// Whether the environment sets the key at `path`.
    pub(super) fn is_from_environment(&self, path: &[&str]) -> bool {
        let path: Path = path.iter().map(|part| (*part).to_owned()).collect();
        self.document.override_text(&path).is_some()
    }

    fn section<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        let document = self.document;
        let path = [name.to_owned()];
        match document.root.get(name) {
            Some(Value::Table(table)) => self.fields(&path, table, &Table::new()).unwrap_or_default(),
            Some(other) => {
                self.not_a_table(&path, other);
                T::default()
            }
            None => T::default(),
        }
    }

    /// Reads tables by name.
    pub(super) fn named<K, T>(
        &mut self,
        section: &[&str],
        entries: Option<&Value>,
        read: impl Fn(&mut Self, &[String], &Table) -> Option<T>,
    ) -> BTreeMap<K, T>
    where
        K: std::str::FromStr<Err = mlc_model::InvalidId> + Ord,
    {
        let document = self.document;
        let mut found = BTreeMap::new();
        let section: Path = section.iter().map(|part| (*part).to_owned()).collect();
        let entries = match entries {
            Some(Value::Table(entries)) => entries,
            Some(other) => {
                self.not_a_table(&section, other);
                return found;
            }
            None => return found,
        };
        for (name, value) in entries {
            let path = [section.as_slice(), std::slice::from_ref(name)].concat();
            let id = name.parse::<K>();
            if let Err(error) = &id {
                self.errors.push(document.error(&path, error.to_string(), "choose another name"));
            }
            match value {
                Value::Table(table) => {
                    let entry = read(self, &path, table);
                    if let (Ok(id), Some(entry)) = (id, entry) {
                        found.insert(id, entry);
                    }
                }
                other => self.not_a_table(&path, other),
            }
        }
        found
    }

    fn connection(&mut self, path: &[String], table: &Table) -> Option<Connection> {
        let mut rest = table.clone();
        let mut system_path = path.to_vec();
        system_path.push("system".to_owned());
        let fix = "set system = \"epicor\", \"hubspot\" or \"adobe\"";
        match rest.remove("system") {
            Some(Value::String(system)) if system == "epicor" => {
                self.change_fields(path, &mut rest);
                self.fields::<EpicorConnection>(path, &rest, &epicor_example()).map(Connection::Epicor)
            }
            Some(Value::String(system)) if system == "hubspot" => {
                self.fields::<HubspotConnection>(path, &rest, &Table::new()).map(Connection::Hubspot)
            }
            Some(Value::String(system)) if system == "adobe" => {
                self.adobe_sections(path, &mut rest);
                self.fields::<AdobeConnection>(path, &rest, &adobe_example()).map(Connection::Adobe)
            }
            Some(other) => {
                let typed = other.as_str().unwrap_or_default();
                let meant = nearest(typed, SYSTEMS).map(|s| format!("; did you mean `{s}`?")).unwrap_or_default();
                self.errors.push(self.document.error(&system_path, format!("unknown system {other}{meant}"), fix));
                None
            }
            None => {
                self.errors.push(self.document.error(&system_path, "is missing", fix));
                None
            }
        }
    }

    /// Reads the change fields entity by entity, and takes out of `connection` those that are wrong: one table would show
    /// its first mistake only.
    fn change_fields(&mut self, path: &[String], connection: &mut Table) {
        let Some(Value::Table(entities)) = connection.get_mut("change_fields") else { return };
        for (entity, value) in std::mem::take(entities) {
            let mut entity_path = path.to_vec();
            entity_path.extend(["change_fields".to_owned(), entity.clone()]);
            let known = CHANGE_ENTITIES.contains(&entity.as_str());
            if !known {
                let fix = match nearest(&entity, CHANGE_ENTITIES) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("known: {}", CHANGE_ENTITIES.join(", ")),
                };
                self.errors.push(self.document.error(&entity_path, "unknown entity", fix));
            }
            let before = self.errors.len();
            let setting = match &value {
                Value::Table(table) => self.fields::<ChangeFieldSetting>(&entity_path, table, &Table::new()),
                other => {
                    self.not_a_table(&entity_path, other);
                    None
                }
            };
            if let Some(Ok(setting)) = setting.map(Value::try_from)
                && known
                && self.errors.len() == before
            {
                entities.insert(entity, setting);
            }
        }
    }

    /// Reads a struct. `example` holds exactly the keys that are needed, with values that are right.
    pub(super) fn fields<T: DeserializeOwned>(&mut self, path: &[String], table: &Table, example: &Table) -> Option<T> {
        let good = self.good_keys::<T>(path, table, example);
        match T::deserialize(Value::Table(good)) {
            Ok(value) => Some(value),
            Err(error) => {
                self.errors.push(self.document.error(path, in_words(error.message()), "see deploy/example.toml"));
                None
            }
        }
    }

    /// What of `table` is right for a struct, with the example's values where a needed key is wrong or missing. All else is noted.
    pub(super) fn good_keys<T: DeserializeOwned>(&mut self, path: &[String], table: &Table, example: &Table) -> Table {
        let known = field_names::<T>();
        let mut good = example.clone();
        for (key, value) in table {
            let mut key_path = path.to_vec();
            key_path.push(key.clone());
            if let Some(secret) = secret_in(key, value) {
                self.secret(&key_path, secret);
            } else if !known.contains(&key.as_str()) {
                self.unknown(&key_path, key, known);
            } else {
                match self.fitting::<T>(&key_path, key, value, example) {
                    Ok(value) => drop(good.insert(key.clone(), value)),
                    Err(problem) => self.errors.push(self.document.error(&key_path, problem, fix_for(key))),
                }
            }
        }
        for key in example.keys().filter(|key| !table.contains_key(*key)) {
            let mut key_path = path.to_vec();
            key_path.push(key.clone());
            self.errors.push(self.document.error(&key_path, "is missing", fix_for(key)));
        }
        good
    }

    fn fitting<T: DeserializeOwned>(
        &self,
        path: &[String],
        key: &str,
        value: &Value,
        example: &Table,
    ) -> Result<Value, String> {
        let attempt = |value: &Value| {
            let mut alone = example.clone();
            alone.insert(key.to_owned(), value.clone());
            T::deserialize(Value::Table(alone))
                .map(|_| value.clone())
                .map_err(|error| problem_of(value, error.message()))
        };
        attempt(value).or_else(|problem| {
            let text = self.document.override_text(path).ok_or_else(|| problem.clone())?;
            attempt(&Value::String(text.to_owned())).map_err(|_| problem)
        })
    }

    fn unknown(&mut self, path: &[String], key: &str, known: &[&str]) {
        let fix = match nearest(key, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        self.errors.push(self.document.error(path, "unknown key", fix));
    }

    pub(super) fn secret(&mut self, path: &[String], secret: &str) {
        let (command, name) = match path {
            [section, name, ..] if section == "connections" => ("connection", name.as_str()),
            [section, channels, name, ..] if section == "alerts" && channels == "channels" => ("alerts", name.as_str()),
            _ => ("connection", "<connection>"),
        };
        let fix = format!("remove the line and run `mlc {command} set-secret {name} {secret}`");
        let problem = format!("secrets do not belong in the settings file: use mlc {command} set-secret");
        self.errors.push(self.document.error(path, problem, fix));
    }

    /// Errors noted so far.
    pub(super) fn noted(&self) -> usize {
        self.errors.len()
    }

    pub(super) fn not_a_table(&mut self, path: &[String], found: &Value) {
        let bare = |part: &String| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let name: Vec<String> =
            path.iter().map(|part| if bare(part) { part.clone() } else { format!("\"{part}\"") }).collect();
        let name = name.join(".");
        let problem = format!("is {}, not a section", kind_of(found.type_str()));
        self.errors.push(self.document.error(path, problem, format!("write it as [{name}] with keys below")));
    }
}

/// Name of the secret that a key, or a table under it, is meant to hold. `fields` holds names of properties, not of secrets.
fn secret_in<'v>(key: &'v str, value: &'v Value) -> Option<&'v str> {
    if SECRETS.contains(&key) {
        return Some(key);
    }
    match value {
        Value::Table(table) if key != "fields" => table.iter().find_map(|(key, value)| secret_in(key, value)),
        _ => None,
    }
}

fn fix_for(key: &str) -> &'static str {
    match key {
        "company" => {
            "set the company id as Epicor shows it, such as company = \"EPIC06\"; every REST v2 address needs it"
        }
        "base_url" => "set the whole address, such as base_url = \"https://erp.example.com/EpicorERP\"",
        "lease" | "shutdown_deadline" | "ready_within" | "base" | "cap" | "timeout" | "lag" | "overlap" | "every"
        | "jitter" | "full_every" | "order_wait" | "invoice_wait" | "remember" | "repeat" | "group_wait"
        | "lag_limit" => "write a number and a unit in quotes, such as \"30s\", \"5m\" or \"1h30m\"",
        "from" | "to" => "set the name of a connection of this file",
        "auth" => {
            "set \"basic\", \"token_resource\" or { oauth2 = { token_url = \"https://…\" } } for Epicor, \"static_token\" or \"oauth2\" for HubSpot"
        }
        _ => "see the key in deploy/example.toml",
    }
}
