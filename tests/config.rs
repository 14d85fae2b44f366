//! The configuration as a whole: what counts, what is refused and with what words, and that no secret is ever repeated.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use pgsluice::audit::seal::{PrivateKey, PublicKey};
use pgsluice::host::config::{Anchor, ClientTls, Collector, Config, ConfigError, Flags, KeepSql, Local, Sources};
use pgsluice::host::secret::Secret;
use pgsluice::host::upstream::{Roots, SslMode};
use pgsluice::wire::frame::Caps;
use proptest::prelude::*;
use tempfile::TempDir;

struct Setup {
    folder: TempDir,
    sources: Sources,
}

fn setup(toml: &str) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pgsluice.toml");
    std::fs::write(&file, toml).unwrap();
    let environment = BTreeMap::from([("HOME".to_owned(), "/home/ann".to_owned())]);
    Setup { folder, sources: Sources { file: Some(file), environment, flags: Flags::default() } }
}

impl Setup {
    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    fn load(&self) -> Result<Config, ConfigError> {
        Config::load(&self.sources)
    }

    /// The error with the file's folder taken off.
    fn refusal(&self) -> String {
        let text = self.load().unwrap_err().to_string();
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

const URL: &str = "upstream = \"postgres://app@localhost/shop\"\n";

fn with_url(toml: &str) -> Setup {
    setup(&format!("{URL}{toml}"))
}

#[test]
fn a_url_is_enough() {
    let mut sources = Sources { environment: BTreeMap::from([("HOME".to_owned(), "/home/ann".to_owned())]), ..Sources::default() };
    sources.flags.upstream = Some(Secret::new("postgres://app:pw@db.example/shop"));
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.listener.addresses, ["127.0.0.1:6432".parse().unwrap()]);
    assert_eq!(config.listener.tls, ClientTls::Off);
    assert_eq!(config.server.upstream.tls.mode, SslMode::VerifyFull);
    assert_eq!(config.server.upstream.tls.roots, Roots::Platform);
    assert_eq!(config.state, PathBuf::from("/home/ann/.local/state/pgsluice"));
    assert_eq!(config.listener.login_timeout, Duration::from_secs(60));
    assert_eq!(config.capacity.wait, Some(Duration::from_secs(120)));
    assert!(config.warnings.iter().any(|warning| warning.contains("--upstream")), "{:?}", config.warnings);
    assert_eq!((config.limits.client.cap(b'Q'), config.limits.client.cap(b'S')), (Some(16 << 20), Some(0)));
    assert_eq!((config.limits.client.cap(b'z'), config.limits.server.cap(b'D')), (None, Some(1 << 30)));
}

#[test]
fn a_flag_goes_before_the_environment_and_the_environment_before_the_file() {
    let from_file = with_url("listen_port = 1\nlisten_addr = \"127.0.0.1\"\n");
    assert_eq!(from_file.load().unwrap().listener.addresses, ["127.0.0.1:1".parse().unwrap()]);
    let mut both = from_file.variable("PGSLUICE_LISTEN_PORT", "2");
    assert_eq!(both.load().unwrap().listener.addresses, ["127.0.0.1:2".parse().unwrap()]);
    both.sources.flags.listen = Some(("::1".to_owned(), 3));
    assert_eq!(both.load().unwrap().listener.addresses, ["[::1]:3".parse().unwrap()]);

    let mut url = setup("[upstream]\nurl = \"postgres://a@localhost/x\"\nsslmode = \"require\"\n")
        .variable("PGSLUICE_UPSTREAM", "postgres://b@localhost/y");
    assert_eq!(url.load().unwrap().server.upstream.database, "y");
    url.sources.flags.upstream = Some(Secret::new("postgres://c@localhost/z"));
    let config = url.load().unwrap();
    assert_eq!((config.server.upstream.database.as_str(), config.server.upstream.tls.mode), ("z", SslMode::Require));
    // An empty variable is as good as none.
    assert_eq!(with_url("").variable("PGSLUICE_UPSTREAM", "").load().unwrap().server.upstream.database, "shop");
}

#[test]
fn refusals_name_the_place_and_what_to_do() {
    let cases = [
        ("listen_prt = 1", "pgsluice.toml:2:1: unknown key listen_prt: did you mean listen_port?"),
        ("  zebra = 1", "pgsluice.toml:2:3: unknown key zebra"),
        ("sslmode = \"require\"", "pgsluice.toml:2:1: unknown key sslmode: did you mean upstream.sslmode?"),
        ("[limit]\nx = 1\ny = 2", "pgsluice.toml:2:2: unknown key limit: did you mean limits?"),
        ("[limits]\nmax_query_lenght = 1", "pgsluice.toml:3:1: unknown key limits.max_query_lenght: did you mean max_query_length?"),
        ("[databases.shop]\nenvironmnt = \"x\"", "pgsluice.toml:3:1: unknown key databases.shop.environmnt: did you mean environment?"),
        ("listen_port = 65536", "pgsluice.toml:2:15: listen_port: expected a port from 0 to 65535, not \"65536\""),
        ("tcp_keepalive = \"maybe\"", "tcp_keepalive: expected one of on, off, true"),
        (
            "query_wait_timeout = \"soon\"",
            "query_wait_timeout: expected a time such as 30s, 500ms, 10min or plain seconds; 0 turns it off, not \"soon\"",
        ),
        ("client_login_timeout = 0", "client_login_timeout: expected a time longer than zero"),
        ("listen_addr = \"db.example\"", "listen_addr: expected IP addresses"),
        ("workers = [1]", "pgsluice.toml:2:11: workers: expected a text, a whole number, true or false"),
        ("[workers]\n", "pgsluice.toml:2:2: workers takes a value, not a table"),
        ("limits = 5", "pgsluice.toml:2:1: limits is a table: write [limits]"),
        ("listen_port = ", "pgsluice.toml:2:15: not valid TOML"),
        ("listen_port = 1\nlisten_port = 2", "pgsluice.toml:3:1: not valid TOML: duplicate key"),
        ("log_level = \"pgsluice=loud\"", "log_level: expected a level"),
        ("log_level = \"verbose\"", "log_level: expected a level"),
        ("upstream_file = \"x\"", "upstream_file and upstream are both given: keep one of them"),
        ("[upstream.roles.r]", "beside a table [upstream], write the URL as its key url"),
        ("server_connect_timeout = -1", "server_connect_timeout: expected a time"),
    ];
    for (toml, expected) in cases {
        let refusal = with_url(toml).refusal();
        assert!(refusal.contains(expected), "{toml}\n  {refusal}");
        assert_eq!(refusal.lines().count(), 1, "{refusal}");
    }
    assert!(setup("").refusal().contains("no PostgreSQL server is named: give --upstream"));
    let refusal = with_url("").variable("PGSLUICE_LISTEN_PORT", "high").refusal();
    assert_eq!(refusal, "PGSLUICE_LISTEN_PORT: listen_port: expected a port from 0 to 65535, not \"high\"");
    let all = with_url("a = 1\nlisten_port = \"x\"\nworkers = 0\n").refusal();
    assert_eq!(all.lines().count(), 3, "{all}");
    let mut missing = with_url("");
    missing.sources.file = Some(PathBuf::from("/nowhere/pgsluice.toml"));
    assert!(missing.refusal().contains("cannot read the configuration /nowhere/pgsluice.toml"));
}

#[test]
fn off_loopback_tls_is_required_unless_turned_off_by_its_name() {
    let listen = "listen_addr = \"0.0.0.0\"\n";
    let files = "client_tls_cert_file = \"cert.pem\"\nclient_tls_key_file = \"key.pem\"\n";
    let with = |toml: String| with_url(&toml).file("cert.pem", "x").file("key.pem", "x");
    let tls = |toml: String| with(toml).load().unwrap().listener.tls;
    let refusal = with(listen.to_owned()).refusal();
    assert!(refusal.contains("off loopback TLS is required: give client_tls_cert_file"), "{refusal}");
    let disabled = with(format!("{listen}client_tls_sslmode = \"disable\"\n")).load().unwrap();
    assert_eq!(disabled.listener.tls, ClientTls::Off);
    assert!(disabled.warnings.iter().any(|warning| warning.contains("clear text")));
    assert!(matches!(tls(format!("{listen}{files}")), ClientTls::Required(_)));
    assert!(matches!(tls(files.to_owned()), ClientTls::Offered(_)));
    assert!(matches!(tls(format!("{files}client_tls_sslmode = \"require\"\n")), ClientTls::Required(_)));
    for mode in ["allow", "prefer"] {
        let refusal = with(format!("{listen}{files}client_tls_sslmode = \"{mode}\"\n")).refusal();
        assert!(refusal.contains("write \"require\""), "{refusal}");
    }
    assert!(with("client_tls_sslmode = \"require\"".to_owned()).refusal().contains("TLS needs a certificate"));
    assert!(with("client_tls_cert_file = \"cert.pem\"".to_owned()).refusal().contains("give client_tls_key_file too"));
    assert!(with_url(files).refusal().contains("client_tls_cert_file: cannot read cert.pem"));
    // One address off loopback among others is enough.
    assert!(with("listen_addr = \"127.0.0.1, 10.0.0.1\"".to_owned()).refusal().contains("off loopback"));
    assert!(with("listen_addr = \"127.0.0.1, ::1\"".to_owned()).load().is_ok());
}

#[test]
fn how_the_server_is_checked() {
    let mode = |url: &str, toml: &str| {
        setup(&format!("[upstream]\nurl = \"{url}\"\n{toml}")).file("ca.pem", "x").load().map(|config| config.server.upstream.tls.mode)
    };
    let cases = [
        ("postgres://u@localhost/d", "", SslMode::Prefer),
        ("postgres://u@/d?host=/tmp", "", SslMode::Prefer),
        ("postgres://u@127.0.0.9,[::1]/d", "", SslMode::Prefer),
        ("postgres://u@localhost,db.example/d", "", SslMode::VerifyFull),
        ("postgres://u@db.example/d?sslmode=require", "", SslMode::Require),
        ("postgres://u@db.example/d?sslmode=require", "sslrootcert = \"ca.pem\"", SslMode::VerifyCa),
        ("postgres://u@db.example/d?sslmode=require", "sslmode = \"disable\"", SslMode::Disable),
        ("postgres://u@localhost/d", "sslrootcert = \"system\"", SslMode::VerifyFull),
    ];
    for (url, toml, expected) in cases {
        assert_eq!(mode(url, toml).unwrap(), expected, "{url} {toml}");
    }
    for (url, toml, expected) in [
        ("postgres://u@h/d?sslmode=require", "sslrootcert = \"system\"", "needs sslmode = \"verify-full\""),
        ("postgres://u@h/d?sslmode=prefer", "sslnegotiation = \"direct\"", "direct TLS needs sslmode require"),
        ("postgres://u@h/d", "sslcert = \"ca.pem\"", "belong together"),
        ("postgres://u@h/d", "sslrootcert = \"none.pem\"", "cannot read"),
    ] {
        let error = mode(url, toml).unwrap_err().to_string();
        assert!(error.contains(expected), "{url} {toml}: {error}");
    }
}

#[test]
fn roles_have_logins_of_their_own() {
    let toml = "[upstream]\nurl = \"postgres://app@localhost/shop\"\n[upstream.roles.reader]\npassword_file = \"reader.txt\"\n[upstream.roles.\"odd.name\"]\npassword_env = \"ODD_PASSWORD\"\n\
                [upstream.roles.trusted]\n[databases.shop]\nenvironment = \"production\"\n[databases.other]\n";
    let setup =
        self::setup(toml).file("reader.txt", "s3cret\r\n").variable("ODD_PASSWORD", "0dd").variable("PGSLUICE_UPSTREAM_PASSWORD", "0wn");
    let config = setup.load().unwrap();
    let password = |role| config.server.credential(role).map(|login| (login.user.as_str(), login.password.as_ref().map(Secret::expose)));
    assert_eq!(password(Some("reader")), Some(("reader", Some("s3cret"))));
    assert_eq!(password(Some("odd.name")), Some(("odd.name", Some("0dd"))));
    assert_eq!(password(Some("trusted")), Some(("trusted", None)));
    assert_eq!(password(Some("stranger")), None);
    assert_eq!(password(None), Some(("app", Some("0wn"))));
    assert_eq!((config.environment("shop"), config.environment("other"), config.environment("x")), (Some("production"), None, None));
    let local = Local::load(&setup.sources).unwrap();
    assert_eq!(local.roles.unwrap().into_iter().collect::<Vec<_>>(), ["odd.name", "reader", "trusted"]);

    for (toml, expected) in [
        ("[upstream.roles.r]\npassword = \"a\"\npassword_env = \"B\"", "are both given"),
        ("[upstream.roles.r]\npassword_env = \"MISSING\"", "the environment variable MISSING is not set"),
        ("[upstream.roles.r]\npassword_file = \"missing\"", "cannot read"),
        ("[upstream.roles.r]\npassword = \"\"", "upstream.roles.r.password is empty"),
        ("[upstream.roles]\nr = \"x\"", "upstream.roles.r is a table"),
    ] {
        // A dotted upstream string and a table cannot stand in one file, so the URL comes from outside.
        let refusal = self::setup(toml).variable("PGSLUICE_UPSTREAM", "postgres://u@localhost/d").refusal();
        assert!(refusal.contains(expected), "{toml}: {refusal}");
    }
}

#[test]
fn what_a_reload_cannot_change_is_named() {
    let old = with_url("").load().unwrap();
    assert_eq!(old.needs_restart(&with_url("max_client_conn = 5\nlog_level = \"debug\"\n").load().unwrap()), Vec::<&str>::new());
    let new = with_url("listen_port = 1\nworkers = 77\nstate = \"elsewhere\"\n").load().unwrap();
    assert_eq!(old.needs_restart(&new), ["state", "listen_addr, listen_port", "workers"]);
}

#[test]
fn variables_that_mean_nothing_are_warned_of_and_platform_ones_are_not() {
    let config = with_url("")
        .variable("PGSLUICE_LISTN_PORT", "5")
        .variable("PGSLUICE_PORT", "tcp://10.0.0.1:6432")
        .variable("PGSLUICE_SERVICE_HOST", "10.0.0.1")
        .load()
        .unwrap();
    assert_eq!(config.warnings, ["the environment has PGSLUICE_LISTN_PORT, which is no setting: did you mean PGSLUICE_LISTEN_PORT?"]);
}

#[test]
fn the_commands_beside_the_server_need_none_of_its_secrets() {
    let setup =
        setup("listen_addr = \"10.0.0.1\"\nnonsense = 1\n[upstream]\nurl = \"postgres://u@h/shop\"\npassword_file = \"/root/none\"\n");
    let local = Local::load(&setup.sources).unwrap();
    assert_eq!((local.listener.address, local.listener.port), ("10.0.0.1".parse().unwrap(), 6432));
    assert!(local.listener.tls_required && local.listener.database.as_deref() == Some("shop"));
}

const SECRET: &str = "hunter2hunter2";

#[test]
fn no_secret_in_errors_debug_output_or_the_report() {
    let good = [
        format!("upstream = \"postgres://u:{SECRET}@localhost/d\""),
        format!("[upstream]\nurl = \"postgres://u@localhost/d\"\npassword = \"{SECRET}\"\n[upstream.roles.r]\npassword = \"{SECRET}\""),
    ];
    for toml in good {
        let config = setup(&toml).load().unwrap();
        let shown = format!("{config} {config:?}");
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(config.warnings.iter().any(|warning| warning.contains("chmod 600")), "{:?}", config.warnings);
    }
    let bad = [
        format!("upstream = \"postgres://u:{SECRET}@h:port/d\""),
        format!("upstream = \"postgres://u:x@{SECRET}@h/d\""),
        format!("upstream = \"u:{SECRET}@h/d\""),
        format!("upstream_file = \"postgres://u:{SECRET}@h/d\""),
        format!("listen_addr = \"postgres://u:{SECRET}@h/d\""),
        format!("[upstream]\npasword = \"{SECRET}\""),
        format!("[upstream]\npassword = {SECRET}"),
        format!("[upstream]\npassword = \"{SECRET}"),
        format!("[upstream]\npassword = [\"{SECRET}\"]"),
        format!("[upstream]\npassword = \"{SECRET}\"\npassword = \"{SECRET}\""),
        format!("[upstream]\npassword = {{ a = \"{SECRET}\" }}"),
        format!("[upstream.roles]\nreader = \"{SECRET}\""),
        format!("[upstream.roles.r]\npassword_env = \"{SECRET}\""),
        format!("[upstream]\npassword = \"\\q{SECRET}\""),
    ];
    for toml in bad {
        let error = setup(&toml).load().unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(SECRET), "{toml}: {shown}");
    }
    let sources = setup("").variable("PGSLUICE_UPSTREAM", SECRET).sources;
    assert!(!format!("{sources:?} {}", Config::load(&sources).unwrap_err()).contains(SECRET));
}

/// 32 bytes in base64, as Standard Webhooks writes a secret.
const SIGNING: &str = "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ=";

/// A public key, as people copy it.
fn sealing_key() -> PublicKey {
    PrivateKey::from_random(&[7; 32].into()).public().unwrap()
}

#[test]
fn the_record_is_kept_masked_and_goes_nowhere_unless_told() {
    let audit = with_url("").load().unwrap().audit;
    assert_eq!((audit.keep_sql, audit.segment_size), (KeepSql::Masked, 16 << 20));
    assert_eq!(with_url("[audit]\nkeep_sql = \"shape\"\n").load().unwrap().audit.keep_sql, KeepSql::Shape);
    assert_eq!((audit.sync_interval, audit.checkpoint_interval), (Duration::from_millis(100), Duration::from_secs(60)));
    assert_eq!((audit.slow, audit.checkpoints.len(), audit.forwards.len()), (Duration::from_secs(1), 0, 0));
    let key = sealing_key();
    let sealed =
        with_url(&format!("[audit]\nkeep_sql = \"sealed\"\nsealing_key = \"{key}\"\nsegment_size = \"8MiB\"\n")).load().unwrap().audit;
    assert_eq!((sealed.keep_sql, sealed.segment_size), (KeepSql::Sealed { key }, 8 << 20));
}

#[test]
fn the_record_goes_where_lists_of_tables_say() {
    let toml = "health_listen = \"127.0.0.1:8432\"\n\
                [[audit.checkpoints]]\nto = \"stdout\"\n[[audit.checkpoints]]\nto = \"file\"\npath = \"anchor.jsonl\"\n\
                [[audit.checkpoints]]\nname = \"notary\"\nto = \"webhook\"\nurl = \"http://[::1]:9/hook?key=hidden\"\nsecret_file = \"signing\"\n\
                [[audit.forward]]\nname = \"siem\"\nto = \"syslog+tls://siem.internal\"\nca_file = \"ca.pem\"\n\
                [[audit.forward]]\nname = \"lake\"\nto = \"https://lake.internal/in\"\nbodies = false\nauthorization_env = \"LAKE\"\n";
    let setup = with_url(toml).file("signing", SIGNING).file("ca.pem", "x").variable("LAKE", "Bearer hidden");
    let config = setup.load().unwrap();
    let anchors: Vec<_> = config.audit.checkpoints.iter().map(|sink| sink.name.as_str()).collect();
    assert_eq!((anchors, config.health_listen), (vec!["stdout", "file", "notary"], Some("127.0.0.1:8432".parse().unwrap())));
    assert_eq!(config.audit.checkpoints[1].to, Anchor::File(setup.folder.path().join("anchor.jsonl")));
    let Anchor::Webhook(notary) = &config.audit.checkpoints[2].to else { panic!("{:?}", config.audit.checkpoints) };
    assert_eq!(notary.secret.as_ref().unwrap().0.as_slice(), b"hunter2hunter2hunter2hunter2hunt");
    let [siem, lake] = &config.audit.forwards[..] else { panic!("{:?}", config.audit.forwards) };
    let Collector::Syslog(syslog) = &siem.to else { panic!("{siem:?}") };
    let roots = Roots::File(setup.folder.path().join("ca.pem"));
    assert_eq!((syslog.host.as_str(), syslog.port, &syslog.tls, siem.bodies), ("siem.internal", 6514, &Some(roots), true));
    let Collector::Webhook(webhook) = &lake.to else { panic!("{lake:?}") };
    assert_eq!((webhook.authorization.as_ref().map(Secret::expose), lake.bodies), (Some("Bearer hidden"), false));
    let shown = format!("{config} {config:?}");
    assert!(!shown.contains("hidden") && !shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("audit.forward.2.to = https://lake.internal/…") && shown.contains("audit.forward.1.name = siem"), "{shown}");
    let changed = with_url("[audit]\nslow = 5\nsync_interval = \"1s\"\n").load().unwrap();
    assert_eq!(with_url("").load().unwrap().needs_restart(&changed), ["audit.sync_interval"]);
}

#[test]
fn where_the_record_cannot_go_is_refused() {
    let forward = |rest: &str| format!("[[audit.forward]]\nname = \"a\"\n{rest}");
    let cases = [
        (
            format!("[audit]\nkeep_sql = \"masked\"\nsealing_key = \"{}\"", sealing_key()),
            "audit.sealing_key: a key is used with keep_sql = \"sealed\" only",
        ),
        ("[audit]\nkeep_sql = \"sealed\"".to_owned(), "audit.keep_sql: \"sealed\" needs audit.sealing_key"),
        (
            "[audit]\nkeep_sql = \"sealed\"\nsealing_key = \"abc\"".to_owned(),
            "audit.sealing_key: expected the public key that `pgsluice audit keygen` printed",
        ),
        ("[audit]\nsealing_key = \"pgsluice-unseal-1-abc\"".to_owned(), "keygen` printed, pgsluice-seal-1-…"),
        (format!("[audit]\nsealing_key = \"{}\"", sealing_key()), "audit.sealing_key: a key is used with keep_sql = \"sealed\" only"),
        ("[audit]\nsegment_size = \"64KiB\"".to_owned(), "audit.segment_size: from 4MiB to 1GiB"),
        ("[audit]\nsync_interval = \"1min\"".to_owned(), "audit.sync_interval: at most 10s"),
        ("[audit]\ncheckpoint_interval = \"1ms\"".to_owned(), "audit.checkpoint_interval: from 1s to 1d"),
        ("[audit]\nslo = 1".to_owned(), "unknown key audit.slo: did you mean slow?"),
        ("health_listen = \"localhost\"".to_owned(), "health_listen: expected an IP address and a port"),
        ("[audit.forward]\nname = \"a\"".to_owned(), "pgsluice.toml:2:8: audit.forward is a list: write [[audit.forward]]"),
        ("[audit]\nforward = 5".to_owned(), "audit.forward is a list of tables: write [[audit.forward]]"),
        ("[[limits]]\nmax_query_length = 5".to_owned(), "limits is no list: write [limits]"),
        ("[[nonsense]]\nx = 5".to_owned(), "unknown key nonsense"),
        (forward(""), "audit.forward.1.to: is missing"),
        ("[[audit.forward]]\nto = \"https://h/\"\nsecret_env = \"S\"".to_owned(), "audit.forward.1.name: is missing"),
        (forward("to = \"https://h/\"\nurl = \"x\"\nsecret_env = \"S\""), "unknown key audit.forward.1.url"),
        (forward("to = \"http://siem.internal/in\""), "audit.forward.1.to: off loopback a webhook is https"),
        (forward("to = \"ftp://h/\""), "expected one of syslog+tls, syslog+tcp, https, http"),
        (forward("to = \"not a url\""), "audit.forward.1.to: expected a URL"),
        (forward("to = \"https://u:p@h/\""), "a URL with a password in it"),
        (forward("to = \"syslog+tcp://h\""), "which port?"),
        (forward("to = \"syslog+tls://h/path\""), "a host and a port is all that syslog needs"),
        (forward("to = \"https://h/\"\nsecret = \"whsec_short\""), "audit.forward.1.secret: expected whsec_"),
        (forward("to = \"https://h/\"\nsecret_env = \"S\"\nsecret_file = \"f\""), "are both given"),
        (forward("to = \"https://h/\"\nsecret_env = \"S\"\nca_file = \"none.pem\""), "audit.forward.1.ca_file: cannot read"),
        (forward("to = \"syslog+tls://h\"\ncertificate_file = \"c\""), "belong together"),
        (
            forward(&format!("to = \"syslog+tls://h\"\n{}", forward("to = \"syslog+tls://g\""))),
            "audit.forward.2.name: another one is called a already",
        ),
        ("[[audit.checkpoints]]\nto = \"file\"".to_owned(), "audit.checkpoints.1.path: is missing"),
        ("[[audit.checkpoints]]\nto = \"paper\"".to_owned(), "audit.checkpoints.1.to: expected one of stdout, file, webhook"),
        (
            "[[audit.checkpoints]]\nto = \"stdout\"\n[[audit.checkpoints]]\nto = \"stdout\"".to_owned(),
            "audit.checkpoints.2.name: another one is called stdout",
        ),
    ];
    for (toml, expected) in cases {
        let refusal = with_url(&toml).variable("S", SIGNING).file("f", SIGNING).refusal();
        assert!(refusal.contains(expected), "{toml}\n  {refusal}");
        assert_eq!(refusal.lines().count(), 1, "{toml}\n  {refusal}");
        assert!(!refusal.contains("unseal-1"), "{refusal}");
    }
    // By its number a variable would soon speak of another table.
    let config =
        with_url(&forward("to = \"syslog+tls://h\"")).variable("PGSLUICE_AUDIT_FORWARD_1_TO", "syslog+tls://other").load().unwrap();
    assert!(
        config.warnings.iter().any(|warning| warning.contains("PGSLUICE_AUDIT_FORWARD_1_TO, which is no setting")),
        "{:?}",
        config.warnings
    );
    let near = with_url(&forward("to = \"http://localhost:9/\"")).load().unwrap();
    assert!(near.warnings.iter().any(|warning| warning.contains("without secret or authorization")), "{:?}", near.warnings);
}

#[test]
fn errors_do_not_steer_the_terminal() {
    let refusal = with_url("\"\\u001b[31m\" = 1").refusal();
    assert!(!refusal.contains('\u{1b}') && refusal.contains("unknown key"), "{refusal}");
}

#[test]
fn every_setting_is_shown_with_its_origin_and_can_be_read_back() {
    let mut setup = with_url("listen_port = 7000\n").variable("PGSLUICE_QUERY_WAIT_TIMEOUT", "90");
    setup.sources.flags.state = Some(PathBuf::from("/srv/state"));
    let report = setup.load().unwrap().to_string();
    for (line, origin) in [
        ("listen_port = 7000", "# line 2"),
        ("query_wait_timeout = 90s", "# PGSLUICE_QUERY_WAIT_TIMEOUT"),
        ("state = /srv/state", "# --state"),
        ("client_login_timeout = 1min", "# default"),
        ("limits.max_query_length = 16MiB", "# default"),
    ] {
        assert!(report.lines().any(|found| found.starts_with(line) && found.ends_with(origin)), "{line} {origin}\n{report}");
    }
    // What is shown as a default is what one could have written.
    let quoted = |line: &str| {
        line.split_once(" #").and_then(|(setting, _)| setting.trim().split_once(" = ")).map(|(name, value)| format!("{name} = '{value}'\n"))
    };
    let again: String =
        report.lines().filter(|line| line.ends_with("# default") && !line.starts_with("upstream")).filter_map(quoted).collect();
    let read = with_url(&again).load().unwrap();
    let plain = with_url("").load().unwrap();
    assert_eq!((read.limits, read.capacity, read.listener, read.log), (plain.limits, plain.capacity, plain.listener, plain.log));
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}", lines in proptest::collection::vec("(\\[{0,2}(upstream|limits|databases|roles|audit|forward|a)(\\.[a-z\"]{1,4}){0,2}\\]{0,2}|(upstream|listen_addr|workers|state|password|url|max_query_length)( = ('[^']{0,9}'|[0-9]{1,22}|true|\\{ ?\\}|\\[\\]))?)", 0..6)) {
        setup(&text).load().ok();
        setup(&lines.join("\n")).load().ok();
        let setup = with_url("").variable("PGSLUICE_LISTEN_ADDR", &text).variable("PGSLUICE_DRAIN_TIMEOUT", &text).variable("PGSLUICE_UPSTREAM", &text);
        setup.load().ok();
        Local::load(&setup.sources).ok();
    }
}

#[test]
fn people_are_reached_by_tls_or_from_this_machine() {
    let web = |toml: &str| with_url(toml).file("web.crt", "x").file("web.key", "x");
    let plain = web("").load().unwrap();
    assert_eq!(plain.web.listen.map(|listen| (listen.address.to_string(), listen.by_default)), Some(("127.0.0.1:6433".to_owned(), true)));
    assert_eq!((plain.web.idle, plain.web.longest), (Duration::from_secs(1800), Duration::from_secs(43_200)));
    assert!(!plain.people.single_person);
    assert!(web("[web]\nlisten = \"off\"\n").load().unwrap().web.listen.is_none());
    let everywhere = "[web]\nlisten = \"0.0.0.0:443\"\n";
    assert!(
        web(everywhere).refusal().contains("pgsluice.toml:3:10: web.listen: off loopback passwords need TLS"),
        "{}",
        web(everywhere).refusal()
    );
    assert!(web(&format!("{everywhere}tls_cert = \"web.crt\"\ntls_key = \"web.key\"\n")).load().unwrap().web.tls.is_some());
    assert!(web("[web]\ntls_cert = \"web.crt\"\n").refusal().contains("a certificate needs its key"));
    assert!(web("[web]\ntls_key = \"web.key\"\n").refusal().contains("a key needs its certificate"));
    // Somebody else ends TLS: only by name, and with the address that people use.
    assert!(web(&format!("{everywhere}behind_proxy = true\n")).refusal().contains("web.public_url"));
    assert!(web(&format!("{everywhere}behind_proxy = true\npublic_url = \"http://a\"\n")).refusal().contains("https address"));
    let behind = web(&format!("{everywhere}behind_proxy = true\npublic_url = \"https://sluice.example\"\n")).load().unwrap();
    assert_eq!(behind.web.public_url.unwrap().as_str(), "https://sluice.example");
    assert!(web("[web]\npublic_url = \"https://a/b\"\n").refusal().contains("an address without a path"));
    let single = web("[people]\nsingle_person = true\n").load().unwrap();
    assert!(single.people.single_person && single.warnings.iter().any(|warning| warning.contains("single_person")));
}

#[test]
fn holds_have_their_times() {
    let standard = with_url("").load().unwrap().hold;
    assert_eq!((standard.wait_for, standard.expires), (Some(Duration::from_secs(30)), Duration::from_secs(3600)));
    assert_eq!((standard.approval_expires, standard.max_open_per_agent.get()), (Duration::from_secs(3600), 50));
    let mut setup = with_url("[hold]\nwait_for = \"5s\"\nexpires = \"2h\"\napproval_expires = \"10m\"\nmax_open_per_agent = 3\n");
    let hold = setup.load().unwrap().hold;
    assert_eq!((hold.wait_for, hold.expires), (Some(Duration::from_secs(5)), Duration::from_secs(7200)));
    assert_eq!((hold.approval_expires, hold.max_open_per_agent.get()), (Duration::from_secs(600), 3));
    setup.sources.flags.hold_wait = Some("0s".to_owned());
    assert_eq!(setup.load().unwrap().hold.wait_for, None);
    setup.sources.flags.hold_wait = Some("3h".to_owned());
    assert!(setup.refusal().contains("hold.wait_for: nothing waits longer than hold.expires"), "{}", setup.refusal());
}

#[test]
fn a_provider_is_named_with_the_groups_that_let_somebody_in() {
    const SHORT: &str = "[oidc]\nissuer = \"https://login.example.com/realms/main\"\nclient_id = \"pgsluice\"\n";
    const GROUP: &str = "[oidc.groups.\"Domain Admins\"]\nrole = \"reviewer\"\ngroup = \"dba\"\n";
    let with = |toml: &str| with_url(toml).file("secret", "hunter2\n");
    assert!(with_url("").load().unwrap().web.oidc.is_none());
    let full = with(&format!("{SHORT}client_secret_file = \"secret\"\n{GROUP}[oidc.parameters]\nprompt = \"consent\"\n"));
    let config = full.load().unwrap();
    let oidc = config.web.oidc.clone().unwrap();
    assert_eq!((oidc.issuer.as_str(), oidc.client_id.as_str()), ("https://login.example.com/realms/main", "pgsluice"));
    assert_eq!((oidc.scopes.join(" ").as_str(), oidc.groups_claim.as_str()), ("openid profile email offline_access", "groups"));
    assert_eq!((oidc.refresh, oidc.grace), (Duration::from_secs(300), Duration::from_secs(900)));
    let member = &oidc.groups["Domain Admins"];
    assert_eq!((member.role.word(), member.group.as_str()), ("reviewer", "dba"));
    assert_eq!(oidc.parameters["prompt"], "consent");
    assert!(!format!("{config}{config:?}").contains("hunter2"));
    for (toml, words) in [
        (format!("[oidc]\nclient_id = \"a\"\n{GROUP}"), "give oidc.issuer"),
        (format!("[oidc]\nissuer = \"https://a\"\n{GROUP}"), "give oidc.client_id"),
        (SHORT.to_owned(), "nobody could sign in"),
        (format!("{SHORT}[oidc.groups.a]\ngroup = \"b\"\n"), "auditor, reviewer or administrator"),
        (format!("{SHORT}[oidc.groups.a]\nrole = \"boss\"\n"), "auditor, reviewer or administrator"),
        (format!("{SHORT}[oidc.groups]\na = \"reviewer\"\n"), "oidc.groups.a is a table"),
        (format!("{SHORT}[oidc.groups.a]\nrole = \"reviewer\"\ngroup = \" b\"\n"), "no name for a group"),
        (format!("{SHORT}refresh = \"2h\"\n{GROUP}"), "within an hour"),
        (format!("{SHORT}grace = \"2h\"\n{GROUP}"), "an hour at most"),
        (format!("{SHORT}scopes = \"profile\"\n{GROUP}"), "the scope openid"),
        (format!("{SHORT}{GROUP}[oidc.parameters]\nredirect_uri = \"https://evil.example\"\n"), "pgsluice sets this itself"),
        (format!("{SHORT}{GROUP}[oidc.parameters]\nstate = \"x\"\n"), "pgsluice sets this itself"),
        (format!("{SHORT}{GROUP}[web]\npublic_url = \"http://sluice.example\"\n"), "as https unless it is on loopback"),
        (format!("{SHORT}ca_file = \"none.pem\"\n{GROUP}"), "cannot read"),
        (format!("{SHORT}isuer = \"x\"\n{GROUP}"), "did you mean issuer?"),
    ] {
        let refusal = with(&toml).refusal();
        assert!(refusal.contains(words), "{toml}: {refusal}");
    }
    for issuer in ["http://login.example.com", "https://u:p@a", "https://a/?b", "https://a#b", "login.example.com", "ftp://127.0.0.1"] {
        let refusal = with(&format!("[oidc]\nissuer = \"{issuer}\"\nclient_id = \"a\"\n{GROUP}")).refusal();
        assert!(refusal.contains("the provider's https address") && !refusal.contains("u:p"), "{issuer}: {refusal}");
    }
    assert!(with(&format!("[oidc]\nissuer = \"http://127.0.0.1:8080\"\nclient_id = \"a\"\n{GROUP}")).load().is_ok());
}

#[test]
fn places_that_are_told_are_checked_and_their_secrets_never_shown() {
    let none = with_url("").load().unwrap().notify;
    assert!(none.slack.is_none() && none.teams.is_none() && none.webhooks.is_empty());
    assert_eq!((none.escalate_after, none.digest_after, none.digest_window), (Some(Duration::from_secs(600)), 5, Duration::from_secs(60)));
    let toml = "[notify]\nescalate_after = 0\n\
                [slack]\nbot_token = \"xoxb-hunter2\"\nsigning_secret_file = \"signing\"\nchannel = \"C1\"\nescalate_channel = \"C2\"\n\
                [slack.groups]\ndba = \"C3\"\n\
                [teams]\nurl_file = \"teams\"\n\
                [[webhook]]\nname = \"pager\"\nurl_env = \"PAGER\"\nsecret = \"whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ=\"\n";
    let setup = with_url(toml).file("signing", "hunter3\n").file("teams", "https://flow.example/hunter4?sig=hunter5\n");
    let config = setup.variable("PAGER", "https://pager.example/hunter6").load().unwrap();
    assert!(config.notify.escalate_after.is_none() && config.notify.teams.is_some());
    assert_eq!(config.notify.webhooks[0].0, "pager");
    let shown = format!("{config}{config:?}{:?}", config.warnings);
    assert!(!shown.contains("hunter") && shown.contains("slack.groups.dba = C3") && shown.contains("https://flow.example/…"), "{shown}");
    for (toml, expected) in [
        ("[slack]\nbot_token = \"x\"\nsigning_secret = \"y\"\n", "slack.channel: is missing"),
        ("[slack]\nbot_token = \"x\"\nchannel = \"<!here>\"\n", "slack.channel: expected a channel's id"),
        ("[slack]\nsigning_secret = \"y\"\n", "slack.bot_token: is missing"),
        ("[slack]\nbot_token = \"x\"\nchannel = \"C1\"\nwebhook_url = \"https://hooks.slack.com/services/hunter2\"\n", "keep one of them"),
        ("[slack]\nwebhook_url = \"https://hooks.slack.com/services/hunter2\"\nsigning_secret = \"y\"\n", "have no buttons"),
        ("[slack]\nwebhook_url = \"http://hooks.example/hunter2\"\n", "off loopback a webhook is https"),
        ("[slack]\nbot_token = \"x\"\nchannel = \"C1\"\napi_url = \"http://slack.example/api\"\n", "off loopback a webhook is https"),
        ("[slack]\nchanel = \"C1\"\n", "unknown key slack.chanel: did you mean channel?"),
        ("[teams]\nescalate_url = \"https://flow.example/hunter2\"\n", "teams.url: is missing"),
        ("[teams]\nurl = \"hunter2\"\n", "teams.url: expected a URL"),
        ("[webhook]\nname = \"a\"\n", "webhook is a list: write [[webhook]]"),
        ("[[webhook]]\nname = \"a\"\n", "webhook.1.url: is missing"),
        ("[[webhook]]\nname = \"a\"\nurl = \"https://h/\"\nsecret = \"short\"\n", "webhook.1.secret: expected whsec_"),
        ("[notify]\ndigest_after = 0\n", "notify.digest_after: expected a whole number from 1"),
    ] {
        let refusal = with_url(toml).refusal();
        assert!(refusal.contains(expected) && !refusal.contains("hunter"), "{toml}: {refusal}");
    }
    let weak = with_url("[slack]\nbot_token = \"x\"\nchannel = \"C1\"\n").load().unwrap();
    assert!(weak.warnings.iter().any(|warning| warning.contains("a link and no buttons")));
}
