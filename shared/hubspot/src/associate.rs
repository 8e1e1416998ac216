//! Links between companies and contacts. Only the default call is used: it adds the plain link and never touches the
//! labels that a user gave to the pair. Source: HubSpot, "Associate records" (v4).

use std::collections::{BTreeSet, HashMap};

use mlc_model::{Fault, FaultKind, System, TargetId};
use mlc_outbound::{Method, Request};
use serde_json::{Value, json};

use crate::{
    batch::{BatchCall, Sent, after_a_write, deliver},
    client::HubspotClient,
    fault::{Blame, Refusal, entry_fault},
    limits::{ASSOCIATIONS, CONCURRENCY},
    wire::AssociationAnswer,
};

const OPERATION: &str = "associations.associate";

/// Result of one pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// HubSpot's id of the company.
    pub company: TargetId,
    /// HubSpot's id of the contact.
    pub contact: TargetId,
    /// Whether they are linked now. `Rejected` mostly means that one of them is gone from HubSpot.
    pub result: Result<(), Fault>,
}

impl HubspotClient {
    /// Links companies (first) with contacts (second), any number, 100 in one call. One result per pair, in order.
    /// A pair that is linked already stays as it is, with all its labels. Safe to repeat.
    ///
    /// # Errors
    /// The fault that stopped the call before a single pair was decided.
    pub async fn associate(&self, pairs: &[(TargetId, TargetId)]) -> Result<Vec<Association>, Fault> {
        let distinct: Vec<&(TargetId, TargetId)> = pairs.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let call = AssociateCall { client: self, pairs: &distinct };
        let results = deliver(&call, distinct.len(), self.splits_on_500()).await?;
        let by_pair: HashMap<&(TargetId, TargetId), Result<(), Fault>> =
            distinct.iter().copied().zip(results).collect();
        Ok(pairs
            .iter()
            .map(|pair| Association {
                company: pair.0.clone(),
                contact: pair.1.clone(),
                result: by_pair.get(pair).cloned().unwrap_or_else(|| Err(call.undecided())),
            })
            .collect())
    }
}

struct AssociateCall<'a> {
    client: &'a HubspotClient,
    pairs: &'a [&'a (TargetId, TargetId)],
}

impl BatchCall for AssociateCall<'_> {
    type Done = ();

    async fn send(&self, items: &[usize]) -> Sent<()> {
        match self.call(items).await {
            Ok(decided) => Sent::Answered(decided),
            Err(refusal) => Sent::Refused(refusal),
        }
    }

    fn writes_property(&self, _item: usize, _property: &str) -> bool {
        false
    }

    fn undecided(&self) -> Fault {
        Fault::new(FaultKind::Uncertain, System::Hubspot, OPERATION, "HubSpot's answer does not mention this pair")
            .with_code("ENTRY_MISSING")
    }
}

impl AssociateCall<'_> {
    async fn call(&self, items: &[usize]) -> Result<Vec<(usize, Result<(), Fault>)>, Box<Refusal>> {
        let inputs: Vec<Value> = items
            .iter()
            .map(|item| {
                let (company, contact) = self.pairs[*item];
                json!({ "from": { "id": company.as_str() }, "to": { "id": contact.as_str() } })
            })
            .collect();
        let path = self.client.version().associations("companies/contacts/batch/associate/default");
        let request = Request::new(Method::POST, path, OPERATION)
            .family(ASSOCIATIONS)
            .family(CONCURRENCY)
            .json(json!({ "inputs": inputs }).to_string());
        let answer = self.client.call(request).await.map_err(blame_pairs)?;
        let answer = answer.json::<AssociationAnswer>().map_err(after_a_write)?;
        Ok(self.join(items, &answer))
    }

    fn join(&self, items: &[usize], answer: &AssociationAnswer) -> Vec<(usize, Result<(), Fault>)> {
        if answer.errors.is_empty() {
            // Some versions list each link twice (once per direction), some list nothing: no error means all are linked.
            return items.iter().map(|item| (*item, Ok(()))).collect();
        }
        let linked: BTreeSet<(&str, &str)> = answer
            .results
            .iter()
            .filter_map(|link| {
                let from = link.from.id.as_deref().or(link.from_object_id.as_deref())?;
                Some((from, link.to.id.as_deref().or(link.to_object_id.as_deref())?))
            })
            .collect();
        let mut decided = Vec::new();
        for item in items {
            let (company, contact) = self.pairs[*item];
            if linked.contains(&(company.as_str(), contact.as_str())) {
                decided.push((*item, Ok(())));
            } else if let ([_], [error]) = (items, answer.errors.as_slice()) {
                decided.push((*item, Err(entry_fault(error, OPERATION, ""))));
            }
            // The others go again alone, so that each gets the reason that is its own.
        }
        decided
    }
}

/// A missing company or contact is one pair's fault, also when HubSpot answers 404 to the whole call.
fn blame_pairs(refusal: Box<Refusal>) -> Box<Refusal> {
    if refusal.fault.status.is_none() {
        return after_a_write(refusal.fault);
    }
    let mut refusal = refusal;
    let about_a_pair = matches!(refusal.fault.status, Some(400 | 404 | 409 | 422));
    if refusal.blame == Blame::SomeRecord && !about_a_pair {
        refusal.blame = Blame::TheWhole;
    }
    refusal
}
