//! What can be chosen when the simulator starts, and the switches that can be turned while it runs.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

/// Which change columns the instance has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Profile {
    /// As the standard product: no `UpdatedOn` anywhere, `Vendor` has only `SysRevID`.
    #[default]
    Stock,
    /// As a site that publishes `UpdatedOn` on every table.
    UpdatedOn,
}

/// How an [`EpicorSim`](super::EpicorSim) is set up.
#[derive(Clone)]
pub struct EpicorConfig {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Path of the instance, with a leading slash and no trailing one.
    pub instance: String,
    /// Company codes served; the first is the default of the control API.
    pub companies: Vec<String>,
    /// Which change columns exist.
    pub profile: Profile,
    /// The API key every v2 call needs.
    pub api_key: String,
    /// User of Basic and `TokenResource.svc`.
    pub user: String,
    /// Password of Basic and `TokenResource.svc`.
    pub password: String,
    /// Client of `/connect/token`.
    pub client_id: String,
    /// Secret of `/connect/token`.
    pub client_secret: String,
    /// Lifetime of bearer tokens.
    pub token_lifetime: Duration,
    /// Value of the revision counter before the first write.
    pub first_revision: i64,
    /// Seed of everything that is random.
    pub seed: u64,
}

impl Default for EpicorConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            instance: "/Live".into(),
            companies: vec!["EPIC06".into()],
            profile: Profile::Stock,
            api_key: "sim-api-key".into(),
            user: "mlc".into(),
            password: "sim-password".into(),
            client_id: "mlc-client".into(),
            client_secret: "mlc-secret".into(),
            token_lifetime: Duration::from_secs(3600),
            // "Above 2^31 in ordinary use" catches clients that read it into 32 bits.
            first_revision: 4_821_000_000,
            seed: 1,
        }
    }
}

/// The shape in which dates are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateShape {
    /// `2026-04-07T14:02:11`, server-local.
    NoZone,
    /// `2026-04-07T14:02:11Z`; a date-only column shows its day at `00:00:00Z`.
    Z,
    /// `2026-04-07T14:02:11-06:00`.
    Offset,
    /// Every date is `null`.
    Null,
    /// The four shapes in turn, row by row.
    Mixed,
}

/// What `UpdateMaster` does with a tableset that is in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MasterUpdate {
    /// Saves: `lUpdateRan` is true.
    Saves,
    /// Saves nothing and wants an answer from a person: `requiresUserInput` is true.
    AsksUser,
    /// Saves nothing without a word: `lUpdateRan` is false on a 200.
    DoesNotRun,
}

/// How `POST /APInvExpTGLCs` misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GlPost {
    /// 500, nothing written.
    Refuses,
    /// 201, and a stray row beside the one the server made itself.
    StrayDuplicate,
}

/// Behaviour that differs between sites, or on which sources disagree.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// Entity sets that have `UpdatedOn`; `*` stands for all.
    pub updated_on: Vec<String>,
    /// Rows of a page when `$top` is absent.
    pub default_top: usize,
    /// The server's own limit, which silently wins over a larger `$top`.
    pub max_top: Option<usize>,
    /// Shape of dates.
    pub dates: DateShape,
    /// Offset of the server's zone from UTC in minutes.
    pub server_offset_minutes: i32,
    /// Shuffle rows of requests without `$orderby`.
    pub shuffle_unordered: bool,
    /// Answer a `$filter` on a child set with an empty page.
    pub child_filter_empty: bool,
    /// Count the rows of the page instead of those of the filter, as some gateways do.
    pub count_of_page: bool,
    /// Add columns that no metadata announces to rows read without `$select`.
    pub undeclared_columns: bool,
    /// Services or methods the API key may use (`Erp.BO.Vendor`, `Erp.BO.Vendor.GetRows`).
    pub scope: Option<Vec<String>>,
    /// Calls in flight above which the licence error is answered.
    pub max_in_flight: Option<usize>,
    /// Characters of a query string that IIS lets through.
    pub max_query_chars: usize,
    /// Lifetime of bearer tokens sold from now on.
    pub token_lifetime_secs: u64,
    /// What `UpdateMaster` does.
    pub update_master: MasterUpdate,
    /// How a `POST` to `APInvExpTGLCs` misbehaves.
    pub gl_post: GlPost,
    /// Status of the refusal of a row with an old `SysRevID`; sources do not say.
    pub stale_status: u16,
    /// Status of the refusal of a duplicate `VendorID`: 409, or 400 with a text.
    pub duplicate_status: u16,
    /// GL lines made on the save of an invoice line also get a row in a second book.
    pub second_book: bool,
    /// Payment terms that exist.
    pub terms_codes: Vec<String>,
    /// Currencies that exist.
    pub currency_codes: Vec<String>,
}

impl Switches {
    pub(crate) fn of(config: &EpicorConfig) -> Self {
        Self {
            updated_on: match config.profile {
                Profile::Stock => Vec::new(),
                Profile::UpdatedOn => vec!["*".into()],
            },
            default_top: 100,
            max_top: None,
            dates: DateShape::NoZone,
            server_offset_minutes: 0,
            shuffle_unordered: true,
            child_filter_empty: true,
            count_of_page: false,
            undeclared_columns: true,
            scope: None,
            max_in_flight: None,
            max_query_chars: 2048,
            token_lifetime_secs: config.token_lifetime.as_secs(),
            update_master: MasterUpdate::Saves,
            gl_post: GlPost::Refuses,
            stale_status: 400,
            duplicate_status: 409,
            second_book: true,
            terms_codes: ["N30", "N45", "N60", "2N10"].map(String::from).to_vec(),
            currency_codes: ["USD", "EUR", "CAD", "GBP"].map(String::from).to_vec(),
        }
    }

    pub(crate) fn has_updated_on(&self, set: &str) -> bool {
        self.updated_on.iter().any(|name| name == "*" || name == set)
    }
}
