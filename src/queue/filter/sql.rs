//! From a filter to a condition over the queue's tables; every value goes beside the text.

use super::super::diagnosis;
use super::super::shape::Shape;
use super::super::sql::{Statement, Value};
use super::{Comparison, Filter, FilterError, Test, TextField, TimeField};
use uuid::Uuid;

impl Filter {
    /// Adds the condition for entries of this shape: `e` is `robbie_sync.entry`, `p` is `pending_sync`.
    pub fn condition(&self, shape: &Shape, out: &mut Statement) -> Result<(), FilterError> {
        match self {
            Self::All(parts) => joined(parts, " AND ", "true", shape, out),
            Self::Any(parts) => joined(parts, " OR ", "false", shape, out),
            Self::Not(inner) => {
                // What is unknown (no error at all, say) does not match; so it passes the negation.
                out.push("NOT coalesce(");
                inner.condition(shape, out)?;
                out.push(", false)");
                Ok(())
            }
            Self::Test(test, column) => {
                out.push("(");
                condition(test, column.0, shape, out)?;
                out.push(")");
                Ok(())
            }
        }
    }
}

fn joined(parts: &[Filter], between: &str, none: &str, shape: &Shape, out: &mut Statement) -> Result<(), FilterError> {
    if parts.is_empty() {
        out.push(none);
        return Ok(());
    }
    out.push("(");
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            out.push(between);
        }
        part.condition(shape, out)?;
    }
    out.push(")");
    Ok(())
}

fn condition(test: &Test, column: usize, shape: &Shape, out: &mut Statement) -> Result<(), FilterError> {
    match test {
        Test::Word(word) => {
            let mut columns = vec!["p.table_name", "p.operation", shape.error(), shape.key()];
            if shape.discarded {
                columns.extend(["a.actor", "a.reason"]);
            }
            if word.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '-' | '*')) {
                columns.push("p.id::text");
            }
            // In one text, for comparing without regard to case begins with writing it anew.
            out.push(&format!("concat_ws(chr(31), {}) ILIKE ", columns.join(", "))).text_value(containing(word));
        }
        Test::Text(field, values) => text(*field, values, column, shape, out)?,
        Test::State(states) => {
            out.push(&shape.in_states(states));
        }
        Test::Verdict(verdicts) => {
            if !shape.migrated {
                return Err(FilterError::new(column, NEEDS_ENTRY));
            }
            let names = verdicts.iter().map(|v| v.name().to_owned()).collect();
            out.push(&shape.noted("verdict")).push(" = ANY(").bind(Value::Texts(names)).push(")");
        }
        Test::DataIs(path, values) => {
            for (n, value) in values.iter().enumerate() {
                out.push(if n > 0 { " OR " } else { "" }).push("p.data #>> ").bind(Value::Texts(path.clone()));
                if value.contains('*') {
                    out.push(" LIKE ").text_value(like(value));
                } else {
                    out.push(" = ").text_value(value.clone());
                }
            }
        }
        Test::DataCompares(path, sign, value) => {
            // CASE, because AND does not promise to look at the type first.
            out.push("CASE WHEN jsonb_typeof(p.data #> ").bind(Value::Texts(path.clone()));
            out.push(") = 'number' THEN (p.data #>> ").bind(Value::Texts(path.clone())).push(")::numeric ");
            out.push(sign.sign()).push(" ").text_value(value.clone()).push("::text::numeric ELSE false END");
        }
        Test::Age(sign, seconds) => {
            out.push("p.created_at ").push(sign.mirrored().sign()).push(" now() - ");
            out.bind(Value::Int(*seconds as i64)).push(" * interval '1 second'");
        }
        Test::Time(field, from, to) => {
            let name = time_column(*field, column, shape)?;
            if let Some(from) = from {
                out.push(name).push(" >= ").text_value(from.first()).push("::text::timestamptz");
            }
            if let Some(to) = to {
                out.push(if from.is_some() { " AND " } else { "" });
                out.push(name).push(" < ").text_value(to.after()).push("::text::timestamptz");
            }
        }
        Test::TimeCompares(field, sign, moment) => {
            // A day ends before what is "after" it begins.
            let (sign, at) = match sign {
                Comparison::More => (">=", moment.after()),
                Comparison::AtMost => ("<", moment.after()),
                Comparison::Less => ("<", moment.first()),
                Comparison::AtLeast | Comparison::Equal => (">=", moment.first()),
            };
            out.push(time_column(*field, column, shape)?).push(" ").push(sign).push(" ");
            out.text_value(at).push("::text::timestamptz");
        }
        Test::Attempts(sign, count) => {
            out.push(shape.attempts()).push(" ").push(sign.sign()).push(" ").bind(Value::Int(i64::from(*count)));
        }
    }
    Ok(())
}

fn text(
    field: TextField,
    values: &[String],
    column: usize,
    shape: &Shape,
    out: &mut Statement,
) -> Result<(), FilterError> {
    for (n, value) in values.iter().enumerate() {
        out.push(if n > 0 { " OR " } else { "" });
        match field {
            TextField::Table => out.push("p.table_name ILIKE ").text_value(like(value)),
            TextField::Operation => out.push("p.operation ILIKE ").text_value(like(value)),
            TextField::Error => out.push(shape.error()).push(" ILIKE ").text_value(containing(value)),
            TextField::Key => out.push(shape.key()).push(" ILIKE ").text_value(containing(value)),
            TextField::Sqlstate => sqlstate(value, shape, out),
            TextField::Object if shape.migrated => {
                out.push(&shape.noted("object")).push(" ILIKE ").text_value(containing(value))
            }
            TextField::Object => return Err(FilterError::new(column, NEEDS_ENTRY)),
            TextField::Id => match Uuid::parse_str(value) {
                Ok(id) => out.push("p.id = ").bind(Value::Id(id)),
                Err(_) => out.push("p.id::text LIKE ").text_value(like(&format!("{}*", value.to_lowercase()))),
            },
        };
    }
    Ok(())
}

/// By the noted code; where none is noted, by the code or the words of PostgreSQL in the stored error.
fn sqlstate<'a>(value: &str, shape: &Shape, out: &'a mut Statement) -> &'a mut Statement {
    let value = value.to_uppercase();
    let mut words: Vec<String> = diagnosis::words_of(&value).iter().map(|words| containing(words)).collect();
    words.push(containing(&value));
    if shape.migrated {
        let noted = shape.noted("sqlstate");
        out.push(&noted).push(" LIKE ").text_value(like(&format!("{value}*")));
        out.push(" OR (").push(&noted).push(") IS NULL AND ");
    }
    out.push(shape.error()).push(" ILIKE ANY(").bind(Value::Texts(words)).push(")")
}

fn time_column(field: TimeField, column: usize, shape: &Shape) -> Result<&'static str, FilterError> {
    match field {
        TimeField::Created => Ok("p.created_at"),
        TimeField::Synced => Ok("p.synced_at"),
        TimeField::Tried => shape
            .last_tried()
            .ok_or_else(|| FilterError::new(column, "this pending_sync has no column last_retry to look at")),
    }
}

const NEEDS_ENTRY: &str =
    "this replica keeps no such column yet; `robbie schema migrate --target replica` adds it (20-sync-infrastructure)";

/// A LIKE pattern in which only `*` is special.
fn like(value: &str) -> String {
    let mut pattern = String::with_capacity(value.len() + 4);
    for c in value.chars() {
        match c {
            '*' => pattern.push('%'),
            '%' | '_' | '\\' => pattern.extend(['\\', c]),
            c => pattern.push(c),
        }
    }
    pattern
}

fn containing(value: &str) -> String {
    format!("%{}%", like(value))
}
