//! Addresses: `inet`, `cidr`, `macaddr`, `macaddr8`, and `uuid`, which is written like one. Must not know what is reachable.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::ValueError;
use super::scalar::{hex, nibble};
use super::walk::{Reader, print};

/// Address families as the server numbers them in binary.
const V4: u8 = 2;
const V6: u8 = 3;

const BROKEN: ValueError = ValueError::Malformed("an address");

/// Whether every bit behind the first `bits` is zero.
fn is_network(address: &[u8], bits: u8) -> bool {
    address.iter().zip(0u32..).all(|(&byte, index)| {
        let kept = u32::from(bits).saturating_sub(index * 8).min(8);
        kept == 8 || byte << kept == 0
    })
}

fn print_address(value: &[u8], cidr: bool, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let (family, bits, flag, length) = (reader.u8()?, reader.u8()?, reader.u8()?, reader.u8()?);
    let address = reader.take(usize::from(length))?;
    reader.end()?;
    // The flag is what the type is; servers ignore it.
    if flag != u8::from(cidr) {
        return Err(ValueError::Malformed("an address of the other type"));
    }
    let most = match (family, address.len()) {
        (V4, 4) => 32,
        (V6, 16) => 128,
        _ => return Err(BROKEN),
    };
    if bits > most || (cidr && !is_network(address, bits)) {
        return Err(BROKEN);
    }
    if let Some(octets) = address.first_chunk::<16>() {
        print_v6(Ipv6Addr::from(*octets).segments(), out)?;
    } else if let Some(octets) = address.first_chunk::<4>() {
        print(out, format_args!("{}", Ipv4Addr::from(*octets)))?;
    }
    if cidr || bits < most { print(out, format_args!("/{bits}")) } else { Ok(()) }
}

/// The longest run of zeros becomes `::`, and an IPv4 address inside stands with dots.
fn print_v6(words: [u16; 8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let (mut base, mut longest) = (0usize, 0usize);
    let mut run = 0;
    for (index, word) in words.iter().enumerate() {
        run = if *word == 0 { run + 1 } else { 0 };
        if run > longest {
            (base, longest) = (index + 1 - run, run);
        }
    }
    if longest < 2 {
        (base, longest) = (8, 0);
    }
    let [.., fifth, high, low] = words;
    let dotted = base == 0 && (longest == 6 || (longest == 5 && fifth == 0xffff));
    for (index, word) in words.iter().enumerate() {
        if (base..base + longest).contains(&index) {
            if index == base {
                out.push(b':');
            }
            continue;
        }
        if index > 0 {
            out.push(b':');
        }
        if dotted && index == 6 {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            return print(out, format_args!("{a}.{b}.{c}.{d}"));
        }
        print(out, format_args!("{word:x}"))?;
    }
    if longest > 0 && base + longest == 8 {
        out.push(b':');
    }
    Ok(())
}

fn parse_address(text: &[u8], cidr: bool, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let text = std::str::from_utf8(text).map_err(|_| BROKEN)?;
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let mut octets = [0u8; 16];
    let (family, length, most) = if address.contains(':') {
        octets = address.parse::<Ipv6Addr>().map_err(|_| BROKEN)?.octets();
        (V6, 16, 128)
    } else {
        let v4 = address.parse::<Ipv4Addr>().map_err(|_| BROKEN)?.octets();
        octets.iter_mut().zip(v4).for_each(|(slot, octet)| *slot = octet);
        (V4, 4, 32)
    };
    let octets = octets.get(..usize::from(length)).unwrap_or_default();
    let bits = bits.map_or(Ok(most), |bits| super::number::parse(bits.as_bytes()))?;
    if bits > most || (cidr && !is_network(octets, bits)) {
        return Err(BROKEN);
    }
    out.extend_from_slice(&[family, bits, u8::from(cidr), length]);
    out.extend_from_slice(octets);
    Ok(())
}

pub(super) fn inet_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    print_address(value, false, out)
}

pub(super) fn inet_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    parse_address(text, false, out)
}

pub(super) fn cidr_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    print_address(value, true, out)
}

pub(super) fn cidr_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    parse_address(text, true, out)
}

fn print_pairs(value: &[u8], length: usize, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let bytes = reader.take(length)?;
    reader.end()?;
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            out.push(b':');
        }
        hex(&[*byte], out);
    }
    Ok(())
}

fn parse_pairs(text: &[u8], length: usize, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let start = out.len();
    for pair in text.split(|&byte| byte == b':') {
        let [high, low] = *pair else { return Err(BROKEN) };
        out.push(nibble(high)? << 4 | nibble(low)?);
    }
    if out.len() - start == length { Ok(()) } else { Err(BROKEN) }
}

pub(super) fn macaddr_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    print_pairs(value, 6, out)
}

pub(super) fn macaddr_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    parse_pairs(text, 6, out)
}

pub(super) fn macaddr8_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    print_pairs(value, 8, out)
}

pub(super) fn macaddr8_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    parse_pairs(text, 8, out)
}

pub(super) fn uuid_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    for (index, length) in [4, 2, 2, 2, 6].into_iter().enumerate() {
        if index > 0 {
            out.push(b'-');
        }
        hex(reader.take(length)?, out);
    }
    reader.end()
}

pub(super) fn uuid_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut groups = text.split(|&byte| byte == b'-');
    for length in [8, 4, 4, 4, 12] {
        let group = groups.next().filter(|group| group.len() == length).ok_or(ValueError::Malformed("a uuid"))?;
        for pair in group.chunks(2) {
            let [high, low] = *pair else { return Err(ValueError::Malformed("a uuid")) };
            out.push(nibble(high)? << 4 | nibble(low)?);
        }
    }
    if groups.next().is_none() { Ok(()) } else { Err(ValueError::Trailing) }
}
