//! Dates, times and intervals in ISO style, UTC. Days are counted from 2000-01-01, time in microseconds. Must not know a clock or a
//! zone's name.

use super::ValueError;
use super::walk::{Reader, print};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH: i64 = 10_957;
/// The first day of the server's calendar (Julian day 0) and the day after the last date.
const FIRST_DAY: i64 = -2_451_545;
const DATE_END: i64 = 2_145_031_949;
/// The server's range of timestamps.
const FIRST_TIMESTAMP: i64 = FIRST_DAY * DAY;
const TIMESTAMP_END: i64 = 9_223_371_331_200_000_000;
/// Zones lie within this many seconds of UTC (TZDISP_LIMIT), exclusive.
const ZONE_LIMIT: i64 = 16 * 3600;

const RANGE: ValueError = ValueError::Malformed("a date or time out of range");
const BROKEN: ValueError = ValueError::Malformed("a date or time");

/// Reads text from front to back.
struct Text<'t>(&'t [u8]);

impl Text<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn eat(&mut self, word: &[u8]) -> bool {
        match self.0.strip_prefix(word) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn want(&mut self, word: &[u8]) -> Result<(), ValueError> {
        if self.eat(word) { Ok(()) } else { Err(BROKEN) }
    }

    /// A number of at least `least` and at most `most` digits.
    fn digits(&mut self, least: usize, most: usize) -> Result<i64, ValueError> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count < least || count > most {
            return Err(BROKEN);
        }
        let (digits, rest) = self.0.split_at_checked(count).ok_or(BROKEN)?;
        self.0 = rest;
        super::number::parse(digits)
    }

    /// Up to six digits behind a point, in microseconds.
    fn fraction(&mut self) -> Result<i64, ValueError> {
        if !self.eat(b".") {
            return Ok(0);
        }
        let before = self.0.len();
        let number = self.digits(1, 6)?;
        let used = u32::try_from(before - self.0.len()).map_err(|_| BROKEN)?;
        Ok(number * 10i64.pow(6 - used))
    }

    /// `HH:MM:SS[.ffffff]`, hours of any number up to `most` digits. Wide, because the lowest interval has no positive twin.
    fn clock(&mut self, most: usize) -> Result<i128, ValueError> {
        let hours = self.digits(2, most)?;
        self.want(b":")?;
        let minutes = self.digits(2, 2)?;
        self.want(b":")?;
        let seconds = self.digits(2, 2)?;
        let fraction = self.fraction()?;
        if minutes > 59 || seconds > 59 {
            return Err(RANGE);
        }
        Ok(i128::from(hours) * i128::from(HOUR) + i128::from(minutes * MINUTE + seconds * SECOND + fraction))
    }

    /// `+HH[:MM[:SS]]`, in seconds east.
    fn zone(&mut self) -> Result<i64, ValueError> {
        let negative = match self.peek() {
            Some(b'+') => false,
            Some(b'-') => true,
            _ => return Err(BROKEN),
        };
        self.want(if negative { b"-" } else { b"+" })?;
        let mut seconds = self.digits(2, 2)? * 3600;
        for unit in [60, 1] {
            if self.peek() != Some(b':') {
                break;
            }
            self.want(b":")?;
            let number = self.digits(2, 2)?;
            if number > 59 {
                return Err(RANGE);
            }
            seconds += number * unit;
        }
        if seconds >= ZONE_LIMIT {
            return Err(RANGE);
        }
        Ok(if negative { -seconds } else { seconds })
    }

    /// `YYYY-MM-DD`; the era follows later.
    fn date(&mut self) -> Result<(i64, i64, i64), ValueError> {
        let year = self.digits(4, 7)?;
        self.want(b"-")?;
        let month = self.digits(2, 2)?;
        self.want(b"-")?;
        let day = self.digits(2, 2)?;
        Ok((year, month, day))
    }

    fn end(&self) -> Result<(), ValueError> {
        if self.0.is_empty() { Ok(()) } else { Err(ValueError::Trailing) }
    }
}

/// Days since 2000-01-01 of a date that exists.
fn days((year, month, day): (i64, i64, i64), before_christ: bool) -> Result<i64, ValueError> {
    if year == 0 || !(1..=12).contains(&month) {
        return Err(RANGE);
    }
    let year = if before_christ { 1 - year } else { year };
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=length).contains(&day) {
        return Err(RANGE);
    }
    // Years begin in March, so that the leap day is the last of its year.
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Ok(era * 146_097 + day_of_era - 719_468 - EPOCH)
}

/// Year (0 is 1 BC), month and day.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + EPOCH + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Appends `YYYY-MM-DD` and tells whether the era must follow.
fn print_date(out: &mut Vec<u8>, days: i64) -> Result<bool, ValueError> {
    let (year, month, day) = civil(days);
    let shown = if year > 0 { year } else { 1 - year };
    print(out, format_args!("{shown:04}-{month:02}-{day:02}"))?;
    Ok(year <= 0)
}

/// Appends seconds and what follows their point, without zeros at the end.
fn print_seconds(out: &mut Vec<u8>, micros: u64) -> Result<(), ValueError> {
    print(out, format_args!("{:02}", micros / 1_000_000))?;
    if !micros.is_multiple_of(1_000_000) {
        print(out, format_args!(".{:06}", micros % 1_000_000))?;
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    Ok(())
}

fn print_clock(out: &mut Vec<u8>, micros: u64) -> Result<(), ValueError> {
    const MICROS_OF_MINUTE: u64 = 60_000_000;
    print(out, format_args!("{:02}:{:02}:", micros / (60 * MICROS_OF_MINUTE), micros / MICROS_OF_MINUTE % 60))?;
    print_seconds(out, micros % MICROS_OF_MINUTE)
}

fn infinity(text: &[u8]) -> Option<bool> {
    match text {
        b"infinity" => Some(true),
        b"-infinity" => Some(false),
        _ => None,
    }
}

pub(super) fn date_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let day = reader.i32()?;
    reader.end()?;
    match day {
        i32::MAX => out.extend_from_slice(b"infinity"),
        i32::MIN => out.extend_from_slice(b"-infinity"),
        _ if !(FIRST_DAY..DATE_END).contains(&i64::from(day)) => return Err(RANGE),
        _ => {
            if print_date(out, i64::from(day))? {
                out.extend_from_slice(b" BC");
            }
        }
    }
    Ok(())
}

pub(super) fn date_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let day = match infinity(text) {
        Some(true) => i32::MAX,
        Some(false) => i32::MIN,
        None => {
            let mut text = Text(text);
            let date = text.date()?;
            let before_christ = text.eat(b" BC");
            text.end()?;
            let day = days(date, before_christ)?;
            if !(FIRST_DAY..DATE_END).contains(&day) {
                return Err(RANGE);
            }
            i32::try_from(day).map_err(|_| RANGE)?
        }
    };
    out.extend_from_slice(&day.to_be_bytes());
    Ok(())
}

fn time_of(reader: &mut Reader<'_>) -> Result<u64, ValueError> {
    let micros = reader.i64()?;
    if !(0..=DAY).contains(&micros) {
        return Err(RANGE);
    }
    u64::try_from(micros).map_err(|_| RANGE)
}

fn clock_of_day(text: &mut Text<'_>) -> Result<i64, ValueError> {
    let micros = i64::try_from(text.clock(2)?).map_err(|_| RANGE)?;
    if micros > DAY { Err(RANGE) } else { Ok(micros) }
}

pub(super) fn time_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let micros = time_of(&mut reader)?;
    reader.end()?;
    print_clock(out, micros)
}

pub(super) fn time_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut text = Text(text);
    let micros = clock_of_day(&mut text)?;
    text.end()?;
    out.extend_from_slice(&micros.to_be_bytes());
    Ok(())
}

/// The binary zone counts seconds west, the text shows east.
pub(super) fn timetz_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let micros = time_of(&mut reader)?;
    let west = reader.i32()?;
    reader.end()?;
    if i64::from(west).abs() >= ZONE_LIMIT {
        return Err(RANGE);
    }
    print_clock(out, micros)?;
    let zone = west.unsigned_abs();
    print(out, format_args!("{}{:02}", if west > 0 { '-' } else { '+' }, zone / 3600))?;
    if zone % 3600 != 0 {
        print(out, format_args!(":{:02}", zone / 60 % 60))?;
    }
    if zone % 60 != 0 {
        print(out, format_args!(":{:02}", zone % 60))?;
    }
    Ok(())
}

pub(super) fn timetz_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut text = Text(text);
    let micros = clock_of_day(&mut text)?;
    let east = i32::try_from(text.zone()?).map_err(|_| RANGE)?;
    text.end()?;
    out.extend_from_slice(&micros.to_be_bytes());
    out.extend_from_slice(&(-east).to_be_bytes());
    Ok(())
}

fn print_timestamp(value: &[u8], zone: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let micros = reader.i64()?;
    reader.end()?;
    match micros {
        i64::MAX => out.extend_from_slice(b"infinity"),
        i64::MIN => out.extend_from_slice(b"-infinity"),
        FIRST_TIMESTAMP..TIMESTAMP_END => {
            let before_christ = print_date(out, micros.div_euclid(DAY))?;
            out.push(b' ');
            print_clock(out, u64::try_from(micros.rem_euclid(DAY)).map_err(|_| RANGE)?)?;
            out.extend_from_slice(zone);
            if before_christ {
                out.extend_from_slice(b" BC");
            }
        }
        _ => return Err(RANGE),
    }
    Ok(())
}

fn parse_timestamp(text: &[u8], zoned: bool, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let micros = match infinity(text) {
        Some(true) => i64::MAX,
        Some(false) => i64::MIN,
        None => {
            let mut text = Text(text);
            let date = text.date()?;
            text.want(b" ")?;
            let clock = clock_of_day(&mut text)?;
            let east = if zoned { text.zone()? } else { 0 };
            let before_christ = text.eat(b" BC");
            text.end()?;
            let micros = days(date, before_christ)?.checked_mul(DAY).and_then(|day| day.checked_add(clock - east * SECOND)).ok_or(RANGE)?;
            if !(FIRST_TIMESTAMP..TIMESTAMP_END).contains(&micros) {
                return Err(RANGE);
            }
            micros
        }
    };
    out.extend_from_slice(&micros.to_be_bytes());
    Ok(())
}

pub(super) fn timestamp_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    print_timestamp(value, b"", out)
}

pub(super) fn timestamp_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    parse_timestamp(text, false, out)
}

pub(super) fn timestamptz_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    print_timestamp(value, b"+00", out)
}

pub(super) fn timestamptz_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    parse_timestamp(text, true, out)
}

/// An interval's three fields, as they stand in binary.
type Interval = (i64, i32, i32);

/// What servers from 17 on take for the infinities.
const INFINITE: Interval = (i64::MAX, i32::MAX, i32::MAX);
const NEGATIVE_INFINITE: Interval = (i64::MIN, i32::MIN, i32::MIN);

pub(super) fn interval_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let interval = (reader.i64()?, reader.i32()?, reader.i32()?);
    reader.end()?;
    if interval == INFINITE || interval == NEGATIVE_INFINITE {
        out.extend_from_slice(if interval == INFINITE { b"infinity" } else { b"-infinity" });
        return Ok(());
    }
    let (micros, days, months) = interval;
    let start = out.len();
    // A positive field behind a negative one gets a plus.
    let mut negative = false;
    for (number, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if number == 0 {
            continue;
        }
        let space = if out.len() > start { " " } else { "" };
        let plus = if negative && number > 0 { "+" } else { "" };
        print(out, format_args!("{space}{plus}{number} {unit}{}", if number == 1 { "" } else { "s" }))?;
        negative = number < 0;
    }
    if micros != 0 || out.len() == start {
        let sign = if micros < 0 {
            "-"
        } else if negative {
            "+"
        } else {
            ""
        };
        print(out, format_args!("{}{sign}", if out.len() > start { " " } else { "" }))?;
        print_clock(out, micros.unsigned_abs())?;
    }
    Ok(())
}

pub(super) fn interval_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let (micros, days, months) = match infinity(text) {
        Some(true) => INFINITE,
        Some(false) => NEGATIVE_INFINITE,
        None => parse_interval(text)?,
    };
    out.extend_from_slice(&micros.to_be_bytes());
    out.extend_from_slice(&days.to_be_bytes());
    out.extend_from_slice(&months.to_be_bytes());
    Ok(())
}

fn parse_interval(text: &[u8]) -> Result<Interval, ValueError> {
    if text.is_empty() {
        return Err(ValueError::Short);
    }
    let mut text = Text(text);
    let (mut micros, mut days, mut months) = (0i64, 0i32, 0i64);
    loop {
        let negative = text.eat(b"-");
        if !negative {
            text.eat(b"+");
        }
        let clock = text.0.get(text.0.iter().take_while(|byte| byte.is_ascii_digit()).count()) == Some(&b':');
        if clock {
            // The most hours that microseconds can tell have ten digits.
            let amount = text.clock(10)?;
            micros = i64::try_from(if negative { -amount } else { amount }).map_err(|_| RANGE)?;
            break;
        }
        let amount = text.digits(1, 10)?;
        let amount = if negative { -amount } else { amount };
        text.want(b" ")?;
        if text.eat(b"year") {
            months += amount * 12;
        } else if text.eat(b"mon") {
            months += amount;
        } else {
            text.want(b"day")?;
            days = i32::try_from(i64::from(days) + amount).map_err(|_| RANGE)?;
        }
        text.eat(b"s");
        if text.0.is_empty() {
            break;
        }
        text.want(b" ")?;
    }
    text.end()?;
    Ok((micros, days, i32::try_from(months).map_err(|_| RANGE)?))
}
