//! What is handed over to be recorded.

use std::sync::Arc;

use super::digest::Digest;
use super::event::Event;
use super::seal::Original;

/// A statement with its literals taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub digest: Digest,
    pub text: Box<str>,
    /// What its statements name, as it is written there.
    pub relations: Box<[Box<str>]>,
}

/// An event, and the shape that it speaks of: the journal writes the shape's text down once in each segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    pub event: Event,
    pub shape: Option<Arc<Shape>>,
    /// What was sent, to be sealed into the event's body.
    pub original: Option<Original>,
}

impl<E: Into<Event>> From<E> for Note {
    fn from(event: E) -> Self {
        Self { event: event.into(), shape: None, original: None }
    }
}
