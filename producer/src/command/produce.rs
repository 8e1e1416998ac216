//! `mlc produce`: the producer process.

use mlc_runtime::{logs, probes, readiness::Readiness, shutdown::Shutdown};
use tracing::{info, warn};

use super::Caller;
use crate::{Exit, Failure, Notifier, Ticker, console, drive_bulks, levels::refresh_levels, webhook};

pub(crate) async fn run(caller: &Caller) -> Result<Exit, Failure> {
    let settings = caller.settings()?;
    logs::init(&settings.log)?;
    let shutdown =
        Shutdown::on_signals().map_err(|error| Failure::Wrong(format!("signals cannot be watched: {error}")))?;
    let rooms = crate::open(settings, caller.person.clone()).await?;
    rooms.set_caps().await?;
    let readiness = Readiness::default();
    let serving = match rooms.settings.producer.listen.address() {
        Some(listen) => {
            let levels = rooms.clone();
            let refresh = move || {
                let rooms = levels.clone();
                async move { refresh_levels(&rooms).await }
            };
            let (metrics, readiness) = (rooms.metrics.clone(), readiness.clone());
            let serving = probes::serve(listen, metrics, readiness, shutdown.clone(), refresh).await?;
            info!(address = %serving.address, "Serves /metrics, /healthz and /readyz at {}", serving.address);
            Some(serving.task)
        }
        None => None,
    };
    let taking = match rooms.settings.producer.webhooks.address() {
        _ if !webhook::is_wanted(&rooms.settings) => None,
        Some(listen) => {
            let taking = webhook::serve(rooms.clone(), listen, shutdown.clone()).await?;
            info!(address = %taking.address, "Takes webhooks at http://{}/webhooks/adobe/<connection>", taking.address);
            Some(taking.task)
        }
        None => {
            warn!("Connections have a section `webhook`, but `producer.webhooks` is \"off\": nothing is taken here");
            None
        }
    };
    let consoling = match rooms.settings.console.listen.address() {
        Some(listen) => {
            let console = console::serve(rooms.clone(), listen, shutdown.clone()).await?;
            info!(address = %console.address, "Serves the console at http://{}/", console.address);
            Some(console.task)
        }
        None => None,
    };
    let driving = tokio::spawn(drive_bulks(rooms.queue.clone(), shutdown.clone()));
    // Two processes on one machine, or one name in two containers, must not hold one lease together.
    let holder = format!("{}/{}/{:08x}", rooms.person, std::process::id(), rand::random::<u32>());
    let notifying = match rooms.settings.alerts.channels.len() {
        0 => None,
        channels => {
            info!(channels, "Sends alerts by {channels} channels while it leads");
            Some(tokio::spawn(Notifier::new(rooms.clone(), holder.clone())?.run(shutdown.clone())))
        }
    };
    let ticker = Ticker::new(&rooms.settings, rooms.queue.clone(), rooms.ledger.clone(), rooms.clock.clone(), holder)?;
    info!(flows = rooms.settings.flows.len(), "The producer runs");
    ticker.run(readiness.clone(), shutdown.clone()).await;
    readiness.drain();
    // Between two steps it ends at once.
    let _ = driving.await;
    if let Some(taking) = taking {
        // Ends by itself within five seconds.
        let _ = taking.await;
    }
    if let Some(consoling) = consoling {
        let _ = consoling.await;
    }
    if let Some(notifying) = notifying {
        // A message under way is repeated by whoever leads next, under the same id.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), notifying).await;
    }
    if let Some(serving) = serving {
        // A scrape that hangs must not keep the process from ending.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), serving).await;
    }
    info!("The producer has stopped");
    Ok(Exit::Done)
}
