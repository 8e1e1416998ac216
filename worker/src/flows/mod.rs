//! One folder per direction, one file per thing that moves: what a record of a flow becomes at its target.

pub(crate) mod epicor_to_hubspot;
