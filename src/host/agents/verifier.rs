//! What is kept instead of a password: PostgreSQL's SCRAM-SHA-256 verifier, from which no login can be made.

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

use crate::host::secret::Secret;

/// PostgreSQL's own count and salt length: an answer for an unknown name must not stand out by either.
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4095);
pub(super) const SALT: usize = 16;
const KEY: usize = digest::SHA256_OUTPUT_LEN;
/// A stored verifier with more would keep each login busy for a second.
const MAX_ITERATIONS: u32 = 1_000_000;
const MAX_SALT: usize = 1024;
const PREFIX: &str = "SCRAM-SHA-256$";

#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    pub iterations: NonZeroU32,
    pub salt: Vec<u8>,
    pub stored_key: [u8; KEY],
    pub server_key: [u8; KEY],
}

impl fmt::Debug for Verifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Verifier(…)")
    }
}

impl Verifier {
    pub fn derive(password: &Secret, salt: [u8; SALT]) -> Self {
        Self::derive_with(password, salt.to_vec(), ITERATIONS)
    }

    fn derive_with(password: &Secret, salt: Vec<u8>, iterations: NonZeroU32) -> Self {
        // As PostgreSQL: a password that SASLprep refuses is taken as it is.
        let prepared = stringprep::saslprep(password.expose());
        let bytes = prepared.as_deref().unwrap_or_else(|_| password.expose()).as_bytes();
        let mut salted = zeroize::Zeroizing::new([0; KEY]);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, bytes, salted.as_mut_slice());
        let key = hmac::Key::new(hmac::HMAC_SHA256, salted.as_slice());
        let client_key = hmac::sign(&key, b"Client Key");
        let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
        let server_key = hmac::sign(&key, b"Server Key");
        Self { iterations, salt, stored_key: array(stored_key.as_ref()), server_key: array(server_key.as_ref()) }
    }

    /// For a name that does not exist: the same name gives the same salt every time, as a real one does, and no password
    /// fits, because nobody knows what hashes to this stored key.
    pub(super) fn mock(key: &hmac::Key, name: &str) -> Self {
        let piece = |purpose: &str| {
            let mut context = hmac::Context::with_key(key);
            context.update(purpose.as_bytes());
            context.update(&[0]);
            context.update(name.as_bytes());
            array(context.sign().as_ref())
        };
        let mut salt = piece("salt").to_vec();
        salt.truncate(SALT);
        Self { iterations: ITERATIONS, salt, stored_key: piece("stored key"), server_key: piece("server key") }
    }

    /// Whether this is the password; a login never sees the password and proves it otherwise.
    pub fn is_of(&self, password: &Secret) -> bool {
        let other = Self::derive_with(password, self.salt.clone(), self.iterations);
        subtle::ConstantTimeEq::ct_eq(&self.stored_key[..], &other.stored_key[..]).into()
    }

    /// PostgreSQL's text form, as in `pg_authid`.
    pub fn parse(text: &str) -> Option<Self> {
        let (front, keys) = text.strip_prefix(PREFIX)?.split_once('$')?;
        let (iterations, salt) = front.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        let key = |text: &str| STANDARD.decode(text).ok()?.try_into().ok();
        let salt = STANDARD.decode(salt).ok().filter(|salt| (1..=MAX_SALT).contains(&salt.len()))?;
        let iterations = iterations.parse().ok().filter(|count: &NonZeroU32| count.get() <= MAX_ITERATIONS)?;
        Some(Self { iterations, salt, stored_key: key(stored)?, server_key: key(server)? })
    }

    /// Not `Display`: it goes to the database and nowhere else.
    pub fn to_text(&self) -> String {
        let (salt, stored, server) = (STANDARD.encode(&self.salt), STANDARD.encode(self.stored_key), STANDARD.encode(self.server_key));
        format!("{PREFIX}{}:{salt}${stored}:{server}", self.iterations)
    }
}

fn array(bytes: &[u8]) -> [u8; KEY] {
    let mut key = [0; KEY];
    for (to, from) in key.iter_mut().zip(bytes) {
        *to = *from;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677's example: user `user`, password `pencil`, its salt and count; the server's signature of the example's
    /// messages proves the server key, the client's proof the stored key.
    #[test]
    fn the_rfcs_example_exchange_verifies() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = Verifier::derive(&Secret::new("pencil"), salt.try_into().unwrap());
        let messages = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
                        r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
                        c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let sign = |key: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), messages.as_bytes());
        assert_eq!(STANDARD.encode(sign(&verifier.server_key)), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        let proof = STANDARD.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        let client_key: Vec<u8> = proof.iter().zip(sign(&verifier.stored_key).as_ref()).map(|(left, right)| left ^ right).collect();
        assert_eq!(digest::digest(&digest::SHA256, &client_key).as_ref(), verifier.stored_key);
    }

    #[test]
    fn the_text_form_is_read_back_and_damage_is_refused() {
        let verifier = Verifier::derive(&Secret::new("pässwörd"), [7; SALT]);
        let text = verifier.to_text();
        assert_eq!(Verifier::parse(&text).as_ref(), Some(&verifier));
        assert!(verifier.is_of(&Secret::new("pässwörd")) && !verifier.is_of(&Secret::new("passwörd")));
        assert_eq!(format!("{verifier:?}"), "Verifier(…)");
        for broken in [
            "",
            "md5abc",
            text.strip_suffix("=").unwrap(),
            &text.replace("4096", "0"),
            &text.replace("4096", "4000000000"),
            &text.replace(':', ""),
        ] {
            assert_eq!(Verifier::parse(broken), None, "{broken}");
        }
    }
}
