//! Why a record cannot be carried over.

use mlc_model::{Fault, FaultKind, System};

/// A record that stays behind until somebody mends it in Epicor, in words for the person who will.
/// Never holds the value itself: it may be personal data, and the reason is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct MappingProblem {
    /// What was being done, such as `map.vendor_to_company`.
    pub operation: &'static str,
    /// Groups equal causes, such as `NAME_MISSING`.
    pub code: &'static str,
    /// The field as Epicor calls it, such as `VendorID`.
    pub field: String,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl From<MappingProblem> for Fault {
    fn from(problem: MappingProblem) -> Self {
        Self::new(FaultKind::Rejected, System::Connector, problem.operation, &problem.message)
            .with_code(problem.code)
            .with_field(problem.field)
    }
}
