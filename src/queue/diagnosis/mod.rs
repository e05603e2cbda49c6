//! Why an entry failed, on which object, what to do, and what that risks.
//!
//! A diagnosis is *proven* when the engine kept the server's own answer, *inferred* when all there is is a stored text,
//! which may carry no code and may be older than the last try.

mod objects;
mod recognise;
mod rules;

pub use recognise::{recognise, words_of};
pub use rules::{CODES, Fix};

use super::{State, Verdict};
use serde::Serialize;

/// What is known about an entry's failure.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The table it changes.
    pub table: &'a str,
    /// The operation.
    pub operation: &'a str,
    /// Where the entry stands.
    pub state: State,
    /// The verdict of the last try.
    pub verdict: Option<Verdict>,
    /// The noted SQLSTATE.
    pub sqlstate: Option<&'a str>,
    /// The noted object.
    pub object: Option<&'a str>,
    /// What the engine says it waits for.
    pub blocked_on: Option<&'a str>,
    /// The stored error.
    pub text: &'a str,
    /// Whether verdict, code and object come from a live answer of the master.
    pub live: bool,
    /// Whether `synced_at` is set.
    pub synced: bool,
}

/// Whether a diagnosis rests on a live error or on a stored text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// The server said so to the engine.
    Proven,
    /// Read out of a stored text.
    Inferred,
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Proven => "proven",
            Self::Inferred => "inferred",
        })
    }
}

/// A failure, understood as far as it can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The SQLSTATE, noted or recognised.
    pub sqlstate: Option<String>,
    /// What the code means, in a few words.
    pub name: &'static str,
    /// What applying the entry does.
    pub verdict: Verdict,
    /// What this rests on.
    pub proof: Proof,
    /// Why it failed, one sentence.
    pub cause: String,
    /// The exact object: `table.column`, a constraint, a type.
    pub object: Option<String>,
    /// What to do.
    pub remedy: String,
    /// The sort of remedy.
    pub fix: Fix,
    /// What the remedy can do wrong.
    pub risk: &'static str,
    /// The error stands beside a `synced_at`: it is older than the success.
    pub stale: bool,
}

/// Judges an entry. `None`: nothing failed and nothing is known.
pub fn diagnose(evidence: &Evidence<'_>) -> Option<Diagnosis> {
    let text = evidence.text.trim();
    if text.is_empty() && evidence.sqlstate.is_none() && evidence.blocked_on.is_none() {
        let telling = evidence.verdict.is_some_and(|v| rules::of_verdict(v).is_some());
        if !telling || evidence.synced {
            return None;
        }
    }
    let sqlstate = evidence.sqlstate.map(str::to_owned).or_else(|| recognise(text));
    let verdict = verdict(evidence, sqlstate.as_deref());
    let rule = evidence
        .verdict
        .and_then(rules::of_verdict)
        .or_else(|| sqlstate.as_deref().and_then(|code| rules::of_code(code, text)))
        .or_else(|| rules::of_verdict(verdict))
        .unwrap_or(&rules::UNKNOWN);
    let found = objects::find(sqlstate.as_deref(), evidence.table, text);
    let object = evidence.object.map(str::to_owned).or(found.object);
    let fill = |template: &str| {
        let named = object.clone().unwrap_or_else(|| rule.nameless.to_owned());
        let parent = found.parent.clone().unwrap_or_else(|| "another table".to_owned());
        let table = if evidence.table.is_empty() { "the table" } else { evidence.table };
        template.replace("{object}", &named).replace("{table}", table).replace("{parent}", &parent)
    };
    let mut cause = fill(rule.cause);
    if let Some(waits) = evidence.blocked_on.filter(|w| !w.is_empty() && evidence.state == State::Blocked) {
        cause = format!("{cause} It waits for {}.", awaited(waits));
    }
    let stale = evidence.synced && !text.is_empty();
    if stale {
        cause = format!("The error is older than the success: the entry is synced. Then: {cause}");
    }
    Some(Diagnosis {
        name: rule.name,
        verdict,
        proof: if evidence.live && !stale { Proof::Proven } else { Proof::Inferred },
        cause,
        remedy: if stale { "none needed; the entry is on the master".to_owned() } else { fill(rule.remedy) },
        fix: if stale { Fix::None } else { rule.fix },
        risk: if stale { "none" } else { rule.risk },
        object,
        sqlstate,
        stale,
    })
}

/// What the engine's word for a wait means.
fn awaited(words: &str) -> String {
    let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
    let what = match word {
        "parent" => "its parent",
        "chain" => "the earlier entry",
        "mapping" => "a mapping of",
        "schema" => "a migration",
        "key" => "a key",
        "choice" => "a person's choice",
        _ => return words.to_owned(),
    };
    format!("{what} {rest}").trim_end().to_owned()
}

/// Judges what the master has just answered.
pub fn of_outcome(verdict: Verdict, sqlstate: Option<&str>, object: Option<&str>, text: &str) -> Option<Diagnosis> {
    diagnose(&Evidence {
        table: "",
        operation: "",
        state: State::Failed,
        verdict: Some(verdict),
        sqlstate,
        object,
        blocked_on: None,
        text,
        live: true,
        synced: false,
    })
}

/// The verdict that was noted, else the one that follows from the code and the words.
fn verdict(evidence: &Evidence<'_>, sqlstate: Option<&str>) -> Verdict {
    if let Some(verdict) = evidence.verdict {
        return verdict;
    }
    match sqlstate {
        Some("23503") if evidence.text.contains("update or delete on table") => Verdict::Constraint,
        Some(code) => rules::of_code(code, evidence.text).map_or(Verdict::Fault, |rule| rule.verdict),
        None => recognise::verdict_of_words(evidence.text).unwrap_or(Verdict::Fault),
    }
}

#[cfg(test)]
mod tests;
