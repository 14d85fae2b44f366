//! What is known of the columns and the types of each database: found out over a side connection as the agent's own role, kept in the state
//! database, said otherwise by people. Sessions go by snapshots of it; whether they have the newest costs them one load. What a value is,
//! `mask` decides.

mod known;
mod latest;
mod look;
mod scan;
mod server;
pub mod store;
mod surveyor;
mod types;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::catalog::side::{Side, SideError};
use super::link::Connector;
use super::upstream::Credential;
use super::{catalog, when};
use crate::gate::Policy;
use crate::gate::catalog::Catalog;
use crate::gate::judge::{Knowledge, Need};
use crate::mask::detect::Detectors;
use crate::mask::lineage::Written;
use crate::mask::verdict::{ColumnId, Mark, Unknown};
use crate::mask::{Masking, Verdict, Verdicts};
use crate::session::asking::Message;
use crate::wire::value::Types;

pub use known::{Facts, Known, KnownColumn, Look, Overrule, Sight, unite};
use latest::Latest;
pub use scan::scan;
use surveyor::{Ask, Surveyor, Work};
use types::Definitions;

/// Rows wait no longer for what is found out about where they come from.
const PATIENCE: Duration = Duration::from_secs(2);
/// When nothing could be found out, nobody waits for that again so soon. Seconds.
const DOWN: u64 = 5;
/// A relation whose rows nobody else can see is not looked at more often. Seconds.
const OFTEN: u64 = 1;
/// How often what is known is looked through for what is old. Seconds.
const EVERY: u64 = 60;

/// No two snapshots that differ have the same number.
static GENERATION: AtomicU64 = AtomicU64::new(1);

/// Nobody asked anything yet.
static NOTHING: LazyLock<Arc<Verdicts>> = LazyLock::new(|| Arc::new(Verdicts { asks: true, ..Verdicts::default() }));

/// What is known of all databases.
#[derive(Debug)]
pub struct Book {
    databases: Mutex<HashMap<Box<str>, Arc<Database>>>,
    /// How many of them were met: who found none looks again only when this has changed.
    met: AtomicU64,
    /// What people said by command.
    overrules: Latest<Vec<Overrule>>,
}

/// What is known of one database.
#[derive(Debug)]
struct Database {
    name: Box<str>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    facts: Facts,
    definitions: Definitions,
    roles: HashMap<Box<str>, Arc<Shown>>,
    /// Relations of which more is known than is kept.
    unkept: BTreeSet<u32>,
    /// Counts what made all doubtful.
    doubts: u64,
}

/// What the sessions of one role go by in one database.
#[derive(Debug)]
struct Shown {
    role: Arc<str>,
    verdicts: Latest<Verdicts>,
    types: Latest<Types>,
    /// When to look through what is old, and until when nothing is asked. Seconds since 1970.
    due: AtomicU64,
    down_until: AtomicU64,
    asks: Mutex<Option<mpsc::Sender<Ask>>>,
}

/// Where one session keeps the way to what it goes by.
#[derive(Debug, Clone, Default)]
pub struct Seat {
    shown: RefCell<Option<Arc<Shown>>>,
    /// How many databases had been met when nothing was found here.
    looked: Cell<u64>,
}

/// One session's sight of the book.
#[derive(Debug)]
pub struct View<'a> {
    pub book: &'a Arc<Book>,
    pub seat: &'a Seat,
    pub connector: &'a Connector,
    pub credential: &'a Credential,
    pub database: &'a str,
}

/// What a survey goes by.
#[derive(Debug, Clone)]
pub struct Means {
    pub policy: Arc<Policy>,
    pub detectors: Arc<Detectors>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since 1970.
fn seconds() -> u64 {
    when::now() / 1_000_000
}

/// Numbers with commas between them, for `IN`; never nothing.
fn listed(oids: &[u32]) -> String {
    let listed: Vec<String> = oids.iter().map(u32::to_string).collect();
    if listed.is_empty() { "0".to_owned() } else { listed.join(",") }
}

/// Asks about the catalog, with `pg_catalog` as the search path, and hands over each row with the number of its question.
async fn catalogued(
    side: &mut Side,
    sql: &str,
    mut row: impl FnMut(usize, &[Option<&str>]) -> Result<(), SideError>,
) -> Result<(), SideError> {
    const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL statement_timeout = '2s';
        SET LOCAL lock_timeout = '200ms'; SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0;\n";
    const COMMANDS: usize = 6;
    let asked = side
        .ask_each(&format!("{BEGIN}{sql}"), |number, fields| match number.checked_sub(COMMANDS) {
            Some(question) => row(question, fields),
            None => Ok(()),
        })
        .await;
    if matches!(asked, Ok(()) | Err(SideError::Refused(_))) {
        side.ask("ROLLBACK", |_| Ok(())).await?;
    }
    asked
}

impl Book {
    pub fn new(kept: HashMap<Box<str>, Facts>, overrules: Vec<Overrule>) -> Self {
        let database = |(name, facts): (Box<str>, Facts)| {
            let inner = Mutex::new(Inner { facts, ..Inner::default() });
            (name.clone(), Arc::new(Database { name, inner }))
        };
        let databases: HashMap<_, _> = kept.into_iter().map(database).collect();
        let met = AtomicU64::new(u64::try_from(databases.len()).unwrap_or(u64::MAX));
        Self { databases: Mutex::new(databases), met, overrules: Latest::new(Arc::new(overrules)) }
    }

    fn database(&self, name: &str) -> Arc<Database> {
        let mut databases = locked(&self.databases);
        if let Some(known) = databases.get(name) {
            return Arc::clone(known);
        }
        let made = Arc::new(Database { name: name.into(), inner: Mutex::default() });
        databases.insert(name.into(), Arc::clone(&made));
        self.met.fetch_add(1, Ordering::Release);
        made
    }

    /// One that was met before: a name that an agent made up is not.
    fn met(&self, name: &str) -> Option<Arc<Database>> {
        locked(&self.databases).get(name).cloned()
    }

    fn all(&self) -> Vec<Arc<Database>> {
        locked(&self.databases).values().cloned().collect()
    }

    /// Something was sent after which columns and types may be others.
    pub fn doubt(&self) {
        for database in self.all() {
            let mut inner = locked(&database.inner);
            inner.doubts = inner.doubts.wrapping_add(1);
            let doubted = inner.facts.doubt();
            if !doubted.is_empty() {
                database.publish(&inner, self, Some(&doubted));
            }
            if !inner.definitions.is_empty() {
                inner.definitions = Definitions::default();
                database.publish_types(&inner);
            }
        }
    }

    /// People said something else by command.
    pub fn overrule(&self, overrules: Vec<Overrule>) {
        if *self.overrules.get() == overrules {
            return;
        }
        self.overrules.put(Arc::new(overrules));
        for database in self.all() {
            let inner = locked(&database.inner);
            database.publish(&inner, self, None);
        }
    }

    /// Relations of which something else is known than is kept: as they are now, if they are, by database.
    fn take_unkept(&self) -> Vec<store::Unkept> {
        let mut all = Vec::new();
        for database in self.all() {
            let mut inner = locked(&database.inner);
            let unkept = std::mem::take(&mut inner.unkept);
            let known: Vec<_> = unkept.into_iter().map(|oid| (oid, inner.facts.relations.get(&oid).cloned())).collect();
            if !known.is_empty() {
                all.push((database.name.clone(), known));
            }
        }
        all
    }
}

impl Database {
    /// Shows every role what is known now. `changed` names the relations of which something else is known; without it, it is all of them.
    fn publish(&self, inner: &Inner, book: &Book, changed: Option<&[u32]>) {
        for shown in inner.roles.values() {
            let before = shown.verdicts.get();
            let before = changed.map(|changed| (&*before, changed));
            shown.verdicts.put(Arc::new(self.verdicts(inner, book, &shown.role, before)));
        }
    }

    fn verdicts(&self, inner: &Inner, book: &Book, role: &str, before: Option<(&Verdicts, &[u32])>) -> Verdicts {
        let generation = GENERATION.fetch_add(1, Ordering::Relaxed);
        let overrules = book.overrules.get();
        inner.facts.verdicts(Sight { generation, role, database: &self.name, overrules: &overrules }, before)
    }

    fn publish_types(&self, inner: &Inner) {
        let types = inner.definitions.types();
        inner.roles.values().for_each(|shown| shown.types.put(Arc::clone(&types)));
    }

    /// What the sessions of this role go by; made if there is nothing yet.
    fn shown(&self, book: &Book, role: &str) -> Arc<Shown> {
        let mut inner = locked(&self.inner);
        if let Some(shown) = inner.roles.get(role) {
            return Arc::clone(shown);
        }
        let shown = Arc::new(Shown {
            role: role.into(),
            verdicts: Latest::new(Arc::new(self.verdicts(&inner, book, role, None))),
            types: Latest::new(inner.definitions.types()),
            due: AtomicU64::new(seconds().saturating_add(EVERY)),
            down_until: AtomicU64::new(0),
            asks: Mutex::default(),
        });
        inner.roles.insert(role.into(), Arc::clone(&shown));
        shown
    }

    fn learn(&self, book: &Book, columns: &[(ColumnId, Verdict)]) {
        let mut inner = locked(&self.inner);
        let changed = inner.facts.learn(columns);
        self.show(&mut inner, book, changed);
    }

    fn promise(&self, book: &Book, written: Vec<Written>) {
        let mut inner = locked(&self.inner);
        let changed = inner.facts.promise(written);
        self.show(&mut inner, book, changed);
    }

    /// Gives the relations that nobody looked at yet.
    fn mark(&self, book: &Book, marks: Vec<Mark>) -> Vec<u32> {
        let mut inner = locked(&self.inner);
        let (changed, unknown) = inner.facts.mark(marks);
        self.show(&mut inner, book, changed);
        unknown
    }

    /// More is known of these relations, and so of the views upon them.
    fn show(&self, inner: &mut Inner, book: &Book, mut changed: Vec<u32>) {
        if changed.is_empty() {
            return;
        }
        let views = inner.facts.define(&changed);
        changed.extend(views);
        inner.unkept.extend(changed.iter().filter(|oid| **oid >= server::FIRST_MADE));
        self.publish(inner, book, Some(&changed));
    }
}

impl View<'_> {
    /// Gives masking the newest of what is known, if it has something else.
    pub fn inform(&self, masking: &mut Masking) {
        // What others found out is known from the first statement on: tokens are compared and texts are recorded by it.
        let met = self.book.met.load(Ordering::Acquire);
        if self.seat.looked.replace(met) != met && self.seat.shown.borrow().is_none() && self.book.met(self.database).is_some() {
            self.shown();
        }
        let seat = self.seat.shown.borrow();
        let Some(shown) = &*seat else {
            if !masking.verdicts.asks {
                masking.verdicts = Arc::clone(&NOTHING);
            }
            return;
        };
        if !shown.verdicts.is(&masking.verdicts) {
            masking.verdicts = shown.verdicts.get();
        }
        if !shown.types.is(&masking.types) {
            masking.types = shown.types.get();
        }
    }

    fn shown(&self) -> Arc<Shown> {
        let known = self.seat.shown.borrow().clone();
        known.unwrap_or_else(|| {
            let shown = self.book.database(self.database).shown(self.book, &self.credential.user);
            self.seat.shown.replace(Some(Arc::clone(&shown)));
            shown
        })
    }

    /// Looks through what is old, now and then, without anybody waiting for it.
    pub fn refresh(&self, means: impl FnOnce() -> Means, catalog: &catalog::View<'_>) {
        let seat = self.seat.shown.borrow();
        let Some(shown) = &*seat else { return };
        let (now, due) = (seconds(), shown.due.load(Ordering::Relaxed));
        let next = now.saturating_add(EVERY);
        if now < due || shown.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let ask = Ask { work: Work::Old, means: means(), catalog: of_knowledge(catalog.knowledge()), answer: None };
        // A queue that is full has enough to do.
        self.asks(shown).try_send(ask).ok();
    }

    fn asks(&self, shown: &Arc<Shown>) -> mpsc::Sender<Ask> {
        let mut asks = locked(&shown.asks);
        if let Some(known) = asks.as_ref().filter(|asks| !asks.is_closed()) {
            return known.clone();
        }
        let surveyor = Surveyor {
            book: Arc::clone(self.book),
            database: self.book.database(self.database),
            shown: Arc::clone(shown),
            connector: self.connector.clone(),
            credential: self.credential.clone(),
        };
        let sender = surveyor.start();
        *asks = Some(sender.clone());
        sender
    }

    /// What of this is still to be found out, and may be asked now.
    fn open(&self, shown: &Shown, unknown: Unknown) -> Unknown {
        let now = seconds();
        if now < shown.down_until.load(Ordering::Relaxed) {
            return Unknown::default();
        }
        let database = self.book.database(self.database);
        let inner = locked(&database.inner);
        let again = |oid: &u32| {
            let Some(known) = inner.facts.relations.get(oid) else { return true };
            let hidden = |look: &Look| look.rows == Some(0) && now.saturating_sub(look.at) < OFTEN;
            known.doubted || !known.looked(&shown.role).is_some_and(hidden)
        };
        Unknown { relations: unknown.relations.into_iter().filter(again).collect(), types: inner.definitions.unknown(unknown.types) }
    }

    /// Ready when whatever can be known of these is, or nobody is to wait longer.
    pub fn survey(&self, unknown: Unknown, means: Means, catalog: &catalog::View<'_>) -> impl Future<Output = ()> + use<> {
        let shown = self.shown();
        let unknown = self.open(&shown, unknown);
        let asks = (!unknown.is_empty()).then(|| self.asks(&shown));
        let known = catalog.knowledge();
        let learn = |newer_than| catalog.learn(Need { newer_than: Some(newer_than), estimate: None }, Message::Query(Zeroizing::default()));
        let (any, newer) = (learn(0), learn(1));
        async move {
            let Some(asks) = asks else { return };
            let work = async {
                let made = unknown.relations.iter().any(|oid| *oid >= server::FIRST_MADE);
                let names = match known {
                    Some(Knowledge::Known(catalog)) => Some(catalog),
                    _ if made => of_knowledge(any.await.0),
                    _ => None,
                };
                let missed = ask(&asks, Work::Unknown(unknown), &means, names).await;
                if !missed.is_empty() {
                    let work = Work::Unknown(Unknown { relations: missed, types: Vec::new() });
                    let names = of_knowledge(newer.await.0);
                    ask(&asks, work, &means, names).await;
                }
            };
            if timeout(PATIENCE, work).await.is_err() {
                shown.down_until.store(seconds().saturating_add(DOWN), Ordering::Relaxed);
                tracing::debug!("rows pass before anybody looked at where they come from");
            }
        }
    }

    /// Values of these columns passed.
    pub fn learned(&self, columns: &[(ColumnId, Verdict)]) {
        self.book.database(self.database).learn(self.book, columns);
    }

    /// Something sensitive is written to relations that are made now.
    pub fn promise(&self, written: Vec<Written>) {
        self.book.database(self.database).promise(self.book, written);
    }

    /// Something sensitive was written to these.
    pub fn mark(&self, marks: Vec<Mark>, means: impl FnOnce() -> Means, catalog: &catalog::View<'_>) {
        let unknown = self.book.database(self.database).mark(self.book, marks);
        if !unknown.is_empty() {
            let work = Work::Unknown(Unknown { relations: unknown, types: Vec::new() });
            let ask = Ask { work, means: means(), catalog: of_knowledge(catalog.knowledge()), answer: None };
            // Where the queue is full, whoever meets rows of it asks.
            self.asks(&self.shown()).try_send(ask).ok();
        }
    }
}

fn of_knowledge(knowledge: Option<Knowledge>) -> Option<Arc<Catalog>> {
    if let Some(Knowledge::Known(catalog)) = knowledge { Some(catalog) } else { None }
}

/// Gives the relations that are newer than the catalog.
async fn ask(asks: &mpsc::Sender<Ask>, work: Work, means: &Means, catalog: Option<Arc<Catalog>>) -> Vec<u32> {
    let (sender, answer) = oneshot::channel();
    let ask = Ask { work, means: means.clone(), catalog, answer: Some(sender) };
    match asks.send(ask).await {
        Ok(()) => answer.await.unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}
