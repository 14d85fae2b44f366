//! What was given, where, before anybody asks what it means: the file flattened to paths, the environment, the flags.
//! It knows no setting by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin, Problem};
use crate::gate::policy::text::Lines;
use crate::host::secret::Secret;

/// A configuration is written by people: a megabyte is a mistake, or not a configuration.
const MAX_FILE: u64 = 1 << 20;
/// Longer than any password, URL or key that a file of its own may hold.
const MAX_SECRET_FILE: u64 = 64 << 10;
/// Tables within tables: the deepest setting has three names above it.
const MAX_DEPTH: usize = 8;
/// Tables in one list: more places than anybody sends a record to.
const MAX_LIST: usize = 64;

/// `[upstream.roles.reader] password` is `["upstream", "roles", "reader", "password"]`: a role's own name may hold dots.
pub(super) type Keys = Vec<String>;

pub(super) fn path(name: &str) -> Keys {
    name.split('.').map(str::to_owned).collect()
}

/// Where settings come from; a reload asks them all again.
#[derive(Clone, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    pub environment: BTreeMap<String, String>,
    pub flags: Flags,
}

/// What the command line says about settings.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub upstream: Option<Secret>,
    pub listen: Option<(String, u16)>,
    pub state: Option<PathBuf>,
    /// A file, or the name of a policy that comes with the program.
    pub policy: Option<String>,
    /// How long a connection waits for people.
    pub hold_wait: Option<String>,
}

/// The environment holds other programs' secrets too.
impl fmt::Debug for Sources {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sources").field("file", &self.file).field("flags", &self.flags).finish_non_exhaustive()
    }
}

/// One value as text. It may be a password: only a reader who knows the setting can tell.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub text: Secret,
    pub origin: Origin,
}

/// The file's settings and tables by path. The tables of a list `[[audit.forward]]` are `audit.forward.1` and so on.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub settings: BTreeMap<Keys, Given>,
    pub tables: BTreeMap<Keys, Origin>,
    /// How many tables each list has.
    pub lists: BTreeMap<Keys, usize>,
}

impl Raw {
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(file) = file else { return Ok(Self::default()) };
        let text = read_bounded(file, MAX_FILE).map_err(|reason| {
            ConfigError::new(None, vec![Problem::plain(format!("cannot read the configuration {}: {reason}", file.display()))])
        })?;
        Self::parse(&text).map_err(|problems| ConfigError::new(Some(file), problems))
    }

    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let lines = Lines::new(text);
        let document = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            // The parser's own message is of fixed words; its Display would quote the line, and the line may hold a password.
            let message = error.message();
            let hint = if message.starts_with("cannot extend") { "; beside a table [upstream], write the URL as its key url" } else { "" };
            vec![Problem { origin: Some(origin(lines, at)), text: format!("not valid TOML: {message}{hint}") }]
        })?;
        let mut flat = Flat { lines, raw: Self::default(), problems: Vec::new() };
        flat.table(&mut Vec::new(), document.get_ref());
        if flat.problems.is_empty() { Ok(flat.raw) } else { Err(flat.problems) }
    }

    /// The names directly below a table, whatever they hold: `[databases.NAME]`.
    pub fn names_below(&self, table: &[String]) -> BTreeSet<String> {
        self.settings
            .keys()
            .chain(self.tables.keys())
            .filter_map(|path| path.strip_prefix(table).and_then(<[String]>::first).cloned())
            .collect()
    }
}

struct Flat<'a> {
    lines: Lines<'a>,
    raw: Raw,
    problems: Vec<Problem>,
}

impl Flat<'_> {
    fn table(&mut self, at: &mut Keys, table: &DeTable<'_>) {
        for (key, value) in table {
            at.push(key.get_ref().to_string());
            self.value(at, key.span().start, value);
            at.pop();
        }
    }

    fn list(&mut self, at: &mut Keys, list: &[Spanned<DeValue<'_>>]) {
        for (index, item) in list.iter().enumerate() {
            at.push(index.saturating_add(1).to_string());
            self.value(at, item.span().start, item);
            at.pop();
        }
    }

    fn value(&mut self, at: &mut Keys, key: usize, value: &Spanned<DeValue<'_>>) {
        let text = match value.get_ref() {
            DeValue::Array(list) if at.len() < MAX_DEPTH && list.len() <= MAX_LIST && list.iter().all(|item| item.get_ref().is_table()) => {
                self.raw.tables.insert(at.clone(), origin(self.lines, key));
                self.raw.lists.insert(at.clone(), list.len());
                return self.list(at, list);
            }
            DeValue::Table(table) if at.len() < MAX_DEPTH => {
                self.raw.tables.insert(at.clone(), origin(self.lines, key));
                return self.table(at, table);
            }
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Boolean(truth) => truth.to_string(),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                let origin = Some(origin(self.lines, value.span().start));
                let text = format!("{}: expected a text, a whole number, true or false", at.join("."));
                return self.problems.push(Problem { origin, text });
            }
        };
        let origin = place(self.lines, key, value.span().start);
        self.raw.settings.insert(at.clone(), Given { text: Secret::new(text), origin });
    }
}

fn origin(lines: Lines<'_>, offset: usize) -> Origin {
    place(lines, offset, offset)
}

fn place(lines: Lines<'_>, key: usize, value: usize) -> Origin {
    Origin::File { key: lines.line_column(key), value: lines.line_column(value) }
}

/// A secret kept in a file of its own; the line end that editors add is not part of it.
pub(super) fn read_secret(file: &Path) -> Result<Secret, String> {
    let text = zeroize::Zeroizing::new(read_bounded(file, MAX_SECRET_FILE)?);
    let bare = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if bare.is_empty() {
        return Err("the file is empty".to_owned());
    }
    Ok(Secret::new(bare))
}

pub(super) fn read_bounded(file: &Path, cap: u64) -> Result<String, String> {
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    let mut text = String::new();
    let read = opened.take(cap.saturating_add(1)).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if u64::try_from(read).unwrap_or(u64::MAX) > cap {
        return Err(format!("the file is longer than {cap} bytes"));
    }
    Ok(text)
}
