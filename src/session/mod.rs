//! The protocol machine of one connection, without I/O: inputs are the client's bytes, the server's bytes, the host's answers
//! and the time; outputs are bytes, demands and the next deadline. It opens no socket, reads no clock and spawns nothing, so
//! any cut of the byte streams gives the same result.

pub mod asking;
mod belt;
mod channels;
mod client;
pub mod columns;
mod consequences;
mod copy_out;
mod deciding;
mod expected;
mod leaving;
mod limits;
mod lineage;
mod linked;
mod masked;
mod names;
pub mod output;
pub mod recording;
mod reserved;
mod rows;
mod search;
mod sending;
pub mod settings;
mod stored;
pub mod task;
mod tokens;
mod upstream;
mod window;

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::audit::event::{Way, Word};
use crate::gate::Judge;
use crate::gate::budget::{Bounds, Purse};
use crate::gate::judge::Learned;
use crate::mask::Masking;
use crate::wire::backend::{TransactionStatus, tag};
use crate::wire::frame;
use crate::wire::frontend::{Frontend, tag as frontend};
use crate::wire::limits::{ClientLimits, ServerLimits};
use crate::wire::report::Report;
use crate::wire::{ProtocolError, write};

pub use belt::SETTING as BELT;
pub use masked::{Scribe, Seen};

use asking::{Message, Reply};
use linked::Linked;
use output::{Demand, Output};
use recording::{Account, Circumstances, Recorder, Text};

/// The settings that a server reported: name and value, as ParameterStatus brought them.
pub type Parameters = Arc<[(Box<[u8]>, Box<[u8]>)]>;

/// What does not change while the connection lives.
#[derive(Debug)]
pub struct Terms {
    pub judge: Judge,
    pub masking: Masking,
    pub frontend: ClientLimits,
    pub backend: ServerLimits,
    pub timeouts: Timeouts,
    /// The process id that the client was told; notifications from its own link carry it.
    pub process_id: i32,
    /// The name that no client can guess, whose Describe always fails.
    pub reserved: Rc<[u8]>,
    pub recorder: Rc<Recorder>,
    /// The number of the record that says who this is.
    pub session: u64,
    /// Why nothing can be recorded now: then nothing is sent that a server would look at.
    pub unrecordable: Option<Report>,
    pub manner: Manner,
    /// What the agent took, in all its sessions.
    pub purse: Arc<Purse>,
}

/// How this client came, and what it is held to besides rules.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// The settings that it brought with its startup packet.
    pub settings: settings::Brought,
    /// What it said there that it is working on.
    pub task: Option<Box<str>>,
    /// Its links begin read-only.
    pub read_only: bool,
}

impl Terms {
    /// The limits in force.
    fn bounds(&self) -> Bounds {
        Bounds { limits: self.judge.policy.limits(), allowance: self.judge.policy.allowance() }
    }

    /// Notes that a statement was not sent. Where that cannot be recorded it is counted at least.
    fn note_refusal(&self, account: &Account, text: &Text, circumstances: Circumstances, report: &Report, out: &mut Output) {
        if self.unrecordable.is_some() {
            out.unrecorded = out.unrecorded.saturating_add(1);
        } else {
            account.refused(text, circumstances, report.code.clone(), out);
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a client may be silent outside a transaction.
    pub idle: Option<Duration>,
    /// How long a client may be silent inside one.
    pub idle_in_transaction: Option<Duration>,
}

/// What the host says of a new link.
#[derive(Debug, Clone)]
pub struct LinkReport {
    pub process_id: i32,
    pub parameters: Parameters,
}

/// One client's connection after its sign-in.
#[derive(Debug)]
pub struct Session {
    terms: Terms,
    stage: Stage,
    account: Rc<Account>,
    /// What the client was told when it was let go, or the server said when it left.
    last_code: Option<Word>,
    /// What the client believes the server reported.
    told: Parameters,
    /// End as soon as nothing is open.
    draining: bool,
    /// The link that it left as it should be, but for a reset.
    left: Option<LinkReport>,
    quiet_since: Option<Instant>,
}

#[derive(Debug)]
enum Stage {
    /// Nothing was asked yet that needs the server.
    Unlinked(Unlinked),
    /// A link was asked for; what the client sent waits in its buffer.
    Linking,
    Linked(Box<Linked>),
    /// All is said: the host sends what is left and closes.
    Over,
}

#[derive(Debug, Default)]
struct Unlinked {
    /// A refusal in the extended protocol was answered here: everything up to Sync is skipped.
    skipping: bool,
    /// The wait for a link was given up: this answers the first thing that needs one.
    refuse_next: Option<Box<Report>>,
    /// Bytes of a message that is dropped as it comes.
    dropping: usize,
}

impl Session {
    /// A signed-in client that was greeted with `told`.
    pub fn new(terms: Terms, told: Parameters, now: Instant) -> Self {
        let account = Rc::new(Account::new(terms.session));
        let stage = Stage::Unlinked(Unlinked::default());
        Self { terms, stage, account, last_code: None, told, draining: false, left: None, quiet_since: Some(now) }
    }

    /// Says whether anything can be recorded, and if not, what to tell a client that sends a statement.
    pub fn recordable(&mut self, trouble: Option<Report>) {
        self.terms.unrecordable = trouble;
    }

    /// The judge, for the host to tell what is new: policy, catalog, time.
    pub fn judge_mut(&mut self) -> &mut Judge {
        &mut self.terms.judge
    }

    /// What masking goes by, for the host to tell what is new.
    pub fn masking_mut(&mut self) -> &mut Masking {
        &mut self.terms.masking
    }

    /// What was asked for is found out; the catalog is in the judge already.
    pub fn learned(&mut self, learned: Learned, now: Instant, out: &mut Output) {
        if let Stage::Linked(linked) = &mut self.stage {
            linked.learned(learned);
        }
        self.after(now, out);
    }

    /// The desk answered.
    pub fn answered(&mut self, reply: Reply, now: Instant, out: &mut Output) {
        self.tick(now);
        if let Stage::Linked(linked) = &mut self.stage {
            if linked.awaits_ticket() {
                linked.ticket_answered(reply);
            } else {
                linked.answered(reply, &self.terms, self.draining, out);
            }
        }
        self.after(now, out);
    }

    /// The desk has the message of a hold, or says why not.
    pub fn fetched(&mut self, found: Result<Message, Report>, now: Instant, out: &mut Output) {
        if let Stage::Linked(linked) = &mut self.stage {
            linked.fetched(found);
        }
        self.after(now, out);
    }

    /// The cancel that `Demand::Stop` asked for has reached the server, or never will.
    pub fn stopped(&mut self, now: Instant, out: &mut Output) {
        if let Stage::Linked(linked) = &mut self.stage {
            linked.stopped();
        }
        self.after(now, out);
    }

    /// Whatever can be known of the relations that were asked about is in the masking already.
    pub fn surveyed(&mut self, now: Instant, out: &mut Output) {
        if let Stage::Linked(linked) = &mut self.stage {
            linked.rows.surveyed();
            linked.looked();
        }
        self.after(now, out);
    }

    /// People decided, or the hold is over: what waits is looked at again.
    pub fn decided(&mut self, now: Instant, out: &mut Output) {
        if let Stage::Linked(linked) = &mut self.stage {
            linked.decided();
        }
        self.after(now, out);
    }

    /// Whether it waits for people.
    pub fn awaits_people(&self) -> bool {
        matches!(&self.stage, Stage::Linked(linked) if linked.inquiry.deadline().is_some())
    }

    /// Whether what the host was asked is still of use.
    pub fn awaits_host(&self) -> bool {
        matches!(&self.stage, Stage::Linked(linked) if linked.inquiry.is_open() || linked.awaits_ticket())
    }

    /// Nothing more happens in it.
    fn over(&mut self, out: &mut Output) {
        if let Stage::Linked(linked) = &mut self.stage {
            linked.note_unknown(out);
            linked.settle_reserved(out);
        }
        if !self.is_over() {
            self.stage = Stage::Over;
            self.account.signed_out(self.last_code.take(), out);
        }
    }

    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// The link, where the session ended and left it so that another one may have it after a reset.
    pub fn reusable(&self) -> Option<&LinkReport> {
        self.left.as_ref().filter(|_| self.is_over())
    }

    /// Whether the client said goodbye and the server is left to finish what it was given.
    pub fn is_leaving(&self) -> bool {
        matches!(&self.stage, Stage::Linked(linked) if linked.is_leaving())
    }

    /// Whether a link that was demanded is still wanted.
    pub fn awaits_link(&self) -> bool {
        matches!(self.stage, Stage::Linking)
    }

    /// Whether a goodbye is among these bytes, which were received and are still to be handed in. Who said it and closed did not
    /// vanish: what it asked for before is to be done.
    pub fn goodbye_follows(&self, rest: &[u8]) -> bool {
        let mut at = match &self.stage {
            Stage::Linked(linked) => linked.left_of_client_message(),
            Stage::Unlinked(unlinked) => unlinked.dropping,
            Stage::Linking => 0,
            Stage::Over => return false,
        };
        while let Some(Ok(Some(head))) = rest.get(at..).map(|rest| frame::head(rest, &self.terms.frontend)) {
            if head.tag == frontend::TERMINATE {
                return true;
            }
            at = at.saturating_add(head.total());
        }
        false
    }

    /// Whether what the client was sent, or will be by what is handed out already, ends with the end of a message.
    pub fn client_is_between_messages(&self) -> bool {
        !matches!(&self.stage, Stage::Linked(linked) if !linked.client_is_between_messages())
    }

    /// Whether client bytes would be taken now.
    pub fn takes_client_bytes(&self) -> bool {
        match &self.stage {
            Stage::Unlinked(_) => true,
            Stage::Linking | Stage::Over => false,
            Stage::Linked(linked) => linked.takes_client_bytes(),
        }
    }

    /// Whether more of the server's bytes would be taken now, and not only kept.
    pub fn takes_upstream_bytes(&self) -> bool {
        !matches!(&self.stage, Stage::Linked(linked) if linked.awaits_ticket() || linked.rows.awaits_survey())
    }

    /// Whether rows wait to be judged together with those behind them.
    pub fn gathers_rows(&self) -> bool {
        matches!(&self.stage, Stage::Linked(linked) if linked.rows.deadline().is_some())
    }

    /// The columns of the rows that are coming in now.
    pub fn row_columns(&self) -> Option<columns::Columns> {
        match &self.stage {
            Stage::Linked(linked) => linked.row_columns(),
            Stage::Unlinked(_) | Stage::Linking | Stage::Over => None,
        }
    }

    /// Takes bytes from the client; returns how many are done with. The rest must be handed in again with more behind it,
    /// or when the output was full and no longer is.
    pub fn client(&mut self, input: &[u8], now: Instant, out: &mut Output) -> usize {
        let mut taken = 0;
        self.tick(now);
        let result = loop {
            match &mut self.stage {
                Stage::Unlinked(_) if out.is_full() => break Ok(()),
                Stage::Unlinked(unlinked) => match unlinked.step(&self.terms, &self.account, input, &mut taken, out) {
                    Ok(Step::More) => {}
                    Ok(Step::Wait) => break Ok(()),
                    Ok(Step::Link) => {
                        self.stage = Stage::Linking;
                        out.demand(Demand::Link);
                        break Ok(());
                    }
                    Ok(Step::Over) => {
                        self.over(out);
                        break Ok(());
                    }
                    Err(error) => break Err(error),
                },
                Stage::Linked(linked) => {
                    let result = linked.client(&self.terms, input, &mut taken, out);
                    if linked.is_leaving()
                        && let Some(left) = linked.reusable()
                    {
                        self.left = Some(left);
                        self.over(out);
                    }
                    break result;
                }
                Stage::Linking | Stage::Over => break Ok(()),
            }
        };
        if let Err(error) = result {
            self.end(&violation(error, "the client"), out);
        }
        self.after(now, out);
        taken
    }

    /// Takes bytes from the server; returns how many are done with.
    pub fn upstream(&mut self, input: &[u8], now: Instant, out: &mut Output) -> usize {
        let mut taken = 0;
        self.tick(now);
        if let Stage::Linked(linked) = &mut self.stage
            && let Err(error) = linked.upstream(&self.terms, input, &mut taken, out)
        {
            self.end(&violation(error, "the server"), out);
        }
        self.after(now, out);
        taken
    }

    /// The link that was demanded is there.
    pub fn linked(&mut self, report: LinkReport, now: Instant, out: &mut Output) {
        if !matches!(self.stage, Stage::Linking) {
            return;
        }
        for (name, value) in report.parameters.iter() {
            if !self.told.iter().any(|(known, told)| known == name && told == value) {
                out.to_client.make(|bytes| {
                    write::message(bytes, tag::PARAMETER_STATUS, |body| {
                        body.string(name).string(value);
                    });
                });
            }
        }
        self.told = Arc::clone(&report.parameters);
        self.stage = Stage::Linked(Box::new(Linked::new(&self.terms, report, Rc::clone(&self.account), now)));
        self.after(now, out);
    }

    /// A link that was taken before the client asked for anything, because only the server could say how to greet it.
    pub fn preset_link(&mut self, report: LinkReport, now: Instant, out: &mut Output) {
        self.stage = Stage::Linking;
        self.linked(report, now, out);
    }

    /// No link could be had. The client is told and let go, as a server does that cannot start a session.
    pub fn link_failed(&mut self, report: &Report, out: &mut Output) {
        if matches!(self.stage, Stage::Linking) {
            self.end(report, out);
        }
    }

    /// The client asked to cancel what it runs.
    pub fn cancel(&mut self, out: &mut Output) {
        match &mut self.stage {
            Stage::Linking => {
                let report = Report::error("57014", "canceling statement due to user request")
                    .with_detail("It was still waiting for a server connection.");
                self.stage = Stage::Unlinked(Unlinked { refuse_next: Some(Box::new(report)), ..Unlinked::default() });
            }
            Stage::Linked(linked) if linked.is_busy() => out.demand(Demand::Cancel),
            Stage::Linked(linked) => linked.stop_waiting(),
            Stage::Unlinked(_) | Stage::Over => {}
        }
    }

    /// The client is gone without a goodbye: what it ran is cancelled and the link is given up.
    pub fn client_gone(&mut self, out: &mut Output) {
        if let Stage::Linked(linked) = &self.stage {
            // It said goodbye before: the server finishes what it was given.
            if linked.is_leaving() {
                return;
            }
            self.left = linked.reusable();
            if self.left.is_some() {
                // It is for the host to say goodbye, or not to.
            } else if linked.is_busy() {
                out.demand(Demand::Cancel);
            } else if linked.upstream_is_between_messages() {
                out.to_upstream.make(|bytes| write::message(bytes, frontend::TERMINATE, |_| ()));
            }
        }
        self.over(out);
    }

    /// The server's side is closed.
    pub fn upstream_gone(&mut self, out: &mut Output) {
        let Stage::Linked(linked) = &self.stage else { return };
        if linked.is_leaving() || linked.farewell().is_some() {
            self.last_code = linked.farewell();
            self.over(out);
            return;
        }
        let report = Report::fatal("08006", "the database server closed the connection unexpectedly")
            .with_detail("It may have been restarted, or the network between pgsluice and the server failed.")
            .with_hint("Connect again. Whether the last statement took effect is not known.");
        self.end(&report, out);
    }

    /// From now on, end as soon as nothing is open.
    pub fn drain(&mut self, now: Instant, out: &mut Output) {
        self.draining = true;
        if let Stage::Linked(linked) = &mut self.stage {
            linked.inquiry.stop_waiting(None);
        }
        self.after(now, out);
    }

    /// Ends the connection now, whatever it does.
    pub fn end(&mut self, report: &Report, out: &mut Output) {
        match &self.stage {
            Stage::Over => return,
            Stage::Linked(linked) => {
                if linked.is_busy() {
                    out.demand(Demand::Cancel);
                }
                // Inside a row there is no place for a message.
                if linked.client_is_between_messages() {
                    out.to_client.make(|bytes| report.write(bytes));
                }
            }
            Stage::Unlinked(_) | Stage::Linking => out.to_client.make(|bytes| report.write(bytes)),
        }
        self.last_code = Some(report.code.clone());
        self.over(out);
    }

    /// When `elapsed` is to be called next.
    pub fn deadline(&self) -> Option<Instant> {
        if let Stage::Linked(linked) = &self.stage
            && let Some(until) = linked.inquiry.deadline().into_iter().chain(linked.rows.deadline()).min()
        {
            return Some(until);
        }
        self.quiet_since?.checked_add(self.patience()?)
    }

    /// Time has come to `now`.
    pub fn elapsed(&mut self, now: Instant, out: &mut Output) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if let Stage::Linked(linked) = &mut self.stage {
            let people = linked.inquiry.deadline();
            if linked.rows.elapsed(now) | people.is_some() {
                if people.is_some_and(|until| now >= until) {
                    linked.inquiry.stop_waiting(None);
                }
                return;
            }
        }
        // Work is not silence: what it was sent may have kept the server busy. When that is answered silence counts.
        if let Stage::Linked(linked) = &mut self.stage
            && linked.waits_for_client()
        {
            linked.flush(out);
            self.quiet_since = None;
            return;
        }
        let report = if self.is_open() {
            Report::fatal("25P03", "terminating connection due to idle-in-transaction timeout")
        } else {
            Report::fatal("57P05", "terminating connection due to idle-session timeout")
        };
        self.end(&report, out);
    }

    fn tick(&mut self, now: Instant) {
        if let Stage::Linked(linked) = &mut self.stage {
            linked.now = now;
        }
    }

    fn patience(&self) -> Option<Duration> {
        if self.is_open() { self.terms.timeouts.idle_in_transaction } else { self.terms.timeouts.idle }
    }

    /// Whether a transaction is open, or may be.
    pub fn is_open(&self) -> bool {
        matches!(&self.stage, Stage::Linked(linked) if linked.has_open_work())
    }

    /// What holds after every step: silence is counted from when nothing was in flight, and a draining session ends when
    /// nothing is open.
    fn after(&mut self, now: Instant, out: &mut Output) {
        let quiet = match &self.stage {
            Stage::Unlinked(unlinked) => unlinked.refuse_next.is_none(),
            Stage::Linking | Stage::Over => false,
            Stage::Linked(linked) => !linked.is_busy() && !linked.is_leaving() && linked.inquiry.is_none(),
        };
        let waits = matches!(&self.stage, Stage::Linked(linked) if linked.waits_for_client());
        self.quiet_since = (quiet || waits).then_some(now);
        if self.draining && quiet && !self.is_open() {
            let report = Report::fatal("57P01", "terminating connection due to administrator command")
                .with_hint("pgsluice is being stopped or restarted; connect again.");
            self.end(&report, out);
        }
    }
}

fn violation(error: ProtocolError, by: &str) -> Report {
    Report::fatal("08P01", format!("protocol violation by {by}: {}", error.0))
}

/// What follows from one message of a client without a link.
enum Step {
    More,
    Wait,
    Link,
    Over,
}

impl Unlinked {
    fn step(&mut self, terms: &Terms, account: &Account, input: &[u8], taken: &mut usize, out: &mut Output) -> Result<Step, ProtocolError> {
        let rest = input.get(*taken..).unwrap_or_default();
        if self.dropping > 0 {
            let now = self.dropping.min(rest.len());
            *taken = taken.saturating_add(now);
            self.dropping = self.dropping.saturating_sub(now);
            return Ok(if self.dropping > 0 { Step::Wait } else { Step::More });
        }
        let Some(head) = frame::head(rest, &terms.frontend)? else { return Ok(Step::Wait) };
        if head.tag == frontend::COPY_DATA {
            // Of a COPY that does not run: ignored, as the server does, and not held whole for that.
            self.dropping = head.total();
            return Ok(Step::More);
        }
        let Some(body) = rest.get(frame::HEAD..head.total()) else { return Ok(Step::Wait) };
        let message = Frontend::read(head.tag, body)?;
        let refusal = match message {
            Frontend::Terminate => {
                *taken = taken.saturating_add(head.total());
                return Ok(Step::Over);
            }
            Frontend::Password(_) => return Err(ProtocolError("a password nobody asked for")),
            Frontend::Sync => {
                self.skipping = false;
                out.to_client.make(|bytes| ready(bytes, TransactionStatus::Idle));
                None
            }
            Frontend::Flush | Frontend::CopyData(_) | Frontend::CopyDone | Frontend::CopyFail(_) => None,
            _ if self.skipping => None,
            Frontend::FunctionCall => Some(Box::new(function_call())),
            // Judged with the link at hand.
            Frontend::Query(_)
            | Frontend::Parse(_)
            | Frontend::Bind(_)
            | Frontend::Describe(_)
            | Frontend::Execute(_)
            | Frontend::Close(_) => match self.refuse_next.take().or_else(|| terms.unrecordable.clone().map(Box::new)) {
                Some(report) => Some(report),
                None => return Ok(Step::Link),
            },
        };
        *taken = taken.saturating_add(head.total());
        if let Some(report) = refusal {
            if let Some((text, way)) = refused_text(terms, message) {
                let circumstances = Circumstances::plain(way, text.plain(), false);
                terms.note_refusal(account, &text, circumstances, &report, out);
            }
            out.to_client.make(|bytes| report.write(bytes));
            if matches!(message, Frontend::Query(_) | Frontend::FunctionCall) {
                out.to_client.make(|bytes| ready(bytes, TransactionStatus::Idle));
            } else {
                self.skipping = true;
            }
        }
        Ok(Step::More)
    }
}

/// What the record says of a message that was refused without a link. Without one nothing was prepared, so the others name nothing.
fn refused_text(terms: &Terms, message: Frontend<'_>) -> Option<(Text, Way)> {
    match message {
        Frontend::Query(sql) => Some((terms.recorder.read(sql, &terms.judge.read(sql), &terms.masking), Way::Query)),
        Frontend::Parse(parse) => Some((terms.recorder.read(parse.sql, &terms.judge.read(parse.sql), &terms.masking), Way::Parse)),
        Frontend::FunctionCall => Some((terms.recorder.made_in_sql("a function call", b""), Way::FunctionCall)),
        Frontend::Bind(_)
        | Frontend::Describe(_)
        | Frontend::Execute(_)
        | Frontend::Close(_)
        | Frontend::Sync
        | Frontend::Flush
        | Frontend::Terminate
        | Frontend::CopyData(_)
        | Frontend::CopyDone
        | Frontend::CopyFail(_)
        | Frontend::Password(_) => None,
    }
}

fn ready(out: &mut Vec<u8>, status: TransactionStatus) {
    write::message(out, tag::READY_FOR_QUERY, |body| {
        body.byte(status.as_byte());
    });
}

fn function_call() -> Report {
    Report::error("0A000", "the function-call message is not supported").with_hint("Call the function in a query: SELECT function(…).")
}

#[cfg(test)]
mod tests;
