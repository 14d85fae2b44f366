//! The packets before the first tagged message: startup, SSLRequest, GSSENCRequest, CancelRequest. Reading is strict:
//! a packet is exactly what its length says or the connection ends. What the values mean is for others to judge.

use std::fmt;

use super::report::Report;
use super::write;

/// The length word.
pub const HEAD: usize = 4;
/// The largest body, as the server has it (`MAX_STARTUP_PACKET_LENGTH`).
pub const BODY_CAP: usize = 10_000;
pub const PROTOCOL_MAJOR: u16 = 3;
/// The newest minor version spoken here. 3.1 was never given out; 3.2 has long cancel keys.
pub const PROTOCOL_MINOR: u16 = 2;

const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSSENC: u32 = 80_877_104;

/// What a connection may open with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    Ssl,
    GssEnc,
    Cancel(CancelRequest),
    Startup(Startup),
}

/// A StartupMessage of protocol 3, its values valid UTF-8 and each key there once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// As the client asked; the caller answers with the smaller of this and [`PROTOCOL_MINOR`].
    pub minor: u16,
    pub user: String,
    pub database: Option<String>,
    /// Everything else that names a setting, in the client's order.
    pub parameters: Vec<(String, String)>,
    /// Protocol extensions (`_pq_.…`), none of which is known here.
    pub unrecognised: Vec<String>,
}

impl Startup {
    /// The minor version both sides then speak.
    pub fn spoken_minor(&self) -> u16 {
        self.minor.min(PROTOCOL_MINOR)
    }

    /// Whether the client must be told that it does not get what it asked for.
    pub fn wants_negotiation(&self) -> bool {
        self.minor > PROTOCOL_MINOR || !self.unrecognised.is_empty()
    }
}

/// The secret that lets its holder cancel. No `PartialEq`: whoever compares two must do it in constant time.
#[derive(Clone)]
pub struct CancelKey(Box<[u8]>);

impl CancelKey {
    pub const SHORTEST: usize = 4;
    /// The protocol's own limit.
    pub const LONGEST: usize = 256;

    pub fn new(bytes: &[u8]) -> Option<Self> {
        (Self::SHORTEST..=Self::LONGEST).contains(&bytes.len()).then(|| Self(bytes.into()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for CancelKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CancelKey({} bytes)", self.0.len())
    }
}

#[derive(Debug, Clone)]
pub struct CancelRequest {
    pub process_id: i32,
    pub key: CancelKey,
}

/// In constant time, so that this too can be used on a request that came from outside.
impl PartialEq for CancelRequest {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        self.process_id == other.process_id && bool::from(self.key.as_bytes().ct_eq(other.key.as_bytes()))
    }
}

impl Eq for CancelRequest {}

/// Why a first packet is not accepted, and how the peer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Whoever this is does not speak PostgreSQL: the connection ends without a word, as the server does it.
    Silent(&'static str),
    /// Protocol 1 and 2 knew only a text.
    Old(String),
    Told(Report),
}

impl Refusal {
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Silent(_) => {}
            Self::Old(text) => {
                out.push(b'E');
                out.extend_from_slice(text.as_bytes());
                out.push(0);
            }
            Self::Told(report) => report.write(out),
        }
    }
}

/// Judges the length word: how many bytes follow it.
pub fn body_length(head: [u8; HEAD]) -> Result<usize, Refusal> {
    match usize::try_from(u32::from_be_bytes(head)).ok().and_then(|length| length.checked_sub(HEAD)) {
        Some(body @ HEAD..=BODY_CAP) => Ok(body),
        Some(_) | None => Err(Refusal::Silent("invalid length of startup packet")),
    }
}

/// Reads what followed the length word.
pub fn parse(body: &[u8]) -> Result<Packet, Refusal> {
    let Some((code, rest)) = body.split_first_chunk::<4>() else { return Err(Refusal::Silent("startup packet too short")) };
    let code = u32::from_be_bytes(*code);
    match code {
        SSL | GSSENC if !rest.is_empty() => Err(Refusal::Silent("bytes inside an encryption request")),
        SSL => Ok(Packet::Ssl),
        GSSENC => Ok(Packet::GssEnc),
        CANCEL => cancel(rest).map(Packet::Cancel).ok_or(Refusal::Silent("invalid length of cancel request")),
        _ => match version(code) {
            (PROTOCOL_MAJOR, minor) => startup(minor, rest).map(Packet::Startup),
            (major, minor) => Err(unsupported(major, minor)),
        },
    }
}

/// What the server answers when an encryption request comes where none may be: it reads the code as a version.
pub fn misplaced_encryption_request(packet: &Packet) -> Refusal {
    let (major, minor) = version(if *packet == Packet::Ssl { SSL } else { GSSENC });
    unsupported(major, minor)
}

fn version(code: u32) -> (u16, u16) {
    let [a, b, c, d] = code.to_be_bytes();
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

fn unsupported(major: u16, minor: u16) -> Refusal {
    let text = format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to {PROTOCOL_MAJOR}.{PROTOCOL_MINOR}");
    if major < PROTOCOL_MAJOR { Refusal::Old(format!("FATAL:  {text}\n")) } else { Refusal::Told(Report::fatal("0A000", text)) }
}

fn cancel(rest: &[u8]) -> Option<CancelRequest> {
    let (process_id, key) = rest.split_first_chunk::<4>()?;
    Some(CancelRequest { process_id: i32::from_be_bytes(*process_id), key: CancelKey::new(key)? })
}

fn startup(minor: u16, rest: &[u8]) -> Result<Startup, Refusal> {
    let layout = || Refusal::Told(Report::fatal("08P01", "invalid startup packet layout: expected terminator as last byte"));
    let mut made = Startup { minor, user: String::new(), database: None, parameters: Vec::new(), unrecognised: Vec::new() };
    let mut seen = std::collections::BTreeSet::new();
    let mut rest = rest;
    loop {
        let (name, after) = string(rest).ok_or_else(layout)?;
        if name.is_empty() {
            if after.is_empty() {
                break;
            }
            return Err(layout());
        }
        let (value, after) = string(after).ok_or_else(layout)?;
        rest = after;
        let (name, value) = (text(name)?, text(value)?);
        // Names of settings are compared without case by the server; it would quietly take the last of two.
        if !seen.insert(name.to_ascii_lowercase()) {
            return Err(Refusal::Told(Report::fatal("08P01", format!("startup parameter \"{name}\" was sent more than once"))));
        }
        match name {
            "user" => made.user = value.to_owned(),
            "database" => made.database = Some(value.to_owned()).filter(|name| !name.is_empty()),
            "replication" => no_replication(value)?,
            _ if name.starts_with("_pq_.") => made.unrecognised.push(name.to_owned()),
            _ => made.parameters.push((name.to_owned(), value.to_owned())),
        }
    }
    if made.user.is_empty() {
        return Err(Refusal::Told(Report::fatal("28000", "no PostgreSQL user name specified in startup packet")));
    }
    Ok(made)
}

/// A string and what is behind its terminator.
fn string(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, input)?;
    Some((input.get(..end)?, input.get(end.saturating_add(1)..)?))
}

fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes)
        .map_err(|_| Refusal::Told(Report::fatal("22021", "startup packet holds a byte sequence that is not valid UTF8")))
}

fn no_replication(value: &str) -> Result<(), Refusal> {
    if ["false", "off", "no", "0"].iter().any(|off| value.eq_ignore_ascii_case(off)) {
        return Ok(());
    }
    Err(Refusal::Told(
        Report::fatal("0A000", "replication connections do not pass through this proxy")
            .with_hint("Connect without the \"replication\" parameter, or straight to the server."),
    ))
}

/// Writes a StartupMessage.
pub fn write_startup<'a>(out: &mut Vec<u8>, minor: u16, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) {
    write::untagged(out, |body| {
        body.bytes(&PROTOCOL_MAJOR.to_be_bytes()).bytes(&minor.to_be_bytes());
        for (name, value) in parameters {
            body.string(name.as_bytes()).string(value.as_bytes());
        }
        body.byte(0);
    });
}

pub fn write_ssl_request(out: &mut Vec<u8>) {
    write::untagged(out, |body| {
        body.bytes(&SSL.to_be_bytes());
    });
}

pub fn write_cancel(out: &mut Vec<u8>, process_id: i32, key: &CancelKey) {
    write::untagged(out, |body| {
        body.bytes(&CANCEL.to_be_bytes()).int32(process_id).bytes(key.as_bytes());
    });
}

#[cfg(test)]
#[path = "startup_tests.rs"]
mod tests;
