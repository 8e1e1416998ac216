//! The simulator as a value inside a test or a program.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use super::{
    auth::Tokens, clock::Clock, config::EpicorConfig, fault::Faults, locked, mutate::Mutator, serve, stats::Stats,
    store::Store,
};
use crate::server::Running;

/// Whether a hook runs before the page is read or after it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The rows of the page are not chosen yet.
    Before,
    /// The page is fixed and about to be sent.
    After,
}

/// The page a hook runs for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Before or after the read.
    pub phase: Phase,
    /// Company of the call.
    pub company: String,
    /// Entity set read.
    pub set: String,
    /// Decoded query options.
    pub query: Vec<(String, String)>,
    /// Pages served before this one, over all sets.
    pub number: u64,
}

pub(crate) type Hook = Arc<dyn Fn(&mut Store, &PageRequest) + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) config: EpicorConfig,
    pub(crate) clock: Arc<Clock>,
    pub(crate) store: Mutex<Store>,
    pub(crate) stats: Mutex<Stats>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) tokens: Mutex<Tokens>,
    pub(crate) hooks: Mutex<Vec<Hook>>,
    pub(crate) mutator: Mutex<Option<Mutator>>,
    /// Fixed delay of every call and the most that is added to it at random.
    pub(crate) latency: Mutex<(Duration, Duration)>,
}

impl Shared {
    /// Everything back to how it was at the start; hooks set in-process stay.
    pub(crate) fn reset(&self) {
        self.clock.reset();
        *locked(&self.store) = Store::new(&self.config, Arc::clone(&self.clock));
        locked(&self.stats).reset();
        *locked(&self.faults) = Faults::new(self.config.seed);
        *locked(&self.tokens) = Tokens::default();
        *locked(&self.mutator) = None;
        *locked(&self.latency) = Default::default();
    }
}

/// A running Epicor stand-in; it stops when dropped.
pub struct EpicorSim {
    shared: Arc<Shared>,
    running: Running,
}

impl EpicorSim {
    /// Starts serving in the background of the current runtime.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(config: EpicorConfig) -> io::Result<Self> {
        let clock = Arc::new(Clock::default());
        let shared = Arc::new(Shared {
            store: Mutex::new(Store::new(&config, Arc::clone(&clock))),
            stats: Mutex::default(),
            faults: Mutex::new(Faults::new(config.seed)),
            tokens: Mutex::default(),
            hooks: Mutex::default(),
            mutator: Mutex::default(),
            latency: Mutex::default(),
            clock,
            config,
        });
        let running = Running::start(serve::router(Arc::clone(&shared)), shared.config.listen).await?;
        Ok(Self { shared, running })
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        self.running.url()
    }

    /// What a client is configured with: origin and instance.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}{}", self.running.url(), self.shared.config.instance)
    }

    /// The settings it was started with.
    #[must_use]
    pub fn config(&self) -> &EpicorConfig {
        &self.shared.config
    }

    /// The database. Calls wait while the guard lives, so do not hold it across an await.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        locked(&self.shared.store)
    }

    /// The faults on order. The same caution as for [`EpicorSim::store`] applies.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.shared.faults)
    }

    /// The counters so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        locked(&self.shared.stats).clone()
    }

    /// Counters back to zero.
    pub fn reset_stats(&self) {
        locked(&self.shared.stats).reset();
    }

    /// The clock behind stamps, tokens and the `Date` header.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Ends all bearer tokens at once.
    pub fn expire_tokens(&self) {
        locked(&self.shared.tokens).expire_all();
    }

    /// Delays every call by `fixed` plus up to `jitter`.
    pub fn set_latency(&self, fixed: Duration, jitter: Duration) {
        *locked(&self.shared.latency) = (fixed, jitter);
    }

    /// Runs `hook` before and after every page is read.
    pub fn on_page(&self, hook: impl Fn(&mut Store, &PageRequest) + Send + Sync + 'static) {
        locked(&self.shared.hooks).push(Arc::new(hook));
    }

    /// Changes rows around every page by itself; `None` stops that.
    pub fn mutate_per_page(&self, mutator: Option<Mutator>) {
        *locked(&self.shared.mutator) = mutator;
    }
}
