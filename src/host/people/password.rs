//! Passwords of people: argon2id verifiers, made and compared. It does not know whose they are. Both take tens of milliseconds and 19 MiB,
//! so whoever lets strangers ask bounds how many ask at once.

use std::sync::OnceLock;

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::PeopleError;
use crate::host::scram;
use crate::host::secret::Secret;
use crate::host::state::StateError;

/// A password by itself, without a second factor.
const SHORTEST: usize = 12;
/// Longer than any phrase; a bound on what strangers have hashed.
pub const LONGEST: usize = 256;
/// 120 bits.
const GENERATED: usize = 15;
const SALT: usize = 16;

/// 19 MiB, two passes, one lane: what OWASP asks for at least, and what a small machine has beside its sessions.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// One that nobody knows. It is shown once.
pub fn generated() -> Result<Secret, PeopleError> {
    let random = Zeroizing::new(random::<GENERATED>()?);
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(*random)))
}

/// The verifier of a password that is fit to be one.
pub fn verifier(name: &str, password: &Secret) -> Result<Secret, PeopleError> {
    let text = password.expose();
    if text.chars().count() < SHORTEST {
        return Err(PeopleError::Password("is too short: take 12 letters or more, such as four words"));
    }
    if text.len() > LONGEST {
        return Err(PeopleError::Password("is longer than 256 bytes"));
    }
    if text.to_lowercase().contains(&name.to_lowercase()) && text.chars().count() < SHORTEST.saturating_add(name.chars().count()) {
        return Err(PeopleError::Password("is little more than the name"));
    }
    if text.chars().next().is_some_and(|first| text.chars().all(|letter| letter == first)) {
        return Err(PeopleError::Password("is one letter many times"));
    }
    hash(text)
}

fn hash(text: &str) -> Result<Secret, PeopleError> {
    let salt = random::<SALT>()?;
    let hash = argon2().hash_password_with_salt(text.as_bytes(), &salt).map_err(|_| PeopleError::Password("cannot be hashed here"))?;
    Ok(Secret::new(hash.to_string()))
}

fn random<const N: usize>() -> Result<[u8; N], PeopleError> {
    scram::random::<N>().map_err(|_| StateError::Random.into())
}

/// Whether the password is the verifier's. Without a verifier it takes as long, and is not.
pub fn is_right(verifier: Option<&Secret>, password: &Secret) -> bool {
    /// Of a password that nobody has.
    static NOBODY: OnceLock<Option<Secret>> = OnceLock::new();
    let text = password.expose();
    let bounded = text.len() <= LONGEST;
    let text = if bounded { text } else { "" };
    let against = verifier.or_else(|| NOBODY.get_or_init(|| generated().and_then(|nobody| hash(nobody.expose())).ok()).as_ref());
    let right = against.is_some_and(|verifier| argon2().verify_password(text.as_bytes(), verifier.expose()).is_ok());
    right && bounded && verifier.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_knows_its_password_and_no_other() {
        let password = generated().unwrap();
        let made = verifier("ann", &password).unwrap();
        assert!(made.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", made.expose());
        assert!(is_right(Some(&made), &password));
        assert!(!is_right(Some(&made), &Secret::new("another password")));
        assert!(!is_right(None, &password));
        assert_ne!(verifier("ann", &password).unwrap().expose(), made.expose(), "salted");
        for damaged in ["", "$argon2id$", "plain"] {
            assert!(!is_right(Some(&Secret::new(damaged)), &password));
        }
    }

    #[test]
    fn what_is_no_password_is_refused() {
        let long = "x y".repeat(100);
        for text in ["", "short", "annabella-joe", "aaaaaaaaaaaaaaaa", &long] {
            assert!(verifier("annabella", &Secret::new(text)).is_err(), "{text}");
        }
        assert!(verifier("annabella", &Secret::new("four words are enough")).is_ok());
    }
}
