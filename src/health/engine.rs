//! Reads an engine's `application_name`: `robbie engine 30s pid 4711@laptop`.

/// What an engine's lock session says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineName {
    /// Seconds between two cycles.
    pub interval_s: f64,
    /// The process.
    pub pid: u32,
    /// The machine (cut where PostgreSQL cuts the name at 63 bytes).
    pub host: String,
}

/// Parses an `application_name`; `None` for anything that is not an engine's.
pub fn parse(application_name: &str) -> Option<EngineName> {
    let rest = application_name.strip_prefix("robbie engine ")?;
    let (interval, rest) = rest.split_once(" pid ")?;
    let (pid, host) = rest.split_once('@').unwrap_or((rest, ""));
    Some(EngineName { interval_s: seconds(interval)?, pid: pid.parse().ok()?, host: host.to_owned() })
}

/// `30s`, `0.5s`, `250ms`, `2m` in seconds; only finite positive values.
fn seconds(text: &str) -> Option<f64> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "s" | "" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let value = number.parse::<f64>().ok()? * factor;
    (value.is_finite() && value > 0.0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("robbie engine 30s pid 4711@laptop", Some((30.0, 4711, "laptop")))]
    #[case("robbie engine 0.5s pid 1@a.b.c", Some((0.5, 1, "a.b.c")))]
    #[case("robbie engine 250ms pid 9@h", Some((0.25, 9, "h")))]
    #[case("robbie engine 2m pid 9@", Some((120.0, 9, "")))]
    #[case("robbie engine 30s pid 4711", Some((30.0, 4711, "")))]
    #[case("robbie engine pid 4711@laptop", None)]
    #[case("robbie engine 30s pid x@laptop", None)]
    #[case("robbie engine 0s pid 1@h", None)]
    #[case("robbie engine -3s pid 1@h", None)]
    #[case("robbie engine ..s pid 1@h", None)]
    #[case("robbie console", None)]
    #[case("psql", None)]
    fn names_of_engines_are_read(#[case] name: &str, #[case] want: Option<(f64, u32, &str)>) {
        let got = parse(name);
        let want = want.map(|(interval_s, pid, host)| EngineName { interval_s, pid, host: host.into() });
        assert_eq!(got, want);
    }
}
