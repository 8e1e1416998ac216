//! What every entry into Epicor has in common: a record that is made once, step by step, whoever carries it out.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use mlc_ledger::{Action, AuditNote, Delivery, Sighting, Verdict};
use mlc_model::{Fault, FaultKind, Fingerprint, FlowId, RecordKey, System, TargetId, Version};
use mlc_outbound::witnessed;
use mlc_queue::{JobContext, Outcome, SnoozeReason};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    context::Context,
    exchanges::{Exchanges, Told},
};

/// Longer than a job may run: a lease must not end while its holder still writes.
const LEASE: Duration = Duration::from_secs(240);
/// A record in another worker's hands is tried again after this time.
const BUSY: TimeDelta = TimeDelta::milliseconds(250);
/// What is announced before it is saved is there within moments; so the first look comes soon …
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(1);
/// … and later ones this long after each other at most.
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(60);
/// A record with many lines goes on in another run, well before a run is stopped.
const LONGEST_RUN: TimeDelta = TimeDelta::seconds(120);
/// What was announced is made once; changes that follow do not count, so there is one version only.
const ONLY_VERSION: Version = Version(1);

/// One record on its way.
pub(super) struct Entry<'a> {
    pub(super) context: &'a Context,
    pub(super) flow: &'a FlowId,
    pub(super) run: &'a JobContext,
    pub(super) key: RecordKey,
    started: DateTime<Utc>,
}

impl<'a> Entry<'a> {
    pub(super) fn new(context: &'a Context, flow: &'a FlowId, run: &'a JobContext, key: RecordKey) -> Self {
        Self { context, flow, run, key, started: context.clock.now() }
    }

    /// Whether it is in Epicor already, by this flow.
    pub(super) async fn is_there(&self) -> Result<bool, Fault> {
        let links = self.context.ledger.link(self.flow, std::slice::from_ref(&self.key)).await?;
        Ok(links.iter().any(Option::is_some))
    }

    pub(super) fn count(&self, what: &str) {
        self.context.metrics.records(self.flow.as_str(), what, 1);
    }

    pub(super) async fn note(&self, action: Action, detail: impl Into<String>) -> Result<(), Fault> {
        let note = AuditNote {
            job: Some(self.run.job_id.clone()),
            detail: Some(detail.into()),
            ..AuditNote::new(self.key.clone(), action, self.context.clock.now())
        };
        Ok(self.context.ledger.note(self.flow, &[note]).await?)
    }

    /// Finished without anything written, for a reason that is noted.
    pub(super) async fn dropped(&self, why: impl Into<String>) -> Result<Outcome, Fault> {
        self.note(Action::Dropped, why).await?;
        self.count("dropped");
        Ok(Outcome::done())
    }

    /// Waits for something at the shop, longer each time; `None` once `longest` is over since it was announced.
    pub(super) fn waits(&self, thing: &str, announced: DateTime<Utc>, longest: Duration) -> Option<Outcome> {
        let now = self.context.clock.now();
        let end = announced + TimeDelta::from_std(longest).unwrap_or(TimeDelta::MAX.min(TimeDelta::days(365)));
        if now >= end {
            return None;
        }
        let pause = (FIRST_PAUSE * (1 << self.run.snoozes.min(6))).min(LONGEST_PAUSE);
        Some(Outcome::Snooze { until: (now + pause).min(end), why: SnoozeReason::WaitsFor(thing.to_owned()) })
    }

    /// Carries out `work` while nobody else has this record, nor any of `others`.
    pub(super) async fn leased(
        &self,
        others: &[RecordKey],
        work: impl AsyncFnOnce() -> Result<Outcome, Fault>,
    ) -> Result<Outcome, Fault> {
        let holder = format!("{}:{}", self.run.job_id, self.run.token);
        let keys: Vec<RecordKey> = std::iter::once(&self.key).chain(others).cloned().collect();
        let ledger = &self.context.ledger;
        let held = ledger.lease(self.flow, &keys, &holder, LEASE).await?;
        let outcome = if held.contains(&false) { Ok(self.again(BUSY, SnoozeReason::RecordBusy)) } else { work().await };
        let mine: Vec<RecordKey> = keys.into_iter().zip(held).filter(|(_, held)| *held).map(|(key, _)| key).collect();
        // A lease that cannot be given back ends by itself; the record then waits that long, no more.
        let released = ledger.release(self.flow, &mine, &holder).await;
        let outcome = outcome?;
        released?;
        Ok(outcome)
    }

    pub(super) fn again(&self, pause: TimeDelta, why: SnoozeReason) -> Outcome {
        Outcome::Snooze { until: self.context.clock.now() + pause, why }
    }

    /// Whether it is to be written now: not when it was already, however often it was announced.
    pub(super) async fn begin(&self) -> Result<bool, Fault> {
        let sighting = Sighting { key: self.key.clone(), version: ONLY_VERSION, fingerprint: self.fingerprint()? };
        let verdicts = self.context.ledger.begin(self.flow, &[sighting]).await?;
        Ok(verdicts.first() == Some(&Verdict::Changed))
    }

    /// It is whole at the target.
    pub(super) async fn delivered(&self, target: Option<TargetId>) -> Result<(), Fault> {
        let delivery = Delivery {
            key: self.key.clone(),
            version: ONLY_VERSION,
            fingerprint: self.fingerprint()?,
            target_id: target,
            action: Action::Created,
            window: None,
            job: Some(self.run.job_id.clone()),
            at: self.context.clock.now(),
        };
        self.context.ledger.deliver(self.flow, &[delivery]).await?;
        self.count(Action::Created.as_str());
        Ok(())
    }

    /// Carries out `work` and keeps what was said meanwhile, when it has ended: `source` is what it enters, `telling` the calls that count.
    pub(super) async fn told(
        &self,
        source: &impl Serialize,
        telling: &[&str],
        work: impl Future<Output = Result<Outcome, Fault>>,
    ) -> Result<Outcome, Fault> {
        let (outcome, said) = witnessed(work).await;
        let told = Told::last(&said, telling);
        let mut exchanges = Exchanges::new(self.context, self.flow, self.run);
        match &outcome {
            Ok(Outcome::Done { .. }) if !said.is_empty() => {
                let links = self.context.ledger.link(self.flow, std::slice::from_ref(&self.key)).await;
                // Only shown to people: a record that was entered is entered without it too.
                let target = links.unwrap_or_default().pop().flatten();
                exchanges.add(self.key.clone(), source, told, Ok(target.as_ref()));
            }
            Err(fault) if matches!(fault.kind, FaultKind::Rejected | FaultKind::Defect) => {
                exchanges.add(self.key.clone(), source, told, Err(fault));
            }
            _ => return outcome,
        }
        exchanges.keep().await;
        outcome
    }

    fn fingerprint(&self) -> Result<Fingerprint, Fault> {
        Fingerprint::of(&self.key).map_err(|problem| Fault::defect("entry.fingerprint", problem.to_string()))
    }

    /// How far an earlier run came. What cannot be read counts as nothing: the first step looks before it makes anything.
    pub(super) async fn progress<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Fault> {
        let kept = self.context.ledger.kept(self.flow, self.key.as_str(), name).await?;
        Ok(kept.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps how far it came, before the next step.
    pub(super) async fn keep<T: Serialize>(&self, name: &str, progress: &T) -> Result<(), Fault> {
        let text =
            serde_json::to_string(progress).map_err(|problem| Fault::defect("entry.keep", problem.to_string()))?;
        Ok(self.context.ledger.keep(self.flow, self.key.as_str(), name, &text).await?)
    }

    pub(super) async fn forget(&self, name: &str) -> Result<(), Fault> {
        self.context.ledger.forget_kept(self.flow, self.key.as_str(), name).await?;
        Ok(())
    }

    /// Whether this run has lasted long enough: what is kept lets another one go on.
    pub(super) fn is_long(&self) -> bool {
        self.context.clock.now() - self.started >= LONGEST_RUN
    }

    /// Writes a refusal down, on its way to the dead-letter shelf.
    pub(super) async fn settled(&self, outcome: Result<Outcome, Fault>) -> Result<Outcome, Fault> {
        if let Err(fault) = &outcome
            && matches!(fault.kind, FaultKind::Rejected | FaultKind::Defect)
        {
            self.note(Action::Refused, fault.cause()).await?;
            self.count("refused");
        }
        outcome
    }
}

/// Epicor's refusal with what a person can do about it. Whatever was saved stays; a replay goes on from there.
pub(super) fn with_cure(fault: Fault, section: &str) -> Fault {
    if fault.system != System::Epicor || fault.kind != FaultKind::Rejected {
        return fault;
    }
    let says = fault.message.to_lowercase();
    let cure = if says.contains("locked") {
        format!("Let that person leave the group, or name another one in {section}; then replay")
    } else if says.contains("period") || says.contains("fiscal") {
        "Open the period in Epicor, or let accounting decide on the date; then replay".to_owned()
    } else if says.contains("part ") {
        "Create the part in Epicor; then replay".to_owned()
    } else if says.contains("supplier") || says.contains("vendor") {
        "Put the supplier right in Epicor or in the settings; then replay".to_owned()
    } else if says.contains("account") {
        format!("Open the account in Epicor, or put the rules for accounts right in {section}; then replay")
    } else {
        "Put it right in Epicor; then replay".to_owned()
    };
    let message = format!("{} — {cure}: it goes on where it ended.", fault.message.trim_end_matches('.'));
    let told = Fault::new(fault.kind, fault.system, fault.operation.clone(), message);
    Fault { message: told.message, ..fault }
}
