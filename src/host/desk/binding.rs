//! Everything that an approval is bound to, as bytes in which nothing can be taken for something else: each part is tagged, and begins with its
//! length or its number.

use zeroize::Zeroizing;

use crate::gate::Subject;
use crate::session::asking::{Message, Petition};
use crate::sql::uncommented;

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

pub fn bytes(subject: &Subject, petition: &Petition) -> Zeroizing<Vec<u8>> {
    let mut out = Bytes::default();
    out.tag(VERSION);
    out.part(&subject.agent_id.to_le_bytes());
    out.part(subject.database.as_bytes());
    out.part(subject.role.as_bytes());
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
    match &petition.message {
        Message::Query(sql) => {
            out.tag(b'q');
            text(&mut out, sql);
        }
        Message::Extended { sql, types, bind } => {
            out.tag(b'x');
            text(&mut out, sql);
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
    let mut objects = petition.grounds.resolved.objects.clone();
    objects.sort_unstable();
    objects.dedup();
    out.count(objects.len());
    for object in objects {
        out.number(u64::from(object));
    }
    // Whoever may decide now did: after a change of the policy others may have to.
    let mut groups: Vec<_> = petition.grounds.groups.iter().collect();
    groups.sort_unstable();
    out.count(groups.len());
    for group in groups {
        out.part(group.as_bytes());
    }
    if petition.grounds.approvals > 1 {
        out.tag(b'N');
        out.number(u64::from(petition.grounds.approvals));
    }
    let mut settings: Vec<_> = petition.settings.iter().collect();
    settings.sort_unstable();
    out.count(settings.len());
    for (name, value) in settings {
        out.part(name.as_bytes());
        out.part(value.as_bytes());
    }
    match petition.over {
        Some(over) => {
            out.tag(b'o');
            out.part(over.quantity.word().as_bytes());
            out.number(over.limit);
            out.number(over.raised);
        }
        None => out.tag(b'-'),
    }
    // The comment that asks for it is none of the tokens: an approval of the one must not serve the other.
    if petition.grounds.unmask {
        out.tag(b'U');
    }
    out.0
}
