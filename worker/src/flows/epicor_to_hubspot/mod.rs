//! Epicor Kinetic → HubSpot: what each record becomes, and how a batch of them is written.

mod companies;
mod contacts;
mod prepare;

pub(crate) use prepare::{Prepared, prepare};

use mlc_hubspot::HubspotClient;
use mlc_model::{Fault, TargetId};

use super::epicor_to_hubspot::prepare::Target;

/// What became of one record at the target.
pub(crate) struct Written {
    /// The record's id there.
    pub(crate) target: TargetId,
    /// Made by this write; otherwise it existed.
    pub(crate) created: bool,
}

/// Writes a batch of records of one kind. One result per record, in the order given.
///
/// # Errors
/// A fault when nothing at all was decided; the whole batch may go again.
pub(crate) async fn write(client: &HubspotClient, batch: &[Prepared]) -> Result<Vec<Result<Written, Fault>>, Fault> {
    let persons = batch.iter().any(|prepared| matches!(prepared.target, Target::Contact { .. }));
    if persons { contacts::write(client, batch).await } else { companies::write(client, batch).await }
}
