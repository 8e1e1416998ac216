#![doc = include_str!("../README.md")]

mod ap_invoice_to_invoice;
mod company;
mod contact_to_contact;
mod country;
mod customer_to_company;
mod email;
mod problem;
mod properties;
mod purchase_order_to_order;
mod shared_values;
mod shop_invoice_to_ap_invoice;
mod shop_order_to_requisition;
mod text;
mod vendor_master;
mod vendor_to_company;
mod vendor_to_shop;
mod website;

pub use ap_invoice_to_invoice::{
    ExtraLine, InvoiceDifference, InvoicePart, InvoicePlan, InvoiceRules, Memo, Mismatch, OrderBefore, PartLine,
    PriceDifference, Unfit, accounts_by_line, compare_entered_invoice, compare_invoice, invoice_comment,
    invoice_fingerprint, invoice_marker, is_ours, memo_of, plan_invoice, settle_order, split_invoice,
};
pub use company::CompanyRules;
pub use contact_to_contact::contact_to_contact;
pub use customer_to_company::customer_to_company;
pub use problem::MappingProblem;
pub use purchase_order_to_order::{
    DraftLine, LiveOrder, Mirror, Note, OrderDraft, OrderRules, VoidOrder, mirror, mirror_void, purchase_order_to_order,
};
pub use shared_values::{Placeholders, SharedValues, is_form_of, value_print, vendor_columns};
pub use shop_invoice_to_ap_invoice::{
    InvoiceEntryRules, ap_invoice_marker, ap_invoice_number, is_ap_invoice_marker, mirrored_purchase_order,
    shop_invoice_to_ap_invoice,
};
pub use shop_order_to_requisition::{
    MappedRequisition, RequisitionRules, requisition_marker, shop_order_to_requisition,
};
pub use vendor_master::{Agreed, PullPlan, PushPlan, Seen};
pub use vendor_to_company::vendor_to_company;
pub use vendor_to_shop::{ShopVendor, ShopVendorRules, reseller_id, vendor_number, vendor_to_shop};
