//! Counts the rows that a COPY … FROM STDIN brings while its data flows, in whatever pieces it comes. It follows the server's own reading of
//! where a row ends; where that is not known it counts every byte that could end one.

use crate::sql::facts::CopyFormat;

/// A count in its course.
#[derive(Debug, Clone, Copy)]
pub struct Copied {
    format: CopyFormat,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing of a row came yet; behind a carriage return, whose line feed belongs to the row before, this is true as well.
    Between {
        returned: bool,
    },
    /// A backslash began a row of text: with a dot it is the end of the data.
    Mark,
    Within {
        quoted: bool,
        escaped: bool,
    },
    /// The signature, flags and length of the header's extension, of which so many bytes came; then the extension itself.
    Header {
        came: usize,
        extension: u32,
    },
    Skip {
        left: u64,
        fields: u32,
    },
    /// A count of fields, or a field's length: so many bytes of it came.
    Fields {
        came: u8,
        value: u32,
    },
    Length {
        came: u8,
        value: u32,
        fields: u32,
    },
    /// Behind the end: the server takes no more rows.
    Ended,
}

/// `PGCOPY\n\377\r\n\0` and the flags, behind which the length of the extension stands.
const HEADER: usize = 11 + 4;

impl Copied {
    pub fn new(format: CopyFormat) -> Self {
        let state = if format == CopyFormat::Binary { State::Header { came: 0, extension: 0 } } else { State::Between { returned: false } };
        // What escapes only itself is a quote and nothing else; NUL stands in no text.
        let format = match format {
            CopyFormat::Csv { quote, escape } if quote == escape => CopyFormat::Csv { quote, escape: 0 },
            format @ (CopyFormat::Text | CopyFormat::Csv { .. } | CopyFormat::Binary | CopyFormat::Unknown) => format,
        };
        Self { format, state }
    }

    /// Takes the next bytes and returns how many rows begin in them.
    pub fn feed(&mut self, bytes: &[u8]) -> u64 {
        match self.format {
            CopyFormat::Text => self.feed_lines(bytes, text, |rest| memchr::memchr3(b'\n', b'\r', b'\\', rest)),
            CopyFormat::Csv { quote, escape } => self.feed_lines(
                bytes,
                |state, byte| csv(state, byte, quote, escape),
                |rest| rest.iter().position(|byte| matches!(byte, b'\n' | b'\r') || *byte == quote || *byte == escape),
            ),
            CopyFormat::Unknown => {
                self.feed_lines(bytes, |state, byte| line(state, byte, false), |rest| memchr::memchr2(b'\n', b'\r', rest))
            }
            CopyFormat::Binary => self.feed_binary(bytes),
        }
    }

    /// `step` tells what follows from a byte; within a row all up to the next byte that `matters` is passed over.
    fn feed_lines(&mut self, mut bytes: &[u8], step: impl Fn(State, u8) -> (State, bool), matters: impl Fn(&[u8]) -> Option<usize>) -> u64 {
        let mut rows = 0_u64;
        loop {
            if let State::Within { escaped: false, .. } = self.state {
                let next = matters(bytes).unwrap_or(bytes.len());
                bytes = bytes.get(next..).unwrap_or_default();
            }
            let Some((byte, rest)) = bytes.split_first() else { return rows };
            let (state, begins) = step(self.state, *byte);
            rows = rows.saturating_add(u64::from(begins));
            (self.state, bytes) = (state, rest);
        }
    }

    fn feed_binary(&mut self, mut bytes: &[u8]) -> u64 {
        let mut rows = 0_u64;
        loop {
            if let State::Skip { left, fields } = self.state {
                let now = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = bytes.get(now..).unwrap_or_default();
                self.state = match left.saturating_sub(u64::try_from(now).unwrap_or(u64::MAX)) {
                    0 if fields == 0 => State::Fields { came: 0, value: 0 },
                    0 => State::Length { came: 0, value: 0, fields },
                    left => State::Skip { left, fields },
                };
            }
            let Some((byte, rest)) = bytes.split_first() else { return rows };
            let (state, begins) = binary(self.state, *byte);
            rows = rows.saturating_add(u64::from(begins));
            (self.state, bytes) = (state, rest);
        }
    }
}

const WITHIN: State = State::Within { quoted: false, escaped: false };

/// A byte of a line: what follows, and whether a row begins with it.
fn line(state: State, byte: u8, quoted: bool) -> (State, bool) {
    let between = matches!(state, State::Between { .. });
    match (byte, state) {
        (b'\n', State::Between { returned: true }) => (State::Between { returned: false }, false),
        (b'\n', _) if !quoted => (State::Between { returned: false }, between),
        (b'\r', _) if !quoted => (State::Between { returned: true }, between),
        _ => (State::Within { quoted, escaped: false }, between),
    }
}

/// A backslash takes the next byte with it, a line's end too.
fn text(state: State, byte: u8) -> (State, bool) {
    match (state, byte) {
        (State::Ended, _) | (State::Mark, b'.') => (State::Ended, false),
        (State::Mark, _) => (WITHIN, true),
        (State::Between { .. }, b'\\') => (State::Mark, false),
        (State::Within { escaped: true, .. }, _) => (WITHIN, false),
        (State::Within { .. }, b'\\') => (State::Within { quoted: false, escaped: true }, false),
        (state, byte) => line(state, byte, false),
    }
}

/// Quotes are counted and forgotten at each row's end, as the server does.
fn csv(state: State, byte: u8, quote: u8, escape: u8) -> (State, bool) {
    let (mut quoted, mut escaped) = if let State::Within { quoted, escaped } = state { (quoted, escaped) } else { (false, false) };
    if quoted && byte == escape {
        escaped = !escaped;
    }
    if byte == quote && !escaped {
        quoted = !quoted;
    }
    escaped &= byte == escape;
    let (state, begins) = line(state, byte, quoted);
    let state = if let State::Within { .. } = state { State::Within { quoted, escaped } } else { state };
    (state, begins)
}

fn binary(state: State, byte: u8) -> (State, bool) {
    match state {
        State::Header { came, .. } if came < HEADER => (State::Header { came: came.saturating_add(1), extension: 0 }, false),
        State::Header { came, extension } => {
            let extension = extension << 8 | u32::from(byte);
            if came == HEADER + 3 {
                (State::Skip { left: u64::from(extension), fields: 0 }, false)
            } else {
                (State::Header { came: came.saturating_add(1), extension }, false)
            }
        }
        State::Fields { came: 0, .. } => (State::Fields { came: 1, value: u32::from(byte) }, false),
        State::Fields { value, .. } => match value << 8 | u32::from(byte) {
            // The end of the data.
            0xffff => (State::Ended, false),
            0 => (State::Fields { came: 0, value: 0 }, true),
            fields => (State::Length { came: 0, value: 0, fields }, true),
        },
        State::Length { came, value, fields } => {
            let value = value << 8 | u32::from(byte);
            if came < 3 {
                return (State::Length { came: came.saturating_add(1), value, fields }, false);
            }
            let fields = fields.saturating_sub(1);
            // NULL has no bytes.
            let left = if value == u32::MAX { 0 } else { u64::from(value) };
            (State::Skip { left, fields }, false)
        }
        state @ (State::Ended | State::Between { .. } | State::Mark | State::Within { .. } | State::Skip { .. }) => (state, false),
    }
}
