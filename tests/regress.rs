//! PostgreSQL's own regression statements, file by file, each file in one session of psql, on the bare server and through the program with
//! everything allowed: what a person reads on the screen is the same to the letter, but for what is listed with its reason. Skipped, with a
//! word, where the statements (`../shared/corpus`) are not beside the checkout.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "support/regression.rs"]
mod regression;
mod support;

use std::collections::BTreeMap;

use regression::File;
use support::{Cluster, Proxy};

const DATABASE: &str = "regression";

/// Far fewer would mean that errors are compared with errors: the ground that they stand on was not made.
const WORKING: usize = 15_000;

/// What may differ: the file, the statement's number in it, and why.
fn known() -> BTreeMap<(String, String), String> {
    let text = std::fs::read_to_string(regression::package().join("fixtures/gate/regress_known.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let (Some(file), Some(number), Some(reason)) = (words.next(), words.next(), words.next()) else { panic!("no reason: {line}") };
            ((file.to_owned(), number.to_owned()), reason.to_owned())
        })
        .collect()
}

#[test]
fn each_file_says_the_same_on_both_sides() {
    let Some(files) = regression::files() else { return };
    let (direct, through) = std::thread::scope(|scope| {
        let direct = scope.spawn(|| {
            let cluster = ground();
            run(&files, &cluster.url(DATABASE))
        });
        let through = scope.spawn(|| {
            let cluster = ground();
            let proxy = Proxy::transparent(&cluster.url(DATABASE), &["agent", "--owner", "tester"]);
            let outputs = run(&files, &proxy.url(DATABASE));
            assert!(proxy.stop().success(), "the proxy drains");
            outputs
        });
        (direct.join().unwrap(), through.join().unwrap())
    });
    let working = direct.iter().flatten().filter(|output| !output.contains("ERROR:")).count();
    println!("{working} statements work on the bare server");
    assert!(working > WORKING, "the statements are not run as they should be");
    let known = known();
    let mut different = Vec::new();
    let mut excused = 0;
    let mut statements = 0;
    for ((file, direct), through) in files.iter().zip(&direct).zip(&through) {
        assert_eq!(direct.len(), file.statements.len(), "{}: psql came to the end", file.name);
        statements += direct.len();
        for (number, expected) in direct.iter().enumerate() {
            let found = through.get(number).map_or("(nothing)", String::as_str);
            if expected == found {
                continue;
            }
            let key = |number: &str| known.contains_key(&(file.name.clone(), number.to_owned()));
            if key(&number.to_string()) || key("*") {
                excused += 1;
            } else {
                let sql = &file.statements[number];
                different.push(format!("{} {number}: {sql}\n direct: {expected}\nthrough: {found}\n", file.name));
            }
        }
    }
    println!(
        "{statements} statements of {} files, {} differ, {excused} of them for a known reason",
        files.len(),
        different.len() + excused
    );
    if let Ok(path) = std::env::var("PGSLUICE_TEST_DIFFERENCES") {
        std::fs::write(path, different.join("\n")).unwrap();
    }
    assert!(different.is_empty(), "{}:\n{}", different.len(), different[..different.len().min(20)].join("\n"));
}

/// Two of these give the same numbers to the same statements: nothing but statements uses numbers up.
fn ground() -> Cluster {
    let cluster = Cluster::start(15);
    let still = "ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf();";
    support::sql(&cluster.url("postgres"), &format!("{still} CREATE DATABASE {DATABASE}"));
    cluster
}

fn run(files: &[File], url: &str) -> Vec<Vec<String>> {
    files.iter().map(|file| regression::session(file, url)).collect()
}
