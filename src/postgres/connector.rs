//! Hands rustls to the driver, and remembers whether it was used: `prefer` must be shown as what it became.

use rustls::ClientConfig;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::Socket;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

type Inner = MakeRustlsConnect;
type InnerConnect = <Inner as MakeTlsConnect<Socket>>::TlsConnect;
/// The encrypted stream.
pub type TlsStream = <Inner as MakeTlsConnect<Socket>>::Stream;

/// A TLS configuration, or none, and what became of it.
#[derive(Clone, Default)]
pub struct Connector {
    inner: Option<Inner>,
    asked: Arc<AtomicBool>,
    done: Arc<AtomicBool>,
}

impl Connector {
    /// A connector that uses `config`.
    pub fn new(config: &Arc<ClientConfig>) -> Self {
        Self { inner: Some(Inner::new(ClientConfig::clone(config))), ..Self::default() }
    }
    /// Whether the server agreed to a handshake.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }
    /// Whether the connection is encrypted.
    pub fn done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = TlsStream;
    type TlsConnect = Connect;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Connect> {
        let inner = match &mut self.inner {
            None => None,
            Some(inner) => Some(MakeTlsConnect::<Socket>::make_tls_connect(inner, host).map_err(io::Error::other)?),
        };
        Ok(Connect { inner, asked: Arc::clone(&self.asked), done: Arc::clone(&self.done) })
    }
}

/// One handshake to come.
pub struct Connect {
    inner: Option<InnerConnect>,
    asked: Arc<AtomicBool>,
    done: Arc<AtomicBool>,
}

impl TlsConnect<Socket> for Connect {
    type Stream = TlsStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TlsStream>> + Send>>;

    fn connect(self, stream: Socket) -> Self::Future {
        Box::pin(async move {
            self.asked.store(true, Ordering::Release);
            let inner = self.inner.ok_or_else(|| io::Error::other("TLS is turned off"))?;
            let stream = inner.connect(stream).await?;
            self.done.store(true, Ordering::Release);
            Ok(stream)
        })
    }
}
