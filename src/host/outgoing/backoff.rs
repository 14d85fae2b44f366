//! How long to wait after a failure: twice as long each time, up to a bound, and never quite the same as others wait.

use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};

const FIRST: Duration = Duration::from_millis(100);
/// A receiver that is back is found within this.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    /// Something arrived.
    pub fn reset(&mut self) {
        self.0 = FIRST;
    }

    /// Between half of the time and all of it: many who lost the same receiver must not come back at once.
    pub fn pause(&mut self) -> Duration {
        let mut random = [0];
        // Without random bytes all wait for the whole of it.
        let part = SystemRandom::new().fill(&mut random).map_or(255, |()| u32::from(random[0]));
        let wait = self.0.saturating_mul(part.saturating_add(256)) / 511;
        self.0 = self.0.saturating_mul(2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound_and_begin_anew() {
        let mut backoff = Backoff::default();
        let mut due = FIRST;
        for _ in 0..20 {
            let wait = backoff.pause();
            assert!(wait >= due / 2 && wait <= due, "{wait:?} {due:?}");
            due = (due * 2).min(LONGEST);
        }
        assert_eq!(due, LONGEST);
        backoff.reset();
        assert!(backoff.pause() <= FIRST);
    }
}
