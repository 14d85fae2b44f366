//! What a hold is about: the message that was held, and what was found out about it. It is kept as long as the hold is open and no longer.

use zeroize::Zeroizing;

use super::view::{Parameter, Sight, Written};
use crate::audit::event::Tag;
use crate::gate::catalog::{Estimate, Relation};
use crate::session::asking::{Message, Parameters, Petition};
use crate::wire::value::{Format, Scratch, Types};

#[derive(Clone, PartialEq)]
pub struct Matter {
    pub message: Message,
    pub tags: Vec<Tag>,
    pub task: Option<Box<str>>,
    pub findings: Vec<Box<str>>,
    pub relations: Vec<Relation>,
    pub estimate: Option<Estimate>,
}

impl std::fmt::Debug for Matter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Matter")
    }
}

impl Matter {
    pub fn of(petition: &Petition) -> Self {
        Self {
            message: petition.message.clone(),
            tags: petition.tags.clone(),
            task: petition.task.clone(),
            findings: petition.grounds.resolved.findings.clone(),
            relations: petition.grounds.resolved.relations.clone(),
            estimate: petition.grounds.estimate,
        }
    }

    /// Roughly what it takes of memory.
    pub fn size(&self) -> usize {
        let values = match &self.message {
            Message::Query(_) => 0,
            Message::Extended { types, bind, .. } => {
                let values = bind.values.iter().flatten().map(|value| value.len());
                values.sum::<usize>().saturating_add(types.len().saturating_add(bind.values.len()).saturating_mul(32))
            }
        };
        let findings = self.findings.iter().map(|finding| finding.len()).sum::<usize>();
        self.message.sql().len().saturating_add(values).saturating_add(findings).saturating_add(self.relations.len().saturating_mul(128))
    }

    pub fn sight(&self) -> Sight {
        Sight {
            sql: Written::of(self.message.sql()),
            parameters: self.parameters(),
            tags: self.tags.clone(),
            task: self.task.clone(),
            findings: self.findings.clone(),
            relations: self.relations.clone(),
            estimate: self.estimate,
        }
    }

    fn parameters(&self) -> Vec<Parameter> {
        let Message::Extended { types, bind, .. } = &self.message else { return Vec::new() };
        let (known, mut scratch) = (Types::new(), Scratch::new());
        let mut parameter = |(at, value): (usize, &Option<Zeroizing<Vec<u8>>>)| {
            let oid = types.get(at).copied().unwrap_or(0);
            let value = value.as_ref().map_or(Written::Null, |value| match format(bind, at) {
                Some(Format::Text) => Written::of(value),
                Some(Format::Binary) => {
                    let mut text = Vec::new();
                    let written = known.get(oid).and_then(|known| known.text_from_binary(value, &mut scratch, &mut text).ok());
                    if written.is_some() { Written::of(&text) } else { Written::Bytes(value.as_slice().into()) }
                }
                None => Written::Bytes(value.as_slice().into()),
            });
            Parameter { oid, value }
        };
        bind.values.iter().enumerate().map(&mut parameter).collect()
    }
}

/// How this parameter is written: the message names one format for all, or one for each, and text where it names none.
fn format(bind: &Parameters, at: usize) -> Option<Format> {
    let code = match &*bind.formats {
        [] => 0,
        [all] => *all,
        each => *each.get(at)?,
    };
    Format::from_code(code)
}
