//! A small drawing of Robbie per mood: plain characters, so that it reads without colours too.

use super::Mood;

/// The cells a drawing is wide, and the lines it has.
pub const SIZE: (u16, u16) = (14, 6);

/// The drawing of a mood; of none that is known, a face that shows nothing.
pub fn drawing(mood: Option<Mood>) -> &'static str {
    match mood {
        Some(Mood::Friendly) => include_str!("../../assets/moods/friendly.txt"),
        Some(Mood::Focused) => include_str!("../../assets/moods/focused.txt"),
        Some(Mood::Playful) => include_str!("../../assets/moods/playful.txt"),
        Some(Mood::Bossy) => include_str!("../../assets/moods/bossy.txt"),
        Some(Mood::Surprised) => include_str!("../../assets/moods/surprised.txt"),
        Some(Mood::Blushing) => include_str!("../../assets/moods/blushing.txt"),
        None => include_str!("../../assets/moods/unknown.txt"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mood_has_a_drawing_of_its_own_of_one_size() {
        let all: Vec<&str> = Mood::ALL.into_iter().map(Some).chain([None]).map(drawing).collect();
        for one in &all {
            assert_eq!(one.lines().count(), usize::from(SIZE.1), "{one}");
            assert!(one.lines().all(|l| l.is_ascii() && l.len() <= usize::from(SIZE.0)), "{one}");
            assert_eq!(all.iter().filter(|other| *other == one).count(), 1, "{one}");
        }
    }
}
