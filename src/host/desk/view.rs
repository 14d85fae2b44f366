//! What people see of a hold, and what they are told when they decide. What is sensitive in its text is masked before it is shown; control
//! characters are in it as the agent sent them: whoever shows it makes them harmless.

use super::binding::Place;
use super::book::Entry;
use super::matter::Matter;
use crate::audit::Digest;
use crate::audit::event::Tag;
use crate::gate::catalog::{Estimate, Relation};
use crate::gate::hold::{
    Barred, Deliberation, HoldId, LONGEST_QUESTION, MOST_PASSES, MOST_QUESTIONS, Over, Standing, State, Unsaid, Verdict,
};
use crate::host::journal::Unwritable;
use crate::mask::{Kind, Masking};
use crate::session::{Scribe, Seen};
use crate::sql::effect::EffectSet;

/// Which holds are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that await a decision.
    Waiting,
    /// Those, and approvals that are not used up.
    Open,
    /// All that are still known; older ones are on the record alone.
    All,
}

/// What is known of a hold for as long as it is known at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    pub agent_id: i64,
    pub agent: Box<str>,
    pub owner: Box<str>,
    pub database: Box<str>,
    pub role: Box<str>,
    pub environment: Option<Box<str>>,
    /// The session that it was opened in.
    pub session: u64,
    /// Microseconds since 1970.
    pub opened: u64,
    pub effects: EffectSet,
    pub rule: Box<str>,
    /// The rule's.
    pub reason: Box<str>,
    /// Who may decide it; everybody who decides at all where the rule names no groups.
    pub groups: Vec<Box<str>>,
    /// How many different people have to approve.
    pub approvals: u32,
    /// A transaction was open, or may have been.
    pub in_transaction: bool,
    pub over: Option<Over>,
    /// It asks to see values as they are.
    pub asks_unmasked: bool,
    pub shape: Digest,
}

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled {
    pub verdict: Verdict,
    pub by: Box<str>,
    /// Microseconds since 1970.
    pub at: u64,
    pub reason: Option<Box<str>>,
    /// In the single-person mode, in which it may have been their own agent.
    pub single_person: bool,
}

/// A hold, as people see it.
#[derive(Debug, Clone)]
pub struct View {
    pub id: HoldId,
    pub state: State,
    /// Keyed digest of what an approval is bound to: the text and the parameters as they were sent.
    pub bound: Digest,
    /// When it ends by itself, microseconds since 1970: the wait for a decision, then the time in which an approval can be used.
    pub until: u64,
    pub about: About,
    /// What people and the agent said about it. Answers are erased when the hold closes.
    pub talk: Deliberation,
    pub decided: Option<Ruled>,
    /// What was sent; erased when the hold closes.
    pub matter: Option<Sight>,
}

/// The statement itself, and what was found out about it.
#[derive(Clone)]
pub struct Sight {
    pub sql: Written,
    pub parameters: Vec<Parameter>,
    /// The agent's own claims.
    pub tags: Vec<Tag>,
    pub task: Option<Box<str>>,
    /// Why it has more effects than its text tells.
    pub findings: Vec<Box<str>>,
    pub relations: Vec<Relation>,
    pub estimate: Option<Estimate>,
    /// What a standing grant can give room to, in order.
    pub numbers: Vec<Numbered>,
    /// Why there is no standing grant for such a statement.
    pub unsteady: Option<Box<str>>,
}

impl std::fmt::Debug for Sight {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Sight")
    }
}

/// A whole number of a statement; none where it is masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    pub value: Option<i64>,
    pub place: Place,
}

/// A parameter's type, where the client or the server named one, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// 0 where nobody said.
    pub oid: u32,
    pub value: Written,
}

/// A text or a value, without loss.
#[derive(Clone, PartialEq, Eq)]
pub enum Written {
    Null,
    Text(Box<str>),
    /// It is no text in UTF-8, and nothing that is known how to write as one.
    Bytes(Box<[u8]>),
}

impl std::fmt::Debug for Written {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Written")
    }
}

impl Written {
    pub fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.into()),
            Err(_) => Self::Bytes(bytes.into()),
        }
    }
}

impl Sight {
    /// The same with what is sensitive in it masked, and how many places are.
    pub fn masked(&self, masking: &Masking) -> (Self, usize) {
        let mut scribe = Scribe::default();
        let mut places = 0;
        let seen = match &self.sql {
            Written::Text(text) => scribe.seen(text, masking),
            Written::Bytes(_) | Written::Null => scribe.seen("", masking),
        };
        let mut mask = |value: &Written, of: &Seen, at: usize| match value {
            Written::Null => Written::Null,
            Written::Text(text) => {
                let (text, masked) = scribe.seen_parameter(of, at, text, masking);
                places += masked;
                Written::Text(text.into())
            }
            // They are shown digit by digit: what is found among them goes with all of them.
            Written::Bytes(bytes) => match scribe.seen_parameter(of, at, &String::from_utf8_lossy(bytes), masking) {
                (_, 0) => Written::Bytes(bytes.clone()),
                (_, masked) => {
                    places += masked;
                    Written::Text(format!("[{}] ({} bytes)", masking.profile.name_of(Kind::DERIVED), bytes.len()).into())
                }
            },
        };
        // Of what an agent says of itself nobody knows which column it is for.
        let claim = |text: &str, mask: &mut dyn FnMut(&Written, &Seen, usize) -> Written| match mask(
            &Written::of(text.as_bytes()),
            &seen,
            usize::MAX,
        ) {
            Written::Text(text) => text,
            Written::Bytes(_) | Written::Null => Box::default(),
        };
        let sql = match &self.sql {
            Written::Text(_) => Written::Text(seen.text.as_str().into()),
            other @ (Written::Bytes(_) | Written::Null) => mask(other, &seen, usize::MAX),
        };
        let parameters: Vec<_> = self.parameters.iter().enumerate().collect();
        let parameters: Vec<_> =
            parameters.into_iter().map(|(at, one)| Parameter { oid: one.oid, value: mask(&one.value, &seen, at) }).collect();
        let is_hidden = |place: &Place| match place {
            Place::Text(place) => seen.hides(place),
            Place::Parameter(at) => self.parameters.get(*at) != parameters.get(*at),
        };
        let numbers =
            self.numbers.iter().map(|one| Numbered { value: one.value.filter(|_| !is_hidden(&one.place)), place: one.place.clone() });
        let sight = Self {
            numbers: numbers.collect(),
            sql,
            parameters,
            tags: self.tags.iter().map(|tag| Tag { name: tag.name.clone(), value: claim(&tag.value, &mut mask).into() }).collect(),
            task: self.task.as_deref().map(|task| claim(task, &mut mask)),
            ..self.clone()
        };
        (sight, places.saturating_add(seen.masked))
    }
}

impl View {
    pub(super) fn of(entry: &Entry) -> Self {
        let standing: Standing = entry.standing;
        Self {
            id: standing.id,
            state: standing.state,
            bound: entry.bound,
            until: standing.until,
            about: About::clone(&entry.about),
            talk: entry.talk.clone(),
            decided: entry.ruled.clone(),
            matter: entry.matter.as_deref().map(Matter::sight),
        }
    }

    /// Who may decide it now; everybody who decides at all where there are none.
    pub fn groups(&self) -> &[Box<str>] {
        self.talk.groups(&self.about.groups)
    }

    /// How many more people have to approve.
    pub fn missing(&self) -> u32 {
        self.talk.missing(self.about.approvals)
    }

    /// What is decided together: statements of one session, those of its transactions apart from the others.
    pub fn together(&self) -> (u64, bool) {
        (self.about.session, self.about.in_transaction)
    }

    /// The same with what is sensitive in the agent's answers masked, and how many places are.
    pub fn masked_talk(&self, masking: &Masking) -> (Deliberation, usize) {
        let (mut scribe, mut talk, mut places) = (Scribe::default(), self.talk.clone(), 0_usize);
        // Of what an agent says of itself nobody knows which column it is for.
        let of = scribe.seen("", masking);
        for answer in talk.exchanges.iter_mut().filter_map(|exchange| exchange.answer.as_mut()) {
            let (text, masked) = scribe.seen_parameter(&of, usize::MAX, &answer.text, masking);
            answer.text = text.into();
            places = places.saturating_add(masked);
        }
        (talk, places)
    }

    /// Since when it waits for the people whom it waits for, microseconds since 1970; `None` where it waits for nobody of them.
    pub fn waits_since(&self) -> Option<u64> {
        (self.state == State::Waiting).then(|| self.talk.waits_since(self.about.opened))
    }
}

/// Why a decision was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotDecided {
    #[error("there is no such hold")]
    Unknown,
    /// It was decided before, and is as it was: the view says by whom.
    #[error("{}", already(.0))]
    Already(Box<View>),
    #[error("it expired before this decision")]
    Expired,
    #[error("only reviewers and administrators decide")]
    Role,
    #[error("nobody decides for an agent of their own")]
    OwnAgent,
    #[error("the rule wants somebody of another group to decide")]
    Group,
    #[error("it does not ask to see values unmasked: approve it as it is")]
    NotAsked,
    #[error("the reason is longer than {} bytes", super::LONGEST_REASON)]
    TooLong,
    #[error("this is not what was shown: look at it again")]
    Changed,
    #[error("you have approved it already: it takes another person")]
    Again,
    #[error("a question was asked, and the agent has not answered yet")]
    AskedAlready,
    #[error("there were {MOST_QUESTIONS} questions and answers, or it was passed on {MOST_PASSES} times: decide it")]
    TooMany,
    #[error("it needs words, and no more than {LONGEST_QUESTION} bytes of them")]
    NoWords,
    #[error("there is no group of this name, in the policy or among people")]
    NoGroup,
    #[error("together are decided up to {} holds, and values stay masked", super::MOST_TOGETHER)]
    NotTogether,
    #[error("there is no standing grant for this: {0}")]
    NoGrant(Box<str>),
    #[error("there is no such standing grant, or it is over")]
    UnknownGrant,
    #[error("{0}, so the decision does not count")]
    Unrecordable(#[from] Unwritable),
}

fn already(view: &View) -> String {
    let state = view.state.word();
    match &view.decided {
        Some(ruled) => format!("already decided by {}: it is {state}", ruled.by),
        None => format!("it is {state} already"),
    }
}

impl From<Unsaid> for NotDecided {
    fn from(unsaid: Unsaid) -> Self {
        match unsaid {
            Unsaid::Again => Self::Again,
            Unsaid::TooMany => Self::TooMany,
            Unsaid::TooLong | Unsaid::Empty => Self::NoWords,
        }
    }
}

impl From<Barred> for NotDecided {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::Role => Self::Role,
            Barred::Owner => Self::OwnAgent,
            Barred::Group => Self::Group,
        }
    }
}
