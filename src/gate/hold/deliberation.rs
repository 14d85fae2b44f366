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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::gate::hold::{Barred, may_decide};

    fn decider(name: &str, aliases: &[&str], groups: &[&str]) -> Decider {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
        Decider { name: name.into(), aliases: texts(aliases), groups: texts(groups), reviews: true }
    }

    #[test]
    fn one_person_counts_once_whatever_they_are_called_and_wherever_they_belong() {
        let mut talk = Deliberation::default();
        let rita = decider("rita", &[], &["dba", "legal"]);
        assert_eq!(talk.say(&rita, Verdict::Approve, 2, 1, None), Ok(Word::Awaits(1)));
        for again in [rita.clone(), decider(" RITA", &[], &["legal"]), decider("rita@example.com", &["Rita"], &["dba"])] {
            assert_eq!(talk.say(&again, Verdict::Approve, 2, 2, None), Err(Unsaid::Again), "{again:?}");
        }
        assert_eq!(talk.missing(2), 1);
        assert_eq!(talk.say(&decider("sam", &[], &["dba"]), Verdict::Approve, 2, 3, None), Ok(Word::Decides(Verdict::Approve)));
    }

    #[test]
    fn any_no_denies_and_values_are_seen_only_where_all_say_so() {
        let (rita, sam) = (decider("rita", &[], &[]), decider("sam", &[], &[]));
        let mut talk = Deliberation::default();
        talk.say(&rita, Verdict::ApproveUnmasked, 2, 1, None).unwrap();
        let mut other = talk.clone();
        assert_eq!(talk.say(&rita, Verdict::Deny, 2, 2, None), Ok(Word::Decides(Verdict::Deny)));
        assert_eq!(other.clone().say(&sam, Verdict::Approve, 2, 2, None), Ok(Word::Decides(Verdict::Approve)));
        assert_eq!(other.say(&sam, Verdict::ApproveUnmasked, 2, 2, None), Ok(Word::Decides(Verdict::ApproveUnmasked)));
    }

    #[test]
    fn what_was_said_to_one_question_is_no_answer_to_another() {
        let mut talk = Deliberation::default();
        assert_eq!(talk.answer(1, "yes"), Err(Unsaid::TooMany));
        assert_eq!(talk.ask("rita", 1, "  "), Err(Unsaid::Empty));
        assert_eq!(talk.ask("rita", 1, &"x".repeat(LONGEST_QUESTION + 1)), Err(Unsaid::TooLong));
        for number in 0..MOST_QUESTIONS {
            talk.ask("rita", 1, "Which?").unwrap();
            assert_eq!(talk.answer(2, "\n"), Err(Unsaid::Empty));
            assert_eq!(talk.answer(2, &format!(" those \u{1b}of {number}")), Ok(()));
            if number > 0 {
                assert_eq!(talk.clone().answer(3, "those  of 0"), Err(Unsaid::Again));
            }
        }
        assert_eq!(talk.exchanges[1].answer.as_ref().map(|answer| &*answer.text), Some("those  of 1"));
        assert_eq!(talk.ask("rita", 1, "Which?"), Err(Unsaid::TooMany));
        assert_eq!((talk.turns(), talk.waits_since(1)), (2 * MOST_QUESTIONS, 2));
        assert_eq!(kept(&"é".repeat(LONGEST_ANSWER)).map(|text| text.len()), Some(LONGEST_ANSWER));
    }

    #[test]
    fn whom_it_was_passed_on_to_decides_and_nobody_before_counts() {
        let rule: [Box<str>; 2] = ["dba".into(), "ops".into()];
        let (rita, lea) = (decider("rita", &[], &["dba"]), decider("lea", &[], &["legal"]));
        let mut talk = Deliberation::default();
        talk.say(&rita, Verdict::Approve, 2, 1, None).unwrap();
        assert_eq!(talk.pass("rita", 5, "legal", " "), Err(Unsaid::Empty));
        talk.pass("rita", 5, "legal", "contracts").unwrap();
        assert_eq!(talk.groups(&rule), ["legal".into()]);
        assert_eq!(may_decide(&rita, "ann", talk.groups(&rule), false), Err(Barred::Group));
        assert_eq!(may_decide(&lea, "ann", talk.groups(&rule), false), Ok(false));
        assert_eq!((talk.missing(2), talk.waits_since(1)), (2, 5));
        for _ in 1..MOST_PASSES {
            talk.pass("lea", 6, "legal", "again").unwrap();
        }
        assert_eq!(talk.pass("lea", 7, "dba", "again"), Err(Unsaid::TooMany));
    }

    proptest! {
        /// Against a set of names and a count: as many different people as it takes, none of whom said no.
        #[test]
        fn it_is_approved_when_so_many_different_people_said_so(
            needed in 1_u32..4, words in prop::collection::vec((0_usize..5, prop::bool::weighted(0.9), prop::bool::weighted(0.1)), 0..20)
        ) {
            let mut talk = Deliberation::default();
            let mut said: BTreeSet<usize> = BTreeSet::new();
            for (person, yes, passes) in words {
                if passes {
                    if talk.pass("x", 1, "legal", "why").is_ok() {
                        said.clear();
                    }
                    continue;
                }
                let decider = decider(["ann", "Ann ", "bob", "cyd", "BOB"][person], &[], &[]);
                let who = [0, 0, 1, 2, 1][person];
                let verdict = if yes { Verdict::Approve } else { Verdict::Deny };
                let expected = if !yes {
                    Ok(Word::Decides(Verdict::Deny))
                } else if !said.insert(who) {
                    Err(Unsaid::Again)
                } else if said.len() >= usize::try_from(needed).unwrap() {
                    Ok(Word::Decides(Verdict::Approve))
                } else {
                    Ok(Word::Awaits(needed - u32::try_from(said.len()).unwrap()))
                };
                let word = talk.say(&decider, verdict, needed, 1, None);
                prop_assert_eq!(word, expected);
                if matches!(word, Ok(Word::Decides(_))) {
                    break;
                }
            }
        }
    }
}
