//! What a service says about its own columns.

use std::collections::{BTreeMap, BTreeSet};

use mlc_model::{Fault, FaultKind, System};
use roxmltree::{Document, Node};

use crate::{
    Entity,
    fault::{self, code},
};

/// Columns of one entity set, as `$metadata` publishes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityColumns {
    /// Whose columns.
    pub entity: Entity,
    types: BTreeMap<String, String>,
    children: BTreeSet<String>,
}

/// An entity type inherits at most this often; more is a circle.
const INHERITANCE_LIMIT: usize = 8;

impl EntityColumns {
    /// Columns by name and Edm type, for tests and fixtures.
    pub fn new<'a>(entity: Entity, columns: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let types = columns.into_iter().map(|(name, edm)| (name.to_owned(), edm.to_owned())).collect();
        Self { entity, types, children: BTreeSet::new() }
    }

    /// Reads the description of a service.
    ///
    /// # Errors
    /// `Transient` for a text that is cut short or no XML, `Rejected` when the service does not have the set.
    pub fn parse(entity: Entity, xml: &str) -> Result<Self, Fault> {
        let operation = entity.metadata_operation();
        let xml = xml.trim_start_matches('\u{FEFF}').trim();
        let Ok(document) = Document::parse(xml) else {
            return Err(fault::transient(
                operation,
                200,
                code::NOT_JSON,
                "Epicor's description of the service is not readable XML.",
            ));
        };
        // A well-formed web page of a gateway is XML too.
        if document.root_element().tag_name().name().eq_ignore_ascii_case("html") {
            return Err(fault::transient(
                operation,
                200,
                code::NOT_JSON,
                "Epicor answered with a web page instead of the description of the service; something on the way answered in its place.",
            ));
        }
        let named = |tag: &str, name: &str| {
            document.descendants().find(|node| node.tag_name().name() == tag && node.attribute("Name") == Some(name))
        };
        let type_name = named("EntitySet", entity.set())
            .and_then(|set| set.attribute("EntityType"))
            .map_or(entity.table(), last_segment);
        let Some(mut node) = named("EntityType", type_name) else {
            let message = format!(
                "{} publishes no set `{}`. Check that base_url leads to an Epicor Kinetic instance.",
                entity.service(),
                entity.set()
            );
            return Err(Fault::new(FaultKind::Rejected, System::Epicor, operation, message)
                .with_code(code::NOT_FOUND)
                .with_field(entity.set()));
        };
        let mut columns = Self { entity, types: BTreeMap::new(), children: BTreeSet::new() };
        for _ in 0..INHERITANCE_LIMIT {
            columns.add(node);
            match node.attribute("BaseType").and_then(|base| named("EntityType", last_segment(base))) {
                Some(base) => node = base,
                None => break,
            }
        }
        Ok(columns)
    }

    fn add(&mut self, entity_type: Node<'_, '_>) {
        for node in entity_type.children() {
            let Some(name) = node.attribute("Name") else { continue };
            match node.tag_name().name() {
                "Property" => {
                    self.types.insert(name.to_owned(), node.attribute("Type").unwrap_or_default().to_owned());
                }
                "NavigationProperty" => {
                    self.children.insert(name.to_owned());
                }
                _ => {}
            }
        }
    }

    /// Whether the column exists, spelled exactly like this.
    pub fn has(&self, column: &str) -> bool {
        self.types.contains_key(column)
    }

    /// Edm type of a column, such as `Edm.Int64`.
    pub fn edm_type(&self, column: &str) -> Option<&str> {
        self.types.get(column).map(String::as_str)
    }

    /// Whether the child set can be expanded.
    pub fn has_child(&self, child: &str) -> bool {
        self.children.contains(child)
    }

    /// All columns, in the order of the alphabet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    /// The column that differs only in case: names are irregular in Epicor, and case counts.
    pub fn other_spelling(&self, column: &str) -> Option<&str> {
        self.names().find(|name| name.eq_ignore_ascii_case(column))
    }
}

fn last_segment(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    const SERVICE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
<Schema Namespace="Erp" xmlns="http://docs.oasis-open.org/odata/ns/edm">
  <EntityType Name="Vendor"><Key><PropertyRef Name="Company"/><PropertyRef Name="VendorNum"/></Key>
    <Property Name="Company" Type="Edm.String" Nullable="false"/><Property Name="VendorNum" Type="Edm.Int32"/>
    <Property Name="SysRevID" Type="Edm.Int64"/><NavigationProperty Name="VendCntMains" Type="Collection(Erp.VendCntMain)"/>
  </EntityType>
  <EntityType Name="VendCntMain"><Property Name="ChangeDate" Type="Edm.DateTimeOffset"/></EntityType>
</Schema>
<Schema Namespace="Default" xmlns="http://docs.oasis-open.org/odata/ns/edm"><EntityContainer Name="Container">
  <EntitySet Name="Vendors" EntityType="Erp.Vendor"/><EntitySet Name="VendCntMains" EntityType="Erp.VendCntMain"/>
</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"#;

    #[test]
    fn columns_and_children_of_the_right_type_are_found() {
        let columns = EntityColumns::parse(Entity::Vendors, SERVICE).unwrap();
        assert_eq!(columns.names().collect::<Vec<_>>(), ["Company", "SysRevID", "VendorNum"]);
        assert_eq!(columns.edm_type("SysRevID"), Some("Edm.Int64"));
        assert!(columns.has_child("VendCntMains") && !columns.has("ChangeDate"));
        assert_eq!(columns.other_spelling("sysrevid"), Some("SysRevID"));
    }

    #[test]
    fn a_service_without_the_set_and_a_page_that_is_no_xml_are_told_apart() {
        assert_eq!(EntityColumns::parse(Entity::Customers, SERVICE).unwrap_err().kind, FaultKind::Rejected);
        let cut = &SERVICE[..SERVICE.len() - 30];
        assert_eq!(EntityColumns::parse(Entity::Vendors, cut).unwrap_err().kind, FaultKind::Transient);
    }

    #[test]
    fn entities_that_grow_without_bound_are_refused() {
        let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>"#;
        assert!(EntityColumns::parse(Entity::Vendors, bomb).is_err());
    }
}
