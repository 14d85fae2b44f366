//! The one pass over the record: each event goes to the section that it is evidence for. What came before the period is followed (who
//! people are, which holds were open), what came in it is counted, and of what came after it only sign-offs count.

use super::bounded::List;
use super::chain::SignedAt;
use super::changes::{Changes, Gaps, Place};
use super::duties::Separation;
use super::holds::Holds;
use super::period::Period;
use super::reviews::{Reads, SignOffs};
use super::sessions::Sessions;
use super::volumes::Volumes;
use crate::audit::Event;
use crate::audit::event::Outcome;
use crate::host::journal::reader::Entry;

#[derive(Debug)]
pub(super) struct Gatherer {
    period: Period,
    sessions: Sessions,
    pub volumes: Volumes,
    pub holds: Holds,
    pub separation: Separation,
    pub changes: Changes,
    pub gaps: Gaps,
    pub reads: Reads,
    pub sign_offs: SignOffs,
    /// In the whole record.
    pub last_checkpoint: Option<SignedAt>,
    /// Records in the period.
    pub records: u64,
    /// Whether the last start was followed by a stop.
    in_order: bool,
    /// The open sessions were counted at the period's end.
    over: bool,
}

impl Gatherer {
    pub fn new(period: Period) -> Self {
        Self {
            period,
            sessions: Sessions::default(),
            volumes: Volumes::default(),
            holds: Holds::default(),
            separation: Separation::default(),
            changes: Changes::default(),
            gaps: Gaps::default(),
            reads: Reads::default(),
            sign_offs: SignOffs::default(),
            last_checkpoint: None,
            records: 0,
            in_order: true,
            over: false,
        }
    }

    pub fn see(&mut self, entry: &Entry, event: Option<&Event>) {
        let within = self.period.has(entry.time);
        self.records += u64::from(within);
        let place = (entry.seq, entry.time);
        match event {
            Some(Event::SignedOff(event)) => {
                self.sign_offs.signed_off(place, event, self.period);
                if within {
                    self.separation.signed_off(&event.by);
                }
            }
            Some(Event::Checkpointed(event)) => self.last_checkpoint = Some(event.into()),
            _ if entry.time >= self.period.to.0 => self.end(),
            Some(event) => self.follow(place, within, event),
            None => self.gaps.of_a_newer_program += u64::from(within),
        }
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.gaps.without_an_end = self.gaps.without_an_end.saturating_add(self.sessions.unended());
        }
    }

    /// One that is before the period's end.
    fn follow(&mut self, place: Place, within: bool, event: &Event) {
        let time = place.1;
        match event {
            Event::Started(event) => {
                let left = self.sessions.end_all();
                if within {
                    self.gaps.without_an_end = self.gaps.without_an_end.saturating_add(left);
                    self.gaps.started(place, event, self.in_order);
                }
                self.in_order = false;
            }
            Event::Stopped(_) => {
                self.in_order = true;
                self.gaps.stops += u64::from(within);
            }
            Event::SignedIn(event) => {
                self.sessions.begin(place.0, event);
                if within {
                    self.volumes.signed_in(&event.agent, time);
                }
            }
            Event::Continued(event) => self.sessions.begin(event.session, &event.who),
            Event::SignedOut(event) => {
                let left = self.sessions.end(event.session);
                if within {
                    self.gaps.without_an_end = self.gaps.without_an_end.saturating_add(left);
                }
            }
            Event::ShapeMet(event) => self.volumes.shape(event),
            Event::Begun(event) => {
                self.sessions.begun(event.statement.session);
                if within {
                    self.volumes.begun(&self.sessions.agent(event.statement.session).name, time, &event.statement);
                }
            }
            Event::Ended(event) => {
                self.sessions.ended(event.session);
                if within {
                    self.gaps.outcome_unknown += u64::from(event.outcome == Outcome::Unknown);
                    self.volumes.ended(&self.sessions.agent(event.session).name, time, event);
                }
            }
            Event::Held(event) => self.holds.held(place, within, event, &self.sessions.agent(event.statement.session)),
            Event::Decided(event) => {
                if within {
                    self.separation.decided(place, event, &self.holds, &self.sessions);
                }
                self.holds.decided(place, within, event);
            }
            Event::DecidedTogether(event) => {
                for event in event.each() {
                    if within {
                        self.separation.decided(place, &event, &self.holds, &self.sessions);
                    }
                    self.holds.decided(place, within, &event);
                }
            }
            Event::Spent(event) => {
                let approved = self.holds.spent(time, within, event);
                if within && !approved && event.grant.is_none() {
                    self.separation.spent_without_approval(place, event.hold);
                }
            }
            Event::Returned(event) => self.holds.returned(within, event.hold),
            Event::AgentChanged(event) => {
                self.sessions.know(event.agent_id, &event.agent, &event.owner);
                if within {
                    self.separation.administered(&event.by);
                    self.changes.agent(place, event);
                }
            }
            Event::PersonChanged(event) => {
                self.separation.person(place, within, event);
                if within {
                    self.changes.person(place, event);
                }
            }
            Event::Recovered(event) if within => self.gaps.recovered(place, event),
            Event::Resumed(event) if within => self.gaps.resumed(place, event),
            Event::KeyChanged(event) if within => {
                self.changes.key(place, event);
                self.separation.administered_by(event.by.as_deref());
            }
            Event::SealingKey(event) if within => self.changes.sealing_key(place, event),
            Event::EpochBegan(event) if within => {
                self.changes.epoch(place, event);
                self.separation.administered(&event.by);
            }
            Event::Pruned(event) if within => {
                self.changes.pruned(place, event);
                self.separation.administered(&event.by);
            }
            Event::Erased(event) if within => {
                self.changes.erased(place, event);
                self.separation.administered(&event.by);
            }
            Event::Denied(event) if within => self.volumes.denied(event),
            Event::Prepared(event) if within => {
                let statement = &event.statement;
                self.volumes.prepared(&self.sessions.agent(statement.session).name, place.1, statement);
            }
            Event::Refused(event) if within => {
                let statement = &event.statement;
                self.volumes.refused(&self.sessions.agent(statement.session).name, place.1, statement, &event.code);
            }
            Event::ConfigChanged(event) if within => self.changes.config(place, event),
            Event::PolicyChanged(event) if within => {
                self.changes.policy(place, event);
                self.separation.administered_by(event.by.as_deref());
            }
            Event::AuditRead(event) if within => {
                self.reads.read(place, event);
                self.separation.read(&event.by);
            }
            Event::Revealed(event) if within => {
                self.holds.revealed();
                self.separation.revealed(&event.by);
            }
            Event::Granted(event) if within => {
                let agent = self.sessions.by_id(event.agent_id);
                self.separation.granted(place, event, &agent, &self.sessions);
                self.holds.granted(place, event, &agent);
            }
            Event::GrantEnded(_) if within => self.holds.grant_ended(),
            // They carry the record itself, count elsewhere, or are not of the period.
            Event::Checkpointed(_)
            | Event::SignedOff(_)
            | Event::PersonSignedIn(_)
            | Event::PersonDenied(_)
            | Event::PersonSignedOut(_)
            | Event::HoldRead(_)
            | Event::Answered(_)
            | Event::Recovered(_)
            | Event::Resumed(_)
            | Event::KeyChanged(_)
            | Event::SealingKey(_)
            | Event::EpochBegan(_)
            | Event::Pruned(_)
            | Event::Erased(_)
            | Event::Denied(_)
            | Event::Prepared(_)
            | Event::Refused(_)
            | Event::ConfigChanged(_)
            | Event::PolicyChanged(_)
            | Event::AuditRead(_)
            | Event::Revealed(_)
            | Event::Granted(_)
            | Event::GrantEnded(_) => {}
        }
    }

    pub fn finish(mut self) -> Self {
        self.end();
        self.holds.finish();
        self.sign_offs.finish(self.period);
        let List { entries, .. } = &self.sign_offs.rows;
        self.separation.finish(entries.iter().map(|row| row.by.as_str()), &self.sessions);
        self
    }
}
