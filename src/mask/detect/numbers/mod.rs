//! Numbers that people and things are known by, or paid with. One walk over the text: groups of digits become a [`chain`], of which every
//! window is held against every rule; runs with letters in them are held against those that have letters.

mod cards;
mod chain;
mod checks;
mod crypto;
mod iban;
mod ids;
mod lettered;
mod words;

pub use chain::{Edge, after_of, before_of};
pub use words::WORDS;

use super::{Context, Finding, Scan, Sure, said_before};
use crate::mask::names;
use crate::mask::{Kind, KindSet};
use cards::Card;
use chain::{Chain, Window};

/// Digits of the longest value that is a window of a chain, and of the shortest that has no letters.
const MOST: usize = 19;
const FEWEST: usize = 7;
/// A run of this many letters and digits is no number of anybody.
const LONGEST_TOKEN: usize = 128;

/// Kinds that are looked for here.
pub const KINDS: KindSet = KindSet::of(names::NATIONAL).or(KindSet::of(&[
    Kind::CREDIT_CARD,
    Kind::CARD_TRACK,
    Kind::IBAN,
    Kind::US_ABA,
    Kind::SWIFT,
    Kind::CRYPTO,
    Kind::US_NPI,
    Kind::US_DEA,
    Kind::VIN,
    Kind::IMEI,
]));

/// Of nine digits, kept in columns of numbers without the zeros in front.
const NINE: KindSet = KindSet::of(&[Kind::US_SSN, Kind::US_ABA, Kind::NL_BSN, Kind::AU_TFN]);

pub fn find(scan: &Scan<'_>, context: &Context<'_>, found: &mut Vec<Finding>) {
    let sight = scan.sight;
    let swift = sight.upper >= 8 && context.wanted.has(Kind::SWIFT);
    let letters = sight.lower || sight.upper > 0;
    if sight.digits == 0 && !swift || !letters && sight.digits < FEWEST || context.wanted.and(KINDS).is_empty() {
        return;
    }
    Walk { text: scan.text, context, found, said: None }.run();
}

struct Walk<'a> {
    text: &'a [u8],
    context: &'a Context<'a>,
    found: &'a mut Vec<Finding>,
    /// What the words before a place say, where they were asked about last.
    said: Option<(usize, KindSet)>,
}

impl Walk<'_> {
    fn run(&mut self) {
        let text = self.text;
        let mut chain = Chain::new();
        let mut at = 0;
        while let Some(skipped) = text.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_alphanumeric)) {
            at += skipped;
            let rest = text.get(at..).unwrap_or_default();
            let (mut length, mut digits) = (0, 0);
            for byte in rest {
                if !byte.is_ascii_alphanumeric() {
                    break;
                }
                digits += usize::from(byte.is_ascii_digit());
                length += 1;
            }
            let end = at + length;
            if length > MOST && length == digits {
                self.long_run(at, end);
                at = end;
            } else if length == digits {
                at = chain.read(text, at);
                self.chain(&chain);
            } else {
                self.token(at, end, digits);
                let trailing = rest.get(..length).map_or(0, |token| token.iter().rev().take_while(|byte| byte.is_ascii_digit()).count());
                at = end;
                // Groups that begin right after a letter.
                if trailing > 2
                    && matches!(rest.get(length), Some(b'-' | b' ' | b'.'))
                    && rest.get(length + 1).is_some_and(u8::is_ascii_digit)
                {
                    at = chain.read(text, end - trailing).max(end);
                    self.chain(&chain);
                }
            }
        }
    }

    fn add(&mut self, kind: Kind, start: usize, end: usize, sure: Sure) {
        let sure = if sure == Sure::Maybe && self.said(start).has(kind) { Sure::Likely } else { sure };
        self.found.push(Finding { kind, start, end, sure });
    }

    fn said(&mut self, at: usize) -> KindSet {
        match self.said {
            Some((place, kinds)) if place == at => kinds,
            Some(_) | None => {
                let kinds = said_before(self.text, at);
                self.said = Some((at, kinds));
                kinds
            }
        }
    }

    /// A run of letters and digits, letters among them.
    fn token(&mut self, start: usize, end: usize, digits: usize) {
        let text = self.text;
        let token = text.get(start..end).unwrap_or_default();
        if token.len() > LONGEST_TOKEN {
            return;
        }
        if token.first().is_some_and(u8::is_ascii_alphabetic) {
            if let Some(stop) = iban::iban(text, start) {
                self.add(Kind::IBAN, start, stop, Sure::Certain);
            }
            if matches!(token.len(), 2 | 4)
                && let Some(stop) = spaced_nino(text, start)
            {
                self.add(Kind::UK_NINO, start, stop, Sure::Certain);
            }
        }
        if lettered::is_swift(token) {
            self.add(Kind::SWIFT, start, end, Sure::Maybe);
        }
        let sign = start.checked_sub(1).and_then(|before| text.get(before)).copied().unwrap_or(0);
        if matches!(token.len(), 1 | 4)
            && let Some((kind, sure, back)) = lettered::after_a_sign(text.get(..start.saturating_sub(1)).unwrap_or_default(), sign, token)
        {
            let from = start - 1 - back;
            if before_of(text, from) == Edge::Open && after_of(text, end) == Edge::Open {
                self.add(kind, from, end, sure);
            }
        }
        if digits == 0 {
            return;
        }
        let alone = before_of(text, start) == Edge::Open && after_of(text, end) == Edge::Open;
        if let Some((kind, sure)) = lettered::token(token) {
            self.add(kind, start, end, if alone { sure } else { Sure::Maybe });
        }
        if let Some(sure) = crypto::token(token) {
            self.add(Kind::CRYPTO, start, end, sure);
        }
        if token.len() == 4
            && let Some(stop) = dashed_mbi(text, start)
        {
            self.add(Kind::US_MBI, start, stop, Sure::Certain);
        }
        if digits >= 13 && !is_hexadecimal(token) {
            self.cards_inside(start, token);
        }
    }

    /// A card's number with letters right beside it.
    fn cards_inside(&mut self, start: usize, token: &[u8]) {
        let mut runs = token.chunk_by(|one, other| one.is_ascii_digit() == other.is_ascii_digit());
        let mut at = start;
        let numbers = runs.clone().filter(|run| run.first().is_some_and(u8::is_ascii_digit)).count();
        for run in &mut runs {
            if run.first().is_some_and(u8::is_ascii_digit) && (13..=19).contains(&run.len()) && numbers <= 3 {
                let mut digits = [0; MOST];
                for (digit, byte) in digits.iter_mut().zip(run) {
                    *digit = byte - b'0';
                }
                if cards::card(digits.get(..run.len()).unwrap_or_default()) == Some(Card::Known) {
                    self.card(at, at + run.len(), Sure::Certain);
                }
            }
            at += run.len();
        }
    }

    fn card(&mut self, start: usize, end: usize, sure: Sure) {
        if let Some((start, end)) = cards::track(self.text, start, end) {
            self.add(Kind::CARD_TRACK, start, end, Sure::Certain);
        } else {
            self.add(Kind::CREDIT_CARD, start, end, sure);
        }
    }

    fn chain(&mut self, chain: &Chain) {
        for first in 0..chain.groups() {
            for last in first..chain.groups() {
                let digits = chain.digits(first, last);
                if digits > MOST {
                    break;
                }
                if digits >= FEWEST
                    && let Some(window) = chain.window(self.text, first, last)
                {
                    self.window(&window);
                }
            }
        }
        if chain.groups() == 1 {
            self.padded(chain);
        }
    }

    fn window(&mut self, window: &Window<'_>) {
        if window.digits.len() >= 12 {
            self.window_of_a_card(window);
        }
        if !window.stands_alone() {
            return;
        }
        if window.is_single() { self.single(window) } else { self.grouped(window) }
    }

    fn window_of_a_card(&mut self, window: &Window<'_>) {
        let Some(card) = cards::card(window.digits) else { return };
        if !window.is_single() && (window.sign == 0 || !cards::is_usual(window.groups)) {
            return;
        }
        // Fractions of a number that has a card's digits before the point are money in a column of cards; after the point it is no card.
        let beside = |edge| matches!(edge, Edge::Open | Edge::Space);
        let usual = beside(window.before) && (beside(window.after) || window.after == Edge::Fraction && window.is_single());
        let sure = match (card, usual) {
            (Card::Known, true) => Sure::Certain,
            (Card::Known, false) if window.before == Edge::Joined && window.after == Edge::Joined => return,
            (Card::Known, false) => Sure::Maybe,
            (Card::Weak, true) if !window.is_single() && window.digits.len() >= 13 && window.groups.first() == Some(&4) => Sure::Likely,
            (Card::Weak, true) => Sure::Maybe,
            (Card::Weak, false) => return,
        };
        self.card(window.start, window.end, sure);
    }

    /// Digits in one piece. What a check of one digit lets pass is what every tenth number passes: it counts where something speaks for it.
    fn single(&mut self, window: &Window<'_>) {
        let digits = window.digits;
        let expected = self.context.expected;
        let whole = window.start == 0 && window.end == self.text.len();
        let mut add = |kind: Kind, sure: Sure| self.add(kind, window.start, window.end, sure);
        match digits.len() {
            7 | 8 if whole && !expected.and(NINE).is_empty() => {
                // A column of numbers keeps no zeros in front.
                let mut nine = [0; 9];
                for (slot, digit) in nine.iter_mut().rev().zip(digits.iter().rev()) {
                    *slot = *digit;
                }
                if ids::us_ssn(&nine) {
                    add(Kind::US_SSN, Sure::Maybe);
                }
                if ids::us_aba(&nine) {
                    add(Kind::US_ABA, Sure::Maybe);
                }
                if ids::nl_bsn(&nine) {
                    add(Kind::NL_BSN, Sure::Maybe);
                }
                if ids::au_tfn(digits) {
                    add(Kind::AU_TFN, Sure::Maybe);
                }
            }
            9 => {
                for (kind, fits) in [
                    (Kind::US_SSN, ids::us_ssn(digits) && !ids::is_sample(digits)),
                    (Kind::US_ITIN, ids::us_itin(digits)),
                    (Kind::US_ABA, ids::us_aba(digits)),
                    (Kind::CA_SIN, ids::ca_sin(digits)),
                    (Kind::NL_BSN, ids::nl_bsn(digits)),
                    (Kind::AU_TFN, ids::au_tfn(digits)),
                ] {
                    if fits {
                        add(kind, Sure::Maybe);
                    }
                }
            }
            10 => {
                for (kind, fits) in [
                    (Kind::UK_NHS, ids::uk_nhs(digits)),
                    (Kind::SE_PNR, ids::se_pnr(digits)),
                    (Kind::US_NPI, ids::us_npi(digits)),
                    (Kind::AU_MEDICARE, ids::au_medicare(digits)),
                ] {
                    if fits {
                        add(kind, Sure::Maybe);
                    }
                }
            }
            11 => {
                if ids::be_nrn(digits) {
                    add(Kind::BE_NRN, Sure::Certain);
                }
                for (kind, fits) in [
                    (Kind::BR_CPF, ids::br_cpf(digits)),
                    (Kind::DE_TAXID, ids::de_taxid(digits)),
                    (Kind::PL_PESEL, ids::pl_pesel(digits)),
                    (Kind::TR_TCKN, ids::tr_tckn(digits)),
                    (Kind::AU_MEDICARE, ids::au_medicare(digits)),
                ] {
                    if fits {
                        add(kind, Sure::Maybe);
                    }
                }
            }
            12 => {
                if ids::se_pnr(digits) {
                    add(Kind::SE_PNR, Sure::Certain);
                }
                if ids::in_aadhaar(digits) {
                    add(Kind::IN_AADHAAR, Sure::Maybe);
                }
            }
            13 => {
                if ids::za_id(digits) {
                    add(Kind::ZA_ID, if matches!(digits.get(11), Some(8 | 9)) { Sure::Certain } else { Sure::Maybe });
                }
                if ids::kr_rrn(digits) {
                    add(Kind::KR_RRN, Sure::Maybe);
                }
            }
            14 if ids::br_cnpj(digits) => add(Kind::BR_CNPJ, if ids::is_first_branch(digits) { Sure::Certain } else { Sure::Maybe }),
            15 => {
                if ids::fr_nir(digits) {
                    add(Kind::FR_NIR, Sure::Certain);
                }
                if ids::imei(digits) {
                    add(Kind::IMEI, Sure::Maybe);
                }
            }
            18 if ids::cn_ric(digits) => add(Kind::CN_RIC, Sure::Certain),
            _ => {}
        }
    }

    /// Digits in groups as a kind is written in.
    fn grouped(&mut self, window: &Window<'_>) {
        let digits = window.digits;
        let (dashed, spaced) = (window.sign == b'-', window.sign == b' ');
        let mut add = |kind: Kind, sure: Sure| self.add(kind, window.start, window.end, sure);
        match (digits.len(), window.groups) {
            (9, [3, 2, 4]) => {
                let sure = if window.sign == 0 { Sure::Likely } else { Sure::Certain };
                if ids::us_ssn(digits) {
                    add(Kind::US_SSN, sure);
                } else if ids::us_itin(digits) {
                    add(Kind::US_ITIN, sure);
                }
            }
            (9, [3, 3, 3]) if dashed || spaced => {
                if ids::ca_sin(digits) {
                    add(Kind::CA_SIN, Sure::Likely);
                }
                if ids::au_tfn(digits) {
                    add(Kind::AU_TFN, Sure::Likely);
                }
                if ids::nl_bsn(digits) {
                    add(Kind::NL_BSN, Sure::Maybe);
                }
            }
            (9, [3, 3, 3] | [4, 2, 3]) if ids::nl_bsn(digits) => {
                add(Kind::NL_BSN, if window.groups.len() == 3 && window.groups.first() == Some(&4) { Sure::Likely } else { Sure::Maybe });
            }
            // A digit at a time, or two.
            (9, groups) if window.sign != 0 && groups.iter().all(|group| *group == 1) && ids::us_ssn(digits) => {
                add(Kind::US_SSN, Sure::Likely)
            }
            (10, [3, 3, 4]) if (dashed || spaced) && ids::uk_nhs(digits) => add(Kind::UK_NHS, Sure::Likely),
            (10, [6, 4]) | (12, [8, 4]) if dashed && ids::se_pnr(digits) => add(Kind::SE_PNR, Sure::Certain),
            (10, [6, 4]) if dashed && ids::fi_hetu_of_digits(digits) => add(Kind::FI_HETU, Sure::Certain),
            (10, [4, 5, 1]) | (11, [4, 5, 2] | [4, 5, 1, 1]) if ids::au_medicare(digits) => add(Kind::AU_MEDICARE, Sure::Certain),
            (11, [3, 3, 3, 2]) if ids::br_cpf(digits) => add(Kind::BR_CPF, Sure::Certain),
            (11, [2, 3, 3, 3]) if ids::de_taxid(digits) => add(Kind::DE_TAXID, Sure::Certain),
            (11, [3, 3, 3, 2]) if ids::tr_tckn(digits) => add(Kind::TR_TCKN, Sure::Certain),
            (11, [2, 2, 2, 3, 2] | [6, 5] | [6, 3 | 2, 2 | 3]) if ids::be_nrn(digits) => add(Kind::BE_NRN, Sure::Certain),
            (12, [4, 4, 4]) if (dashed || spaced) && ids::in_aadhaar(digits) => add(Kind::IN_AADHAAR, Sure::Certain),
            (13, [6, 7]) if dashed && ids::kr_rrn(digits) => add(Kind::KR_RRN, Sure::Certain),
            (13, [6, 4, 3] | [6, 4, 2, 1] | [6, 4, 1, 2] | [6, 7] | [6, 4, 1, 1, 1]) if ids::za_id(digits) => {
                add(Kind::ZA_ID, Sure::Certain)
            }
            (14, [2, 3, 3, 4, 2] | [2, 3, 3, 6] | [8, 4, 2] | [8, 6]) if ids::br_cnpj(digits) => add(Kind::BR_CNPJ, Sure::Certain),
            (15, groups) if groups.len() <= 8 && ids::fr_nir(digits) => add(Kind::FR_NIR, Sure::Certain),
            (15, [2, 6, 6, 1] | [6, 2, 6, 1] | [8, 6, 1]) if ids::imei(digits) => add(Kind::IMEI, Sure::Certain),
            (18, groups) if groups.len() <= 6 && ids::cn_ric(digits) => add(Kind::CN_RIC, Sure::Certain),
            _ => {}
        }
    }

    /// More digits than any number has: a card that was filled up with one digit stands out of them.
    fn long_run(&mut self, start: usize, end: usize) {
        let run = self.text.get(start..end).unwrap_or_default();
        let [first, .., last] = run else { return };
        let leading = run.iter().take_while(|digit| *digit == first).count();
        let trailing = run.iter().rev().take_while(|digit| *digit == last).count();
        for length in 13..=MOST {
            let mut digits = [0; MOST];
            let front = run.len() - length;
            // The digit that fills may be the card's first or last as well.
            let ends = [(front <= leading, run.get(front..)), (front <= trailing, run.get(..length))];
            for part in ends.into_iter().filter_map(|(stands_out, part)| part.filter(|_| stands_out)) {
                for (digit, byte) in digits.iter_mut().zip(part) {
                    *digit = byte - b'0';
                }
                if digits.get(..length).and_then(cards::card) == Some(Card::Known) {
                    self.card(start, end, Sure::Certain);
                }
            }
        }
    }

    /// A run no longer than a card, of which zeros in front are no part.
    fn padded(&mut self, chain: &Chain) {
        let Some(window) = chain.window(self.text, 0, 0) else { return };
        let zeros = window.digits.iter().take_while(|digit| **digit == 0).count();
        let rest = window.digits.get(zeros..).unwrap_or_default();
        if zeros > 0 && window.digits.len() <= MOST && window.before == Edge::Open && window.after == Edge::Open {
            if cards::card(rest) == Some(Card::Known) {
                self.card(window.start, window.end, Sure::Certain);
            }
            if rest.len() == 9 && ids::us_ssn(rest) {
                self.add(Kind::US_SSN, window.start, window.end, Sure::Maybe);
            }
        }
    }
}

/// A hash: more letters than a card's neighbours are, and of the six only.
fn is_hexadecimal(token: &[u8]) -> bool {
    token.len() >= 24 && token.iter().all(u8::is_ascii_hexdigit)
}

/// `AB 12 34 56 C`: where it ends.
fn spaced_nino(text: &[u8], start: usize) -> Option<usize> {
    let end =
        joined::<9>(text, start, &[2, 4, 6, 8], |token| token.iter().all(|byte| !byte.is_ascii_lowercase()) && lettered::uk_nino(token))?;
    (before_of(text, start) == Edge::Open && after_of(text, end) == Edge::Open).then_some(end)
}

/// `1EG4-TE5-MK73`: where it ends.
fn dashed_mbi(text: &[u8], start: usize) -> Option<usize> {
    let end = joined::<11>(text, start, &[4, 7], lettered::us_mbi)?;
    (before_of(text, start) == Edge::Open && after_of(text, end) == Edge::Open).then_some(end)
}

/// Letters and digits with a space or a dash at some of the places: where they end, if they are what is asked for.
fn joined<const N: usize>(text: &[u8], start: usize, places: &[usize], is: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let mut kept = [0; N];
    let mut at = start;
    for (filled, slot) in kept.iter_mut().enumerate() {
        if places.contains(&filled) && matches!(text.get(at), Some(b' ' | b'-')) {
            at += 1;
        }
        *slot = *text.get(at)?;
        at += 1;
    }
    is(&kept).then_some(at)
}
