//! What a delivery says, in either form, with types as they happen to come.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::DeliveryHeaders;

/// Most events in one delivery; the gateway sends 20.
const MOST_EVENTS: usize = 200;

/// A body that cannot be read. Answer 2xx and shelve it: the sender would only repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyProblem {
    /// No JSON, too deep, or no UTF-8.
    #[error("the body is not JSON")]
    NotJson,
    /// JSON without an event in it.
    #[error("the body holds no event")]
    NoEvent,
    /// More events than any sender puts together.
    #[error("the body holds too many events")]
    TooMany,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// Events, at least one.
    Events(Vec<ShopEvent>),
    /// The gateway wants this address fetched within five minutes, to see that ours is willing.
    Validation {
        /// Address at Adobe. Check its host before fetching it.
        url: String,
    },
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A shopper's order was placed. From a webhook it may not be saved yet, and may never be: read it back.
    OrderPlaced,
    /// An order was saved, for whatever reason, ours included.
    OrderSaved,
    /// An invoice was saved, ours included.
    InvoiceSaved,
    /// A company was saved, ours included.
    CompanySaved,
    /// A customer was saved, ours included.
    CustomerSaved,
    /// Something else.
    Other,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct ShopEvent {
    /// What happened.
    pub kind: EventKind,
    /// The event's name without what Adobe puts before it, such as `sales_order_place_after`; empty for a webhook in
    /// plugin form, which does not say it.
    pub name: String,
    /// The gateway's id, the same in every repetition.
    pub event_id: Option<String>,
    /// Id of the order, invoice or company; not there while an order is being placed.
    pub entity_id: Option<i64>,
    /// Number of the order or invoice.
    pub increment_id: Option<String>,
    /// Order of an invoice.
    pub order_id: Option<i64>,
    /// Store of the record, or of the event.
    pub store_id: Option<i64>,
    /// The record as it came: numbers may be texts, lists may be objects.
    pub value: Map<String, Value>,
}

impl ShopEvent {
    /// Whether it tells of an order that we have written ourselves: its number begins as ours do.
    pub fn is_echo(&self, our_prefix: &str) -> bool {
        !our_prefix.is_empty() && self.increment_id.as_deref().is_some_and(|id| id.starts_with(our_prefix))
    }
}

impl Delivery {
    /// Reads a body that was found genuine.
    ///
    /// # Errors
    /// [`BodyProblem`].
    pub fn read(headers: &DeliveryHeaders, body: &[u8]) -> Result<Self, BodyProblem> {
        let value: Value = serde_json::from_slice(body).map_err(|_| BodyProblem::NotJson)?;
        let events = match value {
            Value::Array(list) if list.len() > MOST_EVENTS => return Err(BodyProblem::TooMany),
            Value::Array(list) => {
                let alone = list.len() == 1;
                list.into_iter().filter_map(|one| event(headers, one, alone)).collect()
            }
            Value::Object(object) => {
                if let Some(url) = object.get("validationUrl").and_then(Value::as_str) {
                    return Ok(Self::Validation { url: url.to_owned() });
                }
                event(headers, Value::Object(object), true).into_iter().collect()
            }
            _ => Vec::new(),
        };
        if events.is_empty() { Err(BodyProblem::NoEvent) } else { Ok(Self::Events(events)) }
    }

    /// Tells deliveries apart over at least a day: the event's id where there is one (it stays the same when the gateway
    /// repeats itself), else the request's id, and always a digest of the body.
    pub fn replay_key(headers: &DeliveryHeaders, body: &[u8]) -> String {
        let id = headers.get("x-adobe-event-id").or_else(|| headers.get("x-adobe-commerce-request-id"));
        let mut digest = Sha256::new();
        digest.update(id.unwrap_or_default().as_bytes());
        digest.update([0]);
        digest.update(body);
        hex::encode(digest.finalize())
    }
}

/// `alone`: the headers speak of this event and of no other.
fn event(headers: &DeliveryHeaders, one: Value, alone: bool) -> Option<ShopEvent> {
    let Value::Object(envelope) = one else { return None };
    let header = |name: &str| headers.get(name).filter(|_| alone).map(str::to_owned);
    let text = |name: &str| envelope.get(name).and_then(Value::as_str).map(str::to_owned);
    let io_event = envelope.contains_key("event") || envelope.contains_key("specversion");
    let name = if io_event {
        // The body first: no scheme signs headers, and one header cannot name the different events of a batch.
        text("type").or_else(|| text("event_code")).or_else(|| headers.get("x-adobe-event-code").map(str::to_owned))
    } else {
        text("eventName")
    };
    let name = short_name(&name.unwrap_or_default());
    let event_id =
        header("x-adobe-event-id").or_else(|| text("eventid")).or_else(|| text("event_id")).or_else(|| text("id"));
    let data = payload(&envelope)?;
    let store = data.metadata.get("storeId").or_else(|| data.metadata.get("store_id"));
    let number = |name: &str| data.value.get(name).and_then(whole);
    Some(ShopEvent {
        kind: kind_of(&name, data.argument),
        event_id: event_id.filter(|_| io_event),
        entity_id: number("entity_id").or_else(|| number("id")),
        increment_id: data.value.get("increment_id").and_then(text_of),
        order_id: number("order_id"),
        store_id: number("store_id").or_else(|| store.and_then(whole)),
        value: data.value.clone(),
        name,
    })
}

struct Payload<'a> {
    value: &'a Map<String, Value>,
    metadata: &'a Map<String, Value>,
    /// Name of the method's argument, in plugin form.
    argument: Option<&'a str>,
}

/// The record inside: of I/O Events in `event.data.value` (or `data.value`), of the observer form in `data.order`, of the
/// plugin form in `order`.
fn payload(envelope: &Map<String, Value>) -> Option<Payload<'_>> {
    static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    let data = match envelope.get("event").and_then(Value::as_object) {
        Some(event) => event.get("data"),
        None => envelope.get("data"),
    };
    let data = data.and_then(Value::as_object);
    if let Some(value) = data.and_then(|data| data.get("value")).and_then(Value::as_object) {
        let metadata = data.and_then(|data| data.get("_metadata")).and_then(Value::as_object).unwrap_or(&NOTHING);
        return Some(Payload { value, metadata, argument: None });
    }
    let holder = data.unwrap_or(envelope);
    for argument in ["order", "invoice", "company", "customer", "entity"] {
        if let Some(value) = holder.get(argument).and_then(Value::as_object) {
            return Some(Payload { value, metadata: &NOTHING, argument: Some(argument) });
        }
    }
    None
}

/// `com.adobe.commerce.observer.sales_order_save_commit_after` → `sales_order_save_commit_after`.
fn short_name(name: &str) -> String {
    let name = name.strip_prefix("com.adobe.commerce.").unwrap_or(name);
    let name = name.strip_prefix("observer.").or_else(|| name.strip_prefix("plugin.")).unwrap_or(name);
    name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')).take(120).collect()
}

fn kind_of(name: &str, argument: Option<&str>) -> EventKind {
    match name {
        "checkout_submit_all_after" => return EventKind::OrderPlaced,
        _ if name.ends_with("order_management.place") || name.starts_with("sales_order_place") => {
            return EventKind::OrderPlaced;
        }
        _ if name.starts_with("sales_order_invoice_save") || name.ends_with("invoice_repository.save") => {
            return EventKind::InvoiceSaved;
        }
        _ if name.starts_with("sales_order_save") || name.ends_with("order_repository.save") => {
            return EventKind::OrderSaved;
        }
        _ if name.starts_with("company_save") => return EventKind::CompanySaved,
        _ if name.starts_with("customer_save") => return EventKind::CustomerSaved,
        _ => {}
    }
    match argument.filter(|_| name.is_empty()) {
        // A webhook in plugin form has no name; hooks on orders are hooks on placing them.
        Some("order") => EventKind::OrderPlaced,
        Some("invoice") => EventKind::InvoiceSaved,
        Some("company") => EventKind::CompanySaved,
        Some("customer") => EventKind::CustomerSaved,
        _ => EventKind::Other,
    }
}

/// `5`, `"5"` or `"5.0000"`.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => {
            let text = text.trim();
            let (whole, places) = text.split_once('.').unwrap_or((text, ""));
            places.chars().all(|c| c == '0').then(|| whole.parse().ok()).flatten()
        }
        _ => None,
    }
}

/// Numbers of orders are texts, but look like numbers.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
