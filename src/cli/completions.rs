//! `robbie completions SHELL`: a completion script on stdout.

use super::{Cli, Exit, output};
use crate::postgres::Fault;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Arguments of `robbie completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell to complete for.
    pub shell: Shell,
}

/// Prints the script.
pub fn run(args: &CompletionsArgs) -> Result<Exit, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "robbie", &mut script);
    output::raw(&script)?;
    Ok(Exit::Done)
}
