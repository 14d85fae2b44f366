//! Which settings a client may bring with its startup packet: an allow-list with values. Everything else is refused, in
//! whatever spelling it comes.

use crate::wire::report::Report;

/// The settings that the server is started with, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartupSettings {
    /// Lower-case name and value, in the client's order; a name occurs once.
    pub settings: Vec<(String, String)>,
    /// What the agent says it is working on: for people, not for the server.
    pub task: Option<String>,
}

/// Longest value of a setting that is taken: real ones are a few words.
const VALUE_LENGTH: usize = 4096;

/// Settings whose value is the client's own business: they change how values look or how long things may take, never what is
/// allowed.
const FREE: &[&str] = &[
    "application_name",
    "bytea_output",
    "client_min_messages",
    "datestyle",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "extra_float_digits",
    "geqo",
    "idle_in_transaction_session_timeout",
    "intervalstyle",
    "jit",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "plan_cache_mode",
    "search_path",
    "statement_timeout",
    "tcp_user_timeout",
    "timezone",
    "transaction_timeout",
    "work_mem",
];

/// Checks the startup packet's parameters, `options` taken apart. `user`, `database` and `replication` are not settings and are
/// left out here: who connects where is decided before.
pub fn startup(parameters: &[(String, String)]) -> Result<StartupSettings, Report> {
    let mut found = StartupSettings::default();
    // As the server does: what stands in `options` first, and a key of its own over it.
    for (_, text) in parameters.iter().filter(|(name, _)| name == "options") {
        for (name, value) in options(text)? {
            add(&mut found, &name, &value)?;
        }
    }
    for (name, value) in parameters {
        // Protocol extensions are negotiated, not set.
        if !matches!(name.as_str(), "user" | "database" | "replication" | "options") && !name.starts_with("_pq_.") {
            add(&mut found, name, value)?;
        }
    }
    Ok(found)
}

fn add(found: &mut StartupSettings, name: &str, value: &str) -> Result<(), Report> {
    let name = name.to_ascii_lowercase();
    if value.len() > VALUE_LENGTH {
        return Err(refused(&name, "its value is too long"));
    }
    if name == "pgsluice.task" {
        found.task = Some(value.to_owned());
        return Ok(());
    }
    let value = match name.as_str() {
        "client_encoding" => encoding(value)?,
        "standard_conforming_strings" if is_on(value) => "on".to_owned(),
        "standard_conforming_strings" => return Err(refused(&name, "only \"on\" is taken")),
        // To bind oneself is always allowed; to be unbound is not a client's to ask for.
        "default_transaction_read_only" if is_on(value) => "on".to_owned(),
        "default_transaction_read_only" => return Err(refused(&name, "only \"on\" is taken")),
        _ if FREE.contains(&name.as_str()) => value.to_owned(),
        _ => return Err(refused(&name, "it is not on the list of settings that a client may bring")),
    };
    match found.settings.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => *known = value,
        None => found.settings.push((name, value)),
    }
    Ok(())
}

fn is_on(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "on" | "true" | "yes" | "1")
}

/// UTF-8 by any of its names, and SQL_ASCII — what psql asks for in a bare locale —, which becomes UTF-8: statements are read as
/// UTF-8, so nothing else can be allowed to decide where a string ends.
fn encoding(value: &str) -> Result<String, Report> {
    let plain: String = value.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    match plain.as_str() {
        "utf8" | "unicode" | "sqlascii" => Ok("UTF8".to_owned()),
        _ => Err(refused("client_encoding", "only UTF8 is spoken")),
    }
}

fn refused(name: &str, why: &str) -> Report {
    let shown: String = name.chars().filter(|letter| !letter.is_control()).take(64).collect();
    Report::fatal("42501", format!("startup parameter \"{shown}\" is refused: {why}"))
        .with_hint("Remove it from the connection string or driver settings, or set what you need after connecting.")
}

/// Takes `options` apart as the server does: words at blanks, a backslash keeps the next character, then `-c name=value`,
/// `-cname=value` and `--name=value`.
fn options(text: &str) -> Result<Vec<(String, String)>, Report> {
    let mut found = Vec::new();
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let assignment = if word == "-c" {
            words.next().ok_or_else(|| refused("options", "-c without a setting"))?
        } else if let Some(assignment) = word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            assignment.to_owned()
        } else {
            return Err(refused("options", "only -c name=value and --name=value are taken"));
        };
        let (name, value) = assignment.split_once('=').ok_or_else(|| refused("options", "a setting without a value"))?;
        // The server reads a dash in these names as an underscore.
        found.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(found)
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut inside = false;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            // The blanks of C's isspace.
            ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' => {
                if inside {
                    words.push(std::mem::take(&mut word));
                }
                inside = false;
            }
            '\\' => {
                inside = true;
                word.extend(letters.next());
            }
            _ => {
                inside = true;
                word.push(letter);
            }
        }
    }
    if inside {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parameters: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        startup(&parameters).map(|found| found.settings).map_err(|report| report.message.into_owned())
    }

    #[test]
    fn what_drivers_send_is_taken() {
        let found = check(&[
            ("user", "agent"),
            ("database", "shop"),
            ("client_encoding", "'utf-8'"),
            ("DateStyle", "ISO"),
            ("TimeZone", "Europe/Vienna"),
            ("extra_float_digits", "2"),
            ("options", "-c statement_timeout=5min --search-path=app\\ one,public -cjit=off"),
        ]);
        let pairs = [
            ("statement_timeout", "5min"),
            ("search_path", "app one,public"),
            ("jit", "off"),
            ("client_encoding", "UTF8"),
            ("datestyle", "ISO"),
            ("timezone", "Europe/Vienna"),
            ("extra_float_digits", "2"),
        ];
        assert_eq!(found, Ok(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()));
    }

    #[test]
    fn the_task_is_no_setting_of_the_server() {
        let parameters = [("options".to_owned(), "-c pgsluice.task=clean\\ up -c jit=off".to_owned())];
        let found = startup(&parameters).unwrap();
        assert_eq!((found.task.as_deref(), found.settings), (Some("clean up"), vec![("jit".to_owned(), "off".to_owned())]));
    }

    #[test]
    fn a_key_of_its_own_counts_over_options() {
        let found = check(&[("TimeZone", "UTC"), ("options", "-c timezone=Asia/Tokyo -c DateStyle=German -c datestyle=ISO")]);
        let pairs = [("timezone", "UTC"), ("datestyle", "ISO")];
        assert_eq!(found, Ok(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()));
    }

    #[test]
    fn everything_else_is_refused_in_any_spelling() {
        for parameters in [
            &[("role", "postgres")][..],
            &[("Session_Authorization", "postgres")],
            &[("client_encoding", "sjis")],
            &[("standard_conforming_strings", "off")],
            &[("options", "-c role=postgres")],
            &[("options", "-crole=postgres")],
            &[("options", "--session-replication-role=replica")],
            &[("options", "-c\tdefault_transaction_read_only=off")],
            &[("options", "-c jit")],
            &[("options", "-c")],
            &[("options", "-W 5")],
        ] {
            assert!(check(parameters).is_err(), "{parameters:?} was taken");
        }
    }
}
