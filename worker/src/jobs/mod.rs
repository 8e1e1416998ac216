//! One file per job kind: the order of steps, the checkpoint and the audit. No addresses, no field names of a vendor.

pub(crate) mod close_window;
pub(crate) mod create_ap_invoice;
pub(crate) mod create_requisition;
pub(crate) mod page;
pub(crate) mod poll_companies;
pub(crate) mod poll_page;
pub(crate) mod pull_company;
pub(crate) mod push_record;
pub(crate) mod standing;
