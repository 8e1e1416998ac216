//! Persons as contacts: upserted by e-mail address, then linked to their company by the plain association, which leaves a user's labels alone.

use std::collections::HashMap;

use mlc_hubspot::{ContactInput, HubspotClient};
use mlc_model::{Fault, TargetId};

use super::{Prepared, Written, prepare::Target};

pub(super) async fn write(client: &HubspotClient, batch: &[Prepared]) -> Result<Vec<Result<Written, Fault>>, Fault> {
    let mut inputs: Vec<ContactInput> = Vec::with_capacity(batch.len());
    let mut companies: Vec<TargetId> = Vec::with_capacity(batch.len());
    for prepared in batch {
        match &prepared.target {
            Target::Contact { input, company: Some(company) } => {
                inputs.push(input.clone());
                companies.push(company.clone());
            }
            _ => return Err(Fault::defect("contacts.write", "a person was to be written before the firm")),
        }
    }
    let entries = client.upsert_contacts(&inputs).await?;
    let pairs: Vec<(TargetId, TargetId)> = entries
        .iter()
        .zip(&companies)
        .filter_map(|(entry, company)| entry.result.as_ref().ok().map(|landed| (company.clone(), landed.id.clone())))
        .collect();
    let mut refused: HashMap<(TargetId, TargetId), Fault> = HashMap::new();
    if !pairs.is_empty() {
        for link in client.associate(&pairs).await? {
            if let Err(fault) = link.result {
                refused.insert((link.company, link.contact), fault);
            }
        }
    }
    Ok(entries
        .into_iter()
        .zip(companies)
        .map(|(entry, company)| {
            let landed = entry.result?;
            match refused.remove(&(company, landed.id.clone())) {
                Some(fault) => Err(fault),
                None => Ok(Written { target: landed.id, created: landed.created }),
            }
        })
        .collect())
}
