//! The answers that are still due, in the order in which the server (or pgsluice in its place) gives them.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::wire::report::Report;

use super::columns::{Portal, Statement};
use super::consequences::Work;
use super::limits::Run;
use super::names::Segment;
use super::recording::Execution;

/// Entries a client may have in flight before its bytes wait: far above what drivers pipeline, far below what hurts.
const BOUND: usize = 16_384;

/// One message in flight and what answers it.
#[derive(Debug)]
pub enum Expected {
    Parse {
        name: Box<[u8]>,
        statement: Rc<Statement>,
        shown: bool,
    },
    Bind {
        name: Box<[u8]>,
        portal: Rc<Portal>,
        shown: bool,
    },
    Describe {
        about: About,
        shown: Shown,
    },
    Execute {
        portal: Option<Rc<Portal>>,
        refusal: Option<Box<Report>>,
        execution: Execution,
        work: Work,
        run: Rc<Run>,
    },
    CloseStatement {
        name: Box<[u8]>,
    },
    ClosePortal {
        name: Box<[u8]>,
    },
    /// `shown` is false for one that pgsluice sent on its own and the client must not see answered.
    Sync {
        shown: bool,
    },
    Query {
        refusal: Option<Box<Report>>,
        execution: Execution,
        work: Work,
        run: Rc<Run>,
    },
    /// A statement of pgsluice's own, up to its ReadyForQuery; nothing of it is shown.
    Own,
    /// CopyDone or CopyFail sent before it was known whether a COPY runs. Nothing answers it.
    CopyEnd,
    /// The Describe of a statement that does not exist: its error, made by the server, carries this text.
    Refused(Box<Report>),
    /// An answer made here, due once everything before it was answered.
    Local(Box<[u8]>),
}

/// What of the answer to a Describe the client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    All,
    /// Columns where there are some: as in the answer to a simple query.
    Columns,
    Nothing,
}

/// What a Describe is about. `None` where the name is not one made through the protocol.
#[derive(Debug)]
pub enum About {
    Statement(Option<Rc<Statement>>),
    Portal(Option<Rc<Portal>>),
}

impl Expected {
    /// The text that takes the place of the server's error.
    pub fn refusal(&self) -> Option<&Report> {
        if let Self::Refused(report) | Self::Execute { refusal: Some(report), .. } | Self::Query { refusal: Some(report), .. } = self {
            return Some(report);
        }
        None
    }

    /// The run that it is, or goes on with.
    pub fn run(&self) -> Option<&Rc<Run>> {
        if let Self::Execute { run, .. } | Self::Query { run, .. } = self { Some(run) } else { None }
    }

    /// Whether a ReadyForQuery ends it.
    pub fn ends_with_ready(&self) -> bool {
        matches!(self, Self::Sync { .. } | Self::Query { .. } | Self::Own)
    }

    fn changes_names(&self) -> bool {
        matches!(self, Self::Execute { work, .. } | Self::Query { work, .. } if work.changes_names())
    }
}

#[derive(Debug, Default)]
pub struct Queue {
    items: VecDeque<Expected>,
    ready_due: usize,
    /// Entries that give names to other things, or may.
    naming: usize,
    segment: Segment,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.items.len() >= BOUND
    }

    /// Whether a ReadyForQuery is still to come: until then the transaction status is not certain.
    pub fn ready_is_due(&self) -> bool {
        self.ready_due > 0
    }

    /// The segment that the client's next message belongs to.
    pub fn segment(&self) -> Segment {
        self.segment
    }

    /// Whether something in flight gives names to other things: what they stand for is known when it was answered.
    pub fn changes_names(&self) -> bool {
        self.naming > 0
    }

    pub fn push(&mut self, item: Expected) {
        self.naming = self.naming.saturating_add(usize::from(item.changes_names()));
        if item.ends_with_ready() {
            self.ready_due = self.ready_due.saturating_add(1);
            self.segment = self.segment.wrapping_add(1);
        }
        self.items.push_back(item);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Expected> {
        self.items.iter()
    }

    pub fn head(&self) -> Option<&Expected> {
        self.items.front()
    }

    pub fn head_mut(&mut self) -> Option<&mut Expected> {
        self.items.front_mut()
    }

    /// What the head makes of the session as its commands are done.
    pub fn head_work(&mut self) -> Option<&mut Work> {
        if let Some(Expected::Execute { work, .. } | Expected::Query { work, .. }) = self.items.front_mut() {
            return Some(work);
        }
        None
    }

    pub fn pop(&mut self) -> Option<Expected> {
        let item = self.items.pop_front()?;
        if item.ends_with_ready() {
            self.ready_due = self.ready_due.saturating_sub(1);
        }
        self.naming = self.naming.saturating_sub(usize::from(item.changes_names()));
        Some(item)
    }

    /// The server stands in COPY … FROM STDIN for the head and reads what comes next in that light: Sync is ignored up to the
    /// client's end of data. Takes those Syncs out.
    pub fn copy_in_begins(&mut self) -> Ahead {
        let mut ahead = Ahead::default();
        // Anything else before the end of the data makes the server end the connection.
        self.items.retain(|item| {
            if ahead.ended {
                return true;
            }
            let (sync, end) = (matches!(item, Expected::Sync { .. }), matches!(item, Expected::CopyEnd));
            ahead.syncs = ahead.syncs.saturating_add(u32::from(sync));
            ahead.ended = end;
            !(sync || end)
        });
        self.ready_due = self.items.iter().filter(|item| item.ends_with_ready()).count();
        ahead
    }
}

/// What a client sent behind a COPY … FROM STDIN before the server took data.
#[derive(Debug, Default)]
pub struct Ahead {
    /// Syncs that the server ignores.
    pub syncs: u32,
    /// The end of the data is sent.
    pub ended: bool,
}
