//! What the session made of its settings, through transactions and rollbacks: as values that may be in force, one where that is certain.
//! Which values are allowed is not decided here.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::gate::judge::{DEFAULT_PATH, UNKNOWN_PATH};
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::{Discard, Facts, Named, SetHow, Setting, SettingValue, Statement};

/// Settings followed at once; a session with more is one in which nothing is certain.
const MOST: usize = 64;
/// Values of one setting that may be in force; more are as good as any.
const MOST_VALUES: usize = 8;

/// The search paths that may be in force; none is the one that the server gave the session.
pub type Paths = Rc<[Box<str>]>;

/// A setting by name and value, as the startup packet brought it.
pub type Brought = Rc<[(Box<str>, Box<str>)]>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    /// As the session began.
    Reset,
    Set(Box<str>),
    Unknown,
}

/// Values that may be in force, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Values(Vec<Value>);

impl Values {
    fn one(value: Value) -> Self {
        Self(vec![value])
    }

    /// Beside one that is not known no other matters.
    fn add(&mut self, value: Value) {
        let unknown = |values: &[Value]| values == [Value::Unknown];
        if let Err(place) = self.0.binary_search(&value)
            && !unknown(&self.0)
        {
            self.0.insert(place, value);
        }
        if self.0.len() > MOST_VALUES || self.0.last() == Some(&Value::Unknown) {
            self.0 = vec![Value::Unknown];
        }
    }

    fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|value| self.add(value.clone()));
    }

    fn with(mut self, other: &Self) -> Self {
        self.add_all(other);
        self
    }
}

/// One setting.
#[derive(Debug)]
struct Track {
    /// In force once the transaction is rolled back.
    before: Values,
    /// Once it is committed.
    after: Values,
    now: Values,
    /// Sent since it was last certain.
    sent: Values,
}

impl Track {
    fn new() -> Self {
        let reset = Values::one(Value::Reset);
        Self { before: reset.clone(), after: reset.clone(), now: reset, sent: Values(Vec::new()) }
    }

    fn any(&self) -> Values {
        self.now.clone().with(&self.before).with(&self.after).with(&self.sent)
    }

    fn is_plain(&self) -> bool {
        let reset = Values::one(Value::Reset);
        self.sent.0.is_empty() && self.now == reset && self.before == reset && self.after == reset
    }
}

#[derive(Debug)]
pub struct Settings {
    brought: Brought,
    tracks: BTreeMap<Box<str>, Track>,
    /// More were set than are followed.
    lost: bool,
    /// The session may have made temporary objects.
    temporary: bool,
    /// An error came since the last ReadyForQuery.
    failed: bool,
    /// What paths there are where nothing was set since the session began.
    plain: Paths,
}

/// Settings that leave what a text means as it is: how long it may take, how it is planned, who is said to send it, and how what comes back
/// is shown.
fn is_neutral(name: &str) -> bool {
    name.starts_with("enable_")
        || name.starts_with("geqo")
        || name.ends_with("_timeout")
        || name.ends_with("_cost")
        || matches!(
            name,
            "application_name"
                | "client_encoding"
                | "client_min_messages"
                | "default_transaction_deferrable"
                | "default_transaction_isolation"
                | "default_transaction_read_only"
                | "from_collapse_limit"
                | "jit"
                | "join_collapse_limit"
                | "lc_messages"
                | "max_parallel_workers_per_gather"
                | "pgsluice.answer"
                | "pgsluice.task"
                | "plan_cache_mode"
                | "standard_conforming_strings"
                | "transaction_deferrable"
                | "transaction_isolation"
                | "transaction_read_only"
                | "work_mem"
        )
}

/// `RESET ALL` leaves them.
fn stays(name: &str) -> bool {
    matches!(name, "role" | "session_authorization")
}

fn value(setting: &Setting) -> Value {
    match &setting.value {
        SettingValue::Known(value) => Value::Set(value.clone()),
        SettingValue::Reset => Value::Reset,
        SettingValue::Parameter | SettingValue::Computed => Value::Unknown,
    }
}

/// Those of a statement that hold for this session.
fn own(statement: &Statement) -> impl Iterator<Item = &Setting> {
    let own = |setting: &&Setting| matches!(setting.how, SetHow::Session | SetHow::Local | SetHow::Function) && !is_neutral(&setting.name);
    statement.settings.iter().filter(own)
}

/// Other names that a setting goes by.
fn canonical(name: &str) -> &str {
    match name {
        // `SET TIME ZONE`, `SET SESSION AUTHORIZATION` and their like are named by the grammar already.
        "time zone" => "timezone",
        name => name,
    }
}

const ALL: &str = "all";
const SEARCH_PATH: &str = "search_path";

impl Settings {
    pub fn new(brought: Brought) -> Self {
        let path = brought.iter().find(|(name, _)| &**name == SEARCH_PATH);
        let plain = path.map(|(_, value)| value.clone()).into_iter().collect();
        Self { brought, tracks: BTreeMap::new(), lost: false, temporary: false, failed: false, plain }
    }

    fn track(&mut self, name: &str) -> Option<&mut Track> {
        let name = canonical(name);
        if !self.tracks.contains_key(name) && self.tracks.len() >= MOST {
            self.lost = true;
            return None;
        }
        Some(self.tracks.entry(name.into()).or_insert_with(Track::new))
    }

    fn each_but_staying(&mut self, mut change: impl FnMut(&mut Track)) {
        self.tracks.iter_mut().filter(|(name, _)| !stays(name)).for_each(|(_, track)| change(track));
    }

    /// A message is on its way.
    pub fn sent(&mut self, facts: &Facts, effects: EffectSet, sql: &[u8]) {
        self.temporary |= effects.has(Effect::Code) || effects.has(Effect::Opaque);
        self.prepared(facts, sql);
        for statement in &facts.statements {
            if discards(statement) {
                self.each_but_staying(|track| track.sent.add(Value::Reset));
            }
            for setting in own(statement) {
                if &*setting.name == ALL {
                    self.each_but_staying(|track| track.sent.add(Value::Reset));
                } else if let Some(track) = self.track(&setting.name) {
                    track.sent.add(value(setting));
                }
            }
        }
    }

    /// A text is prepared: it may be run by other means than this.
    pub fn prepared(&mut self, facts: &Facts, sql: &[u8]) {
        self.temporary |= makes_temporary(facts, sql);
    }

    /// The server has done a statement.
    pub fn completed(&mut self, statement: &Statement) {
        for setting in own(statement) {
            let set = Values::one(value(setting));
            if &*setting.name == ALL {
                self.each_but_staying(|track| {
                    track.now = set.clone();
                    track.after = set.clone();
                });
                continue;
            }
            let Some(track) = self.track(&setting.name) else { continue };
            match setting.how {
                SetHow::Session => {
                    track.now = set.clone();
                    track.after = set;
                }
                SetHow::Local => track.now = set,
                // It need not have been called, nor for the session.
                SetHow::Function => {
                    track.now.add_all(&set);
                    track.after.add_all(&set);
                }
                SetHow::Transaction | SetHow::Later => {}
            }
        }
    }

    /// `DISCARD ALL`
    pub fn discarded(&mut self) {
        self.temporary = false;
        self.lost = false;
        self.tracks.clear();
    }

    pub fn committed(&mut self) {
        for track in self.tracks.values_mut() {
            track.before = track.after.clone();
            track.now = track.after.clone();
        }
    }

    pub fn rolled_back(&mut self) {
        for track in self.tracks.values_mut() {
            track.after = track.before.clone();
            track.now = track.before.clone();
        }
    }

    /// To where is not looked at: anything that was in force since the transaction began may be again.
    pub fn rolled_back_to(&mut self) {
        for track in self.tracks.values_mut() {
            let any = track.any();
            track.after = any.clone();
            track.now = any;
        }
    }

    pub fn failed(&mut self) {
        self.failed = true;
    }

    /// ReadyForQuery: what no explicit transaction holds open is committed, or rolled back if something failed.
    pub fn ready(&mut self, idle: bool, quiet: bool) {
        let failed = std::mem::take(&mut self.failed);
        if !idle {
            return;
        }
        if failed {
            self.rolled_back();
        } else {
            self.committed();
        }
        if quiet {
            self.tracks.values_mut().for_each(|track| track.sent.0.clear());
            self.tracks.retain(|_, track| !track.is_plain());
        }
    }

    pub fn temporary(&self) -> bool {
        self.temporary
    }

    /// The search paths that may be in force for a message with these facts; `certain` where nothing is in flight.
    pub fn paths(&self, certain: bool, facts: &Facts) -> Paths {
        let track = self.tracks.get(SEARCH_PATH);
        let sets = |statement: &Statement| statement.settings.iter().any(|setting| matches!(&*setting.name, SEARCH_PATH | ALL));
        let alone = facts.statements.len() <= 1 || !facts.statements.iter().any(sets);
        if track.is_none() && alone && !self.lost {
            return Rc::clone(&self.plain);
        }
        let moves = |statement: &Statement| statement.transaction.is_some();
        let mut values = match track {
            Some(track) if certain && alone && !facts.statements.iter().any(moves) => track.now.clone(),
            Some(track) => track.any(),
            None => Values::one(Value::Reset),
        };
        if !alone {
            values.add(Value::Reset);
            let own = facts.statements.iter().flat_map(own).filter(|setting| &*setting.name == SEARCH_PATH);
            own.for_each(|setting| values.add(value(setting)));
        }
        if self.lost {
            values.add(Value::Unknown);
        }
        if values == Values::one(Value::Reset) {
            return Rc::clone(&self.plain);
        }
        values.0.iter().map(|value| self.path(value)).collect()
    }

    fn path(&self, value: &Value) -> Box<str> {
        match value {
            Value::Set(path) => path.clone(),
            Value::Reset => self.plain.first().cloned().unwrap_or_else(|| DEFAULT_PATH.into()),
            Value::Unknown => UNKNOWN_PATH.into(),
        }
    }

    /// Every setting that changes what a text means and is not as the server gave it: what an approval is bound to. Of one that is not
    /// known the server may have `reported` the value.
    pub fn telling(&self, reported: impl Fn(&str) -> Option<Box<str>>) -> Vec<(Box<str>, Box<str>)> {
        let brought = self.brought.iter().filter(|(name, _)| !is_neutral(name) && !self.tracks.contains_key(name));
        let mut telling: Vec<_> = brought.cloned().collect();
        for (name, track) in &self.tracks {
            let words = track.now.0.iter().filter_map(|value| match value {
                Value::Set(value) => Some(value.clone()),
                Value::Reset => self.brought.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
                Value::Unknown => Some(reported(name).unwrap_or_else(|| "(not known)".into())),
            });
            let words: Vec<_> = words.collect();
            if !words.is_empty() {
                let unsure = if words.len() < track.now.0.len() { " or as it was" } else { "" };
                telling.push((name.clone(), format!("{}{unsure}", words.join(" or ")).into()));
            }
        }
        if self.temporary {
            telling.push(("(temporary objects)".into(), "possible".into()));
        }
        if self.lost {
            telling.push(("(others)".into(), "(not known)".into()));
        }
        telling
    }
}

/// Whether a text may make temporary objects: its keywords are written as they are, and names were read.
fn makes_temporary(facts: &Facts, sql: &[u8]) -> bool {
    let temporary = |schema: &Option<Box<str>>| schema.as_deref().is_some_and(|schema| schema.starts_with("pg_temp"));
    let relations = || facts.statements.iter().flat_map(|statement| &statement.relations);
    facts.effects.has(Effect::Ddl)
        && (sql.windows(4).any(|word| word.eq_ignore_ascii_case(b"temp")) || relations().any(|relation| temporary(&relation.schema)))
}

fn discards(statement: &Statement) -> bool {
    statement.named.contains(&Named::Discard(Discard::All))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs statements of one session, each confirmed, and tells the paths and settings at the end.
    fn check(steps: &[&str], paths: &[&str], telling: &str) {
        let mut settings = Settings::new(Rc::from([("datestyle".into(), "ISO".into())]));
        let mut open = false;
        for step in steps {
            let facts = crate::sql::read(step.as_bytes());
            settings.sent(&facts, facts.effects, step.as_bytes());
            for statement in &facts.statements {
                settings.completed(statement);
                use crate::sql::facts::Transaction;
                match statement.transaction {
                    Some(Transaction::Begin) => open = true,
                    Some(Transaction::Commit) => {
                        settings.committed();
                        open = false;
                    }
                    Some(Transaction::Rollback) => {
                        settings.rolled_back();
                        open = false;
                    }
                    Some(Transaction::RollbackTo) => settings.rolled_back_to(),
                    _ if discards(statement) => settings.discarded(),
                    _ => {}
                }
            }
            settings.ready(!open, true);
        }
        let found = settings.paths(true, &Facts::default());
        assert_eq!(found.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), paths, "{steps:?}");
        let told: Vec<_> = settings.telling(|_| None).iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(told.join("; "), telling, "{steps:?}");
    }

    #[test]
    fn what_is_in_force_follows_transactions() {
        const ISO: &str = "datestyle=ISO";
        check(&[], &[], ISO);
        check(&["set application_name = 'a'", "set statement_timeout = 5"], &[], ISO);
        check(&["set search_path = app, public"], &["app, public"], "datestyle=ISO; search_path=app, public");
        check(&["set search_path = app", "reset search_path"], &[], ISO);
        check(&["set search_path = app", "reset all"], &[], ISO);
        check(&["set search_path = app", "discard all"], &[], ISO);
        check(&["begin", "set search_path = app", "rollback"], &[], ISO);
        check(&["begin", "set search_path = app", "commit"], &["app"], "datestyle=ISO; search_path=app");
        check(&["begin", "set local search_path = app"], &["app"], "datestyle=ISO; search_path=app");
        check(&["begin", "set local search_path = app", "commit"], &[], ISO);
        check(&["set local search_path = app"], &[], ISO);
        check(&["set search_path = a", "begin", "set search_path = b", "rollback"], &["a"], "datestyle=ISO; search_path=a");
        check(
            &["begin", "savepoint s", "set search_path = app", "rollback to s"],
            &[DEFAULT_PATH, "app"],
            "datestyle=ISO; search_path=app or as it was",
        );
        check(&["select set_config('search_path', 'app', false)"], &[DEFAULT_PATH, "app"], "datestyle=ISO; search_path=app or as it was");
        check(&["set datestyle = german"], &[], "datestyle=german");
        check(&["set datestyle = german", "set datestyle to default"], &[], ISO);
        check(&["set app.tenant = '7'", "set transform_null_equals = on"], &[], "datestyle=ISO; app.tenant=7; transform_null_equals=on");
    }

    #[test]
    fn what_is_on_its_way_may_be_in_force_and_may_not() {
        let mut settings = Settings::new(Rc::from([]));
        let set = crate::sql::read(b"set search_path = app");
        settings.sent(&set, set.effects, b"");
        assert_eq!(&*settings.paths(false, &Facts::default()), [DEFAULT_PATH.into(), "app".into()]);
        settings.failed();
        settings.ready(true, true);
        assert!(settings.paths(true, &Facts::default()).is_empty());
        let both = crate::sql::read(b"set search_path = app; select * from t");
        assert_eq!(&*settings.paths(true, &both), [DEFAULT_PATH.into(), "app".into()]);
    }

    #[test]
    fn what_is_followed_is_bounded() {
        let mut settings = Settings::new(Rc::from([]));
        for number in 0..2 * MOST {
            settings.sent(&crate::sql::read(format!("set app.s{number} = '1'").as_bytes()), EffectSet::NONE, b"");
            settings.sent(&crate::sql::read(format!("set search_path = s{number}").as_bytes()), EffectSet::NONE, b"");
        }
        assert!(settings.tracks.len() <= MOST);
        // Where nothing is ever quiet as well.
        assert!(settings.tracks.values().all(|track| track.sent.0.len() <= MOST_VALUES));
        assert_eq!(&*settings.paths(false, &Facts::default()), [UNKNOWN_PATH.into()]);
    }
}
