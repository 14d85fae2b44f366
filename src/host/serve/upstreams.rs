//! Links for one session: a place within the limits, a link that lies idle or a login at the server, what the next client may be
//! greeted with; and what becomes of a link when its session is done.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::house::{House, Running};
use crate::gate::Subject;
use crate::host::agents::Agent;
use crate::host::catalog::{Seat, View};
use crate::host::greetings::Manner;
use crate::host::limits::Place;
use crate::host::link::{Canceller, Link, LinkError, Request, Spare};
use crate::host::relay::{Cancelled, Server, Taken};
use crate::host::stream::Stream;
use crate::host::upstream::Credential;
use crate::host::verdicts;
use crate::session::LinkReport;
use crate::wire::report::Report;

/// Cancels of one link under way at once: each opens a connection, and one more would say nothing new.
const CANCELS: u8 = 4;

/// How one session reaches the server.
#[derive(Debug, Clone)]
pub struct Upstreams {
    pub house: Arc<House>,
    pub running: Arc<Running>,
    pub agent: Arc<Agent>,
    pub subject: Arc<Subject>,
    pub credential: Credential,
    pub manner: Manner,
    pub seat: Seat,
    pub verdicts: verdicts::Seat,
    /// What the agent said that it is working on when it signed in.
    pub task: Option<Box<str>>,
    /// Its links begin read-only.
    pub read_only: bool,
}

/// Lives as long as the link: the place it takes, and what cancels its work.
#[derive(Debug)]
pub struct Hold {
    canceller: Option<Canceller>,
    /// Cancels under way.
    cancelling: Rc<Cell<u8>>,
    /// One was sent: it may reach the server at any time, and hit whatever runs then.
    cancelled: Cell<bool>,
    /// When it was made.
    born: Instant,
    place: Place,
}

impl Server for Upstreams {
    type Stream = Stream;
    type Canceller = Hold;

    fn connect(&self) -> impl Future<Output = Result<Taken<Stream, Hold>, Report>> + 'static {
        let this = self.clone();
        async move { this.take().await }
    }

    fn cancel(&self, hold: &Hold, done: Option<Cancelled>) {
        let Some(canceller) = hold.canceller.clone() else { return };
        let errand = self.house.errands.begin();
        if hold.cancelling.get() >= CANCELS {
            return;
        }
        hold.cancelled.set(true);
        hold.cancelling.update(|count| count.saturating_add(1));
        let cancelling = Rc::clone(&hold.cancelling);
        tokio::task::spawn_local(async move {
            let _errand = errand;
            if let Err(error) = canceller.cancel().await {
                tracing::warn!(%error, "a cancel request did not reach the server");
            }
            cancelling.update(|count| count.saturating_sub(1));
            drop(done);
        });
    }

    fn give_back(&self, link: Taken<Stream, Hold>) {
        let Taken { stream, received, report, canceller: hold } = link;
        let Hold { canceller, cancelled, born, place, .. } = hold;
        let mut spare = Spare { stream, parameters: report.parameters.to_vec(), canceller };
        let (running, manner, process) = (Arc::clone(&self.running), self.manner.clone(), report.process_id);
        let errand = self.house.errands.begin();
        tokio::task::spawn_local(async move {
            let _errand = errand;
            let surplus = if cancelled.get() || !running.pool.wants(born, Instant::now()) {
                Some(spare)
            } else {
                match spare.renew(&received).await {
                    Ok(()) => {
                        let surplus = running.pool.put(manner, spare, born, Instant::now());
                        tracing::debug!(process, "a link lies idle");
                        surplus
                    }
                    Err(error) => {
                        tracing::debug!(process, %error, "a link is not used again");
                        Some(spare)
                    }
                }
            };
            // Until the server has let go of it, it takes its place.
            if let Some(surplus) = surplus {
                surplus.close().await;
            }
            // Who waits for the place finds in the pool what is there.
            drop(place);
        });
    }
}

impl Upstreams {
    /// What is known of the catalog of its database.
    pub fn catalog(&self) -> View<'_> {
        let Running { catalogs, connector, .. } = &*self.running;
        View { catalogs, seat: &self.seat, connector, credential: &self.credential, database: &self.manner.database }
    }

    /// What is known of the columns of its database.
    pub fn verdicts(&self) -> verdicts::View<'_> {
        let (book, connector) = (&self.house.verdicts, &self.running.connector);
        verdicts::View { book, seat: &self.verdicts, connector, credential: &self.credential, database: &self.manner.database }
    }

    pub async fn take(&self) -> Result<Taken<Stream, Hold>, Report> {
        let place = self.running.limits.place(&self.agent.name, &self.manner.database).await?;
        if let Some((spare, born)) = self.reuse().await {
            return Ok(self.taken(spare, Vec::new(), born, place));
        }
        // Idle links take places that nobody has: with this one more in use there may be too many of them.
        for surplus in self.running.pool.trim(&self.manner.database, self.running.limits.free(&self.manner.database)) {
            surplus.close().await;
        }
        let born = Instant::now();
        let link = self.sign_in().await.map_err(|error| {
            tracing::warn!(agent = self.agent.name, database = ?self.manner.database, error = ?error.to_string(), "no link to the server");
            error.for_agent()
        })?;
        // Notices of the login are for the client, before anything else.
        let mut received: Vec<u8> = link.notices.concat();
        received.extend_from_slice(&link.buffered);
        let spare = Spare { stream: link.stream, parameters: link.parameters, canceller: link.canceller };
        Ok(self.taken(spare, received, born, place))
    }

    fn taken(&self, link: Spare, received: Vec<u8>, born: Instant, place: Place) -> Taken<Stream, Hold> {
        let Spare { stream, parameters, canceller } = link;
        let parameters: Arc<[_]> = parameters.into();
        self.running.greetings.remember(&self.manner, &parameters);
        let process_id = canceller.as_ref().map_or(0, |canceller| canceller.process_id);
        let hold = Hold { canceller, cancelling: Rc::default(), cancelled: Cell::new(false), born, place };
        Taken { stream, received, report: LinkReport { process_id, parameters }, canceller: hold }
    }

    /// A link that lay idle and is in order.
    async fn reuse(&self) -> Option<(Spare, Instant)> {
        while let Some((mut spare, born)) = self.running.pool.take(&self.manner, Instant::now()) {
            match self.running.connector.revive(&mut spare).await {
                Ok(()) => return Some((spare, born)),
                Err(error) => tracing::debug!(%error, "a link that lay idle is replaced"),
            }
        }
        None
    }

    /// Signs in; once more with secrets read anew where the server refused the ones at hand.
    async fn sign_in(&self) -> Result<Link, LinkError> {
        match self.attempt(&self.credential).await {
            Err(error) if error.credential_refused() => {
                let reread = self.house.reread();
                match reread.as_ref().and_then(|config| config.server.credential(self.agent.role.as_deref())) {
                    Some(credential) if *credential != self.credential => {
                        tracing::info!(role = credential.user, "the server refused a secret; the one now configured is tried");
                        self.attempt(credential).await
                    }
                    Some(_) | None => Err(error),
                }
            }
            done => done,
        }
    }

    async fn attempt(&self, credential: &Credential) -> Result<Link, LinkError> {
        let request = Request { credential, database: &self.manner.database, parameters: &self.manner.settings };
        self.running.connector.connect(request).await
    }
}
