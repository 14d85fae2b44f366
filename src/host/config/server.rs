//! The server's side: one service from a URL and the settings beside it, and the logins of the roles that agents are given.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::error::Origin;
use super::raw::{Given, path};
use super::reader::Reader;
use super::url::{self, ConnectionUrl, Negotiation};
use super::value::Setting as _;
use crate::host::secret::Secret;
use crate::host::upstream::{ChannelBinding, ClientCertificate, Credential, Host, Roots, SslMode, TargetSession, Upstream, UpstreamTls};

const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The service and every login that may be used there.
#[derive(Debug, Clone)]
pub struct Server {
    pub upstream: Upstream,
    pub roles: BTreeMap<String, Credential>,
}

impl Server {
    /// The login for an agent: its role's, or the URL's own. `None` is a role without a login: the agent is refused.
    pub fn credential(&self, role: Option<&str>) -> Option<&Credential> {
        match role {
            None => Some(&self.upstream.credential),
            Some(role) => self.roles.get(role),
        }
    }

    /// `None` after a problem was noted with the reader.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let url = connection_url(reader);
        let beside = Beside::read(reader);
        let roles = roles(reader);
        Some(Self { upstream: beside.join(url?, reader)?, roles })
    }
}

fn connection_url(reader: &mut Reader<'_>) -> Option<ConnectionUrl> {
    let ways = ["upstream", "upstream.url", "upstream_file", "upstream.url_file"];
    let ways = ways.into_iter().map(|name| (name.to_owned(), reader.given(name))).collect();
    let Some((name, given)) = reader.one_of(ways) else {
        reader.fail(
            None,
            "no PostgreSQL server is named: give --upstream postgres://USER@HOST/DATABASE, PGSLUICE_UPSTREAM, or upstream in the file",
        );
        return None;
    };
    let text = if name.ends_with("file") { reader.secret_file(&name, &given)? } else { given.text.clone() };
    match url::parse(text.expose()) {
        Ok(url) => {
            if url.password.is_some() && matches!(given.origin, Origin::Flag(_)) {
                reader.warnings.push(
                    "the password in --upstream can be read by other users of this machine: use PGSLUICE_UPSTREAM or upstream_file"
                        .to_owned(),
                );
            }
            warn_if_readable(reader, &given, url.password.is_some() && !name.ends_with("file"));
            reader.show("upstream", shown(&url), Some(given.origin));
            Some(url)
        }
        Err(error) => {
            reader.fail(Some(&given.origin), format!("{name}: {error}"));
            None
        }
    }
}

fn warn_if_readable(reader: &mut Reader<'_>, given: &Given, secret: bool) {
    if secret && matches!(given.origin, Origin::File { .. }) {
        reader.secret_in_file();
    }
}

/// The URL for people: never its password.
fn shown(url: &ConnectionUrl) -> String {
    let hosts: Vec<_> = url
        .hosts
        .iter()
        .map(|host| match host {
            Host::Tcp { name, port } if name.contains(':') => format!("[{name}]:{port}"),
            Host::Tcp { name, port } => format!("{name}:{port}"),
            Host::Unix { folder, port } => format!("{}:{port}", folder.display()),
        })
        .collect();
    let password = if url.password.is_some() { ":…" } else { "" };
    format!("postgres://{}{password}@{}/{}", url.user, hosts.join(","), url.database)
}

/// What may stand beside the URL; it goes before what the URL says.
struct Beside {
    password: Option<Secret>,
    sslmode: Option<SslMode>,
    roots: Option<Roots>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    channel_binding: Option<ChannelBinding>,
    direct: Option<bool>,
    target_session: Option<TargetSession>,
    connect_timeout: Option<Duration>,
}

impl Beside {
    fn read(reader: &mut Reader<'_>) -> Self {
        let ways = ["upstream.password", "upstream.password_file"];
        let ways = ways.into_iter().map(|name| (name.to_owned(), reader.given(name))).collect();
        let password = reader.one_of(ways).and_then(|(name, given)| reader.secret(&name, given));
        Self {
            password,
            sslmode: reader.optional("upstream.sslmode"),
            roots: roots(reader),
            certificate: reader.optional_path("upstream.sslcert"),
            key: reader.optional_path("upstream.sslkey"),
            channel_binding: reader.optional("upstream.channel_binding"),
            direct: reader.optional::<Negotiation>("upstream.sslnegotiation").map(|negotiation| negotiation == Negotiation::Direct),
            target_session: reader.optional("upstream.target_session_attrs"),
            connect_timeout: reader.optional("server_connect_timeout"),
        }
    }

    fn join(self, url: ConnectionUrl, reader: &mut Reader<'_>) -> Option<Upstream> {
        let roots = self.roots.or(url.sslrootcert);
        let asked = self.sslmode.or(url.sslmode);
        let mode = ssl_mode(asked, roots.as_ref(), &url.hosts, reader);
        let direct = self.direct.or(url.direct_tls).unwrap_or(false);
        if direct && matches!(mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer) {
            reader.fail_at("upstream.sslnegotiation", "direct TLS needs sslmode require, verify-ca or verify-full");
        }
        let client_certificate = match (self.certificate.or(url.sslcert), self.key.or(url.sslkey)) {
            (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                reader.fail(None, "upstream.sslcert and upstream.sslkey belong together: give both or neither");
                return None;
            }
        };
        for file in client_certificate.iter().flat_map(|pair| [&pair.certificate, &pair.key]).chain(match &roots {
            Some(Roots::File(file)) => Some(file),
            Some(Roots::Platform) | None => None,
        }) {
            if let Err(error) = std::fs::File::open(file) {
                reader.fail(None, format!("cannot read {} for TLS toward the server: {error}", file.display()));
            }
        }
        let from_url = url.connect_timeout.map(|seconds| Duration::from_secs(seconds.into()));
        let connect_timeout = self.connect_timeout.or(from_url).unwrap_or(DEFAULT_CONNECT_TIMEOUT);
        if asked.is_none() {
            reader.show("upstream.sslmode", mode.show(), None);
        }
        if self.connect_timeout.is_none() {
            reader.show("server_connect_timeout", connect_timeout.show(), None);
        }
        Some(Upstream {
            hosts: url.hosts,
            database: url.database,
            credential: Credential { user: url.user, password: self.password.or(url.password) },
            tls: UpstreamTls {
                mode,
                roots: roots.unwrap_or(Roots::Platform),
                client_certificate,
                channel_binding: self.channel_binding.or(url.channel_binding).unwrap_or(ChannelBinding::Prefer),
                direct,
            },
            target_session: self.target_session.or(url.target_session).unwrap_or(TargetSession::Any),
            connect_timeout,
        })
    }
}

fn roots(reader: &mut Reader<'_>) -> Option<Roots> {
    let given = reader.given("upstream.sslrootcert")?;
    if given.text.expose() == "system" {
        reader.show("upstream.sslrootcert", "system".to_owned(), Some(given.origin));
        return Some(Roots::Platform);
    }
    reader.optional_path("upstream.sslrootcert").map(Roots::File)
}

/// As libpq: `sslrootcert=system` allows nothing below verify-full, and `require` with roots of its own checks against them.
fn ssl_mode(asked: Option<SslMode>, roots: Option<&Roots>, hosts: &[Host], reader: &mut Reader<'_>) -> SslMode {
    match (asked, roots) {
        (None, Some(Roots::Platform)) => SslMode::VerifyFull,
        (Some(SslMode::VerifyFull), _) => SslMode::VerifyFull,
        (Some(_), Some(Roots::Platform)) => {
            reader
                .fail(None, "sslrootcert = \"system\" needs sslmode = \"verify-full\": anybody can have a certificate from a public root");
            SslMode::VerifyFull
        }
        (Some(SslMode::Require), Some(Roots::File(_))) => SslMode::VerifyCa,
        (Some(mode), _) => {
            if matches!(mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer | SslMode::Require) && !hosts.iter().all(is_near) {
                reader.warnings.push(format!(
                    "upstream sslmode {} off loopback: the server is not checked, anybody on the way can pose as it; verify-full is safe",
                    mode.show()
                ));
            }
            mode
        }
        (None, Some(Roots::File(_)) | None) if !hosts.iter().all(is_near) => SslMode::VerifyFull,
        // A CA named for a server beside us is meant to be used.
        (None, Some(Roots::File(_))) => SslMode::VerifyFull,
        (None, None) => SslMode::Prefer,
    }
}

/// Nobody stands between us and a server on this machine.
fn is_near(host: &Host) -> bool {
    match host {
        Host::Unix { .. } => true,
        Host::Tcp { name, .. } => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
        }
    }
}

fn roles(reader: &mut Reader<'_>) -> BTreeMap<String, Credential> {
    let mut roles = BTreeMap::new();
    for role in reader.names("upstream.roles") {
        let ways = ["password", "password_file", "password_env"]
            .into_iter()
            .map(|way| {
                let mut keys = path("upstream.roles");
                keys.extend([role.clone(), way.to_owned()]);
                (format!("upstream.roles.{role}.{way}"), reader.in_file(keys))
            })
            .collect();
        // A role without a password logs in by certificate, or the server trusts it.
        let password = reader.one_of(ways).and_then(|(name, given)| reader.secret(&name, given));
        let shown = if password.is_some() { "(has a password)" } else { "(no password)" };
        reader.show(format!("upstream.roles.{role}"), shown.to_owned(), None);
        roles.insert(role.clone(), Credential { user: role, password });
    }
    roles
}
