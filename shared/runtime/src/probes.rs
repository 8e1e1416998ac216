//! The pages that operators and orchestrators read: `/metrics`, `/healthz`, `/readyz`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use tokio::{net::TcpListener, sync::Mutex, task::JoinHandle, time::timeout};
use tracing::warn;

use crate::{metrics::Metrics, readiness::Readiness, shutdown::Shutdown};

/// A scrape that cannot read its levels shows the last ones rather than nothing.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(5);

/// The server could not start.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen at {address}: {source}; is another process there? set another address, or port 0 for any free one"
)]
pub struct ProbesUnavailable {
    address: SocketAddr,
    source: std::io::Error,
}

/// A running server. It ends when it is told to, not when this is dropped.
#[derive(Debug)]
pub struct Probes {
    /// Where it listens: the real port where port 0 was asked for.
    pub address: SocketAddr,
    /// Ends after `shutdown` is thrown.
    pub task: JoinHandle<()>,
}

struct Pages<R> {
    metrics: Metrics,
    readiness: Readiness,
    /// One scrape refreshes at a time, so that two do not set levels against each other.
    refresh: Mutex<R>,
}

/// Serves the three pages until `shutdown`. `refresh` runs before every `/metrics` page and sets the service levels;
/// `|| async {}` where a process has none.
///
/// `/healthz` says 200 while the process lives. `/readyz` says 200 while it takes work, else 503 with the reason.
///
/// # Errors
/// An address that cannot be listened at.
pub async fn serve<R, F>(
    listen: SocketAddr,
    metrics: Metrics,
    readiness: Readiness,
    shutdown: Shutdown,
    refresh: R,
) -> Result<Probes, ProbesUnavailable>
where
    R: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let unavailable = |source| ProbesUnavailable { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(unavailable)?;
    let address = listener.local_addr().map_err(unavailable)?;
    let pages = Arc::new(Pages { metrics, readiness, refresh: Mutex::new(refresh) });
    let router = Router::new()
        .route("/metrics", get(show_metrics::<R, F>))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(show_readiness::<R>))
        .with_state(pages);
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(shutdown.waiting()).await {
            warn!(%error, "The server of the probes ended");
        }
    });
    Ok(Probes { address, task })
}

async fn show_metrics<R, F>(State(pages): State<Arc<Pages<R>>>) -> impl IntoResponse
where
    R: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let refresh = pages.refresh.lock().await;
    if timeout(REFRESH_TIMEOUT, refresh()).await.is_err() {
        warn!("The levels for the metrics page could not be read in time; it shows the last ones");
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], pages.metrics.render())
}

async fn show_readiness<R: Send + Sync + 'static>(State(pages): State<Arc<Pages<R>>>) -> (StatusCode, String) {
    match pages.readiness.check() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_living_process_is_ready_only_while_it_takes_work() {
        let (metrics, readiness, shutdown) = (Metrics::new(), Readiness::default(), Shutdown::new());
        let levels = metrics.clone();
        let refresh = move || {
            let levels = levels.clone();
            async move { levels.queue_jobs("epicor-main", "ready", 7) }
        };
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let probes = serve(any_port, metrics, readiness.clone(), shutdown.clone(), refresh).await.unwrap();

        assert!(get(probes.address, "/healthz").await.starts_with("HTTP/1.1 200"));
        let before = get(probes.address, "/readyz").await;
        assert!(before.starts_with("HTTP/1.1 503") && before.contains("starting"), "{before}");
        readiness.beat();
        assert!(get(probes.address, "/readyz").await.starts_with("HTTP/1.1 200"));
        let page = get(probes.address, "/metrics").await;
        assert!(page.contains("mlc_queue_jobs{queue=\"epicor-main\",state=\"ready\"} 7"), "{page}");
        readiness.drain();
        assert!(get(probes.address, "/readyz").await.contains("draining"));

        let taken = serve(probes.address, Metrics::new(), readiness, shutdown.clone(), || async {}).await.unwrap_err();
        assert!(taken.to_string().contains(&probes.address.to_string()), "{taken}");
        shutdown.trigger();
        probes.task.await.unwrap();
    }
}
