//! One switch for an orderly end.

use std::sync::Arc;

use tokio::sync::watch;
use tracing::info;

/// Turns once, from running to stopping. Clones share the switch.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Shutdown {
    /// A switch that only [`Shutdown::trigger`] throws.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// A switch that SIGTERM and SIGINT throw. A second SIGINT or SIGTERM ends the process at once with exit code 130.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn on_signals() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = Self::new();
        let switch = shutdown.clone();
        tokio::spawn(async move {
            let name = tokio::select! { _ = terminate.recv() => "SIGTERM", _ = interrupt.recv() => "SIGINT" };
            info!(signal = name, "Received {name}, stopping; a second one stops at once");
            switch.trigger();
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            std::process::exit(130);
        });
        Ok(shutdown)
    }

    /// Throws the switch. Again is harmless.
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }

    /// Whether the switch was thrown.
    pub fn is_triggered(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the switch is thrown, at once when it already was.
    ///
    /// # Cancel safety
    /// May be dropped and called again at any time.
    pub async fn wait(&self) {
        // The sender lives in `self`, so that waiting cannot end with an error.
        let _ = self.0.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// [`Shutdown::wait`] as a future of its own, for those who take a shutdown future.
    pub fn waiting(&self) -> impl Future<Output = ()> + Send + 'static {
        let shutdown = self.clone();
        async move { shutdown.wait().await }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_who_waits_is_told_before_and_after() {
        let shutdown = Shutdown::new();
        let early = tokio::spawn(shutdown.waiting());
        assert!(!shutdown.is_triggered());
        shutdown.clone().trigger();
        shutdown.wait().await;
        assert!(early.await.is_ok());
        assert!(shutdown.is_triggered());
    }
}
