//! Connection URLs as libpq reads them, strictly: what a URL asks for and we do not do is refused, not ignored. No error
//! repeats a piece of the URL, because a misplaced `@` or `?` makes any piece a piece of the password.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::gate::policy::text::distance;
use crate::host::secret::Secret;
use crate::host::upstream::{ChannelBinding, Host, Roots, SslMode, TargetSession};

const MAX_URL: usize = 16 << 10;
/// libpq sets no bound; nobody lists more servers of one service by hand.
const MAX_HOSTS: usize = 32;
const DEFAULT_PORT: u16 = 5432;

/// What the URL says; `None` where it is silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionUrl {
    pub hosts: Vec<Host>,
    pub user: String,
    pub password: Option<Secret>,
    pub database: String,
    pub sslmode: Option<SslMode>,
    pub sslrootcert: Option<Roots>,
    pub sslcert: Option<PathBuf>,
    pub sslkey: Option<PathBuf>,
    pub channel_binding: Option<ChannelBinding>,
    pub target_session: Option<TargetSession>,
    pub direct_tls: Option<bool>,
    /// Whole seconds; libpq's 0 and negative numbers, which wait for ever, count as silence.
    pub connect_timeout: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("a connection URL starts with postgres:// or postgresql://")]
    Scheme,
    #[error("the URL is longer than {MAX_URL} bytes")]
    TooLong,
    #[error("a % in the URL is not followed by two hexadecimal digits, or stands for a zero byte; write %25 for a % itself")]
    Escape,
    #[error("the URL is not UTF-8 when its escapes are read")]
    Text,
    #[error("the URL names no user: write postgres://USER@HOST/DATABASE")]
    NoUser,
    #[error("the URL names no host: write localhost, or the folder of the server's socket as ?host=/var/run/postgresql")]
    NoHost,
    #[error("host {0} of the URL cannot be read; a @, / or ? in the password must be written as %40, %2F, %3F")]
    Host(usize),
    #[error("port {0} of the URL is no number from 1 to 65535; a @, / or ? in the password must be written as %40, %2F, %3F")]
    Port(usize),
    #[error("the URL has more than {MAX_HOSTS} hosts")]
    TooManyHosts,
    #[error("the URL gives another number of ports than of hosts")]
    PortCount,
    #[error("parameter {0} after the ? of the URL has no =; a ? in the password must be written as %3F")]
    NoValue(usize),
    #[error("parameter {index} after the ? of the URL is not known{hint}")]
    Unknown { index: usize, hint: String },
    #[error("{0} is given twice in the URL")]
    Twice(&'static str),
    #[error("{0}: {1}")]
    Refused(&'static str, &'static str),
    #[error("{name} of the URL: expected {wanted}")]
    Value { name: &'static str, wanted: String },
}

/// Known to libpq and without a meaning here: the proxy has its own, or agents bring theirs.
const IGNORED: [&str; 13] = [
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "sslcompression",
    "sslsni",
    "krbsrvname",
    "gsslib",
    "gssdelegation",
];

/// Known to libpq, and dropping one silently would change what the connection is.
const REFUSED: [(&str, &str); 20] = [
    ("options", "server options cannot be set in the upstream URL: use ALTER ROLE … SET at the server"),
    ("service", "service files are not read: write the host, user and database into the URL"),
    ("servicefile", "service files are not read: write the host, user and database into the URL"),
    ("passfile", "password files are not read: use upstream.password_file"),
    ("hostaddr", "write the address as the host; certificates are checked against the host"),
    ("replication", "replication connections are not made"),
    ("requiressl", "write sslmode=require"),
    ("sslpassword", "encrypted keys are not read: give a key file without a password that only pgsluice can read"),
    ("sslcrl", "revocation lists are not read"),
    ("sslcrldir", "revocation lists are not read"),
    ("sslcertmode", "give sslcert and sslkey to use a certificate, or leave them out"),
    ("ssl_min_protocol_version", "TLS below 1.2 is never used; other limits cannot be set"),
    ("ssl_max_protocol_version", "TLS below 1.2 is never used; other limits cannot be set"),
    ("require_auth", "write channel_binding=require to insist on SCRAM"),
    ("requirepeer", "the owner of a server's socket is not checked"),
    ("load_balance_hosts", "hosts are tried in the order given"),
    ("gssencmode", "GSSAPI encryption is not made"),
    ("scram_client_key", "give the password"),
    ("scram_server_key", "give the password"),
    ("min_protocol_version", "the protocol is negotiated"),
];

const READ: [&str; 13] = [
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "channel_binding",
    "target_session_attrs",
    "sslnegotiation",
    "connect_timeout",
];

pub fn parse(url: &str) -> Result<ConnectionUrl, UrlError> {
    if url.len() > MAX_URL {
        return Err(UrlError::TooLong);
    }
    let rest = url.strip_prefix("postgresql://").or_else(|| url.strip_prefix("postgres://")).ok_or(UrlError::Scheme)?;
    let (front, query) = rest.split_once('?').map_or((rest, None), |(front, query)| (front, Some(query)));
    let (authority, database) = front.split_once('/').unwrap_or((front, ""));
    let (user_info, hosts) = authority.split_once('@').map_or((None, authority), |(info, hosts)| (Some(info), hosts));
    let (user, password) = user_info.map_or((None, None), |info| match info.split_once(':') {
        Some((user, password)) => (Some(user), Some(password)),
        None => (Some(info), None),
    });
    let query = Query::read(query)?;

    let user = not_empty(either(&query, "user", user)?).ok_or(UrlError::NoUser)?;
    let password = not_empty(either(&query, "password", password)?).map(Secret::new);
    let database = not_empty(either(&query, "dbname", Some(database))?).unwrap_or_else(|| user.clone());
    let mut ends = Ends::default();
    ends.read_authority(hosts)?;
    ends.replace(&query)?;
    Ok(ConnectionUrl {
        hosts: ends.check()?,
        user,
        password,
        database,
        sslmode: query.value("sslmode")?,
        sslrootcert: query.get("sslrootcert").map(roots),
        sslcert: query.value("sslcert")?,
        sslkey: query.value("sslkey")?,
        channel_binding: query.value("channel_binding")?,
        target_session: query.value("target_session_attrs")?,
        direct_tls: query.value::<Negotiation>("sslnegotiation")?.map(|negotiation| negotiation == Negotiation::Direct),
        connect_timeout: connect_timeout(&query)?,
    })
}

/// libpq's word for the platform's own roots.
pub(super) fn roots(text: &str) -> Roots {
    if text == "system" { Roots::Platform } else { Roots::File(PathBuf::from(text)) }
}

fn connect_timeout(query: &Query) -> Result<Option<u32>, UrlError> {
    let Some(text) = query.get("connect_timeout") else { return Ok(None) };
    match text.parse::<i32>() {
        Ok(seconds) => Ok(u32::try_from(seconds).ok().filter(|seconds| *seconds > 0)),
        Err(_) => Err(UrlError::Value { name: "connect_timeout", wanted: "whole seconds".to_owned() }),
    }
}

fn not_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn either(query: &Query, name: &'static str, in_front: Option<&str>) -> Result<Option<String>, UrlError> {
    let in_front = not_empty(in_front.map(decode).transpose()?);
    match (query.get(name), in_front) {
        (Some(_), Some(_)) => Err(UrlError::Twice(name)),
        (Some(text), None) => Ok(Some(text.to_owned())),
        (None, in_front) => Ok(in_front),
    }
}

/// A `+` is a plus here, unlike in web forms.
fn decode(text: &str) -> Result<String, UrlError> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        let escape = after.get(..2).filter(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()) && *two != "00");
        if escape.is_none() {
            return Err(UrlError::Escape);
        }
        rest = after;
    }
    if text.contains('\0') {
        return Err(UrlError::Escape);
    }
    percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| UrlError::Text)
}

#[derive(Default)]
struct Query {
    values: Vec<(&'static str, zeroize::Zeroizing<String>)>,
}

impl Query {
    fn read(query: Option<&str>) -> Result<Self, UrlError> {
        let mut read = Self::default();
        let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(read) };
        for (index, pair) in query.split('&').enumerate() {
            let index = index.saturating_add(1);
            let (name, value) = pair.split_once('=').ok_or(UrlError::NoValue(index))?;
            let name = decode(name)?;
            if let Some((name, reason)) = REFUSED.iter().find(|(known, _)| *known == name) {
                // The one value of each that asks for nothing.
                let asks_nothing = matches!((*name, value), ("gssencmode", "disable" | "prefer") | ("load_balance_hosts", "disable"));
                if asks_nothing {
                    continue;
                }
                return Err(UrlError::Refused(name, reason));
            }
            if IGNORED.contains(&name.as_str()) {
                continue;
            }
            let Some(known) = READ.iter().find(|known| **known == name) else {
                let near = READ.iter().find(|known| distance(&name, known) <= 2);
                let hint = near.map_or_else(String::new, |near| format!(": did you mean {near}?"));
                return Err(UrlError::Unknown { index, hint });
            };
            if read.get(known).is_some() {
                return Err(UrlError::Twice(known));
            }
            read.values.push((known, decode(value)?.into()));
        }
        Ok(read)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    fn value<T: super::value::Setting>(&self, name: &'static str) -> Result<Option<T>, UrlError> {
        self.get(name).map(|text| T::parse(text).ok_or_else(|| UrlError::Value { name, wanted: T::wanted() })).transpose()
    }
}

#[derive(Default)]
struct Ends {
    hosts: Vec<String>,
    ports: Vec<String>,
}

impl Ends {
    fn read_authority(&mut self, list: &str) -> Result<(), UrlError> {
        for (index, end) in list.split(',').enumerate() {
            let index = index.saturating_add(1);
            let (host, port) = match end.strip_prefix('[') {
                Some(bracketed) => {
                    let (host, after) = bracketed.split_once(']').ok_or(UrlError::Host(index))?;
                    let port = if after.is_empty() { "" } else { after.strip_prefix(':').ok_or(UrlError::Host(index))? };
                    (host, port)
                }
                None => end.split_once(':').unwrap_or((end, "")),
            };
            self.hosts.push(decode(host)?);
            self.ports.push(decode(port)?);
        }
        Ok(())
    }

    /// libpq lets `?host=` go before what stands in front, silently; two answers to one question are a mistake here.
    fn replace(&mut self, query: &Query) -> Result<(), UrlError> {
        for (name, list) in [("host", &mut self.hosts), ("port", &mut self.ports)] {
            if let Some(text) = query.get(name) {
                if list.iter().any(|end| !end.is_empty()) {
                    return Err(UrlError::Twice(name));
                }
                *list = text.split(',').map(str::to_owned).collect();
            }
        }
        Ok(())
    }

    /// One port serves all hosts, as with libpq.
    fn check(self) -> Result<Vec<Host>, UrlError> {
        if self.hosts.len() > MAX_HOSTS {
            return Err(UrlError::TooManyHosts);
        }
        if self.ports.len() != self.hosts.len() && self.ports.len() != 1 {
            return Err(UrlError::PortCount);
        }
        let ports = self.ports.iter().cycle().take(self.hosts.len());
        self.hosts.iter().zip(ports).enumerate().map(|(index, (host, port))| end(index.saturating_add(1), host, port)).collect()
    }
}

fn end(index: usize, host: &str, port: &str) -> Result<Host, UrlError> {
    let port = match port {
        "" => DEFAULT_PORT,
        text => text.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port(index))?,
    };
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    if host.starts_with('/') {
        return Ok(Host::Unix { folder: PathBuf::from(host), port });
    }
    // Names, IPv4, IPv6 with its zone. Whatever else stands here was meant for another part of the URL.
    let plausible = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte) || !byte.is_ascii();
    if !host.bytes().all(plausible) {
        return Err(UrlError::Host(index));
    }
    Ok(Host::Tcp { name: host.to_owned(), port })
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Negotiation {
    Postgres,
    Direct,
}

impl super::value::Word for Negotiation {
    const WORDS: &'static [(&'static str, Self)] = &[("postgres", Self::Postgres), ("direct", Self::Direct)];
}

impl super::value::Word for SslMode {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("disable", Self::Disable),
        ("allow", Self::Allow),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];
}

impl super::value::Word for ChannelBinding {
    const WORDS: &'static [(&'static str, Self)] = &[("disable", Self::Disable), ("prefer", Self::Prefer), ("require", Self::Require)];
}

impl super::value::Word for TargetSession {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("any", Self::Any),
        ("read-write", Self::ReadWrite),
        ("read-only", Self::ReadOnly),
        ("primary", Self::Primary),
        ("standby", Self::Standby),
        ("prefer-standby", Self::PreferStandby),
    ];
}

#[cfg(test)]
mod tests;
