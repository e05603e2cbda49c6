//! Numbers, ages and sizes as people read them.

use std::time::Duration;

/// A count with thin grouping: `12 408`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// A count where nothing is the usual case: `·` for zero.
pub fn count_or_dot(n: u64) -> String {
    if n == 0 { "·".to_owned() } else { count(n) }
}

/// An age in its largest unit: `8s 3m 2h 4d`.
pub fn age(age: Duration) -> String {
    let s = age.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m", s / 60),
        3_600..86_400 => format!("{}h", s / 3_600),
        _ => format!("{}d", s / 86_400),
    }
}

/// A short time with its unit: `0.3 ms`, `18 ms`, `0.4 s`, `12 s`, then as [`age`].
pub fn span(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    match ms {
        m if m < 9.95 => format!("{m:.1} ms"),
        m if m < 399.5 => format!("{m:.0} ms"),
        m if m < 9_950.0 => format!("{:.1} s", m / 1000.0),
        m if m < 60_000.0 => format!("{:.0} s", m / 1000.0),
        _ => age(time),
    }
}

/// A size with its unit: `410 MB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 9.95 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// A noun with its number: `1 entry`, `37 entries`.
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last `cells` values as bars; the highest is full, zero is the lowest bar.
pub fn sparkline(values: &[f64], cells: usize) -> String {
    let shown = &values[values.len().saturating_sub(cells)..];
    let peak = shown.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
    shown
        .iter()
        .map(|&v| {
            if peak <= 0.0 || !v.is_finite() || v <= 0.0 {
                return BARS[0];
            }
            BARS[((v / peak * 7.0).round() as usize).min(7)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        for (n, text) in [(0, "0"), (999, "999"), (1_204, "1 204"), (12_408, "12 408"), (1_000_000, "1 000 000")] {
            assert_eq!(count(n), text);
        }
        assert_eq!(count_or_dot(0), "·");
        assert_eq!(
            (plural(1, "entry", "entries"), plural(37, "entry", "entries")),
            ("1 entry".into(), "37 entries".into())
        );
    }

    #[test]
    fn ages_take_their_largest_unit() {
        for (s, text) in [(0, "0s"), (59, "59s"), (60, "1m"), (7_200, "2h"), (86_399, "23h"), (345_600, "4d")] {
            assert_eq!(age(Duration::from_secs(s)), text);
        }
        for (us, text) in
            [(300, "0.3 ms"), (18_000, "18 ms"), (400_000, "0.4 s"), (12_000_000, "12 s"), (180_000_000, "3m")]
        {
            assert_eq!(span(Duration::from_micros(us)), text);
        }
    }

    #[test]
    fn sizes_have_units() {
        for (b, text) in [(0, "0 B"), (999, "999 B"), (1_536, "1.5 kB"), (14 << 20, "14 MB"), (12 << 30, "12 GB")] {
            assert_eq!(size(b), text);
        }
    }

    #[test]
    fn a_sparkline_is_scaled_to_its_peak_and_survives_nonsense() {
        assert_eq!(sparkline(&[0.0, 1.0, 2.0, 4.0, 8.0], 5), "▁▂▃▅█");
        assert_eq!(sparkline(&[0.0, 0.0], 8), "▁▁");
        assert_eq!(sparkline(&[1.0, 2.0, 3.0], 2), "▆█");
        assert_eq!(sparkline(&[f64::NAN, f64::INFINITY, 1.0], 3), "▁▁█");
        assert_eq!(sparkline(&[], 3), "");
    }
}
