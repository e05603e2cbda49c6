//! From what the user chose to databases that can be connected to.

use crate::embedded;
use crate::postgres::dsn::Parameters;
use crate::postgres::{Fault, Kind, Pair, Side, Target};
use crate::settings::{Chosen, Place, Settings};
use secrecy::ExposeSecret;

/// The databases that a command works on.
#[derive(Clone, Debug)]
pub struct Targets {
    /// The single source of truth.
    pub master: Target,
    /// The local copies, at least one.
    pub replicas: Vec<Target>,
}

impl Targets {
    /// Links to the master and its first replica; nothing is connected yet.
    pub fn pair(&self) -> Pair {
        Pair::new(self.master.clone(), self.replicas[0].clone())
    }
}

/// Finds both sides. Connects to neither; only looks whether the embedded servers run, if they are meant.
pub fn targets(settings: &Settings) -> Result<Targets, Fault> {
    let master = target(settings, Side::Master, "master", &settings.master)?;
    let replicas: Vec<Target> = settings
        .replicas
        .iter()
        .map(|replica| target(settings, Side::Replica, &replica.name, &replica.place))
        .collect::<Result<_, _>>()?;
    Ok(Targets { master, replicas })
}

/// Finds one database.
pub fn target(settings: &Settings, side: Side, name: &str, place: &Chosen<Place>) -> Result<Target, Fault> {
    let mut target = match &place.value {
        Place::Embedded => embedded_target(settings, side)?,
        Place::Unnamed => return Err(unnamed(side)),
        Place::Server { dsn, password_command } => {
            let from = |fault: Fault| fault.on(side).about(format!("{name} (from {})", place.origin));
            let mut parameters = Parameters::parse(dsn.expose_secret()).map_err(from)?;
            if parameters.get("password").is_none() {
                parameters.set_default("password_command", password_command.as_ref().map(ExposeSecret::expose_secret));
            }
            Target::from_parameters(side, name, parameters, &settings.environment).map_err(from)?
        }
    };
    name.clone_into(&mut target.name);
    target.read_only |= settings.read_only.value;
    Ok(target)
}

fn embedded_target(settings: &Settings, side: Side) -> Result<Target, Fault> {
    let home = embedded::Home::of_user(&settings.home, &settings.environment)?;
    let (master, replica) = embedded::running(&home).ok_or_else(|| {
        Fault::new(Kind::Unreachable, "the embedded servers do not run, and no other database is named")
            .on(side)
            .remedy("`robbie embedded start`, or `robbie demo`; or name yours: --master URL --replica URL")
    })?;
    Ok(match side {
        Side::Master => master,
        Side::Replica => replica,
    })
}

/// Completing half a pair with the embedded server would let the demo's rows into somebody's database.
fn unnamed(side: Side) -> Fault {
    let flag = match side {
        Side::Master => "--master URL, MASTER_DB_HOST or a profile's `master`",
        Side::Replica => "--replica URL, LOCAL_DB_HOST or a profile's `replicas`",
    };
    Fault::new(Kind::Settings, format!("no {side} is named, though the other side is"))
        .on(side)
        .remedy(format!("name it by {flag}; `--{side} embedded` means the embedded server"))
}
