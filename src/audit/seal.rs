//! Sealed originals: the text and the parameters of a statement, encrypted so that only the holder of the operator's private key
//! reads them again. Each segment has a random key of its own, which is kept sealed to the operator's public key (HPKE, RFC 9180:
//! X25519, HKDF-SHA256, ChaCha20-Poly1305); statements are encrypted with it (AES-256-GCM). Where keys and records lie is not known
//! here, and randomness is an argument.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use minicbor::{Decode, Encode};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::digest::{Digest, Hash};
use super::event::SealingKey;

/// More bytes of a text and its parameters are not kept: what is longer is data, and its length and digest are recorded anyway.
pub const MOST_KEPT: usize = 256 * 1024;

/// Parameters behind these are not kept. The protocol has no more of them.
const MOST_PARAMETERS: usize = 65_535;

const KEY: usize = 32;
const CHECK: usize = 4;

/// Random bytes that begin a segment: its key, and what hides that key.
pub const RANDOM: usize = 2 * KEY;

/// What a public key is written with, and a private one.
const PUBLIC: &str = "pgsluice-seal-1-";
const PRIVATE: &str = "pgsluice-unseal-1-";

/// What a segment's key is sealed for, so that it opens nothing else.
const PURPOSE: &[u8] = b"pgsluice segment key 1";

/// A nonce holds 48 bits of each number.
const NUMBERS: u64 = 1 << 48;

type Kem = X25519HkdfSha256;
type Aead = ChaCha20Poly1305;
type Kdf = HkdfSha256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    #[error("not a key: a public key begins with {PUBLIC} and a private key with {PRIVATE}")]
    Unknown,
    #[error("this is a private key, which belongs where originals are read and nowhere else; the public key begins with {PUBLIC}")]
    Private,
    #[error("this is a public key, which opens nothing; the private key begins with {PRIVATE}")]
    Public,
    #[error("the key is not whole: a character is missing, too many or another one")]
    Damaged,
    #[error("the key is not one that anything can be sealed to")]
    Weak,
}

/// Nothing could be sealed or opened; never says more than that of what was in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("it could not be sealed")]
    NotSealed,
    #[error("it is sealed to another key: {0}")]
    OtherKey(PublicKey),
    #[error("it does not open: the record or the journal's key of this segment is not what was written")]
    NotOpened,
    #[error("it opened, and is not an original that this version can read")]
    NotRead,
}

/// The public key of whoever may read originals.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; KEY]);

/// The private key. `Debug` shows only that there is one, and it is wiped when dropped.
pub struct PrivateKey(Zeroizing<[u8; KEY]>);

/// Letters, with a check so that a key with a slip in it is refused and not sealed to.
fn written(prefix: &str, key: &[u8; KEY]) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; KEY + CHECK]);
    for (to, from) in bytes.iter_mut().zip(key.iter().chain(&check(prefix, key))) {
        *to = *from;
    }
    let letters = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    let mut text = Zeroizing::new(String::with_capacity(prefix.len().saturating_add(letters.len())));
    text.push_str(prefix);
    text.push_str(&letters);
    text
}

fn check(prefix: &str, key: &[u8; KEY]) -> [u8; CHECK] {
    let mut bytes = Zeroizing::new(Vec::with_capacity(prefix.len().saturating_add(KEY)));
    bytes.extend_from_slice(prefix.as_bytes());
    bytes.extend_from_slice(key);
    let mut check = [0; CHECK];
    for (to, from) in check.iter_mut().zip(digest(&SHA256, &bytes).as_ref()) {
        *to = *from;
    }
    check
}

fn read(prefix: &str, letters: &str) -> Result<Zeroizing<[u8; KEY]>, NotAKey> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(letters).map_err(|_| NotAKey::Damaged)?);
    let (key, found) = bytes.split_first_chunk::<KEY>().ok_or(NotAKey::Damaged)?;
    if found == check(prefix, key) { Ok(Zeroizing::new(*key)) } else { Err(NotAKey::Damaged) }
}

impl PublicKey {
    /// As records name it.
    pub fn hash(self) -> Hash {
        Hash(self.0)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&written(PUBLIC, &self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for PublicKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let text = text.trim();
        if text.starts_with(PRIVATE) {
            return Err(NotAKey::Private);
        }
        let key = Self(*read(PUBLIC, text.strip_prefix(PUBLIC).ok_or(NotAKey::Unknown)?)?);
        // Some points give every sender the same secret. A trial finds them.
        let trial = Sealer::new(key, Digest::default()).begin_segment(&Zeroizing::new([1; RANDOM]));
        if trial.is_ok() { Ok(key) } else { Err(NotAKey::Weak) }
    }
}

impl PrivateKey {
    /// The key that these random bytes make.
    pub fn from_random(random: &Zeroizing<[u8; KEY]>) -> Self {
        let (private, _) = Kem::derive_keypair(random.as_slice());
        let mut key = Zeroizing::new([0; KEY]);
        private.write_exact(key.as_mut_slice());
        Self(key)
    }

    pub fn read(text: &str) -> Result<Self, NotAKey> {
        let text = text.trim();
        if text.starts_with(PUBLIC) {
            return Err(NotAKey::Public);
        }
        Ok(Self(read(PRIVATE, text.strip_prefix(PRIVATE).ok_or(NotAKey::Unknown)?)?))
    }

    /// What goes into the key's file, and nowhere else.
    pub fn expose(&self) -> Zeroizing<String> {
        written(PRIVATE, &self.0)
    }

    fn kem(&self) -> Result<<Kem as hpke::Kem>::PrivateKey, SealError> {
        <Kem as hpke::Kem>::PrivateKey::from_bytes(self.0.as_slice()).map_err(|_| SealError::NotOpened)
    }

    pub fn public(&self) -> Result<PublicKey, SealError> {
        let mut key = [0; KEY];
        Kem::sk_to_pk(&self.kem()?).write_exact(&mut key);
        Ok(PublicKey(key))
    }

    /// The key of a segment of this journal, from the record that keeps it.
    pub fn open_segment(&self, journal: Digest, record: &SealingKey) -> Result<SegmentKey, SealError> {
        if self.public()?.hash() != record.to {
            return Err(SealError::OtherKey(PublicKey(record.to.0)));
        }
        let (hidden, sealed) = record.sealed.split_first_chunk::<KEY>().ok_or(SealError::NotOpened)?;
        let hidden = <Kem as hpke::Kem>::EncappedKey::from_bytes(hidden).map_err(|_| SealError::NotOpened)?;
        let opened = hpke::single_shot_open::<Aead, Kdf, Kem>(&OpModeR::Base, &self.kem()?, &hidden, PURPOSE, sealed, &journal.0);
        let key = Zeroizing::new(opened.map_err(|_| SealError::NotOpened)?);
        SegmentKey::new(&key, journal).map_err(|_| SealError::NotOpened)
    }
}

/// Random bytes that were made elsewhere, each given once.
struct Given<'a> {
    left: &'a [u8],
    /// More was asked for than there was.
    short: bool,
}

impl TryRng for Given<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        match self.left.split_at_checked(out.len()) {
            Some((given, left)) => {
                out.copy_from_slice(given);
                self.left = left;
            }
            None => self.short = true,
        }
        Ok(())
    }
}

impl TryCryptoRng for Given<'_> {}

/// Seals what one journal keeps.
#[derive(Debug, Clone, Copy)]
pub struct Sealer {
    to: PublicKey,
    journal: Digest,
}

impl Sealer {
    pub fn new(to: PublicKey, journal: Digest) -> Self {
        Self { to, journal }
    }

    /// A new key, and the record that keeps it for the operator. That record comes before all that is sealed with the key. Every
    /// process makes its own key for each segment that it writes to: it cannot read the one that the process before it made.
    pub fn begin_segment(&self, random: &Zeroizing<[u8; RANDOM]>) -> Result<(SealingKey, SegmentKey), SealError> {
        let (key, hiding) = random.split_at(KEY);
        let to = <Kem as hpke::Kem>::PublicKey::from_bytes(&self.to.0).map_err(|_| SealError::NotSealed)?;
        let mut random = Given { left: hiding, short: false };
        let sealed = hpke::single_shot_seal_with_rng::<Aead, Kdf, Kem>(&OpModeS::Base, &to, PURPOSE, key, &self.journal.0, &mut random);
        let (hidden, mut sealed) = sealed.map_err(|_| SealError::NotSealed)?;
        if random.short {
            return Err(SealError::NotSealed);
        }
        let mut bytes = hidden.to_bytes().to_vec();
        bytes.append(&mut sealed);
        Ok((SealingKey { to: self.to.hash(), sealed: bytes.into() }, SegmentKey::new(key, self.journal)?))
    }
}

/// What the originals of one segment are encrypted with.
pub struct SegmentKey {
    key: LessSafeKey,
    journal: Digest,
}

impl SegmentKey {
    fn new(key: &[u8], journal: Digest) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| SealError::NotSealed)?;
        Ok(Self { key: LessSafeKey::new(key), journal })
    }

    /// A statement's number is given once within its session, and a session's once within a journal: no nonce comes twice. Numbers
    /// that do not fit are refused.
    fn bound(&self, session: u64, number: u64) -> Option<(Nonce, Aad<[u8; 32]>)> {
        if session >= NUMBERS || number >= NUMBERS {
            return None;
        }
        let numbers = (u128::from(session) << 48 | u128::from(number)).to_be_bytes();
        let (_, nonce) = numbers.split_last_chunk::<12>()?;
        let mut aad = [0; 32];
        let said = self.journal.0.into_iter().chain(session.to_be_bytes()).chain(number.to_be_bytes());
        for (to, from) in aad.iter_mut().zip(said) {
            *to = from;
        }
        Some((Nonce::assume_unique_for_key(*nonce), Aad::from(aad)))
    }

    /// Must be called once only for a statement.
    pub fn seal(&self, session: u64, number: u64, original: &Original) -> Result<Vec<u8>, SealError> {
        let (nonce, aad) = self.bound(session, number).ok_or(SealError::NotSealed)?;
        // Room for the tag, so that what is not encrypted yet is never moved and left behind.
        let mut bytes = Vec::with_capacity(original.0.len().saturating_add(AES_256_GCM.tag_len()));
        bytes.extend_from_slice(&original.0);
        self.key.seal_in_place_append_tag(nonce, aad, &mut bytes).map_err(|_| SealError::NotSealed)?;
        Ok(bytes)
    }

    pub fn open(&self, session: u64, number: u64, sealed: &[u8]) -> Result<Original, SealError> {
        let (nonce, aad) = self.bound(session, number).ok_or(SealError::NotOpened)?;
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let length = self.key.open_in_place(nonce, aad, &mut bytes).map_err(|_| SealError::NotOpened)?.len();
        bytes.truncate(length);
        Ok(Original(bytes))
    }
}

/// One statement as it was sent, in canonical bytes. Shown nowhere but where somebody asked for it, and wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Original(Zeroizing<Vec<u8>>);

macro_rules! not_shown {
    ($($name:ident $(<$life:lifetime>)?,)+) => {
        $(impl fmt::Debug for $name $(<$life>)? {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(concat!(stringify!($name), "(…)"))
            }
        })+
    };
}

not_shown! { PrivateKey, SegmentKey, Original, Contents<'_>, Parameter<'_>, }

/// What an original says.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Contents<'a> {
    #[cbor(b(0), with = "minicbor::bytes")]
    pub text: &'a [u8],
    /// Bytes of the text that were not kept.
    #[n(1)]
    pub text_cut: u64,
    #[b(2)]
    pub parameters: Vec<Parameter<'a>>,
    /// Parameters that were not kept.
    #[n(3)]
    pub parameters_cut: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Parameter<'a> {
    /// The type's OID as far as it was declared, else 0.
    #[n(0)]
    pub oid: u32,
    #[n(1)]
    pub binary: bool,
    /// Missing for NULL.
    #[cbor(b(2), with = "minicbor::bytes")]
    pub value: Option<&'a [u8]>,
    /// Bytes of the value that were not kept.
    #[n(3)]
    pub cut: u64,
}

/// Takes from what may still be kept; returns how much was not.
fn kept<'a>(bytes: &'a [u8], left: &mut usize) -> (&'a [u8], u64) {
    let (kept, cut) = bytes.split_at(bytes.len().min(*left));
    *left = left.saturating_sub(kept.len());
    (kept, u64::try_from(cut.len()).unwrap_or(u64::MAX))
}

impl Original {
    /// Bytes that it takes.
    pub fn length(&self) -> usize {
        self.0.len()
    }

    pub fn new<'a>(text: &'a [u8], parameters: impl IntoIterator<Item = Parameter<'a>>) -> Self {
        let mut left = MOST_KEPT;
        let (text, text_cut) = kept(text, &mut left);
        let mut contents = Contents { text, text_cut, parameters: Vec::new(), parameters_cut: 0 };
        for parameter in parameters {
            // A value of no bytes takes room as well.
            if left < size_of::<Parameter<'_>>() || contents.parameters.len() >= MOST_PARAMETERS {
                contents.parameters_cut = contents.parameters_cut.saturating_add(1);
                continue;
            }
            left = left.saturating_sub(size_of::<Parameter<'_>>());
            let value = parameter.value.map(|value| kept(value, &mut left));
            contents.parameters.push(Parameter { value: value.map(|(value, _)| value), cut: value.map_or(0, |(_, cut)| cut), ..parameter });
        }
        // Reserved at once: a buffer that grows leaves copies behind.
        let room = MOST_KEPT.saturating_sub(left).saturating_add(64);
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        // Writing to memory does not fail.
        minicbor::encode(&contents, &mut *bytes).ok();
        Self(bytes)
    }

    pub fn contents(&self) -> Result<Contents<'_>, SealError> {
        minicbor::decode(&self.0).map_err(|_| SealError::NotRead)
    }
}

#[cfg(test)]
mod tests;
