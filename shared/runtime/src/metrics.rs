//! Every metric of the product, with its name, labels and help text. The only use of the crate `prometheus`.
//!
//! Two families. *Instance* metrics are counted as things happen, one set per process. *Service* metrics are read from
//! Redis when somebody scrapes, and are served by the producer only; a process that never sets them does not show them.
//!
//! Labels have few, known values: names of lanes, kinds, flows and systems, never a record key, address or error text.

use std::{fmt, sync::Arc};

use prometheus::{
    Encoder as _, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Job durations: most end within a second, a slow page takes a minute, a time-out two.
const JOB_SECONDS: [f64; 12] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 120.0];
/// Waiting: an idle system starts a job within milliseconds, a backlog takes hours.
const WAIT_SECONDS: [f64; 12] = [0.001, 0.0025, 0.01, 0.1, 1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 43_200.0];
/// Requests: HubSpot answers in tenths of a second, Epicor may take its full 90.
const REQUEST_SECONDS: [f64; 11] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 45.0, 90.0];
/// Webhooks: the goal is 10 ms, Commerce's soft time-out is in seconds, ours is five for the store and ten for a slow body.
const WEBHOOK_SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0];
/// Waiting for a budget: a pacing gap is tens of milliseconds, a whole window ten seconds.
const BUDGET_SECONDS: [f64; 9] = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 10.0];
/// A longer label is a mistake of ours, not a name; it is counted under [`OTHER`].
const LABEL_LIMIT: usize = 64;
const OTHER: &str = "other";

/// All metrics of one process. Clones share the numbers.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    jobs_finished: IntCounterVec,
    job_duration: HistogramVec,
    job_wait: HistogramVec,
    leases_lost: IntCounterVec,
    late_results: IntCounterVec,
    records: IntCounterVec,
    outbound_requests: IntCounterVec,
    outbound_duration: HistogramVec,
    rate_limited: IntCounterVec,
    budget_wait: HistogramVec,
    webhook_deliveries: IntCounterVec,
    webhook_duration: HistogramVec,
    alerts_sent: IntCounterVec,
    redis_errors: IntCounter,
    queue_jobs: IntGaugeVec,
    queue_oldest_age: GaugeVec,
    dead_letters: IntGaugeVec,
    lanes_held: IntGaugeVec,
    rate_budget_remaining: GaugeVec,
    sync_lag: GaugeVec,
}

impl Metrics {
    /// Declares every metric.
    ///
    /// # Panics
    /// Never with the names in this file: a test declares and renders them all.
    pub fn new() -> Self {
        Self::declare().expect("every name in this file is valid and stands once; a test declares them all")
    }

    fn declare() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| -> prometheus::Result<IntCounterVec> {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let histogram =
            |name: &str, help: &str, labels: &[&str], buckets: &[f64]| -> prometheus::Result<HistogramVec> {
                let metric = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?;
                registry.register(Box::new(metric.clone()))?;
                Ok(metric)
            };
        let gauge = |name: &str, help: &str, labels: &[&str]| -> prometheus::Result<GaugeVec> {
            let metric = GaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let int_gauge = |name: &str, help: &str, labels: &[&str]| -> prometheus::Result<IntGaugeVec> {
            let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let redis_errors =
            IntCounter::new("mlc_redis_errors_total", "Redis commands that failed and were tried again.")?;
        registry.register(Box::new(redis_errors.clone()))?;

        let inner = Inner {
            // Instance family.
            jobs_finished: counter(
                "mlc_jobs_finished_total",
                "Runs of jobs by how they ended: done, snoozed, retried, dead, handed_back, lost.",
                &["queue", "kind", "outcome"],
            )?,
            job_duration: histogram(
                "mlc_job_duration_seconds",
                "Time a run of a job took, from start to confirmed result.",
                &["kind"],
                &JOB_SECONDS,
            )?,
            job_wait: histogram(
                "mlc_job_wait_seconds",
                "Time between the moment a job was due and its start.",
                &["queue"],
                &WAIT_SECONDS,
            )?,
            leases_lost: counter(
                "mlc_leases_lost_total",
                "Jobs whose lease ran out while they ran; they run again elsewhere.",
                &["kind"],
            )?,
            late_results: counter(
                "mlc_late_results_total",
                "Results that came after their lease was lost and were refused.",
                &["kind"],
            )?,
            records: counter(
                "mlc_records_total",
                "Records by what was done with them: created, updated, unchanged, superseded, refused.",
                &["flow", "action"],
            )?,
            outbound_requests: counter(
                "mlc_outbound_requests_total",
                "Requests to business systems; status is the HTTP status or what the network did.",
                &["system", "operation", "status"],
            )?,
            outbound_duration: histogram(
                "mlc_outbound_request_duration_seconds",
                "Time between sending a request and having its whole answer.",
                &["system", "operation"],
                &REQUEST_SECONDS,
            )?,
            rate_limited: counter(
                "mlc_rate_limited_total",
                "Requests delayed or refused by a rate limit; cause is the limit, ours or the system's.",
                &["system", "cause"],
            )?,
            budget_wait: histogram(
                "mlc_budget_wait_seconds",
                "Time a request waited for its place in the rate budget.",
                &["system"],
                &BUDGET_SECONDS,
            )?,
            webhook_deliveries: counter(
                "mlc_webhook_deliveries_total",
                "Webhook deliveries by result: accepted, duplicate, echo, ignored, unusable, refused_signature, too_large, cut_off, unavailable.",
                &["connection", "result"],
            )?,
            webhook_duration: histogram(
                "mlc_webhook_duration_seconds",
                "Time between the head of a webhook delivery and its answer, everything that was stored included.",
                &["connection"],
                &WEBHOOK_SECONDS,
            )?,
            alerts_sent: counter(
                "mlc_alerts_sent_total",
                "Messages about alerts by channel and what became of them: sent, failed (tried again), given_up (told anew).",
                &["channel", "result"],
            )?,
            redis_errors,
            // Service family.
            queue_jobs: int_gauge("mlc_queue_jobs", "Jobs in the queue by state.", &["queue", "state"])?,
            queue_oldest_age: gauge(
                "mlc_queue_oldest_age_seconds",
                "Age of the oldest job that is due and not running; 0 when none is.",
                &["queue"],
            )?,
            dead_letters: int_gauge(
                "mlc_dead_letters",
                "Jobs on the dead-letter shelf by fault.",
                &["queue", "fault"],
            )?,
            lanes_held: int_gauge(
                "mlc_lanes_held",
                "1 while a lane is held or paused and its jobs wait, else 0.",
                &["queue"],
            )?,
            rate_budget_remaining: gauge(
                "mlc_rate_budget_remaining",
                "Requests left in the current window of a rate budget.",
                &["system", "connection", "family"],
            )?,
            sync_lag: gauge(
                "mlc_sync_lag_seconds",
                "Age of the newest source state that is completely handed on.",
                &["flow", "connection"],
            )?,
            registry: registry.clone(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The page in Prometheus' text format. Families without a value are left out.
    pub fn render(&self) -> String {
        let mut page = Vec::new();
        match TextEncoder::new().encode(&self.0.registry.gather(), &mut page) {
            Ok(()) => String::from_utf8_lossy(&page).into_owned(),
            Err(error) => format!("# could not render: {error}\n"),
        }
    }

    /// Counts a run that ended. `outcome`: `done`, `snoozed`, `retried`, `dead`, `handed_back`, `lost`.
    pub fn job_finished(&self, lane: &str, kind: &str, outcome: &str) {
        self.0.jobs_finished.with_label_values(&[label(lane), label(kind), label(outcome)]).inc();
    }

    /// Notes how long a run took.
    pub fn job_duration(&self, kind: &str, secs: f64) {
        self.0.job_duration.with_label_values(&[label(kind)]).observe(secs);
    }

    /// Notes how long a due job waited for its start.
    pub fn job_wait(&self, lane: &str, secs: f64) {
        self.0.job_wait.with_label_values(&[label(lane)]).observe(secs);
    }

    /// Counts a job whose lease ran out under it.
    pub fn lease_lost(&self, kind: &str) {
        self.0.leases_lost.with_label_values(&[label(kind)]).inc();
    }

    /// Counts a result that came too late and was refused.
    pub fn late_result(&self, kind: &str) {
        self.0.late_results.with_label_values(&[label(kind)]).inc();
    }

    /// Counts records. `action`: `created`, `updated`, `unchanged`, `superseded`, `refused`.
    pub fn records(&self, flow: &str, action: &str, n: u64) {
        self.0.records.with_label_values(&[label(flow), label(action)]).inc_by(n);
    }

    /// Counts a request. `status_label`: the HTTP status, or `connect`, `timeout`, `reset`, `too_big`.
    pub fn outbound_request(&self, system: &str, operation: &str, status_label: &str, secs: f64) {
        let (system, operation) = (label(system), label(operation));
        self.0.outbound_requests.with_label_values(&[system, operation, label(status_label)]).inc();
        self.0.outbound_duration.with_label_values(&[system, operation]).observe(secs);
    }

    /// Counts a delay by a rate limit. `cause`: the limit's name, such as `budget`, `burst`, `daily`, `search`.
    pub fn rate_limited(&self, system: &str, cause: &str) {
        self.0.rate_limited.with_label_values(&[label(system), label(cause)]).inc();
    }

    /// Notes how long a request waited for its place in the budget.
    pub fn budget_wait(&self, system: &str, secs: f64) {
        self.0.budget_wait.with_label_values(&[label(system)]).observe(secs);
    }

    /// Counts a webhook delivery and the time to its answer. `result`: `accepted`, `duplicate`, `echo`, `ignored`, `unusable`,
    /// `refused_signature`, `too_large`, `cut_off`, `unavailable`.
    pub fn webhook_delivery(&self, connection: &str, result: &str, secs: f64) {
        self.0.webhook_deliveries.with_label_values(&[label(connection), label(result)]).inc();
        self.0.webhook_duration.with_label_values(&[label(connection)]).observe(secs);
    }

    /// Counts a message about alerts. `result`: `sent`, `failed`, `given_up`.
    pub fn alerts_sent(&self, channel: &str, result: &str) {
        self.0.alerts_sent.with_label_values(&[label(channel), label(result)]).inc();
    }

    /// Counts a failed Redis command.
    pub fn redis_error(&self) {
        self.0.redis_errors.inc();
    }

    /// Sets the number of jobs of a lane in one state, such as `ready`, `delayed`, `running`.
    pub fn queue_jobs(&self, lane: &str, state: &str, n: u64) {
        self.0.queue_jobs.with_label_values(&[label(lane), label(state)]).set(level(n));
    }

    /// Sets the age of a lane's oldest due job; 0 when none is due.
    pub fn queue_oldest_age(&self, lane: &str, secs: f64) {
        self.0.queue_oldest_age.with_label_values(&[label(lane)]).set(secs);
    }

    /// Sets the number of dead letters of a lane with one kind of fault.
    pub fn dead_letters(&self, lane: &str, fault: &str, n: u64) {
        self.0.dead_letters.with_label_values(&[label(lane), label(fault)]).set(level(n));
    }

    /// Sets whether a lane is held or paused.
    pub fn lane_held(&self, lane: &str, held: bool) {
        self.0.lanes_held.with_label_values(&[label(lane)]).set(i64::from(held));
    }

    /// Sets what is left of a budget.
    pub fn budget_remaining(&self, system: &str, connection: &str, family: &str, n: f64) {
        self.0.rate_budget_remaining.with_label_values(&[label(system), label(connection), label(family)]).set(n);
    }

    /// Sets how far a flow is behind its source.
    pub fn sync_lag(&self, flow: &str, connection: &str, secs: f64) {
        self.0.sync_lag.with_label_values(&[label(flow), label(connection)]).set(secs);
    }

    /// Sets the levels that are counted in Redis to 0, before they are read again: a drained queue reports 0, and a cause
    /// that has vanished does not keep its last number.
    pub fn zero_levels(&self) {
        use prometheus::core::Collector as _;
        for gauge in [&self.0.queue_jobs, &self.0.dead_letters, &self.0.lanes_held] {
            for metric in gauge.collect().iter().flat_map(|family| family.get_metric()) {
                let names = &gauge.desc()[0].variable_labels;
                // A metric lists its labels sorted, a lookup wants them in the declared order.
                let value =
                    |name: &String| metric.get_label().iter().find(|pair| pair.name() == name).map(|pair| pair.value());
                let values: Vec<&str> = names.iter().filter_map(value).collect();
                if let Ok(metric) = gauge.get_metric_with_label_values(&values) {
                    metric.set(0);
                }
            }
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn label(value: &str) -> &str {
    if value.is_empty() || value.len() > LABEL_LIMIT { OTHER } else { value }
}

fn level(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Metrics {
        let metrics = Metrics::new();
        metrics.job_finished("hubspot-main", "push_record", "done");
        metrics.job_duration("push_record", 0.2);
        metrics.job_wait("hubspot-main", 0.002);
        metrics.lease_lost("push_record");
        metrics.late_result("push_record");
        metrics.records("epicor_to_hubspot::vendors", "created", 100);
        metrics.outbound_request("hubspot", "companies.batch_upsert", "207", 0.4);
        metrics.rate_limited("hubspot", "burst");
        metrics.budget_wait("hubspot", 0.05);
        metrics.webhook_delivery("shop", "accepted", 0.002);
        metrics.alerts_sent("on-call", "sent");
        metrics.redis_error();
        metrics.queue_jobs("hubspot-main", "ready", 12);
        metrics.queue_oldest_age("hubspot-main", 3.5);
        metrics.dead_letters("hubspot-main", "rejected", 2);
        metrics.lane_held("hubspot-main", true);
        metrics.budget_remaining("hubspot", "hubspot-main", "burst", 84.0);
        metrics.sync_lag("epicor_to_hubspot::vendors", "epicor-main", 61.0);
        metrics
    }

    #[test]
    fn the_page_is_as_operators_know_it() {
        insta::assert_snapshot!(filled().render());
    }

    #[test]
    fn every_name_follows_the_rules_and_has_a_help_text() {
        for family in filled().0.registry.gather() {
            let name = family.name();
            let counter = matches!(family.get_field_type(), prometheus::proto::MetricType::COUNTER);
            let histogram = matches!(family.get_field_type(), prometheus::proto::MetricType::HISTOGRAM);
            assert!(name.starts_with("mlc_"), "{name}");
            assert_eq!(name.ends_with("_total"), counter, "{name}: counters, and only they, end in _total");
            assert!(!histogram || name.ends_with("_seconds") || name.ends_with("_bytes"), "{name} has no unit");
            assert!(family.help().len() > 20 && family.help().ends_with('.'), "{name} needs a help text");
        }
        assert_eq!(filled().0.registry.gather().len(), 20);
    }

    #[test]
    fn a_drained_queue_reports_zero() {
        let metrics = filled();
        metrics.zero_levels();
        let page = metrics.render();
        assert!(page.contains("mlc_queue_jobs{queue=\"hubspot-main\",state=\"ready\"} 0"), "{page}");
        assert!(page.contains("mlc_dead_letters{fault=\"rejected\",queue=\"hubspot-main\"} 0"), "{page}");
        assert!(page.contains("mlc_lanes_held{queue=\"hubspot-main\"} 0"), "{page}");
    }

    #[test]
    fn a_label_that_is_no_name_is_counted_as_other() {
        let metrics = Metrics::new();
        metrics.job_finished("lane", &"x".repeat(500), "");
        assert!(metrics.render().contains("kind=\"other\",outcome=\"other\""));
    }
}
