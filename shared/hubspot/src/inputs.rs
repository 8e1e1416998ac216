//! What is handed in and what comes back: one [`Entry`] per input, in the order of the inputs.

use std::collections::BTreeMap;

use mlc_model::{Fault, RecordKey, TargetId};
use serde::{Deserialize, Serialize};

/// A company as it shall be in HubSpot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyInput {
    /// Value of the unique key property. The same key always means the same company.
    pub key: RecordKey,
    /// Property name to value. An empty text clears the value; a property that is not here stays as it is.
    pub properties: BTreeMap<String, String>,
}

/// A person as he or she shall be in HubSpot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactInput {
    /// E-mail address, lower case: HubSpot's own key of a contact.
    pub email: String,
    /// Property name to value, as for companies. `email` need not be repeated here.
    pub properties: BTreeMap<String, String>,
}

/// Where one record landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upserted {
    /// HubSpot's id of the record.
    pub id: TargetId,
    /// Whether it was made by this call; otherwise it existed and was updated.
    pub created: bool,
}

/// Result of one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Key of the company, or e-mail address of the contact in lower case.
    pub key: String,
    /// Where it landed, or why not. Besides `Rejected` a record may carry `Limited`, `Transient` or `Uncertain`:
    /// a batch that had to be cut can be stopped half way, and only the undecided records need to go again.
    pub result: Result<Upserted, Fault>,
}

/// A company read by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCompany {
    /// Value of the key property.
    pub key: RecordKey,
    /// HubSpot's id of the record.
    pub id: TargetId,
    /// The properties asked for. `None` = not set in HubSpot; a property unknown to HubSpot is left out.
    pub properties: BTreeMap<String, Option<String>>,
}
