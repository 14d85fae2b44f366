//! The running server.

use super::config::{Config, Sources};
use super::log::LogHandle;
use super::state::State;

/// Runs until it is told to stop. `sources` are asked again on SIGHUP.
pub fn run(config: Config, sources: Sources, state: State, log: LogHandle) -> Result<(), ServeError> {
    drop((config, sources, state, log));
    Err(ServeError::NotBuilt)
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the server is not built yet")]
    NotBuilt,
}
