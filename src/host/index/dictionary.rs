//! Numbers for what recurs: shapes, sets of relations, agents, names. What is asked for often is kept in memory, a bounded part of
//! it; the database has it all.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Trouble, from_sql, to_sql, words};
use crate::audit::Digest;

/// Kept in memory of each kind; beyond it memory is cleared and filled again.
const MOST: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub id: u64,
    /// The set of relations its statements name; zero where they name none.
    pub relations: u64,
    has_text: bool,
}

#[derive(Debug, Default)]
pub struct Dictionary {
    shapes: HashMap<Digest, Shape>,
    relations_of: HashMap<u64, u64>,
    sets: HashMap<Vec<String>, u64>,
    members: HashMap<u64, Vec<u64>>,
    names: HashMap<String, u64>,
    agents: HashMap<(i64, String, String), u64>,
    /// The agent of each session.
    sessions: HashMap<u64, u64>,
}

/// Puts one in, and the others out when there are too many.
fn keep<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>, key: K, value: V) {
    if map.len() >= MOST {
        map.clear();
    }
    map.insert(key, value);
}

fn last_id(db: &Connection) -> u64 {
    from_sql(db.last_insert_rowid())
}

impl Dictionary {
    pub fn shape(&mut self, db: &Connection, digest: Digest) -> Result<Shape, Trouble> {
        if let Some(shape) = self.shapes.get(&digest) {
            return Ok(*shape);
        }
        let found = db
            .prepare_cached("SELECT id, relations, text IS NOT NULL FROM shapes WHERE digest = ?1")?
            .query_row([digest.0], |row| Ok(Shape { id: from_sql(row.get(0)?), relations: from_sql(row.get(1)?), has_text: row.get(2)? }))
            .optional()?;
        let shape = if let Some(shape) = found {
            shape
        } else {
            db.prepare_cached("INSERT INTO shapes (digest) VALUES (?1)")?.execute([digest.0])?;
            Shape { id: last_id(db), relations: 0, has_text: false }
        };
        self.put(digest, shape);
        Ok(shape)
    }

    fn put(&mut self, digest: Digest, shape: Shape) {
        keep(&mut self.relations_of, shape.id, shape.relations);
        keep(&mut self.shapes, digest, shape);
    }

    /// The text of a shape is known.
    pub fn text(&mut self, db: &Connection, digest: Digest, text: &str) -> Result<(), Trouble> {
        let shape = self.shape(db, digest)?;
        if shape.has_text {
            return Ok(());
        }
        db.prepare_cached("UPDATE shapes SET text = ?2 WHERE id = ?1")?.execute(params![to_sql(shape.id), text])?;
        let words = words::of(text).join(" ");
        db.prepare_cached("INSERT INTO shape_words (rowid, words) VALUES (?1, ?2)")?.execute(params![to_sql(shape.id), words])?;
        self.put(digest, Shape { has_text: true, ..shape });
        Ok(())
    }

    /// The text of a shape is to be known no more.
    pub fn forget_text(&mut self, db: &Connection, digest: Digest) -> Result<(), Trouble> {
        let shape = self.shape(db, digest)?;
        let text: Option<String> = db.query_row("SELECT text FROM shapes WHERE id = ?1", [to_sql(shape.id)], |row| row.get(0))?;
        if let Some(text) = text {
            unword_shape(db, shape.id, &text)?;
            db.execute("UPDATE shapes SET text = NULL WHERE id = ?1", [to_sql(shape.id)])?;
        }
        self.put(digest, Shape { has_text: false, ..shape });
        Ok(())
    }

    /// A statement names these relations on its own: returns what its row has to say of that.
    pub fn relations(&mut self, db: &Connection, names: &[String]) -> Result<u64, Trouble> {
        Ok(self.set(db, names)?.saturating_add(1))
    }

    /// The statements of a shape name these relations. Returns the set that is used once more, zero where none is.
    pub fn shape_names(&mut self, db: &Connection, digest: Digest, names: &[String]) -> Result<u64, Trouble> {
        let shape = self.shape(db, digest)?;
        if names.is_empty() || shape.relations > 0 {
            return Ok(0);
        }
        let set = self.set(db, names)?;
        self.set_relations(db, digest, shape, set)?;
        Ok(set)
    }

    /// What a shape's statements name is to be known no more. Returns the shape as it was.
    pub fn forget_names(&mut self, db: &Connection, digest: Digest) -> Result<Shape, Trouble> {
        let shape = self.shape(db, digest)?;
        self.set_relations(db, digest, shape, 0)?;
        Ok(shape)
    }

    fn set_relations(&mut self, db: &Connection, digest: Digest, shape: Shape, set: u64) -> Result<(), Trouble> {
        db.prepare_cached("UPDATE shapes SET relations = ?2 WHERE id = ?1")?.execute([to_sql(shape.id), to_sql(set)])?;
        self.put(digest, Shape { relations: set, ..shape });
        Ok(())
    }

    fn set(&mut self, db: &Connection, names: &[String]) -> Result<u64, Trouble> {
        if names.is_empty() {
            return Ok(0);
        }
        if let Some(set) = self.sets.get(names) {
            return Ok(*set);
        }
        let mut ids = Vec::new();
        for name in names {
            db.prepare_cached("INSERT OR IGNORE INTO relations (name) VALUES (?1)")?.execute([name])?;
            let id: i64 = db.prepare_cached("SELECT id FROM relations WHERE name = ?1")?.query_row([name], |row| row.get(0))?;
            ids.push(id);
        }
        ids.sort_unstable();
        ids.dedup();
        let members = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        if db.prepare_cached("INSERT OR IGNORE INTO relation_sets (members) VALUES (?1)")?.execute([&members])? > 0 {
            let set = db.last_insert_rowid();
            for id in ids {
                db.prepare_cached("INSERT INTO relation_members (relation, id) VALUES (?1, ?2)")?.execute([id, set])?;
            }
        }
        let set: i64 = db.prepare_cached("SELECT id FROM relation_sets WHERE members = ?1")?.query_row([&members], |row| row.get(0))?;
        keep(&mut self.sets, names.to_vec(), from_sql(set));
        Ok(from_sql(set))
    }

    /// The set that a row means: its own or its shape's.
    pub fn set_of(&mut self, db: &Connection, shape: u64, relations: u64) -> Result<u64, Trouble> {
        if let Some(set) = relations.checked_sub(1) {
            return Ok(set);
        }
        if let Some(set) = self.relations_of.get(&shape) {
            return Ok(*set);
        }
        let found =
            db.prepare_cached("SELECT relations FROM shapes WHERE id = ?1")?.query_row([to_sql(shape)], |row| row.get(0)).optional()?;
        let set = found.map_or(0, from_sql);
        keep(&mut self.relations_of, shape, set);
        Ok(set)
    }

    /// The relations of a set.
    pub fn members(&mut self, db: &Connection, set: u64) -> Result<&[u64], Trouble> {
        if !self.members.contains_key(&set) {
            let found: Option<String> = db
                .prepare_cached("SELECT members FROM relation_sets WHERE id = ?1")?
                .query_row([to_sql(set)], |row| row.get(0))
                .optional()?;
            let ids = found.unwrap_or_default().split(',').filter_map(|id| id.parse().ok()).collect();
            keep(&mut self.members, set, ids);
        }
        Ok(self.members.get(&set).map_or(&[], Vec::as_slice))
    }

    /// A name's number; they begin at one.
    pub fn name(&mut self, db: &Connection, name: &str) -> Result<u64, Trouble> {
        if let Some(id) = self.names.get(name) {
            return Ok(*id);
        }
        db.prepare_cached("INSERT OR IGNORE INTO names (name) VALUES (?1)")?.execute([name])?;
        let id: i64 = db.prepare_cached("SELECT id FROM names WHERE name = ?1")?.query_row([name], |row| row.get(0))?;
        keep(&mut self.names, name.to_owned(), from_sql(id));
        Ok(from_sql(id))
    }

    pub fn agent(&mut self, db: &Connection, id: i64, name: &str, owner: &str) -> Result<u64, Trouble> {
        let key = (id, name.to_owned(), owner.to_owned());
        if let Some(found) = self.agents.get(&key) {
            return Ok(*found);
        }
        db.execute("INSERT OR IGNORE INTO agents (agent_id, name, owner) VALUES (?1, ?2, ?3)", params![id, name, owner])?;
        let sql = "SELECT id FROM agents WHERE agent_id = ?1 AND name = ?2 AND owner = ?3";
        let found: i64 = db.query_row(sql, params![id, name, owner], |row| row.get(0))?;
        keep(&mut self.agents, key, from_sql(found));
        Ok(from_sql(found))
    }

    pub fn session_began(&mut self, session: u64, agent: u64) {
        keep(&mut self.sessions, session, agent);
    }

    pub fn session_ended(&mut self, session: u64) {
        self.sessions.remove(&session);
    }

    /// Zero for a session that was never heard of.
    pub fn agent_of(&mut self, db: &Connection, session: u64) -> Result<u64, Trouble> {
        if let Some(agent) = self.sessions.get(&session) {
            return Ok(*agent);
        }
        let sql = "SELECT agent FROM sessions WHERE session = ?1";
        let found: Option<i64> = db.prepare_cached(sql)?.query_row([to_sql(session)], |row| row.get(0)).optional()?;
        let agent = found.map_or(0, from_sql);
        keep(&mut self.sessions, session, agent);
        Ok(agent)
    }

    /// What was removed from the database is to be asked for anew.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What a row says that names no relation.
pub const NO_RELATIONS: u64 = 1;

/// Takes a shape's words out of the searched ones: they must be given as they were put in.
pub fn unword_shape(db: &Connection, id: u64, text: &str) -> Result<(), Trouble> {
    let words = words::of(text).join(" ");
    db.prepare_cached("INSERT INTO shape_words (shape_words, rowid, words) VALUES ('delete', ?1, ?2)")?
        .execute(params![to_sql(id), words])?;
    Ok(())
}
