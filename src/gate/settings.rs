//! Which settings a client may bring with its startup packet: those that it may have by SET, with the same values, and nothing in any
//! other spelling. What statements are read by is brought whether the client asks for it or not, so that RESET goes back to it.

use crate::sql::effect::Effect;
use crate::sql::facts::SettingValue;
use crate::sql::settings::judge;
use crate::wire::report::Report;

/// The settings that the server is started with, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartupSettings {
    /// Lower-case name and value, in the client's order, then what is pinned; a name occurs once.
    pub settings: Vec<(String, String)>,
    /// What the agent says it is working on. It goes no further than here.
    pub task: Option<String>,
}

/// Longest value of a setting that is taken: real ones are a few words.
const VALUE_LENGTH: usize = 4096;

/// The agent's claim of its task: a name that looks like a setting's and is none of the server's.
const TASK: &str = "pgsluice.task";

/// Without these a server could be told, by its configuration or a role's, to read a text otherwise than it is read here.
const PINNED: [(&str, &str); 2] = [("client_encoding", "UTF8"), ("standard_conforming_strings", "on")];

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
    for (name, value) in PINNED {
        put(&mut found.settings, name, value);
    }
    Ok(found)
}

fn add(found: &mut StartupSettings, name: &str, value: &str) -> Result<(), Report> {
    let name = name.to_ascii_lowercase();
    if value.len() > VALUE_LENGTH {
        return Err(refused(&name, "its value is too long"));
    }
    if name == TASK {
        found.task = Some(value.to_owned()).filter(|task| !task.is_empty());
        return Ok(());
    }
    let encoding = name == "client_encoding";
    let value = if encoding && is_no_encoding(value) { "UTF8" } else { value };
    let known = SettingValue::Known(value.into());
    if judge(&name, &known) != Effect::Session.alone() {
        let why = if judge(&name, &SettingValue::Reset) == Effect::Session.alone() && crate::sql::settings::is_listed(&name) {
            "this value is not on the list of those that a client may bring"
        } else {
            "it is not on the list of settings that a client may bring"
        };
        return Err(refused(&name, why));
    }
    // All its spellings are one.
    put(&mut found.settings, &name, if encoding { "UTF8" } else { value });
    Ok(())
}

fn put(settings: &mut Vec<(String, String)>, name: &str, value: &str) {
    match settings.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => value.clone_into(known),
        None => settings.push((name.to_owned(), value.to_owned())),
    }
}

/// SQL_ASCII is what psql asks for in a bare locale: it says nothing of what it sends. Texts are read as UTF-8, so nothing else can be
/// allowed to decide where one of them ends, and UTF8 is what it gets.
fn is_no_encoding(value: &str) -> bool {
    let plain: String = value.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    plain == "sqlascii"
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

    fn check(parameters: &[(&str, &str)]) -> Result<StartupSettings, String> {
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        startup(&parameters).map_err(|report| report.message.into_owned())
    }

    fn settings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
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
            ("options", "-c statement_timeout=5min --search-path=app,public -cjit=off"),
        ]);
        let pairs = [
            ("statement_timeout", "5min"),
            ("search_path", "app,public"),
            ("jit", "off"),
            ("client_encoding", "UTF8"),
            ("datestyle", "ISO"),
            ("timezone", "Europe/Vienna"),
            ("extra_float_digits", "2"),
            ("standard_conforming_strings", "on"),
        ];
        assert_eq!(found.map(|found| found.settings), Ok(settings(&pairs)));
    }

    #[test]
    fn a_key_of_its_own_counts_over_options_and_what_statements_are_read_by_is_pinned() {
        let found = check(&[("TimeZone", "UTC"), ("options", "-c timezone=Asia/Tokyo -c DateStyle=German -c datestyle=ISO")]);
        let pairs = [("timezone", "UTC"), ("datestyle", "ISO"), ("client_encoding", "UTF8"), ("standard_conforming_strings", "on")];
        assert_eq!(found.map(|found| found.settings), Ok(settings(&pairs)));
        for encoding in ["SQL_ASCII", "unicode", "UTF-8"] {
            let found = check(&[("client_encoding", encoding)]).map(|found| found.settings);
            assert_eq!(found, Ok(settings(&PINNED)), "{encoding}");
        }
    }

    #[test]
    fn a_task_is_kept_here() {
        for parameters in
            [&[("pgsluice.task", "clean up")][..], &[("options", "-c pgsluice.task=clean\\ up")], &[("PgSluice.Task", "clean up")]]
        {
            let found = check(parameters).unwrap();
            assert_eq!((found.task.as_deref(), found.settings), (Some("clean up"), settings(&PINNED)));
        }
        assert_eq!(check(&[("pgsluice.task", "")]).unwrap().task, None);
        assert!(check(&[("pgsluice.tusk", "clean up")]).is_err());
    }

    #[test]
    fn everything_else_is_refused_in_any_spelling() {
        for parameters in [
            &[("role", "postgres")][..],
            &[("Session_Authorization", "postgres")],
            &[("client_encoding", "sjis")],
            &[("standard_conforming_strings", "off")],
            &[("standard_conforming_strings", "on"), ("options", "-c standard_conforming_strings=off")],
            &[("local_preload_libraries", "nope")],
            &[("session_preload_libraries", "nope")],
            &[("row_security", "off")],
            &[("app.tenant", "1")],
            &[("sort_mem", "1")],
            &[("search_path", "evil,pg_catalog,app")],
            &[("search_path", "evil , \"pg_catalog\"")],
            &[("search_path", "\"evil,pg_catalog\"")],
            &[("search_path", "pg_temp")],
            &[("Search_Path", "app, pg_temp_3")],
            &[("statement_timeout", "0")],
            &[("statement_timeout", "30d")],
            &[("default_transaction_read_only", "off")],
            &[("options", "-c log_statement=none -c log_min_messages=panic")],
            &[("options", "-c search_path=evil,pg_catalog")],
            &[("options", "-csearch_path=evil,\\ pg_catalog")],
            &[("options", "--search-path=evil,pg_catalog")],
            &[("options", "--SEARCH-path=evil,pg_catalog")],
            &[("options", "-c\nsearch_path=evil,pg_catalog")],
            &[("options", "-c jit=off -c role=agent_owner")],
            &[("options", "-c role=postgres")],
            &[("options", "-crole=postgres")],
            &[("options", "-c ro\\le=postgres")],
            &[("options", "--session-replication-role=replica")],
            &[("options", "-c\tdefault_transaction_read_only=off")],
            &[("options", "-c jit")],
            &[("options", "-c")],
            &[("options", "--")],
            &[("options", "-- role=postgres")],
            &[("options", "-W 5")],
            &[("options", "-ec role=postgres")],
            &[("options", "-P")],
            &[("options", "jit=off")],
        ] {
            assert!(check(parameters).is_err(), "{parameters:?} was taken");
        }
    }
}
