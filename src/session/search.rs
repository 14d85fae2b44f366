//! Some policies hold a result that begins with values of certain kinds: its first rows wait where they were received until they were searched,
//! and none of them leaves where one is found. It decides when enough was searched, not what becomes of the run.

use std::time::{Duration, Instant};

use crate::mask::{KindSet, Plan, Workspace};
use crate::wire::ProtocolError;
use crate::wire::backend::{Backend, tag};
use crate::wire::frame;
use crate::wire::limits::ServerLimits;

use super::rows::MASKED_ROW;
use super::upstream::RowsOfAnyLength;

/// Bytes of a result that are searched before any of it leaves.
const BYTES: usize = 1 << 20;
/// How long the first row waits for others.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far the search of one result has come.
#[derive(Debug, Default)]
pub struct Search {
    since: Option<Instant>,
    /// It was waited long enough.
    due: bool,
    done: bool,
    scanned: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Searched {
    /// More is to come before anything leaves.
    Wait,
    Nothing,
    Found,
}

impl Search {
    /// When what came is searched as it is.
    pub fn deadline(&self) -> Option<Instant> {
        if self.done || self.due { None } else { self.since?.checked_add(PATIENCE) }
    }

    pub fn elapsed(&mut self, now: Instant) -> bool {
        let elapsed = self.deadline().is_some_and(|deadline| deadline <= now);
        self.due |= elapsed;
        elapsed
    }

    /// Looks for these kinds in the rows that `rest` begins with; the same ones are handed in again with more behind them until it is done.
    pub fn search(
        &mut self,
        holds: KindSet,
        plan: &Plan,
        rest: &[u8],
        limits: &ServerLimits,
        now: Instant,
    ) -> Result<Searched, ProtocolError> {
        if self.done || holds.is_empty() || plan.passes() {
            return Ok(Searched::Nothing);
        }
        self.since.get_or_insert(now);
        let cap = limits.data_row.min(MASKED_ROW);
        let (mut room, mut masked) = (Workspace::default(), Vec::new());
        while self.scanned < BYTES {
            let next = rest.get(self.scanned..).unwrap_or_default();
            let whole = match frame::head(next, &RowsOfAnyLength(limits))? {
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
                if self.due && self.scanned > 0 {
                    break;
                }
                return Ok(Searched::Wait);
            };
            if head.tag == tag::DATA_ROW
                && let Backend::DataRow(row) = Backend::read(tag::DATA_ROW, body)?
            {
                masked.clear();
                // One of another width is refused where it is sent on.
                plan.row(&row, &mut room, &mut masked).ok();
                if room.counts.iter().any(|(kind, _)| holds.has(kind)) {
                    self.done = true;
                    return Ok(Searched::Found);
                }
            }
            self.scanned = self.scanned.saturating_add(head.total());
        }
        self.done = true;
        Ok(Searched::Nothing)
    }
}
