//! Asking before something is done.

use crate::cli::output;
use crate::postgres::{Fault, Kind};
use clap::Args;
use std::io::{BufRead, IsTerminal};

/// Whether to do it, and whether to ask before.
#[derive(Args, Clone, Copy, Debug)]
pub struct Consent {
    /// Only say what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

/// Asks on the terminal; without one, a yes has to be given as a flag. `name` is that of a protected target: then it must be typed.
pub fn agreed(question: &str, name: Option<&str>) -> Result<bool, Fault> {
    if !std::io::stdin().is_terminal() {
        return Err(Fault::new(Kind::Settings, "there is no terminal to ask on").remedy("add --yes to go ahead"));
    }
    let wanted = name.map_or_else(|| "[y/N]".to_owned(), |name| format!("It is protected: type {name} to go ahead:"));
    eprint!("{} ", output::printable(&format!("{question} {wanted}")));
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|e| Fault::new(Kind::Local, "the answer could not be read").because(e))?;
    Ok(is_yes(&answer, name))
}

fn is_yes(answer: &str, name: Option<&str>) -> bool {
    match name {
        Some(name) => answer.trim() == name,
        None => matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"),
    }
}

/// `1 entry`, `2 entries`.
pub fn entries(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protected_target_wants_its_name_and_no_yes() {
        assert!(is_yes(" Y\n", None) && !is_yes("\n", None));
        assert!(is_yes("office\n", Some("office")) && !is_yes("y\n", Some("office")));
    }
}
