//! A TCP front of an embedded server: offers TLS or does not, goes silent, goes away and comes back.

use robbie_console::postgres::Target;
use rustls::ServerConfig;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_postgres::config::Host;
use tokio_rustls::TlsAcceptor;

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A listening proxy; everything ends when it is dropped.
pub struct Proxy {
    pub port: u16,
    socket: PathBuf,
    tls: Option<Arc<ServerConfig>>,
    silent: watch::Sender<bool>,
    serving: Option<JoinSet<()>>,
}

impl Proxy {
    /// Listens for the server of `target`.
    pub async fn start(target: &Target, tls: Option<ServerConfig>) -> Self {
        let Host::Unix(folder) = &target.config.get_hosts()[0] else { panic!("embedded servers have sockets") };
        let socket = folder.join(format!(".s.PGSQL.{}", target.config.get_ports()[0]));
        let silent = watch::Sender::new(false);
        let mut proxy = Self { port: 0, socket, tls: tls.map(Arc::new), silent, serving: None };
        proxy.resume().await;
        proxy
    }
    /// Cuts all connections and listens no more.
    pub async fn stop(&mut self) {
        if let Some(mut serving) = self.serving.take() {
            serving.shutdown().await;
        }
    }
    /// Listens again, on the same port.
    pub async fn resume(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let (socket, tls, silent) = (self.socket.clone(), self.tls.clone(), self.silent.subscribe());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, socket.clone(), tls.clone(), silent.clone()));
            }
        });
        self.serving = Some(serving);
    }
    /// Keeps connections open and passes nothing on; new ones are accepted and get no answer.
    pub fn go_silent(&self, silent: bool) {
        self.silent.send_replace(silent);
    }
    /// The same database through this proxy, by `host` and more parameters.
    pub fn target(&self, target: &Target, host: &str, more: &str) -> Target {
        let password = String::from_utf8(target.config.get_password().unwrap().to_vec()).unwrap();
        let dsn = format!(
            "host={host} hostaddr=127.0.0.1 port={} dbname={} user={} password='{password}' {more}",
            self.port,
            target.database(),
            target.config.get_user().unwrap(),
        );
        Target::from_dsn(target.side, &target.name, &dsn, &[("HOME", "/nonexistent")].into_iter().collect()).unwrap()
    }
}

async fn serve(mut stream: TcpStream, socket: PathBuf, tls: Option<Arc<ServerConfig>>, silent: watch::Receiver<bool>) {
    let mut first = [0; 8];
    if *silent.borrow() {
        return std::future::pending().await;
    }
    if stream.read_exact(&mut first).await.is_err() {
        return;
    }
    match (first == SSL_REQUEST, tls) {
        (true, Some(tls)) => {
            stream.write_all(b"S").await.unwrap();
            if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                forward(stream, &[], socket, silent).await;
            }
        }
        (true, None) => {
            stream.write_all(b"N").await.unwrap();
            forward(stream, &[], socket, silent).await;
        }
        (false, _) => forward(stream, &first, socket, silent).await,
    }
}

async fn forward(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    first: &[u8],
    socket: PathBuf,
    mut silent: watch::Receiver<bool>,
) {
    let mut server = UnixStream::connect(socket).await.unwrap();
    server.write_all(first).await.unwrap();
    let silenced = tokio::select! {
        _ = copy_bidirectional(&mut stream, &mut server) => false,
        gone = silent.wait_for(|silent| *silent) => gone.is_ok(),
    };
    if silenced {
        std::future::pending::<()>().await;
    }
}
