//! How much happened: sign-ins, executions and what became of them, by agent, by day and by what they were.

use std::collections::HashMap;

use serde::Serialize;

use super::bounded::Tally;
use crate::audit::Digest;
use crate::audit::event::{Denied, Ended, Outcome, ShapeMet, Statement, Verdict, Way};
use crate::host::when;
use crate::sql::effect::Effect;

/// What one agent did, or what happened on one day, or all of it. A sign-in, an execution or a refusal counts when it began, an outcome with
/// its rows and bytes when it was reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Work {
    pub sign_ins: u64,
    pub executions: u64,
    /// Sent to be prepared or bound, and not run by that.
    pub prepared: u64,
    /// Not sent.
    pub refused: u64,
    pub completed: u64,
    pub suspended: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub skipped: u64,
    pub unknown: u64,
    pub stopped: u64,
    /// Sent to clients.
    pub rows: u64,
    pub bytes: u64,
    /// Of COPY, sent to servers.
    pub received: u64,
    /// Rows that servers counted.
    pub affected: u64,
    pub masked: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Volumes {
    pub total: Work,
    pub by_agent: Tally<Work>,
    /// Days of UTC.
    pub by_day: Tally<Work>,
    pub by_verdict: Tally<u64>,
    pub by_effect: Tally<u64>,
    pub by_way: Tally<u64>,
    /// Executions of what names it, as it is written there.
    pub by_table: Tally<u64>,
    /// The last command of each execution that ended.
    pub by_command: Tally<u64>,
    /// SQLSTATE of those that failed, and of refusals.
    pub by_code: Tally<u64>,
    pub by_rule: Tally<u64>,
    pub masked_by_kind: Tally<u64>,
    pub denied_total: u64,
    pub denied_by_code: Tally<u64>,
    /// By the name of an agent that there is.
    pub denied_by_agent: Tally<u64>,
    pub denied_by_address: Tally<u64>,
    /// What the statements of a shape name.
    #[serde(skip)]
    tables: HashMap<Digest, Vec<String>>,
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
        Verdict::Held => "held",
        Verdict::Approved => "approved",
        Verdict::Observed => "observed",
    }
}

fn way_word(way: Way) -> &'static str {
    match way {
        Way::Query => "query",
        Way::Parse => "parse",
        Way::Bind => "bind",
        Way::Execute => "execute",
        Way::Fetch => "fetch",
        Way::FunctionCall => "function_call",
        Way::CopyData => "copy_data",
    }
}

/// The names of a statement's effects.
pub(super) fn effect_words(effects: Option<u32>) -> Vec<String> {
    let Some(effects) = effects else { return vec!["(not read)".to_owned()] };
    if effects == 0 {
        return vec!["(none)".to_owned()];
    }
    let name = |bit: u32| {
        let known = Effect::ALL.into_iter().find(|effect| effect.bit() == 1 << bit);
        known.map_or_else(|| format!("bit {bit}"), |effect| effect.word().to_owned())
    };
    (0..u32::BITS).filter(|bit| effects >> bit & 1 == 1).map(name).collect()
}

/// Shapes whose tables are kept at once; of more, what is executed counts for no table until it is recorded again.
const SHAPES: usize = 100_000;

impl Volumes {
    pub(super) fn shape(&mut self, met: &ShapeMet) {
        let named = met.body.as_ref().filter(|body| !body.relations.is_empty());
        if let Some(body) = named.filter(|_| self.tables.len() < SHAPES) {
            self.tables.entry(met.shape).or_insert_with(|| body.relations.clone());
        }
    }

    fn each(&mut self, agent: &str, time: u64, count: impl Fn(&mut Work)) {
        count(&mut self.total);
        count(self.by_agent.of(agent));
        count(self.by_day.of(&when::day(time)));
    }

    fn statement(&mut self, statement: &Statement) {
        self.by_verdict.add(verdict_word(statement.verdict), 1);
        self.by_way.add(way_word(statement.way), 1);
        if let Some(rule) = &statement.rule {
            self.by_rule.add(rule, 1);
        }
    }

    pub(super) fn signed_in(&mut self, agent: &str, time: u64) {
        self.each(agent, time, |work| work.sign_ins += 1);
    }

    pub(super) fn denied(&mut self, denied: &Denied) {
        self.denied_total += 1;
        self.denied_by_code.add(&denied.code, 1);
        self.denied_by_agent.add(denied.agent.as_deref().unwrap_or("(no agent of that name)"), 1);
        self.denied_by_address.add(denied.address.as_deref().unwrap_or("(unknown)"), 1);
    }

    pub(super) fn begun(&mut self, agent: &str, time: u64, statement: &Statement) {
        self.each(agent, time, |work| work.executions += 1);
        for table in self.tables.get(&statement.shape).into_iter().flatten() {
            self.by_table.add(table, 1);
        }
        self.statement(statement);
        for effect in effect_words(statement.effects) {
            self.by_effect.add(&effect, 1);
        }
    }

    pub(super) fn prepared(&mut self, agent: &str, time: u64, statement: &Statement) {
        self.each(agent, time, |work| work.prepared += 1);
        self.statement(statement);
    }

    pub(super) fn refused(&mut self, agent: &str, time: u64, statement: &Statement, code: &str) {
        self.each(agent, time, |work| work.refused += 1);
        self.statement(statement);
        self.by_code.add(code, 1);
    }

    pub(super) fn ended(&mut self, agent: &str, time: u64, ended: &Ended) {
        let masked = ended.masked.iter().flatten().fold(0_u64, |sum, masked| sum.saturating_add(masked.count));
        self.each(agent, time, |work| {
            let outcome = match ended.outcome {
                Outcome::Completed => &mut work.completed,
                Outcome::Suspended => &mut work.suspended,
                Outcome::Failed => &mut work.failed,
                Outcome::Cancelled => &mut work.cancelled,
                Outcome::Skipped => &mut work.skipped,
                Outcome::Unknown => &mut work.unknown,
                Outcome::Stopped => &mut work.stopped,
            };
            *outcome += 1;
            for (sum, more) in [
                (&mut work.rows, ended.rows),
                (&mut work.bytes, ended.bytes),
                (&mut work.received, ended.received),
                (&mut work.affected, ended.affected.unwrap_or(0)),
                (&mut work.masked, masked),
            ] {
                *sum = sum.saturating_add(more);
            }
        });
        if let Some(command) = &ended.command {
            self.by_command.add(command, 1);
        }
        if let Some(code) = &ended.code {
            self.by_code.add(code, 1);
        }
        for masked in ended.masked.iter().flatten() {
            self.masked_by_kind.add(&masked.kind, masked.count);
        }
    }
}
