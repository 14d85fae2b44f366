//! Tells people elsewhere that a statement waits for them: in Slack, in Teams, by webhooks. It follows the desk and decides nothing; what is still to
//! be told outlives the end of the process, and nothing is told but what people are shown, with what is sensitive in it masked. All of it runs on a
//! thread of its own: neither agents nor the desk wait for it.

mod asks;
mod event;
mod follow;
mod outlet;
mod runner;
mod slack;
mod store;
mod teams;
mod telling;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinSet, LocalSet};

use crate::host::config::{Notify, SlackWay};
use crate::host::desk::{About, Desk};
use crate::host::journal::Journal;
use crate::host::outgoing::{Backoff, Poster};
use crate::host::state::{State, StateError};
use crate::host::tls::TlsError;
use crate::host::web::SlackDoor;

use follow::Follower;
use outlet::Outlet;
use runner::Runner;

pub use store::{Backlog, Dead, Store};

/// Presses in Slack that await an answer of ours; more are answered by nothing.
const MOST_ASKS: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("TLS toward a place that is told of holds: {0}")]
    Tls(#[from] TlsError),
    #[error("the system gave no thread or event loop: {0}")]
    System(#[from] std::io::Error),
}

/// How one place is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub place: String,
    pub backlog: Backlog,
    /// Why messages do not arrive now.
    pub trouble: Option<String>,
}

type Standings = Arc<watch::Sender<Vec<Standing>>>;

/// How many messages an agent can cause.
#[derive(Debug, Clone, Copy)]
struct Flood {
    most: usize,
    window: Duration,
}

/// Which holds a place is told of, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Interest {
    place: String,
    /// After this long of waiting.
    after: Option<Duration>,
    whose: Whose,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Whose {
    All,
    /// Those that people of this group may decide.
    Group(String),
    /// Those that people of none of these groups are named for.
    NotOf(Vec<String>),
}

impl Interest {
    fn has(&self, about: &About) -> bool {
        let names = |group: &String| about.groups.iter().any(|named| named.trim().eq_ignore_ascii_case(group.trim()));
        match &self.whose {
            Whose::All => true,
            Whose::Group(group) => names(group),
            Whose::NotOf(groups) => !groups.iter().any(names),
        }
    }
}

/// What the notifier needs of the house.
#[derive(Debug)]
pub struct Parts {
    pub desk: Arc<Desk>,
    pub journal: Arc<Journal>,
    pub state: State,
}

/// The running notifier. Dropped, it stops at once; what is not told yet is told after the next start.
#[derive(Debug)]
pub struct Notifier {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    standings: Standings,
}

struct Place {
    interest: Interest,
    outlet: Outlet,
    is_second: bool,
}

impl Notifier {
    /// Starts what the configuration names. The door is for presses in Slack, where there are any.
    pub fn start(config: &Notify, parts: Parts) -> Result<(Self, Option<SlackDoor>), NotifyError> {
        let places = places(config)?;
        let (door, asks) = door(config)?;
        let standings =
            places.iter().map(|place| Standing { place: place.interest.place.clone(), backlog: Backlog::default(), trouble: None });
        let standings = Arc::new(watch::Sender::new(standings.collect::<Vec<_>>()));
        let Parts { desk, journal, state } = parts;
        let store = Store::open(&state)?;
        store.keep_places(&places.iter().map(|place| place.interest.place.as_str()).collect::<Vec<_>>())?;
        let flood = Flood { most: config.digest_after, window: config.digest_window };
        let interests = places.iter().map(|place| place.interest.clone()).collect::<Vec<_>>();
        let is_empty = interests.is_empty();
        let (wake, woken) = watch::channel(0);
        let follower = Follower { desk: Arc::clone(&desk), journal, store, interests, window: config.digest_window, wake };
        let mut runners = Vec::new();
        for (index, Place { interest, outlet, is_second }) in places.into_iter().enumerate() {
            runners.push(Runner {
                name: interest.place,
                index,
                outlet,
                is_second,
                store: Store::open(&state)?,
                desk: Arc::clone(&desk),
                flood,
                standings: Arc::clone(&standings),
                backoff: Backoff::default(),
            });
        }
        let (stop, stopped) = oneshot::channel();
        let thread = if is_empty {
            None
        } else {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let work = move || {
                runtime.block_on(LocalSet::new().run_until(async {
                    let mut running = JoinSet::new();
                    running.spawn_local(follower.run());
                    for runner in runners {
                        running.spawn_local(runner.run(woken.clone()));
                    }
                    if let Some(asks) = asks {
                        running.spawn_local(asks.run());
                    }
                    tokio::select! {
                        () = async { while running.join_next().await.is_some() {} } => {}
                        _ = stopped => {}
                    }
                }));
                // A look-up that hangs is left behind.
                runtime.shutdown_background();
            };
            Some(std::thread::Builder::new().name("notify".to_owned()).spawn(work)?)
        };
        Ok((Self { stop: Some(stop), thread, standings }, door))
    }

    /// How each place is doing, now and whenever that changes.
    pub fn standings(&self) -> watch::Receiver<Vec<Standing>> {
        self.standings.subscribe()
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that tells people of holds panicked");
        }
    }
}

fn door(config: &Notify) -> Result<(Option<SlackDoor>, Option<asks::Asks>), TlsError> {
    let Some(slack) = &config.slack else { return Ok((None, None)) };
    let (SlackWay::Bot { api, .. }, Some(secret)) = (&slack.way, &slack.signing_secret) else { return Ok((None, None)) };
    let (say, said) = mpsc::channel(MOST_ASKS);
    let asks = asks::Asks { poster: Poster::new(api, false)?, said };
    Ok((Some(SlackDoor::new(secret, slack.team.clone(), say)), Some(asks)))
}

fn places(config: &Notify) -> Result<Vec<Place>, TlsError> {
    let mut places = Vec::new();
    let mut put = |name: &str, second: bool, whose: Whose, outlet: Outlet| {
        let name = if second { format!("{name}.second") } else { name.to_owned() };
        let after = second.then_some(config.escalate_after).flatten();
        // Without a time there is nobody who is told later.
        if !second || after.is_some() {
            places.push(Place { interest: Interest { place: name, after, whose }, outlet, is_second: second });
        }
    };
    if let Some(slack) = &config.slack {
        match &slack.way {
            SlackWay::Bot { api, channels, groups } => {
                let buttons = slack.signing_secret.is_some();
                let bot = |channel: &String| {
                    let poster = Poster::new(api, false)?;
                    Ok::<_, TlsError>(Outlet::Bot { poster, channel: channel.clone(), buttons })
                };
                let named = groups.keys().cloned().collect();
                put("slack", false, Whose::NotOf(named), bot(&channels.first)?);
                for (group, channel) in groups {
                    put(&format!("slack.group.{group}"), false, Whose::Group(group.clone()), bot(channel)?);
                }
                if let Some(channel) = &channels.second {
                    put("slack", true, Whose::All, bot(channel)?);
                }
            }
            SlackWay::Incoming(hooks) => {
                put("slack", false, Whose::All, Outlet::Incoming(Poster::new(&hooks.first, false)?));
                if let Some(hook) = &hooks.second {
                    put("slack", true, Whose::All, Outlet::Incoming(Poster::new(hook, false)?));
                }
            }
        }
    }
    if let Some(teams) = &config.teams {
        put("teams", false, Whose::All, Outlet::Teams(Poster::new(&teams.first, false)?));
        if let Some(hook) = &teams.second {
            put("teams", true, Whose::All, Outlet::Teams(Poster::new(hook, false)?));
        }
    }
    for (name, webhook) in &config.webhooks {
        put(&format!("webhook.{name}"), false, Whose::All, Outlet::Webhook(Poster::new(webhook, false)?));
    }
    Ok(places)
}
