//! The data of a `COPY … TO STDOUT`. It comes without types and without the columns that it is of, so the query that it sends the rows of is
//! described before the COPY itself goes up: a statement of our own, whose answers nobody sees.

use crate::mask::message;
use crate::sql::copied;
use crate::sql::facts::{Copy as Told, CopyTarget, Direction, Facts};
use crate::wire::backend::{Backend, Fields, TransactionStatus};
use crate::wire::frontend::tag;
use crate::wire::report::Report;
use crate::wire::write;

use super::Terms;
use super::asking::{Course, Passage, Refusal};
use super::columns::{Columns, columns};
use super::expected::Expected;
use super::linked::{Awaited, Copy, Linked};
use super::output::Output;

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
}
