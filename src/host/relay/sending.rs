//! Sends a lane of the machine's output with as few system calls as the stream allows, straight from the read buffer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use crate::session::output::Lane;

/// Slices per system call: a burst of a few rewritten messages between passed ones fits.
const SLICES: usize = 16;

/// How far a lane was sent.
#[derive(Debug, Default)]
pub struct Progress {
    sent: usize,
}

impl Progress {
    /// Whether nothing of a lane was sent yet.
    pub fn is_between_lanes(&self) -> bool {
        self.sent == 0
    }

    /// Sends until the lane is empty. `received` is what the lane's ranges speak of.
    pub fn poll_send(
        &mut self,
        lane: &mut Lane,
        received: &[u8],
        stream: &mut (impl AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !lane.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut filled = 0;
            let mut skip = self.sent;
            for bytes in lane.bytes(received) {
                if skip >= bytes.len() {
                    skip = skip.saturating_sub(bytes.len());
                    continue;
                }
                let Some(slot) = slices.get_mut(filled) else { break };
                *slot = IoSlice::new(bytes.get(skip..).unwrap_or_default());
                skip = 0;
                filled = filled.saturating_add(1);
            }
            if filled == 0 {
                break;
            }
            let stream = Pin::new(&mut *stream);
            // One slice is the rule, and a plain write costs the system less than one of a list.
            let count = match slices.get(..filled).unwrap_or_default() {
                [only] => ready!(stream.poll_write(context, only))?,
                several => ready!(stream.poll_write_vectored(context, several))?,
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent = self.sent.saturating_add(count);
        }
        self.sent = 0;
        lane.clear();
        // TLS keeps records until it is told.
        Pin::new(stream).poll_flush(context)
    }
}
