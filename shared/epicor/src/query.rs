//! Questions to an entity set, and how they are written into an address.

use std::fmt::Write as _;

use mlc_model::{ChangeMode, Fault, FaultKind, System, Window};
use serde::{Deserialize, Serialize};

use crate::{
    Entity, PartWindow, RowKey,
    dates::ServerZone,
    filter::{after_key, both, key_is, window_filter},
};

/// Longest query string that is sent, in encoded characters. IIS refuses more than 2,048 by default, before Epicor sees
/// the request.
///
/// Source: Epicor reference, section 1, rules.
pub const QUERY_LIMIT: usize = 1_900;

/// Most keys asked for in one list, besides what [`QUERY_LIMIT`] allows: OData servers also bound the number of nodes of
/// an expression, 100 in ASP.NET's default, and a contact's key takes about a dozen.
pub const KEYS_PER_QUERY: usize = 8;

/// Rows looked at to find the highest revision.
const NEWEST_ROWS: u32 = 5;

/// Most contacts of a list of firms, or lines of a list of orders, that are read. Source: Epicor reference, section 3.1: code uses up to 1,000 rows without complaint.
const CHILDREN_OF_PARENTS: u32 = 1_000;

/// The column every version is read from.
pub const REVISION_COLUMN: &str = "SysRevID";

/// The whole seconds since midnight that belong to `ChangeDate`.
pub const CHANGE_TIME_COLUMN: &str = "ChangeTime";

/// One question to one entity set. `None` and empty = the option is not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageQuery {
    /// `$filter`.
    pub filter: Option<String>,
    /// `$orderby`.
    pub order: Vec<String>,
    /// `$skip`; 0 = not sent.
    pub skip: u32,
    /// `$top`; 0 = not sent. Pages always send it: the server's default of 100 can be changed by an administrator.
    pub top: u32,
    /// `$select`.
    pub select: Vec<String>,
    /// `$expand`.
    pub expand: Vec<String>,
    /// `$count=true`.
    pub count: bool,
    /// Of parts of orders: what `filter` says, for servers that cannot filter them. Not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<PartWindow>,
}

/// Which part of a window to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageAsk {
    /// The page that starts after this many rows. The first one (0) also asks for the number of rows in the window.
    Skip {
        /// Rows to skip.
        skip: u32,
    },
    /// The page that starts after this key; `None` = from the beginning. Immune to rows that leave the window.
    After {
        /// Key of the last row seen.
        key: Option<RowKey>,
    },
    /// The rows with the highest `SysRevID` of the whole set; the window is not looked at.
    Newest,
    /// The number of rows in the window, with one row at most.
    Count,
    /// These rows, whether or not they are in the window; of customer contacts, a firm's number stands for all of its contacts, and of lines
    /// and releases, an order's number for all of them. See [`split_keys`].
    Records(Vec<RowKey>),
}

/// What stays the same for all pages of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryShape {
    /// Rows per page, `$top`.
    pub page_rows: u32,
    /// Columns asked for by extra mappings in the settings.
    pub extra_columns: Vec<String>,
    /// Zone of the server.
    pub zone: ServerZone,
}

impl Default for QueryShape {
    /// 100 rows, no extra columns, a server on UTC.
    fn default() -> Self {
        Self { page_rows: 100, extra_columns: Vec::new(), zone: ServerZone::default() }
    }
}

/// The question for one part of a window; without a window, for one part of the whole set. Equal arguments give an
/// equal question.
pub fn page_query(entity: Entity, window: Option<&Window>, ask: &PageAsk, shape: &QueryShape) -> PageQuery {
    let in_window = || window.and_then(|window| window_filter(window, shape.zone));
    let parts = |after: Option<&RowKey>| if entity.is_order_part() { PartWindow::of(window, after) } else { None };
    let rows = |filter: Option<String>, skip: u32, count: bool| PageQuery {
        filter,
        order: key_order(entity),
        skip,
        top: shape.page_rows.max(1),
        select: select(entity, window, &shape.extra_columns),
        expand: entity.expand().iter().map(|&child| child.to_owned()).collect(),
        count,
        parts: None,
    };
    match ask {
        PageAsk::Skip { skip } => PageQuery { parts: parts(None), ..rows(in_window(), *skip, *skip == 0) },
        PageAsk::After { key } => {
            let filter = both(in_window(), key.as_ref().map(|key| after_key(entity, key)));
            PageQuery { parts: parts(key.as_ref()), ..rows(filter, 0, false) }
        }
        PageAsk::Newest => PageQuery {
            order: vec![format!("{REVISION_COLUMN} desc")],
            // A few, so that one row that cannot be read does not hide all others.
            top: NEWEST_ROWS,
            select: key_select(entity),
            ..PageQuery::default()
        },
        PageAsk::Count => PageQuery {
            filter: in_window(),
            order: key_order(entity),
            top: 1,
            select: key_select(entity),
            count: true,
            parts: parts(None),
            ..PageQuery::default()
        },
        PageAsk::Records(keys) => {
            let any: Vec<String> = keys.iter().map(|key| key_is(entity, key)).collect();
            // No key asks for no row; without a filter it would be every row.
            let filter = if any.is_empty() { format!("{} lt -1", entity.key_columns()[0]) } else { any.join(" or ") };
            // A firm's number stands for all its contacts, an order's for all its lines.
            let is_whole = |key: &RowKey| match entity {
                Entity::CustomerContacts => key.contact.is_none(),
                Entity::PurchaseOrderLines => key.part.is_none(),
                Entity::PurchaseOrderReleases => key.part.is_none_or(|part| part.release.is_none()),
                _ => false,
            };
            let top = if keys.iter().any(is_whole) {
                CHILDREN_OF_PARENTS
            } else {
                u32::try_from(keys.len()).unwrap_or(u32::MAX).max(1)
            };
            PageQuery { top, ..rows(Some(filter), 0, false) }
        }
    }
}

/// Groups of keys, each short enough for one [`PageAsk::Records`].
pub fn split_keys(entity: Entity, keys: &[RowKey], shape: &QueryShape) -> Vec<Vec<RowKey>> {
    let fits = |group: &[RowKey]| {
        let query = page_query(entity, None, &PageAsk::Records(group.to_vec()), shape);
        group.len() <= KEYS_PER_QUERY && query.encoded().len() <= QUERY_LIMIT
    };
    let mut groups: Vec<Vec<RowKey>> = Vec::new();
    for key in keys {
        match groups.last_mut() {
            Some(group) => {
                group.push(key.clone());
                if !fits(group) {
                    group.pop();
                    groups.push(vec![key.clone()]);
                }
            }
            None => groups.push(vec![key.clone()]),
        }
    }
    groups
}

pub(crate) fn key_order(entity: Entity) -> Vec<String> {
    entity.key_columns().iter().map(|&column| column.to_owned()).collect()
}

pub(crate) fn key_select(entity: Entity) -> Vec<String> {
    let names = ["Company"].into_iter().chain(entity.key_columns().iter().copied()).chain([REVISION_COLUMN]);
    names.map(str::to_owned).collect()
}

fn select(entity: Entity, window: Option<&Window>, extra: &[String]) -> Vec<String> {
    let mut names = key_select(entity);
    let mut add = |name: &str| {
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    };
    entity.columns().iter().for_each(|name| add(name));
    if let Some(window) = window {
        add(&window.change_field.column);
        if window.change_field.mode == ChangeMode::DatePlusSeconds {
            add(CHANGE_TIME_COLUMN);
        }
    }
    extra.iter().for_each(|name| add(name));
    names
}

impl PageQuery {
    /// The query string, encoded, without the question mark.
    ///
    /// # Errors
    /// `Rejected` when it would be longer than [`QUERY_LIMIT`]: too many extra columns, or too many keys in one list.
    pub fn to_query_string(&self, operation: &str) -> Result<String, Fault> {
        let text = self.encoded();
        if text.len() <= QUERY_LIMIT {
            return Ok(text);
        }
        let longest =
            if self.select.iter().map(String::len).sum::<usize>() > self.filter.as_ref().map_or(0, String::len) {
                "Fewer extra columns in the settings of the flow would shorten it."
            } else {
                "Asking for fewer records at once would shorten it."
            };
        Err(Fault::new(
            FaultKind::Rejected,
            System::Epicor,
            operation,
            format!(
                "The question to Epicor would be {} characters long; its web server takes no more than {QUERY_LIMIT} safely. {longest}",
                text.len()
            ),
        )
        .with_code("query_too_long"))
    }

    /// The query string of the same question to `/$count`, which takes a filter only.
    pub(crate) fn filter_only(&self, operation: &str) -> Result<String, Fault> {
        Self { filter: self.filter.clone(), ..Self::default() }.to_query_string(operation)
    }

    fn encoded(&self) -> String {
        let mut text = String::with_capacity(512);
        let mut option = |name: &str, value: &str| {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(name);
            text.push('=');
            encode(value, &mut text);
        };
        if let Some(filter) = &self.filter {
            option("$filter", filter);
        }
        if !self.order.is_empty() {
            option("$orderby", &self.order.join(","));
        }
        if self.top > 0 {
            option("$top", &self.top.to_string());
        }
        if self.skip > 0 {
            option("$skip", &self.skip.to_string());
        }
        if self.count {
            option("$count", "true");
        }
        if !self.select.is_empty() {
            option("$select", &self.select.join(","));
        }
        if !self.expand.is_empty() {
            option("$expand", &self.expand.join(","));
        }
        text
    }
}

/// Percent-encodes everything but letters, digits and the few signs that no layer on the way changes. A space is `%20`
/// and a plus `%2B`: IIS reads a bare plus as a space.
pub(crate) fn encode(value: &str, into: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b',' | b'(' | b')' | b':' => {
                into.push(char::from(byte));
            }
            _ => {
                // Writing into a `String` cannot fail.
                let _ = write!(into, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_model::{ChangeField, WindowBounds, WindowId};

    use super::*;

    fn revision_window(since: i64) -> Window {
        let field = ChangeField { mode: ChangeMode::Revision, column: "SysRevID".to_owned() };
        let bounds = WindowBounds::Revision { since: Some(since), until: None };
        Window::new(WindowId::parse("w1").unwrap(), field, bounds).unwrap()
    }

    fn text(query: &PageQuery) -> String {
        query.to_query_string("vendors.read").unwrap()
    }

    #[test]
    fn page_one_counts_and_the_next_ones_skip() {
        let window = revision_window(48_210_000);
        let shape = QueryShape::default();
        let first = page_query(Entity::Vendors, Some(&window), &PageAsk::Skip { skip: 0 }, &shape);
        assert_eq!(
            text(&first),
            "$filter=SysRevID%20gt%2048210000&$orderby=VendorNum&$top=100&$count=true\
             &$select=Company,VendorNum,SysRevID,VendorID,Name,Address1,Address2,Address3,City,State,ZIP,Country,PhoneNum,\
             EMailAddress,VendURL,TermsCode,GroupCode,CurrencyCode,TaxPayerID,Comment,Inactive&$expand=VendCntMains"
        );
        let second = page_query(Entity::Vendors, Some(&window), &PageAsk::Skip { skip: 100 }, &shape);
        assert!(text(&second).contains("&$skip=100&$select"));
        assert!(!second.count);
    }

    #[test]
    fn quotes_plus_signs_and_ampersands_survive_the_address() {
        let key = RowKey::contact(7, "O'Hare & A+B 100%", 2);
        let ask = PageAsk::After { key: Some(key) };
        let query = page_query(Entity::CustomerContacts, None, &ask, &QueryShape::default());
        let text = text(&query);
        assert!(text.contains("ShipToNum%20gt%20%27O%27%27Hare%20%26%20A%2BB%20100%25%27"), "{text}");
        assert!(text.contains("$orderby=CustNum,ShipToNum,ConNum"));
    }

    #[test]
    fn the_walk_by_key_stays_inside_the_window() {
        let window = revision_window(5);
        let ask = PageAsk::After { key: Some(RowKey::firm(118)) };
        let query = page_query(Entity::Vendors, Some(&window), &ask, &QueryShape::default());
        assert_eq!(query.filter.unwrap(), "SysRevID gt 5 and VendorNum gt 118");
        assert_eq!(query.skip, 0);
    }

    #[test]
    fn newest_and_count_read_few_narrow_rows() {
        let newest = page_query(Entity::Customers, None, &PageAsk::Newest, &QueryShape::default());
        assert_eq!(text(&newest), "$orderby=SysRevID%20desc&$top=5&$select=Company,CustNum,SysRevID");
        let window = revision_window(5);
        let count = page_query(Entity::Customers, Some(&window), &PageAsk::Count, &QueryShape::default());
        assert_eq!(
            text(&count),
            "$filter=SysRevID%20gt%205&$orderby=CustNum&$top=1&$count=true&$select=Company,CustNum,SysRevID"
        );
    }

    #[test]
    fn change_columns_and_extra_columns_are_selected_once() {
        let field = ChangeField { mode: ChangeMode::DatePlusSeconds, column: "ChangeDate".to_owned() };
        let until = "2026-04-07T03:00:00Z".parse().unwrap();
        let window =
            Window::new(WindowId::parse("w").unwrap(), field, WindowBounds::Time { since: None, until }).unwrap();
        let shape =
            QueryShape { extra_columns: vec!["CreditLimit".to_owned(), "Name".to_owned()], ..QueryShape::default() };
        let query = page_query(Entity::Customers, Some(&window), &PageAsk::Skip { skip: 0 }, &shape);
        let times = |name: &str| query.select.iter().filter(|column| *column == name).count();
        for name in ["ChangeDate", "ChangeTime", "CreditLimit", "Name", "SysRevID"] {
            assert_eq!(times(name), 1, "{name}");
        }
        assert_eq!(query.filter, None);
    }

    #[test]
    fn a_question_that_is_too_long_is_a_clear_fault_and_not_a_404() {
        let shape = QueryShape {
            extra_columns: (0..130).map(|n| format!("SomeLongColumnName{n}_c")).collect(),
            ..QueryShape::default()
        };
        let query = page_query(Entity::Vendors, None, &PageAsk::Skip { skip: 0 }, &shape);
        let fault = query.to_query_string("vendors.read").unwrap_err();
        assert_eq!(fault.kind, FaultKind::Rejected);
        assert!(fault.message.contains("extra columns"), "{fault}");
    }

    #[test]
    fn any_number_of_keys_is_split_into_questions_that_fit() {
        let keys: Vec<RowKey> = (0..100).map(|n| RowKey::contact(n, "'".repeat(40), n)).collect();
        let shape = QueryShape::default();
        let groups = split_keys(Entity::CustomerContacts, &keys, &shape);
        assert_eq!(groups.concat(), keys);
        for group in groups {
            text(&page_query(Entity::CustomerContacts, None, &PageAsk::Records(group), &shape));
        }
    }

    #[test]
    fn an_empty_list_of_keys_asks_for_no_row() {
        let query = page_query(Entity::Vendors, None, &PageAsk::Records(vec![]), &QueryShape::default());
        assert_eq!(query.filter.unwrap(), "VendorNum lt -1");
    }
}
