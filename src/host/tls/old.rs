//! Server certificates as PostgreSQL's manual makes them: version 1, which TLS libraries of today no longer read, or
//! with the name in the subject alone. libpq takes both, so servers run with them for years. Only what a given root
//! signed itself is accepted here, never a chain: version 1 cannot say who may sign.

use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, Error};
use spki::EncodePublicKey;
use x509_certificate::certificate::CapturedX509Certificate;
use x509_certificate::rfc5280::{Certificate, Version};
use x509_certificate::{SignatureAlgorithm, X509Certificate};

/// The OID of subjectAltName.
const SUBJECT_ALT_NAME: &str = "2.5.29.17";

/// The certificate, if it is one of version 1: then it has no extensions that could forbid anything.
pub(super) fn version_1(certificate: &[u8]) -> Option<CapturedX509Certificate> {
    let parsed = CapturedX509Certificate::from_der(certificate).ok()?;
    let inner: &Certificate = parsed.as_ref();
    let old = matches!(inner.tbs_certificate.version, None | Some(Version::V1)) && inner.tbs_certificate.extensions.is_none();
    old.then_some(parsed)
}

/// Checks that one of the given roots signed it, with a hash that still holds, and its dates.
pub(super) fn signed_by(certificate: &CapturedX509Certificate, roots: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
    match certificate.signature_algorithm() {
        Some(
            SignatureAlgorithm::RsaSha256
            | SignatureAlgorithm::RsaSha384
            | SignatureAlgorithm::RsaSha512
            | SignatureAlgorithm::EcdsaSha256
            | SignatureAlgorithm::EcdsaSha384
            | SignatureAlgorithm::Ed25519,
        ) => {}
        Some(SignatureAlgorithm::RsaSha1 | SignatureAlgorithm::NoSignature(_)) | None => {
            return Err(CertificateError::BadSignature.into());
        }
    }
    let issuer = |root: &CertificateDer<'_>| {
        let root = CapturedX509Certificate::from_der(root.as_ref()).ok()?;
        (root.subject_name() == certificate.issuer_name() && certificate.verify_signed_by_certificate(&root).is_ok()).then_some(())
    };
    roots.iter().find_map(issuer).ok_or(CertificateError::UnknownIssuer)?;
    in_its_time(certificate, now)
}

pub(super) fn in_its_time(certificate: &X509Certificate, now: UnixTime) -> Result<(), Error> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < certificate.validity_not_before().timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > certificate.validity_not_after().timestamp() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

/// The name in the subject, which counts only where there is no subjectAltName (RFC 6125). No wildcards.
pub(super) fn common_name_is(certificate: &[u8], name: &ServerName<'_>) -> bool {
    let Ok(parsed) = X509Certificate::from_der(certificate) else { return false };
    let named_elsewhere = parsed.iter_extensions().any(|extension| extension.id.to_string() == SUBJECT_ALT_NAME);
    !named_elsewhere && parsed.subject_common_name().is_some_and(|common| common.eq_ignore_ascii_case(&name.to_str()))
}

pub(super) fn public_key(certificate: &X509Certificate) -> Option<SubjectPublicKeyInfoDer<'static>> {
    Some(SubjectPublicKeyInfoDer::from(certificate.to_public_key_der().ok()?.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn certificate(subject: &str, alternatives: &[&str]) -> CertificateDer<'static> {
        let names: Vec<String> = alternatives.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, subject);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn the_subject_counts_only_where_no_other_name_is() {
        let name = |text: &str| ServerName::try_from(text.to_owned()).unwrap();
        let alone = certificate("db.example", &[]);
        assert!(common_name_is(&alone, &name("db.example")) && common_name_is(&alone, &name("DB.example")));
        assert!(!common_name_is(&alone, &name("other.example")) && !common_name_is(&alone, &name("x.db.example")));
        assert!(!common_name_is(&certificate("*.example", &[]), &name("db.example")));
        assert!(!common_name_is(&certificate("db.example", &["other.example"]), &name("db.example")));
        assert!(!common_name_is(b"rubbish", &name("db.example")));
        assert!(version_1(&alone).is_none() && version_1(b"rubbish").is_none());
    }

    #[test]
    fn dates_are_kept() {
        let parsed = X509Certificate::from_der(certificate("db.example", &[])).unwrap();
        let at = |time: i64| UnixTime::since_unix_epoch(std::time::Duration::from_secs(time.try_into().unwrap()));
        let (first, last) = (parsed.validity_not_before().timestamp(), parsed.validity_not_after().timestamp());
        assert!(in_its_time(&parsed, at(first)).is_ok() && in_its_time(&parsed, at(last)).is_ok());
        assert!(in_its_time(&parsed, at(first - 1)).is_err() && in_its_time(&parsed, at(last + 1)).is_err());
    }
}
