//! The proof that a statement may be sent.

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
