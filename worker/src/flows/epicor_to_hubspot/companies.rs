//! Vendors and customers as companies: one upsert per batch, by our unique key.

use mlc_hubspot::{CompanyInput, HubspotClient};
use mlc_model::Fault;

use super::{Prepared, Written, prepare::Target};

pub(super) async fn write(client: &HubspotClient, batch: &[Prepared]) -> Result<Vec<Result<Written, Fault>>, Fault> {
    let inputs: Vec<CompanyInput> = batch
        .iter()
        .map(|prepared| match &prepared.target {
            Target::Company(input) => Ok(input.clone()),
            Target::Contact { .. } => Err(Fault::defect("companies.write", "a batch holds records of different kinds")),
        })
        .collect::<Result<_, _>>()?;
    let entries = client.upsert_companies(&inputs).await?;
    Ok(entries
        .into_iter()
        .map(|entry| entry.result.map(|landed| Written { target: landed.id, created: landed.created }))
        .collect())
}
