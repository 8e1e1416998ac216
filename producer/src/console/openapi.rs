//! The description of the JSON API, made of the table of routes: it cannot say what the code does not do.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    call::Call,
    error::ConsoleError,
    reply::View,
    route::{API, Faces, MakeSchema, Route, Verb},
    table,
};

/// The route that shows it.
pub(super) fn route() -> Route {
    Route::show("/openapi.json", "This description", show).api_only()
}

async fn show(_call: Call) -> Result<View, ConsoleError> {
    Ok(View::new("", "API", document(), |_, _| maud::html! {}))
}

/// The OpenAPI 3.1 description of everything under `/api/v1`.
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| "/components/schemas".clone_into(settings.definitions_path.to_mut()))
        .into_generator();
    let mut paths = Map::new();
    for route in table::all().iter().filter(|route| route.faces != Faces::Own) {
        let item = paths.entry(format!("{API}{}", route.path)).or_insert_with(|| json!({}));
        let verb = if route.verb == Verb::Get { "get" } else { "post" };
        if let Some(item) = item.as_object_mut() {
            item.insert(verb.to_owned(), operation(route, &mut generator));
        }
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": { "title": "ml-connector console", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token from `mlc account token`." },
            },
        },
        "security": [{ "token": [] }, {}],
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut parameters = path_parameters(route.path);
    if let Some(query) = route.query {
        parameters.extend(query_parameters(query, generator));
    }
    let role = route.needs.map_or("none", mlc_accounts::Role::as_str);
    let mut schema = |make: Option<MakeSchema>| make.map_or_else(|| json!({}), |make| make(generator).to_value());
    let mut operation = json!({
        "summary": route.summary,
        "x-role": role,
        "parameters": parameters,
        "responses": {
            "200": { "description": "Done", "content": { "application/json": { "schema": schema(route.answer) } } },
            "default": {
                "description": "Not done: `error.kind` tells what to do about it, `error.message` is for people",
            },
        },
    });
    if route.verb == Verb::Post {
        let content = json!({ "application/json": { "schema": schema(route.input) } });
        operation["requestBody"] = json!({ "content": content });
    }
    if let Some(what) = route.audits {
        operation["x-audits"] = json!(what);
    }
    operation
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })).collect()
}

/// The fields of the query's type, each a parameter of its own.
fn query_parameters(make: MakeSchema, generator: &mut SchemaGenerator) -> Vec<Value> {
    let schema = make(generator).to_value();
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned();
    let definition = generator.definitions().get(&name).cloned().unwrap_or(schema);
    let Some(fields) = definition["properties"].as_object() else { return Vec::new() };
    fields
        .iter()
        .map(|(name, schema)| json!({ "name": name, "in": "query", "required": false, "schema": schema }))
        .collect()
}
