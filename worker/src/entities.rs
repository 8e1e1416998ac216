//! The catalogue's entities and the client's, which do not know each other.

use mlc_epicor::{Entity as Listed, RowKey};
use mlc_flow::Entity;
use mlc_model::RecordKey;

pub(crate) fn epicor_entity(entity: Entity) -> Listed {
    match entity {
        Entity::Vendors => Listed::Vendors,
        Entity::Customers => Listed::Customers,
        Entity::CustomerContacts => Listed::CustomerContacts,
    }
}

/// The row to read again for a record: a contact of a vendor stands in its vendor's row. `None` for lists that no flow polls.
pub(crate) fn row_of(record: &RecordKey) -> Option<(Entity, RowKey)> {
    let (listed, row) = Listed::of_record(record)?;
    let entity = match listed {
        Listed::Vendors => Entity::Vendors,
        Listed::Customers => Entity::Customers,
        Listed::CustomerContacts => Entity::CustomerContacts,
        Listed::PurchaseOrders | Listed::ApInvoices => return None,
    };
    Some((entity, row))
}
