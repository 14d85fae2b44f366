//! The policies that come with the program, and the extensions whose functions do no more than compute.

use std::sync::{Arc, LazyLock};

use super::Policy;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuiltIn {
    Default,
    ReadOnly,
    Strict,
    Observe,
}

/// By the name that people give.
pub const BUILT_IN: [(&str, BuiltIn); 4] =
    [("default", BuiltIn::Default), ("read-only", BuiltIn::ReadOnly), ("strict", BuiltIn::Strict), ("observe", BuiltIn::Observe)];

impl BuiltIn {
    pub fn of_name(name: &str) -> Option<Self> {
        BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, which)| *which)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::ReadOnly => "read-only",
            Self::Strict => "strict",
            Self::Observe => "observe",
        }
    }

    /// The policy as it would stand in a file.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Default => include_str!("../../../policies/default.toml"),
            Self::ReadOnly => include_str!("../../../policies/read-only.toml"),
            Self::Strict => include_str!("../../../policies/strict.toml"),
            Self::Observe => include_str!("../../../policies/observe.toml"),
        }
    }

    /// The cases that would stand beside it.
    pub const fn cases(self) -> &'static str {
        match self {
            Self::Default => include_str!("../../../policies/default.tests.toml"),
            Self::ReadOnly => include_str!("../../../policies/read-only.tests.toml"),
            Self::Strict => include_str!("../../../policies/strict.tests.toml"),
            Self::Observe => include_str!("../../../policies/observe.tests.toml"),
        }
    }
}

pub fn policy(which: BuiltIn) -> Arc<Policy> {
    static PARSED: [LazyLock<Arc<Policy>>; 4] = [
        LazyLock::new(|| parsed(BuiltIn::Default)),
        LazyLock::new(|| parsed(BuiltIn::ReadOnly)),
        LazyLock::new(|| parsed(BuiltIn::Strict)),
        LazyLock::new(|| parsed(BuiltIn::Observe)),
    ];
    let [default, read_only, strict, observe] = &PARSED;
    Arc::clone(match which {
        BuiltIn::Default => default,
        BuiltIn::ReadOnly => read_only,
        BuiltIn::Strict => strict,
        BuiltIn::Observe => observe,
    })
}

/// Their texts are tested. One that could not be read would hold everything.
fn parsed(which: BuiltIn) -> Arc<Policy> {
    Arc::new(Policy::parse(which.text()).map_or_else(|_| Policy::of(Vec::new()), |(policy, _)| policy))
}

/// Extensions that come with PostgreSQL, and the vectors that everybody has: none of their functions runs SQL that it is given, reads or
/// writes outside of its arguments, or changes what a session is judged by. Left out for one function that does: `tablefunc` and `xml2` (SQL
/// in a string), `earthdistance` (looks names up where the caller's search path says), `lo` and `tcn` (act on what a table's trigger meets).
pub const EXTENSIONS: &[&str] = &[
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dict_int",
    "dict_xsyn",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "isn",
    "ltree",
    "pg_trgm",
    "pgcrypto",
    "seg",
    "tsm_system_rows",
    "tsm_system_time",
    "unaccent",
    "uuid-ossp",
    "vector",
];
