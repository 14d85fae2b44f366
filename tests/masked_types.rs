//! Masked values are of the type that they were announced as: drivers read them, in text and in binary, whatever is put in their place.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::process::Command;
use std::time::Duration;

use support::{Cluster, Proxy};

const LIMIT: Duration = Duration::from_secs(240);

fn check(major: u16, style: &str) {
    let cluster = Cluster::get(major);
    let database = cluster.database(&format!("masked_types_{style}"));
    database.sql("CREATE EXTENSION IF NOT EXISTS hstore; CREATE EXTENSION IF NOT EXISTS citext");
    let file = tempfile::NamedTempFile::new().unwrap();
    let policy = format!(
        "[[rule]]\nname = \"all\"\naction = \"allow\"\n[mask]\nstyle = \"{style}\"\ncolumns = {{ \"*.*.v\" = \"CREDIT_CARD\" }}\n\
         [budget]\nsensitive_rows = \"unlimited\"\n"
    );
    std::fs::write(file.path(), policy).unwrap();
    let proxy = Proxy::start_with(&database.url(), &["--policy", file.path().to_str().unwrap()], &["agent", "--owner", "tester"]);
    let mut reading = Command::new(support::python());
    reading.arg(support::tests_folder().join("drivers/masked_values.py"));
    reading.env("DIRECT", database.url()).env("THROUGH", proxy.url(&database.name));
    println!("{}", support::run_within(&mut reading, LIMIT));
}

#[test]
fn redacted_on_15() {
    check(15, "redact");
}

#[test]
fn in_part_on_18() {
    check(18, "partial");
}

#[test]
fn null_on_18() {
    check(18, "null");
}
