//! The data of a `COPY … TO STDOUT`. It comes without types and without the columns that it is of, so the query that it sends the rows of is
//! described before the COPY itself goes up: a statement of our own, whose answers nobody sees.

use std::rc::Rc;

use crate::gate::budget::Bounds;
use crate::gate::hold::Over;
use crate::mask::copy::{CopyMasker, CopyRows, CopyShape, OtherShape};
use crate::mask::{Workspace, message};
use crate::sql::copied;
use crate::sql::facts::{Copy as Told, CopyFormat, CopyTarget, Direction, Encoding, Facts};
use crate::wire::ProtocolError;
use crate::wire::backend::{Backend, CopyResponse, Fields, TransactionStatus, tag as backend};
use crate::wire::frame::{self, Head};
use crate::wire::frontend::tag;
use crate::wire::limits::ServerLimits;
use crate::wire::report::Report;
use crate::wire::write;

use super::Terms;
use super::asking::{Course, Passage, Refusal};
use super::columns::{Columns, ResultFormats, columns, unknown_columns};
use super::expected::Expected;
use super::linked::{Awaited, Copy, Linked};
use super::output::Output;
use super::rows::{self, MASKED_ROW, Turn};
use super::search::Searched;
use super::upstream::{RowsOfAnyLength, UNASKED};

/// How far the describing of the COPY has come that the client's next message is.
#[derive(Debug, Default)]
pub enum Describing {
    #[default]
    None,
    Asked,
    /// Its columns, where that is certain.
    Known(Option<Columns>),
    Failed(Box<Report>),
}

/// How far the masking of the data has come that comes in now.
#[derive(Debug, Default)]
pub enum Copying {
    /// What it is nobody can tell: it does not pass.
    #[default]
    Nothing,
    Announced {
        shape: CopyShape,
        columns: Columns,
        /// The columns are known, and not only how many there are.
        certain: bool,
    },
    /// Its columns are known, and its first rows may be looked at before they leave.
    Looking(Box<Looking>),
    Masked(Box<CopyMasker>),
}

/// The first rows of the data, which stay where they were received.
#[derive(Debug)]
pub struct Looking {
    shape: CopyShape,
    columns: Columns,
    rows: CopyRows,
    /// Bytes that were read of what waits.
    scanned: usize,
    /// There is no more to be looked at.
    ended: bool,
}

/// Bytes of data that are looked at, at most: what is searched of a result before any of it leaves.
const LOOKED_AT: usize = 1 << 20;

impl Looking {
    /// Reads on in what waits.
    fn read(&mut self, rest: &[u8], limits: &ServerLimits, workspace: &mut Workspace) -> Result<(), ProtocolError> {
        while !self.ended {
            let next = rest.get(self.scanned..).unwrap_or_default();
            let Some(head) = frame::head(next, &RowsOfAnyLength(limits))? else { break };
            let between = matches!(head.tag, backend::NOTICE_RESPONSE | backend::NOTIFICATION_RESPONSE | backend::PARAMETER_STATUS);
            let data = head.tag == backend::COPY_DATA && head.body <= limits.copy_data.min(MASKED_ROW);
            if !between && !data || self.scanned >= LOOKED_AT {
                let mut end = Vec::new();
                write::message(&mut end, backend::COMMAND_COMPLETE, |body| {
                    body.string(b"COPY");
                });
                self.rows.finish(&end, workspace);
                self.ended = true;
                break;
            }
            let Some(body) = next.get(frame::HEAD..head.total()) else { break };
            if data {
                self.rows.feed(body, workspace).map_err(|OtherShape| ANOTHER_SHAPE)?;
            }
            self.scanned = self.scanned.saturating_add(head.total());
        }
        Ok(())
    }
}

const ANOTHER_SHAPE: ProtocolError = ProtocolError("data of a COPY that is not what was announced");

/// The one COPY to the client that the message is.
fn told(facts: &Facts) -> Option<&Told> {
    let out = |copy: &&Told| copy.direction == Direction::Out && copy.target == CopyTarget::Client;
    facts.statements.iter().filter_map(|statement| statement.copy.as_ref()).find(out)
}

impl Linked {
    /// Before a COPY to the client is sent, its columns are found out. The message pauses meanwhile, and is then looked at again with the same
    /// decision.
    pub(super) fn described_copy(&mut self, terms: &Terms, facts: &Facts, sql: &[u8], course: Course, out: &mut Output) -> Course {
        let Course::Pass(passage) = course else { return course };
        let masked = !terms.masking.profile.unmasked && !passage.grant.as_ref().is_some_and(crate::gate::Grant::is_unmasked);
        if told(facts).is_none() || !masked || self.status == TransactionStatus::Failed {
            return Course::Pass(passage);
        }
        match std::mem::take(&mut self.describing) {
            known @ Describing::Known(_) => {
                self.describing = known;
                return Course::Pass(passage);
            }
            Describing::Failed(report) => return Course::Refuse(Refusal { report, grounds: passage.grounds, hold: None }),
            Describing::None | Describing::Asked => {}
        }
        // What stands before it in the same text or the same transaction may make what it reads.
        let alone = facts.statements.len() == 1 && facts.opaque.is_none();
        if self.is_busy() && !matches!(self.copy, Copy::In) {
            self.settle_in_flight(out);
            return self.pause(passage);
        }
        match copied::query(sql).filter(|_| alone && !self.executed && !self.bound && !self.is_busy()) {
            Some(query) => {
                self.send_describe(terms, &query, out);
                self.pause(passage)
            }
            None => {
                self.describing = Describing::Known(None);
                Course::Pass(passage)
            }
        }
    }

    fn pause(&mut self, passage: Passage) -> Course {
        self.inquiry = passage.again();
        Course::Pause
    }

    fn send_describe(&mut self, terms: &Terms, query: &[u8], out: &mut Output) {
        let mut name = terms.reserved.to_vec();
        name.extend_from_slice(b"-own");
        out.to_upstream.make(|bytes| {
            write::message(bytes, tag::PARSE, |body| {
                body.string(&name).string(query).int16(0);
            });
            write::message(bytes, tag::DESCRIBE, |body| {
                body.byte(b'S').string(&name);
            });
            write::message(bytes, tag::CLOSE, |body| {
                body.byte(b'S').string(&name);
            });
            write::message(bytes, tag::SYNC, |_| ());
        });
        self.expected.push(Expected::Own);
        self.segment_ended();
        self.describing = Describing::Asked;
        self.awaits = Awaited::All;
    }

    /// An answer to a statement of our own.
    pub(super) fn own_answer(&mut self, answer: &Backend<'_>) {
        if let (Describing::Asked, Backend::RowDescription(row)) = (&self.describing, answer) {
            self.describing = Describing::Known(Some(columns(row)));
        }
    }

    /// A statement of our own failed. What describes a COPY fails as the COPY would.
    pub(super) fn own_error(&mut self, terms: &Terms, fields: &Fields<'_>) {
        if let Describing::Asked = self.describing {
            let (code, text) = (fields.get(b'C').unwrap_or_default(), fields.get(b'M').unwrap_or_default());
            let mut masked = Vec::new();
            let found = message::mask_text(text, &terms.masking, &mut self.workspace, &mut masked);
            let text = String::from_utf8_lossy(if found { &masked } else { text }).into_owned();
            let report = Report::error(String::from_utf8_lossy(code).into_owned(), text).with_detail("Nothing was copied.");
            self.describing = Describing::Failed(Box::new(report));
        }
    }

    /// The last answer to it.
    pub(super) fn own_ready(&mut self, status: TransactionStatus) {
        if let Describing::None = self.describing {
            return;
        }
        self.status = status;
        if let Describing::Asked = self.describing {
            self.describing = Describing::Known(None);
        }
    }

    /// The COPY that is about to be sent has these columns.
    pub(super) fn take_described(&mut self) -> Option<Columns> {
        match std::mem::take(&mut self.describing) {
            Describing::Known(columns) => columns,
            Describing::None | Describing::Asked | Describing::Failed(_) => None,
        }
    }

    /// The server is about to send data. What its columns are is known, or nobody can tell: then there are as many as it announces, and all are
    /// masked whole.
    pub(super) fn copy_out_begins(&mut self, response: CopyResponse<'_>) {
        self.copying = Copying::Nothing;
        let Some(run) = self.expected.head().and_then(Expected::run) else { return };
        let (known, told) = run.copies();
        let binary = response.format != 0;
        let Some(shape) = shape(told, binary) else { return };
        let formats = ResultFormats::All(i16::from(binary));
        // Texts in another encoding nobody here can search.
        let own = told.is_some_and(|told| told.cut.encoding == Encoding::Own);
        let known = known.filter(|columns| own && columns.len() == response.columns.len());
        let (columns, certain) = match known {
            Some(columns) => (columns.with_formats(&formats), true),
            None => (unknown_columns(response.columns.len(), &formats), false),
        };
        self.copying = Copying::Announced { shape, columns, certain };
    }

    /// Data of a COPY stands at the beginning of `rest`.
    pub(super) fn copied_data(
        &mut self,
        terms: &Terms,
        bounds: &Bounds,
        head: Head,
        rest: &[u8],
        taken: &mut usize,
        out: &mut Output,
    ) -> Result<Turn, ProtocolError> {
        if self.copy != Copy::Out {
            return Err(UNASKED);
        }
        let passes = terms.masking.profile.unmasked || self.is_unmasked();
        if passes || self.halt.is_some() {
            let passes = self.row_may_pass(terms, bounds, (head.body, terms.backend.copy_data), false, out);
            self.stream(head, passes);
            return Ok(Turn::Done);
        }
        if let Some(turn) = self.begin_copy(terms, head, rest, out)? {
            return Ok(turn);
        }
        let cap = terms.backend.copy_data.min(MASKED_ROW);
        if matches!(self.copying, Copying::Nothing) {
            self.stop(terms, Err(Box::new(unreadable())), out);
        }
        if self.halt.is_some() || head.body > cap {
            let passes = self.row_may_pass(terms, bounds, (head.body, cap), false, out);
            self.stream(head, passes && self.halt.is_none());
            return Ok(Turn::Done);
        }
        let Some(body) = rest.get(frame::HEAD..head.total()) else { return Ok(Turn::Wait) };
        *taken = taken.saturating_add(head.total());
        if self.row_may_pass(terms, bounds, (head.body, cap), false, out) {
            self.tally.bytes = self.tally.bytes.saturating_add(u64::try_from(head.body).unwrap_or(u64::MAX));
            self.copy_masked(terms, bounds, |masker, workspace, bytes| masker.feed(body, workspace, bytes), out)?;
        }
        Ok(Turn::Done)
    }

    /// Finds out what is done with the data that begins with `rest`. Something where nothing of it goes on yet, or nothing at all.
    fn begin_copy(&mut self, terms: &Terms, head: Head, rest: &[u8], out: &mut Output) -> Result<Option<Turn>, ProtocolError> {
        if let Copying::Announced { shape, columns, certain } = &self.copying {
            let (shape, columns) = (shape.clone(), Rc::clone(columns));
            let whole = rows::masked_whole(&columns, &terms.masking);
            self.copying = if *certain {
                let rows = CopyRows::new(shape.clone(), whole);
                Copying::Looking(Box::new(Looking { shape, columns, rows, scanned: 0, ended: false }))
            } else {
                Copying::Masked(Box::new(CopyMasker::new(shape, whole)))
            };
        }
        let mut looking = match std::mem::take(&mut self.copying) {
            Copying::Looking(looking) => looking,
            copying @ (Copying::Nothing | Copying::Announced { .. } | Copying::Masked(_)) => {
                self.copying = copying;
                return Ok(None);
            }
        };
        looking.read(rest, &terms.backend, &mut self.workspace)?;
        let Some(plan) = self.plan_of(terms, &looking.columns, looking.rows.messages(), out)? else {
            self.copying = Copying::Looking(looking);
            return Ok(Some(Turn::Wait));
        };
        if let Some(oid) = plan.unreadable() {
            self.stop(terms, Err(Box::new(rows::unreadable(oid))), out);
        }
        match self.begins_with_held(terms, &plan, looking.rows.messages())? {
            Searched::Wait => {
                self.copying = Copying::Looking(looking);
                return Ok(Some(Turn::Wait));
            }
            Searched::Nothing => {}
            Searched::Found => {
                self.stop(terms, Ok(Over::FOUND), out);
                self.stream(head, false);
                return Ok(Some(Turn::Done));
            }
        }
        self.copying = Copying::Masked(Box::new(CopyMasker::new(looking.shape, plan)));
        Ok(None)
    }

    /// Sends on what was masked, where the agent may see so many values in part or as tokens.
    fn copy_masked(
        &mut self,
        terms: &Terms,
        bounds: &Bounds,
        mask: impl FnOnce(&mut CopyMasker, &mut Workspace, &mut Vec<u8>) -> Result<(), OtherShape>,
        out: &mut Output,
    ) -> Result<(), ProtocolError> {
        let Copying::Masked(mut masker) = std::mem::take(&mut self.copying) else { return Ok(()) };
        let (mut over, mut masked) = (None, Ok(()));
        out.to_client.make(|bytes| {
            let before = bytes.len();
            self.workspace.shown.begin(bounds.allowance.sensitive_values.is_some());
            masked = copy_data(bytes, |bytes| mask(&mut masker, &mut self.workspace, bytes));
            over = self.values_may_pass(terms, bounds).err();
            if over.is_some() {
                bytes.truncate(before);
            }
        });
        self.copying = Copying::Masked(masker);
        if let Some(over) = over {
            self.stop(terms, Ok(over), out);
        }
        masked
    }

    /// The server has sent all of it.
    pub(super) fn copy_out_ends(&mut self, terms: &Terms, out: &mut Output) -> Result<(), ProtocolError> {
        if self.halt.is_none() {
            self.copy_masked(terms, &terms.bounds(), CopyMasker::finish, out)?;
        }
        self.copying = Copying::Nothing;
        self.rows.ended();
        Ok(())
    }
}

/// Adds a message of what was masked, unless nothing came of it yet.
fn copy_data(bytes: &mut Vec<u8>, mask: impl FnOnce(&mut Vec<u8>) -> Result<(), OtherShape>) -> Result<(), ProtocolError> {
    let mut masked = Ok(());
    let start = bytes.len();
    write::message(bytes, backend::COPY_DATA, |body| {
        body.append(|bytes| masked = mask(bytes));
    });
    if bytes.len() == start + frame::HEAD {
        bytes.truncate(start);
    }
    masked.map_err(|OtherShape| ANOTHER_SHAPE)
}

/// How the data is cut, if that is certain.
fn shape(told: Option<&Told>, binary: bool) -> Option<CopyShape> {
    let Told { format, cut, .. } = told?;
    let null = |usual: &[u8]| cut.null.as_ref().map_or_else(|| usual.into(), |null| null.as_bytes().into());
    match (format, binary) {
        _ if cut.encoding == Encoding::Other => None,
        (CopyFormat::Binary, true) => Some(CopyShape::Binary),
        (CopyFormat::Text, false) => {
            Some(CopyShape::Text { delimiter: cut.delimiter.unwrap_or(b'\t'), null: null(br"\N"), header: cut.header })
        }
        (CopyFormat::Csv { quote, escape }, false) => Some(CopyShape::Csv {
            delimiter: cut.delimiter.unwrap_or(b','),
            quote: *quote,
            escape: *escape,
            null: null(b""),
            header: cut.header,
        }),
        (CopyFormat::Text | CopyFormat::Csv { .. } | CopyFormat::Unknown, _) | (CopyFormat::Binary, false) => None,
    }
}

fn unreadable() -> Report {
    Report::error("PS004", "stopped: what this COPY sends cannot be masked")
        .with_detail("How its data is cut, or in which encoding, is not certain.")
        .with_hint(
            "Use COPY … TO STDOUT alone in its message, in UTF8, with the options format, delimiter, null, header, quote and escape only.",
        )
}
