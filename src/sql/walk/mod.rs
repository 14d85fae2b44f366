//! From PostgreSQL's tree to facts. Every node is visited once, over a stack of its own, so that no tree is too deep for it; a node of a kind
//! that is not known makes the statement opaque. It judges nothing and asks nobody: names are told as they are written.

pub(super) mod children;
pub(super) mod names;
mod predicate;
mod query;
mod session;
mod utility;
mod visit;
mod write;

use super::effect::{Effect, EffectSet};
use super::facts::{Clause, Facts, How, Opaque, Statement};
use super::parser::tree::{Node, NodeRef, ParseResult};

/// More relations, or more names of subqueries, are not looked at: looking for one of them among the others is what costs.
const MOST_NAMES: usize = 1024;

/// Where a node stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    clause: Clause,
    /// What becomes of a relation that is named here.
    how: How,
    /// The innermost name of a subquery in sight: a number in `Walk::scopes`.
    scope: Option<usize>,
    /// Planned or defined, not executed: of its effects only those count that happen all the same.
    quiet: bool,
    /// The statement itself, not a part of one.
    top: bool,
}

impl Place {
    const TOP: Self = Self { clause: Clause::Body, how: How::Altered, scope: None, quiet: false, top: true };

    fn in_clause(self, clause: Clause) -> Self {
        Self { clause, how: How::Read, top: false, ..self }
    }

    fn with_how(self, how: How) -> Self {
        Self { how, top: false, ..self }
    }
}

/// The name of a subquery in `WITH`, and what stands around it.
struct Scope<'t> {
    name: &'t str,
    around: Option<usize>,
}

struct Walk<'t> {
    text: &'t str,
    statement: Statement,
    opaque: Option<Opaque>,
    value_dependent: bool,
    has_values: bool,
    /// By how much values were made longer.
    lengthened: f64,
    /// The outermost query has told its bounds.
    bounded: bool,
    work: Vec<(NodeRef<'t>, Place)>,
    scopes: Vec<Scope<'t>>,
    /// Names that relations have in the statement, and their places among the relations.
    aliases: Vec<(&'t str, usize)>,
}

/// The facts of a whole message.
pub fn facts(text: &str, tree: &ParseResult) -> Facts {
    let mut facts = Facts::default();
    for raw in &tree.stmts {
        let mut walk = Walk {
            text,
            statement: Statement::default(),
            opaque: None,
            value_dependent: false,
            has_values: false,
            lengthened: 1.0,
            bounded: false,
            work: Vec::new(),
            scopes: Vec::new(),
            aliases: Vec::new(),
        };
        walk.one(raw.stmt.as_deref(), Place::TOP);
        walk.run();
        walk.finish(&mut facts);
    }
    facts
}

impl<'t> Walk<'t> {
    fn run(&mut self) {
        while let Some((node, place)) = self.work.pop() {
            let from = self.work.len();
            self.visit(node, place);
            // What comes first in the text is on top.
            if let Some(added) = self.work.get_mut(from..) {
                added.reverse();
            }
        }
    }

    fn finish(mut self, facts: &mut Facts) {
        self.settle_columns();
        let statement = &mut self.statement;
        statement.columns.sort();
        statement.columns.dedup();
        statement.functions.sort();
        statement.functions.dedup();
        statement.operators.sort();
        statement.operators.dedup();
        statement.types.sort();
        statement.types.dedup();
        statement.attributes.sort();
        statement.attributes.dedup();
        // What is empty was nothing: a semicolon alone.
        if statement.kind.is_empty() {
            self.opaque = Some(Opaque::UnknownNode);
            statement.effects |= Effect::Opaque.into();
            statement.without_names |= Effect::Opaque.into();
        }
        let harmless = EffectSet::of(&[Effect::Read, Effect::Session]);
        facts.literals_matter |= self.has_values && !statement.effects.is_within(harmless);
        // The grammar itself looks at numbers in other statements, and so do those who read their options.
        let rows = matches!(statement.kind, "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE");
        facts.value_dependent |= self.value_dependent || !rows;
        facts.effects |= statement.effects;
        facts.opaque = Opaque::graver(facts.opaque, self.opaque);
        facts.statements.push(self.statement);
    }

    /// The kind is told by what stands at the top.
    fn kind(&mut self, kind: &'static str) {
        if self.statement.kind.is_empty() {
            self.statement.kind = kind;
        }
    }

    fn effect(&mut self, place: Place, effects: impl Into<EffectSet>) {
        const EVEN_UNRUN: EffectSet = EffectSet::of(&[Effect::Code, Effect::Opaque]);
        let effects = effects.into();
        let effects = if place.quiet { effects.and(EVEN_UNRUN) } else { effects };
        self.statement.effects |= effects;
        self.statement.without_names |= effects;
    }

    /// Something is called by a name that initdb gave to nothing.
    fn unknown_code(&mut self) {
        self.statement.effects |= Effect::Code.into();
    }

    fn make_opaque(&mut self, reason: Opaque) {
        self.opaque = Opaque::graver(self.opaque, Some(reason));
        self.statement.effects |= Effect::Opaque.into();
        self.statement.without_names |= Effect::Opaque.into();
    }

    /// Puts a node on the stack.
    fn push(&mut self, node: NodeRef<'t>, place: Place) {
        self.work.push((node, place));
    }

    fn one(&mut self, node: Option<&'t Node>, place: Place) {
        if let Some(node) = node.and_then(|node| node.node.as_ref()) {
            self.push(node.to_ref(), place);
        }
    }

    fn many(&mut self, nodes: &'t [Node], place: Place) {
        for node in nodes {
            self.one(Some(node), place);
        }
    }

    /// Puts all that is below a node on the stack.
    fn below(&mut self, node: NodeRef<'t>, place: Place) {
        let work = &mut self.work;
        if children::below(node, &mut |below| work.push((below, place))).is_err() {
            self.make_opaque(Opaque::UnknownNode);
        }
    }
}

#[cfg(test)]
mod tests;
