//! The worker's list of jobs.

use mlc_flow::JOB_KINDS;
use mlc_house::{House, HouseConfig};

#[tokio::test]
async fn every_declared_job_has_somebody_who_carries_it_out() {
    let house = House::open_without_worker(HouseConfig::default()).await.unwrap();
    assert_eq!(mlc_worker::registry(&house.context).kinds(), JOB_KINDS);
}
