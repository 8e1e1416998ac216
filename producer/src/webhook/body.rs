//! A body from a stranger: bounded in length, in time, and together with all others in memory.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

/// Longest time between a request's head and the end of its body. A sender that trickles has no more.
const WITHIN: Duration = Duration::from_secs(10);
/// A body over the limit is read on and thrown away up to here, so that its sender hears why it was refused instead of finding
/// the connection cut.
const DRAINED: u64 = 16 << 20;
/// Unit of the memory that bodies share.
const PAGE: usize = 1024;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoBody {
    /// Over the limit of the connection.
    TooLarge,
    /// It did not come in time, or not to its end.
    CutOff,
    /// Bodies under way fill the memory that is set aside for them.
    NoMemory,
}

/// A body, and its share of the memory while it is held.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Memory for all bodies under way.
pub(super) fn memory(bytes: u64) -> Arc<Semaphore> {
    let pages = usize::try_from(bytes).unwrap_or(usize::MAX) / PAGE;
    Arc::new(Semaphore::new(pages.clamp(1, Semaphore::MAX_PERMITS)))
}

/// Reads at most `limit` bytes.
pub(super) async fn read(body: Body, limit: u64, memory: &Arc<Semaphore>) -> Result<Held, NoBody> {
    let deadline = Instant::now() + WITHIN;
    let announced = axum::body::HttpBody::size_hint(&body).lower();
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut share): (Vec<u8>, Option<OwnedSemaphorePermit>) = (Vec::new(), None);
    let mut read = 0_u64;
    let mut too_large = announced > limit;
    loop {
        let next: Option<Result<Bytes, axum::Error>> = timeout_at(deadline, chunks.next())
            .await
            .map_err(|_| if too_large { NoBody::TooLarge } else { NoBody::CutOff })?;
        let Some(chunk) = next else { break };
        let chunk = chunk.map_err(|_| if too_large { NoBody::TooLarge } else { NoBody::CutOff })?;
        read += chunk.len() as u64;
        if read > limit && !too_large {
            too_large = true;
            (bytes, share) = (Vec::new(), None);
        }
        if too_large {
            if read > DRAINED.max(limit) {
                return Err(NoBody::TooLarge);
            }
            continue;
        }
        let pages = (bytes.len() + chunk.len()).div_ceil(PAGE);
        let missing = pages.saturating_sub(share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if missing > 0 {
            let more = u32::try_from(missing).map_err(|_| NoBody::NoMemory)?;
            let more = Arc::clone(memory).try_acquire_many_owned(more).map_err(|_| NoBody::NoMemory)?;
            match &mut share {
                Some(share) => share.merge(more),
                None => share = Some(more),
            }
        }
        bytes.extend_from_slice(&chunk);
    }
    if too_large { Err(NoBody::TooLarge) } else { Ok(Held { bytes, _memory: share }) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn trickle(chunks: Vec<&'static str>, end: bool) -> Body {
        let chunks = futures_util::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
        if end { Body::from_stream(chunks) } else { Body::from_stream(chunks.chain(futures_util::stream::pending())) }
    }

    #[tokio::test]
    async fn a_body_is_taken_up_to_its_limit_and_not_a_byte_more() {
        let memory = memory(1 << 20);
        let held = read(trickle(vec!["abc", "de"], true), 5, &memory).await.unwrap();
        assert_eq!(held.bytes, b"abcde");
        assert_eq!(read(trickle(vec!["abc", "def"], true), 5, &memory).await.unwrap_err(), NoBody::TooLarge);
        assert_eq!(read(Body::from("abcdef"), 5, &memory).await.unwrap_err(), NoBody::TooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_does_not_go_on_is_left_after_ten_seconds() {
        let started = Instant::now();
        let problem = read(trickle(vec!["abc"], false), 5, &memory(1 << 20)).await.unwrap_err();
        assert_eq!((problem, started.elapsed().as_secs()), (NoBody::CutOff, 10));
    }

    #[tokio::test]
    async fn bodies_under_way_share_one_memory_and_give_it_back() {
        let memory = memory(2048);
        let first = read(Body::from(vec![0; 1025]), 4096, &memory).await.unwrap();
        assert_eq!(read(Body::from("x"), 4096, &memory).await.unwrap_err(), NoBody::NoMemory);
        drop(first);
        assert!(read(Body::from("x"), 4096, &memory).await.is_ok());
        assert_eq!(memory.available_permits(), 2);
    }
}
