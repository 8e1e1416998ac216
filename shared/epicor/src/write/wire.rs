//! How the steps reach Epicor, so that their tests need none.

use std::future::Future;

use mlc_model::Fault;
use mlc_outbound::{Answer, Request};

use super::{
    ColumnValue, Dataset,
    method::{Effect, Method},
    reply::Reply,
};
use crate::{EpicorClient, query::encode};

/// One try of one request; any status is an answer.
pub(crate) trait Wire: Sync {
    /// A GET below the company's address.
    fn get(&self, tail: String, operation: &'static str) -> impl Future<Output = Result<Answer, Fault>> + Send;
    /// A method by POST.
    fn post(&self, method: &'static Method, body: String) -> impl Future<Output = Result<Answer, Fault>> + Send;
    /// Epicor repeats what it refuses, secrets included.
    fn redacted(&self, fault: Fault) -> Fault;
}

impl Wire for EpicorClient {
    async fn get(&self, tail: String, operation: &'static str) -> Result<Answer, Fault> {
        let path = self.config().address.below(&tail);
        self.send(Request::new(mlc_outbound::Method::GET, path, operation)).await
    }

    async fn post(&self, method: &'static Method, body: String) -> Result<Answer, Fault> {
        let path = self.config().address.below(&method.path());
        let request = Request::new(mlc_outbound::Method::POST, path, method.operation);
        self.send(request.json(body).writes(method.effect == Effect::Save)).await
    }

    fn redacted(&self, fault: Fault) -> Fault {
        EpicorClient::redacted(self, fault)
    }
}

/// Calls a method with its parameters and, where it takes one, a dataset.
pub(crate) async fn call<W: Wire>(
    wire: &W,
    method: &'static Method,
    parameters: &[(&str, ColumnValue)],
    dataset: Option<&Dataset>,
) -> Result<Reply, Fault> {
    let answer = if method.effect == Effect::Read {
        let mut tail = method.path();
        for (index, (name, value)) in parameters.iter().enumerate() {
            tail.push(if index == 0 { '?' } else { '&' });
            tail.push_str(name);
            tail.push('=');
            let text = match value {
                ColumnValue::Text(text) => text.clone(),
                other => other.raw().get().to_owned(),
            };
            encode(&text, &mut tail);
        }
        wire.get(tail, method.operation).await?
    } else {
        let unwritable = |_| Fault::defect(method.operation, "A dataset cannot be written as JSON.");
        let mut parts: std::collections::BTreeMap<&str, _> =
            parameters.iter().map(|(name, value)| (*name, value.raw())).collect();
        if let Some(dataset) = dataset {
            parts.insert("ds", dataset.raw().map_err(unwritable)?);
        }
        wire.post(method, serde_json::to_string(&parts).map_err(unwritable)?).await?
    };
    Reply::read(method, &answer).map_err(|fault| wire.redacted(fault))
}
