//! Codecs of values: what a cell, an array element, a composite field or a JSON string says, in text and in binary, and how
//! another value is put in its place so that the whole stays valid. Nothing here knows what is sensitive, whose value it is,
//! or which message carried it.
//!
//! # Using it
//!
//! ```
//! use pgsluice::wire::value::{Choice, Format, Leaf, Outcome, Scratch, Types, Visitor};
//!
//! struct Redact;
//! impl Visitor for Redact {
//!     fn leaf(&mut self, leaf: &Leaf<'_>, replacement: &mut Vec<u8>) -> Choice {
//!         if !leaf.bytes.contains(&b'@') {
//!             return Choice::Keep;
//!         }
//!         replacement.extend_from_slice(leaf.blank);
//!         Choice::Replace
//!     }
//! }
//!
//! let types = Types::new(); // one per database; what the catalog finds is added with `Types::add`
//! let mut scratch = Scratch::new(); // one per connection; lends every buffer a walk needs
//! let jsonb = types.get(3802).ok_or(())?; // once per column; `None` is "no codec": never pass such a value
//! let mut out = Vec::new();
//! let outcome = jsonb.rewrite(Format::Text, br#"{"to": "a@b.c", "n": 1}"#, &mut Redact, &mut scratch, &mut out);
//! assert_eq!(outcome, Ok(Outcome::Changed));
//! assert_eq!(out, br#"{"to": "***", "n": 1}"#);
//! # Ok::<(), ()>(())
//! ```
//!
//! - [`Types::get`] resolves an OID to a [`Type`]. `None` means that the type, or a type inside it, has no codec.
//! - [`Type::rewrite`] shows every [`Leaf`] of a value to a [`Visitor`], which keeps it, replaces it, or makes it NULL.
//!   [`Outcome::Kept`]: nothing was written to `out`, the value's own bytes are to be forwarded. [`Outcome::Changed`]: `out` has
//!   the new value appended, in the same format. [`Outcome::Null`]: the whole value is to be NULL. On an error `out` is as it was.
//! - A leaf is what a reader would call one value: a scalar, an array's element, a composite's field, a range's bound, an hstore's
//!   key or value, a JSON key, string, number or boolean, a lexeme. [`Leaf::bytes`] is its text with all quoting and escaping
//!   taken off; for binary values the text a server would print; for `bytea` the bytes themselves. NULLs are not leaves.
//! - A replacement is given in the same form, and is refused ([`ValueError::Replacement`]) if its type could not read it.
//!   [`Leaf::blank`] is a replacement that is never refused. A JSON number or boolean may be replaced by anything: what does not
//!   read as one becomes a JSON string. NULL is refused where there is none (a JSON key, a lexeme). A range with
//!   a bound that is replaced or NULL becomes NULL as a whole: its bounds could be out of order.
//! - [`Type::may_hold`] tells which classes of leaves a type can have at all, so that a column of embeddings need not be walked.
//! - [`Type::check`] tells whether a value is well formed; [`Type::text_from_binary`] and [`Type::binary_from_text`] convert.
//!   Text is what a server prints with `DateStyle` ISO, `IntervalStyle` postgres, UTC, `bytea_output` hex and
//!   `extra_float_digits` 1. In `rewrite` a *text* scalar is shown as it stands, so other settings of these are no obstacle.
//!
//! # What cannot be known here
//!
//! `money` is printed with a locale's signs: text is made and read as the C locale does. The `reg*` types are names in text and
//! OIDs in binary: binary gives the number, and a name cannot be made binary. `aclitem` has no binary form. An anonymous `record` in text does not
//! tell its fields' types: each is one text leaf. `jsonpath` is not parsed: it is one leaf, and a replacement is written as a string
//! literal. Of `xml` names, attributes, character data, comments and instructions are leaves; a declaration of a document's type is one, and is left out if replaced. Whether a domain's CHECK would take a replacement is not judged. `"char"` above 127 is printed as servers from 16 on do; the lone byte that older ones print is no text and is refused, as is
//! any text that is not UTF-8 (a database in `SQL_ASCII` can send it).
//!
//! # Bounds
//!
//! Nothing here panics on any input. [`DEPTH_LIMIT`], [`JSON_DEPTH_LIMIT`], [`ARRAY_DIMENSIONS`], [`FIELDS_LIMIT`],
//! [`TYPES_LIMIT`] and [`LENGTH_LIMIT`] bound what is read and written; buffers are lent by [`Scratch`] and reused, so that a walk
//! allocates nothing once they have grown.

mod array;
mod bits;
mod builtin;
mod composite;
mod extension;
mod float;
mod geometry;
mod json;
mod network;
mod number;
mod numeric;
mod quote;
mod range;
mod scalar;
mod system;
mod text_search;
mod time;
mod types;
mod walk;
mod xml;

#[cfg(test)]
mod tests;

use std::fmt;

pub use extension::Extension;
pub use types::{Definition, Field, Type, Types};
pub use walk::{Scratch, Walk};

/// How many containers may stand inside each other (array, composite, range, domain …). Each level is a handful of stack frames; real
/// schemas stay below five.
pub const DEPTH_LIMIT: u32 = 32;
/// How deep JSON may nest. A level costs a few bytes of scratch memory, no stack.
pub const JSON_DEPTH_LIMIT: usize = 1024;
/// The server's own limit of array dimensions (MAXDIM).
pub const ARRAY_DIMENSIONS: usize = 6;
/// The server's own limit of a tuple's fields (MaxTupleAttributeNumber).
pub const FIELDS_LIMIT: usize = 1664;
/// How many types of one database may be added: a user who may create types must not fill our memory with them.
pub const TYPES_LIMIT: usize = 65_536;
/// How many bytes one value may take, read or written. Small values can be made that print very long (nested quotes double, a numeric
/// of ten bytes prints 131,072 digits), so the output is bounded too.
pub const LENGTH_LIMIT: usize = 64 << 20;

/// The two formats of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Text,
    Binary,
}

impl Format {
    /// The protocol's format code. `None` for a code that does not exist.
    pub fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Binary),
            _ => None,
        }
    }
}

/// Why a value could not be read, written or replaced. Holds nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("the value ends too early")]
    Short,
    #[error("bytes follow the end of the value")]
    Trailing,
    #[error("the value is malformed: {0}")]
    Malformed(&'static str),
    #[error("the value is nested too deeply")]
    TooDeep,
    #[error("the value has too many parts")]
    TooMany,
    #[error("the value is too long")]
    TooLong,
    #[error("a type inside the value has no codec")]
    UnknownType,
    #[error("the value cannot be converted without the database")]
    NoConversion,
    #[error("the replacement is not valid in its place")]
    Replacement,
}

/// What kind of thing a leaf is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    Text,
    Number,
    Boolean,
    /// Dates, times, intervals.
    Time,
    Network,
    Uuid,
    /// [`Leaf::bytes`] are raw, in no encoding.
    Bytes,
    Geometry,
    /// An embedding: one leaf, however long.
    Vector,
    Bits,
    /// A label of an enum: only another label can replace it.
    Label,
    /// The server's own bookkeeping: OIDs, transaction ids, positions, names of catalog objects.
    System,
}

/// Whether a leaf is a value or names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Value,
    /// A key of a JSON object or of an hstore.
    Key,
}

/// One value as a reader would see it, without the quoting of what it stands in.
#[derive(Clone, Copy)]
pub struct Leaf<'a> {
    /// The text (UTF-8), or the raw bytes of [`Class::Bytes`].
    pub bytes: &'a [u8],
    /// The scalar's type; inside JSON, hstore or text search the type of the whole.
    pub oid: u32,
    pub class: Class,
    pub role: Role,
    /// The nearest name inside the value: a composite's field, a JSON or hstore key. Empty if there is none.
    pub name: &'a [u8],
    /// A replacement that is valid in this place and tells nothing.
    pub blank: &'a [u8],
    /// For each of `bytes`, and their end, where it stands in the value: of a text that is [traced](Type::trace), and empty otherwise.
    pub trail: &'a [usize],
}

/// Values are not for logs: only what kind of leaf it is and how long.
impl fmt::Debug for Leaf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf")
            .field("oid", &self.oid)
            .field("class", &self.class)
            .field("role", &self.role)
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// What becomes of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Keep,
    /// By what was written into `replacement`.
    Replace,
    Null,
}

/// Looks at the leaves of a value, in the order they stand in it.
pub trait Visitor {
    /// `replacement` is empty; it is read only if the answer is [`Choice::Replace`].
    fn leaf(&mut self, leaf: &Leaf<'_>, replacement: &mut Vec<u8>) -> Choice;
}

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// No leaf changed and nothing was written.
    Kept,
    /// The new value was appended to `out`.
    Changed,
    /// The value as a whole is to be NULL; nothing was written.
    Null,
}

/// Where a value stands: its type, and the nearest name around it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub oid: u32,
    pub name: &'a [u8],
}

/// What leaves a type has of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// All leaves are its parts'.
    None,
    Of(Class),
    /// Only a value tells.
    Any,
}

/// How the values of one type are read and written. Callers use [`Type`], which lends a walk and bounds it.
pub trait Codec: fmt::Debug + Send + Sync {
    /// Appends the text of a binary value.
    fn text_from_binary(&self, walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError>;

    /// Appends the binary form of a text value.
    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError>;

    /// Shows the leaves. Keeps to [`Outcome`]: writes only when something changed.
    fn rewrite(
        &self,
        walk: &mut Walk<'_>,
        format: Format,
        place: Place<'_>,
        value: &[u8],
        visitor: &mut dyn Visitor,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError>;

    /// Whether the value is well formed. What can be converted is.
    fn check(&self, walk: &mut Walk<'_>, format: Format, value: &[u8]) -> Result<(), ValueError> {
        walk.lend(|walk, sink| match format {
            Format::Text => self.binary_from_text(walk, value, sink),
            Format::Binary => self.text_from_binary(walk, value, sink),
        })
    }

    /// Whether text and binary form are the bytes of one text, and how long it may be.
    fn plain_text(&self) -> Option<usize> {
        None
    }

    /// Whether a value is a list of names and texts.
    fn has_pairs(&self) -> bool {
        false
    }

    /// Names the types that values of this type are made of.
    fn parts(&self, _part: &mut dyn FnMut(u32)) {}

    /// What leaves the type has of its own, those of its parts aside.
    fn leaves(&self) -> Leaves {
        Leaves::None
    }
}
