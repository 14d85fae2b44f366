//! `pgsluice audit stats`: how much there is of everything, by day and agent.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use clap::Args;

use super::search::aligned;
use super::{Desk, Place, reindex};
use crate::host::cli::Failure;
use crate::host::index::told::took;
use crate::host::index::totals::{self, Day};
use crate::host::when;

/// Microseconds.
const DAY: u64 = 86_400_000_000;

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Stats {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Stats, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let desk = Desk::open(&command.place, environment)?;
    desk.reads("stats")?;
    let stats = reindex::fresh(&desk)?.stats()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if command.json {
        writeln!(out, "{}", serde_json::to_string(&stats).map_err(io::Error::other)?)?;
        return Ok(out.flush()?);
    }
    let time = |time: Option<u64>| time.map_or_else(|| "-".to_owned(), when::show);
    let totals::Stats { last_seq, executions, prepared, refused, errors, events, sessions, agents, shapes, relations, .. } = &stats;
    let rows = [
        ("records", last_seq.to_string()),
        ("executions", executions.to_string()),
        ("prepared only", prepared.to_string()),
        ("refused", refused.to_string()),
        ("errors", errors.to_string()),
        ("other events", events.to_string()),
        ("sessions", sessions.to_string()),
        ("agents", agents.to_string()),
        ("shapes", shapes.to_string()),
        ("tables", relations.to_string()),
        ("first statement", time(stats.earliest)),
        ("last statement", time(stats.latest)),
        ("journal", bytes(stats.journal_bytes)),
        ("index", bytes(stats.index_bytes)),
    ];
    aligned(&mut out, &rows.map(|(name, value)| [name.to_owned(), value]))?;
    let mut days = vec![["DAY", "AGENT", "RUN", "PREPARED", "REFUSED", "ERRORS", "TIME", "ROWS", "BYTES", "MASKED"].map(str::to_owned)];
    days.extend(stats.days.iter().map(day));
    if !stats.days.is_empty() {
        writeln!(out)?;
        aligned(&mut out, &days)?;
    }
    Ok(out.flush()?)
}

fn day(day: &Day) -> [String; 10] {
    [
        when::day(day.day.saturating_mul(DAY)),
        day.agent.clone().unwrap_or_else(|| "-".to_owned()),
        day.count.to_string(),
        day.prepared.to_string(),
        day.refused.to_string(),
        day.errors.to_string(),
        took(day.duration),
        day.rows.to_string(),
        bytes(day.bytes),
        day.masked.to_string(),
    ]
}

fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let fits = |(place, _): &(usize, &&str)| count >> (place.saturating_mul(10).saturating_add(10)) < 1024;
    let found = UNITS.iter().enumerate().find(fits);
    match found {
        Some((0, _)) if count < 1024 => format!("{count} B"),
        Some((place, unit)) => {
            let tenths = (count >> (place.saturating_mul(10))).saturating_mul(10) / 1024;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{count} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_units() {
        for (count, shown) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_600_000, "1.5 MiB"), (3 << 30, "3.0 GiB"), (5 << 40, "5.0 TiB")]
        {
            assert_eq!(bytes(count), shown);
        }
    }
}
