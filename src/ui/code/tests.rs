//! What each language's words are taken for.

use super::*;
use proptest::prelude::*;

/// The parts in a role.
fn parts(language: &str, code: &str, role: Role) -> Vec<String> {
    let lines = highlight(language, code);
    lines.into_iter().flatten().filter(|(_, r)| *r == role).map(|(words, _)| words).collect()
}

#[test]
fn comments_texts_numbers_and_words_of_each_language() {
    use Role::{
        CodeComment as Comment, CodeKeyword as Keyword, CodeName as Name, CodeNumber as Number, CodeString as Text,
        CodeType as Type,
    };
    let cases: &[(&str, &str, Role, &[&str])] = &[
        ("rust", "fn f<'a>(x: &'a str) { g('x', '\\n', 1_000u64) } // end", Comment, &["// end"]),
        ("rust", "fn f<'a>(x: &'a str) { g('x', '\\n', 1_000u64) }", Type, &["'a", "'a", "str"]),
        ("rust", "let s = r#\"a \"b\" c\"#; println!(\"x\")", Text, &["r#\"a \"b\" c\"#", "\"x\""]),
        ("rust", "let s = r#\"a\"#; println!(\"x\")", Name, &["println"]),
        ("ts", "const a: string = `x ${1}`; // no", Keyword, &["const"]),
        ("javascript", "const a = `two\nlines`", Text, &["`two", "lines`"]),
        (
            "python",
            "def f(x): # why\n    \"\"\"doc\n    more\"\"\"\n    return 3.14",
            Text,
            &["\"\"\"doc", "    more\"\"\""],
        ),
        ("python", "def f(x): # why", Comment, &["# why"]),
        ("python", "x = 3.14 + 0x1f", Number, &["3.14", "0x1f"]),
        ("sql", "SELECT id FROM t WHERE a = 'it''s' -- done", Keyword, &["SELECT", "FROM", "WHERE"]),
        ("sql", "SELECT 'a\\' || x", Text, &["'a\\'"]),
        ("sh", "if [ -n \"$HOME\" ]; then echo $USER # x", Type, &["echo", "$USER"]),
        ("bash", "echo a#b # c", Comment, &["# c"]),
        ("json", "{\"key\": \"value\", \"n\": [1, true]}", Name, &["\"key\"", "\"n\""]),
        ("json", "{\"key\": \"value\", \"n\": [1, true]}", Keyword, &["true"]),
        ("yaml", "a-key: 'it''s' # c\n- b: yes", Name, &["a-key", "b"]),
        ("toml", "[table.one]\nkey = \"v\" # c", Type, &["[table.one]"]),
        ("toml", "[t]\nkey = \"v\" # c", Name, &["key"]),
        ("go", "func F(r rune) { x := 'a'; s := `raw\nline` }", Text, &["'a'", "`raw", "line`"]),
        ("html", "<a href=\"x\">text</a> <!-- no -->", Name, &["href"]),
        ("html", "<a href=\"x\">text</a> <!-- no -->", Comment, &["<!-- no -->"]),
        ("css", ".a { color: #fff; margin: 2px } /* c\nd */", Name, &["color", "margin"]),
        ("css", ".a { margin: 2px } /* c\nd */", Comment, &["/* c", "d */"]),
    ];
    for (language, code, role, wanted) in cases {
        assert_eq!(parts(language, code, *role), *wanted, "{language}: {code} in {role:?}");
    }
}

#[test]
fn an_unknown_language_stays_plain_and_harmless() {
    assert_eq!(highlight("brainf", "a\tb\x1b[2J\n"), [vec![("a   b␛[2J".to_owned(), Role::Text)]]);
    assert!(knows("Rust") && knows("rust,ignore") && knows(".py") && !knows(""));
}

proptest! {
    #[test]
    fn nothing_is_lost_or_added(code in "[a-z'\"`/*#<>{}$@\\\\ \n\t=:.0-9-]{0,120}", n in 0_usize..13) {
        let language = ["rust", "ts", "js", "python", "sql", "sh", "json", "yaml", "toml", "go", "html", "css", "c"][n];
        let lines: Vec<String> = highlight(language, &code).iter().map(|l| l.iter().map(|(w, _)| w.as_str()).collect()).collect();
        prop_assert_eq!(lines, text::safe_lines(code.strip_suffix('\n').unwrap_or(&code), 4));
    }
}
