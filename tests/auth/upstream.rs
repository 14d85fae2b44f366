//! Links to a real server: each `sslmode` with each kind of certificate, each way to authenticate, several hosts, cancel.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pgsluice::host::link::{Connector, Link, LinkError, Minor, Request};
use pgsluice::host::scram::Verifier;
use pgsluice::host::secret::Secret;
use pgsluice::host::stream::Keepalive;
use pgsluice::host::upstream::{ChannelBinding, ClientCertificate, Credential, Host, Roots, SslMode, TargetSession, Upstream, UpstreamTls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::certificates::Certificates;
use crate::cluster::{self, Cluster};

const HBA: &str = "
local     all all                  trust
host      all trusty  127.0.0.1/32 trust
host      all scram   127.0.0.1/32 scram-sha-256
host      all ours    127.0.0.1/32 scram-sha-256
host      all readers 127.0.0.1/32 scram-sha-256
host      all md5     127.0.0.1/32 md5
host      all plain   127.0.0.1/32 password
hostssl   all cert    127.0.0.1/32 cert
hostssl   all tlsonly 127.0.0.1/32 scram-sha-256
hostnossl all nottls  127.0.0.1/32 scram-sha-256
";

const ROLES: &str = "
CREATE ROLE trusty LOGIN; CREATE ROLE cert LOGIN; CREATE ROLE sleepy NOLOGIN;
CREATE ROLE scram LOGIN PASSWORD 'right'; CREATE ROLE plain LOGIN PASSWORD 'right';
CREATE ROLE tlsonly LOGIN PASSWORD 'right'; CREATE ROLE nottls LOGIN PASSWORD 'right';
CREATE ROLE readers LOGIN PASSWORD 'right'; ALTER ROLE readers SET default_transaction_read_only = on;
SET password_encryption = 'md5'; CREATE ROLE md5 LOGIN PASSWORD 'right'";

struct World {
    primary: Cluster,
    standby: Cluster,
    certificates: Certificates,
    folder: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::make(folder.path());
        cluster::give_to_server(folder.path());
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        cluster::initialise(&first);
        std::fs::write(first.join("pg_hba.conf"), HBA).unwrap();
        let files = ["server.pem", "server.key", "root.pem", "old.pem", "old.key"];
        let files = files.map(|file| certificates.file(file).display().to_string());
        use std::os::unix::fs::PermissionsExt;
        for key in ["server.key", "old.key"] {
            std::fs::set_permissions(certificates.file(key), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        let settings = [("ssl", "on"), ("ssl_cert_file", &files[0]), ("ssl_key_file", &files[1]), ("ssl_ca_file", &files[2])];
        // The roles are made first, so that the standby has them too.
        let maker = Cluster::start(&first, folder.path(), &settings);
        maker.sql(folder.path(), ROLES);
        let verifier = Verifier::new(&Secret::new("right")).unwrap();
        maker.sql(folder.path(), &format!("CREATE ROLE ours LOGIN PASSWORD '{verifier}'"));
        drop(maker);
        // A copy that waits for a primary is a standby like any other.
        assert!(std::process::Command::new("cp").arg("-a").args([&first, &second]).status().unwrap().success());
        std::fs::write(second.join("standby.signal"), "").unwrap();
        cluster::give_to_server(&second);
        let primary = Cluster::start(&first, folder.path(), &settings);
        // Made as the manual says, years ago.
        let settings = [("ssl", "on"), ("ssl_cert_file", &files[3]), ("ssl_key_file", &files[4])];
        let standby = Cluster::start(&second, folder.path(), &settings);
        Self { primary, standby, certificates, folder }
    }

    fn host(&self, name: &str) -> Host {
        Host::Tcp { name: name.into(), port: self.primary.port }
    }

    async fn major(&self) -> u32 {
        let link = Try::new(self.host("127.0.0.1"), "trusty", SslMode::Disable).connect().await.unwrap();
        let (_, version) = link.parameters.iter().find(|(name, _)| &**name == b"server_version").unwrap();
        String::from_utf8_lossy(version).split(['.', ' ', 'b', 'r', 'd']).next().unwrap().parse().unwrap()
    }

    fn standby(&self) -> Host {
        Host::Tcp { name: "127.0.0.1".into(), port: self.standby.port }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.certificates.file(name)
    }
}

/// One login to try; made by small changes to the plainest.
#[derive(Clone)]
struct Try {
    upstream: Upstream,
    database: &'static str,
    parameters: Vec<(String, String)>,
    minor: Minor,
}

impl Try {
    fn new(host: Host, user: &str, mode: SslMode) -> Self {
        let tls =
            UpstreamTls { mode, roots: Roots::Platform, client_certificate: None, channel_binding: ChannelBinding::Prefer, direct: false };
        let upstream = Upstream {
            hosts: vec![host],
            database: "postgres".into(),
            credential: Credential { user: user.into(), password: Some(Secret::new("right")) },
            tls,
            target_session: TargetSession::Any,
            connect_timeout: Duration::from_secs(20),
        };
        Self { upstream, database: "postgres", parameters: Vec::new(), minor: Minor::Zero }
    }

    fn with(mut self, change: impl FnOnce(&mut Upstream)) -> Self {
        change(&mut self.upstream);
        self
    }

    fn password(self, password: &str) -> Self {
        self.with(|upstream| upstream.credential.password = Some(Secret::new(password)))
    }

    fn root(self, path: PathBuf) -> Self {
        self.with(|upstream| upstream.tls.roots = Roots::File(path))
    }

    fn binding(self, binding: ChannelBinding) -> Self {
        self.with(|upstream| upstream.tls.channel_binding = binding)
    }

    async fn connect(&self) -> Result<Link, LinkError> {
        let keepalive = Keepalive {
            idle: Some(Duration::from_secs(60)),
            interval: Some(Duration::from_secs(10)),
            count: Some(3),
            user_timeout: Some(Duration::from_secs(30)),
        };
        let connector = Connector::load(Arc::new(self.upstream.clone()), keepalive, self.minor).unwrap();
        let credential = &self.upstream.credential;
        connector.connect(Request { credential, database: self.database, parameters: &self.parameters }).await
    }

    /// Connects, and asks the server who is there and whether over TLS.
    async fn outcome(&self) -> String {
        match self.connect().await {
            Ok(mut link) => {
                let over = ask(
                    &mut link,
                    "SELECT current_user || CASE WHEN ssl THEN ' tls' ELSE ' open' END FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
                )
                .await;
                let text = String::from_utf8_lossy(&over).into_owned();
                let found = [" tls", " open"].into_iter().find(|word| text.contains(word));
                assert!(text.contains(&self.upstream.credential.user), "{text}");
                found.unwrap_or("no answer").trim().to_owned()
            }
            Err(error) => kind(&error).to_owned(),
        }
    }
}

fn kind(error: &LinkError) -> &'static str {
    match error {
        LinkError::Server(_) => "server",
        LinkError::SignIn { .. } => "sign-in",
        LinkError::Authentication(_) => "authentication",
        LinkError::Tls(_) => "no tls",
        LinkError::Unreachable { .. } => "unreachable",
        LinkError::TimedOut { .. } => "timed out",
        LinkError::NoneSuits { .. } => "none suits",
        LinkError::Protocol(_) => "protocol",
    }
}

async fn send(link: &mut Link, sql: &str) {
    let mut out = Vec::new();
    pgsluice::wire::write::message(&mut out, b'Q', |body| {
        body.string(sql.as_bytes());
    });
    link.stream.write_all(&out).await.unwrap();
    link.stream.flush().await.unwrap();
}

/// Everything up to ReadyForQuery.
async fn answer(link: &mut Link) -> Vec<u8> {
    let mut heard = Vec::new();
    while !heard.ends_with(b"Z\0\0\0\x05I") {
        assert_ne!(link.stream.read_buf(&mut heard).await.unwrap(), 0, "the server closed");
    }
    heard
}

async fn ask(link: &mut Link, sql: &str) -> Vec<u8> {
    send(link, sql).await;
    answer(link).await
}

#[tokio::test]
async fn links_to_a_real_server() {
    let world = World::start();
    modes(&world).await;
    methods(&world).await;
    several_hosts(&world).await;
    details(&world).await;
    cancel(&world).await;
}

async fn modes(world: &World) {
    use SslMode::{Allow, Disable, Prefer, Require, VerifyCa, VerifyFull};
    let (named, addressed) = ("localhost", "127.0.0.1");
    let (good, bad) = (Some("root.pem"), Some("stranger.pem"));
    for (mode, host, root, expected) in [
        (Disable, named, None, "open"),
        (Disable, named, bad, "open"),
        (Allow, named, bad, "open"),
        (Prefer, named, None, "tls"),
        (Prefer, addressed, bad, "tls"),
        (Require, named, None, "tls"),
        (Require, addressed, None, "tls"),
        (Require, named, good, "tls"),
        (Require, addressed, good, "tls"),
        (Require, named, bad, "no tls"),
        (VerifyCa, named, good, "tls"),
        (VerifyCa, addressed, good, "tls"),
        (VerifyCa, named, bad, "no tls"),
        (VerifyCa, named, None, "no tls"),
        // The server's own certificate as the root: pinned.
        (VerifyCa, addressed, Some("server.pem"), "tls"),
        (VerifyFull, named, Some("server.pem"), "tls"),
        (VerifyFull, named, good, "tls"),
        (VerifyFull, addressed, good, "no tls"),
        (VerifyFull, named, bad, "no tls"),
        (VerifyFull, named, None, "no tls"),
    ] {
        let mut case = Try::new(world.host(host), "scram", mode);
        if let Some(root) = root {
            case = case.root(world.file(root));
        }
        assert_eq!(case.outcome().await, expected, "{mode:?} {host} {root:?}");
    }
    for (mode, host, root, expected) in [
        (Prefer, named, None, "tls"),
        (Require, addressed, None, "tls"),
        (VerifyCa, addressed, Some("oldroot.pem"), "tls"),
        (VerifyFull, named, Some("oldroot.pem"), "tls"),
        (VerifyFull, addressed, Some("oldroot.pem"), "no tls"),
        // Another authority by the same name.
        (VerifyCa, named, Some("impostor.pem"), "no tls"),
        (VerifyFull, named, good, "no tls"),
        (VerifyCa, named, None, "no tls"),
    ] {
        let port = world.standby.port;
        let mut case = Try::new(Host::Tcp { name: host.into(), port }, "scram", mode).binding(ChannelBinding::Require);
        if let Some(root) = root {
            case = case.root(world.file(root));
        }
        assert_eq!(case.outcome().await, expected, "version 1: {mode:?} {host} {root:?}");
    }
    for (user, mode, expected) in [
        ("tlsonly", Disable, "sign-in"),
        ("tlsonly", Allow, "tls"),
        ("tlsonly", Prefer, "tls"),
        ("nottls", Prefer, "open"),
        ("nottls", Allow, "open"),
        ("nottls", Require, "sign-in"),
    ] {
        assert_eq!(Try::new(world.host(named), user, mode).outcome().await, expected, "{user} {mode:?}");
    }
    // TLS from the first byte: servers before 17 end the connection.
    let direct = Try::new(world.host(named), "scram", VerifyFull).root(world.file("root.pem"));
    let direct = direct.with(|upstream| upstream.tls.direct = true).binding(ChannelBinding::Require);
    assert_eq!(direct.outcome().await, if world.major().await >= 17 { "tls" } else { "no tls" });
}

async fn methods(world: &World) {
    use ChannelBinding::{Disable as Off, Prefer, Require as Bound};
    use SslMode::{Disable, Require};
    for (user, mode, binding, expected) in [
        ("scram", Require, Bound, "tls"),
        ("scram", Require, Prefer, "tls"),
        ("scram", Require, Off, "tls"),
        ("scram", Disable, Prefer, "open"),
        ("scram", Disable, Bound, "authentication"),
        // A verifier of our making, in the server's hands.
        ("ours", Require, Bound, "tls"),
        ("md5", Disable, Prefer, "open"),
        ("md5", Require, Prefer, "tls"),
        ("md5", Require, Bound, "authentication"),
        ("plain", Require, Prefer, "tls"),
        ("plain", Disable, Prefer, "authentication"),
        ("plain", Require, Bound, "authentication"),
        ("trusty", Disable, Prefer, "open"),
        ("trusty", Require, Bound, "authentication"),
        ("cert", Require, Prefer, "sign-in"),
        ("sleepy", Disable, Prefer, "sign-in"),
        ("nobody", Require, Prefer, "sign-in"),
    ] {
        let case = Try::new(world.host("localhost"), user, mode).binding(binding);
        assert_eq!(case.outcome().await, expected, "{user} {mode:?} {binding:?}");
        if ["scram", "ours", "md5", "plain"].contains(&user) && (expected == "tls" || expected == "open") {
            let error = case.clone().password("wrong").connect().await.unwrap_err();
            assert!(error.credential_refused(), "{user}: {error}");
            assert!(!format!("{:?}", error.for_agent()).contains(user), "{user}");
            let none = case.with(|upstream| upstream.credential.password = None);
            assert_eq!(none.outcome().await, "authentication", "{user} without a password");
        }
    }
    for (own, expected) in [("client", "tls"), ("badclient", "no tls")] {
        let case = Try::new(world.host("localhost"), "cert", SslMode::VerifyFull).root(world.file("root.pem"));
        let case = case.with(|upstream| {
            let [certificate, key] = ["pem", "key"].map(|kind| world.file(&format!("{own}.{kind}")));
            upstream.tls.client_certificate = Some(ClientCertificate { certificate, key });
        });
        // TLS 1.3 tells of a bad client certificate only after the handshake.
        let got = case.outcome().await;
        assert!(got == expected || (expected == "no tls" && ["unreachable", "sign-in"].contains(&got.as_str())), "{own}: {got}");
    }
    let local = Host::Unix { folder: world.folder.path().into(), port: world.primary.port };
    assert_eq!(Try::new(local, "scram", SslMode::VerifyFull).root(world.file("root.pem")).outcome().await, "open");
}

async fn several_hosts(world: &World) {
    use TargetSession::{Any, PreferStandby, Primary, ReadOnly, ReadWrite, Standby};
    let (primary, standby) = (world.host("127.0.0.1"), world.standby());
    // A port that was free a moment ago and that nobody listens on.
    let down = {
        let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Host::Tcp { name: "127.0.0.1".into(), port: held.local_addr().unwrap().port() }
    };
    let nowhere = Host::Tcp { name: "no-such-host.invalid".into(), port: 1 };
    for (hosts, wanted, user, expected) in [
        (vec![&down, &primary], Any, "scram", "primary"),
        (vec![&nowhere, &down, &standby, &primary], Any, "scram", "standby"),
        (vec![&standby, &primary], ReadWrite, "scram", "primary"),
        (vec![&standby, &primary], Primary, "scram", "primary"),
        (vec![&primary, &standby], Standby, "scram", "standby"),
        (vec![&primary, &standby], ReadOnly, "scram", "standby"),
        (vec![&primary, &standby], PreferStandby, "scram", "standby"),
        (vec![&primary, &down], PreferStandby, "scram", "primary"),
        (vec![&primary], ReadOnly, "readers", "primary"),
        (vec![&primary], ReadWrite, "readers", "none suits"),
        (vec![&primary, &down], Standby, "scram", "none suits"),
        (vec![&down, &down], Any, "scram", "unreachable"),
        (vec![], Any, "scram", "unreachable"),
        // A wrong login is not tried at the next host.
        (vec![&primary, &standby], Any, "nobody", "sign-in"),
    ] {
        let hosts: Vec<Host> = hosts.into_iter().cloned().collect();
        let case = Try::new(primary.clone(), user, SslMode::Prefer).with(|upstream| {
            upstream.hosts = hosts.clone();
            upstream.target_session = wanted;
        });
        let got = match case.connect().await {
            Ok(link) => {
                let standby = link.parameters.iter().any(|(name, value)| &**name == b"in_hot_standby" && &**value == b"on");
                if standby { "standby" } else { "primary" }
            }
            Err(error) => kind(&error),
        };
        assert_eq!(got, expected, "{hosts:?} {wanted:?} {user}");
    }
}

async fn details(world: &World) {
    // What the agent asked for arrives, and what is wrong with it comes back in the server's words.
    let mut case = Try::new(world.host("localhost"), "scram", SslMode::Require);
    case.parameters = vec![("application_name".into(), "an agent".into()), ("DateStyle".into(), "SQL, DMY".into())];
    let link = case.connect().await.unwrap();
    let reported = |name: &str| link.parameters.iter().find(|(key, _)| &**key == name.as_bytes()).map(|(_, value)| value.to_vec());
    assert_eq!(reported("application_name"), Some(b"an agent".to_vec()));
    assert_eq!(reported("DateStyle"), Some(b"SQL, DMY".to_vec()));
    assert!(reported("server_version").is_some() && link.buffered.is_empty() && link.stream.is_tls());
    assert_eq!(link.canceller.as_ref().unwrap().key.as_bytes().len(), 4);

    case.parameters = vec![("DateStyle".into(), "nonsense".into())];
    assert_eq!(case.connect().await.unwrap_err().for_agent().code, "22023");
    case.parameters = Vec::new();
    case.database = "nowhere";
    let report = case.connect().await.unwrap_err().for_agent();
    assert_eq!((&*report.code, &*report.message), ("3D000", "database \"nowhere\" does not exist"));

    // A server that does not know 3.2 says so and goes on; one that does gives a longer key.
    case.database = "postgres";
    case.minor = Minor::Two;
    let link = case.connect().await.unwrap();
    let expected = if world.major().await >= 18 { 32 } else { 4 };
    assert_eq!(link.canceller.unwrap().key.as_bytes().len(), expected);
}

async fn cancel(world: &World) {
    let local = Host::Unix { folder: world.folder.path().into(), port: world.primary.port };
    for (host, mode) in
        [(world.host("localhost"), SslMode::Require), (world.host("localhost"), SslMode::Disable), (local, SslMode::Disable)]
    {
        let case = Try::new(host, "scram", mode);
        let (mut busy, mut other) = (case.connect().await.unwrap(), case.connect().await.unwrap());
        ask(&mut other, "SELECT pg_advisory_lock(1)").await;
        send(&mut busy, "SELECT pg_advisory_lock(1)").await;
        while !ask(&mut other, "SELECT 'waits' FROM pg_locks WHERE NOT granted").await.windows(5).any(|word| word == b"waits") {}
        busy.canceller.clone().unwrap().cancel().await.unwrap();
        let heard = answer(&mut busy).await;
        assert!(heard.windows(6).any(|code| code == b"C57014"), "{}", String::from_utf8_lossy(&heard));
    }
}
