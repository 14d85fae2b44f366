//! Who asks, and where: what does not change while a session lives.

use std::net::IpAddr;

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Subject {
    pub agent_id: i64,
    pub agent: Box<str>,
    pub owner: Box<str>,
    /// Groups of agents that it belongs to.
    pub groups: Box<[Box<str>]>,
    pub address: Option<IpAddr>,
    pub database: Box<str>,
    /// Its login at the server.
    pub role: Box<str>,
    pub environment: Option<Box<str>>,
}
