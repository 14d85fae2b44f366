//! Hashes of passwords, as the functions that make them write them.

use super::bytes::{Alphabet, Mix, begins, ends};
use super::{Finding, Sure};
use crate::mask::Kind;

/// What such a hash begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub fixed: &'static str,
    /// Bytes that follow, at least.
    least: usize,
    /// It is a word that may be the end of another.
    word: bool,
    /// Hexadecimal, and exactly as long as that.
    hex: bool,
}

const fn marked(fixed: &'static str, least: usize) -> Form {
    Form { fixed, least, word: false, hex: false }
}

const fn word(fixed: &'static str, least: usize) -> Form {
    Form { fixed, least, word: true, hex: false }
}

/// Longer is no hash.
const LONGEST: usize = 1024;

pub(super) const FORMS: &[Form] = &[
    marked("$2a$", 40),
    marked("$2b$", 40),
    marked("$2x$", 40),
    marked("$2y$", 40),
    marked("$argon2", 30),
    marked("$scrypt$", 30),
    marked("$pbkdf2", 30),
    marked("$bcrypt-sha256$", 40),
    marked("$scram$", 30),
    marked("$sha1$", 30),
    marked("$md5$", 22),
    marked("$md5,", 22),
    marked("$apr1$", 22),
    marked("$1$", 22),
    marked("$5$", 40),
    marked("$6$", 60),
    marked("$7$", 40),
    marked("$y$", 40),
    marked("$gy$", 40),
    marked("$P$", 31),
    marked("$H$", 31),
    marked("$S$", 52),
    marked("$A$005$", 40),
    marked("$NT$", 32),
    marked("$DCC2$", 32),
    marked("{SSHA}", 28),
    marked("{SHA}", 27),
    marked("{SMD5}", 22),
    marked("{MD5}", 22),
    marked("{SSHA256}", 40),
    marked("{SHA256}", 40),
    marked("{SSHA384}", 40),
    marked("{SSHA512}", 60),
    marked("{SHA512}", 60),
    marked("{CRYPT}", 20),
    marked("{ARGON2}", 30),
    marked("{PBKDF2", 30),
    marked("{x-pbkdf2}", 30),
    marked("{bcrypt}", 40),
    word("SCRAM-SHA-1$", 40),
    word("SCRAM-SHA-256$", 40),
    word("SCRAM-SHA-512$", 40),
    word("pbkdf2_sha", 30),
    word("pbkdf2:sha", 30),
    word("scrypt:", 30),
    word("scrypt$", 30),
    word("bcrypt$", 40),
    word("bcrypt_sha256$", 40),
    word("argon2$", 30),
    word("sha1$", 40),
    word("sha256$", 50),
    word("sha512$", 60),
    word("md5$", 32),
    word("grub.pbkdf2.sha512.", 80),
    Form { fixed: "md5", least: 32, word: true, hex: true },
];

pub(super) fn find(text: &[u8], at: usize, form: &Form) -> Option<Finding> {
    let from = at + form.fixed.len();
    if form.word && !begins(text, at) {
        return None;
    }
    let letters = match (form.hex, form.word) {
        (true, _) => Alphabet::HEX,
        (false, true) => Alphabet::PARTED_HASH,
        (false, false) => Alphabet::HASH,
    };
    let rest = text.get(from..)?;
    let mut length = letters.run(rest, LONGEST);
    length -= rest.get(..length)?.iter().rev().take_while(|byte| b".,:".contains(byte)).count();
    let fits = if form.hex { length == form.least && ends(text, from + length) } else { length >= form.least };
    let run = rest.get(..length)?;
    let mix = Mix::of(run);
    let fixed = text.get(at..from)?;
    // PostgreSQL writes its own in lower case, and only then it is one.
    let cased = !form.hex || fixed == form.fixed.as_bytes();
    let drawn = mix.is_varied() && mix.digits > 0 && mix.letters() > 0;
    (fits && cased && drawn).then_some(Finding { kind: Kind::PASSWORD_HASH, start: at, end: from + length, sure: Sure::Certain })
}
