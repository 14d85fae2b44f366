//! What the server saw, by its own log.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

/// Reads the log of one database's statements, from where it is on.
pub struct Witness {
    path: PathBuf,
    at: u64,
    prefix: String,
}

/// What the proxy calls itself where it asks for itself, as it does for the catalog: that is no agent's statement, and not on the record.
const OWN: &str = "] pgsluice ";

/// What the proxy sends before another session gets the connection. No client of the load sends it.
fn renews(text: &str) -> bool {
    text == "DISCARD ALL" || text.starts_with("SELECT 1 FROM pg_catalog.pg_foreign_table UNION ALL ")
}

/// A statement that the server began to execute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seen {
    pub text: String,
}

impl Witness {
    pub fn new(path: &str, database: &str) -> Self {
        let at = std::fs::metadata(path).unwrap().len();
        Self { path: path.into(), at, prefix: format!("@{database} LOG:  ") }
    }

    /// With `log_statement = all` the server says what it executes before it does: `statement: TEXT` for a simple query, `execute NAME: TEXT`
    /// for a portal's first run, `execute fetch from NAME: TEXT` for a later one.
    pub fn news(&mut self) -> Vec<Seen> {
        let mut file = File::open(&self.path).unwrap();
        file.seek(SeekFrom::Start(self.at)).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        // The last line may be in the making by another test's session.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.at += whole as u64;
        let text = String::from_utf8_lossy(&bytes[..whole]).into_owned();
        text.lines().filter_map(|line| self.read(line)).collect()
    }

    fn read(&self, line: &str) -> Option<Seen> {
        let (who, said) = line.split_once(&self.prefix)?;
        if who.contains(OWN) {
            return None;
        }
        let text = match said.strip_prefix("statement: ") {
            Some(text) => text,
            None => said.strip_prefix("execute ")?.split_once(": ")?.1,
        };
        (!renews(text)).then(|| Seen { text: text.to_owned() })
    }
}
