//! `robbie`: the terminal admin console and the sync engine of the Robbie databases.

use clap::Parser;
use robbie_console::cli::{self, Cli, Exit};

fn main() -> Exit {
    if let Err(error) = color_eyre::install() {
        eprintln!("robbie: {error}");
    }
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(1 << 20)
        .thread_name("robbie")
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(cli::run(cli));
            // A name that is still being looked up must not hold the exit: commands await what has to be finished.
            runtime.shutdown_background();
            exit
        }
        Err(error) => {
            eprintln!("robbie: no threads to work with: {error}");
            Exit::Attention
        }
    }
}
