//! What the planner expects of a statement, read from its plan: how many rows leave, and whether rows are made out of nothing.

use serde_json::Value;

/// What the planner expects of a statement.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Estimate {
    /// Rows that leave: those that come back, or, where values of many rows are put into one, those.
    pub rows: f64,
    /// The most rows at any step of the plan.
    pub widest: f64,
    pub cost: f64,
    /// The most rows that are made without reading any.
    pub made: f64,
    /// The most rows that are read from one relation.
    pub read: f64,
}

/// Plans that are nested deeper are not read.
const DEEPEST: usize = 200;

#[derive(Default)]
struct Seen {
    estimate: Estimate,
    /// The most rows that an aggregate, or an expression of its own, takes in.
    taken_in: f64,
    /// The most rows that a limit is put upon.
    limited: f64,
}

impl Estimate {
    /// From the answer to `EXPLAIN (FORMAT JSON)`. `collects`: values of many rows may leave in one. `ties`: the limit is no bound, for all
    /// rows may be the last one's equals.
    pub fn of_plan(text: &str, collects: bool, ties: bool) -> Option<Self> {
        let plans: Value = serde_json::from_str(text).ok()?;
        let plan = plans.get(0)?.get("Plan")?;
        let mut seen = Seen::default();
        look(plan, &mut seen, 0)?;
        let mut estimate = Estimate { rows: number(plan, "Plan Rows"), cost: number(plan, "Total Cost"), ..seen.estimate };
        if collects {
            estimate.rows = estimate.rows.max(seen.taken_in);
        }
        if ties {
            estimate.rows = estimate.rows.max(seen.limited);
        }
        Some(estimate)
    }
}

fn number(node: &Value, key: &str) -> f64 {
    node.get(key).and_then(Value::as_f64).unwrap_or(0.0)
}

/// Whether the node, or something below it, reads a relation.
fn look(node: &Value, seen: &mut Seen, depth: usize) -> Option<bool> {
    if depth > DEEPEST {
        return None;
    }
    let rows = number(node, "Plan Rows");
    let kind = node.get("Node Type").and_then(Value::as_str).unwrap_or_default();
    let takes_in = matches!(kind, "Aggregate" | "WindowAgg" | "Group");
    let mut reads = node.get("Relation Name").is_some();
    if reads {
        seen.estimate.read = seen.estimate.read.max(rows);
    }
    for below in node.get("Plans").and_then(Value::as_array).into_iter().flatten() {
        reads |= look(below, seen, depth.saturating_add(1))?;
        let apart = below.get("Parent Relationship").and_then(Value::as_str).is_some_and(|how| how == "InitPlan" || how == "SubPlan");
        if kind == "Limit" && !apart {
            seen.limited = seen.limited.max(number(below, "Plan Rows"));
        }
        if takes_in || apart {
            seen.taken_in = seen.taken_in.max(number(below, "Plan Rows"));
        }
    }
    if !reads {
        seen.estimate.made = seen.estimate.made.max(rows);
    }
    seen.estimate.widest = seen.estimate.widest.max(rows);
    Some(reads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_into_one_row_counts_as_rows() {
        let plan = r#"[{"Plan": {"Node Type": "Aggregate", "Plan Rows": 1, "Total Cost": 250.5, "Plans": [
            {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "customers", "Plan Rows": 5000, "Total Cost": 236}]}}]"#;
        let counted = Estimate::of_plan(plan, false, false).unwrap();
        assert_eq!((counted.rows, counted.widest, counted.made, counted.read), (1.0, 5000.0, 0.0, 5000.0));
        assert_eq!(Estimate::of_plan(plan, true, false).unwrap().rows, 5000.0);
    }

    #[test]
    fn rows_out_of_nothing_are_seen() {
        let plan = r#"[{"Plan": {"Node Type": "Aggregate", "Plan Rows": 1, "Plans": [
            {"Node Type": "Function Scan", "Parent Relationship": "Outer", "Function Name": "generate_series", "Plan Rows": 3000000}]}}]"#;
        assert_eq!(Estimate::of_plan(plan, false, false).unwrap().made, 3_000_000.0);
        assert_eq!(Estimate::of_plan("[]", false, false), None);
        assert_eq!(Estimate::of_plan("nonsense", false, false), None);
    }
}
