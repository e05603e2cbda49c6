//! `robbie man [COMMAND]`: the manual page, as roff, on stdout.

use super::{Cli, Exit, output};
use crate::postgres::{Fault, Kind};
use clap::{Args, CommandFactory};
use clap_mangen::Man;

/// Arguments of `robbie man`.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// The command to print the page of; `robbie` itself if none is given.
    #[arg(value_name = "COMMAND")]
    pub of: Vec<String>,
}

/// Prints the page: `robbie man | man -l -`.
pub fn run(args: &ManArgs) -> Result<Exit, Fault> {
    let mut command = Cli::command();
    command.build();
    for name in &args.of {
        let Some(inner) = command.find_subcommand(name) else {
            return Err(Fault::new(Kind::Settings, format!("there is no command `{name}`"))
                .remedy("`robbie --help` lists the commands"));
        };
        command = inner.clone();
    }
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(|e| Fault::new(Kind::Local, "the manual page could not be made").because(e))?;
    output::raw(&page)?;
    Ok(Exit::Done)
}
