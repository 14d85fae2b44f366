//! What a session asks of the house about a statement: the catalog, the planner, the desk.

use std::sync::Arc;

use super::upstreams::Upstreams;
use crate::gate::Judge;
use crate::gate::hold::HoldId;
use crate::gate::judge::{Knowledge, Moment, Need};
use crate::host::relay::{Counsel, Found};
use crate::host::verdicts::Means;
use crate::mask::lineage::Written;
use crate::mask::token::Mint;
use crate::mask::verdict::{ColumnId, Mark, Unknown};
use crate::mask::{Masking, Verdict};
use crate::session::asking::{Message, Petition, Reply};
use crate::wire::report::Report;

impl Upstreams {
    /// What a survey goes by.
    fn means(&self) -> Means {
        Means { policy: self.house.policy.get(), detectors: self.house.policy.detectors() }
    }
}

impl Counsel for Upstreams {
    fn refresh(&self, judge: &mut Judge) {
        self.house.policy.refresh(judge);
        judge.moment = Moment(crate::host::when::now() / 1_000_000);
        if !matches!(judge.knowledge, Knowledge::Textual) {
            judge.knowledge = self.catalog().knowledge().unwrap_or(Knowledge::Missing);
        }
    }

    fn learn(&self, need: Need, message: Message) -> impl Future<Output = Found> + 'static {
        let learnt = self.catalog().learn(need, message);
        async move {
            let (knowledge, learned) = learnt.await;
            Found { knowledge, learned }
        }
    }

    fn changed(&self) {
        self.running.catalogs.changed();
        self.house.verdicts.doubt();
    }

    fn inform(&self, masking: &mut Masking) {
        if self.house.policy.inform(&self.subject, masking) {
            masking.tokens = Some(self.house.mints.of(self.agent.id));
        }
        let verdicts = self.verdicts();
        verdicts.inform(masking);
        verdicts.refresh(|| self.means(), &self.catalog());
    }

    fn survey(&self, unknown: Unknown) -> impl Future<Output = ()> + 'static {
        self.verdicts().survey(unknown, self.means(), &self.catalog())
    }

    fn learned(&self, columns: Vec<(ColumnId, Verdict)>) {
        self.verdicts().learned(&columns);
    }

    fn keep(&self, mint: &Mint) -> bool {
        let kept = self.house.mints.keep(mint);
        if let Err(error) = &kept {
            tracing::error!(%error, agent = self.agent.id, "what an agent writes to cannot be kept, so it does not write; its session ends");
        }
        kept.is_ok()
    }

    fn promise(&self, written: Vec<Written>) {
        self.verdicts().promise(written);
    }

    fn mark(&self, marks: Vec<Mark>) {
        self.verdicts().mark(marks, || self.means(), &self.catalog());
    }

    fn petition(&self, petition: Petition) -> impl Future<Output = Reply> + 'static {
        let (desk, subject) = (Arc::clone(&self.house.desk), Arc::clone(&self.subject));
        let awaited = petition.awaited;
        async move { desk.petition(&subject, petition, awaited).await }
    }

    fn stored(&self, hold: HoldId) -> impl Future<Output = Result<Message, Report>> + 'static {
        let (desk, subject) = (Arc::clone(&self.house.desk), Arc::clone(&self.subject));
        async move { desk.stored(&subject, hold).await }
    }

    fn decided(&self, hold: HoldId) -> impl Future<Output = ()> + 'static {
        let desk = Arc::clone(&self.house.desk);
        async move { desk.decided(hold).await }
    }

    fn settle(&self, holds: &[HoldId], used: bool) {
        self.house.desk.settle(holds, used);
    }
}
