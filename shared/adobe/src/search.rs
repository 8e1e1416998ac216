//! Searches: filters, one sort order always, one page at a time, stopped by the total.
//!
//! Source: Adobe Commerce reference, section 8; measured on 2.4.7-p3 and 2.4.8-p2.

use serde::{Deserialize, Deserializer};

use crate::oauth1::encode;

/// How a field is compared. An unknown condition is silently `eq` at the shop, so there are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Equal, as the database compares: without regard to case, accents and trailing blanks.
    Eq,
    /// Not equal.
    Neq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gteq,
    /// Less.
    Lt,
    /// Less or equal.
    Lteq,
    /// One of a comma list without blanks.
    In,
    /// None of a comma list.
    Nin,
    /// SQL pattern, `%` for any text.
    Like,
    /// Is null; the value does not matter.
    Null,
    /// Is not null; the value does not matter.
    NotNull,
}

impl Condition {
    fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::Gt => "gt",
            Self::Gteq => "gteq",
            Self::Lt => "lt",
            Self::Lteq => "lteq",
            Self::In => "in",
            Self::Nin => "nin",
            Self::Like => "like",
            Self::Null => "null",
            Self::NotNull => "notnull",
        }
    }
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Column of the main table. An unknown one is a 500.
    pub field: String,
    /// How it is compared.
    pub condition: Condition,
    /// With what. Instants as `2026-11-22 01:05:38`, UTC; a value that is no date finds everything.
    pub value: String,
}

impl Filter {
    /// A comparison.
    pub fn new(field: &str, condition: Condition, value: impl Into<String>) -> Self {
        Self { field: field.to_owned(), condition, value: value.into() }
    }
}

/// One search. Without a sort order the shop's rows have no fixed order, so there is always one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    groups: Vec<Vec<Filter>>,
    sort: Vec<(String, bool)>,
    page_size: u32,
    page: u32,
    fields: Option<String>,
}

impl Search {
    /// Sorted by this column, ascending; 100 rows, first page. Choose a unique column: rows of equal rank move between pages.
    pub fn by(sort_field: &str) -> Self {
        Self {
            groups: Vec::new(),
            sort: vec![(sort_field.to_owned(), false)],
            page_size: crate::settings::DEFAULT_PAGE_SIZE,
            page: 1,
            fields: None,
        }
    }

    /// Turns the last sort order round.
    #[must_use]
    pub fn descending(mut self) -> Self {
        if let Some(last) = self.sort.last_mut() {
            last.1 = true;
        }
        self
    }

    /// Sorts rows of equal rank by this column, ascending.
    #[must_use]
    pub fn then_by(mut self, sort_field: &str) -> Self {
        self.sort.push((sort_field.to_owned(), false));
        self
    }

    /// Adds a condition that must hold.
    #[must_use]
    pub fn and(self, field: &str, condition: Condition, value: impl Into<String>) -> Self {
        self.any_of(vec![Filter::new(field, condition, value)])
    }

    /// Adds conditions of which one must hold.
    #[must_use]
    pub fn any_of(mut self, filters: Vec<Filter>) -> Self {
        if !filters.is_empty() {
            self.groups.push(filters);
        }
        self
    }

    /// Rows per page, at least 1.
    #[must_use]
    pub fn page_size(mut self, rows: u32) -> Self {
        self.page_size = rows.max(1);
        self
    }

    /// Which page, from 1.
    #[must_use]
    pub fn page(mut self, page: u32) -> Self {
        self.page = page.max(1);
        self
    }

    /// Only these fields of the answer, such as `items[entity_id],total_count`; `total_count` must be among them.
    #[must_use]
    pub fn fields(mut self, fields: &str) -> Self {
        self.fields = Some(fields.to_owned());
        self
    }

    /// The page this search asks for.
    pub fn current_page(&self) -> u32 {
        self.page
    }

    /// The query of the address, without the question mark. Indexes at one level have the same number of digits: only
    /// then do all versions of the shop sign alike.
    pub fn to_query(&self) -> String {
        let mut pairs = Vec::new();
        let groups = first_index(self.groups.len());
        for (group_index, group) in (groups..).zip(&self.groups) {
            let filters = first_index(group.len());
            for (filter_index, filter) in (filters..).zip(group) {
                let name = |part: &str| {
                    format!("searchCriteria[filter_groups][{group_index}][filters][{filter_index}][{part}]")
                };
                pairs.push((name("field"), filter.field.clone()));
                pairs.push((name("condition_type"), filter.condition.as_str().to_owned()));
                let no_value = matches!(filter.condition, Condition::Null | Condition::NotNull);
                pairs.push((name("value"), if no_value { "1".to_owned() } else { filter.value.clone() }));
            }
        }
        let sorts = first_index(self.sort.len());
        for (index, (field, descending)) in (sorts..).zip(&self.sort) {
            pairs.push((format!("searchCriteria[sortOrders][{index}][field]"), field.clone()));
            let direction = if *descending { "DESC" } else { "ASC" };
            pairs.push((format!("searchCriteria[sortOrders][{index}][direction]"), direction.to_owned()));
        }
        pairs.push(("searchCriteria[pageSize]".to_owned(), self.page_size.to_string()));
        pairs.push(("searchCriteria[currentPage]".to_owned(), self.page.to_string()));
        pairs.extend(self.fields.clone().map(|fields| ("fields".to_owned(), fields)));
        let encoded =
            pairs.iter().map(|(name, value)| format!("{}={}", encode(name.as_bytes()), encode(value.as_bytes())));
        encoded.collect::<Vec<_>>().join("&")
    }
}

/// 0 for up to ten, 10 for up to ninety, and so on: so many indexes of equal width follow.
fn first_index(count: usize) -> usize {
    let mut first = 10;
    if count <= 10 {
        return 0;
    }
    while count > first * 9 {
        first *= 10;
    }
    first
}

/// One page of a search.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(bound = "T: serde::de::DeserializeOwned")]
pub struct Page<T> {
    /// The rows. An empty page comes as `[]` or `null`.
    #[serde(default = "Vec::new", deserialize_with = "rows")]
    pub items: Vec<T>,
    /// Rows of the whole search at this moment. It is counted again for each page.
    pub total_count: u64,
}

impl<T> Page<T> {
    /// Whether no page follows, by the total: old shops repeat their last page for ever.
    pub fn is_last(&self, search: &Search) -> bool {
        u64::from(search.page) * u64::from(search.page_size) >= self.total_count
    }
}

fn rows<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_outbound::Url;

    use super::*;
    use crate::{IntegrationKeys, OAuth1Signer};

    #[test]
    fn a_search_says_its_order_its_page_and_its_size() {
        let query = Search::by("entity_id").and("increment_id", Condition::Eq, "EPIC06-PO 1=2").page_size(2).to_query();
        assert_eq!(
            query,
            "searchCriteria%5Bfilter_groups%5D%5B0%5D%5Bfilters%5D%5B0%5D%5Bfield%5D=increment_id\
             &searchCriteria%5Bfilter_groups%5D%5B0%5D%5Bfilters%5D%5B0%5D%5Bcondition_type%5D=eq\
             &searchCriteria%5Bfilter_groups%5D%5B0%5D%5Bfilters%5D%5B0%5D%5Bvalue%5D=EPIC06-PO%201%3D2\
             &searchCriteria%5BsortOrders%5D%5B0%5D%5Bfield%5D=entity_id\
             &searchCriteria%5BsortOrders%5D%5B0%5D%5Bdirection%5D=ASC\
             &searchCriteria%5BpageSize%5D=2&searchCriteria%5BcurrentPage%5D=1"
        );
    }

    #[test]
    fn every_number_of_filters_can_be_signed_for_every_version() {
        let keys = IntegrationKeys {
            consumer_key: "k".into(),
            consumer_secret: "c".into(),
            token: "t".into(),
            token_secret: "s".into(),
        };
        let signer = OAuth1Signer::new(keys);
        for count in [1, 9, 10, 11, 90, 91, 120] {
            let filter = |index: usize| Filter::new("sku", Condition::Like, format!("a+b & ü {index}%"));
            let search = Search::by("entity_id").then_by("sku").any_of((0..count).map(filter).collect());
            let search = (0..count).fold(search, |search, index| search.and("sku", Condition::Neq, index.to_string()));
            let url = Url::parse(&format!("https://shop.example.com/rest/V1/orders?{}", search.to_query())).unwrap();
            assert!(signer.authorization("GET", &url, "n", chrono::DateTime::UNIX_EPOCH).is_ok(), "{count}");
        }
    }

    #[test]
    fn an_empty_page_may_be_null_and_the_total_ends_the_search() {
        let page: Page<u32> = serde_json::from_str(r#"{"items":null,"total_count":5}"#).unwrap();
        assert!(page.items.is_empty());
        let search = Search::by("entity_id").page_size(2);
        assert!(!page.is_last(&search.clone().page(2)));
        assert!(page.is_last(&search.page(3)));
    }
}
