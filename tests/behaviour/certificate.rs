//! A certificate for `localhost` by an authority of its own.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

pub struct Certificate(tempfile::TempDir);

impl Certificate {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, crate::stage::unique("authority"));
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let signed = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        std::fs::write(folder.path().join("root.pem"), authority.pem()).unwrap();
        std::fs::write(folder.path().join("server.pem"), signed.pem()).unwrap();
        std::fs::write(folder.path().join("server.key"), key.serialize_pem()).unwrap();
        Self(folder)
    }

    pub fn root(&self) -> PathBuf {
        self.0.path().join("root.pem")
    }

    /// What the configuration says of it.
    pub fn settings(&self) -> String {
        let folder = self.0.path().display();
        format!("client_tls_cert_file = '{folder}/server.pem'\nclient_tls_key_file = '{folder}/server.key'\n")
    }

    /// Another one takes its place on the disk.
    pub fn replace_by(&self, other: &Path) {
        for file in ["server.pem", "server.key"] {
            std::fs::copy(other.with_file_name(file), self.0.path().join(file)).unwrap();
        }
    }
}
