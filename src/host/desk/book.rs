//! The holds that are known, in memory. It finds, counts and bounds them; what may become of one is said by its standing.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{broadcast, watch};

use super::grants::{self, StandingGrant};
use super::matter::Matter;
use super::store::Kept;
use super::tally;
use super::view::{About, Ruled, View, Which};
use crate::audit::Digest;
use crate::gate::hold::{Deliberation, HoldId, Standing, State};
use crate::host::purses::Purses;

/// Holds that wait or are approved, of all agents.
pub const MOST_OPEN: usize = 10_000;
/// Bytes of messages that are held.
pub const MOST_HELD: usize = 64 << 20;
/// Closed holds that are still shown; the record has all.
pub const MOST_CLOSED: usize = 1_000;
/// Steps that are kept for whoever follows them; who falls further behind is told so, and looks at all holds anew.
const MOST_BEHIND: usize = 1_024;

/// Something about a hold is not as it was: it was opened, or took any step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub hold: HoldId,
    /// Where it stands now.
    pub state: State,
}

#[derive(Debug)]
pub struct Entry {
    pub standing: Standing,
    pub bound: Digest,
    pub about: Arc<About>,
    /// While it is open.
    pub matter: Option<Arc<Matter>>,
    pub ruled: Option<Ruled>,
    pub talk: Deliberation,
    /// The last record about it: what follows from it must not be told before that is on disk.
    pub seq: u64,
    /// Where it stands, for those who wait.
    changed: watch::Sender<State>,
}

impl Entry {
    /// One that was just opened.
    pub fn opened(standing: Standing, bound: Digest, about: About, matter: Matter, seq: u64) -> Self {
        let changed = watch::Sender::new(standing.state);
        let (about, matter) = (Arc::new(about), Some(Arc::new(matter)));
        Self { standing, bound, about, matter, ruled: None, talk: Deliberation::default(), seq, changed }
    }

    /// One that was kept, with what is known about it.
    pub fn kept(kept: Kept, about: About) -> Self {
        let Kept { standing, bound, seq, matter, ruled, talk, .. } = kept;
        let changed = watch::Sender::new(standing.state);
        let matter = matter.filter(|_| standing.state.is_open()).map(Arc::new);
        Self { standing, bound, about: Arc::new(about), matter, ruled, talk, seq, changed }
    }

    pub fn view(&self) -> View {
        View::of(self)
    }

    pub fn watch(&self) -> watch::Receiver<State> {
        self.changed.subscribe()
    }

    /// Counts against the bound of its agent.
    fn is_pending(&self) -> bool {
        self.standing.state.is_pending()
    }
}

#[derive(Debug)]
pub struct Book {
    purses: Arc<Purses>,
    entries: HashMap<HoldId, Entry>,
    /// Standing grants that are not over.
    grants: HashMap<HoldId, StandingGrant>,
    held: usize,
    steps: broadcast::Sender<Step>,
}

/// Why there is no room for another hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    OfAgent,
    OfAll,
}

impl Book {
    pub fn new(purses: Arc<Purses>) -> Self {
        Self { purses, entries: HashMap::new(), grants: HashMap::new(), held: 0, steps: broadcast::Sender::new(MOST_BEHIND) }
    }

    /// Every step from here on.
    pub fn follow(&self) -> broadcast::Receiver<Step> {
        self.steps.subscribe()
    }

    /// Nobody may follow just now.
    fn tell(steps: &broadcast::Sender<Step>, standing: Standing) {
        steps.send(Step { hold: standing.id, state: standing.state }).ok();
    }

    /// An approval to go over a limit is looked for by whoever sends a statement of its shape, and by nobody else.
    fn tell_purse(purses: &Purses, entry: &Entry) {
        let (hold, about) = (entry.standing.id.number(), &entry.about);
        let Some(over) = about.over else { return };
        let purse = purses.of(about.agent_id);
        match entry.standing.state {
            State::Approved => purse.raise(hold, about.shape.0, over),
            State::Waiting | State::Asked | State::Reserved | State::Spent | State::Denied | State::Expired | State::Withdrawn => {
                purse.lower(hold);
            }
        }
    }

    pub fn get(&self, id: HoldId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// Whether another hold of this agent, of this size, has its place.
    pub fn room(&self, agent_id: i64, most: usize, size: usize) -> Result<(), Full> {
        let pending = || self.entries.values().filter(|entry| entry.is_pending());
        if pending().filter(|entry| entry.about.agent_id == agent_id).count() >= most {
            return Err(Full::OfAgent);
        }
        if pending().count() >= MOST_OPEN || self.held.saturating_add(size) > MOST_HELD {
            return Err(Full::OfAll);
        }
        Ok(())
    }

    pub fn insert(&mut self, entry: Entry) {
        self.held = self.held.saturating_add(entry.matter.as_deref().map_or(0, Matter::size));
        Self::tell_purse(&self.purses, &entry);
        let standing = entry.standing;
        tally::stands(None, &entry);
        self.entries.insert(standing.id, entry);
        Self::tell(&self.steps, standing);
    }

    /// Changes an entry. What was held is forgotten when nothing can run by it any more, and whoever waits is woken.
    pub fn change<T>(&mut self, id: HoldId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let entry = self.entries.get_mut(&id)?;
        let before = entry.standing.state;
        let outcome = change(entry);
        tally::stands(Some(before), entry);
        Self::tell_purse(&self.purses, entry);
        if !entry.standing.state.is_open()
            && let Some(matter) = entry.matter.take()
        {
            self.held = self.held.saturating_sub(matter.size());
        }
        if !entry.standing.state.is_open() {
            entry.talk.erase_answers();
        }
        entry.changed.send_if_modified(|state| std::mem::replace(state, entry.standing.state) != entry.standing.state);
        Self::tell(&self.steps, entry.standing);
        Some(outcome)
    }

    /// What a statement of this binding meets: an approval before a hold that waits, and that before a denial.
    pub fn bound(&self, bound: Digest, now: u64) -> Option<&Entry> {
        let rank = |entry: &Entry| match entry.standing.state {
            State::Approved => Some(0),
            State::Waiting | State::Asked => Some(1),
            State::Denied if now < entry.standing.until => Some(2),
            State::Denied | State::Reserved | State::Spent | State::Expired | State::Withdrawn => None,
        };
        let met = self.entries.values().filter(|entry| entry.bound == bound && !entry.standing.has_expired(now));
        met.filter_map(|entry| Some((rank(entry)?, entry))).min_by_key(|(rank, entry)| (*rank, entry.about.opened)).map(|(_, entry)| entry)
    }

    pub fn grant(&self, id: HoldId) -> Option<&StandingGrant> {
        self.grants.get(&id)
    }

    /// Those that an agent can use.
    pub fn grants_of(&self, agent_id: i64, now: u64) -> impl Iterator<Item = &StandingGrant> {
        self.grants.values().filter(move |one| one.given.agent_id == agent_id && !one.lasting.is_over(now))
    }

    /// Newest first.
    pub fn grants(&self) -> Vec<StandingGrant> {
        let mut all: Vec<_> = self.grants.values().cloned().collect();
        all.sort_unstable_by_key(|one| std::cmp::Reverse((one.given.at, one.id)));
        all
    }

    pub fn has_room_for_grant(&self, agent_id: i64) -> bool {
        let of_agent = self.grants.values().filter(|one| one.given.agent_id == agent_id).count();
        of_agent < grants::MOST_OF_AGENT && self.grants.len() < grants::MOST
    }

    pub fn put_grant(&mut self, standing: StandingGrant) {
        self.grants.insert(standing.id, standing);
    }

    pub fn remove_grant(&mut self, id: HoldId) {
        self.grants.remove(&id);
    }

    /// Standing grants that nothing runs by any more.
    pub fn grants_over(&self, now: u64) -> Vec<HoldId> {
        self.grants.values().filter(|one| one.lasting.is_over(now)).map(|one| one.id).collect()
    }

    /// Those whose time is over, and when the next one's is.
    pub fn expiring(&self, now: u64) -> (Vec<HoldId>, Option<u64>) {
        let over = self.entries.values().filter(|entry| entry.standing.has_expired(now)).map(|entry| entry.standing.id).collect();
        let next = self.entries.values().filter(|entry| entry.is_pending() && entry.standing.until > now).map(|entry| entry.standing.until);
        (over, next.min())
    }

    /// Open holds of an agent.
    pub fn of_agent(&self, agent_id: i64) -> Vec<HoldId> {
        let of_agent = self.entries.values().filter(|entry| entry.is_pending() && entry.about.agent_id == agent_id);
        of_agent.map(|entry| entry.standing.id).collect()
    }

    /// Agents with open holds, each once.
    pub fn agents(&self) -> Vec<(i64, Arc<str>)> {
        let pending = self.entries.values().filter(|entry| entry.is_pending());
        let agents: HashMap<i64, Arc<str>> = pending.map(|entry| (entry.about.agent_id, Arc::from(&*entry.about.agent))).collect();
        agents.into_iter().collect()
    }

    /// Newest first.
    pub fn list(&self, which: Which) -> Vec<View> {
        let wanted = |entry: &&Entry| match which {
            Which::Waiting => entry.standing.state.is_undecided(),
            Which::Open => entry.standing.state.is_open(),
            Which::All => true,
        };
        let mut views: Vec<_> = self.entries.values().filter(wanted).map(Entry::view).collect();
        views.sort_unstable_by_key(|view| std::cmp::Reverse((view.about.opened, view.id)));
        views
    }

    /// All that are known, without what was sent.
    pub fn standings(&self) -> Vec<(Standing, Arc<About>)> {
        self.entries.values().map(|entry| (entry.standing, Arc::clone(&entry.about))).collect()
    }

    /// Forgets the oldest of those that are closed and have nothing more to tell; returns them.
    pub fn forget(&mut self, now: u64) -> Vec<HoldId> {
        let done = |entry: &&Entry| match entry.standing.state {
            State::Denied => now >= entry.standing.until,
            State::Spent | State::Expired | State::Withdrawn => true,
            State::Waiting | State::Asked | State::Approved | State::Reserved => false,
        };
        let mut closed: Vec<_> = self.entries.values().filter(done).map(|entry| (entry.seq, entry.standing.id)).collect();
        closed.sort_unstable();
        let over = closed.len().saturating_sub(MOST_CLOSED);
        let gone: Vec<_> = closed.into_iter().take(over).map(|(_, id)| id).collect();
        for id in &gone {
            self.entries.remove(id);
        }
        gone
    }
}
