//! `pgsluice mask verdict …`: people say what a column holds. It is written to the state folder; a running server goes by it within a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::super::{Failure, Place, terminal};
use super::column::Named;
use crate::host::journal::keys::Keys;
use crate::host::ledger::Ledger;
use crate::host::people::{self, Capability};
use crate::host::state::{State, StateError};
use crate::host::verdicts::Overrule;
use crate::host::verdicts::store::{self, Store};
use crate::mask::{Holding, Kind, KindSet};

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  pgsluice mask verdict set users.nickname harmless\n  pgsluice mask verdict unset users.nickname")]
pub(super) enum Verdict {
    /// Say what a column holds: of which kind each value is, that all are harmless, or that each is to be searched
    #[command(after_help = "Examples:\n  pgsluice mask verdict set public.users.name PERSON\n  \
                      pgsluice mask verdict set orders.number harmless\n  pgsluice mask verdict set orders.note scan\n\n\
                      It counts before what was found out and before the policy, for tables of this name, whatever becomes of them, and is on the \
                      record. A table without a schema is the one that is known by its name, or else in public. Names are folded to small letters \
                      unless they are quoted.")]
    Set(Set),
    /// Take back what was said of a column
    #[command(after_help = "Example:\n  pgsluice mask verdict unset orders.number")]
    Unset(Unset),
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// TABLE.COLUMN or SCHEMA.TABLE.COLUMN
    #[arg(value_name = "COLUMN")]
    column: Named,
    /// A kind such as PERSON, or harmless, or scan
    #[arg(value_name = "KIND")]
    holding: Said,
    #[command(flatten)]
    whose: Whose,
}

#[derive(Debug, Args)]
pub(super) struct Unset {
    /// TABLE.COLUMN or SCHEMA.TABLE.COLUMN
    #[arg(value_name = "COLUMN")]
    column: Named,
    #[command(flatten)]
    whose: Whose,
}

#[derive(Debug, Args)]
struct Whose {
    /// Only in this database [default: in every one]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    database: String,
    #[command(flatten)]
    place: Place,
}

/// What can be said of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said(Holding);

impl FromStr for Said {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "harmless" => Ok(Self(Holding::Harmless)),
            "scan" => Ok(Self(Holding::Mixed(KindSet::NONE))),
            kind => match Kind::of_name(kind) {
                Some(kind) => Ok(Self(Holding::Whole(kind))),
                None => {
                    let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
                    Err(format!("expected harmless, scan or one of {}", known.join(", ")))
                }
            },
        }
    }
}

pub(super) fn run(command: Verdict, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let (column, whose, said) = match command {
        Verdict::Set(Set { column, holding, whose }) => (column, whose, Some(holding.0)),
        Verdict::Unset(Unset { column, whose }) => (column, whose, None),
    };
    let state = State::open(&whose.place.local(environment)?.state)?;
    let acting = people::acting(&state, environment)?;
    acting.require(Capability::Administer)?;
    let mut store = Store::open(&state)?;
    let overrule = of(&store, column, whose.database, said)?;
    let keys = Keys::load(state.folder()).map_err(|reason| StateError::Folder { folder: state.folder().to_owned(), reason })?;
    store.say(&overrule, said, &acting.by(), &keys.digester)?;
    Ledger::open(&state)?.settle()?;
    let Overrule { database, schema, table, column, .. } = &overrule;
    let name = format!("{schema}.{table}.{column}");
    let place = if database.is_empty() { String::new() } else { format!(" in {database}") };
    let said = said.map_or_else(|| "as it was found out, or as the policy says".to_owned(), store::words);
    Ok(writeln!(std::io::stdout(), "{}: {said}", terminal::line(&format!("{name}{place}")))?)
}

/// Which column is meant.
fn of(store: &Store, named: Named, database: String, said: Option<Holding>) -> Result<Overrule, Failure> {
    let facts = store.facts()?;
    let of_database = |name: &str| database.is_empty() || name == database;
    let known = || {
        let relations = facts.iter().filter(|(name, _)| of_database(name)).flat_map(|(_, facts)| facts.relations.values());
        relations.filter(|known| *known.name == *named.table)
    };
    let schema = match named.schema.clone() {
        Some(schema) => schema,
        None => {
            let said = store.overrules()?;
            let said = said.iter().map(|said| &said.overrule).filter(|said| *said.table == *named.table && *said.database == *database);
            let schemas: BTreeSet<&str> = known().map(|known| &*known.schema).chain(said.map(|said| &*said.schema)).collect();
            let mut schemas = schemas.into_iter();
            match (schemas.next(), schemas.next()) {
                (None, _) => "public".to_owned(),
                (Some(only), None) => only.to_owned(),
                (Some(one), Some(other)) => {
                    let why = format!("there is a table {} in {one} and in {other}: name its schema", named.table);
                    return Err(Failure::Cases(why));
                }
            }
        }
    };
    let mut known = known().filter(|known| *known.schema == *schema).peekable();
    if said.is_some() && known.peek().is_some() && !known.any(|known| known.columns.iter().any(|column| *column.name == *named.column)) {
        eprintln!("pgsluice: {schema}.{} had no column {} when it was looked at last", named.table, named.column);
    }
    Ok(Overrule {
        database: database.into(),
        schema: schema.into(),
        table: named.table.into(),
        column: named.column.into(),
        holding: said.unwrap_or(Holding::Harmless),
    })
}
