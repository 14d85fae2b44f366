//! `pgsluice audit top`: the shapes with most executions, time, rows or masked values.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use clap::{Args, ValueEnum};

use super::search::aligned;
use super::{Desk, Place, Span, reindex};
use crate::host::cli::Failure;
use crate::host::index::told::took;
use crate::host::index::totals;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    Count,
    Time,
    Rows,
    Masked,
}

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Top {
    /// What there is most of
    #[arg(long, value_enum, default_value = "count")]
    by: By,
    #[command(flatten)]
    span: Span,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,
    /// As JSON, a shape a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Top, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let (since, until) = command.span.read()?;
    let (since, until) = ((since > 0).then_some(since), (until < u64::MAX).then_some(until));
    let desk = Desk::open(&command.place, environment)?;
    desk.reads("top")?;
    let by = match command.by {
        By::Count => totals::By::Count,
        By::Time => totals::By::Time,
        By::Rows => totals::By::Rows,
        By::Masked => totals::By::Masked,
    };
    let top = reindex::fresh(&desk)?.top(by, since, until, usize::try_from(command.limit).unwrap_or(usize::MAX))?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if command.json {
        for top in &top {
            writeln!(out, "{}", serde_json::to_string(top).map_err(io::Error::other)?)?;
        }
        return Ok(out.flush()?);
    }
    let mut rows = vec![["COUNT", "ERRORS", "TIME", "EACH", "ROWS", "MASKED", "SHAPE", "WHAT"].map(str::to_owned)];
    for top in &top {
        rows.push([
            top.count.to_string(),
            top.errors.to_string(),
            took(top.duration),
            took(top.duration.checked_div(top.count).unwrap_or(0)),
            top.rows.to_string(),
            top.masked.to_string(),
            top.shape.to_string(),
            top.text.as_deref().unwrap_or("(text erased)").split_whitespace().collect::<Vec<_>>().join(" "),
        ]);
    }
    aligned(&mut out, &rows)?;
    Ok(out.flush()?)
}
