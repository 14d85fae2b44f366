//! From a message to its facts: checked, parsed, walked, and looked at by a second reader. It remembers nothing: see `cache`.

use std::sync::Arc;

use super::check::{Checked, check};
use super::effect::Effect;
use super::facts::{Facts, Opaque, Statement};
use super::parser::tree::ParseResult;
use super::{key, lineage, parser, second, walk};

/// Stack that reading takes, whatever is read.
const STACK: usize = 512 * 1024;

/// Stack for each level of a tree, most of it for decoding one. With and without optimisation: `tests/facts/hostile.rs` has trees of
/// every form.
const STACK_OF_LEVEL: usize = 48 * 1024;

/// What PostgreSQL's parser may take for itself before it gives up, and some more for the way there.
const STACK_OF_PARSER: usize = 3 * 1024 * 1024;

/// Reads a message, on any stack. With less than two megabytes of it, PostgreSQL's parser refuses what nests deeply.
pub fn read(text: &[u8]) -> Facts {
    match check(text) {
        Ok(checked) => read_checked(checked),
        Err(reason) => Facts::opaque(reason),
    }
}

/// Ordinary statements are read on the stack of the thread, deep ones on one that is made for them.
pub(super) fn read_checked(checked: Checked<'_>) -> Facts {
    on_stack(checked, || read_here(checked))
}

fn on_stack<T>(checked: Checked<'_>, then: impl FnOnce() -> T) -> T {
    let needed = STACK + checked.depth.max(checked.full_depth.min(second::DEEPEST)) * STACK_OF_LEVEL;
    if stacker::remaining_stack().is_some_and(|left| left >= needed) {
        return then();
    }
    parser::measure_stack();
    stacker::grow(needed.max(STACK_OF_PARSER), then)
}

/// Looks at the tree of a text; `None` where PostgreSQL's grammar has none for it.
pub(super) fn with_tree<T>(checked: Checked<'_>, then: impl FnOnce(&str, &parser::tree::ParseResult) -> T) -> Option<T> {
    on_stack(checked, || parser::parse(checked.text).ok().map(|tree| then(checked.text, &tree)))
}

fn read_here(checked: Checked<'_>) -> Facts {
    let Ok(tree) = parser::parse(checked.text) else { return Facts::opaque(Opaque::Grammar) };
    let mut facts = walk::facts(checked.text, &tree);
    trace(&tree, &mut facts);
    if checked.text.len() <= key::LONGEST
        && let Some(dispute) = second::dispute(checked, &facts.statements)
    {
        facts.effects |= Effect::Opaque.into();
        facts.opaque = Opaque::graver(facts.opaque, Some(dispute));
    }
    facts
}

/// Adds what each statement computes from what.
fn trace(tree: &ParseResult, facts: &mut Facts) {
    for (raw, statement) in tree.stmts.iter().zip(&mut facts.statements) {
        let node = raw.stmt.as_deref().and_then(|node| node.node.as_ref());
        statement.lineage = node.and_then(|node| lineage::lineage(node.to_ref())).map(Arc::new);
        if statement.lineage.as_ref().is_some_and(|lineage| lineage.is_unbounded()) {
            statement.effects |= Effect::Opaque.into();
            statement.without_names |= Effect::Opaque.into();
            facts.effects |= Effect::Opaque.into();
            facts.opaque = Opaque::graver(facts.opaque, Some(Opaque::TooManyNames));
        }
    }
}

/// Bytes that facts take in memory, about.
pub(super) fn weight(facts: &Facts) -> usize {
    /// A name with what is allocated around it.
    const NAME: usize = 40;
    let statement = |statement: &Statement| {
        size_of_val(&*statement.relations)
            + size_of_val(&*statement.columns)
            + size_of_val(&*statement.functions)
            + size_of_val(&*statement.operators)
            + size_of_val(&*statement.types)
            + size_of_val(&*statement.attributes)
            + size_of_val(&*statement.settings)
            + size_of_val(&*statement.named)
            + statement.lineage.as_ref().map_or(0, |lineage| lineage.weight())
            + NAME
                * (2 * statement.relations.len()
                    + 2 * statement.columns.len()
                    + statement.functions.len()
                    + statement.operators.len()
                    + statement.types.len()
                    + statement.attributes.len()
                    + 2 * statement.settings.len()
                    + statement.named.len())
    };
    size_of::<Facts>() + size_of_val(&*facts.statements) + facts.statements.iter().map(statement).sum::<usize>()
}
