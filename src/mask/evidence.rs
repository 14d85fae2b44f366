//! What a column's name, its type and some of its values say about it. The name alone is believed where the values do not speak against it; without
//! a name the values decide: how many of them pass a checksum that one in ten random numbers passes, are names of persons, are dates on which people
//! are born. A column whose values only look like something by chance is told as one, so that they pass.

use super::detect::people::{address, date, is_birth_date, is_code, is_drug, person};
use super::detect::{Context, Detectors, Finding, Room, Sure};
use super::kind::{Kind, KindSet, Need};
use super::names::{self, Spoken};
use super::verdict::{Basis, Holding, Verdict};

/// Values that are kept to see how many of them differ.
const DISTINCT: usize = 64;
/// Forms of values that are told apart: digits, letters and what joins them.
const FORMS: usize = 12;
/// Fewer values say nothing of a column that has no name.
const ENOUGH: u32 = 8;
/// Longer values are texts, and are judged each by itself.
const LONG: usize = 200;

/// What was seen of a column.
#[derive(Debug, Clone)]
pub struct Evidence {
    spoken: Spoken,
    sort: Sort,
    cells: u32,
    /// Values with something in them.
    filled: u32,
    /// For each kind: in how many values it was found, in how many it is all there is, and in how many it could be.
    found: Vec<Tally>,
    /// Values that something certain of any kind covers.
    covered: u32,
    persons: Persons,
    addresses: [u32; 2],
    dates: Dates,
    codes: [u32; 2],
    drugs: u32,
    long: u32,
    containers: u32,
    digits: u32,
    /// Nine digits that can be a US number, those that cannot, and those whose front zero a number would lose.
    nines: [u32; 3],
    words: u32,
    /// Hashes of values that differ.
    distinct: Vec<u64>,
    forms: Vec<Form>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    found: u32,
    whole: u32,
    maybe: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Persons {
    strong: u32,
    fair: u32,
    first: u32,
    last: u32,
    form: u32,
    /// Words that can be neither.
    none: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Dates {
    all: u32,
    oldest: u32,
    newest: u32,
    born: u32,
    /// Before 1985: few things that are on record are as old, and half of the people.
    early: u32,
}

/// Values that are built alike, and how many of them a checksum takes for something.
#[derive(Debug, Clone, Copy)]
struct Form {
    hash: u64,
    cells: u32,
    hits: u32,
}

/// What its type lets a column hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Text,
    Integer,
    Numeric,
    Date,
    /// Points of time: nobody's birthday is kept with its minute, unless the name says so.
    Moment,
    Container,
    /// Booleans, uuids, floats, geometry, intervals: nothing that is looked for.
    Nothing,
    /// Networks, bytes and what else: searched as it is.
    Other,
}

fn sort(type_oid: u32) -> Sort {
    match type_oid {
        16
        | 2950
        | 700
        | 701
        | 1083
        | 1266
        | 1186
        | 600..=604
        | 628
        | 718
        | 3906
        | 3904
        | 3926
        | 2205..=2206
        | 24
        | 26..=29
        | 5069
        | 3220
        | 790
        | 16_385 => Sort::Nothing,
        20 | 21 | 23 => Sort::Integer,
        1700 => Sort::Numeric,
        1082 | 3912 => Sort::Date,
        1114 | 1184 | 3908 | 3910 => Sort::Moment,
        114
        | 142
        | 3802
        | 2249
        | 3614
        | 199
        | 143
        | 3807
        | 1000..=1028
        | 1034
        | 1040..=1041
        | 1115
        | 1182..=1185
        | 1231
        | 2287
        | 2951
        | 651
        | 16_384 => Sort::Container,
        18 | 19 | 25 | 1042 | 1043 | 705 => Sort::Text,
        17 | 869 | 650 | 829 | 774 | 1560 | 1562 => Sort::Other,
        _ => Sort::Text,
    }
}

impl Default for Evidence {
    fn default() -> Self {
        Self::new(b"", b"", 25)
    }
}

impl Evidence {
    /// `name` as the result or the table has it, `table` empty where there is none.
    pub fn new(table: &[u8], name: &[u8], type_oid: u32) -> Self {
        Self {
            spoken: names::of_column(table, name),
            sort: sort(type_oid),
            cells: 0,
            filled: 0,
            found: vec![Tally::default(); 128],
            covered: 0,
            persons: Persons::default(),
            addresses: [0; 2],
            dates: Dates { oldest: u32::MAX, ..Dates::default() },
            codes: [0; 2],
            drugs: 0,
            long: 0,
            containers: 0,
            digits: 0,
            nines: [0; 3],
            words: 0,
            distinct: Vec::new(),
            forms: Vec::new(),
        }
    }

    /// Looks at one value that is there, as text.
    pub fn look(&mut self, detectors: &Detectors, value: &[u8], room: &mut Room, found: &mut Vec<Finding>) {
        self.cells = self.cells.saturating_add(1);
        let value = value.trim_ascii();
        if value.is_empty() || self.sort == Sort::Nothing {
            return;
        }
        let inside = |open: &[u8], close: &[u8]| value.strip_prefix(open).and_then(|inner| inner.strip_suffix(close));
        let record = inside(b"(", b")").filter(|_| self.sort == Sort::Container);
        if let Some(inner) = inside(b"{", b"}").or(record).filter(|inner| !inner.contains(&b':')) {
            // An array or a record: its parts are what the column holds.
            self.containers += 1;
            for element in Elements(inner) {
                if !element.is_empty() && element != b"NULL" {
                    self.one(detectors, element, room, found);
                }
            }
            return;
        }
        if matches!(value.first(), Some(b'{' | b'[' | b'(' | b'<')) {
            self.containers += 1;
            // A range of dates is looked at by its lower bound.
            if self.sort != Sort::Date {
                self.filled += 1;
                return;
            }
        }
        self.one(detectors, value, room, found);
    }

    fn one(&mut self, detectors: &Detectors, value: &[u8], room: &mut Room, found: &mut Vec<Finding>) {
        self.filled = self.filled.saturating_add(1);
        self.distinguish(value);
        if value.len() > LONG {
            self.long += 1;
        }
        found.clear();
        let context = Context { expected: self.spoken.strong.without(WORDY), ..Context::NONE };
        detectors.candidates(value, &context, room, found);
        let mut covers = false;
        let mut chance = false;
        for finding in found.iter() {
            let Some(tally) = self.found.get_mut(finding.kind.index()) else { continue };
            let whole = is_whole(value, finding);
            tally.found += 1;
            tally.whole += u32::from(whole);
            tally.maybe += u32::from(finding.sure == Sure::Maybe);
            covers |= whole && finding.sure > Sure::Maybe;
            chance |= whole && KindSet::BY_CHANCE.has(finding.kind);
        }
        self.covered += u32::from(covers);
        self.remember_form(value, chance);
        self.count(value);
    }

    fn count(&mut self, value: &[u8]) {
        let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
        if digits == value.len() {
            self.digits += 1;
            self.count_nine(value);
        }
        if value.len() > LONG {
            return;
        }
        self.words += u32::from(value.iter().any(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80));
        let persons = &mut self.persons;
        let count = match person::likeness(value) {
            person::Likeness::None => &mut persons.none,
            person::Likeness::Form => &mut persons.form,
            person::Likeness::Last => &mut persons.last,
            person::Likeness::First => &mut persons.first,
            person::Likeness::Fair => &mut persons.fair,
            person::Likeness::Strong => &mut persons.strong,
        };
        *count += 1;
        match address::likeness(value) {
            address::Likeness::None => {}
            address::Likeness::Fair => self.addresses[1] += 1,
            address::Likeness::Strong => self.addresses[0] += 1,
        }
        let start = usize::from(matches!(value.first(), Some(b'[' | b'(')));
        if let Some((year, end)) = date(value, start) {
            let rest = value.get(end..).unwrap_or_default();
            let midnight = matches!(rest, b" 00:00:00" | b"T00:00:00" | b"T00:00:00Z" | b" 00:00:00+00");
            if rest.is_empty() || midnight || rest.starts_with(b",") {
                self.dates.all += 1;
                self.dates.oldest = self.dates.oldest.min(year);
                self.dates.newest = self.dates.newest.max(year);
                self.dates.born += u32::from(is_birth_date(year));
                self.dates.early += u32::from(year < 1985);
            }
        }
        if is_code(value) {
            self.codes[0] += 1;
            self.codes[1] += u32::from(value.contains(&b'.'));
        }
        let word = value.split(|byte| matches!(byte, b' ' | b'/' | b',')).next().unwrap_or_default();
        self.drugs += u32::from(word.len() >= 4 && is_drug(word));
    }

    /// Random numbers of nine digits are US numbers nine times of ten, so that they are says nothing; that none of many is not, and that some
    /// of them begin with zeros, says all.
    fn count_nine(&mut self, value: &[u8]) {
        let lost = value.len() < 9 && self.sort == Sort::Integer;
        if !(value.len() == 9 || (lost && value.len() >= 7)) {
            self.nines[1] += 1;
            return;
        }
        let mut padded = *b"000000000";
        if let Some(slot) = padded.get_mut(9 - value.len()..) {
            slot.copy_from_slice(value);
        }
        let [a, b, c, d, e, rest @ ..] = &padded;
        let area = [*a, *b, *c];
        let possible = area != *b"000" && area != *b"666" && *a != b'9' && [*d, *e] != *b"00" && rest != b"0000";
        let slot = if possible { &mut self.nines[0] } else { &mut self.nines[1] };
        *slot += 1;
        self.nines[2] += u32::from(possible && *a == b'0');
    }

    fn distinguish(&mut self, value: &[u8]) {
        let hash = hash(value.iter().copied());
        if self.distinct.len() < DISTINCT && !self.distinct.contains(&hash) {
            self.distinct.push(hash);
        }
    }

    fn remember_form(&mut self, value: &[u8], hit: bool) {
        if value.len() > 40 {
            return;
        }
        let hash = hash(value.iter().map(|byte| match byte {
            b'0'..=b'9' => b'9',
            b'a'..=b'z' => b'a',
            b'A'..=b'Z' => b'A',
            other => *other,
        }));
        if let Some(form) = self.forms.iter_mut().find(|form| form.hash == hash) {
            form.cells += 1;
            form.hits += u32::from(hit);
        } else if self.forms.len() < FORMS {
            self.forms.push(Form { hash, cells: 1, hits: u32::from(hit) });
        }
    }

    fn share(&self, count: u32) -> f64 {
        if self.filled == 0 { 0.0 } else { f64::from(count) / f64::from(self.filled) }
    }

    fn tally(&self, kind: Kind) -> Tally {
        self.found.get(kind.index()).copied().unwrap_or_default()
    }

    pub fn verdict(&self) -> Verdict {
        let basis = if self.cells == 0 { Basis::Name } else { Basis::Sampled(self.cells) };
        Verdict { holding: self.holding(), basis }
    }

    fn holding(&self) -> Holding {
        if self.sort == Sort::Nothing {
            return Holding::Harmless;
        }
        let mut expected = self.spoken.strong;
        if let Some(kind) = self.by_name() {
            return self.as_whole(kind);
        }
        if self.sort == Sort::Moment {
            return if expected.has(Kind::DOB) { Holding::Whole(Kind::DOB) } else { Holding::Harmless };
        }
        if self.filled >= ENOUGH
            && let Some(holding) = self.by_values()
        {
            match holding {
                Holding::Whole(kind) => return self.as_whole(kind),
                Holding::Mixed(kinds) => expected = expected.or(kinds),
                Holding::Harmless => return Holding::Harmless,
            }
        }
        // Of a handful of values each counts that tells by itself.
        if self.filled < ENOUGH {
            let few = KindSet::ALL.without(KindSet::BY_CHANCE).with(Kind::CREDIT_CARD).without(WEAK_DIGITS);
            let told = Kind::ALL.iter().copied().filter(|kind| few.has(*kind) && kind.need() == Need::Value && self.tally(*kind).whole > 0);
            expected = told.fold(expected, KindSet::with);
        }
        // What the name said and the values did not bear out counts no more, where there were enough of them.
        if self.filled >= ENOUGH && self.is_enumeration() {
            expected = expected.without(WORDY);
        }
        if matches!(self.sort, Sort::Integer | Sort::Numeric) {
            expected = expected.without(LETTERED);
        }
        expected = expected.or(self.numbered());
        if self.is_chance() {
            expected = expected.with(Kind::CHANCE);
        }
        Holding::Mixed(expected)
    }

    /// Inside an array, a document or a record each leaf is judged; what most of them are is expected there.
    fn as_whole(&self, kind: Kind) -> Holding {
        if self.sort == Sort::Container && self.containers > 0 && !matches!(kind, Kind::PERSON | Kind::EMAIL | Kind::PHONE | Kind::ADDRESS)
        {
            return Holding::Mixed(KindSet::of(&[kind]));
        }
        if self.containers > self.filled / 2 && self.sort != Sort::Container || self.sort == Sort::Date && self.containers > 0 {
            return Holding::Mixed(KindSet::of(&[kind]));
        }
        Holding::Whole(kind)
    }

    /// The kind that the name speaks for, unless what was seen speaks against it.
    fn by_name(&self) -> Option<Kind> {
        let strong = self.spoken.strong;
        if strong.is_empty() || self.sort == Sort::Container && self.containers > 0 {
            return None;
        }
        let kind = strong.iter().max_by_key(|kind| self.tally(*kind).whole)?;
        let several = strong.iter().count() > 1;
        if self.filled == 0 {
            return (!several || strong.iter().all(names::is_national)).then_some(kind);
        }
        let texts = self.share(self.long) > 0.5;
        let plausible = match kind {
            Kind::PERSON => {
                let Persons { strong, fair, first, last, form, none } = self.persons;
                let words = strong + fair + first + last;
                let dense = self.words > 0 && self.digits == 0 && self.share(none) < 0.5;
                !texts
                    && self.share(self.words) >= 0.6
                    && (self.share(words) >= 0.2 || (self.share(words + form) >= 0.6 && self.share(none) < 0.4) || dense)
                    && !(self.is_enumeration() && self.share(words) < 0.5)
            }
            Kind::ADDRESS => {
                !texts
                    && !self.is_enumeration()
                    && (self.share(self.addresses[0] + self.addresses[1]) >= 0.25
                        || self.share(self.digits) < 0.5 && self.distinct.len() > 3 && self.share(self.words) > 0.5)
            }
            Kind::DOB => self.share(self.dates.born) >= 0.5 || self.dates.all == 0 && !self.is_enumeration(),
            Kind::CVV => self.share(self.digits) >= 0.8,
            Kind::ICD10 => self.share(self.codes[0]) >= 0.5 || (!texts && self.codes[0] > 0),
            Kind::MEDICATION => self.drugs > 0 && self.share(self.drugs) >= 0.3,
            Kind::USERNAME => !texts && self.share(self.words) >= 0.5 && !self.is_enumeration(),
            Kind::PASSPORT | Kind::DRIVER_LICENSE | Kind::BANK_ACCOUNT | Kind::MRN => {
                !texts && self.has_digits() && self.distinct.len() * 3 >= usize::try_from(self.filled.min(24)).unwrap_or(0)
            }
            Kind::PASSWORD
            | Kind::API_KEY
            | Kind::BEARER
            | Kind::SESSION_ID
            | Kind::TOTP_SECRET
            | Kind::AWS_SECRET
            | Kind::PASSWORD_HASH => {
                !self.is_enumeration() && self.sort != Sort::Integer
                    || kind == Kind::PASSWORD && self.sort == Sort::Integer && self.distinct.len() > 12
            }
            Kind::EMAIL | Kind::IP | Kind::MAC | Kind::IBAN => self.share(self.tally(kind).whole) >= 0.3,
            Kind::PHONE => {
                self.share(self.tally(kind).whole) >= 0.3
                    || (!texts && self.has_digits() && !self.is_enumeration() && self.share(self.words) < 0.3)
            }
            // A checksum says more than a name.
            Kind::CREDIT_CARD
            | Kind::VIN
            | Kind::IMEI
            | Kind::US_NPI
            | Kind::US_DEA
            | Kind::US_MBI
            | Kind::CRYPTO
            | Kind::SWIFT
            | Kind::US_ABA => self.share(self.tally(kind).whole) >= 0.3 || !texts && !self.is_enumeration() && self.tally(kind).whole > 0,
            _ if names::is_national(kind) => {
                let any: u32 = strong.iter().map(|kind| self.tally(kind).whole).max().unwrap_or_default();
                self.share(any.max(self.covered)) >= 0.2
                    || !texts && self.has_digits() && !self.is_enumeration() && self.sort != Sort::Numeric
            }
            _ => !texts && !self.is_enumeration(),
        };
        plausible.then_some(kind)
    }

    fn has_digits(&self) -> bool {
        self.forms.len() > 1 || self.digits > 0 || self.share(self.words) > 0.0
    }

    /// Few different values, again and again: `active`, `gold`, `visa`.
    fn is_enumeration(&self) -> bool {
        self.filled >= ENOUGH && self.distinct.len() * 4 < usize::try_from(self.filled.min(64)).unwrap_or(0) && self.distinct.len() < 14
    }

    fn by_values(&self) -> Option<Holding> {
        // A kind that nearly every value is as a whole, by something better than chance.
        let best = Kind::ALL
            .iter()
            .copied()
            .filter(|kind| !matches!(kind.need(), Need::Context) || CHECKED.has(*kind))
            .max_by_key(|kind| self.tally(*kind).whole);
        if let Some(kind) = best {
            let share = self.share(self.tally(kind).whole);
            let weak = WEAK_DIGITS.has(kind) && self.spoken.both().and(KindSet::of(&[kind])).is_empty();
            if !weak && share >= 0.6 && self.distinct.len() > 4 && (self.spoken.both().has(kind) || !self.spoken.about || share >= 0.9) {
                return Some(Holding::Whole(kind));
            }
        }
        if self.share(self.covered) >= 0.85 && !self.is_enumeration() && !self.is_chance() {
            let surest = Kind::ALL.iter().copied().filter(|kind| !WEAK_DIGITS.has(*kind)).max_by_key(|kind| self.tally(*kind).whole);
            if let Some(kind) = surest.filter(|kind| self.tally(*kind).whole > 0) {
                return Some(Holding::Whole(kind));
            }
        }
        let [possible, impossible, zeros] = self.nines;
        if self.share(possible) > 0.95 && impossible == 0 && possible >= 30 && self.share(zeros) >= 0.03 && self.share(zeros) < 0.3 {
            return Some(Holding::Whole(Kind::US_SSN));
        }
        if self.spoken.about {
            return None;
        }
        let Persons { strong, fair, first, last, .. } = self.persons;
        let hinted = self.spoken.weak.has(Kind::PERSON);
        let varied = self.distinct.len() >= 8;
        if self.sort == Sort::Text || self.sort == Sort::Container {
            let several = self.share(strong + fair);
            let one = self.share(first + last);
            let sure = f64::from(strong) / f64::from((strong + fair).max(1));
            if varied
                && ((several >= 0.75 && sure >= 0.4)
                    || (several + one >= 0.6 && hinted && sure >= 0.25)
                    || (several + one >= 0.85 && self.share(first.max(last)) >= 0.6 && several + self.share(first) > 0.15))
            {
                return Some(if several + one >= 0.9 || hinted {
                    Holding::Whole(Kind::PERSON)
                } else {
                    Holding::Mixed(KindSet::of(&[Kind::PERSON]))
                });
            }
            if self.share(strong) >= 0.1 || (hinted && several >= 0.1) || (varied && one >= 0.4 && hinted) {
                return Some(Holding::Mixed(KindSet::of(&[Kind::PERSON])));
            }
        }
        let located = self.share(self.addresses[0]);
        let hinted = self.spoken.weak.has(Kind::ADDRESS);
        if varied && (located >= 0.5 || (hinted && located + self.share(self.addresses[1]) >= 0.4)) {
            return Some(Holding::Whole(Kind::ADDRESS));
        }
        let dates = self.dates;
        if self.share(dates.all) >= 0.9
            && varied
            && dates.oldest < 1975
            && dates.newest <= 2021
            && self.share(dates.early) >= 0.25
            && dates.newest - dates.oldest >= 25
        {
            return Some(Holding::Whole(Kind::DOB));
        }
        if self.share(self.codes[0]) >= 0.9
            && self.distinct.len() >= 4
            && (self.share(self.codes[1]) >= 0.3 || self.spoken.weak.has(Kind::ICD10))
        {
            return Some(Holding::Whole(Kind::ICD10));
        }
        if self.share(self.drugs) >= 0.5 && self.distinct.len() >= 4 {
            return Some(Holding::Whole(Kind::MEDICATION));
        }
        None
    }

    /// Kinds of numbers that the name speaks for, if softly, and some of the values are: `card` with numbers of which few pass the checksum
    /// holds cards that somebody made up, or cut, beside those that are real.
    fn numbered(&self) -> KindSet {
        let said = self.spoken.weak.and(KindSet::BY_CHANCE).iter().filter(|kind| self.tally(*kind).whole > 0);
        said.fold(KindSet::NONE, KindSet::with)
    }

    /// Values are built alike, and some of them, not most, pass a checksum: that is what numbers do.
    fn is_chance(&self) -> bool {
        if self.filled < ENOUGH {
            return false;
        }
        let weak: u32 = WEAK_DIGITS.iter().map(|kind| self.tally(kind).whole).max().unwrap_or_default();
        let hits: u32 = self.forms.iter().map(|form| form.hits).sum();
        let counted: u32 = self.forms.iter().map(|form| form.cells).sum();
        // Whose name says that it holds such numbers is believed.
        let named = !self.spoken.strong.is_empty() || !self.spoken.weak.and(KindSet::BY_CHANCE).is_empty();
        if hits == 0 && weak == 0 {
            // Numbers alone, none of which is anything: the next that seems to be something is not either.
            return self.share(self.digits) >= 0.95 && !named;
        }
        let alike = f64::from(counted) >= f64::from(self.filled) * 0.9 && self.forms.len() <= 8;
        let rare = self.forms.iter().all(|form| form.hits * 2 <= form.cells || form.hits < 2);
        let digits = self.share(self.digits) >= 0.95;
        !named && ((alike && rare) || digits)
    }
}

/// Kinds that words tell: of a column that says the same few words again and again they are not expected.
const WORDY: KindSet = KindSet::of(&[
    Kind::PERSON,
    Kind::ADDRESS,
    Kind::USERNAME,
    Kind::PASSWORD,
    Kind::API_KEY,
    Kind::BEARER,
    Kind::SESSION_ID,
    Kind::TOTP_SECRET,
    Kind::AWS_SECRET,
    Kind::MEDICATION,
]);

/// Kinds that no number is, whatever its column is called.
const LETTERED: KindSet =
    KindSet::of(&[Kind::PERSON, Kind::ADDRESS, Kind::EMAIL, Kind::IBAN, Kind::SWIFT, Kind::MAC, Kind::MEDICATION, Kind::ICD10]);

/// Kinds whose need is context and whose checksum is as good as one over many values.
const CHECKED: KindSet = KindSet::of(&[Kind::US_NPI, Kind::IMEI, Kind::PL_PESEL, Kind::TR_TCKN, Kind::ZA_ID, Kind::NL_BSN, Kind::US_ABA]);

/// Kinds that nearly any number of the right length is.
const WEAK_DIGITS: KindSet = KindSet::of(&[
    Kind::US_SSN,
    Kind::PHONE,
    Kind::SWIFT,
    Kind::CVV,
    Kind::BANK_ACCOUNT,
    Kind::PASSPORT,
    Kind::DRIVER_LICENSE,
    Kind::MRN,
    Kind::USERNAME,
    Kind::IN_PAN,
]);

/// The finding is all there is, but for what stands around values.
fn is_whole(value: &[u8], finding: &Finding) -> bool {
    let outside = value.get(..finding.start).unwrap_or_default().iter().chain(value.get(finding.end..).unwrap_or_default());
    outside.filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80).count() == 0
}

fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The elements of an array as it is written, without their quotes.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        if let Some(rest) = self.0.strip_prefix(b"\"") {
            let mut escaped = false;
            let end = rest.iter().position(|byte| {
                let ends = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                ends
            });
            let end = end.unwrap_or(rest.len());
            let element = rest.get(..end);
            let rest = rest.get(end + 1..).unwrap_or_default();
            self.0 = rest.strip_prefix(b",").unwrap_or(rest);
            return element;
        }
        let end = memchr::memchr(b',', self.0).unwrap_or(self.0.len());
        let element = self.0.get(..end);
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        element
    }
}
