//! The first rows of a result whose columns nobody knows: they stay where they were received until there are enough of them to judge the
//! columns by, or no more can be waited for. It decides when that is and what they tell, not what is done with them.

use std::time::{Duration, Instant};

use crate::mask::evidence::Evidence;
use crate::mask::{Holding, Masking, Verdict, Workspace};
use crate::wire::ProtocolError;
use crate::wire::backend::{Backend, tag};
use crate::wire::frame;
use crate::wire::limits::ServerLimits;
use crate::wire::read::Values;
use crate::wire::value::Format;

use super::rows::{MASKED_ROW, Watched};
use super::upstream::RowsOfAnyLength;

/// Bytes that wait, about: the buffer of a connection does not grow beyond twice this, but for one long row.
const BYTES: usize = 256 << 10;
/// How long the first row waits for others.
const PATIENCE: Duration = Duration::from_millis(100);
/// A value is looked at up to here: what a column holds shows before.
const VALUE: usize = 4096;

/// What a window goes by.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    pub masking: &'a Masking,
    pub limits: &'a ServerLimits,
    pub now: Instant,
}

/// What was seen of the rows of one result.
#[derive(Debug, Default)]
pub struct Window {
    /// One for each column that is watched.
    evidence: Vec<Seen>,
    /// When its first row was met.
    since: Option<Instant>,
    /// It was waited long enough.
    due: bool,
    /// Its first rows were judged.
    judged: bool,
    /// Bytes of the rows that were looked at, and how many those are.
    scanned: usize,
    rows: u64,
}

#[derive(Debug)]
struct Seen {
    evidence: Evidence,
    /// Values of it were looked at.
    looked: bool,
}

impl Window {
    /// Rows that are enough to judge by.
    pub const ROWS: u64 = 64;

    /// When rows are judged as they are.
    pub fn deadline(&self) -> Option<Instant> {
        if self.judged || self.due { None } else { self.since?.checked_add(PATIENCE) }
    }

    pub fn elapsed(&mut self, now: Instant) -> bool {
        let elapsed = self.deadline().is_some_and(|deadline| deadline <= now);
        self.due |= elapsed;
        elapsed
    }

    /// The result is over. What was lent stays.
    pub fn close(&mut self) {
        let evidence = std::mem::take(&mut self.evidence);
        *self = Self { evidence, ..Self::default() };
        self.evidence.clear();
    }

    /// Whether the rows that `rest` begins with are judged; the same ones are handed in again with more behind them until they are.
    pub fn judges(
        &mut self,
        watched: &[Watched],
        sight: &Sight<'_>,
        rest: &[u8],
        workspace: &mut Workspace,
    ) -> Result<bool, ProtocolError> {
        if self.judged {
            return Ok(true);
        }
        self.open(watched);
        self.since.get_or_insert(sight.now);
        let cap = sight.limits.data_row.min(MASKED_ROW);
        while self.rows < Self::ROWS && self.scanned < BYTES {
            let next = rest.get(self.scanned..).unwrap_or_default();
            let whole = match frame::head(next, &RowsOfAnyLength(sight.limits))? {
                Some(head) if head.tag == tag::DATA_ROW && head.body <= cap => next.get(frame::HEAD..head.total()).map(|body| (head, body)),
                // These come between rows at any time.
                Some(head) if matches!(head.tag, tag::NOTICE_RESPONSE | tag::NOTIFICATION_RESPONSE | tag::PARAMETER_STATUS) => {
                    next.get(frame::HEAD..head.total()).map(|body| (head, body))
                }
                // The end of the result, or a row that will be its end.
                Some(_) => break,
                None => None,
            };
            let Some((head, body)) = whole else {
                // A first row that is not there yet is waited for, however long that takes.
                if self.due && self.rows > 0 {
                    break;
                }
                return Ok(false);
            };
            if head.tag == tag::DATA_ROW
                && let Backend::DataRow(row) = Backend::read(tag::DATA_ROW, body)?
            {
                let open = |watched: &Watched| watched.open;
                self.look_where(open, watched, &row, sight.masking, workspace);
                self.rows = self.rows.saturating_add(1);
            }
            self.scanned = self.scanned.saturating_add(head.total());
        }
        self.judged = true;
        Ok(true)
    }

    /// Looks at one more row.
    pub fn look(&mut self, watched: &[Watched], row: &Values<'_>, masking: &Masking, workspace: &mut Workspace) {
        self.open(watched);
        self.look_where(|_| true, watched, row, masking, workspace);
    }

    /// What each column was found to hold, where anything of it was looked at.
    pub fn verdicts(&self) -> impl Iterator<Item = Option<Verdict>> {
        self.evidence.iter().map(|seen| seen.looked.then(|| seen.evidence.verdict()))
    }

    fn open(&mut self, watched: &[Watched]) {
        if self.evidence.len() != watched.len() {
            self.evidence.clear();
            self.evidence.extend(watched.iter().map(|watched| Seen { evidence: watched.evidence.clone(), looked: false }));
        }
    }

    fn look_where(
        &mut self,
        wanted: impl Fn(&Watched) -> bool,
        watched: &[Watched],
        row: &Values<'_>,
        masking: &Masking,
        workspace: &mut Workspace,
    ) {
        let mut pairs = watched.iter().zip(&mut self.evidence).peekable();
        for (place, value) in row.iter().enumerate() {
            let Some((watched, seen)) = pairs.next_if(|(watched, _)| watched.place == place) else { continue };
            if !wanted(watched) {
                continue;
            }
            seen.looked = true;
            let Some(value) = value else { continue };
            let mut text = std::mem::take(&mut workspace.cell);
            text.clear();
            let value = match Format::from_code(watched.column.format) {
                Some(Format::Text) => Some(value),
                Some(Format::Binary) => {
                    let of = masking.types.get(watched.column.type_oid);
                    let read = of.map(|of| of.text_from_binary(value, &mut workspace.scratch, &mut text));
                    matches!(read, Some(Ok(()))).then_some(text.as_slice())
                }
                None => None,
            };
            if let Some(value) = value {
                let value = value.get(..VALUE).unwrap_or(value);
                seen.evidence.look(&masking.detectors, value, &mut workspace.detect, &mut workspace.findings);
            }
            workspace.cell = text;
        }
    }
}

/// What holds where either may.
pub fn stricter(one: Holding, other: Holding) -> Holding {
    match (one, other) {
        (Holding::Whole(kind), _) | (_, Holding::Whole(kind)) => Holding::Whole(kind),
        (Holding::Mixed(one), Holding::Mixed(other)) => Holding::Mixed(one.or(other)),
        (Holding::Mixed(kinds), Holding::Harmless) | (Holding::Harmless, Holding::Mixed(kinds)) => Holding::Mixed(kinds),
        (Holding::Harmless, Holding::Harmless) => Holding::Harmless,
    }
}
