//! Events that are no statements, as the index keeps them: whom they concern, what they say in few words, and what people wrote.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Trouble, to_sql, words};
use crate::audit::Event;
use crate::audit::event::{Kind, Statement, Words};
use crate::gate::hold::HoldId;
use crate::sql::effect::EffectSet;

/// One of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    pub session: Option<u64>,
    pub agent: Option<String>,
    pub hold: Option<u64>,
    pub about: String,
    pub words: Option<String>,
}

fn text(body: Option<&Words>) -> Option<String> {
    body.map(|body| body.text.clone())
}

fn or_nobody(by: Option<&str>) -> &str {
    by.unwrap_or("nobody")
}

/// What a held statement does, and which rule held it.
fn why(statement: &Statement) -> String {
    let effects = statement.effects.map(|bits| format!(": {}", EffectSet::from_bits(bits))).unwrap_or_default();
    let rule = statement.rule.as_ref().map(|rule| format!(", rule {rule}")).unwrap_or_default();
    effects + &rule
}

impl Told {
    /// `None` for what the index keeps elsewhere.
    pub fn of(event: &Event) -> Option<Self> {
        let about = |about: String| Self { about, ..Self::default() };
        Some(match event {
            Event::ShapeMet(_) | Event::Begun(_) | Event::Ended(_) | Event::Prepared(_) | Event::Refused(_) | Event::Continued(_) => {
                return None;
            }
            Event::Started(event) => about(format!("version {}", event.version)),
            Event::Stopped(event) => about(format!("executions: {}", event.executions)),
            Event::Recovered(event) => {
                about(format!("cut bytes: {}, closed executions: {}, closed sessions: {}", event.cut, event.orphans, event.sessions))
            }
            Event::Resumed(event) => about(format!("{} refused meanwhile, {}", event.refused, event.trouble)),
            Event::Checkpointed(event) => about(format!("up to {}", event.seq)),
            Event::KeyChanged(event) => about(format!("by {}", or_nobody(event.by.as_deref()))),
            Event::EpochBegan(event) => about(format!("epoch {} by {}", event.epoch, event.by)),
            Event::Pruned(event) => about(format!("up to {} by {}", event.seq, event.by)),
            Event::Erased(event) => Self { words: text(event.body.as_deref()), ..about(format!("{} by {}", event.seq, event.by)) },
            Event::SignedIn(event) => Self {
                agent: Some(event.agent.clone()),
                words: event.body.as_ref().and_then(|body| body.application.clone()),
                ..about(format!("{} as {} from {}", event.database, event.role, event.address.as_deref().unwrap_or("here")))
            },
            Event::SignedOut(event) => Self {
                session: Some(event.session),
                ..about(format!(
                    "executions: {}{}",
                    event.executions,
                    event.code.as_deref().map(|code| format!(", {code}")).unwrap_or_default()
                ))
            },
            Event::Denied(event) => Self {
                agent: event.agent.clone(),
                words: text(event.body.as_deref()),
                ..about(format!("{} from {}", event.code, event.address.as_deref().unwrap_or("here")))
            },
            Event::ConfigChanged(event) => about(format!("{}{}", if event.refused { "refused: " } else { "" }, event.changed.join(", "))),
            Event::PolicyChanged(event) => about(format!("{} by {}", event.policy, or_nobody(event.by.as_deref()))),
            Event::AgentChanged(event) => Self {
                agent: Some(event.agent.clone()),
                ..about(format!("{:?} by {}, owner {}", event.change, event.by, event.owner).to_lowercase())
            },
            Event::PersonChanged(event) => about(format!("{:?} {} as {} by {}", event.change, event.person, event.role, event.by)),
            Event::AuditRead(event) => Self { words: text(event.body.as_deref()), ..about(format!("{} by {}", event.what, event.by)) },
            Event::SignedOff(event) => Self { words: text(event.body.as_deref()), ..about(format!("up to {} by {}", event.seq, event.by)) },
            Event::Held(event) => Self {
                session: Some(event.statement.session),
                hold: Some(event.hold),
                words: text(event.body.as_deref()),
                ..about(format!("hold {}{}", HoldId::of(event.hold), why(&event.statement)))
            },
            Event::Decided(event) => Self {
                hold: Some(event.hold),
                words: text(event.body.as_deref()),
                ..about(
                    format!("hold {} {:?} by {}", HoldId::of(event.hold), event.decision, or_nobody(event.by.as_deref())).to_lowercase(),
                )
            },
            Event::Spent(event) => {
                Self { session: Some(event.session), hold: Some(event.hold), ..about(format!("hold {}", HoldId::of(event.hold))) }
            }
            Event::DecidedTogether(event) => {
                let holds: Vec<_> = event.holds.iter().map(|one| HoldId::of(one.hold).to_string()).collect();
                let about = about(format!("holds {} {:?} by {}", holds.join(" "), event.decision, event.by).to_lowercase());
                Self { words: text(event.body.as_deref()), ..about }
            }
            Event::Answered(event) => Self {
                session: Some(event.session),
                hold: Some(event.hold),
                words: text(event.body.as_deref()),
                ..about(format!("hold {}", HoldId::of(event.hold)))
            },
            Event::Returned(event) => Self { hold: Some(event.hold), ..about(format!("hold {}", HoldId::of(event.hold))) },
            Event::Revealed(event) => Self {
                hold: Some(event.hold),
                words: text(event.body.as_deref()),
                ..about(format!("hold {} by {}", HoldId::of(event.hold), event.by))
            },
            Event::Granted(event) => Self { words: text(event.body.as_deref()), ..about(format!("grant {} by {}", event.grant, event.by)) },
            Event::GrantEnded(event) => {
                Self { words: text(event.body.as_deref()), ..about(format!("grant {} by {}", event.grant, or_nobody(event.by.as_deref()))) }
            }
            Event::SealingKey(event) => about(format!("to {}", event.to)),
            Event::PersonSignedIn(event) => {
                about(format!("{} by {} from {}", event.person, event.through, event.address.as_deref().unwrap_or("here")))
            }
            Event::PersonDenied(event) => Self {
                words: text(event.body.as_deref()),
                ..about(format!("by {} from {}", event.through, event.address.as_deref().unwrap_or("here")))
            },
            Event::PersonSignedOut(event) => about(format!("{} by {}", event.person, event.through)),
            Event::HoldRead(event) => {
                Self { hold: Some(event.hold), ..about(format!("hold {} by {} by {}", HoldId::of(event.hold), event.by, event.through)) }
            }
        })
    }

    /// What it can be found by.
    pub fn searched(&self, kind: Kind) -> Vec<String> {
        let parts = [
            &kind.to_string().replace('-', "_"),
            self.agent.as_deref().unwrap_or_default(),
            &self.about,
            self.words.as_deref().unwrap_or_default(),
        ];
        words::of(&parts.join(" "))
    }
}

pub fn insert(db: &Connection, seq: u64, time: u64, kind: Kind, told: &Told) -> Result<(), Trouble> {
    let [seq, time] = [seq, time].map(to_sql);
    let sql = "INSERT INTO events (seq, time, kind, session, agent, hold, about, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let (session, hold) = (told.session.map(to_sql), told.hold.map(to_sql));
    db.prepare_cached(sql)?.execute(params![seq, time, kind.0, session, told.agent, hold, told.about, told.words])?;
    let words = told.searched(kind).join(" ");
    db.prepare_cached("INSERT INTO event_words (rowid, words) VALUES (?1, ?2)")?.execute(params![seq, words])?;
    Ok(())
}

fn get(db: &Connection, seq: u64) -> Result<Option<(Kind, Told)>, Trouble> {
    let sql = "SELECT kind, agent, about, words FROM events WHERE seq = ?1";
    let found = db.prepare_cached(sql)?.query_row([to_sql(seq)], |row| {
        Ok((Kind(row.get(0)?), Told { agent: row.get(1)?, about: row.get(2)?, words: row.get(3)?, ..Told::default() }))
    });
    Ok(found.optional()?)
}

/// Takes its words out of the searched ones: they must be given as they were put in.
fn unword(db: &Connection, seq: u64, kind: Kind, told: &Told) -> Result<(), Trouble> {
    let words = told.searched(kind).join(" ");
    db.prepare_cached("INSERT INTO event_words (event_words, rowid, words) VALUES ('delete', ?1, ?2)")?
        .execute(params![to_sql(seq), words])?;
    Ok(())
}

/// What people wrote is to be known no more.
pub fn forget_words(db: &Connection, seq: u64) -> Result<(), Trouble> {
    let Some((kind, mut told)) = get(db, seq)? else { return Ok(()) };
    unword(db, seq, kind, &told)?;
    told.words = None;
    db.execute("UPDATE events SET words = NULL WHERE seq = ?1", [to_sql(seq)])?;
    let words = told.searched(kind).join(" ");
    db.execute("INSERT INTO event_words (rowid, words) VALUES (?1, ?2)", params![to_sql(seq), words])?;
    Ok(())
}

pub fn remove(db: &Connection, seq: u64) -> Result<(), Trouble> {
    if let Some((kind, told)) = get(db, seq)? {
        unword(db, seq, kind, &told)?;
        db.prepare_cached("DELETE FROM events WHERE seq = ?1")?.execute([to_sql(seq)])?;
    }
    Ok(())
}
