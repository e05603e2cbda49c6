//! Reading `config.toml`: every value with its line, every unknown key with the name that was meant.

use super::nearest::nearest;
use super::{Chosen, Origin, Place, Problem, Replica};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::{DeTable, DeValue};

/// The content of a configuration file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The profile used when none is asked for.
    pub profile: Option<Chosen<String>>,
    /// What holds for every profile.
    pub general: Preferences,
    /// The profiles, as they stand in the file.
    pub profiles: Vec<Profile>,
}

/// What may stand at the top of the file and in a profile.
#[derive(Clone, Debug, Default)]
pub struct Preferences {
    /// `protected`.
    pub protected: Option<Chosen<bool>>,
    /// `read_only`.
    pub read_only: Option<Chosen<bool>>,
    /// `theme`.
    pub theme: Option<Chosen<String>>,
    /// `interval`.
    pub interval: Option<Chosen<Duration>>,
    /// `keep`.
    pub keep: Option<Chosen<Duration>>,
    /// `mouse`.
    pub mouse: Option<Chosen<bool>>,
    /// `log_level`.
    pub log_level: Option<Chosen<String>>,
    /// `keys`, as written.
    pub keys: toml::Table,
    /// `[embeddings]`.
    pub embeddings: Option<Embeddings>,
}

/// `[embeddings]`: an OpenAI-compatible endpoint that turns texts into vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embeddings {
    /// `url`: what `/embeddings` is added to, such as `http://localhost:11434/v1`.
    pub url: String,
    /// `model`: also the name under which its vectors are stored.
    pub model: String,
    /// `key_variable`: the environment variable that holds the key.
    pub key_variable: Option<String>,
    /// `key_command`: a command that prints the key.
    pub key_command: Option<String>,
}

/// One `[profiles.NAME]`.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// `master`.
    pub master: Option<Chosen<Place>>,
    /// `replicas`.
    pub replicas: Vec<Replica>,
    /// The rest.
    pub preferences: Preferences,
}

impl Profile {
    /// A profile that chooses nothing.
    pub fn empty() -> Self {
        Self { name: String::new(), master: None, replicas: Vec::new(), preferences: Preferences::default() }
    }
}

const GENERAL: &[&str] = &[
    "profile",
    "profiles",
    "protected",
    "read_only",
    "theme",
    "interval",
    "keep",
    "mouse",
    "log_level",
    "keys",
    "embeddings",
];
const PROFILE: &[&str] = &[
    "master",
    "replicas",
    "protected",
    "read_only",
    "theme",
    "interval",
    "keep",
    "mouse",
    "log_level",
    "keys",
    "embeddings",
];
const EMBEDDINGS: &[&str] = &["url", "model", "key_variable", "key_command"];
const SERVER: &[&str] = &["url", "password_command"];
const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

impl File {
    /// Reads the file; one that does not exist is empty.
    pub fn read(path: &Path, must_exist: bool) -> Result<Self, Problem> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !must_exist => Ok(Self::default()),
            Err(e) => Err(Problem::new(format!("{} cannot be read: {e}", path.display()))),
        }
    }
    /// Reads the text of a file; `path` is for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Problem> {
        let reader = Reader { path, text };
        let document = DeTable::parse(text)
            .map_err(|e| Problem::new(e.message()).at(path, reader.line(e.span().map_or(0, |s| s.start))))?;
        let table = document.get_ref();
        reader.known(table, GENERAL, "the file")?;
        let mut profiles = Vec::new();
        if let Some(value) = table.get("profiles") {
            for (name, value) in reader.table(value.get_ref(), value.span().start, "profiles")? {
                profiles.push(reader.profile(name.get_ref(), value)?);
            }
        }
        let profile = reader.string(table, "profile")?;
        if let Some(chosen) = &profile
            && !profiles.iter().any(|p| p.name == chosen.value)
        {
            let names: Vec<&str> = profiles.iter().map(|p| p.name.as_str()).collect();
            let line = table.get("profile").map_or(1, |value| reader.line(value.span().start));
            return Err(no_such_profile(&chosen.value, &names).at(path, line));
        }
        Ok(Self { profile, general: reader.preferences(table)?, profiles })
    }
}

/// The problem that a profile is asked for that the file does not have.
pub fn no_such_profile(name: &str, names: &[&str]) -> Problem {
    let remedy = match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "the file has no profiles; `robbie config init` writes an example".to_owned(),
        None => format!("the profiles are {}", names.join(", ")),
    };
    Problem::new(format!("there is no profile `{name}`")).remedy(remedy)
}

/// `30s`, `5m`, `1h`, `7d`, `500ms`; a bare number is seconds.
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let millis = match text[digits..].trim() {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(millis)?)).filter(|d| !d.is_zero())
}

type Table<'a> = DeTable<'a>;

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).fold(1, |line, byte| line + usize::from(byte == b'\n'))
    }
    fn origin(&self, offset: usize) -> Origin {
        Origin::File { path: PathBuf::from(self.path), line: self.line(offset) }
    }
    fn wrong(&self, offset: usize, name: &str, wanted: &str) -> Problem {
        Problem::new(format!("`{name}` must be {wanted}")).at(self.path, self.line(offset))
    }
    fn known(&self, table: &Table<'a>, names: &[&str], of: &str) -> Result<(), Problem> {
        for (key, _) in table {
            let name = key.get_ref().as_ref();
            if !names.contains(&name) {
                let remedy = match nearest(name, names) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("here may stand: {}", names.join(", ")),
                };
                let problem = Problem::new(format!("`{name}` is no key of {of}"));
                return Err(problem.at(self.path, self.line(key.span().start)).remedy(remedy));
            }
        }
        Ok(())
    }
    fn table<'v>(&self, value: &'v DeValue<'a>, at: usize, name: &str) -> Result<&'v Table<'a>, Problem> {
        value.as_table().ok_or_else(|| self.wrong(at, name, "a table"))
    }
    fn get<T>(
        &self,
        table: &Table<'a>,
        name: &str,
        wanted: &str,
        take: impl Fn(&DeValue<'a>) -> Option<T>,
    ) -> Result<Option<Chosen<T>>, Problem> {
        let Some(value) = table.get(name) else { return Ok(None) };
        let at = value.span().start;
        let taken = take(value.get_ref()).ok_or_else(|| self.wrong(at, name, wanted))?;
        Ok(Some(Chosen::new(taken, self.origin(at))))
    }
    fn string(&self, table: &Table<'a>, name: &str) -> Result<Option<Chosen<String>>, Problem> {
        self.get(table, name, "a string", |v| v.as_str().map(ToOwned::to_owned))
    }
    fn boolean(&self, table: &Table<'a>, name: &str) -> Result<Option<Chosen<bool>>, Problem> {
        self.get(table, name, "true or false", DeValue::as_bool)
    }
    fn preferences(&self, table: &Table<'a>) -> Result<Preferences, Problem> {
        let mut keys = toml::Table::new();
        if let Some(value) = table.get("keys") {
            let at = value.span();
            self.table(value.get_ref(), at.start, "keys")?;
            for (action, value) in value.get_ref().as_table().into_iter().flatten() {
                keys.insert(action.get_ref().to_string(), self.key(action.get_ref(), value)?);
            }
        }
        Ok(Preferences {
            protected: self.boolean(table, "protected")?,
            read_only: self.boolean(table, "read_only")?,
            theme: self.string(table, "theme")?,
            interval: self.get(table, "interval", "a time such as \"30s\" or a number of seconds", |v| {
                v.as_str().map_or_else(|| v.as_integer().and_then(|n| duration(n.as_str())), duration)
            })?,
            keep: self.get(table, "keep", "a time of at least one day, such as \"30d\"", |v| {
                v.as_str().and_then(duration).filter(|keep| *keep >= Duration::from_hours(24))
            })?,
            mouse: self.boolean(table, "mouse")?,
            log_level: self.get(table, "log_level", &LEVELS.join(", "), |v| {
                v.as_str().filter(|s| LEVELS.contains(s)).map(ToOwned::to_owned)
            })?,
            keys,
            embeddings: table.get("embeddings").map(|value| self.embeddings(value)).transpose()?,
        })
    }
    fn embeddings(&self, value: &toml::Spanned<DeValue<'a>>) -> Result<Embeddings, Problem> {
        let at = value.span().start;
        let table = self.table(value.get_ref(), at, "embeddings")?;
        self.known(table, EMBEDDINGS, "embeddings")?;
        let text = |name| Ok::<_, Problem>(self.string(table, name)?.map(|chosen| chosen.value));
        let needed =
            |name| text(name)?.ok_or_else(|| self.wrong(at, "embeddings", "a table with a `url` and a `model`"));
        let (url, model) = (needed("url")?, needed("model")?);
        Ok(Embeddings { url, model, key_variable: text("key_variable")?, key_command: text("key_command")? })
    }
    /// One key override: a string, a list of strings, or a table of them (the keys of one pane).
    fn key(&self, action: &str, value: &toml::Spanned<DeValue<'a>>) -> Result<toml::Value, Problem> {
        let wrong = || self.wrong(value.span().start, action, "a key such as \"ctrl-r\", or a list of keys");
        match value.get_ref() {
            DeValue::String(key) => Ok(toml::Value::String(key.to_string())),
            DeValue::Array(list) => list
                .iter()
                .map(|v| v.get_ref().as_str().map(|s| toml::Value::String(s.to_owned())).ok_or_else(wrong))
                .collect::<Result<_, _>>()
                .map(toml::Value::Array),
            DeValue::Table(pane) => pane
                .iter()
                .map(|(name, value)| Ok((name.get_ref().to_string(), self.key(name.get_ref(), value)?)))
                .collect::<Result<_, _>>()
                .map(toml::Value::Table),
            _ => Err(wrong()),
        }
    }
    fn profile(&self, name: &str, value: &toml::Spanned<DeValue<'a>>) -> Result<Profile, Problem> {
        let table = self.table(value.get_ref(), value.span().start, name)?;
        self.known(table, PROFILE, "a profile")?;
        let master = table.get("master").map(|v| self.place("master", v)).transpose()?;
        let mut replicas = Vec::new();
        if let Some(value) = table.get("replicas") {
            for (name, value) in self.table(value.get_ref(), value.span().start, "replicas")? {
                let place = self.place(name.get_ref(), value)?;
                replicas.push(Replica { name: name.get_ref().to_string(), place });
            }
        }
        Ok(Profile { name: name.to_owned(), master, replicas, preferences: self.preferences(table)? })
    }
    /// A URL, or a table of a URL and the command that prints its password.
    fn place(&self, name: &str, value: &toml::Spanned<DeValue<'a>>) -> Result<Chosen<Place>, Problem> {
        let at = value.span().start;
        let (url, password_command) = match value.get_ref() {
            DeValue::String(url) => (url.to_string(), None),
            DeValue::Table(table) => {
                self.known(table, SERVER, "a server")?;
                let url = self.string(table, "url")?.ok_or_else(|| self.wrong(at, name, "a table with a `url`"))?;
                (url.value, self.string(table, "password_command")?.map(|c| c.value))
            }
            _ => return Err(self.wrong(at, name, "a URL, or a table with a `url`")),
        };
        Ok(Chosen::new(Place::written(url, password_command), self.origin(at)))
    }
}

#[cfg(test)]
mod tests;
