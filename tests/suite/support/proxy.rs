//! A TCP front of a server that loses, delays, cuts and forgets what passes it. It needs tokio and nothing of the suite.
//!
//! ```ignore
//! let proxy = Proxy::start(Upstream::Unix("/tmp/x/.s.PGSQL.5432".into())).await;
//! proxy.weather(Weather { latency: Duration::from_millis(15), ..Weather::default() }); // 30 ms more per round trip
//! connect(&format!("host=127.0.0.1 port={} …", proxy.port())).await;
//! ```
#![allow(dead_code, reason = "what one user needs, another may not")]

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Where the server listens.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// On a socket file.
    Unix(PathBuf),
    /// On a port.
    Tcp(SocketAddr),
}

/// What the line is like now. A direction that does not pass keeps what comes until it does, as TCP would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Nothing reaches the server.
    pub black_to: bool,
    /// Nothing comes back from the server.
    pub black_from: bool,
    /// Each way takes this much longer.
    pub latency: Duration,
}

impl Weather {
    fn passes(&self, direction: Direction) -> bool {
        match direction {
            Direction::To => !self.black_to,
            Direction::From => !self.black_from,
        }
    }
}

/// Which half of a COMMIT is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It never reaches the server.
    Question,
    /// The server does it and its answer never comes back.
    Answer,
}

/// From the client's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the server.
    To,
    /// From the server.
    From,
}

/// A listening proxy; everything ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

struct Shared {
    weather: watch::Sender<Weather>,
    /// Where the first number grows all open connections are cut, where the second does they are forgotten.
    ended: watch::Sender<(u64, u64)>,
    plans: Mutex<Plans>,
}

#[derive(Default)]
struct Plans {
    commit: Option<(usize, Lost)>,
    bytes: Option<(Direction, usize)>,
    cuts: usize,
}

impl Proxy {
    /// Listens on a free port for a server.
    pub async fn start(upstream: Upstream) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            weather: watch::Sender::default(),
            ended: watch::Sender::default(),
            plans: Mutex::default(),
        });
        let mut serving = JoinSet::new();
        let own = Arc::clone(&shared);
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                connections.spawn(serve(client, upstream.clone(), Arc::clone(&own)));
            }
        });
        Self { address, shared, _serving: serving }
    }
    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
    /// Changes the weather, also for connections that are open.
    pub fn weather(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }
    /// Everything passes again, at once.
    pub fn heal(&self) {
        self.weather(Weather::default());
    }
    /// Resets all connections that are open.
    pub fn reset(&self) {
        self.shared.ended.send_modify(|(cut, _)| *cut += 1);
    }
    /// Forgets all connections that are open: neither end is told, what is sent on them vanishes.
    pub fn forget(&self) {
        self.shared.ended.send_modify(|(_, forgotten)| *forgotten += 1);
    }
    /// Cuts a connection at the `nth` COMMIT from now on.
    pub fn cut_commit(&self, nth: usize, lost: Lost) {
        self.shared.plans.lock().unwrap().commit = Some((nth.max(1), lost));
    }
    /// Cuts the connection on which so many bytes more have gone in this direction.
    pub fn cut_after(&self, direction: Direction, bytes: usize) {
        self.shared.plans.lock().unwrap().bytes = Some((direction, bytes));
    }
    /// Plans no cut any more.
    pub fn cut_nothing(&self) {
        let mut plans = self.shared.plans.lock().unwrap();
        (plans.commit, plans.bytes) = (None, None);
    }
    /// How many connections were cut by plan.
    pub fn cuts(&self) -> usize {
        self.shared.plans.lock().unwrap().cuts
    }
    /// Whether nothing is planned any more.
    pub fn is_done(&self) -> bool {
        let plans = self.shared.plans.lock().unwrap();
        plans.commit.is_none() && plans.bytes.is_none()
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

async fn connect(upstream: &Upstream) -> io::Result<Box<dyn Stream>> {
    Ok(match upstream {
        Upstream::Unix(path) => Box::new(UnixStream::connect(path).await?),
        Upstream::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
    })
}

async fn serve(mut client: TcpStream, upstream: Upstream, shared: Arc<Shared>) {
    let _ = client.set_nodelay(true);
    let was_cut = match connect(&upstream).await {
        Ok(server) => forward(&mut client, server, &shared).await,
        Err(_) => true,
    };
    if was_cut {
        let _ = client.set_zero_linger();
    }
}

/// Passes both directions on until they end; says whether the connection was cut.
async fn forward(client: &mut TcpStream, server: Box<dyn Stream>, shared: &Shared) -> bool {
    let mut ended = shared.ended.subscribe();
    let before = *ended.borrow_and_update();
    let (from_server, to_server) = tokio::io::split(server);
    let (from_client, to_client) = client.split();
    let muted = Muted::default();
    let mut passing = pin!(async {
        let to = pump(from_client, to_server, shared, Direction::To, &muted);
        let from = pump(from_server, to_client, shared, Direction::From, &muted);
        // A cut ends both; an end of one side is passed on, and the other may still talk.
        tokio::try_join!(to, from).is_err()
    });
    let forgotten = async { ended.wait_for(|now| *now != before).await.is_ok_and(|now| now.1 != before.1) };
    let forgotten = tokio::select! {
        was_cut = &mut passing => return was_cut,
        forgotten = forgotten => forgotten,
    };
    if forgotten {
        // Both ends stay open, and nobody reads.
        std::future::pending::<()>().await;
    }
    true
}

/// Set when answers are not to come back any more; told when one was dropped.
#[derive(Default)]
struct Muted {
    on: AtomicBool,
    heard: Notify,
}

struct Cut;

/// Passes one direction on, with its latency, until it ends or is cut.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    shared: &Shared,
    direction: Direction,
    muted: &Muted,
) -> Result<(), Cut> {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(256);
    let read = async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            let due = Instant::now() + shared.weather.borrow().latency;
            if sender.send((due, buffer[..n].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let write = async {
        let mut weather = shared.weather.subscribe();
        let mut messages = Messages::default();
        while let Some((due, chunk)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            let _ = weather.wait_for(|w| w.passes(direction)).await;
            if direction == Direction::From && muted.on.load(SeqCst) {
                muted.heard.notify_one();
                continue;
            }
            let mut chunk = chunk.as_slice();
            if direction == Direction::To
                && let Some((start, end)) = messages.commit_in(chunk)
                && let Some(lost) = shared.due_commit()
            {
                muted.on.store(true, SeqCst);
                let _ = to.write_all(&chunk[..if lost == Lost::Question { start } else { end }]).await;
                if lost == Lost::Answer {
                    let _ = to.flush().await;
                    let _ = tokio::time::timeout(Duration::from_secs(2), muted.heard.notified()).await;
                }
                return Err(Cut);
            }
            let most = shared.due_bytes(direction, chunk.len());
            chunk = &chunk[..most.unwrap_or(chunk.len())];
            if to.write_all(chunk).await.is_err() {
                break;
            }
            if most.is_some() {
                let _ = to.flush().await;
                return Err(Cut);
            }
        }
        let _ = weather.wait_for(|w| w.passes(direction)).await;
        let _ = to.shutdown().await;
        Ok(())
    };
    // What cannot be written any more needs not be read either.
    let reading = async {
        read.await;
        std::future::pending().await
    };
    tokio::select! {
        done = write => done,
        never = reading => never,
    }
}

impl Shared {
    fn due_commit(&self) -> Option<Lost> {
        let mut plans = self.plans.lock().unwrap();
        let (nth, lost) = plans.commit?;
        plans.commit = (nth > 1).then_some((nth - 1, lost));
        plans.cuts += usize::from(nth == 1);
        (nth == 1).then_some(lost)
    }
    /// How many bytes of the next `length` may pass before the connection is cut, if it is to be cut there.
    fn due_bytes(&self, direction: Direction, length: usize) -> Option<usize> {
        let mut plans = self.plans.lock().unwrap();
        let (_, left) = plans.bytes.filter(|(d, _)| *d == direction)?;
        if left > length {
            plans.bytes = Some((direction, left - length));
            return None;
        }
        plans.bytes = None;
        plans.cuts += 1;
        Some(left)
    }
}

/// Follows the messages that a client sends, far enough to find a COMMIT.
#[derive(Default)]
struct Messages {
    started: bool,
    /// Bytes of the message under way that are still to come.
    skip: usize,
    /// A header, or a short query, that is not complete yet.
    kept: Vec<u8>,
}

impl Messages {
    /// Where in the chunk the (rest of the) COMMIT stands, if one ends in it.
    fn commit_in(&mut self, chunk: &[u8]) -> Option<(usize, usize)> {
        let mut at = 0;
        let mut found = None;
        while at < chunk.len() {
            let skipped = self.skip.min(chunk.len() - at);
            (self.skip, at) = (self.skip - skipped, at + skipped);
            let start = at;
            while at < chunk.len() && self.skip == 0 {
                self.kept.push(chunk[at]);
                at += 1;
                // The first messages have no type: SSLRequest, StartupMessage.
                let header = if self.started { 5 } else { 4 };
                if self.kept.len() < header {
                    continue;
                }
                let length: [u8; 4] = self.kept[header - 4..header].try_into().unwrap();
                let whole = u32::from_be_bytes(length) as usize + header - 4;
                let query = self.started && self.kept[0] == b'Q' && whole < 64;
                if query && self.kept.len() < whole {
                    continue;
                }
                if query && self.kept[header..].trim_ascii().eq_ignore_ascii_case(b"commit\0") {
                    found.get_or_insert((start, at));
                }
                self.skip = whole - self.kept.len();
                // Only a request for encryption is 8 bytes long, and the startup message follows it.
                self.started |= whole != 8;
                self.kept.clear();
                break;
            }
        }
        found
    }
}
