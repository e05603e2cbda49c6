//! Where a link stands, for whoever shows it.

use super::dial::Facts;
use super::{Fault, Kind};
use std::time::{Duration, SystemTime};

/// Where a link stands.
#[derive(Clone, Debug)]
pub enum LinkStatus {
    /// Not connected yet; trying, or about to when first needed.
    Connecting,
    /// Connected.
    Up {
        /// Round trip of the last probe.
        latency: Duration,
        /// `server_version`, such as `18.4`.
        version: String,
        /// Whether the connection is encrypted.
        tls: bool,
        /// Whether the server's certificate was checked.
        verified: bool,
        /// The role we are.
        role: String,
        /// Whether that is a superuser.
        superuser: bool,
        /// Whether the server is a standby.
        in_recovery: bool,
        /// Whether no writes are possible, by the server or because we asked for it.
        read_only: bool,
        /// The host that let us in.
        host: String,
        /// The server process of the shared session.
        pid: i32,
        /// Since when.
        since: SystemTime,
    },
    /// Not connected: why, since when, and when it is tried again.
    Down {
        /// Why, as a person should read it.
        reason: String,
        /// What sort of failure.
        kind: Kind,
        /// What to do.
        remedy: Option<String>,
        /// Since when.
        since: SystemTime,
        /// When the next try is due.
        retry_at: SystemTime,
    },
}

impl LinkStatus {
    /// Whether statements can be sent.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }
    /// Connected, with what the server said of itself.
    pub(super) fn up(facts: Facts) -> Self {
        Self::Up {
            latency: facts.latency,
            version: facts.version,
            tls: facts.tls,
            verified: facts.verified,
            role: facts.role,
            superuser: facts.superuser,
            in_recovery: facts.in_recovery,
            read_only: facts.read_only,
            host: facts.host,
            pid: facts.pid,
            since: SystemTime::now(),
        }
    }
    /// Not connected because of `fault`.
    pub(super) fn down(fault: &Fault, since: SystemTime, retry_in: Duration) -> Self {
        let place = fault.object.as_ref().filter(|object| !fault.message.contains(object.as_str()));
        let place = place.map(|object| format!("{object}: ")).unwrap_or_default();
        Self::Down {
            reason: format!("{place}{}", fault.message),
            kind: fault.kind,
            remedy: fault.remedy.clone(),
            since,
            retry_at: SystemTime::now() + retry_in,
        }
    }
}
