//! The names of a catalog, one behind the other in one text: ten thousand of them are one allocation.

/// A name, by where it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Name {
    start: u32,
    length: u8,
}

#[derive(Debug, Clone, Default)]
pub struct Names(String);

impl Names {
    /// Names are at most 63 bytes at the server. One that no longer fits is empty, and matches nothing.
    pub fn add(&mut self, name: &str) -> Name {
        match (u32::try_from(self.0.len()), u8::try_from(name.len())) {
            (Ok(start), Ok(length)) => {
                self.0.push_str(name);
                Name { start, length }
            }
            (Ok(_) | Err(_), _) => Name::default(),
        }
    }

    pub fn get(&self, name: Name) -> &str {
        let start = usize::try_from(name.start).unwrap_or(usize::MAX);
        self.0.get(start..start.saturating_add(usize::from(name.length))).unwrap_or_default()
    }

    pub fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }
}
