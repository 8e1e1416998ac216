//! Lines and releases of purchase orders, which some servers cannot filter.
//!
//! A filter on a child set may be evaluated against the parent's type and find nothing, without a word. So the first empty page is not
//! believed: the filter is tried on the newest row, which must be found. Where it is not, the rows of a window are found by walking from the
//! newest downwards without any filter, and callers see the same pages.
//!
//! Source: Epicor reference, sections 0 (7) and 10.

use std::collections::BTreeMap;

use mlc_model::{Fault, FaultKind, System, Window, WindowBounds};
use serde::{Deserialize, Serialize};

use crate::{
    Entity, EpicorClient, Page, PageQuery, RowKey,
    fault::code,
    query::{REVISION_COLUMN, key_order, key_select},
};

/// Pages of one walk. A window that reaches further back costs more than reading the orders themselves.
const WALK_PAGES: u32 = 200;

/// What a filter on a part of an order says, for servers that cannot be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartWindow {
    /// Only rows with a higher revision; `None` = from the first one.
    pub since: Option<i64>,
    /// Only rows with at most this revision; `None` = no bound.
    pub until: Option<i64>,
    /// Only rows after this key; `None` = all.
    pub after: Option<RowKey>,
}

impl PartWindow {
    /// The bounds of a window; `None` for windows that are not cut by revision.
    pub(crate) fn of(window: Option<&Window>, after: Option<&RowKey>) -> Option<Self> {
        let (since, until) = match window.map(|window| window.bounds) {
            None | Some(WindowBounds::Everything { .. }) => (None, None),
            Some(WindowBounds::Revision { since, until }) => (since, until.filter(|_| since.is_some())),
            Some(WindowBounds::Time { since: None, .. }) => (None, None),
            Some(WindowBounds::Time { .. }) => return None,
        };
        Some(Self { since, until, after: after.cloned() })
    }
}

impl EpicorClient {
    /// One page of lines or releases.
    pub(crate) async fn fetch_parts(&self, entity: Entity, query: &PageQuery) -> Result<Page, Fault> {
        if query.filter.is_none() {
            return self.read_page(entity, query).await;
        }
        if !self.is_filter_lost(entity) {
            let page = self.read_page(entity, query).await?;
            if page.received > 0 || self.is_filter_honoured(entity).await? {
                return Ok(page);
            }
        }
        match &query.parts {
            Some(window) => self.walk(entity, query, window).await,
            None => Err(lost(
                entity,
                "Set its change field to `revision` in the settings of the connection, so that changes can be found without a filter.",
            )),
        }
    }

    /// Whether this server is known to answer filters on a part of an order with nothing.
    pub(crate) fn is_filter_lost(&self, entity: Entity) -> bool {
        self.part_filter(entity) == Some(false)
    }

    /// Looks for the newest row by a filter that it must pass.
    async fn is_filter_honoured(&self, entity: Entity) -> Result<bool, Fault> {
        if let Some(known) = self.part_filter(entity) {
            return Ok(known);
        }
        // Without rows there is nothing that could get lost.
        let Some(newest) = self.newest(entity).await?.revision else { return Ok(true) };
        let query = PageQuery {
            filter: Some(format!("{REVISION_COLUMN} ge {newest}")),
            order: key_order(entity),
            top: 1,
            select: key_select(entity),
            ..PageQuery::default()
        };
        let honoured = self.read_page(entity, &query).await?.received > 0;
        self.set_part_filter(entity, honoured);
        Ok(honoured)
    }

    /// The page that the filter would have given, from the newest row downwards.
    async fn walk(&self, entity: Entity, query: &PageQuery, window: &PartWindow) -> Result<Page, Fault> {
        let mut found = BTreeMap::new();
        let (mut answer, mut skip) = (Page::default(), 0);
        for walked in 0.. {
            if walked == WALK_PAGES {
                return Err(lost(
                    entity,
                    "Without a filter too many rows would have to be read. Read the orders instead.",
                ));
            }
            let newest_first = PageQuery {
                order: vec![format!("{REVISION_COLUMN} desc")],
                skip,
                top: self.config().page_rows.max(1),
                select: query.select.clone(),
                ..PageQuery::default()
            };
            let page = self.read_page(entity, &newest_first).await?;
            if page.received == 0 {
                break;
            }
            answer.server_time = answer.server_time.or(page.server_time);
            let mut is_past = false;
            for row in page.rows {
                let key = match &row {
                    Ok(row) if window.since.is_some_and(|since| row.version.0 <= since) => {
                        is_past = true;
                        continue;
                    }
                    Ok(row) if window.until.is_some_and(|until| row.version.0 > until) => continue,
                    Ok(row) => Some(row.key.clone()),
                    Err(problem) => problem.key.clone(),
                };
                if let Some(key) = key {
                    found.entry(key).or_insert(row);
                }
            }
            if is_past {
                break;
            }
            // One row twice: a row that was deleted meanwhile has drawn the others up. Rows that were edited only come again.
            skip += u32::try_from(page.received).unwrap_or(u32::MAX).saturating_sub(1).max(1);
        }
        answer.count = query.count.then_some(found.len() as u64);
        let rows = found.into_iter().filter(|(key, _)| window.after.as_ref().is_none_or(|after| key > after));
        let (keys, rows): (Vec<_>, Vec<_>) = rows.skip(query.skip as usize).take(query.top.max(1) as usize).unzip();
        (answer.first_key, answer.last_key) = (keys.first().cloned(), keys.last().cloned());
        (answer.received, answer.rows) = (rows.len(), rows);
        Ok(answer)
    }
}

fn lost(entity: Entity, fix: &str) -> Fault {
    let message = format!("Epicor answers every filter on {} with nothing, though rows match it. {fix}", entity.set());
    Fault::new(FaultKind::Rejected, System::Epicor, entity.read_operation(), message).with_code(code::CHILD_FILTER_LOST)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_model::{ChangeField, ChangeMode, WindowId};

    use super::*;
    use crate::{PageAsk, QueryShape, page_query};

    #[test]
    fn a_question_says_besides_its_filter_what_the_filter_says() {
        let field = ChangeField { mode: ChangeMode::Revision, column: REVISION_COLUMN.to_owned() };
        let bounds = WindowBounds::Revision { since: Some(5), until: Some(9) };
        let window = Window::new(WindowId::parse("w1").unwrap(), field, bounds).unwrap();
        let key = RowKey::order_line(50231, 2);
        let ask = PageAsk::After { key: Some(key.clone()) };
        let query = page_query(Entity::PurchaseOrderLines, Some(&window), &ask, &QueryShape::default());
        assert_eq!(
            query.filter.as_deref(),
            Some("SysRevID gt 5 and SysRevID le 9 and (PONUM gt 50231 or (PONUM eq 50231 and POLine gt 2))")
        );
        assert_eq!(query.parts, Some(PartWindow { since: Some(5), until: Some(9), after: Some(key) }));
        assert_eq!(query.select, ["Company", "PONUM", "POLine", "SysRevID"]);
        assert!(query.expand.is_empty());
        let sent = query.to_query_string("purchase_order_lines.read").unwrap();
        assert!(!sent.contains("parts"), "{sent}");
        let headers = page_query(Entity::PurchaseOrders, Some(&window), &PageAsk::Count, &QueryShape::default());
        assert_eq!(headers.parts, None);
    }
}
