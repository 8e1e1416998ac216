//! What people use: one file per sub-command.

mod account;
mod alerts;
mod audit;
mod bulk;
mod check;
mod completions;
mod connection;
mod dead_letters;
mod follow;
mod jobs;
mod lane;
mod man;
mod openapi;
mod ping;
mod produce;
mod review;
mod sync;
mod top;
mod vault;
mod window;

use std::path::PathBuf;

use clap::Subcommand;
use mlc_queue::{Listing, Page};
use mlc_runtime::settings::Settings;

use crate::{Arguments, Exit, Failure, Person, Rooms, open, output::Output};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the producer: order polls on schedule, serve /metrics, /healthz and /readyz.
    Produce,
    /// Check the settings file without calling anything; lists everything that is wrong at once.
    Check,
    /// Test connections: login, rights, change field, limits, clock, properties.
    Ping(ping::Ping),
    /// Connections and their secrets.
    #[command(subcommand)]
    Connection(connection::Connection),
    /// Bring a flow up to date now, and follow it to its end.
    Sync(sync::Sync),
    /// Jobs that wait, run or stand on the dead-letter shelf.
    Jobs(jobs::Jobs),
    /// Jobs that were given up, with their reasons: look, edit, replay, discard.
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLetters),
    /// Operations on many dead letters: how far they are, pause, resume, abort.
    #[command(subcommand)]
    Bulk(bulk::Bulks),
    /// What was asked of the source, window by window.
    #[command(subcommand)]
    Window(window::Window),
    /// Who or what changed a record, and when.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// What only a person can decide: price differences, conflicts, debit memos.
    #[command(subcommand)]
    Review(review::Review),
    /// Stop giving out the jobs of a connection. Running jobs end, the others wait.
    Pause(lane::Pause),
    /// Give out the jobs of a connection again, whether a person paused it or refused credentials hold it.
    Resume(lane::Resume),
    /// Channels that alerts go out by, and what fires now.
    #[command(subcommand)]
    Alerts(alerts::Alerts),
    /// The people who use the console, and tokens for programs.
    #[command(subcommand)]
    Account(account::AccountCommand),
    /// Keys that seal secrets and jobs.
    #[command(subcommand)]
    Vault(vault::Vault),
    /// Look on, live in a terminal: lanes, throughput, workers, budgets, causes of dead letters.
    Top(top::Top),
    /// Print a completion script for a shell.
    Completions(completions::Completions),
    /// Print the OpenAPI description of the console's API.
    #[command(hide = true)]
    Openapi,
    /// Write manual pages, one for each command.
    Man(man::Man),
}

/// How the command was called.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    config: PathBuf,
    pub(crate) output: Output,
    person: Person,
}

impl Caller {
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        Ok(Settings::load(&self.config)?)
    }

    pub(crate) async fn open(&self) -> Result<Rooms, Failure> {
        open(self.settings()?, self.person.clone()).await
    }
}

/// Carries out one command.
///
/// # Errors
/// [`Failure`], which knows its exit code. What was found to be wrong and already told is `Ok(Exit::Wrong)`.
pub async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let global = arguments.global;
    let caller = Caller {
        config: global.config,
        output: Output::new(global.json),
        person: global.person.unwrap_or_else(Person::at_this_machine),
    };
    match arguments.command {
        Command::Produce => produce::run(&caller).await,
        Command::Check => check::run(&caller),
        Command::Ping(command) => ping::run(command, &caller).await,
        Command::Connection(command) => connection::run(command, &caller).await,
        Command::Sync(command) => sync::run(command, &caller).await,
        Command::Jobs(command) => jobs::run(command, &caller).await,
        Command::DeadLetters(command) => dead_letters::run(command, &caller).await,
        Command::Bulk(command) => bulk::run(command, &caller).await,
        Command::Window(command) => window::run(command, &caller).await,
        Command::Audit(command) => audit::run(command, &caller).await,
        Command::Review(command) => review::run(command, &caller).await,
        Command::Pause(command) => lane::pause(command, &caller).await,
        Command::Resume(command) => lane::resume(command, &caller).await,
        Command::Alerts(command) => alerts::run(command, &caller).await,
        Command::Account(command) => account::run(command, &caller).await,
        Command::Vault(command) => vault::run(command, &caller).await,
        Command::Top(command) => top::run(command, &caller).await,
        Command::Completions(command) => completions::run(command),
        Command::Openapi => openapi::run(caller.output),
        Command::Man(command) => man::run(command, caller.output),
    }
}

/// Reads a listing up to `limit` entries; pages can be short and still have a next. Tells whether there is more.
pub(crate) async fn gather<T, F>(limit: usize, mut read: impl FnMut(Page) -> F) -> Result<(Vec<T>, bool), Failure>
where
    F: Future<Output = Result<Listing<T>, Failure>>,
{
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let listing = read(Page { after: after.take(), limit: limit - items.len() }).await?;
        items.extend(listing.items);
        after = listing.next;
        if after.is_none() || items.len() >= limit {
            return Ok((items, after.is_some()));
        }
    }
}

/// For `--limit`.
pub(crate) fn limit(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=100_000).contains(n)).ok_or_else(|| "use a number from 1 to 100000".to_owned())
}
