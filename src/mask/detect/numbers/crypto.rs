//! Addresses and keys of ledgers. Those that carry a checksum are told by it, and with a wrong one only where something around says what they are; the others by a prefix and a length that nothing else has.

use ring::digest::{SHA256, digest};
use sha3::{Digest as _, Keccak256};

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
            let digits = token.get(2..)?;
            // In letters of one size there is no checksum, and nothing else looks like that.
            digits.iter().all(u8::is_ascii_hexdigit).then(|| if is_mixed(digits) { checked(is_eip55(digits)) } else { Sure::Certain })
        }
        25..=36 | 51 | 52 | 107..=112 if base58check(token) => Some(Sure::Certain),
        32..=36 | 43 | 44 if is_base58(token) && token.iter().any(u8::is_ascii_digit) && is_mixed(token) => Some(Sure::Maybe),
        41..=106 if BECH32.iter().any(|(prefix, lengths)| is_bech32(token, prefix, lengths)) => Some(checked(has_bech32_checksum(token))),
        // Monero: a network, two keys, a checksum of another hash.
        95 | 106 if matches!(token.first(), Some(b'4' | b'8')) && is_base58(token) && is_mixed(token) => Some(Sure::Likely),
        // Stellar: a version byte that makes a G, in base 32.
        56 if token.starts_with(b"G") && token.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')) => Some(Sure::Likely),
        _ => None,
    }
}

/// What looks like one and is not may be one with a slip of the pen in it, where something around says so.
fn checked(holds: bool) -> Sure {
    if holds { Sure::Certain } else { Sure::Maybe }
}

fn is_mixed(token: &[u8]) -> bool {
    token.iter().any(u8::is_ascii_lowercase) && token.iter().any(u8::is_ascii_uppercase)
}

/// EIP-55: a letter is a capital where the digit of the hash of all in small letters says so.
fn is_eip55(digits: &[u8]) -> bool {
    let Some(mut small) = digits.first_chunk::<40>().copied() else { return false };
    small.make_ascii_lowercase();
    let hash = Keccak256::digest(small);
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.iter().zip(nibbles).all(|(letter, nibble)| !letter.is_ascii_alphabetic() || letter.is_ascii_uppercase() == (nibble >= 8))
}

/// The letters of bech32, in the order of what they are worth.
const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

fn is_bech32(token: &[u8], prefix: &[u8], lengths: &std::ops::RangeInclusive<usize>) -> bool {
    let Some((head, rest)) = token.split_at_checked(prefix.len()) else { return false };
    let case = !is_mixed(token);
    case && head.eq_ignore_ascii_case(prefix)
        && lengths.contains(&rest.len())
        && rest.iter().all(|byte| LETTERS.contains(&byte.to_ascii_lowercase()))
}

/// BIP-173, and BIP-350 for programs of Bitcoin's and its kin from version 1 on.
fn has_bech32_checksum(token: &[u8]) -> bool {
    const GENERATORS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    const M: u32 = 0x2bc8_30a3;
    let Some(border) = memchr::memrchr(b'1', token) else { return false };
    let Some((head, data)) = token.split_at_checked(border) else { return false };
    let data = data.get(1..).unwrap_or_default();
    let step = |sum: u32, value: u32| {
        let top = sum >> 25;
        let generators = GENERATORS.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        generators.fold((sum & 0x01ff_ffff) << 5 ^ value, |sum, (_, generator)| sum ^ generator)
    };
    let head = || head.iter().map(|byte| u32::from(byte.to_ascii_lowercase()));
    let worth =
        |byte: &u8| LETTERS.iter().position(|letter| *letter == byte.to_ascii_lowercase()).and_then(|place| u32::try_from(place).ok());
    let sum = head().map(|byte| byte >> 5).chain([0]).chain(head().map(|byte| byte & 31)).fold(1, step);
    let Some(sum) = data.iter().try_fold(sum, |sum, byte| Some(step(sum, worth(byte)?))) else { return false };
    let witness = [b"bc".as_slice(), b"tb", b"ltc"].iter().any(|known| head().eq(known.iter().map(|byte| u32::from(*byte))));
    let first = data.first().and_then(worth);
    sum == if witness && first != Some(0) { M } else { 1 }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sure(address: &str) -> Option<Sure> {
        token(address.as_bytes())
    }

    /// As EIP-55 has them.
    #[test]
    fn capitals_of_ethereum_are_a_checksum() {
        for address in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "0xde709f2102306220921060314715629080e2fb77",
        ] {
            assert_eq!(sure(address), Some(Sure::Certain), "{address}");
        }
        assert_eq!(sure("0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), Some(Sure::Maybe));
        assert_eq!(sure("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAee"), Some(Sure::Maybe));
    }

    /// As BIP-173 and BIP-350 have them.
    #[test]
    fn addresses_of_bitcoin_have_one_of_two_checksums() {
        for address in [
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
            "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
        ] {
            assert_eq!(sure(address), Some(Sure::Certain), "{address}");
        }
        for address in [
            // The other one of the two, then one letter.
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
            "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
            "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47",
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T5",
        ] {
            assert_eq!(sure(address), Some(Sure::Maybe), "{address}");
        }
        // Small letters and capitals together are none.
        assert_eq!(sure("tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq"), None);
    }

    /// The first address that there was, a key of the wiki of Bitcoin, and the same with one letter changed.
    #[test]
    fn base58_has_its_own() {
        for address in ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"] {
            assert_eq!(sure(address), Some(Sure::Certain), "{address}");
        }
        assert_eq!(sure("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"), Some(Sure::Maybe));
        assert_eq!(sure("5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTj"), None);
    }
}
