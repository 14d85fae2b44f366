//! What a column's name, its type and some of its values say about it.

use super::detect::{Context, Detectors, Finding, Room};
use super::kind::KindSet;
use super::verdict::{Basis, Holding, Verdict};

/// What was seen of a column.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Kinds that its name speaks for.
    named: KindSet,
    cells: u32,
    seen: KindSet,
}

impl Evidence {
    /// `name` as the result or the table has it, `table` empty where there is none.
    pub fn new(_table: &[u8], _name: &[u8], _type_oid: u32) -> Self {
        Self::default()
    }

    /// Looks at one value that is there, as text.
    pub fn look(&mut self, detectors: &Detectors, value: &[u8], room: &mut Room, found: &mut Vec<Finding>) {
        self.cells = self.cells.saturating_add(1);
        found.clear();
        detectors.find(value, &Context { expected: self.named, ..Context::NONE }, room, found);
        for finding in found.iter() {
            self.seen = self.seen.with(finding.kind);
        }
    }

    pub fn verdict(&self) -> Verdict {
        let basis = if self.cells == 0 { Basis::Name } else { Basis::Sampled(self.cells) };
        Verdict { holding: Holding::Mixed(self.named.or(self.seen)), basis }
    }
}
