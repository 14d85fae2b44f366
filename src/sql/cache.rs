//! Facts of messages that were read before. Bounded in entries and in bytes; what has not been asked for since the hand came by last makes
//! room. It reads no clock and shares nothing between threads: whoever wants one for several puts a lock around it.

use std::collections::HashMap;
use std::sync::Arc;

use super::check;
use super::facts::{Facts, Opaque};
use super::key;
use super::read::{read_checked, weight};

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    pub entries: usize,
    /// Of keys and facts together, about.
    pub bytes: usize,
}

impl Bound {
    /// The shapes of a large application, many times over.
    pub const DEFAULT: Self = Self { entries: 16 * 1024, bytes: 32 * 1024 * 1024 };
}

impl Default for Bound {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[derive(Debug)]
struct Entry {
    key: Arc<[u8]>,
    facts: Arc<Facts>,
    bytes: usize,
    asked: bool,
}

#[derive(Debug, Default)]
pub struct Cache {
    bound: Bound,
    places: HashMap<Arc<[u8]>, usize>,
    entries: Vec<Entry>,
    bytes: usize,
    /// The next entry that is looked at when room is needed.
    hand: usize,
    /// The key at hand, kept so that looking up allocates nothing.
    key: Vec<u8>,
}

impl Cache {
    pub fn new(bound: Bound) -> Self {
        Self { bound, ..Self::default() }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that keys and facts take, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The facts of a message, read if they are not here.
    pub fn read(&mut self, text: &[u8]) -> Arc<Facts> {
        if text.len() > key::LONGEST {
            return Arc::new(super::read(text));
        }
        // A string is taken out of the key whole: what must be true of its bytes is seen to first.
        if std::str::from_utf8(text).is_err() {
            return Arc::new(Facts::opaque(Opaque::NotUtf8));
        }
        let mut key = std::mem::take(&mut self.key);
        let shaped = key::write(text, &mut key);
        let mut found = self.find(&key);
        // Facts of this shape that depend on values are kept by text.
        if found.is_none() && shaped {
            key::write_exact(text, &mut key);
            found = self.find(&key);
        }
        let facts = found.unwrap_or_else(|| {
            let facts = Arc::new(match check::check(text) {
                Ok(checked) => read_checked(checked),
                Err(reason) => Facts::opaque(reason),
            });
            if !facts.value_dependent {
                key::write(text, &mut key);
            }
            self.keep(&key, &facts);
            facts
        });
        self.key = key;
        facts
    }

    fn find(&mut self, key: &[u8]) -> Option<Arc<Facts>> {
        let place = *self.places.get(key)?;
        let entry = self.entries.get_mut(place)?;
        entry.asked = true;
        Some(Arc::clone(&entry.facts))
    }

    fn keep(&mut self, key: &[u8], facts: &Arc<Facts>) {
        let bytes = 2 * size_of::<Entry>() + key.len() + weight(facts);
        if self.bound.entries == 0 || bytes > self.bound.bytes {
            return;
        }
        while self.entries.len() >= self.bound.entries || self.bytes + bytes > self.bound.bytes {
            self.make_room();
        }
        let key: Arc<[u8]> = key.into();
        self.places.insert(Arc::clone(&key), self.entries.len());
        self.entries.push(Entry { key, facts: Arc::clone(facts), bytes, asked: false });
        self.bytes += bytes;
    }

    /// Takes out one entry that was not asked for since the last time round; in two rounds one is found.
    fn make_room(&mut self) {
        for _ in 0..=2 * self.entries.len() {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            let Some(entry) = self.entries.get_mut(self.hand) else { return };
            if std::mem::take(&mut entry.asked) {
                self.hand += 1;
                continue;
            }
            let gone = self.entries.swap_remove(self.hand);
            self.places.remove(&gone.key);
            self.bytes -= gone.bytes;
            if let Some(moved) = self.entries.get(self.hand)
                && let Some(place) = self.places.get_mut(&moved.key)
            {
                *place = self.hand;
            }
            return;
        }
    }
}

/// What the facts of a text are remembered by: the same for texts that differ in literals that no fact depends on.
pub fn write_key(text: &[u8], value_dependent: bool, out: &mut Vec<u8>) {
    let mut key = Vec::new();
    if value_dependent || text.len() > key::LONGEST {
        key::write_exact(text, &mut key);
    } else {
        key::write(text, &mut key);
    }
    out.append(&mut key);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shape_is_read_once() {
        let mut cache = Cache::default();
        let first = cache.read(b"select a from t where id = 1");
        let second = cache.read(b"select a from t where id = 22");
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn where_a_value_was_looked_at_the_text_is_the_key() {
        let mut cache = Cache::default();
        let on = cache.read(b"select set_config('jit', 'on', false)");
        let role = cache.read(b"select set_config('role', 'on', false)");
        assert_ne!(on.effects, role.effects);
        assert!(Arc::ptr_eq(&on, &cache.read(b"select set_config('jit', 'on', false)")));
    }

    #[test]
    fn what_is_not_asked_for_makes_room() {
        let mut cache = Cache::new(Bound { entries: 3, bytes: 1 << 20 });
        let text = |name: usize| format!("select a{name}").into_bytes();
        for name in 0..3 {
            cache.read(&text(name));
        }
        let kept = cache.read(&text(1));
        for name in 3..5 {
            cache.read(&text(name));
        }
        assert_eq!(cache.len(), 3);
        assert!(Arc::ptr_eq(&kept, &cache.read(&text(1))));
        for name in 0..1000 {
            cache.read(&text(name));
            assert!(cache.len() <= 3 && cache.places.len() == cache.entries.len());
        }
        assert_eq!(cache.bytes, cache.entries.iter().map(|entry| entry.bytes).sum::<usize>());
    }

    #[test]
    fn bytes_are_bounded_as_well() {
        let mut cache = Cache::new(Bound { entries: 1000, bytes: 20_000 });
        for name in 0..100 {
            cache.read(format!("select a{name} from t{name}").as_bytes());
            assert!(cache.bytes() <= 20_000);
        }
        assert!(cache.len() > 1);
    }
}
