//! One folder per direction, one file per thing that moves: what a record of a flow becomes at its target.

pub(crate) mod adobe_to_epicor;
pub(crate) mod epicor_to_adobe;
pub(crate) mod epicor_to_hubspot;
mod rules;
pub(crate) mod vendor_master;

pub(crate) use rules::Rules;
