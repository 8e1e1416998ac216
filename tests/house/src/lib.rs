#![doc = include_str!("../README.md")]

mod house;
mod private_redis;

pub use house::{CUSTOMERS, House, HouseConfig, TOKEN, VENDORS};
pub use private_redis::{Persistence, PrivateRedis, shared_redis};
