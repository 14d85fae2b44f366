//! Tokens: what stands in the place of a value so that equal values look equal. A token is the value itself, sealed by AES-SIV (RFC 5297) under a
//! key for one agent and one kind: who has the key gets the value back, nobody makes one that opens, and what one agent was shown says nothing
//! to another. It reads no file: the keys are handed in.
//!
//! Whoever could have a token made of a text of their own could collect tokens of guesses and compare. So tokens are made of what stands in the
//! columns of tables and nothing else, and of no column that the agent itself wrote to.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use aes_siv::KeyInit as _;
use aes_siv::siv::Aes256Siv;
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

/// Before every token.
pub const PREFIX: &str = "tok_";
/// Longer values are no names or numbers, and their tokens would be nothing to work with.
pub const LONGEST_VALUE: usize = 256;
/// Bytes of a token at most, with room for the names of kinds.
pub const LONGEST: usize = 64 + (IV + LONGEST_VALUE) * 8 / 5 + 1;
const MASTER: usize = 32;
const KEY: usize = 64;
const IV: usize = 16;
/// Keys made of masters, kept for one agent: some hundred kinds, of which few are shown as tokens.
const MOST_KEPT: usize = 512;
/// Columns that one agent wrote to. Beyond them none of its columns is shown in tokens.
const MOST_WRITTEN: usize = 10_000;

/// The keys that all others are made of, by their numbers. New tokens are made by the last; those of the others still open.
pub struct Masters(Vec<(u32, Zeroizing<[u8; MASTER]>)>);

impl fmt::Debug for Masters {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.numbers()).finish()
    }
}

impl Masters {
    /// In the order in which they came; `None` where there is none.
    pub fn new(keys: Vec<(u32, Zeroizing<[u8; MASTER]>)>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(number, _)| *number)
    }

    fn newest(&self) -> u32 {
        self.0.last().map_or(0, |(number, _)| *number)
    }

    /// The key for one agent and one kind.
    fn key(&self, number: u32, agent: i64, kind: &str) -> Option<Key> {
        struct Length;
        impl KeyType for Length {
            fn len(&self) -> usize {
                KEY
            }
        }
        let (_, master) = self.0.iter().find(|(known, _)| *known == number)?;
        let secret = Salt::new(HKDF_SHA256, b"pgsluice tokens").extract(master.as_slice());
        let agent = agent.to_le_bytes();
        let about = [agent.as_slice(), kind.as_bytes()];
        let mut key = Zeroizing::new([0; KEY]);
        secret.expand(&about, Length).and_then(|made| made.fill(key.as_mut_slice())).ok()?;
        Some(Arc::new(key))
    }
}

type Key = Arc<Zeroizing<[u8; KEY]>>;

/// Makes and opens the tokens of one agent.
pub struct Mint {
    agent: i64,
    masters: Arc<Masters>,
    keys: RwLock<Vec<(u32, Box<str>, Key)>>,
    written: RwLock<BTreeSet<Column>>,
    /// What of it nobody keeps yet.
    unkept: Mutex<Vec<Column>>,
    turn: AtomicUsize,
}

/// The names of a relation and of a column.
pub type Column = (Box<str>, Box<str>);

impl fmt::Debug for Mint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Mint").field("agent", &self.agent).finish_non_exhaustive()
    }
}

/// A token that was opened.
pub struct Opened {
    /// The name of its kind, in capitals.
    pub kind: Box<str>,
    pub value: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Opened").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Stands for all columns of a relation.
const ALL: &str = "*";

impl Mint {
    pub fn new(agent: i64, masters: Arc<Masters>) -> Self {
        Self::of(agent, masters, BTreeSet::new())
    }

    /// One of an agent that wrote to these columns before.
    pub fn of(agent: i64, masters: Arc<Masters>, written: BTreeSet<Column>) -> Self {
        let turn = AtomicUsize::new(written.len());
        Self { agent, masters, keys: RwLock::default(), written: RwLock::new(written), unkept: Mutex::default(), turn }
    }

    /// The same agent's, by other keys: what it wrote to stays.
    #[must_use]
    pub fn by(&self, masters: Arc<Masters>) -> Self {
        let made = Self::of(self.agent, masters, self.written.read().unwrap_or_else(PoisonError::into_inner).clone());
        *locked(&made.unkept) = locked(&self.unkept).clone();
        made
    }

    pub fn is_by(&self, masters: &Arc<Masters>) -> bool {
        Arc::ptr_eq(&self.masters, masters)
    }

    fn key(&self, number: u32, kind: &str) -> Option<Key> {
        let find = |kept: &[(u32, Box<str>, Key)]| {
            kept.iter().find(|(known, name, _)| *known == number && **name == *kind).map(|(_, _, key)| Arc::clone(key))
        };
        if let Some(known) = find(&self.keys.read().unwrap_or_else(PoisonError::into_inner)) {
            return Some(known);
        }
        let key = self.masters.key(number, self.agent, kind)?;
        let mut kept = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST_KEPT {
            kept.push((number, kind.into(), Arc::clone(&key)));
        }
        Some(key)
    }

    /// Appends the token of a value. False, and nothing appended, where it is too long for one.
    pub fn mint(&self, kind: &str, value: &[u8], out: &mut Vec<u8>) -> bool {
        let number = self.masters.newest();
        let mut room = Zeroizing::new([0_u8; IV + LONGEST_VALUE]);
        let (Some(key), Some(sealed)) = (self.key(number, kind), room.get_mut(..IV.saturating_add(value.len()))) else { return false };
        let Some((tag, body)) = sealed.split_at_mut_checked(IV) else { return false };
        body.copy_from_slice(value);
        let Ok(made) = cipher(&key).encrypt_inout_detached([kind.as_bytes()], body.into()) else { return false };
        tag.copy_from_slice(&made);
        out.extend_from_slice(PREFIX.as_bytes());
        out.extend(kind.bytes().map(|letter| letter.to_ascii_lowercase()));
        out.push(b'_');
        out.extend_from_slice(number.to_string().as_bytes());
        out.push(b'_');
        write(sealed, out);
        true
    }

    /// What a token of this agent stands for.
    pub fn open(&self, token: &[u8]) -> Option<Opened> {
        let Parts { kind, number, body } = parts(token)?;
        let kind = kind.to_ascii_uppercase();
        let key = self.key(number, &kind)?;
        let sealed = read(body)?;
        let (tag, body) = sealed.split_at_checked(IV)?;
        let mut value = Zeroizing::new(body.to_vec());
        let tag = aes_siv::Tag::try_from(tag).ok()?;
        cipher(&key).decrypt_inout_detached([kind.as_bytes()], value.as_mut_slice().into(), &tag).ok()?;
        Some(Opened { kind: kind.into(), value })
    }

    /// The agent is about to write to a column of a relation, or to all of them: what it reads from there may be its own guesses. Names are told
    /// without schemas: one in another schema counts as well. Whether that is to be kept before it is written.
    pub fn wrote(&self, relation: &str, column: Option<&str>) -> bool {
        let all = self.written.read().unwrap_or_else(PoisonError::into_inner).len();
        self.note(relation, column.unwrap_or(ALL), all < MOST_WRITTEN)
    }

    /// What the agent has done may have put its own texts anywhere: from now on it is shown no tokens.
    pub fn close(&self) -> bool {
        self.note(ALL, ALL, true)
    }

    fn note(&self, relation: &str, column: &str, has_room: bool) -> bool {
        let column = (Box::from(relation), Box::from(column));
        if has_room && !self.written.read().unwrap_or_else(PoisonError::into_inner).contains(&column) {
            // To be kept first: who sees it among what was written may rely on that.
            let mut unkept = locked(&self.unkept);
            let mut all = self.written.write().unwrap_or_else(PoisonError::into_inner);
            if all.insert(column.clone()) {
                unkept.push(column);
                self.turn.store(all.len(), Ordering::Release);
            }
        }
        !locked(&self.unkept).is_empty()
    }

    /// Hands what nobody keeps yet to somebody who does. Where that fails it stays to be kept.
    pub fn keep<E>(&self, keep: impl FnOnce(i64, &[Column]) -> Result<(), E>) -> Result<(), E> {
        let mut unkept = locked(&self.unkept);
        keep(self.agent, &unkept)?;
        unkept.clear();
        Ok(())
    }

    /// How much it wrote to: where that is the same, so is what may be shown.
    pub fn written(&self) -> usize {
        self.turn.load(Ordering::Acquire)
    }

    /// Whether tokens may be made of this column, and be compared with it.
    pub fn may_show(&self, schema: &str, relation: &str, column: &str) -> bool {
        let all = self.written.read().unwrap_or_else(PoisonError::into_inner);
        !schema.starts_with("pg_temp")
            && all.len() < MOST_WRITTEN
            && !all.contains(&(Box::from(ALL), Box::from(ALL)))
            && !all.contains(&(Box::from(relation), Box::from(column)))
            && !all.contains(&(Box::from(relation), Box::from(ALL)))
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cipher(key: &Key) -> Aes256Siv {
    Aes256Siv::new((&***key).into())
}

struct Parts<'a> {
    kind: &'a str,
    number: u32,
    body: &'a [u8],
}

/// A token is `tok_`, its kind, the number of its key and what is sealed: letters and digits that no change of case harms.
fn parts(token: &[u8]) -> Option<Parts<'_>> {
    let text = std::str::from_utf8(token).ok().filter(|text| text.len() <= LONGEST)?;
    let mut parts = text.strip_prefix(PREFIX)?.rsplitn(3, '_');
    let (body, number, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let is_kind = !kind.is_empty() && kind.bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'_');
    let body = body.as_bytes();
    (is_kind && body.len() >= LEAST && body.iter().all(|letter| digit(*letter).is_some())).then_some(())?;
    Some(Parts { kind, number: number.parse().ok()?, body })
}

/// Whether the whole of a text has the form of a token, anybody's.
pub fn is_token(text: &[u8]) -> bool {
    parts(text).is_some()
}

/// Whether a token, anybody's, stands anywhere in a text.
pub fn holds_token(text: &[u8]) -> bool {
    memchr::memmem::find_iter(text, PREFIX.as_bytes()).any(|at| {
        let rest = text.get(at..).unwrap_or_default();
        let length = rest.iter().take_while(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || **letter == b'_').count();
        rest.get(..length).is_some_and(is_token)
    })
}

/// Digits of the shortest: an IV and nothing in it.
const LEAST: usize = (IV * 8).div_ceil(5);
const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'a'..=b'z' => Some(letter - b'a'),
        b'2'..=b'7' => Some(letter - b'2' + 26),
        _ => None,
    }
}

/// Base32 (RFC 4648) in small letters, without padding.
fn write(bytes: &[u8], out: &mut Vec<u8>) {
    let (mut held, mut bits) = (0_u32, 0_u32);
    let mut put = |place: u32| out.extend(usize::try_from(place & 31).ok().and_then(|place| DIGITS.get(place)));
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            put(held >> bits);
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        put(held << (5 - bits));
    }
}

/// The one way to write some bytes is the one way that is read.
fn read(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() * 5 / 8));
    let (mut held, mut bits) = (0_u32, 0_u32);
    for letter in text {
        held = held << 5 | u32::from(digit(*letter)?);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
        held &= (1 << bits) - 1;
    }
    (held == 0 && bits < 5).then_some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::string_slice, reason = "a test says so by failing")]

    use aes_siv::siv::Aes128Siv;
    use proptest::prelude::*;

    use super::*;

    fn masters(keys: &[(u32, u8)]) -> Arc<Masters> {
        Arc::new(Masters::new(keys.iter().map(|(number, byte)| (*number, Zeroizing::new([*byte; MASTER]))).collect()).unwrap())
    }

    fn token(mint: &Mint, kind: &str, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(mint.mint(kind, value, &mut out));
        out
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
    }

    /// RFC 5297, A.1 and A.2.
    #[test]
    fn sealing_is_what_the_standard_says() {
        let seal = |key: &str, about: &[&str], plain: &str| {
            let key: [u8; 32] = bytes(key).try_into().unwrap();
            let about: Vec<Vec<u8>> = about.iter().map(|part| bytes(part)).collect();
            let mut body = bytes(plain);
            let tag = Aes128Siv::new(&key.into()).encrypt_inout_detached(&about, body.as_mut_slice().into()).unwrap();
            [tag.as_slice(), &body].concat()
        };
        assert_eq!(
            seal(
                "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
                &["101112131415161718191a1b1c1d1e1f2021222324252627"],
                "112233445566778899aabbccddee"
            ),
            bytes("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c")
        );
        assert_eq!(
            seal(
                "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
                &[
                    "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
                    "102030405060708090a0",
                    "09f911029d74e35bd84156c5635688c0",
                ],
                "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553"
            ),
            bytes(
                "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d"
            )
        );
    }

    #[test]
    fn equal_values_give_equal_tokens_to_one_agent_in_one_kind() {
        let (ann, bob) = (Mint::new(1, masters(&[(1, 7)])), Mint::new(2, masters(&[(1, 7)])));
        let made = token(&ann, "EMAIL", b"ada@example.com");
        assert!(made.starts_with(b"tok_email_1_"), "{}", String::from_utf8_lossy(&made));
        assert_eq!(made, token(&ann, "EMAIL", b"ada@example.com"));
        assert_ne!(made, token(&ann, "EMAIL", b"Ada@example.com"));
        assert_ne!(token(&ann, "PHONE", b"1"), token(&ann, "EMAIL", b"1"));
        assert_ne!(made, token(&bob, "EMAIL", b"ada@example.com"));
        // One agent's token opens for nobody else, nor as another kind.
        assert!(bob.open(&made).is_none());
        let other = String::from_utf8(made.clone()).unwrap().replace("tok_email", "tok_phone");
        assert!(is_token(other.as_bytes()) && ann.open(other.as_bytes()).is_none());
        let opened = ann.open(&made).unwrap();
        assert_eq!((&*opened.kind, opened.value.as_slice()), ("EMAIL", b"ada@example.com".as_slice()));
    }

    #[test]
    fn old_tokens_open_after_a_rotation_and_new_ones_are_by_the_newest() {
        let before = Mint::new(1, masters(&[(1, 7)]));
        let old = token(&before, "US_SSN", b"078-05-1120");
        let after = before.by(masters(&[(1, 7), (2, 8)]));
        let new = token(&after, "US_SSN", b"078-05-1120");
        assert!(new.starts_with(b"tok_us_ssn_2_") && new != old);
        assert_eq!(after.open(&old).unwrap().value, after.open(&new).unwrap().value);
        assert!(before.open(&new).is_none());
        assert!(before.by(masters(&[(2, 8)])).open(&old).is_none());
    }

    #[test]
    fn what_is_too_long_has_no_token() {
        let mint = Mint::new(1, masters(&[(1, 7)]));
        let mut out = Vec::new();
        assert!(!mint.mint("EMAIL", &[b'a'; LONGEST_VALUE + 1], &mut out) && out.is_empty());
        let longest = token(&mint, &"K".repeat(32), &[0xff; LONGEST_VALUE]);
        assert!(longest.len() <= LONGEST && mint.open(&longest).is_some());
        assert!(mint.open(&token(&mint, "EMAIL", b"")).is_some());
    }

    #[test]
    fn no_token_is_made_of_a_column_that_the_agent_wrote() {
        let mint = Mint::new(1, masters(&[(1, 7)]));
        assert!(mint.may_show("public", "people", "email"));
        mint.wrote("people", Some("state"));
        assert!(mint.may_show("public", "people", "email"));
        mint.wrote("people", Some("email"));
        assert!(!mint.may_show("public", "people", "email") && mint.may_show("public", "people", "phone"));
        mint.wrote("guesses", None);
        assert!(!mint.may_show("app", "guesses", "email"));
        assert!(!mint.may_show("pg_temp_3", "people2", "email"));
        mint.close();
        assert!(!mint.may_show("public", "people", "phone"));
        // What nobody keeps yet is handed over until somebody does, and then no more.
        let kept =
            |columns: &[Column]| columns.iter().map(|(relation, column)| format!("{relation}.{column}")).collect::<Vec<_>>().join(" ");
        let all = "people.state people.email guesses.* *.*";
        assert_eq!(mint.keep(|_, columns| Err::<(), _>(kept(columns))), Err(all.to_owned()));
        assert!(mint.wrote("people", Some("email")), "not kept yet");
        let later = mint.by(masters(&[(3, 9)]));
        for mint in [&mint, &later] {
            mint.keep(|_, columns| if kept(columns) == all { Ok(()) } else { Err(kept(columns)) }).unwrap();
            assert!(!mint.wrote("people", Some("email")) && mint.wrote("people", Some("name")));
        }
        // Other keys do not make it forget.
        assert!(!mint.by(masters(&[(2, 8)])).may_show("public", "people", "email"));
    }

    proptest! {
        #[test]
        fn what_was_made_opens_and_nothing_else(value in prop::collection::vec(any::<u8>(), 0..LONGEST_VALUE), at: usize, letter in "[a-z2-7]") {
            let mint = Mint::new(3, masters(&[(1, 1), (9, 2)]));
            let made = token(&mint, "PERSON", &value);
            prop_assert!(is_token(&made) && holds_token(&[b"x ".as_slice(), &made, b", y"].concat()));
            let opened = mint.open(&made).unwrap();
            prop_assert_eq!(opened.value.as_slice(), value.as_slice());
            let body = "tok_person_9_".len();
            let mut forged = made.clone();
            let place = body + at % (made.len() - body);
            forged[place] = letter.as_bytes()[0];
            prop_assert_eq!(mint.open(&forged).is_some(), forged == made);
        }

        #[test]
        fn any_text_is_looked_at_without_harm(text in prop::collection::vec(any::<u8>(), 0..80)) {
            let mint = Mint::new(3, masters(&[(1, 1)]));
            prop_assert!(mint.open(&text).is_none());
            let marked = [PREFIX.as_bytes(), b"email_1_", &text].concat();
            prop_assert!(mint.open(&marked).is_none());
        }
    }
}
