//! Agents as they are: psql with libpq, and OpenSSL for TLS from the first byte.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pgsluice::host::arrival::{Admitted, Arrival, Departure, Door, Keeper, Offered, arrive};
use pgsluice::host::scram::Verifier;
use pgsluice::host::secret::Secret;
use pgsluice::host::stream::Socket;
use pgsluice::host::tls::Acceptor;
use pgsluice::wire::authentication::backend_key_data;
use pgsluice::wire::startup::CancelKey;
use pgsluice::wire::write;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::certificates::Certificates;

struct Book(Verifier);

impl Keeper for Book {
    async fn offered(&self, name: &str, _: Option<IpAddr>) -> Offered {
        match name {
            "ann" => Offered { verifier: self.0.clone(), real: true },
            _ => Offered { verifier: Verifier::imaginary(name, &[3; 32]), real: false },
        }
    }

    fn denied(&self, _: &str, _: Option<IpAddr>) {}
}

/// Answers any query with nothing, as much of a session as psql needs.
async fn serve(admitted: &mut Admitted<Socket>) -> std::io::Result<()> {
    let ready = |out: &mut Vec<u8>| {
        write::message(out, b'Z', |body| {
            body.byte(b'I');
        });
    };
    let mut out = Vec::new();
    write::message(&mut out, b'S', |body| {
        body.string(b"server_version").string(b"15.0");
    });
    backend_key_data(&mut out, 1, &CancelKey::new(&[1; 4]).unwrap());
    ready(&mut out);
    let mut heard = admitted.buffered.to_vec();
    loop {
        admitted.stream.write_all(&out).await?;
        admitted.stream.flush().await?;
        heard.clear();
        if admitted.stream.read_buf(&mut heard).await? == 0 || heard.first() == Some(&b'X') {
            return Ok(());
        }
        out.clear();
        write::message(&mut out, b'C', |body| {
            body.string(b"LISTEN");
        });
        ready(&mut out);
    }
}

struct Agents {
    listener: TcpListener,
    address: SocketAddr,
    certificates: Certificates,
    door: Door,
    book: Book,
    _folder: tempfile::TempDir,
}

impl Agents {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::make(folder.path());
        let acceptor = Acceptor::load(&certificates.file("server.pem"), &certificates.file("server.key")).unwrap();
        let door = Door { tls: Some(Arc::new(acceptor)), tls_required: false, channel_binding: true, deadline: Duration::from_secs(60) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Book(Verifier::new(&Secret::new("right")).unwrap());
        Self { listener, address, certificates, door, book, _folder: folder }
    }

    /// Runs a client against the door until it ends; what it printed, whether it was content, how its last arrival ended.
    async fn run(&self, command: &mut Command) -> (String, bool, Option<Arrival<Socket>>) {
        let ended = tokio::sync::Notify::new();
        let serve = async {
            let mut last = None;
            loop {
                let (stream, from) = tokio::select! {
                    biased;
                    // Whatever a client that has ended left behind is served first.
                    accepted = self.listener.accept() => accepted.unwrap(),
                    () = ended.notified() => return last,
                };
                let mut arrival = arrive(Socket::Tcp(stream), Some(from.ip()), &self.door, &self.book).await;
                if let Arrival::Admitted(admitted) = &mut arrival {
                    drop(serve(admitted).await);
                }
                last = Some(arrival);
            }
        };
        let client = async {
            let output = command.output().await.unwrap();
            ended.notify_one();
            output
        };
        let (output, last) = tokio::join!(client, serve);
        let said = [output.stdout, output.stderr].concat();
        (String::from_utf8_lossy(&said).into_owned(), output.status.success(), last)
    }

    fn psql(&self, user: &str, password: &str, options: &str) -> Command {
        let mut command = Command::new("psql");
        let root = self.certificates.file("root.pem");
        let port = self.address.port();
        let target =
            format!("host=localhost hostaddr=127.0.0.1 port={port} dbname=shop user={user} sslrootcert={} {options}", root.display());
        command.args(["-X", "-d", &target, "-c", "LISTEN x"]).env("PGPASSWORD", password).kill_on_drop(true);
        command
    }
}

#[tokio::test]
async fn psql_logs_in_every_way_it_knows() {
    let mut agents = Agents::new().await;
    for (options, tls, bound) in [
        ("sslmode=disable", false, false),
        ("sslmode=prefer", true, true),
        ("sslmode=verify-full channel_binding=require", true, true),
        ("sslmode=verify-full channel_binding=disable", true, false),
        ("sslmode=require gssencmode=prefer", true, true),
    ] {
        let (said, content, arrival) = agents.run(&mut agents.psql("ann", "right", options)).await;
        assert!(content && said.contains("LISTEN"), "{options}: {said}");
        let Some(Arrival::Admitted(admitted)) = arrival else { panic!("{options}") };
        assert_eq!((admitted.stream.is_tls(), admitted.bound), (tls, bound), "{options}");
        assert_eq!((admitted.agent.as_str(), admitted.database.as_deref()), ("ann", Some("shop")));
        assert!(admitted.parameters.iter().any(|(name, value)| name == "application_name" && value == "psql"));
    }

    for (user, password) in [("ann", "wrong"), ("nobody", "right")] {
        let (said, content, arrival) = agents.run(&mut agents.psql(user, password, "sslmode=require")).await;
        assert!(!content && said.contains(&format!("FATAL:  password authentication failed for user \"{user}\"")), "{said}");
        assert!(matches!(arrival, Some(Arrival::Left(Departure::Denied { .. }))));
    }

    agents.door.tls_required = true;
    let (said, content, _) = agents.run(&mut agents.psql("ann", "right", "sslmode=disable")).await;
    assert!(!content && said.contains("TLS is required") && said.contains("HINT:"), "{said}");

    agents.door.channel_binding = false;
    let (said, content, _) = agents.run(&mut agents.psql("ann", "right", "sslmode=require channel_binding=require")).await;
    assert!(!content && said.contains("channel binding"), "{said}");
    let (said, content, _) = agents.run(&mut agents.psql("ann", "right", "sslmode=require")).await;
    assert!(content, "{said}");

    agents.door.tls_required = false;
    agents.door.tls = None;
    let (said, content, _) = agents.run(&mut agents.psql("ann", "right", "sslmode=prefer")).await;
    assert!(content, "{said}");
    let (said, content, _) = agents.run(&mut agents.psql("ann", "right", "sslmode=require")).await;
    assert!(!content && said.contains("server does not support SSL"), "{said}");
}

const DIRECT: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
if sys.argv[3]: context.set_alpn_protocols([sys.argv[3]])
stream = context.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[1]))), server_hostname='localhost')
body = b'\\0\\3\\0\\0user\\0ann\\0\\0'
stream.sendall((len(body) + 4).to_bytes(4, 'big') + body)
print(stream.selected_alpn_protocol(), stream.recv(100))
";

#[tokio::test]
async fn tls_from_the_first_byte_by_openssl() {
    let agents = Agents::new().await;
    let python = |alpn: &str| {
        let mut command = Command::new("python3");
        let (port, root) = (agents.address.port().to_string(), agents.certificates.file("root.pem"));
        command.args(["-c", DIRECT, &port]).arg(root).arg(alpn).kill_on_drop(true);
        command
    };
    let (said, content, _) = agents.run(&mut python("postgresql")).await;
    assert!(content && said.contains("postgresql") && said.contains("SCRAM-SHA-256-PLUS"), "{said}");
    for alpn in ["", "http/1.1"] {
        let (said, _, arrival) = agents.run(&mut python(alpn)).await;
        assert!(!said.contains("SCRAM"), "{said}");
        assert!(matches!(arrival, Some(Arrival::Left(Departure::NotPostgres(_) | Departure::Tls(_)))), "{arrival:?}");
    }
}
