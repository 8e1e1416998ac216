//! Links into both systems' own screens.

use mlc_flow::flow_kind;
use mlc_model::{ConnectionId, FlowId, RecordKey};
use mlc_runtime::settings::{FlowSettings, ScreenOf};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Failure, Rooms, action::record::company_in_shop};

/// Where one system shows the record.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Screen {
    /// The connection.
    pub(super) connection: String,
    /// The system behind it.
    pub(super) system: String,
    /// The address.
    pub(super) address: String,
}

/// The screens of a record that the settings tell of.
pub(super) async fn screens(
    rooms: &Rooms,
    flow: &FlowId,
    settings: &FlowSettings,
    key: &RecordKey,
    target_id: Option<&str>,
) -> Result<Vec<Screen>, Failure> {
    let mut parts = key.as_str().splitn(3, ':');
    let (Some(company), Some(code), Some(number)) = (parts.next(), parts.next(), parts.next()) else {
        return Ok(Vec::new());
    };
    let Some(kind) = kind_of(code) else { return Ok(Vec::new()) };
    // At the source a record's number is its id; but the shop's orders have another one beside it, and its companies too.
    let company_id = match (code, flow_kind(settings.kind(flow)).map(|kind| kind.source)) {
        ("VEND", Ok(mlc_model::System::Adobe)) => company_in_shop(rooms, flow, key).await?.map(|id| id.to_string()),
        ("SHOPORD", _) => None,
        _ => Some(number.to_owned()),
    };
    let of = |id| ScreenOf { id, key: key.as_str(), number, company };
    let ends = [(&settings.from, of(company_id.as_deref())), (&settings.to, of(target_id))];
    Ok(ends.into_iter().filter_map(|(connection, record)| screen(rooms, connection, kind, record)).collect())
}

fn screen(rooms: &Rooms, id: &ConnectionId, kind: &str, record: ScreenOf<'_>) -> Option<Screen> {
    let connection = rooms.settings.connection(id)?;
    let address = record.address(connection.screens().get(kind)?)?;
    Some(Screen { connection: id.to_string(), system: connection.system().to_string(), address })
}

/// What the settings call the screen of a kind of records.
fn kind_of(code: &str) -> Option<&'static str> {
    Some(match code {
        "VEND" => "vendors",
        "CUST" => "customers",
        "VENDCNT" | "CUSTCNT" => "contacts",
        "PO" => "purchase_orders",
        "APINV" => "ap_invoices",
        "SHOPORD" => "orders",
        "SHOPINV" => "invoices",
        _ => return None,
    })
}
