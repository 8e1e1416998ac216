//! The table itself: every route of the console, and the same as rows for those who hold it against what the console does.

use mlc_accounts::Role;
use schemars::SchemaGenerator;

use super::{
    assets, openapi, pages,
    route::{API, Faces, Route, Verb},
};

/// Every route of the console.
pub(crate) fn all() -> Vec<Route> {
    let mut routes = pages::routes();
    routes.extend(assets::routes());
    routes.push(openapi::route());
    routes
}

/// One row of the table of routes, for those who hold it against what the console does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRow {
    /// `GET` or `POST`.
    pub verb: &'static str,
    /// The path as a page, such as `/jobs/{id}`.
    pub path: &'static str,
    /// Every address at which it is offered: the path, and the same under `/api/v1`.
    pub addresses: Vec<String>,
    /// The role that it needs; `None` = anybody, logged in or not.
    pub role: Option<Role>,
    /// Whether it changes something; some questions are sent too.
    pub acts: bool,
    /// What the entry is called that it leaves in the audit.
    pub audits: Option<&'static str>,
    /// The fields of what it takes, where it takes something.
    pub input: Option<serde_json::Value>,
}

/// The table of routes.
pub fn table() -> Vec<RouteRow> {
    let row = |route: Route| RouteRow {
        verb: if route.verb == Verb::Get { "GET" } else { "POST" },
        path: route.path,
        addresses: match route.faces {
            Faces::Both => vec![route.path.to_owned(), format!("{API}{}", route.path)],
            Faces::Own => vec![route.path.to_owned()],
            Faces::Api => vec![format!("{API}{}", route.path)],
        },
        role: route.needs,
        acts: route.acts,
        audits: route.audits,
        input: route.input.map(|make| {
            let mut generator = SchemaGenerator::default();
            let schema = make(&mut generator).to_value();
            serde_json::json!({ "schema": schema, "definitions": generator.take_definitions(true) })
        }),
    };
    all().into_iter().map(row).collect()
}
