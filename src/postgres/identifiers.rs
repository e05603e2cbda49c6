//! The one function that quotes a name that came from a database or a payload.

/// Quotes one identifier for SQL: always in double quotes, inner quotes doubled.
///
/// A NUL cannot stand in an identifier; it is dropped, which makes the name one that no catalog knows.
pub fn quote(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    out.push('"');
    for c in name.chars().filter(|&c| c != '\0') {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// Quotes a schema-qualified name.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote(schema), quote(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled_and_nul_is_dropped() {
        assert_eq!(quote(r#"a"b"#), r#""a""b""#);
        assert_eq!(quote("a\0b"), r#""ab""#);
        assert_eq!(qualified("public", "x; drop table y"), r#""public"."x; drop table y""#);
    }
}
