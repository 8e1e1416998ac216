#![doc = include_str!("../README.md")]

mod args;
mod catalogue;
mod check;
mod from_shop;

pub use args::{Ask, CloseWindow, Extent, JOB_KINDS, PageStart, PollPage, PushRecord, Record};
pub use catalogue::{Entity, FlowKind, UnknownFlow, catalogue, flow_kind};
pub use check::{check_edit, check_payload};
pub use from_shop::{CreateApInvoice, CreateRequisition, InvoiceStep, PullCompany, PullStep, RequisitionStep};
