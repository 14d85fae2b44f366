//! Short texts in which nothing was found: what comes again and again in a result (keys of documents, states, tags) is searched once. The same text in
//! the same place is found the same in, so it must know all that a search goes by; only what was compared to the byte counts as known.

use std::sync::Arc;

use super::Masking;
use super::detect::{Context, Detectors};
use super::kind::KindSet;
use super::profile::Profile;
use crate::wire::value::Class;

/// A name and a text that together are longer are not kept: they hardly come again.
const LENGTH: usize = 72;
/// Texts kept at once. Together they fit into the nearest caches.
const PLACES: usize = 256;
/// So many are searched before any is kept: what searches few owns nothing.
const FEW: usize = 256;

/// What was searched in vain, by the detectors and the profile at hand.
#[derive(Default)]
pub struct Memo {
    by: Option<(Arc<Detectors>, Arc<Profile>)>,
    searched: usize,
    /// None at all, or all of them.
    places: Vec<Place>,
}

#[derive(Clone, Copy)]
struct Place {
    class: Class,
    expected: KindSet,
    name: u8,
    text: u8,
    bytes: [u8; LENGTH],
}

impl Place {
    /// An empty text is not kept, so none is this one.
    const NONE: Self = Self { class: Class::Text, expected: KindSet::NONE, name: 0, text: 0, bytes: [0; LENGTH] };
}

/// Values stand in it.
impl std::fmt::Debug for Memo {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Memo").field("places", &self.places.len()).finish_non_exhaustive()
    }
}

/// What is about to be searched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought {
    at: usize,
    name: u8,
    text: u8,
}

impl Memo {
    /// What follows is searched by this.
    pub(super) fn serve(&mut self, masking: &Masking) {
        let same = |(detectors, profile): &(Arc<Detectors>, Arc<Profile>)| {
            Arc::ptr_eq(detectors, &masking.detectors) && Arc::ptr_eq(profile, &masking.profile)
        };
        if !self.by.as_ref().is_some_and(same) {
            self.forget();
            // Kept alive, so that no others can come to lie where they do.
            self.by = Some((Arc::clone(&masking.detectors), Arc::clone(&masking.profile)));
        }
    }

    /// Gives all of its memory back.
    pub fn forget(&mut self) {
        if self.searched > 0 {
            *self = Self::default();
        }
    }

    /// Whether it was searched in vain. `Err` tells where to keep it if that is so now, or that it is not worth keeping.
    pub(super) fn knows(&mut self, class: Class, context: &Context<'_>, text: &[u8]) -> Result<(), Option<Sought>> {
        // The kinds that are wanted are the profile's.
        let Context { expected, wanted: _, name } = *context;
        if text.is_empty() || name.len().saturating_add(text.len()) > LENGTH {
            return Err(None);
        }
        let (Ok(name_length), Ok(text_length)) = (u8::try_from(name.len()), u8::try_from(text.len())) else { return Err(None) };
        let at = place(name, text);
        if let Some(kept) = self.places.get(at)
            && (kept.name, kept.text) == (name_length, text_length)
            && kept.bytes.get(..name.len()) == Some(name)
            && kept.bytes.get(name.len()..name.len() + text.len()) == Some(text)
            && (kept.class, kept.expected) == (class, expected)
        {
            return Ok(());
        }
        Err(Some(Sought { at, name: name_length, text: text_length }))
    }

    /// It was searched in vain.
    pub(super) fn keep(&mut self, sought: Sought, class: Class, context: &Context<'_>, text: &[u8]) {
        if self.places.is_empty() {
            self.searched = self.searched.saturating_add(1);
            if self.searched < FEW {
                return;
            }
            self.places = vec![Place::NONE; PLACES];
        }
        let Some(place) = self.places.get_mut(sought.at) else { return };
        if let Some((name, rest)) = place.bytes.split_at_mut_checked(context.name.len())
            && let Some(kept) = rest.get_mut(..text.len())
        {
            name.copy_from_slice(context.name);
            kept.copy_from_slice(text);
            (place.class, place.expected, place.name, place.text) = (class, context.expected, sought.name, sought.text);
        }
    }
}

/// Where a text is kept, if it is. Whoever makes two meet in one place makes them be searched, and no more.
fn place(name: &[u8], text: &[u8]) -> usize {
    let mut hash = 0_u64;
    let mut mix = |word: u64| hash = (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for part in [name, text] {
        let (words, rest) = part.as_chunks::<8>();
        for word in words {
            mix(u64::from_le_bytes(*word));
        }
        mix(rest.iter().fold(0xff, |word, byte| word << 8 | u64::from(*byte)));
    }
    usize::try_from(hash >> 32).unwrap_or(0) % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context<'a>(name: &'a [u8], expected: KindSet) -> Context<'a> {
        Context { expected, wanted: KindSet::ALL, name }
    }

    /// What was searched in vain, often enough for it to be kept.
    fn search(memo: &mut Memo, class: Class, context: &Context<'_>, text: &[u8]) {
        for _ in 0..=FEW {
            if let Err(Some(sought)) = memo.knows(class, context, text) {
                memo.keep(sought, class, context, text);
            }
        }
    }

    #[test]
    fn only_the_same_text_in_the_same_place_is_known() {
        let mut memo = Memo::default();
        memo.serve(&Masking::built_in());
        let mail = KindSet::of(&[super::super::Kind::EMAIL]);
        let here = context(b"state", KindSet::NONE);
        assert!(memo.knows(Class::Text, &here, b"open").is_err());
        search(&mut memo, Class::Text, &here, b"open");
        assert_eq!(memo.knows(Class::Text, &here, b"open").ok(), Some(()));
        assert!(memo.knows(Class::Text, &here, b"opem").is_err(), "another text");
        assert!(memo.knows(Class::Number, &here, b"open").is_err(), "another class");
        assert!(memo.knows(Class::Text, &context(b"state", mail), b"open").is_err(), "where something is expected");
        assert!(memo.knows(Class::Text, &context(b"stat", KindSet::NONE), b"eopen").is_err(), "the same bytes, otherwise divided");
        assert!(memo.knows(Class::Text, &context(b"", KindSet::NONE), b"").is_err(), "nothing is never known");
        assert!(matches!(memo.knows(Class::Text, &here, &[b'x'; LENGTH]), Err(None)), "too long");
    }

    #[test]
    fn another_profile_knows_nothing_of_what_one_knew() {
        let mut memo = Memo::default();
        let (one, mut other) = (Masking::built_in(), Masking::built_in());
        other.profile = Arc::new(one.profile.unmasked());
        memo.serve(&one);
        let here = context(b"", KindSet::NONE);
        search(&mut memo, Class::Text, &here, b"open");
        memo.serve(&one);
        assert!(memo.knows(Class::Text, &here, b"open").is_ok());
        memo.serve(&other);
        assert!(memo.knows(Class::Text, &here, b"open").is_err());
    }

    #[test]
    fn what_searches_few_owns_nothing() {
        let mut memo = Memo::default();
        memo.serve(&Masking::built_in());
        let here = context(b"", KindSet::NONE);
        for number in 1..FEW {
            let text = number.to_string();
            let Err(Some(sought)) = memo.knows(Class::Text, &here, text.as_bytes()) else { unreachable!("it is new") };
            memo.keep(sought, Class::Text, &here, text.as_bytes());
        }
        assert_eq!(memo.places.capacity(), 0);
        search(&mut memo, Class::Text, &here, b"open");
        assert!(memo.places.capacity() > 0);
        memo.forget();
        assert_eq!(memo.places.capacity(), 0);
    }
}
