//! Connections from senders: how many, how slow, and how they end.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use mlc_runtime::shutdown::Shutdown;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use super::patience::Patient;

/// Connections at once. Further ones wait in the backlog of the system.
const CONNECTIONS: usize = 1024;
/// Longest time for the head of a request, and longest time that a connection stays open without one.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Longest head. Deliveries have 2 KiB.
const HEAD_BYTES: usize = 64 << 10;
/// What is under way when the process is told to stop gets so long.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// Serves until `shutdown`, then lets what is under way end.
pub(super) async fn run(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.wait() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        // An answer is one small packet: it must not wait for another one to go with it.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(Patient::with(stream)), TowerToHyperService::new(router.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "A connection of a webhook sender ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if timeout(FINISH_WITHIN, graceful.shutdown()).await.is_err() {
        warn!(
            "Webhook deliveries were still under way after {} s; their senders get no answer",
            FINISH_WITHIN.as_secs()
        );
    }
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            // Out of file handles, for example: without a pause the loop would spin.
            debug!(%error, "A connection of a webhook sender could not be accepted");
            sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
