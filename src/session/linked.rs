//! A session with a link: what is in flight, what is open, and where each side stands inside a message. What the client's
//! messages do is in `client`, what the server's do is in `upstream`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use crate::audit::event::{Outcome, Way, Word};
use crate::mask::Workspace;
use crate::wire::backend::{RowDescription, TransactionStatus};
use crate::wire::frontend::tag;
use crate::wire::report::Report;
use crate::wire::write;

use super::asking::{Inquiry, Message};
use super::belt::Lifted;
use super::columns::{Columns, Knowledge, Portal, Statement, columns};
use super::copy_out::{Copying, Describing};
use super::expected::{Expected, Queue};
use super::limits::{Counting, Halt};
use super::lineage::Flow;
use super::names::{Names, Remake};
use super::output::Output;
use super::recording::{Account, Circumstances, Tally, code_word, outcome_of};
use super::reserved::Reserved;
use super::rows::Rows;
use super::settings::Settings;
use super::{LinkReport, Parameters, Terms};
use crate::gate::Grant;
use crate::gate::budget::Lease;

/// The linked state. Fields are for this module, `client` and `upstream` only.
#[derive(Debug)]
pub struct Linked {
    pub(super) statements: Names<Statement>,
    pub(super) portals: Names<Portal>,
    pub(super) expected: Queue,
    /// As the last ReadyForQuery told it.
    pub(super) status: TransactionStatus,
    /// Something was executed since the last Sync: the implicit transaction is open.
    pub(super) executed: bool,
    pub(super) heed: Heed,
    pub(super) copy: Copy,
    /// Syncs sent while a COPY took data. The server ignores them, unless its COPY had failed before it read them.
    pub(super) doubtful_syncs: u32,
    /// What is left of a client message that is passed on, or dropped, as it comes.
    pub(super) from_client: Remainder,
    /// What is left of a server message that is passed on as it comes.
    pub(super) from_upstream: Remainder,
    /// The columns that the last RowDescription named, for rows that follow it.
    pub(super) described: Option<Columns>,
    /// How far the masking of the rows that come in now has come.
    pub(super) rows: Rows,
    pub(super) workspace: Box<Workspace>,
    pub(super) describing: Describing,
    pub(super) copying: Copying,
    /// What the server reported and kept reporting.
    pub(super) parameters: Parameters,
    pub(super) process_id: i32,
    /// What the client's next message waits for.
    pub(super) awaits: Awaited,
    /// The server said that it ends the connection, and by which code.
    pub(super) farewell: Option<Word>,
    /// The client said that it ends the connection.
    pub(super) leaving: bool,
    pub(super) account: Rc<Account>,
    /// What was sent in this step to be prepared or bound, and is noted on its own unless it is executed in the same step.
    pub(super) unnoted: Vec<Unnoted>,
    /// What flowed in the execution that is answered now.
    pub(super) tally: Tally,
    /// How far the asking about the client's next message has come.
    pub(super) inquiry: Inquiry,
    /// Something was prepared or described since the last Sync: the server may have locked for it.
    pub(super) prepared: bool,
    /// A portal was bound since the last Sync: ending the implicit transaction would take it away.
    pub(super) bound: bool,
    /// The stored message that the client's next message stands for.
    pub(super) stored: Option<Rc<Message>>,
    /// Something ran that a reset does not undo, or may not.
    pub(super) tainted: bool,
    /// Approvals used inside the transaction that is open.
    pub(super) reserved: Reserved,
    /// What the session made of its settings.
    pub(super) settings: Settings,
    /// What was written from sensitive columns.
    pub(super) flow: Flow,
    /// What the agent says it is working on.
    pub(super) task: Option<Box<str>>,
    /// What it answers to the next question that it was asked.
    pub(super) answer: Option<Box<str>>,
    pub(super) lifted: Lifted,
    /// Charged in this step and not used yet.
    pub(super) lease: Lease,
    pub(super) counting: Counting,
    pub(super) halt: Option<Halt>,
    /// The desk was asked for an approval to go over a limit, and has none for the client's next message.
    pub(super) unraised: bool,
    /// The last message of the client obliges the server to answer all that came before it.
    pub(super) flushed: bool,
    /// A cancel of ours is on its way: what is sent now could be what it hits.
    pub(super) stopping: bool,
    /// What the host last said the time is.
    pub(super) now: Instant,
}

/// What of the server's answers has to come before the client's next message is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    Nothing,
    /// The next one.
    Answer,
    /// All that are due.
    All,
}

/// Something that the server may have looked at, and that was not executed.
#[derive(Debug)]
pub struct Unnoted {
    pub what: Made,
    /// When it was sent.
    pub in_transaction: bool,
}

#[derive(Debug)]
pub enum Made {
    Statement(Rc<Statement>),
    Portal(Rc<Portal>),
}

/// Which of the client's messages are listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heed {
    All,
    /// An error stands: the server, or pgsluice in its place, skips everything up to Sync.
    SyncOnly,
    /// A COPY was stopped here: its data is dropped up to its end.
    NoCopyData,
}

/// The COPY that the head of the queue runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    None,
    /// The server takes data; the client has not ended it.
    In,
    /// The client sent the end of its data.
    InEnded,
    Out,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remainder {
    None,
    Pass(usize),
    Drop(usize),
}

impl Linked {
    pub fn new(terms: &Terms, report: LinkReport, account: Rc<Account>, now: Instant) -> Self {
        let LinkReport { process_id, parameters } = report;
        Self {
            statements: Names::default(),
            portals: Names::default(),
            expected: Queue::default(),
            status: TransactionStatus::Idle,
            executed: false,
            heed: Heed::All,
            copy: Copy::None,
            doubtful_syncs: 0,
            from_client: Remainder::None,
            from_upstream: Remainder::None,
            described: None,
            rows: Rows::default(),
            workspace: Box::default(),
            describing: Describing::None,
            copying: Copying::Nothing,
            parameters,
            process_id,
            awaits: Awaited::Nothing,
            farewell: None,
            leaving: false,
            account,
            unnoted: Vec::new(),
            tally: Tally::default(),
            inquiry: Inquiry::None,
            prepared: false,
            bound: false,
            stored: None,
            reserved: Reserved::default(),
            settings: Settings::new(Rc::clone(&terms.manner.settings)),
            flow: Flow::default(),
            task: terms.manner.task.clone(),
            answer: None,
            lifted: Lifted::No,
            tainted: false,
            lease: Lease::NONE,
            counting: Counting::default(),
            halt: None,
            unraised: false,
            flushed: false,
            stopping: false,
            now,
        }
    }

    pub fn is_busy(&self) -> bool {
        !self.expected.is_empty()
    }

    /// Whether the server need not answer what it was sent until the client says more: a pipeline without its Sync.
    pub fn waits_for_client(&self) -> bool {
        let asked = self.flushed || self.awaits != Awaited::Nothing || matches!(self.copy, Copy::In);
        self.is_busy() && !asked && !self.leaving && self.inquiry.is_none()
    }

    /// Has the server answer what it was sent. The client sees its answers early, and nothing else changes.
    pub fn flush(&mut self, out: &mut Output) {
        out.to_upstream.make(|bytes| write::message(bytes, tag::FLUSH, |_| ()));
        self.flushed = true;
    }

    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    pub fn farewell(&self) -> Option<Word> {
        self.farewell.clone()
    }

    pub fn takes_client_bytes(&self) -> bool {
        !self.leaving && self.awaits == Awaited::Nothing && !self.inquiry.is_open() && !self.is_stopping() && !self.expected.is_full()
    }

    pub fn left_of_client_message(&self) -> usize {
        match self.from_client {
            Remainder::None => 0,
            Remainder::Pass(left) | Remainder::Drop(left) => left,
        }
    }

    pub fn client_is_between_messages(&self) -> bool {
        self.from_upstream == Remainder::None
    }

    pub fn upstream_is_between_messages(&self) -> bool {
        !matches!(self.from_client, Remainder::Pass(_))
    }

    /// Whether a transaction is open, or may be: an explicit one, an implicit one, or one that something in flight decides.
    pub fn has_open_work(&self) -> bool {
        self.status != TransactionStatus::Idle || self.executed || self.expected.ready_is_due()
    }

    /// The columns of the rows that come in now.
    pub fn row_columns(&self) -> Option<Columns> {
        if let Expected::Execute { portal: Some(portal), .. } = self.expected.head()? {
            return match portal.knowledge() {
                Knowledge::Known(columns) => Some(columns),
                Knowledge::Unknown | Knowledge::Asked | Knowledge::NoRows => None,
            };
        }
        self.described.clone()
    }

    /// Refuses a simple query as one unit. With open work the server itself makes the error, so that what is open aborts and
    /// both sides agree; without it the answer is given here.
    pub(super) fn refuse_query(&mut self, report: Box<Report>, reserved: &[u8], out: &mut Output) {
        if !self.has_open_work() && !self.is_busy() && !self.prepared && !self.bound {
            out.to_client.make(|bytes| {
                report.write(bytes);
                super::ready(bytes, TransactionStatus::Idle);
            });
            return;
        }
        describe_reserved(reserved, out);
        send_sync(out);
        self.expected.push(Expected::Refused(report));
        self.expected.push(Expected::Sync { shown: true });
        self.segment_ended();
    }

    /// The implicit transaction ends here.
    pub(super) fn segment_ended(&mut self) {
        self.executed = false;
        self.bound = false;
        self.prepared = false;
        if self.lifted == Lifted::Running {
            self.lifted = Lifted::Ending;
        }
    }

    /// Refuses a message of the extended protocol: everything up to the client's Sync is skipped.
    pub(super) fn refuse_extended(&mut self, report: Box<Report>, reserved: &[u8], out: &mut Output) {
        self.heed = Heed::SyncOnly;
        if self.has_open_work() {
            describe_reserved(reserved, out);
            self.expected.push(Expected::Refused(report));
        } else if self.is_busy() {
            let mut answer = Vec::new();
            report.write(&mut answer);
            self.expected.push(Expected::Local(answer.into()));
            // A server's error is flushed by itself; what stands before ours must be as well.
            out.to_upstream.make(|bytes| write::message(bytes, tag::FLUSH, |_| ()));
        } else {
            out.to_client.make(|bytes| report.write(bytes));
        }
    }

    /// Stops the COPY that takes data now: the server makes the error, the rest of the data is dropped.
    pub(super) fn refuse_copy(&mut self, out: &mut Output) {
        out.to_upstream.make(|bytes| {
            write::message(bytes, tag::COPY_FAIL, |body| {
                body.string(b"stopped by policy");
            });
        });
        self.heed = Heed::NoCopyData;
        self.copy = Copy::InEnded;
    }

    /// Gives the answers made here whose turn has come, and forgets what nothing answers.
    pub(super) fn settle(&mut self, out: &mut Output) {
        loop {
            match self.expected.head() {
                // Who was told of an error is told nothing more up to its Sync.
                Some(Expected::Local(_)) if self.halt.is_some() => {}
                Some(Expected::Local(answer)) => out.to_client.make(|bytes| bytes.extend_from_slice(answer)),
                Some(Expected::CopyEnd) => {}
                _ => return,
            }
            self.expected.pop();
        }
    }

    /// Notes what was sent in this step and not executed with it.
    pub(super) fn note_unexecuted(&mut self, out: &mut Output) {
        for Unnoted { what, in_transaction } in self.unnoted.drain(..) {
            let (text, way, given, hold, noted) = match &what {
                Made::Statement(statement) => (&statement.text, Way::Parse, statement.text.plain(), None, &statement.noted),
                Made::Portal(portal) => {
                    (&portal.text, Way::Bind, portal.given.clone(), portal.grant.as_ref().map(Grant::hold), &portal.noted)
                }
            };
            if noted.get().is_none() {
                let circumstances = Circumstances { hold, ..Circumstances::plain(way, given, in_transaction) };
                noted.set(Some(self.account.prepared(text, circumstances, out)));
            }
        }
    }

    /// The execution at the head came to an end. A text that holds several statements has one for each: what flowed is summed up, and
    /// the last one stands.
    pub(super) fn note_end(&mut self, outcome: Outcome, code: Option<Word>, out: &mut Output) {
        let Some(Expected::Execute { execution, .. } | Expected::Query { execution, .. }) = self.expected.head_mut() else { return };
        execution.ended = true;
        self.account.ended(*execution, (&self.tally, &self.workspace.counts), outcome, code, self.now, out);
    }

    /// The server said that something failed: the execution at the head, or what was sent to prepare one. Returns the number under
    /// which it was noted.
    pub(super) fn note_failure(&mut self, code: &[u8], out: &mut Output) -> Option<u64> {
        let (outcome, word) = (outcome_of(code), code_word(code));
        let noted = match self.expected.head()? {
            Expected::Parse { statement, .. } => statement.noted.get()?,
            Expected::Bind { portal, .. } => portal.noted.get()?,
            Expected::Execute { execution, refusal, .. } | Expected::Query { execution, refusal, .. } => {
                let number = execution.number;
                match refusal.as_ref().map(|report| report.code.clone()) {
                    Some(code) => self.note_end(Outcome::Stopped, Some(code), out),
                    None => self.note_end(outcome, word, out),
                }
                return Some(number);
            }
            Expected::Describe { .. }
            | Expected::CloseStatement { .. }
            | Expected::ClosePortal { .. }
            | Expected::Sync { .. }
            | Expected::Own
            | Expected::CopyEnd
            | Expected::Refused(_)
            | Expected::Local(_) => return None,
        };
        self.account.ended_at_once(noted, outcome, word, out);
        Some(noted)
    }

    /// What flows from here on belongs to another execution.
    pub(super) fn tally_anew(&mut self) {
        self.tally = Tally::default();
        self.workspace.counts.clear();
    }

    /// The connection ends: how what is in flight will end is not known any more.
    pub(super) fn note_unknown(&mut self, out: &mut Output) {
        let mut tally = std::mem::take(&mut self.tally);
        for item in self.expected.iter() {
            if let Expected::Execute { execution, .. } | Expected::Query { execution, .. } = item {
                if !execution.ended {
                    self.account.ended(*execution, (&tally, &self.workspace.counts), Outcome::Unknown, None, self.now, out);
                }
                // Only what stands first has a course.
                tally = Tally::default();
                self.workspace.counts.clear();
            }
        }
    }

    /// The server skips to the next Sync: what stood before it did not happen. What was noted as `failed` has its end.
    pub(super) fn skip_to_sync(&mut self, failed: Option<u64>, out: &mut Output) {
        self.tally_anew();
        loop {
            match self.expected.head() {
                Some(Expected::Sync { shown: true }) => return,
                // The server goes on behind our own Sync; the client has not sent one.
                Some(Expected::Sync { shown: false }) | None => {
                    self.heed = Heed::SyncOnly;
                    return;
                }
                Some(_) => {
                    if let Some(item) = self.expected.pop() {
                        self.undo(&item);
                        if let Expected::Execute { execution, .. } | Expected::Query { execution, .. } = item
                            && failed != Some(execution.number)
                        {
                            self.account.ended_at_once(execution.number, Outcome::Skipped, None, out);
                        }
                    }
                }
            }
        }
    }

    fn undo(&mut self, item: &Expected) {
        match item {
            Expected::Parse { name, statement, .. } => self.statements.skipped(name, Some(statement)),
            Expected::Bind { name, portal, .. } => self.portals.skipped(name, Some(portal)),
            Expected::CloseStatement { name } => self.statements.skipped(name, None),
            Expected::ClosePortal { name } => self.portals.skipped(name, None),
            Expected::Describe { about, .. } => about.skipped(),
            Expected::Execute { .. }
            | Expected::Sync { .. }
            | Expected::Query { .. }
            | Expected::Own
            | Expected::CopyEnd
            | Expected::Refused(_)
            | Expected::Local(_) => {}
        }
    }

    /// A transaction ended: the server dropped the portals made in it.
    pub(super) fn transaction_ended(&mut self) {
        self.portals.forget(|portal| !portal.holds);
    }

    /// The connection ends. What nobody can commit any more is rolled back.
    pub(super) fn settle_reserved(&mut self, out: &mut Output) {
        let rolled_back = !self.is_busy();
        self.reserved.ended(rolled_back, out);
    }

    /// An answer was dealt with.
    pub(super) fn heard(&mut self) {
        match self.awaits {
            Awaited::All if self.is_busy() => {}
            Awaited::All | Awaited::Answer | Awaited::Nothing => self.awaits = Awaited::Nothing,
        }
    }

    /// The value that the server reported.
    pub(super) fn reported(&self, name: &str) -> Option<Box<str>> {
        let known = self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        known.and_then(|(_, value)| std::str::from_utf8(value).ok()).map(Into::into)
    }

    pub(super) fn set_parameter(&mut self, name: &[u8], value: &[u8]) {
        /// Servers report about fifteen.
        const REPORTED: usize = 64;
        let mut parameters = self.parameters.to_vec();
        if let Some((_, known)) = parameters.iter_mut().find(|(known, _)| **known == *name) {
            *known = value.into();
        } else if parameters.len() < REPORTED {
            parameters.push((name.into(), value.into()));
        }
        self.parameters = parameters.into();
    }
}

impl super::expected::About {
    /// A Describe is on its way. What is known already stays known: a statement's columns do not change while it lives.
    pub(super) fn asked(&self) {
        self.turn(Knowledge::Unknown, Knowledge::Asked);
    }

    /// The Describe was skipped.
    fn skipped(&self) {
        self.turn(Knowledge::Asked, Knowledge::Unknown);
    }

    pub(super) fn answered(&self, knowledge: Knowledge) {
        if let Some(cell) = self.knowledge() {
            cell.replace(knowledge);
        }
    }

    fn turn(&self, from: Knowledge, to: Knowledge) {
        if let Some(cell) = self.knowledge()
            && *cell.borrow() == from
        {
            cell.replace(to);
        }
    }

    /// The columns that the server told of it.
    pub(super) fn columns(&self, row: &RowDescription<'_>) -> Columns {
        match self {
            Self::Statement(Some(statement)) => statement.columns(row),
            Self::Portal(Some(portal)) => portal.columns(row),
            Self::Statement(None) | Self::Portal(None) => columns(row),
        }
    }

    fn knowledge(&self) -> Option<&RefCell<Knowledge>> {
        match self {
            Self::Statement(statement) => statement.as_ref().map(|statement| &statement.knowledge),
            Self::Portal(portal) => portal.as_ref().map(|portal| &portal.knowledge),
        }
    }
}

pub(super) fn describe_reserved(reserved: &[u8], out: &mut Output) {
    out.to_upstream.make(|bytes| {
        write::message(bytes, tag::DESCRIBE, |body| {
            body.byte(b'S').string(reserved);
        });
    });
}

pub(super) fn send_sync(out: &mut Output) {
    out.to_upstream.make(|bytes| write::message(bytes, tag::SYNC, |_| ()));
}

/// Asks for the columns of a portal on pgsluice's own account.
pub fn send_describe_portal(name: &[u8], out: &mut Output) {
    out.to_upstream.make(|bytes| {
        write::message(bytes, tag::DESCRIBE, |body| {
            body.byte(b'P').string(name);
        });
    });
}

/// What the name stands for; `None` where that is not known.
pub fn named<T: Remake>(names: &Names<T>, name: &[u8]) -> Option<Rc<T>> {
    names.ahead(name).filter(|item| !item.remade().get()).cloned()
}
