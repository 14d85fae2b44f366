//! Keeps what is known in the state database, and reads there what people said by command: on a thread of its own, for it waits for the disk.
//! What a crash takes along is found out again.

use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::known::{Facts, Known, KnownColumn, Look, Overrule};
use super::{Book, seconds};
use crate::audit::Digester;
use crate::audit::event::ConfigChanged;
use crate::host::state::{State, StateError, outbox};
use crate::mask::verdict::{Basis, Holding};
use crate::mask::{Kind, KindSet};

/// How often the thread looks for what is new, either way.
const EVERY: Duration = Duration::from_millis(100);
/// After an error the next try waits, so that the log is not filled with it.
const PAUSE: Duration = Duration::from_secs(5);
/// What people say by command fits on pages that people read.
pub const MOST_OVERRULES: usize = 10_000;

/// What is kept in the state database.
#[derive(Debug)]
pub struct Store {
    state: State,
    connection: Connection,
}

/// Of one database: relations as they are known now, those that are gone without anything.
pub type Unkept = (Box<str>, Vec<(u32, Option<Known>)>);

/// What somebody said by command, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub overrule: Overrule,
    pub by: String,
    /// Seconds since 1970.
    pub time: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum SayError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("there are {MOST_OVERRULES} such words already: unset some first")]
    TooMany,
    #[error("nobody said anything of {0} by command: there is nothing to unset")]
    Unsaid(String),
}

/// As it stands in the state database, and as people write it: `harmless`, `scan`, `mixed EMAIL PHONE`, `whole US_SSN`.
pub fn words(holding: Holding) -> String {
    match holding {
        Holding::Harmless => "harmless".to_owned(),
        Holding::Whole(kind) => format!("whole {}", word(kind)),
        Holding::Mixed(kinds) if kinds == KindSet::ALL => "mixed *".to_owned(),
        Holding::Mixed(kinds) => {
            let mut text = "mixed".to_owned();
            for kind in kinds.iter() {
                text.push(' ');
                text.push_str(&word(kind));
            }
            text
        }
    }
}

/// A policy names its own kinds; here only their places are known.
fn word(kind: Kind) -> String {
    kind.custom_place().map_or_else(|| kind.name().to_owned(), |place| format!("CUSTOM_{place}"))
}

pub fn kind_of(word: &str) -> Option<Kind> {
    match word.strip_prefix("CUSTOM_") {
        Some(place) => Kind::custom(place.parse().ok()?),
        None => Kind::of_name(word),
    }
}

/// A kind that is not known any more was one: it counts as any.
fn holding(text: &str) -> Holding {
    let mut words = text.split(' ');
    match words.next() {
        Some("harmless") => Holding::Harmless,
        Some("whole") => Holding::Whole(words.next().and_then(kind_of).unwrap_or(Kind::DERIVED)),
        Some("mixed") => {
            let kinds =
                |set: KindSet, word| if word == "*" { KindSet::ALL } else { kind_of(word).map_or(KindSet::ALL, |kind| set.with(kind)) };
            Holding::Mixed(words.fold(KindSet::NONE, kinds))
        }
        _ => Holding::Mixed(KindSet::ALL),
    }
}

impl Store {
    pub fn open(state: &State) -> Result<Self, StateError> {
        Ok(Self { state: state.clone(), connection: state.connect()? })
    }

    /// What is known of all databases. It may have changed since, so all of it is doubtful.
    pub fn facts(&self) -> Result<HashMap<Box<str>, Facts>, StateError> {
        facts(&self.connection).map_err(|error| self.state.error(error))
    }

    pub fn overrules(&self) -> Result<Vec<Said>, StateError> {
        overrules(&self.connection).map_err(|error| self.state.error(error))
    }

    /// Puts down what a person says, or with `None` that they say nothing any more, and the record of it.
    pub fn say(&mut self, of: &Overrule, said: Option<Holding>, by: &str, digester: &Digester) -> Result<(), SayError> {
        let name = format!("{}.{}.{}", of.schema, of.table, of.column);
        let work = |transaction: &Transaction<'_>| -> rusqlite::Result<Result<(), SayError>> {
            let key = params![&*of.database, &*of.schema, &*of.table, &*of.column];
            match said {
                Some(holding) => {
                    let count: i64 = transaction.query_row("SELECT count(*) FROM overrules", (), |row| row.get(0))?;
                    if usize::try_from(count).is_ok_and(|count| count >= MOST_OVERRULES) {
                        return Ok(Err(SayError::TooMany));
                    }
                    let sql = "INSERT OR REPLACE INTO overrules (database, schema, relation, name, holding, by, time)
                               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
                    let time = signed(seconds());
                    transaction.execute(sql, params![&*of.database, &*of.schema, &*of.table, &*of.column, words(holding), by, time])?;
                }
                None => {
                    let sql = "DELETE FROM overrules WHERE database = ?1 AND schema = ?2 AND relation = ?3 AND name = ?4";
                    if transaction.execute(sql, key)? == 0 {
                        return Ok(Err(SayError::Unsaid(name.clone())));
                    }
                }
            }
            // All that is said now, for the digest.
            let mut all = String::new();
            for said in overrules(transaction)? {
                let Overrule { database, schema, table, column, holding } = &said.overrule;
                all.push_str(&format!("{database}\t{schema}\t{table}\t{column}\t{}\n", words(*holding)));
            }
            let what = said.map_or_else(|| "unset".to_owned(), words);
            let place = if of.database.is_empty() { String::new() } else { format!(" in {}", of.database) };
            let changed = vec![format!("mask verdict {name}{place}: {what}")];
            let event = ConfigChanged { config: digester.digest(all.as_bytes()), changed, refused: false, by: Some(by.to_owned()) };
            let put = outbox::put(transaction, SystemTime::now(), &event.into())?;
            Ok(put.map_err(|error| SayError::State(error.into())))
        };
        let state = &self.state;
        let done = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
            let outcome = work(&transaction)?;
            if outcome.is_ok() {
                transaction.commit()?;
            }
            Ok(outcome)
        });
        done.map_err(|error| state.error(error))?
    }

    fn keep(&mut self, all: &[Unkept]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (database, relations) in all {
            for (oid, known) in relations {
                put(&transaction, database, *oid, known.as_ref())?;
            }
        }
        transaction.commit()
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn put(transaction: &Transaction<'_>, database: &str, oid: u32, known: Option<&Known>) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM surveyed WHERE database = ?1 AND relation = ?2", params![database, oid])?;
    let Some(known) = known else { return Ok(()) };
    let parents: Vec<String> = known.parents.iter().map(u32::to_string).collect();
    let row = params![database, oid, &*known.schema, &*known.name, parents.join(" "), known.guarded];
    transaction
        .execute("INSERT INTO surveyed (database, relation, schema, name, parents, guarded) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", row)?;
    let mut look =
        transaction.prepare_cached("INSERT INTO survey_looks (database, relation, role, time, rows) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for Look { role, at, rows } in &known.looks {
        look.execute(params![database, oid, &**role, signed(*at), rows])?;
    }
    let mut verdict = transaction.prepare_cached(
        "INSERT INTO verdicts (database, relation, attribute, basis, role, name, type, holding, cells)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for column in &known.columns {
        let pieces = [("name", "", Some(column.named), 0)]
            .into_iter()
            .chain(column.sampled.iter().map(|(role, holding, cells)| ("sampled", &**role, Some(*holding), *cells)))
            .chain([("learned", "", column.learned.map(|(holding, _)| holding), column.learned.map_or(0, |(_, cells)| cells))])
            .chain([("marked", "", column.marked, 0), ("defined", "", column.defined, 0)]);
        for (basis, role, piece, cells) in pieces {
            let Some(piece) = piece else { continue };
            verdict.execute(params![database, oid, column.attribute, basis, role, &*column.name, column.type_oid, words(piece), cells])?;
        }
    }
    Ok(())
}

fn facts(connection: &Connection) -> rusqlite::Result<HashMap<Box<str>, Facts>> {
    let mut all: HashMap<Box<str>, Facts> = HashMap::new();
    let mut relations = connection.prepare("SELECT database, relation, schema, name, parents, guarded FROM surveyed")?;
    let mut rows = relations.query(())?;
    while let Some(row) = rows.next()? {
        let parents: String = row.get(4)?;
        let known = Known {
            schema: row.get(2)?,
            name: row.get(3)?,
            parents: parents.split(' ').filter_map(|oid| oid.parse().ok()).collect(),
            guarded: row.get(5)?,
            columns: Vec::new(),
            definition: None,
            looks: Vec::new(),
            doubted: true,
        };
        all.entry(row.get(0)?).or_default().relations.insert(row.get(1)?, known);
    }
    // One role's name is there once for all.
    let mut roles: HashMap<String, Arc<str>> = HashMap::new();
    let mut role = |name: String| Arc::clone(roles.entry(name).or_insert_with_key(|name| name.as_str().into()));
    let mut looks = connection.prepare("SELECT database, relation, role, time, rows FROM survey_looks")?;
    let mut rows = looks.query(())?;
    while let Some(row) = rows.next()? {
        if let Some(known) = relation(&mut all, row)? {
            known.looks.push(Look { role: role(row.get(2)?), at: row.get::<_, i64>(3)?.unsigned_abs(), rows: row.get(4)? });
        }
    }
    let sql = "SELECT database, relation, attribute, basis, role, name, type, holding, cells FROM verdicts ORDER BY database, relation, attribute";
    let mut verdicts = connection.prepare(sql)?;
    let mut rows = verdicts.query(())?;
    while let Some(row) = rows.next()? {
        let Some(known) = relation(&mut all, row)? else { continue };
        let attribute: i16 = row.get(2)?;
        if known.columns.last().is_none_or(|column| column.attribute != attribute) {
            known.columns.push(KnownColumn {
                attribute,
                name: row.get(5)?,
                type_oid: row.get(6)?,
                named: Holding::Mixed(KindSet::NONE),
                sampled: Vec::new(),
                learned: None,
                marked: None,
                defined: None,
            });
        }
        let Some(column) = known.columns.last_mut() else { continue };
        let (basis, said, cells): (String, String, u32) = (row.get(3)?, row.get(7)?, row.get(8)?);
        let piece = holding(&said);
        match basis.as_str() {
            "name" => column.named = piece,
            "sampled" => column.sampled.push((role(row.get(4)?), piece, cells)),
            "learned" => column.learned = Some((piece, cells)),
            "defined" => column.defined = Some(piece),
            // What a newer program wrote is not known less than that.
            _ => column.mark(piece),
        }
    }
    Ok(all)
}

fn relation<'a>(all: &'a mut HashMap<Box<str>, Facts>, row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<&'a mut Known>> {
    let (database, oid): (Box<str>, u32) = (row.get(0)?, row.get(1)?);
    Ok(all.get_mut(&database).and_then(|facts| facts.relations.get_mut(&oid)))
}

fn overrules(connection: &Connection) -> rusqlite::Result<Vec<Said>> {
    let sql = "SELECT database, schema, relation, name, holding, by, time FROM overrules ORDER BY 1, 2, 3, 4";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map((), |row| {
        let said: String = row.get(4)?;
        let overrule =
            Overrule { database: row.get(0)?, schema: row.get(1)?, table: row.get(2)?, column: row.get(3)?, holding: holding(&said) };
        Ok(Said { overrule, by: row.get(5)?, time: row.get::<_, i64>(6)?.unsigned_abs() })
    })?;
    rows.collect()
}

/// Why a column is thought to hold what it holds, for people.
pub fn why(basis: Basis) -> String {
    match basis {
        Basis::Unknown | Basis::Name => "name and type".to_owned(),
        Basis::Sampled(cells) => format!("{cells} values sampled"),
        Basis::Learned(cells) => format!("{cells} values that passed"),
        Basis::Marked => "it comes from a sensitive column".to_owned(),
        Basis::Policy => "policy".to_owned(),
        Basis::Overruled => "command".to_owned(),
    }
}

/// Brings what is new from the book to the database and back, for as long as a server runs.
#[derive(Debug)]
pub struct Keeper {
    stop: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub fn start(state: &State, book: Arc<Book>) -> Result<Self, StateError> {
        let mut store = Store::open(state)?;
        let mut version = None;
        let (stop, stopped) = mpsc::channel::<()>();
        let work = move || {
            loop {
                let pause = match turn(&mut store, &book, &mut version) {
                    Ok(()) => EVERY,
                    Err(error) => {
                        tracing::error!(error = %store.state.error(error), "what is known of columns is not kept");
                        PAUSE
                    }
                };
                if stopped.recv_timeout(pause) != Err(mpsc::RecvTimeoutError::Timeout) {
                    break;
                }
            }
            if let Err(error) = turn(&mut store, &book, &mut version) {
                tracing::error!(error = %store.state.error(error), "what is known of columns is not kept");
            }
        };
        let failed = |reason| StateError::Folder { folder: state.folder().to_owned(), reason };
        let thread = thread::Builder::new().name("verdicts".to_owned()).spawn(work).map_err(failed)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

fn turn(store: &mut Store, book: &Book, version: &mut Option<i64>) -> rusqlite::Result<()> {
    let found = store.connection.query_row("PRAGMA data_version", (), |row| row.get(0)).optional()?;
    if found != *version {
        let said = overrules(&store.connection)?;
        book.overrule(said.into_iter().map(|said| said.overrule).collect());
        *version = found;
    }
    let unkept = book.take_unkept();
    if unkept.is_empty() { Ok(()) } else { store.keep(&unkept) }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.send(()).ok();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that keeps what is known of columns panicked");
        }
    }
}
