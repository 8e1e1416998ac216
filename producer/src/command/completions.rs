//! `mlc completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::{Arguments, Exit, Failure, output};

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(command: Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    generate(command.shell, &mut Arguments::command(), "mlc", &mut script);
    output::write(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Done)
}
