//! Reading `searchCriteria[..]` from a query.

use serde_json::{Map, Value, json};

use super::{
    answers::{Answer, Step, refusal},
    oauth::decode,
    schema::{camel, snake, within, wrong_type},
};

/// A query with brackets in its names, as PHP nests it. Order is kept.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Leaf(String),
    Branch(Vec<(String, Node)>),
}

/// Decoded pairs of a query; a plus is a blank.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
        })
        .collect()
}

/// The last value of a plain query parameter.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    pairs(query).into_iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn tree(query: &str) -> Vec<(String, Node)> {
    let mut root = Vec::new();
    for (name, value) in pairs(query) {
        let (first, rest) = name.split_once('[').unwrap_or((&name, ""));
        let mut steps = vec![first.to_owned()];
        steps.extend(rest.split('[').filter(|step| !step.is_empty()).map(|step| step.trim_end_matches(']').to_owned()));
        put(&mut root, &steps, value);
    }
    root
}

fn put(branch: &mut Vec<(String, Node)>, steps: &[String], value: String) {
    let Some((step, rest)) = steps.split_first() else {
        return;
    };
    let at = branch.iter().position(|(name, _)| name == step).unwrap_or_else(|| {
        branch.push((step.clone(), Node::Leaf(String::new())));
        branch.len() - 1
    });
    if rest.is_empty() {
        branch[at].1 = Node::Leaf(value);
        return;
    }
    if let Node::Leaf(_) = branch[at].1 {
        branch[at].1 = Node::Branch(Vec::new());
    }
    if let Node::Branch(inner) = &mut branch[at].1 {
        put(inner, rest, value);
    }
}

/// One comparison.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Filter {
    pub(super) field: Option<String>,
    pub(super) value: Option<String>,
    pub(super) condition: Option<String>,
}

/// One sort key.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct SortKey {
    pub(super) field: Option<String>,
    /// `None` counts as descending.
    pub(super) ascending: Option<bool>,
}

/// A search: groups hold together, filters of a group are alternatives.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Criteria {
    pub(super) groups: Vec<Vec<Filter>>,
    pub(super) sort: Vec<SortKey>,
    pub(super) page_size: Option<i64>,
    pub(super) current_page: Option<i64>,
}

impl Criteria {
    /// Reads the parameter `name` (`searchCriteria`, or `criteria` for one call of B2B).
    pub(super) fn read(query: &str, name: &str) -> Step<Self> {
        let found = tree(query).into_iter().find(|(known, _)| lower_camel(known) == name);
        match found {
            None => Answer::missing(name).refuse(),
            Some((_, Node::Leaf(_))) => Ok(Self::default()),
            Some((_, Node::Branch(entries))) => Self::from_entries(&entries),
        }
    }

    fn from_entries(entries: &[(String, Node)]) -> Step<Self> {
        let mut criteria = Self::default();
        for (sent, node) in entries {
            match (snake(sent).as_str(), node) {
                ("filter_groups", Node::Branch(groups)) => {
                    for (_, group) in groups {
                        criteria.groups.push(filters(group)?);
                    }
                }
                ("sort_orders", Node::Branch(keys)) => {
                    for (_, key) in keys {
                        criteria.sort.push(sort_key(key)?);
                    }
                }
                ("page_size", Node::Leaf(text)) => criteria.page_size = Some(int(sent, text)?),
                ("current_page", Node::Leaf(text)) => criteria.current_page = Some(int(sent, text)?),
                ("filter_groups" | "sort_orders" | "page_size" | "current_page", _) => {}
                _ => return unsupported(sent),
            }
        }
        Ok(criteria)
    }

    /// The search as the answer repeats it.
    pub(super) fn echo(&self) -> Value {
        let groups: Vec<Value> = self
            .groups
            .iter()
            .map(|filters| {
                let filters: Vec<Value> = filters
                    .iter()
                    .map(|filter| {
                        json!({ "field": filter.field, "value": filter.value,
                            "condition_type": filter.condition.as_deref().unwrap_or("eq") })
                    })
                    .collect();
                json!({ "filters": filters })
            })
            .collect();
        let mut echo = Map::new();
        echo.insert("filter_groups".to_owned(), Value::Array(groups));
        if !self.sort.is_empty() {
            let direction = |ascending: bool| if ascending { "ASC" } else { "DESC" };
            let keys: Vec<Value> = self
                .sort
                .iter()
                .map(|key| json!({ "field": key.field, "direction": key.ascending.map(direction) }))
                .collect();
            echo.insert("sort_orders".to_owned(), Value::Array(keys));
        }
        if let Some(size) = self.page_size {
            echo.insert("page_size".to_owned(), size.into());
        }
        if let Some(page) = self.current_page {
            echo.insert("current_page".to_owned(), page.into());
        }
        Value::Object(echo)
    }

    /// The value that one group alone demands of `field` by `eq`.
    pub(super) fn wanted(&self, field: &str) -> Option<&str> {
        self.groups.iter().find_map(|group| match group.as_slice() {
            [Filter { field: Some(name), value: Some(value), condition }]
                if name == field && condition.as_deref().is_none_or(|condition| condition == "eq") =>
            {
                Some(value.as_str())
            }
            _ => None,
        })
    }
}

fn lower_camel(name: &str) -> String {
    let name = camel(name);
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn int(name: &str, text: &str) -> Step<i64> {
    text.parse().or_else(|_| wrong_type(text, "int").map_err(|refused| within(name, refused)))
}

fn unsupported<T>(name: &str) -> Step<T> {
    refusal(400, "\"%fieldName\" is not supported. Correct the field name and try again.")
        .with(json!({ "fieldName": camel(name) }))
        .refuse()
}

fn filters(group: &Node) -> Step<Vec<Filter>> {
    let mut filters = Vec::new();
    let Node::Branch(entries) = group else {
        return Ok(filters);
    };
    for (sent, list) in entries {
        let Node::Branch(list) = list else { continue };
        if snake(sent) != "filters" {
            return unsupported(sent);
        }
        for (_, node) in list {
            let Node::Branch(parts) = node else { continue };
            let mut filter = Filter::default();
            for (part, value) in parts {
                let Node::Leaf(value) = value else { continue };
                let place = match snake(part).as_str() {
                    "field" => &mut filter.field,
                    "value" => &mut filter.value,
                    "condition_type" => &mut filter.condition,
                    _ => return unsupported(part),
                };
                *place = Some(value.clone());
            }
            filters.push(filter);
        }
    }
    Ok(filters)
}

fn sort_key(node: &Node) -> Step<SortKey> {
    let mut key = SortKey::default();
    let Node::Branch(parts) = node else {
        return Ok(key);
    };
    for (part, value) in parts {
        let Node::Leaf(value) = value else { continue };
        match snake(part).as_str() {
            "field" => key.field = Some(value.clone()),
            "direction" => {
                key.ascending = Some(match value.to_uppercase().as_str() {
                    "ASC" => true,
                    "DESC" => false,
                    _ => {
                        let text =
                            "The sort order has to be specified as %1 for ascending order or %2 for descending order.";
                        return refusal(400, text).with(json!(["ASC", "DESC"])).refuse();
                    }
                });
            }
            _ => return unsupported(part),
        }
    }
    Ok(key)
}
