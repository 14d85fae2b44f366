//! What a statement leaves in its session of the server that no reset takes away. It goes by a list of what is known to leave nothing:
//! whatever else ran, its session serves nobody after it.

use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::{Facts, SetHow};
use crate::sql::settings;

/// Rows read, written, brought and carried off, and what a session keeps by names that `DISCARD ALL` knows.
const RESETTABLE: EffectSet =
    EffectSet::of(&[Effect::Read, Effect::Write, Effect::UnboundedWrite, Effect::Import, Effect::Export, Effect::Session]);

/// They set or tell where the random numbers of a session stand: who drew some knows those that come next.
const SEEDED: [&str; 5] = ["setseed", "random", "random_normal", "array_sample", "array_shuffle"];

/// Whether `DISCARD ALL` leaves a session as it was before this ran in it. `effects` are those that a catalog added as well.
pub fn resettable(facts: &Facts, effects: EffectSet) -> bool {
    (facts.effects | effects).is_within(RESETTABLE)
        && facts.statements.iter().all(|statement| {
            let seeded = statement.functions.iter().any(|function| SEEDED.contains(&&*function.name.name));
            // A custom setting is there for ever once it was given a value, though the value goes.
            let returns = |name: &str| settings::is_listed(name) && !name.contains('.') || name == "all";
            !seeded && statement.settings.iter().all(|setting| setting.how != SetHow::Later && returns(&setting.name))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::read as read_facts;

    fn check(sql: &str) -> bool {
        let facts = read_facts(sql.as_bytes());
        resettable(&facts, EffectSet::NONE)
    }

    #[test]
    fn what_discard_all_undoes() {
        for sql in [
            "select a, lower(b) from t where c > now()",
            "insert into t values (1) returning *",
            "update t set a = 1",
            "copy t from stdin",
            "copy t to stdout",
            "begin; set local work_mem = '1MB'; select 1; commit",
            "set search_path = app, public",
            "reset all",
            "reset timezone",
            "listen jobs",
            "prepare q as select 1",
            "declare c cursor with hold for select 1",
            "select nextval('s'), currval('s')",
            "discard all",
        ] {
            assert!(check(sql), "{sql}");
        }
    }

    #[test]
    fn what_it_does_not() {
        for sql in [
            "select setseed(0.5)",
            "select pg_catalog.setseed(0.5)",
            "set seed = 0.5",
            "select * from t order by random() limit 1",
            "set app.tenant = 'one'",
            "select set_config('app.tenant', 'one', false)",
            "select set_config('pgsluice.x' || y, 'one', true) from t",
            "set role other",
            "set session authorization other",
            "load 'auto_explain'",
            "do 'begin end'",
            "select dblink_connect('here', 'there')",
            "select f(1)",
            "select pg_advisory_lock(1)",
            "select pg_create_physical_replication_slot('s', true, true)",
            "select pg_replication_origin_session_setup('o')",
            "create table t(a int)",
            "create extension plperl",
            "execute q",
            "no statement",
        ] {
            assert!(!check(sql), "{sql}");
        }
        let read = read_facts(b"select * from t");
        assert!(!resettable(&read, Effect::Code.alone()), "what only the catalog knows");
    }
}
