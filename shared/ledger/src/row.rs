//! What the ledger knows of one record.

use mlc_model::{Fingerprint, TargetId, Version};
use serde::Serialize;

use crate::{
    AuditId, LedgerError,
    packing::{Reader, numeric_target, text_target, unpack_version},
};

/// What the target took last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// Version at the source.
    pub version: Version,
    /// Content.
    pub fingerprint: Fingerprint,
}

/// What the ledger knows of one record of one flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Newest version seen at the source; `None` when it was only noted or excluded.
    pub seen: Option<Version>,
    /// What the target took last; `None` when nothing was, or when it was deleted there.
    pub delivered: Option<Delivered>,
    /// The record's id at the target.
    pub target: Option<TargetId>,
    /// Deliberately not moved, such as a prospect.
    pub excluded: bool,
    /// The last attempt ended as a dead letter.
    pub refused: bool,
    /// A push was begun and its end is not known yet, or the record was unsettled: it is written again at its next sighting.
    pub pending: bool,
    /// Its newest audit entry.
    pub last_entry: Option<AuditId>,
}

impl Row {
    /// Reads the layout of `lua/row.lua`.
    pub(crate) fn unpack(bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut reader = Reader::new("record row", bytes);
        let flags = reader.byte()?;
        let has = |flag: u8| flags & flag != 0;
        let seen = unpack_version(reader.array()?);
        let version = reader.array()?;
        let fingerprint = Fingerprint(reader.array()?);
        let last_entry = AuditId::unpack(reader.array()?);
        let target = if has(16) {
            Some(numeric_target(reader.array()?)?)
        } else if has(32) {
            Some(text_target(reader.text(reader.rest().len())?)?)
        } else {
            None
        };
        let delivered =
            has(4).then(|| Delivered { version: Version(crate::packing::unpack_i64(version)), fingerprint });
        Ok(Self { seen, delivered, target, excluded: has(1), refused: has(2), pending: has(8) || has(64), last_entry })
    }
}
