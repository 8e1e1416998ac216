//! Asynchronous calls: taken at once, carried out by consumers, told about by uuid.

use serde_json::{Value, json};

use super::{
    answers::{Answer, Handled, refusal},
    schema::Row,
    shop::Shop,
    store::{Bulk, BulkOperation},
};

/// Operation not yet carried out.
const OPEN: u8 = 4;

impl Shop {
    /// Takes the members of an asynchronous call; even those that can never work.
    pub(super) fn take_bulk(&mut self, path: &[String], bodies: Vec<Value>) -> Answer {
        let random: u128 = rand::random();
        let hex = format!("{random:032x}");
        let uuid = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
        let accepted: Vec<Value> = bodies
            .iter()
            .enumerate()
            .map(|(id, body)| json!({ "id": id, "data_hash": hash(body), "status": "accepted" }))
            .collect();
        let operations = bodies
            .into_iter()
            .map(|body| BulkOperation { path: path.to_vec(), body, status: OPEN, message: None })
            .collect();
        let topic = match path.last().map(String::as_str) {
            Some("invoice") => "async.magento.sales.api.invoiceorderinterface.execute.post",
            _ => "async.magento.sales.api.orderrepositoryinterface.save.post",
        };
        let bulk = Bulk { topic: topic.to_owned(), start_time: self.now_text(), operations };
        self.tables.bulks.insert(uuid.clone(), bulk);
        Answer::json(202, json!({ "bulk_uuid": uuid, "request_items": accepted, "errors": false }))
    }

    /// Lets the consumers carry out what is open.
    pub(super) fn run_consumers(&mut self) {
        let mut bulks = std::mem::take(&mut self.tables.bulks);
        for operation in
            bulks.values_mut().flat_map(|bulk| &mut bulk.operations).filter(|operation| operation.status == OPEN)
        {
            let handled = match operation.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["orders"] => self.save_order(operation.body.as_object().unwrap_or(&Row::new())),
                ["order", id, "invoice"] => self.invoice_order(id.parse().unwrap_or_default(), &operation.body),
                _ => Ok(Answer::ok(Value::Null)),
            };
            match handled {
                Ok(_) => {
                    operation.status = 1;
                    operation.message = Some(
                        "Service execution success Magento\\Sales\\Model\\OrderRepository\\Interceptor::save"
                            .to_owned(),
                    );
                }
                Err(refused) => {
                    operation.status = 3;
                    operation.message = Some(refused.message().to_owned());
                }
            }
        }
        self.tables.bulks = bulks;
    }

    /// `GET /V1/bulk/{uuid}/status`, `/detailed-status`, `/operation-status/{status}`.
    pub(super) fn bulk_status(&mut self, uuid: &str, what: &str, status: Option<&str>) -> Handled {
        if self.behaviour.consumers_running {
            self.run_consumers();
        }
        let Some(bulk) = self.tables.bulks.get(uuid) else {
            return refusal(404, "Bulk uuid %bulkUuid not exist").with(json!({ "bulkUuid": uuid })).refuse();
        };
        if let Some(status) = status {
            let count = bulk.operations.iter().filter(|operation| operation.status.to_string() == status).count();
            return Ok(Answer::ok(json!(count)));
        }
        let operations: Vec<Value> = bulk
            .operations
            .iter()
            .enumerate()
            .map(|(id, operation)| {
                let code = match operation.status {
                    1 | OPEN => Value::Null,
                    _ => json!(0),
                };
                let mut row = json!({ "id": id, "status": operation.status, "result_message": operation.message, "error_code": code });
                if what == "detailed-status" {
                    row["topic_name"] = bulk.topic.as_str().into();
                    row["serialized_data"] = operation.body.to_string().into();
                }
                row
            })
            .collect();
        Ok(Answer::ok(json!({ "operations_list": operations, "user_type": 1, "bulk_id": uuid,
            "description": format!("Topic {}", bulk.topic), "start_time": bulk.start_time, "user_id": 1,
            "operation_count": bulk.operations.len() })))
    }
}

fn hash(body: &Value) -> String {
    use std::fmt::Write;

    use sha2::{Digest, Sha256};
    Sha256::digest(body.to_string()).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
