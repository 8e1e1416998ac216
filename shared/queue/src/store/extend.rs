//! extend: a worker that lives keeps its jobs.

use super::orders::Section;
use crate::{
    Queue, QueueError,
    verb::{EXTEND, answer},
};

impl Queue {
    /// Prolongs leases. Returns the places of those that are lost.
    pub(crate) async fn extend(&self, members: &[String]) -> Result<Vec<usize>, QueueError> {
        let mut lost = Vec::new();
        for (piece, start) in members.chunks(500).zip((0..).step_by(500)) {
            let mut section = Section::default();
            piece.iter().for_each(|member| section.push(member));
            let mut command = EXTEND.command(self.keys(), piece.len() + 4, piece.len() * 32);
            command.arg(u64::try_from(self.0.config.lease.as_millis()).unwrap_or(u64::MAX));
            section.write(&mut command);
            let reply = EXTEND.call(&mut self.connection(), &command).await?;
            for index in answer::array(reply)? {
                lost.push(start + usize::try_from(answer::int(&index)?).unwrap_or(0));
            }
        }
        Ok(lost)
    }
}
