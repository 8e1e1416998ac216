//! The command line as a type. What it means stands with each command.

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::{Person, command::Command};

/// Keeps Epicor Kinetic and HubSpot in step: orders work, shows it, and puts it right.
///
/// Exit codes: 0 done · 1 something was found to be wrong · 2 the command line cannot be read · 3 nothing matched ·
/// 4 Redis cannot be reached or refused · 5 a defect.
#[derive(Debug, Parser)]
#[command(name = "mlc", version, propagate_version = true, arg_required_else_help = true)]
pub struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Settings file.
    #[arg(long, global = true, env = "MLC_CONFIG", default_value = "mlc.toml", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Answer with one JSON value, for scripts.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Name under which the action is recorded [default: $USER@host].
    #[arg(long = "as", global = true, value_name = "NAME", value_parser = Person::named)]
    pub(crate) person: Option<Person>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Arguments::command().debug_assert();
    }
}
