//! The kinds of sensitive values, each with its word and what it takes to know one.

use std::fmt;

/// A kind of sensitive value: one of those below, or one that a policy names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(u8);

/// What it takes to know a value of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The value tells by itself: a checksum, a prefix, a shape that nothing else has.
    Value,
    /// Only what stands around it tells: the column, a key, the words before.
    Context,
}

/// Kinds that policies name themselves.
pub const CUSTOM: usize = 32;
const FIRST_CUSTOM: u8 = 96;

macro_rules! kinds {
    ($($name:ident $need:ident),* $(,)?) => {
        #[derive(Clone, Copy)]
        #[repr(u8)]
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "the numbers of the names below, and never seen")]
        enum Number { $($name),* }

        impl Kind {
            $(pub const $name: Self = Self(Number::$name as u8);)*
            /// Those that come with the program.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }

        const NAMES: &[(&str, Need)] = &[$((stringify!($name), Need::$need)),*];
    };
}

kinds! {
    // Money.
    CREDIT_CARD Value, CARD_TRACK Value, CVV Context, IBAN Value, BANK_ACCOUNT Context, US_ABA Context, SWIFT Context, CRYPTO Value,
    // Ways to reach somebody.
    EMAIL Value, PHONE Value, ADDRESS Context, IP Value, MAC Value,
    // Who somebody is.
    PERSON Context, DOB Context, USERNAME Context, PASSPORT Context, DRIVER_LICENSE Context,
    US_SSN Value, US_ITIN Value, CA_SIN Value, SE_PNR Value, ZA_ID Context, IN_AADHAAR Value, IN_PAN Value, UK_NHS Value, UK_NINO Value,
    AU_TFN Value, AU_MEDICARE Value, NL_BSN Context, BR_CPF Value, BR_CNPJ Value, CN_RIC Value, KR_RRN Value, FR_NIR Value, BE_NRN Value,
    DE_TAXID Value, ES_NIF Value, ES_NIE Value, FI_HETU Value, IT_CF Value, PL_PESEL Context, TR_TCKN Context, MX_CURP Value, SG_NRIC Value,
    // Health.
    US_MBI Value, US_NPI Context, US_DEA Value, MRN Context, ICD10 Context, MEDICATION Context,
    // Things.
    VIN Value, IMEI Context,
    // Secrets.
    PASSWORD Context, PASSWORD_HASH Value, API_KEY Context, BEARER Context, SESSION_ID Context, TOTP_SECRET Context, AWS_SECRET Context,
    URL_CREDENTIALS Value, JWT Value, PEM_KEY Value, AWS_KEY_ID Value, GITHUB_TOKEN Value, GITLAB_TOKEN Value, GOOGLE_API_KEY Value,
    NPM_TOKEN Value, OPENAI_KEY Value, SENDGRID_KEY Value, SLACK_TOKEN Value, SLACK_WEBHOOK Value, STRIPE_KEY Value,
    // Any other of the shapes that vendors publish.
    VENDOR_TOKEN Value,
    // An expression over a sensitive column: what it was cannot be told any more.
    DERIVED Context,
    // Nothing that is found: among the kinds of a column it says that bare digits pass checksums there by chance.
    CHANCE Context,
}

const _: () = assert!(NAMES.len() <= FIRST_CUSTOM as usize);

impl Kind {
    /// The kind that a policy names as its `place`th.
    pub fn custom(place: usize) -> Option<Self> {
        let place = u8::try_from(place).ok()?;
        (usize::from(place) < CUSTOM).then_some(Self(FIRST_CUSTOM + place))
    }

    /// Its place among the kinds of a policy.
    pub fn custom_place(self) -> Option<usize> {
        self.0.checked_sub(FIRST_CUSTOM).map(usize::from)
    }

    /// As it is written: `CREDIT_CARD`. A policy knows the names of its own.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).map_or("CUSTOM", |(name, _)| name)
    }

    /// By its name in either case.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    pub fn need(self) -> Need {
        NAMES.get(usize::from(self.0)).map_or(Need::Value, |(_, need)| *need)
    }

    pub const fn index(self) -> usize {
        self.0 as usize
    }

    pub fn of_index(index: usize) -> Option<Self> {
        let number = u8::try_from(index).ok()?;
        let known = index < NAMES.len() || (usize::from(FIRST_CUSTOM)..usize::from(FIRST_CUSTOM) + CUSTOM).contains(&index);
        known.then_some(Self(number))
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.custom_place() {
            Some(place) => write!(out, "CUSTOM_{place}"),
            None => out.write_str(self.name()),
        }
    }
}

/// Some of the kinds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct KindSet(u128);

impl KindSet {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(u128::MAX);

    pub const fn of(kinds: &[Kind]) -> Self {
        let mut set = 0;
        let mut rest = kinds;
        while let [kind, more @ ..] = rest {
            set |= 1 << kind.0;
            rest = more;
        }
        Self(set)
    }

    /// What one of ten or more random numbers would be taken for.
    pub const BY_CHANCE: Self = Self::of(&[
        Kind::CREDIT_CARD,
        Kind::PHONE,
        Kind::US_SSN,
        Kind::US_ITIN,
        Kind::CA_SIN,
        Kind::SE_PNR,
        Kind::IN_AADHAAR,
        Kind::UK_NHS,
        Kind::AU_TFN,
        Kind::AU_MEDICARE,
        Kind::BR_CPF,
        Kind::BR_CNPJ,
        Kind::KR_RRN,
        Kind::FR_NIR,
        Kind::BE_NRN,
        Kind::DE_TAXID,
        Kind::FI_HETU,
        Kind::US_DEA,
        Kind::VIN,
        Kind::SG_NRIC,
        Kind::IP,
    ]);

    pub const fn has(self, kind: Kind) -> bool {
        self.0 >> kind.0 & 1 == 1
    }

    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind.0)
    }

    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Kind> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let index = (rest != 0).then(|| rest.trailing_zeros())?;
            rest &= rest - 1;
            usize::try_from(index).ok()
        })
        .filter_map(Kind::of_index)
    }
}

impl fmt::Debug for KindSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL { out.write_str("{all}") } else { out.debug_set().entries(self.iter()).finish() }
    }
}
