//! What was said while a piece of work was done: the writes that left through any door, and what was answered to them.
//!
//! Clients are shared by many jobs, so that a job cannot ask its client what it sent. The task knows.

use std::{cell::RefCell, collections::VecDeque};

use bytes::Bytes;

use crate::Request;

/// Most writes that are remembered …
const CALLS: usize = 64;
/// … and most bytes of theirs: the oldest go first.
const BYTES: usize = 4 * 1024 * 1024;

/// One write, and its answer. `Debug` shows no content: both hold personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Said {
    /// The request's name.
    pub operation: &'static str,
    /// HTTP status; `None` when no answer came.
    pub status: Option<u16>,
    /// The body that was sent: JSON, or empty.
    pub sent: Bytes,
    /// The body that was answered, without credentials that it echoed; empty when no answer came.
    pub answered: Bytes,
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Said")
            .field("operation", &self.operation)
            .field("status", &self.status)
            .field("sent_bytes", &self.sent.len())
            .field("answered_bytes", &self.answered.len())
            .finish()
    }
}

#[derive(Default)]
struct Notes {
    calls: VecDeque<Said>,
    bytes: usize,
}

tokio::task_local! {
    static NOTES: RefCell<Notes>;
}

/// Does a piece of work and gives what was said meanwhile, in order. It hears what this task sends, not what it spawns. Of very much only
/// the latest is given.
pub async fn witnessed<F: Future>(work: F) -> (F::Output, Vec<Said>) {
    let whole = async {
        let output = work.await;
        let notes = NOTES.with(RefCell::take);
        (output, notes.calls.into())
    };
    NOTES.scope(RefCell::new(Notes::default()), whole).await
}

/// Whether somebody wants to know about this request: a write without a body or with one of JSON, and never what buys a token.
pub(crate) fn wants(request: &Request) -> bool {
    let is_json = || request.headers.iter().any(|(name, value)| *name == "content-type" && value == "application/json");
    let is_plain = request.body.is_none() || is_json();
    request.writes && is_plain && !request.operation.starts_with("token.") && NOTES.try_with(|_| ()).is_ok()
}

/// Notes it for whoever wants to know.
pub(crate) fn note(said: Said) {
    // Outside of `witnessed` nobody does.
    let _ = NOTES.try_with(|notes| {
        let mut notes = notes.borrow_mut();
        notes.bytes += said.sent.len() + said.answered.len();
        notes.calls.push_back(said);
        while notes.calls.len() > CALLS || (notes.bytes > BYTES && notes.calls.len() > 1) {
            let Some(oldest) = notes.calls.pop_front() else { break };
            notes.bytes -= oldest.sent.len() + oldest.answered.len();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(operation: &'static str, bytes: usize) -> Said {
        Said { operation, status: Some(200), sent: Bytes::from(vec![b'x'; bytes]), answered: Bytes::new() }
    }

    #[tokio::test]
    async fn two_pieces_of_work_side_by_side_hear_only_themselves() {
        let work = |name: &'static str| {
            witnessed(async move {
                note(said(name, 1));
                tokio::task::yield_now().await;
                note(said(name, 1));
                name
            })
        };
        for (name, calls) in <[_; 2]>::from(tokio::join!(work("a"), work("b"))) {
            assert_eq!(calls.iter().map(|call| call.operation).collect::<Vec<_>>(), [name, name]);
        }
        note(said("nobody listens", 1));
    }

    #[tokio::test]
    async fn of_very_much_the_latest_is_told() {
        let (_, calls) = witnessed(async {
            note(said("large", BYTES));
            note(said("small", 10));
        })
        .await;
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].operation, "small");
        let (_, calls) = witnessed(async { (0..CALLS + 5).for_each(|_| note(said("many", 1))) }).await;
        assert_eq!(calls.len(), CALLS);
    }

    #[test]
    fn debug_shows_no_content() {
        let shown = format!("{:?}", Said { sent: Bytes::from_static(b"anna@example.org"), ..said("x", 1) });
        assert!(!shown.contains("anna"), "{shown}");
    }
}
