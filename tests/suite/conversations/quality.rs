//! How well the search finds: over the sample's conversations, what people would type, and what each must find.

use crate::support;
use robbie_console::conversation::Shape;
use robbie_console::conversation::embed::Embedder;
use robbie_console::conversation::search::{self, Mode};
use robbie_console::sample::{self, library::id_of};

/// What is typed, and the title of the conversation that is meant.
const QUERIES: &[(&str, &str)] = &[
    ("goroutine leak", "Go: goroutines that never end"),
    ("err != nil is true but it prints nil", "Go: an error that is nil and not nil"),
    ("validate config.json in the editor with a schema", "JSON Schema for our config file"),
    ("test fails once in thirty runs on CI", "The flaky test hunt"),
    ("outbox design for a laptop that is offline for days", "Designing an offline queue that loses nothing"),
    ("memory growth heap profile", "Memory keeps growing: profiling a Rust service"),
    ("curl unable to get local issuer certificate", "TLS: unable to get local issuer certificate"),
    ("docker image build slow copy layer", "Docker: a two-line change rebuilds everything"),
    ("livenessProbe database slow pods restart", "Kubernetes: liveness probe kills healthy pods"),
    ("proxy_read_timeout", "nginx 502 and 504: whose timeout was it?"),
    ("how do we practise restoring a backup", "A restore drill for the master database"),
    ("cardinality time series label", "Prometheus: one label too many"),
    ("TTL A record moved old address", "DNS: half of the clients still hit the old server"),
    ("how many probes for ivfflat recall", "IVFFlat: how many lists, how many probes"),
    ("deadlock detected UPDATE jobs", "Deadlock between two batch updates"),
    ("lag() over partition previous status", "Window functions instead of a self join"),
    ("ORM 412 queries per page", "N+1 queries on the dashboard"),
    ("tenant_id not null 60M rows no downtime", "Add a NOT NULL column without locking the table"),
    ("planner estimates one row but gets ten thousand", "Reading EXPLAIN: estimate off by 10,000×"),
    ("jsonb_path_ops or jsonb_ops", "JSONB: which GIN operator class"),
    ("dead tuples idle in transaction", "VACUUM never catches up on a queue table"),
    ("pg_advisory_lock pgbouncer", "Advisory locks for a singleton worker"),
    ("categorical groupby killed memory", "pandas groupby eats all memory"),
    ("asyncio.gather too many open files semaphore", "asyncio: 10,000 downloads, too many open files"),
    ("default list argument shared between calls", "Mutable default argument strikes again"),
    ("fixtures rollback database between tests python", "pytest: fixtures, scopes and the leaking database"),
    ("meeting one hour late daylight saving", "Time zones: the meeting moved by an hour"),
    ("generator exhausted", "Why is my generator empty the second time?"),
    ("pydantic validation slow import", "Dataclasses vs pydantic at the boundary"),
    ("MutexGuard Send await", "Borrow checker: holding a mutex guard across await"),
    ("cancellation safety of select!", "tokio::select! loses messages"),
    ("serde untagged numbers lose digits", "serde: flatten, untagged and the lost digits"),
    ("thiserror eyre", "Error types: thiserror below, eyre on top"),
    ("let _ = guard dropped at once", "Drop order and the RAII guard that did nothing"),
    ("emoji wide characters break alignment of columns", "Unicode width: why the table border is crooked"),
    ("trap EXIT cleanup temp dir ctrl-c", "bash: trap, exit codes and temporary files"),
    ("find -print0 file names with spaces", "Quoting: files with spaces and newlines"),
    ("StartLimitIntervalSec", "systemd: service restarts in a loop, then gives up"),
    ("ProxyJump port forward postgres bastion", "ssh: tunnel to a database through a jump host"),
    ("reflog lost commits force push", "Rescue after a wrong rebase"),
    ("exponential regex backtracking", "Regex: catastrophic backtracking on e-mail input"),
    ("stale response race useEffect AbortController", "useEffect fetch race: old answer overwrites new"),
    ("Access-Control-Allow-Headers preflight", "CORS: preflight fails only with a header"),
    ("refresh token rotation cookie localStorage", "JWT: refresh, rotation, and where to keep them"),
    ("position sticky does nothing", "CSS grid: sticky header inside a scrolling panel"),
    ("focus trap dialog", "Accessible modal with the dialog element"),
];

/// Recall at 5 and mean reciprocal rank.
async fn measure(
    pair: &robbie_console::postgres::Pair,
    shape: &Shape,
    mode: Mode,
    missed: &mut Vec<String>,
) -> (f64, f64) {
    let (mut within, mut reciprocal) = (0.0, 0.0);
    for (query, title) in QUERIES {
        let wanted = id_of("conversation", title);
        let found = search::search(&pair.replica, shape, query, mode, &Embedder::Lexical, 10).await.unwrap();
        let place = found.results.iter().position(|r| r.conversation_id == Some(wanted));
        if place.is_none_or(|n| n >= 5) {
            missed.push(format!("{}: {query:?} has {title:?} at {place:?}", mode.name()));
        }
        within += if place.is_some_and(|n| n < 5) { 1.0 } else { 0.0 };
        reciprocal += place.map_or(0.0, |n| 1.0 / (n + 1) as f64);
    }
    let all = QUERIES.len() as f64;
    (within / all, reciprocal / all)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_type_finds_the_conversation_they_mean() {
    let test = support::pair().await;
    let pair = test.pair();
    sample::seed(&pair, &|_: &str| {}).await.unwrap();
    let shape = Shape::read(&pair.replica).await.unwrap();
    assert!(QUERIES.len() >= 30);
    for (mode, recall, mrr) in [(Mode::Text, 0.95, 0.85), (Mode::Similar, 0.85, 0.7), (Mode::Hybrid, 0.95, 0.85)] {
        let mut missed = Vec::new();
        let (found, rank) = measure(&pair, &shape, mode, &mut missed).await;
        assert!(found >= recall && rank >= mrr, "{}: recall@5 {found:.3}, MRR {rank:.3}; {missed:#?}", mode.name());
    }
}
