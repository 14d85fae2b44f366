//! What is computed from sensitive columns: the lineage of a statement, which knows names alone, together with what is known of the columns
//! behind these names. It tells which columns of a result are to be masked whole, which columns of a view hold what, and which columns are
//! sensitive from now on because a statement writes to them what came from sensitive ones.

use super::kind::Kind;
use super::verdict::{Basis, ColumnId, Holding, Mark, Verdict, Verdicts};
use crate::gate::catalog::Relation;
use crate::sql::facts::Facts;
use crate::sql::functions;
use crate::sql::lineage::{Level, Lineage, Named, Shape, Taint, Traced};

/// What is known around a statement.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    pub verdicts: &'a Verdicts,
    /// What its names stand for.
    pub relations: &'a [Relation],
    pub remembered: &'a Remembered,
}

/// What a session wrote from sensitive columns, kept for as long as it lives: what it wrote to has no number yet, or the verdicts know of it only
/// later.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    written: Vec<Written>,
    /// It was more than is kept: whatever the session makes itself counts as written so.
    all: bool,
}

static NOTHING: Remembered = Remembered { written: Vec::new(), all: false };

/// More than anyone writes by hand in one session; each costs a comparison for each relation of a statement.
const MOST_REMEMBERED: usize = 1024;

/// Something that came from sensitive columns, and the relation by its name that it is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub schema: Option<Box<str>>,
    pub name: Box<str>,
    /// `None`: any of its columns.
    pub column: Option<Box<str>>,
    pub holding: Holding,
}

/// What a column of a result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nothing sensitive is known to be in it, or it is a column whose own verdict says what it is.
    Clear,
    /// It comes from code that may have read anything.
    Unknown,
    /// It is computed from a sensitive column.
    Derived,
}

/// The columns of a result.
#[derive(Debug)]
pub struct Reading<'a> {
    rows: Option<Shape<'a>>,
    /// Which rows there are tells of sensitive values: a truth value beside them is no answer to one question.
    pub told: bool,
    surroundings: Surroundings<'a>,
}

/// The columns of a view.
#[derive(Debug)]
pub struct View<'a> {
    rows: Option<Shape<'a>>,
    classes: Vec<Verdict>,
}

/// What a statement makes sensitive.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stores {
    /// Columns of relations that are known.
    pub marks: Vec<Mark>,
    /// The same by their names, and those of other relations.
    pub written: Vec<Written>,
    /// Those of them that every session may read.
    pub promised: Vec<Written>,
    /// Something of it goes where nobody could mark it.
    pub given: bool,
}

impl Remembered {
    pub fn add(&mut self, written: impl IntoIterator<Item = Written>) {
        for written in written {
            if self.written.contains(&written) {
                continue;
            }
            if self.written.len() >= MOST_REMEMBERED {
                self.all = true;
                return;
            }
            self.written.push(written);
        }
    }

    /// Another number where more is remembered.
    pub fn version(&self) -> usize {
        self.written.len() + usize::from(self.all)
    }

    fn of<'s>(&'s self, schema: Option<&'s str>, name: &'s str) -> impl Iterator<Item = &'s Written> {
        let same = move |written: &&Written| {
            *written.name == *name && (schema.is_none() || written.schema.is_none() || written.schema.as_deref() == schema)
        };
        self.written.iter().filter(same)
    }

    fn has(&self, schema: &str, name: &str, column: &str) -> bool {
        // Whoever gave it no schema, or that of temporary tables, did not name the one that it has.
        let mut named = self.written.iter().filter(|written| {
            *written.name == *name && written.schema.as_deref().is_none_or(|given| given == schema || is_temporary(given))
        });
        named.any(|written| written.column.as_deref().is_none_or(|known| known == column))
    }
}

fn is_temporary(schema: &str) -> bool {
    schema.starts_with("pg_temp")
}

/// Verdicts by the numbers that lineage knows them by.
#[derive(Default)]
struct Classes(Vec<Verdict>);

impl Classes {
    fn taint(&mut self, verdict: Verdict) -> Taint {
        if !verdict.is_sensitive() {
            return Taint::CLEAN;
        }
        let place = self.0.iter().position(|known| *known == verdict).unwrap_or_else(|| {
            self.0.push(verdict);
            self.0.len().saturating_sub(1)
        });
        Taint { class: u16::try_from(place.saturating_add(1)).unwrap_or(0), ..Taint::SENSITIVE }
    }

    fn holding(&self, taint: Taint) -> Holding {
        let place = usize::from(taint.class).checked_sub(1);
        place.and_then(|place| self.0.get(place)).map_or(Holding::Whole(Kind::DERIVED), |verdict| verdict.holding)
    }
}

/// Relations of a statement that somebody has to look at before anything can be said of what is computed from them.
pub fn unknown(lineage: &Lineage, relations: &[Relation], verdicts: &Verdicts) -> Vec<u32> {
    let known = |oid: &u32| verdicts.relations.contains_key(oid);
    lineage.relations.iter().flat_map(|named| called(named, relations)).filter(|oid| !known(oid)).collect()
}

/// The columns of the rows that a statement gives back.
pub fn reading<'a>(lineage: &'a Lineage, surroundings: Surroundings<'a>) -> Reading<'a> {
    let Traced { rows, told, .. } = traced(lineage, &surroundings, &mut Classes::default());
    Reading { rows, told, surroundings }
}

/// What a statement writes that came from sensitive columns.
pub fn stores(lineage: &Lineage, surroundings: Surroundings<'_>) -> Stores {
    let mut stores = Stores::default();
    if !lineage.writes() {
        return stores;
    }
    let mut classes = Classes::default();
    let traced = traced(lineage, &surroundings, &mut classes);
    stores.given = traced.given;
    for stored in traced.stored.iter().filter(|stored| stored.taint.level == Level::Sensitive) {
        let Some(named) = lineage.relations.get(stored.relation) else { continue };
        let holding = classes.holding(stored.taint);
        let mut settled = !stored.defined;
        let mut targets = 0_usize;
        for oid in called(named, surroundings.relations).filter(|_| !stored.defined) {
            targets += 1;
            let Some(relation) = surroundings.verdicts.relations.get(&oid) else {
                settled = false;
                continue;
            };
            let columns = relation.columns.iter().filter(|column| stored.column.is_none_or(|name| *name == *column.name));
            // One that came after anybody looked is known by its name alone.
            settled &= columns.clone().next().is_some();
            for column in columns.filter(|column| !covers(column.verdict.holding, holding)) {
                settled = false;
                stores.marks.push(Mark { relation: oid, column: column.name.clone(), holding });
            }
        }
        if !settled || targets == 0 {
            let column = stored.column.map(Into::into);
            let written = Written { schema: named.schema.clone(), name: named.name.clone(), column, holding };
            if targets == 0 && !stored.temporary {
                stores.promised.push(written.clone());
            }
            stores.written.push(written);
        }
    }
    stores
}

/// The columns of a view by its definition, in which every name of a relation has its schema or is found by its name alone.
pub fn view<'a>(definition: &'a Facts, verdicts: &'a Verdicts) -> View<'a> {
    let lineage = definition.statements.first().and_then(|statement| statement.lineage.as_deref());
    let mut classes = Classes::default();
    let rows = lineage.and_then(|lineage| {
        let shapes: Vec<Shape<'_>> = lineage
            .relations
            .iter()
            .map(|named| {
                let of_name = |relation: &&std::sync::Arc<super::verdict::Relation>| {
                    relation.name == named.name && named.schema.as_ref().is_none_or(|schema| *schema == relation.schema)
                };
                let found = verdicts.relations.values().filter(of_name).map(|relation| &**relation);
                shape(found.collect(), named, &mut classes, &NOTHING)
            })
            .collect();
        lineage.trace(&shapes).rows
    });
    View { rows, classes: classes.0 }
}

impl View<'_> {
    /// What the definition says of a column, by its place among so many; none where its values are for somebody to look at.
    pub fn column(&self, place: usize, width: usize) -> Option<Verdict> {
        let taint = match &self.rows {
            Some(rows) => rows.at(place, width).0,
            None => return None,
        };
        if taint.level != Level::Sensitive {
            return None;
        }
        let of_class = usize::from(taint.class).checked_sub(1).and_then(|place| self.classes.get(place));
        Some(of_class.copied().unwrap_or(Verdict { holding: Holding::Whole(Kind::DERIVED), basis: Basis::Marked }))
    }
}

impl Reading<'_> {
    /// What a column is, by its place among so many, and the column of a relation that the server says it is.
    pub fn column(&self, place: usize, width: usize, base: ColumnId) -> Origin {
        let (taint, exact) = self.rows.as_ref().map_or((Taint::CLEAN, true), |rows| rows.at(place, width));
        if base.relation == 0 {
            return match taint.level {
                Level::Sensitive => Origin::Derived,
                Level::Unknown => Origin::Unknown,
                Level::Clean | Level::Answer => Origin::Clear,
            };
        }
        // A column's own verdict speaks for it, unless what is in it since was written by this statement, or by one before it.
        let Surroundings { verdicts, remembered, .. } = self.surroundings;
        let relation = verdicts.relations.get(&base.relation);
        let column = relation.and_then(|relation| relation.columns.iter().find(|known| known.attribute == base.attribute));
        if column.is_some_and(|column| matches!(column.verdict.holding, Holding::Whole(_))) {
            return Origin::Clear;
        }
        let sensitive = column.is_some_and(|column| column.verdict.is_sensitive());
        let written = match (relation, column) {
            (Some(relation), Some(column)) => remembered.has(&relation.schema, &relation.name, &column.name),
            _ => remembered.all,
        };
        let told = taint.level == Level::Sensitive && exact && !sensitive;
        if written || told { Origin::Derived } else { Origin::Clear }
    }
}

fn traced<'a>(lineage: &'a Lineage, surroundings: &Surroundings<'a>, classes: &mut Classes) -> Traced<'a> {
    let shapes: Vec<Shape<'a>> = lineage
        .relations
        .iter()
        .map(|named| {
            let Surroundings { verdicts, relations, remembered } = *surroundings;
            let mut known = Vec::new();
            let mut all = true;
            for oid in called(named, relations) {
                match verdicts.relations.get(&oid) {
                    Some(relation) => known.push(&**relation),
                    None => all = false,
                }
            }
            shape(if all { known } else { Vec::new() }, named, classes, remembered)
        })
        .collect();
    lineage.trace(&shapes)
}

/// The relations that a name stands for.
fn called<'a>(named: &'a Named, relations: &'a [Relation]) -> impl Iterator<Item = u32> + 'a {
    let same = |relation: &&Relation| relation.name == named.name && named.schema.as_ref().is_none_or(|schema| *schema == relation.schema);
    relations.iter().filter(same).map(|relation| relation.oid)
}

/// The columns of the relations that a name may stand for, together.
fn shape<'a>(found: Vec<&'a super::verdict::Relation>, named: &'a Named, classes: &mut Classes, remembered: &'a Remembered) -> Shape<'a> {
    let marked: Vec<&Written> = remembered.of(named.schema.as_deref(), &named.name).collect();
    let mark = |name: &str| marked.iter().find(|written| written.column.as_deref().is_none_or(|column| column == name));
    let mut columns = Vec::new();
    for relation in &found {
        let mut ordered: Vec<_> = relation.columns.iter().filter(|column| column.attribute > 0).collect();
        ordered.sort_by_key(|column| column.attribute);
        for column in ordered {
            let taint = match mark(&column.name) {
                Some(_) if !column.verdict.is_sensitive() => Taint::SENSITIVE,
                Some(_) | None => classes.taint(column.verdict),
            };
            columns.push((&*column.name, taint));
        }
    }
    match found.as_slice() {
        [_] => Shape::known(columns),
        [] => {
            if let Some(values) = own(named) {
                return Shape::unknown(values.iter().map(|name| (*name, Taint::SENSITIVE)), Taint::CLEAN);
            }
            let each = marked.iter().filter_map(|written| Some((written.column.as_deref()?, Taint::SENSITIVE)));
            let all = remembered.all || marked.iter().any(|written| written.column.is_none());
            Shape::unknown(each, if all { Taint::SENSITIVE } else { Taint::UNKNOWN })
        }
        _ => Shape::unknown(columns, Taint::CLEAN),
    }
}

/// The columns of one of the server's own relations in which values of others stand.
fn own(named: &Named) -> Option<&'static [&'static str]> {
    let own = match named.schema.as_deref() {
        Some("pg_catalog") | None => functions::is_own_relation(&named.name),
        Some("information_schema") => true,
        Some(_) => false,
    };
    own.then(|| match &*named.name {
        "pg_stats" | "pg_stats_ext_exprs" => {
            &["most_common_vals", "histogram_bounds", "most_common_elems", "range_length_histogram", "range_bounds_histogram"][..]
        }
        "pg_stats_ext" => &["most_common_vals"],
        "pg_statistic" => &["stavalues1", "stavalues2", "stavalues3", "stavalues4", "stavalues5"],
        "pg_statistic_ext_data" => &["stxdmcv", "stxdexpr"],
        _ => &[],
    })
}

/// Whether what a column is thought to hold says as much as what is written to it.
fn covers(known: Holding, written: Holding) -> bool {
    match (known, written) {
        (Holding::Whole(_), _) => true,
        (Holding::Mixed(known), Holding::Mixed(written)) => written.without(known).is_empty(),
        (Holding::Mixed(_) | Holding::Harmless, _) => false,
    }
}

#[cfg(test)]
mod tests;
