//! System query options: `$filter $orderby $top $skip $count $select $expand`.

use super::{
    errors::Refusal,
    filter::{self, Expr},
    schema::{self, Column, Table},
    store::Store,
};

/// What a read asks for, checked against the schema.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) filter: Option<Expr>,
    /// Columns in order, `true` for descending.
    pub(crate) order: Vec<(u16, bool)>,
    pub(crate) top: Option<usize>,
    pub(crate) skip: usize,
    pub(crate) count: bool,
    /// `None` is every column.
    pub(crate) select: Option<Vec<u16>>,
    /// Child tables by number, each with its own options.
    pub(crate) expand: Vec<(usize, Options)>,
}

/// Decodes `%41` and `+`; bytes that are no UTF-8 are replaced.
pub(crate) fn percent_decode(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (_, Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', None) if plus_is_space => out.push(b' '),
            (byte, None) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Splits a query string into decoded pairs.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(name, true), percent_decode(value, true))
        })
        .collect()
}

/// Splits at `separator` where it stands outside quotes and parentheses.
fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_usize, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            letter if letter == separator && !quoted && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

impl Options {
    /// Reads decoded options for `table`; anything that does not begin with `$` is ignored.
    pub(crate) fn read(store: &Store, table: &'static Table, pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let visible = |column: &Column| store.is_visible(table, column);
        let mut options = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "$filter" => {
                    options.filter = Some(filter::parse(value, table, &visible, store.dates().zone)?);
                }
                "$orderby" => options.order = order(table, &visible, value)?,
                "$top" => options.top = Some(number(name, value)?),
                "$skip" => options.skip = number(name, value)?,
                "$count" => {
                    options.count = match value.as_str() {
                        "true" => true,
                        "false" => false,
                        _ => {
                            return Err(Refusal::odata(format!(
                                "Invalid value '{value}' for $count query option found. Valid values are 'true', 'false'."
                            )));
                        }
                    };
                }
                "$select" => options.select = select(table, &visible, value)?,
                "$expand" => options.expand = expand(store, table, value)?,
                "$format" => {}
                other if other.starts_with('$') => {
                    return Err(Refusal::odata(format!("The query parameter '{other}' is not supported.")));
                }
                _ => {}
            }
        }
        Ok(options)
    }
}

fn number(name: &str, value: &str) -> Result<usize, Refusal> {
    value.parse().map_err(|_| {
        Refusal::odata(format!(
            "Invalid value '{value}' for {name} query option found. The {name} query option requires a non-negative integer value."
        ))
    })
}

fn order(table: &Table, visible: &dyn Fn(&Column) -> bool, value: &str) -> Result<Vec<(u16, bool)>, Refusal> {
    let mut order = Vec::new();
    for part in value.split(',') {
        let mut words = part.split_whitespace();
        let (name, direction, rest) = (words.next(), words.next(), words.next());
        let descending = match (direction, rest) {
            (None | Some("asc"), None) => false,
            (Some("desc"), None) => true,
            _ => return Err(Refusal::odata(format!("Syntax error at position 0 in '{value}'."))),
        };
        let name = name.ok_or_else(|| Refusal::odata(format!("Expression expected at position 0 in '{value}'.")))?;
        order.push((filter::property(table, visible, name)?, descending));
    }
    Ok(order)
}

fn select(table: &Table, visible: &dyn Fn(&Column) -> bool, value: &str) -> Result<Option<Vec<u16>>, Refusal> {
    let mut columns = Vec::new();
    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if name == "*" {
            return Ok(None);
        }
        if table.children.contains(&name) {
            continue;
        }
        let column = filter::property(table, visible, name)?;
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    Ok((!columns.is_empty()).then_some(columns))
}

fn expand(store: &Store, table: &Table, value: &str) -> Result<Vec<(usize, Options)>, Refusal> {
    let mut children = Vec::new();
    for part in split_outside(value, ',').into_iter().map(str::trim) {
        let (name, inner) = match part.split_once('(') {
            Some((name, inner)) => (
                name.trim(),
                inner
                    .strip_suffix(')')
                    .ok_or_else(|| Refusal::odata(format!("Syntax error at position {} in '{value}'.", value.len())))?,
            ),
            None => (part, ""),
        };
        let child = table.children.contains(&name).then(|| schema::find(name)).flatten().ok_or_else(|| {
            Refusal::odata(format!("Could not find a property named '{name}' on type 'Erp.{}'.", table.type_name()))
        })?;
        let pairs: Vec<_> = split_outside(inner, ';')
            .into_iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
            .collect();
        children.push((child, Options::read(store, &schema::tables()[child], &pairs)?));
    }
    Ok(children)
}
