//! What the client's messages do to a linked session.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::audit::event::Way;
use crate::gate::Grounds;
use crate::sql::facts::{Facts, Opaque};
use crate::sql::remade::Remade;
use crate::wire::ProtocolError;
use crate::wire::frame::{self, Head};
use crate::wire::frontend::{Bind, Execute, Frontend, Parse, Target, tag};
use crate::wire::report::Report;
use crate::wire::write;

use super::Terms;
use super::asking::{Course, Message, Parameters, Passage, Petition, Purpose, Refusal};
use super::columns::{Knowledge, Portal, ResultFormats, Statement};
use super::expected::{About, Expected};
use super::limits::Run;
use super::linked::{Copy, Heed, Linked, Made, Remainder, Unnoted, named, send_describe_portal};
use super::names::significant;
use super::output::Output;
use super::recording::{Circumstances, Execution, Given, Text};

/// Prepared statements one connection may keep: far above what drivers' caches hold.
const STATEMENTS: usize = 10_000;
/// Named portals likewise.
const PORTALS: usize = 10_000;

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
                self.waiting = true;
                return Ok(());
            }
            let range = *taken..taken.saturating_add(head.total());
            if !self.message(terms, message, range.clone(), out)? {
                return Ok(());
            }
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
            self.waiting = true;
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

    /// Whether what the message names is not certain yet: something sent about it earlier may still fail, and this message would be
    /// run all the same, on what the name meant before. What it waits for is sent, so the answer comes without the client.
    fn must_wait(&self, message: Frontend<'_>) -> bool {
        let segment = self.expected.segment();
        self.heed != Heed::SyncOnly
            && match message {
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
            }
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
            Frontend::Parse(parse) => self.parse(terms, parse, range, out),
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

    fn query(&mut self, terms: &Terms, sql: &[u8], range: Range<usize>, out: &mut Output) -> bool {
        let facts = terms.judge.read(sql);
        let text = match self.recordable_text(terms, sql, &facts) {
            Ok(text) => text,
            Err((text, report)) => {
                self.note_refusal(terms, &text, Way::Query, text.plain(), &report, out);
                self.refuse_query(report, &terms.reserved, out);
                return true;
            }
        };
        let message = || Message::Query(Zeroizing::new(sql.to_vec()));
        let course = self.decide(
            terms,
            &facts,
            message,
            |this, message, grounds| this.petition(&text, &facts, message, this.circumstances(Way::Query, text.plain()), grounds),
            out,
        );
        let petition =
            |this: &Self, grounds| this.petition(&text, &facts, message(), this.circumstances(Way::Query, text.plain()), grounds);
        let course = self.within_budget(terms, &facts, (&text, &text.plain()), course, petition, out);
        match course {
            Course::Pass(passage) => {
                self.ran(&facts, Some(&passage));
                let Passage { permit, grounds, grant } = passage;
                let way = (Way::Query, &text.plain());
                let run = Run::new(&facts, grounds.as_ref(), grant.as_ref(), terms, &text, way, (sql.len(), message));
                let circumstances =
                    Circumstances { grounds, hold: grant.map(|grant| grant.hold()), ..self.circumstances(Way::Query, text.plain()) };
                let execution = self.account.begun(&text, circumstances, self.now, out);
                self.forget_remade(&text);
                out.to_upstream.pass_permitted(permit, range);
                self.expected.push(Expected::Query { refusal: None, execution, run });
                self.segment_ended();
            }
            Course::Refuse(refusal) => {
                let report = self.note_decided(terms, &text, Way::Query, text.plain(), refusal, out);
                self.refuse_query(report, &terms.reserved, out);
            }
            Course::Pause => return false,
        }
        true
    }

    /// The implicit transaction ends here.
    fn segment_ended(&mut self) {
        self.executed = false;
        self.bound = false;
        self.prepared = false;
    }

    /// What the desk is asked about a statement.
    pub(super) fn petition(
        &self,
        text: &Text,
        facts: &Arc<Facts>,
        message: Message,
        circumstances: Circumstances,
        grounds: Arc<Grounds>,
    ) -> Petition {
        let sent = circumstances.given.digest;
        let circumstances = Circumstances { grounds: Some(Arc::clone(&grounds)), ..circumstances };
        Petition {
            message,
            facts: Arc::clone(facts),
            shape: text.shape(),
            tags: text.tags(),
            task: None,
            settings: Vec::new(),
            open_work: self.has_open_work() || self.bound,
            over: None,
            purpose: Purpose::Run,
            statement: self.account.held(text, &circumstances),
            sent,
            grounds,
        }
    }

    /// Notes that a statement was not sent, and gives back what the client is told.
    fn note_decided(&self, terms: &Terms, text: &Text, way: Way, given: Given, refusal: Refusal, out: &mut Output) -> Box<Report> {
        let Refusal { report, grounds, hold } = refusal;
        let circumstances = Circumstances { grounds, hold, ..self.circumstances(way, given) };
        terms.note_refusal(&self.account, text, circumstances, &report, out);
        report
    }

    fn circumstances(&self, way: Way, given: Given) -> Circumstances {
        Circumstances::plain(way, given, self.has_open_work())
    }

    /// The text may give names to other things than the protocol gave them to: what they stand for is not known from then on.
    fn forget_remade(&mut self, text: &Text) {
        for remade in text.remade.iter().flat_map(|remade| remade.iter()) {
            match remade {
                Remade::Statement(name) => self.statements.remade(name.as_bytes()),
                Remade::Portal(name) => self.portals.remade(name.as_bytes()),
                Remade::All => {
                    self.statements.all_remade();
                    self.portals.all_remade();
                }
            }
        }
    }

    fn unnoted(&mut self, what: Made) {
        let in_transaction = self.has_open_work();
        self.unnoted.push(Unnoted { what, in_transaction });
    }

    fn note_refusal(&self, terms: &Terms, text: &Text, way: Way, given: Given, report: &Report, out: &mut Output) {
        terms.note_refusal(&self.account, text, self.circumstances(way, given), report, out);
    }

    fn parse(&mut self, terms: &Terms, parse: Parse<'_>, range: Range<usize>, out: &mut Output) {
        let facts = terms.judge.read(parse.sql);
        let text = match self.recordable_text(terms, parse.sql, &facts) {
            Ok(text) => text,
            Err((text, report)) => {
                self.note_refusal(terms, &text, Way::Parse, text.plain(), &report, out);
                return self.refuse_extended(report, &terms.reserved, out);
            }
        };
        let refusal = if significant(parse.statement) == significant(&terms.reserved) {
            Some(Report::error("42P05", "this statement name is reserved"))
        } else if self.statements.len() >= STATEMENTS && !parse.statement.is_empty() {
            let report = Report::error("54000", format!("more than {STATEMENTS} prepared statements on one connection"));
            Some(report.with_hint("Close statements that are no longer used."))
        } else {
            terms.unrecordable.clone()
        };
        if let Some(report) = refusal {
            self.note_refusal(terms, &text, Way::Parse, text.plain(), &report, out);
            return self.refuse_extended(Box::new(report), &terms.reserved, out);
        }
        out.to_upstream.pass(range);
        self.prepared = true;
        self.ran(&facts, None);
        let statement = Rc::new(Statement {
            facts,
            sql: Zeroizing::new(parse.sql.to_vec()),
            types: parse.parameter_types().collect(),
            text,
            noted: Cell::default(),
            remade: Cell::default(),
            knowledge: RefCell::default(),
        });
        self.unnoted(Made::Statement(Rc::clone(&statement)));
        self.statements.sent(parse.statement, Rc::clone(&statement), self.expected.segment());
        self.expected.push(Expected::Parse { name: significant(parse.statement).into(), statement });
    }

    fn bind(&mut self, terms: &Terms, bind: Bind<'_>, range: Range<usize>, out: &mut Output) -> bool {
        let statement = named(&self.statements, bind.statement);
        let unknown;
        let text = match &statement {
            Some(statement) => &statement.text,
            None => {
                unknown = terms.recorder.made_in_sql("a statement", bind.statement);
                &unknown
            }
        };
        let given = terms.recorder.given(text, &bind);
        let facts = statement.as_ref().map_or_else(unknown_facts, |statement| Arc::clone(&statement.facts));
        let course = if self.portals.len() >= PORTALS && !bind.portal.is_empty() {
            Course::Refuse(Refusal::plain(Report::error("54000", format!("more than {PORTALS} open portals on one connection"))))
        } else {
            let message = || bound_message(statement.as_deref(), &bind);
            let given = given.clone();
            self.decide(
                terms,
                &facts,
                message,
                |this, message, grounds| this.petition(text, &facts, message, this.circumstances(Way::Bind, given), grounds),
                out,
            )
        };
        let petition = |this: &Self, grounds| {
            let message = bound_message(statement.as_deref(), &bind);
            this.petition(text, &facts, message, this.circumstances(Way::Bind, given.clone()), grounds)
        };
        let course = self.within_budget(terms, &facts, (text, &given), course, petition, out);
        match course {
            Course::Pass(passage) => {
                self.ran(&facts, Some(&passage));
                let Passage { permit, grounds, grant } = passage;
                out.to_upstream.pass_permitted(permit, range.clone());
                self.bound = true;
                let message = || bound_message(statement.as_deref(), &bind);
                let length = range.len().saturating_add(statement.as_ref().map_or(0, |statement| statement.sql.len()));
                let run = Run::new(&facts, grounds.as_ref(), grant.as_ref(), terms, text, (Way::Bind, &given), (length, message));
                let portal = Rc::new(Portal {
                    run,
                    text: text.clone(),
                    statement,
                    formats: ResultFormats::of(&bind.result_formats),
                    given,
                    grant,
                    noted: Cell::default(),
                    begun: Cell::default(),
                    remade: Cell::default(),
                    knowledge: RefCell::default(),
                });
                self.unnoted(Made::Portal(Rc::clone(&portal)));
                self.portals.sent(bind.portal, Rc::clone(&portal), self.expected.segment());
                self.expected.push(Expected::Bind { name: significant(bind.portal).into(), portal });
            }
            Course::Refuse(refusal) => {
                let report = self.note_decided(terms, text, Way::Bind, given, refusal, out);
                self.refuse_extended(report, &terms.reserved, out);
            }
            Course::Pause => return false,
        }
        true
    }

    fn describe(&mut self, target: Target<'_>, range: Range<usize>, out: &mut Output) {
        out.to_upstream.pass(range);
        self.prepared = true;
        let about = match target {
            Target::Statement(name) => About::Statement(named(&self.statements, name)),
            Target::Portal(name) => About::Portal(named(&self.portals, name)),
        };
        about.asked();
        self.expected.push(Expected::Describe { about, shown: true });
    }

    fn execute(&mut self, terms: &Terms, execute: Execute<'_>, range: Range<usize>, out: &mut Output) -> bool {
        let portal = named(&self.portals, execute.portal);
        let course = match portal.as_ref().and_then(|portal| portal.grant.as_ref()) {
            Some(grant) if terms.unrecordable.is_none() => Course::Pass(Passage { permit: grant.permit(), grounds: None, grant: None }),
            _ => {
                let statement = portal.as_ref().and_then(|portal| portal.statement.as_ref());
                let facts = statement.map_or_else(unknown_facts, |statement| Arc::clone(&statement.facts));
                self.decide_bound(terms, &facts, statement.map(|statement| statement.sql.as_slice()), out)
            }
        };
        match course {
            Course::Pass(passage) => {
                // What Bind did not make is not known for what it is.
                self.tainted |= portal.is_none();
                self.send_execute(terms, passage, portal, execute, range, out);
            }
            Course::Refuse(refusal) => {
                let text =
                    portal.as_ref().map_or_else(|| terms.recorder.made_in_sql("a cursor", execute.portal), |portal| portal.text.clone());
                let given = portal.map_or_else(|| text.plain(), |portal| portal.given.clone());
                let report = self.note_decided(terms, &text, Way::Execute, given, refusal, out);
                self.refuse_extended(report, &terms.reserved, out);
            }
            Course::Pause => return false,
        }
        true
    }

    /// Notes that a portal is run; what it was made of in the same step is noted with it.
    fn note_execution(
        &self,
        terms: &Terms,
        portal: Option<&Rc<Portal>>,
        grounds: Option<Arc<Grounds>>,
        name: &[u8],
        out: &mut Output,
    ) -> Execution {
        let Some(portal) = portal else {
            let text = terms.recorder.made_in_sql("a cursor", name);
            let circumstances = Circumstances { grounds, ..self.circumstances(Way::Fetch, text.plain()) };
            return self.account.begun(&text, circumstances, self.now, out);
        };
        let way = if portal.begun.replace(true) { Way::Fetch } else { Way::Execute };
        let hold = portal.grant.as_ref().map(crate::gate::Grant::hold);
        let circumstances = Circumstances { grounds, hold, ..self.circumstances(way, portal.given.clone()) };
        let execution = self.account.begun(&portal.text, circumstances, self.now, out);
        for noted in [Some(&portal.noted), portal.statement.as_ref().map(|statement| &statement.noted)].into_iter().flatten() {
            if noted.get().is_none() {
                noted.set(Some(execution.number));
            }
        }
        execution
    }

    fn send_execute(
        &mut self,
        terms: &Terms,
        passage: Passage,
        portal: Option<Rc<Portal>>,
        execute: Execute<'_>,
        range: Range<usize>,
        out: &mut Output,
    ) {
        let Passage { permit, grounds, .. } = passage;
        let execution = self.note_execution(terms, portal.as_ref(), grounds, execute.portal, out);
        if let Some(portal) = &portal {
            self.forget_remade(&portal.text);
        }
        // Rows are never met without their columns: where the client did not ask for them, we do. A portal not made by Bind is
        // a cursor made in SQL, which may be another one at each turn.
        if portal.as_ref().is_none_or(|portal| portal.knowledge() == Knowledge::Unknown) {
            send_describe_portal(execute.portal, out);
            let about = About::Portal(portal.clone());
            about.asked();
            self.expected.push(Expected::Describe { about, shown: false });
        }
        out.to_upstream.pass_permitted(permit, range);
        let run = portal.as_ref().map_or_else(|| Run::unknown(&unknown_facts()), |portal| Rc::clone(&portal.run));
        self.expected.push(Expected::Execute { portal, refusal: None, execution, run });
        self.executed = true;
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

/// What is not known for what it is.
fn unknown_facts() -> Arc<Facts> {
    Arc::new(Facts::opaque(Opaque::Prepared))
}

fn bound_message(statement: Option<&Statement>, bind: &Bind<'_>) -> Message {
    let (sql, types) = statement.map_or_else(Default::default, |statement| (statement.sql.clone(), statement.types.clone()));
    let values = bind.parameters.iter().map(|value| value.map(|value| Zeroizing::new(value.to_vec()))).collect();
    let formats = (0..bind.parameters.len()).map(|index| bind.parameter_formats.of(index)).collect();
    Message::Extended { sql, types, bind: Parameters { formats, values } }
}
