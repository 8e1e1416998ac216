//! Lists: comparing as the database does, sorting, paging, and the `fields` parameter.

use std::cmp::Ordering;

use rand::seq::SliceRandom;
use serde_json::{Map, Value, json};

use super::{
    answers::{Answer, Step, refusal},
    behaviour::{Behaviour, PastTheEnd},
    columns::{Comparison, comparison, fold, read_time, same_text},
    criteria::{Criteria, Filter},
    schema::Row,
};

/// The rows of one page, by key, and how many there are in all.
pub(super) struct Page<K> {
    pub(super) keys: Vec<K>,
    pub(super) total: usize,
    /// The search with what the shop filled in.
    pub(super) criteria: Criteria,
}

impl<K> Page<K> {
    /// The answer of a list call.
    pub(super) fn answer(&self, items: Vec<Value>) -> Answer {
        Answer::ok(json!({ "items": items, "search_criteria": self.criteria.echo(), "total_count": self.total }))
    }
}

/// Picks the rows of `table` that the criteria name.
pub(super) fn select<'a, K: Clone>(
    table: &str,
    mut criteria: Criteria,
    rows: impl Iterator<Item = (K, &'a Row)>,
    behaviour: &Behaviour,
) -> Step<Page<K>> {
    if let Some(limits) = &behaviour.input_limits {
        match criteria.page_size {
            None => criteria.page_size = Some(limits.default_page_size),
            Some(size) if size > limits.max_page_size => {
                return refusal(400, "Maximum SearchCriteria pageSize is %max")
                    .with(json!({ "max": limits.max_page_size }))
                    .refuse();
            }
            Some(_) => {}
        }
    }
    let mut groups = Vec::new();
    for group in &criteria.groups {
        groups.push(group.iter().map(|filter| Test::new(table, filter)).collect::<Step<Vec<Test>>>()?);
    }
    let mut sort = Vec::new();
    for key in &criteria.sort {
        let field = key.field.as_deref().unwrap_or_default();
        let Some(kind) = comparison(table, field) else {
            return Answer::masked().refuse();
        };
        sort.push((field, kind, key.ascending.unwrap_or(false)));
    }
    let mut found: Vec<(K, &Row)> = rows
        .filter(|(_, row)| groups.iter().all(|group| group.is_empty() || group.iter().any(|test| test.holds(row))))
        .collect();
    if sort.is_empty() && behaviour.random_order {
        found.shuffle(&mut rand::rng());
    }
    found.sort_by(|left, right| {
        sort.iter().fold(Ordering::Equal, |order, (field, kind, ascending)| {
            order.then_with(|| {
                let order = compare(*kind, left.1.get(*field), right.1.get(*field));
                if *ascending { order } else { order.reverse() }
            })
        })
    });
    let total = found.len();
    let size = match criteria.page_size {
        None | Some(0) => total.max(1),
        Some(size) => usize::try_from(size).unwrap_or(1),
    };
    let last = total.div_ceil(size).max(1);
    let asked = criteria.current_page.and_then(|page| usize::try_from(page).ok()).unwrap_or(1).max(1);
    let page = match (criteria.page_size, behaviour.past_the_end) {
        (None | Some(0), _) => 1,
        (_, PastTheEnd::LastPage) => asked.min(last),
        (_, PastTheEnd::Empty) => asked,
    };
    let keys = found.into_iter().skip((page - 1).saturating_mul(size)).take(size).map(|(key, _)| key).collect();
    Ok(Page { keys, total, criteria })
}

/// One filter, made ready.
struct Test {
    field: String,
    condition: Condition,
}

enum Condition {
    /// Holds when the column has a value and its order to the wanted value is among these.
    Order(Comparison, Value, &'static [Ordering]),
    In(Comparison, Vec<Value>, bool),
    Like(Vec<char>, bool),
    Null(bool),
    InSet(String, bool),
    /// A comparison with null holds for nothing.
    Never,
}

impl Test {
    fn new(table: &str, filter: &Filter) -> Step<Self> {
        use Ordering::{Equal, Greater, Less};
        let field = filter.field.clone().unwrap_or_default();
        let Some(kind) = comparison(table, &field) else {
            return Answer::masked().refuse();
        };
        let condition = filter.condition.as_deref().unwrap_or("eq");
        let Some(text) = filter.value.as_deref() else {
            let condition = match condition {
                "null" => Condition::Null(true),
                "notnull" => Condition::Null(false),
                _ => Condition::Never,
            };
            return Ok(Self { field, condition });
        };
        let order = |allowed| Condition::Order(kind, wanted(kind, text), allowed);
        let list = || text.split(',').map(|part| wanted(kind, part)).collect();
        let condition = match condition {
            "neq" => order(&[Less, Greater]),
            "gt" => order(&[Greater]),
            "gteq" | "moreq" | "from" => order(&[Greater, Equal]),
            "lt" => order(&[Less]),
            "lteq" | "to" => order(&[Less, Equal]),
            "in" => Condition::In(kind, list(), true),
            "nin" => Condition::In(kind, list(), false),
            "like" => Condition::Like(fold(text).chars().collect(), true),
            "nlike" => Condition::Like(fold(text).chars().collect(), false),
            "null" => Condition::Null(true),
            "notnull" => Condition::Null(false),
            "finset" => Condition::InSet(fold(text), true),
            "nfinset" => Condition::InSet(fold(text), false),
            // Whatever the shop does not know counts as `eq`.
            _ => order(&[Equal]),
        };
        Ok(Self { field, condition })
    }

    fn holds(&self, row: &Row) -> bool {
        let value = row.get(&self.field).filter(|value| !value.is_null());
        match (&self.condition, value) {
            (Condition::Never, _) => false,
            (Condition::Null(wanted), value) => value.is_none() == *wanted,
            (_, None) => false,
            (Condition::Order(kind, wanted, allowed), Some(value)) => {
                if let (Comparison::Text, [Ordering::Equal], Value::String(left), Value::String(right)) =
                    (kind, *allowed, value, wanted)
                {
                    return same_text(left, right);
                }
                allowed.contains(&compare(*kind, Some(value), Some(wanted)))
            }
            (Condition::In(kind, list, inside), Some(value)) => {
                list.iter().any(|wanted| compare(*kind, Some(value), Some(wanted)).is_eq()) == *inside
            }
            (Condition::Like(pattern, wanted), Some(value)) => {
                like(&fold(&text_of(value)).chars().collect::<Vec<_>>(), pattern) == *wanted
            }
            (Condition::InSet(wanted, inside), Some(value)) => {
                fold(&text_of(value)).split(',').any(|part| part == wanted) == *inside
            }
        }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The value a filter's text stands for in a column of this kind.
fn wanted(kind: Comparison, text: &str) -> Value {
    match kind {
        Comparison::Text => Value::from(text),
        // Garbage compares as the zero date: everything is later.
        Comparison::Time => Value::from(read_time(text).unwrap_or_default()),
        Comparison::Number => {
            let head: String = text
                .trim_start()
                .char_indices()
                .take_while(|(at, letter)| letter.is_ascii_digit() || *letter == '.' || (*at == 0 && *letter == '-'))
                .map(|(_, letter)| letter)
                .collect();
            json!(head.parse::<f64>().unwrap_or(0.0))
        }
    }
}

fn compare(kind: Comparison, left: Option<&Value>, right: Option<&Value>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => match kind {
            Comparison::Number => number_of(left).total_cmp(&number_of(right)),
            Comparison::Time => text_of(left).cmp(&text_of(right)),
            Comparison::Text => fold(&text_of(left)).cmp(&fold(&text_of(right))),
        },
        (left, right) => left.is_some().cmp(&right.is_some()),
    }
}

fn number_of(value: &Value) -> f64 {
    match value {
        Value::Bool(true) => 1.0,
        Value::Bool(false) => 0.0,
        other => other.as_f64().unwrap_or_default(),
    }
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|at| like(&text[at..], rest)),
        Some(('_', rest)) => text.split_first().is_some_and(|(_, tail)| like(tail, rest)),
        Some((letter, rest)) => text.split_first().is_some_and(|(first, tail)| first == letter && like(tail, rest)),
    }
}

/// Cuts an answer down to what the `fields` parameter names.
pub(super) fn project(value: Value, fields: &str) -> Value {
    let letters: Vec<char> = fields.chars().collect();
    let (wanted, _) = parse_fields(&letters, 0);
    match value {
        Value::Array(rows) => Value::Array(rows.into_iter().map(|row| pick(row, &wanted)).collect()),
        other => pick(other, &wanted),
    }
}

#[derive(Debug)]
struct Wanted(Vec<(String, Option<Wanted>)>);

fn parse_fields(letters: &[char], mut at: usize) -> (Wanted, usize) {
    let mut wanted = Vec::new();
    let mut name = String::new();
    while at < letters.len() {
        match letters[at] {
            '[' => {
                let (inner, end) = parse_fields(letters, at + 1);
                wanted.push((std::mem::take(&mut name), Some(inner)));
                at = end;
            }
            ']' => {
                at += 1;
                break;
            }
            ',' => {
                if !name.is_empty() {
                    wanted.push((std::mem::take(&mut name), None));
                }
                at += 1;
            }
            letter => {
                name.push(letter);
                at += 1;
            }
        }
    }
    if !name.is_empty() {
        wanted.push((name, None));
    }
    (Wanted(wanted), at)
}

fn pick(value: Value, wanted: &Wanted) -> Value {
    let Value::Object(mut row) = value else {
        return value;
    };
    let mut kept = Map::new();
    for (name, inner) in &wanted.0 {
        let Some(value) = row.remove(name) else {
            continue;
        };
        let value = match (value, inner) {
            (value, None) => value,
            // An empty list comes out as null.
            (Value::Array(rows), Some(_)) if rows.is_empty() => Value::Null,
            (Value::Array(rows), Some(inner)) => Value::Array(rows.into_iter().map(|row| pick(row, inner)).collect()),
            (value, Some(inner)) => pick(value, inner),
        };
        kept.insert(name.clone(), value);
    }
    // PHP cannot tell an empty object from an empty list.
    if kept.is_empty() { json!([]) } else { Value::Object(kept) }
}
