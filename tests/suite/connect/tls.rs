//! Every sslmode against certificates good and bad.

use super::proxy::Proxy;
use crate::support;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use robbie_console::postgres::{Fault, Kind, Link, LinkStatus};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use tempfile::TempDir;

/// An authority, and where its certificate lies.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    _folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), pem: file.display().to_string(), _folder: folder }
    }
    /// A server with a certificate for `host`.
    fn server(&self, host: &str, expired: bool) -> ServerConfig {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        if expired {
            params.not_before = rcgen::date_time_ymd(2019, 1, 1);
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        server(certificate.der().clone(), &key)
    }
}

fn server(certificate: rustls::pki_types::CertificateDer<'static>, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

/// Connects to `db.test` at a server, and says whether it is encrypted and verified.
async fn connect(tls: Option<ServerConfig>, parameters: &str) -> Result<(bool, bool), Fault> {
    let pair = support::bare_pair().await;
    let proxy = Proxy::start(&pair.master, tls).await;
    let link = Link::new(proxy.target(&pair.master, "db.test", parameters));
    link.session().await?;
    let LinkStatus::Up { tls, verified, .. } = link.status().borrow().clone() else { panic!("not up") };
    Ok((tls, verified))
}

async fn refused(tls: Option<ServerConfig>, parameters: &str) -> String {
    let fault = connect(tls, parameters).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Tls, "{fault:?}");
    assert!(fault.remedy.is_some());
    fault.message
}

#[tokio::test]
async fn what_is_not_verified_is_not_said_to_be() {
    let authority = Authority::new();
    let stranger = || Some(authority.server("elsewhere.test", true));
    assert_eq!(connect(stranger(), "sslmode=require").await.unwrap(), (true, false));
    assert_eq!(connect(stranger(), "sslmode=prefer").await.unwrap(), (true, false));
    assert_eq!(connect(stranger(), "sslmode=allow").await.unwrap(), (false, false));
    assert_eq!(connect(stranger(), "sslmode=disable").await.unwrap(), (false, false));
}

#[tokio::test]
async fn verification_checks_issuer_then_name() {
    let authority = Authority::new();
    let good = || Some(authority.server("db.test", false));
    let other = || Some(authority.server("elsewhere.test", false));
    let ca = format!("sslrootcert={}", authority.pem);
    assert_eq!(connect(good(), &format!("sslmode=verify-full {ca}")).await.unwrap(), (true, true));
    assert_eq!(connect(other(), &format!("sslmode=verify-ca {ca}")).await.unwrap(), (true, true));
    assert_eq!(connect(other(), &format!("sslmode=require {ca}")).await.unwrap(), (true, true));
    let said = refused(other(), &format!("sslmode=verify-full {ca}")).await;
    assert!(said.contains("another host") && said.contains("elsewhere.test"), "{said}");
}

#[tokio::test]
async fn unknown_issuers_and_expired_certificates_are_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = || Some(authority.server("db.test", false));
    for mode in ["require", "verify-ca", "verify-full"] {
        let said = refused(good(), &format!("sslmode={mode} sslrootcert={}", other.pem)).await;
        assert!(said.contains("issuer"), "{said}");
    }
    let said = refused(good(), "sslmode=verify-full sslrootcert=system").await;
    assert!(said.contains("issuer") || said.contains("no list of certificate authorities"), "{said}");
    let expired = Some(authority.server("db.test", true));
    let said = refused(expired, &format!("sslmode=verify-ca sslrootcert={}", authority.pem)).await;
    assert!(said.contains("expired"), "{said}");
}

#[tokio::test]
async fn a_self_signed_certificate_can_be_trusted_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.pem");
    let made = |expired: bool| {
        let mut params = CertificateParams::new(vec!["db.test".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        if expired {
            params.not_before = rcgen::date_time_ymd(2019, 1, 1);
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(&file, certificate.pem()).unwrap();
        Some(server(certificate.der().clone(), &key))
    };
    let parameters = format!("sslmode=verify-full sslrootcert={}", file.display());
    assert_eq!(connect(made(false), &parameters).await.unwrap(), (true, true));
    let said = refused(made(true), &parameters).await;
    assert!(said.contains("expired"), "{said}");
}

#[tokio::test]
async fn a_server_without_tls_is_used_plainly_only_if_that_is_allowed() {
    assert_eq!(connect(None, "sslmode=prefer").await.unwrap(), (false, false));
    let said = refused(None, "sslmode=require").await;
    assert!(said.contains("does not offer TLS"), "{said}");
    let said = refused(None, "sslmode=verify-full sslrootcert=/nonexistent/ca.pem").await;
    assert!(said.contains("/nonexistent/ca.pem"), "{said}");
}
