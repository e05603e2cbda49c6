//! Numbers as people read them: ages, sizes, counts.

/// An age in its largest whole unit: `0.4 s`, `8 s`, `3 min`, `2 h`, `41 d`.
pub fn age(seconds: f64) -> String {
    let s = if seconds.is_finite() { seconds.max(0.0) } else { 0.0 };
    match s {
        s if s < 9.95 && s > 0.0 => format!("{s:.1} s"),
        s if s < 59.5 => format!("{s:.0} s"),
        s if s < 3600.0 => format!("{:.0} min", (s / 60.0).floor().max(1.0)),
        s if s < 2.0 * 86_400.0 => format!("{:.0} h", (s / 3600.0).floor()),
        s => format!("{:.0} d", (s / 86_400.0).floor()),
    }
}

/// The same, tight, for columns: `0.4s`, `8s`, `3m`, `2h`, `41d`.
pub fn short_age(seconds: f64) -> String {
    age(seconds).replace(" min", "m").replace(' ', "")
}

/// A size with three digits at most: `812 B`, `14 MB`, `1.2 GB`.
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = bytes.max(0) as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit > 1 && value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// A count with its thousands apart: `12 408` (a no-break thin gap would not survive every terminal: a plain space).
pub fn count(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        out.push('-');
    }
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// `1 entry`, `37 entries`.
pub fn entries(n: i64) -> String {
    if n == 1 { "1 entry".to_owned() } else { format!("{} entries", count(n)) }
}

/// A latency: `0.3 ms`, `18 ms`.
pub fn latency(ms: f64) -> String {
    if ms < 9.95 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

/// Text of a server made safe to print: control characters become visible marks, length is bounded.
pub fn safe(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    for (i, c) in text.chars().enumerate() {
        if i == most {
            out.push('…');
            break;
        }
        match c {
            '\u{0}'..='\u{1f}' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
            '\u{7f}' => out.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.0, "0 s")]
    #[case(0.04, "0.0 s")]
    #[case(0.4, "0.4 s")]
    #[case(9.94, "9.9 s")]
    #[case(9.96, "10 s")]
    #[case(59.4, "59 s")]
    #[case(59.6, "1 min")]
    #[case(61.0, "1 min")]
    #[case(7_300.0, "2 h")]
    #[case(90_000.0, "25 h")]
    #[case(3_542_400.0, "41 d")]
    #[case(-5.0, "0 s")]
    #[case(f64::NAN, "0 s")]
    fn ages(#[case] seconds: f64, #[case] want: &str) {
        assert_eq!(age(seconds), want);
    }

    #[rstest]
    #[case(0, "0")]
    #[case(999, "999")]
    #[case(1_204, "1 204")]
    #[case(184_201, "184 201")]
    #[case(-1_000_000, "-1 000 000")]
    fn counts(#[case] n: i64, #[case] want: &str) {
        assert_eq!(count(n), want);
    }

    #[rstest]
    #[case(812, "812 B")]
    #[case(1_000, "1 kB")]
    #[case(14 * 1024 * 1024, "14 MB")]
    #[case(8_500_000, "8.1 MB")]
    #[case(12 * 1024 * 1024 * 1024, "12 GB")]
    #[case(-1, "0 B")]
    fn sizes(#[case] bytes: i64, #[case] want: &str) {
        assert_eq!(size(bytes), want);
    }

    #[test]
    fn hostile_text_is_shown_and_never_obeyed() {
        assert_eq!(safe("a\u{1b}]0;x\u{7}b\n\u{9b}2J", 40), "a␛]0;x␇b␊\u{fffd}2J");
        assert_eq!(safe("abcdef", 3), "abc…");
        assert!(!safe("\u{202e}txet", 10).contains('\u{202e}'));
    }
}
