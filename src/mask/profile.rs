//! What a policy says of masking, for one agent and one database.

use super::kind::{Kind, KindSet};
use super::style::Style;

#[derive(Debug, Clone)]
pub struct Profile {
    /// Nothing is masked: people approved that for one statement, or the policy says so.
    pub unmasked: bool,
    /// Kinds that are looked for.
    pub wanted: KindSet,
    /// The style of kinds that have none of their own.
    pub style: Style,
    pub styles: Vec<(Kind, Style)>,
}

impl Default for Profile {
    fn default() -> Self {
        Self { unmasked: false, wanted: KindSet::ALL, style: Style::Redact, styles: Vec::new() }
    }
}

impl Profile {
    pub fn style_of(&self, kind: Kind) -> Style {
        self.styles.iter().find(|(of, _)| *of == kind).map_or(self.style, |(_, style)| *style)
    }
}
