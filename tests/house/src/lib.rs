#![doc = include_str!("../README.md")]

mod house;
mod private_redis;

pub use house::{API_KEY, CUSTOMERS, House, HouseConfig, PASSWORD, TOKEN, USER, VENDORS};
pub use private_redis::{Persistence, PrivateRedis, shared_redis};
