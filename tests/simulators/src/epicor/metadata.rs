//! `$metadata` and service documents.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{
    schema::{Table, tables},
    store::Store,
};

fn tables_of(service: &str) -> impl Iterator<Item = &'static Table> {
    tables().iter().filter(move |table| table.service == service)
}

/// The EDMX document of one service.
pub(crate) fn edmx(store: &Store, service: &str) -> String {
    let mut types = String::new();
    let mut sets = String::new();
    for table in tables_of(service) {
        let _ = write!(
            types,
            "<EntityType Name=\"{}\" OpenType=\"true\"><Key><PropertyRef Name=\"{}\"/>",
            table.type_name(),
            table.company_column
        );
        for key in table.keys {
            let _ = write!(types, "<PropertyRef Name=\"{key}\"/>");
        }
        types.push_str("</Key>");
        for column in table.columns.iter().filter(|column| store.is_visible(table, column)) {
            let is_key = column.name == table.company_column || table.keys.contains(&column.name);
            let scale = if column.edm.name() == "Edm.Decimal" { " Precision=\"20\" Scale=\"9\"" } else { "" };
            let _ = write!(
                types,
                "<Property Name=\"{}\" Type=\"{}\" Nullable=\"{}\"{scale}/>",
                column.name,
                column.edm.name(),
                !is_key && column.edm.name() == "Edm.DateTimeOffset",
            );
        }
        let mut bindings = String::new();
        for child in tables().iter().filter(|child| table.children.contains(&child.set)) {
            let _ = write!(
                types,
                "<NavigationProperty Name=\"{}\" Type=\"Collection(Erp.{})\"/>",
                child.set,
                child.type_name()
            );
            let _ = write!(bindings, "<NavigationPropertyBinding Path=\"{0}\" Target=\"{0}\"/>", child.set);
        }
        types.push_str("</EntityType>");
        let _ = write!(
            sets,
            "<EntitySet Name=\"{}\" EntityType=\"Erp.{}\">{bindings}</EntitySet>",
            table.set,
            table.type_name()
        );
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\"><edmx:DataServices><Schema Namespace=\"Erp\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">{types}</Schema><Schema Namespace=\"Default\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\"><EntityContainer Name=\"Container\">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    )
}

/// The service document: the entity sets of one service.
pub(crate) fn service_document(service: &str, context: &str) -> Value {
    let sets: Vec<Value> =
        tables_of(service).map(|table| json!({ "name": table.set, "kind": "EntitySet", "url": table.set })).collect();
    json!({ "@odata.context": context, "value": sets })
}

/// Whether the simulator serves a service of that name.
pub(crate) fn has_service(service: &str) -> bool {
    tables().iter().any(|table| table.service == service)
}
