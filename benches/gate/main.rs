//! What judging statements costs: one that was judged before, a new one with both readers and its names resolved against a catalog, and how
//! both grow with a policy's rules. Prints medians and what the caches hold; run alone on a quiet machine: `cargo bench --bench gate`.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads a clock")]

use std::cell::RefCell;
use std::error::Error;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgsluice::gate::catalog::{Builder, Catalog, Estimate, Fields, QUESTIONS};
use pgsluice::gate::judge::{Circumstances, Judge, Knowledge, Learned, Memory, Ruling};
use pgsluice::gate::policy::BuiltIn;
use pgsluice::gate::{Policy, Subject};

/// `?` stands for what makes a text a shape of its own, `42` for a value.
const POINT: &str = "SELECT id, email, name AS n? FROM app.customers WHERE id = 42";
const PGBENCH: &str = "UPDATE pgbench_accounts AS a? SET abalance = abalance + 117 WHERE aid = 42";
const ANALYTICS: &str = "WITH monthly AS (
    SELECT date_trunc('month', o.placed_at) AS month, c.region, p.category, sum(i.quantity * i.unit_price) AS revenue,
           count(DISTINCT o.customer_id) AS customers
      FROM sales.orders o
      JOIN sales.order_items i ON i.order_id = o.id
      JOIN sales.products p ON p.id = i.product_id
      LEFT JOIN crm.customers c ON c.id = o.customer_id AND c.deleted_at IS NULL
     WHERE o.placed_at >= '2025-01-01' AND o.placed_at < '2026-01-01' AND o.status IN ('paid', 'shipped', 'delivered')
     GROUP BY 1, 2, 3
)
SELECT month, region, category, revenue, customers, revenue / nullif(customers, 0) AS per_customer,
       rank() OVER (PARTITION BY month ORDER BY revenue DESC) AS place?,
       revenue - lag(revenue) OVER (PARTITION BY region, category ORDER BY month) AS change
  FROM monthly
 WHERE revenue > 1000 ORDER BY month LIMIT 42";
const TEXTS: [(&str, &str, u64); 3] =
    [("point query", POINT, 20), ("update of pgbench", PGBENCH, 20), ("analytics of 15 lines", ANALYTICS, 300)];

/// Runs of each measurement; the middle one counts. Many and short, so that most of them are not interrupted.
const RUNS: usize = 401;
/// New shapes in a run: all of them fit into the caches.
const NEW: usize = 10;
/// Tables of the catalog, beside those that are asked for.
const TABLES: u32 = 2_000;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn median(mut body: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<_> = (0..RUNS).map(|_| body()).collect();
    times.sort_unstable();
    times.get(RUNS / 2).copied().unwrap_or_default()
}

fn show(what: &str, time: Duration, bound: Duration) {
    println!("{what:<56} {time:>10.2?}   bound {bound:?}{}", if time > bound { "   TOO SLOW" } else { "" });
}

/// A database of an application, with what code there is in it, and the tables that are asked for.
fn catalog() -> Outcome<Catalog> {
    let mut rows: Vec<(&str, String)> = Vec::new();
    for (oid, name) in [(2200, "public"), (20_000, "app"), (20_001, "sales"), (20_002, "crm")] {
        rows.push(("SELECT n.oid, n.nspname", format!("{oid}|{name}|t")));
    }
    let mut relation = |oid: u32, schema: u32, name: &str| rows.push(("c.relpages", format!("{oid}|{schema}|{name}|r|f|f|1000|90000")));
    for (oid, schema, name) in [
        (100_000, 20_000, "customers"),
        (100_001, 20_001, "orders"),
        (100_002, 20_001, "order_items"),
        (100_003, 20_001, "products"),
        (100_004, 20_002, "customers"),
        (100_005, 2200, "pgbench_accounts"),
        (100_006, 2200, "pgbench_tellers"),
        (100_007, 2200, "pgbench_branches"),
        (100_008, 2200, "pgbench_history"),
    ] {
        relation(oid, schema, name);
    }
    for number in 0..TABLES {
        relation(110_000 + number, 20_000, &format!("t{number}"));
    }
    for number in 0..TABLES / 10 {
        rows.push(("p.provolatile", format!("{}|20000|f{number}|f|t|f|-|-|f|f|f|0", 200_000 + number)));
        rows.push(("tgisinternal", format!("{}|t|28|{}|-", 110_000 + number, 200_000 + number)));
    }
    let mut builder = Builder::new("agent", "\"$user\", public");
    for question in QUESTIONS.iter() {
        for (_, row) in rows.iter().filter(|(word, _)| question.sql.contains(*word)) {
            let fields: Vec<Option<&str>> = row.split('|').map(|field| (field != "-").then_some(field)).collect();
            builder.add(question, &Fields(&fields))?;
        }
    }
    Ok(builder.finish(1))
}

/// So many rules, of the kinds that people write and none of them for these statements, before those of the default policy.
fn policy(rules: usize) -> Outcome<Arc<Policy>> {
    let mut text = String::new();
    let default = BuiltIn::Default.text();
    let more = rules.saturating_sub(default.lines().filter(|line| line.starts_with("[[rule]]")).count());
    for number in 0..more {
        let on = match number % 10 {
            0..5 => format!("relations = [\"app.t{number}\"]"),
            5 | 6 => format!("agents = [\"other-{number}\"]\nrelations = [\"app.*\"]"),
            7 => format!("columns = [\"app.t{number}.iban\"]"),
            8 => format!("functions = [\"app.f{number}\"]"),
            _ => format!("settings = [\"app.s{number}\"]"),
        };
        text.push_str(&format!("[[rule]]\nname = \"r{number}\"\naction = \"hold\"\neffects = [\"read\", \"write\", \"code\", \"session\"]\n{on}\nreason = \"one of many\"\n"));
    }
    text.push_str(default);
    let (policy, _) = Policy::parse(&text).map_err(|problems| format!("{problems:?}"))?;
    assert_eq!(policy.rules(), rules.max(policy.rules() - more));
    Ok(Arc::new(policy))
}

struct Bench {
    catalog: Arc<Catalog>,
    /// What the planner said, where it is asked.
    learned: Learned,
}

impl Bench {
    fn judge(&self, policy: &Arc<Policy>) -> (Judge, Rc<RefCell<Memory>>) {
        let memory = Rc::<RefCell<Memory>>::default();
        let subject = Arc::new(Subject { agent: "bench".into(), database: "shop".into(), role: "agent".into(), ..Subject::default() });
        (Judge::new(subject, Arc::clone(policy), Knowledge::Known(Arc::clone(&self.catalog)), Rc::clone(&memory)), memory)
    }

    /// As a session does it, with what it was told about the statement.
    fn decide(&self, judge: &Judge, text: &str, told: bool) -> bool {
        let facts = judge.read(black_box(text.as_bytes()));
        let circumstances = Circumstances { learned: told.then_some(&self.learned), ..Circumstances::default() };
        matches!(black_box(judge.judge(&facts, &circumstances)), Ruling::Allow(..))
    }

    fn cached(&self, policy: &Arc<Policy>, text: &str) -> Outcome<Duration> {
        let (judge, _) = self.judge(policy);
        let text = &text.replace('?', "0");
        if !self.decide(&judge, text, true) || !self.decide(&judge, text, false) {
            return Err("it is not allowed from what is remembered".into());
        }
        const TIMES: u32 = 1000;
        Ok(median(|| {
            let start = Instant::now();
            for _ in 0..TIMES {
                black_box(self.decide(&judge, text, false));
            }
            start.elapsed() / TIMES
        }))
    }

    fn new_shape(&self, policy: &Arc<Policy>, text: &str) -> Duration {
        let (judge, _) = self.judge(policy);
        let texts: Vec<String> = (0..RUNS * NEW).map(|number| text.replace('?', &number.to_string())).collect();
        let mut runs = texts.chunks(NEW);
        median(|| {
            let run = runs.next().unwrap_or_default();
            let start = Instant::now();
            for text in run {
                black_box(self.decide(&judge, text, true));
            }
            start.elapsed() / u32::try_from(NEW).unwrap_or(1)
        })
    }
}

fn main() -> Outcome<()> {
    let little = Estimate { rows: 10.0, widest: 1000.0, cost: 100.0, made: 0.0, read: 1000.0 };
    let bench = Bench { catalog: Arc::new(catalog()?), learned: Learned { estimate: Some(little) } };
    println!("catalog: {} relations, {} bytes", bench.catalog.relation_count(), bench.catalog.bytes());
    let default = Policy::built_in(BuiltIn::Default);
    for (name, text, bound) in TEXTS {
        show(&format!("cached shape, default policy: {name}"), bench.cached(&default, text)?, Duration::from_micros(1));
        show(&format!("new shape, default policy: {name}"), bench.new_shape(&default, text), Duration::from_micros(bound));
    }
    let (few, many) = (policy(10)?, policy(1000)?);
    for (name, text, _) in TEXTS {
        let (with_few, with_many) = (bench.cached(&few, text)?, bench.cached(&many, text)?);
        println!("cached shape, {} rules: {name} {with_few:.2?}", few.rules());
        show(&format!("cached shape, {} rules: {name}", many.rules()), with_many, 2 * with_few);
        let (with_few, with_many) = (bench.new_shape(&few, text), bench.new_shape(&many, text));
        println!("new shape, {} rules: {name} {with_few:.2?}", few.rules());
        show(&format!("new shape, {} rules: {name}", many.rules()), with_many, 2 * with_few);
    }
    pgbench(&bench, &default);
    filled(&bench, &default);
    Ok(())
}

/// The statements of pgbench's standard script in simple mode, with other keys and amounts in each round.
fn pgbench(bench: &Bench, policy: &Arc<Policy>) {
    let (judge, memory) = bench.judge(policy);
    let (mut asked, mut remembered) = (0_u32, 0_u32);
    for turn in 0..1000_u32 {
        let (account, teller, amount) = (turn * 97 + 1, turn % 10 + 1, i64::from(turn) - 500);
        for text in [
            "BEGIN;".to_owned(),
            format!("UPDATE pgbench_accounts SET abalance = abalance + {amount} WHERE aid = {account};"),
            format!("SELECT abalance FROM pgbench_accounts WHERE aid = {account};"),
            format!("UPDATE pgbench_tellers SET tbalance = tbalance + {amount} WHERE tid = {teller};"),
            format!("UPDATE pgbench_branches SET bbalance = bbalance + {amount} WHERE bid = 1;"),
            format!(
                "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ({teller}, 1, {account}, {amount}, CURRENT_TIMESTAMP);"
            ),
            "END;".to_owned(),
        ] {
            let before = memory.borrow().rulings();
            bench.decide(&judge, &text, true);
            asked += 1;
            remembered += u32::from(memory.borrow().rulings() == before);
        }
    }
    let share = f64::from(remembered) / f64::from(asked) * 100.0;
    println!("pgbench in simple mode: {remembered} of {asked} judgements were remembered ({share:.2} %)");
}

/// What a thread keeps when it has met more shapes than it keeps.
fn filled(bench: &Bench, policy: &Arc<Policy>) {
    let (judge, memory) = bench.judge(policy);
    let mut most = (0, 0);
    for number in 0..40_000_u32 {
        bench.decide(&judge, &POINT.replace('?', &number.to_string()), true);
        let memory = memory.borrow();
        most = (most.0.max(memory.rulings()), most.1.max(memory.bytes()));
    }
    println!(
        "memory of a thread after 40000 shapes of a point query: at most {} rulings, {} bytes of {}",
        most.0,
        most.1,
        Memory::MOST_BYTES
    );
}
