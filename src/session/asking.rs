//! What the machine asks of the host about one statement before it lets it pass, and what it is told. The statement stays where it is, in the
//! client's bytes, until it is decided; then it is looked at again from the beginning.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::audit::event::{Statement, Tag};
use crate::audit::{Digest, Shape};
use crate::gate::hold::{HoldId, Over};
use crate::gate::judge::{Grounds, Learned};
use crate::gate::{Grant, Permit};
use crate::sql::facts::Facts;
use crate::wire::report::Report;
use crate::wire::value::Format;

/// A statement as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Query(Zeroizing<Vec<u8>>),
    /// Parse and Bind.
    Extended {
        sql: Zeroizing<Vec<u8>>,
        types: Box<[u32]>,
        bind: Parameters,
    },
}

/// The parameters that a Bind brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// As in the message: none, one for all, or one for each.
    pub formats: Box<[i16]>,
    pub values: Vec<Option<Zeroizing<Vec<u8>>>>,
}

impl Parameters {
    /// How this one is written: the message names one format for all, or one for each, and text where it names none.
    pub fn format_of(&self, at: usize) -> Option<Format> {
        let code = match &*self.formats {
            [] => 0,
            [all] => *all,
            each => *each.get(at)?,
        };
        Format::from_code(code)
    }
}

impl Message {
    pub fn sql(&self) -> &[u8] {
        match self {
            Self::Query(sql) | Self::Extended { sql, .. } => sql,
        }
    }
}

/// A statement that the policy holds.
#[derive(Debug, Clone)]
pub struct Petition {
    pub message: Message,
    pub facts: Arc<Facts>,
    pub grounds: Arc<Grounds>,
    pub shape: Arc<Shape>,
    pub tags: Vec<Tag>,
    /// What the agent says it is working on, by `SET pgsluice.task` or the startup packet.
    pub task: Option<Box<str>>,
    /// Every setting of the session that changes what a text means, by name and value.
    pub settings: Vec<(Box<str>, Box<str>)>,
    pub open_work: bool,
    /// The hold that this session waited for until now.
    pub awaited: Option<HoldId>,
    /// It ran, and was stopped at this limit; an approval raises that.
    pub over: Option<Over>,
    pub purpose: Purpose,
    /// What the agent answers, where it was asked about a hold.
    pub answer: Option<Said>,
    /// As it goes on the record; its verdict is `Held`.
    pub statement: Statement,
    /// Digest of nothing but the text and the parameters as they were sent.
    pub sent: Digest,
}

/// What the agent answers to a reviewer's question.
#[derive(Clone, PartialEq, Eq)]
pub struct Said {
    pub text: Box<str>,
    /// As the record keeps it: with what is sensitive in it masked, if at all.
    pub kept: Option<Box<str>>,
}

/// There may be anything in it.
impl std::fmt::Debug for Said {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Said({} bytes)", self.text.len())
    }
}

/// What the desk is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To let it run: an approval is spent, or a hold is joined or opened.
    #[default]
    Run,
    /// To be approved later: it was stopped, and no approval is spent on it now.
    Ticket,
    /// To spend an approval, where there is one, on what may run without it in its limits.
    Redeem,
}

/// The desk's answer.
#[derive(Debug)]
pub enum Reply {
    /// An approval of this very statement was there and is spent on it now.
    Granted(Grant),
    /// It awaits a decision.
    Waiting(Waiting),
    Refused(Report),
    /// There is no approval to spend.
    Nothing,
}

#[derive(Debug)]
pub struct Waiting {
    pub hold: HoldId,
    /// Said at once, where the connection waits.
    pub notice: Report,
    /// Said when the wait ends before the decision.
    pub ticket: Report,
    /// How long the connection waits.
    pub patience: Option<Duration>,
    /// What the agent said was taken for the answer to a question.
    pub answered: bool,
}

/// How far the asking about the client's next message has come.
#[derive(Debug, Default)]
pub enum Inquiry {
    #[default]
    None,
    /// Something is being found out.
    Learning,
    Learned(Learned),
    /// It is decided, and somebody looks at what it reads: then it goes on from here.
    Surveying(Box<Self>),
    /// The desk was asked for the message that the client named by its hold.
    Fetching,
    /// The desk was asked.
    Petitioned(Asked),
    /// People were asked.
    Waiting {
        wait: Wait,
        ticket: Box<Report>,
        grounds: Arc<Grounds>,
    },
    /// People decided: what waits is judged from the beginning.
    Decided(Wait),
    Granted(Grant, Arc<Grounds>),
    Refused {
        report: Box<Report>,
        hold: Option<HoldId>,
        grounds: Option<Arc<Grounds>>,
    },
}

/// What the desk was asked.
#[derive(Debug)]
pub struct Asked {
    pub grounds: Arc<Grounds>,
    pub facts: Arc<Facts>,
    /// An approval is only reserved.
    pub open_work: bool,
    /// The wait that went before, where people have decided since.
    pub before: Option<Wait>,
    /// The client gave up.
    pub cancelled: bool,
    /// It cannot run where it stands, whatever people say: the ticket is for sending it alone.
    pub misplaced: bool,
}

/// A wait for people. It goes by the first notice, however often it is looked at again.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    pub hold: HoldId,
    pub until: Instant,
}

impl Inquiry {
    /// Whether the client's next message waits for the host.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Learning | Self::Surveying(_) | Self::Fetching | Self::Petitioned(_) | Self::Waiting { .. })
    }

    /// Whether the client's next message will be looked at again without more bytes from anywhere.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// When the wait for people ends.
    pub fn deadline(&self) -> Option<Instant> {
        if let Self::Waiting { wait, .. } = self { Some(wait.until) } else { None }
    }

    /// Ends the wait, not the hold: the client is told this when its message is looked at again.
    pub fn stop_waiting(&mut self, said: Option<Report>) {
        *self = match std::mem::take(self) {
            Self::Waiting { wait, ticket, grounds } => {
                let report = said.map_or(ticket, Box::new);
                Self::Refused { report, hold: Some(wait.hold), grounds: Some(grounds) }
            }
            other @ (Self::None
            | Self::Learning
            | Self::Learned(_)
            | Self::Surveying(_)
            | Self::Fetching
            | Self::Petitioned(_)
            | Self::Decided(_)
            | Self::Granted(..)
            | Self::Refused { .. }) => other,
        };
    }
}

/// What becomes of a message.
#[derive(Debug)]
pub enum Course {
    Pass(Passage),
    Refuse(Refusal),
    /// It is looked at again when something was answered.
    Pause,
}

/// A message that may be sent, and by which right.
#[derive(Debug)]
pub struct Passage {
    pub permit: Permit,
    pub grounds: Option<Arc<Grounds>>,
    pub grant: Option<Grant>,
    /// What it was judged by, for when it is judged again.
    pub learned: Learned,
    /// The wait that went before.
    pub before: Option<Wait>,
}

impl Passage {
    /// The message is looked at again from its beginning, and comes to the same decision.
    pub fn again(self) -> Inquiry {
        match (self.grant, self.grounds, self.before) {
            (Some(grant), Some(grounds), _) => Inquiry::Granted(grant, grounds),
            (_, _, Some(before)) => Inquiry::Decided(before),
            _ => Inquiry::Learned(self.learned),
        }
    }
}

#[derive(Debug)]
pub struct Refusal {
    pub report: Box<Report>,
    pub grounds: Option<Arc<Grounds>>,
    pub hold: Option<HoldId>,
}

impl Refusal {
    pub fn plain(report: Report) -> Self {
        Self { report: Box::new(report), grounds: None, hold: None }
    }
}
