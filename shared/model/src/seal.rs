//! How a room without keys of its own has its bytes sealed.

/// Bytes that could not be opened: wrong key, wrong context, or tampered with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes could not be opened: {reason}")]
pub struct SealBroken {
    /// Why, without a byte of the content.
    pub reason: String,
}

/// Seals bytes at rest. The vault implements it; the queue is handed one.
pub trait Sealer: Send + Sync + std::fmt::Debug {
    /// Seals `plain`, bound to `context` (for a job: its id and kind), so that it cannot be moved elsewhere.
    fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8>;

    /// Opens what [`Sealer::seal`] made with the same context.
    ///
    /// # Errors
    /// [`SealBroken`] for a wrong key, another context or changed bytes.
    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken>;
}
