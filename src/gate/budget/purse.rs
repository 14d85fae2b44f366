//! What one agent has taken within a window of time, in all its sessions on all threads. It is kept in memory alone: a restart forgets it.
//! It knows no clock; times are handed in.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Allowance, Amount};
use crate::gate::hold::{Over, Quantity};

/// Into so many parts a window is cut: what was taken is free again at most one part later than it might be.
const PARTS: u32 = 60;
/// Parts kept at once; windows of different length, by one policy and the next, may leave more than one window has.
const MOST_PARTS: usize = 4 * PARTS as usize;
/// What is leased at once while the limit is far.
const CHUNK: Amount = Amount { rows: 256, sensitive: 64, values: 0, bytes: 64 << 10, copied: 256, shapes: 0 };
/// Far: so many chunks are left. As many sessions may have leases at once before one is told of a limit that is not reached.
const FAR: u64 = 8;
/// Distinct probes remembered, whatever the policy allows.
const MOST_PROBES: u64 = 1 << 16;
/// Distinct values remembered, whatever the policy allows: two or three megabytes of an agent that takes them all.
pub const MOST_SHOWN: usize = 1 << 16;
/// Approvals to go over a limit that one agent may have open.
const MOST_RAISED: usize = 64;

/// The digest of a shape.
pub type ShapeKey = [u8; 16];

#[derive(Debug, Default)]
pub struct Purse {
    window: Mutex<Window>,
    /// How many are in `raised`: what every statement looks at.
    raised_count: AtomicUsize,
    raised: Mutex<VecDeque<Raised>>,
}

#[derive(Debug, Default)]
struct Window {
    parts: VecDeque<Part>,
    /// The number of the first part.
    first: u64,
    total: Amount,
    /// When each was last asked, and as how many it counts.
    probes: HashMap<ShapeKey, (Instant, u64)>,
    /// All of them together.
    asked: u64,
    /// When something of each was last shown.
    shown: HashMap<u64, Instant>,
}

#[derive(Debug)]
struct Part {
    /// Everything in it was taken before.
    until: Instant,
    taken: Amount,
}

/// An approval to go over a limit.
#[derive(Debug)]
struct Raised {
    hold: u64,
    shape: ShapeKey,
    over: Over,
}

/// What is used up: there is no more than this of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    pub quantity: Quantity,
    pub limit: u64,
}

/// An amount that was charged and may be given back as far as it was not used.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    part: u64,
    pub left: Amount,
}

impl Default for Lease {
    fn default() -> Self {
        Self::NONE
    }
}

impl Lease {
    /// A lease of nothing.
    pub const NONE: Self = Self { part: u64::MAX, left: Amount { rows: 0, sensitive: 0, values: 0, bytes: 0, copied: 0, shapes: 0 } };

    /// Uses so much of it, where there is so much.
    pub fn use_up(&mut self, amount: Amount) -> bool {
        let enough = amount.is_within(self.left);
        if enough {
            self.left = self.left.minus(amount);
        }
        enough
    }
}

impl Purse {
    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Charges an amount, or nothing at all.
    pub fn charge(&self, now: Instant, allowance: &Allowance, amount: Amount) -> Result<(), Exceeded> {
        self.window().charge(now, allowance, amount, Amount::default()).map(|_| ())
    }

    /// Charges an amount that a lease has not enough for and, while the limit is far, as much again as saves asking for each row: of what the amount
    /// takes any of, and of what the lease still had any of. What of it is not used is to be given back before the time moves on: nothing may
    /// be released by a charge that was made long ago.
    pub fn renew(&self, lease: &mut Lease, now: Instant, allowance: &Allowance, amount: Amount) -> Result<(), Exceeded> {
        let before = std::mem::replace(lease, Lease::NONE);
        let mut window = self.window();
        window.give_back(before);
        window.pass(now, allowance.window);
        let left = window.spare(allowance, amount, before.left);
        *lease = Lease { part: window.charge(now, allowance, amount, left)?, left };
        Ok(())
    }

    pub fn give_back(&self, lease: Lease) {
        if lease.left != Amount::default() {
            self.window().give_back(lease);
        }
    }

    /// Whether nothing is left of something that the next row, of such a kind, would take.
    pub fn spent(&self, now: Instant, allowance: &Allowance, next: Amount) -> Option<Exceeded> {
        let mut window = self.window();
        window.pass(now, allowance.window);
        exceeded(allowance, window.total.plus(next), next)
            .or_else(|| allowance.probes.filter(|_| next.sensitive > 0).and_then(|limit| window.probes_spent(now, allowance, limit, 1)))
            .or_else(|| {
                allowance.sensitive_values.filter(|_| next.sensitive > 0).and_then(|limit| window.shown_spent(now, allowance, limit))
            })
    }

    /// How long until something that is used up now is free again.
    pub fn frees_in(&self, now: Instant, allowance: &Allowance) -> Duration {
        let window = self.window();
        let first = window.parts.front().and_then(|part| part.until.checked_add(allowance.window));
        first.map_or(Duration::ZERO, |free| free.saturating_duration_since(now))
    }

    /// A question about a sensitive column is about to be asked, that counts as so many. The same question counts once.
    pub fn probe(&self, now: Instant, allowance: &Allowance, question: ShapeKey, weight: u64) -> Result<(), Exceeded> {
        let Some(limit) = allowance.probes else { return Ok(()) };
        let mut window = self.window();
        if let Some((asked, _)) = window.probes.get_mut(&question) {
            *asked = now;
            return Ok(());
        }
        window.probes_spent(now, allowance, limit, weight).map_or(Ok(()), Err)?;
        window.probes.insert(question, (now, weight));
        window.asked = window.asked.saturating_add(weight);
        Ok(())
    }

    /// Something of these values is about to be shown: all of them, or none. Each is known by a keyed hash, and the same one counts once.
    pub fn show(&self, now: Instant, allowance: &Allowance, values: &[u64]) -> Result<(), Exceeded> {
        let Some(limit) = allowance.sensitive_values.filter(|_| !values.is_empty()) else { return Ok(()) };
        let mut window = self.window();
        let fits = |window: &Window, new: usize| window.shown.len().saturating_add(new) <= most_shown(limit);
        if !fits(&window, values.iter().filter(|value| !window.shown.contains_key(value)).count()) {
            window.forget_shown(now, allowance);
            // Of one row the same value may be there twice.
            let new: HashSet<u64> = values.iter().copied().filter(|value| !window.shown.contains_key(value)).collect();
            if !fits(&window, new.len()) {
                return Err(Exceeded { quantity: Quantity::SensitiveValues, limit });
            }
        }
        window.shown.extend(values.iter().map(|value| (*value, now)));
        Ok(())
    }

    /// People approved one run of a statement of this shape over a limit.
    pub fn raise(&self, hold: u64, shape: ShapeKey, over: Over) {
        let mut raised = self.raised();
        raised.retain(|known| known.hold != hold);
        if raised.len() >= MOST_RAISED {
            raised.pop_front();
        }
        raised.push_back(Raised { hold, shape, over });
        self.raised_count.store(raised.len(), Ordering::Release);
    }

    /// That approval is spent, or can no longer be.
    pub fn lower(&self, hold: u64) {
        let mut raised = self.raised();
        raised.retain(|known| known.hold != hold);
        self.raised_count.store(raised.len(), Ordering::Release);
    }

    /// What was approved for a statement of this shape, if anything was. Costs next to nothing where no approval is open.
    pub fn raised_for(&self, shape: ShapeKey) -> Option<Over> {
        if self.raised_count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.raised().iter().find(|known| known.shape == shape).map(|known| known.over)
    }

    fn raised(&self) -> MutexGuard<'_, VecDeque<Raised>> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    /// Forgets what is older than a window.
    fn pass(&mut self, now: Instant, window: Duration) {
        while let Some(part) = self.parts.front()
            && part.until.checked_add(window).is_some_and(|over| over <= now)
        {
            self.total = self.total.minus(part.taken);
            self.parts.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }

    /// Whether questions that count as so many are more than may be asked.
    fn probes_spent(&mut self, now: Instant, allowance: &Allowance, limit: u64, weight: u64) -> Option<Exceeded> {
        let bound = limit.min(MOST_PROBES);
        if self.asked.saturating_add(weight) > bound {
            self.probes.retain(|_, (asked, _)| asked.checked_add(allowance.window).is_none_or(|over| over > now));
            self.asked = self.probes.values().fold(0, |sum, (_, weight)| sum.saturating_add(*weight));
        }
        (self.asked.saturating_add(weight) > bound).then_some(Exceeded { quantity: Quantity::Probes, limit })
    }

    /// Whether no value more may be shown than were.
    fn shown_spent(&mut self, now: Instant, allowance: &Allowance, limit: u64) -> Option<Exceeded> {
        if self.shown.len() >= most_shown(limit) {
            self.forget_shown(now, allowance);
        }
        (self.shown.len() >= most_shown(limit)).then_some(Exceeded { quantity: Quantity::SensitiveValues, limit })
    }

    fn forget_shown(&mut self, now: Instant, allowance: &Allowance) {
        self.shown.retain(|_, shown| shown.checked_add(allowance.window).is_none_or(|over| over > now));
    }

    /// What may be leased beyond an amount: of what that takes any of, or a lease before had any of, where much is left of it.
    fn spare(&self, allowance: &Allowance, amount: Amount, before: Amount) -> Amount {
        let asked = amount.plus(before);
        let taken = self.total.plus(amount);
        let spare = |bound: Option<u64>, taken: u64, chunk: u64, asked: u64| {
            let far = bound.is_none_or(|bound| bound.saturating_sub(taken) >= chunk.saturating_mul(FAR));
            if far && asked > 0 { chunk } else { 0 }
        };
        Amount {
            rows: spare(allowance.rows, taken.rows, CHUNK.rows, asked.rows),
            sensitive: spare(allowance.sensitive_rows, taken.sensitive, CHUNK.sensitive, asked.sensitive),
            values: 0,
            bytes: spare(allowance.bytes, taken.bytes, CHUNK.bytes, asked.bytes),
            copied: spare(allowance.copy_in_rows, taken.copied, CHUNK.copied, asked.copied),
            shapes: 0,
        }
    }

    /// Returns the number of the part that was charged.
    fn charge(&mut self, now: Instant, allowance: &Allowance, amount: Amount, spare: Amount) -> Result<u64, Exceeded> {
        self.pass(now, allowance.window);
        if let Some(exceeded) = exceeded(allowance, self.total.plus(amount), amount) {
            return Err(exceeded);
        }
        let amount = amount.plus(spare);
        self.total = self.total.plus(amount);
        let length = allowance.window.checked_div(PARTS).unwrap_or_default();
        match self.parts.back_mut().filter(|part| now < part.until) {
            Some(part) => part.taken = part.taken.plus(amount),
            None => {
                self.make_room();
                self.parts.push_back(Part { until: now.checked_add(length).unwrap_or(now), taken: amount });
            }
        }
        Ok(self.first.wrapping_add(u64::try_from(self.parts.len()).unwrap_or(u64::MAX)).wrapping_sub(1))
    }

    /// Two parts become one, and what was taken in the older one is remembered as long as the newer.
    fn make_room(&mut self) {
        if self.parts.len() >= MOST_PARTS
            && let Some(older) = self.parts.pop_front()
            && let Some(newer) = self.parts.front_mut()
        {
            newer.taken = newer.taken.plus(older.taken);
            self.first = self.first.wrapping_add(1);
        }
    }

    fn give_back(&mut self, lease: Lease) {
        if lease.left == Amount::default() {
            return;
        }
        let place = usize::try_from(lease.part.wrapping_sub(self.first)).unwrap_or(usize::MAX);
        // A part that is gone took its leases with it.
        if let Some(part) = self.parts.get_mut(place) {
            part.taken = part.taken.minus(lease.left);
            self.total = self.total.minus(lease.left);
        }
    }
}

fn most_shown(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX).min(MOST_SHOWN)
}

/// What of it is above its bound, among what is asked for, and that bound.
pub(super) fn exceeded(allowance: &Allowance, taken: Amount, asked: Amount) -> Option<Exceeded> {
    // The narrowest first: it says most.
    let each = [
        (Quantity::SensitiveRows, allowance.sensitive_rows, taken.sensitive, asked.sensitive),
        (Quantity::SensitiveValues, allowance.sensitive_values, taken.values, asked.values),
        (Quantity::Rows, allowance.rows, taken.rows, asked.rows),
        (Quantity::Bytes, allowance.bytes, taken.bytes, asked.bytes),
        (Quantity::CopyInRows, allowance.copy_in_rows, taken.copied, asked.copied),
        (Quantity::ShapeBytes, allowance.shape_bytes, taken.shapes, asked.shapes),
    ];
    each.into_iter().find_map(|(quantity, bound, taken, asked)| {
        let limit = bound.filter(|bound| asked > 0 && taken > *bound)?;
        Some(Exceeded { quantity, limit })
    })
}

impl Amount {
    pub(super) fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    fn minus(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }

    fn is_within(self, other: Self) -> bool {
        self.rows <= other.rows
            && self.sensitive <= other.sensitive
            && self.values <= other.values
            && self.bytes <= other.bytes
            && self.copied <= other.copied
            && self.shapes <= other.shapes
    }

    fn each(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            rows: of(self.rows, other.rows),
            sensitive: of(self.sensitive, other.sensitive),
            values: of(self.values, other.values),
            bytes: of(self.bytes, other.bytes),
            copied: of(self.copied, other.copied),
            shapes: of(self.shapes, other.shapes),
        }
    }
}
