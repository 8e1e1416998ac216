//! What an order consists of, and when two orders are the same one.

use std::{fmt, time::Duration};

use mlc_model::Fingerprint;
use serde::{Serialize, de::DeserializeOwned};

use crate::Lane;

/// The arguments of one kind of work. The producer writes them without linking the code that carries them out.
///
/// A kind is forever: a new field has a default, a new meaning is a new kind, and the old kind stays readable until no
/// queue and no dead letter can hold it.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Stored name, such as `push_record`: 1 to 64 letters, digits, `_`, `-`.
    const KIND: &'static str;
    /// Version of the stored form. A worker refuses forms newer than its own, with a reason on the shelf.
    const VERSION: u16 = 1;
    /// Failures until the job goes to the shelf. Snoozes, hand-backs and crashes of a worker do not count.
    const MAX_ATTEMPTS: u32 = 12;
    /// Longest run. After it the job is stopped, which counts as a failed attempt.
    const TIMEOUT: Duration;

    /// The lane it waits in: the connection it will call.
    fn lane(&self) -> Lane;

    /// Orders with equal keys are one order while the first is open (waiting, running or on the shelf).
    fn unique_key(&self) -> Option<UniqueKey> {
        None
    }

    /// Record key, window or flow, for people to find the job by. Readable without a key: no personal data.
    fn subject(&self) -> Option<String> {
        None
    }
}

/// Hash of what makes an order unique: 32 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UniqueKey(pub(crate) String);

impl UniqueKey {
    /// Key of a text, such as `poll_page/epicor-main/vendors/w1/100`. Only its hash is stored.
    pub fn of(text: &str) -> Self {
        // A string always serialises.
        Self(Fingerprint::of(&text).map(|print| print.to_string()).unwrap_or_default())
    }
}

impl fmt::Debug for UniqueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UniqueKey({})", self.0)
    }
}
