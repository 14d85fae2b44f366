//! Rows on their way to the client. Before the first of a result leaves, what is known of its columns is gathered: from the host's verdicts,
//! from the statement, and for columns that nobody knows from the first values themselves. Then each row is masked by the plan.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::gate::budget::Bounds;
use crate::gate::hold::Over;
use crate::mask::evidence::Evidence;
use crate::mask::lineage::Origin;
use crate::mask::plan::Described;
use crate::mask::row::OtherWidth;
use crate::mask::verdict::{Basis, ColumnId, Holding, Unknown};
use crate::mask::{KindSet, Masking, Plan, Verdict};
use crate::wire::ProtocolError;
use crate::wire::backend::{Backend, tag};
use crate::wire::frame::{self, Head};
use crate::wire::read::Values;
use crate::wire::report::Report;
use crate::wire::value::{Class, Format, Types};

use super::Terms;
use super::columns::{Column, Columns, Layout};
use super::expected::Expected;
use super::linked::{Linked, Remainder};
use super::output::{Demand, Output};
use super::search::{Search, Searched};
use super::upstream::{RowsOfAnyLength, UNASKED};
use super::window::{Sight, Window, stricter};

/// A row that is masked is held whole: one that is longer is stopped, as one over the limit for rows is.
pub const MASKED_ROW: usize = 64 << 20;
/// Rows of a result behind which its columns are looked at again, each time that their number doubles and as often as this later on.
const STRETCH: u64 = 4096;

/// What became of a message.
pub enum Turn {
    Done,
    /// It is looked at again from its beginning.
    Wait,
}

/// How far the masking of the result has come whose rows come in now.
#[derive(Debug, Default)]
pub struct Rows {
    survey: Survey,
    course: Option<Course>,
    window: Window,
    search: Search,
    seen: u64,
}

/// How far the asking about relations has come that rows come from.
#[derive(Debug, Default)]
enum Survey {
    #[default]
    None,
    /// Rows wait for the answer.
    Asked(Unknown),
    /// What was not found out about these will not be.
    Answered(Unknown),
}

#[derive(Debug)]
struct Course {
    columns: Columns,
    plan: Arc<Plan>,
}

/// What was decided about the rows of a result.
#[derive(Debug)]
pub struct Decided {
    derived: Box<[bool]>,
    /// What is known of each column by now.
    verdicts: Box<[Verdict]>,
    watched: Box<[Watched]>,
    /// Some of the columns are known by nothing but their values.
    open: bool,
    /// There is nothing that the host could be asked.
    settled: bool,
    /// What the session had written from sensitive columns by then.
    written: usize,
    plan: Arc<Plan>,
}

/// A column whose values are looked at.
#[derive(Debug)]
pub struct Watched {
    pub place: usize,
    pub column: Column,
    /// Nothing is known of it but what is in the result.
    pub open: bool,
    /// What its name and its type tell.
    pub evidence: Evidence,
    /// The host is to be told what its values told.
    news: bool,
}

impl Rows {
    pub fn awaits_survey(&self) -> bool {
        matches!(self.survey, Survey::Asked(_))
    }

    /// What can be known of what was asked about is known now.
    pub fn surveyed(&mut self) {
        if let Survey::Asked(unknown) = std::mem::take(&mut self.survey) {
            self.survey = Survey::Answered(unknown);
        }
    }

    /// When rows that wait to be judged together are judged as they are.
    pub fn deadline(&self) -> Option<Instant> {
        self.window.deadline().into_iter().chain(self.search.deadline()).min()
    }

    /// Time has come to `now`. True where rows had waited for it.
    pub fn elapsed(&mut self, now: Instant) -> bool {
        self.window.elapsed(now) | self.search.elapsed(now)
    }

    /// The result is over, or the part of it that was asked for.
    pub fn ended(&mut self) {
        self.survey = Survey::None;
        self.course = None;
        self.seen = 0;
        self.search = Search::default();
        self.window.close();
    }
}

impl Linked {
    /// A row stands at the beginning of `rest`.
    pub(super) fn data_row(
        &mut self,
        terms: &Terms,
        bounds: &Bounds,
        head: Head,
        rest: &[u8],
        taken: &mut usize,
        out: &mut Output,
    ) -> Result<Turn, ProtocolError> {
        self.row_is_due()?;
        if self.halt.is_some() {
            self.stream(head, false);
            return Ok(Turn::Done);
        }
        let Some(plan) = self.plan(terms, rest, out)? else { return Ok(Turn::Wait) };
        if let Some(oid) = plan.unreadable() {
            self.stop(terms, Err(Box::new(unreadable(oid))), out);
            self.stream(head, false);
            return Ok(Turn::Done);
        }
        match self.begins_with_held(terms, &plan, rest)? {
            Searched::Wait => return Ok(Turn::Wait),
            Searched::Nothing => {}
            Searched::Found => {
                self.stop(terms, Ok(Over::FOUND), out);
                self.stream(head, false);
                return Ok(Turn::Done);
            }
        }
        let cap = if plan.passes() { terms.backend.data_row } else { terms.backend.data_row.min(MASKED_ROW) };
        if plan.passes() || head.body > cap {
            // What nothing is masked in has nothing sensitive in it, unless this agent sees values as they are.
            let searched = !terms.masking.profile.unmasked && !self.is_unmasked();
            let passes = self.row_may_pass(terms, bounds, (head.body, cap), searched, out);
            self.tally.rows = self.tally.rows.saturating_add(u64::from(passes));
            self.stream(head, passes);
            return Ok(Turn::Done);
        }
        self.masked_rows(terms, bounds, &plan, cap, (head, rest), taken, out)
    }

    /// The row that `rest` begins with, and those behind it, as far as they are whole and the same is done with them.
    #[expect(clippy::too_many_arguments, reason = "what a step of the machine has at hand, and what was decided for its rows")]
    fn masked_rows(
        &mut self,
        terms: &Terms,
        bounds: &Bounds,
        plan: &Arc<Plan>,
        cap: usize,
        (mut head, mut rest): (Head, &[u8]),
        taken: &mut usize,
        out: &mut Output,
    ) -> Result<Turn, ProtocolError> {
        loop {
            let Some((message, behind)) = rest.split_at_checked(head.total()) else { return Ok(Turn::Wait) };
            let body = message.get(frame::HEAD..).unwrap_or_default();
            let range = *taken..taken.saturating_add(head.total());
            *taken = range.end;
            if !self.row_may_pass(terms, bounds, (head.body, cap), true, out) || !self.masked_row(terms, bounds, plan, body, range, out)? {
                return Ok(Turn::Done);
            }
            self.tally.rows = self.tally.rows.saturating_add(1);
            self.tally.bytes = self.tally.bytes.saturating_add(long(head.body));
            let same = self.rows.course.as_ref().is_some_and(|course| Arc::ptr_eq(&course.plan, plan));
            match frame::head(behind, &RowsOfAnyLength(&terms.backend))? {
                Some(next) if next.tag == tag::DATA_ROW && next.body <= cap && same => (head, rest) = (next, behind),
                Some(_) | None => return Ok(Turn::Done),
            }
        }
    }

    /// Whether the rows that `rest` begins with are some with which a result must not begin.
    pub(super) fn begins_with_held(&mut self, terms: &Terms, plan: &Plan, rest: &[u8]) -> Result<Searched, ProtocolError> {
        self.rows.search.search(self.held_kinds(terms), plan, rest, &terms.backend, self.now)
    }

    /// Kinds with which a result must not begin. Where people approved the run, they let it.
    fn held_kinds(&self, terms: &Terms) -> KindSet {
        let granted = self.expected.head().and_then(Expected::run).is_some_and(|run| run.is_granted());
        if granted || terms.judge.policy.is_observing() { KindSet::NONE } else { terms.masking.profile.holds }
    }

    /// A row or data of a COPY goes on as it comes, or is dropped as it comes.
    pub(super) fn stream(&mut self, head: Head, passes: bool) {
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

    /// Sends a row on, masked. False where it must not pass: more rows with sensitive values were taken than the agent may.
    fn masked_row(
        &mut self,
        terms: &Terms,
        bounds: &Bounds,
        plan: &Plan,
        body: &[u8],
        range: Range<usize>,
        out: &mut Output,
    ) -> Result<bool, ProtocolError> {
        let Backend::DataRow(row) = Backend::read(tag::DATA_ROW, body)? else { return Err(UNASKED) };
        let (mut changed, mut over) = (Ok(false), None);
        out.to_client.make(|bytes| {
            let before = bytes.len();
            self.workspace.shown.begin(bounds.allowance.sensitive_values.is_some());
            changed = plan.row(&row, &mut self.workspace, bytes);
            if changed == Ok(true) {
                over = self.sensitive_row_may_pass(terms, bounds, body.len()).err();
            }
            if over.is_some() {
                bytes.truncate(before);
            }
        });
        if let Some(over) = over {
            self.stop(terms, Ok(over), out);
            return Ok(false);
        }
        match changed {
            Ok(true) => {}
            Ok(false) => out.to_client.pass(range),
            Err(OtherWidth) => return Err(ProtocolError("a row of another width than was announced")),
        }
        self.rows.seen = self.rows.seen.saturating_add(1);
        if self.rows.seen >= Window::ROWS && (self.rows.seen.is_power_of_two() || self.rows.seen.is_multiple_of(STRETCH)) {
            self.look_again(terms, &row, out);
        }
        Ok(true)
    }

    /// Whether people let what runs now see values as they are.
    pub(super) fn is_unmasked(&self) -> bool {
        self.expected.head().and_then(Expected::run).is_some_and(|run| run.is_unmasked())
    }

    /// What is done with the rows that come now, the first of which begins `rest`; `None` while that is still found out.
    fn plan(&mut self, terms: &Terms, rest: &[u8], out: &mut Output) -> Result<Option<Arc<Plan>>, ProtocolError> {
        if let Some(course) = &self.rows.course
            && course.plan.is_by(&terms.masking)
        {
            return Ok(Some(Arc::clone(&course.plan)));
        }
        let columns = self.row_columns().ok_or(UNASKED)?;
        self.plan_of(terms, &columns, rest, out)
    }

    /// The same where the rows have these columns.
    pub(super) fn plan_of(
        &mut self,
        terms: &Terms,
        columns: &Columns,
        rest: &[u8],
        out: &mut Output,
    ) -> Result<Option<Arc<Plan>>, ProtocolError> {
        let columns = Rc::clone(columns);
        if self.is_unmasked() || terms.masking.profile.unmasked {
            let plan = Plan::unmasked(&terms.masking);
            self.rows.course = Some(Course { columns, plan: Arc::clone(&plan) });
            return Ok(Some(plan));
        }
        let settled = |decided: &Decided| decided.settled && decided.plan.is_by(&terms.masking);
        if !columns.decided.borrow().as_ref().is_some_and(settled) && self.is_surveying(terms, &columns, out) {
            return Ok(None);
        }
        let mut kept = columns.decided.borrow_mut();
        let written = self.flow.remembered.version();
        let known = kept.take().filter(|decided| decided.plan.is_by(&terms.masking) && decided.written == written);
        let decided = kept.insert(known.unwrap_or_else(|| self.decide_columns(terms, &columns)));
        if decided.open {
            let sight = Sight { masking: &terms.masking, limits: &terms.backend, now: self.now };
            if !self.rows.window.judges(&decided.watched, &sight, rest, &mut self.workspace)? {
                return Ok(None);
            }
            decided.adopt(&columns, &self.rows.window, &terms.masking);
            let news = decided.news();
            if !news.is_empty() {
                out.demand(Demand::Learned(news));
            }
        }
        let plan = Arc::clone(&decided.plan);
        drop(kept);
        self.rows.course = Some(Course { columns, plan: Arc::clone(&plan) });
        Ok(Some(plan))
    }

    /// Whether rows of these columns wait until more is known of the relations that they come from, and of their types. Each is asked about
    /// once for a result.
    fn is_surveying(&mut self, terms: &Terms, columns: &Columns, out: &mut Output) -> bool {
        if !terms.masking.verdicts.asks {
            return false;
        }
        let none = Unknown::default();
        let answered = match &self.rows.survey {
            Survey::Asked(_) => return true,
            Survey::Answered(answered) => answered,
            Survey::None => &none,
        };
        if self.looks_first() {
            return true;
        }
        let mut unknown = self.unknown(terms, columns);
        unknown.relations.retain(|relation| !answered.relations.contains(relation));
        unknown.types.retain(|oid| !answered.types.contains(oid));
        if unknown.is_empty() {
            return false;
        }
        out.demand(Demand::Survey(unknown.clone()));
        self.rows.survey = Survey::Asked(unknown);
        true
    }

    /// Columns whose values are more sensitive than was thought are masked as that from the next row on, and the host is told.
    fn look_again(&mut self, terms: &Terms, row: &Values<'_>, out: &mut Output) {
        let Some(course) = &mut self.rows.course else { return };
        let mut kept = course.columns.decided.borrow_mut();
        let Some(decided) = kept.as_mut() else { return };
        self.rows.window.look(&decided.watched, row, &terms.masking, &mut self.workspace);
        decided.adopt(&course.columns, &self.rows.window, &terms.masking);
        course.plan = Arc::clone(&decided.plan);
        let news = decided.news();
        if !news.is_empty() {
            out.demand(Demand::Learned(news));
        }
    }

    /// What nobody knows of the columns, and of those that they are computed from.
    fn unknown(&self, terms: &Terms, columns: &Layout) -> Unknown {
        let mut unknown = unknown(columns, &terms.masking);
        unknown.relations.extend(self.reached(terms, columns));
        unknown.relations.sort_unstable();
        unknown.relations.dedup();
        unknown
    }

    fn decide_columns(&self, terms: &Terms, columns: &Layout) -> Decided {
        let settled = self.unknown(terms, columns).is_empty();
        let written = self.flow.remembered.version();
        Decided { settled, written, ..Decided::new(columns, self.tells_values(terms, columns), &terms.masking) }
    }

    /// Which of the columns hold what was computed from sensitive values, or values in a form in which nobody can look at them.
    fn tells_values(&self, terms: &Terms, columns: &Layout) -> Box<[bool]> {
        let statistics = self.reads_statistics();
        let origins = self.origins(terms, columns);
        let tells = |(column, origin): (&Column, &Origin)| {
            *origin == Origin::Derived || column.type_oid == ANY_ARRAY || statistics && is_statistic(column)
        };
        columns.iter().zip(&origins).map(tells).collect()
    }

    /// Whether the statement that brings the rows names the catalogs in which the planner keeps values of columns.
    fn reads_statistics(&self) -> bool {
        const STATISTICS: &[&str] =
            &["pg_stats", "pg_stats_ext", "pg_stats_ext_exprs", "pg_statistic", "pg_statistic_ext_data", "pg_statistic_ext"];
        let facts = match self.expected.head() {
            Some(Expected::Execute { portal: Some(portal), .. }) => portal.statement.as_ref().map(|statement| &statement.facts),
            Some(Expected::Query { work, .. }) => Some(work.facts()),
            Some(_) | None => None,
        };
        let statements = facts.into_iter().flat_map(|facts| &facts.statements);
        statements.flat_map(|statement| &statement.relations).any(|relation| STATISTICS.contains(&&*relation.name))
    }
}

/// Only the planner's statistics are of this type: values of whatever type a column has.
const ANY_ARRAY: u32 = 2277;

/// Whether a column of such a statement may hold values: anything but numbers, truth values and names of its catalogs.
fn is_statistic(column: &Column) -> bool {
    /// The first OID that initdb does not give out.
    const FIRST_NORMAL: u32 = 16_384;
    /// Truth values, integers, `float4` and `float8`, `oid`, `name`, `"char"`, and arrays of them.
    const PLAIN: &[u32] = &[16, 20, 21, 23, 700, 701, 26, 19, 18, 1000, 1016, 1005, 1007, 1021, 1022, 1028, 1003, 1002, 22, 30];
    column.relation < FIRST_NORMAL && !PLAIN.contains(&column.type_oid)
}

impl Decided {
    fn new(columns: &Layout, derived: Box<[bool]>, masking: &Masking) -> Self {
        let (mut watched, mut verdicts) = (Vec::new(), Vec::new());
        for (place, ((column, name), derived)) in columns.names().zip(&derived).enumerate() {
            let (verdict, _) = masking.known(id(column), name);
            let of = masking.verdicts.named(id(column));
            let (table, name) = of.map_or((b"".as_slice(), name), |(table, column)| (table.name.as_bytes(), column.name.as_bytes()));
            verdicts.push(verdict);
            let open = verdict.basis == Basis::Unknown;
            let unsettled = verdict.basis < Basis::Marked && matches!(verdict.holding, Holding::Mixed(_));
            if unsettled && !derived && may_tell(column.type_oid, &masking.types) {
                let evidence = Evidence::new(table, name, column.type_oid);
                watched.push(Watched { place, column: *column, open, evidence, news: false });
            }
        }
        let open = watched.iter().any(|watched| watched.open);
        let verdicts = verdicts.into_boxed_slice();
        let plan = planned(columns, &derived, &verdicts, masking);
        Self { derived, verdicts, watched: watched.into(), open, settled: false, written: 0, plan }
    }

    /// Takes in what values told. What was thought before stays, where it was stricter.
    fn adopt(&mut self, columns: &Layout, window: &Window, masking: &Masking) {
        let mut changed = false;
        for (watched, told) in self.watched.iter_mut().zip(window.verdicts()) {
            let (Some(told), Some(verdict)) = (told, self.verdicts.get_mut(watched.place)) else { continue };
            let holding = if verdict.basis == Basis::Unknown { told.holding } else { stricter(verdict.holding, told.holding) };
            if holding != verdict.holding {
                changed = true;
                watched.news = watched.column.relation != 0;
            }
            *verdict = Verdict { holding, basis: told.basis };
        }
        if changed {
            self.plan = planned(columns, &self.derived, &self.verdicts, masking);
        }
    }

    /// What the host was not told yet.
    fn news(&mut self) -> Vec<(ColumnId, Verdict)> {
        let (verdicts, watched) = (&self.verdicts, self.watched.iter_mut());
        let news = watched.filter_map(|watched| std::mem::take(&mut watched.news).then_some(&*watched));
        news.filter_map(|watched| Some((id(&watched.column), *verdicts.get(watched.place)?))).collect()
    }
}

/// What is done with columns of which nobody can say what they are.
pub fn masked_whole(columns: &Layout, masking: &Masking) -> Arc<Plan> {
    Decided::new(columns, vec![true; columns.len()].into(), masking).plan
}

fn planned(columns: &Layout, derived: &[bool], verdicts: &[Verdict], masking: &Masking) -> Arc<Plan> {
    let described = columns.names().zip(derived).zip(verdicts).map(|(((column, name), derived), verdict)| Described {
        name,
        column: id(column),
        type_oid: column.type_oid,
        format: Format::from_code(column.format).unwrap_or(Format::Text),
        derived: *derived,
        verdict: Some(*verdict),
    });
    Plan::new(described, masking)
}

fn id(column: &Column) -> ColumnId {
    ColumnId { relation: column.relation, attribute: column.attribute }
}

/// Whether values of a type may tell what a column holds.
fn may_tell(type_oid: u32, types: &Types) -> bool {
    types
        .get(type_oid)
        .is_some_and(|of| of.may_hold(|class| !matches!(class, Class::Boolean | Class::Vector | Class::Geometry | Class::Label)))
}

/// What could be found out about columns, and is not.
fn unknown(columns: &Layout, masking: &Masking) -> Unknown {
    let mut unknown = Unknown::default();
    for column in columns.iter() {
        if column.relation != 0 && !masking.verdicts.is_settled(id(column), column.type_oid) {
            unknown.relations.push(column.relation);
        }
        if masking.types.get(column.type_oid).is_none() {
            unknown.types.push(column.type_oid);
        }
    }
    for list in [&mut unknown.relations, &mut unknown.types] {
        list.sort_unstable();
        list.dedup();
    }
    unknown
}

/// The policy has it that a statement fails rather than that its values become NULL.
pub fn unreadable(oid: u32) -> Report {
    Report::error("PS004", "stopped: a column of the result is of a type that cannot be masked")
        .with_detail(format!("Nobody here can read values of the type with the OID {oid}, and the policy lets none of them pass."))
        .with_hint("Leave the column out, or cast it to text.")
}

fn long(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
