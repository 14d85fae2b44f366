//! What flows is counted before it passes. What goes over a limit is stopped: the server is asked to cancel it or to let go of it, the rest
//! of its answer is dropped, and the client is told in its place, with a ticket for a higher limit where people can be asked for one.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::audit::event::{Outcome, Way, Word};
use crate::gate::budget::{self, Amount, Bounds, Cells, Copied, Exceeded, Meter, Till};
use crate::gate::hold::{Over, Quantity, words};
use crate::gate::{Grant, Grounds};
use crate::mask::Masking;
use crate::mask::verdict::Relation;
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::{self, Clause, CopyFormat, CopyTarget, Direction, Facts, Named};
use crate::sql::scan;
use crate::wire::ProtocolError;
use crate::wire::report::Report;

use super::Terms;
use super::asking::{Asked, Course, Inquiry, Message, Passage, Petition, Purpose, Reply};
use super::columns::Columns;
use super::consequences::Whole;
use super::expected::Expected;
use super::linked::{Copy, Heed, Linked, describe_reserved};
use super::output::{Demand, Output};
use super::recording::{Given, Text};
use super::sending::Subject;
use super::tokens;
use crate::mask::returned::{self, holds_mask};

/// A message longer than this is not kept while it runs: its ticket is given when it is sent again.
const KEPT: usize = 64 << 10;

/// One run of a query, or of a portal from Bind to its end, as limits see it.
#[derive(Debug)]
pub struct Run {
    meter: RefCell<Meter>,
    facts: Arc<Facts>,
    grounds: Option<Arc<Grounds>>,
    /// People approved it.
    granted: bool,
    /// People let it see values as they are.
    unmasked: bool,
    /// The columns of what it copies to the client.
    copied: RefCell<Option<Columns>>,
    /// What people are asked about when it goes over a limit.
    matter: Option<Matter>,
}

#[derive(Debug)]
struct Matter {
    text: Text,
    way: Way,
    given: Given,
    whole: Whole,
    message: Message,
}

/// What was stopped in its course.
#[derive(Debug)]
pub enum Halt {
    /// The desk was asked for a ticket. What ends the run waits for its answer.
    Asked(Over),
    /// The client is told when the run ends.
    Told(Box<Report>),
    /// The client was told: nothing is shown to it until the server is ready again.
    Said,
}

/// Rows of the result that comes in now.
#[derive(Debug, Default)]
pub struct Counting {
    pub cells: Option<Cells>,
    /// The COPY that takes data.
    pub copied: Option<Copied>,
    /// It went over a limit in the message that passes now.
    over: Option<Over>,
    /// How many took data before it in the same query.
    copies: usize,
    /// The last bytes of its data: a mask may begin in them.
    tail: Vec<u8>,
    /// A masked value is among its data.
    masked: bool,
}

impl Counting {
    /// A mask may stand in two messages.
    fn look_for_masks(&mut self, terms: &Terms, bytes: &[u8]) {
        if self.masked {
            return;
        }
        let profile = &terms.masking.profile;
        let kept = self.tail.len();
        self.tail.extend_from_slice(bytes.get(..returned::LONGEST).unwrap_or(bytes));
        self.masked = holds_mask(bytes, profile) || kept > 0 && holds_mask(&self.tail, profile);
        let last = if bytes.len() >= returned::LONGEST { bytes } else { &self.tail };
        let from = last.len().saturating_sub(returned::LONGEST);
        self.tail = last.get(from..).unwrap_or_default().to_vec();
    }
}

impl Run {
    /// `message` is made only where it is kept: it is of so many bytes.
    pub fn new(
        terms: &Terms,
        subject: &Subject<'_>,
        grounds: Option<&Arc<Grounds>>,
        grant: Option<&Grant>,
        length: usize,
        message: impl FnOnce() -> Message,
    ) -> Rc<Self> {
        let Subject { text, way, given, whole } = subject;
        let facts = &whole.facts;
        let sensitive = is_sensitive(facts, grounds.map(|grounds| &**grounds));
        let meter = Meter::new(sensitive);
        let meter = match grant {
            Some(grant) if grant.over().is_some() || grant.is_unmasked() || facts.effects.has(Effect::Export) => {
                meter.raised(grant.over().map_or(Bounds::NONE, |over| terms.bounds().raised(over)))
            }
            Some(_) | None => meter,
        };
        let kept =
            sensitive || !terms.masking.profile.holds.is_empty() || facts.statements.iter().any(|statement| statement.copy.is_some());
        let matter = (kept && length <= KEPT).then(|| Matter {
            text: (*text).clone(),
            way: *way,
            given: given.clone(),
            whole: Whole { facts: Arc::clone(facts), prepared: whole.prepared.clone() },
            message: message(),
        });
        Rc::new(Self {
            meter: RefCell::new(meter),
            facts: Arc::clone(facts),
            grounds: grounds.cloned(),
            granted: grant.is_some(),
            unmasked: grant.is_some_and(Grant::is_unmasked),
            copied: RefCell::default(),
            matter,
        })
    }

    /// What it was judged by.
    pub fn grounds(&self) -> Option<&Arc<Grounds>> {
        self.grounds.as_ref()
    }

    /// One of which nothing is known.
    pub fn unknown() -> Rc<Self> {
        Rc::new(Self {
            meter: RefCell::new(Meter::new(true)),
            facts: Arc::default(),
            grounds: None,
            granted: false,
            unmasked: false,
            copied: RefCell::default(),
            matter: None,
        })
    }

    /// The columns of what it copies to the client, where they are known, and how the data is cut.
    pub fn copies(&self) -> (Option<Columns>, Option<&facts::Copy>) {
        let mut copies = self.facts.statements.iter().filter_map(|statement| statement.copy.as_ref());
        (self.copied.borrow().clone(), copies.find(|copy| copy.direction == Direction::Out))
    }

    /// Its columns were found out.
    pub fn copied(&self, columns: Option<Columns>) {
        self.copied.replace(columns);
    }

    /// Whether people approved it.
    pub fn is_granted(&self) -> bool {
        self.granted
    }

    /// Whether people let it see values as they are.
    pub fn is_unmasked(&self) -> bool {
        self.unmasked
    }

    fn count(&self, till: &mut Till<'_>, count: impl FnOnce(&mut Meter, &mut Till<'_>) -> Result<(), Over>) -> Result<(), Over> {
        count(&mut self.meter.borrow_mut(), till)
    }

    fn copy_format(&self, place: usize, binary: bool) -> CopyFormat {
        let taking = self.facts.statements.iter().filter_map(|statement| statement.copy.as_ref());
        let mut taking = taking.filter(|copy| copy.direction == Direction::In && copy.target == CopyTarget::Client);
        let format = taking.nth(place).map_or(CopyFormat::Unknown, |copy| copy.format);
        match (binary, format) {
            (true, _) => CopyFormat::Binary,
            (false, CopyFormat::Binary) => CopyFormat::Unknown,
            (false, format) => format,
        }
    }
}

/// Whether rows that it brings may carry sensitive values. Rows of a cursor, and of a statement prepared by a name, are those of another
/// statement.
pub fn is_sensitive(facts: &Facts, grounds: Option<&Grounds>) -> bool {
    let of_another = |named: &Named| matches!(named, Named::Fetch { .. } | Named::Execute(_));
    // What code that nobody knows gives back, nobody knows either.
    let unknown = |grounds: &Grounds| grounds.resolved.sensitive || grounds.resolved.reaches_code;
    facts.opaque.is_some() || grounds.is_none_or(unknown) || facts.statements.iter().any(|statement| statement.named.iter().any(of_another))
}

/// Whether it asks about values that it is not shown: it compares a column that is known to be sensitive. Where that is not known of all that
/// it compares, whether it compares columns and selects none.
fn is_probe(masking: &Masking, facts: &Facts, grounds: &Grounds) -> bool {
    let columns = || facts.statements.iter().flat_map(|statement| statement.columns.iter().map(move |column| (statement, column)));
    let compared = || columns().filter(|(_, column)| matches!(column.clause, Clause::Where | Clause::On | Clause::Having));
    let mut unknown = grounds.resolved.relations.is_empty();
    for (statement, column) in compared() {
        let named = |name: &str| match column.relation.and_then(|place| statement.relations.get(place)) {
            Some(relation) => *relation.name == *name,
            None => true,
        };
        for relation in grounds.resolved.relations.iter().filter(|relation| named(&relation.name)) {
            let Some(known) = masking.verdicts.relations.get(&relation.oid) else {
                unknown = true;
                continue;
            };
            let mut of_name = known.columns.iter().filter(|known| known.name == column.name);
            if of_name.any(|column| masking.profile.verdict(known, column).unwrap_or(column.verdict).is_sensitive()) {
                return true;
            }
        }
    }
    let selects = columns().any(|(_, column)| matches!(column.clause, Clause::Target | Clause::Returning));
    unknown && !selects && compared().next().is_some()
}

/// As how many questions a statement counts that compares sensitive columns: any of its values may be a guess.
fn questions(message: &Message) -> u64 {
    let parameters = match message {
        Message::Query(_) => &[][..],
        Message::Extended { bind, .. } => bind.values.as_slice(),
    };
    let parameters = parameters.iter().flatten().map(|value| value.len());
    // What cannot be read is one long text.
    match scan::literals(message.sql()) {
        Ok(literals) => budget::compared(parameters.chain(literals.iter().map(ExactSizeIterator::len))),
        Err(_) => budget::compared(parameters.chain([message.sql().len()])),
    }
}

/// Whether rows of what it reads may carry sensitive values, as far as columns are known.
fn may_carry(masking: &Masking, grounds: &Grounds) -> bool {
    let relations = &grounds.resolved.relations;
    let sensitive = |relation: &Relation| {
        let mut columns = relation.columns.iter();
        columns.any(|column| masking.profile.verdict(relation, column).unwrap_or(column.verdict).is_sensitive())
    };
    relations.is_empty()
        || grounds.resolved.reaches_code
        || relations.iter().any(|relation| masking.verdicts.relations.get(&relation.oid).is_none_or(|known| sensitive(known)))
}

impl Linked {
    /// What was leased in this step and not used goes back.
    pub(super) fn settle_lease(&mut self, terms: &Terms) {
        terms.purse.give_back(std::mem::take(&mut self.lease));
    }

    /// A text as it goes on the record. A shape not met before is written there whole, so an agent may bring so many bytes of them; a text
    /// that is refused for that is known by its digest alone.
    pub(super) fn recordable_text(&self, terms: &Terms, sql: &[u8], facts: &Facts) -> Result<Text, (Text, Box<Report>)> {
        let (text, met) = terms.recorder.meet(sql, facts, &terms.masking);
        if met {
            return Ok(text);
        }
        let allowance = terms.bounds().allowance;
        let shapes = u64::try_from(text.shape().text.len()).unwrap_or(u64::MAX);
        match terms.purse.charge(self.now, &allowance, Amount { shapes, ..Amount::default() }) {
            Ok(()) => Ok(text),
            Err(Exceeded { quantity, limit }) => {
                terms.recorder.forget(&text);
                let over = Over::asking(quantity, limit);
                Err((terms.recorder.unread(sql), Box::new(without_ticket(over).with_detail("Nothing ran."))))
            }
        }
    }

    /// What would pass by its judgement is asked about where its agent has used up what it would take, or people approved more for it.
    pub(super) fn within_budget(
        &mut self,
        terms: &Terms,
        subject: &Subject<'_>,
        course: Course,
        message: impl Fn() -> Message,
        out: &mut Output,
    ) -> Course {
        let Subject { text, given, whole, .. } = subject;
        let facts = &whole.facts;
        let Course::Pass(Passage { grounds: Some(grounds), grant: None, before, .. }) = &course else { return course };
        let before = *before;
        let refused = std::mem::take(&mut self.unraised);
        let raised = terms.purse.raised_for(text.shape().digest.0).filter(|_| !refused);
        let (over, purpose) = match raised {
            Some(over) => (over, Purpose::Redeem),
            None => match self.used_up(terms, facts, grounds, given, &message) {
                Some(Exceeded { quantity, limit }) => (Over::asking(quantity, limit), Purpose::Run),
                None => return course,
            },
        };
        let grounds = Arc::clone(grounds);
        if self.settle_first(out) {
            self.unraised = refused;
            return Course::Pause;
        }
        let awaited = before.map(|wait| wait.hold);
        let sent = message();
        let answer = self.said(terms, sent.sql());
        let petition =
            Petition { over: Some(over), purpose, awaited, answer, ..self.petition(subject.clone(), sent, Arc::clone(&grounds)) };
        let open_work = petition.open_work;
        self.inquiry =
            Inquiry::Petitioned(Asked { grounds, facts: Arc::clone(facts), open_work, before, cancelled: false, misplaced: false });
        out.demand(Demand::Petition(Box::new(petition)));
        Course::Pause
    }

    /// What the agent has no more of, and would take of.
    fn used_up(&self, terms: &Terms, facts: &Facts, grounds: &Grounds, given: &Given, message: impl Fn() -> Message) -> Option<Exceeded> {
        const READS: EffectSet = EffectSet::of(&[Effect::Read, Effect::Export, Effect::Code, Effect::Opaque]);
        if grounds.effects.and(READS).is_empty() || !is_sensitive(facts, Some(grounds)) {
            return None;
        }
        let allowance = terms.bounds().allowance;
        let sensitive = u64::from(may_carry(&terms.masking, grounds));
        let row = Amount { rows: 1, sensitive, bytes: 1, ..Amount::default() };
        let probe = || {
            let asks = allowance.probes.is_some() && is_probe(&terms.masking, facts, grounds);
            if asks { terms.purse.probe(self.now, &allowance, given.digest.0, questions(&message())).err() } else { None }
        };
        terms.purse.spent(self.now, &allowance, row).or_else(probe)
    }

    /// An error over a value tells of the value.
    pub(super) fn failed_over_value(&self, terms: &Terms, code: &[u8]) {
        const DATA_EXCEPTION: &[u8] = b"22";
        if code.starts_with(DATA_EXCEPTION)
            && let Some(run) = self.expected.head().and_then(Expected::run).filter(|run| run.meter.borrow().is_sensitive())
            && let Some(matter) = &run.matter
        {
            // Nothing of this one can be taken back; the next one is asked about.
            terms.purse.probe(self.now, &terms.bounds().allowance, matter.given.digest.0, questions(&matter.message)).ok();
        }
    }

    /// Whether a row of so many bytes may pass. One that is `searched` counts as sensitive where something is found in it: see
    /// `sensitive_row_may_pass`.
    pub(super) fn row_may_pass(
        &mut self,
        terms: &Terms,
        bounds: &Bounds,
        (length, cap): (usize, usize),
        searched: bool,
        out: &mut Output,
    ) -> bool {
        if self.halt.is_some() {
            return false;
        }
        if length > cap {
            let report = Report::error("PS004", format!("stopped at a row longer than the {cap} bytes that rows may have"))
                .with_hint("Select fewer or shorter columns.");
            self.stop(terms, Err(Box::new(report)), out);
            return false;
        }
        let cells = match self.counting.cells {
            Some(cells) => cells,
            None => {
                let cells = self.cells();
                *self.counting.cells.insert(cells)
            }
        };
        let Some(run) = self.expected.head().and_then(Expected::run) else { return false };
        let mut till = Till { purse: &terms.purse, lease: &mut self.lease, now: self.now, bounds };
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let count = |meter: &mut Meter, till: &mut Till<'_>| {
            if searched { meter.plain_row(till, length, cells) } else { meter.row(till, length, cells) }
        };
        match run.count(&mut till, count) {
            Ok(()) => true,
            Err(over) => {
                self.stop(terms, Ok(over), out);
                false
            }
        }
    }

    /// Whether a row that was counted may pass although sensitive values were found in it.
    pub(super) fn sensitive_row_may_pass(&mut self, terms: &Terms, bounds: &Bounds, length: usize) -> Result<(), Over> {
        let Some(run) = self.expected.head().and_then(Expected::run) else { return Ok(()) };
        let cells = self.counting.cells.unwrap_or(Cells::Computed);
        let mut till = Till { purse: &terms.purse, lease: &mut self.lease, now: self.now, bounds };
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let shown = &self.workspace.shown;
        run.count(&mut till, |meter, till| {
            meter.shown(till, shown.values())?;
            meter.found(till, length, cells)
        })
    }

    /// Whether something of the values may be shown that were met in what is about to pass.
    pub(super) fn values_may_pass(&mut self, terms: &Terms, bounds: &Bounds) -> Result<(), Over> {
        let Some(run) = self.expected.head().and_then(Expected::run) else { return Ok(()) };
        let mut till = Till { purse: &terms.purse, lease: &mut self.lease, now: self.now, bounds };
        let shown = &self.workspace.shown;
        run.count(&mut till, |meter, till| meter.shown(till, shown.values()))
    }

    /// Where the cells of the rows that come now are from. A COPY names no columns.
    fn cells(&self) -> Cells {
        let run = self.expected.head().and_then(Expected::run);
        let collects = run.and_then(|run| run.grounds.as_ref()).is_none_or(|grounds| grounds.resolved.collects);
        let plain = self.row_columns().is_some_and(|columns| columns.iter().all(|column| column.relation != 0));
        match (plain, collects) {
            (true, _) => Cells::Plain,
            (false, true) => Cells::Collected,
            (false, false) => Cells::Computed,
        }
    }

    /// Stops the run that is answered now: the server is asked to cancel it, and what it still brings is dropped.
    pub(super) fn stop(&mut self, terms: &Terms, why: Result<Over, Box<Report>>, out: &mut Output) {
        out.demand(Demand::Stop);
        self.stopping = true;
        // What the client sends up to its Sync is dropped. Where that has not come, the server aborts what is open, whether or not the
        // cancel comes in time.
        if !self.expected.ready_is_due() && self.heed != Heed::SyncOnly {
            self.heed = Heed::SyncOnly;
            describe_reserved(&terms.reserved, out);
            self.expected.push(Expected::Refused(Box::new(Report::error("PS004", "stopped"))));
        }
        self.halt(why, out);
    }

    fn halt(&mut self, why: Result<Over, Box<Report>>, out: &mut Output) {
        self.halt = Some(match why {
            Ok(over) => match self.ticket(over) {
                Some(petition) => {
                    out.demand(Demand::Petition(Box::new(petition)));
                    Halt::Asked(over)
                }
                None => Halt::Told(Box::new(without_ticket(over))),
            },
            Err(report) => Halt::Told(report),
        });
    }

    /// What the desk is asked for, unless it is being asked something else already.
    fn ticket(&self, over: Over) -> Option<Petition> {
        let run = self.expected.head().and_then(Expected::run).filter(|_| !self.inquiry.is_open())?;
        let (Matter { text, way, given, whole, message }, grounds) = (run.matter.as_ref()?, run.grounds.as_ref()?);
        let subject = Subject { text, way: *way, given: given.clone(), whole };
        let petition = self.petition(subject, message.clone(), Arc::clone(grounds));
        Some(Petition { over: Some(over), purpose: Purpose::Ticket, ..petition })
    }

    /// Whether what ends a run must wait for the desk.
    pub(super) fn awaits_ticket(&self) -> bool {
        matches!(self.halt, Some(Halt::Asked(_)))
    }

    /// The desk answered about the run that was stopped.
    pub(super) fn ticket_answered(&mut self, reply: Reply) {
        let Some(Halt::Asked(over)) = self.halt else { return };
        self.halt = Some(Halt::Told(Box::new(match reply {
            Reply::Waiting(waiting) => waiting.ticket,
            Reply::Refused(report) => report,
            Reply::Granted(_) | Reply::Nothing => without_ticket(over),
        })));
    }

    /// The cancel of a run that was stopped has reached the server, so it can hit nothing that is sent from now on.
    pub(super) fn stopped(&mut self) {
        self.stopping = false;
    }

    /// Whether the client's next message waits until a run that was stopped is done with.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping || self.awaits_ticket()
    }

    /// The run at the head failed, or a part of it ended. Where it was stopped the client is told so instead; returns the code of that, which
    /// is also its outcome.
    pub(super) fn say_halt(&mut self, outcome: Option<Outcome>, out: &mut Output) -> Option<Word> {
        match self.halt.take()? {
            Halt::Told(mut report) => {
                if outcome.is_some() {
                    self.tell_late(&mut report);
                }
                out.to_client.make(|bytes| report.write(bytes));
                let code = report.code.clone();
                if let Some(Expected::Execute { refusal, .. } | Expected::Query { refusal, .. }) = self.expected.head_mut() {
                    *refusal = Some(report);
                }
                self.halt = Some(Halt::Said);
                Some(code)
            }
            said @ (Halt::Said | Halt::Asked(_)) => {
                self.halt = Some(said);
                self.expected.head().and_then(Expected::refusal).map(|report| report.code.clone())
            }
        }
    }

    /// It had ended before the cancel came: what it did stands.
    fn tell_late(&self, report: &mut Report) {
        let run = self.expected.head().and_then(Expected::run);
        let only_read = run.is_some_and(|run| run.facts.effects.is_within(Effect::Read.alone()));
        let more = self.expected.iter().skip(1).take_while(|item| !item.ends_with_ready()).any(|item| item.run().is_some());
        let mut add = |text: &str| {
            let detail = report.detail.take().unwrap_or_default();
            report.detail = Some(format!("{detail} {text}").trim_start().to_owned().into());
        };
        if !only_read {
            add("The statement had ended before it could be stopped: what it changed stands, unless its transaction is rolled back.");
        }
        if more {
            add("What was sent behind it in the same pipeline was not stopped either.");
        }
    }

    /// The server takes data of a COPY.
    pub(super) fn copy_counts(&mut self, binary: bool) -> Result<(), ProtocolError> {
        if self.halt.is_some() {
            return Err(ProtocolError("a COPY behind an answer that was stopped"));
        }
        let format = self.expected.head().and_then(Expected::run).map(|run| run.copy_format(self.counting.copies, binary));
        self.counting.copied = Some(Copied::new(format.unwrap_or(CopyFormat::Unknown)));
        self.counting.copies = self.counting.copies.saturating_add(1);
        Ok(())
    }

    /// So many bytes of it are about to go to the server. False where the COPY is stopped before them.
    pub(super) fn copy_may_pass(&mut self, terms: &Terms, length: usize, out: &mut Output) -> bool {
        let bytes = u64::try_from(length).unwrap_or(u64::MAX);
        match self.count_copied(terms, 0, bytes) {
            Ok(()) => true,
            Err(over) => {
                self.stop_copy(over, out);
                false
            }
        }
    }

    /// These bytes of it pass.
    pub(super) fn copy_passes(&mut self, terms: &Terms, bytes: &[u8]) {
        self.counting.look_for_masks(terms, bytes);
        let rows = self.counting.copied.as_mut().map_or(0, |copied| copied.feed(bytes));
        if rows > 0
            && let Err(over) = self.count_copied(terms, rows, 0)
        {
            self.counting.over.get_or_insert(over);
        }
    }

    /// A message of data has passed whole: where it brought too much the server is told to let go of all of it.
    pub(super) fn copy_passed(&mut self, out: &mut Output) {
        if let Some(over) = self.counting.over.take() {
            self.stop_copy(over, out);
        } else if std::mem::take(&mut self.counting.masked)
            && let Copy::In = self.copy
        {
            self.refuse_copy(out);
            self.halt(Err(Box::new(tokens::written_back())), out);
        }
    }

    fn count_copied(&mut self, terms: &Terms, rows: u64, bytes: u64) -> Result<(), Over> {
        let (bounds, run) = (terms.bounds(), self.expected.head().and_then(Expected::run));
        let mut till = Till { purse: &terms.purse, lease: &mut self.lease, now: self.now, bounds: &bounds };
        run.map_or(Ok(()), |run| run.count(&mut till, |meter, till| meter.copied(till, rows, bytes)))
    }

    fn stop_copy(&mut self, over: Over, out: &mut Output) {
        if let Copy::In = self.copy {
            self.refuse_copy(out);
            self.halt(Ok(over), out);
        }
    }
}

/// Where nobody could be asked: sent again, the statement is held.
fn without_ticket(over: Over) -> Report {
    let Over { quantity, limit, .. } = over;
    let report = Report::error("PS004", format!("stopped at the limit of {limit} {}", quantity.word()));
    match quantity {
        Quantity::Found => Report::error("PS004", words::FOUND)
            .with_hint("Select other columns or other rows. A shorter statement with the same result can be approved by a reviewer."),
        Quantity::ShapeBytes => report.with_hint("Send values as parameters, so that statements of one form are one, or wait some minutes."),
        Quantity::Rows
        | Quantity::Bytes
        | Quantity::CopyInRows
        | Quantity::CopyInBytes
        | Quantity::SensitiveRows
        | Quantity::SensitiveValues
        | Quantity::Probes => report.with_hint(
            "Ask for less: aggregates, a narrower WHERE, fewer columns. Sent again as it is while the limit is reached, the statement awaits \
             the approval of a reviewer.",
        ),
    }
}
