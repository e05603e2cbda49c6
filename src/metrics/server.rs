//! A small HTTP server for one path.

use super::exposition::{self, Sheet};
use super::{Source, asked};
use crate::postgres::{Fault, Kind};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// Scrapes served at the same time; more wait for their turn.
const AT_ONCE: usize = 8;
/// A connection may last this long, however slow its client is.
const PATIENCE: Duration = Duration::from_secs(10);
/// Request heads are no longer than this.
const HEAD: usize = 16 << 10;
/// Databases are asked at most this often.
const FRESH: Duration = Duration::from_secs(5);
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Body = http_body_util::Full<Bytes>;

/// Serves the figures until it is dropped.
pub struct Exporter {
    _tasks: JoinSet<()>,
}

/// Takes an address such as `127.0.0.1:9187`.
pub async fn listen(address: &str) -> Result<TcpListener, Fault> {
    TcpListener::bind(address).await.map_err(|e| {
        let remedy = match e.kind() {
            ErrorKind::AddrInUse => "another program has this port: choose another one, or stop that program",
            ErrorKind::PermissionDenied => "ports below 1024 need a privilege: choose a higher one",
            _ => "an address of this machine with a port, such as 127.0.0.1:9187",
        };
        Fault::new(Kind::Settings, format!("--metrics cannot listen on {address}: {e}")).remedy(remedy)
    })
}

impl Exporter {
    /// Serves the figures of these engines.
    pub fn start(listener: TcpListener, sources: Vec<Source>) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::new(Figures { sources, kept: Mutex::default() })));
        Self { _tasks: tasks }
    }
}

async fn accept(listener: TcpListener, figures: Arc<Figures>) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    // Connections end with this task.
    let mut connections = JoinSet::new();
    loop {
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        let accepted = listener.accept().await;
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors: the next moment may be better.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let figures = Arc::clone(&figures);
        connections.spawn(async move {
            let _ = timeout(PATIENCE, serve(stream, figures)).await;
            drop(turn);
        });
    }
}

async fn serve(stream: TcpStream, figures: Arc<Figures>) {
    let service = service_fn(move |request| {
        let figures = Arc::clone(&figures);
        async move { Ok::<_, Infallible>(answer(&request, &figures).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE / 2)
        .max_buf_size(HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a scrape was cut short");
    }
}

async fn answer(request: &Request<Incoming>, figures: &Figures) -> Response<Body> {
    let (status, kind, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => match figures.text().await {
            Ok(text) => (StatusCode::OK, OPENMETRICS, text),
            Err(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "the figures could not be written\n".to_owned())
            }
        },
        (&Method::GET | &Method::HEAD, _) => {
            (StatusCode::NOT_FOUND, "text/plain", "only /metrics is here\n".to_owned())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET only\n".to_owned()),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
    }
    response
}

struct Figures {
    sources: Vec<Source>,
    kept: Mutex<Option<(Instant, Vec<Answered>)>>,
}

type Answered = (Option<asked::Replica>, Option<asked::Master>);

impl Figures {
    async fn text(&self) -> Result<String, std::fmt::Error> {
        let answered = self.asked().await;
        let sheets = self.sources.iter().zip(answered).map(|(source, (here, there))| Sheet {
            replica: source.replica.clone(),
            status: source.status.borrow().clone(),
            here,
            there,
        });
        exposition::text(sheets.collect())
    }

    /// What the databases answered now or a moment ago. One scrape asks, the others wait for its answers.
    async fn asked(&self) -> Vec<Answered> {
        let mut kept = self.kept.lock().await;
        if let Some((at, answered)) = &*kept
            && at.elapsed() < FRESH
        {
            return answered.clone();
        }
        let answered = futures_util::future::join_all(self.sources.iter().map(|s| asked::ask(&s.pair))).await;
        *kept = Some((Instant::now(), answered.clone()));
        answered
    }
}
