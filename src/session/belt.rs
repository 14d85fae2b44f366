//! The read-only belt: an agent without writes has links that begin read-only. It is lifted for one approved statement, with nothing open,
//! and is on again before anything else is sent.

use crate::wire::frontend::tag;
use crate::wire::report::Report;
use crate::wire::write;

use super::Terms;
use super::expected::Expected;
use super::linked::Linked;
use super::output::Output;

/// The setting that it is made of.
pub const SETTING: &str = "default_transaction_read_only";

/// Whether the belt is lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifted {
    No,
    /// For a portal, up to the client's Sync.
    Running,
    /// Up to the next ReadyForQuery.
    Ending,
}

impl Linked {
    /// The statement that is sent next, and no other, may write.
    pub(super) fn lift_belt(&mut self, terms: &Terms, lifted: Lifted, out: &mut Output) {
        self.send_own(terms, b"SET default_transaction_read_only = off", out);
        self.lifted = lifted;
    }

    /// What it was lifted for is answered.
    pub(super) fn put_belt_on(&mut self, terms: &Terms, out: &mut Output) {
        if self.lifted == Lifted::Ending && !self.is_busy() {
            self.lifted = Lifted::No;
            self.send_own(terms, b"RESET default_transaction_read_only", out);
        }
    }

    /// Sends a statement of our own in a stretch of its own. By the extended protocol, for a simple query would drop the client's unnamed
    /// statement.
    fn send_own(&mut self, terms: &Terms, sql: &[u8], out: &mut Output) {
        let mut name = terms.reserved.to_vec();
        name.extend_from_slice(b"-own");
        out.to_upstream.make(|bytes| {
            write::message(bytes, tag::PARSE, |body| {
                body.string(&name).string(sql).int16(0);
            });
            write::message(bytes, tag::BIND, |body| {
                body.string(&name).string(&name).int16(0).int16(0).int16(0);
            });
            write::message(bytes, tag::EXECUTE, |body| {
                body.string(&name).int32(0);
            });
            write::message(bytes, tag::CLOSE, |body| {
                body.byte(b'S').string(&name);
            });
            write::message(bytes, tag::SYNC, |_| ());
        });
        self.expected.push(Expected::Own);
    }
}

/// What else is bound while the belt is lifted.
pub fn alone() -> Report {
    Report::error("25006", "an approved write runs alone in a read-only session")
        .with_hint("Send Sync behind the approved statement, then the next one.")
}
