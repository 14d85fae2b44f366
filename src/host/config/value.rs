//! How one value is written and shown: durations, sizes, numbers, words. Each kind says what it expects; none knows
//! which setting it is for.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::gate::policy::text::{bytes, milliseconds};

/// A kind of value, from text to checked and back.
pub(super) trait Setting: Sized {
    fn wanted() -> String;
    fn parse(text: &str) -> Option<Self>;
    fn show(&self) -> String;
}

/// Values that are one of a few words.
pub(super) trait Word: Copy + PartialEq + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Word> Setting for T {
    fn wanted() -> String {
        let words: Vec<_> = T::WORDS.iter().map(|(word, _)| *word).collect();
        format!("one of {}", words.join(", "))
    }

    fn parse(text: &str) -> Option<Self> {
        T::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }

    fn show(&self) -> String {
        T::WORDS.iter().find(|(_, value)| value == self).map_or_else(String::new, |(word, _)| (*word).to_owned())
    }
}

/// PgBouncer writes its switches as numbers.
impl Word for bool {
    const WORDS: &'static [(&'static str, Self)] =
        &[("on", true), ("off", false), ("true", true), ("false", false), ("1", true), ("0", false), ("yes", true), ("no", false)];
}

/// A time that may be turned off: `0`, as PgBouncer's timeouts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unless0<T>(pub Option<T>);

fn show_duration(time: Duration) -> String {
    let total = time.as_millis();
    let scales = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
    for (scale, unit) in scales {
        if total >= scale && total.is_multiple_of(scale) {
            return format!("{}{unit}", total / scale);
        }
    }
    format!("{total}ms")
}

impl Setting for Duration {
    fn wanted() -> String {
        "a time longer than zero such as 30s, 500ms, 10min or plain seconds".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        milliseconds(text).filter(|total| *total > 0).map(Duration::from_millis)
    }

    fn show(&self) -> String {
        show_duration(*self)
    }
}

impl Setting for Unless0<Duration> {
    fn wanted() -> String {
        "a time such as 30s, 500ms, 10min or plain seconds; 0 turns it off".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        milliseconds(text).map(|total| Self((total > 0).then_some(Duration::from_millis(total))))
    }

    fn show(&self) -> String {
        self.0.map_or_else(|| "0".to_owned(), show_duration)
    }
}

impl Setting for Unless0<NonZeroU32> {
    fn wanted() -> String {
        "a whole number; 0 means no limit".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(|number| Self(NonZeroU32::new(number)))
    }

    fn show(&self) -> String {
        self.0.map_or(0, NonZeroU32::get).to_string()
    }
}

/// A number of bytes, as long as the longest message that the protocol can declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub usize);

/// A message's length counts itself in a signed 32-bit number.
const LARGEST: u64 = (1 << 31) - 5;
/// Smaller caps would refuse what every driver sends.
const SMALLEST: u64 = 1 << 10;

impl Setting for Size {
    fn wanted() -> String {
        "a size from 1KiB to below 2GiB, such as 16MiB, 64kB or plain bytes".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let total = bytes(text).filter(|total| (SMALLEST..=LARGEST).contains(total))?;
        usize::try_from(total).ok().map(Self)
    }

    fn show(&self) -> String {
        let scales = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        for (scale, unit) in scales {
            if self.0 >= scale && self.0.is_multiple_of(scale) {
                return format!("{}{unit}", self.0 / scale);
            }
        }
        self.0.to_string()
    }
}

impl Setting for u16 {
    fn wanted() -> String {
        "a port from 0 to 65535".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for NonZeroU32 {
    fn wanted() -> String {
        "a whole number from 1".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// How many of something are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept(pub usize);

/// They are looked through one by one.
const MOST_KEPT: usize = 1000;

impl Setting for Kept {
    fn wanted() -> String {
        format!("a whole number up to {MOST_KEPT}; 0 keeps none")
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| *number <= MOST_KEPT).map(Self)
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// More threads than any machine has cores.
const MOST_WORKERS: usize = 1024;

impl Setting for NonZeroUsize {
    fn wanted() -> String {
        format!("a whole number from 1 to {MOST_WORKERS}")
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number: &Self| number.get() <= MOST_WORKERS)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for SocketAddr {
    fn wanted() -> String {
        "an IP address and a port such as 127.0.0.1:8432 or [::1]:8432".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for PathBuf {
    fn wanted() -> String {
        "a path".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.contains('\0') && !text.contains("://")).then(|| Self::from(text))
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Setting for String {
    fn wanted() -> String {
        "a text of up to 256 letters without control characters".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && text.chars().count() <= 256 && !text.contains(char::is_control)).then(|| text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_human_form_and_in_plain_seconds() {
        let cases = [("30", 30_000), ("30s", 30_000), ("500ms", 500), ("2 min", 120_000), ("1h", 3_600_000), ("1d", 86_400_000)];
        for (text, expected) in cases {
            let time = Duration::parse(text).unwrap();
            assert_eq!(time, Duration::from_millis(expected), "{text}");
            assert_eq!(Duration::parse(&time.show()), Some(time), "{text}");
        }
        for text in ["", "s", "-1", "1.5s", "5 parsecs", "18446744073709551615d", "99999d", "é", "0"] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
        assert_eq!(Unless0::<Duration>::parse("0"), Some(Unless0(None)));
    }

    #[test]
    fn sizes_are_read_in_human_form_and_in_plain_bytes() {
        let cases = [("1024", 1 << 10), ("64KiB", 64 << 10), ("64kB", 64 << 10), ("16 MiB", 16 << 20), ("1GiB", 1 << 30)];
        for (text, expected) in cases {
            let size = Size::parse(text).unwrap();
            assert_eq!(size, Size(expected), "{text}");
            assert_eq!(Size::parse(&size.show()), Some(size), "{text}");
        }
        for text in ["", "12", "2GiB", "4TiB", "99999999999999999999", "-5", "1e9"] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
    }
}
