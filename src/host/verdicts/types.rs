//! The types that users and extensions made, as far as results have them: what the server is asked, and what becomes of the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::server::FIRST_MADE;
use crate::host::catalog::side::{Side, SideError};
use crate::wire::value::{DEPTH_LIMIT, Definition, Extension, Field, TYPES_LIMIT, Types};

/// Labels, fields and types that are taken in at once.
const MOST_ROWS: usize = 500_000;

/// The types of one database that somebody asked about.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    /// `None`: it is there, and has no codec; or it is not there.
    known: BTreeMap<u32, Option<Definition>>,
}

impl Definitions {
    /// Those that nobody asked about yet.
    pub fn unknown(&self, types: impl IntoIterator<Item = u32>) -> Vec<u32> {
        types.into_iter().filter(|oid| *oid >= FIRST_MADE && !self.known.contains_key(oid)).collect()
    }

    pub fn types(&self) -> Arc<Types> {
        let mut types = Types::new();
        for (oid, definition) in &self.known {
            if let Some(definition) = definition
                && types.add(*oid, definition.clone()).is_err()
            {
                tracing::debug!(oid, "a type has no codec");
            }
        }
        Arc::new(types)
    }

    /// Asks about these types and what they are made of.
    pub async fn load(&mut self, side: &mut Side, types: Vec<u32>) -> Result<(), SideError> {
        let mut wanted = types;
        for _ in 0..=DEPTH_LIMIT {
            if wanted.is_empty() || self.known.len().saturating_add(wanted.len()) > TYPES_LIMIT {
                return Ok(());
            }
            let found = ask(side, &wanted).await?;
            let parts: BTreeSet<u32> = found.values().flat_map(parts).collect();
            for oid in wanted {
                self.known.insert(oid, found.get(&oid).cloned());
            }
            wanted = self.unknown(parts);
        }
        Ok(())
    }

    /// All that is known, as it is now.
    pub async fn again(&self, side: &mut Side) -> Result<Self, SideError> {
        let mut anew = Self::default();
        anew.load(side, self.known.keys().copied().collect()).await?;
        Ok(anew)
    }

    pub fn says_the_same(&self, other: &Self) -> bool {
        self.known == other.known
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

fn parts(definition: &Definition) -> Vec<u32> {
    match definition {
        Definition::Enum { .. } | Definition::Extension(_) => Vec::new(),
        Definition::Domain { base: part }
        | Definition::Array { element: part, .. }
        | Definition::Range { subtype: part }
        | Definition::Multirange { range: part } => vec![*part],
        Definition::Composite { fields } => fields.iter().map(|field| field.oid).collect(),
    }
}

async fn ask(side: &mut Side, types: &[u32]) -> Result<BTreeMap<u32, Definition>, SideError> {
    let listed = super::listed(types);
    let sql = format!(
        "SELECT t.oid, t.typname, t.typtype, t.typbasetype, CASE WHEN e.typarray = t.oid THEN e.oid ELSE 0 END, e.typdelim,
           (SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid), (SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = t.oid),
           (SELECT x.extname FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid WHERE d.classid = 'pg_type'::regclass
              AND d.objid = t.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass)
         FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem WHERE t.oid IN ({listed});
         SELECT enumtypid, enumlabel FROM pg_enum WHERE enumtypid IN ({listed}) ORDER BY enumtypid, enumsortorder;
         SELECT t.oid, a.attname, a.atttypid FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid
         WHERE t.oid IN ({listed}) AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY t.oid, a.attnum"
    );
    let mut found = BTreeMap::new();
    let mut rows = 0_usize;
    super::catalogued(side, &sql, |question, fields| {
        rows = rows.saturating_add(1);
        if rows <= MOST_ROWS {
            take(&mut found, question, fields);
        }
        Ok(())
    })
    .await?;
    // Half of a type is none.
    if rows > MOST_ROWS { Ok(BTreeMap::new()) } else { Ok(found) }
}

fn take(found: &mut BTreeMap<u32, Definition>, question: usize, fields: &[Option<&str>]) -> Option<()> {
    let text = |at: usize| fields.get(at).copied().flatten();
    let number = |at: usize| text(at).and_then(|text| text.parse::<u32>().ok());
    let oid = number(0)?;
    match question {
        0 => {
            found.insert(oid, described(text, number)?);
        }
        1 => {
            if let Definition::Enum { labels } = found.get_mut(&oid)? {
                labels.push(text(1)?.to_owned());
            }
        }
        _ => {
            if let Definition::Composite { fields } = found.get_mut(&oid)? {
                fields.push(Field { name: text(1)?.to_owned(), oid: number(2)? });
            }
        }
    }
    Some(())
}

/// What the row of a type says.
fn described<'a>(text: impl Fn(usize) -> Option<&'a str>, number: impl Fn(usize) -> Option<u32>) -> Option<Definition> {
    match text(2)? {
        "e" => Some(Definition::Enum { labels: Vec::new() }),
        "d" => Some(Definition::Domain { base: number(3)? }),
        "c" => Some(Definition::Composite { fields: Vec::new() }),
        "r" => Some(Definition::Range { subtype: number(6)? }),
        "m" => Some(Definition::Multirange { range: number(7)? }),
        "b" => match number(4)? {
            0 => of_extension(text(1)?, text(8)?).map(Definition::Extension),
            element => Some(Definition::Array { element, delimiter: text(5)?.bytes().next()? }),
        },
        _ => None,
    }
}

/// A name alone says nothing: anybody may call a type `vector`.
fn of_extension(name: &str, extension: &str) -> Option<Extension> {
    let made_by = match name {
        "halfvec" | "sparsevec" => "vector",
        own => own,
    };
    (made_by == extension).then(|| Extension::named(name)).flatten()
}
