//! The desk: where held statements wait for people. It keeps holds, tells sessions what became of them, and puts each step on the record
//! before it counts. What may become of a hold is decided in `gate::hold`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Notify;

use crate::audit::event::{Held, Spent, Words};
use crate::audit::{Digest, Digester};
use crate::gate::Subject;
use crate::gate::hold::{HoldId, Standing, State};
use crate::host::journal::{Journal, Unwritable};
use crate::session::asking::{Message, Petition, Reply, Waiting};
use crate::wire::report::{Report, Severity};

/// How the desk is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a connection waits for people.
    pub wait_for: Duration,
    /// How long a hold awaits its decision, and an approval its use.
    pub expires: Duration,
    /// Before the hold's id, in links.
    pub public_url: String,
}

#[derive(Debug)]
pub struct Desk {
    journal: Arc<Journal>,
    digester: Digester,
    options: Options,
    random: SystemRandom,
    holds: Mutex<HashMap<HoldId, Entry>>,
    changed: Notify,
}

#[derive(Debug)]
struct Entry {
    standing: Standing,
    bound: Digest,
}

impl Desk {
    pub fn new(journal: Arc<Journal>, digester: Digester, options: Options) -> Self {
        Self { journal, digester, options, random: SystemRandom::new(), holds: Mutex::default(), changed: Notify::new() }
    }

    fn holds(&self) -> MutexGuard<'_, HashMap<HoldId, Entry>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A statement is held: an approval of this very statement is spent on it, or it joins the hold that is open, or a new one is opened.
    pub async fn petition(&self, subject: &Subject, petition: Petition) -> Reply {
        match self.ask(subject, petition).await {
            Ok(reply) => reply,
            Err(trouble) => Reply::Refused(trouble.report()),
        }
    }

    async fn ask(&self, subject: &Subject, petition: Petition) -> Result<Reply, Unwritable> {
        let now = crate::host::when::now();
        let bound = self.digester.digest(&binding(subject, &petition));
        let open = self.holds().iter_mut().find_map(|(_, entry)| {
            if entry.bound != bound {
                return None;
            }
            match entry.standing.state {
                State::Approved => entry.standing.spend(now, petition.open_work).ok().map(Ok),
                State::Waiting => Some(Err(entry.standing.id)),
                State::Reserved | State::Spent | State::Denied | State::Expired | State::Withdrawn => None,
            }
        });
        let hold = match open {
            Some(Ok(grant)) => {
                let (session, number) = (petition.statement.session, petition.statement.number);
                let seq = self.journal.record(Spent { hold: grant.hold().number(), session, number, grant: None })?;
                self.journal.durable(seq).await?;
                return Ok(Reply::Granted(grant));
            }
            Some(Err(hold)) => hold,
            None => self.open(bound, &petition, now)?,
        };
        let link = format!("{}/hold/{hold}", self.options.public_url);
        let said = format!("held for approval as {hold}: {}", petition.grounds.reason);
        let ticket = Report::error("PS001", said.clone())
            .with_detail(format!("Nothing ran. Rule \"{}\". A human decides at {link}.", petition.grounds.rule))
            .with_hint(format!("Ask for approval at {link}, then send the same statement again, or: /* pgsluice:run={hold} */"));
        let notice = Report::new(Severity::Notice, "PS001", said).with_hint(format!("Waiting for a decision at {link}"));
        Ok(Reply::Waiting(Waiting { hold, notice, ticket, patience: Some(self.options.wait_for).filter(|wait| !wait.is_zero()) }))
    }

    fn open(&self, bound: Digest, petition: &Petition, now: u64) -> Result<HoldId, Unwritable> {
        let mut random = [0; 8];
        self.random.fill(&mut random).map_err(|_| Unwritable::Broken)?;
        let id = HoldId::of(u64::from_le_bytes(random));
        let until = now.saturating_add(u64::try_from(self.options.expires.as_micros()).unwrap_or(u64::MAX));
        let body = Some(Box::new(Words { text: petition.grounds.reason.to_string() }));
        self.journal.record(Held { hold: id.number(), statement: petition.statement.clone(), bound, until, body })?;
        self.holds().insert(id, Entry { standing: Standing { id, state: State::Waiting, until }, bound });
        Ok(id)
    }

    /// Returns when the hold no longer waits.
    pub async fn decided(&self, hold: HoldId) {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if self.holds().get(&hold).is_none_or(|entry| entry.standing.state != State::Waiting) {
                return;
            }
            changed.await;
        }
    }

    /// The transaction that these approvals were used in has ended; `used` is false where all of it was rolled back for certain.
    pub fn settle(&self, holds: &[HoldId], used: bool) {
        for hold in holds {
            if let Some(entry) = self.holds().get_mut(hold)
                && entry.standing.state == State::Reserved
            {
                entry.standing.state = if used { State::Spent } else { State::Approved };
            }
        }
    }
}

/// Everything that an approval is bound to, in one order and without doubt where a part ends.
fn binding(subject: &Subject, petition: &Petition) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut part = |part: &[u8]| {
        bytes.extend_from_slice(&part.len().to_le_bytes());
        bytes.extend_from_slice(part);
    };
    part(&subject.agent_id.to_le_bytes());
    part(subject.database.as_bytes());
    part(subject.role.as_bytes());
    part(petition.message.sql());
    if let Message::Extended { types, bind, .. } = &petition.message {
        for oid in types {
            part(&oid.to_le_bytes());
        }
        for format in &bind.formats {
            part(&format.to_le_bytes());
        }
        for value in &bind.values {
            match value {
                Some(value) => part(value),
                None => part(&[]),
            }
        }
    }
    for object in &petition.grounds.resolved.objects {
        part(&object.to_le_bytes());
    }
    for (name, value) in &petition.settings {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    bytes
}
