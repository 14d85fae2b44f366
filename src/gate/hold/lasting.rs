//! What a standing grant is for, and how long: statements like one that was approved, a number of times, with its numbers within bounds. For
//! which statements there is none at all is said here as well.

use super::standing::Unfit;
use super::{HoldId, Over};
use crate::gate::{Grant, Grounds};
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::{CopyTarget, Facts, Statement};
use crate::sql::{functions, numbers};

/// Microseconds that one lasts at the longest: a working day. What has to go on longer is for the policy to allow.
pub const LONGEST: u64 = 12 * 3600 * 1_000_000;
/// Times that it can be used: more is a policy.
pub const MOST_TIMES: u32 = 1000;
/// Numbers of one statement that are given room.
pub const MOST_ROOMS: usize = 16;

/// What such a statement may do at the most.
const STANDS: EffectSet = EffectSet::of(&[Effect::Read, Effect::Write, Effect::Ddl, Effect::Export]);
/// Types whose values name objects: a number of such a type is code as a name is.
const NAMING: [&str; 13] = [
    "oid",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "name",
];

/// Why there is no standing grant for a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Matters {
    #[error("it is several statements, or none that is understood")]
    Opaque,
    #[error("it does what is looked at each time: code, rights, settings, the server itself, or rows without a bound")]
    Effects,
    #[error("what it does hangs on names or code in its values")]
    Values,
    #[error("it is about a limit, or about values that are seen unmasked")]
    Asks,
    #[error("its rule wants several people for each run")]
    Several,
}

/// Whether a standing grant can be made for what is held.
pub fn may_stand(facts: &Facts, grounds: &Grounds, over: Option<Over>) -> Result<(), Matters> {
    let [statement] = facts.statements.as_slice() else { return Err(Matters::Opaque) };
    if facts.opaque.is_some() || grounds.resolved.unlisted || grounds.resolved.missing {
        return Err(Matters::Opaque);
    }
    if over.is_some() || grounds.unmask {
        return Err(Matters::Asks);
    }
    if grounds.approvals > 1 {
        return Err(Matters::Several);
    }
    let program = statement.copy.as_ref().is_some_and(|copy| copy.target != CopyTarget::Client);
    let unbounded = statement.bounds.excludes_rows == Some(false) || grounds.resolved.reaches_code;
    if !(grounds.effects | facts.effects).is_within(STANDS) || program || unbounded || statement.transaction.is_some() {
        return Err(Matters::Effects);
    }
    if values_are_code(statement) { Err(Matters::Values) } else { Ok(()) }
}

/// Whether a value may be a name, or be run: what is prepared, set, named by its number, or given to a function that acts.
fn values_are_code(statement: &Statement) -> bool {
    let acts = |function: &crate::sql::facts::Function| !function.initdb || functions::acts(&function.name.name);
    !statement.named.is_empty()
        || !statement.settings.is_empty()
        || statement.explain.is_some()
        || statement.functions.iter().any(acts)
        || statement.types.iter().any(|name| NAMING.contains(&&*name.name))
}

/// A number of the statement, counted from one, and what it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub number: u32,
    pub from: i64,
    pub to: i64,
}

/// What people give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Microseconds.
    pub lasts: u64,
    pub times: u32,
    /// Every other value must be what it is.
    pub rooms: Vec<Room>,
}

/// Why terms are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    #[error("a standing grant lasts up to {} hours, and is for 1 to {MOST_TIMES} runs", LONGEST / 3_600_000_000)]
    Extent,
    #[error(
        "each bound is for one of the statement's whole numbers, contains the number that was approved, and stays in its type; there are up to {MOST_ROOMS}"
    )]
    Rooms,
}

/// A standing grant's extent, and what of it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lasting {
    /// Microseconds since 1970.
    pub until: u64,
    pub times: u32,
    pub used: u32,
    /// By number.
    pub rooms: Vec<Room>,
}

impl Lasting {
    /// `values` are all numbers of the statement that was looked at.
    pub fn begin(terms: &Terms, values: &[i64], now: u64) -> Result<Self, Unsound> {
        if terms.lasts == 0 || terms.lasts > LONGEST || terms.times == 0 || terms.times > MOST_TIMES {
            return Err(Unsound::Extent);
        }
        let mut rooms = terms.rooms.clone();
        rooms.sort_unstable_by_key(|room| room.number);
        let twice = rooms.windows(2).any(|two| matches!(two, [one, other] if one.number == other.number));
        let fits = |room: &Room| {
            let value = usize::try_from(room.number).ok().and_then(|number| values.get(number.checked_sub(1)?)).copied();
            value.is_some_and(|value| {
                room.from <= value && value <= room.to && numbers::are_alike(room.from, value) && numbers::are_alike(room.to, value)
            })
        };
        if twice || rooms.len() > MOST_ROOMS || !rooms.iter().all(fits) {
            return Err(Unsound::Rooms);
        }
        Ok(Self { until: now.saturating_add(terms.lasts), times: terms.times, used: 0, rooms })
    }

    pub fn is_over(&self, now: u64) -> bool {
        now >= self.until || self.used >= self.times
    }

    /// Uses it once, for a statement that is the same but for these numbers, in the order of its rooms. `run` is the number that the run is known
    /// by. The grant must not be used before this is on the record, on disk; whatever becomes of the run, it counts.
    pub fn spend(&mut self, run: HoldId, values: &[i64], now: u64) -> Result<Grant, Unfit> {
        if now >= self.until {
            return Err(Unfit::Expired);
        }
        let within =
            values.len() == self.rooms.len() && self.rooms.iter().zip(values).all(|(room, value)| (room.from..=room.to).contains(value));
        if self.used >= self.times || !within {
            return Err(Unfit::State);
        }
        self.used = self.used.saturating_add(1);
        Ok(Grant::mint(run, None, false))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::gate::catalog::Resolved;

    fn check(sql: &str) -> Result<(), Matters> {
        let facts = crate::sql::read(sql.as_bytes());
        let resolved = Resolved::of_text(&facts);
        let grounds = Grounds {
            effects: resolved.effects,
            rule: "hold".into(),
            groups: Arc::default(),
            approvals: 1,
            reason: "held".into(),
            policy: [0; 32],
            resolved,
            estimate: None,
            observed: false,
            unmask: false,
        };
        may_stand(&facts, &grounds, None)
    }

    #[test]
    fn there_is_none_for_a_statement_whose_values_matter() {
        for sql in [
            "DELETE FROM t WHERE id = 5",
            "UPDATE t SET a = 'x' WHERE id = $1",
            "INSERT INTO t VALUES (1, 'x')",
            "CREATE INDEX i ON t (a)",
            "COPY t TO STDOUT",
            "REFRESH MATERIALIZED VIEW v",
        ] {
            assert_eq!(check(sql), Ok(()), "{sql}");
        }
        for sql in [
            "DELETE FROM t",
            "UPDATE t SET a = 1 WHERE true",
            "TRUNCATE t",
            "DO $$ BEGIN DELETE FROM t WHERE id = 1; END $$",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'",
            "COPY t TO PROGRAM 'sh'",
            "COPY t TO '/tmp/t'",
            "GRANT SELECT ON t TO joe",
            "ALTER ROLE joe SUPERUSER",
            "SELECT set_config('role', 'postgres', false)",
            "SELECT query_to_xml('select 1', true, true, '')",
            "SELECT nextval('s')",
            "DELETE FROM t WHERE tableoid = 16384::regclass",
            "DELETE FROM t WHERE c = 't'::regclass",
            "DELETE FROM t WHERE f(id) = 5",
            "PREPARE p AS DELETE FROM t WHERE id = 5",
            "EXECUTE p(5)",
            "EXPLAIN ANALYZE DELETE FROM t WHERE id = 5",
            "SET search_path = x",
            "BEGIN",
            "DELETE FROM t WHERE id = 5; DELETE FROM t WHERE id = 6",
            "DELETE FROM t WHERE id = ",
            "",
        ] {
            assert!(check(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn bounds_contain_what_was_looked_at() {
        let begin = |lasts, times, rooms: &[(u32, i64, i64)]| {
            let rooms = rooms.iter().map(|(number, from, to)| Room { number: *number, from: *from, to: *to }).collect();
            Lasting::begin(&Terms { lasts, times, rooms }, &[5, 3_000_000_000], 100).map(|lasting| lasting.until)
        };
        assert_eq!(begin(10, 1, &[]), Ok(110));
        assert_eq!(begin(10, 1, &[(2, 3_000_000_000, 4_000_000_000), (1, 1, 9)]), Ok(110));
        for (lasts, times) in [(0, 1), (LONGEST + 1, 1), (10, 0), (10, MOST_TIMES + 1)] {
            assert_eq!(begin(lasts, times, &[]), Err(Unsound::Extent));
        }
        let wrong = [(0, 1, 9), (3, 1, 9), (1, 6, 9), (1, 1, 4), (1, 9, 1), (1, 1, 3_000_000_000), (2, 1, 3_000_000_000)];
        for room in wrong {
            assert_eq!(begin(10, 1, &[room]), Err(Unsound::Rooms), "{room:?}");
        }
        assert_eq!(begin(10, 1, &[(1, 1, 9), (1, 5, 5)]), Err(Unsound::Rooms));
    }

    proptest! {
        /// Against counting: each run is within the bounds, in time, and one of as many as were given.
        #[test]
        fn it_is_used_as_often_as_it_was_given_and_within_its_bounds(
            times in 1_u32..5, from in 0_i64..5, width in 0_i64..5, uses in prop::collection::vec((0_i64..12, 0_u64..120), 0..30)
        ) {
            let terms = Terms { lasts: 60, times, rooms: vec![Room { number: 1, from, to: from + width }] };
            let mut lasting = Lasting::begin(&terms, &[from], 0).unwrap();
            let mut used = 0;
            for (value, now) in uses {
                let expected = now < 60 && used < times && (from..=from + width).contains(&value);
                prop_assert_eq!(lasting.spend(HoldId::of(1), &[value], now).is_ok(), expected);
                used += u32::from(expected);
                prop_assert_eq!((lasting.used, lasting.is_over(now)), (used, now >= 60 || used >= times));
                prop_assert!(lasting.spend(HoldId::of(1), &[], now).is_err());
            }
        }
    }
}
