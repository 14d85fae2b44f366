//! What a session leaves behind: whether its link may serve another one, which is decided by all that ran on it.

use crate::gate::residue;
use crate::sql::facts::Facts;
use crate::wire::backend::TransactionStatus;

use super::LinkReport;
use super::asking::{Inquiry, Passage};
use super::linked::{Awaited, Copy, Heed, Linked, Remainder};

impl Linked {
    /// Something is on its way to the server. What was approved may do anything.
    pub(super) fn ran(&mut self, facts: &Facts, passage: Option<&Passage>) {
        let effects = passage.and_then(|passage| passage.grounds.as_ref()).map_or(facts.effects, |grounds| grounds.effects);
        let approved = passage.is_some_and(|passage| passage.grant.is_some());
        self.tainted |= approved || !residue::resettable(facts, effects);
    }

    /// Nothing is open, in flight, or half sent.
    fn is_at_rest(&self) -> bool {
        let begun = self.executed || self.bound || self.prepared || self.is_busy() || self.awaits != Awaited::Nothing;
        let halfway = self.from_client != Remainder::None || self.from_upstream != Remainder::None || self.copy != Copy::None;
        let ignoring = self.heed != Heed::All || self.doubtful_syncs > 0 || self.halt.is_some() || self.stopping;
        self.status == TransactionStatus::Idle && !begun && !halfway && !ignoring && matches!(self.inquiry, Inquiry::None)
    }

    /// What is known of the link, if it may be used again once it was reset.
    pub(super) fn reusable(&self) -> Option<LinkReport> {
        let fit = !self.tainted && self.farewell.is_none() && self.reserved.is_empty() && self.is_at_rest();
        fit.then(|| LinkReport { process_id: self.process_id, parameters: self.parameters.clone() })
    }
}
