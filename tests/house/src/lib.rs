#![doc = include_str!("../README.md")]

mod config;
mod house;
mod private_redis;
mod settings_text;

pub use config::HouseConfig;
pub use house::House;
pub use private_redis::{Persistence, PrivateRedis, shared_redis};

/// The flow of vendors.
pub const VENDORS: &str = "epicor_to_hubspot::vendors";
/// The flow of customers.
pub const CUSTOMERS: &str = "epicor_to_hubspot::customers";
/// The flow of vendors to the shop.
pub const SHOP_VENDORS: &str = "epicor_to_adobe::vendors";
/// The flow of purchase orders to the shop.
pub const SHOP_ORDERS: &str = "epicor_to_adobe::purchase_orders";
/// The flow of AP invoices to the shop.
pub const SHOP_INVOICES: &str = "epicor_to_adobe::ap_invoices";
/// The flow of the shop's companies to Epicor.
pub const COMPANIES: &str = "adobe_to_epicor::companies";
/// The flow of orders placed in the shop.
pub const REQUISITIONS: &str = "adobe_to_epicor::requisitions";
/// The flow of invoices made in the shop.
pub const INVOICES_IN: &str = "adobe_to_epicor::invoices";
/// The token that the simulated portal accepts.
pub const TOKEN: &str = "pat-eu1-house-canary-token";
/// The API key that the simulated Epicor accepts.
pub const API_KEY: &str = "house-canary-api-key-7391";
/// Its user.
pub const USER: &str = "house-canary-user";
/// That user's password.
pub const PASSWORD: &str = "house-canary-password-55";
