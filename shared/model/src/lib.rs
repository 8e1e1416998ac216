#![doc = include_str!("../README.md")]

mod change_field;
mod clock;
mod contact;
mod fault;
mod fingerprint;
mod ids;
mod party;
mod ping;
mod seal;
mod version;
mod window;

pub use change_field::{ChangeField, ChangeMode};
pub use clock::{Clock, ManualClock, SystemClock};
pub use contact::Contact;
pub use fault::{Fault, FaultKind, System};
pub use fingerprint::Fingerprint;
pub use ids::{CompanyCode, ConnectionId, FlowId, InvalidId, JobId, RecordKey, RecordKind, TargetId, WindowId};
pub use party::{Address, Customer, Vendor};
pub use ping::{PingLine, PingReport, Verdict};
pub use seal::{SealBroken, Sealer};
pub use version::Version;
pub use window::{InvalidWindow, Window, WindowBounds};
