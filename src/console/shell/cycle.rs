//! A cycle asked for by hand where no engine of this process could be woken.

use crate::sync::{self, CycleOptions};
use crate::ui::host::{Word, Work};
use crate::ui::pane::{Level, Policy};
use crate::ui::services::Services;
use std::sync::Arc;

/// How it ended, in words.
pub struct Said(pub Level, pub String);

/// One cycle of the shown pair, as work of the console.
pub fn work() -> Work {
    Work {
        policy: Policy::Write,
        label: "running a cycle".to_owned(),
        run: Box::new(|services, _| Box::pin(async move { Box::new(run(services).await) as Word })),
    }
}

async fn run(services: Arc<Services>) -> Said {
    let options = CycleOptions { actor: "console".to_owned(), ..CycleOptions::default() };
    match sync::cycle(&services.pair(), options).await {
        Ok(report) if report.needs_attention() => {
            Said(Level::Warn, format!("the cycle is done in {:.0} ms; entries need attention", report.duration_ms))
        }
        Ok(report) => Said(Level::Ok, format!("the cycle is done in {:.0} ms", report.duration_ms)),
        Err(fault) => {
            let remedy = fault.remedy.as_ref().map_or_else(String::new, |r| format!(". {r}"));
            Said(Level::Bad, format!("no cycle: {fault}{remedy}"))
        }
    }
}
