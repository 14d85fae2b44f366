//! Links for one session: a place within the limits, a login at the server, and what the next client may be greeted with.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::house::{House, Running};
use crate::gate::Subject;
use crate::gate::hold::HoldId;
use crate::host::agents::Agent;
use crate::host::greetings::Manner;
use crate::host::limits::Place;
use crate::host::link::{Canceller, Link, LinkError, Request};
use crate::host::relay::{Cancelled, Server, Taken};
use crate::host::stream::Stream;
use crate::host::upstream::Credential;
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
    /// The hold that the session waited for, until it asks the next time.
    pub awaited: Rc<Cell<Option<HoldId>>>,
}

/// Lives as long as the link: the place it takes, and what cancels its work.
#[derive(Debug)]
pub struct Hold {
    canceller: Option<Canceller>,
    /// Cancels under way.
    cancelling: Rc<Cell<u8>>,
    _place: Place,
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
}

impl Upstreams {
    pub async fn take(&self) -> Result<Taken<Stream, Hold>, Report> {
        let place = self.running.limits.place(&self.agent.name, &self.manner.database).await?;
        let link = self.sign_in().await.map_err(|error| {
            tracing::warn!(agent = self.agent.name, database = ?self.manner.database, error = ?error.to_string(), "no link to the server");
            error.for_agent()
        })?;
        let reported: Arc<[_]> = link.parameters.into();
        self.running.greetings.remember(&self.manner, &reported);
        let process_id = link.canceller.as_ref().map_or(0, |canceller| canceller.process_id);
        // Notices of the login are for the client, before anything else.
        let mut received: Vec<u8> = link.notices.concat();
        received.extend_from_slice(&link.buffered);
        Ok(Taken {
            stream: link.stream,
            received,
            report: LinkReport { process_id, parameters: reported },
            canceller: Hold { canceller: link.canceller, cancelling: Rc::default(), _place: place },
        })
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
