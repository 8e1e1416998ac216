//! Behaviour across rooms, on a real Redis and the simulators.

#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod bad_rows;
mod canaries;
mod console;
mod crashes;
mod customers;
mod end_state;
mod epicor_faults;
mod exchanges;
mod full_redis;
mod holding;
mod hubspot_faults;
mod intake;
mod interruptions;
mod invoice_rig;
mod ping;
mod processes;
mod registry;
mod requisitions;
mod secrets_stay_hidden;
mod sender;
mod shop_house;
mod shop_invoice_entry;
mod shop_invoice_property;
mod shop_invoices;
mod shop_orders;
mod shop_ping;
mod shop_secrets_stay_hidden;
mod shop_vendor_settings;
mod shop_vendors;
mod shopper;
mod stopping;
mod trouble;
mod two_step_crashes;
mod updates;
mod vendor_master_property;
mod vendors;
mod webhook_crashes;
mod webhook_schemes;
mod webhooks;
mod window_property;
mod windows;
