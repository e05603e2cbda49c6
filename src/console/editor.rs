//! Text handed to the user's editor and taken back.

use super::terminal::local;
use crate::postgres::Fault;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The editors tried where the environment names none.
#[cfg(unix)]
const USUAL: &[&str] = &["sensible-editor", "nano", "vi"];
#[cfg(not(unix))]
const USUAL: &[&str] = &["notepad"];

/// Lets the user edit `initial`; `None` where nothing was changed. The terminal must have been given back before.
pub fn edit(editor: Option<&str>, initial: &str, extension: &str) -> Result<Option<String>, Fault> {
    let path = write_file(initial, extension)?;
    let result = run(editor, &path)
        .and_then(|()| std::fs::read_to_string(&path).map_err(|e| local("the edited file cannot be read", e)));
    let _ = std::fs::remove_file(&path);
    // Editors end the last line; what was handed out without that end comes back without it.
    let text = result.map(|t| if initial.ends_with('\n') { t } else { t.trim_end_matches('\n').to_owned() })?;
    Ok((text != initial).then_some(text))
}

/// Lets the user edit a file of their own, which is made if there is none; whether it changed.
pub fn edit_file(editor: Option<&str>, path: &Path) -> Result<bool, Fault> {
    let read = || match std::fs::read(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(local("the file cannot be read", e)),
        read => Ok(read.unwrap_or_default()),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| local("the folder cannot be made", e))?;
    }
    let before = read()?;
    run(editor, path)?;
    Ok(read()? != before)
}

/// A file only this user can read: it may hold row values.
fn write_file(initial: &str, extension: &str) -> Result<PathBuf, Fault> {
    let path = std::env::temp_dir().join(format!("robbie-{}.{extension}", uuid::Uuid::new_v4()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
        .open(&path)
        .and_then(|mut file| file.write_all(initial.as_bytes()))
        .map_err(|e| local("the text cannot be handed to the editor", e))?;
    Ok(path)
}

fn run(editor: Option<&str>, path: &Path) -> Result<(), Fault> {
    let named = editor.into_iter();
    let mut missing = None;
    for line in named.chain(USUAL.iter().copied()) {
        let mut words = line.split_whitespace();
        let Some(program) = words.next() else { continue };
        let status = Command::new(program).args(words).arg(path).stdin(Stdio::inherit()).status();
        match status {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => {
                return Err(Fault::new(crate::postgres::Kind::Local, format!("{program} ended with {status}"))
                    .remedy("nothing was changed"));
            }
            Err(error) => missing = missing.or(Some(local(&format!("{program} cannot be started"), error))),
        }
    }
    let fault = missing.unwrap_or_else(|| Fault::new(crate::postgres::Kind::Local, "there is no editor"));
    Err(fault.remedy("set EDITOR to an editor that is installed"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_the_editor_wrote_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("editor");
        std::fs::write(&script, "#!/bin/sh\nprintf 'new\\n' > \"$1\"\n").unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let line = format!("sh {}", script.display());
        assert_eq!(edit(Some(&line), "old", "json").unwrap(), Some("new".to_owned()));
    }

    #[test]
    fn an_unchanged_text_and_a_failing_editor_change_nothing() {
        assert_eq!(edit(Some("true"), "old", "json").unwrap(), None);
        let fault = edit(Some("false"), "old", "json").unwrap_err();
        assert!(fault.message.contains("false ended with"), "{fault}");
    }
}
