//! A read buffer that exists only while it holds something: idle connections own none. Buffers of the usual size are lent
//! by the worker thread and given back.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// Large enough that streaming costs few system calls, small enough to stay in the cache.
const USUAL: usize = 64 * 1024;
/// A buffer for a long message grows by one part of so many.
const GROWTH: usize = 4;
/// Buffers that a worker keeps for lending; more than are in use at once on one thread are not worth keeping.
const KEPT: usize = 32;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn lend() -> Vec<u8> {
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; USUAL])
}

fn give_back(buffer: Vec<u8>) {
    if buffer.len() == USUAL {
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < KEPT {
                spare.push(buffer);
            }
        });
    }
}

/// Bytes received and not yet done with.
#[derive(Debug, Default)]
pub struct Received {
    /// Empty when nothing is held.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Received {
    /// Starts with what arrived before, behind a greeting or a handshake.
    pub fn with(bytes: &[u8]) -> Self {
        let mut received = Self::default();
        if !bytes.is_empty() {
            received.buffer = bytes.to_vec();
            received.end = bytes.len();
        }
        received
    }

    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether nothing more fits without moving or growing.
    pub fn is_full(&self) -> bool {
        !self.buffer.is_empty() && self.end == self.buffer.len()
    }

    /// Makes room behind the bytes. No range given out may be in use.
    pub fn make_room(&mut self) {
        if !self.is_full() {
            return;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        } else {
            // One message that is larger: its length was checked against its cap, so growth ends there. In steps of a part of it, for every byte of
            // the buffer is memory that is really taken; the system moves large ones without a copy.
            let step = (self.buffer.len() / GROWTH).max(USUAL);
            self.buffer.reserve_exact(step);
            self.buffer.resize(self.buffer.len().saturating_add(step), 0);
        }
    }

    pub fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
            give_back(std::mem::take(&mut self.buffer));
        }
    }

    /// Reads what is there. `Ready(Ok(0))` is the end of the stream; nothing is read into a full buffer.
    pub fn poll_read(&mut self, stream: &mut (impl AsyncRead + Unpin), context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.is_full() {
            return Poll::Pending;
        }
        let lent = self.buffer.is_empty();
        if lent {
            self.buffer = lend();
        }
        let mut space = ReadBuf::new(self.buffer.get_mut(self.end..).unwrap_or_default());
        let result = Pin::new(stream).poll_read(context, &mut space);
        let count = space.filled().len();
        self.end = self.end.saturating_add(count);
        if lent && count == 0 {
            give_back(std::mem::take(&mut self.buffer));
        }
        result.map_ok(|()| count)
    }
}
