//! `$filter` expressions: windows, the walk by key, and lists of keys.

use chrono::{DateTime, Utc};
use mlc_model::{ChangeMode, Window, WindowBounds};

use crate::{Entity, RowKey, dates, dates::ServerZone};

/// A text as an OData literal: in single quotes, a quote within doubled.
pub fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Rows of a window, or `None` where every row belongs to it.
///
/// | mode | expression |
/// |---|---|
/// | timestamp | `Col gt since and Col le until` |
/// | revision | `Col gt since`, and `Col le until` where there is one |
/// | date, date_plus_seconds | `Col ge` the day before the server's day of `since`; no upper bound, because a day is too coarse for one |
/// | full_scan | none |
///
/// Without `since` there is no filter at all: an upper bound alone would leave out rows whose change date was never
/// set, and would make every row that is edited during the long first read drop out and shift the pages after it.
///
/// Source: Epicor reference, sections 3.1 and 4.
pub fn window_filter(window: &Window, zone: ServerZone) -> Option<String> {
    let column = window.change_field.column.as_str();
    match (window.change_field.mode, window.bounds) {
        (ChangeMode::Timestamp, WindowBounds::Time { since: Some(since), until }) => {
            Some(format!("{column} gt {} and {column} le {}", dates::literal(since), dates::literal(until)))
        }
        (ChangeMode::Date | ChangeMode::DatePlusSeconds, WindowBounds::Time { since: Some(since), .. }) => {
            Some(format!("{column} ge {}", dates::day_before_literal(since, zone)))
        }
        (ChangeMode::Revision, WindowBounds::Revision { since: Some(since), until }) => Some(match until {
            Some(until) => format!("{column} gt {since} and {column} le {until}"),
            None => format!("{column} gt {since}"),
        }),
        _ => None,
    }
}

/// The numbers of the key of a part of an order, in the order of its columns.
fn part_numbers(key: &RowKey) -> Vec<i64> {
    let part = key.part.map(|part| [Some(part.line), part.release]);
    [Some(key.number)].into_iter().chain(part.into_iter().flatten()).flatten().collect()
}

/// Rows after `last` in the order of the key. A key of several columns compares like words in a dictionary.
pub fn after_key(entity: Entity, last: &RowKey) -> String {
    if entity.is_order_part() {
        let mut pairs = entity.key_columns().iter().zip(part_numbers(last)).rev();
        let innermost = pairs.next().map(|(column, number)| format!("{column} gt {number}")).unwrap_or_default();
        return pairs.fold(innermost, |inner, (column, number)| {
            format!("({column} gt {number} or ({column} eq {number} and {inner}))")
        });
    }
    if let (Entity::ApInvoices, Some(document)) = (entity, &last.document) {
        let (vendor, number) = (last.number, text_literal(document));
        return format!("(VendorNum gt {vendor} or (VendorNum eq {vendor} and InvoiceNum gt {number}))");
    }
    match (entity, &last.contact) {
        (Entity::CustomerContacts, Some(part)) => {
            let (firm, place, number) = (last.number, text_literal(&part.place), part.number);
            format!(
                "(CustNum gt {firm} or (CustNum eq {firm} and (ShipToNum gt {place} or (ShipToNum eq {place} and ConNum gt {number}))))"
            )
        }
        _ => format!("{} gt {}", entity.key_columns()[0], last.number),
    }
}

/// The row with that key.
pub fn key_is(entity: Entity, key: &RowKey) -> String {
    if entity.is_order_part() {
        let pairs = entity.key_columns().iter().zip(part_numbers(key));
        let equal = pairs.map(|(column, number)| format!("{column} eq {number}")).collect::<Vec<_>>();
        return format!("({})", equal.join(" and "));
    }
    if let (Entity::ApInvoices, Some(document)) = (entity, &key.document) {
        return format!("(VendorNum eq {} and InvoiceNum eq {})", key.number, text_literal(document));
    }
    match (entity, &key.contact) {
        (Entity::CustomerContacts, Some(part)) => format!(
            "(CustNum eq {} and ShipToNum eq {} and ConNum eq {})",
            key.number,
            text_literal(&part.place),
            part.number
        ),
        _ => format!("{} eq {}", entity.key_columns()[0], key.number),
    }
}

/// Both conditions.
pub(crate) fn both(first: Option<String>, second: Option<String>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first} and {second}")),
        (one, other) => one.or(other),
    }
}

/// Rows that a user of the change field would call changed within `(since, until]`, when the column tells the instant.
/// Used after a read by day, which brings back up to two days too much.
pub(crate) fn surely_before(changed: DateTime<Utc>, window: &Window) -> bool {
    matches!(window.bounds, WindowBounds::Time { since: Some(since), .. } if changed <= since)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_model::{ChangeField, WindowId};

    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn filter(mode: ChangeMode, column: &str, bounds: WindowBounds) -> Option<String> {
        let field = ChangeField { mode, column: column.to_owned() };
        let window = Window::new(WindowId::parse("w1").unwrap(), field, bounds).unwrap();
        window_filter(&window, "-360".parse().unwrap())
    }

    #[test]
    fn each_mode_asks_its_own_question() {
        let time =
            WindowBounds::Time { since: Some(utc("2026-04-07T03:00:00Z")), until: utc("2026-04-07T04:00:00.5Z") };
        assert_eq!(
            filter(ChangeMode::Timestamp, "UpdatedOn", time).unwrap(),
            "UpdatedOn gt 2026-04-07T03:00:00Z and UpdatedOn le 2026-04-07T04:00:00.500Z"
        );
        for mode in [ChangeMode::Date, ChangeMode::DatePlusSeconds] {
            assert_eq!(filter(mode, "ChangeDate", time).unwrap(), "ChangeDate ge 2026-04-05T00:00:00Z");
        }
        let revision = |since, until| WindowBounds::Revision { since, until };
        assert_eq!(
            filter(ChangeMode::Revision, "SysRevID", revision(Some(48_210_000), Some(48_211_000))).unwrap(),
            "SysRevID gt 48210000 and SysRevID le 48211000"
        );
        assert_eq!(filter(ChangeMode::Revision, "SysRevID", revision(Some(9), None)).unwrap(), "SysRevID gt 9");
        assert_eq!(filter(ChangeMode::Revision, "SysRevID", revision(None, Some(9))), None);
        let everything = WindowBounds::Everything { until: utc("2026-04-07T03:00:00Z") };
        assert_eq!(filter(ChangeMode::FullScan, "", everything), None);
    }

    #[test]
    fn the_walk_by_a_composite_key_compares_column_by_column() {
        assert_eq!(after_key(Entity::Vendors, &RowKey::firm(118)), "VendorNum gt 118");
        assert_eq!(
            after_key(Entity::CustomerContacts, &RowKey::contact(7, "O'Hare", 2)),
            "(CustNum gt 7 or (CustNum eq 7 and (ShipToNum gt 'O''Hare' or (ShipToNum eq 'O''Hare' and ConNum gt 2))))"
        );
        assert_eq!(
            after_key(Entity::PurchaseOrderLines, &RowKey::order_line(50231, 2)),
            "(PONUM gt 50231 or (PONUM eq 50231 and POLine gt 2))"
        );
        let release = RowKey::release(7, 2, 1);
        assert_eq!(
            after_key(Entity::PurchaseOrderReleases, &release),
            "(PONum gt 7 or (PONum eq 7 and (POLine gt 2 or (POLine eq 2 and PORelNum gt 1))))"
        );
        assert_eq!(key_is(Entity::PurchaseOrderReleases, &release), "(PONum eq 7 and POLine eq 2 and PORelNum eq 1)");
        assert_eq!(key_is(Entity::PurchaseOrderLines, &RowKey::firm(7)), "(PONUM eq 7)", "all lines of an order");
    }
}
