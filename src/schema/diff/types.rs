//! Which changes of a column's type keep every value.

const WHOLE: [&str; 3] = ["smallint", "integer", "bigint"];
const WORDS: [&str; 3] = ["text", "character varying", "citext"];

/// Whether a cast from one type to the other keeps every value or fails, and never cuts or rounds one.
pub(super) fn keeps(old: &str, new: &str) -> bool {
    let ((from, was), (to, limits)) = (parts(old), parts(new));
    if from == to {
        return limits.is_empty() || is_wider(from, &was, &limits);
    }
    match (from, to) {
        (_, to) if WORDS.contains(&to) && limits.is_empty() => true,
        ("character varying", "character") => is_wider(from, &was, &limits),
        (from, "integer" | "bigint" | "smallint" | "uuid" | "json" | "jsonb") if WORDS.contains(&from) => true,
        (from, to) if WHOLE.contains(&from) && (WHOLE.contains(&to) || to == "numeric") => true,
        ("real", "double precision") | ("timestamp without time zone" | "date", "timestamp with time zone") => true,
        _ => false,
    }
}

/// Whether limits of the same type allow what the old ones did. Values that are too large for a numeric fail; digits
/// after the point are rounded.
fn is_wider(name: &str, was: &[i64], limits: &[i64]) -> bool {
    let digit = |of: &[i64]| if name == "numeric" { of.get(1).copied().unwrap_or(0) } else { of[0] };
    !was.is_empty() && digit(limits) >= digit(was)
}

/// A type's name without its limits, and these: `timestamp(3) with time zone`, `numeric(12,2)`.
fn parts(name: &str) -> (&str, Vec<i64>) {
    let Some((base, rest)) = name.split_once('(') else { return (name, Vec::new()) };
    let Some((limits, after)) = rest.split_once(')') else { return (name, Vec::new()) };
    let limits: Vec<i64> = limits.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    // What follows the limits is a part of the name only of times, and of arrays.
    if limits.is_empty() || !after.is_empty() { (name, Vec::new()) } else { (base, limits) }
}

#[cfg(test)]
mod tests {
    use super::keeps;

    #[test]
    fn what_may_cut_or_round_a_value_does_not_keep_it() {
        for (old, new) in [
            ("character varying(20)", "character varying(255)"),
            ("character varying(20)", "text"),
            ("text", "uuid"),
            ("uuid", "text"),
            ("integer", "bigint"),
            ("bigint", "integer"),
            ("integer", "numeric(12,2)"),
            ("numeric(12,2)", "numeric(14,2)"),
            ("numeric(12,2)", "numeric"),
            ("timestamp without time zone", "timestamp with time zone"),
            ("vector(1536)", "vector"),
        ] {
            assert!(keeps(old, new), "{old} → {new}");
        }
        for (old, new) in [
            ("character varying(255)", "character varying(20)"),
            ("text", "character varying(20)"),
            ("uuid", "character varying(20)"),
            ("numeric(12,2)", "numeric(12,0)"),
            ("numeric(12,2)", "numeric(12)"),
            ("numeric", "numeric(12,2)"),
            ("numeric(12,2)", "integer"),
            ("double precision", "integer"),
            ("double precision", "real"),
            ("text", "numeric(12,2)"),
            ("timestamp with time zone", "timestamp without time zone"),
            ("timestamp with time zone", "timestamp(0) with time zone"),
            ("timestamp with time zone", "date"),
            ("character varying(20)[]", "character varying(5)[]"),
            ("bit(8)", "bit(4)"),
            ("jsonb", "text[]"),
        ] {
            assert!(!keeps(old, new), "{old} → {new}");
        }
    }
}
