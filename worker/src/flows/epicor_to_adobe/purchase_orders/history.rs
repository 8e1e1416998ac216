//! The history of an order in the shop: each text once.

use mlc_adobe::{Order, wire::StatusComment};
use mlc_mapping::Note;
use mlc_model::Fault;

use super::{Work, entity_id};

impl Work<'_> {
    /// Adds the notes that the latest comments do not say already.
    pub(super) async fn keep_history(&self, notes: &[Note], read: &Order) -> Result<(), Fault> {
        let id = entity_id(read)?;
        let comments = self.client.order_comments(id).await?;
        for note in notes.iter().filter(|note| !note.stands_in(&comments)) {
            // A comment sets the status: it repeats the one that was just read.
            let status = read.status.as_deref().unwrap_or("pending");
            let comment = StatusComment::internal(note.text(self.order.version), status);
            self.client.comment_order(id, &comment).await?;
        }
        Ok(())
    }
}
