//! A line with a delay: a socket that passes everything on to a server, each piece as much later as the line is long.

use bytes::{Bytes, BytesMut};
use robbie_console::postgres::Target;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Pieces that may be on the line at once: 64 MB, more than any line of this delay holds.
const ON_THE_LINE: usize = 1024;

/// Listens in `folder` until the handle is dropped, and returns the server as it is reached through it. The delay is that of
/// one way: a question and its answer take twice as long.
#[expect(clippy::disallowed_methods, reason = "the proxy's one task; its handle ends it")]
pub fn delaying(target: &Target, folder: &Path, one_way: Duration) -> (Target, tokio::task::AbortHandle) {
    let server = crate::bed::socket(target);
    let listener = UnixListener::bind(folder.join(server.file_name().unwrap())).unwrap();
    let mut through = target.clone();
    through.config = tokio_postgres::Config::new();
    through
        .config
        .host_path(folder)
        .port(target.config.get_ports()[0])
        .dbname(target.database())
        .user(target.config.get_user().unwrap())
        .password(target.config.get_password().unwrap());
    let task = tokio::spawn(async move {
        let mut lines = JoinSet::new();
        loop {
            let (near, _) = listener.accept().await.unwrap();
            let far = UnixStream::connect(&server).await.unwrap();
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            lines.spawn(pass(near_in, far_out, one_way));
            lines.spawn(pass(far_in, near_out, one_way));
        }
    });
    (through, task.abort_handle())
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, delay: Duration) {
    let (line, mut end) = mpsc::channel::<(Instant, Bytes)>(ON_THE_LINE);
    let enter = async move {
        loop {
            let mut piece = BytesMut::with_capacity(64 << 10);
            match from.read_buf(&mut piece).await {
                Ok(1..) => drop(line.send((Instant::now() + delay, piece.freeze())).await),
                _ => return,
            }
        }
    };
    let leave = async move {
        while let Some((due, piece)) = end.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(enter, leave);
}
