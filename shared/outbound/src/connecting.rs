//! Notes how long new connections take, because a request that waits for one reaches the server late.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use tower::{Layer, Service};

/// Keeps the longest time in microseconds since it was last read and set to 0.
#[derive(Debug, Clone)]
pub(crate) struct ConnectTimer(pub(crate) Arc<AtomicU64>);

impl<S> Layer<S> for ConnectTimer {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed { inner, longest: Arc::clone(&self.0) }
    }
}

/// A connector that is timed.
#[derive(Debug, Clone)]
pub(crate) struct Timed<S> {
    inner: S,
    longest: Arc<AtomicU64>,
}

impl<S, R> Service<R> for Timed<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let started = Instant::now();
        let longest = Arc::clone(&self.longest);
        let connected = self.inner.call(target);
        Box::pin(async move {
            let connection = connected.await?;
            let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            longest.fetch_max(took, Ordering::Relaxed);
            Ok(connection)
        })
    }
}
