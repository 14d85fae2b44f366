//! The keys of SCRAM-SHA-256: verifiers as PostgreSQL stores them, and the one slow derivation both sides share.
//! It knows no messages and no connections.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SecureRandom;
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::secret::Secret;

pub const KEY: usize = digest::SHA256_OUTPUT_LEN;
/// As PostgreSQL makes them; a verifier made up for a name that does not exist must look the same.
pub const ITERATIONS: u32 = 4096;
pub const SALT: usize = 16;
/// More than anybody uses: one derivation with it takes about half a second, so a server cannot ask for hours.
pub const MOST_ITERATIONS: u32 = 2_000_000;

const PREFIX: &str = "SCRAM-SHA-256";

/// What is stored of a password: enough to check a proof, not enough to make one.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    salt: Vec<u8>,
    iterations: NonZeroU32,
    stored_key: [u8; KEY],
    server_key: [u8; KEY],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SCRAM-SHA-256 verifier")]
pub struct MalformedVerifier;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandom;

/// Random bytes of the system.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandom> {
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

/// The two keys a password becomes under a salt.
#[derive(Clone)]
pub struct Keys {
    pub client: Zeroizing<[u8; KEY]>,
    pub server: Zeroizing<[u8; KEY]>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Keys(…)")
    }
}

impl Keys {
    /// Thousands of HMAC rounds: keep the result.
    pub fn derive(password: &Secret, salt: &[u8], iterations: NonZeroU32) -> Self {
        // A password that SASLprep refuses is used as it is, by the server as well.
        let normal = Zeroizing::new(
            stringprep::saslprep(password.expose()).map_or_else(|_| password.expose().to_owned(), std::borrow::Cow::into_owned),
        );
        let mut salted = Zeroizing::new([0; KEY]);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, normal.as_bytes(), &mut *salted);
        Self { client: Zeroizing::new(sign(&*salted, b"Client Key")), server: Zeroizing::new(sign(&*salted, b"Server Key")) }
    }

    pub fn stored_key(&self) -> [u8; KEY] {
        hash(&*self.client)
    }
}

pub fn sign(key: &[u8], message: &[u8]) -> [u8; KEY] {
    let mut out = [0; KEY];
    out.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref());
    out
}

pub fn hash(bytes: &[u8]) -> [u8; KEY] {
    let mut out = [0; KEY];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

impl Verifier {
    /// Of a password, with a fresh salt.
    pub fn new(password: &Secret) -> Result<Self, NoRandom> {
        let iterations = NonZeroU32::new(ITERATIONS).unwrap_or(NonZeroU32::MIN);
        Ok(Self::derive(password, random::<SALT>()?.to_vec(), iterations))
    }

    fn derive(password: &Secret, salt: Vec<u8>, iterations: NonZeroU32) -> Self {
        let keys = Keys::derive(password, &salt, iterations);
        Self { stored_key: keys.stored_key(), server_key: *keys.server, salt, iterations }
    }

    /// One that no password fits, for a name that does not exist: nobody knows what hashes to its stored key. It must be
    /// the same each time the name is tried, so it comes from the name under a key that stays: `seed` is secret and kept.
    pub fn imaginary(name: &str, seed: &[u8; KEY]) -> Self {
        let piece = |purpose: &str| sign(seed, format!("{purpose}\0{name}").as_bytes());
        let salt = piece("salt").iter().take(SALT).copied().collect();
        let iterations = NonZeroU32::new(ITERATIONS).unwrap_or(NonZeroU32::MIN);
        Self { salt, iterations, stored_key: piece("stored key"), server_key: piece("server key") }
    }

    /// Whether this is the verifier of that password.
    pub fn fits(&self, password: &Secret) -> bool {
        Keys::derive(password, &self.salt, self.iterations).stored_key().ct_eq(&self.stored_key).into()
    }

    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    pub fn iterations(&self) -> u32 {
        self.iterations.get()
    }

    pub fn stored_key(&self) -> &[u8; KEY] {
        &self.stored_key
    }

    pub fn server_key(&self) -> &[u8; KEY] {
        &self.server_key
    }
}

/// PostgreSQL's text: what `pg_authid.rolpassword` holds.
impl fmt::Display for Verifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { salt, iterations, stored_key, server_key } = self;
        let [salt, stored_key, server_key] = [STANDARD.encode(salt), STANDARD.encode(stored_key), STANDARD.encode(server_key)];
        write!(out, "{PREFIX}${iterations}:{salt}${stored_key}:{server_key}")
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Verifier(…)")
    }
}

impl FromStr for Verifier {
    type Err = MalformedVerifier;

    fn from_str(text: &str) -> Result<Self, MalformedVerifier> {
        let mut parts = text.split('$');
        let (Some(PREFIX), Some(salted), Some(keys), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(MalformedVerifier);
        };
        let (iterations, salt) = salted.split_once(':').ok_or(MalformedVerifier)?;
        let (stored_key, server_key) = keys.split_once(':').ok_or(MalformedVerifier)?;
        let iterations: NonZeroU32 = iterations.parse().map_err(|_| MalformedVerifier)?;
        if iterations.get() > MOST_ITERATIONS {
            return Err(MalformedVerifier);
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| MalformedVerifier);
        let key = |text: &str| <[u8; KEY]>::try_from(decode(text)?).map_err(|_| MalformedVerifier);
        Ok(Self { salt: decode(salt)?, iterations, stored_key: key(stored_key)?, server_key: key(server_key)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Password and salt of the example in RFC 7677.
    const RFC: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn the_rfcs_example_is_read_checked_and_printed() {
        let verifier: Verifier = RFC.parse().unwrap();
        assert!(verifier.fits(&Secret::new("pencil")));
        assert!(!verifier.fits(&Secret::new("pencil ")));
        let keys = Keys::derive(&Secret::new("pencil"), verifier.salt(), NonZeroU32::new(4096).unwrap());
        assert_eq!(verifier.server_key(), &*keys.server);
        assert_eq!(verifier.to_string(), RFC);
        assert_eq!(format!("{verifier:?}"), "Verifier(…)");
    }

    #[test]
    fn two_verifiers_of_one_password_differ_and_both_fit() {
        let password = Secret::new("p\u{aa}ss"); // SASLprep makes it "pass"
        let [one, two] = [Verifier::new(&password).unwrap(), Verifier::new(&password).unwrap()];
        assert_ne!(one.to_string(), two.to_string());
        assert!(one.fits(&Secret::new("pass")) && two.fits(&password));
    }

    #[test]
    fn an_imaginary_verifier_looks_real_and_keeps_its_salt() {
        let [one, two] = [Verifier::imaginary("bob", &[7; KEY]), Verifier::imaginary("bob", &[7; KEY])];
        assert_eq!((one.salt().len(), one.iterations()), (SALT, ITERATIONS));
        assert_eq!(one, two);
        assert_ne!(one.salt(), Verifier::imaginary("bib", &[7; KEY]).salt());
    }

    #[test]
    fn malformed_texts_are_refused() {
        let good: Vec<&str> = RFC.split('$').collect();
        for bad in [
            String::new(),
            "md5abc".into(),
            RFC.replace("4096", "0"),
            RFC.replace("4096", "4294967295"),
            RFC.replace("W22Z", "W2!Z"),
            RFC.replace("WG5d", ""),
            format!("{RFC}$"),
            good[..2].join("$"),
        ] {
            assert!(bad.parse::<Verifier>().is_err(), "{bad}");
        }
    }
}
