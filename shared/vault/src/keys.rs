//! Redis keys of this room.

use mlc_model::ConnectionId;

/// Hash `connection/name` → `milliseconds:sealed`. Written by `mlc connection set-secret` and by rotation; entries leave by
/// `mlc connection delete-secret`. No expiry; bounded by the number of connections, a handful each.
pub(crate) fn secrets(namespace: &str) -> String {
    format!("{namespace}:{{vault}}:secrets")
}

/// Field of one secret. A connection's name has no slash, so that the two parts can be told apart.
pub(crate) fn field(connection: &ConnectionId, name: &str) -> String {
    format!("{connection}/{name}")
}

/// What a sealed secret is bound to: it does not open under another connection or name.
pub(crate) fn context(field: &str) -> Vec<u8> {
    format!("secret:{field}").into_bytes()
}
