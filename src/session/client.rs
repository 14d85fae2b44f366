//! What the client's messages do to a linked session.

use std::ops::Range;

use crate::audit::event::Way;
use crate::wire::ProtocolError;
use crate::wire::frame::{self, Head};
use crate::wire::frontend::{Frontend, Target, tag};
use crate::wire::write;

use super::Terms;
use super::asking::Inquiry;
use super::belt::Lifted;
use super::copy_out::Describing;
use super::expected::Expected;
use super::linked::{Awaited, Copy, Heed, Linked, Remainder};
use super::names::significant;
use super::output::Output;

/// Prepared statements one connection may keep: far above what drivers' caches hold.
pub(super) const STATEMENTS: usize = 10_000;
/// Bytes of their texts that are kept: one as long as a message may be, and thousands of the usual ones.
pub(super) const PREPARED_BYTES: usize = 64 << 20;
/// Texts up to this length may be kept as often as there are places.
pub(super) const SHORT_TEXT: usize = PREPARED_BYTES / STATEMENTS;
/// Named portals likewise. Each keeps its message for a ticket, so that a thousand of them are some 64 MiB.
pub(super) const PORTALS: usize = 1_000;

impl Linked {
    pub fn client(&mut self, terms: &Terms, input: &[u8], taken: &mut usize, out: &mut Output) -> Result<(), ProtocolError> {
        let result = self.messages(terms, input, taken, out);
        self.settle_lease(terms);
        self.note_unexecuted(out);
        result
    }

    fn messages(&mut self, terms: &Terms, input: &[u8], taken: &mut usize, out: &mut Output) -> Result<(), ProtocolError> {
        loop {
            let rest = input.get(*taken..).unwrap_or_default();
            if !self.pass_remainder(terms, rest, taken, out) {
                return Ok(());
            }
            let rest = input.get(*taken..).unwrap_or_default();
            if !self.takes_client_bytes() || out.is_full() {
                return Ok(());
            }
            let Some(head) = frame::head(rest, &terms.frontend)? else { return Ok(()) };
            if head.tag == tag::COPY_DATA {
                if !self.copy_data(terms, head, taken, out) {
                    return Ok(());
                }
                continue;
            }
            let Some(body) = rest.get(frame::HEAD..head.total()) else { return Ok(()) };
            let message = Frontend::read(head.tag, body)?;
            if self.must_wait(message) {
                self.awaits = Awaited::Answer;
                return Ok(());
            }
            if self.names_are_unsure(message) {
                self.settle_in_flight(out);
                return Ok(());
            }
            let range = *taken..taken.saturating_add(head.total());
            self.flushed = matches!(message, Frontend::Query(_) | Frontend::Sync | Frontend::Flush | Frontend::FunctionCall);
            if !self.message(terms, message, range.clone(), out)? {
                return Ok(());
            }
            // Whatever was found out was for this message alone.
            self.inquiry = Inquiry::None;
            self.stored = None;
            self.describing = Describing::None;
            self.unraised = false;
            *taken = range.end;
        }
    }

    /// Moves on in a message that is passed on or dropped as it comes. False when more bytes are needed for it.
    fn pass_remainder(&mut self, terms: &Terms, available: &[u8], taken: &mut usize, out: &mut Output) -> bool {
        let (left, pass) = match self.from_client {
            Remainder::None => return true,
            Remainder::Pass(left) => (left, true),
            Remainder::Drop(left) => (left, false),
        };
        let bytes = available.get(..left).unwrap_or(available);
        let now = bytes.len();
        let end = taken.saturating_add(now);
        if pass {
            out.to_upstream.pass(*taken..end);
            self.copy_passes(terms, bytes);
        }
        *taken = end;
        self.from_client = match left.saturating_sub(now) {
            0 => Remainder::None,
            more if pass => Remainder::Pass(more),
            more => Remainder::Drop(more),
        };
        let whole = self.from_client == Remainder::None;
        if whole && pass {
            self.copy_passed(out);
        }
        whole
    }

    /// CopyData is not held whole: it goes on as it comes, or is dropped as it comes. False where it waits.
    fn copy_data(&mut self, terms: &Terms, head: Head, taken: &mut usize, out: &mut Output) -> bool {
        let takes = self.heed == Heed::All && self.copy == Copy::In;
        if self.heed == Heed::All && !takes && self.is_busy() {
            // A COPY may be about to begin, and its data is counted as what it is: whether it does is asked first.
            if !self.expected.ready_is_due() {
                out.to_upstream.make(|bytes| write::message(bytes, tag::FLUSH, |_| ()));
            }
            self.awaits = Awaited::Answer;
            return false;
        }
        // Outside a COPY the server ignores it.
        if !takes || !self.copy_may_pass(terms, head.body, out) {
            self.from_client = Remainder::Drop(head.total());
            return true;
        }
        self.tally.received = self.tally.received.saturating_add(u64::try_from(head.body).unwrap_or(u64::MAX));
        let end = taken.saturating_add(frame::HEAD);
        out.to_upstream.pass(*taken..end);
        *taken = end;
        self.from_client = Remainder::Pass(head.body);
        true
    }

    /// Whether the message names what SQL in flight may give to something else.
    fn names_are_unsure(&self, message: Frontend<'_>) -> bool {
        let named = match message {
            Frontend::Bind(bind) => !bind.statement.is_empty(),
            Frontend::Describe(Target::Statement(name) | Target::Portal(name)) => !name.is_empty(),
            Frontend::Execute(execute) => !execute.portal.is_empty(),
            Frontend::Query(_)
            | Frontend::Parse(_)
            | Frontend::Close(_)
            | Frontend::Sync
            | Frontend::Flush
            | Frontend::Terminate
            | Frontend::CopyData(_)
            | Frontend::CopyDone
            | Frontend::CopyFail(_)
            | Frontend::FunctionCall
            | Frontend::Password(_) => false,
        };
        named && self.heed == Heed::All && self.sql_names_are_unsure()
    }

    /// Whether SQL in flight may give names to other things. Nothing more is answered before the end of a COPY's data.
    pub(super) fn sql_names_are_unsure(&self) -> bool {
        self.expected.changes_names() && self.copy != Copy::In
    }

    /// Whether what the message names is not certain yet: something sent about it earlier may still fail, and this message would be
    /// run all the same, on what the name meant before. What it waits for is sent, so the answer comes without the client.
    fn must_wait(&self, message: Frontend<'_>) -> bool {
        let segment = self.expected.segment();
        let lifted = self.lifted == Lifted::Ending
            && !matches!(message, Frontend::CopyDone | Frontend::CopyFail(_) | Frontend::Sync | Frontend::Flush | Frontend::Terminate);
        let undecided = match message {
            Frontend::Bind(bind) => self.statements.is_undecided(bind.statement, segment),
            Frontend::Describe(Target::Statement(name)) => self.statements.is_undecided(name, segment),
            Frontend::Execute(execute) => self.portals.is_undecided(execute.portal, segment),
            Frontend::Describe(Target::Portal(name)) => self.portals.is_undecided(name, segment),
            Frontend::Query(_)
            | Frontend::Parse(_)
            | Frontend::Close(_)
            | Frontend::Sync
            | Frontend::Flush
            | Frontend::Terminate
            | Frontend::CopyData(_)
            | Frontend::CopyDone
            | Frontend::CopyFail(_)
            | Frontend::FunctionCall
            | Frontend::Password(_) => false,
        };
        (lifted || undecided) && self.heed != Heed::SyncOnly
    }

    /// False where the message is not decided yet: it is looked at again from the beginning.
    fn message(&mut self, terms: &Terms, message: Frontend<'_>, range: Range<usize>, out: &mut Output) -> Result<bool, ProtocolError> {
        match (self.heed, message) {
            (_, Frontend::Terminate) => {
                self.leaving = true;
                if self.reusable().is_none() {
                    out.to_upstream.pass(range);
                }
                return Ok(true);
            }
            (_, Frontend::Password(_)) => return Err(ProtocolError("a password nobody asked for")),
            (Heed::SyncOnly, Frontend::Sync) => self.heed = Heed::All,
            (Heed::SyncOnly, _) => return Ok(true),
            (Heed::NoCopyData, Frontend::CopyDone | Frontend::CopyFail(_)) => {
                self.heed = Heed::All;
                return Ok(true);
            }
            (Heed::NoCopyData, _) => self.heed = Heed::All,
            (Heed::All, _) => {}
        }
        let takes_data = self.copy == Copy::In;
        match message {
            Frontend::CopyDone | Frontend::CopyFail(_) if takes_data => {
                self.copy = Copy::InEnded;
                out.to_upstream.pass(range);
            }
            // Most likely ignored. Every other message goes its usual way, and the server ends the connection over it.
            Frontend::Sync if takes_data => {
                out.to_upstream.pass(range);
                self.doubtful_syncs = self.doubtful_syncs.saturating_add(1);
            }
            Frontend::Query(sql) => return Ok(self.query(terms, sql, range, out)),
            Frontend::Parse(parse) => return Ok(self.parse(terms, parse, range, out)),
            Frontend::Bind(bind) => return Ok(self.bind(terms, bind, range, out)),
            Frontend::Describe(target) => self.describe(target, range, out),
            Frontend::Execute(execute) => return Ok(self.execute(terms, execute, range, out)),
            Frontend::Close(target) => self.close(target, range, out),
            Frontend::Sync => {
                out.to_upstream.pass(range);
                self.expected.push(Expected::Sync { shown: true });
                self.segment_ended();
            }
            Frontend::Flush => out.to_upstream.pass(range),
            Frontend::CopyDone | Frontend::CopyFail(_) => {
                if self.is_busy() {
                    out.to_upstream.pass(range);
                    self.expected.push(Expected::CopyEnd);
                }
            }
            Frontend::FunctionCall if self.settle_refusal(out) => return Ok(false),
            Frontend::FunctionCall => {
                let text = terms.recorder.made_in_sql("a function call", b"");
                let report = Box::new(super::function_call());
                self.note_refusal(terms, &text, Way::FunctionCall, text.plain(), &report, out);
                self.refuse_query(report, &terms.reserved, out);
            }
            Frontend::Terminate | Frontend::Password(_) | Frontend::CopyData(_) => {}
        }
        Ok(true)
    }

    fn close(&mut self, target: Target<'_>, range: Range<usize>, out: &mut Output) {
        out.to_upstream.pass(range);
        match target {
            Target::Statement(name) => {
                self.statements.sent_close(name, self.expected.segment());
                self.expected.push(Expected::CloseStatement { name: significant(name).into() });
            }
            Target::Portal(name) => {
                self.portals.sent_close(name, self.expected.segment());
                self.expected.push(Expected::ClosePortal { name: significant(name).into() });
            }
        }
    }
}
