//! One sink at work: takes records from its source, hands them to its outlet, moves its cursor, and tries again for ever.

use std::path::PathBuf;

use tokio::sync::watch;

use super::batch::Batch;
use super::cursor::{Cursor, Mark};
use super::source::{Source, Taken};
use super::{Standing, Standings, anchor, line, syslog, webhook};
use crate::host::outgoing::{Backoff, Failure};

/// Where a sink's records go.
pub enum Outlet {
    Stdout,
    File(PathBuf),
    /// Checkpoints, each alone.
    Notary(Box<webhook::Sender>),
    Webhook {
        sender: Box<webhook::Sender>,
        bodies: bool,
    },
    Syslog {
        sender: Box<syslog::Sender>,
        bodies: bool,
    },
}

impl Outlet {
    /// What the receiver gets of a record, if anything.
    fn render(&self, taken: &Taken) -> Option<Vec<u8>> {
        match self {
            Self::Stdout | Self::File(_) | Self::Notary(_) => anchor::line(taken),
            Self::Webhook { bodies, .. } => {
                let mut bytes = serde_json::to_vec(&line::object(taken, *bodies)).ok()?;
                bytes.push(b'\n');
                Some(bytes)
            }
            Self::Syslog { sender, bodies } => Some(sender.frame(taken, *bodies)),
        }
    }

    fn most_records(&self) -> usize {
        if matches!(self, Self::Notary(_)) { 1 } else { usize::MAX }
    }

    /// Returns up to where records have arrived for sure.
    async fn deliver(&mut self, batch: &Batch) -> Result<Option<Mark>, Failure> {
        match self {
            Self::Stdout => anchor::print(batch.bytes.clone()).await?,
            Self::File(path) => anchor::append(path.clone(), batch.bytes.clone()).await?,
            Self::Notary(sender) | Self::Webhook { sender, .. } => sender.deliver(batch).await?,
            Self::Syslog { sender, .. } => return sender.deliver(batch).await,
        }
        Ok(Some(batch.last))
    }

    /// Returns when there is something to settle though there is nothing to deliver.
    async fn idle(&mut self) -> Result<(), Failure> {
        match self {
            Self::Syslog { sender, .. } => sender.idle().await,
            Self::Stdout | Self::File(_) | Self::Notary(_) | Self::Webhook { .. } => std::future::pending().await,
        }
    }

    async fn settle(&mut self) -> Result<Option<Mark>, Failure> {
        match self {
            Self::Syslog { sender, .. } => sender.settle().await,
            Self::Stdout | Self::File(_) | Self::Notary(_) | Self::Webhook { .. } => Ok(None),
        }
    }
}

pub struct Runner {
    name: String,
    /// Among the standings.
    index: usize,
    outlet: Outlet,
    cursor: Cursor,
    source: Source,
    standings: Standings,
    backoff: Backoff,
    trouble: bool,
    /// What was taken and has not arrived. It stays the same batch, with the same id, however often it is sent.
    pending: Option<Batch>,
}

impl Runner {
    pub fn new(name: String, index: usize, outlet: Outlet, cursor: Cursor, source: Source, standings: Standings) -> Self {
        Self { name, index, outlet, cursor, source, standings, backoff: Backoff::default(), trouble: false, pending: None }
    }

    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        loop {
            match self.step(&mut stopping).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(failure) => {
                    let again = self.trouble;
                    self.failed(&failure);
                    // At the end a place may fail once: its connection may have been an old one.
                    if again && *stopping.borrow() {
                        return;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(self.backoff.pause()) => {}
                        _ = stopping.changed() => {}
                    }
                }
            }
        }
    }

    /// Whether there is more to do.
    async fn step(&mut self, stopping: &mut watch::Receiver<bool>) -> Result<bool, Failure> {
        // Asked before it is looked whether there is more: what was written before the word to stop is sent.
        let last_round = *stopping.borrow_and_update();
        if self.pending.is_none() {
            self.pending = self.fill()?;
        }
        if let Some(batch) = &self.pending {
            if batch.bytes.is_empty() {
                self.passed(batch.last);
            } else {
                let (sure, last) = (self.outlet.deliver(batch).await?, batch.last);
                self.arrived(sure);
                self.passed(last);
            }
            self.pending = None;
            // The others have their turn, however much there is for this one.
            tokio::task::yield_now().await;
            return Ok(true);
        }
        if last_round {
            let sure = self.outlet.settle().await?;
            self.arrived(sure);
            return Ok(false);
        }
        tokio::select! {
            () = self.source.grown() => {}
            idle = self.outlet.idle() => {
                idle?;
                let sure = self.outlet.settle().await?;
                self.arrived(sure);
            }
            gone = stopping.changed() => if gone.is_err() {
                return Ok(false);
            },
        }
        Ok(true)
    }

    fn fill(&mut self) -> Result<Option<Batch>, Failure> {
        let mut batch = Batch::default();
        while !batch.is_full(self.outlet.most_records()) {
            match self.source.take() {
                Ok(Some(taken)) => batch.add(&taken, self.outlet.render(&taken)),
                Ok(None) => break,
                // What is before a damaged record is sent first.
                Err(_) if !batch.is_empty() => break,
                Err(error) => return Err(Failure::new(error.to_string())),
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn arrived(&mut self, sure: Option<Mark>) {
        let Some(mark) = sure else { return };
        if let Err(error) = self.cursor.move_to(mark) {
            tracing::warn!(sink = self.name, %error, "how far it has come cannot be written down");
        }
        self.backoff.reset();
        if self.trouble {
            self.trouble = false;
            tracing::info!(sink = self.name, seq = mark.seq, "records arrive again");
        }
        self.stand(|standing| (standing.delivered, standing.trouble) = (mark.seq, None));
    }

    /// Records were looked at, and sent if they are any of its business.
    fn passed(&self, mark: Mark) {
        self.stand(|standing| standing.passed = mark.seq);
    }

    fn failed(&mut self, failure: &Failure) {
        if self.trouble {
            tracing::debug!(sink = self.name, %failure, "records do not arrive");
        } else {
            tracing::warn!(sink = self.name, %failure, "records do not arrive; trying on");
        }
        self.trouble = true;
        self.stand(|standing| standing.trouble = Some(failure.to_string()));
        match &mut self.outlet {
            Outlet::Syslog { sender, .. } => {
                sender.forget();
                self.pending = None;
                self.source.rewind(self.cursor.mark());
            }
            // A record that could not be read is read again; what was taken waits to be sent again.
            Outlet::Stdout | Outlet::File(_) | Outlet::Notary(_) | Outlet::Webhook { .. } => {
                if self.pending.is_none() {
                    self.source.rewind(self.cursor.mark());
                }
            }
        }
    }

    fn stand(&self, change: impl FnOnce(&mut Standing)) {
        self.standings.send_modify(|standings| {
            if let Some(standing) = standings.get_mut(self.index) {
                change(standing);
            }
        });
    }
}
