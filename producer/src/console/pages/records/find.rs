//! Search by key over all flows: whole, or without its company or kind.

use maud::{Markup, html};
use mlc_flow::flow_kind;
use mlc_ledger::Row;
use mlc_model::{FlowId, RecordKey, RecordKind};
use mlc_runtime::settings::{Connection, FlowSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dto::words_of;
use crate::{
    Rooms,
    console::{
        call::Call,
        components::{badge, empty, or_dash, record_path, table, text},
        error::ConsoleError,
        reply::View,
        route::Route,
    },
};

/// Longest text that is looked for.
const LONGEST: usize = 200;
/// Kinds of records, as keys name them.
const KINDS: [RecordKind; 8] = [
    RecordKind::Vendor,
    RecordKind::Customer,
    RecordKind::VendorContact,
    RecordKind::CustomerContact,
    RecordKind::PurchaseOrder,
    RecordKind::ApInvoice,
    RecordKind::ShopOrder,
    RecordKind::ShopInvoice,
];

/// What to look for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Query {
    /// A key such as `EPIC06:VEND:118`, or part of one: `VEND:118`, `118`, or a number of the shop such as `EPIC06-PO-50231`.
    key: Option<String>,
}

/// What a search found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Found {
    /// What was looked for; `null` when nothing was.
    key: Option<String>,
    /// Records, by flow.
    items: Vec<Hit>,
}

/// One record of one flow.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Hit {
    /// The flow.
    flow: String,
    /// The key.
    key: String,
    /// Its id at the target; `null` when it has none.
    target_id: Option<String>,
    /// Where it stands, such as `delivered`.
    state: Vec<String>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![Route::show("/records", "Records by their key, over all flows", show).asks::<Query>().answers::<Found>()]
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let query: Query = call.query()?;
    let key = query.key.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
    let mut items = Vec::new();
    if let Some(key) = &key {
        if key.len() > LONGEST {
            return Err(ConsoleError::bad_input(format!("A key has at most {LONGEST} characters here.")));
        }
        for (flow, settings) in &call.rooms.settings.flows {
            let keys = candidates(key, flow, settings, &call.rooms);
            let rows = call.rooms.ledger.row(flow, &keys).await?;
            let known = keys.iter().zip(rows).filter_map(|(key, row)| Some((key, row?)));
            items.extend(known.map(|(key, row)| hit(flow, key, &row)));
        }
    }
    let found = Found { key, items };
    Ok(View::new("/records", "Records", found, |found, _viewer| page(found)))
}

fn hit(flow: &FlowId, key: &RecordKey, row: &Row) -> Hit {
    Hit {
        flow: flow.to_string(),
        key: key.to_string(),
        target_id: row.target.as_ref().map(ToString::to_string),
        state: words_of(Some(row)),
    }
}

/// The keys that a text may mean in one flow.
fn candidates(typed: &str, flow: &FlowId, settings: &FlowSettings, rooms: &Rooms) -> Vec<RecordKey> {
    let Ok(kind) = flow_kind(settings.kind(flow)) else { return Vec::new() };
    let connections = [&settings.from, &settings.to].into_iter().filter_map(|id| rooms.settings.connection(id));
    let Some(epicor) = connections.filter_map(Connection::as_epicor).next() else { return Vec::new() };
    keys_of(typed, epicor.company.as_str(), kind.kinds)
}

fn keys_of(typed: &str, company: &str, kinds: &[RecordKind]) -> Vec<RecordKey> {
    let typed = shop_number(typed.trim()).unwrap_or_else(|| typed.trim().to_uppercase());
    let key = |kind: RecordKind, number: &str| RecordKey::from_text(&format!("{company}:{}:{number}", kind.code()));
    let parts: Vec<&str> = typed.splitn(3, ':').collect();
    let code_of = |text: &str| KINDS.into_iter().find(|kind| kind.code() == text);
    match parts.as_slice() {
        // Of a company that was configured once too: its records stand in the ledger still.
        [_, code, _] if code_of(code).is_some_and(|kind| kinds.contains(&kind)) => vec![RecordKey::from_text(&typed)],
        [_, code, _] if code_of(code).is_some() => Vec::new(),
        [code, rest @ ..] if !rest.is_empty() && code_of(code).is_some() => {
            let number = typed.split_once(':').map_or("", |(_, number)| number);
            code_of(code).filter(|kind| kinds.contains(kind)).map(|kind| vec![key(kind, number)]).unwrap_or_default()
        }
        _ => kinds.iter().map(|kind| key(*kind, &typed)).collect(),
    }
}

/// `EPIC06-PO-50231` and `EPIC06-V-118`, as the shop calls what came from Epicor, as keys.
fn shop_number(typed: &str) -> Option<String> {
    let upper = typed.to_uppercase();
    let found = [("-PO-", RecordKind::PurchaseOrder), ("-V-", RecordKind::Vendor)].into_iter();
    let mut found = found.filter_map(|(mark, kind)| {
        let (company, number) = upper.rsplit_once(mark)?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        (digits && !company.is_empty() && !company.contains(':')).then(|| format!("{company}:{}:{number}", kind.code()))
    });
    found.next()
}

fn page(found: &Found) -> Markup {
    html! {
        h1 { "Records" }
        form .filters role="search" aria-label="Find a record" method="get" action="/records" {
            label .field {
                span { "Key or number" }
                input type="search" name="key" value=[found.key.as_deref()] maxlength=(LONGEST) autocomplete="off"
                    placeholder="EPIC06:VEND:118";
            }
            button type="submit" { "Find the record" }
        }
        p .hint {
            "A whole key such as EPIC06:VEND:118, without its company (VEND:118), a bare number (118), or the number of an order in the \
             shop (EPIC06-PO-50231). Kinds: "
            @for (at, kind) in KINDS.iter().enumerate() { @if at > 0 { ", " } code { (kind.code()) } }
            "."
        }
        @match (&found.key, found.items.is_empty()) {
            (None, _) => {}
            (Some(_), true) => {
                (empty("No flow has seen a record with this key. A number at a target is no key: look for it in Epicor first."))
            }
            (Some(_), false) => { (table("Records found", &["Record", "Flow", "State", "Id at the target"], rows(found))) }
        }
    }
}

fn rows(found: &Found) -> Markup {
    html! {
        @for hit in &found.items {
            tr {
                th scope="row" { a href=(record_path(&hit.flow, &hit.key)) { (text(&hit.key)) } }
                td { (text(&hit.flow)) }
                td { @for word in &hit.state { (state_badge(word)) " " } }
                td { (or_dash(hit.target_id.as_deref())) }
            }
        }
    }
}

/// A word of the state with its colour.
pub(super) fn state_badge(word: &str) -> Markup {
    let tone = match word {
        "delivered" => "good",
        "refused" => "bad",
        "pending" => "busy",
        _ => "plain",
    };
    badge(tone, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(typed: &str, kinds: &[RecordKind]) -> Vec<String> {
        keys_of(typed, "EPIC06", kinds).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_key_is_completed_by_what_is_configured() {
        let vendors = [RecordKind::Vendor, RecordKind::VendorContact];
        assert_eq!(keys("epic06:vend:118", &vendors), ["EPIC06:VEND:118"]);
        assert_eq!(keys("OLD01:VEND:118", &vendors), ["OLD01:VEND:118"]);
        assert_eq!(keys("VEND:118", &vendors), ["EPIC06:VEND:118"]);
        assert_eq!(keys("VENDCNT:118:2", &vendors), ["EPIC06:VENDCNT:118:2"]);
        assert_eq!(keys("118", &vendors), ["EPIC06:VEND:118", "EPIC06:VENDCNT:118"]);
        assert_eq!(keys("118:2", &vendors), ["EPIC06:VEND:118:2", "EPIC06:VENDCNT:118:2"]);
        assert!(keys("EPIC06:PO:7", &vendors).is_empty() && keys("PO:7", &vendors).is_empty());
        assert_eq!(keys("118/NB/2026:0455", &[RecordKind::ApInvoice]), ["EPIC06:APINV:118/NB/2026:0455"]);
        assert_eq!(keys("EPIC06-PO-50231", &[RecordKind::PurchaseOrder]), ["EPIC06:PO:50231"]);
        assert_eq!(keys("my-co-v-118", &vendors), ["MY-CO:VEND:118"]);
    }
}
