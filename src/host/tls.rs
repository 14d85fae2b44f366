//! TLS toward agents and toward the server: configurations made once from files, and the hash of a certificate that
//! binds a SCRAM login to its channel. Nothing here opens a connection.

mod client;
#[cfg(test)]
pub(super) mod made;
mod old;
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub use client::{Connector, Handshake, verifying};
pub use server::{Acceptor, WebAcceptor};

/// PostgreSQL's name among the protocols TLS can carry.
pub const ALPN: &[u8] = b"postgresql";

/// Why a TLS configuration cannot be made. File names are ours; contents are never shown.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{what} {}: {error}", path.display())]
    File { what: &'static str, path: PathBuf, error: pem::Error },
    #[error("{what} {} holds no certificate", path.display())]
    Empty { what: &'static str, path: PathBuf },
    #[error("root certificates {}: {error}", path.display())]
    Root { path: PathBuf, error: rustls::Error },
    #[error("the platform has no root certificates: {0}")]
    NoPlatformRoots(String),
    #[error("certificate {} and key {} do not work together: {error}", certificate.display(), key.display())]
    Pair { certificate: PathBuf, key: PathBuf, error: rustls::Error },
    #[error("sslnegotiation=direct needs sslmode=require or a stronger one")]
    DirectNeedsTls,
    #[error(transparent)]
    Other(#[from] rustls::Error),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fail = |error| TlsError::File { what, path: path.to_owned(), error };
    let found: Vec<_> = CertificateDer::pem_file_iter(path).map_err(fail)?.collect::<Result<_, _>>().map_err(fail)?;
    if found.is_empty() { Err(TlsError::Empty { what, path: path.to_owned() }) } else { Ok(found) }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| TlsError::File { what: "private key", path: path.to_owned(), error })
}

/// The `tls-server-end-point` hash of a certificate (RFC 5929): by the hash of its signature, SHA-256 where that is MD5
/// or SHA-1. `None` where the signature names no single hash: then there is no channel binding.
pub fn end_point_hash(certificate: &[u8]) -> Option<Vec<u8>> {
    let parsed = x509_certificate::X509Certificate::from_der(certificate).ok()?;
    let algorithm = match parsed.signature_algorithm_oid().to_string().as_str() {
        // RSA and ECDSA, each with MD5 or SHA-1, then SHA-256.
        "1.2.840.113549.1.1.4" | "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" => &digest::SHA256,
        "1.2.840.113549.1.1.11" | "1.2.840.10045.4.3.2" => &digest::SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &digest::SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, certificate).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_hashed_as_their_signature_is() {
        for (algorithm, length) in [
            (&rcgen::PKCS_ECDSA_P256_SHA256, Some(32)),
            (&rcgen::PKCS_ECDSA_P384_SHA384, Some(48)),
            // Ed25519 names no hash: RFC 5929 leaves it open, so there is no binding.
            (&rcgen::PKCS_ED25519, None),
        ] {
            let made = made::Made::new("localhost", algorithm);
            let certificate = certificates("certificate", &made.certificate()).unwrap();
            assert_eq!(end_point_hash(&certificate[0]).map(|hash| hash.len()), length, "{algorithm:?}");
            let acceptor = Acceptor::load(&made.certificate(), &made.key()).unwrap();
            assert_eq!(acceptor.bound_scram().is_some(), length.is_some());
        }
        assert_eq!(end_point_hash(b"no certificate"), None);
    }

    #[test]
    fn files_that_do_not_fit_are_refused_with_their_names() {
        let [one, two] = [0; 2].map(|_| made::Made::new("localhost", &rcgen::PKCS_ECDSA_P256_SHA256));
        let mixed = Acceptor::load(&one.certificate(), &two.key()).unwrap_err().to_string();
        assert!(mixed.contains("server.key") && mixed.contains("do not work together"), "{mixed}");
        assert!(matches!(Acceptor::load(&one.key(), &one.key()), Err(TlsError::Empty { .. })));
        assert!(matches!(Acceptor::load(Path::new("/nowhere"), &one.key()), Err(TlsError::File { .. })));
        let swapped = Acceptor::load(&one.certificate(), &one.certificate()).unwrap_err().to_string();
        assert!(swapped.contains("private key"), "{swapped}");
    }
}
