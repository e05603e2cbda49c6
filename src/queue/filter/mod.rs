//! The filter language of the queue: what a person types, as a tree, and back.
//!
//! A space is AND; `OR`, parentheses, quotes and `!` are what they look like. `field:a,b` is any of the values,
//! `*` in one stands for anything. A bare word looks in table, operation, error, key and id.

mod moment;
mod parse;
mod print;
mod sql;

pub use moment::Moment;
pub use parse::{FIELDS, parse};

use super::{State, Verdict};

/// A filter that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Every one of them.
    All(Vec<Filter>),
    /// At least one of them.
    Any(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// One test, and where it was typed.
    Test(Test, Column),
}

/// Where in the typed text something stands, counted in characters from 1. Equal to every other: two filters that mean
/// the same are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Column(pub usize);

impl PartialEq for Column {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Column {}

/// One test on an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Table, operation, error, key or id contains it.
    Word(String),
    /// A text field is (or contains) one of the values.
    Text(TextField, Vec<String>),
    /// The state is one of these.
    State(Vec<State>),
    /// The verdict is one of these.
    Verdict(Vec<Verdict>),
    /// The payload's value at this path is one of these texts.
    DataIs(Vec<String>, Vec<String>),
    /// The payload's number at this path compares so.
    DataCompares(Vec<String>, Comparison, String),
    /// The entry is older or younger than so many seconds.
    Age(Comparison, u64),
    /// A time lies in a range; both ends included, an open end is `None`.
    Time(TimeField, Option<Moment>, Option<Moment>),
    /// A time compares with a moment.
    TimeCompares(TimeField, Comparison, Moment),
    /// So many attempts were made.
    Attempts(Comparison, u32),
}

/// Fields that hold text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextField {
    /// `table`: the table's name.
    Table,
    /// `op`: the operation.
    Operation,
    /// `error`: the stored error contains it.
    Error,
    /// `sqlstate`: the code, or its beginning.
    Sqlstate,
    /// `object`: the object at fault contains it.
    Object,
    /// `id`: the entry's id begins with it.
    Id,
    /// `key`: the row's key contains it.
    Key,
}

/// Fields that hold a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeField {
    /// `created`: when the entry was queued.
    Created,
    /// `synced`: when its effect was noted.
    Synced,
    /// `tried`: when it was last tried.
    Tried,
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `:` or `=`
    Equal,
}

impl Comparison {
    /// The sign, which SQL shares.
    pub fn sign(self) -> &'static str {
        match self {
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
        }
    }
    /// The same said of the other side: an age above is a time below.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::More => Self::Less,
            Self::AtLeast => Self::AtMost,
            Self::Less => Self::More,
            Self::AtMost => Self::AtLeast,
            Self::Equal => Self::Equal,
        }
    }
}

/// Why a filter was not understood, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The column, in characters from 1.
    pub column: usize,
    /// What was found or expected there.
    pub message: String,
}

impl FilterError {
    fn new(column: usize, message: impl Into<String>) -> Self {
        Self { column, message: message.into() }
    }
    /// The archive is asked for where none can be read.
    pub(super) fn without_archive(column: Column) -> Self {
        Self::new(
            column.0,
            "this replica keeps no archive to read; `robbie schema migrate --target replica` adds it (32-lists)",
        )
    }
}

impl std::fmt::Display for FilterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for FilterError {}

impl Filter {
    /// The filter that everything passes.
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }
    /// Whether everything passes.
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::All(list) if list.is_empty())
    }
    /// Whether it speaks of states itself, so that no other choice of states should stand beside it.
    pub fn names_state(&self) -> bool {
        self.find(&|test| matches!(test, Test::State(_))).is_some()
    }
    /// Where it first speaks of a state.
    pub fn names(&self, state: State) -> Option<Column> {
        self.find(&|test| matches!(test, Test::State(states) if states.contains(&state)))
    }
    fn find(&self, is: &impl Fn(&Test) -> bool) -> Option<Column> {
        match self {
            Self::All(list) | Self::Any(list) => list.iter().find_map(|part| part.find(is)),
            Self::Not(inner) => inner.find(is),
            Self::Test(test, column) => is(test).then_some(*column),
        }
    }
    /// Whether an entry in one of these states can pass; the other tests may go either way.
    pub fn can_pass(&self, among: &[State]) -> bool {
        self.outcomes(among).0
    }
    /// Whether it can come out true, and whether it can come out false.
    fn outcomes(&self, among: &[State]) -> (bool, bool) {
        let of = |list: &[Self]| list.iter().map(|part| part.outcomes(among)).collect::<Vec<_>>();
        match self {
            Self::All(list) => (of(list).iter().all(|o| o.0), of(list).iter().any(|o| o.1)),
            Self::Any(list) => (of(list).iter().any(|o| o.0), of(list).iter().all(|o| o.1)),
            Self::Not(inner) => {
                let (passes, fails) = inner.outcomes(among);
                (fails, passes)
            }
            Self::Test(Test::State(states), _) => {
                let meant = |state: &State| states.contains(state);
                (among.iter().any(meant), !among.iter().all(meant))
            }
            Self::Test(..) => (true, true),
        }
    }
}

#[cfg(test)]
mod tests;
