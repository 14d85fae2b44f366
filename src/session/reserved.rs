//! Approvals used inside a transaction that has not ended. One comes back when all that it was for was rolled back for certain; in every
//! doubt it is spent.

use crate::gate::hold::HoldId;
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::Facts;

use super::output::{Demand, Output};

/// What a rollback takes back without a trace.
const TRANSACTIONAL: EffectSet = EffectSet::of(&[Effect::Read, Effect::Write, Effect::UnboundedWrite, Effect::Ddl, Effect::Privilege]);

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

    pub fn add(&mut self, hold: HoldId, effects: EffectSet, facts: &Facts) {
        let ends = facts.statements.iter().any(|statement| statement.transaction.is_some());
        let list = if effects.is_within(TRANSACTIONAL) && !ends { &mut self.returnable } else { &mut self.spent };
        list.push(hold);
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
