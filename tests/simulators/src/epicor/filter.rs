//! The `$filter` language of section 3.1: parsing, type checks and evaluation.

use std::cmp::Ordering;

use chrono::FixedOffset;

use super::{
    errors::Refusal,
    schema::{Column, Edm, Table},
    value::{Scalar, parse_guid, parse_moment},
};

/// Deeper nesting than any client writes; protects the stack.
const MAX_DEPTH: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Op {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Op::Eq,
            "ne" => Op::Ne,
            "gt" => Op::Gt,
            "ge" => Op::Ge,
            "lt" => Op::Lt,
            "le" => Op::Le,
            _ => return None,
        })
    }

    fn kind(self) -> &'static str {
        match self {
            Op::Eq => "Equal",
            Op::Ne => "NotEqual",
            Op::Gt => "GreaterThan",
            Op::Ge => "GreaterThanOrEqual",
            Op::Lt => "LessThan",
            Op::Le => "LessThanOrEqual",
        }
    }

    fn flipped(self) -> Self {
        match self {
            Op::Gt => Op::Lt,
            Op::Ge => Op::Le,
            Op::Lt => Op::Gt,
            Op::Le => Op::Ge,
            same => same,
        }
    }

    /// Whether the operator holds for two ordered values; `None` (not comparable) never does.
    pub(crate) fn holds(self, order: Option<Ordering>) -> bool {
        order.is_some_and(|order| match self {
            Op::Eq => order.is_eq(),
            Op::Ne => order.is_ne(),
            Op::Gt => order.is_gt(),
            Op::Ge => order.is_ge(),
            Op::Lt => order.is_lt(),
            Op::Le => order.is_le(),
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// Microseconds since 1970-01-01 UTC.
    Moment(i64),
    Guid(u128),
}

impl Literal {
    pub(crate) fn scalar(&self) -> Scalar<'_> {
        match self {
            Literal::Null => Scalar::Null,
            Literal::Bool(flag) => Scalar::Bool(*flag),
            Literal::Int(number) => Scalar::Int(*number),
            Literal::Float(number) => Scalar::Float(*number),
            Literal::Text(text) => Scalar::Text(text),
            Literal::Moment(micros) => Scalar::Moment(*micros),
            Literal::Guid(guid) => Scalar::Guid(*guid),
        }
    }

    fn edm(&self) -> &'static str {
        match self {
            Literal::Null => "null",
            Literal::Bool(_) => "Edm.Boolean",
            Literal::Int(number) if i32::try_from(*number).is_ok() => "Edm.Int32",
            Literal::Int(_) => "Edm.Int64",
            Literal::Float(_) => "Edm.Decimal",
            Literal::Text(_) => "Edm.String",
            Literal::Moment(_) => "Edm.DateTimeOffset",
            Literal::Guid(_) => "Edm.Guid",
        }
    }

    fn fits(&self, edm: Edm) -> bool {
        match self {
            Literal::Null => true,
            Literal::Bool(_) => edm == Edm::Boolean,
            Literal::Int(_) | Literal::Float(_) => matches!(edm, Edm::Int32 | Edm::Int64 | Edm::Decimal),
            Literal::Text(_) => edm == Edm::Text,
            Literal::Moment(_) => matches!(edm, Edm::Day | Edm::Moment),
            Literal::Guid(_) => edm == Edm::Guid,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare(u16, Op, Literal),
    Test(TextTest, u16, String),
    Constant(bool),
}

impl Expr {
    /// Evaluates the expression for a row whose values `value` supplies.
    pub(crate) fn matches<'r>(&self, value: &impl Fn(u16) -> Scalar<'r>) -> bool {
        match self {
            Expr::And(left, right) => left.matches(value) && right.matches(value),
            Expr::Or(left, right) => left.matches(value) || right.matches(value),
            Expr::Not(inner) => !inner.matches(value),
            Expr::Constant(flag) => *flag,
            Expr::Compare(column, op, literal) => {
                let left = value(*column);
                let right = literal.scalar();
                // As in SQL: null is only ever equal to null, and never less or greater.
                if matches!(left, Scalar::Null) != matches!(right, Scalar::Null) {
                    return *op == Op::Ne;
                }
                op.holds(left.order(&right))
            }
            Expr::Test(test, column, needle) => match value(*column) {
                Scalar::Text(text) => match test {
                    TextTest::Contains => text.contains(needle.as_str()),
                    TextTest::StartsWith => text.starts_with(needle.as_str()),
                    TextTest::EndsWith => text.ends_with(needle.as_str()),
                },
                _ => false,
            },
        }
    }

    /// The parts that all have to hold.
    pub(crate) fn conjuncts(&self) -> Vec<&Expr> {
        match self {
            Expr::And(left, right) => {
                let mut parts = left.conjuncts();
                parts.extend(right.conjuncts());
                parts
            }
            other => vec![other],
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Word(String),
    Text(String),
}

/// Parses a `$filter` against the columns of `table`.
///
/// `visible` tells which columns exist at present; a zone-less date is local to `zone`.
pub(crate) fn parse(
    text: &str,
    table: &Table,
    visible: &dyn Fn(&Column) -> bool,
    zone: FixedOffset,
) -> Result<Expr, Refusal> {
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens, at: 0, table, visible, zone, depth: 0 };
    let expr = parser.or()?;
    if parser.at < parser.tokens.len() {
        return Err(parser.syntax());
    }
    Ok(expr)
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Refusal> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((start, first)) = rest.next() {
        let token = match first {
            ' ' | '\t' => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '\'' => {
                let mut value = String::new();
                loop {
                    match rest.next() {
                        Some((_, '\'')) if rest.next_if(|(_, next)| *next == '\'').is_some() => value.push('\''),
                        Some((_, '\'')) => break Token::Text(value),
                        Some((_, other)) => value.push(other),
                        None => {
                            return Err(Refusal::odata(format!(
                                "There is an unterminated string literal at position {} in '{text}'.",
                                text.len()
                            )));
                        }
                    }
                }
            }
            first => {
                let mut word = String::from(first);
                while let Some((_, next)) = rest.next_if(|(_, next)| !" \t(),'".contains(*next)) {
                    word.push(next);
                }
                // `datetime'..'` and `guid'..'` are OData 3: version 4 does not know them.
                if rest.peek().is_some_and(|(_, next)| *next == '\'') {
                    return Err(Refusal::odata(format!(
                        "Unrecognized 'Edm.String' literal '{}' at '{start}' in '{text}'.",
                        text.get(start..).unwrap_or_default()
                    )));
                }
                Token::Word(word)
            }
        };
        tokens.push((start, token));
    }
    Ok(tokens)
}

enum Operand {
    Column(u16),
    Literal(Literal),
    Boolean(Expr),
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token)>,
    at: usize,
    table: &'a Table,
    visible: &'a dyn Fn(&Column) -> bool,
    zone: FixedOffset,
    depth: usize,
}

impl Parser<'_> {
    fn syntax(&self) -> Refusal {
        let position = self.tokens.get(self.at).map_or(self.text.len(), |(start, _)| *start);
        Refusal::odata(format!("Syntax error at position {position} in '{}'.", self.text))
    }

    fn peek_word(&self) -> Option<&str> {
        match self.tokens.get(self.at) {
            Some((_, Token::Word(word))) => Some(word),
            _ => None,
        }
    }

    fn take(&mut self) -> Result<Token, Refusal> {
        let token = self.tokens.get(self.at).map(|(_, token)| token.clone()).ok_or_else(|| self.syntax())?;
        self.at += 1;
        Ok(token)
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), Refusal> {
        if self.tokens.get(self.at).is_some_and(|(_, token)| token == wanted) {
            self.at += 1;
            return Ok(());
        }
        Err(self.syntax())
    }

    fn or(&mut self) -> Result<Expr, Refusal> {
        let mut left = self.and()?;
        while self.peek_word() == Some("or") {
            self.at += 1;
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, Refusal> {
        let mut left = self.comparison()?;
        while self.peek_word() == Some("and") {
            self.at += 1;
            left = Expr::And(Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expr, Refusal> {
        let left = self.operand()?;
        let Some(op) = self.peek_word().and_then(Op::parse) else {
            return self.boolean(left);
        };
        self.at += 1;
        let right = self.operand()?;
        match (left, right) {
            (Operand::Column(column), Operand::Literal(literal)) => self.compare(column, op, literal),
            (Operand::Literal(literal), Operand::Column(column)) => self.compare(column, op.flipped(), literal),
            (Operand::Boolean(expr), Operand::Literal(Literal::Bool(flag)))
            | (Operand::Literal(Literal::Bool(flag)), Operand::Boolean(expr)) => match (op, flag) {
                (Op::Eq, true) | (Op::Ne, false) => Ok(expr),
                (Op::Eq, false) | (Op::Ne, true) => Ok(Expr::Not(Box::new(expr))),
                _ => Err(self.syntax()),
            },
            (Operand::Literal(a), Operand::Literal(b)) => Ok(Expr::Constant(op.holds(a.scalar().order(&b.scalar())))),
            _ => Err(self.syntax()),
        }
    }

    fn compare(&self, column: u16, op: Op, literal: Literal) -> Result<Expr, Refusal> {
        let edm = self.table.columns[usize::from(column)].edm;
        if literal.fits(edm) {
            return Ok(Expr::Compare(column, op, literal));
        }
        Err(Refusal::odata(format!(
            "A binary operator with incompatible types was detected. Found operand types '{}' and '{}' for operator kind '{}'.",
            edm.name(),
            literal.edm(),
            op.kind()
        )))
    }

    fn boolean(&self, operand: Operand) -> Result<Expr, Refusal> {
        match operand {
            Operand::Boolean(expr) => Ok(expr),
            Operand::Literal(Literal::Bool(flag)) => Ok(Expr::Constant(flag)),
            Operand::Column(column) if self.table.columns[usize::from(column)].edm == Edm::Boolean => {
                Ok(Expr::Compare(column, Op::Eq, Literal::Bool(true)))
            }
            _ if self.at < self.tokens.len() => Err(self.syntax()),
            _ => Err(Refusal::odata("The $filter expression must evaluate to a single boolean value.".to_owned())),
        }
    }

    fn operand(&mut self) -> Result<Operand, Refusal> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Refusal::odata("Recursion limit reached while parsing the query.".to_owned()));
        }
        let operand = match self.take()? {
            Token::Open => {
                let inner = self.or()?;
                self.expect(&Token::Close)?;
                Operand::Boolean(inner)
            }
            Token::Text(text) => Operand::Literal(Literal::Text(text)),
            Token::Word(word) if word == "not" => {
                let inner = self.operand()?;
                Operand::Boolean(Expr::Not(Box::new(self.boolean(inner)?)))
            }
            Token::Word(word) if self.tokens.get(self.at).is_some_and(|(_, next)| *next == Token::Open) => {
                Operand::Boolean(self.call(&word)?)
            }
            Token::Word(word) => self.word(&word)?,
            Token::Close | Token::Comma => {
                self.at -= 1;
                return Err(self.syntax());
            }
        };
        self.depth -= 1;
        Ok(operand)
    }

    fn call(&mut self, name: &str) -> Result<Expr, Refusal> {
        let test = match name {
            "contains" => TextTest::Contains,
            "startswith" => TextTest::StartsWith,
            "endswith" => TextTest::EndsWith,
            _ => {
                return Err(Refusal::odata(format!(
                    "An unknown function with name '{name}' was found. This may also be a function import or a key lookup on a navigation property, which is not allowed."
                )));
            }
        };
        self.expect(&Token::Open)?;
        let column = self.operand()?;
        self.expect(&Token::Comma)?;
        let needle = self.operand()?;
        self.expect(&Token::Close)?;
        match (column, needle) {
            (Operand::Column(column), Operand::Literal(Literal::Text(needle)))
                if self.table.columns[usize::from(column)].edm == Edm::Text =>
            {
                Ok(Expr::Test(test, column, needle))
            }
            _ => Err(Refusal::odata(format!(
                "No function signature for the function with name '{name}' matches the specified arguments."
            ))),
        }
    }

    fn word(&self, word: &str) -> Result<Operand, Refusal> {
        let literal = match word {
            "null" => Literal::Null,
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            _ => match self.typed(word) {
                Some(literal) => literal,
                None => return property(self.table, self.visible, word).map(Operand::Column),
            },
        };
        Ok(Operand::Literal(literal))
    }

    fn typed(&self, word: &str) -> Option<Literal> {
        if let Some(guid) = parse_guid(word) {
            return Some(Literal::Guid(guid));
        }
        if !word.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
            return None;
        }
        if let Ok(number) = word.parse() {
            return Some(Literal::Int(number));
        }
        if let Some(at) = parse_moment(word, self.zone) {
            return Some(Literal::Moment(at.timestamp_micros()));
        }
        word.parse().ok().map(Literal::Float)
    }
}

/// Finds a column by name, or refuses with the server's text.
pub(crate) fn property(table: &Table, visible: &dyn Fn(&Column) -> bool, name: &str) -> Result<u16, Refusal> {
    table.column(name).filter(|column| visible(&table.columns[usize::from(*column)])).ok_or_else(|| {
        Refusal::odata(format!("Could not find a property named '{name}' on type 'Erp.{}'.", table.type_name()))
    })
}
