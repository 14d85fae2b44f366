//! An evidence report of a period, for auditors: computed from the journal itself in one pass and in bounded memory, never from the index,
//! so that it speaks of the record that is verified. It counts and lists; whether that is enough is for its readers to judge.

mod bounded;
mod chain;
mod changes;
mod controls;
mod duties;
mod gather;
mod holds;
mod page;
mod period;
mod reviews;
mod sessions;
#[cfg(test)]
mod tests;
mod volumes;

use std::path::Path;

use serde::Serialize;

use super::journal::reader::{ReadError, Reader};
use crate::audit::verify::Findings;
use chain::Chain;
use changes::{Changes, Gaps};
use controls::{CONTROLS, Control};
use duties::Separation;
use gather::Gatherer;
use holds::Holds;
pub use period::{At, Period};
use reviews::{Reads, SignOffs};
use volumes::Volumes;

/// Rises when a key of the JSON changes its meaning or goes away; new keys leave it as it is.
const SCHEMA_VERSION: u32 = 1;

const NOTE: &str = "This report is evidence from a record, for people who assess controls. It does not say that a control is met, and it knows nothing of \
    what did not pass through pgsluice. Figures are of the record as it was when the report was made.";

/// What stopped the pass before the record's end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CutShort {
    pub after_seq: u64,
    pub reason: String,
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub schema_version: u32,
    pub program: &'static str,
    pub note: &'static str,
    pub made: At,
    pub period: Period,
    /// Records of the period.
    pub records: u64,
    /// When the last record that was read was written.
    pub read_up_to: Option<At>,
    pub cut_short: Option<CutShort>,
    pub chain: Chain,
    pub volumes: Volumes,
    pub holds: Holds,
    pub separation: Separation,
    #[serde(flatten)]
    pub changes: Changes,
    pub gaps: Gaps,
    pub audit_reads: Reads,
    pub sign_offs: SignOffs,
    pub controls: &'static [Control],
}

impl Report {
    /// Reads the record up to `now`; `found` is what verifying it gave. A record that cannot be read through still gives a report, which says where it stops.
    pub fn compute(state: &Path, found: Findings, period: Period, now: At) -> Self {
        let mut gatherer = Gatherer::new(period);
        let (mut last, mut cut_short) = (None, None);
        let mut reader = Reader::open(state, 1);
        loop {
            match read(&mut reader, &mut gatherer, now) {
                Ok(Some(place)) => last = Some(place),
                Ok(None) => break,
                Err(reason) => {
                    cut_short = Some(CutShort { after_seq: last.map_or(0, |(seq, _)| seq), reason });
                    break;
                }
            }
        }
        let gatherer = gatherer.finish();
        Self {
            schema: "pgsluice-report",
            schema_version: SCHEMA_VERSION,
            program: concat!("pgsluice ", env!("CARGO_PKG_VERSION")),
            note: NOTE,
            made: now,
            period,
            records: gatherer.records,
            read_up_to: last.map(|(_, time)| At(time)),
            cut_short,
            chain: Chain::new(found, gatherer.last_checkpoint),
            volumes: gatherer.volumes,
            holds: gatherer.holds,
            separation: gatherer.separation,
            changes: gatherer.changes,
            gaps: gatherer.gaps,
            audit_reads: gatherer.reads,
            sign_offs: gatherer.sign_offs,
            controls: CONTROLS,
        }
    }

    /// Whether the record behind it is whole.
    pub fn is_sound(&self) -> bool {
        self.chain.sound && self.cut_short.is_none()
    }

    /// What is wrong with the record, in words.
    pub fn trouble(&self) -> String {
        let cut_short = || self.cut_short.as_ref().map(|cut| cut.reason.clone());
        self.chain.problem().or_else(cut_short).unwrap_or_default()
    }

    /// One self-contained page.
    pub fn html(&self) -> String {
        page::render(self)
    }

    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

/// The place of the record that was taken in; `None` at the end.
fn read(reader: &mut Reader, gatherer: &mut Gatherer, now: At) -> Result<Option<(u64, u64)>, String> {
    let Some(entry) = reader.next().map_err(|error: ReadError| error.to_string())? else { return Ok(None) };
    // A server that goes on writing would keep us reading.
    if entry.time > now.0 {
        return Ok(None);
    }
    let event = entry.event().map_err(|error| format!("record {}: {error}", entry.seq))?;
    gatherer.see(&entry, event.as_ref());
    Ok(Some((entry.seq, entry.time)))
}
