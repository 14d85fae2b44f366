//! The server's own catalogs and views: which of their columns carry values of users, and which are names and numbers of its own.

use crate::mask::verdict::Holding;
use crate::mask::{Kind, KindSet};

/// What initdb made has a smaller OID.
pub const FIRST_MADE: u32 = 16384;

/// Columns whose values are values of users' columns, gathered: as a whole nobody's to see.
const GATHERED: &[(&str, &[&str])] = &[
    ("pg_stats", &["most_common_vals", "histogram_bounds", "most_common_elems", "range_bounds_histogram"]),
    ("pg_stats_ext", &["most_common_vals"]),
    ("pg_stats_ext_exprs", &["most_common_vals", "histogram_bounds", "most_common_elems", "range_bounds_histogram"]),
    ("pg_statistic", &["stavalues1", "stavalues2", "stavalues3", "stavalues4", "stavalues5"]),
    ("pg_statistic_ext_data", &["stxdmcv", "stxdexpr"]),
    ("pg_attribute", &["attmissingval"]),
    ("pg_largeobject", &["data"]),
];

/// Columns in which secrets are kept.
const SECRET: &[(&str, &[&str], Kind)] = &[
    ("pg_authid", &["rolpassword"], Kind::PASSWORD_HASH),
    ("pg_shadow", &["passwd"], Kind::PASSWORD_HASH),
    ("pg_user_mapping", &["umoptions"], Kind::PASSWORD),
    ("pg_user_mappings", &["umoptions"], Kind::PASSWORD),
    ("user_mapping_options", &["option_value"], Kind::PASSWORD),
    ("pg_subscription", &["subconninfo"], Kind::PASSWORD),
    ("pg_stat_wal_receiver", &["conninfo"], Kind::PASSWORD),
];

/// Columns with texts of statements, in which others wrote whatever they wrote.
const STATEMENTS: &[(&str, &[&str])] = &[
    ("pg_stat_activity", &["query"]),
    ("pg_proc", &["prosrc"]),
    ("pg_prepared_statements", &["statement"]),
    ("pg_cursors", &["statement"]),
];

/// What a statement's literals may be that only their surroundings tell.
const SPOKEN_OF: KindSet =
    KindSet::of(&[Kind::PERSON, Kind::ADDRESS, Kind::DOB, Kind::USERNAME, Kind::PASSWORD, Kind::API_KEY, Kind::SESSION_ID, Kind::BEARER]);

/// Types of numbers and flags: `bool`, `"char"`, integers, `regproc` and its like, `oid`, `tid`, `xid`, `cid`, floats, times,
/// `pg_lsn`, `interval`, `xid8`, `aclitem`, and arrays of them.
const PLAIN: &[u32] = &[
    16, 18, 20, 21, 22, 23, 24, 26, 27, 28, 29, 30, 700, 701, 1000, 1002, 1005, 1007, 1016, 1028, 1033, 1034, 1184, 1186, 1700, 2202, 2203,
    2204, 2205, 2206, 3220, 3734, 3769, 4089, 4096, 5069,
];

/// What a column of the server's own holds.
pub fn holding(relation: &str, column: &str, type_oid: u32) -> Holding {
    let in_list = |list: &[(&str, &[&str])]| list.iter().any(|(name, columns)| *name == relation && columns.contains(&column));
    if in_list(GATHERED) {
        return Holding::Whole(Kind::DERIVED);
    }
    if let Some((.., kind)) = SECRET.iter().find(|(name, columns, _)| *name == relation && columns.contains(&column)) {
        return Holding::Whole(*kind);
    }
    if in_list(STATEMENTS) {
        return Holding::Mixed(SPOKEN_OF);
    }
    // Names were given by somebody, and may be anything: a table named after whom it is about, a label of an enum.
    if PLAIN.contains(&type_oid) { Holding::Harmless } else { Holding::Mixed(KindSet::NONE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_statistics_keep_are_nobodys_and_names_are_searched() {
        assert_eq!(holding("pg_stats", "most_common_vals", 2277), Holding::Whole(Kind::DERIVED));
        assert_eq!(holding("pg_stats", "attname", 19), Holding::Mixed(KindSet::NONE));
        assert_eq!(holding("pg_class", "oid", 26), Holding::Harmless);
        assert_eq!(holding("pg_shadow", "passwd", 25), Holding::Whole(Kind::PASSWORD_HASH));
        assert_eq!(holding("pg_settings", "setting", 25), Holding::Mixed(KindSet::NONE));
        assert!(matches!(holding("pg_stat_activity", "query", 25), Holding::Mixed(kinds) if kinds.has(Kind::PERSON)));
    }
}
