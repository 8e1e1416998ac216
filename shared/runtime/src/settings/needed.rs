//! The keys that a section cannot do without, each with a value that is right.

use toml::{Table, toml};

/// The needed keys of an Epicor connection.
pub(super) fn epicor_example() -> Table {
    toml! {
        base_url = "https://erp.example.com/EpicorERP"
        company = "EPIC06"
    }
}

/// The needed keys of a connection to Adobe Commerce.
pub(super) fn adobe_example() -> Table {
    toml! {
        base_url = "https://shop.example.com"
        edition = "paas"
    }
}

/// The needed keys of a flow.
pub(super) fn flow_example() -> Table {
    toml! {
        from = "from"
        to = "to"
    }
}

/// The needed keys of an endpoint for webhooks.
pub(super) fn webhook_example() -> Table {
    toml! {
        scheme = "hmac_sha256"
    }
}

/// The needed keys of a rule for accounts.
pub(super) fn account_rule_example() -> Table {
    toml! {
        sku = "sku"
        segments = ["1"]
    }
}

/// The needed keys of a quiet time.
pub(super) fn quiet_example() -> Table {
    toml! {
        from = "00:00"
        until = "24:00"
    }
}

/// The needed keys of a channel that sends mail.
pub(super) fn mail_example() -> Table {
    toml! {
        host = "mail.example.com"
        from = "ml-connector@example.com"
        to = ["operations@example.com"]
    }
}
