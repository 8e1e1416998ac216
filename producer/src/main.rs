//! `mlc`: wires the command line to its commands and decides nothing.

use std::process::ExitCode;

use clap::Parser as _;
use mlc_producer::{Arguments, Failure, run};

#[tokio::main]
async fn main() -> ExitCode {
    Failure::tell_panics();
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.tell();
            failure.exit().into()
        }
    }
}
