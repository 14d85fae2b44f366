//! What only words tell: names of persons, addresses, dates of birth, papers and accounts whose numbers have no checksum, what people suffer from and
//! what they take for it. Words are known from a lexicon; how sure one is depends on what the column, the key or the words before say.

pub mod address;
mod dates;
mod health;
pub mod lexicon;
mod papers;
pub mod person;
#[cfg(test)]
mod tests;
pub mod word;

use super::{Context, Finding, Scan};
use crate::mask::names::Spoken;

pub use dates::{date, is_birth_date};
pub use health::{is_code, is_drug};

/// `spoken` is what the key that the text stands under speaks for.
pub fn find(scan: &Scan<'_>, context: &Context<'_>, spoken: Spoken, found: &mut Vec<Finding>) {
    let context = &Context { expected: context.expected.or(spoken.strong), ..*context };
    papers::find(scan, context, spoken, found);
    dates::find(scan, context, found);
    health::find(scan, context, spoken, found);
    address::find(scan, context, spoken, found);
    person::find(scan, context, spoken, found);
}
