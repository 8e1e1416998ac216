//! The catalogue's entities and the client's, which do not know each other.

use mlc_epicor::Entity as Listed;
use mlc_flow::Entity;

pub(crate) fn epicor_entity(entity: Entity) -> Listed {
    match entity {
        Entity::Vendors => Listed::Vendors,
        Entity::Customers => Listed::Customers,
        Entity::CustomerContacts => Listed::CustomerContacts,
    }
}

pub(crate) fn flow_entity(entity: Listed) -> Entity {
    match entity {
        Listed::Vendors => Entity::Vendors,
        Listed::Customers => Entity::Customers,
        Listed::CustomerContacts => Entity::CustomerContacts,
    }
}
