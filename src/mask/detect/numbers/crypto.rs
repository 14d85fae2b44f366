//! Addresses and keys of ledgers. Those that carry a checksum are told by it; the others by a prefix and a length that nothing else has.

use ring::digest::{SHA256, digest};

use crate::mask::detect::Sure;

/// Bytes of the longest value in base 58: a key that others are derived from.
const LONGEST: usize = 82;

/// Prefixes of addresses in bech32, up to the `1`, and how long the rest may be.
const BECH32: &[(&[u8], std::ops::RangeInclusive<usize>)] = &[
    (b"bc1", 39..=59),
    (b"tb1", 39..=59),
    (b"ltc1", 39..=59),
    (b"bnb1", 38..=38),
    (b"cosmos1", 38..=58),
    (b"osmo1", 38..=58),
    (b"terra1", 38..=58),
    (b"erd1", 58..=58),
    (b"addr1", 50..=100),
    (b"stake1", 50..=60),
];

/// What a run of letters and digits is.
pub fn token(token: &[u8]) -> Option<Sure> {
    match token.len() {
        42 if token.starts_with(b"0x") || token.starts_with(b"0X") => {
            token.get(2..)?.iter().all(u8::is_ascii_hexdigit).then_some(Sure::Certain)
        }
        25..=36 | 51 | 52 | 107..=112 if base58check(token) => Some(Sure::Certain),
        32..=36 | 43 | 44 if is_base58(token) && token.iter().any(u8::is_ascii_digit) && is_mixed(token) => Some(Sure::Maybe),
        41..=106 if BECH32.iter().any(|(prefix, lengths)| is_bech32(token, prefix, lengths)) => Some(Sure::Certain),
        // Monero: a network, two keys, a checksum of another hash.
        95 | 106 if matches!(token.first(), Some(b'4' | b'8')) && is_base58(token) && is_mixed(token) => Some(Sure::Likely),
        // Stellar: a version byte that makes a G, in base 32.
        56 if token.starts_with(b"G") && token.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')) => Some(Sure::Likely),
        _ => None,
    }
}

fn is_mixed(token: &[u8]) -> bool {
    token.iter().any(u8::is_ascii_lowercase) && token.iter().any(u8::is_ascii_uppercase)
}

fn is_bech32(token: &[u8], prefix: &[u8], lengths: &std::ops::RangeInclusive<usize>) -> bool {
    let Some((head, rest)) = token.split_at_checked(prefix.len()) else { return false };
    let case = !is_mixed(token);
    case && head.eq_ignore_ascii_case(prefix)
        && lengths.contains(&rest.len())
        && rest.iter().all(|byte| b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".contains(&byte.to_ascii_lowercase()))
}

fn is_base58(token: &[u8]) -> bool {
    token.iter().all(|byte| place(*byte).is_some())
}

/// The worth of a character in base 58: digits and letters without 0, O, I and l.
fn place(byte: u8) -> Option<u32> {
    let place = match byte {
        b'1'..=b'9' => byte - b'1',
        b'A'..=b'H' => byte - b'A' + 9,
        b'J'..=b'N' => byte - b'J' + 17,
        b'P'..=b'Z' => byte - b'P' + 22,
        b'a'..=b'k' => byte - b'a' + 33,
        b'm'..=b'z' => byte - b'm' + 44,
        _ => return None,
    };
    Some(u32::from(place))
}

/// The last four bytes are the first of the hash of the hash of those before.
fn base58check(token: &[u8]) -> bool {
    let mut bytes = [0_u8; LONGEST];
    let mut used = 0;
    for byte in token {
        let Some(mut carry) = place(*byte) else { return false };
        let mut at = 0;
        for low in bytes.iter_mut() {
            if at >= used && carry == 0 {
                break;
            }
            carry += u32::from(*low) * 58;
            *low = u8::try_from(carry & 0xFF).unwrap_or(0);
            carry >>= 8;
            at += 1;
        }
        if carry != 0 {
            return false;
        }
        used = used.max(at);
    }
    // A leading 1 is a byte of zeros each.
    used += token.iter().take_while(|byte| **byte == b'1').count();
    let Some(all) = bytes.get_mut(..used) else { return false };
    all.reverse();
    let Some((body, check)) = used.checked_sub(4).and_then(|body| all.split_at_checked(body)) else { return false };
    // An address, a key of one, a key of many.
    matches!(body.len(), 21 | 22 | 33 | 34 | 78) && digest(&SHA256, digest(&SHA256, body).as_ref()).as_ref().starts_with(check)
}
