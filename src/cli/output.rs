//! What commands print: documents on stdout, everything else on stderr, and a closed pipe ends quietly.

use crate::observe;
use crate::postgres::{Fault, Kind, Side};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// Prints one JSON document and a newline on stdout.
pub fn json<T: Serialize + ?Sized>(document: &T) -> Result<(), Fault> {
    let mut bytes = serde_json::to_vec_pretty(document)
        .map_err(|e| Fault::new(Kind::Local, "the answer could not be written as JSON").because(e))?;
    bytes.push(b'\n');
    raw(&bytes)
}

/// Prints one line of text on stdout, made safe with [`printable`].
pub fn line(text: impl AsRef<str>) -> Result<(), Fault> {
    let mut safe = printable(text.as_ref());
    safe.push('\n');
    raw(safe.as_bytes())
}

/// Prints bytes as they are on stdout: for our own scripts and documents, never for text of a database.
pub fn raw(bytes: &[u8]) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // The reader has what it wanted (`| head`): nothing is wrong.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(|e| Fault::new(Kind::Local, "stdout cannot be written").because(e)),
    }
}

/// Says something about the progress of the work on stderr.
pub fn note(text: impl AsRef<str>) {
    let mut safe = printable(&observe::redact(text.as_ref()));
    safe.push('\n');
    // Nothing can be said about a stderr that is gone.
    let _ = io::stderr().lock().write_all(safe.as_bytes());
}

/// What a side is called in a list: `master`, `replica`, `replica town`.
pub fn side_label(side: Side, name: &str) -> String {
    if name == side.to_string() { name.to_owned() } else { format!("{side} {name}") }
}

/// Whether stderr is a terminal: only then progress bars are drawn.
pub fn progress_is_seen() -> bool {
    io::stderr().is_terminal()
}

/// Text that a terminal shows and never obeys: control, bidirectional format and invisible characters become visible marks.
/// Line feeds and tabs stay.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
            '\u{7f}' => '\u{2421}',
            '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2060}'
            | '\u{feff}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Shows a fault: for people on stderr, and with `--json` as a document on stdout too.
pub fn fault(fault: &Fault, as_json: bool) {
    tracing::error!(kind = ?fault.kind, sqlstate = fault.sqlstate, object = fault.object, "{}", observe::redact(&fault.to_string()));
    note(describe(fault));
    if as_json {
        // The fault that is being shown matters more than a stdout that cannot be written.
        let _ = json(&serde_json::json!({ "error": fault }));
    }
}

/// What failed, where, why and what next, over as many lines as needed.
pub fn describe(fault: &Fault) -> String {
    let mut text = format!("robbie: {fault}");
    if let Some(object) = fault.object.as_ref().filter(|o| !fault.message.contains(o.as_str())) {
        let _ = write!(text, "\n  object: {object}");
    }
    let mut source = std::error::Error::source(fault);
    let mut last = fault.message.clone();
    while let Some(cause) = source {
        let said = cause.to_string();
        // The driver's own wrapper says only "db error"; what it wraps is in the message already.
        if said != "db error" && !last.contains(&said) && !said.contains(&fault.message) {
            let _ = write!(text, "\n  because: {said}");
            last = said;
        }
        source = cause.source();
    }
    if let Some(remedy) = &fault.remedy {
        let _ = write!(text, "\n  → {remedy}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_shown_and_not_obeyed() {
        assert_eq!(printable("a\x1b[2Jb\u{9b}31m\u{202e}c\r\n\td"), "a␛[2Jb\u{fffd}31m\u{fffd}c␍\n\td");
    }

    #[test]
    fn a_fault_says_what_where_why_and_what_next() {
        let fault = Fault::new(Kind::Unreachable, "connection refused")
            .on(Side::Master)
            .about("db.example:5432")
            .because(io::Error::other("os error 111"))
            .remedy("start the server");
        assert_eq!(
            describe(&fault),
            "robbie: master: connection refused\n  object: db.example:5432\n  because: os error 111\n  → start the server"
        );
    }
}
