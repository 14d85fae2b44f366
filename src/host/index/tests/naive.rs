//! The same answers by a plain look at every record.

use std::collections::{BTreeMap, HashMap};

use crate::audit::event::*;
use crate::audit::{Digest, Event};
use crate::host::index::event::Told;
use crate::host::index::filter::{self, Filter};
use crate::host::index::indexer::Item;
use crate::host::index::search::Found;
use crate::host::index::totals::By;
use crate::host::index::words;

struct Line {
    seq: u64,
    time: u64,
    kind: Kind,
    statement: Statement,
    relations: Vec<String>,
    /// It named them itself, not its shape.
    own: bool,
    code: Option<String>,
    end: Option<Ended>,
}

pub struct Naive {
    lines: Vec<Line>,
    told: Vec<(u64, u64, Kind, Told)>,
    agents: HashMap<u64, String>,
    texts: HashMap<Digest, String>,
    tables: HashMap<Digest, Vec<String>>,
}

impl Naive {
    pub fn of(items: &[Item]) -> Self {
        let mut naive = Self { lines: Vec::new(), told: Vec::new(), agents: HashMap::new(), texts: HashMap::new(), tables: HashMap::new() };
        let mut begun: HashMap<(u64, u64), u64> = HashMap::new();
        for item in items {
            let event = item.event.clone().unwrap();
            let tables = naive.tables.clone();
            let line = |statement: &Statement, body: &Option<Box<Sent>>, code: Option<String>| Line {
                seq: item.seq,
                time: item.time,
                kind: item.kind,
                statement: statement.clone(),
                own: body.as_ref().is_some_and(|body| !body.relations.is_empty()),
                relations: match body {
                    Some(body) if !body.relations.is_empty() => body.relations.clone(),
                    _ => tables.get(&statement.shape).cloned().unwrap_or_default(),
                },
                code,
                end: None,
            };
            match &event {
                Event::Begun(Begun { statement, body }) | Event::Prepared(Prepared { statement, body }) => {
                    begun.insert((statement.session, statement.number), item.seq);
                    naive.lines.push(line(statement, body, None));
                }
                Event::Refused(Refused { statement, code, body }) => naive.lines.push(line(statement, body, Some(code.to_string()))),
                Event::Ended(end) => {
                    let seq = begun.get(&(end.session, end.number)).copied().unwrap_or(0);
                    if let Some(line) = naive.lines.iter_mut().find(|line| line.seq == seq) {
                        line.end = Some(end.clone());
                        line.code = end.code.as_ref().map(ToString::to_string);
                    }
                }
                Event::ShapeMet(ShapeMet { shape, body: Some(body) }) => {
                    naive.texts.insert(*shape, body.text.clone());
                    naive.tables.entry(*shape).or_insert_with(|| body.relations.clone());
                }
                Event::SignedIn(who) => drop(naive.agents.insert(item.seq, who.agent.clone())),
                Event::Pruned(pruned) => {
                    naive.told.retain(|told| told.0 > pruned.seq);
                    let (gone, left) = naive.lines.drain(..).partition(|line| line.seq <= pruned.seq);
                    naive.lines = left;
                    // With the last statement of a shape its text goes.
                    let has = |lines: &[Line], shape| lines.iter().any(|line: &Line| line.statement.shape == shape);
                    let gone: Vec<Line> = gone;
                    naive.texts.retain(|shape, _| !has(&gone, *shape) || has(&naive.lines, *shape));
                    naive.tables.retain(|shape, _| !has(&gone, *shape) || has(&naive.lines, *shape));
                }
                Event::Erased(erased) => {
                    if let Some(Event::ShapeMet(met)) = &item.erases {
                        naive.texts.remove(&met.shape);
                        naive.tables.remove(&met.shape);
                        let of_shape = |line: &&mut Line| line.statement.shape == met.shape && !line.own;
                        naive.lines.iter_mut().filter(of_shape).for_each(|line| line.relations.clear());
                    }
                    for line in naive.lines.iter_mut().filter(|line| line.seq == erased.seq && line.own) {
                        line.relations.clear();
                    }
                    for told in naive.told.iter_mut().filter(|told| told.0 == erased.seq) {
                        told.3.words = None;
                    }
                }
                _ => {}
            }
            if let Some(mut told) = Told::of(&event) {
                if item.kind == Kind::SignedIn {
                    told.session = Some(item.seq);
                }
                if let (Some(session), None) = (told.session, &told.agent) {
                    told.agent = naive.agents.get(&session).cloned();
                }
                naive.told.push((item.seq, item.time, item.kind, told));
            }
        }
        naive
    }

    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    fn has_words(asked: &str, searched: &[String]) -> bool {
        let terms = words::terms(asked);
        let has =
            |term: &words::Term| searched.iter().any(|word| if term.begins { word.starts_with(&term.word) } else { *word == term.word });
        !terms.is_empty() && terms.iter().all(has)
    }

    fn is_error(line: &Line) -> bool {
        line.code.is_some() || line.end.as_ref().is_some_and(|end| matches!(end.outcome, Outcome::Failed | Outcome::Unknown))
    }

    fn masked(line: &Line) -> u64 {
        line.end.iter().flat_map(|end| end.masked.iter().flatten()).map(|masked| masked.count).sum()
    }

    fn takes(&self, filter: &Filter, line: &Line) -> bool {
        let (statement, end) = (&line.statement, line.end.as_ref());
        filter
            .words
            .as_ref()
            .is_none_or(|asked| self.texts.get(&statement.shape).is_some_and(|text| Self::has_words(asked, &words::of(text))))
            && filter.agent.as_ref().is_none_or(|agent| self.agents.get(&statement.session) == Some(agent))
            && filter.table.as_ref().is_none_or(|table| line.relations.iter().any(|relation| filter::is_table(table, relation)))
            && filter.effect.is_none_or(|bit| statement.effects.is_some_and(|effects| effects & 1 << bit != 0))
            && filter.verdict.is_none_or(|verdict| statement.verdict == verdict)
            && filter.rule.as_ref().is_none_or(|rule| statement.rule.as_ref() == Some(rule))
            && filter.hold.is_none_or(|hold| statement.hold == Some(hold))
            && filter.since.is_none_or(|since| line.time >= since)
            && filter.until.is_none_or(|until| line.time < until)
            && (!filter.errors || Self::is_error(line))
            && filter.slow.is_none_or(|slow| end.is_some_and(|end| end.duration.is_some_and(|duration| duration >= slow)))
            && filter.session.is_none_or(|session| statement.session == session)
            && filter.shape.is_none_or(|shape| statement.shape == shape)
            && filter.before.is_none_or(|before| line.seq < before)
            && match &filter.masked {
                None => true,
                Some(filter::Masked::Any) => Self::masked(line) > 0,
                Some(filter::Masked::Kind(kind)) => end.is_some_and(|end| end.masked.iter().flatten().any(|masked| masked.kind == *kind)),
            }
    }

    pub fn search(&self, filter: &Filter) -> Vec<u64> {
        let mut found: Vec<u64> = self.lines.iter().filter(|line| self.takes(filter, line)).map(|line| line.seq).collect();
        if filter.takes_events() {
            found.extend(
                self.told
                    .iter()
                    .filter(|(seq, time, kind, told)| {
                        filter.words.as_ref().is_none_or(|asked| Self::has_words(asked, &told.searched(*kind)))
                            && filter.agent.as_ref().is_none_or(|agent| told.agent.as_ref() == Some(agent))
                            && filter.hold.is_none_or(|hold| told.hold == Some(hold))
                            && !(filter.without_reads && *kind == Kind::AuditRead)
                            && filter.since.is_none_or(|since| *time >= since)
                            && filter.until.is_none_or(|until| *time < until)
                            && filter.session.is_none_or(|session| told.session == Some(session))
                            && filter.before.is_none_or(|before| *seq < before)
                    })
                    .map(|told| told.0),
            );
        }
        found.sort_unstable_by(|left, right| right.cmp(left));
        found.truncate(filter.limit);
        found
    }

    /// Whether what was found says of itself what the records said.
    pub fn check(&self, found: &Found) {
        let Some(said) = &found.statement else {
            let (.., told) = self.told.iter().find(|told| told.0 == found.seq).unwrap();
            assert_eq!((&found.words, found.about.as_ref(), &found.agent), (&told.words, Some(&told.about), &told.agent));
            return;
        };
        let line = self.lines.iter().find(|line| line.seq == found.seq).unwrap();
        let (statement, end) = (&line.statement, line.end.as_ref());
        assert_eq!(found.kind, line.kind.to_string());
        assert_eq!(found.agent.as_ref(), self.agents.get(&statement.session));
        assert_eq!((found.time, found.session, found.hold), (line.time, Some(statement.session), statement.hold));
        assert_eq!(
            (said.shape, said.verdict, said.way, said.in_transaction),
            (statement.shape, statement.verdict, statement.way, statement.in_transaction)
        );
        assert_eq!((&said.rule, &said.code, said.text.as_ref()), (&statement.rule, &line.code, self.texts.get(&statement.shape)));
        assert_eq!((said.outcome, said.duration), (end.map(|end| end.outcome), end.and_then(|end| end.duration)));
        assert_eq!((said.rows, said.affected), (end.map_or(0, |end| end.rows), end.and_then(|end| end.affected)));
        let mut relations = line.relations.clone();
        relations.sort_unstable();
        relations.dedup();
        assert_eq!(said.relations, relations);
        assert_eq!(said.masked, end.and_then(|end| end.masked.clone()).unwrap_or_default());
    }

    pub fn counts(&self) -> [u64; 4] {
        let count = |of: &dyn Fn(&Line) -> bool| self.lines.iter().filter(|line| of(line)).count() as u64;
        let kind = |kind: Kind| count(&|line| line.kind == kind);
        [kind(Kind::Begun), kind(Kind::Prepared), kind(Kind::Refused), count(&Self::is_error)]
    }

    pub fn top(&self, by: By, since: u64, until: u64) -> Vec<(Digest, [u64; 4])> {
        let mut sums: BTreeMap<Digest, [u64; 4]> = BTreeMap::new();
        for line in self.lines.iter().filter(|line| line.time >= since && line.time < until) {
            let end = line.end.as_ref();
            let more = [
                u64::from(line.kind == Kind::Begun),
                end.and_then(|end| end.duration).unwrap_or(0),
                end.map_or(0, |end| end.rows),
                Self::masked(line),
            ];
            for (sum, more) in sums.entry(line.statement.shape).or_default().iter_mut().zip(more) {
                *sum += more;
            }
        }
        let place = match by {
            By::Count => 0,
            By::Time => 1,
            By::Rows => 2,
            By::Masked => 3,
        };
        sums.into_iter().filter(|(_, sums)| sums[place] > 0).collect()
    }
}
