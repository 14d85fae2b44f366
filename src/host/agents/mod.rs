//! Agents: who they are, how they prove it, how they come and go. Nothing here knows a session; the server asks the
//! directory.

mod directory;
mod store;

use std::net::IpAddr;

use ipnet::IpNet;

use super::scram::Verifier;

pub use directory::AgentDirectory;
pub use store::{AgentError, AgentStore, Listed, NewAgent};

/// PostgreSQL cuts longer names off, and two agents would become one.
const MAX_NAME: usize = 63;
const MAX_WORDS: usize = 256;
/// What one agent may be allowed from: a list that people still read.
const MAX_NETWORKS: usize = 64;

/// A live agent. It holds no secret but its verifier, which `Debug` does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    pub id: i64,
    pub name: String,
    pub owner: String,
    pub database: Option<String>,
    /// The upstream role, with a login under `[upstream.roles.NAME]`; none is the upstream URL's own.
    pub role: Option<String>,
    pub environment: Option<String>,
    pub networks: Vec<IpNet>,
    pub verifier: Verifier,
    /// Rises with every rotation and revocation of this name, also across adding it again.
    pub epoch: i64,
}

impl Agent {
    /// An agent without networks may come from everywhere.
    pub fn may_connect_from(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&address))
    }
}

/// A name that PostgreSQL would take, and that looks like what it is: SASLprep refuses control characters and text that
/// changes direction, and would change invisible ones.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && stringprep::saslprep(text).is_ok_and(|prepared| prepared == text) && text.trim() == text
}

fn is_words(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_WORDS && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests;
