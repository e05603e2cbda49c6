//! Copying: the desktop's clipboard where there is one, else the terminal's by OSC 52.

use crate::settings::Environment;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Terminals cut what is longer in one sequence: 100,000 bytes of base64, less the frame.
pub const OSC52_LIMIT: usize = 74_994;

/// The programs that take the text on their standard input.
fn programs(environment: &Environment) -> Vec<&'static [&'static str]> {
    let mut out: Vec<&'static [&'static str]> = Vec::new();
    if cfg!(target_os = "macos") {
        out.push(&["pbcopy"]);
    }
    if environment.get("WAYLAND_DISPLAY").is_some() {
        out.push(&["wl-copy"]);
    }
    if environment.get("DISPLAY").is_some() {
        out.push(&["xclip", "-selection", "clipboard"]);
        out.push(&["xsel", "--clipboard", "--input"]);
    }
    if cfg!(windows) {
        out.push(&["clip.exe"]);
    }
    out
}

/// Tries the desktop's programs; whether one took the text.
pub async fn native(environment: &Environment, text: &str) -> bool {
    // Over ssh the desktop's clipboard is the wrong one: the terminal's is in front of the person.
    if environment.get("SSH_TTY").is_some() {
        return false;
    }
    for words in programs(environment) {
        if offer(words, text).await.is_ok_and(|taken| taken) {
            return true;
        }
    }
    false
}

async fn offer(words: &[&str], text: &str) -> std::io::Result<bool> {
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).await?;
    }
    Ok(child.wait().await?.success())
}

/// The sequence that hands text to the terminal's clipboard; `None` where the text is too long for it.
pub fn osc52(text: &str) -> Option<Vec<u8>> {
    if text.len() > OSC52_LIMIT {
        return None;
    }
    let mut out = b"\x1b]52;c;".to_vec();
    out.extend(base64(text.as_bytes()));
    out.extend_from_slice(b"\x1b\\");
    Some(out)
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            out.push(if i <= chunk.len() { LETTERS[(n >> (18 - 6 * i) & 63) as usize] } else { b'=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_base64() {
        for (text, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(text.as_bytes()), coded.as_bytes());
        }
    }

    #[test]
    fn what_is_too_long_is_refused_and_nothing_escapes_the_sequence() {
        assert!(osc52(&"x".repeat(OSC52_LIMIT + 1)).is_none());
        let bytes = osc52("a\x07\x1b\\b").unwrap();
        assert_eq!(bytes.split(|b| *b == 0x1b).count(), 3);
        assert!(!bytes.contains(&0x07));
    }
}
