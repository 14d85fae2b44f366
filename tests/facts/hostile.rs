//! Texts that are made to cost time or stack. Each is read on a thread with less stack than any real one has, and ends; that it ends soon is
//! seen by the harness, which waits for no test for long.

use pgsluice::sql;
use pgsluice::sql::facts::{Facts, Opaque};

const STACK: usize = 256 * 1024;

/// What threads have that nobody gave more.
const USUAL_STACK: usize = 2 * 1024 * 1024;

fn read(text: String) -> Facts {
    std::thread::Builder::new().stack_size(STACK).spawn(move || sql::read(text.as_bytes())).unwrap().join().unwrap()
}

fn check(name: &str, text: String) -> Facts {
    let length = text.len();
    let facts = read(text);
    assert!(!facts.effects.is_empty(), "{name}");
    println!("{name}: {length} bytes, {} statements, {:?}", facts.statements.len(), facts.opaque);
    facts
}

fn is_opaque(name: &str, text: String) {
    assert!(check(name, text).opaque.is_some(), "{name} was read");
}

#[test]
fn what_only_costs_time_or_stack_is_not_read() {
    let nested = |open: &str, middle: &str, close: &str, times: usize| format!("{}{middle}{}", open.repeat(times), close.repeat(times));
    let chain = |first: &str, link: &str, times: usize| format!("{first}{}", link.repeat(times));
    is_opaque("block comments in each other", format!("select 1 {}", nested("/*", "", "*/", 40_000)));
    is_opaque("block comments behind each other", chain("select 1 ", "/**/ ", 160_000));
    is_opaque("block comments without an end", chain("select 1 ", "/*", 40_000));
    is_opaque("parentheses", format!("select {}", nested("(", "1", ")", 10_000)));
    is_opaque("many more parentheses", format!("select {}", nested("(", "1", ")", 50_000)));
    is_opaque("parentheses without an end", chain("select ", "(", 500_000));
    is_opaque("subqueries", nested("select (", "select 1", ")", 50_000));
    is_opaque("subqueries in FROM", nested("select * from (", "select 1", ") x", 20_000));
    is_opaque("terms", chain("select 1", "+1", 100_000));
    is_opaque("concatenation", chain("select 'a'", "||'a'", 100_000));
    is_opaque("signs", format!("select {}1", "- ".repeat(100_000)));
    is_opaque("negations", format!("select {} true", "not ".repeat(100_000)));
    is_opaque("casts", chain("select 1", "::int", 100_000));
    is_opaque("unions", chain("select 1", " union select 1", 20_000));
    is_opaque("unions of rows", chain("select 1, 2", " union all select 1, 2", 20_000));
    is_opaque("joins", chain("select * from t", " join t on a and b", 20_000));
    is_opaque("cases", format!("select {}1{}", "case when true then ".repeat(20_000), " end".repeat(20_000)));
    is_opaque("cases with conjunctions", format!("select {}1{}", "case when a and b then ".repeat(20_000), " end".repeat(20_000)));
    is_opaque("ranges", chain("select a", " is null between b and c", 20_000));
    is_opaque("brackets", format!("select {}1{}", "array[".repeat(20_000), "]".repeat(20_000)));
    is_opaque("tests", chain("select a", " is null", 50_000));
    is_opaque("collations", chain("select a", " collate \"C\"", 50_000));
    is_opaque("dollar quotes", format!("select {}", nested("$a$ (", "1", ") $a$ ", 20_000)));
    is_opaque("behind a string that can be read in two ways", format!("select '\\', {}", nested("(", "1", ")", 9_000)));
    is_opaque(
        "one source for many columns",
        format!("update t set ({}) = (select {})", "a,".repeat(40_000) + "a", "1,".repeat(40_000) + "1"),
    );
    is_opaque("a message of a size that nothing is read at", format!("select '{}'", "x".repeat(2 * 1024 * 1024)));
    assert_eq!(read("select 1\0; drop table t".to_owned()).opaque, Some(Opaque::Nul));
    assert_eq!(sql::read(b"select '\xe9'").opaque, Some(Opaque::NotUtf8));
}

/// Nests by every rule of the grammar that nests, so many levels deep.
fn deep(levels: usize) -> Vec<(&'static str, String)> {
    let nested = |open: &str, middle: &str, close: &str, weight: usize| {
        format!("{}{middle}{}", open.repeat(levels / weight), close.repeat(levels / weight))
    };
    let chain = |first: &str, link: &str, weight: usize| format!("{first}{}", link.repeat(levels / weight));
    vec![
        ("parentheses", format!("select {}", nested("(", "1", ")", 2))),
        ("subqueries", nested("select (", "select 1", ")", 4)),
        ("subqueries in FROM", nested("select * from (", "select 1", ") x", 5)),
        ("named subqueries", nested("with x as (", "select 1", ") select * from x", 6)),
        ("existence", nested("select * from t where exists (", "select 1", ")", 5)),
        ("values in FROM", nested("select * from (values((", "select 1", "))) v", 12)),
        ("beside other tables", nested("select * from t, lateral (with a as (select 1), x as (", "select 1", ") select * from x) y", 16)),
        ("terms", chain("select 1", "+1", 1)),
        ("signs", format!("select {}a", "- ".repeat(levels))),
        ("casts", chain("select a", "::int", 1)),
        ("tests", chain("select a", " is null", 1)),
        ("unions", chain("select 1", " union select 1", 1)),
        ("unions in parentheses", nested("(select 1 union ", "select 1", ")", 5)),
        ("joins", chain("select * from t", " join t on true", 1)),
        ("cases", format!("select {}", nested("case when true then ", "1", " end", 2))),
        ("array constructors", format!("select {}", nested("array[", "1", "]", 3))),
        ("subscripts", format!("select {}", nested("a[", "1", "]", 2))),
        ("functions", format!("select {}", nested("lower(", "1", ")", 2))),
        ("named arguments", format!("select {}", nested("f(a => ", "1", ")", 3))),
        ("windows", format!("select {}", nested("sum(1) over (order by ", "1", ")", 2))),
        ("ordered aggregates", format!("select {}", nested("array_agg(1 order by ", "1", ")", 2))),
        ("objects of JSON", format!("select {}", nested("json_object('a': ", "1", ")", 2))),
        ("arrays of JSON", format!("select {}", nested("json_array(1, ", "1", ")", 2))),
        ("elements of XML", format!("select {}", nested("xmlelement(name a, ", "1", ")", 2))),
        ("forests of XML", format!("select {}", nested("xmlforest(a, ", "1", " as b)", 2))),
        ("rows in rows", format!("select {}", nested("row(1, ", "1", ")", 3))),
        ("lists", format!("select {}", nested("1 in (", "1", ")", 3))),
        ("ranges", chain("select a", " is null between b and c", 4)),
    ]
}

fn are_read(stack: usize, texts: Vec<(&'static str, String)>) {
    let mut unread = Vec::new();
    for (name, text) in texts {
        println!("{name} on {stack}");
        let text = text.into_bytes();
        let facts = std::thread::Builder::new().stack_size(stack).spawn(move || sql::read(&text)).unwrap().join().unwrap();
        if let Some(reason) = facts.opaque {
            unread.push((name, reason));
        }
    }
    assert!(unread.is_empty(), "{unread:?}");
}

#[test]
fn what_is_as_deep_as_may_be_is_read() {
    are_read(64 * 1024 * 1024, deep(480));
    are_read(USUAL_STACK, deep(300));
    // What is deep on the left of a chain is deeper by the chain.
    for (inner, chain) in [(240, 240), (100, 380), (380, 100), (400, 2000)] {
        for (open, close) in [("lower(", ")"), ("array[", "]"), ("case when true then ", " end"), ("(select ", ")")] {
            for link in ["+1", "::int", " is null", " between b and c is null", " and a", " or a", " union select 1"] {
                let text = format!("select {}1{}{}", open.repeat(inner / 4), close.repeat(inner / 4), link.repeat(chain));
                for stack in [STACK, USUAL_STACK] {
                    let text = text.clone();
                    std::thread::Builder::new().stack_size(stack).spawn(move || sql::read(text.as_bytes())).unwrap().join().unwrap();
                }
            }
        }
    }
}

/// With hardly any stack the parser may refuse sooner: what it does not read is opaque.
#[test]
fn however_deep_it_is_read_on_any_stack() {
    for levels in (20..600).step_by(60) {
        for (name, text) in deep(levels) {
            check(name, text);
        }
    }
}

#[test]
fn what_is_only_long_is_read() {
    let chain = |first: &str, link: &str, times: usize| format!("{first}{}", link.repeat(times));
    are_read(
        STACK,
        vec![
            ("conditions", chain("select 1 from t where a = 1", " and a = 1", 20_000)),
            ("alternatives", chain("select 1 from t where a = 1", " or a = 1", 20_000)),
            ("rows", chain("insert into t values (-1, 'x'::text)", ", (-1, 'x'::text)", 20_000)),
            ("columns", chain("select a + 1", ", a + 1", 20_000)),
            ("statements", chain("select 1", "; select 1", 20_000)),
            ("a long list", format!("select 1 from t where a in ({}1)", "1, ".repeat(100_000))),
            ("tables", chain("select 1 from t0", ", t", 900)),
            (
                "names for subqueries",
                format!("with {} x as (select 1) select * from x", (0..900).map(|n| format!("x{n} as (select 1),")).collect::<String>()),
            ),
            ("block comments", chain("select 1 ", "/**/", 64)),
        ],
    );
    is_opaque(
        "more names than are looked at",
        format!("with {} x as (select 1) select * from x", (0..2000).map(|n| format!("x{n} as (select 1),")).collect::<String>()),
    );
    is_opaque("more tables than are looked at", format!("select 1 from t{}", (0..2000).map(|n| format!(", t{n}")).collect::<String>()));
}
