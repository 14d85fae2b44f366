//! The record: what is written down about everything that happens, its canonical bytes, the hash chain that ties each record
//! to the one before, signed checkpoints, and the check of all that. Bytes in, bytes out: it opens no file and reads no clock.

pub mod checkpoint;
pub mod digest;
pub mod event;
pub mod note;
pub mod origin;
pub mod record;
pub mod seal;
pub mod segment;
pub mod verify;

pub use checkpoint::{Checkpoint, SigningKey};
pub use digest::{Digest, Digester, Hash};
pub use event::{Event, Kind};
pub use note::{Note, Shape};
pub use origin::Origin;
