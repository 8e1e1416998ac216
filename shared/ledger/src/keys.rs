//! Every Redis key of this room.
//!
//! Keys of one flow share the hash tag `{mlcl:<namespace>:<flow>}`, so that each script stays inside one cluster slot.

use mlc_model::{ConnectionId, FlowId, RecordKey, WindowId};

/// Buckets of record rows per flow. Fixed: another number would no longer find the rows that exist.
///
/// A million records make about 61 rows per bucket, far below Redis' `hash-max-listpack-entries` (512 in 7.0, 128 in
/// the strictest managed settings). Beyond that a bucket becomes an ordinary hash: it costs about 60 bytes more per record
/// and works the same.
pub const BUCKETS: u32 = 16_384;

/// Keys of one flow.
pub(crate) struct FlowKeys {
    tag: String,
}

impl FlowKeys {
    pub(crate) fn new(namespace: &str, flow: &FlowId) -> Self {
        Self { tag: format!("{{mlcl:{namespace}:{flow}}}") }
    }

    /// HASH record key -> packed row (see `lua/row.lua`). Written by the record scripts, never deleted: it grows with
    /// the number of records of the business, not with time.
    pub(crate) fn bucket(&self, key: &RecordKey) -> String {
        format!("{}:rec:{:x}", self.tag, bucket_number(key.as_str()))
    }

    /// STRING holder, expires. The lease on one record while it is being pushed.
    pub(crate) fn lease(&self, key: &RecordKey) -> String {
        format!("{}:lease:{key}", self.tag)
    }

    /// HASH subject -> kept text, one bucket of one name. Written by `keep`, deleted by `forget_kept`: it grows with the
    /// number of subjects. A name has buckets of its own, so that one with long values does not unpack those of another.
    pub(crate) fn kept(&self, name: &str, subject: &str) -> String {
        format!("{}:kept:{name}:{:x}", self.tag, bucket_number(subject))
    }

    /// STREAM of audit entries, one field `e` (see `lua/audit.lua`). Trimmed by its scripts to a number of records.
    pub(crate) fn audit(&self) -> String {
        format!("{}:audit", self.tag)
    }

    /// HASH of counters and single values: `audit_records`, `exchanges`, `windows`, `last_tick`, `epoch:<entity>`.
    pub(crate) fn meta(&self) -> String {
        format!("{}:meta", self.tag)
    }

    /// HASH record key -> its last exchange, sealed. Bounded by the settings: those longest untouched go.
    pub(crate) fn exchanges(&self) -> String {
        format!("{}:exchanges", self.tag)
    }

    /// ZSET of the keys in [`Self::exchanges`], scored by the counter `exchanges`: which one goes first.
    pub(crate) fn exchange_order(&self) -> String {
        format!("{}:exchanges:order", self.tag)
    }

    /// Prefix of [`Self::window`], for the script that chooses the number.
    pub(crate) fn window_prefix(&self) -> String {
        format!("{}:win:", self.tag)
    }

    /// HASH, the row of one window. Deleted when the flow has too many windows, oldest first, never an open one.
    pub(crate) fn window(&self, number: u64) -> String {
        format!("{}:win:{number}", self.tag)
    }

    /// HASH skip -> counts of a page of the current pass. Deleted when the window closes or the next pass starts.
    pub(crate) fn pages(&self, number: u64) -> String {
        format!("{}:win:{number}:pages", self.tag)
    }

    /// ZSET of window numbers, scored by themselves. Bounded together with the rows.
    pub(crate) fn windows(&self) -> String {
        format!("{}:windows", self.tag)
    }

    /// HASH `entity/purpose` -> number of the open window.
    pub(crate) fn open(&self) -> String {
        format!("{}:open", self.tag)
    }

    /// HASH `field`, `high`, `recent`: how far an entity has been read. Deleted only by a reset.
    pub(crate) fn checkpoint(&self, entity: &str) -> String {
        format!("{}:checkpoint:{entity}", self.tag)
    }

    /// HASH entity -> JSON of the change field that `auto` chose.
    pub(crate) fn pins(&self) -> String {
        format!("{}:pins", self.tag)
    }
}

/// STRING holder, expires. A lease of a process, such as the one replica that ticks.
pub(crate) fn lead(namespace: &str, name: &str) -> String {
    format!("{{mlcl:{namespace}}}:lead:{name}")
}

/// STRING, JSON of [`crate::AlertBook`]. Written by the producer that leads; at most some hundred alerts and one message per channel.
pub(crate) fn alert_book(namespace: &str) -> String {
    format!("{{mlcl:{namespace}}}:alerts")
}

/// HASH connection -> JSON of [`crate::LastPing`]. One field for each connection that was ever tested.
pub(crate) fn pings(namespace: &str) -> String {
    format!("{{mlcl:{namespace}}}:pings")
}

/// STRING counter, expires. Webhook deliveries to a connection that were refused for their signature within one minute.
pub(crate) fn refused(namespace: &str, connection: &ConnectionId, minute: i64) -> String {
    format!("{{mlcl:{namespace}}}:refused:{connection}:{minute}")
}

/// STREAM of people's actions, one field `a` (JSON). An action that began is replaced by an entry of how it ended. Trimmed to about
/// a fixed number.
pub(crate) fn actions(namespace: &str) -> String {
    format!("{{mlcl:{namespace}}}:actions")
}

/// Keys of the review list, which spans all flows: a person has one list.
pub(crate) struct ReviewKeys {
    tag: String,
}

impl ReviewKeys {
    pub(crate) fn new(namespace: &str) -> Self {
        Self { tag: format!("{{mlcl:{namespace}}}:review") }
    }

    /// HASH `items`, `decisions`: the last number given to each; `changes`: how often the facts of an item became others.
    pub(crate) fn meta(&self) -> String {
        format!("{}:meta", self.tag)
    }

    /// Prefix of the HASH of one item, for the scripts that find its number. Deleted when decided and out of bounds.
    pub(crate) fn item_prefix(&self) -> String {
        format!("{}:item:", self.tag)
    }

    /// Prefix of [`Self::of_record`], for the script that drops an item.
    pub(crate) fn of_prefix(&self) -> String {
        format!("{}:of:", self.tag)
    }

    /// HASH `<kind>:<about>` -> number of the item: what makes raising idempotent. Goes with its last item.
    pub(crate) fn of_record(&self, flow: &FlowId, key: &RecordKey) -> String {
        format!("{}{flow}:{key}", self.of_prefix())
    }

    /// Prefix of [`Self::index`], for the scripts that move an item.
    pub(crate) fn index_prefix(&self) -> String {
        format!("{}:in:", self.tag)
    }

    /// ZSET of item numbers, scored by themselves: `all` and one per state. `decided` is scored by the number of the
    /// decision; it tells which item is dropped first.
    pub(crate) fn index(&self, name: &str) -> String {
        format!("{}{name}", self.index_prefix())
    }
}

/// STRING, expires. Something that was seen once; `digest` covers scope and key.
pub(crate) fn seen(namespace: &str, digest: &str) -> String {
    format!("{{mlcl:{namespace}}}:seen:{digest}")
}

/// STRING, written only so that `WAITAOF` has something to wait for.
pub(crate) fn durable(namespace: &str) -> String {
    format!("{{mlcl:{namespace}}}:durable")
}

/// FNV-1a, folded: fixed for ever, unlike the hashers of the standard library.
fn bucket_number(key: &str) -> u32 {
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let folded = (hash >> 32) ^ hash ^ (hash >> 17);
    u32::try_from(folded % u64::from(BUCKETS)).unwrap_or(0)
}

/// A window's id is `<flow>.<number>`: the flow leads to its keys, the number to its row.
pub(crate) fn window_id(flow: &FlowId, number: u64) -> Option<WindowId> {
    WindowId::parse(&format!("{flow}.{number}")).ok()
}

/// The two parts of a window's id; `None` for a text that this ledger never gave out.
pub(crate) fn split_window_id(id: &WindowId) -> Option<(FlowId, u64)> {
    let (flow, number) = id.as_str().rsplit_once('.')?;
    Some((FlowId::parse(flow).ok()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_million_records_spread_evenly_over_the_buckets() {
        let mut buckets = vec![0_u32; BUCKETS as usize];
        for number in 0..1_000_000 {
            buckets[bucket_number(&format!("EPIC06:CUST:{number}")) as usize] += 1;
        }
        assert!(*buckets.iter().max().unwrap() <= 110, "fullest bucket: {:?}", buckets.iter().max());
    }

    #[test]
    fn the_bucket_of_a_key_never_changes() {
        assert_eq!(bucket_number("EPIC06:VEND:118"), 9_847);
    }

    #[test]
    fn a_window_id_leads_to_its_flow_and_number() {
        let flow = FlowId::parse("epicor_to_hubspot::vendors").unwrap();
        let id = window_id(&flow, 42).unwrap();
        assert_eq!(id.as_str(), "epicor_to_hubspot::vendors.42");
        assert_eq!(split_window_id(&id), Some((flow, 42)));
        assert_eq!(split_window_id(&WindowId::parse("42").unwrap()), None);
    }
}
