//! The console: what people use to see every queue and every record, and to put things right by hand.
//!
//! One table of routes (`table`, of [`route::Route`]s) makes everything: the pages, the JSON API beneath them, its OpenAPI file, who may do
//! what, and which entry every action leaves behind. A handler takes a [`call::Call`] and gives a [`reply::Reply`]; only
//! `dispatch` knows HTTP.

mod access;
mod allowance;
mod assets;
mod backlog;
mod call;
mod components;
mod diff;
mod dispatch;
mod error;
mod forms;
mod json_text;
mod openapi;
mod pages;
mod pings;
mod reply;
mod route;
mod shell;
mod table;
mod watch;

use std::{net::SocketAddr, sync::Arc};

use mlc_runtime::shutdown::Shutdown;
use tokio::net::TcpListener;
use tracing::warn;

pub use openapi::document as openapi_document;
pub use table::{RouteRow, table as route_table};

use self::{allowance::Allowance, pings::Pings, watch::Watch};
use crate::{
    Failure, Rooms,
    serving::{self, Serving},
};

/// What every request finds.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) rooms: Rooms,
    /// Whether people must log in.
    pub(crate) demands_login: bool,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Ends the streams of live updates.
    pub(crate) shutdown: Shutdown,
    /// Tests of connections that were asked for here.
    pub(crate) pings: Pings,
    /// How often somebody may do what leaves an entry.
    pub(crate) allowance: Allowance,
    /// What changed, for the streams of live updates.
    pub(crate) watch: Watch,
}

/// Serves the console at `console.listen` until `shutdown`.
///
/// # Errors
/// `Wrong`: an address that cannot be listened at.
pub async fn serve(rooms: Rooms, listen: SocketAddr, shutdown: Shutdown) -> Result<Serving, Failure> {
    let unavailable = |error: std::io::Error| {
        Failure::Wrong(format!(
            "cannot listen at {listen} for the console: {error}; is another process there? Set `console.listen` to another \
             address, to port 0 for any free one, or to \"off\""
        ))
    };
    let listener = TcpListener::bind(listen).await.map_err(unavailable)?;
    let address = listener.local_addr().map_err(unavailable)?;
    let demands_login = rooms.settings.console.demands_login() || !address.ip().is_loopback();
    tell_who_may_come(&rooms, address, demands_login).await?;
    let console = Arc::new(Console {
        rooms,
        demands_login,
        address,
        shutdown: shutdown.clone(),
        pings: Pings::default(),
        allowance: Allowance::default(),
        watch: Watch::default(),
    });
    let task = tokio::spawn(serving::run(listener, dispatch::router(console), shutdown, "users of the console"));
    Ok(Serving { address, task })
}

/// Says at the start what would otherwise be found out at the login.
async fn tell_who_may_come(rooms: &Rooms, address: SocketAddr, demands_login: bool) -> Result<(), Failure> {
    if demands_login && rooms.accounts.is_empty().await? {
        warn!(
            "The console demands login, but nobody has an account: make the first one with `mlc account add NAME --role admin`"
        );
    }
    if !address.ip().is_loopback() {
        warn!(
            %address,
            "The console speaks plain HTTP at an address that others reach: browsers keep nobody logged in there without a proxy \
             with TLS before it"
        );
    }
    Ok(())
}
