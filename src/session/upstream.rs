//! What the server's messages do to a linked session. A message that nothing asked for is a protocol violation: the session
//! ends rather than guess.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use crate::audit::event::Outcome;
use crate::mask::Plan;
use crate::mask::message;
use crate::mask::plan::Described;
use crate::mask::row::OtherWidth;
use crate::mask::verdict::{ColumnId, Unknown};
use crate::wire::ProtocolError;
use crate::wire::backend::{Backend, Fields, Notification, TransactionStatus, tag};
use crate::wire::frame::{self, Caps, Head};
use crate::wire::limits::ServerLimits;
use crate::wire::value::Format;
use crate::wire::write;

use super::Terms;
use super::columns::{Columns, Knowledge, columns};
use super::expected::{Ahead, Expected, Shown};
use super::limits::Counting;
use super::linked::{Awaited, Copy, Heed, Linked, Remainder, Survey};
use super::output::{Demand, Output};
use super::recording::{Tally, code_word};

const UNASKED: ProtocolError = ProtocolError("an answer that nothing asked for");

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
                tag::DATA_ROW => {
                    self.row_is_due()?;
                    let Some(plan) = self.plan(terms, out)? else { return Ok(()) };
                    if !plan.passes() && head.body <= terms.backend.data_row {
                        let Some(body) = rest.get(frame::HEAD..head.total()) else { return Ok(()) };
                        let range = *taken..taken.saturating_add(head.total());
                        *taken = range.end;
                        if self.row_may_pass(terms, &bounds, head.body, terms.backend.data_row, out) {
                            self.tally.rows = self.tally.rows.saturating_add(1);
                            self.tally.bytes = self.tally.bytes.saturating_add(long(head.body));
                            self.masked_row(&plan, body, range, out)?;
                        }
                        continue;
                    }
                    let passes = self.row_may_pass(terms, &bounds, head.body, terms.backend.data_row, out);
                    self.tally.rows = self.tally.rows.saturating_add(u64::from(passes));
                    self.row(head, passes);
                    continue;
                }
                tag::COPY_DATA => {
                    if self.copy != Copy::Out {
                        return Err(UNASKED);
                    }
                    let passes = self.row_may_pass(terms, &bounds, head.body, terms.backend.copy_data, out);
                    self.row(head, passes);
                    continue;
                }
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

    /// What is done with the rows that come now; `None` while somebody is asked about where they come from.
    fn plan(&mut self, terms: &Terms, out: &mut Output) -> Result<Option<Arc<Plan>>, ProtocolError> {
        let columns = self.row_columns().ok_or(UNASKED)?;
        let unmasked = self.expected.head().and_then(Expected::run).is_some_and(|run| run.is_unmasked());
        if let Some((known, plan)) = &self.plan
            && Rc::ptr_eq(known, &columns)
            && plan.is_by(&terms.masking, unmasked)
        {
            return Ok(Some(Arc::clone(plan)));
        }
        if unmasked {
            let plan = Plan::unmasked(&terms.masking);
            self.plan = Some((columns, Arc::clone(&plan)));
            return Ok(Some(plan));
        }
        if self.is_surveying(terms, &columns, out) {
            return Ok(None);
        }
        let described = columns.iter().map(|column| Described {
            name: b"",
            column: ColumnId { relation: column.relation, attribute: column.attribute },
            type_oid: column.type_oid,
            format: Format::from_code(column.format).unwrap_or(Format::Text),
            derived: false,
        });
        let plan = Plan::new(described, &terms.masking);
        self.plan = Some((columns, Arc::clone(&plan)));
        Ok(Some(plan))
    }

    /// Whether rows of these columns wait until more is known of the relations that they come from, and of their types. Each is asked about
    /// once for a result.
    fn is_surveying(&mut self, terms: &Terms, columns: &Columns, out: &mut Output) -> bool {
        let verdicts = &terms.masking.verdicts;
        if !verdicts.asks {
            return false;
        }
        let none = Unknown::default();
        let answered = match &self.survey {
            Survey::Asked(_) => return true,
            Survey::Answered(answered) => answered,
            Survey::None => &none,
        };
        let mut unknown = Unknown::default();
        for column in columns.iter() {
            let id = ColumnId { relation: column.relation, attribute: column.attribute };
            if id.relation != 0 && !answered.relations.contains(&id.relation) && !verdicts.is_settled(id, column.type_oid) {
                unknown.relations.push(id.relation);
            }
            if !answered.types.contains(&column.type_oid) && terms.masking.types.get(column.type_oid).is_none() {
                unknown.types.push(column.type_oid);
            }
        }
        for list in [&mut unknown.relations, &mut unknown.types] {
            list.sort_unstable();
            list.dedup();
        }
        if unknown.is_empty() {
            self.survey = Survey::None;
            return false;
        }
        out.demand(Demand::Survey(unknown.clone()));
        self.survey = Survey::Asked(unknown);
        true
    }

    pub(super) fn awaits_survey(&self) -> bool {
        matches!(self.survey, Survey::Asked(_))
    }

    /// What can be known of what was asked about is known now.
    pub(super) fn surveyed(&mut self) {
        if let Survey::Asked(unknown) = std::mem::take(&mut self.survey) {
            self.survey = Survey::Answered(unknown);
        }
    }

    fn masked_row(&mut self, plan: &Plan, body: &[u8], range: Range<usize>, out: &mut Output) -> Result<(), ProtocolError> {
        let Backend::DataRow(row) = Backend::read(tag::DATA_ROW, body)? else { return Err(UNASKED) };
        let mut changed = Ok(false);
        out.to_client.make(|bytes| changed = plan.row(&row, &mut self.workspace, bytes));
        match changed {
            Ok(true) => {}
            Ok(false) => out.to_client.pass(range),
            Err(OtherWidth) => return Err(ProtocolError("a row of another width than was announced")),
        }
        Ok(())
    }

    fn row(&mut self, head: Head, passes: bool) {
        self.from_upstream = if passes { Remainder::Pass(head.total()) } else { Remainder::Drop(head.total()) };
        if passes {
            self.tally.bytes = self.tally.bytes.saturating_add(long(head.body));
        }
    }

    fn row_is_due(&self) -> Result<(), ProtocolError> {
        match self.expected.head() {
            Some(Expected::Execute { .. } | Expected::Query { .. }) => Ok(()),
            Some(_) | None => Err(UNASKED),
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
                self.set_parameter(status.name, status.value);
                true
            }
            (_, Backend::NotificationResponse(notification)) if notification.process_id == self.process_id => {
                own_notification(terms.process_id, notification, out);
                false
            }
            (_, Backend::NotificationResponse(_)) => true,
            (_, Backend::ErrorResponse(fields)) => {
                self.failed_over_value(terms, fields.get(b'C').unwrap_or_default());
                return self.error(terms, fields, range, out);
            }
            (_, Backend::ReadyForQuery(status)) => self.ready(terms, status, out)?,
            (Some(_), asked) => self.result(asked, out)? && self.halt.is_none(),
            (None, _) => return Err(UNASKED),
        };
        if shown {
            out.to_client.pass(range);
        }
        Ok(())
    }

    /// An answer to what stands at the head. False when the client must not see it.
    fn result(&mut self, message: Backend<'_>, out: &mut Output) -> Result<bool, ProtocolError> {
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
                let (shown, columns) = (*shown, columns(&row));
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
            (Expected::Own, _) => return Ok(false),
            (Expected::Execute { .. }, Backend::PortalSuspended) => self.result_ended(Outcome::Suspended, out),
            (Expected::Execute { .. } | Expected::Query { .. }, Backend::CopyInResponse(response)) => {
                self.copy_counts(response.format != 0)?;
                self.copy_in();
            }
            (Expected::Execute { .. } | Expected::Query { .. }, Backend::CopyOutResponse(_)) => self.copy = Copy::Out,
            (Expected::Execute { .. } | Expected::Query { .. }, Backend::CopyDone) if self.copy == Copy::Out => self.copy = Copy::None,
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

        if std::mem::replace(&mut self.copy, Copy::None) == Copy::InEnded {
            // The COPY went well, so the server ignored them.
            self.doubtful_syncs = 0;
        }
        if let Some(Expected::Execute { .. }) = self.expected.head() {
            self.expected.pop();
            self.tally = Tally::default();
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
            return Ok(());
        }
        self.settings.failed();
        match (&self.halt, head.refusal()) {
            (Some(_), _) => drop(self.say_halt(None, out)),
            (None, Some(report)) => out.to_client.make(|bytes| report.write(bytes)),
            (None, None) => self.report(terms, tag::ERROR_RESPONSE, fields, range, out),
        }
        let failed = self.note_failure(code, out);
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

    /// An error or a notice goes on without what is sensitive in it.
    fn report(&mut self, terms: &Terms, message: u8, fields: Fields<'_>, range: Range<usize>, out: &mut Output) {
        let mut changed = false;
        out.to_client.make(|bytes| changed = message::report(message, &fields, &terms.masking, &mut self.workspace, bytes));
        if !changed {
            out.to_client.pass(range);
        }
    }

    /// ReadyForQuery. False when the client must not see it.
    fn ready(&mut self, terms: &Terms, status: TransactionStatus, out: &mut Output) -> Result<bool, ProtocolError> {
        let shown = match self.expected.head() {
            Some(Expected::Query { execution, .. }) => {
                if !execution.ended {
                    self.note_end(Outcome::Completed, None, out);
                }
                self.tally = Tally::default();
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
struct RowsOfAnyLength<'a>(&'a ServerLimits);

impl Caps for RowsOfAnyLength<'_> {
    fn cap(&self, tag: u8) -> Option<usize> {
        if matches!(tag, tag::DATA_ROW | tag::COPY_DATA) { Some(usize::MAX) } else { self.0.cap(tag) }
    }
}

fn long(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn command_complete(out: &mut Vec<u8>, command: &str) {
    write::message(out, tag::COMMAND_COMPLETE, |body| {
        body.string(command.as_bytes());
    });
}

/// A notification from the session's own link carries the process id that the client knows.
fn own_notification(process_id: i32, notification: Notification<'_>, out: &mut Output) {
    out.to_client.make(|bytes| {
        write::message(bytes, tag::NOTIFICATION_RESPONSE, |body| {
            body.int32(process_id).string(notification.channel).string(notification.payload);
        });
    });
}
