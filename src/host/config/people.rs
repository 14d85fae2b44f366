//! The people's side: where the pages are, with what TLS, how long a sign-in lasts, and whether one person may be all people.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hyper::Uri;

use super::listener::ServerCertificate;
use super::oidc::{self, Oidc};
use super::reader::Reader;
use super::value::Setting;
use super::webhook;

/// Beside the agents' port.
pub const DEFAULT_WEB_PORT: u16 = 6433;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// `None` where there is no page at all.
    pub listen: Option<WebListen>,
    pub tls: Option<ServerCertificate>,
    /// What stands before the path in links. Without one it follows from where the pages are.
    pub public_url: Option<PublicUrl>,
    /// Somebody who does nothing is signed out after this,
    pub idle: Duration,
    /// and everybody after this.
    pub longest: Duration,
    /// Who else says who people are.
    pub oidc: Option<Oidc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebListen {
    pub address: SocketAddr,
    /// Nobody asked for this very address: where it is taken, another port will do.
    pub by_default: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// The owner of an agent decides for it, and every record of a decision says that it may have been so.
    pub single_person: bool,
}

/// An address, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OrOff(Option<SocketAddr>);

impl Setting for OrOff {
    fn wanted() -> String {
        format!("{}, or off", SocketAddr::wanted())
    }

    fn parse(text: &str) -> Option<Self> {
        if text == "off" { Some(Self(None)) } else { SocketAddr::parse(text).map(|address| Self(Some(address))) }
    }

    fn show(&self) -> String {
        self.0.map_or_else(|| "off".to_owned(), |address| address.to_string())
    }
}

/// `https://db.example.com` or `https://example.com:8443`: scheme, host and port, and no path: cookies hold for a whole host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// `None` for what is no such address.
    pub fn new(text: &str) -> Option<Self> {
        Self::parse(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("https://")
    }

    fn is_near(&self) -> bool {
        self.0.parse().is_ok_and(|url| webhook::is_near(&url))
    }

    /// Host, and port where one is written.
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, authority)| authority)
    }
}

impl Setting for PublicUrl {
    fn wanted() -> String {
        "an address without a path such as https://sluice.example.com".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let url: Uri = text.parse().ok()?;
        let authority = url.authority()?.as_str();
        let scheme = url.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
        let bare =
            url.path() == "/" && url.query().is_none() && !authority.contains('@') && url.host().is_some_and(|host| !host.is_empty());
        bare.then(|| Self(format!("{scheme}://{}", authority.to_ascii_lowercase())))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

impl Web {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let given = reader.given("web.listen").is_some();
        let default = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_WEB_PORT);
        let listen = reader.get("web.listen", OrOff(Some(default))).0;
        let public_url: Option<PublicUrl> = reader.optional("web.public_url");
        let behind_proxy = reader.get("web.behind_proxy", false);
        let tls = certificate(reader);
        if listen.is_some_and(|address| !address.ip().to_canonical().is_loopback()) && tls.is_none() && !behind_proxy {
            reader.fail_at(
                "web.listen",
                "off loopback passwords need TLS: give web.tls_cert and web.tls_key, listen on 127.0.0.1, or, where a proxy in front \
                 ends TLS, write web.behind_proxy = true",
            );
        }
        if behind_proxy && !public_url.as_ref().is_some_and(PublicUrl::is_encrypted) {
            reader.fail_at("web.behind_proxy", "people come to the proxy in front: give its https address as web.public_url");
        }
        let near = || listen.is_none_or(|address| address.ip().to_canonical().is_loopback());
        let can_return = public_url.as_ref().map_or_else(near, |url| url.is_encrypted() || url.is_near());
        Self {
            oidc: oidc::read(reader, can_return),
            listen: listen.map(|address| WebListen { address, by_default: !given }),
            tls,
            public_url,
            idle: reader.get("web.session_idle", Duration::from_secs(30 * 60)),
            longest: reader.get("web.session_life", Duration::from_secs(12 * 3600)),
        }
    }
}

fn certificate(reader: &mut Reader<'_>) -> Option<ServerCertificate> {
    match (reader.optional_path("web.tls_cert"), reader.optional_path("web.tls_key")) {
        (Some(certificate), Some(key)) => {
            for (name, file) in [("web.tls_cert", &certificate), ("web.tls_key", &key)] {
                if let Err(error) = std::fs::File::open(file) {
                    reader.fail_at(name, &format!("cannot read {}: {error}", file.display()));
                }
            }
            Some(ServerCertificate { certificate, key })
        }
        (None, None) => None,
        (Some(_), None) => {
            reader.fail_at("web.tls_cert", "a certificate needs its key: give web.tls_key too");
            None
        }
        (None, Some(_)) => {
            reader.fail_at("web.tls_key", "a key needs its certificate: give web.tls_cert too");
            None
        }
    }
}

impl People {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let single_person = reader.get("people.single_person", false);
        if single_person {
            reader.warnings.push("people.single_person is on: whoever owns an agent may approve what it sends".to_owned());
        }
        Self { single_person }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls_have_no_path_and_no_login() {
        for (text, shown) in [
            ("https://sluice.example.com", "https://sluice.example.com"),
            ("https://Sluice.example.com/", "https://sluice.example.com"),
            ("http://127.0.0.1:6433", "http://127.0.0.1:6433"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(PublicUrl::parse(text).map(|url| url.show()), Some(shown.to_owned()), "{text}");
        }
        for text in ["", "sluice.example.com", "ftp://a", "https://a/b", "https://a/?b", "https://u:p@a", "https://", "javascript:alert(1)"]
        {
            assert_eq!(PublicUrl::parse(text), None, "{text}");
        }
    }
}
