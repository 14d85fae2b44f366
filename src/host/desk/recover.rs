//! What the journal says of the holds that were kept: at the start, whatever was lost in between. What is in doubt is over; an approval that
//! was being used is used up.

use std::collections::HashMap;
use std::path::Path;

use super::grants::StandingGrant;
use super::store::Kept;
use super::view::Ruled;
use crate::audit::Event;
use crate::audit::event::{Answered, Decided, Decision, Held, Returned, Spent};
use crate::gate::hold::{Decider, HoldId, State, Verdict};
use crate::host::journal::reader::{ReadError, Reader};

/// Holds as they stand by the record.
#[derive(Debug, Default)]
pub struct Recovered {
    pub kept: HashMap<HoldId, Kept>,
    /// On the record and not kept, and not closed: nobody can decide them any more.
    pub lost: Vec<HoldId>,
    pub grants: HashMap<HoldId, StandingGrant>,
    /// On the record and not kept, and not ended.
    pub grants_lost: Vec<HoldId>,
}

/// Follows the record behind `cursor`. `None` where not all of it is there, or not all of it can be read.
pub fn follow(folder: &Path, cursor: u64, kept: Vec<Kept>, grants: Vec<(HoldId, Option<StandingGrant>)>) -> Option<Recovered> {
    match read(folder, cursor, kept, grants) {
        Ok(recovered) => recovered,
        Err(error) => {
            tracing::error!(%error, "what became of holds cannot be read from the journal: all of them are over");
            None
        }
    }
}

fn read(folder: &Path, cursor: u64, kept: Vec<Kept>, grants: Vec<(HoldId, Option<StandingGrant>)>) -> Result<Option<Recovered>, ReadError> {
    let mut recovered = Recovered { kept: kept.into_iter().map(|kept| (kept.standing.id, kept)).collect(), ..Recovered::default() };
    for (id, grant) in grants {
        match grant {
            Some(grant) => drop(recovered.grants.insert(id, grant)),
            None => recovered.grants_lost.push(id),
        }
    }
    let mut reader = Reader::open(folder, cursor.saturating_add(1));
    let mut expected = cursor.saturating_add(1);
    while let Some(entry) = reader.next()? {
        if std::mem::replace(&mut expected, entry.seq.saturating_add(1)) != entry.seq {
            // Something between was removed, and nobody knows what it said.
            return Ok(None);
        }
        match entry.event() {
            Ok(Some(event)) => recovered.apply(entry.seq, entry.time, &event),
            Ok(None) => {}
            // It may have said that an approval was used.
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(recovered))
}

impl Recovered {
    fn apply(&mut self, seq: u64, time: u64, event: &Event) {
        if let Event::DecidedTogether(event) = event {
            event.each().for_each(|event| self.take(seq, time, &Step::Decided(&event)));
        } else if let Some((id, step)) = GrantStep::of(event) {
            self.take_grant(seq, id, step);
        } else if let Some(step) = Step::of(event) {
            self.take(seq, time, &step);
        }
    }

    fn take_grant(&mut self, seq: u64, id: HoldId, step: GrantStep) {
        let Some(grant) = self.grants.get_mut(&id) else {
            match step {
                GrantStep::Made => self.grants_lost.push(id),
                GrantStep::Used => {}
                GrantStep::Ended => self.grants_lost.retain(|lost| *lost != id),
            }
            return;
        };
        if grant.seq >= seq {
            return;
        }
        grant.seq = seq;
        match step {
            GrantStep::Made => {}
            GrantStep::Used => grant.lasting.used = grant.lasting.used.saturating_add(1),
            GrantStep::Ended => drop(self.grants.remove(&id)),
        }
    }

    fn take(&mut self, seq: u64, time: u64, step: &Step<'_>) {
        let id = step.hold();
        let Some(kept) = self.kept.get_mut(&id) else {
            match step {
                Step::Held(_) => self.lost.push(id),
                Step::Answered(_) => {}
                Step::Decided(event) if !closes(event.decision) => {}
                Step::Decided(_) | Step::Spent(_) => self.lost.retain(|lost| *lost != id),
                Step::Returned(_) => {}
            }
            return;
        };
        if kept.seq >= seq {
            return;
        }
        kept.seq = seq;
        match step {
            // What was said is not there: whoever asks for it is asked again.
            Step::Held(_) | Step::Answered(_) => {}
            Step::Decided(event) => decided(kept, time, event),
            // Until the record says that it was returned.
            Step::Spent(_) => kept.standing.state = State::Reserved,
            Step::Returned(_) if kept.standing.state == State::Reserved => kept.standing.state = State::Approved,
            Step::Returned(_) => {}
        }
    }
}

/// The events that are steps of standing grants.
#[derive(Clone, Copy)]
enum GrantStep {
    Made,
    Used,
    Ended,
}

impl GrantStep {
    fn of(event: &Event) -> Option<(HoldId, Self)> {
        let (id, step) = if let Event::Granted(event) = event {
            (event.grant, Self::Made)
        } else if let Event::Spent(Spent { grant: Some(grant), .. }) = event {
            (*grant, Self::Used)
        } else if let Event::GrantEnded(event) = event {
            (event.grant, Self::Ended)
        } else {
            return None;
        };
        Some((HoldId::of(id), step))
    }
}

/// The events that are steps of holds.
enum Step<'a> {
    Held(&'a Held),
    Decided(&'a Decided),
    Answered(&'a Answered),
    Spent(&'a Spent),
    Returned(&'a Returned),
}

impl<'a> Step<'a> {
    fn of(event: &'a Event) -> Option<Self> {
        if let Event::Held(event) = event {
            Some(Self::Held(event))
        } else if let Event::Decided(event) = event {
            Some(Self::Decided(event))
        } else if let Event::Answered(event) = event {
            Some(Self::Answered(event))
        } else if let Event::Spent(event) = event {
            Some(Self::Spent(event))
        } else if let Event::Returned(event) = event {
            Some(Self::Returned(event))
        } else {
            None
        }
    }

    fn hold(&self) -> HoldId {
        HoldId::of(match self {
            Self::Held(event) => event.hold,
            Self::Decided(event) => event.hold,
            Self::Answered(event) => event.hold,
            Self::Spent(event) => event.hold,
            Self::Returned(event) => event.hold,
        })
    }
}

fn closes(decision: Decision) -> bool {
    match decision {
        Decision::Denied | Decision::Expired | Decision::Withdrawn => true,
        Decision::Approved | Decision::ApprovedUnmasked | Decision::Asked | Decision::PassedOn => false,
    }
}

fn decided(kept: &mut Kept, time: u64, event: &Decided) {
    let standing = &mut kept.standing;
    let by = event.by.as_deref().unwrap_or_default();
    let words = event.body.as_ref().map(|words| words.text.as_str());
    let undecided = standing.state.is_undecided();
    let mut ruled = |verdict| {
        kept.ruled = Some(Ruled {
            verdict,
            by: by.into(),
            at: time,
            reason: words.map(Into::into),
            single_person: event.single_person == Some(true),
        });
    };
    let verdict = if event.decision == Decision::ApprovedUnmasked { Verdict::ApproveUnmasked } else { Verdict::Approve };
    match event.decision {
        Decision::Approved | Decision::ApprovedUnmasked if undecided => {
            let decider = Decider { name: by.into(), ..Decider::default() };
            kept.talk.say(&decider, verdict, u32::MAX, time, words).ok();
            if event.more.is_some() {
                return;
            }
            // Without a time it is over already.
            (standing.state, standing.until) = (State::Approved, event.until.unwrap_or(0));
            ruled(verdict);
        }
        Decision::Denied if undecided => {
            standing.state = State::Denied;
            ruled(Verdict::Deny);
        }
        // A question whose words were erased is still one.
        Decision::Asked if undecided && kept.talk.ask(by, time, words.unwrap_or("…")).is_ok() => standing.state = State::Asked,
        Decision::PassedOn if undecided => {
            let to = event.to.as_deref().unwrap_or_default();
            kept.talk.pass(by, time, to, words.unwrap_or("…")).ok();
        }
        Decision::Expired if standing.state.is_pending() => standing.state = State::Expired,
        Decision::Withdrawn if standing.state.is_pending() => standing.state = State::Withdrawn,
        Decision::Approved
        | Decision::ApprovedUnmasked
        | Decision::Denied
        | Decision::Asked
        | Decision::PassedOn
        | Decision::Expired
        | Decision::Withdrawn => {}
    }
}
