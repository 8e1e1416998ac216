//! Measures a paced budget: worker processes against a server that counts a sliding window.
//!
//! `cargo run -p mlc-outbound --example budget [limit] [window s] [measured s] [tasks per worker]`, by default HubSpot's
//! 190 per 10 s over 30 s with 16 tasks. Prints one line for 1, 4 and 16 workers.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints, and stops when anything fails")]

#[path = "../tests/door/support.rs"]
mod support;

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use mlc_outbound::{BudgetConfig, Credentials, DoorConfig, Method, Request};
use support::{PrivateRedis, SlidingWindow, config, serve};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "worker") {
        return work(&arguments[1..]).await;
    }
    let number = |at: usize, default: u32| arguments.get(at).map_or(default, |text| text.parse().unwrap());
    let (limit, window) = (number(0, 190), Duration::from_secs(u64::from(number(1, 10))));
    let (measured, tasks) = (Duration::from_secs(u64::from(number(2, 30))), number(3, 16));
    println!("workers  used %   429s   limited   requests");
    for workers in [1, 4, 16] {
        let redis = PrivateRedis::start().await;
        let server = SlidingWindow::new(limit as usize, window);
        let base = serve(server.router()).await;
        let until = measured + Duration::from_secs(1);
        let processes: Vec<Child> = (0..workers)
            .map(|_| {
                let numbers = [limit, u32::try_from(window.as_millis()).unwrap(), tasks];
                Command::new(std::env::current_exe().unwrap())
                    .args(["worker", &redis.url, &base])
                    .args(numbers.map(|number| number.to_string()))
                    .arg(until.as_secs().to_string())
                    .stdout(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let mut snoozed = 0;
        for process in processes {
            let ended = tokio::task::spawn_blocking(move || process.wait_with_output().unwrap()).await.unwrap();
            snoozed += String::from_utf8(ended.stdout).unwrap().trim().parse::<u32>().unwrap();
        }
        let used = server.share_used(measured) * 100.0;
        println!("{workers:7}  {used:6.2}  {:5}  {snoozed:8}  {:9}", server.refused(), server.accepted());
    }
}

/// One worker process: tasks that send for a while. A refusal is slept over, as the queue would.
async fn work(arguments: &[String]) {
    let number = |at: usize| -> u64 { arguments[at].parse().unwrap() };
    let window = Duration::from_millis(number(3));
    let budget = BudgetConfig::paced("burst", u32::try_from(number(2)).unwrap(), window);
    let config = DoorConfig { budgets: vec![budget], ..config(&arguments[1]) };
    let settings = mlc_runtime::settings::RedisSettings::at(&arguments[0]);
    let redis = mlc_runtime::redis::RedisHandle::connect(&settings).await.unwrap();
    let keys = std::sync::Arc::new(mlc_vault::KeyRing::parse(support::KEY).unwrap());
    let metrics = mlc_runtime::metrics::Metrics::new();
    let clock = std::sync::Arc::new(mlc_model::SystemClock);
    let door = mlc_outbound::Door::open(config, redis, keys, metrics, clock).unwrap();
    let until = Instant::now() + Duration::from_secs(number(5));
    let tasks: Vec<_> = (0..number(4))
        .map(|_| {
            let door = door.clone();
            tokio::spawn(async move {
                let request = Request::new(Method::GET, "/", "budget.measure").family("burst");
                let mut limited = 0;
                while Instant::now() < until {
                    if let Err(fault) = door.send(&request, &Credentials::none()).await {
                        limited += 1;
                        tokio::time::sleep(fault.retry_after().expect("only the budget refuses here")).await;
                    }
                }
                limited
            })
        })
        .collect();
    let mut limited: u32 = 0;
    for task in tasks {
        limited += task.await.unwrap();
    }
    println!("{limited}");
}
