//! What was changed about pgsluice itself: configuration, policy, agents, people, keys, and what was taken off the record. Also what
//! interrupted the record. One kind of row serves them all.

use serde::Serialize;

use super::bounded::{List, cut};
use super::period::At;
use crate::audit::checkpoint::key_name;
use crate::audit::event::{
    AgentChanged, Change, ConfigChanged, EpochBegan, Erased, KeyChanged, PersonChanged, PolicyChanged, Pruned, Recovered, Resumed,
    SealingKey, Started,
};
use crate::host::when;

/// Who did what to what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    pub seq: u64,
    pub at: At,
    /// The record's kind.
    pub kind: &'static str,
    pub subject: String,
    pub detail: String,
    pub by: Option<String>,
    pub reason: Option<String>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Changes {
    /// Settings and policy.
    pub configuration: List<Row>,
    pub agents: List<Row>,
    pub people: List<Row>,
    pub keys: List<Row>,
    /// Bodies erased, segments pruned, backups restored.
    pub removals: List<Row>,
}

/// When and why the record has less than everything.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Gaps {
    pub starts: u64,
    pub stops: u64,
    /// Starts without a stop before: the program was ended from outside.
    pub starts_after_a_crash: u64,
    pub recoveries: u64,
    /// Bytes of torn records that recoveries set aside.
    pub bytes_cut: u64,
    /// Executions and sessions that recoveries closed.
    pub orphans: u64,
    pub sessions_closed: u64,
    /// Times when nothing could be recorded; nothing ran in them.
    pub standstills: u64,
    pub refused_in_standstills: u64,
    /// Executions of which the record cannot say how they ended: outcome unknown.
    pub outcome_unknown: u64,
    /// Executions begun in the period or before it, without an end at its end: still running, or the session's end is not on the record.
    pub without_an_end: u64,
    /// Records of a kind that this program does not know.
    pub of_a_newer_program: u64,
    pub rows: List<Row>,
}

fn change_word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Changed => "changed",
        Change::Removed => "removed",
    }
}

/// Where in the record a row stands.
pub(super) type Place = (u64, u64);

fn row((seq, time): Place, kind: &'static str, subject: impl Into<String>, detail: String, by: Option<&str>, reason: Option<&str>) -> Row {
    Row { seq, at: At(time), kind, subject: subject.into(), detail, by: by.map(str::to_owned), reason: reason.map(cut) }
}

impl Changes {
    pub(super) fn config(&mut self, place: Place, event: &ConfigChanged) {
        let names = event.changed.join(", ");
        let detail = if event.refused { format!("refused, the old one stays: {}", cut(&names)) } else { cut(&names) };
        self.configuration.push(row(place, "config-changed", event.config.to_string(), detail, None, None));
    }

    pub(super) fn policy(&mut self, place: Place, event: &PolicyChanged) {
        let detail = event.previous.map_or_else(|| "the first one".to_owned(), |previous| format!("instead of {previous}"));
        self.configuration.push(row(place, "policy-changed", event.policy.to_string(), detail, event.by.as_deref(), None));
    }

    pub(super) fn agent(&mut self, place: Place, event: &AgentChanged) {
        let detail = format!("{}, owner {}", change_word(event.change), event.owner);
        self.agents.push(row(place, "agent-changed", &event.agent, detail, Some(&event.by), None));
    }

    pub(super) fn person(&mut self, place: Place, event: &PersonChanged) {
        let detail = format!("{}, role {}", change_word(event.change), event.role);
        self.people.push(row(place, "person-changed", &event.person, detail, Some(&event.by), None));
    }

    pub(super) fn key(&mut self, place: Place, event: &KeyChanged) {
        let detail = match (event.previous, event.endorsement) {
            (None, _) => "the first key of this journal".to_owned(),
            (Some(previous), Some(_)) => format!("follows {}, which endorsed it", key_name(previous)),
            (Some(previous), None) => format!("follows {}, which did not endorse it", key_name(previous)),
        };
        self.keys.push(row(place, "key-changed", key_name(event.key), detail, event.by.as_deref(), None));
    }

    pub(super) fn sealing_key(&mut self, place: Place, event: &SealingKey) {
        // Each segment repeats it; what counts is another one.
        let name = key_name(event.to);
        let last = self.keys.entries.iter().rev().find(|row| row.kind == "sealing-key");
        if last.is_none_or(|row| row.subject != name) {
            self.keys.push(row(place, "sealing-key", name, "bodies are sealed to this key".to_owned(), None, None));
        }
    }

    pub(super) fn erased(&mut self, place: Place, event: &Erased) {
        let reason = event.body.as_ref().map(|words| words.text.as_str());
        self.removals.push(row(
            place,
            "erased",
            format!("record {}", event.seq),
            "its text; the chain keeps its commitment".to_owned(),
            Some(&event.by),
            reason,
        ));
    }

    pub(super) fn pruned(&mut self, place: Place, event: &Pruned) {
        let detail = format!("whole segments from before {}", when::short(event.before));
        self.removals.push(row(place, "pruned", format!("records up to {}", event.seq), detail, Some(&event.by), None));
    }

    pub(super) fn epoch(&mut self, place: Place, event: &EpochBegan) {
        let detail = format!("a backup of {}, which ends with record {}", when::short(event.backup_time), event.restored_seq);
        self.removals.push(row(place, "epoch-began", format!("epoch {}", event.epoch), detail, Some(&event.by), None));
    }
}

impl Gaps {
    pub(super) fn started(&mut self, place: Place, event: &Started, in_order: bool) {
        self.starts += 1;
        if !in_order {
            self.starts_after_a_crash += 1;
            self.rows.push(row(place, "started", cut(&event.version), "without a stop before".to_owned(), None, None));
        }
    }

    pub(super) fn recovered(&mut self, place: Place, event: &Recovered) {
        self.recoveries += 1;
        self.bytes_cut = self.bytes_cut.saturating_add(event.cut);
        self.orphans = self.orphans.saturating_add(event.orphans);
        self.sessions_closed = self.sessions_closed.saturating_add(event.sessions);
        let detail = format!("{} bytes set aside, {} executions and {} sessions closed", event.cut, event.orphans, event.sessions);
        self.rows.push(row(place, "recovered", "journal", detail, None, None));
    }

    pub(super) fn resumed(&mut self, place: Place, event: &Resumed) {
        self.standstills += 1;
        self.refused_in_standstills = self.refused_in_standstills.saturating_add(event.refused);
        let detail = format!("nothing could be recorded since {}, {} refused: {}", when::short(event.since), event.refused, event.trouble);
        self.rows.push(row(place, "resumed", "journal", detail, None, None));
    }
}
