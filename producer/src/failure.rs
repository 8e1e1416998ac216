//! Why a command did not do what it was asked, and the exit code that says so.

use std::{io::Write as _, process::ExitCode};

use mlc_accounts::AccountsError;
use mlc_flow::UnknownFlow;
use mlc_ledger::LedgerError;
use mlc_model::Fault;
use mlc_queue::QueueError;
use mlc_runtime::{
    logs::LogsUnavailable,
    probes::ProbesUnavailable,
    redis::{RedisUnavailable, UnsafeRedis},
    settings::SettingsErrors,
};
use mlc_vault::VaultError;

use crate::{InvalidSchedule, TickError};

/// How a command ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: something was found to be wrong.
    Wrong,
    /// 2: the command line cannot be read.
    Usage,
    /// 3: nothing matched.
    NothingMatched,
    /// 4: Redis cannot be reached or refused.
    Redis,
    /// 5: a defect of ours.
    Defect,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that failed. The text says what, what was expected and what to do; it becomes one line on standard error.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Settings, keys, a connection or a machine's resource are not as they must be.
    #[error("{0}")]
    Wrong(String),
    /// The command line contradicts itself in a way its grammar cannot see.
    #[error("{0}")]
    Usage(String),
    /// An id or a filter without a hit.
    #[error("{0}")]
    NothingMatched(String),
    /// Redis cannot be reached, refused, or would lose what it is given.
    #[error("{0}")]
    Redis(String),
    /// Redis is full and refused the first thing that was to be written: nothing was done.
    #[error("nothing was done: {0}")]
    Full(String),
    /// A broken invariant of our own.
    #[error("{0}; this is a defect of ml-connector, please report it")]
    Defect(String),
}

impl Failure {
    /// The code that belongs to it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Wrong(_) => Exit::Wrong,
            Self::Usage(_) => Exit::Usage,
            Self::NothingMatched(_) => Exit::NothingMatched,
            Self::Redis(_) | Self::Full(_) => Exit::Redis,
            Self::Defect(_) => Exit::Defect,
        }
    }

    /// The failure of the first thing that an action writes. A full Redis refuses a command or a script before it changes anything, so
    /// that this is the one failure of Redis after which it is certain that nothing was done.
    pub(crate) fn of_first_write(error: impl Into<Self>) -> Self {
        match error.into() {
            Self::Redis(text) if text == FULL => Self::Full(text),
            other => other,
        }
    }

    /// Writes it to standard error: one line, or one per error of a settings file.
    pub fn tell(&self) {
        let mut stderr = std::io::stderr().lock();
        for line in self.to_string().lines().filter(|line| !line.trim().is_empty()) {
            // Nobody is left to be told when standard error is gone.
            let _ = writeln!(stderr, "mlc: {line}");
        }
    }

    /// From now on a panic is one line and the exit code of a defect, without a trace and without the data it may quote.
    pub fn tell_panics() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
            Self::Defect(format!("stopped at {place}")).tell();
            std::process::exit(i32::from(Exit::Defect as u8));
        }));
    }
}

/// What is said of a full Redis.
const FULL: &str = "Redis is full (maxmemory) and refuses what is new; nothing that it holds is lost: give it more memory, or remove \
                    dead letters that nobody needs with `mlc dead-letters discard`";

/// Redis' own words for what only its operator can change are the hash of a script and a code: said in ours instead.
fn redis(problem: impl std::fmt::Display) -> Failure {
    let text = problem.to_string();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    Failure::Redis(if has(&["OOM", "maxmemory"]) {
        FULL.to_owned()
    } else if has(&["READONLY", "ReadOnly", "read only replica"]) {
        "Redis is a read-only replica: let `redis.url` name its master".to_owned()
    } else {
        format!("{text}; is Redis running, and does `redis.url` name it?")
    })
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Redis(_) => redis(error),
            QueueError::Sealed { .. } => {
                Self::Wrong(format!("{error}; add the key it was sealed with to the vault's keys"))
            }
            QueueError::Setting { .. } | QueueError::Refused(_) => Self::Wrong(error.to_string()),
            QueueError::Name(_) => Self::NothingMatched(error.to_string()),
            QueueError::Answer(_) | QueueError::Unreadable { .. } | QueueError::Workers(_) => {
                Self::Defect(error.to_string())
            }
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Redis(_) => redis(error),
            LedgerError::NoSuchWindow(_) => {
                Self::NothingMatched(format!("{error}; `mlc window list FLOW` shows those that are"))
            }
            LedgerError::NoSuchReview(_) | LedgerError::NoSuchPlace => Self::NothingMatched(error.to_string()),
            LedgerError::TooLong { .. } | LedgerError::Decided(_) | LedgerError::FactsChanged(_) => {
                Self::Wrong(error.to_string())
            }
            LedgerError::InvalidWindow(_) | LedgerError::Unreadable { .. } => Self::Defect(error.to_string()),
        }
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Redis(_) => redis(error),
            other => Self::Wrong(other.to_string()),
        }
    }
}

impl From<AccountsError> for Failure {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::Redis(_) => redis(error),
            AccountsError::NoSuchAccount(_) => {
                Self::NothingMatched(format!("{error}; `mlc account list` shows those that are"))
            }
            AccountsError::Name(_)
            | AccountsError::NewName
            | AccountsError::WeakPassword(_)
            | AccountsError::Token(_) => Self::Usage(error.to_string()),
            AccountsError::Unreadable { .. } | AccountsError::Defect(_) => Self::Defect(error.to_string()),
            other => Self::Wrong(other.to_string()),
        }
    }
}

impl From<TickError> for Failure {
    fn from(error: TickError) -> Self {
        match error {
            TickError::Queue(error) => error.into(),
            TickError::Ledger(error) => error.into(),
            TickError::Order(fault) => fault.into(),
            TickError::Flow(error) => error.into(),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            mlc_model::FaultKind::Defect => Self::Defect(fault.to_string()),
            _ => Self::Wrong(fault.to_string()),
        }
    }
}

impl From<RedisUnavailable> for Failure {
    fn from(error: RedisUnavailable) -> Self {
        Self::Redis(error.to_string())
    }
}

impl From<UnsafeRedis> for Failure {
    fn from(error: UnsafeRedis) -> Self {
        Self::Redis(error.to_string())
    }
}

impl From<SettingsErrors> for Failure {
    fn from(errors: SettingsErrors) -> Self {
        Self::Wrong(errors.to_string())
    }
}

impl From<UnknownFlow> for Failure {
    fn from(error: UnknownFlow) -> Self {
        Self::Wrong(error.to_string())
    }
}

impl From<InvalidSchedule> for Failure {
    fn from(error: InvalidSchedule) -> Self {
        Self::Wrong(error.to_string())
    }
}

impl From<ProbesUnavailable> for Failure {
    fn from(error: ProbesUnavailable) -> Self {
        Self::Wrong(format!("{error} (setting `producer.listen`)"))
    }
}

impl From<LogsUnavailable> for Failure {
    fn from(error: LogsUnavailable) -> Self {
        Self::Wrong(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_full_redis_and_a_replica_are_named_without_hashes() {
        let full =
            "-OOM command not allowed when used memory > 'maxmemory'. script: 0123456789abcdef, on @user_script:1.\r\n";
        let replica = "-READONLY You can't write against a read only replica. script: 0123456789abcdef\r\n";
        for (answer, start) in [(full, "Redis is full (maxmemory)"), (replica, "Redis is a read-only replica")] {
            let value = redis::parse_redis_value(answer.as_bytes()).unwrap();
            let error = value.extract_error().unwrap_err();
            let failure = Failure::from(QueueError::from(error));
            assert_eq!(failure.exit(), Exit::Redis);
            let text = failure.to_string();
            assert!(
                text.starts_with(start) && !text.contains("0123456789abcdef") && !text.contains("running?"),
                "{text}"
            );
            let first = Failure::of_first_write(failure);
            assert_eq!(first.to_string().starts_with("nothing was done: Redis is full"), answer == full, "{first}");
            assert_eq!(first.exit(), Exit::Redis);
        }
    }
}
