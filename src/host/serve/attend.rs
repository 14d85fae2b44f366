//! One connection from accept to its end: the login, where it may go, the greeting, then the relay.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::house::{House, Running};
use super::upstreams::Upstreams;
use crate::audit::Digest;
use crate::audit::event::{Claims, Denied, SignedIn, Word, Words};
use crate::gate::judge::{Knowledge, Memory};
use crate::gate::settings::{self, StartupSettings};
use crate::gate::{Judge, Subject};
use crate::host::agents::Agent;
use crate::host::arrival::{Admitted, Arrival, Departure, Keeper, Offered, arrive};
use crate::host::catalog::Seat;
use crate::host::greetings::{Manner, Reported};
use crate::host::registry::{LONG_SECRET, Registration, SHORT_SECRET};
use crate::host::relay::Relay;
use crate::host::stream::{Socket, Stream};
use crate::host::verdicts;
use crate::session::recording::Recorder;
use crate::session::{self, Session, Terms, Timeouts};
use crate::sql::tags;
use crate::wire::backend::{TransactionStatus, tag};
use crate::wire::report::{Report, Severity};
use crate::wire::startup::CancelKey;
use crate::wire::{authentication, write};

/// How long a client that is refused after its login may take to read why.
const LAST_WORD: std::time::Duration = std::time::Duration::from_secs(5);

/// Checks a login against the agents.
struct AgentKeeper<'a> {
    house: &'a House,
    /// Whom the login is checked against. Its name may be another's by the time it is done.
    met: RefCell<Option<Arc<Agent>>>,
}

impl Keeper for AgentKeeper<'_> {
    async fn offered(&self, name: &str, from: Option<IpAddr>) -> Offered {
        if let Some(from) = from {
            tokio::time::sleep(self.house.login_delay(from, name)).await;
        }
        let known = self.house.directory.lookup(name).unwrap_or_else(|error| {
            tracing::error!(%error, "agents cannot be read: nobody is let in");
            None
        });
        self.met.replace(known.clone());
        match known {
            Some(agent) => {
                let welcome = from.is_none_or(|address| agent.may_connect_from(address));
                Offered { verifier: agent.verifier.clone(), real: welcome }
            }
            None => Offered { verifier: self.house.directory.mock_verifier(name), real: false },
        }
    }

    fn denied(&self, name: &str, from: Option<IpAddr>) {
        if let Some(from) = from {
            self.house.login_failed(from, name);
        }
    }
}

/// What the sessions of one thread share.
#[derive(Debug, Clone)]
pub struct Shared {
    pub recorder: Rc<Recorder>,
    pub memory: Rc<RefCell<Memory>>,
}

pub async fn attend(house: Arc<House>, shared: Shared, stream: TcpStream) {
    let mut place = house.arrivals.enter();
    let running = house.running();
    let socket = Socket::Tcp(stream);
    if let Err(error) = socket.prepare(&running.keepalive) {
        tracing::debug!(%error, "the client left at once");
        return;
    }
    let from = socket.peer().map(|address| address.ip());
    // Boxed: what a login needs must not be part of every session that lives.
    let keeper = AgentKeeper { house: &house, met: RefCell::default() };
    let arrival = tokio::select! {
        arrival = Box::pin(arrive(socket, from, &running.door, &keeper)) => arrival,
        () = place.sent_away() => {
            tracing::debug!(from = from.map(tracing::field::display), "a connection was closed: too many are about to sign in");
            return;
        }
    };
    drop(place);
    let met = keeper.met.into_inner();
    match arrival {
        Arrival::Cancel(request, stream) => {
            let (done, mut finished) = tokio::sync::mpsc::channel(1);
            house.registry.cancel(request.process_id, request.key.as_bytes(), done);
            // As the server does: the canceller's connection is closed when the cancel is under way, not before.
            tokio::time::timeout(LAST_WORD, finished.recv()).await.ok();
            drop(stream);
        }
        Arrival::Left(why) => {
            if let Departure::Denied { name } = &why {
                record_denial(&house, name, from, met.as_ref(), "28P01".into());
            }
            log_departure(&why, from);
        }
        Arrival::Admitted(admitted) => {
            if let Some(from) = from {
                house.login_succeeded(from, &admitted.agent);
            }
            let Admitted { mut stream, buffered, agent, database, parameters, minor, .. } = *admitted;
            let refusal = match receive(&house, &running, met.as_ref(), database, &parameters, from) {
                Ok(upstreams) => {
                    match begin(&house, &running, upstreams, Guest { shared, from, minor, stream, buffered: &buffered }).await {
                        Ok(()) => return,
                        Err((report, back)) => {
                            stream = back;
                            report
                        }
                    }
                }
                Err(report) => report,
            };
            record_denial(&house, &agent, from, met.as_ref(), refusal.code.clone());
            tracing::info!(agent, code = %refusal.code, message = ?refusal.message, "session refused");
            let mut words = Vec::new();
            refusal.write(&mut words);
            let say = async {
                stream.write_all(&words).await?;
                stream.shutdown().await
            };
            tokio::time::timeout(LAST_WORD, say).await.ok();
        }
    }
}

/// Nobody is let in, so nothing hangs on its being recorded.
fn record_denial(house: &House, name: &str, from: Option<IpAddr>, met: Option<&Arc<Agent>>, code: Word) {
    let known = met.is_some_and(|agent| agent.name == name);
    let body = Some(Box::new(Words { text: if known { name } else { tags::tried(name) }.to_owned() }));
    let denied = Denied { address: from.map(|from| from.to_string()), code, agent: met.map(|agent| agent.name.clone()), body };
    if let Err(error) = house.journal.record(denied) {
        tracing::error!(%error, "a denied sign-in is not on the record");
    }
}

/// Who begins a session, for the record.
fn who(upstreams: &Upstreams, running: &Running, from: Option<IpAddr>, tls: bool, process_id: i32) -> SignedIn {
    let Manner { database, settings, .. } = &upstreams.manner;
    let agent = &upstreams.agent;
    let application = settings.iter().find(|(name, _)| name == "application_name").map(|(_, value)| tags::screened(value).into_owned());
    SignedIn {
        agent_id: agent.id,
        agent: agent.name.clone(),
        owner: agent.owner.clone(),
        environment: agent.environment.clone().or_else(|| running.config.environment(database).map(str::to_owned)),
        database: database.clone(),
        role: upstreams.credential.user.clone(),
        address: from.map(|from| from.to_string()),
        tls,
        process_id,
        policy: Some(Digest::cut(&upstreams.house.policy.get().hash())),
        body: application.map(|application| Box::new(Claims { application: Some(application) })),
    }
}

fn log_departure(why: &Departure, from: Option<IpAddr>) {
    let from = from.map(tracing::field::display);
    // It may repeat what a stranger sent.
    let said = why.to_string();
    let said = said.escape_debug();
    match why {
        Departure::Closed => tracing::debug!(from, "{said}"),
        Departure::Denied { .. } => tracing::warn!(from, "{said}"),
        Departure::TimedOut
        | Departure::NotPostgres(_)
        | Departure::StuffedBytes
        | Departure::Tls(_)
        | Departure::Refused { .. }
        | Departure::Protocol(_)
        | Departure::Io(_) => tracing::info!(from, "{said}"),
    }
}

/// Where this agent goes: its login at the server, its database, its settings.
fn receive(
    house: &Arc<House>,
    running: &Arc<Running>,
    met: Option<&Arc<Agent>>,
    database: Option<String>,
    parameters: &[(String, String)],
    address: Option<IpAddr>,
) -> Result<Upstreams, Report> {
    let live = |agent: &&Arc<Agent>| house.directory.gone(vec![(agent.id, agent.name.as_str().into())]).is_ok_and(|gone| gone.is_empty());
    let agent = met.filter(live).cloned().ok_or_else(|| Report::fatal("28P01", "the access of this agent was revoked"))?;
    if house.registry.len() >= usize::try_from(running.config.capacity.clients.get()).unwrap_or(usize::MAX) {
        return Err(Report::fatal("53300", "sorry, too many clients already").with_detail("max_client_conn is reached."));
    }
    let credential = running.config.server.credential(agent.role.as_deref()).cloned().ok_or_else(|| {
        tracing::error!(agent = agent.name, role = agent.role, "no login is configured for this role: [upstream.roles.NAME]");
        Report::fatal("28000", "the proxy has no login at the server for this agent's role")
    })?;
    let database = allowed_database(&agent, database, &running.config.server.upstream.database)?;
    let StartupSettings { settings, task } = settings::startup(parameters)?;
    let task = task.as_deref().and_then(session::task::kept);
    let mut manner = Manner { login: credential.user.clone(), database, settings };
    let subject = Arc::new(Subject {
        agent_id: agent.id,
        agent: agent.name.as_str().into(),
        owner: agent.owner.as_str().into(),
        groups: Box::default(),
        address,
        database: manner.database.as_str().into(),
        role: credential.user.as_str().into(),
        environment: agent.environment.as_deref().or_else(|| running.config.environment(&manner.database)).map(Into::into),
    });
    // In the startup packet, where no RESET undoes it.
    let read_only = house.policy.get().is_read_only(&subject);
    if read_only {
        manner.settings.retain(|(name, _)| name != session::BELT);
        manner.settings.push((session::BELT.to_owned(), "on".to_owned()));
    }
    Ok(Upstreams {
        house: Arc::clone(house),
        running: Arc::clone(running),
        agent,
        subject,
        credential,
        manner,
        seat: Seat::default(),
        verdicts: verdicts::Seat::default(),
        task,
        read_only,
    })
}

/// The database that is meant. A client that names none sends its own name or nothing, as libpq does.
fn allowed_database(agent: &Agent, asked: Option<String>, default: &str) -> Result<String, Report> {
    let asked = asked.filter(|asked| !asked.is_empty() && *asked != agent.name);
    match (&agent.database, asked) {
        (Some(own), Some(asked)) if *own != asked => {
            Err(Report::fatal("42501", format!("agent \"{}\" may not use the database it asked for", agent.name))
                .with_hint(format!("It may use \"{own}\".")))
        }
        (Some(own), _) => Ok(own.clone()),
        (None, Some(asked)) => Ok(asked),
        (None, None) => Ok(default.to_owned()),
    }
}

/// A client that signed in, and what its session is to be made of.
struct Guest<'a> {
    shared: Shared,
    from: Option<IpAddr>,
    minor: u16,
    stream: Stream,
    /// What came behind the login.
    buffered: &'a [u8],
}

/// Greets the client and runs its session. A client that cannot be greeted is given back with the reason.
async fn begin(house: &Arc<House>, running: &Arc<Running>, upstreams: Upstreams, guest: Guest<'_>) -> Result<(), (Report, Stream)> {
    let Guest { shared: Shared { recorder, memory }, from, minor, stream, buffered } = guest;
    let no_key = |_| Report::fatal("58000", "no random bytes could be had for a cancel key");
    let secret_length = if minor >= 2 { LONG_SECRET } else { SHORT_SECRET };
    let (registration, control) = match house.registry.register(upstreams.agent.id, &upstreams.agent.name, secret_length).map_err(no_key) {
        Ok(registered) => registered,
        Err(report) => return Err((report, stream)),
    };
    let reserved = match house.registry.random::<16>().map_err(no_key) {
        Ok(random) => reserved_name(random),
        Err(report) => return Err((report, stream)),
    };
    // Only the server knows how to greet a client of a manner not met before; the link is then this session's.
    let (reported, taken) = match running.greetings.of(&upstreams.manner) {
        Some(reported) => (reported, None),
        None => match Box::pin(upstreams.take()).await {
            Ok(taken) => (Arc::clone(&taken.report.parameters), Some(taken)),
            Err(report) => return Err((report, stream)),
        },
    };
    let greeting = greeting(&reported, &registration);
    let scribe = match house.journal.session(who(&upstreams, running, from, stream.is_tls(), registration.process_id)) {
        Ok(scribe) => scribe,
        Err(trouble) => return Err((Report { severity: Severity::Fatal, ..trouble.report() }, stream)),
    };
    let terms = Terms {
        masking: crate::mask::Masking::built_in(),
        judge: Judge::new(Arc::clone(&upstreams.subject), house.policy.get(), Knowledge::Missing, memory),
        frontend: running.config.limits.client,
        backend: running.config.limits.server,
        timeouts: Timeouts {
            idle: running.config.listener.idle_timeout,
            idle_in_transaction: running.config.listener.idle_transaction_timeout,
        },
        process_id: registration.process_id,
        reserved,
        recorder,
        session: scribe.session(),
        unrecordable: None,
        purse: house.purses.of(upstreams.agent.id),
        manner: session::Manner {
            settings: upstreams.manner.settings.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect(),
            task: upstreams.task.clone(),
            read_only: upstreams.read_only,
        },
    };
    tracing::debug!(agent = upstreams.agent.name, database = ?upstreams.manner.database, "session begins");
    let session = Session::new(terms, reported, Instant::now());
    let mut relay = Relay::new(session, scribe, stream, buffered, &greeting, upstreams, control);
    if let Some(taken) = taken {
        relay = relay.with_link(taken, Instant::now());
    }
    relay.run().await;
    drop(registration);
    Ok(())
}

fn greeting(reported: &Reported, registration: &Registration) -> Vec<u8> {
    let mut greeting = Vec::new();
    for (name, value) in reported.iter() {
        write::message(&mut greeting, tag::PARAMETER_STATUS, |body| {
            body.string(name).string(value);
        });
    }
    if let Some(key) = CancelKey::new(&registration.secret) {
        authentication::backend_key_data(&mut greeting, registration.process_id, &key);
    }
    write::message(&mut greeting, tag::READY_FOR_QUERY, |body| {
        body.byte(TransactionStatus::Idle.as_byte());
    });
    greeting
}

/// A name for the statement that never exists: nobody can guess it, so nobody can make it exist.
fn reserved_name(random: [u8; 16]) -> Rc<[u8]> {
    let mut name = b"pgsluice-".to_vec();
    for byte in random {
        name.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
    name.into()
}
