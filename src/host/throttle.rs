//! Slows guessing of passwords down: failed logins counted by address, by name, and by both together. Pure: the time is an
//! argument, and who asks does the waiting, before any answer and whatever the answer is, so that a delay tells nothing.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Typing errors cost nothing.
const FREE: u32 = 3;
const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// A count that was not added to for this long starts anew.
const MEMORY: Duration = Duration::from_secs(10 * 60);
/// About 5 MB at the worst; beyond it the longest untouched count is forgotten.
const MAX_COUNTS: usize = 16_384;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Address(IpAddr),
    Name(String),
    Pair(IpAddr, String),
}

#[derive(Debug)]
struct Count {
    failures: u32,
    last: Instant,
    /// A login by this name from this address succeeded before: what others do to the name or from the address does not
    /// slow it down. Else anybody could lock an agent out by guessing.
    proven: bool,
    touched: u64,
}

#[derive(Debug, Default)]
pub struct Throttle {
    counts: HashMap<Key, Count>,
    by_touch: BTreeMap<u64, Key>,
    touches: u64,
}

impl Throttle {
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the answer to this attempt must wait.
    pub fn delay(&self, now: Instant, address: IpAddr, name: &str) -> Duration {
        let (address, name) = keyed(address, name);
        let pair = Key::Pair(address, name.clone());
        let own = self.failures(now, &pair);
        if self.counts.get(&pair).is_some_and(|count| count.proven) {
            return delay_after(own);
        }
        delay_after(own.max(self.failures(now, &Key::Address(address))).max(self.failures(now, &Key::Name(name))))
    }

    pub fn failed(&mut self, now: Instant, address: IpAddr, name: &str) {
        let (address, name) = keyed(address, name);
        for key in [Key::Pair(address, name.clone()), Key::Name(name), Key::Address(address)] {
            let failures = self.failures(now, &key).saturating_add(1);
            self.touch(key, now, |count| count.failures = failures);
        }
    }

    /// Forgives what this name failed from this address, and nothing else: who knows one password may still guess others.
    pub fn succeeded(&mut self, now: Instant, address: IpAddr, name: &str) {
        let (address, name) = keyed(address, name);
        let pair = Key::Pair(address, name.clone());
        let forgiven = self.failures(now, &pair);
        for key in [Key::Name(name), Key::Address(address)] {
            if let Some(count) = self.counts.get_mut(&key) {
                count.failures = count.failures.saturating_sub(forgiven);
            }
        }
        self.touch(pair, now, |count| {
            count.failures = 0;
            count.proven = true;
        });
    }

    fn failures(&self, now: Instant, key: &Key) -> u32 {
        self.counts.get(key).filter(|count| now.saturating_duration_since(count.last) < MEMORY).map_or(0, |count| count.failures)
    }

    fn touch(&mut self, key: Key, now: Instant, change: impl FnOnce(&mut Count)) {
        self.touches = self.touches.saturating_add(1);
        let touched = self.touches;
        let count = self.counts.entry(key.clone()).or_insert(Count { failures: 0, last: now, proven: false, touched });
        self.by_touch.remove(&count.touched);
        count.last = now;
        count.touched = touched;
        change(count);
        self.by_touch.insert(touched, key);
        if self.counts.len() > MAX_COUNTS
            && let Some((_, oldest)) = self.by_touch.pop_first()
        {
            self.counts.remove(&oldest);
        }
    }
}

fn delay_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(beyond) => FIRST_DELAY.saturating_mul(2_u32.saturating_pow(beyond)).min(LONGEST_DELAY),
    }
}

/// Whoever has one IPv6 address has its /64. A name is cut to what an agent's name can be: the rest is an attacker's.
fn keyed(address: IpAddr, name: &str) -> (IpAddr, String) {
    let address = match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        v4 @ IpAddr::V4(_) => v4,
    };
    (address, name.chars().take(64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn failed(throttle: &mut Throttle, now: Instant, times: u32, address: IpAddr, name: &str) {
        for _ in 0..times {
            throttle.failed(now, address, name);
        }
    }

    #[test]
    fn delays_grow_to_their_bound_and_are_forgotten() {
        let now = Instant::now();
        let mut throttle = Throttle::new();
        let mut delays = Vec::new();
        for _ in 0..12 {
            delays.push(throttle.delay(now, HERE, "bot").as_millis());
            throttle.failed(now, HERE, "bot");
        }
        assert_eq!(delays, [0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
        failed(&mut throttle, now, 1000, HERE, "bot");
        assert_eq!(throttle.delay(now + MEMORY - Duration::from_secs(1), HERE, "bot"), LONGEST_DELAY);
        assert_eq!(throttle.delay(now + MEMORY, HERE, "bot"), Duration::ZERO);
        throttle.failed(now + MEMORY, HERE, "bot");
        assert_eq!(throttle.delay(now + MEMORY, HERE, "bot"), Duration::ZERO);
    }

    #[test]
    fn names_and_addresses_count_by_themselves() {
        let now = Instant::now();
        let mut throttle = Throttle::new();
        for number in 0..5 {
            throttle.failed(now, HERE, &format!("bot{number}"));
        }
        assert_eq!(throttle.delay(now, HERE, "another"), Duration::from_secs(1));
        assert_eq!(throttle.delay(now, THERE, "bot0"), Duration::ZERO);
        for number in 0..5 {
            throttle.failed(now, IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, number)), "root");
        }
        assert_eq!(throttle.delay(now, THERE, "root"), Duration::from_secs(1));
        // The whole of a /64, and a mapped address, are one.
        failed(&mut throttle, now, 5, "2001:db8::1".parse().unwrap(), "x");
        assert!(throttle.delay(now, "2001:db8::ffff".parse().unwrap(), "y") > Duration::ZERO);
        assert_eq!(throttle.delay(now, "2001:db8:1::".parse().unwrap(), "y"), Duration::ZERO);
        assert!(throttle.delay(now, "::ffff:10.0.0.1".parse().unwrap(), "z") > Duration::ZERO);
    }

    #[test]
    fn a_success_forgives_its_own_failures_only() {
        let now = Instant::now();
        let mut throttle = Throttle::new();
        failed(&mut throttle, now, 4, HERE, "victim");
        failed(&mut throttle, now, 4, HERE, "mine");
        throttle.succeeded(now, HERE, "mine");
        assert_eq!(throttle.delay(now, HERE, "mine"), Duration::ZERO);
        assert_eq!(throttle.delay(now, HERE, "third"), Duration::from_millis(500));
        assert_eq!(throttle.delay(now, HERE, "victim"), Duration::from_millis(500));
    }

    #[test]
    fn guessing_from_elsewhere_does_not_slow_down_who_logged_in_before() {
        let now = Instant::now();
        let mut throttle = Throttle::new();
        throttle.succeeded(now, HERE, "bot");
        failed(&mut throttle, now, 50, THERE, "bot");
        assert_eq!(throttle.delay(now, HERE, "bot"), Duration::ZERO);
        assert_eq!(throttle.delay(now, THERE, "bot"), LONGEST_DELAY);
        failed(&mut throttle, now, 4, HERE, "bot");
        assert_eq!(throttle.delay(now, HERE, "bot"), Duration::from_millis(500));
    }

    #[test]
    fn memory_is_bounded_and_what_is_under_attack_is_kept() {
        let now = Instant::now();
        let mut throttle = Throttle::new();
        for number in 0..40_000_u32 {
            throttle.failed(now, HERE, &format!("{number}{}", "x".repeat(10_000)));
        }
        assert!(throttle.counts.len() <= MAX_COUNTS && throttle.by_touch.len() == throttle.counts.len());
        assert_eq!(throttle.delay(now, HERE, "new"), LONGEST_DELAY);
        assert!(throttle.counts.keys().all(|key| matches!(key, Key::Address(_)) || format!("{key:?}").len() < 200));
    }
}
