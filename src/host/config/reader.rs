//! Asks for settings by name and remembers what was asked, so that each setting is named in one place only: its name in
//! the environment, the check of unknown keys, the suggestions and the report of `check-config` all follow from the asking.
//! It knows no setting's meaning.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::error::{ConfigError, Origin, Problem};
use super::raw::{Given, Keys, Raw, Sources, path, read_secret};
use super::value::Setting;
use crate::gate::policy::text::nearest;
use crate::host::secret::Secret;

/// A value longer than this is not repeated in an error.
const MAX_SHOWN: usize = 60;
const PREFIX: &str = "PGSLUICE_";
/// What container platforms put into the environment for a service that is called pgsluice; none is a setting.
const PLATFORM_PORT: &str = "PGSLUICE_PORT";

/// What commands read, and no setting is called.
const COMMANDS: [&str; 6] = [
    "PGSLUICE_CONFIG",
    "PGSLUICE_SERVER",
    "PGSLUICE_CA",
    "PGSLUICE_REVIEWER",
    "PGSLUICE_REVIEWER_PASSWORD",
    "PGSLUICE_REVIEWER_PASSWORD_FILE",
];

/// One line of `check-config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub name: String,
    pub value: String,
    /// Where it came from; `None` for a default.
    pub origin: Option<Origin>,
}

pub(super) struct Reader<'a> {
    sources: &'a Sources,
    raw: Raw,
    flags: BTreeMap<Keys, Given>,
    asked: BTreeSet<Keys>,
    variables: BTreeSet<String>,
    tables: BTreeSet<Keys>,
    lists: BTreeSet<Keys>,
    problems: Vec<Problem>,
    pub warnings: Vec<String>,
    shown: Vec<Shown>,
}

impl<'a> Reader<'a> {
    pub fn new(sources: &'a Sources) -> Result<Self, ConfigError> {
        let raw = Raw::load(sources.file.as_deref())?;
        let mut flags = BTreeMap::new();
        let mut flag = |name: &str, flag: &'static str, text: Secret| {
            flags.insert(path(name), Given { text, origin: Origin::Flag(flag) });
        };
        if let Some(url) = &sources.flags.upstream {
            flag("upstream", "--upstream", url.clone());
        }
        if let Some((address, port)) = &sources.flags.listen {
            flag("listen_addr", "--listen", Secret::new(address.clone()));
            flag("listen_port", "--listen", Secret::new(port.to_string()));
        }
        if let Some(policy) = &sources.flags.policy {
            flag("policy.file", "--policy", Secret::new(policy.clone()));
        }
        if let Some(wait) = &sources.flags.hold_wait {
            flag("hold.wait_for", "--hold-wait", Secret::new(wait.clone()));
        }
        if let Some(folder) = &sources.flags.state {
            // A folder whose name is no UTF-8 never gets here: the command line reads it as text.
            flag("state", "--state", Secret::new(folder.to_string_lossy()));
        }
        Ok(Self {
            sources,
            raw,
            flags,
            asked: BTreeSet::new(),
            variables: COMMANDS.map(str::to_owned).into(),
            tables: BTreeSet::new(),
            lists: BTreeSet::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            shown: Vec::new(),
        })
    }

    /// The value that counts: flag over environment over file.
    pub fn given(&mut self, name: &str) -> Option<Given> {
        let keys = path(name);
        // By its number in a list, a variable would soon speak of another table than was meant.
        if (1..keys.len()).filter_map(|length| keys.get(..length)).any(|prefix| self.lists.contains(prefix)) {
            return self.in_file(keys);
        }
        let variable = format!("{PREFIX}{}", name.replace('.', "_").to_ascii_uppercase());
        let from_flag = self.flags.get(&keys).cloned();
        let from_environment = self
            .sources
            .environment
            .get(&variable)
            .filter(|text| !text.is_empty())
            .map(|text| Given { text: Secret::new(text.clone()), origin: Origin::Environment(variable.clone()) });
        self.variables.insert(variable);
        // Asked of the file in any case: a key that something else overrides is still known.
        let from_file = self.in_file(keys);
        from_flag.or(from_environment).or(from_file)
    }

    /// The environment has no way to write the names of roles and databases: their tables stand in the file alone.
    pub fn in_file(&mut self, keys: Keys) -> Option<Given> {
        let given = self.raw.settings.get(&keys).cloned();
        self.asked.insert(keys);
        given
    }

    pub fn get<T: Setting>(&mut self, name: &str, default: T) -> T {
        let given = self.given(name);
        let (value, origin) = match given.and_then(|given| self.checked::<T>(name, &given).map(|value| (value, given.origin))) {
            Some((value, origin)) => (value, Some(origin)),
            None => (default, None),
        };
        self.show(name, value.show(), origin);
        value
    }

    pub fn optional<T: Setting>(&mut self, name: &str) -> Option<T> {
        let given = self.given(name)?;
        let value = self.checked::<T>(name, &given)?;
        self.show(name, value.show(), Some(given.origin));
        Some(value)
    }

    /// A path written in the file is meant from the file's folder, whatever the working directory is.
    pub fn optional_path(&mut self, name: &str) -> Option<PathBuf> {
        let given = self.given(name)?;
        let value = self.checked_path(name, &given)?;
        self.show(name, value.show(), Some(given.origin));
        Some(value)
    }

    pub fn checked_path(&mut self, name: &str, given: &Given) -> Option<PathBuf> {
        let value = self.checked::<PathBuf>(name, given)?;
        let folder = self.sources.file.as_deref().and_then(std::path::Path::parent);
        Some(match (&given.origin, folder) {
            (Origin::File { .. }, Some(folder)) => folder.join(value),
            (Origin::File { .. } | Origin::Flag(_) | Origin::Environment(_), _) => value,
        })
    }

    pub fn checked<T: Setting>(&mut self, name: &str, given: &Given) -> Option<T> {
        let text = given.text.expose();
        let value = T::parse(text);
        if value.is_none() {
            // A connection URL in the wrong place has its password with it, and a private key may stand where a public one belongs.
            let secret = text.contains("://") || text.contains('@') || text.contains("unseal");
            let repeat = text.chars().count() <= MAX_SHOWN && !secret;
            let shown = if repeat { format!(", not {text:?}") } else { String::new() };
            self.fail(Some(&given.origin), format!("{name}: expected {}{shown}", T::wanted()));
        }
        value
    }

    /// Of several ways to give one secret, the one that counts. Two at the same place are a contradiction, not a choice.
    pub fn one_of(&mut self, ways: Vec<(String, Option<Given>)>) -> Option<(String, Given)> {
        let mut best: Option<(String, Given)> = None;
        let mut twice = None;
        for (name, given) in ways {
            let Some(given) = given else { continue };
            match &best {
                Some((other, chosen)) if chosen.origin.rank() == given.origin.rank() => {
                    twice = Some((given.origin, format!("{name} and {other} are both given: keep one of them")));
                }
                Some((_, chosen)) if chosen.origin.rank() > given.origin.rank() => {}
                Some(_) | None => {
                    best = Some((name, given));
                    twice = None;
                }
            }
        }
        if let Some((origin, text)) = twice {
            self.fail(Some(&origin), text);
        }
        best
    }

    /// The secret itself, or what the file named by it holds. Errors name the file, never its content.
    pub fn secret_file(&mut self, name: &str, given: &Given) -> Option<Secret> {
        let file = self.checked_path(name, given)?;
        match read_secret(&file) {
            Ok(secret) => Some(secret),
            Err(reason) => {
                self.fail(Some(&given.origin), format!("{name}: cannot read {}: {reason}", file.display()));
                None
            }
        }
    }

    /// A secret where it stands, from a file (`…_file`) or from the environment (`…_env`).
    pub fn secret(&mut self, name: &str, given: Given) -> Option<Secret> {
        if name.ends_with("_file") {
            return self.secret_file(name, &given);
        }
        if name.ends_with("_env") {
            let variable = self.checked::<String>(name, &given)?;
            let secret = self.variable(&variable);
            if secret.is_none() {
                // Unless it looks like a variable's name, it may be the secret itself, in the wrong place.
                let is_name = variable.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
                let shown = if is_name { format!(" {variable}") } else { String::new() };
                self.fail(Some(&given.origin), format!("{name}: the environment variable{shown} is not set"));
            }
            return secret;
        }
        if given.text.expose().is_empty() {
            self.fail(Some(&given.origin), format!("{name} is empty; leave it out if there is none"));
            return None;
        }
        if matches!(given.origin, Origin::File { .. }) {
            self.secret_in_file();
        }
        Some(given.text)
    }

    pub fn variable(&mut self, name: &str) -> Option<Secret> {
        self.variables.insert(name.to_owned());
        self.sources.environment.get(name).filter(|text| !text.is_empty()).map(|text| Secret::new(text.clone()))
    }

    /// Declares a table whose keys are names that people choose, and lists them.
    pub fn names(&mut self, table: &str) -> BTreeSet<String> {
        let table = path(table);
        let names = self.raw.names_below(&table);
        for name in &names {
            let mut below = table.clone();
            below.push(name.clone());
            self.tables.insert(below);
        }
        self.tables.insert(table);
        names
    }

    /// Declares a list of tables, `[[audit.forward]]`, and says where each is: `audit.forward.1` and so on. Lists stand in the
    /// file alone.
    pub fn list(&mut self, list: &str) -> Vec<String> {
        let keys = path(list);
        let count = self.raw.lists.get(&keys).copied().unwrap_or(0);
        let places: Vec<String> = (1..=count).map(|number| format!("{list}.{number}")).collect();
        self.tables.extend(places.iter().map(|place| path(place)));
        self.tables.insert(keys.clone());
        self.lists.insert(keys);
        places
    }

    pub fn show(&mut self, name: impl Into<String>, value: String, origin: Option<Origin>) {
        self.shown.push(Shown { name: name.into(), value, origin });
    }

    pub fn fail(&mut self, origin: Option<&Origin>, text: impl Into<String>) {
        self.problems.push(Problem { origin: origin.cloned(), text: text.into() });
    }

    /// A problem at wherever this setting was given, or at none.
    pub fn fail_at(&mut self, name: &str, text: &str) {
        let origin = self.given(name).map(|given| given.origin);
        self.fail(origin.as_ref(), format!("{name}: {text}"));
    }

    /// The end of asking: what nobody asked for is unknown.
    pub fn finish(mut self) -> Result<(Vec<Shown>, Vec<String>), ConfigError> {
        self.unknown_keys();
        self.unknown_variables();
        if self.problems.is_empty() {
            Ok((self.shown, self.warnings))
        } else {
            Err(ConfigError::new(self.sources.file.as_deref(), self.problems))
        }
    }

    /// Ends the asking where not everything was asked.
    pub fn problems_only(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError::new(self.sources.file.as_deref(), self.problems)) }
    }

    /// The file itself holds a secret: it must not be everybody's to read.
    pub fn secret_in_file(&mut self) {
        use std::os::unix::fs::PermissionsExt as _;
        let Some(file) = &self.sources.file else { return };
        let Ok(found) = std::fs::metadata(file) else { return };
        let text =
            format!("{} holds a secret and can be read by other users: chmod 600 it, or keep the secret in a *_file", file.display());
        if found.permissions().mode() & 0o077 != 0 && !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }

    fn unknown_keys(&mut self) {
        let mut parents = self.tables.clone();
        for keys in self.asked.iter().chain(&self.tables) {
            parents.extend((1..keys.len()).filter_map(|length| keys.get(..length)).map(<[String]>::to_vec));
        }
        let mut found: BTreeMap<Keys, Problem> = BTreeMap::new();
        // A list where there should be a table, or the other way: one problem, not one for each key in it.
        let mut mistaken: BTreeSet<Keys> = BTreeSet::new();
        let settings = self.raw.settings.iter().map(|(keys, given)| (keys, &given.origin, false));
        let tables = self.raw.tables.iter().map(|(keys, origin)| (keys, origin, true));
        // Tables first: an unknown table is one problem, at its own place, not one for each key in it.
        for (keys, origin, is_table) in tables.chain(settings) {
            if is_table && self.lists.contains(keys) != self.raw.lists.contains_key(keys) && parents.contains(keys) {
                let name = keys.join(".");
                let text = if self.lists.contains(keys) {
                    format!("{name} is a list: write [[{name}]]")
                } else {
                    format!("{name} is no list: write [{name}]")
                };
                found.insert(keys.clone(), Problem { origin: Some(origin.at_key()), text });
                mistaken.insert(keys.clone());
                continue;
            }
            if (is_table && parents.contains(keys))
                || (!is_table && self.asked.contains(keys))
                || (1..keys.len()).filter_map(|length| keys.get(..length)).any(|prefix| mistaken.contains(prefix))
            {
                continue;
            }
            let unknown = (1..=keys.len())
                .filter_map(|length| keys.get(..length))
                .find(|prefix| !parents.contains(*prefix) && !self.asked.contains(*prefix))
                .map(<[String]>::to_vec);
            let text = match &unknown {
                Some(unknown) => format!("unknown key {}{}", unknown.join("."), suggestion(unknown, &self.asked, &parents)),
                None if is_table => format!("{} takes a value, not a table", keys.join(".")),
                None if self.lists.contains(keys) => format!("{0} is a list of tables: write [[{0}]]", keys.join(".")),
                None => format!("{0} is a table: write [{0}]", keys.join(".")),
            };
            found.entry(unknown.unwrap_or_else(|| keys.clone())).or_insert(Problem { origin: Some(origin.at_key()), text });
        }
        self.problems.extend(found.into_values());
    }

    /// Not refused: a container platform may put names of its own there.
    fn unknown_variables(&mut self) {
        for name in self.sources.environment.keys().filter(|name| name.starts_with(PREFIX) && !self.variables.contains(*name)) {
            if name.contains("_SERVICE_") || name.starts_with(PLATFORM_PORT) {
                continue;
            }
            let meant = nearest(name, self.variables.iter().map(String::as_str))
                .map_or_else(String::new, |meant| format!(": did you mean {meant}?"));
            self.warnings.push(format!("the environment has {}, which is no setting{meant}", name.escape_debug()));
        }
    }
}

/// The nearest name at the same place, or the same name at another place.
fn suggestion(unknown: &[String], asked: &BTreeSet<Keys>, parents: &BTreeSet<Keys>) -> String {
    let Some((last, place)) = unknown.split_last() else { return String::new() };
    let siblings = || asked.iter().chain(parents).filter_map(|keys| keys.split_last()).filter(|(_, other)| *other == place);
    if let Some(name) = nearest(last, siblings().map(|(name, _)| name.as_str())) {
        return format!(": did you mean {name}?");
    }
    match asked.iter().find(|keys| keys.last() == Some(last)) {
        Some(elsewhere) => format!(": did you mean {}?", elsewhere.join(".")),
        None => String::new(),
    }
}
