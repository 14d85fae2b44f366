//! Standing grants: made with an approval, used up one run at a time, ended by people. Each step is on the record before it counts.

use std::collections::HashMap;

use super::super::grants::{self, Given, LONGEST_SHAPE, LONGEST_STATEMENT, StandingGrant};
use super::super::view::{NotDecided, View};
use super::super::{Ruling, Seen, binding};
use super::{Answer, Clerk};
use crate::audit::event::{Decision, GrantEnded, Granted, Spent, Words};
use crate::gate::Subject;
use crate::gate::hold::{Decider, HoldId, Lasting, Terms, Verdict};
use crate::host::journal::Unwritable;
use crate::session::asking::{Petition, Reply};
use crate::sql::shape;

impl Clerk {
    /// A reviewer approves a hold and, with that, statements like it for a while.
    pub fn grant(
        &mut self,
        hold: HoldId,
        decider: &Decider,
        ruling: &Ruling,
        terms: &Terms,
        seen: Seen,
    ) -> Result<Answer<(View, StandingGrant)>, NotDecided> {
        self.look_at_the_clock()?;
        if ruling.verdict != Verdict::Approve {
            return Err(NotDecided::NoGrant("it is made with an approval".into()));
        }
        // Whoever may not approve, or too late, is told so first.
        self.step(hold, decider, &ruling.checked()?, seen.turns)?;
        let lasting = {
            let book = self.shared.book();
            let entry = book.get(hold).ok_or(NotDecided::Unknown)?;
            let matter = entry.matter.as_deref().ok_or(NotDecided::Unknown)?;
            if let Some(why) = &matter.unsteady {
                return Err(NotDecided::NoGrant(why.clone()));
            }
            let of = binding::Of::hold(&entry.about, matter);
            let sql = matter.message.sql();
            let (Some(values), true) = (binding::numbers(&matter.message), matter.size() <= LONGEST_STATEMENT) else {
                return Err(NotDecided::NoGrant("it is too long, or cannot be read with certainty".into()));
            };
            let values: Vec<_> = values.into_iter().map(|(value, _)| value).collect();
            let lasting = Lasting::begin(terms, &values, self.now).map_err(|unsound| NotDecided::NoGrant(unsound.to_string().into()))?;
            let free: Vec<_> = lasting.rooms.iter().map(|room| room.number).collect();
            let (bytes, _) = of.lasting(&free).ok_or_else(|| NotDecided::NoGrant("it cannot be read with certainty".into()))?;
            let mut text = String::new();
            shape::write(sql, &mut text);
            let about = &entry.about;
            let given = Given {
                agent_id: about.agent_id,
                agent: about.agent.clone(),
                database: about.database.clone(),
                by: decider.name.clone(),
                at: self.now,
                reason: ruling.reason.as_deref().map(Into::into),
                hold,
                shape: text.chars().take(LONGEST_SHAPE).collect(),
                bound: self.shared.digester.digest(&bytes),
            };
            if !book.has_room_for_grant(given.agent_id) {
                return Err(NotDecided::NoGrant("there are as many standing grants as there may be: revoke some first".into()));
            }
            (given, lasting, about.shape)
        };
        let (given, lasting, shape) = lasting;
        let mut standing = StandingGrant { id: self.new_id()?, given, lasting, seq: 0 };
        self.store.insert_grant(&standing).map_err(|error| {
            tracing::error!(%error, "a standing grant cannot be kept");
            NotDecided::NoGrant("it cannot be kept".into())
        })?;
        let bounds = grants::words(&standing.lasting.rooms);
        let text = ruling.reason.as_ref().map_or_else(|| bounds.clone(), |reason| format!("{bounds}: {reason}"));
        standing.seq = self.record(Granted {
            grant: standing.id.number(),
            agent_id: standing.given.agent_id,
            shape,
            by: decider.name.to_string(),
            until: standing.lasting.until,
            times: standing.lasting.times,
            hold: Some(hold.number()),
            through: Some(ruling.through.into()),
            single_person: self.shared.options().single_person.then_some(true),
            body: Some(Box::new(Words { text })),
        })?;
        self.shared.book().put_grant(standing.clone());
        self.unsaved_grants.insert(standing.id);
        let Answer { said, behind } = self.decide(hold, decider, ruling, seen)?;
        Ok(Answer { said: (said, standing), behind })
    }

    /// Uses a standing grant, where there is one for this statement. `waits` is its hold that awaits people, who need not decide it any more.
    pub(super) fn spend_standing(
        &mut self,
        subject: &Subject,
        petition: &Petition,
        waits: Option<HoldId>,
    ) -> Result<Option<Answer<Reply>>, Unwritable> {
        let candidates: Vec<_> = self.shared.book().grants_of(subject.agent_id, self.now).cloned().collect();
        if candidates.is_empty() || petition.message.sql().len() > LONGEST_STATEMENT || binding::unsteady(petition).is_some() {
            return Ok(None);
        }
        let of = binding::Of::petition(subject, petition);
        for mut standing in candidates {
            let Some((bytes, values)) = of.lasting(&standing.free()) else { continue };
            if self.shared.digester.digest(&bytes) != standing.given.bound {
                continue;
            }
            let run = self.new_id()?;
            let Ok(grant) = standing.lasting.spend(run, &values, self.now) else { continue };
            // Where this fails nothing is granted; whatever becomes of the run, it counts.
            let (session, number) = (petition.statement.session, petition.statement.number);
            let behind = self.record(Spent { hold: run.number(), session, number, grant: Some(standing.id.number()) })?;
            standing.seq = behind;
            self.unsaved_grants.insert(standing.id);
            self.shared.book().put_grant(standing);
            if let Some(hold) = waits {
                self.close(hold, Decision::Withdrawn)?;
            }
            return Ok(Some(Answer { said: Reply::Granted(grant), behind }));
        }
        Ok(None)
    }

    /// A reviewer ends a standing grant: nothing more runs by it.
    pub fn revoke(&mut self, id: HoldId, decider: &Decider, reason: Option<&str>) -> Result<Answer<StandingGrant>, NotDecided> {
        self.look_at_the_clock()?;
        if !decider.reviews {
            return Err(NotDecided::Role);
        }
        let standing = self.shared.book().grant(id).cloned().ok_or(NotDecided::UnknownGrant)?;
        let behind = self.end_grant(id, Some(&decider.name), reason)?;
        Ok(Answer { said: standing, behind })
    }

    /// Ends one before its time.
    pub(super) fn end_grant(&mut self, id: HoldId, by: Option<&str>, why: Option<&str>) -> Result<u64, Unwritable> {
        let why = why.map(str::trim).filter(|why| !why.is_empty());
        let body = why.map(|why| Box::new(Words { text: why.to_owned() }));
        let seq = self.record(GrantEnded { grant: id.number(), by: by.map(str::to_owned), body })?;
        self.forget_grants(&[id]);
        Ok(seq)
    }

    /// Those of an agent that is no more.
    pub(super) fn end_grants_of(&mut self, agent_id: i64) -> Result<(), Unwritable> {
        let ids: Vec<_> = self.shared.book().grants_of(agent_id, self.now).map(|standing| standing.id).collect();
        ids.into_iter().try_for_each(|id| self.end_grant(id, None, Some("the agent is no more")).map(drop))
    }

    /// Takes up what was left. Whatever is in doubt is over.
    pub(super) fn take_up_grants(&mut self, kept: HashMap<HoldId, StandingGrant>, lost: Vec<HoldId>, last: u64) -> Result<(), Unwritable> {
        for id in lost {
            self.end_grant(id, None, Some("what it was for is not known any more"))?;
        }
        for (id, standing) in kept {
            if standing.seq == 0 {
                self.forget_grants(&[id]);
            } else if standing.seq > last {
                self.end_grant(id, None, Some("what it was for is not known any more"))?;
            } else {
                self.unsaved_grants.insert(id);
                self.shared.book().put_grant(standing);
            }
        }
        Ok(())
    }

    /// As `save` does for holds.
    pub(super) fn save_grants(&mut self) {
        if self.unsaved_grants.is_empty() {
            return;
        }
        let synced = self.shared.journal.health().synced_seq;
        let book = self.shared.book();
        let ready: Vec<_> = self.unsaved_grants.iter().filter_map(|id| book.grant(*id)).filter(|one| one.seq <= synced).collect();
        let saved = self.store.update_grants(&ready);
        self.unsaved_grants.retain(|id| book.grant(*id).is_some_and(|one| one.seq > synced || saved.is_err()));
        if let Err(error) = saved {
            tracing::error!(%error, "the state database does not have the last uses of standing grants yet; the journal has them");
        }
    }

    /// What nothing runs by any more need not be kept: the record has it.
    pub(super) fn forget_grants(&mut self, ids: &[HoldId]) {
        for id in ids {
            self.unsaved_grants.remove(id);
            self.shared.book().remove_grant(*id);
        }
        if !ids.is_empty()
            && let Err(error) = self.store.delete_grants(ids)
        {
            tracing::error!(%error, "standing grants that are over are still in the state database");
        }
    }
}
