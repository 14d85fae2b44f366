//! `pgsluice audit search`: what happened, newest first, by words, agent, table, effect, decision, time and more.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write};

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::{Desk, Place, Span, reindex};
use crate::audit::event::Verdict;
use crate::gate::hold::HoldId;
use crate::host::cli::{Failure, terminal};
use crate::host::index::Filter;
use crate::host::index::filter::Masked;
use crate::host::index::search::{Found, Page, Statement};
use crate::host::index::told::{self, outcome, took, verdict, what};
use crate::host::when;
use crate::sql::effect::Effect;

/// Columns of a terminal that does not say how wide it is.
const WIDTH: usize = 160;
/// Of the columns before the last one.
const COLUMNS: [&str; 7] = ["TIME", "SEQ", "AGENT", "OUTCOME", "TIME TAKEN", "ROWS", "WHAT"];
/// Of a CSV file.
const CELLS: [&str; 21] = [
    "time",
    "seq",
    "kind",
    "agent",
    "owner",
    "session",
    "database",
    "role",
    "verdict",
    "outcome",
    "code",
    "duration_us",
    "rows",
    "affected",
    "bytes",
    "effects",
    "relations",
    "rule",
    "hold",
    "shape",
    "text",
];

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Decision {
    Allowed,
    Denied,
    Held,
    Approved,
    Observed,
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line are bools")]
pub(in crate::host::cli) struct Search {
    /// Only what has all of these words in the statement's shape, or in what an event says; `word*` finds words that begin so
    words: Vec<String>,
    /// Only of this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only what names this table, with or without its schema
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Only what has this effect
    #[arg(long, value_name = "EFFECT", value_parser = clap::builder::PossibleValuesParser::new(Effect::ALL.map(Effect::word)))]
    effect: Option<String>,
    /// Only what was decided so
    #[arg(long, value_enum)]
    decision: Option<Decision>,
    /// Only what this rule of the policy decided
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Only what belongs to this hold
    #[arg(long, value_name = "ID")]
    hold: Option<HoldId>,
    /// Only of this session, by the number of its record
    #[arg(long, value_name = "SEQ")]
    session: Option<u64>,
    /// Only of this shape
    #[arg(long, value_name = "DIGEST", value_parser = |text: &str| text.parse::<crate::audit::Digest>())]
    shape: Option<crate::audit::Digest>,
    #[command(flatten)]
    span: Span,
    /// Only what failed, was refused, cancelled, or ended nobody knows how
    #[arg(long)]
    errors: bool,
    /// Only what took at least this long; without a value, as long as audit.slow of the configuration says [default there: 1s]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, value_parser = told::duration)]
    slow: Option<Option<u64>>,
    /// Only what had values masked, or values of this kind
    #[arg(long, value_name = "KIND", num_args = 0..=1, default_missing_value = "any")]
    masked: Option<String>,
    /// Also who read the audit, and what was asked for
    #[arg(long)]
    reads: bool,
    /// Only what came before this record: for the next page
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,
    /// As JSON, a record a line
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// As CSV
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Search, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    // Where the time is not given it is the configuration's.
    let slow = match command.slow {
        Some(None) => u64::try_from(command.place.local(environment.clone())?.slow.as_micros()).ok(),
        given => given.flatten(),
    };
    let filter = command.filter(slow)?;
    let desk = Desk::open(&command.place, environment)?;
    desk.reads("search")?;
    let Page { found, next } = reindex::fresh(&desk)?.search(&filter)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if command.json {
        for found in &found {
            writeln!(out, "{}", json(found)?)?;
        }
    } else if command.csv {
        writeln!(out, "{}", CELLS.join(","))?;
        for found in &found {
            writeln!(out, "{}", csv(found))?;
        }
    } else {
        table(&mut out, &found)?;
    }
    out.flush()?;
    drop(out);
    if !command.json && !command.csv {
        match next {
            Some(seq) => eprintln!("pgsluice: there may be more: --before {seq}"),
            None if found.is_empty() => eprintln!("pgsluice: nothing found"),
            None => {}
        }
    }
    Ok(())
}

impl Search {
    fn filter(&self, slow: Option<u64>) -> Result<Filter, Failure> {
        let (since, until) = self.span.read()?;
        Ok(Filter {
            words: (!self.words.is_empty()).then(|| self.words.join(" ")),
            agent: self.agent.clone(),
            table: self.table.clone(),
            effect: self.effect.as_deref().and_then(Effect::of_word).map(|effect| effect.bit().trailing_zeros()),
            verdict: self.decision.map(|decision| match decision {
                Decision::Allowed => Verdict::Allowed,
                Decision::Denied => Verdict::Denied,
                Decision::Held => Verdict::Held,
                Decision::Approved => Verdict::Approved,
                Decision::Observed => Verdict::Observed,
            }),
            rule: self.rule.clone(),
            hold: self.hold.map(HoldId::number),
            since: (since > 0).then_some(since),
            until: (until < u64::MAX).then_some(until),
            errors: self.errors,
            slow,
            masked: self.masked.as_ref().map(|kind| if kind == "any" { Masked::Any } else { Masked::Kind(kind.clone()) }),
            session: self.session,
            shape: self.shape,
            without_reads: !self.reads,
            before: self.before,
            limit: usize::try_from(self.limit).unwrap_or(usize::MAX),
        })
    }
}

/// As it is, with times that people read as well.
fn json(found: &Found) -> Result<Value, Failure> {
    let mut all = Map::new();
    all.insert("at".to_owned(), when::show(found.time).into());
    if let Value::Object(fields) = serde_json::to_value(found).map_err(io::Error::other)? {
        all.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Ok(Value::Object(all))
}

fn csv(found: &Found) -> String {
    let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let said = found.statement.as_deref();
    let of = |of: fn(&Statement) -> Option<&str>| text(said.and_then(of));
    let cells = [
        when::show(found.time),
        found.seq.to_string(),
        found.kind.clone(),
        text(found.agent.as_deref()),
        of(|said| said.owner.as_deref()),
        number(found.session),
        of(|said| said.database.as_deref()),
        of(|said| said.role.as_deref()),
        of(|said| Some(verdict(said.verdict))),
        said.map(outcome).unwrap_or_default(),
        of(|said| said.code.as_deref()),
        number(said.and_then(|said| said.duration)),
        number(said.map(|said| said.rows)),
        number(said.and_then(|said| said.affected)),
        number(said.map(|said| said.bytes)),
        said.and_then(|said| said.effects.as_ref()).map(|effects| effects.join(" ")).unwrap_or_default(),
        said.map(|said| said.relations.join(" ")).unwrap_or_default(),
        of(|said| said.rule.as_deref()),
        found.hold.map(|hold| HoldId::of(hold).to_string()).unwrap_or_default(),
        said.map(|said| said.shape.to_string()).unwrap_or_default(),
        what(found),
    ];
    cells.iter().map(|cell| terminal::cell(cell)).collect::<Vec<_>>().join(",")
}

fn table(out: &mut impl Write, found: &[Found]) -> Result<(), Failure> {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    for found in found {
        let said = found.statement.as_deref();
        rows.push([
            when::show(found.time),
            found.seq.to_string(),
            found.agent.clone().unwrap_or_else(|| "-".to_owned()),
            match said {
                None => found.kind.clone(),
                Some(said) if said.verdict == Verdict::Allowed => outcome(said),
                Some(said) => format!("{}, {}", verdict(said.verdict), outcome(said)),
            },
            said.and_then(|said| said.duration).map_or_else(|| "-".to_owned(), took),
            said.map_or_else(|| "-".to_owned(), |said| said.rows.max(said.affected.unwrap_or(0)).to_string()),
            what(found).split_whitespace().collect::<Vec<_>>().join(" "),
        ]);
    }
    // No rows, no heading: a script that counts lines counts what was found.
    if found.is_empty() { Ok(()) } else { aligned(out, &rows) }
}

/// Rows with their columns below each other, safe to be shown; on a terminal the last column is cut where the line ends.
pub(super) fn aligned<const N: usize>(out: &mut impl Write, rows: &[[String; N]]) -> Result<(), Failure> {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| terminal::line(cell).into_owned())).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row).take(N.saturating_sub(1)) {
            *width = cell.chars().count().max(*width);
        }
    }
    let most = if io::stdout().is_terminal() { columns() } else { usize::MAX };
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let line = cells.join("  ");
        let line = line.trim_end();
        if line.chars().count() > most {
            writeln!(out, "{}…", line.chars().take(most.saturating_sub(1)).collect::<String>())?;
        } else {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn columns() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    said.filter(|columns| *columns >= 40).unwrap_or(WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::event::Outcome;

    fn found(text: &str) -> Found {
        let statement = Statement {
            owner: Some("@ann".to_owned()),
            database: Some("shop".to_owned()),
            role: None,
            way: crate::audit::event::Way::Query,
            verdict: Verdict::Held,
            outcome: Some(Outcome::Failed),
            in_transaction: false,
            effects: Some(vec!["read", "write"]),
            rule: None,
            code: Some("42P01".to_owned()),
            command: None,
            duration: Some(1_234_567),
            rows: 3,
            affected: None,
            bytes: 9,
            received: 0,
            masked: Vec::new(),
            shape: crate::audit::Digest::default(),
            text: Some(text.to_owned()),
            relations: vec!["public.a".to_owned()],
        };
        Found {
            seq: 7,
            time: 1_700_000_000_000_000,
            kind: "begun".to_owned(),
            session: Some(2),
            agent: Some("bot".to_owned()),
            about: None,
            words: None,
            hold: None,
            statement: Some(Box::new(statement)),
        }
    }

    #[test]
    fn nothing_that_is_shown_acts_on_a_terminal_or_in_a_spreadsheet() {
        let found = found("=1+1\x1b[2J\n, \"x\"");
        let mut out = Vec::new();
        table(&mut out, std::slice::from_ref(&found)).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert!(
            shown.ends_with("2023-11-14T22:13:20.000Z  7    bot    held, failed 42P01  1.23 s      3     =1+1\\u{1b}[2J , \"x\"\n"),
            "{shown}"
        );
        let line = csv(&found);
        assert!(
            line.starts_with(
                "2023-11-14T22:13:20.000Z,7,begun,bot,'@ann,2,shop,,held,failed 42P01,42P01,1234567,3,,9,read write,public.a,,,"
            ),
            "{line}"
        );
        assert!(line.ends_with("\"'=1+1\x1b[2J\n, \"\"x\"\"\""), "{line}");
        assert_eq!(CELLS.len(), 21);
        assert_eq!(json(&found).unwrap()["at"], "2023-11-14T22:13:20.000Z");
    }
}
