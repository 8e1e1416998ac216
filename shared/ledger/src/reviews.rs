//! The review list: raise, list, decide.

use chrono::{DateTime, SecondsFormat, Utc};
use mlc_model::{FlowId, RecordKey};

use crate::{
    Ledger, LedgerError, NewReview, ReviewId, ReviewItem, ReviewKind, ReviewState,
    keys::{self, ReviewKeys},
    people::ACTIONS_KEPT,
    records::{at_most, check_length, cut},
    review::Stored,
    scripts,
};

/// Most items per script call.
const PER_CALL: usize = 200;
/// Most items that [`Ledger::reviews_of`] gives.
const OF_RECORD_LIMIT: usize = 1_000;
/// Longest `about` in bytes.
const ABOUT_LIMIT: usize = 512;
/// Longest facts, as JSON, in bytes.
const FACTS_LIMIT: usize = 16 * 1024;
/// Longest name of a person in bytes.
const WHO_LIMIT: usize = 256;
/// Longest note of a person in bytes.
const NOTE_LIMIT: usize = 4_000;

impl Ledger {
    /// Puts something on the review list. What is there already (same flow, key, kind and `about`) only gets its latest time,
    /// summary and facts and is counted once more. A decided item stays decided, except a conflict, which opens again.
    ///
    /// # Errors
    /// `TooLong` for the key, `about` or the facts; `Redis`.
    pub async fn raise_review(&self, review: &NewReview) -> Result<ReviewItem, LedgerError> {
        check_length(&review.key)?;
        at_most("`about` of a review", &review.about, ABOUT_LIMIT)?;
        let facts =
            serde_json::to_string(&review.facts).map_err(|e| LedgerError::unreadable("facts of a review", e))?;
        at_most("facts of a review", &facts, FACTS_LIMIT)?;
        let keys = self.review_keys();
        let stored: Stored = scripts::RAISE_REVIEW
            .key(keys.meta())
            .key(keys.of_record(&review.flow, &review.key))
            .key(keys.index("all"))
            .arg(keys.item_prefix())
            .arg(keys.index_prefix())
            .arg(u8::from(review.kind == ReviewKind::Conflict))
            .arg(review.flow.as_str())
            .arg(review.key.as_str())
            .arg(review.kind.as_str())
            .arg(&review.about)
            .arg(cut(&review.summary))
            .arg(facts)
            .arg(review.job.as_ref().map_or("", |job| job.as_str()))
            .arg(review.at.timestamp_millis())
            .invoke_async(&mut self.connection())
            .await?;
        ReviewItem::read(stored)
    }

    /// The review list, newest number first, at most `limit`; of one state or of all. The next page comes `after` the last
    /// number of this one.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn reviews(
        &self,
        state: Option<ReviewState>,
        limit: usize,
        after: Option<ReviewId>,
    ) -> Result<Vec<ReviewItem>, LedgerError> {
        let keys = self.review_keys();
        let mut items: Vec<ReviewItem> = Vec::new();
        let mut after = after;
        while items.len() < limit {
            let wanted = (limit - items.len()).min(PER_CALL);
            let page: Vec<Stored> = scripts::LIST_REVIEWS
                .key(keys.index(state.map_or("all", ReviewState::as_str)))
                .arg(keys.item_prefix())
                .arg(after.map_or_else(|| "+inf".to_owned(), |id| format!("({id}")))
                .arg(wanted)
                .invoke_async(&mut self.connection())
                .await?;
            let last = page.len() < wanted;
            after = page.last().map(|(id, _)| ReviewId(*id));
            for stored in page {
                items.push(ReviewItem::read(stored)?);
            }
            if last {
                break;
            }
        }
        Ok(items)
    }

    /// The items of one record, newest number first, at most 1,000.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn reviews_of(&self, flow: &FlowId, key: &RecordKey) -> Result<Vec<ReviewItem>, LedgerError> {
        let keys = self.review_keys();
        let mut ids: Vec<u64> =
            redis::cmd("HVALS").arg(keys.of_record(flow, key)).query_async(&mut self.connection()).await?;
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.truncate(OF_RECORD_LIMIT);
        self.read_items(&ids).await
    }

    /// One item; `None` when it never was, or was dropped long after its decision.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn review(&self, id: &ReviewId) -> Result<Option<ReviewItem>, LedgerError> {
        Ok(self.read_items(&[id.0]).await?.pop())
    }

    async fn read_items(&self, ids: &[u64]) -> Result<Vec<ReviewItem>, LedgerError> {
        let prefix = self.review_keys().item_prefix();
        let mut items = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(PER_CALL) {
            let mut pipe = redis::pipe();
            for id in chunk {
                pipe.cmd("HGETALL").arg(format!("{prefix}{id}"));
            }
            let read: Vec<std::collections::HashMap<String, String>> = pipe.query_async(&mut self.connection()).await?;
            // An item may have been dropped since its number was read.
            for (id, fields) in chunk.iter().zip(read).filter(|(_, fields)| !fields.is_empty()) {
                items.push(ReviewItem::read((*id, fields))?);
            }
        }
        Ok(items)
    }

    /// How many items there are, of one state or of all.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn review_count(&self, state: Option<ReviewState>) -> Result<u64, LedgerError> {
        let index = self.review_keys().index(state.map_or("all", ReviewState::as_str));
        Ok(redis::cmd("ZCARD").arg(index).query_async(&mut self.connection()).await?)
    }

    /// Records what a person decided; `Open` takes a decision back. Leaves a [`crate::PersonAction`] in the same step:
    /// `reviews.accept`, `reviews.dismiss` or `reviews.reopen`. The same decision once more changes nothing.
    ///
    /// It moves nothing by itself: whoever waits for the decision asks [`Ledger::review_accepted`] at its next turn.
    ///
    /// # Errors
    /// `NoSuchReview`; `TooLong` for a name beyond 256 bytes or a note beyond 4,000; `Redis`.
    pub async fn decide_review(
        &self,
        id: &ReviewId,
        state: ReviewState,
        who: &str,
        note: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<ReviewItem, LedgerError> {
        at_most("name of a person", who, WHO_LIMIT)?;
        at_most("note of a review", note.unwrap_or_default(), NOTE_LIMIT)?;
        let keys = self.review_keys();
        let verb = match state {
            ReviewState::Open => "reviews.reopen",
            ReviewState::Accepted => "reviews.accept",
            ReviewState::Dismissed => "reviews.dismiss",
        };
        let stored: Option<Stored> = scripts::DECIDE_REVIEW
            .key(keys.meta())
            .key(keys::actions(self.namespace()))
            .key(keys.index("decided"))
            .key(keys.index("all"))
            .arg(keys.item_prefix())
            .arg(keys.index_prefix())
            .arg(keys.of_prefix())
            .arg(id.0)
            .arg(state.as_str())
            .arg(who)
            .arg(note.unwrap_or_default())
            .arg(at.timestamp_millis())
            .arg(at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
            .arg(verb)
            .arg(ACTIONS_KEPT)
            .arg(self.decided_reviews)
            .invoke_async(&mut self.connection())
            .await?;
        ReviewItem::read(stored.ok_or(LedgerError::NoSuchReview(*id))?)
    }

    /// Whether a person accepted exactly this. False again once the decision was dropped: see
    /// [`crate::DECIDED_REVIEWS_KEPT`].
    ///
    /// # Errors
    /// `Redis`.
    pub async fn review_accepted(
        &self,
        flow: &FlowId,
        key: &RecordKey,
        kind: ReviewKind,
        about: &str,
    ) -> Result<bool, LedgerError> {
        let keys = self.review_keys();
        let accepted: u64 = scripts::REVIEW_ACCEPTED
            .key(keys.of_record(flow, key))
            .arg(keys.item_prefix())
            .arg(format!("{kind}:{about}"))
            .invoke_async(&mut self.connection())
            .await?;
        Ok(accepted == 1)
    }

    fn review_keys(&self) -> ReviewKeys {
        ReviewKeys::new(self.namespace())
    }
}
