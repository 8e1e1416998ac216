//! The catalogue's entities and the client's, which do not know each other.

use mlc_epicor::{Entity as Listed, RowKey};
use mlc_flow::Entity;
use mlc_model::{Fault, RecordKey};

/// The list of Epicor that an entity stands for.
///
/// # Errors
/// `Defect` for what is no list of Epicor.
pub(crate) fn epicor_entity(entity: Entity) -> Result<Listed, Fault> {
    Listed::parse(entity.as_str())
        .ok_or_else(|| Fault::defect("entities", format!("{entity} is not a list that Epicor has")))
}

/// The row to read again for a record: a contact of a vendor stands in its vendor's row. `None` for records that no flow polls.
pub(crate) fn row_of(record: &RecordKey) -> Option<(Entity, RowKey)> {
    let (listed, row) = Listed::of_record(record)?;
    Some((Entity::parse(listed.as_str())?, row))
}
