//! What is found out of columns and types, by real servers: before the first row leaves, as the agent's own role, without reaching code, kept
//! over restarts, and overruled by people.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and it stands above the floor that reads a clock"
)]

mod support;

use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Cluster, Database, Proxy, run, sql};

/// The oldest and the newest server that everything is tried on.
const MAJORS: [u16; 2] = [15, 18];

fn on_each(test: impl Fn(&Cluster)) {
    for major in MAJORS {
        test(&Cluster::get(major));
    }
}

/// What is thought of a column: what it holds, of which kinds, and why.
#[derive(Debug, PartialEq)]
struct Thought {
    holding: String,
    kinds: Vec<String>,
    why: String,
}

fn thoughts(proxy: &Proxy, table: &str, column: &str) -> Vec<Thought> {
    let listed: Value = serde_json::from_str(&proxy.command(&["mask", "verdicts"], &["--json", "--table", table])).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = listed.as_array().unwrap().iter().filter(|row| row["column"] == column);
    rows.map(|row| Thought {
        holding: text(&row["holding"]),
        kinds: row["kinds"].as_array().unwrap().iter().map(text).collect(),
        why: text(&row["why"]),
    })
    .collect()
}

/// What is kept is written behind the answer: looked at until it is as wanted.
fn until_thought(proxy: &Proxy, table: &str, column: &str, wanted: impl Fn(&Thought) -> bool) -> Thought {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut found = thoughts(proxy, table, column);
        match found.pop() {
            Some(thought) if found.is_empty() && wanted(&thought) => return thought,
            other if Instant::now() > deadline => panic!("{table}.{column}: {other:?} and {found:?}"),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn start(database: &Database<'_>) -> Proxy {
    Proxy::start(&database.url())
}

const PEOPLE: &str = "CREATE TABLE people (id int, email text, code text);
    INSERT INTO people SELECT i, 'jane' || i || '@example.org', 'K-' || i FROM generate_series(1, 50) i;";

#[test]
fn one_row_of_a_table_never_seen_before_is_masked() {
    on_each(|cluster| {
        let database = cluster.database("verdicts_one");
        database.sql(
            "CREATE TABLE zq_contacts (k int, full_name text, home_address text, mail text, qty int);
             INSERT INTO zq_contacts VALUES (1, 'Margaret Hamilton', '14 Rosewood Lane, Springfield, IL 62704', 'mh@example.org', 17),
               (2, 'Katherine Johnson', '221 Birch Street, Hampton, VA 23666', 'kj@example.org', 4)",
        );
        let proxy = start(&database);
        let row = sql(&proxy.url(&database.name), "SELECT * FROM zq_contacts WHERE k = 1");
        for value in ["Margaret", "Hamilton", "Rosewood", "mh@example.org"] {
            assert!(!row.contains(value), "{row}");
        }
        assert!(row.starts_with("1|") && row.ends_with("|17"), "{row}");
    });
}

#[test]
fn types_that_users_made_are_read_as_they_are_also_new_ones() {
    on_each(|cluster| {
        let database = cluster.database("verdicts_types");
        database.sql(
            "CREATE TYPE mood AS ENUM ('sad', 'ok');
             CREATE DOMAIN small AS int CHECK (VALUE < 100);
             CREATE TYPE pair AS (a small, m mood);
             CREATE TYPE span AS RANGE (subtype = float8);
             CREATE TABLE t (m mood, s small, p pair, ps pair[], r span, rs span[], mr span_multirange);
             INSERT INTO t VALUES ('ok', 7, (7, 'sad'), ARRAY[(1, 'ok')::pair], '[1,2)', ARRAY['[1,2)'::span], '{[1,2)}');",
        );
        let proxy = start(&database);
        let url = proxy.url(&database.name);
        let direct = database.sql("SELECT *, t FROM t");
        assert_eq!(sql(&url, "SELECT *, t FROM t"), direct);
        // Made in this very session, read at once; and one that grew.
        let made = sql(&url, "CREATE TYPE later AS ENUM ('x', 'y'); SELECT 'y'::later, ROW('x', 1)::text, ARRAY['x'::later]");
        assert_eq!(made, "y|(x,1)|{x}");
        assert_eq!(sql(&url, "ALTER TYPE later ADD VALUE 'z'; SELECT 'z'::later"), "z");
    });
}

#[test]
fn what_is_known_is_kept_over_a_restart_and_checked_again() {
    let cluster = Cluster::get(15);
    let database = cluster.database("verdicts_kept");
    database.sql(PEOPLE);
    let mut proxy = start(&database);
    sql(&proxy.url(&database.name), "SELECT email FROM people LIMIT 1");
    let has_email = |thought: &Thought| thought.kinds.iter().any(|kind| kind == "EMAIL") && thought.why.contains("values");
    let before = until_thought(&proxy, "people", "email", has_email);
    proxy.kill();
    assert_eq!(thoughts(&proxy, "people", "email"), [before]);
    // Nobody was there when it became another table of the same name, and of other columns.
    database.sql("ALTER TABLE people ALTER COLUMN email TYPE int USING 5");
    proxy.start_again(&database.url(), &[]);
    assert_eq!(sql(&proxy.url(&database.name), "SELECT email FROM people LIMIT 1"), "5");
    until_thought(&proxy, "people", "email", |thought| !thought.kinds.iter().any(|kind| kind == "EMAIL"));
}

#[test]
fn people_overrule_by_command_both_ways_and_it_is_on_the_record() {
    let cluster = Cluster::get(15);
    let database = cluster.database("verdicts_said");
    database.sql(PEOPLE);
    let proxy = start(&database);
    let url = proxy.url(&database.name);
    let masked = sql(&url, "SELECT email, code FROM people WHERE id = 1");
    assert!(!masked.contains("jane1@example.org") && masked.ends_with("|K-1"), "{masked}");

    // One session that goes on meanwhile.
    runtime().block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        let carried = tokio::spawn(connection);
        let shown = async |column: &str, wanted: &dyn Fn(&str) -> bool| {
            let deadline = Instant::now() + Duration::from_secs(20);
            loop {
                let row = client.query_one(&format!("SELECT {column} FROM people WHERE id = 1"), &[]).await.unwrap();
                let value: String = row.get(0);
                if wanted(&value) {
                    break;
                }
                assert!(Instant::now() < deadline, "{column} is still {value}");
            }
        };
        proxy.command(&["mask", "verdict", "set"], &["people.email", "harmless"]);
        shown("email", &|value| value == "jane1@example.org").await;
        proxy.command(&["mask", "verdict", "set"], &["public.people.code", "PERSON"]);
        shown("code", &|value| !value.contains("K-1")).await;
        assert_eq!(thoughts(&proxy, "people", "code")[0].holding, "whole");
        proxy.command(&["mask", "verdict", "unset"], &["people.email"]);
        shown("email", &|value| value != "jane1@example.org").await;
        proxy.command(&["mask", "verdict", "set"], &["people.code", "scan"]);
        shown("code", &|value| value == "K-1").await;
        drop(client);
        carried.await.unwrap().unwrap();
    });
    let record = proxy.command(&["audit", "export"], &["--format", "jsonl"]);
    let said: Vec<&str> = record.lines().filter(|line| line.contains("mask verdict public.people.")).collect();
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[0].contains("harmless") && said[1].contains("whole PERSON") && said[2].contains("unset"), "{said:?}");
}

#[test]
fn a_table_made_anew_is_looked_at_anew_and_so_is_a_column_that_was_added() {
    let cluster = Cluster::get(15);
    let database = cluster.database("verdicts_anew");
    database.sql(PEOPLE);
    let proxy = start(&database);
    let url = proxy.url(&database.name);
    sql(&url, "SELECT * FROM people LIMIT 1");
    database.sql("DROP TABLE people; CREATE TABLE people (id int, email text); INSERT INTO people VALUES (1, 'none'), (2, 'none')");
    assert_eq!(sql(&url, "SELECT email FROM people LIMIT 1"), "none");
    // One is known by this name, and holds no addresses but for its name.
    until_thought(&proxy, "people", "email", |thought| thought.why == "2 values sampled");
    database.sql("ALTER TABLE people ADD COLUMN extra text; UPDATE people SET extra = 'me@example.org'");
    let row = sql(&url, "SELECT extra FROM people LIMIT 1");
    assert!(!row.contains("me@example.org"), "{row}");
    let sampled = |thought: &Thought| thought.kinds.iter().any(|kind| kind == "EMAIL") && thought.why.contains("sampled");
    until_thought(&proxy, "people", "extra", sampled);
}

#[test]
fn a_table_that_was_empty_is_looked_at_again_when_rows_come() {
    let cluster = Cluster::get(15);
    let database = cluster.database("verdicts_empty");
    database.sql(
        "CREATE TABLE notes (id int, zq text); INSERT INTO notes VALUES (1, 'x'); DELETE FROM notes; CREATE VIEW one AS SELECT 1 AS a",
    );
    let proxy = start(&database);
    let url = proxy.url(&database.name);
    // Nobody else sees these rows.
    let own = sql(&url, "BEGIN; INSERT INTO notes VALUES (1, 'own'); SELECT zq FROM notes; ROLLBACK");
    assert_eq!(own, "own");
    until_thought(&proxy, "notes", "zq", |thought| thought.why == "name and type");
    database.sql("INSERT INTO notes SELECT i, 'p' || i || '@example.org' FROM generate_series(1, 20) i");
    // Until it may be looked at again, its values are searched all the same.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let row = sql(&url, "SELECT zq FROM notes WHERE id = 1");
        assert!(!row.contains("p1@example.org"), "{row}");
        // Values of this one did not pass: what is known of it comes from a sample.
        if thoughts(&proxy, "notes", "id")[0].why.contains("sampled") {
            break;
        }
        assert!(Instant::now() < deadline, "it was never looked at again");
    }
}

#[test]
fn no_sample_runs_what_a_view_runs() {
    on_each(|cluster| {
        let database = cluster.database("verdicts_code");
        let tell = format!("ran_{}", database.name);
        database.sql(&format!(
            "{PEOPLE}
             CREATE FUNCTION told() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE LOG '{tell}'; RETURN 'x'; END $$;
             CREATE VIEW tells AS SELECT told() AS t, email FROM people WHERE id = 1;
             CREATE VIEW sleeps AS SELECT email, pg_sleep(0.01) IS NULL AS s FROM people WHERE id = 1;
             CREATE TABLE guarded (email text); INSERT INTO guarded VALUES ('g@example.org');
             ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
             CREATE POLICY p ON guarded USING (told() = 'x');
             CREATE VIEW plain AS SELECT email FROM people;"
        ));
        let proxy = start(&database);
        let url = proxy.url(&database.name);
        for view in ["tells", "sleeps", "plain"] {
            let row = sql(&url, &format!("SELECT email FROM {view} LIMIT 1"));
            assert!(!row.contains("@example.org"), "{view}: {row}");
        }
        let log = std::fs::read_to_string(cluster.variable(&format!("PG{}_LOG", cluster.major))).unwrap();
        assert_eq!(log.lines().filter(|line| line.contains(&format!("LOG:  {tell}"))).count(), 1, "only the agent's own statement ran it");
        // What they are computed from is known all the same.
        for view in ["tells", "sleeps", "plain"] {
            let thought = until_thought(&proxy, view, "email", |thought| thought.kinds.contains(&"EMAIL".to_owned()));
            assert_eq!(thought.why, "it comes from a sensitive column");
        }
    });
}

#[test]
fn a_sample_is_small_whatever_the_table_holds() {
    on_each(|cluster| {
        let database = cluster.database("verdicts_large");
        // A gigabyte in four values, one column of it not compressed, and documents that cannot be cut.
        database.sql(
            "CREATE TABLE large (id int, body text, raw text, doc jsonb);
             ALTER TABLE large ALTER COLUMN raw SET STORAGE external;
             INSERT INTO large SELECT i, repeat('x', 230000000), repeat('y', 20000000), jsonb_build_object('k', repeat('z', 10000000))
               FROM generate_series(1, 4) i",
        );
        let proxy = start(&database);
        assert_eq!(sql(&proxy.url(&database.name), "SELECT id FROM large WHERE id = 3"), "3");
        until_thought(&proxy, "large", "body", |thought| thought.why == "4 values sampled");
        let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.process())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 200_000, "{peak} kB");
    });
}

#[test]
fn each_role_sees_by_its_own_sample() {
    let cluster = Cluster::get(15);
    let database = cluster.database("verdicts_roles");
    let (reader, keeper) = (format!("reader_{}", database.name), format!("keeper_{}", database.name));
    database.sql(&format!(
        "CREATE ROLE {reader} LOGIN PASSWORD 'secret'; CREATE ROLE {keeper} LOGIN PASSWORD 'secret';
         {PEOPLE}
         GRANT SELECT (id) ON people TO {reader}; GRANT SELECT ON people TO {keeper};
         CREATE TABLE rows (id int, who text, note text);
         INSERT INTO rows VALUES (1, '{reader}', 'plain'), (2, '{keeper}', 'a@example.org');
         ALTER TABLE rows ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON rows USING (who = current_user);
         GRANT SELECT ON rows TO {reader}, {keeper}"
    ));
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "secret").unwrap();
    let config = tempfile::NamedTempFile::new().unwrap();
    let role = |name: &str| format!("[upstream.roles.{name}]\npassword_file = {:?}\n", secret.path());
    std::fs::write(config.path(), role(&reader) + &role(&keeper)).unwrap();
    let options = ["--config", config.path().to_str().unwrap()];
    let proxy = Proxy::start_with(&database.url(), &options, &["as-reader", "--owner", "t", "--role", &reader]);
    let keeps = proxy.add_agent(&["as-keeper", "--owner", "t", "--role", &keeper]);
    let keeps = format!("{}/{}", keeps.rsplit_once('/').unwrap().0, database.name);
    let reads = proxy.url(&database.name);

    assert_eq!(sql(&reads, "SELECT id FROM people WHERE id = 1"), "1");
    until_thought(&proxy, "people", "email", |thought| thought.why == "name and type");
    until_thought(&proxy, "people", "id", |thought| thought.why == "50 values sampled");
    assert_eq!(sql(&reads, "SELECT note FROM rows"), "plain");
    until_thought(&proxy, "rows", "note", |thought| thought.why == "1 values sampled" && thought.kinds.is_empty());
    let note = sql(&keeps, "SELECT note FROM rows");
    assert!(!note.contains("a@example.org"), "{note}");
    until_thought(&proxy, "rows", "note", |thought| thought.why == "2 values sampled" && thought.kinds == ["EMAIL"]);
    drop(proxy);
    database.sql(&format!("DROP OWNED BY {reader}, {keeper}; DROP ROLE {reader}; DROP ROLE {keeper}"));
}

#[test]
fn without_a_side_connection_rows_come_and_nobody_hangs() {
    let cluster = Cluster::get(15);
    let database = cluster.database("verdicts_alone");
    let lone = format!("lone_{}", database.name);
    database.sql(&format!(
        "CREATE ROLE {lone} LOGIN PASSWORD 'secret' CONNECTION LIMIT 1; {PEOPLE}
         CREATE TABLE other AS SELECT * FROM people; CREATE TABLE third AS SELECT * FROM people;
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO {lone}"
    ));
    let proxy = Proxy::start(&cluster.url_as(&lone, "secret", &database.name));
    let url = proxy.url(&database.name);
    for table in ["people", "other"] {
        let row = sql(&url, &format!("SELECT id, email, code FROM {table} WHERE id = 7"));
        assert!(row.starts_with("7|") && !row.contains("jane7"), "{row}");
    }
    // It may have one again, and loses it in the middle of everything.
    database.sql(&format!("ALTER ROLE {lone} CONNECTION LIMIT -1"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while thoughts(&proxy, "third", "email").is_empty() {
        let row = sql(&url, "SELECT id, email FROM third WHERE id = 8");
        assert!(row.starts_with("8|") && !row.contains("jane8"), "{row}");
        assert!(Instant::now() < deadline, "it was never looked at");
    }
    database
        .sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgsluice' AND datname = current_database()");
    database.sql(&format!("CREATE TABLE fourth AS SELECT * FROM people; GRANT SELECT ON fourth TO {lone}"));
    let row = sql(&url, "SELECT id, email FROM fourth WHERE id = 9");
    assert!(row.starts_with("9|") && !row.contains("jane9"), "{row}");
    drop(proxy);
    database.sql(&format!("DROP OWNED BY {lone}; DROP ROLE {lone}"));
}

#[test]
fn what_a_partition_holds_the_whole_holds() {
    let cluster = Cluster::get(15);
    let database = cluster.database("verdicts_parts");
    database.sql(
        "CREATE TABLE whole (id int, zq text) PARTITION BY RANGE (id);
         CREATE TABLE part_a PARTITION OF whole FOR VALUES FROM (0) TO (10); CREATE TABLE part_b PARTITION OF whole FOR VALUES FROM (10) TO (20);
         INSERT INTO whole VALUES (1, 'plain'), (11, 'p@example.org')",
    );
    let proxy = start(&database);
    let url = proxy.url(&database.name);
    assert_eq!(sql(&url, "SELECT zq FROM part_a"), "plain");
    for table in ["part_a", "whole"] {
        until_thought(&proxy, table, "zq", |thought| thought.kinds == ["EMAIL"]);
    }
}

#[test]
fn the_servers_own_catalogs_are_known_by_a_list() {
    on_each(|cluster| {
        let database = cluster.database("verdicts_own");
        database.sql("CREATE TABLE s (ssn text, zq text); INSERT INTO s SELECT 'q', 'w' FROM generate_series(1, 100); ANALYZE s");
        let proxy = start(&database);
        let url = proxy.url(&database.name);
        let row =
            sql(&url, "SELECT tablename, attname, null_frac, most_common_vals FROM pg_stats WHERE tablename = 's' AND attname = 'zq'");
        assert!(row.starts_with("s|zq|0|") && !row.contains('w'), "{row}");
        assert_eq!(sql(&url, "SELECT relname, relkind FROM pg_class WHERE relname = 's'"), "s|r");
    });
}

#[test]
fn a_scan_proposes_what_a_policy_can_say() {
    on_each(|cluster| {
        let database = cluster.database("verdicts_scan");
        database.sql(&format!("{PEOPLE} CREATE TABLE \"Odd.Name\" (\"e\"\"x\" text); INSERT INTO \"Odd.Name\" VALUES ('o@example.org')"));
        let scanned = run(std::process::Command::new(env!("CARGO_BIN_EXE_pgsluice")).args(["mask", "scan", &database.url()]));
        assert!(scanned.contains("\"public.people.email\" = "), "{scanned}");
        assert!(scanned.contains("Odd.Name"), "{scanned}");
        assert!(!scanned.contains("example.org"), "{scanned}");
        // A policy takes it as it is.
        let policy = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        let shipped = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/policy/good/allow-all.toml")).unwrap();
        std::fs::write(policy.path(), format!("{shipped}\n{scanned}")).unwrap();
        run(std::process::Command::new(env!("CARGO_BIN_EXE_pgsluice")).args(["policy", "check", policy.path().to_str().unwrap()]));
    });
}

/// What a COPY sends, and what is said of it.
fn copied(url: &str, statement: &str) -> (Vec<u8>, String) {
    let done = std::process::Command::new("psql").args(["-X", "-q", "-d", url, "-c", statement]).output().unwrap();
    (done.stdout, String::from_utf8_lossy(&done.stderr).into_owned())
}

fn with_policy(database: &Database<'_>, policy: &str) -> Proxy {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("[[rule]]\nname = \"all\"\naction = \"allow\"\n{policy}")).unwrap();
    Proxy::start_with(&database.url(), &["--policy", file.path().to_str().unwrap()], &["agent", "--owner", "tester"])
}

const FORMATS: [&str; 4] = ["text", "csv", "csv, header", "binary"];

#[test]
fn expressions_of_a_copy_are_judged_by_its_first_rows_as_those_of_a_result() {
    on_each(|cluster| {
        let database = cluster.database("copied_rows");
        let proxy = with_policy(&database, "");
        let url = proxy.url(&database.name);
        let query = "SELECT unnest('{Margaret Hamilton,Katherine Johnson,Dorothy Vaughan,Mary Jackson,Grace Hopper,Hedy Lamarr,\
                     Annie Easley,Joan Clarke,Radia Perlman,Barbara Liskov}'::text[]) AS v, 'in stock' AS w, NULL AS x, 7 AS y";
        // No word before them and no name of a column tells: what tells is that all of them are names.
        let shown = sql(&url, query);
        assert!(!shown.contains("Hamilton") && !shown.contains("Liskov") && shown.contains("in stock"), "{shown}");
        for format in FORMATS {
            let (data, said) = copied(&url, &format!("COPY ({query}) TO STDOUT (FORMAT {format})"));
            let text = String::from_utf8_lossy(&data);
            assert!(!text.contains("Hamilton") && !text.contains("Liskov") && text.contains("in stock"), "{format}: {text} {said}");
        }
        let (data, _) = copied(&url, &format!("COPY ({query}) TO STDOUT"));
        assert_eq!(String::from_utf8(data).unwrap().replace('\t', "|").replace("\\N", ""), format!("{shown}\n"));
        // A first row that comes alone is not waited behind, and nothing is an end as well.
        let slow = "SELECT CASE WHEN i = 2 THEN pg_sleep(0.5)::text ELSE i::text END FROM generate_series(1, 3) i";
        assert_eq!(copied(&url, &format!("COPY ({slow}) TO STDOUT")).0, b"1\n\n3\n");
        assert_eq!(copied(&url, "COPY (SELECT 1 WHERE false) TO STDOUT"), (Vec::new(), String::new()));
    });
}

#[test]
fn a_copy_that_begins_with_what_is_held_is_held() {
    on_each(|cluster| {
        let database = cluster.database("copied_held");
        let proxy =
            with_policy(&database, "[mask]\nhold_results = [\"EMAIL\"]\n[limits]\nrows = \"unlimited\"\n[budget]\nrows = \"unlimited\"");
        let url = proxy.url(&database.name);
        let rows = |found: u32| {
            format!("SELECT i, CASE WHEN i = {found} THEN 'jane@example.org' ELSE 'nothing' END FROM generate_series(1, 100000) i")
        };
        for format in FORMATS {
            let (data, said) = copied(&url, &format!("COPY ({}) TO STDOUT (FORMAT {format})", rows(20_000)));
            assert!(data.is_empty() && said.contains("the policy holds results"), "{format}: {} bytes, {said}", data.len());
            // Where there is none, and where one comes later than anybody waits for, the rows come, all of them.
            let (data, said) = copied(&url, &format!("COPY ({}) TO STDOUT (FORMAT {format})", rows(0)));
            assert!(data.len() > 1 << 20, "{format}: {} bytes, {said}", data.len());
            let (data, said) = copied(&url, &format!("COPY ({}) TO STDOUT (FORMAT {format})", rows(99_999)));
            assert!(data.len() > 1 << 20 && !data.windows(5).any(|part| part == b"jane@"), "{format}: {} bytes, {said}", data.len());
        }
    });
}

#[test]
fn what_code_makes_beside_a_sensitive_table_is_masked_whole_and_what_is_trusted_is_not() {
    on_each(|cluster| {
        let database = cluster.database("untraced");
        database.sql(PEOPLE);
        database.sql(
            "CREATE TABLE goods (id int, label text); INSERT INTO goods VALUES (1, 'lamp');
             CREATE FUNCTION hidden(n int) RETURNS text LANGUAGE sql AS 'SELECT reverse(email) FROM people WHERE id = n';
             CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
             CREATE FUNCTION opens() RETURNS refcursor LANGUAGE plpgsql AS $$ DECLARE c refcursor := 'theirs';
               BEGIN OPEN c FOR SELECT id, reverse(email) FROM people WHERE id = 7; RETURN c; END $$;",
        );
        let proxy = with_policy(&database, "[trusted]\nfunctions = [\"public.twice\"]\n");
        let url = proxy.url(&database.name);
        let hidden = sql(&url, "SELECT id, hidden(id), twice(id) FROM people WHERE id = 7");
        assert!(!hidden.contains("gro.elpmaxe") && hidden.starts_with("7|"), "{hidden}");
        assert_eq!(sql(&url, "SELECT id, twice(id), upper(code), length(code) FROM people WHERE id = 7"), "7|14|K-7|3");
        assert_eq!(sql(&url, "SELECT twice(id), label || '!' FROM goods"), "2|lamp!");
        // What the session made itself and nobody else sees yet.
        let own = "BEGIN; CREATE TEMP TABLE mine AS SELECT id, code FROM people WHERE id = 7; SELECT upper(m.code), p.id FROM mine m JOIN people p USING (id)";
        assert_eq!(sql(&url, own), "K-7|7");
        // A cursor that code opened is nobody's statement; one's own is.
        let theirs = sql(&url, "BEGIN; SELECT opens(); FETCH ALL FROM theirs; COMMIT");
        assert!(theirs.contains("7|") && !theirs.contains("gro.elpmaxe"), "{theirs}");
        assert_eq!(sql(&url, "BEGIN; DECLARE c CURSOR FOR SELECT upper(code) FROM people WHERE id = 7; FETCH ALL FROM c; COMMIT"), "K-7");
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
