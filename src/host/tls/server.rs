//! TLS toward agents: one certificate, read whole from its files so that a reload replaces all or nothing.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use pgwire::api::auth::sasl::scram::ScramServerAuth;
use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{ALPN, TlsError, certificates, key, provider};

/// What is needed to take TLS connections. A reload makes a new one; connections keep the one they came by.
#[derive(Clone)]
pub struct Acceptor {
    tls: TlsAcceptor,
    bound: Option<ScramServerAuth>,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Acceptor").field("can_bind_channels", &self.bound.is_some()).finish_non_exhaustive()
    }
}

impl Acceptor {
    pub fn load(certificate: &Path, private_key: &Path) -> Result<Self, TlsError> {
        let chain = certificates("certificate", certificate)?;
        let bound = chain.first().and_then(|first| channel_binding(first));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key(private_key)?)
            .map_err(|error| TlsError::Pair { certificate: certificate.into(), key: private_key.into(), error })?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        // No client of PostgreSQL resumes sessions; what is not offered need not be kept.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { tls: TlsAcceptor::from(Arc::new(config)), bound })
    }

    /// SCRAM bound to this certificate; `None` if its signature names no hash to bind by.
    pub fn bound_scram(&self) -> Option<&ScramServerAuth> {
        self.bound.as_ref()
    }

    /// The handshake. `early` are bytes of it that were read already.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, early: &[u8]) -> std::io::Result<TlsStream<S>> {
        let mut fed = Ok(());
        let handshake = self.tls.accept_with(stream, |connection| fed = feed(connection, early));
        fed?;
        handshake.await
    }
}

fn feed(connection: &mut ServerConnection, mut early: &[u8]) -> std::io::Result<()> {
    while !early.is_empty() {
        if connection.read_tls(&mut early)? == 0 {
            break;
        }
        // A broken handshake is found again, and its alert sent, when the handshake runs.
        if connection.process_new_packets().is_err() {
            break;
        }
    }
    Ok(())
}

fn channel_binding(certificate: &[u8]) -> Option<ScramServerAuth> {
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    pem.push_str(&base64::Engine::encode(&base64::engine::general_purpose::STANDARD, certificate));
    pem.push_str("\n-----END CERTIFICATE-----\n");
    let mut scram = ScramServerAuth::new();
    scram.configure_certificate(pem.as_bytes()).ok()?;
    Some(scram)
}

/// What is needed to take browsers and commands over TLS.
#[derive(Clone)]
pub struct WebAcceptor(TlsAcceptor);

impl fmt::Debug for WebAcceptor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("WebAcceptor")
    }
}

impl WebAcceptor {
    pub fn load(certificate: &Path, private_key: &Path) -> Result<Self, TlsError> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificates("certificate", certificate)?, key(private_key)?)
            .map_err(|error| TlsError::Pair { certificate: certificate.into(), key: private_key.into(), error })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> std::io::Result<TlsStream<S>> {
        self.0.accept(stream).await
    }
}
