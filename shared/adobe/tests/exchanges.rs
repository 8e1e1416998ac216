//! Our reading of answers, held against 428 recorded exchanges with real servers.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use std::{collections::BTreeMap, path::Path};

use mlc_adobe::{Invoice, Order, Page, fault};
use mlc_model::{FaultKind, System};
use mlc_outbound::Answer;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Exchange {
    label: String,
    method: String,
    target: String,
    status: u16,
    content_type: Option<String>,
    response: Value,
}

impl Exchange {
    fn answer(&self) -> Answer {
        // Pages and lines of text were recorded as strings.
        let is_json = self.content_type.as_deref().unwrap_or_default().contains("json");
        let body = match &self.response {
            Value::String(text) if !is_json => text.clone(),
            other => other.to_string(),
        };
        Answer::recorded(System::Adobe, "test", self.method != "GET", self.status, &[], body)
    }

    fn is(&self, method: &str, path: &str) -> bool {
        let asked = self.target.split('?').next().unwrap_or_default();
        self.method == method && asked.ends_with(path)
    }
}

fn exchanges() -> Vec<Exchange> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/adobe/observed-exchanges.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_order_and_every_page_that_came_is_read() {
    let (mut orders, mut pages, mut invoices) = (0, 0, 0);
    for exchange in exchanges().iter().filter(|exchange| exchange.status == 200) {
        let answer = exchange.answer();
        if exchange.is("POST", "/V1/orders") {
            let order: Order = answer.json().unwrap_or_else(|fault| panic!("{}: {fault}", exchange.label));
            assert!(order.entity_id.is_some(), "{}", exchange.label);
            orders += 1;
        }
        let is_page = exchange.response.get("total_count").is_some() && exchange.response.get("items").is_some();
        if exchange.is("GET", "/V1/orders") && is_page {
            answer.json::<Page<Order>>().unwrap_or_else(|fault| panic!("{}: {fault}", exchange.label));
            pages += 1;
        }
        if exchange.is("GET", "/V1/invoices") && is_page {
            answer.json::<Page<Invoice>>().unwrap_or_else(|fault| panic!("{}: {fault}", exchange.label));
            invoices += 1;
        }
    }
    assert!(orders > 40 && pages > 30 && invoices > 2, "{orders} orders, {pages} pages, {invoices} invoice pages");
}

#[test]
fn every_refusal_that_came_has_a_kind_and_a_text_without_open_places() {
    let mut codes: BTreeMap<String, u32> = BTreeMap::new();
    for exchange in exchanges().iter().filter(|exchange| exchange.status >= 400) {
        let fault = fault::classify("test", &exchange.answer());
        let label = &exchange.label;
        // Some refusals of credentials come as a 400: the connection is held for those too.
        let said = exchange.response.to_string();
        let is_of_login = ["token length is invalid", "Signature method"].iter().any(|text| said.contains(text));
        let expected = match (exchange.status, exchange.method.as_str()) {
            (401, _) => FaultKind::Unauthorized,
            (400, _) if is_of_login => FaultKind::Unauthorized,
            (500.., "GET") => FaultKind::Transient,
            (500.., _) => FaultKind::Uncertain,
            _ => FaultKind::Rejected,
        };
        assert_eq!(fault.kind, expected, "{label}: {fault}");
        assert!(!fault.message.is_empty() && !fault.message.contains("%field"), "{label}: {fault}");
        *codes.entry(fault.code.unwrap_or_default()).or_default() += 1;
    }
    for code in [
        fault::code::DUPLICATE,
        fault::code::ACL,
        fault::code::BAD_SIGNATURE,
        fault::code::NONCE_USED,
        fault::code::CLOCK,
        fault::code::NOTHING_TO_INVOICE,
        fault::code::NO_INVOICE_LINES,
        fault::code::INVOICE_QUANTITY,
        fault::code::ORDER_STATE,
        fault::code::UNKNOWN_FIELD,
        fault::code::MISSING_FIELD,
        fault::code::WRONG_TYPE,
        fault::code::INTERNAL_ERROR,
        fault::code::PHP_ERROR,
        fault::code::WEB_PAGE,
        fault::code::NO_ROUTE,
        fault::code::NO_STORE,
        fault::code::NOT_FOUND,
    ] {
        assert!(codes.contains_key(code), "{code} is missing in {codes:?}");
    }
}
