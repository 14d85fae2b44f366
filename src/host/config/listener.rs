//! The agents' side: where to listen, with what TLS, how long to keep a silent client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::reader::Reader;
use super::value::{Setting, Unless0, Word};

/// More addresses than a machine has networks.
const MAX_ADDRESSES: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// An IPv6 wildcard stands beside the IPv4 one: bind it to IPv6 only.
    pub addresses: Vec<SocketAddr>,
    pub tls: ClientTls,
    /// Off where a balancer in front ends TLS: SCRAM-SHA-256-PLUS is not offered then.
    pub channel_binding: bool,
    pub keepalive: Option<Keepalive>,
    pub login_timeout: Duration,
    pub idle_timeout: Option<Duration>,
    pub idle_transaction_timeout: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientTls {
    Off,
    Offered(ServerCertificate),
    Required(ServerCertificate),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Used toward agents and toward the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    pub idle: Duration,
    pub interval: Duration,
    pub count: NonZeroU32,
}

/// The client's side of PgBouncer's words; certificates of clients are not read, agents are known by SCRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientSslMode {
    Disable,
    Allow,
    Prefer,
    Require,
}

impl Word for ClientSslMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("disable", Self::Disable), ("allow", Self::Allow), ("prefer", Self::Prefer), ("require", Self::Require)];
}

/// PgBouncer's `listen_addr`: addresses with commas between, `localhost`, or `*` for every address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addresses(pub Vec<IpAddr>);

impl Addresses {
    pub fn loopback() -> Self {
        Self(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
    }

    pub fn only_loopback(&self) -> bool {
        self.0.iter().all(|address| address.to_canonical().is_loopback())
    }
}

impl Setting for Addresses {
    fn wanted() -> String {
        "IP addresses with commas between, localhost, or * for every address".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut addresses = Vec::new();
        for part in text.split(',').map(str::trim) {
            match part {
                "*" => addresses.extend([IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)]),
                "localhost" => addresses.push(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                address => addresses.push(address.parse().ok()?),
            }
        }
        addresses.dedup();
        (addresses.len() <= MAX_ADDRESSES).then_some(Self(addresses))
    }

    fn show(&self) -> String {
        let all: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        all.join(",")
    }
}

pub(super) fn addresses(reader: &mut Reader<'_>) -> (Addresses, u16) {
    (reader.get("listen_addr", Addresses::loopback()), reader.get("listen_port", super::DEFAULT_PORT))
}

impl Listener {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let (addresses, port) = addresses(reader);
        Self {
            tls: tls(reader, addresses.only_loopback()),
            addresses: addresses.0.into_iter().map(|address| SocketAddr::new(address, port)).collect(),
            channel_binding: reader.get("channel_binding", true),
            keepalive: keepalive(reader),
            login_timeout: reader.get("client_login_timeout", Duration::from_secs(60)),
            idle_timeout: reader.get("client_idle_timeout", Unless0::<Duration>(None)).0,
            idle_transaction_timeout: reader.get("idle_transaction_timeout", Unless0::<Duration>(None)).0,
        }
    }
}

fn tls(reader: &mut Reader<'_>, loopback: bool) -> ClientTls {
    let mode = reader.optional::<ClientSslMode>("client_tls_sslmode");
    let key = reader.optional_path("client_tls_key_file");
    let certificate = reader.optional_path("client_tls_cert_file");
    let files = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(ServerCertificate { certificate, key }),
        (None, None) => None,
        (Some(_), None) => {
            reader.fail_at("client_tls_cert_file", "a certificate needs its key: give client_tls_key_file too");
            return ClientTls::Off;
        }
        (None, Some(_)) => {
            reader.fail_at("client_tls_key_file", "a key needs its certificate: give client_tls_cert_file too");
            return ClientTls::Off;
        }
    };
    if mode == Some(ClientSslMode::Disable) {
        if !loopback {
            reader.warnings.push(
                "client_tls_sslmode = \"disable\" off loopback: what agents send and read crosses the network in clear text".to_owned(),
            );
        }
        return ClientTls::Off;
    }
    if let Some(files) = &files {
        for (name, file) in [("client_tls_cert_file", &files.certificate), ("client_tls_key_file", &files.key)] {
            if let Err(error) = std::fs::File::open(file) {
                reader.fail_at(name, &format!("cannot read {}: {error}", file.display()));
            }
        }
    }
    match (mode, files) {
        (Some(ClientSslMode::Allow | ClientSslMode::Prefer), _) if !loopback => {
            reader
                .fail_at("client_tls_sslmode", "off loopback TLS is required: write \"require\", or turn TLS off by the name \"disable\"");
            ClientTls::Off
        }
        (Some(ClientSslMode::Require), Some(files)) => ClientTls::Required(files),
        (None, Some(files)) if !loopback => ClientTls::Required(files),
        (Some(ClientSslMode::Require), None) => {
            reader.fail_at("client_tls_sslmode", "TLS needs a certificate: give client_tls_cert_file and client_tls_key_file");
            ClientTls::Off
        }
        (None, None) if !loopback => {
            reader.fail_at(
                "listen_addr",
                "off loopback TLS is required: give client_tls_cert_file and client_tls_key_file, listen on 127.0.0.1, \
                 or turn TLS off by name with client_tls_sslmode = \"disable\"",
            );
            ClientTls::Off
        }
        (Some(ClientSslMode::Allow | ClientSslMode::Prefer | ClientSslMode::Disable) | None, Some(files)) => ClientTls::Offered(files),
        (Some(ClientSslMode::Allow | ClientSslMode::Prefer | ClientSslMode::Disable) | None, None) => ClientTls::Off,
    }
}

/// A client or server that vanished is noticed after two minutes, not after the system's two hours.
fn keepalive(reader: &mut Reader<'_>) -> Option<Keepalive> {
    let on = reader.get("tcp_keepalive", true);
    let keepalive = Keepalive {
        idle: reader.get("tcp_keepidle", Duration::from_secs(60)),
        interval: reader.get("tcp_keepintvl", Duration::from_secs(15)),
        count: reader.get("tcp_keepcnt", NonZeroU32::MIN.saturating_add(3)),
    };
    on.then_some(keepalive)
}
