//! Places that are sent to by HTTP, as a configuration names them: their addresses, which are as good as passwords, what they are signed with, and
//! whom they have to be. It reaches for none of them.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use zeroize::Zeroizing;

use super::error::Origin;
use super::reader::Reader;
use super::value::Setting;
use crate::host::secret::Secret;
use crate::host::upstream::Roots;

/// Names stand in the state database, in the log and on the health page.
const LONGEST_NAME: usize = 64;
/// Standard Webhooks: from 24 bytes to 64.
const SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
#[derive(Clone, PartialEq)]
pub struct Webhook {
    pub url: Uri,
    pub roots: Roots,
    pub secret: Option<SigningSecret>,
    /// The whole value of the header `authorization`.
    pub authorization: Option<Secret>,
}

/// The path and the query of a webhook are as good as a password.
impl fmt::Debug for Webhook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Webhook").field("url", &bare(&self.url)).field("roots", &self.roots).finish_non_exhaustive()
    }
}

/// What a webhook is signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(pub Zeroizing<Vec<u8>>);

impl fmt::Debug for SigningSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SigningSecret(…)")
    }
}

pub(super) struct Name(pub String);

impl Setting for Name {
    fn wanted() -> String {
        format!("a name of up to {LONGEST_NAME} letters, digits, - and _")
    }

    fn parse(text: &str) -> Option<Self> {
        let fits = (1..=LONGEST_NAME).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (fits && plain).then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// A cursor is found again by its sink's name.
pub(super) fn only_once<'n>(reader: &mut Reader<'_>, list: &str, names: impl Iterator<Item = &'n String>) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if !seen.insert(name) {
            let place = format!("{list}.{}.name", index.saturating_add(1));
            reader.fail_at(&place, &format!("another one is called {name} already: give each a name of its own"));
        }
    }
}

pub(super) fn required<T: Setting>(reader: &mut Reader<'_>, place: &str, key: &str) -> Option<T> {
    let name = format!("{place}.{key}");
    if reader.given(&name).is_none() { missing(reader, place, key) } else { reader.optional(&name) }
}

pub(super) fn missing<T>(reader: &mut Reader<'_>, place: &str, key: &str) -> Option<T> {
    reader.fail_at(&format!("{place}.{key}"), "is missing");
    None
}

/// A URL that names a host, and nobody's password. It is never repeated.
pub(super) fn address(reader: &mut Reader<'_>, setting: &str, origin: &Origin, text: &str) -> Option<Uri> {
    let url = text.parse::<Uri>().ok().filter(|url| url.scheme().is_some() && url.host().is_some_and(|host| !host.is_empty()));
    let Some(url) = url else {
        reader.fail(Some(origin), format!("{setting}: expected a URL such as https://siem.example/in or syslog+tls://siem.example"));
        return None;
    };
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        reader.fail(Some(origin), format!("{setting}: a URL with a password in it: use authorization_file"));
        return None;
    }
    if text.contains('#') {
        reader.fail(Some(origin), format!("{setting}: what follows # in a URL is never sent: leave it out"));
        return None;
    }
    Some(url)
}

/// An address by HTTP that nobody on the way can read along.
pub(super) fn by_http(reader: &mut Reader<'_>, setting: &str, origin: &Origin, url: &Uri) -> Option<()> {
    match url.scheme_str() {
        Some("https") => {}
        // A name that resolves elsewhere after all is refused when it is connected to.
        Some("http") if is_near(url) => {}
        Some("http") => {
            reader.fail(Some(origin), format!("{setting}: off loopback a webhook is https"));
            return None;
        }
        _ => {
            reader.fail(Some(origin), format!("{setting}: expected one of syslog+tls, syslog+tcp, https, http before ://"));
            return None;
        }
    }
    reader.show(setting, bare(url), Some(origin.clone()));
    Some(())
}

pub(super) fn webhook(reader: &mut Reader<'_>, place: &str, setting: &str, origin: &Origin, url: Uri) -> Option<Webhook> {
    by_http(reader, setting, origin, &url)?;
    let secret = one_secret(reader, &format!("{place}.secret"));
    let authorization = one_secret(reader, &format!("{place}.authorization"));
    if secret.is_none() && authorization.is_none() {
        reader.warnings.push(format!("{setting}: without secret or authorization its receiver cannot know that it is we who send"));
    }
    let secret = match secret {
        None => None,
        Some(text) => {
            let bytes = text.expose().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok()).map(Zeroizing::new);
            let Some(bytes) = bytes.filter(|bytes| SECRET_LENGTHS.contains(&bytes.len())) else {
                reader.fail(Some(origin), format!("{place}.secret: expected whsec_ and 24 to 64 bytes in base64"));
                return None;
            };
            Some(SigningSecret(bytes))
        }
    };
    if authorization.as_ref().is_some_and(|value| hyper::header::HeaderValue::from_str(value.expose()).is_err()) {
        reader.fail(Some(origin), format!("{place}.authorization: expected the value of a header such as Bearer TOKEN"));
        return None;
    }
    Some(Webhook { url, roots: roots(reader, place), secret, authorization })
}

/// Nothing but these roots is trusted where a file is named.
pub(super) fn roots(reader: &mut Reader<'_>, place: &str) -> Roots {
    let setting = format!("{place}.ca_file");
    let Some(path) = reader.optional_path(&setting) else { return Roots::Platform };
    if let Err(error) = std::fs::File::open(&path) {
        reader.fail_at(&setting, &format!("cannot read {}: {error}", path.display()));
    }
    Roots::File(path)
}

pub(super) fn one_secret(reader: &mut Reader<'_>, name: &str) -> Option<Secret> {
    let (name, origin, secret) = one_text(reader, name)?;
    reader.show(name, "(given)".to_owned(), Some(origin));
    Some(secret)
}

/// A text that is not shown, in one of the ways to give a secret; which way, and where.
pub(super) fn one_text(reader: &mut Reader<'_>, name: &str) -> Option<(String, Origin, Secret)> {
    let ways = ["", "_file", "_env"].map(|way| format!("{name}{way}"));
    let ways = ways.into_iter().map(|name| (name.clone(), reader.given(&name))).collect();
    let (name, given) = reader.one_of(ways)?;
    let origin = given.origin.clone();
    let secret = reader.secret(&name, given)?;
    Some((name, origin, secret))
}

/// The host without the brackets of an IPv6 address.
pub fn host(url: &Uri) -> &str {
    let host = url.host().unwrap_or_default();
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Whether it says that it is this machine.
pub fn is_near(url: &Uri) -> bool {
    let host = host(url);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// A URL without its path and query, which often are a password.
pub fn bare(url: &Uri) -> String {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let rest = if matches!(url.path(), "" | "/") && url.query().is_none() { "" } else { "/…" };
    format!("{}://{authority}{rest}", url.scheme_str().unwrap_or_default())
}
