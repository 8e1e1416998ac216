//! The day Redis is full.

use std::time::Duration;

use mlc_flow::Extent;
use mlc_house::{House, HouseConfig, Persistence, PrivateRedis, VENDORS};

use crate::trouble::{assert_delivered_once, assert_no_dead_letters, seed_vendors, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_redis_makes_jobs_wait_and_shelves_none() {
    let server = PrivateRedis::start(Persistence::AofAlways).unwrap();
    let config =
        HouseConfig { redis_url: Some(server.url()), page_rows: 20, retry_base: "20ms", ..HouseConfig::default() };
    let house = House::open_with(config).await.unwrap();
    let keys = seed_vendors(&house, 300);
    house.hubspot.set_latency(Duration::from_millis(20));
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    until("work is under way", async || house.hubspot.stats().companies.created >= 20).await;

    let redis = mlc_runtime::redis::RedisHandle::connect(&house.context.settings.redis).await.unwrap();
    let set_limit = async |bytes: &str| {
        let set: String = redis::cmd("CONFIG")
            .arg("SET")
            .arg("maxmemory")
            .arg(bytes)
            .query_async(&mut redis.manager.clone())
            .await
            .unwrap();
        assert_eq!(set, "OK");
    };
    set_limit("1").await;
    until("Redis refused some writes", async || {
        let info: String = redis::cmd("INFO").arg("errorstats").query_async(&mut redis.manager.clone()).await.unwrap();
        let refused = info.lines().find_map(|line| line.strip_prefix("errorstat_OOM:count="));
        refused.is_some_and(|count| count.trim().parse::<u64>().unwrap() >= 20)
    })
    .await;
    set_limit("0").await;

    house.settle().await.unwrap();
    assert_no_dead_letters(&house).await;
    assert_delivered_once(&house, &keys).await;
}
