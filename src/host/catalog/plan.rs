//! Asks the planner what it expects of a statement. It is asked with the values at hand, so that a LIMIT that is a parameter counts; what it
//! expects to be little is good for other values of the shape as well, what it expects to be much for these values alone.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::side::{Side, SideError, quoted};
use crate::gate::catalog::{Catalog, Estimate};
use crate::gate::judge::{Asked, DEFAULT_PATH, Question};
use crate::session::asking::{Message, Parameters};
use crate::sql::cache;

/// Estimates kept of one database: the shapes of an application. When there are more all are forgotten.
const MOST: usize = 8192;
/// Longer statements are not kept, so that the keys stay below some 64 MiB.
const LONGEST: usize = 8 * 1024;
/// Tables grow; and a planner that could not answer may be able to.
const GOOD_FOR: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub struct Estimates {
    kept: HashMap<Vec<u8>, (Option<Estimate>, Instant)>,
}

impl Estimates {
    /// The catalog changed.
    pub fn forget(&mut self) {
        self.kept.clear();
    }

    fn find(&self, key: &[u8], now: Instant) -> Option<Option<Estimate>> {
        self.kept.get(key).filter(|(_, since)| now.saturating_duration_since(*since) < GOOD_FOR).map(|(estimate, _)| *estimate)
    }

    fn keep(&mut self, key: Vec<u8>, estimate: Option<Estimate>, now: Instant) {
        if key.len() > LONGEST {
            return;
        }
        if self.kept.len() >= MOST {
            self.kept.clear();
        }
        self.kept.insert(key, (estimate, now));
    }

    /// What is expected of a statement, asked of the server if need be. `None`: the planner does not say.
    pub async fn of(
        &mut self,
        side: &mut Side,
        catalog: &Catalog,
        question: &Question,
        asked: Asked,
        message: &Message,
        now: Instant,
    ) -> Result<Option<Estimate>, SideError> {
        let path = question.paths.first().map_or(DEFAULT_PATH, |path| path);
        let [shape, exact] = keys(question, path, message);
        if let Some(estimate) = self.find(&shape, now).or_else(|| self.find(&exact, now)) {
            return Ok(estimate);
        }
        let path = if path == DEFAULT_PATH { catalog.path() } else { path };
        let estimate = match plan(side, path, message).await {
            Ok(text) => Estimate::of_plan(&text, asked.collects, asked.ties),
            // The statement is not one that it can plan: whoever sends it is told so when it runs.
            Err(SideError::Refused(_)) => None,
            Err(error) => return Err(error),
        };
        let little = estimate.is_some_and(|estimate| estimate.rows <= asked.most_rows);
        self.keep(if little { shape } else { exact }, estimate, now);
        Ok(estimate)
    }
}

/// What a statement is known by, without its values and with them.
fn keys(question: &Question, path: &str, message: &Message) -> [Vec<u8>; 2] {
    let mut head = path.as_bytes().to_vec();
    head.push(0);
    let mut shape = head.clone();
    shape.push(b's');
    cache::write_key(message.sql(), question.facts.value_dependent, &mut shape);
    let mut exact = head;
    exact.push(b'x');
    exact.extend_from_slice(message.sql());
    if let Message::Extended { types, bind, .. } = message {
        exact.push(0);
        exact.extend(types.iter().flat_map(|oid| oid.to_be_bytes()));
        exact.extend(bind.formats.iter().flat_map(|format| format.to_be_bytes()));
        for value in &bind.values {
            let value = value.as_deref().map(Vec::as_slice);
            exact.extend_from_slice(&value.map_or(u64::MAX, |value| value.len() as u64).to_be_bytes());
            exact.extend_from_slice(value.unwrap_or_default());
        }
    }
    [shape, exact]
}

async fn plan(side: &mut Side, path: &str, message: &Message) -> Result<String, SideError> {
    side.ask("BEGIN READ ONLY", |_| Ok(())).await?;
    let planned = plan_within(side, path, message).await;
    side.ask("ROLLBACK", |_| Ok(())).await?;
    planned
}

async fn plan_within(side: &mut Side, path: &str, message: &Message) -> Result<String, SideError> {
    for term in ["SET LOCAL statement_timeout = '2s'", "SET LOCAL lock_timeout = '200ms'", "SET LOCAL standard_conforming_strings = on"] {
        side.ask(term, |_| Ok(())).await?;
    }
    side.ask(&format!("SELECT pg_catalog.set_config('search_path', {}, true)", quoted(path)), |_| Ok(())).await?;
    let mut sql = b"EXPLAIN (FORMAT JSON) ".to_vec();
    sql.extend_from_slice(message.sql());
    let none = Parameters::default();
    let (types, parameters) = match message {
        Message::Query(_) => (&[][..], &none),
        Message::Extended { types, bind, .. } => (&**types, bind),
    };
    let mut text = String::new();
    side.run(&sql, types, parameters, |fields| {
        text.push_str(fields.first().copied().flatten().unwrap_or_default());
        text.push('\n');
        Ok(())
    })
    .await?;
    Ok(text)
}
