//! What a level means, spelled out.

use super::Field;

/// What a level of a field means; `None` for what has no levels.
pub fn meaning(field: Field, level: i64) -> Option<&'static str> {
    Some(match field {
        Field::GandhiGenghis => match level {
            ..=1 => "Gandhi: endlessly patient",
            2 => "Gandhi: gentle, patient",
            3 => "Gandhi: gentle, brief",
            4 => "balanced, rather gentle",
            5 => "balanced",
            6 => "balanced, rather direct",
            7 => "balanced, says it once",
            8 => "Genghis: direct",
            9 => "Genghis: direct, aggressive",
            10.. => "Genghis: no prisoners",
        },
        Field::Attraction => match level {
            ..=2 => "strictly business",
            3..=4 => "polite",
            5..=6 => "friendly",
            7 => "warm",
            8 => "flirty (allan only)",
            9 => "very flirty (allan only)",
            10 => "smitten (allan only)",
            11.. => "goes to 11 (allan only)",
        },
        Field::Turbo => match level {
            ..=3 => "takes its time",
            4..=7 => "keeps the pace",
            8.. => "as fast as it can",
        },
        Field::Auto => match level {
            ..=3 => "asks first",
            4..=7 => "asks where it matters",
            8.. => "acts by itself",
        },
        Field::Intensity => match level {
            ..=3 => "a hint of it",
            4..=7 => "clearly so",
            8.. => "unmistakably so",
        },
        _ => return None,
    })
}

/// The band of Gandhi–Genghis that a level is in.
pub fn band(level: i64) -> &'static str {
    match level {
        ..=3 => "Gandhi",
        4..=7 => "balanced",
        8.. => "Genghis",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bands_are_those_of_the_contract() {
        for level in 1..=10 {
            let words = meaning(Field::GandhiGenghis, level).unwrap();
            let begins = words.to_lowercase().starts_with(&band(level).to_lowercase());
            assert!(begins, "{level}: {words}");
        }
        for level in 1..=11 {
            let named = meaning(Field::Attraction, level).unwrap().contains("allan only");
            assert_eq!(named, level > 7);
        }
        assert_eq!(meaning(Field::Mood, 1), None);
    }
}
