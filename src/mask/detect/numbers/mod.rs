//! Numbers that people are known by or paid with.

mod words;

pub use words::WORDS;
