//! Rows as JSON, written by hand: decimals keep their digits and wide rows stay cheap.

use super::{
    filter::Expr,
    options::Options,
    schema::{Table, tables},
    store::{Company, Row, Store},
    value::{Dates, KeyPart, write_text},
};

/// Everything needed to write rows of one table.
pub(crate) struct Renderer<'a> {
    pub(crate) store: &'a Store,
    pub(crate) company: &'a Company,
    pub(crate) dates: Dates,
}

impl<'a> Renderer<'a> {
    pub(crate) fn new(store: &'a Store, company: usize) -> Self {
        Self { store, company: &store.companies[company], dates: store.dates() }
    }

    /// Writes rows separated by commas; a row that appears twice is written twice. Returns how many.
    pub(crate) fn rows(&self, table: usize, rows: &[u32], options: &Options, out: &mut Vec<u8>) -> usize {
        let mut written = 0;
        for &id in rows {
            let Some(row) = self.company.tables[table].row(id) else {
                continue;
            };
            for _ in 0..=usize::from(row.twice) {
                if written > 0 {
                    out.push(b',');
                }
                out.push(b'{');
                self.fields(table, id, row, options, out);
                out.push(b'}');
                written += 1;
            }
        }
        written
    }

    /// Writes the members of a row, without braces.
    pub(crate) fn fields(&self, at: usize, id: u32, row: &Row, options: &Options, out: &mut Vec<u8>) {
        let table = &tables()[at];
        let start = out.len();
        if let Some(select) = &options.select {
            for &column in select {
                self.column(table, id, row, column, start, out);
            }
        } else {
            for (column, index) in table.columns.iter().zip(0_u16..) {
                if self.store.is_visible(table, column) {
                    self.column(table, id, row, index, start, out);
                }
            }
            self.undeclared(row, out);
        }
        for (child, inner) in &options.expand {
            if out.len() > start {
                out.push(b',');
            }
            write_text(tables()[*child].set, out);
            out.extend_from_slice(b":[");
            let rows = self.children(*child, &row.key, inner);
            self.rows(*child, &rows, inner, out);
            out.push(b']');
        }
    }

    fn column(&self, table: &Table, id: u32, row: &Row, column: u16, start: usize, out: &mut Vec<u8>) {
        if out.len() > start {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(table.columns[usize::from(column)].name.as_bytes());
        out.extend_from_slice(b"\":");
        Store::cell(self.company, table, row, column).write(self.dates, id, out);
    }

    fn undeclared(&self, row: &Row, out: &mut Vec<u8>) {
        if self.store.switches.undeclared_columns {
            out.extend_from_slice(br#","SimNextRelease":{"Flags":[1,2]},"SimCalculated_Name":"n/a""#);
        }
        for (name, value) in row.extra.iter().flat_map(|extra| extra.iter()) {
            out.push(b',');
            write_text(name, out);
            out.push(b':');
            out.extend_from_slice(value.to_string().as_bytes());
        }
    }

    /// Rows of a child table below a parent's key.
    pub(crate) fn children(&self, child: usize, parent: &[KeyPart], options: &Options) -> Vec<u32> {
        let table = &tables()[child];
        let data = &self.company.tables[child];
        let parts = options.filter.as_ref().map(Expr::conjuncts).unwrap_or_default();
        let value =
            |id: u32, column: u16| data.row(id).map(|row| Store::scalar(self.company, table, row, column, self.dates));
        let mut rows: Vec<u32> = data
            .by_key
            .range(Box::<[KeyPart]>::from(parent)..)
            .take_while(|(key, _)| key.starts_with(parent))
            .map(|(_, id)| *id)
            .filter(|id| {
                data.row(*id).is_some_and(|row| {
                    let value = |column| Store::scalar(self.company, table, row, column, self.dates);
                    parts.iter().all(|part| part.matches(&value))
                })
            })
            .collect();
        for &(column, descending) in options.order.iter().rev() {
            rows.sort_by(|a, b| {
                let order = value(*a, column)
                    .zip(value(*b, column))
                    .and_then(|(a, b)| a.order(&b))
                    .unwrap_or(std::cmp::Ordering::Equal);
                if descending { order.reverse() } else { order }
            });
        }
        rows.into_iter().skip(options.skip).take(options.top.unwrap_or(usize::MAX)).collect()
    }
}
