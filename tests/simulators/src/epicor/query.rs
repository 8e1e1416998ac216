//! Finds the rows of a page without looking at the whole table where that can be avoided.
//!
//! Three ways, from cheap to dear: walk the revision or key index and stop at the end of the page;
//! reuse the list found for an earlier page of the same question; build that list.

use std::{cmp::Ordering, ops::Bound, sync::Arc};

use super::{
    filter::{Expr, Literal, Op},
    options::Options,
    schema::{Origin, Table},
    store::{Company, Row, Store, TableData},
    value::{Dates, KeyPart, Scalar},
};

/// Lists kept per table.
const CACHED_LISTS: usize = 8;
/// A revision range with at most this many rows (twice as many in large tables) is collected and
/// sorted; counting further would cost more than it saves.
const SELECTIVE: usize = 4_000;

/// The rows one question found, good as long as the table does not change.
#[derive(Debug, Clone)]
pub(crate) struct CachedList {
    version: u64,
    question: String,
    rows: Arc<Vec<u32>>,
}

/// Rows of a page.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) rows: Vec<u32>,
    /// Matching rows in all, when asked for.
    pub(crate) total: usize,
}

struct Range {
    low: i64,
    high: i64,
}

impl Range {
    fn is_bounded(&self) -> bool {
        self.low > i64::MIN || self.high < i64::MAX
    }

    fn narrow(&mut self, op: Op, at: i64) {
        match op {
            Op::Gt => self.low = self.low.max(at.saturating_add(1)),
            Op::Ge => self.low = self.low.max(at),
            Op::Lt => self.high = self.high.min(at.saturating_sub(1)),
            Op::Le => self.high = self.high.min(at),
            Op::Eq => {
                self.low = self.low.max(at);
                self.high = self.high.min(at);
            }
            Op::Ne => {}
        }
    }
}

/// A question about one table of one company.
pub(crate) struct Search<'a> {
    company: &'a Company,
    table: &'static Table,
    at: usize,
    options: &'a Options,
    dates: Dates,
    parts: Vec<&'a Expr>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(company: &'a Company, at: usize, options: &'a Options, dates: Dates) -> Self {
        let table = &super::schema::tables()[at];
        let parts = options.filter.as_ref().map(Expr::conjuncts).unwrap_or_default();
        Self { company, table, at, options, dates, parts }
    }

    fn data(&self) -> &'a TableData {
        &self.company.tables[self.at]
    }

    fn value<'r>(&self, row: &'r Row, column: u16) -> Scalar<'r>
    where
        'a: 'r,
    {
        Store::scalar(self.company, self.table, row, column, self.dates)
    }

    fn holds(&self, row: &Row, parts: &[&Expr]) -> bool {
        parts.iter().all(|part| part.matches(&|column| self.value(row, column)))
    }

    fn origin(&self, column: u16) -> Origin {
        self.table.columns[usize::from(column)].origin
    }

    fn range(&self, wanted: Origin) -> Range {
        let mut range = Range { low: i64::MIN, high: i64::MAX };
        for part in &self.parts {
            if let Expr::Compare(column, op, Literal::Int(at)) = part
                && self.origin(*column) == wanted
            {
                range.narrow(*op, *at);
            }
        }
        range
    }

    /// Whether every part of the filter is a bound on the revision or on the first key part.
    fn only_ranges(&self) -> bool {
        self.parts.iter().all(|part| {
            matches!(part, Expr::Compare(column, op, Literal::Int(_))
                if *op != Op::Ne && matches!(self.origin(*column), Origin::Revision | Origin::Key(0)))
        })
    }

    /// The order without parts that cannot matter.
    fn order(&self) -> Vec<(u16, bool)> {
        let mut order = Vec::new();
        for &(column, descending) in &self.options.order {
            match self.origin(column) {
                Origin::Company => {}
                // No two rows share a revision: later columns decide nothing.
                Origin::Revision => {
                    order.push((column, descending));
                    break;
                }
                _ => order.push((column, descending)),
            }
        }
        order
    }

    fn is_key_order(&self, order: &[(u16, bool)]) -> bool {
        !order.is_empty()
            && order
                .iter()
                .enumerate()
                .all(|(at, (column, descending))| !descending && self.origin(*column) == Origin::Key(at))
    }

    /// Finds the page of `limit` rows. Returns also a list worth keeping.
    pub(crate) fn page(&self, limit: usize) -> (Found, Option<CachedList>) {
        let order = self.order();
        let plain = self.options.skip == 0 && !self.options.count;
        let by_revision = matches!(order.first(), Some((column, false)) if self.origin(*column) == Origin::Revision);
        let bounded = self.range(Origin::Revision);
        if plain && by_revision {
            return (self.walk_revisions(&bounded, limit), None);
        }
        if plain && self.is_key_order(&order) && self.only_ranges() && !self.is_selective(&bounded) {
            return (self.walk_keys(limit), None);
        }
        // The moving bound of a keyset walk is left out of the question, so that all its pages
        // share one list.
        let bound = self.moving_bound(&order);
        let rest: Vec<&Expr> =
            self.parts.iter().copied().filter(|part| bound.is_none_or(|bound| !std::ptr::eq(*part, bound))).collect();
        let question = format!("{rest:?} {order:?} {:?}", self.dates.shape);
        let version = self.data().version;
        let known = self
            .data()
            .cache
            .iter()
            .find(|list| list.version == version && list.question == question)
            .map(|list| Arc::clone(&list.rows));
        let is_new = known.is_none();
        let rows = known.unwrap_or_else(|| Arc::new(self.list(&rest, &order)));
        let start = bound.map_or(0, |bound| rows.partition_point(|id| !self.row_holds(*id, bound)));
        let found = self.slice(&rows[start..], limit);
        let keep = is_new.then_some(CachedList { version, question, rows });
        (found, keep)
    }

    fn row_holds(&self, id: u32, part: &Expr) -> bool {
        self.data().row(id).is_some_and(|row| self.holds(row, &[part]))
    }

    fn slice(&self, rows: &[u32], limit: usize) -> Found {
        let total = rows.len();
        let wanted = self.options.skip.min(total)..self.options.skip.saturating_add(limit).min(total);
        let rows = rows[wanted].to_vec();
        Found { rows, total }
    }

    fn is_selective(&self, range: &Range) -> bool {
        let enough = (self.data().by_key.len() / 20).clamp(SELECTIVE, 2 * SELECTIVE);
        range.is_bounded() && self.revisions(range).take(enough + 1).count() <= enough
    }

    fn revisions(&self, range: &Range) -> impl Iterator<Item = u32> + use<'a> {
        let low = Bound::Included((range.low, 0));
        // An empty range must not reach BTreeSet::range, which panics on it.
        let high = Bound::Included((range.high.max(range.low), u32::MAX));
        let is_empty = range.high < range.low;
        self.data().by_revision.range((low, high)).filter(move |_| !is_empty).map(|(_, id)| *id)
    }

    fn walk_revisions(&self, range: &Range, limit: usize) -> Found {
        let rows = self
            .revisions(range)
            .filter(|id| self.data().row(*id).is_some_and(|row| self.holds(row, &self.parts)))
            .take(limit)
            .collect();
        Found { rows, total: 0 }
    }

    fn walk_keys(&self, limit: usize) -> Found {
        let range = self.range(Origin::Key(0));
        let first: Box<[KeyPart]> = Box::new([KeyPart::Int(range.low)]);
        let rows = self
            .data()
            .by_key
            .range(first..)
            .take_while(|(key, _)| !matches!(key.first(), Some(KeyPart::Int(at)) if *at > range.high))
            .map(|(_, id)| *id)
            .filter(|id| self.data().row(*id).is_some_and(|row| self.holds(row, &self.parts)))
            .take(limit)
            .collect();
        Found { rows, total: 0 }
    }

    /// The part of the filter that says "after the last row of the page before".
    fn moving_bound(&self, order: &[(u16, bool)]) -> Option<&'a Expr> {
        let (first, descending) = *order.first()?;
        let wanted = if descending { [Op::Lt, Op::Le] } else { [Op::Gt, Op::Ge] };
        self.parts.iter().rev().copied().find(
            |part| matches!(part, Expr::Compare(column, op, literal) if *column == first && wanted.contains(op) && *literal != Literal::Null),
        )
    }

    fn list(&self, parts: &[&Expr], order: &[(u16, bool)]) -> Vec<u32> {
        let data = self.data();
        let mut range = Range { low: i64::MIN, high: i64::MAX };
        let mut keys = Range { low: i64::MIN, high: i64::MAX };
        for part in parts {
            if let Expr::Compare(column, op, Literal::Int(at)) = part {
                match self.origin(*column) {
                    Origin::Revision => range.narrow(*op, *at),
                    Origin::Key(0) => keys.narrow(*op, *at),
                    _ => {}
                }
            }
        }
        let good = |id: &u32| data.row(*id).is_some_and(|row| self.holds(row, parts));
        let mut rows: Vec<u32> = if range.is_bounded() {
            let mut rows: Vec<u32> = self.revisions(&range).filter(good).collect();
            rows.sort_by(|a, b| self.key(*a).cmp(&self.key(*b)));
            rows
        } else if keys.is_bounded() {
            let first: Box<[KeyPart]> = Box::new([KeyPart::Int(keys.low)]);
            data.by_key
                .range(first..)
                .take_while(|(key, _)| !matches!(key.first(), Some(KeyPart::Int(at)) if *at > keys.high))
                .map(|(_, id)| *id)
                .filter(good)
                .collect()
        } else {
            data.by_key.values().copied().filter(good).collect()
        };
        if !order.is_empty() && !self.is_key_order(order) {
            rows.sort_by(|a, b| self.compare(*a, *b, order));
        }
        rows
    }

    fn key(&self, id: u32) -> Option<&[KeyPart]> {
        self.data().row(id).map(|row| &*row.key)
    }

    fn compare(&self, a: u32, b: u32, order: &[(u16, bool)]) -> Ordering {
        let (Some(a), Some(b)) = (self.data().row(a), self.data().row(b)) else {
            return Ordering::Equal;
        };
        for &(column, descending) in order {
            let found = self.value(a, column).order(&self.value(b, column)).unwrap_or(Ordering::Equal);
            if found.is_ne() {
                return if descending { found.reverse() } else { found };
            }
        }
        Ordering::Equal
    }
}

impl Store {
    /// Finds the rows of a page; `limit` rows at most.
    pub(crate) fn find(&mut self, company: usize, table: usize, options: &Options, limit: usize) -> Found {
        let dates = self.dates();
        let shuffle = self.switches.shuffle_unordered && options.order.is_empty();
        let (mut found, keep) = if shuffle {
            // Everything is found first, then dealt in an order that differs from call to call.
            let all = Options { filter: options.filter.clone(), count: true, ..Options::default() };
            let (found, keep) = Search::new(&self.companies[company], table, &all, dates).page(usize::MAX);
            (self.deal(&found.rows, options.skip, limit), keep)
        } else {
            Search::new(&self.companies[company], table, options, dates).page(limit)
        };
        if let Some(list) = keep {
            let data = &mut self.companies[company].tables[table];
            let version = data.version;
            data.cache.retain(|known| known.version == version);
            if data.cache.len() >= CACHED_LISTS {
                data.cache.remove(0);
            }
            data.cache.push(list);
        }
        if found.total == 0 {
            found.total = found.rows.len();
        }
        found
    }

    /// Rows `skip..` of a permutation that depends on the number of the page served.
    fn deal(&self, rows: &[u32], skip: usize, limit: usize) -> Found {
        let total = rows.len() as u64;
        let mut mix = (self.seed ^ (self.pages + 1)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mix ^= mix >> 29;
        let shift = mix % total.max(1);
        let mut stride = 1 + (mix >> 20) % total.max(1);
        while gcd(stride, total) > 1 {
            stride += 1;
        }
        let rows = (skip as u64..total)
            .take(limit)
            .map(|at| {
                let dealt = (u128::from(at) * u128::from(stride) + u128::from(shift)) % u128::from(total);
                rows[usize::try_from(dealt).unwrap_or(0)]
            })
            .collect();
        Found { rows, total: usize::try_from(total).unwrap_or(usize::MAX) }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
