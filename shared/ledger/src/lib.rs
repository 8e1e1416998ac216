#![doc = include_str!("../README.md")]

mod audit;
mod chain;
mod checkpoint;
mod error;
mod keys;
mod lead;
mod ledger;
mod packing;
mod people;
mod records;
mod row;
mod scripts;
mod trail;
mod window;
mod windows;

pub use audit::{Action, AuditEntry, AuditId, AuditNote, AuditScan};
pub use checkpoint::{Checkpoint, Mark, Pin};
pub use error::LedgerError;
pub use keys::BUCKETS;
pub use ledger::{DEFAULT_AUDIT_RECORDS, Ledger, WINDOWS_KEPT};
pub use people::{ActionEntry, PersonAction};
pub use records::{Delivery, Sighting, Verdict};
pub use row::{Delivered, Row};
pub use window::{
    CloseOutcome, CloseRequest, NewWindow, Opened, PageMark, PageMode, PageState, PassTotals, Purpose, WindowRow,
    WindowState,
};
