//! Search over an index that lags behind the store.

use std::{borrow::Cow, cmp::Ordering};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answers::{Answer, Handled, invalid},
    clock,
    objects::read_body,
    properties::ValueProblem,
    store::{Kind, Record, Table},
    world::World,
    writes::Text,
};

const PAGE_CEILING: usize = 200;
const REACH: usize = 10_000;
const BODY_CEILING: usize = 3_000;
const GROUP_CEILING: usize = 5;
const FILTERS_A_GROUP: usize = 6;
const FILTERS_IN_ALL: usize = 18;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Search {
    #[serde(default)]
    filter_groups: Vec<Group>,
    #[serde(default)]
    sorts: Vec<Value>,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    after: Option<Text>,
}

#[derive(Debug, Deserialize)]
struct Group {
    filters: Vec<Filter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    property_name: String,
    operator: String,
    #[serde(default)]
    value: Option<Text>,
    #[serde(default)]
    high_value: Option<Text>,
    #[serde(default)]
    values: Vec<Text>,
}

impl World {
    pub(super) fn search(&mut self, kind: Kind, body: &[u8]) -> Handled {
        if body.len() > BODY_CEILING {
            return invalid("The request body is too long: at most 3000 characters").refuse();
        }
        let search: Search = read_body(body)?;
        let table = self.table_mut(kind);
        table.settle_search();
        let table = self.table(kind);
        check_limits(table, &search)?;
        let limit = search.limit.unwrap_or(10);
        let after = match search.after.as_ref().map(|after| after.0.parse::<usize>()) {
            None => 0,
            Some(Ok(after)) => after,
            Some(Err(_)) => return invalid("invalid paging cursor").refuse(),
        };
        if after + limit > REACH {
            return invalid("The search may not reach past the first 10000 results.").refuse();
        }
        let mut found: Vec<&Record> = table
            .starting_at(0)
            .filter(|record| record.archived_at.is_none() && matches(table, record, &search))
            .collect();
        if let Some((name, descending)) = search.sorts.first().and_then(sort_of) {
            found.sort_by(|a, b| {
                let value = |record| table.searched(record, &name).flatten();
                let order = compare(kind_of(table, &name), value(a), value(b));
                let order = if descending { order.reverse() } else { order };
                order.then(a.id.cmp(&b.id))
            });
        }
        let total = found.len();
        let mut names: Vec<&str> = search.properties.iter().map(String::as_str).collect();
        if names.is_empty() {
            names.extend(kind.default_properties());
        }
        let results: Vec<Value> = found
            .iter()
            .skip(after)
            .take(limit)
            .map(|record| table.to_json(record, names.iter().copied()).into())
            .collect();
        let mut body = json!({"total": total, "results": results});
        if after + limit < total {
            body["paging"] = json!({"next": {"after": (after + limit).to_string()}});
        }
        Ok(Answer::json(200, body))
    }
}

fn check_limits(table: &Table, search: &Search) -> Result<(), Box<Answer>> {
    let filters = || search.filter_groups.iter().map(|group| group.filters.len());
    if search.filter_groups.len() > GROUP_CEILING
        || filters().any(|count| count > FILTERS_A_GROUP)
        || filters().sum::<usize>() > FILTERS_IN_ALL
    {
        return invalid("Too many filters: at most 5 groups, 6 filters each, 18 in all.").refuse();
    }
    if search.sorts.len() > 1 {
        return invalid("Only one sort is supported.").refuse();
    }
    if search.limit.is_some_and(|limit| limit > PAGE_CEILING || limit == 0) {
        return invalid("The limit must be between 1 and 200.").refuse();
    }
    for filter in search.filter_groups.iter().flat_map(|group| &group.filters) {
        if table.definitions.get(&filter.property_name).is_none() {
            let problem = ValueProblem::undefined(&filter.property_name);
            return invalid(&problem.message).refuse();
        }
        let complete = match filter.operator.as_str() {
            "HAS_PROPERTY" | "NOT_HAS_PROPERTY" => true,
            "IN" | "NOT_IN" => !filter.values.is_empty(),
            "BETWEEN" => filter.value.is_some() && filter.high_value.is_some(),
            "EQ" | "NEQ" | "LT" | "LTE" | "GT" | "GTE" | "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN" => {
                filter.value.is_some()
            }
            _ => false,
        };
        if !complete {
            return invalid(&format!("Invalid filter with operator {}", filter.operator)).refuse();
        }
    }
    Ok(())
}

fn sort_of(sort: &Value) -> Option<(String, bool)> {
    match sort {
        Value::String(name) => Some((name.trim_start_matches('-').to_owned(), name.starts_with('-'))),
        _ => Some((sort["propertyName"].as_str()?.to_owned(), sort["direction"] == "DESCENDING")),
    }
}

fn kind_of<'a>(table: &'a Table, name: &str) -> &'a str {
    table.definitions.get(name).map_or("string", |property| property.shape.r#type.as_str())
}

fn matches(table: &Table, record: &Record, search: &Search) -> bool {
    // Not in the index yet: search does not know the record.
    if table.searched(record, "hs_object_id").is_none() {
        return false;
    }
    let groups = &search.filter_groups;
    let in_groups = groups.is_empty()
        || groups.iter().any(|group| group.filters.iter().all(|filter| passes(table, record, filter)));
    in_groups
        && search.query.as_deref().is_none_or(|query| {
            let query = query.to_lowercase();
            table
                .kind
                .default_properties()
                .iter()
                .chain(&["phone"])
                .filter_map(|name| table.searched(record, name).flatten())
                .any(|value| value.to_lowercase().contains(&query))
        })
}

fn passes(table: &Table, record: &Record, filter: &Filter) -> bool {
    let value = table.searched(record, &filter.property_name).flatten();
    let kind = kind_of(table, &filter.property_name);
    let wanted = filter.value.as_ref().map_or("", |value| value.0.as_str());
    let order = |wanted: &str| value.as_deref().map(|value| compare(kind, Some(value.into()), Some(wanted.into())));
    match filter.operator.as_str() {
        "HAS_PROPERTY" => value.is_some(),
        "NOT_HAS_PROPERTY" => value.is_none(),
        "EQ" => order(wanted) == Some(Ordering::Equal),
        "NEQ" => order(wanted) != Some(Ordering::Equal),
        "LT" => order(wanted) == Some(Ordering::Less),
        "LTE" => order(wanted).is_some_and(Ordering::is_le),
        "GT" => order(wanted) == Some(Ordering::Greater),
        "GTE" => order(wanted).is_some_and(Ordering::is_ge),
        "BETWEEN" => {
            let high = filter.high_value.as_ref().map_or("", |value| value.0.as_str());
            order(wanted).is_some_and(Ordering::is_ge) && order(high).is_some_and(Ordering::is_le)
        }
        "IN" | "NOT_IN" => {
            // Text must be asked for in lower case; enumerations as they are written.
            let listed = value.as_deref().is_some_and(|value| {
                let value = if kind == "string" { Cow::Owned(value.to_lowercase()) } else { Cow::Borrowed(value) };
                filter.values.iter().any(|wanted| wanted.0 == value)
            });
            listed == (filter.operator == "IN")
        }
        "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN" => {
            let wanted = wanted.trim_matches('*').to_lowercase();
            let contains = value.as_deref().is_some_and(|value| value.to_lowercase().contains(&wanted));
            contains == (filter.operator == "CONTAINS_TOKEN")
        }
        _ => false,
    }
}

/// Order of two values of a type; unset comes first.
fn compare(kind: &str, a: Option<Cow<'_, str>>, b: Option<Cow<'_, str>>) -> Ordering {
    let (Some(a), Some(b)) = (&a, &b) else {
        return a.is_some().cmp(&b.is_some());
    };
    match kind {
        "number" => match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b),
            _ => a.cmp(b),
        },
        "date" | "datetime" => clock::instant(a).cmp(&clock::instant(b)),
        "enumeration" | "bool" => a.cmp(b),
        _ => a.to_lowercase().cmp(&b.to_lowercase()),
    }
}
