//! Why a server could not be reached: errors of names, sockets, TLS and log-in, as something to act on.

use super::connector::Connector;
use super::target::{SessionWanted, Target};
use super::{Fault, Kind};
use rustls::{AlertDescription, CertificateError};
use std::error::Error as StdError;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// The addresses of a host.
pub async fn resolve(name: &str, port: u16, patience: Duration) -> Result<Vec<IpAddr>, Fault> {
    let remedy = "check the host name, and whether this machine is online (VPN, DNS)";
    match tokio::time::timeout(patience, tokio::net::lookup_host((name, port))).await {
        Ok(Ok(found)) => {
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found.map(|a| a.ip()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Ok(addresses)
        }
        Ok(Err(e)) => {
            Err(Fault::new(Kind::Unreachable, format!("the host `{name}` has no address")).because(e).remedy(remedy))
        }
        Err(_) => Err(Fault::new(Kind::Unreachable, format!("no name server answered for `{name}`")).remedy(remedy)),
    }
}

/// Judges why a connection was not made.
pub fn judge(error: tokio_postgres::Error, connector: &Connector, target: &Target, hint: Option<&str>) -> Fault {
    if error.as_db_error().is_some() {
        let mut fault = Fault::from_postgres(error, target.side);
        if let (Kind::Refused, Some(hint)) = (fault.kind, hint) {
            fault.remedy = Some(hint.to_owned());
        }
        return fault;
    }
    // With TLS 1.3 a server refuses our certificate only after the handshake is over for us.
    if connector.asked() && (!connector.done() || find::<rustls::Error>(&error).is_some()) {
        return handshake(error);
    }
    let said = error.to_string();
    let cause = chain(&error);
    if said.contains("TLS") {
        let message =
            if cause.contains("does not support TLS") { "the server does not offer TLS" } else { "TLS failed" };
        return Fault::new(Kind::Tls, message)
            .because(error)
            .remedy("turn TLS on in the server (ssl = on), or ask for less with sslmode=prefer");
    }
    if cause.contains("password missing") {
        let fault = Fault::new(Kind::Refused, "the server wants a password, and there is none").because(error);
        let remedy = "put it in ~/.pgpass, or use password_command, PGPASSWORD or the URL";
        return fault.remedy(hint.unwrap_or(remedy));
    }
    if said.contains("authentication") || cause.contains("channel binding") {
        return Fault::new(Kind::Refused, format!("the log-in failed: {cause}"))
            .because(error)
            .remedy("check sslmode, channel_binding and how pg_hba.conf lets this user in");
    }
    match find::<io::Error>(&error) {
        Some(io) => {
            let (message, remedy) = socket(io);
            Fault::new(Kind::Unreachable, message).because(error).remedy(remedy)
        }
        None => Fault::new(Kind::Unreachable, why(&error)).because(error).remedy("is it a PostgreSQL server?"),
    }
}

/// A connection that was accepted, and then nothing.
pub fn silent(waited: Duration) -> Fault {
    let waited = waited.as_secs_f32();
    Fault::new(Kind::Unreachable, format!("connected, but the server said nothing within {waited:.1} s"))
        .remedy("is it a PostgreSQL server, and not overloaded? connect_timeout=SECONDS waits longer")
}

/// A server of the wrong sort.
pub fn unwanted(wanted: SessionWanted, in_recovery: bool) -> Fault {
    let is = if in_recovery { "a standby" } else { "a primary" };
    let message = format!("the server is {is}, and target_session_attrs={} was asked for", wanted.name());
    Fault::new(Kind::Unreachable, message).remedy("name the right host, or all of them separated by commas")
}

/// Several hosts, none of which will do.
pub fn none_of(mut faults: Vec<Fault>, target: &Target) -> Fault {
    let Some(last) = faults.pop() else {
        return Fault::new(Kind::Settings, "no host is named").on(target.side);
    };
    if faults.is_empty() {
        return last;
    }
    let kind = if last.kind == Kind::Tls || faults.iter().all(|f| f.kind == last.kind) {
        last.kind
    } else {
        Kind::Unreachable
    };
    let count = faults.len() + 1;
    let each: Vec<String> = faults
        .iter()
        .chain([&last])
        .map(|f| format!("{}: {}", f.object.as_deref().unwrap_or("a host"), f.message))
        .collect();
    let mut fault = Fault::new(kind, format!("none of {count} hosts will do: {}", each.join("; ")));
    fault.remedy.clone_from(&last.remedy);
    fault.on(target.side).about(target.address())
}

/// What an error of the driver says, without its wrappers.
pub fn why(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return db.message().to_owned();
    }
    if let Some(io) = find::<io::Error>(error) {
        return socket(io).0;
    }
    if error.is_closed() { "the connection was closed".to_owned() } else { chain(error) }
}

/// What a socket's error means, and what to do.
pub fn socket(error: &io::Error) -> (String, &'static str) {
    use io::ErrorKind;
    let started = "is the server running, and listening on this address and port?";
    let (said, remedy) = match error.kind() {
        ErrorKind::ConnectionRefused => ("nothing listens there (connection refused)", started),
        ErrorKind::NotFound => ("there is no such socket", started),
        ErrorKind::PermissionDenied => ("the socket may not be used by this user", "check the folder's permissions"),
        ErrorKind::TimedOut => {
            ("nothing answers (timed out)", "is the host on, and does a firewall or a VPN let the port through?")
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            ("the network does not lead there", "is this machine online, and the VPN up?")
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            ("the connection was cut", "the server or something between cut it; see the server's log")
        }
        ErrorKind::UnexpectedEof => (
            "the server closed the connection without a word",
            "is it a PostgreSQL server? a proxy or a full server does this too",
        ),
        _ => return (error.to_string(), "see the server's log"),
    };
    (said.to_owned(), remedy)
}

fn handshake(error: tokio_postgres::Error) -> Fault {
    use CertificateError as C;
    let certificate = match find::<rustls::Error>(&error) {
        Some(rustls::Error::InvalidCertificate(why)) => Some(why),
        Some(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)) => {
            return Fault::new(Kind::Tls, "the server wants a certificate of ours")
                .because(error)
                .remedy("set sslcert and sslkey to the PEM files of a certificate that the server trusts");
        }
        _ => None,
    };
    let (message, remedy) = match certificate {
        Some(C::UnknownIssuer | C::BadSignature) => (
            "the server's certificate has an issuer that is not trusted".to_owned(),
            "set sslrootcert to the PEM file of the authority that issued it",
        ),
        Some(C::NotValidForNameContext { presented, .. }) => (
            format!("the server's certificate is for another host ({})", presented.join(", ")),
            "use the host name that the certificate is for, or sslmode=verify-ca if the issuer alone will do",
        ),
        Some(C::NotValidForName) => (
            "the server's certificate is for another host".to_owned(),
            "use the host name that the certificate is for, or sslmode=verify-ca if the issuer alone will do",
        ),
        Some(C::Expired | C::ExpiredContext { .. }) => {
            ("the server's certificate has expired".to_owned(), "renew it on the server; check this machine's clock")
        }
        Some(C::NotValidYet | C::NotValidYetContext { .. }) => {
            ("the server's certificate is not valid yet".to_owned(), "check this machine's clock")
        }
        Some(other) => {
            (format!("the server's certificate is not accepted: {other}"), "have it issued anew, as X.509 version 3")
        }
        None => (
            format!("TLS could not be agreed on: {}", chain(&error)),
            "the server must offer TLS 1.2 or 1.3; if it wants a client certificate, set sslcert and sslkey",
        ),
    };
    Fault::new(Kind::Tls, message).because(error).remedy(remedy)
}

/// The first error of a type in the chain, looking into what an `io::Error` wraps.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The innermost message.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(inner) = last.source() {
        last = inner;
    }
    last.to_string()
}
