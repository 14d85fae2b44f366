//! An authority, what it signed, and a stranger's authority.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Signs for the name `localhost` as a server and for the role `cert` as a client.
    pub fn make(folder: &Path) -> Self {
        let made = Self { folder: folder.to_owned() };
        let [authority, stranger] = ["root.pem", "stranger.pem"].map(|file| {
            let mut params = CertificateParams::new([]).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, file);
            let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
            std::fs::write(made.file(file), authority.pem()).unwrap();
            authority
        });
        for (file, name, issuer) in [("server", "localhost", &authority), ("client", "cert", &authority), ("badclient", "cert", &stranger)]
        {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new([name.to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            std::fs::write(made.file(&format!("{file}.pem")), params.signed_by(&key, issuer).unwrap().pem()).unwrap();
            std::fs::write(made.file(&format!("{file}.key")), key.serialize_pem()).unwrap();
        }
        made.old();
        made
    }

    /// As PostgreSQL's manual makes them: version 1, the name in the subject alone.
    fn old(&self) {
        for line in [
            "req -new -x509 -nodes -days 30 -subj /CN=root -newkey rsa:2048 -keyout oldroot.key -out oldroot.pem",
            "req -new -x509 -nodes -days 30 -subj /CN=root -newkey rsa:2048 -keyout impostor.key -out impostor.pem",
            "req -new -nodes -subj /CN=localhost -newkey rsa:2048 -keyout old.key -out old.csr",
            "x509 -req -in old.csr -days 30 -CA oldroot.pem -CAkey oldroot.key -CAcreateserial -out old.pem",
        ] {
            let done = std::process::Command::new("openssl").args(line.split(' ')).current_dir(&self.folder).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
