//! The log file: one a day in the home's log folder, a week kept, never on the terminal, secrets kept out.

use crate::settings::Settings;
use std::path::Path;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{Builder, Rotation};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// So many lines wait for the disk at most; more at once are lost rather than waited for.
const BUFFERED: usize = 4_096;

/// Holds the log open; what is buffered is written when it is dropped.
#[derive(Debug, Default)]
pub struct Log {
    _writer: Option<WorkerGuard>,
}

/// Starts logging to the home's log folder and records panics there.
///
/// A log that cannot be written costs the log, not the work: the reason is returned beside an empty [`Log`].
pub fn start(settings: &Settings) -> (Log, Option<String>) {
    if settings.log_level.value == "off" {
        return (Log::default(), None);
    }
    match open(settings.home.logs(), &settings.log_level) {
        Ok(writer) => (Log { _writer: Some(writer) }, None),
        Err(reason) => (Log::default(), Some(reason)),
    }
}

fn open(folder: &Path, level: &str) -> Result<WorkerGuard, String> {
    let unwritten = |e: &dyn std::fmt::Display| format!("no log is written: {}: {e}", folder.display());
    // The appender complains on the terminal about a folder that is not there yet.
    std::fs::create_dir_all(folder).map_err(|e| unwritten(&e))?;
    let file = Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("robbie")
        .filename_suffix("log")
        .max_log_files(7)
        .build(folder)
        .map_err(|e| unwritten(&e))?;
    // The usual 128,000 lines would be 4 MB, written to before anything is drawn.
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(BUFFERED).finish(file);
    // Other crates' debug lines can hold statements with values: they speak from `warn` on.
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    let filter =
        Targets::new().with_default(LevelFilter::WARN).with_targets([("robbie_console", level), ("robbie", level)]);
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer).with_filter(filter);
    tracing_subscriber::registry().with(lines).try_init().map_err(|e| format!("no log is written: {e}"))?;
    record_panics();
    Ok(guard)
}

/// Records a panic in the log before whatever hook was there shows it.
fn record_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let message = info.payload_as_str().unwrap_or("a panic without a message");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: {}", redact(message));
        before(info);
    }));
}

/// Hides the passwords of URLs and `password=` pairs in a text that may hold a connection string.
pub fn redact(text: &str) -> String {
    hide_pairs(&hide_urls(text))
}

/// `scheme://user:secret@host` becomes `scheme://user:***@host`.
fn hide_urls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find("://") {
        let (before, after) = rest.split_at(found + 3);
        out.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(after.len());
        // A password may hold an unescaped `@` or `/`: everything to the last `@` is hidden.
        let authority_end = after[..end].find('?').unwrap_or(end);
        match after[..authority_end].rfind('@') {
            Some(at) => {
                let user = after[..at].split(':').next().unwrap_or_default();
                out.push_str(user);
                if after[..at].contains(':') {
                    out.push_str(":***");
                }
                rest = &after[at..];
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

/// `password=secret` and `password='it''s'` become `password=***`; so does the command that prints one.
fn hide_pairs(text: &str) -> String {
    const NAMES: [&str; 3] = ["password", "password_command", "sslpassword"];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let (before, after) = rest.split_at(equals);
        out.push_str(before);
        out.push('=');
        let name = before.trim_end();
        let other = |c: &char| !(c.is_alphanumeric() || *c == '_');
        let start = name.char_indices().rev().find(|(_, c)| other(c)).map_or(0, |(i, c)| i + c.len_utf8());
        let name = &name[start..];
        let value = &after[1..];
        if NAMES.contains(&name.to_ascii_lowercase().as_str()) {
            out.push_str("***");
            rest = &value[end_of_value(value)..];
        } else {
            rest = value;
        }
    }
    out.push_str(rest);
    out
}

/// Where a key=value string's or a URL query's value ends.
fn end_of_value(text: &str) -> usize {
    let start = text.len() - text.trim_start_matches(' ').len();
    let body = &text[start..];
    if !body.starts_with('\'') {
        return start + body.find(|c: char| c.is_whitespace() || c == '&' || c == '"').unwrap_or(body.len());
    }
    let mut escaped = false;
    for (i, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => return start + i + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_urls_are_hidden() {
        assert_eq!(redact("to postgres://a:s3cret@h:1/d failed"), "to postgres://a:***@h:1/d failed");
        assert_eq!(redact("postgres://a:p@ss/w@h/d?x=y@z"), "postgres://a:***@h/d?x=y@z");
        assert_eq!(redact("postgres://h/d and http://x/y"), "postgres://h/d and http://x/y");
        assert_eq!(redact("postgres://a@h/d"), "postgres://a@h/d");
    }

    #[test]
    fn a_wide_character_before_a_pair_breaks_nothing() {
        assert_eq!(redact("\u{9b}31m=x é=1 日password=s"), "\u{9b}31m=x é=1 日password=s");
        assert_eq!(redact("…password=s"), "…password=***");
    }

    #[test]
    fn passwords_of_pairs_are_hidden() {
        assert_eq!(redact(r"host=h password='it\'s me' user=u"), "host=h password=*** user=u");
        assert_eq!(redact("PASSWORD = x"), "PASSWORD =***");
        assert_eq!(redact("postgres://h/d?password=x&sslmode=require"), "postgres://h/d?password=***&sslmode=require");
        assert_eq!(redact("host=h password='never closed"), "host=h password=***");
        assert_eq!(redact("passwordless=yes"), "passwordless=yes");
    }
}
