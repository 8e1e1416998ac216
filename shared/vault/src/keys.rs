//! Redis keys of this room.

use mlc_model::{ChannelId, ConnectionId};

/// Hash `connection/name` or `alerts:channel/name` → `milliseconds:sealed`. Written by `mlc connection set-secret`, `mlc alerts set-secret`
/// and by rotation; entries leave by `delete-secret` of both. No expiry; bounded by the number of connections and channels, a handful each.
pub(crate) fn secrets(namespace: &str) -> String {
    format!("{namespace}:{{vault}}:secrets")
}

/// Field of one secret. A connection's name has no slash, so that the two parts can be told apart.
pub(crate) fn field(connection: &ConnectionId, name: &str) -> String {
    format!("{connection}/{name}")
}

/// A channel for alerts as owner of secrets. A connection's name has no colon, so that none can take its place.
pub(crate) fn channel_owner(channel: &ChannelId) -> String {
    format!("alerts:{channel}")
}

/// Field of a secret of a channel for alerts.
pub(crate) fn channel_field(channel: &ChannelId, name: &str) -> String {
    format!("{}/{name}", channel_owner(channel))
}

/// What a sealed secret is bound to: it does not open under another connection or name.
pub(crate) fn context(field: &str) -> Vec<u8> {
    format!("secret:{field}").into_bytes()
}
