//! Writes: two steps and more, always with the dataset that came back last.
//!
//! The pattern is Epicor's: `GetNewXxx` gives a row with defaults, `Change*` methods do what its screens would do, `Update` or
//! `UpdateMaster` saves. Each call is a transaction of its own and none has an idempotency key, so every creation here is cut into steps
//! that save once each. A step looks before it writes, and what it returns is a value to store: a caller that crashes anywhere resumes with
//! the last value and makes nothing twice.
//!
//! Only the methods listed in `method.rs` can be called. There is no address of an entity set among them, and with that no way to post to
//! `APInvExpTGLCs`, whose rows the server makes itself.
//!
//! Source: Epicor reference, sections 6 and 8.

mod ap_invoice;
mod dataset;
mod draft;
mod method;
mod reply;
mod requisition;
#[cfg(test)]
mod script;
mod value;
mod vendor;
mod wire;

pub use ap_invoice::ApInvoiceProgress;
pub use dataset::{DataRow, Dataset, RowMod};
pub use requisition::RequisitionProgress;
pub use value::ColumnValue;
pub use vendor::{VendorEdit, VendorUpdate};
