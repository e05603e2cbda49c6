//! The state as it is edited: what is wanted, on what it is based, and what the keys do to a field.

use crate::personality::{Edit, Field, Kind, Mood, Person, Values, limits};

/// What is edited for one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The user.
    pub user: String,
    /// What the master held when the editing began.
    pub master: Option<Values>,
    /// What the replica held then.
    pub replica: Option<Values>,
    /// What is wanted; only what differs.
    pub set: Values,
}

impl Draft {
    /// Nothing edited yet.
    pub fn of(person: &Person, reached: [bool; 2]) -> Self {
        let held = |row: &Option<crate::personality::Row>, reached: bool| {
            reached.then(|| row.as_ref().map(|r| r.values.clone()).unwrap_or_default())
        };
        Self {
            user: person.user.clone(),
            master: held(&person.master, reached[0]),
            replica: held(&person.replica, reached[1]),
            set: Values::new(),
        }
    }

    /// What is there without the edits.
    pub fn base(&self, field: Field) -> Option<&String> {
        let side = |values: &'_ Option<Values>| values.as_ref().is_some_and(|v| v.contains_key(&field));
        let held = if side(&self.master) { &self.master } else { &self.replica };
        held.as_ref().and_then(|v| v.get(&field))
    }

    /// A field as it is edited.
    pub fn value(&self, field: Field) -> &str {
        self.set.get(&field).or_else(|| self.base(field)).map_or("null", String::as_str)
    }

    /// Wants a value; what is as it was is not wanted any more.
    pub fn put(&mut self, field: Field, json: String) {
        if field.same(self.base(field).map_or("null", String::as_str), &json) {
            self.set.remove(&field);
        } else {
            self.set.insert(field, json);
        }
    }

    /// Whether a field is edited and not saved.
    pub fn is_edited(&self, field: Field) -> bool {
        self.set.contains_key(&field)
    }

    /// One step to the left or the right; what speaks against it.
    pub fn step(&mut self, field: Field, right: bool) -> Result<(), String> {
        let json = self.value(field).to_owned();
        match field.kind() {
            Kind::Level(most) => {
                let level = json.parse::<i64>().unwrap_or(if right { 0 } else { most + 1 });
                self.level(field, (level + if right { 1 } else { -1 }).clamp(1, most))
            }
            Kind::Mood => {
                let at = field
                    .plain(&json)
                    .and_then(|m| Mood::from_name(&m))
                    .and_then(|m| Mood::ALL.iter().position(|o| *o == m));
                let next = match (at, right) {
                    (None, _) => 0,
                    (Some(i), true) => (i + 1) % Mood::ALL.len(),
                    (Some(i), false) => (i + Mood::ALL.len() - 1) % Mood::ALL.len(),
                };
                self.mood(Mood::ALL[next]);
                Ok(())
            }
            Kind::Flag => {
                self.put(field, if json == "true" { "false" } else { "true" }.to_owned());
                Ok(())
            }
            Kind::Moment | Kind::List | Kind::Text | Kind::Json => Ok(()),
        }
    }

    /// Wants a level, as far as this user may have it.
    pub fn level(&mut self, field: Field, level: i64) -> Result<(), String> {
        let json = level.to_string();
        if let Some(reason) = limits::refusal(field, &json, &self.user, chrono::DateTime::UNIX_EPOCH) {
            return Err(reason);
        }
        self.put(field, json);
        Ok(())
    }

    /// Wants a mood.
    pub fn mood(&mut self, mood: Mood) {
        self.put(Field::Mood, serde_json::Value::from(mood.name()).to_string());
    }

    /// The change that saving it is.
    pub fn edit(&self, actor: &str) -> Edit {
        let mut edit = Edit::new(&self.user, actor, "console");
        (edit.master, edit.replica, edit.set) = (self.master.clone(), self.replica.clone(), self.set.clone());
        edit.end_expiry();
        edit
    }

    /// Takes what both sides hold now. What is edited stays edited, and what it is based on stays too: that is how it is noticed
    /// that somebody else was first.
    pub fn refresh(&mut self, person: &Person, reached: [bool; 2]) {
        let fresh = Self::of(person, reached);
        for (mine, now) in [(&mut self.master, fresh.master), (&mut self.replica, fresh.replica)] {
            let Some(mut now) = now else { continue };
            if let Some(old) = mine.as_ref() {
                for field in self.set.keys() {
                    match old.get(field) {
                        Some(before) => drop(now.insert(*field, before.clone())),
                        None => drop(now.remove(field)),
                    }
                }
            }
            *mine = Some(now);
        }
        let set = std::mem::take(&mut self.set);
        for (field, json) in set {
            self.put(field, json);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personality::Row;

    fn person(level: &str) -> Person {
        let values = [
            (Field::GandhiGenghis, level.to_owned()),
            (Field::Mood, r#""blushing""#.to_owned()),
            (Field::Attraction, "7".to_owned()),
        ];
        let row = Row { user: "maya".into(), values: values.into(), ..Row::default() };
        Person { user: "maya".into(), master: Some(row.clone()), replica: Some(row) }
    }

    #[test]
    fn steps_stay_within_the_limits_of_the_user() {
        let mut draft = Draft::of(&person("9"), [true, true]);
        for _ in 0..5 {
            draft.step(Field::GandhiGenghis, true).unwrap();
        }
        assert_eq!(draft.value(Field::GandhiGenghis), "10");
        assert!(draft.step(Field::Attraction, true).unwrap_err().contains("allan only"));
        assert!(!draft.is_edited(Field::Attraction));
        draft.step(Field::GandhiGenghis, false).unwrap();
        assert!(!draft.is_edited(Field::GandhiGenghis), "back where it was is not edited");
        draft.step(Field::Mood, true).unwrap();
        assert_eq!(draft.value(Field::Mood), r#""friendly""#, "the moods go round");
    }

    #[test]
    fn what_others_change_meanwhile_is_taken_except_where_it_is_edited() {
        let mut draft = Draft::of(&person("5"), [true, true]);
        draft.put(Field::GandhiGenghis, "7".into());
        let mut now = person("2");
        for row in [&mut now.master, &mut now.replica].into_iter().flatten() {
            row.values.insert(Field::Attraction, "3".into());
        }
        draft.refresh(&now, [true, true]);
        assert_eq!((draft.value(Field::GandhiGenghis), draft.value(Field::Attraction)), ("7", "3"));
        assert_eq!(draft.edit("me").master.unwrap()[&Field::GandhiGenghis], "5", "its base is what was seen");
        draft.refresh(&now, [false, true]);
        assert!(draft.master.is_some(), "a side that is away is kept as it was seen");
    }
}
