//! What keeps the journal from being written, and what the system calls it.

use std::io;

use super::Unwritable;
use crate::audit::event::Word;

/// What an operation said that failed.
#[derive(Debug, Clone)]
pub struct Fault {
    pub kind: Unwritable,
    pub said: Word,
}

impl Fault {
    pub fn new(reason: &io::Error) -> Self {
        let full = matches!(reason.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let kind = if full { Unwritable::Full } else { Unwritable::Broken };
        Self { kind, said: said(reason) }
    }
}

/// The system's own name for an error, where it is one that files meet.
fn said(reason: &io::Error) -> Word {
    use rustix::io::Errno;
    const NAMES: [(Errno, &str); 11] = [
        (Errno::NOSPC, "ENOSPC"),
        (Errno::DQUOT, "EDQUOT"),
        (Errno::ROFS, "EROFS"),
        (Errno::IO, "EIO"),
        (Errno::FBIG, "EFBIG"),
        (Errno::MFILE, "EMFILE"),
        (Errno::NFILE, "ENFILE"),
        (Errno::ACCESS, "EACCES"),
        (Errno::PERM, "EPERM"),
        (Errno::NOMEM, "ENOMEM"),
        (Errno::NOENT, "ENOENT"),
    ];
    let Some(number) = reason.raw_os_error() else { return Word::Borrowed("error") };
    let known = NAMES.iter().find(|(errno, _)| errno.raw_os_error() == number);
    known.map_or_else(|| Word::Owned(format!("errno {number}")), |(_, name)| Word::Borrowed(name))
}

/// Since when nothing can be recorded, and why.
#[derive(Debug)]
pub struct Trouble {
    pub fault: Fault,
    pub since: u64,
}
