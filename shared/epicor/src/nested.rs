//! What documents have in common: nested rows, exact decimals, days, accounts.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use mlc_model::{Amount, CostPer, GlCoding, Version};
use rust_decimal::Decimal;

use crate::{
    Cell, Fields, Row, RowProblem,
    dates::{self, ServerZone},
    query::REVISION_COLUMN,
    row::Place,
};

/// Segments of an account. Source: Epicor reference, section 5.4.
const SEGMENTS: u8 = 20;

/// One nested row with the words that name it in messages, such as `Line 2`.
pub(crate) struct Nested<'f> {
    pub(crate) place: Place,
    pub(crate) fields: &'f Fields,
    pub(crate) path: String,
}

impl<'f> Nested<'f> {
    /// The header of a document.
    pub(crate) fn header(place: Place, fields: &'f Fields) -> Self {
        Self { place, fields, path: String::new() }
    }

    /// The rows of a nested set. A set that was not sent is a problem: half a document is a wrong document.
    pub(crate) fn children(&self, set: &str, named: &str) -> Result<Vec<Nested<'f>>, RowProblem> {
        let rows = match self.fields.get(set) {
            Some(Cell::List(rows)) => rows,
            None | Some(Cell::Null) => return Err(self.problem(set, "row.children_missing", "was not sent")),
            Some(other) => {
                let what = format!("holds {} where rows belong", other.shape());
                return Err(self.problem(set, "row.wrong_type", &what));
            }
        };
        let child = |(index, row): (usize, &'f Cell)| match row {
            Cell::Object(fields) => {
                let path = format!("{}{named} {}, ", self.path, index + 1);
                Ok(Nested { place: self.place.clone(), fields, path })
            }
            other => {
                let what = format!("holds {} where a row belongs", other.shape());
                Err(self.problem(set, "row.not_an_object", &what))
            }
        };
        rows.iter().enumerate().map(child).collect()
    }

    pub(crate) fn text(&self, field: &str) -> Result<Option<String>, RowProblem> {
        self.named(self.place.text(self.fields, field))
    }

    pub(crate) fn int(&self, field: &str) -> Result<i64, RowProblem> {
        self.named(self.place.int(self.fields, field))
    }

    pub(crate) fn optional_int(&self, field: &str) -> Result<Option<i64>, RowProblem> {
        self.named(self.place.optional_int(self.fields, field))
    }

    /// A number of another record, where Epicor writes 0 for none.
    pub(crate) fn reference(&self, field: &str) -> Result<Option<i64>, RowProblem> {
        Ok(self.optional_int(field)?.filter(|number| *number != 0))
    }

    pub(crate) fn flag(&self, field: &str) -> Result<bool, RowProblem> {
        self.named(self.place.flag(self.fields, field))
    }

    /// An exact decimal. Empty, null and absent = 0, which is the column's default in Epicor.
    pub(crate) fn decimal(&self, field: &str) -> Result<Decimal, RowProblem> {
        let text = match self.fields.get(field) {
            None | Some(Cell::Null) => return Ok(Decimal::ZERO),
            Some(Cell::Number(text) | Cell::Text(text)) => text.trim(),
            Some(other) => return self.named(Err(self.place.wrong_type(field, other, "an amount"))),
        };
        if text.is_empty() {
            return Ok(Decimal::ZERO);
        }
        read_decimal(text).ok_or_else(|| {
            self.problem(field, "row.wrong_type", "holds something that is not an amount of at most 28 digits")
        })
    }

    /// The amount in both currencies.
    pub(crate) fn amount(&self, doc: &str, base: &str) -> Result<Amount, RowProblem> {
        Ok(Amount { doc: self.decimal(doc)?, base: self.decimal(base)? })
    }

    pub(crate) fn cost_per(&self) -> Result<CostPer, RowProblem> {
        let code = self.text("CostPerCode")?.unwrap_or_default();
        CostPer::from_code(&code)
            .ok_or_else(|| self.problem("CostPerCode", "row.unknown_code", "is none of E, C and M"))
    }

    /// A calendar day. Null, empty and absent = `None`.
    pub(crate) fn day(&self, field: &str, zone: ServerZone) -> Result<Option<NaiveDate>, RowProblem> {
        match self.text(field)? {
            None => Ok(None),
            Some(text) => dates::day(&text, zone)
                .map_err(|_| self.problem(field, "row.wrong_type", "holds something that is not a date")),
        }
    }

    /// The account of the main book among the accounts in `set`; where no book is marked as the main one, the last. `None` = there is none.
    pub(crate) fn account(&self, set: &str) -> Result<Option<GlCoding>, RowProblem> {
        let mut chosen = None;
        for row in self.children(set, "account")? {
            if row.flag("IsMainBook")? {
                return row.coding();
            }
            chosen = Some(row);
        }
        chosen.map_or(Ok(None), |row| row.coding())
    }

    fn coding(&self) -> Result<Option<GlCoding>, RowProblem> {
        let mut segments = BTreeMap::new();
        for number in 1..=SEGMENTS {
            if let Some(value) = self.text(&format!("SegValue{number}"))? {
                segments.insert(number, value);
            }
        }
        let account = match self.text("GLAccount")? {
            Some(account) => account,
            None => GlCoding::account_of(&segments),
        };
        if account.is_empty() {
            return Ok(None);
        }
        Ok(Some(GlCoding {
            account,
            display: self.text("GLAccountGLAcctDisp")?,
            description: self.text("GLAccountAccountDesc")?,
            segments,
            chart: self.text("COACode")?,
            book: self.text("BookID")?,
            context: self.text("GLAcctContext")?,
            amount: None,
        }))
    }

    pub(crate) fn problem(&self, field: &str, code: &'static str, what: &str) -> RowProblem {
        self.name(self.place.problem(field, code, what))
    }

    fn named<T>(&self, value: Result<T, RowProblem>) -> Result<T, RowProblem> {
        value.map_err(|problem| self.name(problem))
    }

    /// `Purchase order 7: UnitCost …` → `Purchase order 7: line 2, UnitCost …`.
    fn name(&self, problem: RowProblem) -> RowProblem {
        let reason = match problem.reason.split_once(": ") {
            Some((who, what)) if !self.path.is_empty() => format!("{who}: {}{what}", self.path),
            _ => problem.reason.clone(),
        };
        RowProblem { reason, ..problem }
    }
}

/// The highest version of a document's header and of everything that is nested in it. Rows without a readable version count as older:
/// what they hold is checked where it is read.
pub(crate) fn newest_within(row: &Row, place: &Place) -> Version {
    fn newest(cell: &Cell, place: &Place) -> i64 {
        match cell {
            Cell::List(rows) => rows.iter().map(|row| newest(row, place)).max().unwrap_or_default(),
            Cell::Object(fields) => {
                let own = place.optional_int(fields, REVISION_COLUMN).ok().flatten().unwrap_or_default();
                fields.values().map(|child| newest(child, place)).max().unwrap_or_default().max(own)
            }
            _ => 0,
        }
    }
    let children = row.fields.values().map(|child| newest(child, place)).max().unwrap_or_default();
    Version(children.max(row.version.0))
}

/// A decimal digit by digit; `None` for what is none, or has more digits than can be kept.
pub(crate) fn read_decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok()
}
