//! What reading statements costs: a statement met before, a new one, and the parts of it. Prints medians; run alone on a quiet machine:
//! `cargo bench --bench facts`.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads a clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use pgsluice::sql::{self, Cache};

const POINT: &str = "SELECT id, email, name FROM app.customers WHERE id = 42";
const PGBENCH: &str = "UPDATE pgbench_accounts SET abalance = abalance + 117 WHERE aid = 73412";
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
       rank() OVER (PARTITION BY month ORDER BY revenue DESC) AS place,
       revenue - lag(revenue) OVER (PARTITION BY region, category ORDER BY month) AS change
  FROM monthly
 WHERE revenue > 1000 ORDER BY month, place LIMIT 200";

/// Runs of each measurement; the middle one counts. Many and short, so that most of them are not interrupted.
const RUNS: usize = 401;

fn median(mut body: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<_> = (0..RUNS).map(|_| body()).collect();
    times.sort_unstable();
    times.get(RUNS / 2).copied().unwrap_or_default()
}

fn each(times: u32, mut body: impl FnMut(u32)) -> Duration {
    let start = Instant::now();
    for turn in 0..times {
        body(turn);
    }
    start.elapsed() / times
}

fn show(what: &str, time: Duration, bound: Duration) {
    println!("{what:<44} {time:>10.2?}   bound {bound:?}{}", if time > bound { "   TOO SLOW" } else { "" });
}

fn main() {
    let microseconds = Duration::from_micros;
    // The lists of what initdb makes are put together once.
    black_box(sql::read(POINT.as_bytes()));
    for (name, text, bound) in [("point query", POINT, 20), ("update of pgbench", PGBENCH, 20), ("analytics of 15 lines", ANALYTICS, 300)] {
        let time = median(|| each(10, |_| drop(black_box(sql::read(black_box(text.as_bytes()))))));
        show(&format!("new shape, both readers: {name}"), time, microseconds(bound));
    }
    for (name, text) in [("point query", POINT), ("update of pgbench", PGBENCH), ("analytics of 15 lines", ANALYTICS)] {
        let mut cache = Cache::default();
        black_box(cache.read(text.as_bytes()));
        let time = median(|| each(1000, |_| drop(black_box(cache.read(black_box(text.as_bytes()))))));
        show(&format!("cached shape: {name}"), time, microseconds(1));
    }
    // Each has another key and another amount.
    let texts: Vec<String> = (0..1000_u32)
        .flat_map(|turn| {
            let (account, teller, branch, amount) = (turn * 97 + 1, turn % 10 + 1, 1, i64::from(turn) - 500);
            [
                "BEGIN;".to_owned(),
                format!("UPDATE pgbench_accounts SET abalance = abalance + {amount} WHERE aid = {account};"),
                format!("SELECT abalance FROM pgbench_accounts WHERE aid = {account};"),
                format!("UPDATE pgbench_tellers SET tbalance = tbalance + {amount} WHERE tid = {teller};"),
                format!("UPDATE pgbench_branches SET bbalance = bbalance + {amount} WHERE bid = {branch};"),
                format!("INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ({teller}, {branch}, {account}, {amount}, CURRENT_TIMESTAMP);"),
                "END;".to_owned(),
            ]
        })
        .collect();
    let mut cache = Cache::default();
    for text in &texts {
        black_box(cache.read(text.as_bytes()));
    }
    println!("pgbench in simple mode: {} texts have {} keys, {} bytes", texts.len(), cache.len(), cache.bytes());
    let mut next = texts.iter().cycle();
    let time = median(|| each(1000, |_| drop(black_box(next.next().map(|text| cache.read(text.as_bytes()))))));
    show("cached shape: pgbench in simple mode", time, microseconds(1));
}
