//! What each output column of a statement is computed from, told by names alone: which columns of which relations reach it, through aliases,
//! subqueries, set operations, functions and what the statement itself writes. It knows no catalog and no column that is not written down; who
//! knows the columns of the relations and which of them are sensitive has it worked out by [`Lineage::trace`].

mod ask;
mod build;
mod expression;
mod from;
mod label;
mod shape;
#[cfg(test)]
mod tests;
mod told;
mod trace;
mod write;

pub use build::lineage;
pub use shape::{Level, Shape, Taint};
pub use trace::Traced;

/// Places in the lists of a lineage.
type Place = u32;

/// What a statement reads and writes, as far as values flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage {
    /// Relations by the names that they are given, each once.
    pub relations: Box<[Named]>,
    queries: Box<[Query]>,
    /// The query whose rows are given back.
    rows: Option<Place>,
    writes: Box<[Write]>,
    /// There is more to it than is kept: everything may have come from anything.
    unbounded: bool,
}

/// A relation's name, with the schema it was given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Named {
    pub schema: Option<Box<str>>,
    pub name: Box<str>,
}

/// A query, or what looks names up as one does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Query {
    /// Where names are looked for that are not found here.
    around: Option<Place>,
    /// What is around it stands beside it in FROM: whether a name means that, or something further out, hangs on LATERAL and on which of them
    /// comes first.
    beside: bool,
    sources: Vec<Source>,
    outputs: Vec<Output>,
    /// Of a set operation: its columns are theirs, one upon the other.
    arms: Vec<Place>,
    /// Where columns of a join stand in `*` is not told by the order of its sources.
    merges: bool,
    /// Columns of one name are compared with each other.
    natural: bool,
    /// What decides which rows there are, and what else is asked about values.
    asks: Vec<Asked>,
    /// What tells how many rows there are.
    sizes: Vec<Steps>,
    /// What is given to functions that do more than compute: nobody could say where it comes out again.
    given: Vec<Steps>,
}

/// Values that are held against each other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    steps: Steps,
    /// Whole values are compared, as they are stored: no piece of them.
    stored: bool,
}

/// Something in FROM.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    /// Empty where it has none.
    name: Box<str>,
    /// What its columns are called instead, from the first on.
    columns: Box<[Box<str>]>,
    of: Of,
    /// Only reached by its name: `old`, `excluded`.
    named_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    Relation(Place),
    Query(Place),
    /// A function: each column of it is computed from all its arguments.
    Function {
        /// Where names of its arguments are looked for.
        beside: Place,
        steps: Steps,
        columns: Box<[Box<str>]>,
        /// It has no others.
        complete: bool,
        numbered: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Output {
    Column {
        name: Box<str>,
        steps: Steps,
    },
    /// `*`
    All,
    /// `name.*`
    AllOf(Box<str>),
    /// `(expression).*`: nobody knows how many.
    Spread(Steps),
}

/// An expression, in the order in which a stack works it out: what comes of it is joined, so that none is nothing.
type Steps = Box<[Step]>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Column {
        qualifier: Option<Box<str>>,
        name: Box<str>,
    },
    /// A whole row.
    Row(Box<str>),
    /// Every column in sight.
    Everything,
    /// `(base).name`: a column of a source, or a part of a column.
    Field {
        base: Box<str>,
        name: Box<str>,
    },
    Query(Place),
    /// Whether a query has rows.
    Exists(Place),
    /// How many rows there are.
    Rows,
    Is(Level),
    Fold(Fold, u32),
}

/// What is made of so many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fold {
    /// One of them, as it is.
    One,
    /// A number that tells as much as the most telling of them.
    Same,
    /// Two of them added up or multiplied: one answer stays one.
    Arithmetic,
    /// Anything.
    Compute,
    /// A truth value.
    Ask,
}

/// Values that are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Write {
    relation: Place,
    /// The relation is made by the statement.
    defines: bool,
    /// For this session alone.
    temporary: bool,
    assigned: Assigned,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Assigned {
    /// Expressions of a query's, by the names of columns.
    Each { query: Place, columns: Box<[(Box<str>, Steps)]> },
    /// The columns of a query, one after the other; beyond these names, those of the relation.
    Rows { query: Place, names: Box<[Box<str>]> },
}

impl Lineage {
    /// Whether it writes what it read, or gives it away.
    pub fn writes(&self) -> bool {
        !self.writes.is_empty() || self.queries.iter().any(|query| !query.given.is_empty())
    }

    /// Whether there is more to it than is kept.
    pub fn is_unbounded(&self) -> bool {
        self.unbounded
    }

    /// Whether it gives rows back.
    pub fn has_rows(&self) -> bool {
        self.rows.is_some()
    }

    /// Bytes that it takes in memory, about.
    pub fn weight(&self) -> usize {
        const NAME: usize = 24;
        let steps = |steps: &Steps| size_of_val(&**steps) + NAME * steps.len();
        let outputs = |output: &Output| match output {
            Output::Column { steps: of, .. } | Output::Spread(of) => size_of::<Output>() + NAME + steps(of),
            Output::All | Output::AllOf(_) => size_of::<Output>() + NAME,
        };
        let sources = |source: &Source| {
            let of = if let Of::Function { steps: of, columns, .. } = &source.of { steps(of) + (16 + NAME) * columns.len() } else { 0 };
            size_of::<Source>() + NAME + (16 + NAME) * source.columns.len() + of
        };
        let queries = |query: &Query| {
            size_of::<Query>()
                + query.sources.iter().map(sources).sum::<usize>()
                + query.outputs.iter().map(outputs).sum::<usize>()
                + size_of_val(&*query.arms)
                + query.asks.iter().map(|asked| size_of::<Asked>() + steps(&asked.steps)).sum::<usize>()
                + query.given.iter().map(|of| size_of::<Steps>() + steps(of)).sum::<usize>()
                + query.sizes.iter().map(|of| size_of::<Steps>() + steps(of)).sum::<usize>()
        };
        let writes = |write: &Write| {
            size_of::<Write>()
                + match &write.assigned {
                    Assigned::Each { columns, .. } => columns.iter().map(|(_, of)| 32 + NAME + steps(of)).sum::<usize>(),
                    Assigned::Rows { names, .. } => (16 + NAME) * names.len(),
                }
        };
        size_of::<Self>()
            + self.relations.len() * (size_of::<Named>() + 2 * NAME)
            + self.queries.iter().map(queries).sum::<usize>()
            + self.writes.iter().map(writes).sum::<usize>()
    }
}
