#![doc = include_str!("../README.md")]
#![expect(clippy::print_stdout, reason = "a demo prints")]

mod contents;
mod control;
mod documents;
mod house;
mod mlc;
mod partners;
mod processes;
mod progress;
mod purchasing;
mod review;
mod settings;
mod shelf;
mod shop;
mod shop_story;
mod shop_verify;
mod shoppers;
mod story;
mod summary;
mod trace;
mod truth;
mod verify;

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::{house::House, processes::Processes, settings::Edition};

/// Three simulated systems, a private Redis, producer and workers, from seed to proof.
#[derive(Debug, Parser)]
#[command(name = "mlc-demo", version)]
struct Arguments {
    /// End after the proof: exit code 0 only when all numbers add up, last line one JSON object.
    #[arg(long)]
    once: bool,
    /// Edition of the simulated Adobe Commerce shop.
    #[arg(long, value_enum, default_value = "paas", env = "MLC_DEMO_EDITION")]
    edition: Edition,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let started = Instant::now();
    let mut processes = match Processes::new() {
        Ok(processes) => processes,
        Err(error) => {
            println!("The demo cannot start: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let told = tokio::select! {
        told = tell(&mut processes, &arguments, started) => told,
        name = interrupted() => name.map(|name| {
            println!("\n{name}: stopping");
            ExitCode::from(if arguments.once { 130 } else { 0 })
        }),
    };
    if let Err(error) = &told {
        println!("\nThe demo failed: {error:#}");
        processes.show_troubled_logs();
        if arguments.once {
            let told = serde_json::json!({ "ok": false, "problems": [format!("{error:#}")] });
            processes.last_line = Some(told.to_string());
        }
    }
    let last_line = processes.last_line.take();
    processes.stop_all().await;
    // After everything else: the last line of the output is for scripts.
    if let Some(line) = last_line {
        println!("{line}");
    }
    told.unwrap_or(ExitCode::FAILURE)
}

async fn tell(processes: &mut Processes, arguments: &Arguments, started: Instant) -> anyhow::Result<ExitCode> {
    let house = House::open(processes).await?;
    let mut numbers = story::tell(&house, processes, started).await?;
    let shop = shop_story::tell(&house, processes, arguments.edition, started, &mut numbers).await?;
    let good = numbers.problems.is_empty();
    if !good {
        processes.show_troubled_logs();
    }
    if arguments.once {
        processes.last_line = Some(numbers.json().to_string());
        return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    house.show_addresses(&shop);
    loop {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        processes.check_alive()?;
    }
}

/// Ctrl-C, or a polite end from outside.
async fn interrupted() -> anyhow::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.map(|()| "Ctrl-C").map_err(Into::into),
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = hang_up.recv() => Ok("SIGHUP"),
    }
}
