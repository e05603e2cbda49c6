//! `robbie console`, and bare `robbie`: the console on the databases that were chosen.

use super::{Exit, Invocation, targets::targets};
use crate::console::{self, Ended};
use crate::postgres::{Fault, Link};
use crate::settings::Settings;
use crate::sync::EngineHandle;
use crate::ui::services::Services;
use std::sync::Arc;

/// Opens the console.
pub async fn run(invocation: &Invocation) -> Result<Exit, Fault> {
    open(&invocation.settings, None).await
}

/// Opens the console, beside an engine of this process if there is one.
pub async fn open(settings: &Settings, engine: Option<Arc<EngineHandle>>) -> Result<Exit, Fault> {
    let (setup, surroundings) = console::prepare(settings)?;
    let found = targets(settings)?;
    let embedder = super::conversations::embedder::embedder(settings, None)?;
    let (profile, protected) = (setup.profile.clone(), settings.protected.value);
    let start = async move {
        let replicas = found.replicas.into_iter().map(|target| Arc::new(Link::new(target))).collect();
        Ok(Services::new(profile, Arc::new(Link::new(found.master)), replicas)
            .with_engine(engine)
            .protected(protected)
            .with_embedder(embedder))
    };
    Ok(match console::run(setup, surroundings, start).await? {
        Ended::Quit => Exit::Done,
        Ended::Signal(number) => Exit::Signalled(number),
    })
}
