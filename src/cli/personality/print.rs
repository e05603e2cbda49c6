//! The personality as lines and documents.

use crate::cli::output;
use crate::personality::history::Transition;
use crate::personality::{Change, Clash, Field, Person, Row, Sheet, meaning};
use crate::postgres::{Fault, Pair};
use crate::sync::mood::{Plan, Saved, Step};
use serde_json::{Map, Value};
use std::time::Duration;

/// One person's state: a line per field, both sides beside each other where they differ.
pub fn person(person: &Person, names: [&str; 2]) -> Result<(), Fault> {
    let differs = person.differs();
    let age = |row: &Option<Row>| match row {
        None => "no row".to_owned(),
        Some(Row { age: Some(age), .. }) => format!("written {} ago", ago(*age)),
        Some(_) => "written some time ago".to_owned(),
    };
    output::line(format!(
        "{}   {} {}, {} {}{}",
        person.user,
        names[0],
        age(&person.master),
        names[1],
        age(&person.replica),
        if differs.is_empty() { "" } else { "   ≠ the sides differ" }
    ))?;
    let values = person.values();
    for (field, json) in &values {
        let side = |row: &Option<Row>| row.as_ref().and_then(|r| r.values.get(field)).map(|v| field.shown(v));
        let (master, replica) = (side(&person.master), side(&person.replica));
        let spelled = json.parse().ok().and_then(|level| meaning(*field, level)).unwrap_or_default();
        let line = match (&master, &replica) {
            (Some(m), Some(r)) if differs.contains(field) => {
                format!("≠ {:<16} {m}  │  {r}", field.label())
            }
            _ => format!("  {:<16} {:<10} {spelled}", field.label(), field.shown(json)),
        };
        output::line(line.trim_end())?;
    }
    Ok(())
}

/// How long ago, in one unit.
fn ago(age: Duration) -> String {
    match age.as_secs() {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m", s / 60),
        s @ 3600..172_800 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// Everything both sides hold, as a document.
pub fn document(people: &[Person], master: &Result<Sheet, Fault>, replica: &Result<Sheet, Fault>) -> Value {
    let row = |row: &Option<Row>| {
        row.as_ref().map(|r| {
            let mut out: Map<String, Value> = Map::new();
            out.insert("user_id".into(), r.stored_user.clone().into());
            out.insert("id".into(), r.id.clone().into());
            out.insert("age_s".into(), r.age.map(|a| a.as_secs()).into());
            for (field, json) in &r.values {
                out.insert(field.name().into(), serde_json::from_str(json).unwrap_or(Value::Null));
            }
            Value::from(out)
        })
    };
    let person = |p: &Person| {
        serde_json::json!({
            "user": p.user,
            "master": row(&p.master),
            "replica": row(&p.replica),
            "differs": p.differs().into_iter().map(Field::name).collect::<Vec<_>>(),
        })
    };
    let side = |sheet: &Result<Sheet, Fault>| match sheet {
        Ok(sheet) => serde_json::json!({ "reachable": true, "form": sheet.shape.form(),
            "fields": sheet.shape.fields().into_iter().map(Field::name).collect::<Vec<_>>() }),
        Err(fault) => serde_json::json!({ "reachable": false, "fault": fault.to_string() }),
    };
    serde_json::json!({ "users": people.iter().map(person).collect::<Vec<_>>(), "master": side(master), "replica": side(replica) })
}

/// A change of the history in a line.
pub fn transition(t: &Transition) -> String {
    let id = t.id.get(..8).unwrap_or(&t.id);
    let reason = t.reason.as_deref().map(|r| format!("  {r}")).unwrap_or_default();
    let by = [t.by.as_deref(), t.platform.as_deref().filter(|p| Some(*p) != t.by.as_deref())];
    let by: Vec<&str> = by.into_iter().flatten().collect();
    let by = if by.is_empty() { String::new() } else { format!("  ({})", by.join(", ")) };
    let value = |v: &Option<String>| v.as_deref().unwrap_or("–").to_owned();
    format!(
        "{id:<8}  {}  {:<8}  {:<15}  {} → {}{reason}{by}",
        t.at.format("%Y-%m-%d %H:%M:%S"),
        t.user,
        t.known().map_or_else(|| t.field.clone(), |f| f.label().to_owned()),
        value(&t.old),
        value(&t.new)
    )
}

/// What saving would do, side by side.
pub fn plan(plan: &Plan) -> Result<(), Fault> {
    for (side, step) in [("master", &plan.master), ("replica", &plan.replica)] {
        let first = if plan.first == side { "" } else { "  (follows by itself)" };
        let first = if plan.first == "replica" && side == "master" {
            "  (gets it from the queue when it is back)"
        } else {
            first
        };
        output::line(format!("{side}{first}"))?;
        self::step(step)?;
    }
    Ok(())
}

fn step(step: &Step) -> Result<(), Fault> {
    if let Some(why) = &step.refused {
        output::line(format!("  {why}"))?;
    }
    for c in &step.changes {
        output::line(change(c))?;
    }
    for c in &step.clashes {
        output::line(clash(c))?;
    }
    if step.refused.is_none() && step.changes.is_empty() && step.clashes.is_empty() {
        output::line("  nothing changes")?;
    }
    Ok(())
}

fn change(c: &Change) -> String {
    let spelled =
        c.new.parse().ok().and_then(|level| meaning(c.field, level)).map(|m| format!("   {m}")).unwrap_or_default();
    format!("  {:<16} {} → {}{spelled}", c.field.label(), c.field.shown(&c.old), c.field.shown(&c.new))
}

fn clash(c: &Clash) -> String {
    let f = c.field;
    format!(
        "≠ {:<16} was {}, wanted {}, and somebody made it {}",
        f.label(),
        f.shown(&c.loaded),
        f.shown(&c.mine),
        f.shown(&c.theirs)
    )
}

/// What came of saving.
pub fn saved(saved: &Saved, pair: &Pair) -> Result<(), Fault> {
    let name = |link: &crate::postgres::Link| link.target().name.clone();
    match saved {
        Saved::Nothing => output::note("all was as wanted already"),
        Saved::OnMaster { changes, replica_later } => {
            changes.iter().try_for_each(|c| output::line(change(c)))?;
            match replica_later {
                None => output::note(format!("saved on {} and on {}", name(&pair.master), name(&pair.replica))),
                Some(why) => output::note(format!(
                    "saved on {}; {} does not have it yet: {why}",
                    name(&pair.master),
                    name(&pair.replica)
                )),
            }
        }
        Saved::Queued { changes, master_away } => {
            changes.iter().try_for_each(|c| output::line(change(c)))?;
            output::note(format!("saved on {} and queued: {master_away}", name(&pair.replica)));
        }
        Saved::Clashes { side, clashes } => {
            clashes.iter().try_for_each(|c| output::line(clash(c)))?;
            output::note(format!(
                "nothing was saved: others changed this on the {side} meanwhile; --on-conflict mine or theirs decides"
            ));
        }
    }
    Ok(())
}
