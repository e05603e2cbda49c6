//! Connection strings as libpq reads them: URLs and `key=value` pairs, taken apart into parameters.

use super::{Fault, Kind};
use crate::settings::nearest;
use std::collections::BTreeMap;

/// Parameters by libpq's names. A later value of one name replaces an earlier one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<String, String>);

/// Parameters with a meaning here.
const KNOWN: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "options",
    "passfile",
    "password",
    "password_command",
    "port",
    "service",
    "servicefile",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Parameters that libpq knows and that change nothing here.
const IGNORED: &[&str] = &[
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "krbsrvname",
    "sslcompression",
    "sslsni",
];

impl Parameters {
    /// Reads a URL or a key=value string. The text stands in no error: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://")) {
            Some(rest) => url(rest),
            None if text.contains("://") => {
                let scheme = text.split("://").next().unwrap_or_default();
                Err(malformed(format!("`{scheme}://` is no scheme of PostgreSQL")))
            }
            None => pairs(text),
        }
    }
    /// The parameter, if it is set to something.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }
    /// Sets a parameter, if it has a meaning here.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        if KNOWN.contains(&name) {
            self.0.insert(name.to_owned(), value.to_owned());
            return Ok(());
        }
        if IGNORED.contains(&name) || value.is_empty() {
            return Ok(());
        }
        // A name that resembles nothing may be a piece of an unquoted password: it is not repeated.
        Err(match nearest(name, KNOWN) {
            Some(near) => {
                Fault::new(Kind::Settings, format!("the connection string has an unknown parameter `{name}`"))
                    .remedy(format!("did you mean `{near}`?"))
            }
            None => Fault::new(Kind::Settings, "the connection string has an unknown parameter")
                .remedy(format!("known are {}; quote a password that has spaces", KNOWN.join(", "))),
        })
    }
    /// Sets a parameter only where none is set.
    pub fn set_default(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|_| self.get(name).is_none()) {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hidden = |name: &str| name.starts_with("password");
        f.debug_map()
            .entries(self.0.iter().map(|(name, value)| (name, if hidden(name) { "***" } else { value })))
            .finish()
    }
}

fn malformed(message: impl Into<String>) -> Fault {
    Fault::new(Kind::Settings, message)
        .remedy("postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full, or host=… dbname=… user=…")
}

/// `user:password@host:port,host:port/database?name=value`.
fn url(text: &str) -> Result<Parameters, Fault> {
    let mut parameters = Parameters::default();
    let (text, query) = text.split_once('?').map_or((text, ""), |(t, q)| (t, q));
    let slash = text.find('/').unwrap_or(text.len());
    let (authority, database) = text.split_at(slash);
    if database.contains('@') {
        return Err(malformed("the URL has a `/` before its `@`")
            .remedy("write %2F for `/` and %40 for `@` in a user name or password"));
    }
    let hosts = match authority.rsplit_once('@') {
        None => authority,
        Some((user, hosts)) => {
            let (user, password) = user.split_once(':').map_or((user, None), |(u, p)| (u, Some(p)));
            parameters.put("user", &decode(user)?);
            if let Some(password) = password {
                parameters.put("password", &decode(password)?);
            }
            hosts
        }
    };
    host_list(hosts, &mut parameters)?;
    if let Some(database) = database.strip_prefix('/') {
        parameters.put("dbname", &decode(database)?);
    }
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| malformed("a parameter of the URL has no `=`"))?;
        let (name, value) = (decode(name)?, decode(value)?);
        // As JDBC writes it; libpq takes it too.
        match (name.as_str(), value.as_str()) {
            ("ssl", "true") => parameters.set("sslmode", "require")?,
            (name, value) => parameters.set(name, value)?,
        }
    }
    Ok(parameters)
}

fn host_list(text: &str, parameters: &mut Parameters) -> Result<(), Fault> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for host in text.split(',') {
        let (name, rest) = match host.strip_prefix('[') {
            Some(v6) => v6.split_once(']').ok_or_else(|| malformed("a host begins with `[` and has no `]`"))?,
            None => host.split_at(host.find(':').unwrap_or(host.len())),
        };
        let port = match rest.strip_prefix(':') {
            Some(port) => port,
            None if rest.is_empty() => "",
            None => return Err(malformed("after a host in `[ ]` comes `:PORT` or nothing")),
        };
        hosts.push(decode(name)?);
        ports.push(decode(port)?);
    }
    if hosts.iter().any(|h| !h.is_empty()) {
        parameters.put("host", &hosts.join(","));
    }
    if ports.iter().any(|p| !p.is_empty()) {
        parameters.put("port", &ports.join(","));
    }
    Ok(())
}

impl Parameters {
    fn put(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }
}

/// Percent-decodes.
fn decode(text: &str) -> Result<String, Fault> {
    let wrong =
        || malformed("the URL has a `%` that is not followed by two hexadecimal digits").remedy("write %25 for `%`");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16)).ok_or_else(wrong);
        let code = digit()? * 16 + digit()?;
        match u8::try_from(code) {
            Ok(0) | Err(_) => return Err(malformed("the URL holds %00")),
            Ok(byte) => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| malformed("the URL is not UTF-8 when decoded"))
}

/// `host=a port=5432 password='it''s'`, with backslash escapes.
fn pairs(text: &str) -> Result<Parameters, Fault> {
    let mut parameters = Parameters::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let equals =
            rest.find('=').ok_or_else(|| malformed("the connection string is neither a URL nor key=value pairs"))?;
        let name = rest[..equals].trim_end();
        if name.contains(char::is_whitespace) || name.is_empty() {
            return Err(malformed("a name in the connection string has no `=`"));
        }
        let (value, after) = value(rest[equals + 1..].trim_start())?;
        parameters.set(name, &value)?;
        rest = after.trim_start();
    }
    Ok(parameters)
}

/// One value, quoted or not, and what comes after it.
fn value(text: &str) -> Result<(String, &str), Fault> {
    let (quoted, body) = text.strip_prefix('\'').map_or((false, text), |body| (true, body));
    let mut out = String::new();
    let mut characters = body.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => out.extend(characters.next().map(|(_, c)| c)),
            '\'' if quoted => return Ok((out, &body[at + 1..])),
            c if !quoted && c.is_whitespace() => return Ok((out, &body[at..])),
            c => out.push(c),
        }
    }
    if quoted { Err(malformed("a quoted value in the connection string is not closed")) } else { Ok((out, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn parsed(text: &str) -> Vec<(String, String)> {
        Parameters::parse(text).unwrap().0.into_iter().collect()
    }
    fn expect(text: &str, wanted: &[(&str, &str)]) {
        let wanted: Vec<(String, String)> = wanted.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(parsed(text), wanted);
    }

    #[test]
    fn a_whole_url() {
        expect(
            "postgres://allan:p%40ss%2Fword@db.example:6432/robbie?sslmode=verify-full&connect_timeout=5",
            &[
                ("connect_timeout", "5"),
                ("dbname", "robbie"),
                ("host", "db.example"),
                ("password", "p@ss/word"),
                ("port", "6432"),
                ("sslmode", "verify-full"),
                ("user", "allan"),
            ],
        );
    }

    #[rstest]
    #[case("postgresql://", &[])]
    #[case("postgres:///robbie", &[("dbname", "robbie")])]
    #[case("postgres://h", &[("host", "h")])]
    #[case("postgres://u@", &[("user", "u")])]
    #[case("postgres://a:1,b:2,c/d", &[("dbname", "d"), ("host", "a,b,c"), ("port", "1,2,")])]
    #[case("postgres://[::1]:5433/d", &[("dbname", "d"), ("host", "::1"), ("port", "5433")])]
    #[case("postgres://[::1],[fe80::1]:9/", &[("dbname", ""), ("host", "::1,fe80::1"), ("port", ",9")])]
    #[case("postgres://%2Frun%2Fpg/d", &[("dbname", "d"), ("host", "/run/pg")])]
    #[case("postgres:///d?host=/run/pg&port=5499", &[("dbname", "d"), ("host", "/run/pg"), ("port", "5499")])]
    #[case("postgres://u:a:b@h", &[("host", "h"), ("password", "a:b"), ("user", "u")])]
    #[case("postgres://u:p@w@h", &[("host", "h"), ("password", "p@w"), ("user", "u")])]
    #[case("postgres://h?ssl=true", &[("host", "h"), ("sslmode", "require")])]
    #[case("postgres://h?gssencmode=disable&client_encoding=UTF8", &[("host", "h")])]
    #[case("host=h port = 5 user='a b' password='it\\'s \\\\' ", &[("host", "h"), ("password", "it's \\"), ("port", "5"), ("user", "a b")])]
    #[case("host=h password='' dbname=d", &[("dbname", "d"), ("host", "h"), ("password", "")])]
    #[case("password=a\\ b", &[("password", "a b")])]
    #[case("service=town", &[("service", "town")])]
    fn accepted(#[case] text: &str, #[case] wanted: &[(&str, &str)]) {
        expect(text, wanted);
    }

    #[rstest]
    #[case("postgres://u:s3cret/x@h/d", "before its `@`")]
    #[case("postgres://u:s3cret%zz@h/d", "hexadecimal")]
    #[case("postgres://u:s3cret%00@h/d", "%00")]
    #[case("postgres://[::1/d", "no `]`")]
    #[case("postgres://u:s3cret@h?sslmod=require", "`sslmod`")]
    #[case("postgres://u:s3cret@h?novalue", "no `=`")]
    #[case("mysql://u:s3cret@h", "`mysql://`")]
    #[case("host=h password='s3cret", "not closed")]
    #[case("s3cret", "neither")]
    #[case("host=h s3 cret=1", "no `=`")]
    #[case("host=h password=my s3cretword=1", "unknown parameter")]
    fn refused_and_the_secret_is_not_told(#[case] text: &str, #[case] said: &str) {
        let fault = Parameters::parse(text).unwrap_err();
        assert_eq!(fault.kind, Kind::Settings);
        assert!(fault.message.contains(said), "{}", fault.message);
        assert!(fault.remedy.is_some());
        assert!(!format!("{fault:?}").contains("s3cret"));
    }

    #[test]
    fn the_parameter_that_was_meant_is_named() {
        let fault = Parameters::parse("postgres://h?ssl_mode=require").unwrap_err();
        assert_eq!(fault.remedy.as_deref(), Some("did you mean `sslmode`?"));
    }

    #[test]
    fn debug_hides_the_password() {
        let parameters = Parameters::parse("host=h password=s3cret password_command='echo s3cret'").unwrap();
        assert!(!format!("{parameters:?}").contains("s3cret"));
    }
}
