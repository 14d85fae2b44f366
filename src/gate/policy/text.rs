//! Places in a text and names that are nearly right: what a message about a mistake needs. It knows neither policies nor settings; the
//! configuration uses it as well.

/// Byte offsets to lines and columns, both from 1; columns count characters.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    text: &'a str,
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text }
    }

    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()).saturating_add(1);
        (line, column)
    }
}

/// What was probably meant.
pub fn nearest<'n>(name: &str, candidates: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let allowed = (name.chars().count() / 3).clamp(1, 4);
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(far, _)| *far <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements between two names (Levenshtein); a long key is cut, it is no slip of the finger.
pub fn distance(left: &str, right: &str) -> usize {
    const LONGEST: usize = 64;
    let right: Vec<char> = right.chars().take(LONGEST).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().take(LONGEST).enumerate() {
        let mut next = vec![index.saturating_add(1)];
        for ((other, above_left), above) in right.iter().zip(&row).zip(row.iter().skip(1)) {
            let replaced = above_left.saturating_add(usize::from(letter != *other));
            let best = replaced.min(above.saturating_add(1)).min(next.last().map_or(usize::MAX, |before| before.saturating_add(1)));
            next.push(best);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// A number and the unit behind it.
fn split_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

/// A year: longer is a slip of the unit, and no sum of times can overflow.
const LONGEST: u64 = 366 * 24 * 60 * 60 * 1000;

/// `30s`, `500ms`, `10min`; a plain number is seconds.
pub fn milliseconds(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let scale: u64 = match unit {
        "ms" => 1,
        // PgBouncer's plain number.
        "" | "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(scale).filter(|total| *total <= LONGEST)
}

/// `64MiB`, `64kB`, plain bytes.
pub fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let scale: u64 = match unit {
        "" | "B" => 1,
        "KiB" | "k" | "kB" | "KB" => 1 << 10,
        "MiB" | "MB" => 1 << 20,
        "GiB" | "GB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (left, right, expected) in
            [("", "", 0), ("port", "port", 0), ("prot", "port", 2), ("listen_prt", "listen_port", 1), ("", "abc", 3)]
        {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }
}
