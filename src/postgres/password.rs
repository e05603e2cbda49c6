//! Getting the password at the moment of connecting: a file changed meanwhile is read anew, a command runs only then.

use super::passfile::{self, Looked, Wanted};
use super::target::{PasswordSource, Target};
use super::{Fault, Kind};
use secrecy::SecretString;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio_postgres::config::Host;

/// A password manager may ask for a finger on a key; nobody waits longer than this.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(20);

/// A password, and what should be said if the server wants one and there is none.
#[derive(Default)]
pub struct Password {
    /// The password, if there is one beside the configuration's.
    pub secret: Option<SecretString>,
    /// Why a password file was ignored.
    pub hint: Option<String>,
    /// Whether it was printed by the command some time ago, and may be stale.
    pub kept: bool,
}

/// Forgets what the command printed: the server refused it.
pub async fn forget(target: &Target) {
    *target.access.printed.lock().await = None;
}

/// Finds the password for one host of the target.
pub async fn find(target: &Target, host: &Host, port: u16) -> Result<Password, Fault> {
    if target.config.get_password().is_some() {
        return Ok(Password::default());
    }
    match &target.access.password {
        PasswordSource::None => Ok(Password::default()),
        PasswordSource::Command(command) => {
            // Held while the command runs: sessions opened together ask once.
            let mut printed = target.access.printed.lock().await;
            if let Some(secret) = printed.as_ref() {
                return Ok(Password { secret: Some(secret.clone()), hint: None, kept: true });
            }
            let secret = run(command, COMMAND_TIMEOUT).await.map_err(|f| f.on(target.side))?;
            *printed = Some(secret.clone());
            Ok(Password { secret: Some(secret), ..Password::default() })
        }
        PasswordSource::File(file) => {
            let host = match host {
                Host::Tcp(name) => name.as_str(),
                #[cfg(unix)]
                Host::Unix(_) => "localhost",
            };
            let user = target.config.get_user().unwrap_or_default();
            Ok(match passfile::look_up(file, Wanted { host, port, database: target.database(), user }) {
                Looked::Found(secret) => Password { secret: Some(secret), ..Password::default() },
                Looked::Nothing => Password::default(),
                Looked::TooOpen { file, mode } => {
                    let hint =
                        format!("{0} is ignored, others can read it (mode {mode:04o}): chmod 600 {0}", file.display());
                    tracing::warn!("{hint}");
                    Password { hint: Some(hint), ..Password::default() }
                }
            })
        }
    }
}

/// Runs the command in a shell and takes what it prints, without the line end.
/// What a command prints, within the time a person has to let it.
pub async fn printed_by(command: &str) -> Result<SecretString, Fault> {
    run(command, COMMAND_TIMEOUT).await
}

async fn run(command: &str, patience: Duration) -> Result<SecretString, Fault> {
    let failed = |message: String| {
        Fault::new(Kind::Settings, message)
            .about("password_command")
            .remedy("run the command in a shell: it must print the password and nothing else")
    };
    let mut shell = if cfg!(windows) { Command::new("cmd") } else { Command::new("sh") };
    shell.arg(if cfg!(windows) { "/C" } else { "-c" }).arg(command);
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = shell.spawn().map_err(|e| failed("the password command cannot be started".to_owned()).because(e))?;
    let ended = tokio::time::timeout(patience, child.wait_with_output())
        .await
        .map_err(|_| failed(format!("the password command did not end within {} s", patience.as_secs())))?
        .map_err(|e| failed("the password command cannot be read".to_owned()).because(e))?;
    if !ended.status.success() {
        // Its stderr explains; its stdout may be the secret.
        let said = String::from_utf8_lossy(&ended.stderr);
        let said: String = said.trim().chars().take(300).collect();
        return Err(failed(format!("the password command failed ({}): {said}", ended.status)));
    }
    let mut secret = String::from_utf8(ended.stdout).map_err(|_| failed("the password is not UTF-8".to_owned()))?;
    secret.truncate(secret.trim_end_matches(['\r', '\n']).len());
    if secret.is_empty() {
        return Err(failed("the password command printed nothing".to_owned()));
    }
    Ok(secret.into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn the_line_end_is_no_part_of_the_password() {
        let secret = run("printf ' s3cret \\n'", PATIENCE).await.unwrap();
        assert_eq!(secret.expose_secret(), " s3cret ");
    }

    #[tokio::test]
    async fn a_failure_shows_stderr_and_not_stdout() {
        let fault = run("echo s3cret; echo 'vault is locked' >&2; exit 3", PATIENCE).await.unwrap_err();
        assert!(fault.message.contains("vault is locked"), "{}", fault.message);
        assert!(!format!("{fault:?}").contains("s3cret"));
        assert_eq!(fault.kind, Kind::Settings);
    }

    #[tokio::test]
    async fn a_silent_or_endless_command_is_named() {
        assert!(run("true", PATIENCE).await.unwrap_err().message.contains("printed nothing"));
        let fault = run("sleep 60", Duration::from_millis(50)).await.unwrap_err();
        assert!(fault.message.contains("did not end"), "{}", fault.message);
    }
}
