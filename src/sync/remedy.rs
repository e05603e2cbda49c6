//! What to do about an entry that was not applied.

use super::report::{EntryOutcome, Outcome};
use crate::queue::Verdict;

/// How the master begins what it says of rows that point at each other.
const CIRCLE: &str = "new rows that point at each other in a circle";

/// The next step for a person, where there is one, by what the master said.
pub fn after(outcome: &EntryOutcome) -> Option<String> {
    if outcome.message.as_deref().is_some_and(|message| message.starts_with(CIRCLE)) {
        let words = "make one of the constraints DEFERRABLE on the master, or take the reference out of one payload (null) and queue an \
                     UPDATE that sets it";
        return Some(words.into());
    }
    of(outcome.verdict, outcome.outcome, outcome.sqlstate.as_deref(), outcome.object.as_deref())
}

/// The next step for a person, where there is one.
pub fn of(verdict: Verdict, outcome: Outcome, sqlstate: Option<&str>, object: Option<&str>) -> Option<String> {
    if outcome.is_settled() {
        return None;
    }
    if outcome == Outcome::Later {
        return Some("none needed: a lock on the master was waited for; it is tried again within seconds".into());
    }
    let object = object.unwrap_or("the row");
    Some(match verdict {
        Verdict::ZeroRows => {
            "look where the row went; replay with force to settle the entry without a write, or discard it".into()
        }
        Verdict::OverwritesNewer => {
            "compare both images; replay with force to apply it all the same, or discard it".into()
        }
        Verdict::WaitsForParent => {
            "send the missing parent first, or restore it on the master; the entry then goes by itself".into()
        }
        Verdict::WaitsForChain => "settle the earlier entry of the same row; this one then goes by itself".into(),
        Verdict::LacksKey => format!("add {object} to the payload: adopt the key of the matching row of the replica"),
        Verdict::UnmappedUser => "map the text id: robbie users map; the entry then goes by itself".into(),
        Verdict::SchemaMismatch => match sqlstate {
            Some("42P01") => format!("create and sync {object} on the master, or discard the entry"),
            Some("42703") => format!("add {object} on the master, or edit the payload"),
            _ => format!("edit the payload so that {object} fits the master's column"),
        },
        Verdict::Constraint => match sqlstate {
            Some("23505") => {
                "robbie conflicts list shows it beside the master's row that has the value; edit or discard one of the two".into()
            }
            Some("23503") => "rows of the master still point at this one: delete or move them first".into(),
            _ => format!("edit the payload so that it satisfies {object}"),
        },
        Verdict::Fault => match sqlstate {
            Some("42501") => format!("grant the role of the sync the missing privilege on {object}"),
            _ => "read the message, mend its cause, and replay".into(),
        },
        Verdict::Insert | Verdict::Update | Verdict::Delete | Verdict::NoChange => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_not_settled_has_a_next_step() {
        for verdict in Verdict::ALL {
            let effect = matches!(verdict, Verdict::Insert | Verdict::Update | Verdict::Delete | Verdict::NoChange);
            assert_eq!(of(verdict, Outcome::Blocked, None, None).is_none(), effect, "{verdict:?}");
            assert_eq!(of(verdict, Outcome::Applied, None, None), None);
        }
    }
}
