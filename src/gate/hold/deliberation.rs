//! What people and the agent say about a hold until it is decided: who has approved so far, what was asked and answered, whom it was passed on
//! to. Whether all that makes a decision is said here; what comes of one, by the hold's standing.

use super::people::{Decider, same};
use super::standing::Verdict;

/// People that a rule can ask for. More never find together.
pub const MOST_APPROVALS: u32 = 9;
/// Questions about one hold: whoever has more to ask than this denies it and says what is missing.
pub const MOST_QUESTIONS: usize = 5;
/// Bytes of a question: it is in an error's text, for a language model to read.
pub const LONGEST_QUESTION: usize = 1000;
/// Bytes of an answer that are kept: people read it before they decide.
pub const LONGEST_ANSWER: usize = 2000;
/// How often a hold is passed on: it is to be decided.
pub const MOST_PASSES: usize = 8;

/// One person's approval, of as many as it takes. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assent {
    pub by: Box<str>,
    pub at: u64,
    /// The run may see values as they are.
    pub unmasked: bool,
    pub reason: Option<Box<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    pub by: Box<str>,
    pub at: u64,
    pub question: Box<str>,
    pub answer: Option<Answer>,
}

/// The agent's own claim, unproven.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    pub at: u64,
    pub text: Box<str>,
}

/// There may be anything in it.
impl std::fmt::Debug for Answer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Answer({} bytes)", self.text.len())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    pub by: Box<str>,
    pub at: u64,
    /// The group that decides from then on, and no other.
    pub to: Box<str>,
    pub reason: Box<str>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deliberation {
    pub assents: Vec<Assent>,
    pub exchanges: Vec<Exchange>,
    pub passes: Vec<Pass>,
}

/// What a person's word makes of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Decides(Verdict),
    /// So many more people have to approve.
    Awaits(u32),
}

/// Why something is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsaid {
    /// This person has approved already, and counts once.
    Again,
    TooMany,
    TooLong,
    Empty,
}

impl Deliberation {
    /// Who may decide: those that the rule names, or the one that it was passed on to last.
    pub fn groups<'a>(&'a self, rule: &'a [Box<str>]) -> &'a [Box<str>] {
        self.passes.last().map_or(rule, |pass| std::slice::from_ref(&pass.to))
    }

    /// Whether this person has approved, under any of their names.
    pub fn has_assented(&self, decider: &Decider) -> bool {
        self.assents.iter().any(|assent| decider.names().any(|name| same(name, &assent.by)))
    }

    /// How many more people have to approve.
    pub fn missing(&self, needed: u32) -> u32 {
        needed.saturating_sub(u32::try_from(self.assents.len()).unwrap_or(u32::MAX))
    }

    /// A person who may decide says yes or no. Any no denies. A yes is one person's, whatever they are called and in however many groups they
    /// are; values are seen as they are only where every one of them says so.
    pub fn say(&mut self, decider: &Decider, verdict: Verdict, needed: u32, at: u64, reason: Option<&str>) -> Result<Word, Unsaid> {
        if !verdict.approves() {
            return Ok(Word::Decides(Verdict::Deny));
        }
        if self.has_assented(decider) {
            return Err(Unsaid::Again);
        }
        let unmasked = verdict == Verdict::ApproveUnmasked;
        self.assents.push(Assent { by: decider.name.clone(), at, unmasked, reason: reason.map(Into::into) });
        Ok(match self.missing(needed) {
            0 if self.assents.iter().all(|assent| assent.unmasked) => Word::Decides(Verdict::ApproveUnmasked),
            0 => Word::Decides(Verdict::Approve),
            more => Word::Awaits(more),
        })
    }

    pub fn ask(&mut self, by: &str, at: u64, question: &str) -> Result<(), Unsaid> {
        let question = checked(question, LONGEST_QUESTION)?;
        if self.exchanges.len() >= MOST_QUESTIONS {
            return Err(Unsaid::TooMany);
        }
        self.exchanges.push(Exchange { by: by.into(), at, question: question.into(), answer: None });
        Ok(())
    }

    /// The question that awaits an answer.
    pub fn open_question(&self) -> Option<&Exchange> {
        self.exchanges.last().filter(|exchange| exchange.answer.is_none())
    }

    /// The agent answers. What it said to an earlier question is no answer to this one: statements are sent again with the comments that they
    /// had.
    pub fn answer(&mut self, at: u64, text: &str) -> Result<(), Unsaid> {
        let Some(text) = kept(text) else { return Err(Unsaid::Empty) };
        if self.exchanges.iter().filter_map(|exchange| exchange.answer.as_ref()).any(|before| before.text == text) {
            return Err(Unsaid::Again);
        }
        let open = self.exchanges.last_mut().filter(|exchange| exchange.answer.is_none()).ok_or(Unsaid::TooMany)?;
        open.answer = Some(Answer { at, text });
        Ok(())
    }

    /// From here on another group decides. What people of the groups before it said no longer counts: it is that group's to decide.
    pub fn pass(&mut self, by: &str, at: u64, to: &str, reason: &str) -> Result<(), Unsaid> {
        let reason = checked(reason, LONGEST_QUESTION)?;
        if self.passes.len() >= MOST_PASSES {
            return Err(Unsaid::TooMany);
        }
        self.passes.push(Pass { by: by.into(), at, to: to.trim().into(), reason: reason.into() });
        self.assents.clear();
        Ok(())
    }

    /// Nothing runs by it any more: what the agent said goes as what it sent does.
    pub fn erase_answers(&mut self) {
        for answer in self.exchanges.iter_mut().filter_map(|exchange| exchange.answer.as_mut()) {
            answer.text = Box::default();
        }
    }

    /// Counts what is shown to people beside the statement: a decision is about as much as was there when it was shown.
    pub fn turns(&self) -> usize {
        let answers = self.exchanges.iter().filter(|exchange| exchange.answer.is_some()).count();
        self.exchanges.len().saturating_add(answers).saturating_add(self.passes.len())
    }

    /// Since when people are awaited: it was opened, passed on or answered.
    pub fn waits_since(&self, opened: u64) -> u64 {
        let answers = self.exchanges.iter().filter_map(|exchange| exchange.answer.as_ref()).map(|answer| answer.at);
        answers.chain(self.passes.iter().map(|pass| pass.at)).fold(opened, u64::max)
    }
}

fn checked(text: &str, longest: usize) -> Result<&str, Unsaid> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Unsaid::Empty);
    }
    if text.len() > longest { Err(Unsaid::TooLong) } else { Ok(text) }
}

/// An answer as it is kept; `None` for one without words.
pub fn kept(text: &str) -> Option<Box<str>> {
    let text: String = text.chars().map(|letter| if letter.is_control() && letter != '\n' { ' ' } else { letter }).collect();
    let text = text.trim();
    let cut = text.get(..text.floor_char_boundary(LONGEST_ANSWER)).unwrap_or_default();
    (!cut.is_empty()).then(|| cut.into())
}
