//! Values we put into Epicor's columns and parameters.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Cell, nested::read_decimal};

/// One value, exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnValue {
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A decimal, written digit by digit.
    Decimal(Decimal),
    /// A yes or no.
    Flag(bool),
    /// A calendar day, written as midnight without zone, which is the server's.
    Day(NaiveDate),
}

impl ColumnValue {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn raw(&self) -> Box<RawValue> {
        let json = match self {
            Self::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Self::Int(number) => number.to_string(),
            Self::Decimal(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Day(day) => format!("\"{}\"", midnight(*day)),
        };
        // All five are JSON by construction.
        RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }

    /// Whether a cell holds this value already.
    pub(crate) fn is_in(&self, cell: &Cell) -> bool {
        let number = |cell: &Cell| match cell {
            Cell::Number(text) | Cell::Text(text) => read_decimal(text.trim()),
            _ => None,
        };
        match (self, cell) {
            (Self::Text(text), Cell::Text(there)) => text == there,
            (Self::Text(text), Cell::Null) => text.is_empty(),
            (Self::Flag(flag), Cell::Flag(there)) => flag == there,
            (Self::Int(whole), cell) => number(cell) == Some(Decimal::from(*whole)),
            (Self::Decimal(decimal), cell) => number(cell) == Some(*decimal),
            (Self::Day(day), Cell::Text(there)) => there.starts_with(&day.to_string()),
            _ => false,
        }
    }
}

fn midnight(day: NaiveDate) -> String {
    format!("{day}T00:00:00")
}
