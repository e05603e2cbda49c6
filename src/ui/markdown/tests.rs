//! What texts become, and that no line is ever too wide.

use super::*;
use proptest::prelude::*;

fn shown(markdown: &str, width: usize) -> String {
    let lines = lay(markdown, width).lines;
    let lines: Vec<String> =
        lines.iter().map(|l| l.iter().map(|(w, _)| w.as_str()).collect::<String>().trim_end().to_owned()).collect();
    lines.join("\n")
}

fn in_role(markdown: &str, role: Role) -> Vec<String> {
    lay(markdown, 60).lines.into_iter().flatten().filter(|(_, r)| *r == role).map(|(w, _)| w).collect()
}

#[test]
fn every_sort_of_part() {
    let text = "# Title\n\nA **bold**, *soft* and `code` word; [a link](https://x.y).\n\n## Two\n\n- one\n- two and more words than fit\n  1. in\n  2. it\n\n> quoted\n> text\n\n- [x] done\n- [ ] open\n\n---\n\n| a | number |\n|---|------:|\n| x | 1 |\n| long cell | 200 |\n\n```rust\nfn f() {}\n```\n\n<b>html</b>\nEnd  \nhard.";
    insta::assert_snapshot!("every_part_30", shown(text, 30));
    insta::assert_snapshot!("every_part_60", shown(text, 60));
    assert_eq!(in_role(text, Role::Strong)[0], "bold");
    assert_eq!(in_role(text, Role::Emphasis), ["soft"]);
    assert_eq!(in_role(text, Role::Code), ["code"]);
    assert_eq!(in_role(text, Role::Info), ["a link"]);
    assert_eq!(in_role(text, Role::CodeKeyword), ["fn"]);
}

#[test]
fn codes_are_known_by_their_lines_and_text() {
    let page = lay("text\n\n```sql\nselect 1;\nselect 2;\n```\n\nmore\n\n~~~\nplain\n~~~", 40);
    assert_eq!(page.codes.len(), 2);
    assert_eq!((page.codes[0].language.as_str(), page.codes[0].text.as_str()), ("sql", "select 1;\nselect 2;\n"));
    assert_eq!(page.codes[0].lines, 2..5);
    let open = lay("```python\nx = 1", 40);
    assert_eq!(open.codes[0].text, "x = 1", "a fence that nobody closed");
}

#[test]
fn wide_right_to_left_and_hostile_text_stays_in_its_cells() {
    let text = "日本語のとても長いテキスト 👍🏽 שלום עולם\u{202e}gpj \x1b]0;owned\x07 a\tb\r\n\n```\n\ta\x1b[2J\n```";
    for width in 1..40 {
        for line in lay(text, width).lines {
            let words: String = line.iter().map(|(w, _)| w.as_str()).collect();
            assert!(!words.chars().any(|c| c.is_control() || c == '\u{202e}'), "{words:?}");
        }
    }
    assert!(shown(text, 40).contains("\\u202egpj") && shown(text, 40).contains("␛]0;owned␇"));
}

#[test]
fn long_words_and_long_code_are_broken_and_not_lost() {
    let long = "x".repeat(95);
    assert_eq!(shown(&long, 40).replace('\n', ""), long);
    let code = shown(&format!("```\n{long}\n```"), 40);
    assert_eq!(code.matches('x').count(), 95);
    assert!(code.contains("┆ x"), "{code}");
}

proptest! {
    #[test]
    fn no_line_is_too_wide(text in "([a-z日👍 ]{0,8}|[-*>#|`~\n ]{0,4}|\\[a\\]\\(b\\)|[0-9]\\. |\t|\\PC){0,40}", width in 12_usize..90) {
        for line in lay(&text, width).lines {
            let cells: usize = line.iter().map(|(w, _)| text::width(w)).sum();
            prop_assert!(cells <= width, "{} > {}: {:?}", cells, width, line);
        }
    }
}
