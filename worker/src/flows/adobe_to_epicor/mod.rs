//! Adobe Commerce → Epicor Kinetic.

pub(crate) mod companies;
pub(crate) mod invoices;
pub(crate) mod requisitions;
