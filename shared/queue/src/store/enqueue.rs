//! enqueue: orders become jobs.

use std::collections::{BTreeMap, HashMap};

use mlc_model::JobId;
use redis::Value;

use super::orders;
use crate::{
    Enqueued, Order, Queue, QueueError, UniqueKey,
    order::Prepared,
    verb::{ENQUEUE, answer},
};

/// Orders per script call: keeps one call under a few milliseconds.
const BATCH: usize = 500;

impl Queue {
    /// Accepts orders, in this sequence. The answer has one entry per order, in the same sequence.
    ///
    /// Up to 500 orders are accepted all or none; longer lists go in pieces of 500. When it returns, the jobs are in
    /// Redis' append-only file, and on disk where Redis can tell.
    ///
    /// # Errors
    /// [`QueueError::Redis`]: orders may have been accepted all the same. Enqueue them again under unique keys.
    ///
    /// # Cancel safety
    /// As with an error: a dropped call may have accepted orders.
    pub async fn enqueue(&self, orders: &[Order]) -> Result<Vec<Enqueued>, QueueError> {
        let mut results = Vec::with_capacity(orders.len());
        for piece in orders.chunks(BATCH) {
            let now = self.now_ms();
            let prepared: Vec<Prepared> = piece
                .iter()
                .map(|order| order.prepare(now, self.0.config.max_attempts, self.0.sealer.as_ref()))
                .collect();
            results.extend(self.enqueue_prepared(&prepared).await?);
        }
        if !orders.is_empty() {
            self.0.fsync.pass().await?;
        }
        Ok(results)
    }

    /// Whether a job of each of these keys, a few hundred at most, waits or runs, in their sequence. One on the shelf does neither.
    /// Asks twice: a job that is done in between still counts.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn under_way(&self, keys: &[UniqueKey]) -> Result<Vec<bool>, QueueError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.connection();
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys().key("unique"));
        command.arg(keys.iter().map(|key| key.0.as_str()).collect::<Vec<_>>());
        let holders: Vec<Option<String>> = command.query_async(&mut connection).await?;
        let mut command = redis::cmd("ZMSCORE");
        command
            .arg(self.keys().key("dead"))
            .arg(holders.iter().map(|id| id.as_deref().unwrap_or_default()).collect::<Vec<_>>());
        let dead: Vec<Option<f64>> = command.query_async(&mut connection).await?;
        Ok(holders.iter().zip(dead).map(|(holder, dead)| holder.is_some() && dead.is_none()).collect())
    }

    async fn enqueue_prepared(&self, orders: &[Prepared]) -> Result<Vec<Enqueued>, QueueError> {
        let doubles = orders::doubles_inside(orders.iter());
        // Unique keys that belong to open jobs, learnt from the script.
        let mut holders: HashMap<String, String> = HashMap::new();
        let mut connection = self.connection();
        loop {
            let open: Vec<&Prepared> = orders
                .iter()
                .enumerate()
                .filter(|(place, order)| {
                    !doubles.contains_key(place)
                        && order.envelope.unique.as_ref().is_none_or(|key| !holders.contains_key(key))
                })
                .map(|(_, order)| order)
                .collect();
            let mut counters = BTreeMap::new();
            for order in &open {
                *counters.entry(self.counter(&order.envelope.kind, "enqueued")).or_default() += 1;
            }
            for order in
                orders.iter().filter(|order| order.envelope.unique.as_ref().is_some_and(|k| holders.contains_key(k)))
            {
                *counters.entry(self.counter(&order.envelope.kind, "duplicate")).or_default() += 1;
            }
            let size = open.iter().map(|order| order.bytes.len() + 100).sum();
            let mut command = ENQUEUE.command(self.keys(), 5 * open.len() + 16, size);
            orders::write(&mut command, &open, &[]);
            orders::write_counters(&mut command, &counters);
            let mut reply = answer::array(ENQUEUE.call(&mut connection, &command).await?)?;
            let rest = reply.pop().unwrap_or(Value::Nil);
            match reply.pop().map(answer::text).transpose()?.as_deref() {
                Some("ok") => {
                    self.learn_time(answer::int(&rest)?);
                    break;
                }
                Some("taken") => learn_holders(rest, &mut holders)?,
                _ => return Err(answer::unexpected(&rest)),
            }
        }
        let results = orders.iter().enumerate().map(|(place, order)| {
            if let Some(holder) = order.envelope.unique.as_ref().and_then(|key| holders.get(key)) {
                return Ok(Enqueued::Duplicate(JobId::parse(holder)?));
            }
            Ok(match doubles.get(&place) {
                Some(earlier) => Enqueued::Duplicate(orders[*earlier].id.clone()),
                None => Enqueued::Accepted(order.id.clone()),
            })
        });
        results.collect()
    }
}

/// Reads key, id, key, id …
pub(crate) fn learn_holders(pairs: Value, holders: &mut HashMap<String, String>) -> Result<(), QueueError> {
    let mut texts = answer::texts(pairs)?.into_iter();
    let before = holders.len();
    while let (Some(key), Some(id)) = (texts.next(), texts.next()) {
        holders.insert(key, id);
    }
    // Without news the caller would ask for ever.
    if holders.len() == before { Err(QueueError::Answer("the same taken keys twice".to_owned())) } else { Ok(()) }
}
