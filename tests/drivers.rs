//! Real drivers run their flows twice, direct and through the proxy, and must tell the same story line by line. What each has done is
//! written to `target/driver-table.md`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;
#[path = "drivers/tokio_postgres_flow.rs"]
mod tokio_postgres_flow;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Cluster, Proxy};

/// Fewer steps than the shortest flow has mean that the program was cut short.
const FEWEST_STEPS: u32 = 10;

/// How one driver's program is started.
enum Program {
    Python(&'static str),
    Node(&'static str),
    Java(&'static str),
    Shell(&'static str),
    /// Runs within this process and gives its lines.
    Here(fn(&str) -> String),
}

impl Program {
    fn run(&self, url: &str) -> String {
        let folder = support::tests_folder().join("drivers");
        let mut command = match self {
            Self::Python(name) => with_argument(support::python(), folder.join(name)),
            Self::Node(name) => with_argument("node", folder.join(name)),
            Self::Java(name) => {
                let mut command = Command::new("java");
                command.args(["-XX:TieredStopAtLevel=1", "-cp", "/usr/share/java/postgresql.jar"]).arg(folder.join(name));
                command
            }
            Self::Shell(name) => Command::new(folder.join(name)),
            Self::Here(flow) => return flow(url),
        };
        // What the caller's environment says of PostgreSQL is not for these programs.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG") && !name.starts_with("PGSLUICE")) {
            command.env_remove(name);
        }
        command.env("PGSLUICE_TEST_DSN", url).env("PGSLUICE_TEST_TYPES", folder.join("types.json"));
        support::run(command.env("TZ", "UTC").env("NODE_NO_WARNINGS", "1").env("PYTHONWARNINGS", "ignore"))
    }
}

fn with_argument(program: impl AsRef<std::ffi::OsStr>, script: PathBuf) -> Command {
    let mut command = Command::new(program);
    command.arg(script);
    command
}

fn check(driver: &str, major: u16, program: Program) {
    let cluster = Cluster::get(major);
    let schema = std::fs::read_to_string(support::tests_folder().join("drivers/schema.sql")).unwrap();
    let template = cluster.database(&format!("{driver}_template"));
    template.sql(&schema);
    // Copies of one template: the types a driver looks up have the same OIDs.
    let direct = cluster.database_from(&format!("{driver}_direct"), &template.name);
    let through = cluster.database_from(&format!("{driver}_through"), &template.name);

    let expected = program.run(&direct.url());
    let proxy = Proxy::transparent(&through.url(), &["agent", "--owner", "tester"]);
    let found = program.run(&proxy.url(&through.name));
    assert!(proxy.stop().success(), "the proxy drains");

    let steps = steps(&expected);
    write_row(driver, major, steps, expected == found);
    assert!(steps >= FEWEST_STEPS, "{driver} ended early:\n{expected}");
    if let Some((line, (ours, theirs))) = differing_line(&expected, &found) {
        panic!("{driver} on {major}, line {line}\n direct: {ours}\nthrough: {theirs}");
    }
}

/// The number in the last line, `done N steps`.
fn steps(output: &str) -> u32 {
    let last = output.lines().last().unwrap_or_default();
    last.strip_prefix("done ").and_then(|rest| rest.strip_suffix(" steps")).and_then(|count| count.parse().ok()).unwrap_or(0)
}

fn differing_line<'text>(one: &'text str, two: &'text str) -> Option<(usize, (&'text str, &'text str))> {
    let end = std::iter::repeat("(nothing)");
    let longer = one.lines().count().max(two.lines().count());
    one.lines().chain(end.clone()).zip(two.lines().chain(end)).take(longer).enumerate().find(|(_, (ours, theirs))| ours != theirs)
}

/// Tests run as processes of their own, so each writes its row and then the table of all rows, one at a time.
fn write_row(driver: &str, major: u16, steps: u32, is_equal: bool) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let rows = target.join("driver-table");
    std::fs::create_dir_all(&rows).unwrap();
    let lock = File::create(target.join("driver-table.lock")).unwrap();
    lock.lock().unwrap();
    let row = format!("| {driver} | {major} | {steps} | {} |\n", if is_equal { "yes" } else { "NO" });
    std::fs::write(rows.join(format!("{driver}-{major}")), row).unwrap();
    let mut all: Vec<_> = std::fs::read_dir(&rows).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    let mut table = String::from("| driver | PostgreSQL | steps | equal |\n|---|---|---|---|\n");
    for path in all {
        table.push_str(&std::fs::read_to_string(path).unwrap());
    }
    std::fs::write(target.join("driver-table.md"), table).unwrap();
}

/// One module per driver and one test per major: all run in `make soak`, those marked `soon` in `make test` too.
macro_rules! drivers {
    ($($name:ident: $program:expr, soon $($soon:ident)+, soak $($late:ident)*;)+) => {
        $(mod $name {
            use super::{Program, check};
            $(drivers!(@test $name, $soon, $program,);)+
            $(drivers!(@test $name, $late, $program, #[ignore = "runs in `make soak`"]);)*
        })+
    };
    (@test $name:ident, $major:ident, $program:expr, $(#[$attribute:meta])?) => {
        #[test]
        $(#[$attribute])?
        fn $major() {
            check(stringify!($name), stringify!($major).trim_start_matches("on_").parse().unwrap(), $program);
        }
    };
}

drivers! {
    psql: Program::Shell("psql_flow.sh"), soon on_14 on_15 on_16 on_17 on_18, soak;
    psycopg3: Program::Python("psycopg3_flow.py"), soon on_14 on_15 on_16 on_17 on_18, soak;
    asyncpg: Program::Python("asyncpg_flow.py"), soon on_14 on_15 on_16 on_17 on_18, soak;
    psycopg2: Program::Python("psycopg2_flow.py"), soon on_15, soak on_14 on_16 on_17 on_18;
    pg8000: Program::Python("pg8000_flow.py"), soon on_15, soak on_14 on_16 on_17 on_18;
    sqlalchemy: Program::Python("sqlalchemy_flow.py"), soon on_15, soak on_14 on_16 on_17 on_18;
    django: Program::Python("django_flow.py"), soon on_15, soak on_14 on_16 on_17 on_18;
    node_postgres: Program::Node("pg_flow.mjs"), soon on_15, soak on_14 on_16 on_17 on_18;
    postgres_js: Program::Node("postgres_js_flow.mjs"), soon on_15, soak on_14 on_16 on_17 on_18;
    drizzle: Program::Node("drizzle_flow.mjs"), soon on_15, soak on_14 on_16 on_17 on_18;
    jdbc: Program::Java("JdbcFlow.java"), soon on_15, soak on_14 on_16 on_17 on_18;
    tokio_postgres: Program::Here(crate::tokio_postgres_flow::flow), soon on_15, soak on_14 on_16 on_17 on_18;
    pgbench: Program::Shell("pgbench_flow.sh"), soon on_15, soak on_14 on_16 on_17 on_18;
    // Of release 15, which refuses newer servers.
    pg_dump: Program::Shell("pg_dump_flow.sh"), soon on_15, soak on_14;
}

#[test]
fn a_difference_is_found_wherever_it_is() {
    assert_eq!(differing_line("a\nb", "a\nb"), None);
    assert_eq!(differing_line("a\nb", "a\nc"), Some((1, ("b", "c"))));
    assert_eq!(differing_line("a\nb", "a"), Some((1, ("b", "(nothing)"))));
    assert_eq!(differing_line("a", "a\nb"), Some((1, ("(nothing)", "b"))));
    assert_eq!([steps("1 x\ndone 12 steps\n"), steps("1 x\n"), steps("done 3 steps\n1 x"), steps("")], [12, 0, 0, 0]);
}
