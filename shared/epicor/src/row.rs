//! One row with a checked key, and what is wrong with a row that has none.

use mlc_model::{CompanyCode, Fault, FaultKind, RecordKey, RecordKind, System, Version};

use crate::{Cell, Entity, Fields, RowKey, query::REVISION_COLUMN};

/// A row whose key and version are known to be good. Nothing else is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub key: RowKey,
    /// The row's own `SysRevID`. Children have versions of their own: the highest of both would fall when the newest child is deleted,
    /// and the row would pass for an old one.
    pub version: Version,
    /// All columns that were sent.
    pub fields: Fields,
}

/// A row, or a contact within a row, that cannot be carried over. The rest of the page goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RowProblem {
    /// Where it was read.
    pub entity: Entity,
    /// What it would have been.
    pub kind: RecordKind,
    /// Its key, where that much could be read.
    pub key: Option<RowKey>,
    /// Epicor's column.
    pub field: String,
    /// What groups equal problems.
    pub code: &'static str,
    /// What is wrong, for people, without the value itself.
    pub reason: String,
}

impl RowProblem {
    /// The record's key over all systems, where it is known.
    pub fn record_key(&self, company: &CompanyCode) -> Option<RecordKey> {
        let key = self.key.as_ref()?;
        // A line or release is no record; its order is.
        let number = if key.part.is_some() { key.number.to_string() } else { key.to_string() };
        Some(RecordKey::new(company, self.kind, &number))
    }
}

impl From<RowProblem> for Fault {
    fn from(problem: RowProblem) -> Self {
        Fault::new(FaultKind::Rejected, System::Epicor, problem.entity.read_operation(), problem.reason)
            .with_code(problem.code)
            .with_field(problem.field)
    }
}

impl Row {
    /// Checks the key and the version of a row. `position` counts from 1 and names the row when its key cannot.
    pub(crate) fn check(
        entity: Entity,
        company: &CompanyCode,
        position: usize,
        cell: Cell,
    ) -> Result<Self, RowProblem> {
        let nowhere = Place { entity, kind: entity.record_kind(), key: None, position };
        let Cell::Object(fields) = cell else {
            return Err(nowhere.problem("", "row.not_an_object", &format!("is {} instead of a row", cell.shape())));
        };
        let key = read_key(&nowhere, &fields)?;
        let place = Place { key: Some(key.clone()), ..nowhere };
        match fields.get("Company") {
            None => {}
            Some(Cell::Text(text)) if text.trim().eq_ignore_ascii_case(company.as_str()) => {}
            Some(Cell::Text(_)) => {
                let reason = format!("belongs to another company than {company}, whose rows were asked for");
                return Err(place.problem("Company", "row.other_company", &reason));
            }
            Some(other) => return Err(place.problem("Company", "row.bad_key", &format!("holds {}", other.shape()))),
        }
        let own = place.int(&fields, REVISION_COLUMN)?;
        Ok(Self { key, version: Version(own), fields })
    }

    pub(crate) fn place(&self, entity: Entity) -> Place {
        Place { entity, kind: entity.record_kind(), key: Some(self.key.clone()), position: 0 }
    }
}

fn read_key(place: &Place, fields: &Fields) -> Result<RowKey, RowProblem> {
    match place.entity {
        Entity::Vendors => Ok(RowKey::firm(place.int(fields, "VendorNum")?)),
        Entity::Customers => Ok(RowKey::firm(place.int(fields, "CustNum")?)),
        Entity::PurchaseOrders => Ok(RowKey::firm(place.int(fields, "PONum")?)),
        Entity::PurchaseOrderLines => Ok(RowKey::order_line(place.int(fields, "PONUM")?, place.int(fields, "POLine")?)),
        Entity::PurchaseOrderReleases => Ok(RowKey::release(
            place.int(fields, "PONum")?,
            place.int(fields, "POLine")?,
            place.int(fields, "PORelNum")?,
        )),
        Entity::ApInvoices => {
            let vendor = place.int(fields, "VendorNum")?;
            let number = place.key_text(fields, "InvoiceNum")?;
            if number.trim().is_empty() {
                return Err(place.problem("InvoiceNum", "row.empty_key", "is empty"));
            }
            Ok(RowKey::document(vendor, number))
        }
        Entity::CustomerContacts => {
            let customer = place.int(fields, "CustNum")?;
            let ship_to = place.key_text(fields, "ShipToNum")?;
            Ok(RowKey::contact(customer, ship_to, place.int(fields, "ConNum")?))
        }
    }
}

/// Which row a value is read from, for messages.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) entity: Entity,
    pub(crate) kind: RecordKind,
    pub(crate) key: Option<RowKey>,
    pub(crate) position: usize,
}

impl Place {
    pub(crate) fn problem(&self, field: &str, code: &'static str, what: &str) -> RowProblem {
        let who = match self.kind {
            RecordKind::Vendor => "Vendor",
            RecordKind::Customer => "Customer",
            RecordKind::VendorContact => "Vendor contact",
            RecordKind::CustomerContact => "Customer contact",
            RecordKind::PurchaseOrder => "Purchase order",
            RecordKind::ApInvoice => "AP invoice",
            RecordKind::ShopOrder => "Shop order",
            RecordKind::ShopInvoice => "Shop invoice",
        };
        let which = match &self.key {
            Some(key) => format!("{who} {key}"),
            None => format!("{who} in row {} of the page", self.position),
        };
        let reason = if field.is_empty() { format!("{which} {what}.") } else { format!("{which}: {field} {what}.") };
        RowProblem {
            entity: self.entity,
            kind: self.kind,
            key: self.key.clone(),
            field: field.to_owned(),
            code,
            reason,
        }
    }

    pub(crate) fn wrong_type(&self, field: &str, found: &Cell, expected: &str) -> RowProblem {
        if let Cell::Unreadable(why) = found {
            let what = format!("holds {why}. Correct it in Epicor, then replay this record");
            return self.problem(field, "row.unreadable", &what);
        }
        self.problem(field, "row.wrong_type", &format!("holds {} where {expected} belongs", found.shape()))
    }

    /// A whole number that must be there. Numbers may arrive as texts.
    pub(crate) fn int(&self, fields: &Fields, field: &str) -> Result<i64, RowProblem> {
        self.optional_int(fields, field)?.ok_or_else(|| self.problem(field, "row.empty_key", "is empty"))
    }

    pub(crate) fn optional_int(&self, fields: &Fields, field: &str) -> Result<Option<i64>, RowProblem> {
        let text = match fields.get(field) {
            None | Some(Cell::Null) => return Ok(None),
            Some(Cell::Number(text) | Cell::Text(text)) => text.trim(),
            Some(other) => return Err(self.wrong_type(field, other, "a whole number")),
        };
        if text.is_empty() {
            return Ok(None);
        }
        // `118.0` is 118: some serialisers write every number with a decimal point.
        let whole = match text.split_once('.') {
            Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') => whole,
            _ => text,
        };
        whole
            .parse()
            .map(Some)
            .map_err(|_| self.problem(field, "row.wrong_type", "holds something that is not a whole number"))
    }

    /// A text that is part of a key: empty is a value, null is not.
    pub(crate) fn key_text(&self, fields: &Fields, field: &str) -> Result<String, RowProblem> {
        match fields.get(field) {
            Some(Cell::Text(text)) => Ok(text.clone()),
            Some(Cell::Number(text)) => Ok(text.clone()),
            None | Some(Cell::Null) => Err(self.problem(field, "row.empty_key", "is empty")),
            Some(other) => Err(self.wrong_type(field, other, "a text")),
        }
    }

    /// A text, trimmed. Empty, null and absent = `None`.
    pub(crate) fn text(&self, fields: &Fields, field: &str) -> Result<Option<String>, RowProblem> {
        match fields.get(field) {
            None | Some(Cell::Null) => Ok(None),
            Some(Cell::Text(text) | Cell::Number(text)) => {
                let text = text.trim();
                Ok(if text.is_empty() { None } else { Some(text.to_owned()) })
            }
            Some(other) => Err(self.wrong_type(field, other, "a text")),
        }
    }

    /// Any simple value as a text, for extra columns. Empty, null and absent = `None`.
    pub(crate) fn any_text(&self, fields: &Fields, field: &str) -> Result<Option<String>, RowProblem> {
        match fields.get(field) {
            Some(Cell::Flag(flag)) => Ok(Some(flag.to_string())),
            _ => self.text(fields, field),
        }
    }

    /// A yes or no. Null and absent = no, which is what the column's default in Epicor is.
    pub(crate) fn flag(&self, fields: &Fields, field: &str) -> Result<bool, RowProblem> {
        match fields.get(field) {
            None | Some(Cell::Null) => Ok(false),
            Some(Cell::Flag(flag)) => Ok(*flag),
            Some(Cell::Text(text) | Cell::Number(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" => Ok(true),
                "false" | "0" | "" => Ok(false),
                _ => Err(self.problem(field, "row.wrong_type", "holds something that is neither true nor false")),
            },
            Some(other) => Err(self.wrong_type(field, other, "true or false")),
        }
    }
}
