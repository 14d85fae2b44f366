//! What becomes of the messages that make the server prepare and run something, once they are decided: each is noted, sent, and its answers
//! awaited. How a decision comes about is in `deciding`.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::audit::event::Way;
use crate::gate::catalog::made;
use crate::gate::hold::HoldId;
use crate::gate::{Grant, Grounds};
use crate::sql::facts::{Facts, Named, Opaque};
use crate::sql::tags;
use crate::wire::frontend::{Bind, Execute, Frontend, Parse, Target, tag};
use crate::wire::report::Report;
use crate::wire::write;

use super::Terms;
use super::asking::{Course, Inquiry, Message, Parameters, Passage, Petition, Purpose, Refusal};
use super::belt::{self, Lifted};
use super::client::{PORTALS, PREPARED_BYTES, SHORT_TEXT, STATEMENTS};
use super::columns::{Knowledge, Portal, ResultFormats, Statement};
use super::consequences::{Whole, Work};
use super::deciding::lifts;
use super::expected::{About, Expected, Shown};
use super::limits::Run;
use super::linked::{Linked, Made, Unnoted, named, send_describe_portal};
use super::names::significant;
use super::output::{Demand, Output};
use super::recording::{Circumstances, Execution, Given, Text};
use super::stored;
use super::task::{self, About as Told, Claim, Topic};
use super::tokens::{self, Spliced};

/// A statement that is to be decided.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    pub text: &'a Text,
    pub way: Way,
    pub given: Given,
    pub whole: &'a Whole,
}

impl Linked {
    /// False where the message is not decided yet: it is looked at again from the beginning.
    pub(super) fn query(&mut self, terms: &Terms, sent: &[u8], range: Range<usize>, out: &mut Output) -> bool {
        if self.awaits_stored(sent, out) {
            return false;
        }
        let stored = self.stored.clone();
        let sql = stored.as_ref().map_or(sent, |message| message.sql());
        let facts = terms.judge.read(sql);
        let text = match self.recordable_text(terms, sql, &facts) {
            Ok(text) => text,
            Err(_) if self.settle_refusal(out) => return false,
            Err((text, report)) => {
                self.note_refusal(terms, &text, Way::Query, text.plain(), &report, out);
                self.refuse_query(report, &terms.reserved, out);
                return true;
            }
        };
        if self.runs_unsure_names(&facts) {
            self.settle_in_flight(out);
            return false;
        }
        match task::about(&facts) {
            // What cannot be recorded is refused as everything else is.
            Told::Nothing | Told::Claim(_) if terms.unrecordable.is_some() => {}
            Told::Nothing => {}
            Told::Claim(claim) => {
                self.claim(claim, &text, out);
                return true;
            }
            Told::Entangled if self.settle_refusal(out) => return false,
            Told::Entangled => {
                let report = Box::new(task::entangled());
                self.note_refusal(terms, &text, Way::Query, text.plain(), &report, out);
                self.refuse_query(report, &terms.reserved, out);
                return true;
            }
        }
        let bound = stored.as_deref().and_then(stored::values).map(|(types, parameters)| (types, stored::bind(parameters)));
        let resolved = self.resolved_query(terms, sql, &facts, bound.as_ref().map(|(_, bind)| bind.as_slice()));
        let bind = bound.as_ref().and_then(|(types, bind)| Some((*types, read_bind(bind)?)));
        let given = bind.map_or_else(|| text.plain(), |(_, bind)| terms.recorder.given(&text, &bind, &terms.masking));
        let whole = self.whole(&facts);
        let types = whole.types(&bind.map_or_else(Box::default, |(types, _)| made(types.iter().copied())));
        let subject = Subject { text: &text, way: Way::Query, given: given.clone(), whole: &whole };
        let message = || stored.as_deref().cloned().unwrap_or_else(|| Message::Query(Zeroizing::new(sql.to_vec())));
        let course = if self.lifted == Lifted::Running {
            Course::Refuse(Refusal::plain(belt::alone()))
        } else if let Err(report) = &resolved {
            Course::Refuse(Refusal::plain(Report::clone(report)))
        } else {
            let unmask = tags::asks_unmasked(sql);
            let course = self.decide(terms, &subject, &types, unmask, message, out);
            let course = self.within_budget(terms, &subject, course, message, out);
            let course = self.storing(terms, &whole.facts, course, out);
            self.described_copy(terms, &whole.facts, sql, course, out)
        };
        match course {
            Course::Pass(passage) => {
                self.ran(&whole.facts, Some(&passage));
                let Passage { permit, grounds, grant, .. } = passage;
                let hold = grant.as_ref().map(Grant::hold);
                let run = Run::new(terms, &subject, grounds.as_ref(), grant.as_ref(), sql.len(), message);
                run.copied(self.take_described());
                self.lift_where_needed(terms, grounds.as_deref(), hold, Lifted::Ending, out);
                self.sent(&whole.facts, grounds.as_deref(), sql, hold.is_some());
                note_written(terms, &whole.facts, grounds.as_deref(), out);
                let circumstances = Circumstances { grounds, hold, ..self.circumstances(Way::Query, given) };
                let execution = self.account.begun(&text, circumstances, self.now, out);
                let work = Work::of_query(&facts, sql, &text);
                let spliced = resolved.ok().flatten();
                let values = spliced.as_ref().map(|spliced| Zeroizing::new(stored::bind(&spliced.parameters)));
                // With the values of its tokens as parameters: in no text that the server keeps or shows do they stand.
                if let Some((spliced, values)) = spliced.as_ref().zip(values.as_deref())
                    && let Some(view) = read_bind(values)
                {
                    let types = bound.as_ref().map_or(&[] as &[u32], |(types, _)| types);
                    out.to_upstream.make_permitted(permit, |bytes| write_bound(bytes, &spliced.sql, types, Some(values)));
                    let portal = self.expect_bound(&facts, &spliced.sql, types, &text, view, grant);
                    self.expected.push(Expected::Execute { portal: Some(portal), refusal: None, execution, work, run });
                    self.expected.push(Expected::Sync { shown: true });
                    self.segment_ended();
                    return true;
                }
                match (&stored, bind) {
                    (None, _) => out.to_upstream.pass_permitted(permit, range),
                    (Some(_), Some((types, bind))) => {
                        out.to_upstream
                            .make_permitted(permit, |bytes| write_bound(bytes, sql, types, bound.as_ref().map(|(_, bind)| bind)));
                        let portal = self.expect_bound(&facts, sql, types, &text, bind, grant);
                        self.expected.push(Expected::Execute { portal: Some(portal), refusal: None, execution, work, run });
                        self.expected.push(Expected::Sync { shown: true });
                        self.segment_ended();
                        return true;
                    }
                    (Some(_), None) => out.to_upstream.make_permitted(permit, |bytes| {
                        write::message(bytes, tag::QUERY, |body| {
                            body.string(sql);
                        });
                    }),
                }
                self.expected.push(Expected::Query { refusal: None, execution, work, run });
                self.segment_ended();
            }
            Course::Refuse(Refusal { report, grounds, hold }) if self.settle_refusal(out) => {
                self.inquiry = Inquiry::Refused { report, hold, grounds };
                return false;
            }
            Course::Refuse(refusal) => {
                let report = self.note_decided(terms, &text, Way::Query, given, refusal, out);
                self.refuse_query(report, &terms.reserved, out);
            }
            Course::Pause => return false,
        }
        true
    }

    /// A query with the values of its tokens, where it has any that stand for some.
    fn resolved_query(&self, terms: &Terms, sql: &[u8], facts: &Facts, bound: Option<&[u8]>) -> Result<Option<Spliced>, Box<Report>> {
        let Some(bind) = bound.and_then(read_bind) else { return tokens::spliced(&terms.masking, sql, facts) };
        let parameters = tokens::bound(&terms.masking, sql, facts, &bind)?;
        Ok(parameters.map(|parameters| Spliced { sql: Zeroizing::new(sql.to_vec()), parameters }))
    }

    /// Whether it runs by name what something in flight may still give to another, or not give to it.
    fn runs_unsure_names(&self, facts: &Facts) -> bool {
        let (unsure, segment) = (self.sql_names_are_unsure(), self.expected.segment());
        run_by_name(facts).any(|name| unsure || self.statements.is_undecided(name.as_bytes(), segment))
    }

    /// Whether a portal that runs statements by name would run those that it was judged with: the server looks them up when it runs.
    fn runs_as_bound(&self, portal: &Portal, facts: &Arc<Facts>) -> bool {
        let (now, then) = (self.whole(facts).prepared, &portal.prepared);
        now.len() == then.len() && now.iter().zip(then).all(|(now, then)| Rc::ptr_eq(now, then))
    }

    /// Whether the text names a hold whose message is not here yet.
    fn awaits_stored(&mut self, sent: &[u8], out: &mut Output) -> bool {
        if self.stored.is_some() || !self.inquiry.is_none() {
            return false;
        }
        let Some(hold) = stored::named(sent) else { return false };
        self.inquiry = Inquiry::Fetching;
        out.demand(Demand::Fetch(hold));
        true
    }

    /// Awaits the answers to a stored message with its parameters: the client sees those of a simple query.
    fn expect_bound(
        &mut self,
        facts: &Arc<Facts>,
        sql: &[u8],
        types: &[u32],
        text: &Text,
        bind: Bind<'_>,
        grant: Option<Grant>,
    ) -> Rc<Portal> {
        let statement = Rc::new(Statement { types: types.into(), made: made(types.iter().copied()), ..Statement::plain(facts, sql, text) });
        let portal = Rc::new(Portal {
            formats: ResultFormats::of(&bind.result_formats),
            grant,
            ..Portal::plain(Some(Rc::clone(&statement)), text, text.plain())
        });
        let segment = self.expected.segment();
        self.statements.sent(b"", Rc::clone(&statement), segment);
        self.portals.sent(b"", Rc::clone(&portal), segment);
        self.expected.push(Expected::Parse { name: Box::default(), statement, shown: false });
        self.expected.push(Expected::Bind { name: Box::default(), portal: Rc::clone(&portal), shown: false });
        let about = About::Portal(Some(Rc::clone(&portal)));
        about.asked();
        self.expected.push(Expected::Describe { about, shown: Shown::Columns });
        portal
    }

    /// The agent says something to people. An empty statement takes the place of it, so that the answer comes in its order.
    fn claim(&mut self, claim: Claim, text: &Text, out: &mut Output) {
        let execution = self.account.begun(text, self.circumstances(Way::Query, text.plain()), self.now, out);
        out.to_upstream.make(|bytes| {
            write::message(bytes, tag::QUERY, |body| {
                body.string(b"");
            });
        });
        self.expected.push(Expected::Query { refusal: None, execution, work: Work::standing_for(claim.command), run: Run::unknown() });
        self.claimed(claim);
        self.segment_ended();
    }

    fn claimed(&mut self, claim: Claim) {
        match claim.topic {
            Topic::Task => self.task = claim.text,
            Topic::Answer => self.answer = claim.text,
        }
    }

    fn lift_where_needed(&mut self, terms: &Terms, grounds: Option<&Grounds>, hold: Option<HoldId>, lifted: Lifted, out: &mut Output) {
        let open = self.has_open_work() || self.bound;
        if terms.manner.read_only && hold.is_some() && !open && grounds.is_some_and(|grounds| lifts(grounds.effects)) {
            self.lift_belt(terms, lifted, out);
        }
    }

    /// What the desk is asked about a statement.
    pub(super) fn petition(&self, subject: Subject<'_>, message: Message, grounds: Arc<Grounds>) -> Petition {
        let Subject { text, way, given, whole } = subject;
        let sent = given.digest;
        let circumstances = Circumstances { grounds: Some(Arc::clone(&grounds)), ..self.circumstances(way, given) };
        let tags = text.tags();
        let told = tags.iter().find(|tag| tag.name == "task" && tag.value != tags::SCREENED);
        let mut settings = self.settings.telling(|name| self.reported(name));
        // What a name stands for is as much part of the text's meaning as a setting is.
        for statement in &whole.prepared {
            let (sql, types) = (String::from_utf8_lossy(&statement.sql), &statement.types);
            settings.push(("(prepared statement)".into(), format!("{sql} {types:?}").into()));
        }
        Petition {
            message,
            facts: Arc::clone(&whole.facts),
            shape: text.shape(),
            task: told.and_then(|tag| task::kept(&tag.value)).or_else(|| self.task.clone()),
            tags,
            settings,
            open_work: self.has_open_work() || self.bound,
            awaited: None,
            over: None,
            purpose: Purpose::Run,
            answer: None,
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

    /// Bytes of the texts of prepared statements that are kept, also of those that only a portal runs any more.
    fn prepared_bytes(&self) -> usize {
        let run = self.portals.all().filter_map(|portal| portal.statement.as_ref());
        let mut kept: Vec<_> = self.statements.all().chain(run).map(|statement| (Rc::as_ptr(statement), statement.sql.len())).collect();
        kept.sort_unstable();
        kept.dedup();
        kept.iter().map(|(_, bytes)| bytes).sum()
    }

    fn unnoted(&mut self, what: Made) {
        let in_transaction = self.has_open_work();
        self.unnoted.push(Unnoted { what, in_transaction });
    }

    pub(super) fn note_refusal(&self, terms: &Terms, text: &Text, way: Way, given: Given, report: &Report, out: &mut Output) {
        terms.note_refusal(&self.account, text, self.circumstances(way, given), report, out);
    }

    /// False where the message of a hold is still to be fetched.
    pub(super) fn parse(&mut self, terms: &Terms, parse: Parse<'_>, range: Range<usize>, out: &mut Output) -> bool {
        if self.awaits_stored(parse.sql, out) {
            return false;
        }
        let stored = self.stored.clone();
        let sql = stored.as_ref().map_or(parse.sql, |message| message.sql());
        let facts = terms.judge.read(sql);
        let text = match self.recordable_text(terms, sql, &facts) {
            Ok(text) => text,
            Err((text, report)) => {
                self.note_refusal(terms, &text, Way::Parse, text.plain(), &report, out);
                self.refuse_extended(report, &terms.reserved, out);
                return true;
            }
        };
        let about = task::about(&facts);
        let refusal = if let Inquiry::Refused { report, .. } = std::mem::take(&mut self.inquiry) {
            Some(*report)
        } else if significant(parse.statement) == significant(&terms.reserved) {
            Some(Report::error("42P05", "this statement name is reserved"))
        } else if self.statements.len() >= STATEMENTS && !parse.statement.is_empty() {
            let report = Report::error("54000", format!("more than {STATEMENTS} prepared statements on one connection"));
            Some(report.with_hint("Close statements that are no longer used."))
        } else if sql.len() > SHORT_TEXT && self.prepared_bytes().saturating_add(sql.len()) > PREPARED_BYTES {
            let report = Report::error("54000", format!("prepared statements of more than {PREPARED_BYTES} bytes on one connection"));
            Some(report.with_hint("Close statements that are no longer used, and send long values as parameters."))
        } else if about == Told::Entangled {
            Some(task::entangled())
        } else if stored.as_deref().and_then(stored::values).is_some() {
            Some(stored::needs_values())
        } else if let Err(report) = tokens::prepared(&terms.masking, sql, &facts) {
            Some(*report)
        } else {
            terms.unrecordable.clone()
        };
        if let Some(report) = refusal {
            self.note_refusal(terms, &text, Way::Parse, text.plain(), &report, out);
            self.refuse_extended(Box::new(report), &terms.reserved, out);
            return true;
        }
        let claim = if let Told::Claim(claim) = about { Some(claim) } else { None };
        match (&claim, &stored) {
            (None, None) => out.to_upstream.pass(range),
            (Some(_), _) => out.to_upstream.make(|bytes| stored::parse(bytes, parse.statement, b"", &[])),
            (None, Some(_)) => out.to_upstream.make(|bytes| stored::parse(bytes, parse.statement, sql, &[])),
        }
        self.prepared = true;
        self.settings.prepared(&facts, sql);
        self.ran(&facts, None);
        let types = if claim.is_some() || stored.is_some() { Box::default() } else { parse.parameter_types().collect() };
        let made = made(types.iter().copied());
        let statement = Rc::new(Statement { types, made, stored: stored.clone(), claim, ..Statement::plain(&facts, sql, &text) });
        self.unnoted(Made::Statement(Rc::clone(&statement)));
        self.statements.sent(parse.statement, Rc::clone(&statement), self.expected.segment());
        self.expected.push(Expected::Parse { name: significant(parse.statement).into(), statement, shown: true });
        true
    }

    pub(super) fn bind(&mut self, terms: &Terms, bind: Bind<'_>, range: Range<usize>, out: &mut Output) -> bool {
        let statement = named(&self.statements, bind.statement);
        let unknown;
        let text = match &statement {
            Some(statement) => &statement.text,
            None => {
                unknown = terms.recorder.made_in_sql("a statement", bind.statement);
                &unknown
            }
        };
        let facts = statement.as_ref().map_or_else(unknown_facts, |statement| Arc::clone(&statement.facts));
        if self.runs_unsure_names(&facts) {
            self.settle_in_flight(out);
            return false;
        }
        let given = terms.recorder.given(text, &bind, &terms.masking);
        let whole = self.whole(&facts);
        let types = whole.types(statement.as_ref().map_or(&[], |statement| &statement.made));
        let claims = statement.as_ref().is_some_and(|statement| statement.claim.is_some());
        let paths = self.settings.paths(!self.is_busy(), &whole.facts);
        let subject = Subject { text, way: Way::Bind, given: given.clone(), whole: &whole };
        let message = || bound_message(statement.as_deref(), &bind);
        let sql: &[u8] = statement.as_ref().map_or(&[], |statement| &statement.sql);
        let resolved = tokens::bound(&terms.masking, sql, &whole.facts, &bind);
        let course = if self.portals.len() >= PORTALS && !bind.portal.is_empty() {
            Course::Refuse(Refusal::plain(Report::error("54000", format!("more than {PORTALS} open portals on one connection"))))
        } else if self.lifted == Lifted::Running {
            Course::Refuse(Refusal::plain(belt::alone()))
        } else if let Err(report) = &resolved {
            Course::Refuse(Refusal::plain(Report::clone(report)))
        } else if claims && terms.unrecordable.is_none() {
            // What went up is empty.
            out.to_upstream.pass(range);
            self.bound(bind, Portal { paths, ..Portal::plain(statement.clone(), text, given) });
            return true;
        } else {
            let unmask = statement.as_ref().is_some_and(|statement| tags::asks_unmasked(&statement.sql));
            let course = self.decide(terms, &subject, &types, unmask, message, out);
            let course = self.within_budget(terms, &subject, course, message, out);
            let course = self.storing(terms, &whole.facts, course, out);
            let sql = statement.as_ref().map_or(&[][..], |statement| &statement.sql);
            self.described_copy(terms, &whole.facts, sql, course, out)
        };
        match course {
            Course::Pass(passage) => {
                self.ran(&whole.facts, Some(&passage));
                let Passage { permit, grant, learned, grounds, .. } = passage;
                let hold = grant.as_ref().map(Grant::hold);
                let length = range.len().saturating_add(statement.as_ref().map_or(0, |statement| statement.sql.len()));
                let run = Run::new(terms, &subject, grounds.as_ref(), grant.as_ref(), length, message);
                run.copied(self.take_described());
                self.lift_where_needed(terms, grounds.as_deref(), hold, Lifted::Running, out);
                note_written(terms, &whole.facts, grounds.as_deref(), out);
                match resolved.ok().flatten() {
                    Some(values) => out.to_upstream.make_permitted(permit, |bytes| tokens::write_bind(bytes, &bind, &values)),
                    None => out.to_upstream.pass_permitted(permit, range),
                }
                let text = text.clone();
                self.bound(
                    bind,
                    Portal {
                        run,
                        grant,
                        paths,
                        types,
                        learned,
                        whole: whole.facts,
                        prepared: whole.prepared,
                        ..Portal::plain(statement, &text, given)
                    },
                );
            }
            Course::Refuse(refusal) => {
                let report = self.note_decided(terms, text, Way::Bind, given, refusal, out);
                self.refuse_extended(report, &terms.reserved, out);
            }
            Course::Pause => return false,
        }
        true
    }

    fn bound(&mut self, bind: Bind<'_>, portal: Portal) {
        self.bound = true;
        let portal = Rc::new(Portal { formats: ResultFormats::of(&bind.result_formats), ..portal });
        self.unnoted(Made::Portal(Rc::clone(&portal)));
        self.portals.sent(bind.portal, Rc::clone(&portal), self.expected.segment());
        self.expected.push(Expected::Bind { name: significant(bind.portal).into(), portal, shown: true });
    }

    pub(super) fn describe(&mut self, target: Target<'_>, range: Range<usize>, out: &mut Output) {
        out.to_upstream.pass(range);
        self.prepared = true;
        let about = match target {
            Target::Statement(name) => About::Statement(named(&self.statements, name)),
            Target::Portal(name) => About::Portal(named(&self.portals, name)),
        };
        about.asked();
        self.expected.push(Expected::Describe { about, shown: Shown::All });
    }

    pub(super) fn execute(&mut self, terms: &Terms, execute: Execute<'_>, range: Range<usize>, out: &mut Output) -> bool {
        let portal = named(&self.portals, execute.portal);
        if let Some(claim) = portal.as_ref().and_then(|portal| portal.statement.as_ref()?.claim.clone())
            && terms.unrecordable.is_none()
        {
            let execution = self.note_execution(terms, portal.as_ref(), None, execute.portal, out);
            out.to_upstream.pass(range);
            let (work, run) = (Work::standing_for(claim.command), Run::unknown());
            self.expected.push(Expected::Execute { portal, refusal: None, execution, work, run });
            self.claimed(claim);
            self.executed = true;
            return true;
        }
        let own = portal.as_ref().filter(|portal| !portal.is_cursor).and_then(|portal| Some((portal, &portal.statement.as_ref()?.facts)));
        let mut course = None;
        if let Some((portal, own)) = own.filter(|(_, own)| run_by_name(own).next().is_some()) {
            if self.runs_unsure_names(own) {
                self.settle_in_flight(out);
                return false;
            }
            if !self.runs_as_bound(portal, own) {
                course = Some(Course::Refuse(Refusal::plain(renamed())));
            }
        }
        let facts = portal.as_ref().map_or_else(unknown_facts, |portal| Arc::clone(&portal.whole));
        match course.unwrap_or_else(|| self.decide_bound(terms, portal.as_deref(), &facts)) {
            Course::Pass(passage) => {
                // What is not known for what it is.
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
        let hold = portal.grant.as_ref().map(Grant::hold);
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
        let execution = self.note_execution(terms, portal.as_ref(), grounds.clone(), execute.portal, out);
        // Rows are never met without their columns: where the client did not ask for them, we do. Of a portal that is not known it may be
        // another one at each turn.
        if portal.as_ref().is_none_or(|portal| portal.knowledge() == Knowledge::Unknown) {
            send_describe_portal(execute.portal, out);
            let about = About::Portal(portal.clone());
            about.asked();
            self.expected.push(Expected::Describe { about, shown: Shown::Nothing });
        }
        out.to_upstream.pass_permitted(permit, range);
        let work = match portal.as_ref().and_then(|portal| Some((portal, portal.statement.as_ref()?))) {
            Some((portal, statement)) if !portal.is_cursor => {
                self.sent(&portal.whole, grounds.as_deref(), &statement.sql, portal.grant.is_some());
                Work::new(Arc::clone(&statement.facts), || Rc::clone(statement))
            }
            Some(_) | None => Work::none(),
        };
        let run = portal.as_ref().map_or_else(Run::unknown, |portal| Rc::clone(&portal.run));
        self.expected.push(Expected::Execute { portal, refusal: None, execution, work, run });
        self.executed = true;
    }
}

/// What it runs that was prepared under a name.
fn run_by_name(facts: &Facts) -> impl Iterator<Item = &str> {
    let named = facts.statements.iter().flat_map(|statement| &statement.named);
    named.filter_map(|named| if let Named::Execute(name) = named { Some(name.as_ref()) } else { None })
}

/// A portal was bound to run what had another meaning then.
fn renamed() -> Report {
    Report::error("42501", "this portal runs a prepared statement by its name, and that name stands for another one since it was bound")
        .with_detail("Nothing of it ran.")
        .with_hint("Bind the statement again: it is then judged as it is now.")
}

/// What is not known for what it is.
fn unknown_facts() -> Arc<Facts> {
    Arc::new(Facts::opaque(Opaque::Prepared))
}

fn bound_message(statement: Option<&Statement>, bind: &Bind<'_>) -> Message {
    let values: Vec<_> = bind.parameters.iter().map(|value| value.map(|value| Zeroizing::new(value.to_vec()))).collect();
    if let Some(stored) = statement.and_then(|statement| statement.stored.as_deref())
        && values.is_empty()
    {
        return stored.clone();
    }
    let (sql, types) = statement.map_or_else(Default::default, |statement| (statement.sql.clone(), statement.types.clone()));
    let formats = (0..bind.parameters.len()).map(|index| bind.parameter_formats.of(index)).collect();
    Message::Extended { sql, types, bind: Parameters { formats, values } }
}

/// What it writes is not shown in tokens to who wrote it, also not after a restart.
fn note_written(terms: &Terms, facts: &Facts, grounds: Option<&Grounds>, out: &mut Output) {
    if let Some(mint) = &terms.masking.tokens
        && tokens::note_written(mint, facts, grounds.map_or(facts.effects, |grounds| grounds.effects))
    {
        out.demand(Demand::Keep(Arc::clone(mint)));
    }
}

/// The view of a Bind written here, without its tag.
fn read_bind(untagged: &[u8]) -> Option<Bind<'_>> {
    match Frontend::read(tag::BIND, untagged.get(4..)?) {
        Ok(Frontend::Bind(bind)) => Some(bind),
        _ => None,
    }
}

/// A stored message with its parameters, whole.
fn write_bound(out: &mut Vec<u8>, sql: &[u8], types: &[u32], bind: Option<&Vec<u8>>) {
    stored::parse(out, b"", sql, types);
    out.push(tag::BIND);
    out.extend_from_slice(bind.map_or(&[], Vec::as_slice));
    write::message(out, tag::DESCRIBE, |body| {
        body.byte(b'P').string(b"");
    });
    write::message(out, tag::EXECUTE, |body| {
        body.string(b"").int32(0);
    });
    write::message(out, tag::SYNC, |_| ());
}
