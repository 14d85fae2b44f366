//! Holds: how long a connection waits for people, how long people have, and how many statements of one agent may wait.

use std::num::NonZeroU32;
use std::time::Duration;

use super::reader::Reader;
use super::value::Unless0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// How long a connection waits; `None` for a ticket at once.
    pub wait_for: Option<Duration>,
    /// How long a hold awaits its decision,
    pub expires: Duration,
    /// and an approval its use.
    pub approval_expires: Duration,
    pub max_open_per_agent: NonZeroU32,
}

impl Hold {
    const OPEN: NonZeroU32 = NonZeroU32::new(50).unwrap();

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let hour = Duration::from_secs(3600);
        let read = Self {
            wait_for: reader.get("hold.wait_for", Unless0(Some(Duration::from_secs(30)))).0,
            expires: reader.get("hold.expires", hour),
            approval_expires: reader.get("hold.approval_expires", hour),
            max_open_per_agent: reader.get("hold.max_open_per_agent", Self::OPEN),
        };
        if read.wait_for.is_some_and(|wait| wait > read.expires) {
            reader.fail_at("hold.wait_for", "nothing waits longer than hold.expires: shorten this, or lengthen that");
        }
        read
    }
}
