//! Robbie's personality: her mood and levels as the databases hold them.
//!
//! Both deployed shapes of `robbie_personality_state` are understood, and the canonical one that holds both. Everything about one
//! side is here; what both sides and the queue have to do with it is `sync::mood`.

mod drawings;
mod edit;
mod expiry;
mod field;
pub mod history;
pub mod limits;
mod meanings;
pub mod presets;
mod sheet;
mod store;
mod write;

pub use drawings::{SIZE as DRAWING, drawing};
pub use edit::{Basis, Change, Clash, Edit};
pub use expiry::expire;
pub use field::{Field, Kind, Values};
pub use meanings::{band, meaning};
pub use sheet::{Person, Row, Shape, Sheet, people, shape, sheet, values_of};
pub use store::read;
pub use write::{Attempt, preview, write};

/// One of Robbie's six moods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mood {
    /// Open and warm.
    Friendly,
    /// At work.
    Focused,
    /// Not quite serious.
    Playful,
    /// Knows what you should do.
    Bossy,
    /// Did not expect that.
    Surprised,
    /// Flattered.
    Blushing,
}

impl Mood {
    /// All moods, in the order the databases list them.
    pub const ALL: [Self; 6] =
        [Self::Friendly, Self::Focused, Self::Playful, Self::Bossy, Self::Surprised, Self::Blushing];

    /// The name as the database spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Friendly => "friendly",
            Self::Focused => "focused",
            Self::Playful => "playful",
            Self::Bossy => "bossy",
            Self::Surprised => "surprised",
            Self::Blushing => "blushing",
        }
    }

    /// Reads a name, whatever its case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mood| mood.name().eq_ignore_ascii_case(name.trim()))
    }

    /// The face that goes with it, five cells wide.
    pub fn face(self) -> &'static str {
        match self {
            Self::Friendly => "(^‿^)",
            Self::Focused => "(•‿•)",
            Self::Playful => "(^ω~)",
            Self::Bossy => "(¬_¬)",
            Self::Surprised => "(°o°)",
            Self::Blushing => "(⁄‿⁄)",
        }
    }
}

impl std::fmt::Display for Mood {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What one side holds about one user; a column that does not exist there is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct State {
    /// The mood, if it is one of the six.
    pub mood: Option<Mood>,
    /// The mood as stored, where it is not.
    pub mood_text: Option<String>,
    /// Gandhi (1) to Genghis (10).
    pub gandhi_genghis: Option<i32>,
    /// Attraction, 1 to 11.
    pub attraction: Option<i32>,
    /// Turbo, 1 to 10.
    pub turbo: Option<i32>,
    /// Auto, 1 to 10.
    pub auto: Option<i32>,
    /// Intensity of the mood, 1 to 10.
    pub intensity: Option<i32>,
    /// When it was last written, as the server prints it.
    pub updated_at: Option<String>,
}

impl State {
    /// Reads a row that came as JSON, of either shape: `gandhi_genghis_level` or `gandhi_genghis`, and so on.
    pub fn from_row(row: &serde_json::Map<String, serde_json::Value>) -> Self {
        let number =
            |names: &[&str]| names.iter().find_map(|name| row.get(*name)?.as_i64()).and_then(|n| i32::try_from(n).ok());
        let text = |name: &str| row.get(name).and_then(|v| v.as_str()).map(ToOwned::to_owned);
        let stored = text("current_mood");
        let mood = stored.as_deref().and_then(Mood::from_name);
        Self {
            mood,
            mood_text: stored.filter(|_| mood.is_none()),
            gandhi_genghis: number(&["gandhi_genghis_level", "gandhi_genghis"]),
            attraction: number(&["attraction_level", "attraction"]),
            turbo: number(&["turbo_level", "turbo"]),
            auto: number(&["auto_level", "auto"]),
            intensity: number(&["mood_intensity"]),
            updated_at: text("updated_at"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    fn row(json: &str) -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_mood_has_its_own_face_of_one_width() {
        let faces: std::collections::HashSet<_> = Mood::ALL.map(Mood::face).into_iter().collect();
        assert_eq!(faces.len(), 6);
        assert!(faces.iter().all(|f| f.width() == 5), "{faces:?}");
        assert!(Mood::ALL.into_iter().all(|m| Mood::from_name(m.name()) == Some(m)));
    }

    #[test]
    fn both_deployed_shapes_are_read() {
        let lean = State::from_row(&row(
            r#"{"user_id":"allan","current_mood":"focused","gandhi_genghis_level":5,"attraction_level":8}"#,
        ));
        let full = State::from_row(&row(
            r#"{"user_id":"allan","current_mood":"Focused","gandhi_genghis":5,"attraction":8,"turbo":3,"auto":2,"mood_intensity":7}"#,
        ));
        assert_eq!((lean.mood, lean.gandhi_genghis, lean.attraction), (Some(Mood::Focused), Some(5), Some(8)));
        assert_eq!((full.mood, full.gandhi_genghis, full.attraction), (Some(Mood::Focused), Some(5), Some(8)));
        assert_eq!((full.turbo, full.auto, full.intensity, lean.turbo), (Some(3), Some(2), Some(7), None));
    }

    #[test]
    fn a_mood_that_is_none_of_the_six_is_kept_as_text() {
        let state = State::from_row(&row(r#"{"current_mood":"grumpy","attraction":null}"#));
        assert_eq!((state.mood, state.mood_text.as_deref(), state.attraction), (None, Some("grumpy"), None));
    }
}
