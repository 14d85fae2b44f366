//! Times of the week at which a rule holds: days, hours, and how far the clock they are meant by is from UTC.

use crate::gate::judge::Moment;

const DAY: usize = 24 * 60;
const WEEK: usize = 7 * DAY;
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A bit for each minute of the week, from Monday 00:00 UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window(Box<[u64]>);

impl Window {
    /// `days` by their number from Monday; `hours` in minutes of the day, an end not after its start is on the next day; `ahead` are the
    /// minutes that the clock is ahead of UTC.
    pub fn new(days: &[usize], hours: &[(usize, usize)], ahead: i32) -> Self {
        let mut minutes = vec![0_u64; WEEK.div_ceil(64)].into_boxed_slice();
        let behind = usize::try_from(i32::try_from(WEEK).unwrap_or(0).saturating_sub(ahead)).unwrap_or(WEEK);
        for (day, (from, to)) in days.iter().flat_map(|day| hours.iter().map(move |hours| (day, hours))) {
            let to = if to <= from { to + DAY } else { *to };
            for minute in *from..to {
                let minute = (day * DAY + minute + behind) % WEEK;
                if let Some(word) = minutes.get_mut(minute / 64) {
                    *word |= 1 << (minute % 64);
                }
            }
        }
        Self(minutes)
    }

    pub fn holds(&self, moment: Moment) -> bool {
        // 1970 began on a Thursday.
        let since_monday = moment.0 / 60 + 3 * 24 * 60;
        let minute = usize::try_from(since_monday % (7 * 24 * 60)).unwrap_or(0);
        self.0.get(minute / 64).is_some_and(|word| word >> (minute % 64) & 1 == 1)
    }

    pub fn covers(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(mine, other)| other & !mine == 0)
    }
}

/// `08:00-18:30`; the end may be `24:00`, or on the next day.
pub fn hours(text: &str) -> Option<(usize, usize)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from.trim())?, minute(to.trim())?);
    (from < DAY && from != to).then_some((from, to))
}

fn minute(text: &str) -> Option<usize> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<usize>().ok())?;
    let (hour, minute) = (two(hour)?, two(minute)?);
    (minute < 60 && (hour < 24 || hour == 24 && minute == 0)).then_some(hour * 60 + minute)
}

/// `UTC`, `+02:00`, `-03:30`: the minutes that a clock is ahead of UTC.
pub fn zone(text: &str) -> Option<i32> {
    if matches!(text, "UTC" | "Z") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let ahead = minute(rest)?;
    // No clock of the world is further from UTC.
    (ahead <= 14 * 60).then(|| i32::try_from(ahead).unwrap_or(0) * sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday 2026-11-16 00:00 UTC.
    const MONDAY: u64 = 1_794_787_200;
    const HOUR: u64 = 3600;

    #[test]
    fn hours_are_those_of_the_clock_that_is_meant() {
        let office = Window::new(&[0, 1, 2, 3, 4], &[(8 * 60, 18 * 60)], zone("+02:00").unwrap());
        for (hour, inside) in [(5, false), (6, true), (15, true), (16, false), (4 * 24 + 15, true), (5 * 24 + 10, false)] {
            assert_eq!(office.holds(Moment(MONDAY + hour * HOUR)), inside, "{hour}");
        }
        // Over midnight, and over the end of the week.
        let night = Window::new(&[6], &[hours("22:00-06:00").unwrap()], 0);
        for (hour, inside) in [(0, true), (5, true), (6, false), (6 * 24 + 21, false), (6 * 24 + 22, true)] {
            assert_eq!(night.holds(Moment(MONDAY + hour * HOUR)), inside, "{hour}");
        }
        let west = Window::new(&[0], &[(0, DAY)], zone("-05:30").unwrap());
        assert!(!west.holds(Moment(MONDAY + 5 * HOUR)) && west.holds(Moment(MONDAY + 6 * HOUR)) && west.holds(Moment(MONDAY + 29 * HOUR)));
        assert!(office.covers(&Window::new(&[2], &[(9 * 60, 10 * 60)], 120)) && !office.covers(&night));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for wrong in ["", "8-18", "08:00", "08:00-08:00", "24:00-25:00", "08:60-09:00", "24:00-02:00", "-1:00-02:00"] {
            assert_eq!(hours(wrong), None, "{wrong}");
        }
        assert_eq!(hours("00:00-24:00"), Some((0, DAY)));
        for wrong in ["", "Europe/Vienna", "+2", "+15:00", "02:00", "+02:0é"] {
            assert_eq!(zone(wrong), None, "{wrong}");
        }
    }
}
