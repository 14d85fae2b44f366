//! Our side of SCRAM-SHA-256 toward the server, and the keys of earlier logins: the thousands of rounds that a login
//! costs are paid once per password and salt.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::LinkError;
use crate::host::scram::{KEY, Keys, MOST_ITERATIONS, NoRandom, hash, random, sign};
use crate::host::secret::Secret;
use crate::host::upstream::Credential;

/// As many bytes as libpq's nonce has.
const NONCE: usize = 18;
/// Longer salts than anybody makes.
const LONGEST_SALT: usize = 1024;
/// Logins remembered. There is one per upstream role and salt; the oldest goes first.
const REMEMBERED: usize = 256;

/// Whether and how a login is tied to the TLS channel it runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::host) enum Binding {
    /// No TLS, or none that can be bound.
    None,
    /// We could, and the server does not offer it: it will notice if somebody took the offer away.
    NotOffered,
    /// By this hash of the server's certificate.
    EndPoint(Vec<u8>),
}

impl Binding {
    fn flag(&self) -> &'static str {
        match self {
            Self::None => "n,,",
            Self::NotOffered => "y,,",
            Self::EndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    fn encoded(&self) -> String {
        let mut bytes = self.flag().as_bytes().to_vec();
        if let Self::EndPoint(hash) = self {
            bytes.extend_from_slice(hash);
        }
        STANDARD.encode(bytes)
    }
}

/// Waiting for the server's challenge.
#[derive(Debug)]
pub(in crate::host) struct Opened {
    binding: Binding,
    nonce: String,
}

/// Waiting for the server's own proof.
#[derive(Debug)]
pub(in crate::host) struct Proven {
    server_key: Keys,
    auth_message: String,
}

const MALFORMED: LinkError = LinkError::Protocol("malformed SCRAM message");

impl Opened {
    pub fn new(binding: Binding) -> Result<Self, NoRandom> {
        Ok(Self { binding, nonce: STANDARD.encode(random::<NONCE>()?) })
    }

    /// The first message. The server takes the name from the startup packet, so none is given here, as libpq does.
    pub fn message(&self) -> String {
        format!("{}{}", self.binding.flag(), self.bare())
    }

    fn bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// Answers the challenge.
    pub async fn answer(self, challenge: &[u8], credential: &Credential, known: &KnownKeys) -> Result<(String, Proven), LinkError> {
        let challenge = std::str::from_utf8(challenge).map_err(|_| MALFORMED)?;
        let mut parts = challenge.split(',');
        let nonce = parts.next().and_then(|part| part.strip_prefix("r=")).ok_or(MALFORMED)?;
        let salt = parts.next().and_then(|part| part.strip_prefix("s=")).ok_or(MALFORMED)?;
        let iterations = parts.next().and_then(|part| part.strip_prefix("i=")).ok_or(MALFORMED)?;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(LinkError::Authentication("the SCRAM nonce is not an answer to ours".into()));
        }
        let salt = STANDARD.decode(salt).ok().filter(|salt| salt.len() <= LONGEST_SALT).ok_or(MALFORMED)?;
        let iterations: NonZeroU32 = iterations.parse().map_err(|_| MALFORMED)?;
        if iterations.get() > MOST_ITERATIONS {
            return Err(LinkError::Authentication("the server asks for more SCRAM iterations than anybody needs".into()));
        }
        let keys = known.keys(credential, salt, iterations).await?;

        let without_proof = format!("c={},r={nonce}", self.binding.encoded());
        let auth_message = format!("{},{challenge},{without_proof}", self.bare());
        let mut proof = sign(&keys.stored_key(), auth_message.as_bytes());
        for (byte, key) in proof.iter_mut().zip(keys.client.iter()) {
            *byte ^= key;
        }
        Ok((format!("{without_proof},p={}", STANDARD.encode(proof)), Proven { server_key: keys, auth_message }))
    }
}

impl Proven {
    /// Checks that the server knows the password's verifier too. Without this anybody could play the server.
    pub fn check(&self, last: &[u8]) -> Result<(), LinkError> {
        let last = std::str::from_utf8(last).map_err(|_| MALFORMED)?;
        let signature = last.split(',').next().and_then(|part| part.strip_prefix("v=")).ok_or(MALFORMED)?;
        let signature = STANDARD.decode(signature).map_err(|_| MALFORMED)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.server_key.server);
        hmac::verify(&key, self.auth_message.as_bytes(), &signature)
            .map_err(|_| LinkError::Authentication("the server's SCRAM signature is wrong".into()))
    }
}

/// Keys of earlier logins. Passwords are not among them: an entry is found by a digest of all that made it.
#[derive(Debug, Default)]
pub struct KnownKeys {
    entries: Mutex<VecDeque<([u8; KEY], Keys)>>,
}

impl KnownKeys {
    pub fn new() -> Self {
        Self::default()
    }

    async fn keys(&self, credential: &Credential, salt: Vec<u8>, iterations: NonZeroU32) -> Result<Keys, LinkError> {
        let password: Secret =
            credential.password.clone().ok_or(LinkError::Authentication("the server asks for a password and none is configured".into()))?;
        let made_of = made_of(&credential.user, &password, &salt, iterations);
        let found = self.entries().iter().find(|(key, _)| *key == made_of).map(|(_, keys)| keys.clone());
        if let Some(keys) = found {
            return Ok(keys);
        }
        // Off the event loop: other connections go on meanwhile.
        let keys = tokio::task::spawn_blocking(move || Keys::derive(&password, &salt, iterations))
            .await
            .map_err(|_| LinkError::Authentication("the SCRAM keys could not be derived".into()))?;
        let mut entries = self.entries();
        if !entries.iter().any(|(key, _)| *key == made_of) {
            if entries.len() >= REMEMBERED {
                entries.pop_front();
            }
            entries.push_back((made_of, keys.clone()));
        }
        Ok(keys)
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, VecDeque<([u8; KEY], Keys)>> {
        // A panic cannot leave a half-made entry: each is pushed whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(in crate::host) fn len(&self) -> usize {
        self.entries().len()
    }
}

fn made_of(user: &str, password: &Secret, salt: &[u8], iterations: NonZeroU32) -> [u8; KEY] {
    // Each part hashed by itself: no two different sets of parts can run into one text.
    let parts = [hash(user.as_bytes()), hash(password.expose().as_bytes()), hash(salt), hash(&iterations.get().to_be_bytes())];
    hash(parts.as_flattened())
}
