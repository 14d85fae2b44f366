//! Makes a snapshot: the questions that a server is asked, and what becomes of the rows that it answers with. The questions run with
//! `pg_catalog` as the whole search path and lock nothing but the catalog itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use super::{
    Access, Cascade, Cascading, Cast, Catalog, Code, Context, Function, Hanging, Hook, Kind, Operator, Place, Rule, Schema, Table, Type,
};
use crate::sql::functions;

/// The first OID that initdb gives to nothing.
pub const FIRST_MADE: u32 = 16384;
/// Rows of all answers together: a database of some 400,000 tables.
const MOST_ROWS: usize = 4_000_000;

/// One question, and who takes its rows.
#[derive(Debug)]
pub struct Question {
    pub sql: String,
    pub add: fn(&mut Builder, &Fields<'_>) -> Option<()>,
}

/// The fields of a row, as text.
#[derive(Debug)]
pub struct Fields<'a>(pub &'a [Option<&'a str>]);

impl<'a> Fields<'a> {
    fn text(&self, at: usize) -> Option<&'a str> {
        self.0.get(at).copied().flatten()
    }

    fn oid(&self, at: usize) -> Option<u32> {
        self.text(at)?.parse().ok()
    }

    fn flag(&self, at: usize) -> Option<bool> {
        Some(self.text(at)? == "t")
    }

    /// Numbers with blanks between them.
    fn oids(&self, at: usize) -> Box<[u32]> {
        self.text(at).unwrap_or_default().split(' ').filter_map(|oid| oid.parse().ok()).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    #[error("the database has more objects than are looked at")]
    Rows,
    #[error("the server's answer about its catalog was not understood")]
    NotUnderstood,
}

/// What of a function's name is known before all functions are.
#[derive(Debug, Clone)]
enum Called {
    Made(u32),
    Initdb(String),
}

#[derive(Debug, Default)]
pub struct Builder {
    catalog: Catalog,
    rows: usize,
    hasher: DefaultHasher,
    schemas: Vec<(u32, Schema)>,
    relations: Vec<(u32, Table)>,
    functions: Vec<(u32, Function)>,
    operators: Vec<(u32, Operator, Option<Called>)>,
    types: Vec<(u32, Type)>,
    checks: Vec<(u32, u32)>,
    casts: Vec<(u32, u32, Context, u32)>,
    hooks: Vec<(u32, Hanging, Access, Called)>,
    reaches: Vec<(u32, u32)>,
    children: Vec<(u32, u32)>,
    rules: Vec<(u32, Access, Access, Box<[u32]>)>,
    cascades: Vec<(u32, u32, [Option<Cascading>; 2], Box<[Box<str>]>)>,
    columns: Vec<(u32, u32)>,
    event_triggers: Vec<u32>,
    extensions: HashMap<u32, u16>,
}

/// A type as people mean it: of an array its elements'.
const ELEMENT: &str = "(SELECT CASE WHEN e.typcategory OPERATOR(pg_catalog.=) 'A' THEN e.typelem ELSE e.oid END
 FROM pg_catalog.pg_type e WHERE e.oid OPERATOR(pg_catalog.=) %)";

/// In the order in which they are asked; the first row of the first one says who asks.
pub static QUESTIONS: LazyLock<Vec<Question>> = LazyLock::new(|| {
    let element = |of: &str| ELEMENT.replace('%', of);
    let question = |sql: String, add| Question { sql, add };
    let acting: Vec<String> = functions::acting().map(|name| format!("'{name}'")).collect();
    let acting = acting.join(",");
    vec![
        question(
            "SELECT n.oid, n.nspname, has_schema_privilege(n.oid, 'USAGE') FROM pg_namespace n
             WHERE n.nspname !~ '^pg_(toast|temp)'"
                .to_owned(),
            Builder::schema,
        ),
        question("SELECT oid, extname FROM pg_extension".to_owned(), Builder::extension),
        question(
            "SELECT c.oid, c.relnamespace, c.relname, c.relkind, pg_has_role(c.relowner, 'MEMBER'),
               c.relrowsecurity AND row_security_active(c.oid), c.relpages, c.reltuples
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.oid >= 16384 AND c.relkind IN ('r','p','v','m','f','S','i','I','c') AND n.nspname !~ '^pg_(toast|temp)'"
                .to_owned(),
            Builder::relation,
        ),
        question(
            format!(
                "SELECT p.oid, p.pronamespace, p.proname, pg_has_role(p.proowner, 'MEMBER'), p.provolatile = 'v', p.prokind = 'a',
                   (SELECT d.refobjid FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                    AND d.refclassid = 'pg_extension'::regclass LIMIT 1),
                   (SELECT string_agg(DISTINCT {}::text, ' ') FROM unnest(p.proargtypes) a(oid) WHERE a.oid >= 16384),
                   p.pronargs >= 1 AND p.pronargs - p.pronargdefaults <= 1 AND EXISTS (SELECT FROM pg_type t WHERE t.oid = p.proargtypes[0]
                     AND (t.typtype = 'c' OR t.typtype = 'p' OR t.typtype = 'd' AND t.typbasetype >= 16384)),
                   EXISTS (SELECT FROM pg_proc b WHERE b.proname = p.proname AND b.oid < 16384 AND b.pronamespace = 'pg_catalog'::regnamespace
                     AND b.proargtypes = p.proargtypes),
                   EXISTS (SELECT FROM pg_proc b WHERE b.proname = p.proname AND b.oid < 16384 AND b.pronamespace = 'pg_catalog'::regnamespace
                     AND b.pronargs = p.pronargs) AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) a(oid) JOIN pg_type t ON t.oid = a.oid
                     WHERE a.oid >= 16384 AND t.typcategory = 'S'),
                   CASE WHEN p.prorettype >= 16384 THEN {} ELSE 0 END
                 FROM pg_proc p WHERE p.oid >= 16384",
                element("a.oid"),
                element("p.prorettype")
            ),
            Builder::function,
        ),
        question(
            format!(
                "SELECT o.oid, o.oprnamespace, o.oprname,
                   (SELECT string_agg(DISTINCT {}::text, ' ') FROM (VALUES (o.oprleft), (o.oprright)) a(oid) WHERE a.oid >= 16384),
                   EXISTS (SELECT FROM pg_operator b WHERE b.oprname = o.oprname AND b.oid < 16384 AND b.oprleft = o.oprleft
                     AND b.oprright = o.oprright),
                   o.oprcode::oid, (SELECT p.proname FROM pg_proc p WHERE p.oid = o.oprcode AND p.oid < 16384 AND p.proname IN ({acting}))
                 FROM pg_operator o WHERE o.oid >= 16384",
                element("a.oid")
            ),
            Builder::operator,
        ),
        question(
            format!(
                "SELECT t.oid, t.typnamespace, t.typname, pg_has_role(t.typowner, 'MEMBER'),
                   coalesce(CASE WHEN t.typbasetype >= 16384 THEN {} END,
                     (SELECT CASE WHEN r.rngsubtype >= 16384 THEN {} END FROM pg_range r WHERE r.rngtypid = t.oid), 0)
                 FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
                 WHERE t.oid >= 16384 AND t.typcategory <> 'A' AND (c.oid IS NULL OR c.relkind = 'c')
                   AND t.typnamespace NOT IN (SELECT n.oid FROM pg_namespace n WHERE n.nspname ~ '^pg_(toast|temp)')",
                element("t.typbasetype"),
                element("r.rngsubtype")
            ),
            Builder::made_type,
        ),
        question(
            "SELECT k.contypid, d.refobjid FROM pg_constraint k JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
             WHERE k.contypid <> 0 AND d.refclassid = 'pg_proc'::regclass AND d.refobjid >= 16384"
                .to_owned(),
            Builder::check,
        ),
        question(
            format!(
                "SELECT CASE WHEN castsource >= 16384 THEN {} ELSE castsource END, CASE WHEN casttarget >= 16384 THEN {} ELSE casttarget END,
                   castcontext, castfunc FROM pg_cast WHERE castfunc >= 16384",
                element("castsource"),
                element("casttarget")
            ),
            Builder::cast,
        ),
        question(
            "SELECT t.tgrelid, 't', t.tgtype, t.tgfoid, NULL FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
               AND t.tgfoid >= 16384
             UNION
             SELECT h.relation, h.hanging, h.events, CASE WHEN d.refclassid = 'pg_operator'::regclass
               THEN (SELECT o.oprcode::oid FROM pg_operator o WHERE o.oid = d.refobjid) ELSE d.refobjid END, NULL
             FROM pg_depend d JOIN (
               SELECT 'pg_trigger'::regclass, t.oid, t.tgrelid, 't', t.tgtype FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
               UNION ALL SELECT 'pg_attrdef'::regclass, a.oid, a.adrelid, 'd', 0 FROM pg_attrdef a
               UNION ALL SELECT 'pg_constraint'::regclass, k.oid, k.conrelid, 'c', 0 FROM pg_constraint k
                 WHERE k.contype IN ('c','x') AND k.conrelid <> 0
               UNION ALL SELECT 'pg_policy'::regclass, p.oid, p.polrelid, 'p', 0 FROM pg_policy p
               UNION ALL SELECT 'pg_rewrite'::regclass, r.oid, r.ev_class, CASE WHEN r.ev_type = '1' THEN 'v' ELSE 'r' END,
                 r.ev_type::text::integer FROM pg_rewrite r WHERE r.ev_enabled <> 'D'
               UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, i.indrelid, 'i', 0 FROM pg_index i
               UNION ALL SELECT 'pg_class'::regclass, p.partrelid, p.partrelid, 'i', 0 FROM pg_partitioned_table p
             ) h(class, oid, relation, hanging, events) ON d.classid = h.class AND d.objid = h.oid
             WHERE d.refobjid >= 16384 AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
             UNION
             SELECT i.indrelid, 'i', 0, a.amproc::oid, NULL FROM pg_index i CROSS JOIN unnest(i.indclass) k(oid)
               JOIN pg_opclass o ON o.oid = k.oid JOIN pg_amproc a ON a.amprocfamily = o.opcfamily
             WHERE k.oid >= 16384 AND a.amproc::oid >= 16384"
                .to_owned(),
            Builder::hook,
        ),
        question(
            format!(
                "SELECT h.relation, h.hanging, h.events, NULL, p.proname FROM (
                   SELECT a.adrelid, 'd', 0, a.adbin::text FROM pg_attrdef a
                   UNION ALL SELECT k.conrelid, 'c', 0, k.conbin::text FROM pg_constraint k WHERE k.contype = 'c' AND k.conrelid <> 0
                   UNION ALL SELECT p.polrelid, 'p', 0, concat(p.polqual::text, p.polwithcheck::text) FROM pg_policy p
                   UNION ALL SELECT r.ev_class, CASE WHEN r.ev_type = '1' THEN 'v' ELSE 'r' END, r.ev_type::text::integer, r.ev_action::text
                     FROM pg_rewrite r WHERE r.ev_class >= 16384 AND r.ev_enabled <> 'D'
                   UNION ALL SELECT i.indrelid, 'i', 0, concat(i.indexprs::text, i.indpred::text) FROM pg_index i
                     WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
                 ) h(relation, hanging, events, tree)
                 CROSS JOIN LATERAL regexp_matches(h.tree, ' :(?:func|opfunc|winfn|aggfn)o?id (\\d+)', 'g') m(found)
                 JOIN pg_proc p ON p.oid = m.found[1]::oid
                 WHERE p.oid < 16384 AND p.proname IN ({acting}) AND NOT (h.hanging = 'd' AND p.proname = 'nextval')
                 GROUP BY 1, 2, 3, 5"
            ),
            Builder::hook,
        ),
        question(
            "SELECT r.ev_class, d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
             WHERE r.ev_class >= 16384 AND r.ev_type = '1' AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
             GROUP BY 1, 2"
                .to_owned(),
            Builder::reach,
        ),
        question("SELECT inhparent, inhrelid FROM pg_inherits".to_owned(), Builder::child),
        question(
            "SELECT r.ev_class, r.ev_type,
               (SELECT string_agg(DISTINCT m.found[1], ' ') FROM regexp_matches(r.ev_action::text, '\\{QUERY :commandType (\\d+)', 'g') m(found)),
               (SELECT string_agg(DISTINCT d.refobjid::text, ' ') FROM pg_depend d WHERE d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class)
             FROM pg_rewrite r WHERE r.ev_class >= 16384 AND r.ev_type <> '1' AND r.ev_enabled <> 'D'"
                .to_owned(),
            Builder::rule,
        ),
        question(
            "SELECT k.confrelid, k.conrelid, k.confdeltype, k.confupdtype, (SELECT string_agg(a.attname::text, chr(1)) FROM pg_attribute a
               WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey))
             FROM pg_constraint k WHERE k.contype = 'f' AND (k.confdeltype IN ('c','n','d') OR k.confupdtype IN ('c','n','d'))"
                .to_owned(),
            Builder::cascade,
        ),
        question(
            format!(
                "SELECT a.attrelid, {} FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                 WHERE a.atttypid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r','p','v','m','f','c')
                 UNION
                 SELECT c.oid, c.reltype FROM pg_class c JOIN pg_type t ON t.oid = c.reltype WHERE c.oid >= 16384
                   AND EXISTS (SELECT FROM pg_proc p WHERE p.oid >= 16384 AND (c.reltype = ANY (p.proargtypes) OR t.typarray = ANY (p.proargtypes)))",
                element("a.atttypid")
            ),
            Builder::column,
        ),
        question("SELECT evtfoid FROM pg_event_trigger WHERE evtenabled <> 'D'".to_owned(), Builder::event_trigger),
    ]
});

/// `tgtype`, and `ev_type`, in bits.
fn trigger_events(bits: u32) -> Access {
    let part = |bit: u32, access| if bits & bit != 0 { access } else { Access::default() };
    part(4, Access::INSERT).and(part(8, Access::DELETE)).and(part(16, Access::UPDATE)).and(part(32, Access::TRUNCATE))
}

fn rule_event(event: u32) -> Access {
    match event {
        1 => Access::READ.and(Access::WRITE),
        2 => Access::UPDATE,
        3 => Access::INSERT,
        4 => Access::DELETE,
        _ => Access::ALL,
    }
}

/// `CmdType`, as trees have it.
fn command(number: u32) -> Access {
    match number {
        1 => Access::READ,
        2 => Access::UPDATE,
        3 => Access::INSERT,
        4 => Access::DELETE,
        // NOTHING, the last one, is 6 before version 15 and 7 since; what is not known writes.
        5 => Access::WRITE,
        _ => Access::default(),
    }
}

fn cascading(action: &str) -> Option<Cascading> {
    match action {
        "c" => Some(Cascading::Cascade),
        "n" | "d" => Some(Cascading::Set),
        _ => None,
    }
}

impl Builder {
    /// For `role`, whose sessions begin with this search path.
    pub fn new(role: &str, path: &str) -> Self {
        let mut builder = Self::default();
        builder.catalog.role = role.into();
        builder.catalog.path = path.into();
        (role, path).hash(&mut builder.hasher);
        builder
    }

    /// Takes a row of the answer to a question.
    pub fn add(&mut self, question: &Question, fields: &Fields<'_>) -> Result<(), TooLarge> {
        self.rows = self.rows.saturating_add(1);
        if self.rows > MOST_ROWS {
            return Err(TooLarge::Rows);
        }
        (question.add)(self, fields).ok_or(TooLarge::NotUnderstood)
    }

    fn note(&mut self, fields: &Fields<'_>) {
        fields.0.hash(&mut self.hasher);
    }

    fn schema(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        let oid = fields.oid(0)?;
        self.schemas.push((oid, Schema { name: fields.text(1)?.into(), usable: fields.flag(2)? }));
        Some(())
    }

    fn extension(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        let place = u16::try_from(self.catalog.extensions.len()).ok()?;
        self.extensions.insert(fields.oid(0)?, place);
        self.catalog.extensions.push(fields.text(1)?.into());
        Some(())
    }

    fn relation(&mut self, fields: &Fields<'_>) -> Option<()> {
        let kind = match fields.text(3)? {
            "r" => Kind::Table,
            "p" => Kind::Partitioned,
            "v" => Kind::View,
            "m" => Kind::Materialized,
            "f" => Kind::Foreign,
            "S" => Kind::Sequence,
            "i" | "I" => Kind::Index,
            _ => Kind::Composite,
        };
        // A partitioned table has no pages, which it says with -1.
        let pages = u32::try_from(fields.text(6)?.parse::<i64>().ok()?.max(0)).ok()?;
        let rows: f32 = fields.text(7)?.parse().ok()?;
        // Tables grow all the time; that one has twice as many rows is news.
        fields.0.get(..6)?.hash(&mut self.hasher);
        (pages.checked_ilog2(), rows.max(0.0).log2().ceil().to_bits(), rows < 0.0).hash(&mut self.hasher);
        let name = self.catalog.names.add(fields.text(2)?);
        let table = Table { oid: fields.oid(0)?, name, schema: 0, kind, own: fields.flag(4)?, guarded: fields.flag(5)?, pages, rows };
        self.relations.push((fields.oid(1)?, table));
        Some(())
    }

    fn function(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        let extension = fields.oid(6).and_then(|oid| self.extensions.get(&oid)).copied();
        let function = Function {
            oid: fields.oid(0)?,
            name: self.catalog.names.add(fields.text(2)?),
            schema: 0,
            own: fields.flag(3)?,
            volatile: fields.flag(4)?,
            aggregate: fields.flag(5)?,
            extension,
            arguments: fields.oids(7),
            of_row: fields.flag(8)?,
            shadowed: fields.flag(9)?,
            rivalled: fields.flag(10)?,
            result: fields.oid(11)?,
        };
        self.functions.push((fields.oid(1)?, function));
        Some(())
    }

    fn operator(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        let called = match (fields.oid(5)?, fields.text(6)) {
            (_, Some(name)) => Some(Called::Initdb(name.to_owned())),
            (oid, None) => (oid >= FIRST_MADE).then_some(Called::Made(oid)),
        };
        let operator = Operator {
            oid: fields.oid(0)?,
            name: self.catalog.names.add(fields.text(2)?),
            schema: 0,
            arguments: fields.oids(3),
            shadowed: fields.flag(4)?,
            code: None,
        };
        self.operators.push((fields.oid(1)?, operator, called));
        Some(())
    }

    fn made_type(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        let name = self.catalog.names.add(fields.text(2)?);
        let made = Type { oid: fields.oid(0)?, name, schema: 0, own: fields.flag(3)?, below: fields.oid(4)?, checks: Vec::new() };
        self.types.push((fields.oid(1)?, made));
        Some(())
    }

    fn check(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        self.checks.push((fields.oid(0)?, fields.oid(1)?));
        Some(())
    }

    fn cast(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        let context = match fields.text(2)? {
            "i" => Context::Implicit,
            "a" => Context::Assignment,
            _ => Context::Explicit,
        };
        self.casts.push((fields.oid(0)?, fields.oid(1)?, context, fields.oid(3)?));
        Some(())
    }

    fn hook(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        let events = fields.oid(2)?;
        let changes = Access::INSERT.and(Access::UPDATE);
        let (hanging, when) = match fields.text(1)? {
            "t" => (Hanging::Trigger, trigger_events(events)),
            "d" => (Hanging::Default, changes),
            "c" => (Hanging::Check, changes),
            "i" => (Hanging::Index, changes),
            "p" => (Hanging::Policy, Access::READ.and(Access::WRITE)),
            "v" => (Hanging::View, Access::READ.and(Access::WRITE)),
            _ => (Hanging::Rule, rule_event(events)),
        };
        let called = match (fields.oid(3), fields.text(4)) {
            (Some(oid), _) => Called::Made(oid),
            (None, Some(name)) => Called::Initdb(name.to_owned()),
            (None, None) => return None,
        };
        self.hooks.push((fields.oid(0)?, hanging, when, called));
        Some(())
    }

    fn reach(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        self.reaches.push((fields.oid(0)?, fields.oid(1)?));
        Some(())
    }

    fn child(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        self.children.push((fields.oid(0)?, fields.oid(1)?));
        Some(())
    }

    fn rule(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        let does = fields.oids(2).iter().fold(Access::default(), |does, number| does.and(command(*number)));
        self.rules.push((fields.oid(0)?, rule_event(fields.oid(1)?), does, fields.oids(3)));
        Some(())
    }

    fn cascade(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        let actions = [cascading(fields.text(2)?), cascading(fields.text(3)?)];
        let key = fields.text(4).unwrap_or_default().split('\u{1}').map(Into::into).collect();
        self.cascades.push((fields.oid(0)?, fields.oid(1)?, actions, key));
        Some(())
    }

    fn column(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        self.columns.push((fields.oid(0)?, fields.oid(1)?));
        Some(())
    }

    fn event_trigger(&mut self, fields: &Fields<'_>) -> Option<()> {
        self.note(fields);
        self.event_triggers.push(fields.oid(0)?);
        Some(())
    }

    /// Two snapshots with one digest say the same, but for how large tables are within a factor of two.
    pub fn digest(&self) -> u64 {
        self.hasher.finish()
    }

    pub fn finish(self, generation: u64) -> Catalog {
        let Self { mut catalog, schemas, relations, functions, operators, types, checks, casts, hooks, .. } = self;
        catalog.generation = generation;

        let mut schemas = schemas;
        schemas.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
        let schema_of: HashMap<u32, u16> =
            schemas.iter().enumerate().filter_map(|(place, (oid, _))| Some((*oid, u16::try_from(place).ok()?))).collect();
        let schema_of = |oid: u32| schema_of.get(&oid).copied();
        catalog.schemas = schemas.into_iter().map(|(_, schema)| schema).collect();

        let names = std::mem::take(&mut catalog.names);
        let in_schema = |(schema, mut table): (u32, Table)| {
            table.schema = schema_of(schema)?;
            Some(table)
        };
        catalog.relations = relations.into_iter().filter_map(in_schema).collect();
        catalog.relations.sort_by(|one, other| (one.schema, names.get(one.name)).cmp(&(other.schema, names.get(other.name))));
        let places = places(&catalog.relations, |table| table.oid);
        let relation = |oid: &u32| places.get(oid).copied();

        let in_schema = |(schema, mut function): (u32, Function)| {
            function.schema = schema_of(schema)?;
            Some(function)
        };
        catalog.functions = functions.into_iter().filter_map(in_schema).collect();
        catalog.functions.sort_by(|one, other| names.get(one.name).cmp(names.get(other.name)));
        let functions = self::places(&catalog.functions, |function| function.oid);
        let mut added = names.clone();
        let mut initdb: BTreeMap<String, super::Name> = BTreeMap::new();
        let mut code = |called: Called| match called {
            Called::Made(oid) => functions.get(&oid).copied().map(Code::Made),
            Called::Initdb(name) => Some(Code::Initdb(*initdb.entry(name).or_insert_with_key(|name| added.add(name)))),
        };

        catalog.operators = operators
            .into_iter()
            .filter_map(|(schema, operator, called)| {
                Some(Operator { schema: schema_of(schema)?, code: called.and_then(&mut code), ..operator })
            })
            .collect();
        catalog.operators.sort_by(|one, other| names.get(one.name).cmp(names.get(other.name)));

        let mut checked: BTreeMap<u32, Vec<Code>> = BTreeMap::new();
        for (made, function) in checks {
            checked.entry(made).or_default().extend(code(Called::Made(function)));
        }
        catalog.types = types
            .into_iter()
            .filter_map(|(schema, made)| {
                Some(Type { schema: schema_of(schema)?, checks: checked.get(&made.oid).cloned().unwrap_or_default(), ..made })
            })
            .collect();
        catalog.types.sort_by(|one, other| names.get(one.name).cmp(names.get(other.name)));

        catalog.casts = casts
            .into_iter()
            .filter_map(|(source, target, context, function)| Some(Cast { source, target, context, code: code(Called::Made(function))? }))
            .collect();

        let mut found: Vec<Hook> = hooks
            .into_iter()
            .filter_map(|(oid, hanging, when, called)| Some(Hook { relation: relation(&oid)?, hanging, when, code: code(called)? }))
            .collect();
        // What a value of a column's type is checked by.
        for (oid, made) in &self.columns {
            for code in checked.get(made).into_iter().flatten() {
                let when = Access::INSERT.and(Access::UPDATE);
                found.extend(relation(oid).map(|relation| Hook { relation, hanging: Hanging::Domain, when, code: *code }));
            }
        }
        found.sort_by_key(|hook| hook.relation);
        catalog.hooks = found;
        catalog.event_triggers = self.event_triggers.iter().filter_map(|oid| code(Called::Made(*oid))).collect();

        let pairs = |pairs: Vec<(u32, u32)>| {
            let mut pairs: Vec<(Place, Place)> = pairs.iter().filter_map(|(one, other)| Some((relation(one)?, relation(other)?))).collect();
            pairs.sort_unstable();
            pairs.dedup();
            pairs
        };
        catalog.reaches = pairs(self.reaches);
        catalog.children = pairs(self.children);
        catalog.rules = self
            .rules
            .into_iter()
            .filter_map(|(oid, when, does, touches)| {
                Some(Rule { relation: relation(&oid)?, when, does, touches: touches.iter().filter_map(relation).collect() })
            })
            .collect();
        catalog.rules.sort_by_key(|rule| rule.relation);
        catalog.cascades = self
            .cascades
            .into_iter()
            .filter_map(|(referred, referring, [deletes, updates], key)| {
                Some(Cascade { referred: relation(&referred)?, referring: relation(&referring)?, deletes, updates, key })
            })
            .collect();
        catalog.cascades.sort_by_key(|cascade| cascade.referred);

        let active = active(&catalog);
        let mut columns: Vec<(Place, u32)> =
            self.columns.iter().filter(|(_, made)| active.contains(made)).filter_map(|(oid, made)| Some((relation(oid)?, *made))).collect();
        columns.sort_unstable();
        columns.dedup();
        catalog.columns = columns;

        catalog.names = added;
        catalog.names.shrink();
        catalog.relations.shrink_to_fit();
        catalog.hooks.shrink_to_fit();
        catalog.columns.shrink_to_fit();
        catalog
    }
}

/// Where in a list what has this OID stands.
fn places<T>(all: &[T], oid_of: impl Fn(&T) -> u32) -> HashMap<u32, Place> {
    all.iter().enumerate().filter_map(|(place, item)| Some((oid_of(item), Place::try_from(place).ok()?))).collect()
}

/// Types that something hangs on: only for these it matters whether a value can have them.
fn active(catalog: &Catalog) -> BTreeSet<u32> {
    let mut active: BTreeSet<u32> = catalog.functions.iter().flat_map(|function| function.arguments.iter().copied()).collect();
    active.extend(catalog.operators.iter().flat_map(|operator| operator.arguments.iter().copied()));
    active.extend(catalog.casts.iter().flat_map(|cast| [cast.source, cast.target]));
    active.extend(catalog.types.iter().filter(|made| !made.checks.is_empty()).map(|made| made.oid));
    // What is made of such a type leads to it.
    loop {
        let more: Vec<u32> =
            catalog.types.iter().filter(|made| active.contains(&made.below) && !active.contains(&made.oid)).map(|made| made.oid).collect();
        if more.is_empty() {
            return active;
        }
        active.extend(more);
    }
}
