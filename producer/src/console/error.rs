//! Why a call was not carried out, by what the caller will do about it.

use axum::http::StatusCode;
use maud::Markup;
use mlc_accounts::AccountsError;
use mlc_ledger::LedgerError;
use mlc_queue::QueueError;
use mlc_vault::VaultError;

use crate::Failure;

/// Why a call was not carried out. The message is for the person who called: what, what was expected, and the fix.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ConsoleError {
    /// What the caller will do about it.
    pub(crate) kind: ErrorKind,
    /// One or two sentences.
    pub(crate) message: String,
    /// What the page shows instead of the sentence alone, such as the form to fill in again.
    pub(crate) page: Option<Box<Markup>>,
}

/// What the caller will do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// Send something else.
    BadInput,
    /// Log in.
    LoginNeeded,
    /// Log in with another name or password.
    LoginRefused,
    /// Choose a password of your own first.
    PasswordNeeded,
    /// Ask somebody with a higher role, or come from the console itself.
    Forbidden,
    /// Look elsewhere.
    NotFound,
    /// Look again: it has changed meanwhile.
    Conflict,
    /// Send less.
    TooLarge,
    /// Wait.
    TooMany,
    /// Try later: Redis is away, full or refuses.
    Unavailable,
    /// Make room: Redis is full, and nothing was done.
    Full,
    /// Report it.
    Defect,
}

impl ErrorKind {
    /// Its status.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::BadInput => StatusCode::BAD_REQUEST,
            Self::LoginNeeded | Self::LoginRefused => StatusCode::UNAUTHORIZED,
            Self::PasswordNeeded | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable | Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::Defect => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What its page is headed with.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::BadInput => "This cannot be used",
            Self::Conflict => "Nothing was changed",
            Self::LoginNeeded | Self::LoginRefused => "Log in",
            Self::PasswordNeeded => "Choose a password first",
            Self::Forbidden => "Not allowed",
            Self::NotFound => "Not found",
            Self::TooLarge => "Too large",
            Self::TooMany => "Wait a moment",
            Self::Unavailable | Self::Full => "Not available now",
            Self::Defect => "This failed",
        }
    }

    /// Its name in the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BadInput => "bad_input",
            Self::LoginNeeded => "login_needed",
            Self::LoginRefused => "login_refused",
            Self::PasswordNeeded => "password_needed",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::Unavailable | Self::Full => "unavailable",
            Self::Defect => "defect",
        }
    }
}

impl ConsoleError {
    /// An error of this kind.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), page: None }
    }

    /// With a page of its own.
    #[must_use]
    pub(crate) fn with_page(mut self, page: Markup) -> Self {
        self.page = Some(Box::new(page));
        self
    }

    /// Send something else.
    pub(crate) fn bad_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadInput, message)
    }

    /// Look elsewhere.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// It has changed meanwhile.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }
}

impl From<Failure> for ConsoleError {
    fn from(failure: Failure) -> Self {
        let kind = match failure {
            Failure::Wrong(_) => ErrorKind::Conflict,
            Failure::Usage(_) => ErrorKind::BadInput,
            Failure::NothingMatched(_) => ErrorKind::NotFound,
            Failure::Redis(_) => ErrorKind::Unavailable,
            Failure::Full(_) => ErrorKind::Full,
            Failure::Defect(_) => ErrorKind::Defect,
        };
        Self::new(kind, failure.to_string())
    }
}

impl From<QueueError> for ConsoleError {
    fn from(error: QueueError) -> Self {
        Failure::from(error).into()
    }
}

impl From<LedgerError> for ConsoleError {
    fn from(error: LedgerError) -> Self {
        Failure::from(error).into()
    }
}

impl From<VaultError> for ConsoleError {
    fn from(error: VaultError) -> Self {
        Failure::from(error).into()
    }
}

impl From<AccountsError> for ConsoleError {
    fn from(error: AccountsError) -> Self {
        let kind = match &error {
            AccountsError::Busy => ErrorKind::Unavailable,
            AccountsError::TooManyTries(_) => ErrorKind::TooMany,
            AccountsError::WrongPassword => ErrorKind::Forbidden,
            _ => return Failure::from(error).into(),
        };
        Self::new(kind, error.to_string())
    }
}
