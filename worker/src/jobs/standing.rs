//! What the ledger knew of records right before their delivery is recorded, which overwrites it.

use mlc_flow::PushRecord;
use mlc_ledger::{Action, AuditNote, Delivery, Row};
use mlc_model::{Fault, RecordKey};

use crate::context::Context;

/// Looks at the rows of records about to be recorded as delivered: one that the target has just created although it is linked to something else there was
/// merged or deleted by somebody, which is noted as a conflict.
///
/// # Errors
/// When the ledger cannot be asked.
pub(crate) async fn before_delivery(context: &Context, job: &PushRecord, deliveries: &[Delivery]) -> Result<(), Fault> {
    let asked: Vec<&Delivery> = deliveries.iter().filter(|delivery| delivery.action == Action::Created).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let keys: Vec<RecordKey> = asked.iter().map(|delivery| delivery.key.clone()).collect();
    let rows = context.ledger.row(&job.flow, &keys).await?;
    let known: Vec<(&Delivery, Row)> =
        asked.into_iter().zip(rows).filter_map(|(delivery, row)| Some((delivery, row?))).collect();
    let notes: Vec<AuditNote> = known.iter().filter_map(|(delivery, row)| replaced(delivery, row)).collect();
    if !notes.is_empty() {
        tracing::warn!(flow = %job.flow, records = notes.len(), "Records were merged or deleted at the target and created anew");
        context.ledger.note(&job.flow, &notes).await?;
    }
    Ok(())
}

fn replaced(delivery: &Delivery, row: &Row) -> Option<AuditNote> {
    let linked = row.target.as_ref().filter(|linked| Some(*linked) != delivery.target_id.as_ref())?;
    let new = delivery.target_id.as_ref()?;
    (delivery.action == Action::Created).then(|| AuditNote {
        version: Some(delivery.version),
        window: delivery.window.clone(),
        job: delivery.job.clone(),
        detail: Some(format!(
            "it was {linked} at the target, which was merged or deleted there; {new} was created instead"
        )),
        ..AuditNote::new(delivery.key.clone(), Action::Conflict, delivery.at)
    })
}
