//! The review list: raise, list, decide.

use chrono::{DateTime, SecondsFormat, Utc};
use mlc_model::{FlowId, RecordKey};

use crate::{
    Ledger, LedgerError, NewReview, ReviewFilter, ReviewId, ReviewItem, ReviewKind, ReviewState,
    keys::{self, ReviewKeys},
    people::ACTIONS_KEPT,
    records::{at_most, check_length, cut},
    review::Stored,
    scripts,
};

/// Most items per script call.
const PER_CALL: usize = 200;
/// Items that one search looks at.
const SEARCH_LIMIT: usize = 2_000;
/// Most items that [`Ledger::reviews_of`] gives.
const OF_RECORD_LIMIT: usize = 1_000;
/// Longest `about` in bytes.
const ABOUT_LIMIT: usize = 512;
/// Longest facts, as JSON, in bytes.
const FACTS_LIMIT: usize = 16 * 1024;
/// Longest name of a person in bytes.
const WHO_LIMIT: usize = 256;
/// Longest note of a person in bytes.
pub const REVIEW_NOTE_BYTES: usize = 4_000;

impl Ledger {
    /// Puts something on the review list. What is there already (same flow, key, kind and `about`) only gets its latest time,
    /// summary and facts and is counted once more. A decided item stays decided while its facts are the same; with others it
    /// opens again, and a conflict always.
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
        let mut items: Vec<ReviewItem> = Vec::new();
        let mut after = after;
        while items.len() < limit {
            let wanted = (limit - items.len()).min(PER_CALL);
            let page = self.review_page(state, after, wanted).await?;
            let last = page.len() < wanted;
            after = page.last().map(|item| item.id);
            items.extend(page);
            if last {
                break;
            }
        }
        Ok(items)
    }

    /// The items that `filter` wants, newest number first: at most `limit`, and the number after which the next part begins;
    /// `None` when there is no more. A search that finds little stops after 2,000 items, with fewer or none, and a number to
    /// go on from.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn search_reviews(
        &self,
        filter: &ReviewFilter,
        after: Option<ReviewId>,
        limit: usize,
    ) -> Result<(Vec<ReviewItem>, Option<ReviewId>), LedgerError> {
        let mut items: Vec<ReviewItem> = Vec::new();
        let limit = limit.max(1);
        // One more than wanted tells whether there is a next part.
        let is_sparse = filter.kind.is_some() || filter.flow.is_some();
        let per_call = if is_sparse { PER_CALL } else { (limit + 1).min(PER_CALL) };
        let (mut looked, mut seen) = (after, 0);
        while seen < SEARCH_LIMIT {
            let page = self.review_page(filter.state, looked, per_call).await?;
            seen += page.len();
            let is_last = page.len() < per_call;
            for item in page {
                looked = Some(item.id);
                if !filter.fits(&item) {
                    continue;
                }
                if items.len() == limit {
                    let next = items.last().map(|item| item.id);
                    return Ok((items, next));
                }
                items.push(item);
            }
            if is_last {
                return Ok((items, None));
            }
        }
        let next = if items.len() == limit { items.last().map(|item| item.id) } else { looked };
        Ok((items, next))
    }

    /// One page of an index, newest number first.
    async fn review_page(
        &self,
        state: Option<ReviewState>,
        after: Option<ReviewId>,
        limit: usize,
    ) -> Result<Vec<ReviewItem>, LedgerError> {
        let keys = self.review_keys();
        let page: Vec<Stored> = scripts::LIST_REVIEWS
            .key(keys.index(state.map_or("all", ReviewState::as_str)))
            .arg(keys.item_prefix())
            .arg(after.map_or_else(|| "+inf".to_owned(), |id| format!("({id}")))
            .arg(limit)
            .invoke_async(&mut self.connection())
            .await?;
        page.into_iter().map(ReviewItem::read).collect()
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

    /// How often the facts of any item became others since the list began: what tells that a page is older than its items.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn review_changes(&self) -> Result<u64, LedgerError> {
        let changes: Option<u64> = redis::cmd("HGET")
            .arg(self.review_keys().meta())
            .arg("changes")
            .query_async(&mut self.connection())
            .await?;
        Ok(changes.unwrap_or_default())
    }

    /// Records what a person decided about an open item; `Open` takes a decision back. Leaves a [`crate::PersonAction`] in the
    /// same step: `reviews.accept`, `reviews.dismiss` or `reviews.reopen`. Of many who decide at once one does.
    /// `seen` is the [`ReviewItem::revision`] that the person looked at; `None` decides about the facts as they stand.
    ///
    /// It moves nothing by itself: whoever waits for the decision asks [`Ledger::accepted_review`] at its next turn.
    ///
    /// # Errors
    /// `NoSuchReview`; `Decided` for an item that is decided already, or open already where `state` is `Open`, even by the same
    /// person in the same way, and `FactsChanged` where the facts are not those of `seen`: nothing is changed then; `TooLong` for a name beyond 256 bytes or a note beyond 4,000; `Redis`.
    pub async fn decide_review(
        &self,
        id: &ReviewId,
        state: ReviewState,
        seen: Option<u64>,
        who: &str,
        note: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<ReviewItem, LedgerError> {
        at_most("name of a person", who, WHO_LIMIT)?;
        at_most("note of a review", note.unwrap_or_default(), REVIEW_NOTE_BYTES)?;
        let keys = self.review_keys();
        let verb = match state {
            ReviewState::Open => "reviews.reopen",
            ReviewState::Accepted => "reviews.accept",
            ReviewState::Dismissed => "reviews.dismiss",
        };
        let answer: Option<(u8, Stored)> = scripts::DECIDE_REVIEW
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
            .arg(seen.map(|revision| revision.to_string()).unwrap_or_default())
            .invoke_async(&mut self.connection())
            .await?;
        let (decided, stored) = answer.ok_or(LedgerError::NoSuchReview(*id))?;
        let item = ReviewItem::read(stored)?;
        match decided {
            1 => Ok(item),
            2 => Err(LedgerError::FactsChanged(Box::new(item))),
            _ => Err(LedgerError::Decided(Box::new(item))),
        }
    }

    /// What a person accepted, with the facts that were accepted: whoever asks compares them with those of now. `None` while it is
    /// open or dismissed, and once the decision was dropped: see [`crate::DECIDED_REVIEWS_KEPT`].
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn accepted_review(
        &self,
        flow: &FlowId,
        key: &RecordKey,
        kind: ReviewKind,
        about: &str,
    ) -> Result<Option<ReviewItem>, LedgerError> {
        let keys = self.review_keys();
        let accepted: Option<Stored> = scripts::ACCEPTED_REVIEW
            .key(keys.of_record(flow, key))
            .arg(keys.item_prefix())
            .arg(format!("{kind}:{about}"))
            .invoke_async(&mut self.connection())
            .await?;
        accepted.map(ReviewItem::read).transpose()
    }

    fn review_keys(&self) -> ReviewKeys {
        ReviewKeys::new(self.namespace())
    }
}
