//! Every sslmode against certificates good and bad.

use super::proxy::Proxy;
use crate::support::{self, TestPair};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use robbie_console::postgres::{Fault, Kind, Link, LinkStatus};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
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
        server(certificate.der().clone(), &key, None)
    }
    /// A server that lets nobody in without a certificate of this authority.
    fn server_that_asks(&self, host: &str) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let mut roots = RootCertStore::empty();
        for own in CertificateDer::pem_file_iter(&self.pem).unwrap() {
            roots.add(own.unwrap()).unwrap();
        }
        server(certificate.der().clone(), &key, Some(roots))
    }
}

fn server(certificate: CertificateDer<'static>, key: &KeyPair, asks_for: Option<RootCertStore>) -> ServerConfig {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match asks_for {
        None => builder.with_no_client_auth(),
        Some(roots) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap(),
        ),
    };
    builder.with_single_cert(vec![certificate], key).unwrap()
}

/// Connects to `db.test` at a server, and says whether it is encrypted and verified.
async fn connect(pair: &TestPair, tls: Option<ServerConfig>, parameters: &str) -> Result<(bool, bool), Fault> {
    let proxy = Proxy::start(&pair.master, tls).await;
    let link = Link::new(proxy.target(&pair.master, "db.test", parameters));
    link.session().await?;
    let LinkStatus::Up { tls, verified, .. } = link.status().borrow().clone() else { panic!("not up") };
    Ok((tls, verified))
}

async fn refused(pair: &TestPair, tls: Option<ServerConfig>, parameters: &str) -> String {
    let fault = connect(pair, tls, parameters).await.unwrap_err();
    assert_eq!(fault.kind, Kind::Tls, "{fault:?}");
    assert!(fault.remedy.is_some());
    fault.message
}

#[tokio::test]
async fn what_is_not_verified_is_not_said_to_be() {
    let pair = support::bare_pair().await;
    let authority = Authority::new();
    let stranger = || Some(authority.server("elsewhere.test", true));
    assert_eq!(connect(&pair, stranger(), "sslmode=require").await.unwrap(), (true, false));
    assert_eq!(connect(&pair, stranger(), "sslmode=prefer").await.unwrap(), (true, false));
    assert_eq!(connect(&pair, stranger(), "sslmode=allow").await.unwrap(), (false, false));
    assert_eq!(connect(&pair, stranger(), "sslmode=disable").await.unwrap(), (false, false));
}

#[tokio::test]
async fn verification_checks_issuer_then_name() {
    let pair = support::bare_pair().await;
    let authority = Authority::new();
    let good = || Some(authority.server("db.test", false));
    let other = || Some(authority.server("elsewhere.test", false));
    let ca = format!("sslrootcert={}", authority.pem);
    assert_eq!(connect(&pair, good(), &format!("sslmode=verify-full {ca}")).await.unwrap(), (true, true));
    assert_eq!(connect(&pair, other(), &format!("sslmode=verify-ca {ca}")).await.unwrap(), (true, true));
    assert_eq!(connect(&pair, other(), &format!("sslmode=require {ca}")).await.unwrap(), (true, true));
    let said = refused(&pair, other(), &format!("sslmode=verify-full {ca}")).await;
    assert!(said.contains("another host") && said.contains("elsewhere.test"), "{said}");
}

#[tokio::test]
async fn unknown_issuers_and_expired_certificates_are_refused() {
    let pair = support::bare_pair().await;
    let (authority, other) = (Authority::new(), Authority::new());
    let good = || Some(authority.server("db.test", false));
    for mode in ["require", "verify-ca", "verify-full"] {
        let said = refused(&pair, good(), &format!("sslmode={mode} sslrootcert={}", other.pem)).await;
        assert!(said.contains("issuer"), "{said}");
    }
    let said = refused(&pair, good(), "sslmode=verify-full sslrootcert=system").await;
    assert!(said.contains("issuer") || said.contains("no list of certificate authorities"), "{said}");
    let expired = Some(authority.server("db.test", true));
    let said = refused(&pair, expired, &format!("sslmode=verify-ca sslrootcert={}", authority.pem)).await;
    assert!(said.contains("expired"), "{said}");
}

#[tokio::test]
async fn a_self_signed_certificate_can_be_trusted_itself() {
    let pair = support::bare_pair().await;
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
        Some(server(certificate.der().clone(), &key, None))
    };
    let parameters = format!("sslmode=verify-full sslrootcert={}", file.display());
    assert_eq!(connect(&pair, made(false), &parameters).await.unwrap(), (true, true));
    let said = refused(&pair, made(true), &parameters).await;
    assert!(said.contains("expired"), "{said}");
}

#[tokio::test]
async fn a_server_without_tls_is_used_plainly_only_if_that_is_allowed() {
    let pair = support::bare_pair().await;
    assert_eq!(connect(&pair, None, "sslmode=prefer").await.unwrap(), (false, false));
    let said = refused(&pair, None, "sslmode=require").await;
    assert!(said.contains("does not offer TLS"), "{said}");
    let said = refused(&pair, None, "sslmode=verify-full sslrootcert=/nonexistent/ca.pem").await;
    assert!(said.contains("/nonexistent/ca.pem"), "{said}");
}

#[tokio::test]
async fn a_certificate_of_ours_is_shown_where_it_is_wanted() {
    let pair = support::bare_pair().await;
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("our.crt"), folder.path().join("our.key"));
    let own = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["allan".to_owned()]).unwrap();
    std::fs::write(&certificate, params.signed_by(&own, &authority.issuer).unwrap().pem()).unwrap();
    std::fs::write(&key, own.serialize_pem()).unwrap();
    let mode = |mode: u32| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&key, permissions).unwrap();
    };
    let asking = || Some(authority.server_that_asks("db.test"));
    let ours = format!("sslmode=require sslcert={} sslkey={}", certificate.display(), key.display());
    mode(0o600);
    assert_eq!(connect(&pair, asking(), &ours).await.unwrap(), (true, false));
    let said = refused(&pair, asking(), "sslmode=require").await;
    assert!(said.contains("wants a certificate"), "{said}");
    mode(0o644);
    let said = refused(&pair, asking(), &ours).await;
    assert!(said.contains("can be read by others"), "{said}");
}
