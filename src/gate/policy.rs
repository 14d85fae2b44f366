//! The decision about one request.

use crate::wire::report::Report;

use super::Permit;

/// What reading a statement told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    refused: bool,
}

/// What a client asks to be done.
#[derive(Debug, Clone, Copy)]
pub enum Request<'a> {
    /// A simple query: one string, one unit, however many statements it holds.
    Query { facts: &'a Facts },
    /// A prepared statement is given its parameters; planning it may already run code. Facts are missing where the statement
    /// was not prepared through the protocol.
    Bind { facts: Option<&'a Facts> },
    /// A portal is run, or run further.
    Execute { facts: Option<&'a Facts> },
    /// Rows flow in by COPY: bytes so far, the message at hand included.
    CopyIn { bytes: u64 },
}

#[derive(Debug)]
pub enum Decision {
    Allow(Permit),
    Refuse(Box<Report>),
}

/// Which requests pass.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    refused_texts: Vec<Vec<u8>>,
    copy_in_bytes: Option<u64>,
}

impl Policy {
    pub fn allow_all() -> Self {
        Self::default()
    }

    /// Refuses every statement whose text contains one of these.
    pub fn refusing(texts: &[&str]) -> Self {
        Self { refused_texts: texts.iter().map(|text| text.as_bytes().to_vec()).collect(), copy_in_bytes: None }
    }

    /// Stops a COPY FROM STDIN that brings more than this.
    #[must_use]
    pub fn with_copy_in_limit(self, bytes: u64) -> Self {
        Self { copy_in_bytes: Some(bytes), ..self }
    }

    /// Reads a statement.
    pub fn read(&self, sql: &[u8]) -> Facts {
        Facts { refused: self.refused_texts.iter().any(|text| memchr::memmem::find(sql, text).is_some()) }
    }

    pub fn judge(&self, request: Request<'_>) -> Decision {
        let facts = match request {
            Request::Query { facts } => Some(facts),
            Request::Bind { facts } | Request::Execute { facts } => facts,
            Request::CopyIn { bytes } => {
                return match self.copy_in_bytes {
                    Some(limit) if bytes > limit => {
                        Decision::Refuse(Box::new(Report::error("PS004", format!("COPY stopped by policy: more than {limit} bytes"))))
                    }
                    _ => Decision::Allow(Permit::mint()),
                };
            }
        };
        // What was not read may be what is refused: a policy that refuses anything refuses it.
        if facts.map_or(!self.refused_texts.is_empty(), |facts| facts.refused) {
            return Decision::Refuse(Box::new(Report::error("42501", "denied by policy").with_detail("Nothing of it ran.")));
        }
        Decision::Allow(Permit::mint())
    }
}
