//! Every Redis key of this room. All share the hash tag `{mlcc:<namespace>}`, so that each script stays inside one cluster slot.

use crate::secret::Digest;

/// Keys of one namespace.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    tag: String,
}

impl Keys {
    pub(crate) fn new(namespace: &str) -> Self {
        Self { tag: format!("{{mlcc:{namespace}}}") }
    }

    /// HASH name in lower case -> JSON of the account, with the hash of its password. Written by `put_account.lua`, at most
    /// [`crate::ACCOUNTS_AT_MOST`] fields.
    pub(crate) fn accounts(&self) -> String {
        format!("{}:accounts", self.tag)
    }

    /// Prefix of [`Self::session`], for the script that ends the oldest ones.
    pub(crate) fn session_prefix(&self) -> String {
        format!("{}:session:", self.tag)
    }

    /// HASH `name`, `at`, `seen`, `epoch`, `agent` of one session, by the digest of its id. Expires when it was not used for
    /// `console.session`, or earlier when it reaches its greatest age.
    pub(crate) fn session(&self, digest: &Digest) -> String {
        format!("{}{digest}", self.session_prefix())
    }

    /// ZSET of digests of the sessions of one account, scored by their beginning. Expires with the last of them; at most
    /// [`crate::SESSIONS_AT_MOST`] members.
    pub(crate) fn sessions_of(&self, name: &str) -> String {
        format!("{}:sessions:{name}", self.tag)
    }

    /// HASH digest of a token -> JSON of what it allows. At most [`crate::TOKENS_AT_MOST`] fields.
    pub(crate) fn tokens(&self) -> String {
        format!("{}:tokens", self.tag)
    }

    /// HASH `<account>/<token's name>` -> digest of the token: what makes names unique. Goes with the token.
    pub(crate) fn token_names(&self) -> String {
        format!("{}:token_names", self.tag)
    }

    /// HASH digest of a token -> when it was last used, in milliseconds, to the minute. Goes with the token.
    pub(crate) fn token_uses(&self) -> String {
        format!("{}:token_uses", self.tag)
    }

    /// HASH `n`, `until`: attempts to log in that failed, by what they have in common. Expires an hour after the last one.
    /// `of` is a digest, so that a password typed into the field of the name is not stored in clear.
    pub(crate) fn tries(&self, kind: &str, of: &Digest) -> String {
        format!("{}:tries:{kind}:{of}", self.tag)
    }

    /// STRING account. A browser in which that account has logged in before, by the digest of its cookie. Expires.
    pub(crate) fn device(&self, digest: &Digest) -> String {
        format!("{}:device:{digest}", self.tag)
    }

    /// STRING, a counter that expires after an hour: refused logins that were written into the audit.
    pub(crate) fn refusals(&self) -> String {
        format!("{}:refusals", self.tag)
    }
}
