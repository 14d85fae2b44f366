//! What people suffer from, by the code of its class (ICD-10), and what they take for it, by the names of substances and by the endings that such
//! names are given by international rule.

use std::sync::LazyLock;

use super::super::{Context, Finding, Scan, Sure};
use super::lexicon::{self, DOSE, DRUG, TAKES};
use super::word::{Word, Words};
use crate::mask::kind::Kind;
use crate::mask::names::{Spoken, said_before};
use crate::mask::words::Ends;

pub fn find(scan: &Scan<'_>, context: &Context<'_>, spoken: Spoken, found: &mut Vec<Finding>) {
    if context.wanted.has(Kind::ICD10) && scan.sight.digits >= 1 && scan.sight.upper >= 1 {
        codes(scan.text, context, spoken, found);
    }
    if context.wanted.has(Kind::MEDICATION) && (scan.sight.lower || scan.sight.upper > 3) && has_drugs(scan.text, scan.sight.high) {
        drugs(scan.text, context, found);
    }
}

fn codes(text: &[u8], context: &Context<'_>, spoken: Spoken, found: &mut Vec<Finding>) {
    let mut at = 0;
    while let Some(place) = text.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_uppercase)) {
        let start = at + place;
        let length = text.get(start..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'.').count();
        let token = text.get(start..start + length).unwrap_or_default();
        let token = token.strip_suffix(b".").unwrap_or(token);
        let free = start == 0
            || text.get(start - 1).is_some_and(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'/' | b'#'));
        let end = start + token.len();
        let free = free && !text.get(end).is_some_and(|byte| matches!(byte, b'-' | b'_' | b'/'));
        if free && is_code(token) {
            let alone = start == 0 && end == text.len();
            let sure = if context.expected.has(Kind::ICD10) || (alone && spoken.weak.has(Kind::ICD10)) {
                Some(Sure::Likely)
            } else if !alone && said_before(text, start).strong.has(Kind::ICD10) {
                Some(Sure::Certain)
            } else if alone {
                Some(Sure::Maybe)
            } else {
                None
            };
            if let Some(sure) = sure {
                found.push(Finding { kind: Kind::ICD10, start, end, sure });
            }
        }
        at = start + length.max(1);
    }
}

/// `E11.9`, `I10`, `S72.001A`, and the same without the point.
pub fn is_code(token: &[u8]) -> bool {
    let [letter, ten, one, rest @ ..] = token else { return false };
    if !letter.is_ascii_uppercase() || !ten.is_ascii_digit() || !(one.is_ascii_digit() || matches!(one, b'A' | b'B')) {
        return false;
    }
    match rest {
        [] => *letter != b'V' || *ten <= b'9',
        [b'.', rest @ ..] => {
            (1..=4).contains(&rest.len())
                && rest.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
                && rest.first().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'A' | b'B' | b'X'))
        }
        rest => {
            (1..=4).contains(&rest.len())
                && rest.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'X' | b'A' | b'D' | b'S'))
                && rest.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'X')
        }
    }
}

/// How the names of drugs end.
static ENDS: LazyLock<Ends<4>> = LazyLock::new(|| Ends::of(lexicon::DRUGS.split_whitespace().chain(ENDINGS.iter().copied())));

/// Whether there is one in a text. Its words are looked up only where they end like one.
fn has_drugs(text: &[u8], high: bool) -> bool {
    // Of letters with accents the ends are not known.
    if high {
        return true;
    }
    let ends = &*ENDS;
    for (start, five) in text.windows(5).enumerate() {
        if let [a, b, c, d, after] = five
            && !after.is_ascii_alphanumeric() & ends.may_be([*a, *b, *c, *d])
            && is_drug_at(text, start + 4)
        {
            return true;
        }
    }
    text.last_chunk::<4>().is_some_and(|last| ends.may_be(*last) && is_drug_at(text, text.len()))
        // What joins words is left out of their names.
        || memchr::memchr2_iter(b'-', b'\'', text).any(|joint| {
            let after = text.get(joint + 1..).unwrap_or_default();
            let letters = after.iter().take(4).take_while(|byte| byte.is_ascii_alphabetic()).count();
            (1..4).contains(&letters) && is_drug_at(text, joint + 1 + letters)
        })
}

/// Whether a word that ends at a place is one.
fn is_drug_at(text: &[u8], end: usize) -> bool {
    let before = text.get(..end).unwrap_or_default();
    let length = before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'\'')).count();
    let is_one = |word: &Word| word.letters >= 4 && !word.is_number() && is_drug(word.bytes(text));
    Words::of(text, end - length).take_while(|word| word.start < end).any(|word| is_one(&word))
}

fn drugs(text: &[u8], context: &Context<'_>, found: &mut Vec<Finding>) {
    let expected = context.expected.has(Kind::MEDICATION);
    let mut previous: Option<Word> = None;
    let mut words = Words::of(text, 0);
    while let Some(word) = words.next() {
        if word.letters < 4 || word.is_number() || !is_drug(word.bytes(text)) {
            previous = Some(word);
            continue;
        }
        // `lithium carbonate`, `metformin 500 mg`
        let (mut end, mut dosed) = (word.end, false);
        let mut ahead = words;
        for _ in 0..4 {
            let Some(next) = ahead.next() else { break };
            let gap = text.get(end..next.start).unwrap_or_default();
            let salt = is_salt(next.bytes(text));
            let dose = next.is_number() && is_dose(next.bytes(text));
            let unit = dosed && lexicon::get(next.bytes(text)) & DOSE != 0;
            if gap.len() > 1
                || !gap.iter().all(|byte| matches!(byte, b' ' | b'/' | b'-' | b'.'))
                || !(salt || dose || unit || (is_drug(next.bytes(text)) && next.letters > 4))
            {
                break;
            }
            dosed |= dose;
            end = next.end;
            words = ahead;
        }
        let said = previous.is_some_and(|before| {
            lexicon::get(before.bytes(text)) & TAKES != 0 || said_before(text, word.start).strong.has(Kind::MEDICATION)
        });
        let after = Words::of(text, end).next().is_some_and(|next| lexicon::get(next.bytes(text)) & DOSE != 0);
        let sure = if expected || dosed || said || after { Sure::Likely } else { Sure::Maybe };
        found.push(Finding { kind: Kind::MEDICATION, start: word.start, end, sure });
        previous = Some(word);
    }
}

/// `500`, `500mg`, `2.5` is two words.
fn is_dose(word: &[u8]) -> bool {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unit = word.get(digits..).unwrap_or_default();
    (1..=5).contains(&digits) && (unit.is_empty() || lexicon::get(unit) & DOSE != 0)
}

fn is_salt(word: &[u8]) -> bool {
    SALTS.iter().any(|salt| word.eq_ignore_ascii_case(salt.as_bytes()))
}

const SALTS: &[&str] = &[
    "carbonate",
    "hydrochloride",
    "hcl",
    "sodium",
    "potassium",
    "calcium",
    "sulfate",
    "sulphate",
    "phosphate",
    "acetate",
    "citrate",
    "tartrate",
    "maleate",
    "fumarate",
    "succinate",
    "mesylate",
    "besylate",
    "tosylate",
    "nitrate",
    "mononitrate",
    "dinitrate",
    "bromide",
    "hydrobromide",
    "chloride",
    "gluconate",
    "lactate",
    "propionate",
    "valerate",
    "furoate",
    "xinafoate",
    "magnesium",
    "zinc",
    "glargine",
    "lispro",
    "aspart",
    "degludec",
    "detemir",
    "acid",
    "er",
    "xr",
    "sr",
    "xl",
    "la",
    "cr",
    "monohydrate",
    "bitartrate",
    "palmitate",
    "decanoate",
    "disoproxil",
    "alafenamide",
    "etexilate",
    "medoxomil",
];

/// Endings that only substances have, by the rules by which they are named.
const ENDINGS: &[&str] = &[
    "azepam",
    "azolam",
    "barbital",
    "caine",
    "cillin",
    "cycline",
    "dipine",
    "dronate",
    "fenac",
    "fibrate",
    "floxacin",
    "gliptin",
    "gliflozin",
    "glutide",
    "lukast",
    "mycin",
    "navir",
    "nidazole",
    "olol",
    "oxacin",
    "parin",
    "prazole",
    "profen",
    "sartan",
    "semide",
    "setron",
    "statin",
    "tegravir",
    "thiazide",
    "tidine",
    "tinib",
    "triptan",
    "triptyline",
    "vudine",
    "ximab",
    "zumab",
    "tumab",
    "cept",
    "conazole",
    "ciclovir",
    "asone",
    "solone",
    "oxetine",
    "pril",
    "afil",
    "zosin",
    "terol",
    "tropium",
    "pramine",
    "buvir",
    "asvir",
    "codone",
    "morphone",
    "rubicin",
    "platin",
    "taxel",
    "xaban",
    "gatran",
    "bactam",
    "penem",
    "thromycin",
];

/// Words that end so and are none.
const NO_DRUGS: &[&str] = &[
    "april",
    "cocaine",
    "concept",
    "accept",
    "except",
    "intercept",
    "precept",
    "percept",
    "thermostat",
    "hemostatin",
    "platin",
    "evening",
    "manatee",
    "phosphatase",
];

pub fn is_drug(word: &[u8]) -> bool {
    let bits = lexicon::get(word);
    if bits & DRUG != 0 {
        return true;
    }
    word.len() >= 7
        && word.last_chunk::<4>().is_some_and(|last| ENDS.may_be(*last))
        && word.iter().all(u8::is_ascii_alphabetic)
        && ENDINGS.iter().any(|ending| {
            word.len() > ending.len() + 1
                && word.get(word.len() - ending.len()..).is_some_and(|tail| tail.eq_ignore_ascii_case(ending.as_bytes()))
        })
        && !NO_DRUGS.iter().any(|none| word.eq_ignore_ascii_case(none.as_bytes()))
        && bits == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Looking at the ends of words loses nothing that reading them all would find.
        #[test]
        fn no_drug_is_passed_over(pieces in prop::collection::vec(prop_oneof![
            prop::sample::select(lexicon::DRUGS.split_whitespace().collect::<Vec<_>>()).prop_map(str::to_owned),
            prop::sample::select(ENDINGS).prop_map(|ending| format!("xi{ending}")),
            prop::sample::select(ENDINGS).prop_map(|ending| ending.to_uppercase()),
            "[a-zA-Z]{1,6}", "[-' .,0-9]", "[ -~]{1,3}",
        ], 0..6)) {
            let text = pieces.concat();
            let mut found = Vec::new();
            drugs(text.as_bytes(), &Context::NONE, &mut found);
            prop_assert!(found.is_empty() || has_drugs(text.as_bytes(), false), "{text}");
        }
    }
}
