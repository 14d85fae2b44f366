//! Approvals used inside a transaction that has not ended. One comes back when all that it was for was rolled back for certain; in every
//! doubt it is spent.

use crate::gate::Grant;
use crate::gate::hold::HoldId;
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::{Facts, Statement};

use super::output::{Demand, Output};

/// What a rollback takes back without a trace.
const TRANSACTIONAL: EffectSet = EffectSet::of(&[Effect::Read, Effect::Write, Effect::UnboundedWrite, Effect::Ddl, Effect::Privilege]);

/// What the agent has seen, it has seen. Only what is known to give no rows back gives none.
fn gives_rows(statement: &Statement) -> bool {
    let silent = matches!(statement.kind, "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "CREATE TABLE AS" | "CREATE MATERIALIZED VIEW");
    statement.effects.has(Effect::Read) && !silent || statement.returning
}

/// Counters go on, whatever becomes of the transaction.
fn moves_counters(statement: &Statement) -> bool {
    statement.functions.iter().any(|function| matches!(&*function.name.name, "nextval" | "setval"))
}

#[derive(Debug, Default)]
pub struct Reserved {
    /// Those that a rollback gives back.
    returnable: Vec<HoldId>,
    spent: Vec<HoldId>,
}

impl Reserved {
    pub fn is_empty(&self) -> bool {
        self.returnable.is_empty() && self.spent.is_empty()
    }

    pub fn add(&mut self, grant: &Grant, effects: EffectSet, facts: &Facts) {
        let stays = |statement: &Statement| statement.transaction.is_some() || gives_rows(statement) || moves_counters(statement);
        let returnable = effects.is_within(TRANSACTIONAL) && grant.over().is_none() && !facts.statements.iter().any(stays);
        let list = if returnable { &mut self.returnable } else { &mut self.spent };
        list.push(grant.hold());
    }

    /// The transaction ended.
    pub fn ended(&mut self, rolled_back: bool, out: &mut Output) {
        let (returned, mut spent) = (std::mem::take(&mut self.returnable), std::mem::take(&mut self.spent));
        let returned = if rolled_back {
            returned
        } else {
            spent.extend(returned);
            Vec::new()
        };
        for (holds, used) in [(returned, false), (spent, true)] {
            if !holds.is_empty() {
                out.demand(Demand::Settle(holds, used));
            }
        }
    }
}
