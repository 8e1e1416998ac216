#![doc = include_str!("../README.md")]

mod ap_invoice;
mod change_field;
mod clock;
mod contact;
mod fault;
mod fingerprint;
mod gl_coding;
mod ids;
mod marks;
mod money;
mod party;
mod ping;
mod purchase_order;
mod requisition;
mod seal;
mod shared_field;
mod version;
mod window;

pub use ap_invoice::{ApInvoice, ApInvoiceLine, NewApInvoice, NewApInvoiceLine, PurchaseOrderRef};
pub use change_field::{ChangeField, ChangeMode};
pub use clock::{Clock, ManualClock, SystemClock};
pub use contact::Contact;
pub use fault::{Fault, FaultKind, System};
pub use fingerprint::Fingerprint;
pub use gl_coding::GlCoding;
pub use ids::{
    ChannelId, CompanyCode, ConnectionId, FlowId, InvalidId, JobId, RecordKey, RecordKind, TargetId, WindowId,
};
pub use marks::{is_blank, is_hidden_mark};
pub use money::{Amount, CostPer, Money, round_half_up};
pub use party::{Address, Customer, Vendor};
pub use ping::{PingLine, PingReport, Verdict};
pub use purchase_order::{
    Approval, OrderLine, OrderVendor, PurchaseOrder, Release, order_increment_id, order_increment_prefix,
};
pub use requisition::{Requisition, RequisitionLine};
pub use seal::{SealBroken, Sealer};
pub use shared_field::SharedField;
pub use version::Version;
pub use window::{InvalidWindow, Window, WindowBounds};
