//! Which code carries out which kind of job.

use std::{collections::HashMap, fmt, future::Future, marker::PhantomData, sync::Arc};

use futures_util::future::BoxFuture;
use mlc_model::{Fault, Sealer};

use crate::{Job, JobContext, Outcome, envelope};

/// What a handler gets from the queue.
pub(crate) struct Delivery {
    pub(crate) kind: String,
    pub(crate) version: u16,
    pub(crate) sealed: Vec<u8>,
    pub(crate) context: JobContext,
}

trait Handler: Send + Sync {
    fn run(&self, delivery: Delivery, sealer: Arc<dyn Sealer>) -> BoxFuture<'static, Outcome>;
}

struct Typed<J, F> {
    handler: Arc<F>,
    job: PhantomData<fn() -> J>,
}

impl<J, F, Fut> Handler for Typed<J, F>
where
    J: Job,
    F: Fn(J, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    fn run(&self, delivery: Delivery, sealer: Arc<dyn Sealer>) -> BoxFuture<'static, Outcome> {
        let handler = Arc::clone(&self.handler);
        Box::pin(async move {
            // A payload that cannot be read is the job's fault, never the worker's: it goes to the shelf and can be replayed.
            let job = match read::<J>(&delivery, sealer.as_ref()) {
                Ok(job) => job,
                Err(why) => return Outcome::Failed(unreadable(&why)),
            };
            handler(job, delivery.context).await
        })
    }
}

fn read<J: Job>(delivery: &Delivery, sealer: &dyn Sealer) -> Result<J, String> {
    if delivery.version > J::VERSION {
        return Err(format!("{} has form {}, this worker knows up to {}", delivery.kind, delivery.version, J::VERSION));
    }
    let id = delivery.context.job_id.as_str();
    let payload = envelope::open(id, &delivery.kind, &delivery.sealed, sealer).map_err(|broken| broken.to_string())?;
    serde_json::from_slice(&payload).map_err(|error| without_values(&error))
}

/// What is wrong and where, without the values: they are business data and would end up in logs.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = match (text.find("invalid type"), text.find("invalid value")) {
        (None, None) => text,
        _ => text.split(", expected").nth(1).map_or_else(
            || "a field has the wrong type".to_owned(),
            |expected| format!("a field has the wrong type, expected{expected}"),
        ),
    };
    text.chars().take(300).collect()
}

fn unreadable(why: &str) -> Fault {
    Fault::defect("job.read", format!("cannot be read: {why}")).with_code("unreadable")
}

/// The list of all jobs a worker can carry out.
#[derive(Clone, Default)]
pub struct Registry {
    handlers: HashMap<&'static str, Arc<dyn Handler>>,
}

impl Registry {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the code for jobs of type `J`. A second one for the same kind replaces the first.
    #[must_use]
    pub fn on<J, F, Fut>(mut self, handler: F) -> Self
    where
        J: Job,
        F: Fn(J, JobContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        self.handlers.insert(J::KIND, Arc::new(Typed { handler: Arc::new(handler), job: PhantomData::<fn() -> J> }));
        self
    }

    /// The kinds on the list, sorted.
    pub fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<_> = self.handlers.keys().copied().collect();
        kinds.sort_unstable();
        kinds
    }

    pub(crate) fn run(&self, delivery: Delivery, sealer: &Arc<dyn Sealer>) -> BoxFuture<'static, Outcome> {
        match self.handlers.get(delivery.kind.as_str()) {
            Some(handler) => handler.run(delivery, Arc::clone(sealer)),
            None => {
                let why = format!("this worker has no handler for jobs of kind {}", delivery.kind);
                Box::pin(std::future::ready(Outcome::Failed(unreadable(&why))))
            }
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.kinds()).finish()
    }
}
