//! The messages of the login after the startup packet: what the server side writes, what the client side writes, and
//! the strict reading of both. The proofs inside are opaque here.

use super::startup::{CancelKey, PROTOCOL_MAJOR};
use super::{ProtocolError, write};

const TAG: u8 = b'R';
const OK: i32 = 0;
const CLEARTEXT: i32 = 3;
const MD5: i32 = 5;
const SASL: i32 = 10;
const SASL_CONTINUE: i32 = 11;
const SASL_FINAL: i32 = 12;

pub fn ok(out: &mut Vec<u8>) {
    write::message(out, TAG, |body| {
        body.int32(OK);
    });
}

/// Offers SASL mechanisms, the preferred one first.
pub fn sasl(out: &mut Vec<u8>, mechanisms: &[&str]) {
    write::message(out, TAG, |body| {
        body.int32(SASL);
        for mechanism in mechanisms {
            body.string(mechanism.as_bytes());
        }
        body.byte(0);
    });
}

pub fn sasl_continue(out: &mut Vec<u8>, data: &[u8]) {
    write::message(out, TAG, |body| {
        body.int32(SASL_CONTINUE).bytes(data);
    });
}

pub fn sasl_final(out: &mut Vec<u8>, data: &[u8]) {
    write::message(out, TAG, |body| {
        body.int32(SASL_FINAL).bytes(data);
    });
}

pub fn backend_key_data(out: &mut Vec<u8>, process_id: i32, key: &CancelKey) {
    write::message(out, b'K', |body| {
        body.int32(process_id).bytes(key.as_bytes());
    });
}

/// Tells a client the protocol that will be spoken instead of the one it asked for. The server writes the whole version,
/// major and minor, though the manual says "minor".
pub fn negotiate_protocol_version(out: &mut Vec<u8>, minor: u16, unrecognised: &[String]) {
    write::message(out, b'v', |body| {
        body.int32(i32::from(PROTOCOL_MAJOR) << 16 | i32::from(minor));
        body.int32(i32::try_from(unrecognised.len()).unwrap_or(i32::MAX));
        for option in unrecognised {
            body.string(option.as_bytes());
        }
    });
}

/// A client's cleartext or MD5 answer.
pub fn password(out: &mut Vec<u8>, answer: &[u8]) {
    write::message(out, b'p', |body| {
        body.string(answer);
    });
}

pub fn sasl_initial_response(out: &mut Vec<u8>, mechanism: &str, data: &[u8]) {
    write::message(out, b'p', |body| {
        body.string(mechanism.as_bytes()).int32(i32::try_from(data.len()).unwrap_or(i32::MAX)).bytes(data);
    });
}

pub fn sasl_response(out: &mut Vec<u8>, data: &[u8]) {
    write::message(out, b'p', |body| {
        body.bytes(data);
    });
}

/// What a server asks of a client, or tells it, in one `R` message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    Ok,
    Cleartext,
    Md5 {
        salt: [u8; 4],
    },
    /// NUL-separated names, checked to be whole.
    Sasl(Mechanisms<'a>),
    SaslContinue(&'a [u8]),
    SaslFinal(&'a [u8]),
    /// A method that is not spoken here (Kerberos, GSSAPI, SSPI …).
    Other(i32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mechanisms<'a>(&'a [u8]);

impl Mechanisms<'_> {
    pub fn contains(&self, name: &str) -> bool {
        self.0.split(|byte| *byte == 0).any(|offered| offered == name.as_bytes())
    }
}

/// Reads the body of an `R` message.
pub fn request(body: &[u8]) -> Result<Request<'_>, ProtocolError> {
    let Some((kind, rest)) = body.split_first_chunk::<4>() else { return Err(ProtocolError("authentication request too short")) };
    let bare = |request| if rest.is_empty() { Ok(request) } else { Err(ProtocolError("bytes after an authentication request")) };
    match i32::from_be_bytes(*kind) {
        OK => bare(Request::Ok),
        CLEARTEXT => bare(Request::Cleartext),
        MD5 => match rest.try_into() {
            Ok(salt) => Ok(Request::Md5 { salt }),
            Err(_) => Err(ProtocolError("MD5 salt of a wrong length")),
        },
        SASL => match rest.strip_suffix(b"\0\0") {
            // An empty name would have ended the list.
            Some(names) if names.split(|byte| *byte == 0).all(|name| !name.is_empty()) => Ok(Request::Sasl(Mechanisms(names))),
            Some(_) | None => Err(ProtocolError("malformed list of SASL mechanisms")),
        },
        SASL_CONTINUE => Ok(Request::SaslContinue(rest)),
        SASL_FINAL => Ok(Request::SaslFinal(rest)),
        other => Ok(Request::Other(other)),
    }
}

/// A client's choice of a mechanism with its first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaslInitial<'a> {
    pub mechanism: &'a [u8],
    pub data: &'a [u8],
}

/// Reads the body of a client's first `p` message. Every mechanism offered here lets the client speak first, so a
/// message without data is refused as well.
pub fn sasl_initial(body: &[u8]) -> Result<SaslInitial<'_>, ProtocolError> {
    const MALFORMED: ProtocolError = ProtocolError("malformed SASLInitialResponse");
    let end = memchr::memchr(0, body).ok_or(MALFORMED)?;
    let (mechanism, rest) = body.split_at_checked(end).ok_or(MALFORMED)?;
    let rest = rest.get(1..).ok_or(MALFORMED)?;
    let (length, data) = rest.split_first_chunk::<4>().ok_or(MALFORMED)?;
    if usize::try_from(i32::from_be_bytes(*length)) != Ok(data.len()) {
        return Err(MALFORMED);
    }
    Ok(SaslInitial { mechanism, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(out: &[u8]) -> &[u8] {
        out.get(5..).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut out = Vec::new();
        sasl(&mut out, &["A-PLUS", "A"]);
        let Request::Sasl(offered) = request(body(&out)).unwrap() else { panic!("not SASL") };
        assert!(offered.contains("A") && offered.contains("A-PLUS") && !offered.contains("A-") && !offered.contains("B"));

        out.clear();
        sasl_initial_response(&mut out, "A", b"n,,n=,r=x");
        assert_eq!(sasl_initial(body(&out)), Ok(SaslInitial { mechanism: b"A", data: b"n,,n=,r=x" }));
    }

    #[test]
    fn bytes_too_many_or_too_few_are_refused() {
        for bad in [
            &b"\0\0\0"[..],
            b"\0\0\0\0x",
            b"\0\0\0\x03x",
            b"\0\0\0\x05abc",
            b"\0\0\0\x0a\0",
            b"\0\0\0\x0aA\0",
            b"\0\0\0\x0a\0\0",
            b"\0\0\0\x0aA\0\0B\0\0",
        ] {
            assert!(request(bad).is_err(), "{bad:?}");
        }
        for bad in [&b"A"[..], b"A\0\0\0\0", b"A\0\0\0\0\x02x", b"A\0\0\0\0\x01xy", b"A\0\xff\xff\xff\xff"] {
            assert!(sasl_initial(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_protocol_negotiation_carries_the_whole_version() {
        let mut out = Vec::new();
        negotiate_protocol_version(&mut out, 2, &["_pq_.x".into()]);
        assert_eq!(out, b"v\0\0\0\x13\0\x03\0\x02\0\0\0\x01_pq_.x\0");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Request::Sasl(offered)) = request(&bytes) {
                prop_assert!(!offered.contains("😀"));
            }
            if let Ok(initial) = sasl_initial(&bytes) {
                prop_assert_eq!(initial.mechanism.len() + 1 + 4 + initial.data.len(), bytes.len());
            }
        }
    }
}
