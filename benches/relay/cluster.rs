//! A private PostgreSQL: made in a temporary folder, on loopback, gone when the benchmark ends.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{Outcome, Process, User, command_as, cpu_with_children, give, output, postgres_program};
use crate::routes::Address;

/// pgbench's scale: the tables fit in the server's memory.
const SCALE: &str = "10";
/// Rows of the wide table, and of the table of people.
pub const ROWS: usize = 500_000;
const READY: Duration = Duration::from_secs(30);

pub struct Cluster {
    // Ends before its folder goes.
    server: Process,
    pub address: Address,
    /// The password as the server stores it.
    pub verifier: String,
    pub user: Option<User>,
    _folder: TempDir,
}

impl Cluster {
    pub fn start() -> Outcome<Self> {
        let user = User::unprivileged()?;
        let folder = tempfile::tempdir()?;
        give(folder.path(), user)?;
        let address = Address { port: free_port()?, user: "bench".into(), password: random_text(), database: "postgres".into() };
        let password_file = folder.path().join("password");
        fs::write(&password_file, &address.password)?;
        give(&password_file, user)?;
        let data = folder.path().join("data");
        let mut initdb = command_as(user, &postgres_program("initdb")?, folder.path());
        output(initdb.args(["-A", "scram-sha-256", "-E", "UTF8", "-U", "bench", "--no-sync", "--pwfile=password"]).arg(&data))?;
        fs::write(data.join("postgresql.auto.conf"), settings(address.port))?;
        let mut server = command_as(user, &postgres_program("postgres")?, folder.path());
        server.arg("-D").arg(&data).stdout(Stdio::null()).stderr(fs::File::create(folder.path().join("log"))?);
        // SIGINT is its fast shutdown.
        let mut server = Process::start("PostgreSQL", &mut server, Signal::INT)?;
        server.wait_until(READY, || TcpStream::connect((Ipv4Addr::LOCALHOST, address.port)).is_ok())?;
        server.wait_until(READY, || sql(&address, "SELECT 1").is_ok())?;
        output(address.pgbench()?.args(["-i", "-q", "-s", SCALE]))?;
        sql(&address, WIDE)?;
        sql(&address, PEOPLE)?;
        sql(&address, "VACUUM (ANALYZE)")?;
        sql(&address, "CHECKPOINT")?;
        let verifier = sql(&address, "SELECT rolpassword FROM pg_authid WHERE rolname = 'bench'")?.trim().to_owned();
        Ok(Self { server, address, verifier, user, _folder: folder })
    }

    /// Processor time of the server and all its processes.
    pub fn cpu(&self) -> Outcome<Duration> {
        cpu_with_children(self.server.id())
    }
}

/// About 400 bytes a row on the wire.
const WIDE: &str = "CREATE TABLE wide AS
    SELECT i::bigint AS id, 'customer number ' || i AS name, 'someone.' || i || '@example.org' AS email,
           md5(i::text) || md5((i + 1)::text) || md5((i + 2)::text) AS note, md5(i::text)::uuid AS reference,
           timestamptz '2024-01-01' + i * interval '1 minute' AS created, (i * 1.25)::numeric(12, 2) AS amount,
           i % 2 = 0 AS active, repeat('lorem ipsum ', 8) AS address
    FROM generate_series(1, 500000) i";

/// About 430 bytes a row in text: names, valid cards, notes of which one in fifty has an address in it, documents and lists.
const PEOPLE: &str = "CREATE TABLE people AS
    SELECT 100000 + i * 7::bigint AS id,
           (ARRAY['Margaret', 'Thomas', 'Patricia', 'Robert', 'Linda', 'Michael', 'Barbara', 'William', 'Elizabeth', 'David'])[1 + i % 10] || ' '
               || (ARRAY['Johnson', 'Williams', 'Miller', 'Anderson', 'Thompson', 'Martinez', 'Robinson', 'Clark', 'Walker'])[1 + i / 3 % 9]
               AS name,
           'margarethe.hollenbach' || i || '@mail.example.com' AS email, '+1 202 555 ' || to_char(i % 10000, 'FM0000') AS phone,
           '219-09-' || to_char(i % 10000, 'FM0000') AS ssn,
           '5105 1051 0510 ' || a || b || c || (10 - (18 + a * 2 - a / 5 * 9 + b + c * 2 - c / 5 * 9) % 10) % 10 AS card,
           (ARRAY['Called', 'Wrote', 'Asked twice', 'Came by'])[1 + i % 4] || ' about the '
               || (ARRAY['invoice', 'delivery', 'contract', 'renewal', 'refund', 'broken screen', 'meter reading'])[1 + i % 7]
               || ' of last ' || (ARRAY['month', 'week', 'summer', 'quarter', 'year'])[1 + i % 5] || '; wants it '
               || (ARRAY['sent again by post', 'settled', 'looked into', 'explained to the accountant'])[1 + i / 5 % 4]
               || ', and asks for a callback on ' || (ARRAY['Monday', 'Tuesday', 'Friday'])[1 + i % 3] || ' '
               || (ARRAY['morning', 'afternoon', 'before ten'])[1 + i / 4 % 3] || '. Case ' || i || '.'
               || CASE WHEN i % 50 = 0 THEN ' Now at m.hollenbach' || i || '@example.org.' ELSE '' END AS note,
           jsonb_build_object('theme', 'dark', 'newsletter', i % 2 = 0, 'language', 'en', 'page', i % 90) AS preferences,
           timestamptz '2024-05-17 09:12:44.123456+00' + i * interval '1 minute' AS created,
           timestamptz '2024-05-18 10:00:00+00' + i * interval '1 minute' AS seen,
           (i % 99999 + 0.01 * (i % 100))::numeric(12, 2) AS balance,
           ARRAY['customer', 'gold member', 'berlin'] AS tags
    FROM generate_series(1, 500000) i, LATERAL (SELECT i / 100 % 10 AS a, i / 10 % 10 AS b, i % 10 AS c) digits";

fn settings(port: u16) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("listen_addresses", "127.0.0.1"),
        ("port", &port.to_string()),
        ("unix_socket_directories", ""),
        ("max_connections", "100"),
        ("shared_buffers", "512MB"),
        ("fsync", "off"),
        ("synchronous_commit", "off"),
        ("full_page_writes", "off"),
        ("max_wal_size", "4GB"),
        // Nothing of the server's own in between.
        ("autovacuum", "off"),
        ("checkpoint_timeout", "1h"),
    ] {
        if writeln!(text, "{name} = '{value}'").is_err() {
            break;
        }
    }
    text
}

pub fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn random_text() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    format!("{:016x}", RandomState::new().hash_one("password"))
}

fn sql(address: &Address, text: &str) -> Result<String, Box<dyn Error>> {
    let psql: PathBuf = postgres_program("psql")?;
    output(address.client(Command::new(psql)).args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text]))
}
