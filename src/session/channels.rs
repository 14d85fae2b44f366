//! What goes to the client and is not rows: errors, notices, notifications, settings, tags of commands, names of columns. Each passes the
//! masker, whoever caused it.

use std::ops::Range;

use crate::mask::message::{self, Source};
use crate::wire::backend::{Backend, Fields, Notification, ParameterStatus, tag};
use crate::wire::write;

use super::Terms;
use super::columns::Portal;
use super::expected::Expected;
use super::linked::Linked;
use super::output::Output;

impl Linked {
    /// An error or a notice goes on without what is sensitive in it.
    pub(super) fn report(&mut self, terms: &Terms, message: u8, fields: Fields<'_>, range: Range<usize>, out: &mut Output) {
        let source = source(self.expected.head());
        let mut changed = false;
        out.to_client.make(|bytes| changed = message::report(message, &fields, &source, &terms.masking, &mut self.workspace, bytes));
        if !changed {
            out.to_client.pass(range);
        }
    }

    /// A setting that the server reports. What is kept of it is what the client was told.
    pub(super) fn reported_setting(&mut self, terms: &Terms, status: ParameterStatus<'_>, range: Range<usize>, out: &mut Output) {
        let mut masked = Vec::new();
        if message::mask_text(status.value, &terms.masking, &mut self.workspace, &mut masked) && !terms.masking.profile.unmasked {
            self.set_parameter(status.name, &masked);
            out.to_client.make(|bytes| {
                write::message(bytes, tag::PARAMETER_STATUS, |body| {
                    body.string(status.name).string(&masked);
                });
            });
            return;
        }
        self.set_parameter(status.name, status.value);
        out.to_client.pass(range);
    }

    /// A notification from the session's own link carries the process id that the client knows.
    pub(super) fn notification(&mut self, terms: &Terms, notification: Notification<'_>, range: Range<usize>, out: &mut Output) {
        let own = notification.process_id == self.process_id;
        let process_id = if own { terms.process_id } else { notification.process_id };
        let strings = [notification.channel, notification.payload];
        let (head, mut changed) = (process_id.to_be_bytes(), false);
        out.to_client.make(|bytes| {
            let workspace = &mut self.workspace;
            changed = message::strings(tag::NOTIFICATION_RESPONSE, &head, &strings, &terms.masking, workspace, bytes);
            if own && !changed {
                changed = true;
                write::message(bytes, tag::NOTIFICATION_RESPONSE, |body| {
                    body.int32(process_id).string(notification.channel).string(notification.payload);
                });
            }
        });
        if !changed {
            out.to_client.pass(range);
        }
    }

    /// An answer that the client sees.
    pub(super) fn show(&mut self, terms: &Terms, answer: Backend<'_>, range: Range<usize>, out: &mut Output) {
        let (masking, workspace) = (&terms.masking, &mut self.workspace);
        let mut changed = false;
        if let Backend::RowDescription(row) = &answer {
            out.to_client.make(|bytes| changed = message::names_of_columns(row, masking, workspace, bytes));
        } else if let Backend::CommandComplete(text) = answer {
            out.to_client.make(|bytes| changed = message::strings(tag::COMMAND_COMPLETE, b"", &[text], masking, workspace, bytes));
        }
        if !changed {
            out.to_client.pass(range);
        }
    }
}

/// What an error or a notice that comes now may speak of.
fn source(head: Option<&Expected>) -> Source<'_> {
    match head {
        Some(Expected::Query { work, .. }) => work.source(),
        Some(Expected::Execute { portal, .. }) => of_portal(portal.as_deref()),
        // Planning runs what is the same for all rows.
        Some(Expected::Bind { portal, .. }) => of_portal(Some(portal)),
        Some(Expected::Parse { statement, .. }) => Source { text: &statement.sql, facts: Some(&statement.facts), runs: false },
        // What was deferred is done at the end of a transaction.
        Some(Expected::Sync { .. }) => Source { runs: true, ..Source::default() },
        Some(
            Expected::Describe { .. }
            | Expected::CloseStatement { .. }
            | Expected::ClosePortal { .. }
            | Expected::Own
            | Expected::CopyEnd
            | Expected::Refused(_)
            | Expected::Local(_),
        )
        | None => Source::default(),
    }
}

fn of_portal(portal: Option<&Portal>) -> Source<'_> {
    match portal.and_then(|portal| portal.statement.as_deref()) {
        Some(statement) => Source { text: &statement.sql, facts: Some(&statement.facts), runs: true },
        None => Source { runs: true, ..Source::default() },
    }
}
