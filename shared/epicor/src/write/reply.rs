//! What a method answered. A 200 is not "saved".

use std::collections::BTreeMap;

use mlc_model::{Fault, FaultKind, System};
use mlc_outbound::Answer;
use serde_json::value::RawValue;

use super::{
    Dataset,
    method::{Effect, Method},
};
use crate::{
    Cell,
    fault::{self, Refusal, code},
};

type Parts = BTreeMap<String, Box<RawValue>>;

/// The messages an answer may hold, in the order they are shown.
const MESSAGES: [&str; 4] = ["opMessage", "opMsgChkBankRef", "opChkRevMsg", "opDUAMsg"];

/// A method's answer, taken apart.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The dataset to go on with; `None` when the method has no result.
    pub(crate) dataset: Option<Dataset>,
    errors_occurred: bool,
    update_ran: Option<bool>,
    requires_user_input: bool,
    message: String,
}

impl Reply {
    /// Takes an answer apart.
    ///
    /// # Errors
    /// What the refusal means; after a save, `Uncertain` where it may have been done all the same.
    pub(crate) fn read(method: &Method, answer: &Answer) -> Result<Self, Fault> {
        let fault = if answer.is_success() {
            match Self::take_apart(answer.body()) {
                Some(reply) => return Ok(reply),
                None => unreadable(method, answer),
            }
        } else {
            let refusal = Refusal { status: answer.status(), retry_after: answer.retry_after(), body: answer.body() };
            fault::classify(method.operation, &refusal)
        };
        Err(if method.effect == Effect::Save { maybe_saved(fault) } else { fault })
    }

    /// Says whether the save was done.
    ///
    /// # Errors
    /// `Rejected` with code `not_saved` and Epicor's message when it was not; `Uncertain` when `UpdateMaster` does not tell.
    pub(crate) fn saved(self, method: &Method) -> Result<Option<Dataset>, Fault> {
        let refused = |why: &str| {
            let says = if self.message.is_empty() { String::new() } else { format!(" Epicor says: {}", self.message) };
            let message = format!("Epicor did not save: {why}.{says}");
            Fault::new(FaultKind::Rejected, System::Epicor, method.operation, message)
                .with_status(200)
                .with_code(code::NOT_SAVED)
        };
        if self.errors_occurred {
            return Err(refused("there were errors"));
        }
        if self.requires_user_input {
            return Err(refused("it wants an answer from a person"));
        }
        match (method.name, self.update_ran) {
            (_, Some(false)) => Err(refused("the update did not run")),
            ("UpdateMaster", None) => {
                let message = "Epicor does not tell whether it saved.";
                let fault = Fault::new(FaultKind::Uncertain, System::Epicor, method.operation, message);
                Err(fault.with_status(200).with_code(code::WRONG_SHAPE))
            }
            _ => Ok(self.dataset),
        }
    }

    fn take_apart(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?.trim_start_matches('\u{FEFF}').trim();
        if text.is_empty() {
            // A method without a result may answer 200 or 204 with nothing.
            return Some(Self::of(&Parts::new(), None, None));
        }
        let top: Parts = serde_json::from_str(text).ok()?;
        if top.contains_key("ErrorMessage") || top.contains_key("error") {
            return None;
        }
        let below = |name: &str| top.get(name).and_then(|raw| serde_json::from_str::<Parts>(raw.get()).ok());
        Some(Self::of(&top, below("parameters"), below("returnObj")))
    }

    fn of(top: &Parts, parameters: Option<Parts>, result: Option<Parts>) -> Self {
        let ds =
            [parameters.as_ref(), result.as_ref(), Some(top)].into_iter().flatten().find_map(|parts| parts.get("ds"));
        let is_report = result.as_ref().is_some_and(|parts| parts.contains_key("BOUpdError"));
        let dataset = match ds {
            Some(ds) => Dataset::read(ds),
            None if is_report => None,
            None => top.get("returnObj").and_then(|raw| Dataset::read(raw)),
        };
        let places = [parameters.as_ref(), result.as_ref(), Some(top)];
        let cell = |name: &str| {
            places.iter().flatten().find_map(|parts| parts.get(name)).map_or(Cell::Null, |raw| Cell::read(raw, &[]))
        };
        let flag = |name: &str| match cell(name) {
            Cell::Flag(flag) => Some(flag),
            Cell::Text(text) => Some(text.eq_ignore_ascii_case("true")),
            _ => None,
        };
        let mut messages: Vec<String> = MESSAGES
            .iter()
            .filter_map(|name| match cell(name) {
                Cell::Text(text) => Some(text),
                _ => None,
            })
            .collect();
        let report = result.as_ref().and_then(|parts| parts.get("BOUpdError"));
        let errors: Vec<super::DataRow> =
            report.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        messages.extend(errors.iter().take(3).map(|row| row.text("ErrorText")));
        let words = messages.iter().flat_map(|text| text.split_whitespace()).collect::<Vec<_>>();
        Self {
            dataset: dataset.filter(|dataset| !dataset.is_empty()),
            errors_occurred: flag("errorsOccurred").unwrap_or(!errors.is_empty()),
            update_ran: flag("lUpdateRan"),
            requires_user_input: flag("requiresUserInput").unwrap_or(false),
            message: words.join(" "),
        }
    }
}

fn unreadable(method: &Method, answer: &Answer) -> Fault {
    let text = answer.text();
    fault::in_success(method.operation, &text).unwrap_or_else(|| {
        let message = "Epicor's answer is not a readable JSON object; it may have been cut short.";
        fault::transient(method.operation, answer.status(), code::NOT_JSON, message)
    })
}

/// A bad moment after a save was sent: nobody knows whether it was done.
fn maybe_saved(fault: Fault) -> Fault {
    let surely_not = [code::STALE_ROW, code::SESSION_EXPIRED, code::CONVERSIONS_PENDING];
    let told = fault.code.as_deref().is_some_and(|code| surely_not.contains(&code));
    if fault.kind == FaultKind::Transient && !told { Fault { kind: FaultKind::Uncertain, ..fault } } else { fault }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;
    use crate::write::method::{AP_UPDATE_MASTER, REQ_GET, REQ_UPDATE};

    fn read(method: &Method, status: u16, body: &str) -> Result<Reply, Fault> {
        let answer = Answer::recorded(System::Epicor, method.operation, true, status, &[], body.to_owned());
        Reply::read(method, &answer)
    }

    fn saved(method: &Method, body: &str) -> Result<Option<Dataset>, Fault> {
        read(method, 200, body)?.saved(method)
    }

    #[test]
    fn the_dataset_is_found_under_parameters_and_under_the_result() {
        for body in [
            r#"{"parameters":{"ds":{"ReqHead":[{"ReqNum":1}]}}}"#,
            r#"{"returnObj":{"ReqHead":[{"ReqNum":1}]}}"#,
            r#"{"returnObj":{"ds":{"ReqHead":[{"ReqNum":1}]}},"parameters":{}}"#,
            r#"{"returnObj":{"BOUpdError":[]},"parameters":{"errorsOccurred":false,"ds":{"ReqHead":[{"ReqNum":1}]}}}"#,
        ] {
            let dataset = saved(&REQ_UPDATE, body).unwrap().unwrap();
            assert_eq!(dataset.rows("ReqHead")[0].int("ReqNum"), Some(1), "{body}");
        }
        for body in ["", "{}", r#"{"parameters":{}}"#, r#"{"parameters":{"ds":{"ReqHead":[]}}}"#] {
            assert!(saved(&REQ_UPDATE, body).unwrap().is_none(), "{body}");
        }
    }

    #[test]
    fn a_200_that_did_not_save_is_rejected_with_the_message() {
        for body in [
            r#"{"parameters":{"ds":{},"lUpdateRan":false,"opMessage":"Period is\r\nclosed."}}"#,
            r#"{"parameters":{"ds":{},"lUpdateRan":true,"requiresUserInput":true,"opMessage":"Period is closed."}}"#,
            r#"{"returnObj":{"BOUpdError":[{"ErrorText":"Period is closed."}]},"parameters":{"ds":{},"errorsOccurred":true}}"#,
        ] {
            let fault = saved(&AP_UPDATE_MASTER, body).unwrap_err();
            assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Rejected, Some(code::NOT_SAVED)), "{body}");
            assert!(fault.message.ends_with("Epicor says: Period is closed."), "{fault}");
        }
    }

    #[test]
    fn a_save_whose_end_nobody_knows_is_uncertain_and_a_draft_is_not() {
        assert_eq!(saved(&AP_UPDATE_MASTER, r#"{"parameters":{"ds":{}}}"#).unwrap_err().kind, FaultKind::Uncertain);
        for (status, body) in [(200, r#"{"parameters":{"ds":{"#), (502, "<html>"), (500, "{}"), (200, "<html>")] {
            assert_eq!(read(&REQ_UPDATE, status, body).unwrap_err().kind, FaultKind::Uncertain, "{status} {body}");
            assert_eq!(read(&REQ_GET, status, body).unwrap_err().kind, FaultKind::Transient, "{status} {body}");
        }
        let stale = r#"{"ErrorMessage":"Row has been modified by another user and couldn't be updated."}"#;
        assert_eq!(read(&REQ_UPDATE, 400, stale).unwrap_err().code.as_deref(), Some(code::STALE_ROW));
    }
}
