//! The named secrets of a connection, as they are in the vault now.

use mlc_model::{ConnectionId, Fault, FaultKind, System};
use mlc_vault::{ExposeSecret, SecretStore, SecretString};

/// Secrets in the order of the names asked for; `None` where none is set.
#[derive(Clone)]
pub(crate) struct Secrets(Vec<Option<SecretString>>);

impl Secrets {
    pub(crate) async fn read(store: &SecretStore, connection: &ConnectionId, names: &[&str]) -> Result<Self, Fault> {
        let mut secrets = Vec::with_capacity(names.len());
        for name in names {
            let secret = store.get(connection, name).await.map_err(|problem| {
                Fault::new(FaultKind::Transient, System::Connector, "vault.read", problem.to_string())
            })?;
            secrets.push(secret);
        }
        Ok(Self(secrets))
    }

    /// The secret at a place of the names asked for.
    pub(crate) fn at(&self, place: usize) -> Option<SecretString> {
        self.0.get(place).cloned().flatten()
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        let text = |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(one, two)| text(one) == text(two))
    }
}
