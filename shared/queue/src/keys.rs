//! Every key of a queue. All stand under `{mlcq:<namespace>}:`: one hash tag, one cluster slot.
//!
//! | key | type | content | written by | deleted by, bound |
//! |---|---|---|---|---|
//! | `job` | HASH | id → envelope: readable head, sealed payload. Changed on the shelf only, by a person's edit | enqueue, finish (follow-ups), edit | finish (done), discard, eviction |
//! | `ready:<lane>:<0-2>` | LIST | ids that can start, oldest left, one list per priority | enqueue, claim (promoted, rescued), finish (handed back), replay | claim |
//! | `active` | ZSET | lanes with ready work → token of their last service; the claim's index | enqueue, finish, replay, resume | claim (empty, at cap, stopped), pause, hold |
//! | `delayed` | ZSET | `n` or `r`:priority:lane:id → due ms (`r` = has run before, returns to the front) | enqueue later, snooze, retry | claim |
//! | `leased` | ZSET | `id:token` → deadline ms. To find the member is the fencing check | claim, extend | finish, claim (rescue) |
//! | `token` | STRING | last fencing token given out; only grows | claim | never, one number |
//! | `running` | HASH | lane → leased jobs | claim, finish | never, one field per lane |
//! | `waiting` | HASH | lane → delayed jobs | enqueue, finish, claim | never, one field per lane |
//! | `bytes` | HASH | lane → bytes of envelopes that wait or run | enqueue, finish, replay | never, one field per lane |
//! | `history` | HASH | id → counts and the last attempts; only of jobs that did not end at once | finish, claim (rescue), replay, edit | finish (done), discard, eviction |
//! | `unique` | HASH | hash of a unique key → id of the open job | enqueue, finish | finish (done), discard, eviction |
//! | `caps` | HASH | lane → most jobs at once | people, settings | people |
//! | `paused` / `held` | HASH | lane → who, why, when: by a person / by refused credentials | pause / finish, hold | resume |
//! | `dead` | ZSET | id → when it died, ms | finish, claim (poison) | replay, discard, eviction, bulk_step |
//! | `dead_record` | HASH | id → readable head, fault as JSON | as `dead` | as `dead` |
//! | `dead_cause:<hash>` | ZSET | id → when; one per cause | as `dead` | as `dead` |
//! | `causes` | HASH | hash → cause as text | as `dead` | with the last letter of the cause |
//! | `dead_bytes` | STRING | bytes on the shelf, bounded by the budget | as `dead` | as `dead` |
//! | `dead_count` | HASH | lane\|fault kind → letters | as `dead` | as `dead` |
//! | `triage` | HASH | id → who looks after the letter, note sealed | people; as `dead` from `carried` | with the letter |
//! | `carried` | HASH | lane, kind, unique key and subject of a replayed letter with a triage → ms, times it came back by then, its id, its triage | replay, bulk_step | finish, claim (poison): the next letter about the same takes it over. finish: the last job of its chain that is about the same is done. The oldest go over 10,000 and after 7 days |
//! | `carried_at` | ZSET | field of `carried` → ms of the replay | as `carried` | as `carried` |
//! | `triage_cause` | HASH | hash of a cause → as `triage` | people | with the last letter of the cause |
//! | `bulk:<id>` | HASH | one operation on many letters: filter, rate, state, counts, cursor | bulk_start, bulk_switch, bulk_step | bulk_start, when over 1,000 are kept and it has ended |
//! | `bulks` | ZSET | ids of the operations that are kept → when they were started | bulk_start | as `bulk:<id>` |
//! | `bulks_open` | ZSET | ids of those that run or pause, at most 100 | bulk_start | bulk_step (done), bulk_switch (abort) |
//! | `removed` | STREAM | every letter discarded or evicted, with who and why | discard, eviction | capped near 10,000 |
//! | `stats` | HASH | day\|kind\|outcome → jobs | every verb | sweep, after 35 days |
//! | `pace:<minute>` | STRING | nine 64-bit counters of all lanes: started, wait ms, ended, run ms, done, enqueued, failed, snoozed, dead | enqueue, finish, claim | expires 125 minutes after its last write |
//! | `pace:<minute>:<lane>` | STRING | the same of one lane; only for lanes in which something happened | as `pace:<minute>` | as `pace:<minute>` |
//! | `pace_hour:<hour>` | STRING | the same of all lanes in one hour | as `pace:<minute>` | expires 36 days after its last write |
//! | `ended` | LIST | jobs that came to an end, an element per turn, newest left: number of its last job, then their lines | finish, claim (poison), discard, eviction, bulk_step | each write takes elements off that are older than 10,000 jobs |
//! | `ended_count` | STRING | jobs that ever came to an end | as `ended` | never, one number |
//! | `workers` | ZSET | worker → its last sign of life, ms | a worker's beat, every 5 s | its orderly stop; another's beat, after 60 s |
//! | `worker_facts` | HASH | worker → what it says about itself, as JSON | as `workers` | as `workers` |
//! | `wake` | LIST | wake-ups for idle workers | every verb that makes work startable | a claim that finds nothing; capped at 16 |

/// Builds the names. The table above says what each holds.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(namespace: &str) -> Self {
        Self { prefix: format!("{{mlcq:{namespace}}}:") }
    }

    /// What the scripts get as `KEYS[1]`.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) fn ready(&self, lane: &str, priority: &str) -> String {
        format!("{}ready:{lane}:{priority}", self.prefix)
    }

    pub(crate) fn bulk(&self, id: &str) -> String {
        format!("{}bulk:{id}", self.prefix)
    }

    pub(crate) fn dead_cause(&self, hash: &str) -> String {
        format!("{}dead_cause:{hash}", self.prefix)
    }
}
