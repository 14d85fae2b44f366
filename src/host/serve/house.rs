//! What all connections share: the configuration in force, who the agents are, who is connected.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::ServeError;
use super::door::Arrivals;
use super::errands::Errands;
use crate::audit::event::{ConfigChanged, PolicyChanged, Started};
use crate::audit::{Digest, Digester};
use crate::host::agents::AgentDirectory;
use crate::host::arrival::Door;
use crate::host::catalog::Catalogs;
use crate::host::config::{ClientTls, Config, KeepSql, PublicUrl, Sources};
use crate::host::desk::{Desk, Options};
use crate::host::greetings::Greetings;
use crate::host::in_force::InForce;
use crate::host::journal::keys::Keys;
use crate::host::journal::{Journal, Unwritable};
use crate::host::limits::{Bounds, Limits};
use crate::host::link::{Connector, Minor, Spare};
use crate::host::log::LogHandle;
use crate::host::mints::Mints;
use crate::host::pool::Pool;
use crate::host::purses::Purses;
use crate::host::registry::Registry;
use crate::host::state::{State, StateError};
use crate::host::stream::Keepalive;
use crate::host::throttle::Throttle;
use crate::host::tls::{Acceptor, TlsError};
use crate::host::verdicts::Book;
use crate::host::verdicts::store::Store;
use crate::session::recording::Keep;

/// Sessions that may wait for a link at once; each holds what its client sent.
const WAITING: usize = 4096;
/// Of one agent: the queue has room for those of others.
const WAITING_PER_AGENT: usize = WAITING / 8;
/// "No limit" as a time: nothing here lives longer.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

#[derive(Debug)]
pub struct House {
    running: RwLock<Arc<Running>>,
    /// Where people decide, for links. The pages are where they were at the start.
    public_url: Option<String>,
    sources: Sources,
    log: LogHandle,
    pub journal: Arc<Journal>,
    pub digester: Digester,
    pub directory: AgentDirectory,
    pub throttle: Mutex<Throttle>,
    pub registry: Arc<Registry>,
    pub errands: Errands,
    pub arrivals: Arc<Arrivals>,
    pub purses: Arc<Purses>,
    /// Who makes the tokens of each agent.
    pub mints: Mints,
    /// What is known of the columns of databases.
    pub verdicts: Arc<Book>,
    pub desk: Arc<Desk>,
    /// Also for sessions that began under another.
    pub policy: Arc<InForce>,
}

/// A configuration and what was made from it. A session keeps the one it began with.
#[derive(Debug)]
pub struct Running {
    pub config: Config,
    pub door: Door,
    pub connector: Connector,
    pub limits: Limits,
    /// Links between two sessions.
    pub pool: Pool<Spare>,
    pub keepalive: Keepalive,
    pub catalogs: Catalogs,
    /// What servers reported under this configuration.
    pub greetings: Greetings,
}

impl Running {
    fn make(config: Config) -> Result<Self, TlsError> {
        let (certificate, tls_required) = match &config.listener.tls {
            ClientTls::Off => (None, false),
            ClientTls::Offered(certificate) => (Some(certificate), false),
            ClientTls::Required(certificate) => (Some(certificate), true),
        };
        let tls = certificate.map(|files| Acceptor::load(&files.certificate, &files.key).map(Arc::new)).transpose()?;
        let door = Door { tls, tls_required, channel_binding: config.listener.channel_binding, deadline: config.listener.login_timeout };
        let keepalive = config.listener.keepalive.map_or_else(Keepalive::default, |configured| Keepalive {
            idle: Some(configured.idle),
            interval: Some(configured.interval),
            count: Some(configured.count.get()),
            user_timeout: None,
        });
        let connector = Connector::load(Arc::new(config.server.upstream.clone()), keepalive, Minor::Zero)?;
        let bound =
            |limit: Option<std::num::NonZeroU32>| limit.map_or(usize::MAX, |limit| usize::try_from(limit.get()).unwrap_or(usize::MAX));
        let limits = Limits::new(Bounds {
            per_database: bound(config.capacity.links_per_database),
            per_agent: bound(config.capacity.links_per_agent),
            waiting: WAITING,
            waiting_per_agent: WAITING_PER_AGENT,
            patience: config.capacity.wait.unwrap_or(FOREVER),
        });
        let pool = Pool::new(config.capacity.idle);
        Ok(Self { config, door, connector, limits, pool, keepalive, catalogs: Catalogs::default(), greetings: Greetings::default() })
    }
}

fn desk_options(config: &Config, public_url: Option<&str>) -> Options {
    let hold = config.hold;
    let standard = Options::default();
    Options {
        wait_for: hold.wait_for.unwrap_or_default(),
        expires: hold.expires,
        approval_expires: hold.approval_expires,
        max_open_per_agent: usize::try_from(hold.max_open_per_agent.get()).unwrap_or(usize::MAX),
        public_url: public_url.map_or(standard.public_url, str::to_owned),
        single_person: config.people.single_person,
        groups: config.policy.reviewer_groups(),
        masking: config.profiles.for_people(),
    }
}

fn book(state: &State) -> Result<Book, StateError> {
    let store = Store::open(state)?;
    let overrules = store.overrules()?.into_iter().map(|said| said.overrule).collect();
    Ok(Book::new(store.facts()?, overrules))
}

impl House {
    pub fn open(
        config: Config,
        sources: Sources,
        state: &State,
        log: LogHandle,
        journal: Arc<Journal>,
        public_url: Option<&str>,
    ) -> Result<Self, ServeError> {
        let public_url = public_url.or_else(|| config.web.public_url.as_ref().map(PublicUrl::as_str)).map(str::to_owned);
        let options = desk_options(&config, public_url.as_deref());
        let digester = Keys::load(state.folder())?.digester;
        let purses = Arc::<Purses>::default();
        Ok(Self {
            desk: Arc::new(Desk::open(state, Arc::clone(&journal), digester.clone(), options, Arc::clone(&purses))?),
            purses,
            mints: Mints::open(state)?,
            verdicts: Arc::new(book(state)?),
            digester,
            journal,
            policy: Arc::new(InForce::new(Arc::clone(&config.policy), Arc::clone(&config.profiles))),
            running: RwLock::new(Arc::new(Running::make(config)?)),
            public_url,
            sources,
            log,
            directory: AgentDirectory::open(state)?,
            throttle: Mutex::default(),
            registry: Arc::default(),
            errands: Errands::default(),
            arrivals: Arc::default(),
        })
    }

    pub fn record_start(&self) -> Result<(), Unwritable> {
        let config = Some(self.digest_of(&self.running().config));
        self.journal.record(Started {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config,
            policy: Some(Digest::cut(&self.policy.get().hash())),
        })?;
        Ok(())
    }

    /// The digest of a configuration, secrets apart.
    fn digest_of(&self, config: &Config) -> Digest {
        self.digester.digest(config.to_string().as_bytes())
    }

    /// What is kept of what agents send. Fixed at the start, as the journal's keys are.
    pub fn keeps(&self) -> Keep {
        match self.running().config.audit.keep_sql {
            KeepSql::Shape => Keep::Nothing,
            KeepSql::Masked => Keep::Masked,
            KeepSql::Sealed { .. } => Keep::Originals,
        }
    }

    /// The configuration in force now.
    pub fn running(&self) -> Arc<Running> {
        Arc::clone(&self.running.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the configuration anew, whole or not at all.
    pub fn reload(&self) {
        let made = match Config::load(&self.sources) {
            Ok(config) => Running::make(config).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let running = self.running();
        let (config, changed, refused) = match &made {
            Ok(new) => (self.digest_of(&new.config), running.config.changed(&new.config), false),
            Err(_) => (self.digest_of(&running.config), Vec::new(), true),
        };
        let previous = Digest::cut(&self.policy.get().hash());
        let policy = made.as_ref().ok().map(|new| Digest::cut(&new.config.policy.hash())).filter(|policy| *policy != previous);
        let recorded = self.journal.record(ConfigChanged { config, changed, refused, by: None }).and_then(|seq| match policy {
            Some(policy) => self.journal.record(PolicyChanged { policy, previous: Some(previous), by: None }),
            None => Ok(seq),
        });
        if let Err(error) = recorded {
            tracing::error!(%error, "configuration not reloaded: the old one stays in force");
            return;
        }
        match made {
            Ok(new) => {
                let fixed = running.config.needs_restart(&new.config);
                if !fixed.is_empty() {
                    tracing::warn!(settings = fixed.join("; "), "these take effect after a restart only");
                }
                if let Err(error) = self.log.set(&new.config.log) {
                    tracing::warn!(%error, "the log level stays as it was");
                }
                // Before the policy: sessions take both together.
                if let Err(error) = self.mints.reload() {
                    tracing::error!(%error, "the keys of tokens stay as they were");
                }
                self.policy.put(Arc::clone(&new.config.policy), Arc::clone(&new.config.profiles));
                // It may lead to another server.
                self.verdicts.doubt();
                self.desk.keep(desk_options(&new.config, self.public_url.as_deref()));
                *self.running.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                // What they were made by is no longer in force.
                self.close_links(running.pool.close());
                tracing::info!("configuration reloaded");
            }
            Err(error) => tracing::error!(%error, "configuration not reloaded: the old one stays in force"),
        }
    }

    /// Closes links that lie idle and whose time is over, or all of them for good.
    pub fn let_go_of_links(&self, all: bool) {
        let pool = &self.running().pool;
        self.close_links(if all { pool.close() } else { pool.expired(Instant::now()) });
    }

    fn close_links(&self, links: Vec<Spare>) {
        for link in links {
            let errand = self.errands.begin();
            tokio::spawn(async move {
                link.close().await;
                drop(errand);
            });
        }
    }

    /// Reads the secrets again, for the server refused the ones in force: they may have been rotated.
    pub fn reread(&self) -> Option<Config> {
        Config::load(&self.sources).ok()
    }

    /// How long the answer to this login must wait.
    pub fn login_delay(&self, from: IpAddr, name: &str) -> Duration {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner).delay(Instant::now(), from, name)
    }

    pub fn login_failed(&self, from: IpAddr, name: &str) {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner).failed(Instant::now(), from, name);
    }

    pub fn login_succeeded(&self, from: IpAddr, name: &str) {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner).succeeded(Instant::now(), from, name);
    }
}
