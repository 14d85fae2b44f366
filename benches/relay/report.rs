//! What was measured, by case, way and metric: medians with their span, and ratios. The ratio of two ways is the median of the
//! ratios within each round, so that what slows a whole round down does not count.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::process::Outcome;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    Tps,
    MegabytesPerSecond,
    ProxyPerQuery,
    ProxyPerGigabyte,
    ServerPerQuery,
    ServerPerGigabyte,
    PeakResident,
    ResidentIdle,
    PerConnection {
        /// Its place among the counts.
        at: usize,
        count: usize,
    },
}

pub type Values = Vec<(Metric, f64)>;

impl Metric {
    fn name(self) -> String {
        match self {
            Self::Tps => "TPS".into(),
            Self::MegabytesPerSecond => "MB/s".into(),
            Self::ProxyPerQuery => "proxy CPU µs/query".into(),
            Self::ProxyPerGigabyte => "proxy CPU s/GB".into(),
            Self::ServerPerQuery => "server CPU µs/query".into(),
            Self::ServerPerGigabyte => "server CPU s/GB".into(),
            Self::PeakResident => "peak RSS, MB".into(),
            Self::ResidentIdle => "RSS idle, MB".into(),
            Self::PerConnection { count, .. } => format!("KB/connection at {count} idle"),
        }
    }

    fn digits(self) -> usize {
        match self {
            Self::Tps | Self::MegabytesPerSecond => 0,
            Self::ProxyPerGigabyte | Self::ServerPerGigabyte => 2,
            Self::ProxyPerQuery | Self::ServerPerQuery | Self::PeakResident | Self::ResidentIdle | Self::PerConnection { .. } => 1,
        }
    }
}

/// The ways that others are compared with, by name.
const BASES: [&str; 2] = ["direct", "PgBouncer"];

type Rounds = BTreeMap<usize, f64>;

#[derive(Debug, Default)]
pub struct Results {
    /// Cases and ways in the order they are shown in.
    cases: Vec<String>,
    ways: Vec<String>,
    values: BTreeMap<(String, String, Metric), Rounds>,
}

impl Results {
    pub fn new(cases: Vec<String>, ways: Vec<String>) -> Self {
        Self { cases, ways, values: BTreeMap::new() }
    }

    pub fn add(&mut self, round: usize, case: &str, way: &str, values: Values) {
        for (metric, value) in values {
            self.values.entry((case.to_owned(), way.to_owned(), metric)).or_default().insert(round, value);
        }
    }

    fn rounds(&self, case: &str, way: &str, metric: Metric) -> Option<&Rounds> {
        self.values.get(&(case.to_owned(), way.to_owned(), metric))
    }

    fn ratio(&self, case: &str, way: &str, metric: Metric, base: &str) -> Option<Summary> {
        let base = self.rounds(case, base, metric)?;
        let mine = self.rounds(case, way, metric)?;
        Summary::of(mine.iter().filter_map(|(round, value)| Some(value / base.get(round)?)))
    }

    fn metrics(&self, case: &str) -> Vec<Metric> {
        let mut metrics: Vec<_> = self.values.keys().filter(|(of, ..)| of == case).map(|(_, _, metric)| *metric).collect();
        metrics.sort();
        metrics.dedup();
        metrics
    }

    pub fn markdown(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        for case in &self.cases {
            let metrics = self.metrics(case);
            if metrics.is_empty() {
                continue;
            }
            writeln!(text, "\n### {case}\n")?;
            let bases = |metric| BASES.into_iter().filter(move |base| self.rounds(case, base, metric).is_some());
            write!(text, "| route |")?;
            for metric in &metrics {
                write!(text, " {} |", metric.name())?;
                for base in bases(*metric) {
                    write!(text, " × {base} |")?;
                }
            }
            let columns: usize = metrics.iter().map(|metric| bases(*metric).count().saturating_add(1)).sum();
            writeln!(text, "\n|---|{}", "---:|".repeat(columns))?;
            for way in &self.ways {
                if !metrics.iter().any(|metric| self.rounds(case, way, *metric).is_some()) {
                    continue;
                }
                write!(text, "| {way} |")?;
                for metric in &metrics {
                    let summary = self.rounds(case, way, *metric).and_then(|rounds| Summary::of(rounds.values().copied()));
                    write!(text, " {} |", summary.map_or_else(|| "–".to_owned(), |summary| summary.show(metric.digits())))?;
                    for base in bases(*metric) {
                        let ratio = self.ratio(case, way, *metric, base).filter(|_| base != way);
                        write!(text, " {} |", ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{:.2}", ratio.median)))?;
                    }
                }
                writeln!(text)?;
            }
        }
        Ok(text)
    }

    pub fn json(&self) -> Outcome<String> {
        let mut all = Vec::new();
        for ((case, way, metric), rounds) in &self.values {
            let summary = Summary::of(rounds.values().copied());
            let ratios: BTreeMap<_, _> = BASES
                .into_iter()
                .filter(|base| base != way)
                .filter_map(|base| Some((base, self.ratio(case, way, *metric, base)?.json())))
                .collect();
            all.push(json!({
                "case": case,
                "route": way,
                "metric": metric.name(),
                "rounds": rounds.values().collect::<Vec<_>>(),
                "summary": summary.map(|summary| summary.json()),
                "ratio_to": ratios,
            }));
        }
        Ok(serde_json::to_string_pretty(&all)?)
    }
}

#[derive(Debug, Clone, Copy)]
struct Summary {
    median: f64,
    least: f64,
    most: f64,
}

impl Summary {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let median = if values.len().is_multiple_of(2) { f64::midpoint(*values.get(middle.checked_sub(1)?)?, upper) } else { upper };
        Some(Self { median, least: *values.first()?, most: *values.last()? })
    }

    fn show(self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.least, self.most)
    }

    fn json(self) -> Value {
        json!({ "median": self.median, "min": self.least, "max": self.most })
    }
}
