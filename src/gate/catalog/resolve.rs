//! What a statement's names mean under each search path that may be in force: what its relations are, and which code it reaches. Where two
//! readings are possible both count.

use std::collections::BTreeSet;

use super::path;
use super::{Access, Cascading, Catalog, Code, Context, Function, Hanging, Kind, Operator, Place, Relation, Resolved, Table, Trust};
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::{Clause, Facts, How, Name, Statement};
use crate::sql::functions;

/// Relations that one statement may reach; more are not looked at, and it is opaque.
const MOST_REACHED: usize = 4096;
/// Relations and findings that people are shown.
const MOST_SHOWN: usize = 64;
const MOST_FINDINGS: usize = 16;
/// Operators that stand behind words: `IN`, `BETWEEN`, `USING`, `CASE x WHEN`, `LIKE`.
const BEHIND_WORDS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

/// What of a statement's surroundings its names are looked up by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sight<'a> {
    /// The search paths that may be in force; none: the one that sessions begin with.
    pub paths: &'a [Box<str>],
    /// There may be temporary objects.
    pub temporary: bool,
    /// Types that parameters were declared to have.
    pub types: &'a [u32],
}

/// A schema to look into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// `pg_catalog`
    Own,
    Schema(u16),
}

struct Resolver<'a> {
    catalog: &'a Catalog,
    trust: &'a dyn Trust,
    paths: Vec<Vec<Step>>,
    /// `pg_catalog` is looked into before all others, in each path.
    own_first: bool,
    temporary: bool,
    found: Resolved,
    reached: BTreeSet<(Place, Access, bool)>,
    shown: BTreeSet<Place>,
    /// Those of them that the text names.
    named: BTreeSet<Place>,
    /// Types made by users that a value in the statement may have.
    types: BTreeSet<u32>,
}

/// A relation that is still to be looked at.
struct Visit<'s> {
    relation: Place,
    access: Access,
    /// The columns that are written, where they are known.
    columns: Option<&'s [&'s str]>,
    /// Reached through a view or a rule, with its owner's rights.
    indirect: bool,
    /// Its rows are given to the agent.
    gives: bool,
}

impl Catalog {
    /// Resolves every name under each of the search paths that may be in force.
    pub fn resolve(&self, facts: &Facts, sight: &Sight<'_>, trust: &dyn Trust) -> Resolved {
        if facts.statements.is_empty() {
            return Resolved { sensitive: true, ..Resolved::of_text(facts) };
        }
        let own_path = [self.path.clone()];
        let paths = if sight.paths.is_empty() { &own_path[..] } else { sight.paths };
        let paths: Vec<Vec<Step>> = paths.iter().map(|path| self.steps(path)).collect();
        let mut resolver = Resolver {
            catalog: self,
            trust,
            own_first: paths.iter().all(|path| path.first() == Some(&Step::Own)),
            paths,
            temporary: sight.temporary,
            found: Resolved { effects: facts.effects.and(Effect::Opaque.alone()), ..Resolved::default() },
            reached: BTreeSet::new(),
            shown: BTreeSet::new(),
            named: BTreeSet::new(),
            types: self.declared(sight.types),
        };
        for statement in &facts.statements {
            resolver.found.effects |= statement.without_names;
            resolver.statement(statement);
        }
        if let [statement] = facts.statements.as_slice() {
            resolver.found.most_rows = resolver.most_rows(statement);
        }
        resolver.finish()
    }

    /// The types made by users among those that parameters were declared to have. One that is not known is an array, a table's row, or newer
    /// than this snapshot, and may lead to any.
    fn declared(&self, types: &[u32]) -> BTreeSet<u32> {
        let mut declared: BTreeSet<u32> = types.iter().copied().filter(|oid| *oid >= super::build::FIRST_MADE).collect();
        if !declared.iter().all(|oid| self.types.iter().any(|made| made.oid == *oid)) {
            declared.extend(self.types.iter().map(|made| made.oid));
        }
        declared
    }

    fn steps(&self, text: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        let text = if text == crate::gate::judge::DEFAULT_PATH { &self.path } else { text };
        for name in path::schemas(text, &self.role) {
            if name == "pg_catalog" {
                steps.push(Step::Own);
            }
            steps.extend(self.schema(&name).filter(|(_, usable)| *usable).map(|(place, _)| Step::Schema(place)));
        }
        if !steps.contains(&Step::Own) {
            steps.insert(0, Step::Own);
        }
        // Functions that extensions put beside initdb's.
        if let Some(at) = steps.iter().position(|step| *step == Step::Own)
            && let Some((place, _)) = self.schema("pg_catalog")
            && !steps.contains(&Step::Schema(place))
        {
            steps.insert(at.saturating_add(1), Step::Schema(place));
        }
        steps
    }

    fn schema(&self, name: &str) -> Option<(u16, bool)> {
        let place = self.schemas.binary_search_by(|schema| (*schema.name).cmp(name)).ok()?;
        Some((u16::try_from(place).ok()?, self.schemas.get(place)?.usable))
    }

    fn relation(&self, schema: u16, name: &str) -> Option<Place> {
        let place = self.relations.binary_search_by(|table| (table.schema, self.names.get(table.name)).cmp(&(schema, name))).ok()?;
        Place::try_from(place).ok()
    }

    fn table(&self, place: Place) -> Option<&Table> {
        self.relations.get(usize::try_from(place).ok()?)
    }

    pub(super) fn function(&self, place: Place) -> Option<&Function> {
        self.functions.get(usize::try_from(place).ok()?)
    }

    fn functions_named(&self, name: &str) -> &[Function] {
        named(&self.functions, |function| self.names.get(function.name), name)
    }

    fn operators_named(&self, name: &str) -> &[Operator] {
        named(&self.operators, |operator| self.names.get(operator.name), name)
    }

    fn schema_name(&self, schema: u16) -> &str {
        self.schemas.get(usize::from(schema)).map_or("", |schema| &schema.name)
    }

    fn full_name(&self, schema: u16, name: super::Name) -> String {
        format!("{}.{}", self.schema_name(schema), self.names.get(name))
    }

    fn trusts(&self, function: &Function, trust: &dyn Trust) -> bool {
        let extension = function.extension.and_then(|place| self.extensions.get(usize::from(place)));
        extension.is_some_and(|extension| trust.extension(extension))
            || trust.function(self.schema_name(function.schema), self.names.get(function.name))
    }
}

/// Those of a list, ordered by name, that have this one.
fn named<'c, T>(all: &'c [T], name_of: impl Fn(&T) -> &'c str, name: &str) -> &'c [T] {
    let first = all.partition_point(|item| name_of(item) < name);
    let behind = all.get(first..).unwrap_or_default();
    let count = behind.partition_point(|item| name_of(item) == name);
    behind.get(..count).unwrap_or_default()
}

/// Those of a list, ordered by a relation, that belong to this one.
fn of_relation<T>(all: &[T], relation_of: impl Fn(&T) -> Place, relation: Place) -> &[T] {
    let first = all.partition_point(|item| relation_of(item) < relation);
    let behind = all.get(first..).unwrap_or_default();
    let count = behind.partition_point(|item| relation_of(item) == relation);
    behind.get(..count).unwrap_or_default()
}

impl<'a> Resolver<'a> {
    fn statement(&mut self, statement: &'a Statement) {
        let returns = statement.effects.has(Effect::Read);
        self.found.collects |= statement.collects;
        for (place, relation) in statement.relations.iter().enumerate() {
            let access = match relation.how {
                How::Read => Access::READ,
                How::Written if statement.kind == "TRUNCATE" => Access::TRUNCATE,
                How::Written => written(relation.writes),
                How::Defined | How::Altered | How::Dropped => Access::default(),
            };
            let columns: Option<Vec<&str>> = written_columns(statement, place);
            let gives = relation.how == How::Read || returns && access.meets(Access::UPDATE.and(Access::DELETE));
            let named = self.relations_named(relation.schema.as_deref(), &relation.name);
            if named.is_empty() && !self.is_elsewhere(relation.schema.as_deref(), &relation.name) && relation.how != How::Defined {
                self.found.missing = true;
                self.found.sensitive |= gives;
            }
            for found in named {
                self.named.insert(found);
                self.visit(Visit { relation: found, access, columns: columns.as_deref(), indirect: false, gives });
            }
        }
        self.named_types(statement);
        self.named_functions(statement);
        self.named_operators(statement);
        self.casts(statement);
        self.attributes(statement);
        if statement.effects.has(Effect::Ddl) {
            for code in &self.catalog.event_triggers {
                self.hangs(*code, "defining something", "an event trigger", false, false);
            }
        }
    }

    fn finish(mut self) -> Resolved {
        let catalog = self.catalog;
        // What the text names is never left out: a text has no more names than are looked at.
        let most = MOST_SHOWN.max(self.named.len());
        let beside = self.shown.iter().filter(|place| !self.named.contains(place));
        for table in self.named.iter().chain(beside).filter_map(|place| catalog.table(*place)) {
            self.found.objects.push(table.oid);
            if matches!(table.kind, Kind::Composite) {
                continue;
            }
            if self.found.relations.len() >= most {
                self.found.unlisted = true;
            } else {
                self.found.relations.push(Relation {
                    oid: table.oid,
                    schema: catalog.schema_name(table.schema).into(),
                    name: catalog.names.get(table.name).into(),
                    kind: table.kind.word(),
                    rows: counted(table),
                    bytes: u64::from(table.pages).saturating_mul(8192),
                });
            }
        }
        self.found.objects.sort_unstable();
        self.found.objects.dedup();
        self.found
    }

    fn finding(&mut self, words: impl FnOnce() -> String) {
        if self.found.findings.len() < MOST_FINDINGS {
            let words = words().into_boxed_str();
            if !self.found.findings.contains(&words) {
                self.found.findings.push(words);
            }
        }
    }

    /// What a relation's name stands for, under each path.
    fn relations_named(&self, schema: Option<&str>, name: &str) -> Vec<Place> {
        let catalog = self.catalog;
        let mut found: Vec<Place> = match schema {
            Some(schema) => catalog.schema(schema).and_then(|(schema, _)| catalog.relation(schema, name)).into_iter().collect(),
            None => {
                let first = |path: &Vec<Step>| {
                    path.iter().find_map(|step| if let Step::Schema(schema) = step { catalog.relation(*schema, name) } else { None })
                };
                self.paths.iter().filter_map(first).collect()
            }
        };
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether a relation that no schema has may be one of initdb's, or a temporary one.
    fn is_elsewhere(&self, schema: Option<&str>, name: &str) -> bool {
        match schema {
            Some("pg_catalog" | "information_schema" | "pg_toast" | "pg_temp") => true,
            Some(schema) => schema.starts_with("pg_temp_"),
            None => self.temporary || functions::is_own_relation(name),
        }
    }

    fn visit(&mut self, first: Visit<'_>) {
        let catalog = self.catalog;
        let mut work = vec![first];
        while let Some(visit) = work.pop() {
            let Visit { relation, access, columns, indirect, gives } = visit;
            let Some(table) = catalog.table(relation) else { continue };
            self.shown.insert(relation);
            if !self.reached.insert((relation, access, indirect)) {
                continue;
            }
            if self.reached.len() > MOST_REACHED {
                self.found.effects |= Effect::Opaque.into();
                self.finding(|| "it reaches more relations than are looked at".to_owned());
                return;
            }
            let full = catalog.full_name(table.schema, table.name);
            let of_types = of_relation(&catalog.columns, |(relation, _)| *relation, relation).iter().map(|(_, oid)| *oid);
            self.types.extend(of_types);
            let harmless = self.trust.harmless(catalog.schema_name(table.schema), catalog.names.get(table.name));
            self.found.sensitive |= gives && table.kind.has_rows() && !harmless;
            for hook in of_relation(&catalog.hooks, |hook| hook.relation, relation).iter().filter(|hook| hook.when.meets(access)) {
                if hook.hanging == Hanging::Policy && !table.guarded && !indirect {
                    continue;
                }
                // A counter that fills a column is what the column is for.
                if hook.hanging == Hanging::Default && matches!(hook.code, Code::Initdb(name) if catalog.names.get(name) == "nextval") {
                    continue;
                }
                let doing = if access.meets(Access::WRITE.and(Access::TRUNCATE)) { "writing" } else { "reading" };
                let reads = access == Access::READ && matches!(hook.hanging, Hanging::View | Hanging::Policy | Hanging::Rule);
                self.hangs(hook.code, &format!("{doing} {full}"), hook.hanging.word(), table.own, reads);
            }
            if table.kind == Kind::Foreign && access != Access::default() {
                self.found.reaches_code = true;
                if table.own {
                    self.found.effects |= Effect::Code.into();
                    self.finding(|| format!("{full} is a foreign table: another server is asked"));
                }
            }
            if access == Access::default() {
                continue;
            }
            if table.kind == Kind::View {
                let gives = gives && !harmless;
                let below = of_relation(&catalog.reaches, |(view, _)| *view, relation);
                work.extend(below.iter().map(|(_, below)| Visit { relation: *below, access, columns: None, indirect: true, gives }));
            }
            let children = of_relation(&catalog.children, |(parent, _)| *parent, relation);
            work.extend(children.iter().map(|(_, child)| Visit { relation: *child, access, columns, indirect, gives }));
            for rule in of_relation(&catalog.rules, |rule| rule.relation, relation).iter().filter(|rule| rule.when.meets(access)) {
                self.found.effects |= effects_of(rule.does);
                if rule.does != Access::default() {
                    self.finding(|| format!("a rule makes something else of writing {full}"));
                }
                work.extend(rule.touches.iter().map(|touched| Visit {
                    relation: *touched,
                    access: rule.does,
                    columns: None,
                    indirect: true,
                    gives,
                }));
            }
            for cascade in of_relation(&catalog.cascades, |cascade| cascade.referred, relation) {
                let deletes = cascade.deletes.filter(|_| access.meets(Access::DELETE));
                let key_is_written = columns.is_none_or(|columns| cascade.key.iter().any(|key| columns.contains(&&**key)));
                let updates = cascade.updates.filter(|_| access.meets(Access::UPDATE) && key_is_written);
                for (cascading, doing, when) in [(deletes, "deleting from", "DELETE"), (updates, "updating the key of", "UPDATE")] {
                    let Some(cascading) = cascading else { continue };
                    self.found.effects |= EffectSet::of(&[Effect::Write, Effect::UnboundedWrite]);
                    let other =
                        catalog.table(cascade.referring).map_or_else(String::new, |table| catalog.full_name(table.schema, table.name));
                    let (verb, action) = match cascading {
                        Cascading::Cascade if when == "DELETE" => ("deletes from", "CASCADE"),
                        Cascading::Cascade => ("updates", "CASCADE"),
                        Cascading::Set => ("updates", "SET NULL or SET DEFAULT"),
                    };
                    self.finding(|| format!("{doing} {full} also {verb} {other} (ON {when} {action})"));
                    let access = if verb == "updates" { Access::UPDATE } else { Access::DELETE };
                    work.push(Visit { relation: cascade.referring, access, columns: None, indirect: true, gives: false });
                }
            }
        }
    }

    /// Code that runs because something else happens. It belongs to what a DBA made, unless the role could have made it; and whoever only
    /// reads need not expect anything to change.
    fn hangs(&mut self, code: Code, doing: &str, hanging: &str, own: bool, reads: bool) {
        let catalog = self.catalog;
        match code {
            Code::Initdb(name) => {
                let name = catalog.names.get(name);
                let (_, effects) = functions::function(None, name, usize::MAX);
                if own || reads {
                    self.found.effects |= effects;
                    self.finding(|| format!("{doing} calls {name}() ({hanging})"));
                }
            }
            Code::Made(place) => {
                let Some(function) = catalog.function(place).filter(|function| !catalog.trusts(function, self.trust)) else { return };
                self.found.reaches_code = true;
                if own || function.own || reads && function.volatile {
                    self.found.effects |= Effect::Code.into();
                    self.finding(|| format!("{doing} calls {}() ({hanging})", catalog.full_name(function.schema, function.name)));
                }
            }
        }
    }

    /// Code that the statement calls itself.
    fn calls(&mut self, function: &Function, how: &str) {
        let catalog = self.catalog;
        if catalog.trusts(function, self.trust) {
            return;
        }
        self.found.reaches_code = true;
        self.found.effects |= Effect::Code.into();
        let name = catalog.full_name(function.schema, function.name);
        self.finding(|| format!("{how} {name}(), which is no function of PostgreSQL's own"));
    }

    /// Whether a schema is looked into for this name.
    fn in_sight(&self, schema: u16, given: Option<&str>) -> bool {
        match given {
            Some(given) => self.catalog.schema_name(schema) == given,
            None => self.paths.iter().any(|path| path.contains(&Step::Schema(schema))),
        }
    }

    fn named_types(&mut self, statement: &Statement) {
        let catalog = self.catalog;
        for name in &statement.types {
            for made in named(&catalog.types, |made| catalog.names.get(made.name), &name.name) {
                if self.in_sight(made.schema, name.schema.as_deref()) {
                    self.types.insert(made.oid);
                }
            }
            // A table's name is the name of its rows' type.
            for relation in self.relations_named(name.schema.as_deref(), &name.name) {
                let of_types = of_relation(&catalog.columns, |(place, _)| *place, relation).iter().map(|(_, oid)| *oid);
                self.types.extend(of_types);
            }
        }
        // What values of these types are made of.
        let mut work: Vec<u32> = self.types.iter().copied().collect();
        while let Some(oid) = work.pop() {
            let Some(made) = catalog.types.iter().find(|made| made.oid == oid) else { continue };
            for code in &made.checks {
                self.hangs(
                    *code,
                    &format!("a value of {}", catalog.full_name(made.schema, made.name)),
                    Hanging::Domain.word(),
                    made.own,
                    true,
                );
            }
            if made.below != 0 && self.types.insert(made.below) {
                work.push(made.below);
            }
        }
    }

    fn named_functions(&mut self, statement: &Statement) {
        let catalog = self.catalog;
        for called in &statement.functions {
            let given = called.name.schema.as_deref();
            let mut any = false;
            for function in catalog.functions_named(&called.name.name) {
                if !self.in_sight(function.schema, given) {
                    continue;
                }
                any = true;
                if called.initdb && !self.may_be_meant(function) {
                    continue;
                }
                self.found.objects.push(function.oid);
                if function.result != 0 {
                    self.types.insert(function.result);
                }
                self.found.collects |= function.aggregate && !called.initdb;
                self.calls(function, "calls");
            }
            if called.initdb || any {
                continue;
            }
            // A type's name before parentheses is a cast.
            let as_type = Name { schema: called.name.schema.clone(), name: called.name.name.clone() };
            if given.is_some_and(|schema| schema.starts_with("pg_temp")) {
                self.found.effects |= Effect::Code.into();
                self.finding(|| format!("calls {}(), a function of the session's own", called.name.name));
            } else if !self.is_type(&as_type) {
                self.found.missing = true;
            }
        }
    }

    fn is_type(&self, name: &Name) -> bool {
        let catalog = self.catalog;
        named(&catalog.types, |made| catalog.names.get(made.name), &name.name)
            .iter()
            .any(|made| self.in_sight(made.schema, name.schema.as_deref()))
    }

    /// Whether a function that has the name of one of initdb's could be chosen instead of it.
    fn may_be_meant(&self, function: &Function) -> bool {
        if function.arguments.is_empty() {
            return !(function.shadowed && self.own_first);
        }
        !function.rivalled || function.arguments.iter().any(|oid| self.types.contains(oid))
    }

    fn named_operators(&mut self, statement: &Statement) {
        let behind_words = BEHIND_WORDS.map(|name| Name { schema: None, name: name.into() });
        for (called, spoken) in statement.operators.iter().map(|name| (name, true)).chain(behind_words.iter().map(|name| (name, false))) {
            let known = functions::operator(called.schema.as_deref(), &called.name);
            let mut any = false;
            for operator in self.catalog.operators_named(&called.name) {
                if !self.in_sight(operator.schema, called.schema.as_deref()) {
                    continue;
                }
                any = true;
                let of_types = operator.arguments.iter().any(|oid| self.types.contains(oid));
                let meant = match (known, operator.arguments.is_empty()) {
                    (false, _) => true,
                    (true, true) => !(operator.shadowed && self.own_first),
                    (true, false) => of_types,
                };
                if meant {
                    self.found.objects.push(operator.oid);
                    self.operates(operator);
                }
            }
            self.found.missing |= spoken && !known && !any;
        }
    }

    fn operates(&mut self, operator: &Operator) {
        let catalog = self.catalog;
        match operator.code {
            Some(Code::Made(place)) => {
                if let Some(function) = catalog.function(place) {
                    self.calls(function, &format!("the operator {} calls", catalog.full_name(operator.schema, operator.name)));
                }
            }
            Some(Code::Initdb(name)) => {
                self.found.effects |= functions::function(None, catalog.names.get(name), usize::MAX).1;
            }
            None => {}
        }
    }

    fn casts(&mut self, statement: &Statement) {
        let writes = statement.relations.iter().any(|relation| relation.how == How::Written);
        // A column that is only shown is not cast.
        let uses = writes || !statement.operators.is_empty() || !statement.functions.is_empty() || !statement.types.is_empty();
        for cast in &self.catalog.casts {
            let made = super::build::FIRST_MADE;
            let of_types = self.types.contains(&cast.source) || self.types.contains(&cast.target);
            let of_initdb = cast.source < made && cast.target < made;
            let meant = match cast.context {
                Context::Implicit => true,
                Context::Assignment => writes || !statement.types.is_empty(),
                Context::Explicit => !statement.types.is_empty(),
            };
            if !(uses && (of_types || of_initdb && meant)) {
                continue;
            }
            match cast.code {
                Code::Made(place) => {
                    if let Some(function) = self.catalog.function(place) {
                        self.calls(function, "a cast calls");
                    }
                }
                Code::Initdb(name) => self.found.effects |= functions::function(None, self.catalog.names.get(name), usize::MAX).1,
            }
        }
    }

    /// `(x).name` and `x.name`: a function, where nothing has an attribute of that name.
    fn attributes(&mut self, statement: &Statement) {
        let catalog = self.catalog;
        let columns =
            statement.columns.iter().filter(|column| column.qualifier.is_some() && !column.written).map(|column| (&column.name, false));
        for (name, any_value) in statement.attributes.iter().map(|name| (name, true)).chain(columns) {
            for function in catalog.functions_named(name) {
                if (any_value || function.of_row) && self.in_sight(function.schema, None) {
                    self.found.objects.push(function.oid);
                    self.calls(function, &format!("the attribute {name} may be"));
                }
            }
        }
    }

    /// The rows of all relations that are read, multiplied.
    fn most_rows(&self, statement: &Statement) -> Option<u64> {
        let mut product = 1_u64;
        let mut sources = 0_u32;
        let returns =
            |relation: &&crate::sql::facts::Relation| relation.how == How::Written && (relation.writes.update || relation.writes.delete);
        for relation in statement.relations.iter().filter(|relation| relation.how == How::Read || returns(relation)) {
            sources = sources.saturating_add(1);
            let found = self.relations_named(relation.schema.as_deref(), &relation.name);
            if found.is_empty() {
                return None;
            }
            let mut most = 0_u64;
            for place in found {
                most = most.max(self.rows_of(place, 0)?);
            }
            product = product.saturating_mul(most.max(1));
        }
        (statement.sources <= sources && !statement.makes_rows).then_some(product)
    }

    fn rows_of(&self, place: Place, depth: usize) -> Option<u64> {
        /// Views upon views.
        const DEEP: usize = 8;
        let catalog = self.catalog;
        let table = catalog.table(place)?;
        let below = of_relation(&catalog.reaches, |(view, _)| *view, place);
        let children = of_relation(&catalog.children, |(parent, _)| *parent, place);
        if depth > DEEP {
            return None;
        }
        if table.kind == Kind::View {
            // Which of them are joined is not known; a view may make rows as well.
            return match below {
                [(_, only)] => self.rows_of(*only, depth.saturating_add(1)),
                _ => None,
            };
        }
        let mut sum = match table.kind {
            Kind::Partitioned => 0,
            Kind::Foreign => return None,
            Kind::Table | Kind::View | Kind::Materialized | Kind::Sequence | Kind::Index | Kind::Composite => counted(table)?,
        };
        for (_, child) in children {
            sum = sum.saturating_add(self.rows_of(*child, depth.saturating_add(1))?);
        }
        Some(sum)
    }
}

/// As the server last counted.
fn counted(table: &Table) -> Option<u64> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows, and one too large saturates")]
    (table.rows >= 0.0).then_some(table.rows as u64)
}

fn written(writes: crate::sql::facts::Writes) -> Access {
    let part = |holds, access| if holds { access } else { Access::default() };
    let access = part(writes.insert, Access::INSERT).and(part(writes.update, Access::UPDATE)).and(part(writes.delete, Access::DELETE));
    if access == Access::default() { Access::WRITE } else { access }
}

fn effects_of(does: Access) -> EffectSet {
    let mut effects = EffectSet::NONE;
    if does.meets(Access::WRITE) {
        effects |= Effect::Write.into();
    }
    // Which rows, only the server knows.
    if does.meets(Access::UPDATE.and(Access::DELETE)) {
        effects |= Effect::UnboundedWrite.into();
    }
    effects
}

/// `None`: which columns are written is not told.
fn written_columns(statement: &Statement, relation: usize) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    for column in statement.columns.iter().filter(|column| column.written && column.clause == Clause::Set) {
        match column.relation {
            None => return None,
            Some(place) if place == relation && &*column.name == "*" => return None,
            Some(place) if place == relation => names.push(&*column.name),
            Some(_) => {}
        }
    }
    Some(names)
}
