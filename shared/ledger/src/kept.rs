//! Small texts that must outlive a job: how far a two-step write came, what both sides last agreed on, what a
//! connection can do.

use mlc_model::FlowId;

use crate::{Ledger, LedgerError, records::at_most, scripts};

/// Longest kept text in bytes.
const VALUE_LIMIT: usize = 16 * 1024;
/// Longest subject in bytes.
const SUBJECT_LIMIT: usize = 512;
/// Longest name in bytes.
const NAME_LIMIT: usize = 64;
/// Most subjects per round trip.
const PER_CALL: usize = 250;

impl Ledger {
    /// Keeps a text by flow, subject (a record's key, a connection, ...) and name, until it is replaced or forgotten.
    ///
    /// It stands in Redis in clear, in its file and its backups: it must hold no secret and no personal data. Keep a
    /// fingerprint, a number or a step instead.
    ///
    /// # Errors
    /// `TooLong` for a value beyond 16 KiB, a subject beyond 512 bytes or a name beyond 64; nothing is cut, because half a
    /// value would be another one. `Redis`.
    pub async fn keep(&self, flow: &FlowId, subject: &str, name: &str, value: &str) -> Result<(), LedgerError> {
        check(subject, name)?;
        at_most("kept value", value, VALUE_LIMIT)?;
        let _: u64 = redis::cmd("HSET")
            .arg(self.keys(flow).kept(name, subject))
            .arg(subject)
            .arg(value)
            .query_async(&mut self.connection())
            .await?;
        Ok(())
    }

    /// Keeps several texts of one subject by their names, all of them or none: what is too long for one text is kept in pieces.
    ///
    /// # Errors
    /// As [`Ledger::keep`], for any of them; nothing is kept then.
    pub async fn keep_all(&self, flow: &FlowId, subject: &str, texts: &[(String, String)]) -> Result<(), LedgerError> {
        let keys = self.keys(flow);
        let mut all = redis::pipe();
        all.atomic();
        for (name, value) in texts {
            check(subject, name)?;
            at_most("kept value", value, VALUE_LIMIT)?;
            all.cmd("HSET").arg(keys.kept(name, subject)).arg(subject).arg(value).ignore();
        }
        let () = all.query_async(&mut self.connection()).await?;
        Ok(())
    }

    /// Keeps a text only while the kept one is `expected`; `None` expects that nothing is kept. False when it is another
    /// one: nothing was written then.
    ///
    /// After a `Redis` error it is not known whether the text was replaced. Asked again, it may say false although the first
    /// call did it: [`Ledger::kept`] tells.
    ///
    /// # Errors
    /// As [`Ledger::keep`].
    pub async fn keep_if(
        &self,
        flow: &FlowId,
        subject: &str,
        name: &str,
        expected: Option<&str>,
        value: &str,
    ) -> Result<bool, LedgerError> {
        check(subject, name)?;
        at_most("kept value", value, VALUE_LIMIT)?;
        let replaced: u64 = scripts::KEEP_IF
            .key(self.keys(flow).kept(name, subject))
            .arg(subject)
            .arg(value)
            .arg(u8::from(expected.is_some()))
            .arg(expected.unwrap_or_default())
            .invoke_async(&mut self.connection())
            .await?;
        Ok(replaced == 1)
    }

    /// The kept text; `None` when none is.
    ///
    /// # Errors
    /// `Redis`; `TooLong` as [`Ledger::keep`].
    pub async fn kept(&self, flow: &FlowId, subject: &str, name: &str) -> Result<Option<String>, LedgerError> {
        check(subject, name)?;
        Ok(redis::cmd("HGET")
            .arg(self.keys(flow).kept(name, subject))
            .arg(subject)
            .query_async(&mut self.connection())
            .await?)
    }

    /// The kept texts of many subjects, in their order.
    ///
    /// # Errors
    /// As [`Ledger::kept`].
    pub async fn kept_many(
        &self,
        flow: &FlowId,
        subjects: &[String],
        name: &str,
    ) -> Result<Vec<Option<String>>, LedgerError> {
        let keys = self.keys(flow);
        let mut values = Vec::with_capacity(subjects.len());
        for chunk in subjects.chunks(PER_CALL) {
            let mut pipe = redis::pipe();
            for subject in chunk {
                check(subject, name)?;
                pipe.cmd("HGET").arg(keys.kept(name, subject)).arg(subject);
            }
            let read: Vec<Option<String>> = pipe.query_async(&mut self.connection()).await?;
            values.extend(read);
        }
        Ok(values)
    }

    /// Forgets a kept text. True when there was one.
    ///
    /// # Errors
    /// As [`Ledger::kept`].
    pub async fn forget_kept(&self, flow: &FlowId, subject: &str, name: &str) -> Result<bool, LedgerError> {
        check(subject, name)?;
        let deleted: u64 = redis::cmd("HDEL")
            .arg(self.keys(flow).kept(name, subject))
            .arg(subject)
            .query_async(&mut self.connection())
            .await?;
        Ok(deleted > 0)
    }
}

fn check(subject: &str, name: &str) -> Result<(), LedgerError> {
    at_most("subject of a kept value", subject, SUBJECT_LIMIT)?;
    at_most("name of a kept value", name, NAME_LIMIT)
}
