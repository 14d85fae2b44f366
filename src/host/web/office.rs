//! What pages and calls share: who somebody is, and the way to the desk. Every sign-in, every look at a hold and every decision is on the record
//! before its answer is given; without the record there is no answer.

mod deciding;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use tokio::sync::{Semaphore, broadcast};

use super::archive::Archive;
use super::cookie::{Jar, Kept};
use super::entry::Peer;
use super::provided::Provided;
use super::shown::{Listed, Shown};
use super::slack::SlackDoor;
use super::{Place, WebError};
use crate::audit::event::{HoldRead, PersonDenied, PersonSignedIn, PersonSignedOut, Revealed, Words};
use crate::gate::hold::{Barred, Decider, HoldId, may_decide};
use crate::host::config::Web as Settings;
use crate::host::desk::{Desk, NotDecided, Step, Which};
use crate::host::health::Ask;
use crate::host::in_force::InForce;
use crate::host::journal::{Journal, Unwritable};
use crate::host::oidc::NoWord;
use crate::host::people::{Account, AccountStore, Capability, Invitation, Lifetime, PeopleError, SlackPeople, Visitor, password};
use crate::host::secret::Secret;
use crate::host::state::State;
use crate::host::throttle::Throttle;
use crate::sql::tags;

/// Sign-ins that may wait at once, for their delay and for their turn to be hashed.
const MOST_WAITING: usize = 64;
/// Sign-ins that are hashed at once: each takes 19 MiB and a processor.
const MOST_HASHED: usize = 2;
/// How long a command is signed in: it asks, and is done.
const COMMAND: Lifetime = Lifetime { idle: Duration::from_secs(300), longest: Duration::from_secs(600) };
/// The header of what a page asks for without anybody having asked it to.
const BY_ITSELF: &str = "x-pgsluice-live";
/// Holds on one page, or in one answer.
pub const MOST_LISTED: usize = 200;

pub use deciding::Together;

/// What the office needs of the house.
pub struct Parts {
    pub desk: Arc<Desk>,
    pub journal: Arc<Journal>,
    pub state: State,
    pub single_person: bool,
    pub policy: Arc<InForce>,
    pub vitals: Ask,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Parts").field("single_person", &self.single_person).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub struct Office {
    desk: Arc<Desk>,
    pub archive: Archive,
    pub(super) journal: Arc<Journal>,
    accounts: Mutex<AccountStore>,
    throttle: Mutex<Throttle>,
    pub(super) waiting: Semaphore,
    hashing: Semaphore,
    lifetime: Lifetime,
    single_person: bool,
    /// Who else says who people are.
    pub(super) provided: Option<Provided>,
    pub jar: Jar,
    /// The names that questions are sent to; `None` where any may be.
    hosts: Option<Vec<String>>,
    /// Where presses in Slack come in, if they do.
    pub slack: Option<SlackDoor>,
    slack_people: Mutex<SlackPeople>,
}

/// Which holds somebody wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    Waiting,
    /// Those of them that they may decide.
    Mine,
    Decided,
    All,
}

/// By which door somebody came, as the record calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    Web,
    Api,
    /// A button, pressed by somebody whom Slack knows.
    Slack,
}

impl Through {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Api => "api",
            Self::Slack => "slack",
        }
    }
}

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum NoEntry {
    /// The same words whatever was wrong.
    #[error("name or password is wrong")]
    Wrong,
    /// The way back from the provider did not begin here, or too long ago.
    #[error("this sign-in did not begin in this browser, or is over")]
    Astray,
    #[error(transparent)]
    NoWord(#[from] NoWord),
    /// The provider's word is good, and they are nobody here all the same.
    #[error("{0}")]
    Barred(PeopleError),
    #[error("too many people are signing in right now: try again in a moment")]
    Busy,
    #[error("the record cannot be written, so nobody is let in")]
    Unrecordable(#[from] Unwritable),
    #[error("the state database does not answer, so nobody is let in")]
    State,
}

impl From<PeopleError> for NoEntry {
    fn from(error: PeopleError) -> Self {
        if let PeopleError::State(error) = error {
            tracing::error!(%error, "a sign-in failed for a reason of ours");
            return Self::State;
        }
        Self::Barred(error)
    }
}

impl From<crate::host::state::StateError> for NoEntry {
    fn from(error: crate::host::state::StateError) -> Self {
        PeopleError::from(error).into()
    }
}

/// Why a decision was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Undecided {
    #[error("this is not what was shown: look at it again")]
    Changed,
    #[error("a denial needs a reason: the agent is told it")]
    NoReason,
    /// It was decided before, and is as it was.
    #[error("{}", .0.already())]
    Already(Box<Shown>),
    #[error(transparent)]
    Desk(#[from] NotDecided),
}

impl Office {
    pub fn open(place: &Place, settings: &Settings, parts: Parts) -> Result<Self, WebError> {
        let Parts { desk, journal, state, single_person, policy, vitals } = parts;
        let encrypted = settings.public_url.as_ref().map_or_else(|| place.is_encrypted(), |url| url.is_encrypted());
        Ok(Self {
            desk,
            archive: Archive { state: state.clone(), journal: Arc::clone(&journal), policy, vitals },
            journal,
            accounts: Mutex::new(AccountStore::open(&state)?),
            throttle: Mutex::default(),
            waiting: Semaphore::new(MOST_WAITING),
            hashing: Semaphore::new(MOST_HASHED),
            lifetime: Lifetime { idle: settings.idle, longest: settings.longest },
            single_person,
            provided: settings.oidc.as_ref().map(|oidc| Provided::new(oidc, &place.public_url)).transpose()?,
            jar: Jar { encrypted },
            hosts: hosts(place.address, settings),
            slack: None,
            slack_people: Mutex::new(SlackPeople::open(&state)?),
        })
    }

    /// The same, and presses in Slack count.
    #[must_use]
    pub fn with_slack(self, slack: Option<SlackDoor>) -> Self {
        Self { slack, ..self }
    }

    pub fn is_host(&self, host: &str) -> bool {
        self.hosts.as_ref().is_none_or(|hosts| hosts.iter().any(|known| known.eq_ignore_ascii_case(host)))
    }

    pub(super) fn accounts(&self) -> MutexGuard<'_, AccountStore> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lifetime(&self, through: Through) -> Lifetime {
        match through {
            Through::Web => self.lifetime,
            Through::Api | Through::Slack => COMMAND,
        }
    }

    /// Signs somebody in and gives the token they are known by from now on. It takes as long for a name that nobody has.
    pub async fn sign_in(&self, peer: Peer, name: &str, password: Secret, through: Through) -> Result<Secret, NoEntry> {
        let Ok(_waiting) = self.waiting.try_acquire() else { return Err(NoEntry::Busy) };
        let delay = {
            // It counts before it is known to be wrong: many at once would all find that nothing had failed yet.
            let (mut throttle, now) = (self.throttle(), Instant::now());
            let delay = throttle.delay(now, peer.address, name);
            throttle.failed(now, peer.address, name);
            delay
        };
        tokio::time::sleep(delay).await;
        // It is never closed.
        let Ok(_turn) = self.hashing.acquire().await else { return Err(NoEntry::Busy) };
        let account = self.accounts().account(name)?;
        let verifier = account.as_ref().map(|account| account.verifier.clone());
        let compared = tokio::task::spawn_blocking(move || password::is_right(verifier.as_ref(), &password)).await;
        let Some(account) = account.filter(|_| compared.is_ok_and(|right| right)) else {
            self.record_denial(peer, name, through);
            return Err(NoEntry::Wrong);
        };
        self.throttle().succeeded(Instant::now(), peer.address, name);
        self.journal.record(PersonSignedIn {
            person: account.name.clone(),
            role: account.role.to_string(),
            address: Some(peer.address.to_string()),
            through: through.word().into(),
            tls: peer.tls,
        })?;
        self.begin(&account, through)?.ok_or(NoEntry::Wrong)
    }

    fn begin(&self, account: &Account, through: Through) -> Result<Option<Secret>, PeopleError> {
        self.accounts().begin(account, through.word(), self.lifetime(through), SystemTime::now())
    }

    /// What a link to set a password by is good for.
    pub fn invitation(&self, link: &Secret) -> Result<Option<Invitation>, NoEntry> {
        Ok(self.accounts().invitation(link, SystemTime::now())?)
    }

    /// Makes the account that the link is for.
    pub async fn set_up(&self, link: &Secret, name: &str, password: Secret) -> Result<(), NoEntry> {
        let Ok(_waiting) = self.waiting.try_acquire() else { return Err(NoEntry::Busy) };
        // It is never closed.
        let Ok(_turn) = self.hashing.acquire().await else { return Err(NoEntry::Busy) };
        let named = name.to_owned();
        let verifier = tokio::task::spawn_blocking(move || password::verifier(&named, &password)).await.map_err(|_| NoEntry::State)??;
        Ok(self.accounts().accept(link, name, &verifier, SystemTime::now())?)
    }

    /// Nobody is let in, so nothing hangs on its being recorded.
    fn record_denial(&self, peer: Peer, name: &str, through: Through) {
        let person = self.accounts().account(name).ok().flatten().map(|account| account.name);
        let text = person.as_deref().unwrap_or_else(|| tags::tried(name)).to_owned();
        let denied = PersonDenied {
            address: Some(peer.address.to_string()),
            through: through.word().into(),
            person,
            body: Some(Box::new(Words { text })),
        };
        tracing::warn!(from = %peer.address, through = through.word(), "a person was not let in");
        if let Err(error) = self.journal.record(denied) {
            tracing::error!(%error, "a denied sign-in is not on the record");
        }
    }

    /// Who has this page open, by the cookie.
    pub fn visitor(&self, headers: &HeaderMap) -> Result<Option<(Visitor, Secret)>, NoEntry> {
        let Some(token) = self.jar.get(headers, Kept::Visit) else { return Ok(None) };
        // What a page asks for by itself is no sign that somebody sits before it.
        let attended = !headers.contains_key(BY_ITSELF);
        Ok(self.known(&token, Through::Web, attended)?.map(|visitor| (visitor, token)))
    }

    /// Which command calls, by the token it was given.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Option<(Visitor, Secret)>, NoEntry> {
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let Some(token) = bearer.map(Secret::new) else { return Ok(None) };
        Ok(self.known(&token, Through::Api, true)?.map(|visitor| (visitor, token)))
    }

    /// Which person this member of Slack is. That somebody pressed whom nobody knows is on the record.
    pub fn of_slack(&self, peer: Peer, member: &str) -> Result<Option<Visitor>, NoEntry> {
        let found = self.slack_people.lock().unwrap_or_else(PoisonError::into_inner).visitor(member, SystemTime::now())?;
        if found.is_none() {
            self.record_denial(peer, member, Through::Slack);
        }
        Ok(found)
    }

    fn known(&self, token: &Secret, through: Through, attended: bool) -> Result<Option<Visitor>, PeopleError> {
        self.accounts().visitor(token.expose(), through.word(), self.lifetime(through), attended, SystemTime::now())
    }

    /// Whether who came with this cookie is still signed in.
    pub fn stays(&self, token: &Secret) -> bool {
        self.known(token, Through::Web, false).is_ok_and(|visitor| visitor.is_some())
    }

    /// Every step that holds take from here on.
    pub fn follow(&self) -> broadcast::Receiver<Step> {
        self.desk.follow()
    }

    /// How many wait for a decision.
    pub fn waiting(&self) -> usize {
        self.desk.standings().iter().filter(|(standing, _)| standing.state.is_undecided()).count()
    }

    pub fn sign_out(&self, visitor: &Visitor, token: &Secret, through: Through) -> Result<(), NoEntry> {
        self.accounts().end(token.expose())?;
        self.journal.record(PersonSignedOut { person: visitor.name.clone(), through: through.word().into(), by: None })?;
        Ok(())
    }

    /// What somebody finds in their inbox: those that wait before the others, the newest first, and how many more there are.
    pub fn inbox(&self, visitor: &Visitor, shown: Show, agent: Option<&str>) -> (Vec<Listed>, usize) {
        let which = if shown == Show::Waiting || shown == Show::Mine { Which::Waiting } else { Which::All };
        let mut views = self.desk.list(which);
        let decider = decider(visitor);
        views.retain(|view| {
            let may = || may_decide(&decider, &view.about.owner, view.groups(), self.single_person).is_ok();
            let wanted = match shown {
                Show::Waiting | Show::All => true,
                Show::Mine => may(),
                Show::Decided => !view.state.is_undecided(),
            };
            wanted && agent.is_none_or(|agent| *view.about.agent == *agent)
        });
        views.sort_by_key(|view| (!view.state.is_undecided(), std::cmp::Reverse(view.about.opened)));
        let more = views.len().saturating_sub(MOST_LISTED);
        (views.iter().take(MOST_LISTED).map(Listed::of).collect(), more)
    }

    /// The newest first, without what was sent, and how many more there are.
    pub fn list(&self, which: Which) -> (Vec<Listed>, usize) {
        let mut views = self.desk.list(which);
        views.sort_by_key(|view| (!view.state.is_undecided(), std::cmp::Reverse(view.about.opened)));
        let more = views.len().saturating_sub(MOST_LISTED);
        (views.iter().take(MOST_LISTED).map(Listed::of).collect(), more)
    }

    /// A hold, and whether this person may decide it. That they were shown it is on the record.
    pub fn read(&self, id: HoldId, visitor: &Visitor, through: Through) -> Result<Option<(Shown, May)>, Unwritable> {
        let Some(view) = self.desk.view(id) else { return Ok(None) };
        self.journal.record(HoldRead { hold: id.number(), by: visitor.name.clone(), through: through.word().into() })?;
        let may = may_decide(&decider(visitor), &view.about.owner, view.groups(), self.single_person);
        Ok(Some((Shown::of(&view, &self.desk.masking()), may)))
    }

    /// A hold as it was sent, for who may decide it. That they had it revealed is on disk before they see it.
    pub async fn reveal(&self, id: HoldId, visitor: &Visitor, through: Through) -> Result<(Shown, May), NotDecided> {
        let view = self.desk.view(id).ok_or(NotDecided::Unknown)?;
        let may = may_decide(&decider(visitor), &view.about.owner, view.groups(), self.single_person)?;
        self.journal.record(HoldRead { hold: id.number(), by: visitor.name.clone(), through: through.word().into() })?;
        // What is erased cannot be revealed.
        if view.matter.is_some() {
            let behind = self.journal.record(Revealed { hold: id.number(), by: visitor.name.clone(), body: None })?;
            self.journal.durable(behind).await?;
        }
        Ok((Shown::revealed(&view, &self.desk.masking()), Ok(may)))
    }
}

/// Whether somebody may decide, and if so, whether only because one person may be all people here.
pub type May = Result<bool, Barred>;

fn decider(visitor: &Visitor) -> Decider {
    Decider {
        name: visitor.name.as_str().into(),
        aliases: std::iter::once(&visitor.os_user).chain(&visitor.aliases).map(|name| name.as_str().into()).collect(),
        groups: visitor.groups.iter().map(|group| group.as_str().into()).collect(),
        reviews: visitor.role.may(Capability::Decide),
    }
}

/// On loopback somebody else's name could be made to lead here; elsewhere a name that we do not know may be the one people use.
fn hosts(address: SocketAddr, settings: &Settings) -> Option<Vec<String>> {
    let near = |ip: IpAddr| ip.to_canonical().is_loopback();
    let public = settings.public_url.as_ref().map(|url| url.authority().to_owned());
    if !near(address.ip()) && public.is_none() {
        return None;
    }
    let port = address.port();
    let own = [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}"), address.to_string()];
    let bare = |host: &String| host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).map(str::to_owned);
    let all = public.into_iter().chain(own).collect::<Vec<_>>();
    let short = all.iter().filter_map(bare).collect::<Vec<_>>();
    Some(all.into_iter().chain(short).collect())
}
