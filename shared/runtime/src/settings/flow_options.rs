//! What only one kind of flow can be told: sections such as `[flows."epicor_to_adobe::purchase_orders".purchase_orders]`.

use std::{collections::BTreeSet, time::Duration};

use mlc_model::SharedField;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::duration;

/// How accounts of the general ledger are written on lines. Part of several sections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GlOptions {
    /// Numbers of the segments that make up the account, in their order, 1 to 20 each and none twice. Default: the account as Epicor shows it.
    pub segments: Vec<u8>,
    /// What stands between them, up to 3 characters. Default `-`.
    pub separator: String,
    /// Custom attribute of lines that carries the account, where the shop has such. Default `epicor_gl_account`.
    pub attribute: String,
}

impl Default for GlOptions {
    fn default() -> Self {
        Self { segments: Vec::new(), separator: "-".to_owned(), attribute: "epicor_gl_account".to_owned() }
    }
}

/// Section `purchase_orders` of `epicor_to_adobe::purchase_orders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PurchaseOrderOptions {
    /// Only approved orders. Default true. An order that loses its approval later stays in the shop as it is.
    pub approved_only: bool,
    /// Accounts on lines.
    pub gl: GlOptions,
    /// Payment method that orders are given, 1 to 128 letters, digits and `_`; any name is taken by the shop. Default `purchaseorder`.
    pub payment_method: String,
    /// E-mail address of orders whose supplier has none. Default: such an order is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_email: Option<String>,
    /// The company's own currency in three letters, where Epicor does not tell it. Default: refuse an order whose amounts differ by currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_currency: Option<String>,
}

impl Default for PurchaseOrderOptions {
    fn default() -> Self {
        Self {
            approved_only: true,
            gl: GlOptions::default(),
            payment_method: "purchaseorder".to_owned(),
            default_email: None,
            base_currency: None,
        }
    }
}

/// Section `vendors` of `epicor_to_adobe::vendors`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VendorOptions {
    /// Write vendors as companies with a customer. Default true. Needs the shop's B2B modules. This or `sources` must be true.
    pub companies: bool,
    /// Write vendors as inventory sources too, as supplier record. Default false. A source can never be deleted.
    pub sources: bool,
    /// Customer group, at the same time the shared catalogue, of companies made by us. Default 1, 1 and more.
    pub customer_group_id: i64,
    /// Admin user who looks after companies made by us. Default 1, 1 and more.
    pub sales_representative_id: i64,
    /// E-mail address pattern of companies whose vendor has none; `{number}` stands for the vendor's number and must be in it. Default: such a vendor is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_email: Option<String>,
    /// Telephone of vendors that have none, since the shop demands one. Default `-`, 1 to 50 characters.
    pub default_phone: String,
    /// Post code of vendors that have none, since the shop demands one. Default `-`, 1 to 50 characters.
    pub default_postal_code: String,
    /// Company attribute that keeps the vendor's GL dimension. Needs `gl_dimension_column`. Default `epicor_gl_dimension`.
    pub gl_dimension_attribute: String,
    /// Epicor column of the vendor that holds its GL dimension. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gl_dimension_column: Option<String>,
}

impl Default for VendorOptions {
    fn default() -> Self {
        Self {
            companies: true,
            sources: false,
            customer_group_id: 1,
            sales_representative_id: 1,
            default_email: None,
            default_phone: "-".to_owned(),
            default_postal_code: "-".to_owned(),
            gl_dimension_attribute: "epicor_gl_dimension".to_owned(),
            gl_dimension_column: None,
        }
    }
}

/// Section `ap_invoices` of `epicor_to_adobe::ap_invoices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApInvoiceOptions {
    /// How long an invoice waits for its order before it goes to the dead-letter shelf. Default 24 h, 1 s to 30 d.
    #[serde(with = "duration")]
    pub order_wait: Duration,
    /// A line may differ from the order's price by this amount, in the order's currency, without a note. Default 0.05, 0 and more. The order is
    /// corrected either way, so that the invoice equals Epicor's.
    pub tolerance: Decimal,
    /// A line that differs by more than this share of its amount, in percent, waits on the review list. Default 10, 0 to 1000.
    pub review_percent: Decimal,
    /// A line that differs by more than this amount, in the order's currency, waits on the review list. Default: no such limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_amount: Option<Decimal>,
    /// Accounts on lines.
    pub gl: GlOptions,
}

impl Default for ApInvoiceOptions {
    fn default() -> Self {
        Self {
            order_wait: Duration::from_secs(24 * 3600),
            tolerance: Decimal::new(5, 2),
            review_percent: Decimal::TEN,
            review_amount: None,
            gl: GlOptions::default(),
        }
    }
}

/// Section `companies` of `adobe_to_epicor::companies`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompanyOptions {
    /// Fields whose value in Adobe counts; all others are Epicor's: `name`, `address`, `phone`, `email`, `tax_id`, `comment`.
    /// Default: none, so that nothing is written to Epicor and edits in Adobe of what Epicor owns are put back and listed.
    pub adobe_owns: BTreeSet<SharedField>,
}

/// Section `requisitions` of `adobe_to_epicor::requisitions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequisitionOptions {
    /// Code of the person in whose name requisitions are made in Epicor, 1 to 75 characters. Default `MLC`.
    pub requestor: String,
    /// How long we wait for an announced order to appear in the shop. Default 15 min, 1 s to 7 d. One that never does is noted and dropped.
    #[serde(with = "duration")]
    pub order_wait: Duration,
    /// States of orders that become requisitions. Others wait, as long as `order_wait`, and then go to the dead-letter shelf; cancelled and
    /// closed ones are dropped. Default `["new", "processing", "complete"]`.
    pub order_states: Vec<String>,
    /// Number of the supplier to propose on every line. Default: purchasing chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_number: Option<i64>,
    /// Days until the goods are needed, 0 to 3650. Default: no date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_in_days: Option<u32>,
}

impl Default for RequisitionOptions {
    fn default() -> Self {
        Self {
            requestor: "MLC".to_owned(),
            order_wait: Duration::from_secs(15 * 60),
            order_states: ["new", "processing", "complete"].map(str::to_owned).to_vec(),
            vendor_number: None,
            due_in_days: None,
        }
    }
}

/// Section `invoices` of `adobe_to_epicor::invoices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InvoiceEntryOptions {
    /// Group that invoices are entered in, 1 to 9 characters; made when it is missing. Default `MLC`.
    pub group: String,
    /// What stands before the shop's invoice number to make it the supplier's, up to 20 characters. Default `ADB-`.
    pub number_prefix: String,
    /// How long we wait for an announced invoice to appear in the shop. Default 15 min, 1 s to 7 d.
    #[serde(with = "duration")]
    pub invoice_wait: Duration,
    /// Accounts by product number; the first that fits counts, so one that never can is refused. Default: the account that the order's line carries.
    pub accounts: Vec<AccountRule>,
    /// Segments of the account of lines that carry none and that no rule fits. Default: what Epicor's GL controls give.
    pub default_account: Vec<String>,
}

impl Default for InvoiceEntryOptions {
    fn default() -> Self {
        Self {
            group: "MLC".to_owned(),
            number_prefix: "ADB-".to_owned(),
            invoice_wait: Duration::from_secs(15 * 60),
            accounts: Vec::new(),
            default_account: Vec::new(),
        }
    }
}

/// One rule of `accounts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRule {
    /// Product number, or its beginning with a `*` behind it. Needed.
    pub sku: String,
    /// Segments of the account in their order, 1 to 20. Needed.
    pub segments: Vec<String>,
}
