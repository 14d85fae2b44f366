//! Log lines to standard error. What they say is the business of who writes them; no secret has a `Display` to write.

use std::fmt;
use std::io::{self, IsTerminal as _};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt as lines, reload};

use super::config::{Log, LogFormat};

/// Changes the level while the program runs.
#[derive(Clone)]
pub struct LogHandle(reload::Handle<EnvFilter, Registry>);

impl fmt::Debug for LogHandle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LogHandle")
    }
}

impl LogHandle {
    /// `log_level` is checked with the configuration, so this fails only when the program is ending.
    pub fn set(&self, log: &Log) -> Result<(), reload::Error> {
        self.0.reload(EnvFilter::new(&log.level.0))
    }
}

/// The first call decides; a program has one log.
pub fn init(log: &Log) -> LogHandle {
    let (filter, handle) = reload::Layer::new(EnvFilter::new(&log.level.0));
    let registry = tracing_subscriber::registry().with(filter);
    let ansi = io::stderr().is_terminal();
    let done = match log.format {
        LogFormat::Full => tracing::subscriber::set_global_default(registry.with(lines::layer().with_writer(io::stderr).with_ansi(ansi))),
        LogFormat::Compact => {
            tracing::subscriber::set_global_default(registry.with(lines::layer().compact().with_writer(io::stderr).with_ansi(ansi)))
        }
    };
    if done.is_err() {
        tracing::debug!("the log was set up before");
    }
    LogHandle(handle)
}
