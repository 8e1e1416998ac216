#![doc = include_str!("../README.md")]

mod company;
mod contact_to_contact;
mod country;
mod customer_to_company;
mod email;
mod problem;
mod properties;
mod purchase_order_to_order;
mod text;
mod vendor_to_company;
mod website;

pub use company::CompanyRules;
pub use contact_to_contact::contact_to_contact;
pub use customer_to_company::customer_to_company;
pub use problem::MappingProblem;
pub use purchase_order_to_order::{
    DraftLine, LiveOrder, Mirror, Note, OrderDraft, OrderRules, VoidOrder, mirror, mirror_void, purchase_order_to_order,
};
pub use vendor_to_company::vendor_to_company;
