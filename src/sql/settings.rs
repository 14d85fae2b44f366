//! Which settings a session may have for the asking: an allow-list with values. Everything else touches what statements are judged by, in
//! whatever spelling it comes.

use super::effect::{Effect, EffectSet};
use super::facts::SettingValue;

/// What a setting may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Its value is the session's own business: it changes how values look or how a plan is made, never what is allowed.
    Any,
    On,
    Utf8,
    /// Some time, and not for ever.
    Timeout,
    SearchPath,
}

/// Longest timeout that is one, in milliseconds.
const LONGEST_TIMEOUT: f64 = 24.0 * 3600.0 * 1000.0;

fn taken(name: &str) -> Option<Taken> {
    Some(match name {
        "application_name"
        | "bytea_output"
        | "client_min_messages"
        | "datestyle"
        | "default_transaction_deferrable"
        | "default_transaction_isolation"
        | "extra_float_digits"
        | "geqo"
        | "intervalstyle"
        | "jit"
        | "lc_messages"
        | "lc_monetary"
        | "lc_numeric"
        | "lc_time"
        | "plan_cache_mode"
        | "tcp_user_timeout"
        | "timezone"
        | "transaction_deferrable"
        | "transaction_isolation"
        | "work_mem"
        | "xmlbinary"
        | "xmloption"
        | "enable_bitmapscan"
        | "enable_hashagg"
        | "enable_hashjoin"
        | "enable_indexonlyscan"
        | "enable_indexscan"
        | "enable_material"
        | "enable_memoize"
        | "enable_mergejoin"
        | "enable_nestloop"
        | "enable_seqscan"
        | "enable_sort"
        | "enable_tidscan"
        | "from_collapse_limit"
        | "join_collapse_limit"
        | "random_page_cost"
        | "seq_page_cost"
        | "max_parallel_workers_per_gather" => Taken::Any,
        // What the agent says to people; it goes no further than here.
        "pgsluice.task" | "pgsluice.answer" => Taken::Any,
        // To bind oneself is always allowed.
        "default_transaction_read_only" | "transaction_read_only" | "standard_conforming_strings" => Taken::On,
        "client_encoding" => Taken::Utf8,
        "statement_timeout" | "lock_timeout" | "idle_in_transaction_session_timeout" | "idle_session_timeout" | "transaction_timeout" => {
            Taken::Timeout
        }
        "search_path" => Taken::SearchPath,
        _ => return None,
    })
}

/// Whether a session may have it for the asking, with one value or another.
pub fn is_listed(name: &str) -> bool {
    taken(name).is_some()
}

/// Settings that do not go back to what the session began with, or should not.
fn stays(name: &str) -> bool {
    matches!(name, "role" | "session_authorization" | "transaction_read_only" | "transaction_isolation" | "transaction_deferrable")
}

/// What it is to give a setting this value: `session` where the list has it, `guard` otherwise. The name is in lower case.
pub fn judge(name: &str, value: &SettingValue) -> EffectSet {
    let harmless = match value {
        SettingValue::Reset => !stays(name),
        SettingValue::Known(value) => taken(name).is_some_and(|taken| takes(taken, value)),
        // Any value will do, but one that is computed carries data to where nobody looks for it.
        SettingValue::Parameter => taken(name) == Some(Taken::Any),
        SettingValue::Computed => false,
    };
    if harmless { Effect::Session.alone() } else { Effect::Guard.alone() }
}

fn takes(taken: Taken, value: &str) -> bool {
    match taken {
        Taken::Any => true,
        Taken::On => matches!(value.to_ascii_lowercase().as_str(), "on" | "true" | "yes" | "1" | "t" | "y"),
        Taken::Utf8 => {
            let plain: String = value.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
            matches!(plain.as_str(), "utf8" | "unicode")
        }
        Taken::Timeout => milliseconds(value).is_some_and(|time| time > 0.0 && time <= LONGEST_TIMEOUT),
        Taken::SearchPath => is_plain_path(value),
    }
}

fn milliseconds(value: &str) -> Option<f64> {
    let value = value.trim();
    let digits = value.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at_checked(digits)?;
    let factor = match unit.trim() {
        "us" => 0.001,
        "" | "ms" => 1.0,
        "s" => 1000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// A list of schemas in which neither what an agent made for itself nor anything else comes before PostgreSQL's own names.
fn is_plain_path(value: &str) -> bool {
    // A quote may hide where an item ends; what is in the quotes must then be one word.
    value.split(',').enumerate().all(|(place, item)| {
        let item = item.trim();
        let bare = item.strip_prefix('"').and_then(|item| item.strip_suffix('"')).unwrap_or(item).to_ascii_lowercase();
        let temporary = bare.starts_with("pg_temp") || bare.starts_with("pg_toast");
        !bare.contains('"') && !temporary && (place == 0 || bare != "pg_catalog")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_goes_by_values() {
        for (name, value, harmless) in [
            ("application_name", "psql", true),
            ("client_encoding", "UTF-8", true),
            ("client_encoding", "unicode", true),
            ("client_encoding", "BIG5", false),
            ("client_encoding", "latin1", false),
            ("standard_conforming_strings", "on", true),
            ("standard_conforming_strings", "off", false),
            ("default_transaction_read_only", "on", true),
            ("default_transaction_read_only", "off", false),
            ("statement_timeout", "5s", true),
            ("statement_timeout", "1.5 h", true),
            ("statement_timeout", "3000", true),
            ("statement_timeout", "0", false),
            ("statement_timeout", "25h", false),
            ("statement_timeout", "soon", false),
            ("search_path", "app, public", true),
            ("search_path", "\"$user\", public", true),
            ("search_path", "", true),
            ("search_path", "pg_catalog, app", true),
            ("search_path", "evil, pg_catalog", false),
            ("search_path", "evil, \"pg_catalog\"", false),
            ("search_path", "pg_temp, app", false),
            ("search_path", "app, pg_temp_3", false),
            ("role", "postgres", false),
            ("session_replication_role", "replica", false),
            ("row_security", "off", false),
            ("app.tenant", "1", false),
        ] {
            let expected = if harmless { Effect::Session } else { Effect::Guard };
            assert_eq!(judge(name, &SettingValue::Known(value.into())), expected.alone(), "{name} = {value}");
        }
        assert_eq!(judge("role", &SettingValue::Reset), Effect::Guard.alone());
        assert_eq!(judge("search_path", &SettingValue::Reset), Effect::Session.alone());
        assert_eq!(judge("application_name", &SettingValue::Computed), Effect::Guard.alone());
        assert_eq!(judge("application_name", &SettingValue::Parameter), Effect::Session.alone());
        assert_eq!(judge("search_path", &SettingValue::Parameter), Effect::Guard.alone());
    }
}
