//! What a hold is about: the message that was held, and what was found out about it. It is kept as long as the hold is open and no longer.

use zeroize::Zeroizing;

use super::grants::LONGEST_STATEMENT;
use super::view::{Numbered, Parameter, Sight, Written};
use crate::audit::event::Tag;
use crate::gate::catalog::{Estimate, Relation};
use crate::session::asking::{Message, Petition};
use crate::wire::value::{Format, Scratch, Types};

#[derive(Clone, PartialEq)]
pub struct Matter {
    pub message: Message,
    pub tags: Vec<Tag>,
    pub task: Option<Box<str>>,
    pub findings: Vec<Box<str>>,
    pub relations: Vec<Relation>,
    pub estimate: Option<Estimate>,
    /// What its names stand for.
    pub objects: Vec<u32>,
    /// Settings of the session that change what it means.
    pub settings: Vec<(Box<str>, Box<str>)>,
    /// Why there is no standing grant for such a statement.
    pub unsteady: Option<Box<str>>,
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
            objects: petition.grounds.resolved.objects.clone(),
            settings: petition.settings.clone(),
            unsteady: super::binding::unsteady(petition).map(|why| why.to_string().into()),
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
        let settings = self.settings.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum::<usize>();
        let objects = self.relations.len().saturating_mul(128).saturating_add(self.objects.len().saturating_mul(4));
        [self.message.sql().len(), values, findings, settings, objects].into_iter().fold(0, usize::saturating_add)
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
            numbers: self.numbers(),
            unsteady: self.unsteady.clone(),
        }
    }

    /// What a standing grant can give room to; nothing where there can be none.
    fn numbers(&self) -> Vec<Numbered> {
        if self.unsteady.is_some() || self.size() > LONGEST_STATEMENT {
            return Vec::new();
        }
        let found = super::binding::numbers(&self.message).unwrap_or_default();
        found.into_iter().map(|(value, place)| Numbered { value: Some(value), place }).collect()
    }

    fn parameters(&self) -> Vec<Parameter> {
        let Message::Extended { types, bind, .. } = &self.message else { return Vec::new() };
        let (known, mut scratch) = (Types::new(), Scratch::new());
        let mut parameter = |(at, value): (usize, &Option<Zeroizing<Vec<u8>>>)| {
            let oid = types.get(at).copied().unwrap_or(0);
            let value = value.as_ref().map_or(Written::Null, |value| match bind.format_of(at) {
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
