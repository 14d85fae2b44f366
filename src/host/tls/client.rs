//! TLS toward the server, with certificates judged as libpq's `sslmode` says.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WantsClientCert, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;
use x509_certificate::X509Certificate;

use super::{ALPN, TlsError, certificates, end_point_hash, key, old, provider};
use crate::host::upstream::{ClientCertificate, Roots, SslMode, UpstreamTls};

/// What is needed to make TLS connections to one upstream.
#[derive(Clone)]
pub struct Connector {
    config: Arc<ClientConfig>,
    names_matter: bool,
}

impl fmt::Debug for Connector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Connector").field("names_matter", &self.names_matter).finish_non_exhaustive()
    }
}

/// A TLS stream to the server and what SCRAM needs to know of it.
#[derive(Debug)]
pub struct Handshake<S> {
    pub stream: Box<tokio_rustls::client::TlsStream<S>>,
    /// The hash of the server's certificate, if channels can be bound by it.
    pub end_point: Option<Vec<u8>>,
    pub spoke_alpn: bool,
}

impl Connector {
    /// `None` for `sslmode=disable`.
    pub fn load(tls: &UpstreamTls) -> Result<Option<Self>, TlsError> {
        if tls.direct && matches!(tls.mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer) {
            return Err(TlsError::DirectNeedsTls);
        }
        let trust = match (tls.mode, &tls.roots) {
            (SslMode::Disable, _) => return Ok(None),
            (SslMode::Allow | SslMode::Prefer, _) | (SslMode::Require, Roots::Platform) => Trust::Anyone,
            // With a root file at hand libpq's `require` checks the chain, and so do we.
            (SslMode::Require | SslMode::VerifyCa, roots) => Trust::Chain(Anchors::load(roots)?),
            (SslMode::VerifyFull, roots) => Trust::ChainAndName(Anchors::load(roots)?),
        };
        let names_matter = matches!(trust, Trust::ChainAndName(_));
        let provider = provider();
        let verifier = Arc::new(Verifier { trust, algorithms: provider.signature_verification_algorithms });
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &tls.client_certificate {
            None => builder.with_no_client_auth(),
            Some(own) => with_own_certificate(builder, own)?,
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Each login proves the server's key anew: a resumed session would not.
        config.resumption = Resumption::disabled();
        Ok(Some(Self { config: Arc::new(config), names_matter }))
    }

    /// The handshake with the server called `host`. The name is sent along (SNI) when it is one and not an address.
    pub async fn connect<S>(&self, host: &str, stream: S) -> std::io::Result<Handshake<S>>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let name = match ServerName::try_from(host.to_owned()) {
            Ok(name) => name,
            Err(_) if self.names_matter => return Err(std::io::Error::other("the host's name is none that a certificate can carry")),
            // An address is never sent along and nobody compares it here.
            Err(_) => ServerName::from(std::net::IpAddr::from([0, 0, 0, 0])),
        };
        let stream = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await?;
        let (_, session) = stream.get_ref();
        let end_point = session.peer_certificates().and_then(|chain| end_point_hash(chain.first()?));
        let spoke_alpn = session.alpn_protocol() == Some(ALPN);
        Ok(Handshake { stream: Box::new(stream), end_point, spoke_alpn })
    }
}

/// TLS toward anything that is no PostgreSQL server: chain and name are checked as browsers do, with no leniency.
pub fn verifying(roots: &Roots, own: Option<&ClientCertificate>) -> Result<TlsConnector, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(Anchors::load(roots)?.store);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => with_own_certificate(builder, own)?,
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn with_own_certificate(builder: ConfigBuilder<ClientConfig, WantsClientCert>, own: &ClientCertificate) -> Result<ClientConfig, TlsError> {
    builder.with_client_auth_cert(certificates("client certificate", &own.certificate)?, key(&own.key)?).map_err(|error| TlsError::Pair {
        certificate: own.certificate.clone(),
        key: own.key.clone(),
        error,
    })
}

#[derive(Debug)]
struct Anchors {
    store: RootCertStore,
    /// The given roots as they are: a server's own self-signed certificate may be among them.
    exact: Vec<CertificateDer<'static>>,
}

impl Anchors {
    fn load(roots: &Roots) -> Result<Self, TlsError> {
        match roots {
            Roots::Platform => Self::platform(),
            Roots::File(path) => Self::file(path),
        }
    }

    fn platform() -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            let reasons: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
            return Err(TlsError::NoPlatformRoots(reasons.join("; ")));
        }
        Ok(Self { store, exact: Vec::new() })
    }

    fn file(path: &Path) -> Result<Self, TlsError> {
        let exact = certificates("root certificates", path)?;
        let mut store = RootCertStore::empty();
        for certificate in &exact {
            store.add(certificate.clone()).map_err(|error| TlsError::Root { path: path.to_owned(), error })?;
        }
        Ok(Self { store, exact })
    }
}

#[derive(Debug)]
enum Trust {
    Anyone,
    Chain(Anchors),
    ChainAndName(Anchors),
}

/// Judges the certificate by the mode. That the peer holds the certificate's key is checked in every mode: channel
/// binding rests on it.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn chain(
        &self,
        anchors: &Anchors,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        if anchors.exact.iter().any(|given| given == end_entity) {
            // It is itself the given root: there is no chain to check, only its dates.
            let parsed = X509Certificate::from_der(end_entity).map_err(|_| CertificateError::BadEncoding)?;
            return old::in_its_time(&parsed, now);
        }
        if let Some(parsed) = old::version_1(end_entity) {
            return old::signed_by(&parsed, &anchors.exact, now);
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &anchors.store, intermediates, now, self.algorithms.all)
    }
}

/// By the names in it; by its subject where there are none.
fn name(end_entity: &CertificateDer<'_>, server_name: &ServerName<'_>) -> Result<(), Error> {
    if old::common_name_is(end_entity, server_name) {
        return Ok(());
    }
    match ParsedCertificate::try_from(end_entity) {
        Ok(parsed) => verify_server_name(&parsed, server_name),
        Err(_) => Err(CertificateError::NotValidForName.into()),
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::Anyone => {}
            Trust::Chain(anchors) => self.chain(anchors, end_entity, intermediates, now)?,
            Trust::ChainAndName(anchors) => {
                self.chain(anchors, end_entity, intermediates, now)?;
                name(end_entity, server_name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match old::version_1(certificate).as_deref().and_then(old::public_key) {
            Some(key) => verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms),
            None => verify_tls13_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
