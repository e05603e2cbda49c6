//! A statement being written: text with numbered places, and the values for them.
//!
//! A value never stands in the text; what does is written here or comes quoted out of the catalog.

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A value that travels beside the statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `text`.
    Text(String),
    /// `int8`.
    Int(i64),
    /// `float8`.
    Float(f64),
    /// `uuid`.
    Id(Uuid),
    /// `text[]`.
    Texts(Vec<String>),
    /// `int8[]`.
    Ints(Vec<i64>),
    /// `uuid[]`.
    Ids(Vec<Uuid>),
}

impl Value {
    /// The value with the type it is sent as.
    pub fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Text(v) => (v, Type::TEXT),
            Self::Int(v) => (v, Type::INT8),
            Self::Float(v) => (v, Type::FLOAT8),
            Self::Id(v) => (v, Type::UUID),
            Self::Texts(v) => (v, Type::TEXT_ARRAY),
            Self::Ints(v) => (v, Type::INT8_ARRAY),
            Self::Ids(v) => (v, Type::UUID_ARRAY),
        }
    }
}

/// A statement and its values.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// The text, with `$1`, `$2`, ….
    pub text: String,
    /// The values, in order.
    pub values: Vec<Value>,
}

impl Statement {
    /// Starts with `text`.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }
    /// Adds text that is ours.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }
    /// Adds a place and its value.
    ///
    /// NUL cannot stand in a PostgreSQL text; it becomes U+FFFD, which nothing stored equals either.
    pub fn bind(&mut self, value: Value) -> &mut Self {
        self.values.push(match value {
            Value::Text(text) => Value::Text(text.replace('\0', "\u{fffd}")),
            Value::Texts(texts) => Value::Texts(texts.into_iter().map(|t| t.replace('\0', "\u{fffd}")).collect()),
            value => value,
        });
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self
    }
    /// Adds a text value.
    pub fn text_value(&mut self, value: impl Into<String>) -> &mut Self {
        self.bind(Value::Text(value.into()))
    }
    /// The values as the driver takes them.
    pub fn parameters(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.values.iter().map(Value::typed).collect()
    }
}
