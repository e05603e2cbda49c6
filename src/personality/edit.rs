//! A change as it is wanted, against what was loaded: which columns it changes, and where somebody else was first.

use super::{Field, Values};
use serde::Serialize;
use uuid::Uuid;

/// A change of one user's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Made once: the same change sent twice is the same change.
    pub id: Uuid,
    /// Whose state.
    pub user: String,
    /// What the master held when it was loaded; none: it was not.
    pub master: Option<Values>,
    /// What the replica held when it was loaded.
    pub replica: Option<Values>,
    /// What is wanted.
    pub set: Values,
    /// Why.
    pub reason: Option<String>,
    /// Who does it.
    pub actor: String,
    /// From where: `console`, `command line`.
    pub platform: String,
}

/// A column that a change sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The field.
    pub field: Field,
    /// What it was, JSON text.
    pub old: String,
    /// What it becomes.
    pub new: String,
}

/// A column that somebody else changed since it was loaded, to something that is not wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The field.
    pub field: Field,
    /// What was loaded, JSON text.
    pub loaded: String,
    /// What is wanted.
    pub mine: String,
    /// What it is now.
    pub theirs: String,
}

/// A side's values, given to [`Edit::against`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// What the master held.
    Master,
    /// What the replica held.
    Replica,
}

const NULL: &str = "null";

impl Edit {
    /// A change of nothing yet.
    pub fn new(user: &str, actor: &str, platform: &str) -> Self {
        Self {
            id: Uuid::new_v4(),
            user: user.to_owned(),
            master: None,
            replica: None,
            set: Values::new(),
            reason: None,
            actor: actor.to_owned(),
            platform: platform.to_owned(),
        }
    }

    /// What it changes of a side's values as they are now, and what stands in its way. A column that others changed and this one
    /// does not touch is neither; one that is as wanted already is nothing to do.
    pub fn against(&self, now: &Values, basis: Basis) -> (Vec<Change>, Vec<Clash>) {
        let null = || NULL.to_owned();
        let loaded = match basis {
            Basis::Master => self.master.as_ref().or(self.replica.as_ref()),
            Basis::Replica => self.replica.as_ref().or(self.master.as_ref()),
        };
        let (mut changes, mut clashes) = (Vec::new(), Vec::new());
        for (&field, new) in &self.set {
            let current = now.get(&field).cloned().unwrap_or_else(null);
            if field.same(&current, new) {
                continue;
            }
            let before = loaded.and_then(|values| values.get(&field)).cloned().unwrap_or_else(null);
            // A row that nobody had loaded, and that is not there yet: nothing can be overwritten.
            if field.same(&before, &current) || now.is_empty() {
                changes.push(Change { field, old: current, new: new.clone() });
            } else {
                clashes.push(Clash { field, loaded: before, mine: new.clone(), theirs: current });
            }
        }
        (changes, clashes)
    }

    /// A mood that is set without a time has none: the time of the one before it goes with that.
    pub fn end_expiry(&mut self) {
        let loaded = self.master.as_ref().or(self.replica.as_ref());
        let had = loaded.and_then(|v| v.get(&Field::Expires)).is_some_and(|v| v != NULL);
        if had && self.set.contains_key(&Field::Mood) {
            self.set.entry(Field::Expires).or_insert_with(|| NULL.to_owned());
        }
    }

    /// Decides one clash: mine stays wanted, now knowing theirs; or theirs stays.
    pub fn decide(&mut self, clash: &Clash, mine: bool) {
        if !mine {
            self.set.remove(&clash.field);
        }
        for side in [&mut self.master, &mut self.replica].into_iter().flatten() {
            side.insert(clash.field, clash.theirs.clone());
        }
    }

    /// The number of a history row: the same for the same field of the same change.
    pub fn transition_id(&self, field: Field) -> Uuid {
        Uuid::from_u128(self.id.as_u128() ^ (field as u128 + 1))
    }
}

/// A document with the fields by name; values as they are.
#[derive(Serialize)]
struct Named<'a> {
    field: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    loaded: Option<&'a serde_json::value::RawValue>,
    old: &'a serde_json::value::RawValue,
    new: &'a serde_json::value::RawValue,
}

fn raw(json: &str) -> &serde_json::value::RawValue {
    serde_json::from_str(json).unwrap_or(serde_json::value::RawValue::NULL)
}

impl Serialize for Change {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Named { field: self.field.name(), loaded: None, old: raw(&self.old), new: raw(&self.new) }.serialize(s)
    }
}

impl Serialize for Clash {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let loaded = Some(raw(&self.loaded));
        Named { field: self.field.name(), loaded, old: raw(&self.theirs), new: raw(&self.mine) }.serialize(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(list: &[(Field, &str)]) -> Values {
        list.iter().map(|(f, v)| (*f, (*v).to_owned())).collect()
    }

    fn edit() -> Edit {
        let mut edit = Edit::new("allan", "me", "test");
        edit.master = Some(values(&[(Field::GandhiGenghis, "5"), (Field::Turbo, "5"), (Field::Auto, "5")]));
        edit.set = values(&[(Field::GandhiGenghis, "7"), (Field::Turbo, "6")]);
        edit
    }

    #[test]
    fn a_column_that_others_changed_is_a_clash_and_other_columns_are_not_touched() {
        let now = values(&[(Field::GandhiGenghis, "9"), (Field::Turbo, "5"), (Field::Auto, "1")]);
        let (changes, clashes) = edit().against(&now, Basis::Master);
        assert_eq!(changes, [Change { field: Field::Turbo, old: "5".into(), new: "6".into() }]);
        let clash = Clash { field: Field::GandhiGenghis, loaded: "5".into(), mine: "7".into(), theirs: "9".into() };
        assert_eq!(clashes, std::slice::from_ref(&clash));

        let (mut mine, mut theirs) = (edit(), edit());
        mine.decide(&clash, true);
        assert_eq!(mine.against(&now, Basis::Master).0.len(), 2);
        theirs.decide(&clash, false);
        assert_eq!(theirs.against(&now, Basis::Master), (changes, vec![]));
    }

    #[test]
    fn what_is_wanted_already_is_nothing_to_do_and_no_clash() {
        let now = values(&[(Field::GandhiGenghis, "7"), (Field::Turbo, "6")]);
        assert_eq!(edit().against(&now, Basis::Master), (vec![], vec![]));
    }

    #[test]
    fn a_side_that_was_not_loaded_is_judged_by_the_other_one() {
        let now = values(&[(Field::GandhiGenghis, "5"), (Field::Turbo, "4")]);
        let (changes, clashes) = edit().against(&now, Basis::Replica);
        assert_eq!((changes.len(), clashes.len()), (1, 1));
        let mut blind = edit();
        blind.master = None;
        assert_eq!(blind.against(&now, Basis::Replica).1.len(), 2, "what nobody saw is not overwritten");
        assert_eq!(
            blind.against(&Values::new(), Basis::Replica).0.len(),
            2,
            "where there is no row there is nothing to lose"
        );
    }
}
