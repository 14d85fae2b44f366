//! Looks at relations for one role: what columns they have, and some of their values. It runs in transactions that write nothing and end at
//! once, and no statement of it reaches code that neither initdb made nor the policy trusts: where one would, only names and types speak.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use super::known::{Definition, Known, KnownColumn, Look};
use super::server::{self, FIRST_MADE};
use crate::gate::Policy;
use crate::gate::catalog::{Catalog, Sight};
use crate::host::catalog::side::{Side, SideError};
use crate::mask::detect::{Detectors, Finding, Room};
use crate::mask::evidence::Evidence;
use crate::sql::effect::Effect;

/// Columns of one question: what a side connection hands over of a row.
const COLUMNS: usize = 16;
/// Rows of a sample, and of one of a relation with very many columns.
const ROWS: usize = 200;
const FEWEST_ROWS: usize = 20;
/// Letters of a value that travel. What a column holds shows in its beginning.
const LETTERS: usize = 256;
/// Bytes of a value that cannot be cut: the whole of it travels, or none.
const WHOLE: usize = 2048;
/// Bytes of all values of one sample. Beyond, the connection is let go of.
const BYTES: usize = 8 << 20;
/// Columns of one relation that are sampled; the others go by their names.
const SAMPLED: usize = 320;
/// Tables of more pages than this are sampled all over, not only where they begin.
const FEW_PAGES: u64 = 64;

/// One role's way of looking.
#[derive(Debug)]
pub struct Eye<'a> {
    pub role: &'a Arc<str>,
    pub detectors: &'a Detectors,
    pub policy: &'a Policy,
    /// What names mean; without it nothing is sampled.
    pub catalog: Option<&'a Catalog>,
    /// Seconds since 1970.
    pub now: u64,
    /// Nobody waits for it: what could not be looked at is left to whoever does.
    pub brief: bool,
    /// No sample begins later than this.
    pub until: Instant,
}

/// A relation that was found, before its rows were looked at.
#[derive(Debug)]
struct Found {
    known: Known,
    columns: Vec<Sampled>,
    pages: u64,
    rows: f64,
    /// A table or a materialized view: it has pages of its own.
    has_pages: bool,
    can_be_read: bool,
    is_view: bool,
}

#[derive(Debug)]
struct Sampled {
    evidence: Evidence,
    category: Category,
    /// The role may read it.
    readable: bool,
    cells: u32,
}

/// What a sample would reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Nothing but rows.
    Rows,
    /// Code, another server, rows that this role may not see.
    More,
    /// The relation is not among what is known of names.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Category {
    /// Its beginning can be had.
    Text,
    Bytes,
    /// Only the whole of it.
    Other,
}

/// What is asked about relations. Views reach what is guarded through others.
fn question(relations: &[u32]) -> String {
    let listed = super::listed(relations);
    format!(
        "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relpages, c.reltuples,
           (SELECT string_agg(i.inhparent::text, ' ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
           c.relrowsecurity OR EXISTS (
             WITH RECURSIVE below(oid) AS (
               SELECT c.oid
               UNION SELECT d.refobjid FROM below b JOIN pg_rewrite r ON r.ev_class = b.oid AND r.ev_type = '1'
                 JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
             ) SELECT FROM below b JOIN pg_class g ON g.oid = b.oid WHERE g.relrowsecurity)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid IN ({listed});
         SELECT a.attrelid, a.attnum, a.attname, (WITH RECURSIVE made(oid, base) AS (
             SELECT t.oid, t.typbasetype FROM pg_type t WHERE t.oid = a.atttypid
             UNION ALL SELECT t.oid, t.typbasetype FROM made m JOIN pg_type t ON t.oid = m.base) SELECT m.oid FROM made m WHERE m.base = 0),
           has_column_privilege(a.attrelid, a.attnum, 'SELECT')
         FROM pg_attribute a WHERE a.attrelid IN ({listed}) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum"
    )
}

/// What is asked about views.
fn definitions(views: &[u32]) -> String {
    format!(
        "SELECT c.oid, pg_get_viewdef(c.oid), (SELECT string_agg(DISTINCT d.refobjid::text, ' ') FROM pg_rewrite r JOIN pg_depend d
             ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
           WHERE r.ev_class = c.oid AND r.ev_type = '1' AND d.refobjid <> c.oid)
         FROM pg_class c WHERE c.oid IN ({})",
        super::listed(views)
    )
}

impl Eye<'_> {
    /// Looks at relations, and hands over each as soon as it is done. What is not there any more is not handed over. On an error the
    /// connection is of no more use. Gives those that are newer than what is known of names.
    pub async fn look(&self, side: &mut Side, relations: &[u32], mut done: impl FnMut(u32, Known)) -> Result<Vec<u32>, SideError> {
        let mut newer = Vec::new();
        let mut found: BTreeMap<u32, Found> = BTreeMap::new();
        super::catalogued(side, &question(relations), |question, fields| {
            match question {
                0 => self.relation(&mut found, fields),
                _ => self.column(&mut found, fields),
            };
            Ok(())
        })
        .await?;
        let views: Vec<u32> = found.iter().filter(|(oid, found)| found.is_view && **oid >= FIRST_MADE).map(|(oid, _)| *oid).collect();
        if !views.is_empty() {
            let question = definitions(&views);
            let defined = super::catalogued(side, &question, |_, fields| {
                definition(&mut found, fields);
                Ok(())
            });
            // One that somebody alters just now is locked: its rows speak, and whoever meets them.
            match defined.await {
                Ok(()) | Err(SideError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        for (oid, mut found) in found {
            let rows = match self.may_sample(oid, &found) {
                Reach::Rows if Instant::now() < self.until => match self.sample(side, oid, &mut found).await {
                    Ok(rows) => Some(rows),
                    // Locked, slow, or gone: names and types speak.
                    Err(SideError::Refused(error)) => {
                        tracing::debug!(oid, code = error.code, "no sample");
                        None
                    }
                    Err(error) => {
                        let rows = matches!(error, SideError::TooMuch).then_some(1);
                        done(oid, found.judged(self, rows));
                        return Err(error);
                    }
                },
                Reach::Rows | Reach::More => None,
                Reach::Unknown => {
                    newer.push(oid);
                    None
                }
            };
            let mut known = found.judged(self, rows);
            // Nobody could look without knowing what names mean: whoever meets rows asks again.
            known.doubted = self.catalog.is_none() && oid >= FIRST_MADE && self.brief;
            done(oid, known);
        }
        Ok(newer)
    }

    fn relation(&self, found: &mut BTreeMap<u32, Found>, fields: &[Option<&str>]) -> Option<()> {
        let text = |at: usize| fields.get(at).copied().flatten();
        let kind = text(3)?;
        let known = Known {
            schema: text(1)?.into(),
            name: text(2)?.into(),
            parents: text(7).unwrap_or_default().split(' ').filter_map(|oid| oid.parse().ok()).collect(),
            guarded: text(8)? == "t",
            columns: Vec::new(),
            definition: None,
            looks: Vec::new(),
            doubted: false,
        };
        let made = Found {
            known,
            columns: Vec::new(),
            // A partitioned table has none, which it says with -1.
            pages: text(5)?.parse().unwrap_or(0),
            rows: text(6)?.parse().unwrap_or(-1.0),
            has_pages: matches!(kind, "r" | "m"),
            // Nobody sees the rows of another session's temporary table.
            can_be_read: matches!(kind, "r" | "m" | "p" | "v") && text(4)? != "t",
            is_view: matches!(kind, "m" | "v"),
        };
        found.insert(text(0)?.parse().ok()?, made);
        Some(())
    }

    fn column(&self, found: &mut BTreeMap<u32, Found>, fields: &[Option<&str>]) -> Option<()> {
        let text = |at: usize| fields.get(at).copied().flatten();
        let oid: u32 = text(0)?.parse().ok()?;
        let relation = found.get_mut(&oid)?;
        let (name, type_oid) = (text(2)?, text(3)?.parse().ok()?);
        let evidence = Evidence::new(relation.known.name.as_bytes(), name.as_bytes(), type_oid);
        let named = if oid < FIRST_MADE { server::holding(&relation.known.name, name, type_oid) } else { evidence.verdict().holding };
        relation.known.columns.push(KnownColumn {
            attribute: text(1)?.parse().ok()?,
            name: name.into(),
            type_oid,
            named,
            sampled: Vec::new(),
            learned: None,
            marked: None,
            defined: None,
        });
        let category = match type_oid {
            25 | 1042 | 1043 => Category::Text,
            17 => Category::Bytes,
            _ => Category::Other,
        };
        relation.columns.push(Sampled { evidence, category, readable: text(4)? == "t", cells: 0 });
        Some(())
    }

    /// Whether a sample of it reaches nothing but rows, which the role itself may read.
    fn may_sample(&self, oid: u32, found: &Found) -> Reach {
        let Some(catalog) = self.catalog else { return Reach::More };
        if oid < FIRST_MADE || !found.can_be_read || !found.columns.iter().any(|column| column.readable) {
            return Reach::More;
        }
        let paths = [PATH.into()];
        let mut reach = Reach::Rows;
        for (sql, _) in found.questions() {
            let facts = crate::sql::read(sql.as_bytes());
            let resolved = catalog.resolve(&facts, &Sight { paths: &paths, ..Sight::default() }, self.policy);
            if facts.statements.is_empty() || !resolved.effects.is_within(Effect::Read.alone()) || resolved.reaches_code {
                return Reach::More;
            }
            if resolved.missing {
                reach = Reach::Unknown;
            }
        }
        reach
    }

    async fn sample(&self, side: &mut Side, oid: u32, found: &mut Found) -> Result<u32, SideError> {
        let questions = found.questions();
        let mut sql = String::from(BEGIN);
        for (question, _) in &questions {
            sql.push_str(question);
            sql.push_str(";\n");
        }
        // The rows are read, so the name is held: if it is this relation's now it was when they were read.
        let own = "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=)
                   c.relnamespace WHERE c.oid OPERATOR(pg_catalog.=) ";
        write!(sql, "{own}{oid}").unwrap_or_default();
        let (mut room, mut findings, mut raw) = (Room::default(), Vec::<Finding>::new(), Vec::new());
        let (mut rows, mut bytes) = (0_u32, 0_usize);
        let mut same = false;
        let columns = &mut found.columns;
        let name = (&*found.known.schema, &*found.known.name);
        let asked = side
            .ask_each(&sql, |number, fields| {
                let Some(at) = number.checked_sub(SETTINGS) else { return Ok(()) };
                let Some((_, places)) = questions.get(at) else {
                    same = matches!(fields, [Some(schema), Some(relation)] if (*schema, *relation) == name);
                    return Ok(());
                };
                rows = rows.saturating_add(u32::from(at == 0));
                for (place, value) in places.iter().zip(fields) {
                    let (Some(column), Some(value)) = (columns.get_mut(*place), value) else { continue };
                    bytes = bytes.saturating_add(value.len());
                    let value = match column.category {
                        Category::Bytes => unhex(value, &mut raw),
                        Category::Text | Category::Other => value.as_bytes(),
                    };
                    column.cells = column.cells.saturating_add(1);
                    column.evidence.look(self.detectors, value, &mut room, &mut findings);
                }
                if bytes > BYTES { Err(SideError::TooMuch) } else { Ok(()) }
            })
            .await;
        if matches!(asked, Err(SideError::Refused(_)) | Ok(())) {
            side.ask("ROLLBACK", |_| Ok(())).await?;
        }
        asked?;
        if !same {
            // Somebody gave its name to another one meanwhile: whoever asks next looks again.
            for column in &mut found.columns {
                column.cells = 0;
            }
            return Ok(0);
        }
        Ok(rows)
    }
}

/// Questions are asked of what names mean without any search path, wait for nobody, and take no longer than a reader would notice.
const BEGIN: &str = "BEGIN READ ONLY;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL statement_timeout = '250ms';
SET LOCAL lock_timeout = '50ms';
SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL work_mem = '4MB';
SET LOCAL row_security = on;
SET LOCAL bytea_output = 'hex';
";
/// The search path in it.
const PATH: &str = "pg_catalog, pg_temp";
/// Commands in it.
const SETTINGS: usize = 9;

impl Found {
    /// The statements of the sample, and which columns each one brings.
    fn questions(&self) -> Vec<(String, Vec<usize>)> {
        let readable: Vec<usize> =
            self.columns.iter().enumerate().filter(|(_, column)| column.readable).map(|(place, _)| place).take(SAMPLED).collect();
        let each = readable.len().max(1).saturating_mul(LETTERS);
        let rows = (BYTES / 4 / each).clamp(FEWEST_ROWS, ROWS);
        let from = format!("{}.{}", identifier(&self.known.schema), identifier(&self.known.name));
        readable
            .chunks(COLUMNS)
            .map(|places| {
                let list: Vec<String> = places.iter().filter_map(|place| self.expression(*place)).collect();
                let list = list.join(", ");
                let sql = match self.portion(rows) {
                    None => format!("SELECT {list} FROM {from} LIMIT {rows}"),
                    Some(portion) => {
                        let half = rows.div_ceil(2);
                        format!(
                            "(SELECT {list} FROM {from} LIMIT {half}) UNION ALL
                             (SELECT {list} FROM {from} TABLESAMPLE SYSTEM ({portion:.6}) LIMIT {half})"
                        )
                    }
                };
                (sql, places.to_vec())
            })
            .collect()
    }

    /// Of each hundred pages of a large table as many as are expected to have the rows twice.
    fn portion(&self, rows: usize) -> Option<f64> {
        if !self.has_pages || self.pages <= FEW_PAGES {
            return None;
        }
        #[allow(clippy::cast_precision_loss, reason = "how many pages about")]
        let (pages, rows) = (self.pages as f64, rows as f64);
        let of_a_page = if self.rows > 0.0 { (self.rows / pages).max(0.01) } else { 1.0 };
        Some((200.0 * rows / of_a_page / pages).clamp(0.000_001, 100.0))
    }

    fn expression(&self, place: usize) -> Option<String> {
        let name = identifier(&self.known.columns.get(place)?.name);
        Some(match self.columns.get(place)?.category {
            Category::Text | Category::Bytes => format!("pg_catalog.substr({name}, 1, {LETTERS})"),
            Category::Other => {
                format!("CASE WHEN pg_catalog.pg_column_size({name}) OPERATOR(pg_catalog.<=) {WHOLE} THEN {name} END")
            }
        })
    }

    fn judged(mut self, eye: &Eye<'_>, rows: Option<u32>) -> Known {
        for (column, sampled) in self.known.columns.iter_mut().zip(&self.columns) {
            if rows.is_some_and(|rows| rows > 0) && sampled.readable {
                column.sample(eye.role, sampled.evidence.verdict().holding, sampled.cells);
            }
        }
        self.known.looks.push(Look { role: Arc::clone(eye.role), at: eye.now, rows });
        self.known
    }
}

/// How a view is computed. Its text names everything with its schema, for nothing but `pg_catalog` is in the search path.
fn definition(found: &mut BTreeMap<u32, Found>, fields: &[Option<&str>]) -> Option<()> {
    let text = |at: usize| fields.get(at).copied().flatten();
    let relation = found.get_mut(&text(0)?.parse().ok()?)?;
    let reads = text(2).unwrap_or_default().split(' ').filter_map(|oid| oid.parse().ok()).collect();
    relation.known.definition = Some(Definition { facts: Arc::new(crate::sql::read(text(1)?.as_bytes())), reads });
    Some(())
}

/// A name in SQL, whatever is in it.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `\x0a0b…`
fn unhex<'r>(text: &str, raw: &'r mut Vec<u8>) -> &'r [u8] {
    raw.clear();
    let digits = text.strip_prefix("\\x").unwrap_or_default().as_bytes();
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
    raw.extend(digits.chunks(2).map(|pair| pair.iter().map(digit).fold(0, |byte, digit| byte << 4 | digit)));
    raw
}
