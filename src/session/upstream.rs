//! What the server's messages do to a linked session. A message that nothing asked for is a protocol violation: the session
//! ends rather than guess.

use std::ops::Range;
use std::rc::Rc;

use crate::audit::event::Outcome;
use crate::wire::ProtocolError;
use crate::wire::backend::{Backend, Fields, TransactionStatus, tag};
use crate::wire::frame::{self, Caps};
use crate::wire::limits::ServerLimits;
use crate::wire::write;

use super::Terms;
use super::columns::{Knowledge, columns};
use super::expected::{Ahead, Expected, Shown};
use super::limits::Counting;
use super::linked::{Awaited, Copy, Heed, Linked, Remainder};
use super::output::Output;
use super::recording::code_word;
use super::rows::Turn;

pub(super) const UNASKED: ProtocolError = ProtocolError("an answer that nothing asked for");

impl Linked {
    pub fn upstream(&mut self, terms: &Terms, input: &[u8], taken: &mut usize, out: &mut Output) -> Result<(), ProtocolError> {
        let result = self.answers(terms, input, taken, out);
        self.settle_lease(terms);
        result
    }

    fn answers(&mut self, terms: &Terms, input: &[u8], taken: &mut usize, out: &mut Output) -> Result<(), ProtocolError> {
        let bounds = terms.bounds();
        loop {
            let rest = input.get(*taken..).unwrap_or_default();
            if let Remainder::Pass(left) | Remainder::Drop(left) = self.from_upstream {
                let (now, pass) = (left.min(rest.len()), matches!(self.from_upstream, Remainder::Pass(_)));
                let end = taken.saturating_add(now);
                if pass {
                    out.to_client.pass(*taken..end);
                }
                *taken = end;
                self.from_upstream = match left.saturating_sub(now) {
                    0 => Remainder::None,
                    more if pass => Remainder::Pass(more),
                    more => Remainder::Drop(more),
                };
                if now < left {
                    return Ok(());
                }
                continue;
            }
            let Some(head) = frame::head(rest, &RowsOfAnyLength(&terms.backend))? else { return Ok(()) };
            match head.tag {
                // Rows are not held whole: they go on as they come.
                tag::DATA_ROW => match self.data_row(terms, &bounds, head, rest, taken, out)? {
                    Turn::Done => continue,
                    Turn::Wait => return Ok(()),
                },
                tag::COPY_DATA => match self.copied_data(terms, &bounds, head, rest, taken, out)? {
                    Turn::Done => continue,
                    Turn::Wait => return Ok(()),
                },
                // What ends a run that was stopped is told with the ticket.
                _ if self.awaits_ticket() => return Ok(()),
                _ => self.counting.cells = None,
            }
            let Some(body) = rest.get(frame::HEAD..head.total()) else { return Ok(()) };
            let message = Backend::read(head.tag, body)?;
            let range = *taken..taken.saturating_add(head.total());
            self.answer(terms, message, range.clone(), out)?;
            *taken = range.end;
            self.settle(out);
            self.heard();
        }
    }

    fn answer(&mut self, terms: &Terms, message: Backend<'_>, range: Range<usize>, out: &mut Output) -> Result<(), ProtocolError> {
        let shown = match (self.expected.head(), message) {
            (_, Backend::NoticeResponse(fields)) => {
                self.report(terms, tag::NOTICE_RESPONSE, fields, range, out);
                return Ok(());
            }
            // It is changed and changed back.
            (Some(Expected::Own), Backend::ParameterStatus(status)) if status.name == super::belt::SETTING.as_bytes() => false,
            (_, Backend::ParameterStatus(status)) => {
                self.reported_setting(terms, status, range, out);
                return Ok(());
            }
            (_, Backend::NotificationResponse(notification)) => {
                self.notification(terms, notification, range, out);
                return Ok(());
            }
            (_, Backend::ErrorResponse(fields)) => {
                self.failed_over_value(terms, fields.get(b'C').unwrap_or_default());
                return self.error(terms, fields, range, out);
            }
            (_, Backend::ReadyForQuery(status)) => self.ready(terms, status, out)?,
            (Some(_), asked) => self.result(terms, asked, out)? && self.halt.is_none(),
            (None, _) => return Err(UNASKED),
        };
        if shown {
            self.show(terms, message, range, out);
        }
        Ok(())
    }

    /// An answer to what stands at the head. False when the client must not see it.
    fn result(&mut self, terms: &Terms, message: Backend<'_>, out: &mut Output) -> Result<bool, ProtocolError> {
        match (self.expected.head().ok_or(UNASKED)?, message) {
            (Expected::Parse { .. }, Backend::ParseComplete) => {
                if let Some(Expected::Parse { name, statement, shown }) = self.expected.pop() {
                    self.statements.confirm(&name, &statement);
                    return Ok(shown);
                }
            }
            (Expected::Bind { .. }, Backend::BindComplete) => {
                if let Some(Expected::Bind { name, portal, shown }) = self.expected.pop() {
                    self.portals.confirm(&name, &portal);
                    return Ok(shown);
                }
            }
            (Expected::CloseStatement { .. } | Expected::ClosePortal { .. }, Backend::CloseComplete) => match self.expected.pop() {
                Some(Expected::CloseStatement { name }) => self.statements.confirm_close(&name),
                Some(Expected::ClosePortal { name }) => self.portals.confirm_close(&name),
                _ => {}
            },
            (Expected::Describe { shown, .. }, Backend::ParameterDescription(_)) => return Ok(*shown == Shown::All),
            (Expected::Describe { about, shown }, Backend::RowDescription(row)) => {
                let (shown, columns) = (*shown, about.columns(&row));
                about.answered(Knowledge::Known(Rc::clone(&columns)));
                self.described = Some(columns);
                self.expected.pop();
                return Ok(shown != Shown::Nothing);
            }
            (Expected::Describe { about, shown }, Backend::NoData) => {
                let shown = *shown;
                about.answered(Knowledge::NoRows);
                self.expected.pop();
                return Ok(shown == Shown::All);
            }
            (Expected::Query { .. }, Backend::RowDescription(row)) => self.described = Some(columns(&row)),
            (Expected::Execute { .. } | Expected::Query { .. }, Backend::CommandComplete(text)) => {
                self.command_done(text, out);
                self.tally.completed(text);
                self.result_ended(Outcome::Completed, out);
            }
            (Expected::Execute { work, .. } | Expected::Query { work, .. }, Backend::EmptyQueryResponse) => {
                let command = work.stands_for;
                self.result_ended(Outcome::Completed, out);
                if let Some(command) = command.filter(|_| self.halt.is_none()) {
                    out.to_client.make(|bytes| command_complete(bytes, command));
                    return Ok(false);
                }
            }
            // Up to its ReadyForQuery.
            (Expected::Own, answer) => {
                self.own_answer(&answer);
                return Ok(false);
            }
            (Expected::Execute { .. }, Backend::PortalSuspended) => self.result_ended(Outcome::Suspended, out),
            (Expected::Execute { .. } | Expected::Query { .. }, Backend::CopyInResponse(response)) => {
                self.copy_counts(response.format != 0)?;
                self.copy_in();
            }
            (Expected::Execute { .. } | Expected::Query { .. }, Backend::CopyOutResponse(response)) => {
                self.copy = Copy::Out;
                self.copy_out_begins(response);
            }
            (Expected::Execute { .. } | Expected::Query { .. }, Backend::CopyDone) if self.copy == Copy::Out => {
                self.copy = Copy::None;
                self.copy_out_ends(terms, out)?;
            }
            _ => return Err(UNASKED),
        }
        Ok(true)
    }

    /// One command of the head is done; with Execute that is all of it.
    fn result_ended(&mut self, outcome: Outcome, out: &mut Output) {
        match self.say_halt(Some(outcome), out) {
            Some(code) => self.note_end(Outcome::Stopped, Some(code), out),
            None => self.note_end(outcome, None, out),
        }

        self.rows.ended();
        if std::mem::replace(&mut self.copy, Copy::None) == Copy::InEnded {
            // The COPY went well, so the server ignored them.
            self.doubtful_syncs = 0;
        }
        if let Some(Expected::Execute { .. }) = self.expected.head() {
            self.expected.pop();
            self.tally_anew();
            self.counting = Counting::default();
        }
    }

    fn copy_in(&mut self) {
        let Ahead { syncs, ended } = self.expected.copy_in_begins();
        self.doubtful_syncs = self.doubtful_syncs.saturating_add(syncs);
        self.copy = if ended { Copy::InEnded } else { Copy::In };
        // Nothing more is answered before its data: who waits for that is to be looked at again.
        if !ended {
            self.awaits = Awaited::Nothing;
        }
    }

    fn error(&mut self, terms: &Terms, fields: Fields<'_>, range: Range<usize>, out: &mut Output) -> Result<(), ProtocolError> {
        let code = fields.get(b'C').unwrap_or_default();
        if fields.ends_connection() {
            // What is in flight ends with it, and this is the last that is heard of it.
            self.note_failure(code, out);
            self.farewell = Some(code_word(code).unwrap_or_default());
            self.report(terms, tag::ERROR_RESPONSE, fields, range, out);
            return Ok(());
        }
        let head = self.expected.head().ok_or(UNASKED)?;
        if let Expected::Own = head {
            self.own_error(terms, &fields);
            return Ok(());
        }
        self.settings.failed();
        match (&self.halt, head.refusal()) {
            (Some(_), _) => drop(self.say_halt(None, out)),
            (None, Some(report)) => out.to_client.make(|bytes| report.write(bytes)),
            (None, None) => self.report(terms, tag::ERROR_RESPONSE, fields, range, out),
        }
        let failed = self.note_failure(code, out);
        self.rows.ended();
        let copy = std::mem::replace(&mut self.copy, Copy::None);
        match self.expected.head() {
            // Each goes on to its own ReadyForQuery.
            Some(Expected::Sync { .. }) => {}
            Some(Expected::Query { .. }) => self.statements.forget_unnamed(),
            Some(Expected::Parse { name, .. }) => {
                // The server dropped the old unnamed statement before it looked at the new text.
                if name.is_empty() {
                    self.statements.forget_unnamed();
                }
                self.skip_to_sync(failed, out);
            }
            _ => self.skip_to_sync(failed, out),
        }
        // Data that is still to come is dropped up to its end, as the server would.
        if self.heed == Heed::All && copy == Copy::In {
            self.heed = Heed::NoCopyData;
        }
        Ok(())
    }

    /// ReadyForQuery. False when the client must not see it.
    fn ready(&mut self, terms: &Terms, status: TransactionStatus, out: &mut Output) -> Result<bool, ProtocolError> {
        let shown = match self.expected.head() {
            Some(Expected::Query { execution, .. }) => {
                if !execution.ended {
                    self.note_end(Outcome::Completed, None, out);
                }
                self.tally_anew();
                self.counting = Counting::default();
                // A simple query drops the unnamed statement and uses the unnamed portal.
                self.statements.forget_unnamed();
                self.expected.pop();
                true
            }
            Some(Expected::Sync { shown }) => {
                let shown = *shown;
                self.expected.pop();
                shown
            }
            Some(Expected::Own) => {
                self.expected.pop();
                self.own_ready(status);
                return Ok(false);
            }
            // A Sync thought to be ignored was answered after all.
            _ if self.doubtful_syncs > 0 => {
                self.doubtful_syncs = self.doubtful_syncs.saturating_sub(1);
                if self.heed == Heed::SyncOnly {
                    self.heed = Heed::All;
                    self.executed = false;
                }
                true
            }
            _ => return Err(UNASKED),
        };
        self.rows.ended();
        self.workspace.memo.forget();
        self.status = status;
        self.copy = Copy::None;
        self.halt = None;
        self.described = None;
        let idle = status == TransactionStatus::Idle;
        self.settings.ready(idle, !self.is_busy());
        if idle {
            self.transaction_ended();
            self.reserved.ended(false, out);
        }
        self.put_belt_on(terms, out);
        Ok(shown)
    }
}

/// Rows are judged by their length later: one that is too long is an answer of the server all the same.
pub(super) struct RowsOfAnyLength<'a>(pub &'a ServerLimits);

impl Caps for RowsOfAnyLength<'_> {
    fn cap(&self, tag: u8) -> Option<usize> {
        if matches!(tag, tag::DATA_ROW | tag::COPY_DATA) { Some(usize::MAX) } else { self.0.cap(tag) }
    }
}

fn command_complete(out: &mut Vec<u8>, command: &str) {
    write::message(out, tag::COMMAND_COMPLETE, |body| {
        body.string(command.as_bytes());
    });
}
