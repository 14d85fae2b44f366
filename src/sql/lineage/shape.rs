//! What is known of the columns of a relation or a query, and of a value in one of them.

/// What a value says of sensitive ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    #[default]
    Clean,
    /// Whether something is so, or for how many.
    Answer,
    /// Nobody knows: it comes from code that may have read anything.
    Unknown,
    /// It is one, or computed from one.
    Sensitive,
}

/// What is known of a column's values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taint {
    pub level: Level,
    /// Where a sensitive value is one as it was stored, the number by which whoever asks knows its like; 0 where it is not.
    pub class: u16,
    /// It was made of sensitive values and of others that stood beside them.
    pub mixed: bool,
}

impl Taint {
    pub const CLEAN: Self = Self { level: Level::Clean, class: 0, mixed: false };
    pub const SENSITIVE: Self = Self { level: Level::Sensitive, ..Self::CLEAN };
    pub const UNKNOWN: Self = Self { level: Level::Unknown, ..Self::CLEAN };

    #[must_use]
    pub(super) fn or(self, other: Self) -> Self {
        let class = match (self.level, other.level) {
            (Level::Sensitive, Level::Sensitive) if self.class != other.class => 0,
            (Level::Sensitive, _) => self.class,
            _ => other.class,
        };
        Self { level: self.level.max(other.level), class, mixed: self.mixed || other.mixed }
    }

    pub(super) fn changed(self) -> Self {
        Self { class: 0, ..self }
    }
}

/// The columns of a relation or a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape<'a> {
    pub(super) columns: Vec<(&'a str, Taint)>,
    /// There may be others, and this is what they are.
    pub(super) rest: Option<Taint>,
    /// Only so many from the left and from the right are where they stand here.
    pub(super) loose: Option<(usize, usize)>,
    /// It is not worked out yet.
    pub(super) pending: bool,
}

impl<'a> Shape<'a> {
    /// One whose columns are all known, in order.
    pub fn known(columns: impl IntoIterator<Item = (&'a str, Taint)>) -> Self {
        Self { columns: columns.into_iter().collect(), ..Self::default() }
    }

    /// One of which these columns are known, and any other is like this.
    pub fn unknown(columns: impl IntoIterator<Item = (&'a str, Taint)>, rest: Taint) -> Self {
        Self { rest: Some(rest), loose: Some((0, 0)), ..Self::known(columns) }
    }

    pub(super) fn is_exact(&self) -> bool {
        self.rest.is_none() && self.loose.is_none()
    }

    /// The columns of this name together.
    pub(super) fn column(&self, name: &str) -> Option<Taint> {
        self.columns.iter().filter(|(known, _)| *known == name).map(|(_, taint)| *taint).reduce(Taint::or)
    }

    pub(super) fn whole(&self) -> Taint {
        self.columns.iter().map(|(_, taint)| *taint).chain(self.rest).reduce(Taint::or).unwrap_or_default().changed()
    }

    pub(super) fn store(&mut self, name: &'a str, taint: Taint) {
        let mut found = false;
        for (_, known) in self.columns.iter_mut().filter(|(known, _)| *known == name) {
            *known = known.or(taint);
            found = true;
        }
        if !found {
            let rest = self.rest.unwrap_or_default();
            self.columns.push((name, rest.or(taint)));
            self.loose.get_or_insert((self.columns.len().saturating_sub(1), 0));
        }
    }

    pub(super) fn store_all(&mut self, taint: Taint) {
        for (_, known) in &mut self.columns {
            *known = known.or(taint);
        }
        self.rest = self.rest.map(|rest| rest.or(taint));
    }

    /// The column at a place of a result that has so many, and whether it is certain that it is that one.
    pub fn at(&self, place: usize, width: usize) -> (Taint, bool) {
        let known = self.columns.len();
        let from_right = width.saturating_sub(place);
        let exact = match self.loose {
            None if self.rest.is_none() && width == known => Some(place),
            Some((head, _)) if place < head => Some(place),
            Some((_, tail)) if from_right <= tail => known.checked_sub(from_right),
            None | Some(_) => None,
        };
        exact.and_then(|at| self.columns.get(at)).map_or_else(|| (self.whole(), false), |(_, taint)| (*taint, true))
    }

    /// All columns with their names, where they are all known and in order.
    pub fn all(&self) -> Option<&[(&'a str, Taint)]> {
        self.is_exact().then_some(&*self.columns)
    }
}
