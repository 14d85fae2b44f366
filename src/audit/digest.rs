//! Hashes and keyed digests, and how they are written. A digest of what an agent sent is keyed, so that a guess cannot be
//! tested against it without the key.

use std::fmt;

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use ring::hmac;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The hash of a record, which covers the record before: SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Hash(#[cbor(with = "minicbor::bytes")] pub [u8; 32]);

/// A keyed digest of something an agent sent, or of a shape: HMAC-SHA-256, cut to 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Digest(#[cbor(with = "minicbor::bytes")] pub [u8; 16]);

impl Digest {
    /// What records have of a longer hash.
    pub fn cut(hash: &[u8; 32]) -> Self {
        let mut digest = Self::default();
        for (byte, known) in digest.0.iter_mut().zip(hash) {
            *byte = *known;
        }
        digest
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Signature(#[cbor(with = "minicbor::bytes")] pub [u8; 64]);

macro_rules! written_in_hex {
    ($name:ident, $length:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotHex;

            fn from_str(text: &str) -> Result<Self, NotHex> {
                let mut bytes = [0; $length];
                if text.len() != bytes.len().saturating_mul(2) {
                    return Err(NotHex);
                }
                for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                    let pair = std::str::from_utf8(pair).map_err(|_| NotHex)?;
                    *byte = u8::from_str_radix(pair, 16).map_err(|_| NotHex)?;
                }
                Ok(Self(bytes))
            }
        }

        impl From<ByteArray<$length>> for $name {
            fn from(bytes: ByteArray<$length>) -> Self {
                Self(bytes.into())
            }
        }
    };
}

written_in_hex!(Hash, 32);
written_in_hex!(Digest, 16);
written_in_hex!(Signature, 64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the right number of hexadecimal digits")]
pub struct NotHex;

/// Makes keyed digests.
#[derive(Clone)]
pub struct Digester(hmac::Key);

impl fmt::Debug for Digester {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Digester")
    }
}

impl Digester {
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The digest of what an agent sent, or of the text of a shape.
    pub fn digest(&self, bytes: &[u8]) -> Digest {
        cut(hmac::sign(&self.0, bytes))
    }

    /// The digest of a statement's text given its parameters: their formats and their values, as Bind has them.
    pub fn with_parameters(&self, text: Digest, parameters: [&[u8]; 2]) -> Digest {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&text.0);
        for part in parameters {
            // The lengths keep what belongs to one part out of the other.
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
        cut(context.sign())
    }
}

fn cut(tag: hmac::Tag) -> Digest {
    let mut digest = Digest::default();
    for (to, from) in digest.0.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    digest
}
