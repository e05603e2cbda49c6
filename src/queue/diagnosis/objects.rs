//! Finds the exact object in an error text.

/// What a text names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The object at fault.
    pub object: Option<String>,
    /// The table a foreign key points at.
    pub parent: Option<String>,
}

/// Finds the object for a code; `table` completes a bare column.
pub(super) fn find(sqlstate: Option<&str>, table: &str, text: &str) -> Found {
    let parent = after_quoted(text, "is not present in table")
        .or_else(|| after_quoted(text, "is still referenced from table"))
        .or_else(|| after_word(text, "points at a row of"));
    let object = match sqlstate.unwrap_or_default() {
        "23502" | "42703" | "42804" => column(text, table),
        "23503" => key_column(text).map(|c| in_table(table, &c)).or_else(|| after_quoted(text, "constraint")),
        "23505" | "23514" | "23P01" => after_quoted(text, "constraint").or_else(|| after_quoted(text, "index")),
        "42P01" => after_quoted(text, "relation")
            .or_else(|| bare_after(text, "relation"))
            .or_else(|| after_word(text, "has no table")),
        "42501" => after_quoted(text, "table")
            .or_else(|| after_quoted(text, "for relation"))
            .or_else(|| bare_after(text, "permission denied for table"))
            .or_else(|| bare_after(text, "permission denied for schema"))
            .or_else(|| bare_after(text, "permission denied for")),
        "3D000" => after_quoted(text, "database"),
        "28P01" | "28000" => after_quoted(text, "user").or_else(|| after_quoted(text, "role")),
        "22001" => column_named(text, table).or_else(|| type_after(text, "for type")),
        "22P02" | "22007" => column_named(text, table)
            .or_else(|| after_word(text, "for enum"))
            .or_else(|| type_after(text, "for type"))
            .or_else(|| type_after(text, "malformed")),
        "22003" => column_named(text, table).or_else(|| type_after(text, "for type")),
        "22021" | "22P05" => after_quoted(text, "encoding"),
        "54000" => after_quoted(text, "index").or_else(|| column_named(text, table)),
        "42601" => after_quoted(text, "near"),
        "25006" => after_word(text, "cannot execute"),
        _ => column_named(text, table)
            .or_else(|| after_quoted(text, "constraint"))
            .or_else(|| after_quoted(text, "relation")),
    };
    Found { object: object.filter(|o| !o.is_empty()), parent }
}

fn in_table(table: &str, column: &str) -> String {
    if table.is_empty() { column.to_owned() } else { format!("{table}.{column}") }
}

fn column(text: &str, table: &str) -> Option<String> {
    column_named(text, table).or_else(|| {
        let name = bare_after(text, "has no column").or_else(|| bare_after(text, "column"))?;
        Some(if name.contains('.') { name } else { in_table(table, &name) })
    })
}

/// `column "c" of relation "t"`, or `column "c"` of the entry's own table.
fn column_named(text: &str, table: &str) -> Option<String> {
    let name = after_quoted(text, "column")?;
    let relation = after_quoted(text, "of relation");
    Some(in_table(relation.as_deref().unwrap_or(table), &name))
}

/// The columns in `Key (a, b)=(…)`.
fn key_column(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("Key (")?;
    let (columns, _) = rest.split_once(")=")?;
    Some(columns.to_owned())
}

/// The quoted name right after `word`.
fn after_quoted(text: &str, word: &str) -> Option<String> {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once(word) {
        rest = behind;
        let Some(name) = behind.trim_start().strip_prefix('"') else { continue };
        if let Some((name, _)) = name.split_once('"') {
            return Some(name.to_owned());
        }
    }
    None
}

fn bare_after(text: &str, word: &str) -> Option<String> {
    let (_, rest) = text.split_once(word)?;
    let name: String =
        rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '$')).collect();
    (!name.is_empty()).then_some(name)
}

fn after_word(text: &str, word: &str) -> Option<String> {
    after_quoted(text, word).or_else(|| bare_after(text, word))
}

/// A type's name after `word`: up to the value behind the colon, or the end of the line.
fn type_after(text: &str, word: &str) -> Option<String> {
    let (_, rest) = text.split_once(word)?;
    let line = rest.lines().next().unwrap_or_default();
    let name = line.split(": ").next().unwrap_or_default().trim().trim_end_matches('.');
    (!name.is_empty() && name.len() <= 80).then(|| name.to_owned())
}
