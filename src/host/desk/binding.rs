//! Everything that an approval is bound to, as bytes in which nothing can be taken for something else: each part is tagged, and begins with its
//! length or its number.

use zeroize::Zeroizing;

use super::matter::Matter;
use super::view::About;
use crate::gate::Subject;
use crate::gate::hold::{Matters, Over, may_stand};
use crate::session::asking::{Message, Parameters, Petition};
use crate::sql::effect::EffectSet;
use crate::sql::{numbers as whole_numbers, uncommented};
use crate::wire::value::Format;

/// Raised when a binding of an earlier program must not be met by one of a later.
const VERSION: u8 = 1;

#[derive(Default)]
struct Bytes(Zeroizing<Vec<u8>>);

impl Bytes {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.number(u64::try_from(count).unwrap_or(u64::MAX));
    }

    fn part(&mut self, part: &[u8]) {
        self.count(part.len());
        self.0.extend_from_slice(part);
    }

    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }
}

/// What is bound.
#[derive(Clone, Copy)]
pub struct Of<'a> {
    agent_id: i64,
    database: &'a str,
    role: &'a str,
    message: &'a Message,
    objects: &'a [u32],
    groups: &'a [Box<str>],
    approvals: u32,
    settings: &'a [(Box<str>, Box<str>)],
    over: Option<Over>,
    unmask: bool,
    /// By which it was held, and for what: a standing grant ends where that changes.
    rule: &'a str,
    effects: EffectSet,
}

/// Why there is no standing grant for such a statement.
pub fn unsteady(petition: &Petition) -> Option<Matters> {
    may_stand(&petition.facts, &petition.grounds, petition.over).err()
}

impl<'a> Of<'a> {
    pub fn petition(subject: &'a Subject, petition: &'a Petition) -> Self {
        let grounds = &petition.grounds;
        Self {
            agent_id: subject.agent_id,
            database: &subject.database,
            role: &subject.role,
            message: &petition.message,
            objects: &grounds.resolved.objects,
            groups: &grounds.groups,
            approvals: grounds.approvals,
            settings: &petition.settings,
            over: petition.over,
            unmask: grounds.unmask,
            rule: &grounds.rule,
            effects: grounds.effects,
        }
    }

    pub fn hold(about: &'a About, matter: &'a Matter) -> Self {
        Self {
            agent_id: about.agent_id,
            database: &about.database,
            role: &about.role,
            message: &matter.message,
            objects: &matter.objects,
            groups: &about.groups,
            approvals: about.approvals,
            settings: &matter.settings,
            over: about.over,
            unmask: about.asks_unmasked,
            rule: &about.rule,
            effects: about.effects,
        }
    }

    /// For an approval.
    pub fn bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Bytes::default();
        self.write(self.message, &mut out);
        out.0
    }

    /// For a standing grant that gives room to these numbers, counted from one and in order, and what they are.
    pub fn lasting(&self, free: &[u32]) -> Option<(Zeroizing<Vec<u8>>, Vec<i64>)> {
        let found = numbers(self.message)?;
        let chosen = free.iter().map(|number| found.get(usize::try_from(number.checked_sub(1)?).ok()?)).collect::<Option<Vec<_>>>()?;
        let mut message = self.message.clone();
        // From behind, so that places stay where they are.
        for (value, place) in chosen.iter().rev() {
            blank(&mut message, *value, place)?;
        }
        let mut out = Bytes::default();
        out.tag(b'L');
        self.write(&message, &mut out);
        out.part(self.rule.as_bytes());
        out.number(u64::from(self.effects.bits()));
        out.count(found.len());
        for number in free {
            out.number(u64::from(*number));
        }
        // Of which width they are, for another is another type to the server.
        for (value, _) in &chosen {
            out.tag(u8::from(whole_numbers::are_alike(*value, 0)));
        }
        Some((out.0, chosen.iter().map(|(value, _)| *value).collect()))
    }

    fn write(&self, message: &Message, out: &mut Bytes) {
        out.tag(VERSION);
        out.part(&self.agent_id.to_le_bytes());
        out.part(self.database.as_bytes());
        out.part(self.role.as_bytes());
        write_message(message, out);
        let mut objects = self.objects.to_vec();
        objects.sort_unstable();
        objects.dedup();
        out.count(objects.len());
        for object in objects {
            out.number(u64::from(object));
        }
        // Whoever may decide now did: after a change of the policy others may have to.
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_unstable();
        out.count(groups.len());
        for group in groups {
            out.part(group.as_bytes());
        }
        if self.approvals > 1 {
            out.tag(b'N');
            out.number(u64::from(self.approvals));
        }
        let mut settings: Vec<_> = self.settings.iter().collect();
        settings.sort_unstable();
        out.count(settings.len());
        for (name, value) in settings {
            out.part(name.as_bytes());
            out.part(value.as_bytes());
        }
        match self.over {
            Some(over) => {
                out.tag(b'o');
                out.part(over.quantity.word().as_bytes());
                out.number(over.limit);
                out.number(over.raised);
            }
            None => out.tag(b'-'),
        }
        // The comment that asks for it is none of the tokens: an approval of the one must not serve the other.
        if self.unmask {
            out.tag(b'U');
        }
    }
}

fn write_message(message: &Message, out: &mut Bytes) {
    let text = |out: &mut Bytes, sql: &[u8]| match uncommented(sql) {
        Some(text) => {
            out.tag(b'u');
            out.part(&text);
        }
        // Where the tokens are not known the text is what it is.
        None => {
            out.tag(b'r');
            out.part(sql);
        }
    };
    match message {
        Message::Query(sql) => {
            out.tag(b'q');
            text(out, sql);
        }
        Message::Extended { sql, types, bind } => {
            out.tag(b'x');
            text(out, sql);
            out.count(types.len());
            for oid in types {
                out.number(u64::from(*oid));
            }
            out.count(bind.formats.len());
            for format in &bind.formats {
                out.part(&format.to_le_bytes());
            }
            out.count(bind.values.len());
            for value in &bind.values {
                match value {
                    Some(value) => {
                        out.tag(b'v');
                        out.part(value);
                    }
                    None => out.tag(b'n'),
                }
            }
        }
    }
}

/// Where a number stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Text(std::ops::Range<usize>),
    Parameter(usize),
}

/// The whole numbers of a statement, those of its text and then those of its parameters: what a standing grant can give room to.
pub fn numbers(message: &Message) -> Option<Vec<(i64, Place)>> {
    let mut found: Vec<_> = whole_numbers::of(message.sql())?.into_iter().map(|number| (number.value, Place::Text(number.place))).collect();
    if let Message::Extended { types, bind, .. } = message {
        for (at, value) in bind.values.iter().enumerate() {
            let oid = types.get(at).copied().unwrap_or(0);
            if let Some(value) = value.as_ref().and_then(|value| whole(oid, bind, at, value)) {
                found.push((value, Place::Parameter(at)));
            }
        }
    }
    Some(found)
}

/// A parameter's value, where it is a whole number and nothing else.
fn whole(oid: u32, bind: &Parameters, at: usize, value: &[u8]) -> Option<i64> {
    const INT8: u32 = 20;
    const INT2: u32 = 21;
    const INT4: u32 = 23;
    match (bind.format_of(at)?, oid) {
        (Format::Text, 0 | INT2 | INT4 | INT8) => {
            let value = std::str::from_utf8(value).ok()?;
            let number: i64 = value.parse().ok()?;
            // Written as the server would, so that no two texts are the same number.
            (number.to_string() == value).then_some(number)
        }
        (Format::Binary, INT2) => Some(i64::from(i16::from_be_bytes(value.try_into().ok()?))),
        (Format::Binary, INT4) => Some(i64::from(i32::from_be_bytes(value.try_into().ok()?))),
        (Format::Binary, INT8) => Some(i64::from_be_bytes(value.try_into().ok()?)),
        (Format::Text | Format::Binary, _) => None,
    }
}

/// Puts in the place of a number what no number of a statement is, and what is the same for each.
fn blank(message: &mut Message, value: i64, place: &Place) -> Option<()> {
    match (place, message) {
        (Place::Text(place), Message::Query(sql) | Message::Extended { sql, .. }) => {
            debug_assert_eq!(sql.get(place.clone()), Some(value.to_string().as_bytes()));
            // Digits with a zero before them are never given room.
            sql.splice(place.clone(), *b"00");
        }
        (Place::Parameter(at), Message::Extended { bind, .. }) => {
            **bind.values.get_mut(*at)?.as_mut()? = Vec::new();
        }
        (Place::Parameter(_), Message::Query(_)) => return None,
    }
    Some(())
}
