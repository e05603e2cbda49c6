//! Saving: what would change is shown, asked about, and done.

use super::{ACTOR, Clashing, Edit, How, both, chronicle, print};
use crate::cli::queue::ask;
use crate::cli::{Exit, output};
use crate::personality::{self, Field, Values, history, limits};
use crate::postgres::{Fault, Kind, Pair};
use crate::sync::mood::{self, Saved};
use chrono::{DateTime, Utc};

/// How often it is tried again where others are at the same columns and the decision is made.
const TRIES: usize = 5;

/// Where commands that write work.
pub struct Desk<'a> {
    /// Both sides.
    pub pair: &'a Pair,
    /// Whether one JSON document is wanted.
    pub json: bool,
    /// The name that must be typed, where the target is protected.
    pub protected: Option<String>,
}

impl Desk<'_> {
    /// Sets values: looks, shows, asks, saves, says.
    pub async fn save(&self, set: Values, how: &How, reason: Option<String>) -> Result<Exit, Fault> {
        // Before anything is asked: what breaks a limit is wrong whatever the databases hold.
        limits::check(&set, &how.user, Utc::now())?;
        let (master, replica) = both(self.pair).await?;
        let people = personality::people(master.as_ref().ok(), replica.as_ref().ok());
        let person = people.into_iter().find(|p| p.user == how.user);
        let mut edit = Edit::new(&how.user, ACTOR, "command line");
        edit.set = set;
        edit.reason = how.reason.clone().or(reason);
        edit.master = master.is_ok().then(|| loaded(person.as_ref().and_then(|p| p.master.as_ref())));
        edit.replica = replica.is_ok().then(|| loaded(person.as_ref().and_then(|p| p.replica.as_ref())));
        edit.end_expiry();
        let plan = mood::plan(self.pair, &edit).await?;
        if how.consent.dry_run {
            if self.json {
                output::json(&serde_json::json!({ "dry_run": true, "user": edit.user, "plan": plan }))?;
            } else {
                print::plan(&plan)?;
            }
            return Ok(Exit::Done);
        }
        if !how.consent.yes {
            if !self.json {
                print::plan(&plan)?;
            }
            let question = format!("Save this for {} on the {} first?", edit.user, plan.first);
            if !ask::agreed(&question, self.protected.as_deref())? {
                output::note("nothing was changed");
                return Ok(Exit::Done);
            }
        }
        let mut saved = mood::save(self.pair, &edit).await?;
        for _ in 0..TRIES {
            let Saved::Clashes { clashes, .. } = &saved else { break };
            if how.on_conflict == Clashing::Refuse {
                break;
            }
            for clash in clashes {
                edit.decide(clash, how.on_conflict == Clashing::Mine);
            }
            saved = mood::save(self.pair, &edit).await?;
        }
        self.told(&edit, &saved)
    }

    /// Goes back to what held at a point of the history.
    pub async fn revert(&self, point: &str, how: &How) -> Result<Exit, Fault> {
        let wanted = history::Wanted { user: Some(how.user.clone()), within: None, limit: i64::MAX };
        let (found, _) = chronicle(self.pair, &wanted).await?;
        let known = found.iter().filter(|t| !t.id.is_empty() && t.id.starts_with(point)).collect::<Vec<_>>();
        let at = match (known.as_slice(), DateTime::parse_from_rfc3339(point)) {
            ([one], _) => one.at,
            (_, Ok(at)) => at.to_utc(),
            ([], Err(_)) => return Err(unknown(point, "no change of the history has this id, and it is no moment")),
            (_, Err(_)) => return Err(unknown(point, "several changes have ids that begin so")),
        };
        let mut values = history::values_at(&found, at);
        // A time that is over by now is no time to go back to.
        values.remove(&Field::Expires);
        if values.is_empty() {
            output::note("nothing was changed since then");
            if self.json {
                output::json(&serde_json::json!({ "user": how.user, "saved": Saved::Nothing }))?;
            }
            return Ok(Exit::Done);
        }
        self.save(values, how, Some(format!("back to {}", at.format("%Y-%m-%d %H:%M:%S UTC")))).await
    }

    fn told(&self, edit: &Edit, saved: &Saved) -> Result<Exit, Fault> {
        if self.json {
            output::json(&serde_json::json!({ "dry_run": false, "user": edit.user, "saved": saved }))?;
        } else {
            print::saved(saved, self.pair)?;
        }
        Ok(match saved {
            Saved::OnMaster { replica_later: None, .. } | Saved::Nothing => Exit::Done,
            Saved::OnMaster { .. } | Saved::Queued { .. } | Saved::Clashes { .. } => Exit::Attention,
        })
    }
}

fn loaded(row: Option<&personality::Row>) -> Values {
    row.map(|r| r.values.clone()).unwrap_or_default()
}

fn unknown(point: &str, why: &str) -> Fault {
    Fault::new(Kind::Settings, why)
        .about(point.to_owned())
        .remedy("robbie personality history lists them: --json shows the ids")
}
