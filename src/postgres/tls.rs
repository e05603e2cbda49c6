//! TLS as libpq's `sslmode` means it. The driver itself knows only disable, prefer and require.

use super::{Fault, Kind};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much encryption and proof is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// Never encrypt.
    Disable,
    /// Encrypt only if the server refuses otherwise.
    Allow,
    /// Encrypt if the server can.
    #[default]
    Prefer,
    /// Encrypt; whom one talks to is not checked (unless a root certificate is given: then as verify-ca).
    Require,
    /// Encrypt, and check that the certificate has a known issuer.
    VerifyCa,
    /// Encrypt, and check issuer and host name.
    VerifyFull,
}

impl TlsMode {
    /// The mode of libpq's name.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
    /// libpq's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// The certificates that this machine trusts.
    System,
    /// A PEM file.
    File(PathBuf),
}

/// Everything about TLS that a connection string can say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// `sslmode`.
    pub mode: TlsMode,
    /// `sslrootcert`.
    pub roots: Option<Roots>,
    /// `sslcert` and `sslkey`.
    pub client: Option<(PathBuf, PathBuf)>,
    /// `sslnegotiation=direct`.
    pub direct: bool,
}

/// What is checked of a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Nothing,
    Issuer,
    IssuerAndName,
}

impl TlsOptions {
    /// Whether a certificate is checked when TLS is used.
    pub fn verifies(&self) -> bool {
        self.check() != Check::Nothing
    }
    fn check(&self) -> Check {
        match self.mode {
            TlsMode::VerifyFull => Check::IssuerAndName,
            TlsMode::VerifyCa => Check::Issuer,
            // As libpq: a root certificate that is there is used.
            TlsMode::Require if self.roots.is_some() => Check::Issuer,
            _ => Check::Nothing,
        }
    }
    /// Reads the certificates and makes the configuration; takes milliseconds where the system's are read.
    pub fn client_config(&self) -> Result<ClientConfig, Fault> {
        let provider = Arc::new(ring::default_provider());
        let check = self.check();
        let roots = match (&self.roots, check) {
            (_, Check::Nothing) => Vec::new(),
            (Some(Roots::File(file)), _) => certificates(file)?,
            (Some(Roots::System) | None, _) => system_certificates()?,
        };
        let verifier = ServerCheck { check, roots: store(&roots), trusted: roots, provider: Arc::clone(&provider) };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Fault::new(Kind::Tls, "TLS cannot be set up").because(e))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|e| wrong_file(certificate, "does not fit its key", e))?,
        };
        if self.direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(config)
    }
}

fn wrong_file(file: &Path, what: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::new(Kind::Tls, format!("the certificate file {} {what}", file.display()))
        .about(file.display().to_string())
        .because(error)
        .remedy("sslrootcert, sslcert and sslkey name PEM files; `sslrootcert=system` uses this machine's authorities")
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let read: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(|e| wrong_file(file, "cannot be read", e))?.collect();
    let read = read.map_err(|e| wrong_file(file, "is not PEM", e))?;
    if read.is_empty() {
        return Err(wrong_file(file, "holds no certificate", "no CERTIFICATE section"));
    }
    Ok(read)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    if let Some(mode) = super::passfile::too_open(file) {
        return Err(Fault::new(
            Kind::Tls,
            format!("the key {} can be read by others (mode {mode:04o})", file.display()),
        )
        .about(file.display().to_string())
        .remedy(format!("chmod 600 {}", file.display())));
    }
    PrivateKeyDer::from_pem_file(file).map_err(|e| wrong_file(file, "holds no private key that can be used", e))
}

fn system_certificates() -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let fault = Fault::new(Kind::Tls, "this machine has no list of certificate authorities")
            .remedy("install the package ca-certificates, or set sslrootcert to a PEM file");
        return Err(match found.errors.into_iter().next() {
            Some(error) => fault.because(error),
            None => fault,
        });
    }
    Ok(found.certs)
}

fn store(certificates: &[CertificateDer<'static>]) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates.iter().cloned());
    store
}

#[derive(Debug)]
struct ServerCheck {
    check: Check,
    roots: RootCertStore,
    trusted: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCheck {
    fn issuer(
        &self,
        der: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(parsed, &self.roots, intermediates, now, algorithms) {
            // A self-signed certificate that is itself the trusted one, as `openssl req -x509` makes it, claims to be
            // an authority. libpq accepts it; its validity was checked before this was found.
            Err(Error::InvalidCertificate(rustls::CertificateError::Other(why)))
                if self.trusted.iter().any(|t| t == der) && format!("{why:?}").contains("CaUsedAsEndEntity") =>
            {
                Ok(())
            }
            checked => checked,
        }
    }
}

impl ServerCertVerifier for ServerCheck {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.check == Check::Nothing {
            return Ok(ServerCertVerified::assertion());
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        self.issuer(end_entity, &parsed, intermediates, now)?;
        if self.check == Check::IssuerAndName {
            verify_server_name(&parsed, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
