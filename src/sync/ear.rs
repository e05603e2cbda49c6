//! Listens on one side, and finds out whether that works: a proxy that gives every transaction another session lets nobody
//! listen.

use crate::postgres::{Fault, Link};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_postgres::Notification;
use uuid::Uuid;

/// The channel of the engine's own greeting.
const HELLO: &str = "robbie_hello";
/// How long the greeting may take before the engine counts as deaf there.
const PATIENCE: Duration = Duration::from_secs(5);
/// A server that drops listeners at once must not make the engine spin.
const AFTER_LOSS: Duration = Duration::from_millis(250);

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Somebody changed something, however often.
    Change,
    /// The connection was lost: the lock's session went with it, and should be back before the next interval.
    Loss,
    /// Whether notifications come through has been found out, or has changed.
    Hearing,
}

/// Listens on one side, if that side can be reached.
pub struct Ear {
    channels: Vec<&'static str>,
    stream: Option<mpsc::Receiver<Notification>>,
    greeting: Option<(String, Instant)>,
    lost: Option<Instant>,
    /// Whether notifications do not come through.
    pub deaf: bool,
    /// The session of our own whose notifications are no news.
    pub own: Option<i32>,
}

impl Ear {
    /// For these channels; listens to nothing yet.
    pub fn new(channels: &[&'static str]) -> Self {
        let channels = channels.iter().copied().chain([HELLO]).collect();
        Self { channels, stream: None, greeting: None, lost: None, deaf: false, own: None }
    }
    /// Starts to listen, unless it does already. What cannot be reached is not listened to.
    pub async fn listen(&mut self, link: &Link) {
        if self.stream.is_some() {
            return;
        }
        let Ok(Ok(stream)) = timeout(PATIENCE, link.listen(&self.channels)).await else { return };
        self.stream = Some(stream);
        let nonce = Uuid::new_v4().to_string();
        self.greeting = Some((nonce.clone(), Instant::now() + PATIENCE));
        if !matches!(timeout(PATIENCE, greet(link, &nonce)).await, Ok(Ok(()))) {
            // A side that takes no notification sends none either, as a standby.
            (self.greeting, self.deaf) = (None, true);
        }
    }
    /// Returns when something was heard. Never returns while nobody listens.
    pub async fn heard(&mut self) -> Heard {
        loop {
            if let Some(told) = self.lost {
                tokio::time::sleep_until(told).await;
                self.lost = None;
                return Heard::Loss;
            }
            let Some(stream) = &mut self.stream else { return std::future::pending().await };
            let heard = match &self.greeting {
                Some((_, until)) => tokio::time::timeout_at(*until, stream.recv()).await,
                None => Ok(stream.recv().await),
            };
            match heard {
                Ok(Some(n)) if n.channel() == HELLO => {
                    if self.greeting.take_if(|(nonce, _)| nonce == n.payload()).is_some() {
                        self.deaf = false;
                        return Heard::Hearing;
                    }
                }
                Ok(Some(n)) if self.own == Some(n.process_id()) => {}
                Ok(Some(_)) => return Heard::Change,
                Ok(None) => (self.stream, self.lost) = (None, Some(Instant::now() + AFTER_LOSS)),
                Err(_) => {
                    (self.greeting, self.deaf) = (None, true);
                    return Heard::Hearing;
                }
            }
        }
    }
}

/// Sends the greeting on a session of its own: what one session tells itself may come through where nothing else does.
async fn greet(link: &Link, nonce: &str) -> Result<(), Fault> {
    let client = link.dedicated("hello").await?;
    client
        .execute("SELECT pg_notify($1, $2)", &[&HELLO, &nonce])
        .await
        .map_err(|e| Fault::from_postgres(e, link.side()))?;
    Ok(())
}
