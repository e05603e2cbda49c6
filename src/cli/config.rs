//! `robbie config path|init|check`: the configuration file.

use super::{Exit, Global, output};
use crate::postgres::Fault;
use crate::settings::{Environment, Settings};
use clap::{Args, Subcommand};

/// Arguments of `robbie config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    /// What to do with the file.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// What to do with the file.
#[derive(Debug, Subcommand)]
pub enum ConfigAction {
    /// Print where the configuration file is.
    Path,
}

/// Runs `robbie config`.
pub async fn run(args: ConfigArgs, global: &Global) -> Result<Exit, Fault> {
    match args.action {
        ConfigAction::Path => {
            let settings = Settings::load(&global.choices(), Environment::of_process())?;
            output::line(settings.home.config_file().display().to_string())?;
        }
    }
    Ok(Exit::Done)
}
