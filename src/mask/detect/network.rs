//! Addresses of machines: IPv4, IPv6, MAC. Versions have as many numbers, and every machine has a loopback: neither tells of anybody.

use super::{Context, Finding, Scan, Sure, said_before};
use crate::mask::{Kind, KindSet};

const KINDS: KindSet = KindSet::of(&[Kind::IP, Kind::MAC]);
/// The longest that an IPv6 address is, an IPv4 address at its end.
const LONGEST: usize = 45;

pub fn find(scan: &Scan<'_>, context: &Context<'_>, found: &mut Vec<Finding>) {
    let sight = scan.sight;
    if context.wanted.and(KINDS).is_empty() || !(sight.dot || sight.colon || sight.dash) {
        return;
    }
    let text = scan.text;
    let is_sign = |byte: &u8| matches!(byte, b'.' | b':' | b'-');
    let mut at = 0;
    // A run of what addresses are written with: none of them has fewer than two signs.
    for sign in memchr::memchr3_iter(b'.', b':', b'-', text) {
        if sign < at {
            continue;
        }
        let rest = text.get(sign..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| is_part(**byte)).count();
        if rest.get(1..length).unwrap_or_default().iter().any(is_sign) {
            let before = text.get(at..sign).unwrap_or_default().iter().rev().take_while(|byte| is_part(**byte)).count();
            run(text, sign - before, sign + length, context, found);
        }
        at = sign + length;
    }
}

const fn is_part(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'-')
}

fn run(text: &[u8], start: usize, end: usize, context: &Context<'_>, found: &mut Vec<Finding>) {
    let letter =
        |place: Option<usize>| place.and_then(|place| text.get(place)).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let (mut from, mut to) = (start, end);
    let bytes = text.get(start..end).unwrap_or_default();
    // A letter that is no digit of an address, right before or after: what touches it is something else, up to the next sign.
    if letter(start.checked_sub(1)) {
        from += bytes.iter().position(|byte| !byte.is_ascii_hexdigit()).map_or(bytes.len(), |sign| sign + 1);
    }
    if letter(Some(end)) {
        to -= bytes.iter().rev().position(|byte| !byte.is_ascii_hexdigit()).map_or(bytes.len(), |sign| sign + 1);
    }
    let Some(bytes) = text.get(from..to.max(from)) else { return };
    if bytes.len() < 6 {
        return;
    }
    let mut add = |kind: Kind, start: usize, end: usize, sure: Sure| found.push(Finding { kind, start, end, sure });
    let colons = bytes.iter().filter(|byte| **byte == b':').count();
    let dots = bytes.iter().filter(|byte| **byte == b'.').count();
    if colons >= 2 {
        // A sign at the ends belongs to the sentence; two colons belong to the address.
        let skip = usize::from(bytes.first() == Some(&b':') && bytes.get(1) != Some(&b':'))
            + bytes.iter().take_while(|byte| matches!(byte, b'.' | b'-')).count();
        let mut body = bytes.get(skip..).unwrap_or_default();
        while let [rest @ .., last] = body {
            let two = rest.last() == Some(&b':');
            if matches!(last, b'.' | b'-') || *last == b':' && !two { body = rest } else { break }
        }
        let start = from + skip;
        if is_mac(body) {
            add(Kind::MAC, start, start + body.len(), Sure::Certain);
            return;
        }
        if let Some(of_somebody) = ipv6(body) {
            if of_somebody {
                add(Kind::IP, start, start + body.len(), Sure::Certain);
            }
            return;
        }
    }
    if let Some((start, end)) = mac_within(bytes) {
        add(Kind::MAC, from + start, from + end, Sure::Certain);
        return;
    }
    if dots >= 3 {
        let mut at = 0;
        while let Some(skipped) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
            at += skipped;
            let part = bytes.get(at..).unwrap_or_default();
            let length = part.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
            let dotted = part.get(..length).unwrap_or_default();
            let dotted = dotted.strip_suffix(b".").unwrap_or(dotted);
            let (start, end) = (from + at, from + at + dotted.len());
            if let Some(octets) = ipv4(dotted)
                && !is_nobodys(octets)
                && !is_no_ones(text, start, end, context)
            {
                add(Kind::IP, start, end, Sure::Certain);
            }
            at += length.max(1);
        }
    }
}

/// Four numbers up to 255, none with a zero in front.
fn ipv4(text: &[u8]) -> Option<[u8; 4]> {
    let mut octets = [0; 4];
    let mut parts = text.split(|byte| *byte == b'.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || part.len() > 3 || part.len() > 1 && part.first() == Some(&b'0') {
            return None;
        }
        let value = part.iter().try_fold(0_u16, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u16::from(byte - b'0')))?;
        *octet = u8::try_from(value).ok()?;
    }
    parts.next().is_none().then_some(octets)
}

/// Loopback, unspecified, broadcast, masks: the same on every machine.
fn is_nobodys(octets: [u8; 4]) -> bool {
    matches!(octets, [0 | 127, ..] | [255, 255, ..])
}

/// A server's name, or what is written like a version: a `v` or a name and a slash before it, a word that says so, something that goes on after it; or no number of it
/// above nine.
fn is_no_ones(text: &[u8], start: usize, end: usize, context: &Context<'_>) -> bool {
    let back = |steps: usize| start.checked_sub(steps).and_then(|place| text.get(place)).copied();
    // `Chrome/117.0.26.21`; a slash after `//` or a space begins an address.
    let product = back(1) == Some(b'/') && back(2).is_some_and(|byte| byte.is_ascii_alphanumeric());
    let goes_on = match text.get(end) {
        Some(b'-' | b'+') => text.get(end + 1).is_some_and(u8::is_ascii_alphabetic),
        Some(_) | None => false,
    };
    let small = text.get(start..end).is_some_and(|dotted| dotted.split(|byte| *byte == b'.').all(|part| part.len() == 1));
    let said = text.get(start.saturating_sub(24)..start).is_some_and(|before| {
        let word = before.rsplit(|byte| !byte.is_ascii_alphabetic()).find(|word| !word.is_empty()).unwrap_or_default();
        [&b"version"[..], b"ver", b"v", b"release", b"firmware", b"build", b"fw", b"rev"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
    });
    // The server in an address: `//10.0.0.5/`, `user@10.0.0.5`.
    if back(1) == Some(b'@') || back(1) == Some(b'/') && back(2) == Some(b'/') {
        return true;
    }
    if context.expected.has(Kind::IP) {
        return false;
    }
    product || goes_on || said || small && !said_before(text, start).has(Kind::IP)
}

/// Eight groups of up to four digits, a run of zeros left out once, or an IPv4 address in place of the last two: whether it is an address, and then
/// whether it is somebody's.
fn ipv6(text: &[u8]) -> Option<bool> {
    let text = text.get(..text.len()).filter(|text| text.len() <= LONGEST)?;
    let parsed: std::net::Ipv6Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
    if let Some(mapped) = parsed.to_ipv4_mapped() {
        return Some(!is_nobodys(mapped.octets()));
    }
    let filled = text.split(|byte| *byte == b':').filter(|group| !group.is_empty()).count();
    let first = parsed.segments().first().copied().unwrap_or(0);
    // `::1`, `::`; a time with seconds and a short one like `1::2` say nothing.
    let of_somebody = !parsed.is_loopback() && !parsed.is_unspecified() && filled >= 3 && (0x0100..=0xFEFF).contains(&first) | (filled > 4);
    Some(of_somebody)
}

/// Six pairs with a colon or a dash between each two.
fn is_mac(text: &[u8]) -> bool {
    text.len() == 17
        && text.iter().enumerate().all(|(place, byte)| if place % 3 == 2 { Some(byte) == text.get(2) } else { byte.is_ascii_hexdigit() })
        && matches!(text.get(2), Some(b':' | b'-'))
        && is_somebodys(text)
}

/// Not all zeros, not broadcast.
fn is_somebodys(mac: &[u8]) -> bool {
    let digits = || mac.iter().filter(|byte| byte.is_ascii_hexdigit());
    !digits().all(|byte| *byte == b'0') && !digits().all(|byte| byte.eq_ignore_ascii_case(&b'f'))
}

/// A MAC address in one of its notations with a sentence's signs at its ends.
fn mac_within(text: &[u8]) -> Option<(usize, usize)> {
    let sign = |byte: &u8| matches!(byte, b'.' | b':' | b'-');
    let start = text.iter().take_while(|byte| sign(byte)).count();
    let end = text.len() - text.iter().rev().take_while(|byte| sign(byte)).count();
    let body = text.get(start..end)?;
    let dotted = body.len() == 14
        && body.iter().enumerate().all(|(place, byte)| if place % 5 == 4 { *byte == b'.' } else { byte.is_ascii_hexdigit() })
        // Three numbers are an amount or a version.
        && body.iter().any(u8::is_ascii_alphabetic)
        && is_somebodys(body);
    (dotted || is_mac(body)).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::Sight;

    #[test]
    fn addresses_are_found_and_what_looks_like_them_is_left() {
        let cases = include_str!("../../../fixtures/mask/network.txt");
        for line in cases.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (verdict, text) = line.split_once(' ').unwrap();
            let mut found = Vec::new();
            let bare: String = text.chars().filter(|letter| !matches!(letter, '[' | ']')).collect();
            let scan = Scan { text: bare.as_bytes(), sight: Sight::of(bare.as_bytes()) };
            find(&scan, &Context::NONE, &mut found);
            let mut marked = bare.clone();
            for finding in found.iter().rev() {
                marked.insert(finding.end, ']');
                marked.insert(finding.start, '[');
                assert_eq!(finding.kind.name(), verdict, "{text}");
            }
            assert_eq!(marked, text);
        }
    }
}
