//! The running server: listens, hands connections to worker threads, hears signals, watches for revoked agents, reloads, and
//! drains. What one connection goes through is in `attend`.

mod attend;
mod counsel;
mod door;
mod errands;
mod house;
mod upstreams;
mod workers;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Resource;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::config::{ClientTls, Config, Sources};
use super::desk::DeskError;
use super::health::{self, JournalVitals, NoticeVitals, SinkVitals, Vitals};
use super::index;
use super::journal::{Journal, JournalError, Unwritable};
use super::ledger::{Keeper, Ledger, LedgerError};
use super::log::LogHandle;
use super::metrics;
use super::notify::{self, Notifier, NotifyError};
use super::people::{AccountStore, PeopleError, invitations};
use super::sinks::{SinkError, Sinks, Standing};
use super::state::{ListenerRecord, State, StateError};
use super::tls::TlsError;
use super::verdicts;
use super::web::{Office, Parts, Place, Web, WebError};
use crate::wire::report::Report;

use house::House;
use workers::Workers;

/// How long a command may hold the journal.
const COMMAND: Duration = Duration::from_secs(5);
/// How often the state database is asked whether an agent was revoked; asking costs a few microseconds.
const WATCH: Duration = Duration::from_millis(100);
/// How long sessions may take to say their last words after the drain, and the server to hear what is cancelled.
const FAREWELL: Duration = Duration::from_secs(7);
/// Connections the system queues while all workers are busy.
const BACKLOG: u32 = 1024;
/// After an error that does not go away by itself (no file handles are left), the next try waits.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error(transparent)]
    Sinks(#[from] SinkError),
    #[error("what is counted cannot be shown: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[error(transparent)]
    Notify(#[from] NotifyError),
    #[error(transparent)]
    Web(#[from] WebError),
    #[error(transparent)]
    People(#[from] PeopleError),
    #[error("the system gave no thread, event loop or signal handler: {0}")]
    System(#[from] io::Error),
}

/// What can be reached now.
#[derive(Debug, Clone, Copy)]
pub enum Ready<'a> {
    /// What the links of people begin with.
    People(&'a str),
    /// Where the first person sets a password, for a while.
    FirstPerson(&'a str),
    /// An address that takes connections of agents.
    Agents(SocketAddr),
}

/// Runs until it is told to stop. `sources` are asked again on SIGHUP; `ready` is told each address that takes connections.
pub fn run(config: Config, sources: Sources, state: State, log: LogHandle, ready: impl Fn(Ready<'_>)) -> Result<(), ServeError> {
    let workers = config.workers;
    let journal = open_journal(&state, &config)?;
    // Before anything is there to be counted.
    let counted = config.health_listen.map(|_| metrics::install()).transpose()?;
    let (place, settings, people) = (Place::take(&config.web)?, config.web.clone(), config.people.clone());
    let public_url = place.as_ref().map(|place| place.public_url.clone());
    let house = Arc::new(House::open(config, sources, &state, log, journal, public_url.as_deref())?);
    house.record_start()?;
    let keeper = Keeper::start(Ledger::open(&state)?, Arc::clone(&house.journal))?;
    let verdicts = verdicts::store::Keeper::start(&state, Arc::clone(&house.verdicts))?;
    let sinks = Sinks::start(&house.running().config.audit, &state, house.journal.on_disk())?;
    let index = index::keep::follow(state.folder(), house.journal.on_disk())?;
    let parts = notify::Parts { desk: Arc::clone(&house.desk), journal: Arc::clone(&house.journal), state: state.clone() };
    let (notifier, slack) = Notifier::start(&house.running().config.notify, parts)?;
    // Where a provider says who people are, the first one needs no password.
    let first = match &place {
        Some(_) if settings.oidc.is_none() => AccountStore::open(&state)?.invite_first(SystemTime::now())?,
        Some(_) | None => None,
    };
    let vitals = vitals(&house, sinks.standings(), notifier.standings(), index.passed());
    let web = place.map(|place| {
        let parts = Parts {
            desk: Arc::clone(&house.desk),
            journal: Arc::clone(&house.journal),
            state: state.clone(),
            single_person: people.single_person,
            policy: Arc::clone(&house.policy),
            vitals: Arc::clone(&vitals),
        };
        let office = Office::open(&place, &settings, parts)?.with_slack(slack);
        Web::start(place, office)
    });
    let web = web.transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if let (Some(address), Some(counted)) = (house.running().config.health_listen, counted) {
            let listener = health::bind(address).await.map_err(|error| ServeError::Listen { address, error })?;
            tokio::spawn(health::serve(listener, vitals, counted));
        }
        let workers = Workers::start(workers, &house)?;
        if let Some(url) = &public_url {
            ready(Ready::People(url));
            if let Some(link) = &first {
                ready(Ready::FirstPerson(&format!("{url}{}", invitations::path(link))));
            }
        }
        serve(&house, &state, &workers, public_url.as_deref(), ready).await?;
        workers.finish().await;
        Ok::<_, ServeError>(())
    })?;
    drop(web);
    drop(notifier);
    // What commands did until now is to be recorded before the journal closes, and all of it is to be found and sent elsewhere.
    drop(keeper);
    drop(verdicts);
    house.desk.close();
    house.journal.close()?;
    // It takes in what is left.
    drop(index);
    runtime.block_on(sinks.stop());
    Ok(())
}

/// A command that finds nobody serving holds the journal for a moment.
fn open_journal(state: &State, config: &Config) -> Result<Arc<Journal>, JournalError> {
    let until = Instant::now() + COMMAND;
    loop {
        match Journal::open(state.folder(), config.audit.journal()) {
            Err(JournalError::Taken { .. }) if Instant::now() < until => std::thread::sleep(COMMAND / 100),
            opened => return opened,
        }
    }
}

/// What the health page tells.
fn vitals(
    house: &Arc<House>,
    sinks: watch::Receiver<Vec<Standing>>,
    notices: watch::Receiver<Vec<notify::Standing>>,
    index: watch::Receiver<u64>,
) -> health::Ask {
    let journal = Arc::clone(&house.journal);
    Arc::new(move || {
        let now = journal.health();
        let trouble = now.trouble.map(|trouble| match trouble {
            Unwritable::Full => "full",
            Unwritable::Broken => "broken",
        });
        let sink = |sink: &Standing| SinkVitals {
            name: sink.name.clone(),
            lag: now.last_seq.saturating_sub(sink.passed),
            failing: sink.trouble.is_some(),
        };
        let sinks = sinks.borrow().iter().map(sink).collect();
        let notice = |standing: &notify::Standing| NoticeVitals {
            name: standing.place.clone(),
            waiting: standing.backlog.waiting,
            dead: standing.backlog.dead,
            failing: standing.trouble.is_some(),
        };
        let notices = notices.borrow().iter().map(notice).collect();
        let journal = JournalVitals { trouble, last: now.last_seq, synced: now.synced_seq };
        let index_lag = Some(now.last_seq.saturating_sub(*index.borrow()));
        Vitals { journal, index_lag, sinks, notices, upstream: None }
    })
}

async fn serve(
    house: &Arc<House>,
    state: &State,
    workers: &Workers,
    web: Option<&str>,
    ready: impl Fn(Ready<'_>),
) -> Result<(), ServeError> {
    // Before anybody is told that we are here, so that no signal meets a program that does not listen to it.
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (connections, mut arrived) = mpsc::channel::<TcpStream>(1);
    let running = house.running();
    allow_files(&running.config);
    let mut acceptors = tokio::task::JoinSet::new();
    for (index, address) in running.config.listener.addresses.iter().enumerate() {
        let listener = match listen(*address) {
            Ok(listener) => listener,
            // "Every address" means those the machine has: one without IPv6 is no error.
            Err(error) if index > 0 && address.is_ipv6() && address.ip().is_unspecified() => {
                tracing::warn!(%address, %error, "not listening there");
                continue;
            }
            Err(error) => return Err(ServeError::Listen { address: *address, error }),
        };
        let bound = listener.local_addr()?;
        if index == 0 {
            state.record_listener(&ListenerRecord {
                address: bound.ip(),
                port: bound.port(),
                tls_required: matches!(running.config.listener.tls, ClientTls::Required(_)),
                database: Some(running.config.server.upstream.database.clone()),
                web: web.map(str::to_owned),
            })?;
        }
        acceptors.spawn(accept(listener, connections.clone()));
        ready(Ready::Agents(bound));
    }
    drop(running);
    let mut watch = tokio::time::interval(WATCH);
    watch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(stream) = arrived.recv() => workers.hand_over(stream),
            _ = watch.tick() => {
                end_revoked(house);
                house.let_go_of_links(false);
            }
            _ = hangup.recv() => house.reload(),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    acceptors.abort_all();
    tracing::info!(sessions = house.registry.len(), "stopping: open work may finish");
    house.registry.drain();
    house.let_go_of_links(true);
    let patience = tokio::time::sleep(house.running().config.drain_timeout);
    tokio::pin!(patience);
    loop {
        tokio::select! {
            () = house.registry.emptied() => break,
            _ = watch.tick() => end_revoked(house),
            () = &mut patience => {
                tracing::warn!("open work did not finish within drain_timeout");
                break;
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    let report = Report::fatal("57P01", "terminating connection due to administrator command").with_hint("pgsluice is being stopped.");
    house.registry.end_all(report);
    let ended = async {
        house.registry.emptied().await;
        house.errands.finished().await;
    };
    tokio::time::timeout(FAREWELL, ended).await.ok();
    Ok(())
}

/// Takes as many file handles as the system allows, and says so where they cannot be enough: each session may need two.
fn allow_files(config: &Config) {
    /// Listeners, databases, event loops, connections that are signing in.
    const BESIDE: u64 = 256;
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = rustix::process::setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
    let allowed = rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let needed = u64::from(config.capacity.clients.get()).saturating_mul(2).saturating_add(BESIDE);
    if allowed < needed {
        tracing::warn!(allowed, needed, "max_client_conn may need more open files than the system allows (ulimit -n)");
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() {
        socket2::SockRef::from(&socket).set_only_v6(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, connections: mpsc::Sender<TcpStream>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if connections.send(stream).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn end_revoked(house: &House) {
    let mut agents = house.registry.agents();
    agents.extend(house.desk.agents());
    let gone = house.directory.gone(agents).unwrap_or_else(|error| {
        tracing::error!(%error, "whether agents were revoked cannot be read; sign-ins are refused until it can");
        Vec::new()
    });
    for (agent, name) in gone {
        tracing::info!(agent = &*name, "agent revoked: its sessions end");
        let report = Report::fatal("57P01", format!("the access of agent \"{name}\" was revoked"));
        house.registry.end_agent(agent, &report);
        house.desk.withdraw(agent);
        house.purses.forget(agent);
        house.mints.forget(agent);
    }
}
