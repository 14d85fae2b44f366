//! Addresses of mail.

use memchr::memchr_iter;

use super::{Finding, Sure};
use crate::mask::Kind;

pub fn find(text: &[u8], found: &mut Vec<Finding>) {
    let mut from = 0;
    for at in memchr_iter(b'@', text) {
        let local = text.get(from..at).unwrap_or_default().iter().rev().take_while(|byte| is_local(**byte)).count();
        let domain = text.get(at + 1..).unwrap_or_default().iter().take_while(|byte| is_domain(**byte)).count();
        let name = text.get(at + 1..at + 1 + domain).unwrap_or_default();
        let domain = domain - name.iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
        let has_dot = memchr::memchr(b'.', text.get(at + 1..at + 1 + domain).unwrap_or_default()).is_some();
        if local > 0 && has_dot {
            found.push(Finding { kind: Kind::EMAIL, start: at - local, end: at + 1 + domain, sure: Sure::Certain });
            from = at + 1 + domain;
        }
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'.' | b'-')
}
