//! The proof that a statement may be sent.

use super::hold::{HoldId, Over};

/// Made only in `gate`, by a decision; consumed by the one function that puts a statement on its way to the server. It cannot
/// be copied, kept for later or made elsewhere.
#[derive(Debug)]
#[must_use = "a permit that is not used lets nothing pass"]
pub struct Permit(());

impl Permit {
    pub(in crate::gate) fn mint() -> Self {
        Self(())
    }
}

/// An approval that was spent on one run: of a query, or of a portal from Bind to its end. Made only in `gate`, when a hold is spent.
#[derive(Debug)]
#[must_use = "an approval was spent on this"]
pub struct Grant {
    hold: HoldId,
    over: Option<Over>,
    unmasked: bool,
}

impl Grant {
    pub(in crate::gate) fn mint(hold: HoldId, over: Option<Over>, unmasked: bool) -> Self {
        Self { hold, over, unmasked }
    }

    pub fn hold(&self) -> HoldId {
        self.hold
    }

    /// The limit that the approval raises.
    pub fn over(&self) -> Option<Over> {
        self.over
    }

    /// The run sees values as they are.
    pub fn is_unmasked(&self) -> bool {
        self.unmasked
    }

    /// For each message of the one run that the approval was spent on.
    pub fn permit(&self) -> Permit {
        Permit::mint()
    }
}
