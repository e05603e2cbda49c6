//! The house rules that a compiler does not hold: no floor imports a higher one, no file grows past its size.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The floor of each top-level module of `src/`.
const FLOORS: &[(&str, u8)] = &[
    ("settings", 0),
    ("observe", 0),
    ("postgres", 1),
    ("embedded", 1),
    ("queue", 2),
    ("conversation", 2),
    ("personality", 2),
    ("schema", 2),
    ("health", 2),
    ("sync", 3),
    ("sample", 3),
    ("metrics", 4),
    ("ui", 4),
    ("panes", 5),
    ("console", 6),
    ("cli", 7),
];
/// Modules of one floor that must not know each other.
const STRANGERS: &[&str] = &["queue", "conversation", "personality", "schema", "health"];
const MOST_LINES: usize = 420;

fn floors() -> BTreeMap<&'static str, u8> {
    FLOORS.iter().copied().collect()
}

fn sources() -> Vec<PathBuf> {
    fn walk(dir: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|e| e == "rs") {
                into.push(path);
            }
        }
    }
    let mut all = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    all.sort();
    all
}

fn module_of(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    (inside.components().count() > 1).then(|| first.to_owned())
}

/// The top-level modules that a source text names through `crate::`, with `crate::{a, b}` taken apart.
fn imports(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let (mut depth, mut word, mut fresh) = (1, String::new(), true);
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => fresh = true,
                    c if depth == 1 && fresh && (c.is_alphanumeric() || c == '_') => word.push(c),
                    _ => {}
                }
                if !(word.is_empty() || c.is_alphanumeric() || c == '_') {
                    found.push(std::mem::take(&mut word));
                    fresh = c == ',' && depth == 1;
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found
}

#[test]
fn no_floor_imports_a_higher_one() {
    let floors = floors();
    let mut wrong = Vec::new();
    for path in sources() {
        let Some(module) = module_of(&path) else { continue };
        let Some(&own) = floors.get(module.as_str()) else {
            wrong.push(format!("{}: the module {module} has no floor", path.display()));
            continue;
        };
        for name in imports(&fs::read_to_string(&path).unwrap()) {
            let Some(&other) = floors.get(name.as_str()) else { continue };
            if other > own {
                wrong.push(format!("{}: {module} (floor {own}) imports {name} (floor {other})", path.display()));
            }
            let both_domains = STRANGERS.contains(&module.as_str()) && STRANGERS.contains(&name.as_str());
            if both_domains && name != module {
                wrong.push(format!("{}: the domain {module} imports the domain {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_terminal_below_the_fourth_floor() {
    let floors = floors();
    for path in sources() {
        let Some(floor) = module_of(&path).and_then(|m| floors.get(m.as_str()).copied()) else { continue };
        if floor < 4 {
            let text = fs::read_to_string(&path).unwrap();
            for name in ["ratatui", "crossterm"] {
                assert!(!text.contains(name), "{} names {name}", path.display());
            }
        }
    }
}

#[test]
fn files_stay_small_and_are_named_for_their_subject() {
    let mut wrong = Vec::new();
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > MOST_LINES {
            wrong.push(format!("{}: {lines} lines", path.display()));
        }
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if ["utils", "util", "common", "helpers", "helper", "manager", "misc"].contains(&stem) {
            wrong.push(format!("{}: a name that says nothing", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn grouped_and_plain_imports_are_both_read() {
    let names = imports("use crate::{ui::Pane, sync};\nuse crate::queue::State;\n// crate::cli is only talked about");
    assert_eq!(names, ["ui", "sync", "queue"]);
}
