//! Which codec an OID has: the built-in types by a table, the others as the caller found them in one database's catalog. Must not
//! guess: a type that is unknown, or made of an unknown one, has no codec.

use std::collections::{HashMap, HashSet};

use super::array::Array;
use super::composite::Composite;
use super::extension::{Domain, Enum};
use super::range::{Span, Spans};
use super::walk::bounded;
use super::{
    Class, Codec, Extension, FIELDS_LIMIT, Format, LENGTH_LIMIT, Leaves, Outcome, Place, Scratch, TYPES_LIMIT, ValueError, Visitor, Walk,
    builtin,
};

/// A type as the catalog describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Definition {
    Enum {
        labels: Vec<String>,
    },
    Domain {
        base: u32,
    },
    /// The fields that are not dropped, in their order.
    Composite {
        fields: Vec<Field>,
    },
    /// `delimiter` is the element's `typdelim`.
    Array {
        element: u32,
        delimiter: u8,
    },
    Range {
        subtype: u32,
    },
    Multirange {
        range: u32,
    },
    Extension(Extension),
}

/// A field of a composite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub oid: u32,
}

/// The types of one database.
#[derive(Debug, Default)]
pub struct Types {
    found: HashMap<u32, Found>,
}

#[derive(Debug)]
enum Found {
    Made(Box<dyn Codec>),
    Shared(&'static dyn Codec),
}

impl Types {
    /// The built-in types alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a type, or describes it anew. Types may be added in any order: what one is made of is looked up when it is asked for. A built-in
    /// type cannot be described otherwise.
    pub fn add(&mut self, oid: u32, definition: Definition) -> Result<(), ValueError> {
        if oid == 0 || builtin::codec(oid).is_some() {
            return Err(ValueError::Malformed("the OID of a built-in type"));
        }
        if self.found.len() >= TYPES_LIMIT && !self.found.contains_key(&oid) {
            return Err(ValueError::TooMany);
        }
        let made: Box<dyn Codec> = match definition {
            Definition::Enum { labels } => Box::new(Enum { labels }),
            Definition::Domain { base } => Box::new(Domain { base }),
            Definition::Composite { fields } if fields.len() > FIELDS_LIMIT => return Err(ValueError::TooMany),
            Definition::Composite { fields } => Box::new(Composite { fields: Some(fields) }),
            // An element of 0 would be taken for any.
            Definition::Array { element: 0, .. } => return Err(ValueError::UnknownType),
            Definition::Array { element, delimiter } => Box::new(Array { element, delimiter }),
            Definition::Range { subtype } => Box::new(Span { subtype }),
            Definition::Multirange { range } => Box::new(Spans { range }),
            Definition::Extension(extension) => {
                self.found.insert(oid, Found::Shared(extension.codec()));
                return Ok(());
            }
        };
        self.found.insert(oid, Found::Made(made));
        Ok(())
    }

    /// The type of an OID; `None` if it, or a type that it is made of, has no codec. Ask once per column, not per value.
    pub fn get(&self, oid: u32) -> Option<Type<'_>> {
        let codec = self.codec(oid)?;
        self.reach(oid, &mut |_| {}).then_some(Type { oid, codec, types: self })
    }

    /// A type that [`Types::get`] has given before, without looking at what it is made of again.
    pub fn given(&self, oid: u32) -> Option<Type<'_>> {
        self.codec(oid).map(|codec| Type { oid, codec, types: self })
    }

    /// Goes through everything a type is made of, each type once. Tells whether all of them have a codec.
    fn reach(&self, oid: u32, each: &mut dyn FnMut(&dyn Codec)) -> bool {
        let mut seen = HashSet::from([oid]);
        let mut pending = vec![oid];
        let mut whole = true;
        while let Some(oid) = pending.pop() {
            let Some(codec) = self.codec(oid) else {
                whole = false;
                continue;
            };
            each(codec);
            codec.parts(&mut |part| {
                if seen.insert(part) {
                    pending.push(part);
                }
            });
        }
        whole
    }

    /// The codec of an OID, whatever it is made of.
    pub(super) fn codec(&self, oid: u32) -> Option<&dyn Codec> {
        builtin::codec(oid).or_else(|| match self.found.get(&oid)? {
            Found::Made(codec) => Some(codec.as_ref()),
            Found::Shared(codec) => Some(*codec),
        })
    }
}

/// A type whose values can be read, written and rewritten.
#[derive(Debug, Clone, Copy)]
pub struct Type<'t> {
    oid: u32,
    codec: &'t dyn Codec,
    types: &'t Types,
}

impl Type<'_> {
    pub fn oid(&self) -> u32 {
        self.oid
    }

    /// Whether a value can hold a leaf of a class that `wanted` names. What types the fields of an anonymous record have only each value
    /// tells, so there it can.
    pub fn may_hold(&self, wanted: impl Fn(Class) -> bool) -> bool {
        let mut found = false;
        self.types.reach(self.oid, &mut |codec| {
            found |= match codec.leaves() {
                Leaves::None => false,
                Leaves::Of(class) => wanted(class),
                Leaves::Any => true,
            }
        });
        found
    }

    /// Whether text and binary form are the bytes of one text, and how long it may be.
    pub fn plain_text(&self) -> Option<usize> {
        self.codec.plain_text()
    }

    /// Whether its values are made of others, or are documents.
    pub fn holds_many(&self) -> bool {
        let mut parts = false;
        self.codec.parts(&mut |_| parts = true);
        parts || self.codec.leaves() == Leaves::Any || self.codec.has_pairs()
    }

    /// Shows every leaf of a text to the visitor, each with where it stands. Nothing can be replaced.
    pub fn trace(&self, text: &[u8], visitor: &mut dyn Visitor, scratch: &mut Scratch) -> Result<(), ValueError> {
        fits(text)?;
        let place = Place { oid: self.oid, name: b"" };
        let mut walk = Walk::traced(self.types, scratch, text.len());
        walk.lend(|walk, sink| self.codec.rewrite(walk, Format::Text, place, text, visitor, sink).map(|_| ()))
    }

    /// Whether the value is well formed.
    pub fn check(&self, format: Format, value: &[u8], scratch: &mut Scratch) -> Result<(), ValueError> {
        fits(value)?;
        self.codec.check(&mut Walk::new(self.types, scratch), format, value)
    }

    /// Appends the text a server would print.
    pub fn text_from_binary(&self, value: &[u8], scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<(), ValueError> {
        fits(value)?;
        self.whole(scratch, out, |walk, out| self.codec.text_from_binary(walk, value, out))
    }

    /// Appends the binary form of a text.
    pub fn binary_from_text(&self, text: &[u8], scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<(), ValueError> {
        fits(text)?;
        self.whole(scratch, out, |walk, out| self.codec.binary_from_text(walk, text, out))
    }

    /// Shows every leaf to the visitor, and appends the value that comes of it if one was replaced.
    pub fn rewrite(
        &self,
        format: Format,
        value: &[u8],
        visitor: &mut dyn Visitor,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError> {
        fits(value)?;
        let place = Place { oid: self.oid, name: b"" };
        self.whole(scratch, out, |walk, out| self.codec.rewrite(walk, format, place, value, visitor, out))
    }

    /// Lends an empty output to the codec, so that bounds count this value alone and half a value is never left in `out`.
    fn whole<T>(
        &self,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Walk<'_>, &mut Vec<u8>) -> Result<T, ValueError>,
    ) -> Result<T, ValueError> {
        Walk::new(self.types, scratch).lend(|walk, own| {
            let result = write(walk, own)?;
            bounded(own)?;
            out.extend_from_slice(own);
            Ok(result)
        })
    }
}

fn fits(value: &[u8]) -> Result<(), ValueError> {
    if value.len() > LENGTH_LIMIT { Err(ValueError::TooLong) } else { Ok(()) }
}
