//! turn: settle results and claim what can start, in one step.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use mlc_model::{Fault, JobId};
use redis::{Cmd, Value};

use super::{
    ended::{self, End, Ended},
    enqueue::learn_holders,
    orders,
    orders::Section,
    pace::PaceCounts,
};
use crate::{
    Lane, Priority, Queue, QueueError, SnoozeReason,
    envelope::{Envelope, escape},
    history::History,
    order::Prepared,
    policy::Step,
    shelf_record::{self, ShelfRecord},
    subject::Sought,
    verb::{TURN, answer},
};

/// Expired leases looked at per claim.
pub(crate) const RESCUE_MAX: u32 = 50;
/// Most jobs leased per claim: keeps every command of the script below its bound of arguments.
pub(crate) const CLAIM_MAX: usize = 500;

/// Replayed letters that a follow-up can name: a reading, and the push that it ordered and that was a letter too.
const LETTERS_MAX: usize = 2;

/// A leased job without its payload.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) id: JobId,
    pub(crate) token: u64,
    pub(crate) envelope: Envelope,
    /// Size of the stored envelope.
    pub(crate) bytes: usize,
    pub(crate) history: Option<History>,
    /// From when it could start to the claim.
    pub(crate) waited_ms: u64,
}

impl Ticket {
    /// The member of `leased`: holding it is the right to settle the job.
    pub(crate) fn member(&self) -> String {
        format!("{}:{}", self.id, self.token)
    }

    /// The replayed letters that this follows from, and is itself, the newest [`LETTERS_MAX`]; as in [`Envelope::letters`].
    fn letters(&self) -> Vec<String> {
        let mut letters = self.envelope.letters.clone();
        if self.history.as_ref().is_some_and(|history| history.replays > 0) {
            let own = shelf_record::letter(self.id.as_str(), &self.envelope);
            let name = |letter: &str| letter.rsplit_once(' ').map(|(name, _)| name.to_owned());
            letters.retain(|letter| name(letter) != name(&own));
            letters.push(own);
        }
        letters.split_off(letters.len().saturating_sub(LETTERS_MAX))
    }
}

/// A leased job.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) ticket: Ticket,
    pub(crate) sealed: Vec<u8>,
}

/// A lease whose envelope cannot be read. Its ticket has the lane and nothing else that is true.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) ticket: Ticket,
    pub(crate) why: String,
}

/// What a claim brought.
#[derive(Debug, Default)]
pub(crate) struct Claim {
    pub(crate) jobs: Vec<Claimed>,
    pub(crate) broken: Vec<Broken>,
    /// When to claim again; `None` = on the next wake-up.
    pub(crate) next_ms: Option<u64>,
    pub(crate) rescued: Vec<String>,
    pub(crate) poisoned: Vec<String>,
}

/// A run's end, decided, with its follow-ups sealed.
#[derive(Debug)]
pub(crate) struct Settled<T> {
    pub(crate) ticket: T,
    pub(crate) step: Step,
    pub(crate) run_ms: u64,
    pub(crate) then: Vec<Prepared>,
    pub(crate) shelve: Vec<(Prepared, Fault)>,
}

impl<T: AsRef<Ticket>> Settled<T> {
    pub(crate) fn new(ticket: T, mut step: Step, queue: &Queue) -> Self {
        let (mut then, mut shelve) = (Vec::new(), Vec::new());
        if let Step::Done { then: orders, shelve: refused } = &mut step {
            let (now, parent) = (queue.now_ms(), ticket.as_ref());
            let letters = parent.letters();
            let mut prepare = |order: crate::Order| {
                order.follows(&parent.id, &parent.envelope.trace, letters.clone()).prepare(
                    now,
                    queue.config().max_attempts,
                    queue.0.sealer.as_ref(),
                )
            };
            then = std::mem::take(orders).into_iter().map(&mut prepare).collect();
            shelve = std::mem::take(refused).into_iter().map(|(order, fault)| (prepare(order), fault)).collect();
        }
        Self { ticket, step, run_ms: 0, then, shelve }
    }

    /// The fields of `carried` that this success ends, each with the letter's id: what was replayed has succeeded with the last job about it. Any other job
    /// has none, so that the many cost nothing.
    fn cured(&self) -> Vec<String> {
        let ticket = self.ticket.as_ref();
        let (letters, Some(subject)) = (ticket.letters(), ticket.envelope.subject.as_deref()) else {
            return Vec::new();
        };
        if letters.is_empty() {
            return letters;
        }
        // What is stored of a long subject is cut.
        let (sought, name) = (Sought::new(subject), escape(subject));
        let goes_on = |order: &Prepared| {
            let next = order.envelope.subject.as_deref();
            next.is_some_and(|next| escape(next) == name) || sought.may_travel_in(next)
        };
        if self.then.iter().chain(self.shelve.iter().map(|(order, _)| order)).any(goes_on) {
            return Vec::new();
        }
        let ids = letters.iter().filter_map(|letter| letter.rsplit_once(' '));
        ids.flat_map(|(letter, id)| [format!("{letter} {name}"), id.to_owned()]).collect()
    }

    /// How long the run took.
    pub(crate) fn took(mut self, run: Duration) -> Self {
        self.run_ms = u64::try_from(run.as_millis()).unwrap_or(u64::MAX);
        self
    }
}

/// What became of a batch of results.
#[derive(Debug, Default)]
pub(crate) struct Settlement {
    /// Places of results whose lease was lost: refused.
    pub(crate) late: HashSet<usize>,
    /// Lanes held by this batch.
    pub(crate) held: Vec<String>,
    /// Bytes on the shelf, when it grew.
    pub(crate) shelf_bytes: u64,
    pub(crate) evicted: Vec<String>,
}

impl Queue {
    /// Settles `results` and claims up to `n` jobs. Results whose lease is lost are left out and named; everything else is
    /// done, or nothing when it fails. Repeating it after a failure is safe: what was settled then is refused as late.
    pub(crate) async fn turn<T: AsRef<Ticket>>(
        &self,
        connection: &mut (impl redis::aio::ConnectionLike + Send),
        results: &[Settled<T>],
        n: usize,
        rescue: bool,
    ) -> Result<(Settlement, Claim), QueueError> {
        let mut late = HashSet::new();
        let mut holders = HashMap::new();
        loop {
            let open: Vec<(usize, &Settled<T>)> =
                results.iter().enumerate().filter(|(place, _)| !late.contains(place)).collect();
            let mut command = self.turn_command(n, rescue, 24 * open.len());
            if open.is_empty() {
                command.arg(0);
            } else {
                command.arg(1);
                self.write_results(&mut command, &open, &holders);
            }
            let mut reply = answer::array(TURN.call(connection, &command).await?)?.into_iter();
            let (settled, claimed) = (reply.next().unwrap_or(Value::Nil), reply.next().unwrap_or(Value::Nil));
            let mut settlement = Settlement::default();
            if let Value::Array(parts) = settled {
                let mut parts = parts.into_iter();
                let mut part = || parts.next().unwrap_or(Value::Nil);
                match answer::text(part())?.as_str() {
                    "ok" => {
                        settlement.held = answer::texts(part())?;
                        settlement.shelf_bytes = u64::try_from(answer::int(&part())?).unwrap_or(0);
                        settlement.evicted = answer::texts(part())?;
                    }
                    "late" => {
                        for index in answer::array(part())? {
                            let index = usize::try_from(answer::int(&index)?).unwrap_or(usize::MAX);
                            let (place, _) = open.get(index).ok_or_else(|| answer::unexpected(&Value::Nil))?;
                            late.insert(*place);
                        }
                        continue;
                    }
                    "taken" => {
                        learn_holders(part(), &mut holders)?;
                        continue;
                    }
                    other => return Err(QueueError::Answer(format!("`{other}`"))),
                }
            }
            settlement.late = late;
            let claim = if n > 0 { self.read_claim(claimed)? } else { Claim::default() };
            return Ok((settlement, claim));
        }
    }

    /// The start of a turn, up to the flag for results.
    fn turn_command(&self, n: usize, rescue: bool, arguments: usize) -> Cmd {
        let config = &self.0.config;
        let poison = poison_fault(config.poison_after);
        let mut command = TURN.command(self.keys(), arguments + 32, arguments * 40 + 512);
        command
            .arg(n.min(CLAIM_MAX))
            .arg(u64::try_from(config.lease.as_millis()).unwrap_or(u64::MAX))
            .arg(if rescue { RESCUE_MAX } else { 0 })
            .arg(config.poison_after)
            .arg(config.dead_letter_bytes)
            .arg(shelf_record::cause_hash(&poison))
            .arg(poison.cause())
            .arg(shelf_record::fault_json(&poison));
        command
    }

    /// A claim alone, for the connection that waits.
    pub(crate) fn claim_command(&self, n: usize, rescue: bool) -> Cmd {
        let mut command = self.turn_command(n, rescue, 0);
        command.arg(0);
        command
    }

    /// Reads the answer to [`Queue::claim_command`].
    pub(crate) fn read_turn_claim(&self, reply: Value) -> Result<Claim, QueueError> {
        self.read_claim(answer::array(reply)?.pop().unwrap_or(Value::Nil))
    }

    fn write_results<T: AsRef<Ticket>>(
        &self,
        command: &mut Cmd,
        results: &[(usize, &Settled<T>)],
        holders: &HashMap<String, String>,
    ) {
        let (mut members, mut done, mut freed, mut old) = <(Section, Section, Section, Section)>::default();
        let mut cured = Section::default();
        let (mut front, mut notes, mut delays) = <(Vec<&Ticket>, Section, Section)>::default();
        let (mut holds, mut shelf) = <(Section, Section)>::default();
        let mut lanes: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        let mut counters: BTreeMap<String, i64> = BTreeMap::new();
        let mut labels: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        let mut pace = PaceCounts::default();
        let mut ends = Vec::new();
        let now = self.now_ms();
        for (_, result) in results {
            let ticket = result.ticket.as_ref();
            let (id, envelope) = (ticket.id.as_str(), &ticket.envelope);
            let (lane, priority) = (envelope.lane.as_str(), envelope.priority.digit());
            members.push(ticket.member());
            let account = lanes.entry(lane).or_default();
            account.0 -= 1;
            *labels.entry((envelope.kind.as_str(), result.step.label())).or_default() += 1;
            let leaves = -i64::try_from(ticket.bytes).unwrap_or(0);
            pace.add(lane, &result.step, result.run_ms);
            let mut ended = |outcome, attempts| {
                let (wait_ms, run_ms) = (ticket.waited_ms, result.run_ms);
                ends.push(ended::line(id, envelope, End { outcome, attempts, wait_ms, run_ms, at_ms: now }));
            };
            match &result.step {
                Step::Done { .. } => {
                    account.1 += leaves;
                    done.push(id);
                    ended(Ended::Done, ticket.history.as_ref().map_or(0, |history| history.attempts) + 1);
                    envelope.unique.iter().for_each(|key| freed.push(key));
                    result.cured().into_iter().for_each(|name| cured.push(name));
                    if ticket.history.is_some() {
                        old.push(id);
                    }
                }
                Step::Later { delay, history, retry, why } => {
                    let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
                    let due = Some(now.saturating_add(delay_ms));
                    notes.push(id);
                    notes.push(History { due, ..history.clone() }.write());
                    // To the front, as who ran before; who rests its worker each time to the back, else a few of them let nobody else run.
                    let origin = if !retry && SnoozeReason::names_own_redis(why) { 'n' } else { 'r' };
                    delays.push(format!("{origin}:{priority}:{lane}:{id}"));
                    delays.push(delay_ms);
                }
                Step::Release => front.push(ticket),
                Step::Hold { fault } => {
                    front.push(ticket);
                    holds.push(lane);
                    holds.push(super::lanes::stop_json("queue", &fault.to_string(), self.now()));
                }
                Step::Shelve { fault, history } => {
                    account.1 += leaves;
                    ended(Ended::Dead, history.attempts);
                    notes.push(id);
                    notes.push(history.write());
                    push_letter(&mut shelf, id, ShelfRecord::of(envelope, ticket.bytes, fault));
                }
            }
        }
        for ((kind, label), n) in labels {
            counters.insert(self.counter(kind, label), n);
        }
        let (then, shelved) = self.open_orders(results, holders, &mut counters);
        for (order, fault) in &shelved {
            let end = End { outcome: Ended::Dead, attempts: 0, wait_ms: 0, run_ms: 0, at_ms: now };
            ends.push(ended::line(order.id.as_str(), &order.envelope, end));
            push_letter(&mut shelf, order.id.as_str(), ShelfRecord::of(&order.envelope, order.bytes.len(), fault));
        }
        for section in [&members, &done, &freed, &old, &cured] {
            section.write(command);
        }
        command.arg(3 * lanes.len());
        for (lane, (running, bytes)) in lanes {
            command.arg(lane).arg(running).arg(bytes);
        }
        orders::write_counters(command, &counters);
        // They were claimed in this sequence and return in it.
        front.sort_by_key(|ticket| ticket.token);
        command.arg(3 * front.len());
        for ticket in front {
            command.arg(ticket.id.as_str()).arg(ticket.envelope.lane.as_str()).arg(ticket.envelope.priority.digit());
        }
        for section in [&notes, &delays, &holds, &shelf, &pace.section(), &ended::section(&ends)] {
            section.write(command);
        }
        let shelved: Vec<&Prepared> = shelved.into_iter().map(|(order, _)| order).collect();
        orders::write(command, &then, &shelved);
    }

    /// Follow-ups and shelved orders whose unique keys are free, counted.
    fn open_orders<'a, T: AsRef<Ticket>>(
        &self,
        results: &[(usize, &'a Settled<T>)],
        holders: &HashMap<String, String>,
        counters: &mut BTreeMap<String, i64>,
    ) -> (Vec<&'a Prepared>, Vec<(&'a Prepared, &'a Fault)>) {
        let mut seen: HashSet<&str> = HashSet::new();
        let (mut then, mut shelved) = (Vec::new(), Vec::new());
        let mut admit = |order: &'a Prepared, accepted: &str| {
            let free =
                order.envelope.unique.as_deref().is_none_or(|key| !holders.contains_key(key) && seen.insert(key));
            *counters
                .entry(self.counter(&order.envelope.kind, if free { accepted } else { "duplicate" }))
                .or_default() += 1;
            free
        };
        for (_, result) in results {
            then.extend(result.then.iter().filter(|order| admit(order, "enqueued")));
            shelved.extend(
                result.shelve.iter().filter(|(order, _)| admit(order, "dead")).map(|(order, fault)| (order, fault)),
            );
        }
        (then, shelved)
    }

    fn read_claim(&self, claimed: Value) -> Result<Claim, QueueError> {
        let mut parts = answer::array(claimed)?.into_iter();
        let mut part = || parts.next().unwrap_or(Value::Nil);
        let now = answer::int(&part())?;
        self.learn_time(now);
        let next_ms = u64::try_from(answer::int(&part())?).ok();
        let first = u64::try_from(answer::int(&part())?).unwrap_or(0);
        let ids = answer::texts(part())?;
        let envelopes = answer::array(part())?;
        let mut histories = answer::array(part())?.into_iter();
        let mut claim = Claim {
            next_ms,
            rescued: answer::texts(part())?,
            poisoned: answer::texts(part())?,
            jobs: Vec::with_capacity(ids.len()),
            broken: Vec::new(),
        };
        let spans = answer::array(part())?;
        let mut lanes = spans.chunks(2).flat_map(|span| {
            let n = span.get(1).and_then(|n| answer::int(n).ok()).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            std::iter::repeat_n(&span[0], n)
        });
        for ((id, stored), token) in ids.into_iter().zip(envelopes).zip(first..) {
            let history = histories.next().and_then(answer::bytes).map(|stored| History::read(&stored));
            let lane = lanes.next().unwrap_or(&Value::Nil);
            let stored = answer::bytes(stored);
            let bytes = stored.as_ref().map_or(0, Vec::len);
            match read_job(&id, token, stored, history, now) {
                Ok(job) => claim.jobs.push(job),
                Err(error) => {
                    let ticket = nameless_ticket(&id, token, lane, bytes)?;
                    claim.broken.push(Broken { ticket, why: error.to_string() });
                }
            }
        }
        Ok(claim)
    }
}

/// Stands for a job whose envelope cannot be read, so that it can be put on the shelf.
fn nameless_ticket(id: &str, token: u64, lane: &Value, bytes: usize) -> Result<Ticket, QueueError> {
    let envelope = Envelope {
        lane: Lane::parse(&answer::text(lane.clone())?)?,
        priority: Priority::Normal,
        kind: "unreadable".to_owned(),
        unique: None,
        enqueued_ms: 0,
        max_attempts: 1,
        timeout: Duration::ZERO,
        version: 0,
        parent: None,
        trace: id.to_owned(),
        subject: None,
        letters: Vec::new(),
        due_ms: None,
    };
    Ok(Ticket { id: JobId::parse(id)?, token, envelope, bytes, history: None, waited_ms: 0 })
}

/// When the job could start, ms: when it was put off to, or ordered for, else when it was accepted. As in `claim.lua`.
pub(crate) fn could_start(envelope: &Envelope, history: Option<&History>) -> i64 {
    history.and_then(|history| history.due).or(envelope.due_ms).unwrap_or(envelope.enqueued_ms)
}

fn push_letter(shelf: &mut Section, id: &str, letter: ShelfRecord) {
    shelf.push(id);
    shelf.push(letter.cause);
    shelf.push(letter.cause_text);
    shelf.push(letter.record);
}

fn poison_fault(poison_after: u32) -> Fault {
    let times = match poison_after {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        3 => "three times".to_owned(),
        n => format!("{n} times"),
    };
    Fault::defect("job.run", format!("killed its worker {times}")).with_code("poison")
}

fn read_job(
    id: &str,
    token: u64,
    stored: Option<Vec<u8>>,
    history: Option<History>,
    now: i64,
) -> Result<Claimed, QueueError> {
    let mut stored = stored.ok_or_else(|| QueueError::Unreadable {
        what: format!("envelope of job {id}"),
        why: "it is missing".to_owned(),
    })?;
    let bytes = stored.len();
    let (envelope, sealed) = Envelope::read(id, &stored)?;
    let head = bytes - sealed.len();
    let waited_ms = u64::try_from(now - could_start(&envelope, history.as_ref())).unwrap_or(0);
    let ticket = Ticket { id: JobId::parse(id)?, token, envelope, bytes, history, waited_ms };
    stored.drain(..head);
    Ok(Claimed { ticket, sealed: stored })
}
