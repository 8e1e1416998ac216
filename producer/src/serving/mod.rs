//! Connections from outside: how many, how slow, and how they end. For webhooks and for the console.

mod patience;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use mlc_runtime::shutdown::Shutdown;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tower::ServiceExt as _;
use tracing::{debug, warn};

use self::patience::Patient;

/// Connections at once. Further ones wait in the backlog of the system.
const CONNECTIONS: usize = 1024;
/// Longest time for the head of a request, and longest time that a connection stays open without one.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Longest head. Deliveries have 2 KiB.
const HEAD_BYTES: usize = 64 << 10;
/// What is under way when the process is told to stop gets so long.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// A running server. It ends when it is told to, not when this is dropped.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens: the real port where port 0 was asked for.
    pub address: SocketAddr,
    /// Ends after `shutdown` is thrown, at most five seconds later.
    pub task: JoinHandle<()>,
}

/// Who is at the other end of a connection; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Serves until `shutdown`, then lets what is under way end. `whom` names the peers in log lines, such as `webhook senders`.
pub(crate) async fn run(listener: TcpListener, router: Router, shutdown: Shutdown, whom: &'static str) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.wait() => break,
            accepted = accept(&listener, &places, whom) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let service = router.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            request.map(Body::new)
        });
        // An answer is one small packet: it must not wait for another one to go with it.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(Patient::with(stream)), TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, whom, "A connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if timeout(FINISH_WITHIN, graceful.shutdown()).await.is_err() {
        warn!(whom, "Requests were still under way after {} s; they get no answer", FINISH_WITHIN.as_secs());
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    whom: &'static str,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            // Out of file handles, for example: without a pause the loop would spin.
            debug!(%error, whom, "A connection could not be accepted");
            sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
