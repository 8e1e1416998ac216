//! Webhooks: what shops tell becomes durable jobs before they are answered.
//!
//! A delivery passes, in this order: its endpoint, a bounded body, the signature over the bytes as they came, the reading of its
//! events, the replay guard, the queue. Nothing of a delivery is parsed before it has proved where it comes from, and nothing
//! is answered with success before its jobs are stored.

mod adobe;
mod body;
mod endpoint;
mod intake;
mod notes;

use std::{net::SocketAddr, sync::Arc};

use mlc_runtime::{
    settings::{Connection, Settings},
    shutdown::Shutdown,
};
use tokio::net::TcpListener;

pub use crate::serving::Serving;
use crate::{Failure, Rooms, serving};

/// Whether any connection has a section `webhook`.
pub fn is_wanted(settings: &Settings) -> bool {
    settings.connections.values().any(|connection| match connection {
        Connection::Adobe(adobe) => adobe.webhook.is_some(),
        Connection::Epicor(_) | Connection::Hubspot(_) => false,
    })
}

/// Whether every endpoint could be opened: files with keys are read too.
///
/// # Errors
/// `Wrong`, naming the key, for settings that are not enough for a scheme, and for files that hold no key.
pub(crate) fn check(settings: &Settings) -> Result<(), Failure> {
    for (id, connection) in &settings.connections {
        if let Connection::Adobe(adobe) = connection
            && let Some(webhook) = &adobe.webhook
        {
            endpoint::Endpoint::new(settings, id, adobe, webhook)?;
        }
    }
    Ok(())
}

/// Takes deliveries at `/webhooks/adobe/{connection}` until `shutdown`.
///
/// # Errors
/// `Wrong`: settings of an endpoint that are not enough for its scheme, a file that holds no key, an address that cannot be
/// listened at.
pub async fn serve(rooms: Rooms, listen: SocketAddr, shutdown: Shutdown) -> Result<Serving, Failure> {
    let intake = Arc::new(intake::Intake::new(rooms)?);
    let unavailable = |error: std::io::Error| {
        Failure::Wrong(format!(
            "cannot listen at {listen} for webhooks: {error}; is another process there? Set `producer.webhooks` to another \
             address, or to port 0 for any free one"
        ))
    };
    let listener = TcpListener::bind(listen).await.map_err(unavailable)?;
    let address = listener.local_addr().map_err(unavailable)?;
    let task = tokio::spawn(serving::run(listener, intake::router(intake), shutdown, "webhook senders"));
    Ok(Serving { address, task })
}
