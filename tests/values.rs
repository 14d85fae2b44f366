//! The codecs against a real server: every literal of `fixtures/values.txt`, alone, in an array and in a record, must read and print as the
//! server does, and what is rewritten must be taken by the server's own input and receive functions.
//!
//! A private PostgreSQL 15 cluster is started; `PGSLUICE_TEST_VALUES` names a running server instead
//! (`postgres://user@127.0.0.1:port/database`, trusted without a password; any version from 14 on).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "a test stops at the first thing it did not expect"
)]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use pgsluice::wire::value::{Choice, Definition, Extension, Field, Format, Leaf, Outcome, Role, Scratch, Type, Types, ValueError, Visitor};

const SETUP: &str = r#"
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS values_test CASCADE;
CREATE SCHEMA values_test;
SET search_path = values_test, public;
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;
CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;
CREATE TYPE mood AS ENUM ('sad', 'so-so', 'very "happy", {yes}');
CREATE DOMAIN email AS text CHECK (value <> '');
CREATE DOMAIN whole AS int4 CHECK (value >= 0);
CREATE DOMAIN nested_domain AS whole;
CREATE TYPE pair AS (number int4, word text);
CREATE TYPE pair_text AS (one text, two text);
CREATE TYPE deep AS (inside pair, pairs pair[], document jsonb, tags hstore, feeling mood);
CREATE TYPE lonely AS (word text);
CREATE TYPE hollow AS ();
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE TYPE textrange AS RANGE (subtype = text, multirange_type_name = textmultirange);
CREATE TYPE pairrange AS RANGE (subtype = pair);
CREATE TABLE sampled (number int DEFAULT 42, word text);
INSERT INTO sampled SELECT n, 'word, ' || n % 3 FROM generate_series(1, 100) n;
ANALYZE sampled;
"#;

/// What the server prints as the codecs do.
const SETTINGS: &str =
    "SET search_path = values_test, public; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
SET bytea_output = 'hex'; SET extra_float_digits = 1; SET lc_monetary = 'C'";

/// Built-in types that are known to have no codec. Row types of the catalogs are added as composites.
const WITHOUT: &[&str] =
    &["gtsvector", "_gtsvector", "pg_brin_bloom_summary", "pg_brin_minmax_multi_summary", "pg_dependencies", "pg_mcv_list", "pg_ndistinct"];

/// A server, and the process to stop in the end if it is ours.
struct Cluster {
    address: String,
    user: String,
    database: String,
    own: Option<(tempfile::TempDir, PathBuf)>,
}

impl Cluster {
    fn start() -> Self {
        if let Ok(url) = std::env::var("PGSLUICE_TEST_VALUES") {
            let rest = url.split_once("://").expect("a URL").1;
            let (user, rest) = rest.split_once('@').expect("user@");
            let (address, database) = rest.split_once('/').expect("/database");
            return Self { address: address.into(), user: user.into(), database: database.into(), own: None };
        }
        let bin = PathBuf::from("/usr/lib/postgresql/15/bin");
        assert!(bin.join("initdb").exists(), "PostgreSQL 15 is not installed; set PGSLUICE_TEST_VALUES");
        let root = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if is_root() {
            assert!(Command::new("chown").arg("postgres").arg(root.path()).status().unwrap().success());
        }
        let data = root.path().join("data");
        let quiet = |command: &mut Command| assert!(command.stdout(Stdio::null()).status().unwrap().success());
        quiet(unprivileged(&bin.join("initdb")).arg("-D").arg(&data).args([
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-N",
        ]));
        let options = format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off");
        quiet(
            unprivileged(&bin.join("pg_ctl"))
                .arg("-D")
                .arg(&data)
                .args(["-w", "-o", &options, "-l"])
                .arg(root.path().join("server.log"))
                .arg("start"),
        );
        Self { address: format!("127.0.0.1:{port}"), user: "postgres".into(), database: "postgres".into(), own: Some((root, bin)) }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some((root, bin)) = &self.own {
            let stopped = unprivileged(&bin.join("pg_ctl"))
                .arg("-D")
                .arg(root.path().join("data"))
                .args(["-m", "immediate", "stop"])
                .stdout(Stdio::null())
                .status();
            assert!(stopped.is_ok_and(|status| status.success()) || std::thread::panicking());
        }
    }
}

fn is_root() -> bool {
    String::from_utf8_lossy(&Command::new("id").arg("-u").output().unwrap().stdout).trim() == "0"
}

/// Servers refuse to run as root.
fn unprivileged(program: &std::path::Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/");
    command
}

/// A blocking client that knows just enough of the protocol.
struct Client(TcpStream);

type Cell = Option<Vec<u8>>;

#[derive(Debug, Default)]
struct Answer {
    /// Type of each column.
    types: Vec<u32>,
    rows: Vec<Vec<Cell>>,
}

impl Answer {
    fn one(mut self) -> (u32, Cell) {
        (self.types[0], self.rows.remove(0).remove(0))
    }
}

impl Client {
    fn connect(cluster: &Cluster) -> Self {
        let mut client = Self(TcpStream::connect(&cluster.address).unwrap());
        let startup = format!("user\0{}\0database\0{}\0client_encoding\0UTF8\0\0", cluster.user, cluster.database);
        let mut packet = Vec::new();
        packet.extend_from_slice(&(startup.len() as i32 + 8).to_be_bytes());
        packet.extend_from_slice(&196_608i32.to_be_bytes());
        packet.extend_from_slice(startup.as_bytes());
        client.0.write_all(&packet).unwrap();
        client.answer().unwrap();
        client.run(SETTINGS);
        client
    }

    fn message(out: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
        out.push(tag);
        out.extend_from_slice(&(parts.iter().map(|part| part.len()).sum::<usize>() as i32 + 4).to_be_bytes());
        parts.iter().for_each(|part| out.extend_from_slice(part));
    }

    /// Reads up to ReadyForQuery.
    fn answer(&mut self) -> Result<Answer, String> {
        let mut answer = Answer::default();
        let mut failure = None;
        loop {
            let mut head = [0; 5];
            self.0.read_exact(&mut head).unwrap();
            let mut body = vec![0; i32::from_be_bytes(head[1..].try_into().unwrap()) as usize - 4];
            self.0.read_exact(&mut body).unwrap();
            match head[0] {
                b'Z' => return failure.map_or(Ok(answer), Err),
                b'E' => failure = Some(String::from_utf8_lossy(&body).replace('\0', " ")),
                b'T' => {
                    let mut at = 2;
                    while at < body.len() {
                        at += body[at..].iter().position(|&byte| byte == 0).unwrap() + 1;
                        answer.types.push(u32::from_be_bytes(body[at + 6..at + 10].try_into().unwrap()));
                        at += 18;
                    }
                }
                b'D' => {
                    let mut at = 2;
                    let mut row = Vec::new();
                    while at < body.len() {
                        let length = i32::from_be_bytes(body[at..at + 4].try_into().unwrap());
                        at += 4;
                        row.push((length >= 0).then(|| body[at..at + length as usize].to_vec()));
                        at += length.max(0) as usize;
                    }
                    answer.rows.push(row);
                }
                _ => {}
            }
        }
    }

    fn run(&mut self, sql: &str) {
        let mut out = Vec::new();
        Self::message(&mut out, b'Q', &[sql.as_bytes(), b"\0"]);
        self.0.write_all(&out).unwrap();
        self.answer().unwrap();
    }

    fn query(&mut self, sql: &str, parameters: &[(u32, Format, &[u8])], result: Format) -> Result<Answer, String> {
        let code = |format| i16::from(format == Format::Binary).to_be_bytes();
        let count = (parameters.len() as i16).to_be_bytes();
        let types: Vec<u8> = parameters.iter().flat_map(|parameter| parameter.0.to_be_bytes()).collect();
        let formats: Vec<u8> = parameters.iter().flat_map(|parameter| code(parameter.1)).collect();
        let values: Vec<u8> = parameters
            .iter()
            .flat_map(|(_, _, value)| (value.len() as i32).to_be_bytes().into_iter().chain(value.iter().copied()))
            .collect();
        let mut out = Vec::new();
        Self::message(&mut out, b'P', &[b"\0", sql.as_bytes(), b"\0", &count, &types]);
        Self::message(&mut out, b'B', &[b"\0\0", &count, &formats, &count, &values, &1i16.to_be_bytes(), &code(result)]);
        Self::message(&mut out, b'D', &[b"P\0"]);
        Self::message(&mut out, b'E', &[b"\0", &[0; 4]]);
        Self::message(&mut out, b'S', &[]);
        self.0.write_all(&out).unwrap();
        self.answer()
    }

    fn text(&mut self, sql: &str) -> Vec<Vec<String>> {
        let answer = self.query(sql, &[], Format::Text).unwrap();
        answer
            .rows
            .into_iter()
            .map(|row| row.into_iter().map(|cell| String::from_utf8(cell.unwrap_or_default()).unwrap()).collect())
            .collect()
    }

    /// Every type that is not built in, as a catalog would add them.
    fn types(&mut self) -> Types {
        let mut types = Types::new();
        let sql = "SELECT t.oid, typname, typtype, typbasetype, typelem, typcategory, CASE WHEN typelem <> 0 THEN (SELECT typdelim FROM pg_type e WHERE e.oid = t.typelem) END,
            (SELECT string_agg(enumlabel, E'\\t' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
            (SELECT string_agg(attname || E'\\n' || atttypid, E'\\t' ORDER BY attnum) FROM pg_attribute WHERE attrelid = typrelid AND attnum > 0 AND NOT attisdropped),
            (SELECT rngsubtype FROM pg_range WHERE rngtypid = t.oid), (SELECT rngtypid FROM pg_range WHERE rngmultitypid = t.oid),
            (SELECT extname FROM pg_depend JOIN pg_extension x ON refclassid = 'pg_extension'::regclass AND refobjid = x.oid WHERE classid = 'pg_type'::regclass AND objid = t.oid)
            FROM pg_type t";
        for row in self.text(sql) {
            let oid = row[0].parse().unwrap();
            let number = |text: &str| text.parse().unwrap();
            let definition = match row[2].as_str() {
                "e" => Definition::Enum { labels: row[7].split('\t').map(str::to_owned).collect() },
                "d" => Definition::Domain { base: number(&row[3]) },
                "c" => Definition::Composite {
                    fields: row[8]
                        .split('\t')
                        .filter_map(|field| field.split_once('\n'))
                        .map(|(name, oid)| Field { name: name.into(), oid: number(oid) })
                        .collect(),
                },
                "r" => Definition::Range { subtype: number(&row[9]) },
                "m" => Definition::Multirange { range: number(&row[10]) },
                "b" if row[5] == "A" => Definition::Array { element: number(&row[4]), delimiter: row[6].as_bytes()[0] },
                "b" if !row[11].is_empty() => match Extension::named(&row[1]) {
                    Some(extension) => Definition::Extension(extension),
                    None => continue,
                },
                _ => continue,
            };
            // Refused for built-in types, which is right.
            types.add(oid, definition).ok();
        }
        types
    }
}

/// Does one thing to every leaf, and notes what it saw.
struct Each {
    mode: Mode,
    seen: Vec<(Vec<u8>, Role, Vec<u8>, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Keep,
    /// Puts each leaf in its own place, so that all quoting is done anew.
    Same,
    Blank,
}

impl Visitor for Each {
    fn leaf(&mut self, leaf: &Leaf<'_>, replacement: &mut Vec<u8>) -> Choice {
        self.seen.push((leaf.bytes.to_vec(), leaf.role, leaf.name.to_vec(), leaf.oid));
        replacement.extend_from_slice(match self.mode {
            Mode::Keep => return Choice::Keep,
            Mode::Same => leaf.bytes,
            Mode::Blank => leaf.blank,
        });
        Choice::Replace
    }
}

type Seen = Vec<(Vec<u8>, Role, Vec<u8>, u32)>;

fn rewrite(ty: Type<'_>, format: Format, value: &[u8], mode: Mode, scratch: &mut Scratch) -> Result<(Vec<u8>, Seen), ValueError> {
    let mut each = Each { mode, seen: Vec::new() };
    // What stood in the buffer before stays.
    let mut out = b"before".to_vec();
    let outcome = ty.rewrite(format, value, &mut each, scratch, &mut out)?;
    assert!(out.starts_with(b"before"));
    let written = out.split_off(6);
    match outcome {
        Outcome::Kept => {
            assert!(written.is_empty());
            assert!(mode == Mode::Keep || each.seen.is_empty());
            Ok((value.to_vec(), each.seen))
        }
        Outcome::Changed => Ok((written, each.seen)),
        // A range with its bounds, and whatever it alone stands in.
        Outcome::Null => {
            assert!(written.is_empty());
            Err(ValueError::Replacement)
        }
    }
}

/// What a value's type cannot do, by its nature.
#[derive(Clone, Copy, Default)]
struct Lacks {
    /// A binary form.
    binary: bool,
    /// The same leaves in both formats, and a way from text to binary.
    names: bool,
    /// An input function.
    input: bool,
    /// A text that stays the same when its strings are escaped anew.
    stable: bool,
    /// Leaves that any text can replace.
    replace: bool,
}

impl Lacks {
    fn of(name: &str) -> Self {
        let name = name.trim_end_matches("[]");
        Self {
            binary: name == "aclitem" || name == "pg_type",
            names: name.starts_with("reg") && name != "regular" || matches!(name, "record" | "anyarray" | "pg_type"),
            input: matches!(name, "record" | "anyarray" | "void" | "pg_node_tree" | "cstring" | "pg_type"),
            stable: matches!(name, "json" | "xml" | "jsonpath") || name.starts_with("reg"),
            replace: matches!(name, "aclitem" | "pg_node_tree" | "pg_type"),
        }
    }
}

/// One value in both formats, and everything that must be true of it.
fn check(client: &mut Client, types: &Types, scratch: &mut Scratch, sql: &str, lacks: Lacks, skipped: &mut usize) {
    let (oid, text) = client.query(sql, &[], Format::Text).unwrap_or_else(|error| panic!("{sql}: {error}")).one();
    let ty = types.get(oid).unwrap_or_else(|| panic!("{sql}: type {oid} has no codec"));
    let Some(text) = text else { return };
    let shown = String::from_utf8_lossy(&text).into_owned();
    assert_eq!(ty.check(Format::Text, &text, scratch), Ok(()), "{sql}: {shown}");
    let (kept, text_leaves) = rewrite(ty, Format::Text, &text, Mode::Keep, scratch).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(kept, text);

    let mut values = vec![(Format::Text, text.clone())];
    if !lacks.binary {
        let binary = client.query(sql, &[], Format::Binary).unwrap_or_else(|error| panic!("{sql}: {error}")).one().1.unwrap();
        assert_eq!(ty.check(Format::Binary, &binary, scratch), Ok(()), "{sql}: {binary:02x?}");
        let (kept, binary_leaves) = rewrite(ty, Format::Binary, &binary, Mode::Keep, scratch).unwrap();
        assert_eq!(kept, binary);
        let mut printed = Vec::new();
        ty.text_from_binary(&binary, scratch, &mut printed).unwrap_or_else(|error| panic!("{sql}: {error}"));
        if !lacks.names {
            assert_eq!(String::from_utf8_lossy(&printed), shown, "{sql}: text of {binary:02x?}");
            // A binary tsquery has the right operand first.
            let ordered = |mut leaves: Seen| {
                if sql.contains("tsquery") {
                    leaves.sort_by(|one, two| one.0.cmp(&two.0));
                }
                leaves
            };
            assert_eq!(ordered(text_leaves), ordered(binary_leaves), "{sql}: {shown}");
            let mut packed = Vec::new();
            ty.binary_from_text(&text, scratch, &mut packed).unwrap_or_else(|error| panic!("{sql}: {error}"));
            if sql.contains("tsquery") && packed != binary {
                // Its text does not tell `a & (b & c)` from `(a & b) & c`.
                printed.clear();
                ty.text_from_binary(&packed, scratch, &mut printed).unwrap();
                assert_eq!(printed, text, "{sql}");
                packed.clone_from(&binary);
            }
            assert_eq!(packed, binary, "{sql}: binary of {shown}");
        } else if !sql.contains("record") && !sql.contains("ROW") && !lacks.input {
            let back = client.query("SELECT $1", &[(oid, Format::Text, &printed)], Format::Text).unwrap().one().1.unwrap();
            assert_eq!(String::from_utf8_lossy(&back), shown, "{sql}");
        }
        values.push((Format::Binary, binary));
    }
    for (format, value) in values {
        for mode in [Mode::Same, Mode::Blank] {
            let (new, before) = match rewrite(ty, format, &value, mode, scratch) {
                Ok(rewritten) => rewritten,
                Err(ValueError::Replacement) if lacks.replace || (lacks.names && mode == Mode::Same) || sql.contains("range") => continue,
                Err(error) => panic!("{sql}: {format:?} {mode:?}: {error}"),
            };
            assert_eq!(ty.check(format, &new, scratch), Ok(()), "{sql}: {mode:?} {}", String::from_utf8_lossy(&new));
            let (_, after) = rewrite(ty, format, &new, Mode::Keep, scratch).unwrap();
            // A range whose bounds are replaced is NULL in what it stands in.
            assert!(after.len() == before.len() || sql.contains("range") && after.is_empty(), "{sql}: {mode:?}");
            if mode == Mode::Same && !lacks.stable && !after.is_empty() {
                assert_eq!(after, before);
            }
            // Servers do not take back their own empty tsquery, int2vector and oidvector.
            if lacks.input || client.query("SELECT $1", &[(oid, format, &value)], Format::Text).is_err() {
                *skipped += usize::from(!lacks.input);
                continue;
            }
            let taken = match client.query("SELECT $1", &[(oid, format, &new)], Format::Text) {
                Ok(taken) => taken,
                // What a domain demands of its values is not known to a codec.
                Err(error) if mode == Mode::Blank && error.contains("C23514") && sql.contains("yes_or_no") => continue,
                Err(error) => panic!("{sql}: {format:?} {mode:?} {}: {error}", String::from_utf8_lossy(&new)),
            };
            let taken = taken.one().1.unwrap();
            if mode == Mode::Same && !lacks.stable && !after.is_empty() {
                assert_eq!(String::from_utf8_lossy(&taken), shown, "{sql}: {format:?}");
            }
        }
    }
}

#[test]
fn every_literal_reads_prints_and_is_rewritten_as_the_server_does() {
    let cluster = Cluster::start();
    let mut client = Client::connect(&cluster);
    client.run(SETUP);
    let version: u32 = client.text("SHOW server_version_num")[0][0].parse::<u32>().unwrap() / 10_000;
    let types = client.types();
    let mut scratch = Scratch::new();
    let fixture = include_str!("../fixtures/values.txt");
    let mut tried = BTreeSet::new();
    let (mut cases, mut skipped) = (0, 0);
    for line in fixture.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (name, literal) = (columns.next().unwrap(), columns.next().unwrap());
        if columns.next().is_some_and(|since| since.parse::<u32>().unwrap() > version) {
            continue;
        }
        let sql = match literal.strip_prefix("= ") {
            Some(expression) => expression.to_owned(),
            None => format!("'{}'::{name}", literal.replace('\'', "''")),
        };
        tried.insert(name.trim_end_matches("[]").replace('"', ""));
        let lacks = Lacks::of(name);
        check(&mut client, &types, &mut scratch, &format!("SELECT {sql}"), lacks, &mut skipped);
        cases += 1;
        if matches!(name, "void" | "anyarray" | "unknown" | "cstring") {
            continue;
        }
        // In a record, whose fields' types only the binary form tells.
        let record = Lacks { names: true, input: true, ..lacks };
        check(&mut client, &types, &mut scratch, &format!("SELECT ROW({sql}, NULL, {sql})"), record, &mut skipped);
        if !name.ends_with("[]") && !matches!(name, "record" | "pg_node_tree") && !literal.starts_with("= NULL") {
            check(&mut client, &types, &mut scratch, &format!("SELECT ARRAY[{sql}, NULL, {sql}]"), lacks, &mut skipped);
            check(&mut client, &types, &mut scratch, &format!("SELECT array_fill({sql}, ARRAY[2, 1], ARRAY[0, -3])"), lacks, &mut skipped);
        }
    }
    assert!(cases > 400, "{cases}");
    assert!(skipped <= 18, "{skipped}");

    // Every built-in type has a codec or is named as one that has none, and was tried.
    for row in client.text("SELECT oid, typname, format_type(oid, NULL), typtype, typelem <> 0 AND typcategory = 'A', typname::regtype::text FROM pg_type WHERE oid < 10000 AND typtype IN ('b', 'r', 'm') ORDER BY oid") {
        let has = types.get(row[0].parse().unwrap()).is_some();
        assert_ne!(has, WITHOUT.contains(&row[1].as_str()), "{}", row[1]);
        if has && row[4] == "f" && !tried.contains(&row[1]) && !tried.iter().any(|tried| tried.split('(').next() == Some(row[1].as_str())) {
            panic!("{} is not among the literals", row[1]);
        }
    }
}

/// A generator that gives the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Sends many random values of one type as a binary array and compares how the server and the codec print them.
fn bulk(client: &mut Client, types: &Types, array: u32, element: u32, values: &[Vec<u8>]) {
    let mut binary = Vec::new();
    for word in [1, 0, element, values.len() as u32, 1] {
        binary.extend_from_slice(&word.to_be_bytes());
    }
    for value in values {
        binary.extend_from_slice(&(value.len() as u32).to_be_bytes());
        binary.extend_from_slice(value);
    }
    let (_, server) = client.query("SELECT $1", &[(array, Format::Binary, &binary)], Format::Text).unwrap().one();
    let server = server.unwrap();
    let (mut scratch, mut ours, mut back) = (Scratch::new(), Vec::new(), Vec::new());
    let ty = types.get(array).unwrap();
    ty.text_from_binary(&binary, &mut scratch, &mut ours).unwrap();
    for (server, ours) in server.split(|&byte| byte == b',').zip(ours.split(|&byte| byte == b',')) {
        assert_eq!(String::from_utf8_lossy(server), String::from_utf8_lossy(ours));
    }
    assert_eq!(server, ours);
    ty.binary_from_text(&server, &mut scratch, &mut back).unwrap();
    assert!(back == binary, "type {element} did not come back");
}

#[test]
fn many_values_print_as_the_server_prints_them() {
    let cluster = Cluster::start();
    let mut client = Client::connect(&cluster);
    let types = Types::new();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut floats: Vec<f64> = (0..20_000).map(|_| f64::from_bits(numbers.next())).filter(|number| !number.is_nan()).collect();
    floats.extend((-1074..1024).map(|power| 2f64.powi(power)));
    floats.extend((-323..309).flat_map(|power| (1..10).map(move |digit| format!("{digit}e{power}").parse::<f64>().unwrap())));
    floats.extend((0..10_000).map(|_| (numbers.next() % 1_000_000) as f64 / 1000.0));
    // Whole numbers beyond what a float holds exactly, where halfway points are short decimals.
    floats.extend((0..10_000).map(|_| (numbers.next() >> (numbers.next() % 12)) as f64));
    bulk(
        &mut client,
        &types,
        1022,
        701,
        &floats.iter().filter(|number| number.is_finite()).map(|number| number.to_be_bytes().to_vec()).collect::<Vec<_>>(),
    );
    let mut singles: Vec<f32> = (0..50_000).map(|_| f32::from_bits(numbers.next() as u32)).collect();
    singles.extend((-149..128).map(|power| 2f32.powi(power)));
    singles.extend((0..20_000).map(|_| (numbers.next() % (1 << 40)) as f32));
    bulk(
        &mut client,
        &types,
        1021,
        700,
        &singles.iter().filter(|number| number.is_finite()).map(|number| number.to_be_bytes().to_vec()).collect::<Vec<_>>(),
    );
    let mut within = |low: i64, high: i64| low + (numbers.next() % (high - low) as u64) as i64;
    let days: Vec<Vec<u8>> = (0..20_000).map(|_| (within(-2_451_545, 2_145_031_949) as i32).to_be_bytes().to_vec()).collect();
    bulk(&mut client, &types, 1182, 1082, &days);
    let near: Vec<Vec<u8>> = (-800_000..60_000).step_by(37).map(|day: i32| day.to_be_bytes().to_vec()).collect();
    bulk(&mut client, &types, 1182, 1082, &near);
    let stamps: Vec<Vec<u8>> =
        (0..20_000).map(|_| within(-211_813_488_000_000_000, 2_000_000_000_000_000_000).to_be_bytes().to_vec()).collect();
    bulk(&mut client, &types, 1115, 1114, &stamps);
    bulk(&mut client, &types, 1185, 1184, &stamps);
    let intervals: Vec<Vec<u8>> = (0..20_000)
        .map(|index| {
            let span = 10i64.pow(1 + index % 18);
            let mut value = within(-span, span).to_be_bytes().to_vec();
            value.extend_from_slice(&(within(-500, 500) as i32).to_be_bytes());
            value.extend_from_slice(&(within(-500, 500) as i32).to_be_bytes());
            value
        })
        .collect();
    bulk(&mut client, &types, 1187, 1186, &intervals);
    let addresses: Vec<Vec<u8>> = (0..20_000)
        .map(|_| {
            let mut value = vec![3, within(0, 129) as u8, 0, 16];
            let zeros = within(0, 256) as u32;
            value.extend((0..8).flat_map(|word| if zeros >> word & 1 == 1 { [0, 0] } else { (within(0, 65_536) as u16).to_be_bytes() }));
            value
        })
        .collect();
    bulk(&mut client, &types, 1041, 869, &addresses);
    let numerics: Vec<Vec<u8>> = (0..20_000)
        .map(|_| {
            // First and last digit are not zero, as the server stores them; the scale shows all of them.
            let count = within(1, 8) as usize;
            let weight = within(-6, 8);
            let mut value = (count as u16).to_be_bytes().to_vec();
            value.extend_from_slice(&(weight as i16).to_be_bytes());
            value.extend_from_slice(&(if within(0, 2) == 0 { 0u16 } else { 0x4000 }).to_be_bytes());
            let least = ((count as i64 - weight - 1) * 4).max(0);
            value.extend_from_slice(&(within(least, least + 5) as u16).to_be_bytes());
            value.extend((0..count).flat_map(|_| (within(1, 10_000) as u16).to_be_bytes()));
            value
        })
        .collect();
    bulk(&mut client, &types, 1231, 1700, &numerics);
    let money: Vec<Vec<u8>> = (0..5_000)
        .map(|index| {
            let span = 10i64.pow(1 + index % 18);
            within(-span, span).to_be_bytes().to_vec()
        })
        .collect();
    // Its thousands are separated by the array's own delimiter.
    for value in money {
        let ty = types.get(790).unwrap();
        let server = client.query("SELECT $1", &[(790, Format::Binary, &value)], Format::Text).unwrap().one().1.unwrap();
        let mut ours = Vec::new();
        ty.text_from_binary(&value, &mut Scratch::new(), &mut ours).unwrap();
        assert_eq!(String::from_utf8_lossy(&server), String::from_utf8_lossy(&ours));
    }
}
