//! Masks what is not rows: errors, notices, notifications, reported settings, the names of columns. Where a server puts values into its words
//! no detector is relied on: what it quotes is taken for a value unless it is known to be a name.

use crate::sql::facts::Facts;
use crate::wire::backend::{Fields, RowDescription, tag};
use crate::wire::write;

use super::leaf::Masker;
use super::{Holding, Kind, KindSet, Masking, Workspace};

/// What stands where a value was.
const VALUE: &[u8] = b"[VALUE]";
/// A name is no longer than this; what is quoted and longer is none.
const NAME: usize = 128;
/// A number of fewer digits says less than a few answers do.
const LONG_NUMBER: usize = 3;

/// What was sent that an error or a notice answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Source<'a> {
    /// Its text, as far as it is at hand.
    pub text: &'a [u8],
    pub facts: Option<&'a Facts>,
    /// It runs: values of rows may be among the server's words. What is only parsed, described or closed has none.
    pub runs: bool,
}

/// What quoted parts of a text are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoted {
    /// Detectors alone look at them.
    Words,
    /// What does not stand in the statement's text is a value.
    Foreign,
    /// What is not a name that the error itself gives, or the statement uses, is a value.
    Values,
}

/// Appends an error or a notice (`message` is its tag) with what is sensitive in any of its fields replaced. False, and nothing appended,
/// when it passes as it is.
pub fn report(
    message: u8,
    fields: &Fields<'_>,
    source: &Source<'_>,
    masking: &Masking,
    workspace: &mut Workspace,
    out: &mut Vec<u8>,
) -> bool {
    debug_assert!(matches!(message, tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE));
    if masking.profile.unmasked {
        return false;
    }
    let reader = Reader { quoted: quoted(fields, source), code: fields.get(b'C').unwrap_or_default(), fields, source };
    let (mut changed, mut masked) = (false, std::mem::take(&mut workspace.line));
    // A position inside a text that is changed would point nowhere.
    masked.clear();
    let inner = fields.get(b'q').is_some_and(|text| reader.field(b'q', text, masking, workspace, &mut masked));
    let mark = out.len();
    write::message(out, message, |body| {
        for (kind, text) in fields.iter().filter(|(kind, _)| !(inner && *kind == b'p')) {
            masked.clear();
            let found = reader.field(kind, text, masking, workspace, &mut masked);
            changed |= found;
            body.byte(kind).string(if found { &masked } else { text });
        }
        body.byte(0);
    });
    workspace.line = masked;
    if !changed {
        out.truncate(mark);
    }
    changed
}

/// Errors over values (classes 22 and 23) tell of them always. Others may where something ran; what the parser says of the text itself, it
/// says with a position in it.
fn quoted(fields: &Fields<'_>, source: &Source<'_>) -> Quoted {
    let code = fields.get(b'C').unwrap_or_default();
    let inside = fields.get(b'W').is_some() || fields.get(b'q').is_some();
    if tells_always(code) || inside {
        Quoted::Values
    } else if fields.get(b'P').is_some() {
        Quoted::Words
    } else if source.runs && source.facts.is_none_or(reads) {
        Quoted::Values
    } else if source.facts.is_some() {
        Quoted::Foreign
    } else {
        Quoted::Words
    }
}

/// Data exceptions, violated constraints, violated check options of views.
fn tells_always(code: &[u8]) -> bool {
    [b"22", b"23", b"44"].iter().any(|class| code.starts_with(*class))
}

/// Whether running it brings values together with the server's words: a command that only makes, drops or sets something does not.
pub fn reads(facts: &Facts) -> bool {
    const PLAIN: &[&str] =
        &["CREATE ", "ALTER ", "DROP ", "GRANT", "REVOKE", "COMMENT", "SET", "SHOW", "RESET", "DEALLOCATE", "LISTEN", "CLOSE", "LOCK"];
    facts.opaque.is_some()
        || facts.statements.iter().any(|statement| {
            !statement.columns.is_empty() || !statement.functions.is_empty() || !PLAIN.iter().any(|plain| statement.kind.starts_with(plain))
        })
}

/// Goes through the fields of one error or notice.
struct Reader<'a> {
    quoted: Quoted,
    code: &'a [u8],
    fields: &'a Fields<'a>,
    source: &'a Source<'a>,
}

impl Reader<'_> {
    /// Appends a field, masked. False, and nothing appended, when it passes as it is.
    fn field(&self, kind: u8, text: &[u8], masking: &Masking, workspace: &mut Workspace, out: &mut Vec<u8>) -> bool {
        match kind {
            // Severity, code, positions, and where in the server's sources it was made.
            b'S' | b'V' | b'C' | b'P' | b'p' | b'F' | b'L' | b'R' => false,
            b'M' | b'D' | b'H' | b'W' | b'q' if self.quoted != Quoted::Words => {
                let replaced = self.without_values(kind, text, out);
                if replaced {
                    workspace.counts.add(Kind::DERIVED);
                }
                let mut first = std::mem::take(&mut workspace.words);
                first.clear();
                first.extend_from_slice(if replaced { out.as_slice() } else { text });
                let mut found = std::mem::take(&mut workspace.cell);
                found.clear();
                let masked = mask_text(&first, masking, workspace, &mut found);
                if masked {
                    out.clear();
                    out.extend_from_slice(&found);
                }
                (workspace.words, workspace.cell) = (first, found);
                replaced || masked
            }
            // Where a server names things. Code can put there what it likes.
            b's' | b't' | b'c' | b'd' | b'n' if self.is_raised() => {
                out.extend_from_slice(VALUE);
                true
            }
            _ => mask_text(text, masking, workspace, out),
        }
    }

    /// Appends a field with what is taken for values replaced.
    fn without_values(&self, kind: u8, text: &[u8], out: &mut Vec<u8>) -> bool {
        let values = self.quoted == Quoted::Values;
        if values && (kind == b'q' || kind == b'D' && self.tells_raw(text)) {
            out.extend_from_slice(VALUE);
            return true;
        }
        let mut changed = false;
        for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            // What a server quotes may go on in the next line, and nothing tells where it ends.
            if number > 0 && values && kind != b'W' {
                out.extend_from_slice(VALUE);
                return true;
            }
            let (line, end) = match line.split_last() {
                Some((b'\n', line)) => (line, b"\n".as_slice()),
                Some(_) | None => (line, b"".as_slice()),
            };
            let from = out.len();
            changed |= self.line(kind, line, out);
            changed |= self.numbers(from, out);
            out.extend_from_slice(end);
        }
        if !changed {
            out.clear();
        }
        changed
    }

    /// Whether code made it: then it chose what stands in each field.
    fn is_raised(&self) -> bool {
        let context = self.fields.get(b'W').unwrap_or_default();
        self.code.starts_with(b"P0") || find(context, b" at RAISE").is_some()
    }

    /// Whether the parser of a value says what it read, in words of its own.
    fn tells_raw(&self, text: &[u8]) -> bool {
        matches!(self.code, b"2200M" | b"2200N" | b"2200S" | b"2200T") || self.code.starts_with(b"22") && text.contains(&b'\n')
    }

    fn line(&self, kind: u8, line: &[u8], out: &mut Vec<u8>) -> bool {
        let (mut rest, mut changed) = (line, false);
        if self.quoted == Quoted::Values {
            // `Key (a)=(…)`, `Failing row contains (…).`
            for opening in [b"=(".as_slice(), b"= (", b"contains ("] {
                if let Some(at) = find(rest, opening)
                    && let Some(end) = memchr::memrchr(b')', rest).filter(|end| *end > at)
                {
                    let (before, after) = (rest.get(..at + opening.len()).unwrap_or_default(), rest.get(end..).unwrap_or_default());
                    self.quotes(before, out);
                    out.extend_from_slice(VALUE);
                    // `) is not present in table "…".`
                    if after.starts_with(b") is not present in table \"") {
                        out.extend_from_slice(after);
                    } else {
                        self.quotes(after, out);
                    }
                    return true;
                }
            }
            // `JSON data, line 1: …`, `requested character too large: 1114112`
            let raw = match kind {
                b'W' => true,
                _ => self.code != b"2201B",
            };
            if raw
                && let Some(at) = find(rest, b": ")
                && rest.get(at + 2..).is_some_and(|tail| !matches!(opening(tail, 0), Some((0, _))))
            {
                rest = rest.get(..at + 2).unwrap_or_default();
                self.quotes(rest, out);
                out.extend_from_slice(VALUE);
                return true;
            }
            // `invalid byte sequence for encoding "UTF8": 0xe9 0x20`
            if let Some(at) = find(rest, b" 0x") {
                self.quotes(rest.get(..at + 1).unwrap_or_default(), out);
                out.extend_from_slice(VALUE);
                return true;
            }
        }
        changed |= self.quotes(rest, out);
        changed
    }

    /// Replaces the numbers of a line that begins there: `large object 536228841 does not exist`. What a type or a place is numbered by, what is
    /// quoted as a name, and what the client wrote itself stays.
    fn numbers(&self, from: usize, out: &mut Vec<u8>) -> bool {
        const SAFE: &[&[u8]] =
            &[b"varying(", b"character(", b"numeric(", b"bit(", b"line ", b"precision ", b"scale ", b"10^", b"PostgreSQL ", b"version "];
        // Locks, limits and an operator's doings are told by the numbers of processes.
        const NONE: &[&[u8]] = &[b"40", b"53", b"57"];
        let asks = |facts: &Facts| {
            facts.opaque.is_some() || facts.statements.iter().any(|told| !told.columns.is_empty() || !told.functions.is_empty())
        };
        let silent = self.quoted != Quoted::Values
            || NONE.iter().any(|class| self.code.starts_with(class))
            || !tells_always(self.code) && !self.source.facts.is_none_or(asks);
        if silent {
            return false;
        }
        let line = out.split_off(from);
        let (mut at, mut quoted, mut changed) = (0, false, false);
        while let Some(byte) = line.get(at) {
            let digits = line.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                quoted ^= *byte == b'"';
                out.push(*byte);
                at += 1;
                continue;
            }
            let (before, number) = (line.get(..at).unwrap_or_default(), line.get(at..at + digits).unwrap_or_default());
            at += digits;
            let within_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
            let named = quoted || within_word(before.last()) || within_word(line.get(at));
            let kept =
                digits < LONG_NUMBER || named || SAFE.iter().any(|word| before.ends_with(word)) || stands_in(number, self.source.text);
            out.extend_from_slice(if kept { number } else { VALUE });
            changed |= !kept;
        }
        changed
    }

    /// Appends a line with what is quoted in it replaced. A value may have quotes in it: behind the first that is taken for one nothing is
    /// kept up to the last quote.
    fn quotes(&self, line: &[u8], out: &mut Vec<u8>) -> bool {
        let mut at = 0;
        while let Some((start, opening)) = opening(line, at) {
            let from = start + opening.open.len();
            let inside = line.get(from..).unwrap_or_default();
            let end = find(inside, opening.close);
            if let Some(end) = end
                && self.is_known(inside.get(..end).unwrap_or_default())
            {
                at = from + end + opening.close.len();
                continue;
            }
            let last = last(inside, opening.close).unwrap_or(inside.len());
            out.extend_from_slice(line.get(..from).unwrap_or_default());
            out.extend_from_slice(VALUE);
            out.extend_from_slice(inside.get(last..).unwrap_or_default());
            return true;
        }
        out.extend_from_slice(line);
        false
    }

    /// Whether what is quoted is a name that is no news to the client.
    fn is_known(&self, quoted: &[u8]) -> bool {
        if quoted.is_empty() {
            return true;
        }
        if quoted.len() > NAME {
            return false;
        }
        let given = |kind: &u8| self.fields.get(*kind) == Some(quoted);
        let named = !self.is_raised() && b"stcdn".iter().any(given);
        if tells_always(self.code) {
            return named;
        }
        named
            || self.source.facts.is_some_and(|facts| names(facts).any(|name| name.as_bytes() == quoted))
            || self.quoted == Quoted::Foreign && stands_in(quoted, self.source.text)
    }
}

/// Names that the statement uses, of things that exist where it ran.
fn names(facts: &Facts) -> impl Iterator<Item = &str> {
    let relations = |statement| {
        let statement: &crate::sql::facts::Statement = statement;
        statement.relations.iter().map(|relation| &*relation.name)
    };
    facts.statements.iter().flat_map(relations)
}

/// Whether the text has these bytes, in any case.
fn stands_in(part: &[u8], text: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, part)
}

fn last(text: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::rfind(text, part)
}

/// How a server quotes, by the language of its messages.
struct Quotes {
    open: &'static [u8],
    close: &'static [u8],
}

const QUOTES: &[Quotes] = &[
    Quotes { open: b"\"", close: b"\"" },
    Quotes { open: "“".as_bytes(), close: "”".as_bytes() },
    Quotes { open: "„".as_bytes(), close: "“".as_bytes() },
    Quotes { open: "«".as_bytes(), close: "»".as_bytes() },
    Quotes { open: "「".as_bytes(), close: "」".as_bytes() },
    Quotes { open: b"'", close: b"'" },
];

/// The first opening quote behind `from`. An apostrophe inside a word is none.
fn opening(line: &[u8], from: usize) -> Option<(usize, &'static Quotes)> {
    let found = QUOTES.iter().filter_map(|quotes| {
        let mut at = from;
        loop {
            let start = at + find(line.get(at..)?, quotes.open)?;
            let inside_word =
                quotes.open == b"'" && start.checked_sub(1).and_then(|before| line.get(before)).is_some_and(u8::is_ascii_alphanumeric);
            if !inside_word {
                return Some((start, quotes));
            }
            at = start + quotes.open.len();
        }
    });
    found.min_by_key(|(start, _)| *start)
}

/// Appends a message that consists of strings behind `head`, with what is sensitive in them replaced: the process id of a notification
/// is such a head. False, and nothing appended, when it passes as it is.
pub fn strings(message: u8, head: &[u8], strings: &[&[u8]], masking: &Masking, workspace: &mut Workspace, out: &mut Vec<u8>) -> bool {
    if masking.profile.unmasked {
        return false;
    }
    let (mut changed, mut masked, mark) = (false, std::mem::take(&mut workspace.line), out.len());
    write::message(out, message, |body| {
        body.bytes(head);
        for text in strings {
            masked.clear();
            let found = mask_text(text, masking, workspace, &mut masked);
            changed |= found;
            body.string(if found { &masked } else { text });
        }
    });
    workspace.line = masked;
    if !changed {
        out.truncate(mark);
    }
    changed
}

/// Appends the description of a result with what is sensitive in the names of its columns replaced. False, and nothing appended, when it
/// passes as it is.
pub fn names_of_columns(row: &RowDescription<'_>, masking: &Masking, workspace: &mut Workspace, out: &mut Vec<u8>) -> bool {
    if masking.profile.unmasked {
        return false;
    }
    let (mut changed, mut masked, mark) = (false, std::mem::take(&mut workspace.line), out.len());
    write::message(out, tag::ROW_DESCRIPTION, |body| {
        body.int16(i16::from_be_bytes(u16::try_from(row.len()).unwrap_or(u16::MAX).to_be_bytes()));
        for field in row.iter() {
            masked.clear();
            let found = mask_text(field.name, masking, workspace, &mut masked);
            changed |= found;
            body.string(if found { &masked } else { field.name });
            body.int32(i32::from_be_bytes(field.relation.to_be_bytes())).int16(field.attribute);
            body.int32(i32::from_be_bytes(field.type_oid.to_be_bytes())).int16(field.type_length);
            body.int32(field.type_modifier).int16(field.format);
        }
    });
    workspace.line = masked;
    if !changed {
        out.truncate(mark);
    }
    changed
}

/// Appends `text` with what is sensitive in it replaced. False, and nothing appended, when nothing is.
pub fn mask_text(text: &[u8], masking: &Masking, workspace: &mut Workspace, out: &mut Vec<u8>) -> bool {
    let lists = masking.profile.lists(None);
    let (mut masker, _) = Masker::new(masking, Holding::Mixed(KindSet::NONE), lists, workspace);
    masker.text(text, out)
}

#[cfg(test)]
mod tests;
