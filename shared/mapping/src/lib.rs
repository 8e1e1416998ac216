#![doc = include_str!("../README.md")]

mod company;
mod contact_to_contact;
mod customer_to_company;
mod email;
mod problem;
mod properties;
mod text;
mod vendor_to_company;
mod website;

pub use company::CompanyRules;
pub use contact_to_contact::contact_to_contact;
pub use customer_to_company::customer_to_company;
pub use problem::MappingProblem;
pub use vendor_to_company::vendor_to_company;
