//! What the functions and operators that initdb makes do when they are called by name. What a function claims about itself plays no part:
//! whatever initdb did not make is code, and of what it made, whatever may change something stands in a list written by hand.

mod acting;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::effect::{Effect, EffectSet};

/// Made by fixtures/sql/names.py from the catalogs of every major version: schema and name, and the most volatile of its overloads.
const FUNCTIONS: &str = include_str!("../../../fixtures/sql/functions.txt");
const OPERATORS: &str = include_str!("../../../fixtures/sql/operators.txt");
/// In `pg_catalog`.
const RELATIONS: &str = include_str!("../../../fixtures/sql/relations.txt");

struct Made {
    /// In `pg_catalog`; whether one of the overloads is volatile.
    functions: HashMap<&'static str, bool>,
    information_schema: HashSet<&'static str>,
    operators: HashSet<&'static str>,
    relations: HashSet<&'static str>,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let mut made = Made {
        functions: HashMap::new(),
        information_schema: HashSet::new(),
        operators: OPERATORS.lines().collect(),
        relations: RELATIONS.lines().collect(),
    };
    for line in FUNCTIONS.lines() {
        let (name, volatility) = line.rsplit_once(' ').unwrap_or((line, "v"));
        match name.split_once('.') {
            Some(("pg_catalog", name)) => drop(made.functions.insert(name, volatility == "v")),
            Some((_, name)) => drop(made.information_schema.insert(name)),
            None => {}
        }
    }
    made
});

/// Whether initdb makes a function of this name, and what calling it does beside reading.
pub fn function(schema: Option<&str>, name: &str, arguments: usize) -> (bool, EffectSet) {
    let volatile = match schema {
        None | Some("pg_catalog") => MADE.functions.get(name),
        Some("information_schema") if MADE.information_schema.contains(name) => return (true, EffectSet::NONE),
        Some(_) => None,
    };
    match volatile {
        None => (false, Effect::Code.alone()),
        Some(volatile) => (true, acting::effects(name, arguments, *volatile)),
    }
}

/// Whether calling a function of initdb's by this name may do more than read.
pub fn acts(name: &str) -> bool {
    MADE.functions.get(name).is_none_or(|volatile| !acting::effects(name, 0, *volatile).is_empty())
}

/// Whether a function of initdb gives values of many rows in one.
pub fn collects(name: &str) -> bool {
    name.ends_with("_agg") || name.contains("_agg_") || matches!(name, "xmlagg" | "percentile_disc" | "percentile_cont" | "mode")
}

/// Whether a function of initdb makes as many rows as it is told to.
pub fn makes_rows(name: &str) -> bool {
    matches!(name, "generate_series" | "generate_subscripts" | "unnest" | "regexp_split_to_table" | "string_to_table")
}

/// Bytes of a value that is made, not read, beyond which the server's memory is what it is about.
pub const LONG_VALUE: f64 = 16.0 * 1024.0 * 1024.0;

/// What acts beyond reading among what initdb makes.
pub fn acting() -> impl Iterator<Item = &'static str> {
    acting::NAMES.iter().flat_map(|(_, names)| names.iter().copied())
}

/// Whether a relation in `pg_catalog` is initdb's.
pub fn is_own_relation(name: &str) -> bool {
    MADE.relations.contains(name)
}

/// Whether initdb makes an operator of this name.
pub fn operator(schema: Option<&str>, name: &str) -> bool {
    schema.is_none_or(|schema| schema == "pg_catalog") && (name == "<>" || name == "!=" || MADE.operators.contains(name))
}

/// What it does to touch one of the server's own relations, beside reading or writing it.
pub fn relation(schema: Option<&str>, name: &str, written: bool) -> EffectSet {
    let own = match schema {
        Some("pg_catalog" | "information_schema") => true,
        // The long values of other tables.
        Some("pg_toast") => return if written { Effect::Admin.alone() } else { Effect::Export.alone() },
        None => MADE.relations.contains(name),
        Some(_) => false,
    };
    match name {
        _ if !own => EffectSet::NONE,
        "pg_settings" if written => Effect::Guard.alone(),
        _ if written => EffectSet::of(&[Effect::Admin, Effect::Privilege]),
        // Passwords.
        "pg_authid" | "pg_shadow" | "pg_user_mapping" | "pg_user_mappings" | "pg_foreign_server" | "pg_subscription" => {
            Effect::Privilege.alone()
        }
        // Values out of other tables, by the hundred.
        "pg_largeobject" | "pg_statistic" | "pg_stats" | "pg_stats_ext" | "pg_stats_ext_exprs" | "pg_statistic_ext_data" => {
            Effect::Export.alone()
        }
        "pg_hba_file_rules" | "pg_ident_file_mappings" | "pg_file_settings" | "pg_config" => Effect::Admin.alone(),
        _ => EffectSet::NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_volatile_function_was_looked_at() {
        let unjudged: Vec<_> =
            MADE.functions.iter().filter(|(name, volatile)| **volatile && acting::judged(name).is_none()).map(|(name, _)| name).collect();
        assert!(unjudged.is_empty(), "not in functions/acting.rs: {unjudged:?}");
        assert!(MADE.functions.len() > 2000 && MADE.operators.len() > 60);
    }

    #[test]
    fn names_in_the_list_are_names_that_exist() {
        for name in acting::NAMES.iter().flat_map(|(_, names)| *names).chain(acting::HARMLESS) {
            assert!(MADE.functions.contains_key(name), "initdb makes no {name}");
        }
    }
}
