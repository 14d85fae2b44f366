//! What people do about holds: they approve, deny, ask the agent, pass a hold on. Each step is on the record before it counts.

use std::sync::Arc;

use super::super::book::Entry;
use super::super::view::{About, NotDecided, Ruled, View};
use super::super::{LONGEST_REASON, MOST_TOGETHER, Ruling, Seen};
use super::{Answer, Clerk, micros};
use crate::audit::event::{Decided, DecidedOne, DecidedTogether, Decision, Words};
use crate::gate::hold::{Decider, Deliberation, HoldId, Standing, Unfit, Verdict, Word, may_decide};

/// A person's word about one hold, which is on no record yet.
pub(super) struct Step {
    hold: HoldId,
    standing: Standing,
    talk: Deliberation,
    /// `None` where more people have to approve.
    ruled: Option<Ruled>,
    more: Option<u32>,
}

impl Step {
    fn until(&self) -> Option<u64> {
        self.ruled.as_ref().filter(|ruled| ruled.verdict.approves()).map(|_| self.standing.until)
    }

    fn take(self, entry: &mut Entry, behind: u64) -> View {
        (entry.standing, entry.talk, entry.seq) = (self.standing, self.talk, behind);
        entry.ruled = self.ruled.or(entry.ruled.take());
        // As it was when it was decided.
        entry.view()
    }
}

/// A hold as it was before a step.
struct Before {
    standing: Standing,
    about: Arc<About>,
    talk: Deliberation,
    view: View,
}

fn words(text: Option<&str>) -> Option<Box<Words>> {
    text.map(|text| Box::new(Words { text: text.to_owned() }))
}

fn decision(verdict: Verdict) -> Decision {
    match verdict {
        Verdict::Approve => Decision::Approved,
        Verdict::ApproveUnmasked => Decision::ApprovedUnmasked,
        Verdict::Deny => Decision::Denied,
    }
}

fn groups(decider: &Decider) -> Vec<String> {
    decider.groups.iter().map(ToString::to_string).collect()
}

impl Clerk {
    fn before(&self, hold: HoldId) -> Result<Before, NotDecided> {
        let book = self.shared.book();
        let entry = book.get(hold).ok_or(NotDecided::Unknown)?;
        Ok(Before { standing: entry.standing, about: Arc::clone(&entry.about), talk: entry.talk.clone(), view: entry.view() })
    }

    /// What a step begins with: whoever takes it may decide, and it is about what they were shown.
    fn entitled(&self, hold: HoldId, decider: &Decider, seen: usize) -> Result<Before, NotDecided> {
        let before = self.before(hold)?;
        may_decide(decider, &before.about.owner, before.talk.groups(&before.about.groups), self.shared.options().single_person)?;
        if before.standing.state.is_undecided() && seen != before.talk.turns() {
            return Err(NotDecided::Changed);
        }
        Ok(before)
    }

    /// One person's word about one hold, before it is on the record.
    pub(super) fn step(&self, hold: HoldId, decider: &Decider, ruling: &Ruling, seen: usize) -> Result<Step, NotDecided> {
        let Before { mut standing, about, mut talk, view } = self.entitled(hold, decider, seen)?;
        let (verdict, options) = (ruling.verdict, self.shared.options());
        if verdict == Verdict::ApproveUnmasked && !about.asks_unmasked {
            return Err(NotDecided::NotAsked);
        }
        let (now, usable) = (self.now, self.now.saturating_add(micros(options.approval_expires)));
        let reason = ruling.reason.as_deref();
        // On a copy, so that what is over is told before what was said before.
        let mut decided = standing;
        decided.decide(verdict, now, usable).map_err(|unfit| unfitting(unfit, &view))?;
        match talk.say(decider, verdict, about.approvals, now, reason)? {
            Word::Awaits(more) => Ok(Step { hold, standing, talk, ruled: None, more: Some(more) }),
            Word::Decides(verdict) => {
                standing.decide(verdict, now, usable).map_err(|unfit| unfitting(unfit, &view))?;
                let ruled = Ruled {
                    verdict,
                    by: decider.name.clone(),
                    at: now,
                    reason: reason.map(Into::into),
                    single_person: options.single_person,
                };
                Ok(Step { hold, standing, talk, ruled: Some(ruled), more: None })
            }
        }
    }

    /// A reviewer decides, or is one of several who have to.
    pub fn decide(&mut self, hold: HoldId, decider: &Decider, ruling: &Ruling, seen: Seen) -> Result<Answer<View>, NotDecided> {
        self.look_at_the_clock()?;
        let ruling = ruling.checked()?;
        let step = self.step(hold, decider, &ruling, seen.turns)?;
        // What one of several says is on the record as they said it; what all of them together decided, as it counts.
        let verdict = step.ruled.as_ref().map_or(ruling.verdict, |ruled| ruled.verdict);
        let behind = self.record(Decided {
            hold: hold.number(),
            decision: decision(verdict),
            by: Some(decider.name.to_string()),
            groups: groups(decider),
            through: Some(ruling.through.into()),
            single_person: self.shared.options().single_person.then_some(true),
            until: step.until(),
            more: step.more,
            to: None,
            seen: Some(seen.digest),
            body: words(ruling.reason.as_deref()),
        })?;
        let view = self.change(hold, |entry| step.take(entry, behind));
        view.map(|said| Answer { said, behind }).ok_or(NotDecided::Unknown)
    }

    /// A reviewer decides several holds by one word: all of them, or none. `digest` is of all that was shown.
    pub fn decide_together(
        &mut self,
        holds: &[(HoldId, usize)],
        decider: &Decider,
        ruling: &Ruling,
        seen: Seen,
    ) -> Result<Answer<Vec<View>>, NotDecided> {
        self.look_at_the_clock()?;
        let ruling = ruling.checked()?;
        if holds.is_empty() || holds.len() > MOST_TOGETHER || ruling.verdict == Verdict::ApproveUnmasked {
            return Err(NotDecided::NotTogether);
        }
        let mut named = holds.to_vec();
        named.sort_unstable();
        named.dedup_by_key(|(hold, _)| *hold);
        let steps = named.iter().map(|(hold, turns)| self.step(*hold, decider, &ruling, *turns)).collect::<Result<Vec<_>, _>>()?;
        let one = |step: &Step| DecidedOne { hold: step.hold.number(), until: step.until(), more: step.more };
        let behind = self.record(DecidedTogether {
            holds: steps.iter().map(one).collect(),
            decision: decision(ruling.verdict),
            by: decider.name.to_string(),
            groups: groups(decider),
            through: ruling.through.into(),
            single_person: self.shared.options().single_person.then_some(true),
            seen: seen.digest,
            body: words(ruling.reason.as_deref()),
        })?;
        let views = steps.into_iter().filter_map(|step| self.change(step.hold, |entry| step.take(entry, behind))).collect();
        Ok(Answer { said: views, behind })
    }

    /// A reviewer asks the agent; who waits for the decision is told at once.
    pub fn ask(
        &mut self,
        hold: HoldId,
        decider: &Decider,
        question: &str,
        seen: Seen,
        through: &'static str,
    ) -> Result<Answer<View>, NotDecided> {
        self.look_at_the_clock()?;
        let Before { mut standing, mut talk, view, .. } = self.entitled(hold, decider, seen.turns)?;
        standing.ask(self.now).map_err(|unfit| match unfit {
            Unfit::State if talk.open_question().is_some() && view.state.is_undecided() => NotDecided::AskedAlready,
            Unfit::State | Unfit::Expired => unfitting(unfit, &view),
        })?;
        talk.ask(&decider.name, self.now, question)?;
        let said = talk.open_question().map(|exchange| &*exchange.question);
        let behind = self.record(self.remark(hold, Decision::Asked, decider, said, seen, through))?;
        self.take(hold, standing, talk, behind)
    }

    /// A reviewer passes a hold on: from here on another group decides. Whether there is such a group is for whoever asks to know.
    pub fn pass(
        &mut self,
        hold: HoldId,
        decider: &Decider,
        (to, reason): (&str, &str),
        seen: Seen,
        through: &'static str,
    ) -> Result<Answer<View>, NotDecided> {
        self.look_at_the_clock()?;
        let Before { standing, mut talk, view, .. } = self.entitled(hold, decider, seen.turns)?;
        if !standing.state.is_undecided() {
            return Err(unfitting(if standing.has_expired(self.now) { Unfit::Expired } else { Unfit::State }, &view));
        }
        talk.pass(&decider.name, self.now, to, reason)?;
        let said = talk.passes.last().map(|pass| &*pass.reason);
        let event = Decided { to: Some(to.trim().to_owned()), ..self.remark(hold, Decision::PassedOn, decider, said, seen, through) };
        let behind = self.record(event)?;
        self.take(hold, standing, talk, behind)
    }

    /// What is said about a hold without deciding it.
    fn remark(
        &self,
        hold: HoldId,
        decision: Decision,
        decider: &Decider,
        said: Option<&str>,
        seen: Seen,
        through: &'static str,
    ) -> Decided {
        Decided {
            hold: hold.number(),
            decision,
            by: Some(decider.name.to_string()),
            groups: groups(decider),
            through: Some(through.into()),
            single_person: self.shared.options().single_person.then_some(true),
            until: None,
            more: None,
            to: None,
            seen: Some(seen.digest),
            body: words(said),
        }
    }

    fn take(&mut self, hold: HoldId, standing: Standing, talk: Deliberation, behind: u64) -> Result<Answer<View>, NotDecided> {
        let view = self.change(hold, |entry| {
            (entry.standing, entry.talk, entry.seq) = (standing, talk, behind);
            entry.view()
        });
        view.map(|said| Answer { said, behind }).ok_or(NotDecided::Unknown)
    }
}

fn unfitting(unfit: Unfit, view: &View) -> NotDecided {
    match unfit {
        Unfit::Expired => NotDecided::Expired,
        Unfit::State => NotDecided::Already(Box::new(view.clone())),
    }
}

impl Ruling {
    pub(super) fn checked(&self) -> Result<Self, NotDecided> {
        let reason = self.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        if reason.is_some_and(|reason| reason.len() > LONGEST_REASON) {
            return Err(NotDecided::TooLong);
        }
        Ok(Self { reason: reason.map(str::to_owned), ..self.clone() })
    }
}
