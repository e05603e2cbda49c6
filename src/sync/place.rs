//! Where the keys of a JSON object stand in its text.

/// The places of the outermost object's keys.
pub(super) struct Places(Vec<(String, (usize, usize))>);

impl Places {
    /// Reads them from valid JSON.
    pub fn of(text: &str) -> Self {
        let mut found = vec![];
        let (mut line, mut column, mut depth) = (1, 0, 0_usize);
        let mut wanted = false; // a key comes next
        let mut string: Option<(usize, (usize, usize))> = None; // where it began
        let mut escaped = false;
        for (at, c) in text.char_indices() {
            (line, column) = if c == '\n' { (line + 1, 0) } else { (line, column + 1) };
            if let Some((from, place)) = string {
                match c {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '"' => {
                        if wanted && let Ok(key) = serde_json::from_str::<String>(&text[from..=at]) {
                            found.push((key, place));
                            wanted = false;
                        }
                        string = None;
                    }
                    _ => {}
                }
                continue;
            }
            match c {
                '"' => string = Some((at, (line, column))),
                '{' | '[' => {
                    depth += 1;
                    wanted = depth == 1 && c == '{';
                }
                '}' | ']' => depth = depth.saturating_sub(1),
                ',' => wanted = depth == 1,
                _ => {}
            }
        }
        Self(found)
    }
    /// Line and column of a key, from 1; the beginning where the object lacks it.
    pub fn of_key(&self, key: &str) -> (usize, usize) {
        self.0.iter().rev().find(|(k, _)| k == key).map_or((1, 1), |(_, place)| *place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_where_they_stand() {
        let places = Places::of("{\"a\": {\"b\": [1, \"c\"]},\n  \"b\": \"x, \\\"a\\\": {\",\n  \"k\\u0065y\": 1}");
        assert_eq!((places.of_key("a"), places.of_key("b"), places.of_key("key")), ((1, 2), (2, 3), (3, 3)));
        assert_eq!((places.of_key("c"), Places::of("[1]").of_key("a")), ((1, 1), (1, 1)));
    }
}
