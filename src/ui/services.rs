//! What a pane's work may use: the links of the shown pair, and the engine if it runs here.

use super::live::LiveJobs;
use super::pane::{LinkView, Links};
use crate::conversation::embed::Embedder;
use crate::conversation::recall::Memory;
use crate::postgres::{Link, LinkStatus, Pair};
use crate::sync::EngineHandle;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The connections and the engine, shared by all jobs.
pub struct Services {
    /// The profile's name, for the header.
    pub profile: String,
    master: Arc<Link>,
    replicas: Vec<Arc<Link>>,
    shown: AtomicUsize,
    engine: Option<Arc<EngineHandle>>,
    protected: bool,
    jobs: LiveJobs,
    embedder: Embedder,
    recall: Memory,
}

impl Services {
    /// Services over one master and its replicas, of which the first is shown.
    ///
    /// # Panics
    /// Where there is no replica: the settings always give at least one.
    pub fn new(profile: impl Into<String>, master: Arc<Link>, replicas: Vec<Arc<Link>>) -> Self {
        assert!(!replicas.is_empty(), "a pair has a replica");
        Self {
            profile: profile.into(),
            master,
            replicas,
            shown: AtomicUsize::new(0),
            engine: None,
            protected: false,
            jobs: LiveJobs::default(),
            embedder: Embedder::Lexical,
            recall: Memory::default(),
        }
    }

    /// The same with the engine that runs in this process.
    #[must_use]
    pub fn with_engine(mut self, engine: Option<Arc<EngineHandle>>) -> Self {
        self.engine = engine;
        self
    }

    /// The same, where a write must be confirmed by the target's name.
    #[must_use]
    pub fn protected(mut self, protected: bool) -> Self {
        self.protected = protected;
        self
    }

    /// The same with what makes vectors of what is searched.
    #[must_use]
    pub fn with_embedder(mut self, embedder: Embedder) -> Self {
        self.embedder = embedder;
        self
    }

    /// What makes vectors of what is searched.
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    /// What was measured of the indexes over vectors.
    pub fn recall(&self) -> &Memory {
        &self.recall
    }

    /// The engine, if it runs in this process.
    pub fn engine(&self) -> Option<&Arc<EngineHandle>> {
        self.engine.as_ref()
    }

    /// The replays of many entries that this process does.
    pub fn jobs(&self) -> &LiveJobs {
        &self.jobs
    }

    /// The master and the shown replica.
    pub fn pair(&self) -> Pair {
        Pair { master: Arc::clone(&self.master), replica: Arc::clone(self.replica()) }
    }

    /// The master.
    pub fn master(&self) -> &Arc<Link> {
        &self.master
    }

    /// The shown replica.
    pub fn replica(&self) -> &Arc<Link> {
        &self.replicas[self.shown.load(Ordering::Relaxed) % self.replicas.len()]
    }

    /// All replicas.
    pub fn replicas(&self) -> &[Arc<Link>] {
        &self.replicas
    }

    /// Shows the next replica.
    pub fn show_next(&self) {
        self.shown.fetch_add(1, Ordering::Relaxed);
    }

    /// Where the links of the shown pair stand now.
    pub fn links(&self) -> Links {
        Links { master: view(&self.master, self.protected), replica: view(self.replica(), self.protected) }
    }
}

fn view(link: &Link, protected: bool) -> LinkView {
    let target = link.target();
    let status: LinkStatus = link.status().borrow().clone();
    LinkView {
        side: target.side,
        name: target.name.clone(),
        database: target.config.get_dbname().unwrap_or_default().to_owned(),
        read_only: target.read_only,
        protected,
        status,
    }
}
