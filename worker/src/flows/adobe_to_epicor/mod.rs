//! Adobe Commerce → Epicor Kinetic.

pub(crate) mod companies;
mod entry;
pub(crate) mod invoices;
pub(crate) mod requisitions;
