//! From a message to its facts: checked, parsed, walked, and looked at by a second reader. It remembers nothing: see `cache`.

use super::check::{Checked, check};
use super::effect::Effect;
use super::facts::{Facts, Opaque, Statement};
use super::{key, parser, second, walk};

/// Reads a message. The caller's stack needs a megabyte for it, and four in a build without optimisation.
pub fn read(text: &[u8]) -> Facts {
    match check(text) {
        Ok(checked) => read_checked(checked),
        Err(reason) => Facts::opaque(reason),
    }
}

pub(super) fn read_checked(checked: Checked<'_>) -> Facts {
    let Ok(tree) = parser::parse(checked.text) else { return Facts::opaque(Opaque::Grammar) };
    let mut facts = walk::facts(checked.text, &tree);
    if checked.text.len() <= key::LONGEST
        && let Some(dispute) = second::dispute(checked, &facts.statements)
    {
        facts.effects |= Effect::Opaque.into();
        facts.opaque = Some(dispute);
    }
    facts
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
