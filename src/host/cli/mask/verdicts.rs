//! `pgsluice mask verdicts`: what is thought of the columns of databases, and why. It reads the state folder, with the server running or not.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::Args;
use serde::Serialize;

use super::super::{Failure, Place, agent, terminal};
use super::column;
use crate::host::state::State;
use crate::host::verdicts::store::{self, Said, Store};
use crate::host::verdicts::{Facts, Known, Overrule, Sight};
use crate::host::when;
use crate::mask::verdict::{Basis, Column, ColumnId, Verdict};

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those of this database
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Only those of this table, as TABLE or SCHEMA.TABLE
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// One column, for people.
#[derive(Debug, Serialize)]
struct Row {
    database: String,
    table: String,
    column: String,
    /// harmless, mixed, whole
    holding: String,
    kinds: Vec<String>,
    why: String,
    /// When its relation was looked at last, or when somebody said it.
    when: Option<String>,
}

pub(super) fn run(command: List, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let state = State::open(&command.place.local(environment)?.state)?;
    let store = Store::open(&state)?;
    let (facts, said) = (store.facts()?, store.overrules()?);
    let table = command.table.as_deref().map(column::parts).transpose().map_err(|why| Failure::Cases(why.to_owned()))?;
    let wanted = |schema: &str, name: &str| match table.as_deref() {
        None => true,
        Some([table]) => table == name,
        Some([of, table]) => of == schema && table == name,
        Some(_) => false,
    };
    let mut databases: Vec<(&str, &Facts)> = facts.iter().map(|(name, facts)| (&**name, facts)).collect();
    databases.sort_unstable_by_key(|(name, _)| *name);
    let mut rows = Vec::new();
    for (database, facts) in databases {
        if command.database.as_deref().is_none_or(|wanted| wanted == database) {
            rows.extend(of_database(database, facts, &said, wanted));
        }
    }
    for said in &said {
        let Overrule { database, schema, table, column, holding } = &said.overrule;
        let there = |(name, facts): (&str, &Facts)| {
            let is =
                |known: &Known| known.schema == *schema && known.name == *table && known.columns.iter().any(|known| known.name == *column);
            (database.is_empty() || *name == **database) && facts.relations.values().any(is)
        };
        let of_database = command.database.as_deref().is_none_or(|wanted| database.is_empty() || wanted == &**database);
        // Of a table that nobody met yet.
        if of_database && wanted(schema, table) && !facts.iter().map(|(name, facts)| (&**name, facts)).any(there) {
            let verdict = Verdict { holding: *holding, basis: Basis::Overruled };
            let any = if database.is_empty() { "(any)" } else { &**database };
            rows.push(row(any, &format!("{schema}.{table}"), column, verdict, Some(said), None));
        }
    }
    let mut out = std::io::stdout();
    if command.json {
        let json = serde_json::to_string(&rows).map_err(std::io::Error::from)?;
        return Ok(writeln!(out, "{json}")?);
    }
    if rows.is_empty() {
        eprintln!("pgsluice: nothing is known of any column yet: tables are looked at when agents read them, or by `pgsluice mask scan`");
        return Ok(());
    }
    Ok(out.write_all(aligned(rows).as_bytes())?)
}

fn of_database(database: &str, facts: &Facts, said: &[Said], wanted: impl Fn(&str, &str) -> bool) -> Vec<Row> {
    let overrules: Vec<Overrule> = said.iter().map(|said| said.overrule.clone()).collect();
    let verdicts = facts.verdicts(Sight { generation: 0, role: "", database, overrules: &overrules }, None);
    let mut relations: Vec<(&u32, &Known)> = facts.relations.iter().filter(|(_, known)| wanted(&known.schema, &known.name)).collect();
    relations.sort_by(|(_, one), (_, other)| (&one.schema, &one.name).cmp(&(&other.schema, &other.name)));
    let mut rows = Vec::new();
    for (oid, known) in relations {
        let table = format!("{}.{}", known.schema, known.name);
        let looked = known.looks.iter().map(|look| look.at).max();
        for column in &known.columns {
            let found = verdicts.named(ColumnId { relation: *oid, attribute: column.attribute });
            let Some((_, Column { name, verdict, .. })) = found else { continue };
            let said = said.iter().rev().find(|said| {
                let Overrule { database: of, schema, table, column, .. } = &said.overrule;
                (of.is_empty() || **of == *database) && *schema == known.schema && *table == known.name && column == name
            });
            rows.push(row(database, &table, name, *verdict, said, looked));
        }
    }
    rows
}

fn row(database: &str, table: &str, column: &str, verdict: Verdict, said: Option<&Said>, looked: Option<u64>) -> Row {
    let words = store::words(verdict.holding);
    let mut words = words.split(' ').map(str::to_owned);
    let said = said.filter(|_| verdict.basis == Basis::Overruled);
    let when = said.map_or(looked, |said| Some(said.time)).map(|seconds| when::seconds(seconds.saturating_mul(1_000_000)));
    let why = match said {
        Some(said) => format!("said by {}", said.by),
        None => store::why(verdict.basis),
    };
    Row {
        database: database.to_owned(),
        table: table.to_owned(),
        column: column.to_owned(),
        holding: words.next().unwrap_or_default(),
        kinds: words.collect(),
        why,
        when,
    }
}

fn aligned(rows: Vec<Row>) -> String {
    let mut table = vec![["DATABASE", "TABLE", "COLUMN", "HOLDING", "KINDS", "WHY", "WHEN"].map(str::to_owned)];
    let shown = |text: &str| terminal::line(text).into_owned();
    table.extend(rows.into_iter().map(|row| {
        let kinds = if row.kinds.is_empty() { "-".to_owned() } else { row.kinds.join(",") };
        let when = row.when.unwrap_or_else(|| "-".to_owned());
        [shown(&row.database), shown(&row.table), shown(&row.column), row.holding, kinds, shown(&row.why), when]
    }));
    agent::aligned(&table)
}
