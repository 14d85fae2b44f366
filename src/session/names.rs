//! Prepared statements and portals by name, exactly as the server confirmed them, with what is on its way laid over.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

/// The server keeps names in tables of NAMEDATALEN: two names that agree in this many bytes are one name to it.
const SIGNIFICANT: usize = 63;

/// Names of one kind. The unnamed one has its own place: it is the one on the hot path.
#[derive(Debug)]
pub struct Names<T> {
    unnamed: Entry<T>,
    named: HashMap<Box<[u8]>, Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    confirmed: Option<Rc<T>>,
    sent: Option<(Sent<T>, Segment)>,
}

/// A stretch of the client's messages up to a Sync or a simple query. When one of them fails, the rest of its segment is skipped,
/// and no other segment is.
pub type Segment = u64;

/// The latest thing sent about a name that the server has not answered yet.
#[derive(Debug)]
enum Sent<T> {
    Made(Rc<T>),
    Closed,
}

impl<T> Default for Entry<T> {
    fn default() -> Self {
        Self { confirmed: None, sent: None }
    }
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { unnamed: Entry::default(), named: HashMap::new() }
    }
}

/// A name as the server tells names apart.
pub fn significant(name: &[u8]) -> &[u8] {
    name.get(..SIGNIFICANT).unwrap_or(name)
}

/// What has a name that SQL may give to something else.
pub trait Remake {
    /// SQL may have done so.
    fn remade(&self) -> &Cell<bool>;
}

impl<T: Remake> Names<T> {
    /// Code that was sent may give each name to something else. It stays so whatever comes of that code: what is not certain is not
    /// to be on the record as if it were.
    pub fn all_remade(&self) {
        self.named.values().for_each(Entry::mark);
    }
}

impl<T: Remake> Entry<T> {
    fn mark(&self) {
        let sent = if let Some((Sent::Made(item), _)) = &self.sent { Some(item) } else { None };
        for item in self.confirmed.iter().chain(sent) {
            item.remade().set(true);
        }
    }
}

impl<T> Names<T> {
    pub fn len(&self) -> usize {
        self.named.len()
    }

    /// All that a name stands for, or is about to.
    pub fn all(&self) -> impl Iterator<Item = &Rc<T>> {
        self.named.values().chain([&self.unnamed]).flat_map(|entry| {
            let sent = if let Some((Sent::Made(item), _)) = &entry.sent { Some(item) } else { None };
            entry.confirmed.iter().chain(sent)
        })
    }

    /// What the name will mean when everything sent so far succeeds.
    pub fn ahead(&self, name: &[u8]) -> Option<&Rc<T>> {
        let entry = self.entry(name)?;
        match &entry.sent {
            Some((Sent::Made(item), _)) => Some(item),
            Some((Sent::Closed, _)) => None,
            None => entry.confirmed.as_ref(),
        }
    }

    /// Whether what the name will mean hangs on a segment before this one: that one may fail and this one be run all the same, with
    /// the name meaning what it meant before.
    pub fn is_undecided(&self, name: &[u8], segment: Segment) -> bool {
        self.entry(name).and_then(|entry| entry.sent.as_ref()).is_some_and(|(_, sent)| *sent != segment)
    }

    /// What the name means to the server now.
    #[cfg(test)]
    pub fn confirmed(&self, name: &[u8]) -> Option<&Rc<T>> {
        self.entry(name)?.confirmed.as_ref()
    }

    pub fn sent(&mut self, name: &[u8], item: Rc<T>, segment: Segment) {
        self.entry_mut(name).sent = Some((Sent::Made(item), segment));
    }

    pub fn sent_close(&mut self, name: &[u8], segment: Segment) {
        self.entry_mut(name).sent = Some((Sent::Closed, segment));
    }

    /// The server made it.
    pub fn confirm(&mut self, name: &[u8], item: &Rc<T>) {
        let entry = self.entry_mut(name);
        entry.confirmed = Some(Rc::clone(item));
        if matches!(&entry.sent, Some((Sent::Made(sent), _)) if Rc::ptr_eq(sent, item)) {
            entry.sent = None;
        }
    }

    /// The server closed it, or never had it.
    pub fn confirm_close(&mut self, name: &[u8]) {
        let entry = self.entry_mut(name);
        entry.confirmed = None;
        if matches!(entry.sent, Some((Sent::Closed, _))) {
            entry.sent = None;
        }
        self.tidy(name);
    }

    /// The server skipped it: the name means what it meant before.
    pub fn skipped(&mut self, name: &[u8], item: Option<&Rc<T>>) {
        let entry = self.entry_mut(name);
        let latest = match (&entry.sent, item) {
            (Some((Sent::Made(sent), _)), Some(item)) => Rc::ptr_eq(sent, item),
            (Some((Sent::Closed, _)), None) => true,
            _ => false,
        };
        if latest {
            entry.sent = None;
        }
        self.tidy(name);
    }

    /// The server dropped the unnamed one on its own.
    pub fn forget_unnamed(&mut self) {
        self.unnamed.confirmed = None;
    }

    /// The server dropped them all.
    pub fn forget_all(&mut self) {
        self.forget(|_| true);
    }

    /// The server dropped the unnamed one and those named ones.
    pub fn forget(&mut self, dropped: impl Fn(&T) -> bool) {
        self.unnamed.confirmed = None;
        if self.named.is_empty() {
            return;
        }
        for entry in self.named.values_mut() {
            entry.confirmed = entry.confirmed.take().filter(|item| !dropped(item));
        }
        self.named.retain(|_, entry| entry.confirmed.is_some() || entry.sent.is_some());
    }

    fn entry(&self, name: &[u8]) -> Option<&Entry<T>> {
        if name.is_empty() { Some(&self.unnamed) } else { self.named.get(significant(name)) }
    }

    fn entry_mut(&mut self, name: &[u8]) -> &mut Entry<T> {
        if name.is_empty() {
            return &mut self.unnamed;
        }
        self.named.entry(significant(name).into()).or_default()
    }

    fn tidy(&mut self, name: &[u8]) {
        let name = significant(name);
        if self.named.get(name).is_some_and(|entry| entry.confirmed.is_none() && entry.sent.is_none()) {
            self.named.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_what_the_server_confirmed_until_it_confirms_another() {
        let mut names = Names::default();
        let (old, new) = (Rc::new(1), Rc::new(2));
        names.sent(b"a", Rc::clone(&old), 0);
        assert!(names.confirmed(b"a").is_none());
        names.confirm(b"a", &old);
        names.sent_close(b"a", 0);
        names.sent(b"a", Rc::clone(&new), 0);
        assert!(names.is_undecided(b"a", 1) && !names.is_undecided(b"a", 0));
        assert_eq!(names.ahead(b"a"), Some(&new));
        names.skipped(b"a", None);
        names.skipped(b"a", Some(&new));
        assert_eq!(names.ahead(b"a"), Some(&old));
    }

    #[test]
    fn names_are_cut_as_the_server_cuts_them() {
        let mut names = Names::default();
        let long = [b'x'; 70];
        let item = Rc::new(());
        names.confirm(&long, &item);
        assert!(names.confirmed(&long[..63]).is_some());
        assert!(names.confirmed(&long[..62]).is_none());
        names.confirm_close(&long[..64]);
        assert_eq!(names.len(), 0);
    }
}
