//! What an agent is told of a hold: in words that a language model can act on. Times come as text, for only the host knows how they are written.

use super::{HoldId, Over, Quantity};
use crate::wire::report::{Report, Severity};

/// Of a run that was stopped before any of its result left.
pub const FOUND: &str = "stopped before its result was released: it begins with values for which the policy holds results";

/// What the words speak of.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub hold: HoldId,
    /// Of the rule.
    pub reason: &'a str,
    pub rule: &'a str,
    pub effects: &'a str,
    /// Where people decide.
    pub link: &'a str,
    /// When the hold expires: RFC 3339, UTC.
    pub until: &'a str,
    /// It stands in a transaction that is open.
    pub in_transaction: bool,
    pub over: Option<Over>,
}

impl Told<'_> {
    fn held(&self) -> String {
        match self.over {
            Some(Over { quantity: Quantity::Found, .. }) => format!("{FOUND}; that awaits approval as hold {}", self.hold),
            Some(over) => {
                format!(
                    "stopped at the limit of {} {}; a higher limit awaits approval as hold {}",
                    over.limit,
                    over.quantity.word(),
                    self.hold
                )
            }
            None => format!("held for approval as {}: {}", self.hold, self.reason),
        }
    }

    fn why(&self) -> String {
        match self.over {
            Some(Over { quantity: Quantity::Found, .. }) => {
                "None of its result was released. An approval lets it run once and brings the result, masked as usual.".to_owned()
            }
            Some(over) => format!("An approval lets it run once with a limit of {} {}.", over.raised, over.quantity.word()),
            None => format!("Nothing ran. The statement is held by rule \"{}\"; its effects: {}.", self.rule, self.effects),
        }
    }

    /// Said at once, where the connection waits.
    pub fn notice(&self) -> Report {
        Report::new(Severity::Notice, "PS001", self.held())
            .with_detail(format!("{} This connection waits for a reviewer to decide at {}.", self.why(), self.link))
            .with_hint("Nothing has to be sent: the statement runs as soon as it is approved.")
    }

    /// Said when the wait ends before the decision.
    pub fn ticket(&self) -> Report {
        let code = if self.over.is_some() { "PS004" } else { "PS001" };
        let rolled_back =
            if self.in_transaction { " The transaction that was open is aborted: send ROLLBACK and begin it anew." } else { "" };
        let hold = self.hold;
        Report::error(code, self.held())
            .with_detail(format!("{} A human reviewer decides at {} until {}.{rolled_back}", self.why(), self.link, self.until))
            .with_hint(format!(
                "Tell your user that hold {hold} awaits approval at {}. Do not rewrite the statement to get around this. After the approval send \
                 exactly the same statement with the same parameters again, on any connection, or send /* pgsluice:run={hold} */ alone: it then \
                 runs once.",
                self.link
            ))
    }

    /// A reviewer said no.
    pub fn denied(&self, said: Option<&str>) -> Report {
        let message = match said {
            Some(said) => format!("denied by a reviewer: {said}"),
            None => "denied by a reviewer".to_owned(),
        };
        Report::error("PS002", message)
            .with_detail(format!("Nothing ran. It was hold {}, held by rule \"{}\".", self.hold, self.rule))
            .with_hint("Do not send it again. Ask your user how to go on, or do it in another way that needs no approval.")
    }

    /// A reviewer asks; `stale` where what was said to it was the answer to an earlier question.
    pub fn asked(&self, question: &str, stale: bool) -> Report {
        let hold = self.hold;
        let stale = if stale { " What was sent with it answered an earlier question: answer this one in other words." } else { "" };
        let rolled_back =
            if self.in_transaction { " The transaction that was open is aborted: send ROLLBACK and begin it anew." } else { "" };
        Report::error("PS005", format!("a reviewer asks about hold {hold}: {question}"))
            .with_detail(format!(
                "{} It still awaits a decision at {} until {}.{stale}{rolled_back}",
                self.why(),
                self.link,
                self.until
            ))
            .with_hint(
                "Answer in your own words, or ask your user: send exactly the same statement again with the comment \
                 /* pgsluice:answer='…' */ before or behind it, or send SET pgsluice.answer = '…' and then the statement again. The people who \
                 decide read the answer; it never reaches the server.",
            )
    }

    /// Nobody decided in time, or the approval was not used in time.
    pub fn expired(&self) -> Report {
        Report::error("PS003", format!("hold {} expired: {}", self.hold, self.reason))
            .with_detail(format!("Nothing ran. Its time was over at {}.", self.until))
            .with_hint("Send the statement again to ask for approval anew.")
    }

    pub fn withdrawn(&self) -> Report {
        Report::error("PS003", format!("hold {} was withdrawn: {}", self.hold, self.reason))
            .with_detail("Nothing ran.")
            .with_hint("Send the statement again to ask for approval anew.")
    }

    /// The approval was for one run, and that was.
    pub fn spent(&self) -> Report {
        Report::error("PS003", format!("hold {} was approved and used already", self.hold))
            .with_detail("Nothing ran now. An approval is for one run.")
            .with_hint("To run the statement again, send the statement itself: it then asks for another approval.")
    }
}

/// Nobody has a hold of this id, or it is not for whoever asks.
pub fn unknown(hold: HoldId) -> Report {
    Report::error("PS003", format!("there is no hold {hold} of this agent, in this database"))
        .with_detail("Nothing ran.")
        .with_hint("Send the statement itself.")
}

/// It cannot be kept until somebody decides.
pub fn not_kept() -> Report {
    Report::error("58030", "held for approval, and the statement could not be kept until somebody decides")
        .with_detail("Nothing ran, and no hold was opened.")
        .with_hint("Try again when the operator of pgsluice has mended it; no other step is needed.")
}

/// There is no room for another hold.
pub fn too_many(most: usize) -> Report {
    Report::error("PS004", format!("held for approval, and {most} statements of this agent await approval already"))
        .with_detail("Nothing ran, and no hold was opened.")
        .with_hint("Have the open holds decided, and use the approvals there are, before asking for more.")
}

/// The desk is full, or the statement too long for it.
pub fn no_room() -> Report {
    Report::error("PS004", "held for approval, and there is no room for another statement that awaits approval")
        .with_detail("Nothing ran, and no hold was opened.")
        .with_hint("Have open holds decided first, or send a shorter statement.")
}
