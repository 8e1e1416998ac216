#![doc = include_str!("../README.md")]

mod alerts;
mod audit;
mod chain;
mod checkpoint;
mod error;
mod exchange;
mod exchanges;
mod kept;
mod keys;
mod lead;
mod ledger;
mod packing;
mod past;
mod people;
mod pings;
mod records;
mod review;
mod reviews;
mod row;
mod scripts;
mod seen;
mod trail;
mod window;
mod windows;

pub use alerts::{
    Alert, AlertBook, AlertEvent, AlertMessage, AlertNews, ChannelBook, REFUSED_MINUTES, RedisMemory, Told,
};
pub use audit::{Action, AuditEntry, AuditId, AuditNote, AuditScan};
pub use checkpoint::{Checkpoint, Mark, Pin};
pub use error::LedgerError;
pub use exchange::{Exchange, ExchangeUnreadable};
pub use keys::BUCKETS;
pub use ledger::{DECIDED_REVIEWS_KEPT, DEFAULT_AUDIT_RECORDS, EXCHANGES_KEPT, Ledger, WINDOWS_KEPT};
pub use past::{Past, Standing};
pub use people::{ActionEntry, ActionFilter, PersonAction};
pub use pings::LastPing;
pub use records::{Delivery, Sighting, Verdict};
pub use review::{InvalidReview, NewReview, ReviewFilter, ReviewId, ReviewItem, ReviewKind, ReviewState};
pub use reviews::REVIEW_NOTE_BYTES;
pub use row::{Delivered, Row};
pub use window::{
    CloseOutcome, CloseRequest, NewWindow, Opened, PageMark, PageMode, PageState, PassTotals, Purpose, WindowRow,
    WindowState,
};
