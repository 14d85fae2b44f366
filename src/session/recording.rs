//! What is noted about statements: which text, which parameters, how it went. It keeps no text but the shape's, and no value, but as far as
//! it is told to: masked, or to be sealed.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::audit::event::{Begun, Ended, Masked, Outcome, Prepared, Refused, Sent, SignedOut, Statement, Tag, Verdict, Way, Word};
use crate::audit::seal::{Original, Parameter};
use crate::audit::{Digest, Digester, Event, Note, Shape};
use crate::gate::Grounds;
use crate::gate::hold::HoldId;
use crate::mask::{Counts, Kind};
use crate::sql::facts::Facts;
use crate::sql::{shape, tags};

use super::masked::{Masked as MaskedText, Scribe};
use super::output::Output;
use crate::mask::Masking;
use crate::wire::frontend::Bind;
use zeroize::Zeroizing;

/// Shapes remembered at once by one thread: more than an application has, and a few megabytes.
const SHAPES: usize = 4096;

/// Reads texts for the record. One for all sessions of a thread.
#[derive(Debug)]
pub struct Recorder {
    digester: Digester,
    keep: Keep,
    scribe: RefCell<Scribe>,
    known: RefCell<HashMap<Box<str>, Arc<Shape>>>,
    scratch: RefCell<String>,
}

/// What of a statement is kept besides its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Nothing,
    /// Its text and its parameters, with what is sensitive in them masked.
    Masked,
    /// Its text and its parameters are handed over, to be sealed.
    Originals,
}

/// What the record says of a statement's text.
#[derive(Debug, Clone)]
pub struct Text {
    shape: Arc<Shape>,
    digest: Digest,
    length: u32,
    tags: Option<Rc<[Tag]>>,
    masked: Option<MaskedText>,
    /// As it was sent, where originals are kept.
    original: Option<Rc<Zeroizing<Vec<u8>>>>,
}

impl Recorder {
    pub fn new(digester: Digester, keep: Keep) -> Self {
        Self { digester, keep, scribe: RefCell::default(), known: RefCell::default(), scratch: RefCell::default() }
    }

    /// `facts` are those of the text.
    pub fn read(&self, sql: &[u8], facts: &Facts, masking: &Masking) -> Text {
        self.meet(sql, facts, masking).0
    }

    /// A text, and whether its shape was met before.
    pub fn meet(&self, sql: &[u8], facts: &Facts, masking: &Masking) -> (Text, bool) {
        let mut tags = Vec::new();
        tags::read(sql, |name, value| tags.push(Tag { name: name.to_owned(), value: tags::screened(value).into_owned() }));
        let (shape, met) = self.shape(sql, facts);
        let text = Text {
            shape,
            digest: self.digester.digest(sql),
            length: u32::try_from(sql.len()).unwrap_or(u32::MAX),
            tags: (!tags.is_empty()).then(|| tags.into()),
            masked: if self.keep == Keep::Masked { self.scribe.borrow_mut().text(sql, masking) } else { None },
            original: (self.keep == Keep::Originals).then(|| Rc::new(Zeroizing::new(sql.to_vec()))),
        };
        (text, met)
    }

    /// A text that went to the server inside another statement, and is known by the name it has there.
    pub fn made_in_sql(&self, what: &'static str, name: &[u8]) -> Text {
        self.scratch.replace(format!("({what} made in SQL)"));
        Text { shape: self.remembered(None).0, digest: self.digester.digest(name), length: 0, tags: None, masked: None, original: None }
    }

    /// A text of which the record says only that it came.
    pub fn unread(&self, sql: &[u8]) -> Text {
        self.scratch.replace("(one shape too many)".to_owned());
        let length = u32::try_from(sql.len()).unwrap_or(u32::MAX);
        Text { shape: self.remembered(None).0, digest: self.digester.digest(sql), length, tags: None, masked: None, original: None }
    }

    /// The next text of this shape is the first one again.
    pub fn forget(&self, text: &Text) {
        self.known.borrow_mut().remove(&text.shape.text);
    }

    fn shape(&self, sql: &[u8], facts: &Facts) -> (Arc<Shape>, bool) {
        let mut scratch = self.scratch.borrow_mut();
        scratch.clear();
        shape::write(sql, &mut scratch);
        drop(scratch);
        self.remembered(Some(facts))
    }

    /// The shape whose text is in the scratch, and whether it was known; its facts are looked at where it is met for the first time.
    fn remembered(&self, facts: Option<&Facts>) -> (Arc<Shape>, bool) {
        let scratch = self.scratch.borrow();
        let mut known = self.known.borrow_mut();
        if let Some(shape) = known.get(scratch.as_str()) {
            return (Arc::clone(shape), true);
        }
        let text: Box<str> = scratch.as_str().into();
        let shape =
            Arc::new(Shape { digest: self.digester.digest(text.as_bytes()), text: text.clone(), relations: relations(facts, &text) });
        // Who sends ever new shapes gains nothing from their being remembered.
        if known.len() >= SHAPES {
            known.clear();
        }
        known.insert(text, Arc::clone(&shape));
        (shape, false)
    }

    /// What an agent says to people, as the record keeps it: masked, or not at all.
    pub fn said(&self, text: &str, masking: &Masking) -> Option<Box<str>> {
        if self.keep != Keep::Masked {
            return None;
        }
        let mut scribe = self.scribe.borrow_mut();
        let of = scribe.seen("", masking);
        Some(scribe.seen_parameter(&of, usize::MAX, text, masking).0.into())
    }

    /// A text given the parameters of a Bind.
    pub fn given(&self, text: &Text, bind: &Bind<'_>, masking: &Masking) -> Given {
        let parameters = u16::try_from(bind.parameters.len()).unwrap_or(u16::MAX);
        if parameters == 0 {
            return text.plain();
        }
        let original = text.original.as_ref().map(|text| {
            let values = bind.parameters.iter().enumerate();
            let parameters =
                values.map(|(index, value)| Parameter { oid: 0, binary: bind.parameter_formats.of(index) != 0, value, cut: 0 });
            Original::new(text, parameters)
        });
        let digest = self.digester.with_parameters(text.digest, [bind.parameter_formats.bytes(), bind.parameters.bytes()]);
        let shown = text.masked.as_ref().map(|text| self.scribe.borrow_mut().parameters(text, bind, masking).into());
        Given { digest, parameters, shown, original }
    }
}

/// Relations of one shape that are noted: more than any statement that people wrote.
const RELATIONS: usize = 256;

/// What a shape's statements name. What its text does not show, for it may be a value in the wrong quotes, is not told here either.
fn relations(facts: Option<&Facts>, shape: &str) -> Box<[Box<str>]> {
    let shape = shape.to_ascii_lowercase();
    let shown = |name: &str| shape.contains(&name.to_ascii_lowercase());
    let all = facts.into_iter().flat_map(|facts| &facts.statements).flat_map(|statement| &statement.relations);
    let named = all.filter(|relation| shown(&relation.name) && relation.schema.as_deref().is_none_or(shown));
    let names: BTreeSet<Box<str>> = named
        .map(|relation| match &relation.schema {
            Some(schema) => format!("{schema}.{}", relation.name).into(),
            None => relation.name.clone(),
        })
        .take(RELATIONS)
        .collect();
    names.into_iter().collect()
}

/// Under which number something was noted, if it was yet.
pub type Noted = Cell<Option<u64>>;

/// An execution in flight.
#[derive(Debug, Clone, Copy)]
pub struct Execution {
    pub number: u64,
    pub since: Instant,
    /// An end of it was noted.
    pub ended: bool,
}

/// What has flowed in the execution that is answered now.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub rows: u64,
    pub bytes: u64,
    pub received: u64,
    affected: Option<u64>,
    command: Option<Word>,
    commands: u32,
}

impl Tally {
    /// A command completed: `INSERT 0 5`, `CREATE TABLE`.
    pub fn completed(&mut self, tag: &[u8]) {
        self.commands = self.commands.saturating_add(1);
        let tag = std::str::from_utf8(tag).unwrap_or_default();
        let word = tag.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == ' ');
        self.affected = match tag.rsplit(' ').next().and_then(|count| count.parse().ok()) {
            Some(count) => Some(self.affected.unwrap_or(0_u64).saturating_add(count)),
            None => self.affected,
        };
        self.command = Some(known_word(word));
    }
}

/// The commands that most statements are cost no memory.
fn known_word(word: &str) -> Word {
    const KNOWN: [&str; 10] = ["SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT", "ROLLBACK", "SET", "FETCH", "COPY"];
    KNOWN.into_iter().find(|known| *known == word).map_or_else(|| word.to_owned().into(), Word::Borrowed)
}

/// What is noted of one session.
#[derive(Debug)]
pub struct Account {
    session: u64,
    last_number: Cell<u64>,
    executions: Cell<u64>,
}

/// What a Bind brought.
#[derive(Debug, Clone)]
pub struct Given {
    /// Of the text and the parameters.
    pub digest: Digest,
    pub parameters: u16,
    /// The parameters with what is sensitive in them masked.
    pub shown: Option<Rc<[String]>>,
    pub original: Option<Original>,
}

/// What of a statement is not in its text.
#[derive(Debug, Clone)]
pub struct Circumstances {
    pub way: Way,
    pub given: Given,
    pub in_transaction: bool,
    /// How it was judged, where it was.
    pub grounds: Option<Arc<Grounds>>,
    pub hold: Option<HoldId>,
}

impl Circumstances {
    /// Not judged, or not yet.
    pub fn plain(way: Way, given: Given, in_transaction: bool) -> Self {
        Self { way, given, in_transaction, grounds: None, hold: None }
    }
}

impl Text {
    pub fn shape(&self) -> Arc<Shape> {
        Arc::clone(&self.shape)
    }

    /// The agent's own comment tags.
    pub fn tags(&self) -> Vec<Tag> {
        self.tags.as_deref().unwrap_or_default().to_vec()
    }

    /// Without parameters.
    pub fn plain(&self) -> Given {
        Given { digest: self.digest, parameters: 0, shown: None, original: self.original.as_ref().map(|text| Original::new(text, [])) }
    }
}

impl Account {
    pub fn new(session: u64) -> Self {
        Self { session, last_number: Cell::new(0), executions: Cell::new(0) }
    }

    fn statement(&self, text: &Text, circumstances: &Circumstances, verdict: Verdict) -> (Statement, Option<Box<Sent>>) {
        self.last_number.update(|number| number.saturating_add(1));
        let grounds = circumstances.grounds.as_deref();
        let statement = Statement {
            session: self.session,
            number: self.last_number.get(),
            way: circumstances.way,
            shape: text.shape.digest,
            digest: circumstances.given.digest,
            length: text.length,
            parameters: circumstances.given.parameters,
            in_transaction: circumstances.in_transaction,
            verdict: match (verdict, grounds) {
                (Verdict::Allowed, _) if circumstances.hold.is_some() => Verdict::Approved,
                (Verdict::Denied, _) if circumstances.hold.is_some() => Verdict::Held,
                (Verdict::Allowed, Some(grounds)) if grounds.observed => Verdict::Observed,
                (verdict, _) => verdict,
            },
            effects: grounds.map(|grounds| grounds.effects.bits()),
            rule: grounds.map(|grounds| grounds.rule.to_string()),
            policy: grounds.map(|grounds| Digest::cut(&grounds.policy)),
            hold: circumstances.hold.map(HoldId::number),
        };
        let body = (text.tags.is_some() || text.masked.is_some()).then(|| {
            Box::new(Sent {
                tags: text.tags(),
                masked: text.masked.as_ref().map(|masked| masked.text.to_string()),
                parameters: circumstances.given.shown.as_deref().unwrap_or_default().to_vec(),
                ..Sent::default()
            })
        });
        (statement, body)
    }

    fn note(out: &mut Output, event: impl Into<Event>, text: &Text, circumstances: Circumstances) {
        out.note(Note { event: event.into(), shape: Some(Arc::clone(&text.shape)), original: circumstances.given.original });
    }

    /// A statement that is held, as its hold has it on the record.
    pub fn held(&self, text: &Text, circumstances: &Circumstances) -> Statement {
        self.statement(text, circumstances, Verdict::Held).0
    }

    /// A statement is on its way to be executed.
    pub fn begun(&self, text: &Text, circumstances: Circumstances, now: Instant, out: &mut Output) -> Execution {
        let (statement, body) = self.statement(text, &circumstances, Verdict::Allowed);
        self.executions.update(|count| count.saturating_add(1));
        let number = statement.number;
        Self::note(out, Begun { statement, body }, text, circumstances);
        Execution { number, since: now, ended: false }
    }

    /// A statement is on its way to be prepared or bound, and not executed with it.
    pub fn prepared(&self, text: &Text, circumstances: Circumstances, out: &mut Output) -> u64 {
        let (statement, body) = self.statement(text, &circumstances, Verdict::Allowed);
        let number = statement.number;
        Self::note(out, Prepared { statement, body }, text, circumstances);
        number
    }

    /// A statement was not sent.
    pub fn refused(&self, text: &Text, circumstances: Circumstances, code: Word, out: &mut Output) {
        let (statement, body) = self.statement(text, &circumstances, Verdict::Denied);
        Self::note(out, Refused { statement, code, body }, text, circumstances);
    }

    pub fn ended(
        &self,
        execution: Execution,
        (tally, masked): (&Tally, &Counts),
        outcome: Outcome,
        code: Option<Word>,
        now: Instant,
        out: &mut Output,
    ) {
        let duration = now.saturating_duration_since(execution.since);
        let ended = Ended {
            duration: Some(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
            rows: tally.rows,
            bytes: tally.bytes,
            received: tally.received,
            affected: tally.affected,
            command: tally.command.clone(),
            commands: (tally.commands > 1).then_some(tally.commands),
            masked: (!masked.is_empty()).then(|| masked.iter().map(counted).collect()),
            ..self.end_of(execution.number, outcome, code)
        };
        // Several statements of one text whose answers came together have left nothing between them yet.
        match out.notes.last_mut() {
            Some(Note { event: Event::Ended(last), .. }) if last.number == ended.number => *last = ended,
            Some(_) | None => out.note(ended.into()),
        }
    }

    /// Something that was noted by this number ended without a course of its own.
    pub fn ended_at_once(&self, number: u64, outcome: Outcome, code: Option<Word>, out: &mut Output) {
        out.note(self.end_of(number, outcome, code).into());
    }

    fn end_of(&self, number: u64, outcome: Outcome, code: Option<Word>) -> Ended {
        Ended {
            session: self.session,
            number,
            outcome,
            duration: None,
            rows: 0,
            bytes: 0,
            received: 0,
            affected: None,
            command: None,
            commands: None,
            code,
            masked: None,
        }
    }

    pub fn signed_out(&self, code: Option<Word>, out: &mut Output) {
        out.note(SignedOut { session: self.session, executions: self.executions.get(), code }.into());
    }
}

fn counted((kind, count): (Kind, u32)) -> Masked {
    Masked { kind: kind.name().to_owned(), count: count.into() }
}

/// The outcome that an error of the server is.
pub fn outcome_of(code: &[u8]) -> Outcome {
    const QUERY_CANCELED: &[u8] = b"57014";
    if code == QUERY_CANCELED { Outcome::Cancelled } else { Outcome::Failed }
}

/// A SQLSTATE as the server sent it: five letters or digits, or it is none.
pub fn code_word(code: &[u8]) -> Option<Word> {
    let text = std::str::from_utf8(code).ok()?;
    (text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| text.to_owned().into())
}
