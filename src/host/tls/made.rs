//! Certificates for tests: an authority and what it signed, in a folder that goes away with the test.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SignatureAlgorithm};

pub struct Made {
    folder: tempfile::TempDir,
}

impl Made {
    /// An authority, and a certificate for `name` with a key of that algorithm.
    pub fn new(name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        let made = Self { folder: tempfile::tempdir().unwrap() };
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate_for(algorithm).unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        std::fs::write(made.root(), authority.pem()).unwrap();
        std::fs::write(made.certificate(), certificate.pem()).unwrap();
        std::fs::write(made.key(), key.serialize_pem()).unwrap();
        made
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }
}

/// The authority's certificate itself.
pub fn authority(made: &Made) -> rustls::pki_types::CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject;
    rustls::pki_types::CertificateDer::from_pem_file(made.root()).unwrap()
}
