//! The two roles of an embedded cluster and their passwords.

use super::{Home, folders};
use crate::postgres::{Fault, Kind, Side};
use std::io::Read;

/// The role that the product works as: an ordinary one that owns its database, as on a managed server.
pub const OWNER: &str = "robbie";
/// The superuser, who sets the cluster up.
pub const SUPERUSER: &str = "postgres";

/// The passwords of the two roles.
#[derive(Clone)]
pub struct Credentials {
    /// Of [`SUPERUSER`].
    pub superuser: String,
    /// Of [`OWNER`].
    pub owner: String,
}

impl Credentials {
    /// Two new random passwords, 32 bytes each from the operating system.
    pub fn random() -> Result<Self, Fault> {
        Ok(Self { superuser: password()?, owner: password()? })
    }
    /// Writes them where only the caller can read them, in the format that libpq reads.
    pub fn write(&self, home: &Home, side: Side) -> Result<(), Fault> {
        let lines = format!("*:*:*:{SUPERUSER}:{}\n*:*:*:{OWNER}:{}\n", self.superuser, self.owner);
        folders::write_secret(&home.passwords(side), &lines)
    }
    /// Reads those of an existing cluster.
    pub fn read(home: &Home, side: Side) -> Result<Self, Fault> {
        let path = home.passwords(side);
        let text = std::fs::read_to_string(&path).map_err(|e| {
            folders::fault("read the passwords of the embedded server in", &path, e)
                .on(side)
                .remedy("if they are lost for good, start over: robbie embedded destroy")
        })?;
        let of = |role: &str| {
            let line = text.lines().find_map(|l| l.strip_prefix("*:*:*:")?.strip_prefix(role)?.strip_prefix(':'));
            line.map(ToOwned::to_owned).ok_or_else(|| {
                Fault::new(Kind::Local, format!("{} has no password of the role {role}", path.display()))
                    .on(side)
                    .remedy("start over: robbie embedded destroy")
            })
        };
        Ok(Self { superuser: of(SUPERUSER)?, owner: of(OWNER)? })
    }
}

fn password() -> Result<String, Fault> {
    let mut bytes = [0; 32];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|e| folders::fault("read", "/dev/urandom".as_ref(), e))?;
    Ok(bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")))
}
