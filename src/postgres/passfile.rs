//! libpq's password file: `host:port:database:user:password`, first match wins.

use secrecy::SecretString;
use std::path::{Path, PathBuf};

/// What a password file had to say.
#[derive(Debug)]
pub enum Looked {
    /// A line matched.
    Found(SecretString),
    /// There is no file, or no line matches.
    Nothing,
    /// The file is ignored, as libpq ignores it: others can read it.
    TooOpen {
        /// The file.
        file: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// Whom a password is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Host name as written, or `localhost` for a Unix socket.
    pub host: &'a str,
    /// Port.
    pub port: u16,
    /// Database.
    pub database: &'a str,
    /// User.
    pub user: &'a str,
}

/// Looks the password up; a file that does not exist has none.
pub fn look_up(file: &Path, wanted: Wanted<'_>) -> Looked {
    if let Some(mode) = too_open(file) {
        return Looked::TooOpen { file: file.to_owned(), mode };
    }
    std::fs::read_to_string(file)
        .map_or(Looked::Nothing, |text| find(&text, wanted).map_or(Looked::Nothing, Looked::Found))
}

/// The permission bits of a file that its group or everybody may read or write.
#[cfg(unix)]
pub fn too_open(file: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(file).ok()?;
    let mode = metadata.permissions().mode() & 0o777;
    (metadata.is_file() && mode & 0o077 != 0).then_some(mode)
}

/// Permissions are not judged here.
#[cfg(not(unix))]
pub fn too_open(_file: &Path) -> Option<u32> {
    None
}

fn find(text: &str, wanted: Wanted<'_>) -> Option<SecretString> {
    let port = wanted.port.to_string();
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = fields(line).into_iter();
        let fits = [wanted.host, &port, wanted.database, wanted.user]
            .iter()
            .all(|want| fields.next().is_some_and(|field| field.fits(want)));
        let password = fields.next().filter(|_| fits)?;
        Some(password.text.into())
    })
}

#[derive(Default)]
struct Field {
    text: String,
    escaped: bool,
}

impl Field {
    fn fits(&self, wanted: &str) -> bool {
        (self.text == "*" && !self.escaped) || self.text == wanted
    }
}

/// Splits at colons; a backslash takes the next character as it is. The fifth field is the rest of the line.
fn fields(line: &str) -> Vec<Field> {
    let mut fields = vec![Field::default()];
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        let last = fields.len() - 1;
        match c {
            ':' if last < 4 => fields.push(Field::default()),
            '\\' => {
                fields[last].escaped = true;
                fields[last].text.extend(characters.next());
            }
            c => fields[last].text.push(c),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const WANTED: Wanted<'_> = Wanted { host: "db.example", port: 5433, database: "robbie", user: "allan" };

    fn found(text: &str) -> Option<String> {
        find(text, WANTED).map(|s| s.expose_secret().to_owned())
    }

    #[test]
    fn the_first_matching_line_wins() {
        let text = "# db.example:5433:robbie:allan:comment\nother:*:*:*:no\ndb.example:*:*:allan:yes\n*:*:*:*:late";
        assert_eq!(found(text).as_deref(), Some("yes"));
    }

    #[test]
    fn every_field_must_fit() {
        assert_eq!(found("db.example:5432:robbie:allan:x"), None);
        assert_eq!(found("db.example:5433:other:allan:x"), None);
        assert_eq!(found("db.example:5433:robbie:eve:x"), None);
        assert_eq!(found("db.example:5433:robbie:allan"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn colons_and_backslashes_are_escaped() {
        assert_eq!(found(r"*:*:*:*:a\:b\\c").as_deref(), Some(r"a:b\c"));
        assert_eq!(found("*:*:*:*:a:b").as_deref(), Some("a:b"), "the password is the rest of the line");
        assert_eq!(found(r"\*:*:*:*:x"), None, "an escaped star is a star");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_ignored_and_named() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgpass");
        std::fs::write(&file, "*:*:*:*:secret").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(look_up(&file, WANTED), Looked::TooOpen { mode: 0o644, .. }));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(look_up(&file, WANTED), Looked::Found(_)));
        assert!(matches!(look_up(&folder.path().join("none"), WANTED), Looked::Nothing));
    }
}
