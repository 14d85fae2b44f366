//! What a session knows of where values come from: which statement brings the rows that come in now, what it computed them from, and what was
//! written from sensitive columns before. How values flow through a statement is told in `sql::lineage`, what that makes of them in
//! `mask::lineage`.

use std::rc::Rc;
use std::sync::Arc;

use crate::gate::Grounds;
use crate::mask::lineage::{self, Origin, Reading, Remembered, Surroundings};
use crate::mask::verdict::{ColumnId, Relation, Unknown};
use crate::sql::facts::{Facts, Named, Opaque, Statement as Told};
use crate::sql::lineage::Lineage;

use crate::wire::report::Report;

use super::Terms;
use super::asking::{Course, Inquiry, Passage, Refusal};
use super::columns::Column;
use super::expected::Expected;
use super::linked::{Linked, named};
use super::output::{Demand, Output};

/// What is known of a session's writes, and how far the asking has come about what its next message reads.
#[derive(Debug, Default)]
pub struct Flow {
    pub remembered: Remembered,
    /// What was found out about these for the client's next message is all that can be.
    answered: Vec<u32>,
}

/// What brings the rows that come in now.
enum Bringing {
    /// Nothing that computes: words of the server's own.
    Server,
    Statement(Arc<Lineage>, Option<Arc<Grounds>>),
    /// How many rows each step of a statement had when it ran.
    Plan(Arc<Lineage>, Option<Arc<Grounds>>),
    /// What was not read, or not in whole.
    Unread,
    /// Another statement, which is not known.
    Another,
}

/// What a column is that comes from code, or from a relation of which nothing is known. Code that was let run may look up anything by what it is
/// given, so beside a table that holds something sensitive its values are masked whole; and so are those of a table that somebody else has and
/// nobody could look at. What trusted functions compute is as sensitive as what they are given, which is told without them; a table that the
/// catalog does not have is the session's own, and what came into it from sensitive columns is remembered.
fn untraced(terms: &Terms, lineage: &Lineage, grounds: Option<&Grounds>) -> Origin {
    let Some(grounds) = grounds else { return Origin::Derived };
    let (masking, relations) = (&terms.masking, &grounds.resolved.relations);
    let sensitive = |relation: &Relation| {
        let mut columns = relation.columns.iter();
        columns.any(|column| masking.profile.verdict(relation, column).unwrap_or(column.verdict).is_sensitive())
    };
    let known = || relations.iter().filter_map(|relation| masking.verdicts.relations.get(&relation.oid));
    let unknown = masking.verdicts.asks && !lineage::unknown(lineage, relations, &masking.verdicts).is_empty();
    if unknown || grounds.resolved.reaches_code && known().any(|relation| sensitive(relation)) { Origin::Derived } else { Origin::Unknown }
}

impl Linked {
    /// What each column of the rows that come in now is.
    pub(super) fn origins(&self, terms: &Terms, columns: &[Column]) -> Box<[Origin]> {
        let each = |origin: Origin| {
            columns.iter().map(move |column| if column.relation == 0 { origin } else { Origin::Clear }).collect::<Box<[Origin]>>()
        };
        match self.bringing() {
            Bringing::Server => each(Origin::Clear),
            Bringing::Unread => each(Origin::Derived),
            Bringing::Another => each(Origin::Unknown),
            Bringing::Plan(lineage, grounds) => {
                let told = lineage::reading(&lineage, self.surroundings(terms, grounds.as_deref())).told;
                each(if told { Origin::Derived } else { Origin::Clear })
            }
            Bringing::Statement(lineage, grounds) => {
                let reading = lineage::reading(&lineage, self.surroundings(terms, grounds.as_deref()));
                let untraced = untraced(terms, &lineage, grounds.as_deref());
                let origin = |(place, column): (usize, &Column)| match self.origin(&reading, place, columns.len(), column) {
                    Origin::Unknown => untraced,
                    origin @ (Origin::Clear | Origin::Derived) => origin,
                };
                columns.iter().enumerate().map(origin).collect()
            }
        }
    }

    fn origin(&self, reading: &Reading<'_>, place: usize, width: usize, column: &Column) -> Origin {
        let base = ColumnId { relation: column.relation, attribute: column.attribute };
        // A truth value is an answer, whatever was asked: for each row that was not made of what is asked about.
        if column.type_oid == BOOL && base.relation == 0 && !reading.told { Origin::Clear } else { reading.column(place, width, base) }
    }

    fn surroundings<'a>(&'a self, terms: &'a Terms, grounds: Option<&'a Grounds>) -> Surroundings<'a> {
        let relations = grounds.map_or(&[][..], |grounds| &grounds.resolved.relations);
        Surroundings { verdicts: &terms.masking.verdicts, relations, remembered: &self.flow.remembered }
    }

    /// Relations that have to be known before it can be said what these columns are computed from.
    pub(super) fn reached(&self, terms: &Terms, columns: &[Column]) -> Vec<u32> {
        if columns.iter().all(|column| column.relation != 0) {
            return Vec::new();
        }
        match self.bringing() {
            Bringing::Statement(lineage, Some(grounds)) | Bringing::Plan(lineage, Some(grounds)) => {
                lineage::unknown(&lineage, &grounds.resolved.relations, &terms.masking.verdicts)
            }
            Bringing::Statement(_, None) | Bringing::Plan(_, None) | Bringing::Server | Bringing::Unread | Bringing::Another => Vec::new(),
        }
    }

    fn bringing(&self) -> Bringing {
        let (facts, done, grounds) = match self.expected.head() {
            Some(Expected::Execute { portal: Some(portal), run, .. }) => {
                if let Some(made) = &portal.made_by {
                    return self.brought_by(&portal.whole, portal.statement.as_deref().map(|statement| &*statement.facts), 0, Some(made));
                }
                match &portal.statement {
                    Some(statement) => (Arc::clone(&statement.facts), 0, run.grounds().cloned()),
                    None => return Bringing::Another,
                }
            }
            Some(Expected::Query { work, run, .. }) => (Arc::clone(work.facts()), work.done(), run.grounds().cloned()),
            Some(_) | None => return Bringing::Another,
        };
        self.brought_by(&facts, Some(&facts), done, grounds.as_ref())
    }

    /// `facts` are those of the message, `of` those whose statement at this place brings the rows.
    fn brought_by(&self, facts: &Facts, of: Option<&Facts>, place: usize, grounds: Option<&Arc<Grounds>>) -> Bringing {
        let unread = |facts: &Facts| facts.opaque.is_some_and(|reason| reason != Opaque::Prepared);
        if unread(facts) || of.is_some_and(unread) {
            return Bringing::Unread;
        }
        let Some(told) = of.and_then(|facts| facts.statements.get(place)) else { return Bringing::Another };
        self.told_by(told, grounds)
    }

    fn told_by(&self, told: &Told, grounds: Option<&Arc<Grounds>>) -> Bringing {
        for name in &told.named {
            match name {
                Named::Execute(name) => {
                    // One that code made: nobody read it.
                    let Some(statement) = named(&self.statements, name.as_bytes()) else { return Bringing::Unread };
                    if statement.facts.opaque.is_some() {
                        return Bringing::Unread;
                    }
                    return match statement.facts.statements.first().and_then(|told| told.lineage.clone()) {
                        Some(lineage) => Bringing::Statement(lineage, grounds.cloned()),
                        None => Bringing::Another,
                    };
                }
                Named::Fetch { cursor, .. } => {
                    let Some(portal) = named(&self.portals, cursor.as_bytes()) else { return Bringing::Unread };
                    let Some(statement) = &portal.statement else { return Bringing::Unread };
                    if statement.facts.opaque.is_some() {
                        return Bringing::Unread;
                    }
                    let grounds = portal.made_by.as_ref().or_else(|| portal.run.grounds()).cloned();
                    return match statement.facts.statements.first().and_then(|told| told.lineage.clone()) {
                        Some(lineage) => Bringing::Statement(lineage, grounds),
                        None => Bringing::Another,
                    };
                }
                Named::Prepare(_)
                | Named::Deallocate(_)
                | Named::Declare { .. }
                | Named::Close(_)
                | Named::Listen(_)
                | Named::Unlisten(_)
                | Named::Notify(_)
                | Named::Discard(_) => {}
            }
        }
        match &told.lineage {
            Some(lineage) if told.explain.is_some_and(|explain| explain.executes) => Bringing::Plan(Arc::clone(lineage), grounds.cloned()),
            _ if told.explain.is_some() => Bringing::Server,
            Some(lineage) => Bringing::Statement(Arc::clone(lineage), grounds.cloned()),
            // Code gives rows of its own.
            None if matches!(told.kind, "CALL" | "DO") => Bringing::Another,
            None => Bringing::Server,
        }
    }

    /// Before a statement is sent that stores what it reads: what comes from sensitive columns makes its target sensitive. It pauses while
    /// somebody looks at what it reads.
    pub(super) fn storing(&mut self, terms: &Terms, facts: &Facts, course: Course, out: &mut Output) -> Course {
        let Course::Pass(passage) = course else { return course };
        let mut writing = facts.statements.iter().filter_map(|told| told.lineage.as_ref()).filter(|lineage| lineage.writes()).peekable();
        if writing.peek().is_none() || terms.masking.profile.unmasked {
            return Course::Pass(passage);
        }
        let grounds = passage.grounds.clone();
        let verdicts = &terms.masking.verdicts;
        if let Some(grounds) = grounds.as_deref().filter(|_| verdicts.asks) {
            let mut relations: Vec<u32> =
                writing.clone().flat_map(|lineage| lineage::unknown(lineage, &grounds.resolved.relations, verdicts)).collect();
            relations.retain(|oid| !self.flow.answered.contains(oid));
            relations.sort_unstable();
            relations.dedup();
            if !relations.is_empty() {
                return self.look_first(relations, passage, out);
            }
        }
        let (mut marks, mut written, mut promised) = (Vec::new(), Vec::new(), Vec::new());
        for lineage in writing {
            let stores = lineage::stores(lineage, self.surroundings(terms, grounds.as_deref()));
            if stores.given {
                return Course::Refuse(Refusal::plain(given_away()));
            }
            marks.extend(stores.marks);
            written.extend(stores.written);
            promised.extend(stores.promised);
        }
        self.flow.answered.clear();
        self.flow.remembered.add(written);
        if !promised.is_empty() {
            out.demand(Demand::Promise(promised));
        }
        if !marks.is_empty() {
            out.demand(Demand::Mark(marks));
        }
        Course::Pass(passage)
    }

    /// The message is decided, and looked at again when something is known of what it reads: with the same decision.
    fn look_first(&mut self, relations: Vec<u32>, passage: Passage, out: &mut Output) -> Course {
        self.inquiry = Inquiry::Surveying(Box::new(passage.again()));
        // Somebody may be looking for the rows that come in now: one after the other.
        if !self.rows.awaits_survey() {
            self.flow.answered.extend(&relations);
            out.demand(Demand::Survey(Unknown { relations, types: Vec::new() }));
        }
        Course::Pause
    }

    /// Whatever was asked about is known now, or will not be.
    pub(super) fn looked(&mut self) {
        if let Inquiry::Surveying(then) = &mut self.inquiry {
            self.inquiry = std::mem::take(then);
        }
    }

    pub(super) fn looks_first(&self) -> bool {
        matches!(self.inquiry, Inquiry::Surveying(_))
    }

    /// The grounds of what is answered now: what it makes goes by them.
    pub(super) fn grounds_of_head(&self) -> Option<Arc<Grounds>> {
        self.expected.head().and_then(Expected::run).and_then(|run: &Rc<_>| run.grounds().cloned())
    }
}

/// Where a setting, a counter, a lock or a message shows a value again, no mark would stand beside it.
fn given_away() -> Report {
    Report::error("22023", "a value of a sensitive column would be given to a function that does more than compute")
        .with_detail("Settings, sequences, locks, notifications and large objects keep no mark of what was put into them. Nothing ran.")
}

const BOOL: u32 = 16;
