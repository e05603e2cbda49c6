//! From typed text to a filter, or to a column and what was expected there.

use super::super::{State, Verdict};
use super::{Column, Comparison, Filter, FilterError, Moment, Test, TextField, TimeField};

/// The fields a person may name, with an example of each; help and errors are written from it.
pub const FIELDS: [(&str, &str); 14] = [
    ("state", "state:failed,blocked"),
    ("table", "table:code_*"),
    ("op", "op:insert"),
    ("error", "error:\"too long\""),
    ("sqlstate", "sqlstate:23503"),
    ("verdict", "verdict:waits_for_parent"),
    ("object", "object:title"),
    ("id", "id:4f2a"),
    ("key", "key:9b1e"),
    ("attempts", "attempts>3"),
    ("age", "age>1h"),
    ("created", "created:2026-11-01.."),
    ("synced", "synced:2026-11-01"),
    ("tried", "tried>2026-11-01T08:00"),
];

/// How deep parentheses and `!` may nest.
const DEPTH: usize = 64;
/// A hundred years in seconds: no age is above it.
const LONGEST: u64 = 100 * 365 * 86_400;

/// Reads a filter; the empty text lets everything pass.
pub fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0 };
    reader.spaces();
    if reader.peek().is_none() {
        return Ok(Filter::everything());
    }
    let filter = reader.any(0)?;
    match reader.peek() {
        None => Ok(filter),
        Some(_) => Err(reader.error("this ) closes nothing")),
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }
    fn spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }
    fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError::new(self.at + 1, message)
    }

    /// Whether the keyword stands here as a whole word.
    fn keyword(&self, word: &str) -> bool {
        let end = self.at + word.len();
        self.chars.get(self.at..end).is_some_and(|found| found.iter().copied().eq(word.chars()))
            && self.chars.get(end).is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '!'))
    }

    fn any(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut choices = vec![self.all(depth)?];
        while self.keyword("OR") {
            self.at += 2;
            self.spaces();
            choices.push(self.all(depth)?);
        }
        Ok(if choices.len() == 1 { choices.remove(0) } else { Filter::Any(choices) })
    }

    fn all(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.one(depth)?];
        loop {
            self.spaces();
            if self.keyword("AND") {
                self.at += 3;
                self.spaces();
                parts.push(self.one(depth)?);
                continue;
            }
            if self.peek().is_none_or(|c| c == ')') || self.keyword("OR") {
                break;
            }
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth >= DEPTH {
            return Err(self.error(format!("nested deeper than {DEPTH}")));
        }
        match self.peek() {
            None => Err(self.error("expected a word, a field or (")),
            Some(')') => Err(self.error("expected a word or a field before )")),
            Some('!') => {
                self.at += 1;
                if self.peek().is_none_or(char::is_whitespace) {
                    return Err(self.error("expected what ! negates"));
                }
                Ok(Filter::Not(Box::new(self.one(depth + 1)?)))
            }
            Some('(') => {
                let open = self.at + 1;
                self.at += 1;
                self.spaces();
                let inner = self.any(depth + 1)?;
                if self.peek() != Some(')') {
                    return Err(FilterError::new(open, "this ( is never closed"));
                }
                self.at += 1;
                Ok(inner)
            }
            Some(_) if self.keyword("OR") || self.keyword("AND") => {
                Err(self.error("expected a word or a field; put OR and AND in quotes to look for them"))
            }
            Some(_) => {
                let column = Column(self.at + 1);
                Ok(Filter::Test(self.test()?, column))
            }
        }
    }

    fn test(&mut self) -> Result<Test, FilterError> {
        if self.peek() == Some('"') {
            return Ok(Test::Word(self.quoted()?));
        }
        let start = self.at;
        if let Some(name) = self.field_name()? {
            let sign_at = self.at;
            if let Some(sign) = self.sign() {
                return self.field(&name, start, sign, sign_at);
            }
        }
        self.at = start;
        Ok(Test::Word(self.bare()))
    }

    /// A name that could be a field, with quoted path steps; the reader stands after it.
    fn field_name(&mut self) -> Result<Option<Vec<String>>, FilterError> {
        if !self.peek().is_some_and(|c| c.is_alphabetic() || c == '_') {
            return Ok(None);
        }
        let mut steps = vec![String::new()];
        while let Some(c) = self.peek() {
            let last = steps.len() - 1;
            match c {
                '.' => {
                    self.at += 1;
                    steps.push(String::new());
                }
                '"' if last > 0 && steps[last].is_empty() && steps[0].eq_ignore_ascii_case("data") => {
                    steps[last] = self.quoted()?;
                }
                ':' | '<' | '>' | '=' | '(' | ')' | '"' | ',' | '!' => break,
                c if c.is_whitespace() => break,
                c => {
                    self.at += 1;
                    steps[last].push(c);
                }
            }
        }
        Ok(Some(steps))
    }

    fn sign(&mut self) -> Option<Comparison> {
        let (sign, length) = match (self.peek()?, self.chars.get(self.at + 1)) {
            ('>', Some('=')) => (Comparison::AtLeast, 2),
            ('<', Some('=')) => (Comparison::AtMost, 2),
            ('>', _) => (Comparison::More, 1),
            ('<', _) => (Comparison::Less, 1),
            (':' | '=', _) => (Comparison::Equal, 1),
            _ => return None,
        };
        self.at += length;
        Some(sign)
    }

    fn field(&mut self, name: &[String], start: usize, sign: Comparison, sign_at: usize) -> Result<Test, FilterError> {
        let values_at = self.at;
        let wrong_sign = |name: &str| FilterError::new(sign_at + 1, format!("{name} takes : and a value"));
        let text = |reader: &mut Self, field: TextField| match sign {
            Comparison::Equal => Ok(Test::Text(field, reader.values(&name[0])?)),
            _ => Err(wrong_sign(&name[0])),
        };
        if name[0].eq_ignore_ascii_case("data") && name.len() > 1 {
            return self.data(&name[1..], start, sign);
        }
        if name.len() > 1 {
            return Err(unknown(&name.join("."), start));
        }
        match name[0].to_ascii_lowercase().as_str() {
            "table" => text(self, TextField::Table),
            "op" | "operation" => text(self, TextField::Operation),
            "error" => text(self, TextField::Error),
            "sqlstate" => text(self, TextField::Sqlstate),
            "object" => text(self, TextField::Object),
            "id" => text(self, TextField::Id),
            "key" => text(self, TextField::Key),
            "state" if sign == Comparison::Equal => {
                let states = self.values("state")?;
                let read = |name: &String| State::from_name(name);
                named(&states, read, values_at, "a state: pending, failed, blocked, synced or discarded")
                    .map(Test::State)
            }
            "verdict" if sign == Comparison::Equal => {
                let verdicts = self.values("verdict")?;
                let names: Vec<_> = Verdict::ALL.iter().map(|v| v.name()).collect();
                let read = |name: &String| Verdict::from_name(&name.replace([' ', '-'], "_").to_lowercase());
                named(&verdicts, read, values_at, &format!("a verdict: {}", names.join(", "))).map(Test::Verdict)
            }
            "state" | "verdict" => Err(wrong_sign(&name[0])),
            "attempts" => {
                let value = self.value("attempts")?;
                let count = value.parse().map_err(|_| FilterError::new(values_at + 1, "expected a whole number"))?;
                Ok(Test::Attempts(sign, count))
            }
            "age" => {
                let value = self.value("age")?;
                let seconds = duration(&value)
                    .ok_or_else(|| FilterError::new(values_at + 1, "expected an age such as 30s, 15m, 1h, 2d or 3w"))?;
                Ok(Test::Age(sign, seconds))
            }
            "created" => self.time(TimeField::Created, sign, "created"),
            "synced" => self.time(TimeField::Synced, sign, "synced"),
            "tried" => self.time(TimeField::Tried, sign, "tried"),
            _ => Err(unknown(&name[0], start)),
        }
    }

    fn data(&mut self, path: &[String], start: usize, sign: Comparison) -> Result<Test, FilterError> {
        if path.iter().any(String::is_empty) {
            return Err(FilterError::new(start + 1, "expected a path such as data.metadata.model, with no empty step"));
        }
        let values_at = self.at;
        if sign == Comparison::Equal {
            return Ok(Test::DataIs(path.to_vec(), self.values("data path")?));
        }
        let value = self.value("data path")?;
        if !is_number(&value) {
            return Err(FilterError::new(values_at + 1, "expected a number, such as 5 or -0.25"));
        }
        Ok(Test::DataCompares(path.to_vec(), sign, value))
    }

    fn time(&mut self, field: TimeField, sign: Comparison, name: &str) -> Result<Test, FilterError> {
        let values_at = self.at;
        let value = self.value(name)?;
        let expected = || {
            FilterError::new(values_at + 1, "expected a date such as 2026-11-01 or 2026-11-01T08:30, or a range a..b")
        };
        let read = |text: &str| Moment::read(text).ok_or_else(expected);
        if sign != Comparison::Equal {
            return Ok(Test::TimeCompares(field, sign, read(&value)?));
        }
        let Some((from, to)) = value.split_once("..") else {
            let moment = read(&value)?;
            return Ok(Test::Time(field, Some(moment), Some(moment)));
        };
        let end = |text: &str| if text.is_empty() { Ok(None) } else { read(text).map(Some) };
        let (from, to) = (end(from)?, end(to)?);
        if from.is_none() && to.is_none() {
            return Err(expected());
        }
        Ok(Test::Time(field, from, to))
    }

    fn value(&mut self, name: &str) -> Result<String, FilterError> {
        let at = self.at;
        let mut values = self.values(name)?;
        if values.len() > 1 {
            return Err(FilterError::new(at + 1, format!("{name} takes one value here")));
        }
        Ok(values.remove(0))
    }

    fn values(&mut self, name: &str) -> Result<Vec<String>, FilterError> {
        let mut values = Vec::new();
        loop {
            let value = if self.peek() == Some('"') { self.quoted()? } else { self.listed() };
            if value.is_empty() {
                return Err(self.error(format!("expected a value for {name}")));
            }
            values.push(value);
            if self.peek() != Some(',') {
                return Ok(values);
            }
            self.at += 1;
        }
    }

    fn listed(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|c| !c.is_whitespace() && !matches!(c, ',' | '(' | ')' | '"')) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    fn bare(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"')) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        let open = self.at + 1;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '"' => return Ok(text),
                '\\' if matches!(self.peek(), Some('"' | '\\')) => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                c => text.push(c),
            }
        }
        Err(FilterError::new(open, "this \" is never closed"))
    }
}

fn unknown(name: &str, start: usize) -> FilterError {
    let fields: Vec<_> = FIELDS.iter().map(|(name, _)| *name).collect();
    FilterError::new(
        start + 1,
        format!(
            "no field is called {name}; there are {} and data.PATH (in quotes it is plain text)",
            fields.join(", ")
        ),
    )
}

fn named<T>(
    values: &[String],
    read: impl Fn(&String) -> Option<T>,
    at: usize,
    expected: &str,
) -> Result<Vec<T>, FilterError> {
    let mut column = at + 1;
    let mut found = Vec::new();
    for value in values {
        found.push(read(value).ok_or_else(|| FilterError::new(column, format!("expected {expected}")))?);
        column += value.chars().count() + 1;
    }
    Ok(found)
}

fn duration(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let count: u64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    count.checked_mul(unit).filter(|seconds| *seconds <= LONGEST)
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    text.len() <= 100 && all(whole) && all(part)
}
