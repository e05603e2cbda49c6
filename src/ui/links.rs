//! Where the links stand, as panes and header see it.

use crate::postgres::{LinkStatus, Side};

/// Where one link stands, as the panes see it.
#[derive(Clone, Debug)]
pub struct LinkView {
    /// Which side.
    pub side: Side,
    /// What people call it.
    pub name: String,
    /// The database's name.
    pub database: String,
    /// Whether its sessions are read-only.
    pub read_only: bool,
    /// Whether a write there must be confirmed by its name.
    pub protected: bool,
    /// Where it stands.
    pub status: LinkStatus,
}

impl LinkView {
    /// Whether it is connected.
    pub fn is_up(&self) -> bool {
        matches!(self.status, LinkStatus::Up { .. })
    }
}

/// Where both links of the shown pair stand.
#[derive(Clone, Debug)]
pub struct Links {
    /// The master.
    pub master: LinkView,
    /// The shown replica.
    pub replica: LinkView,
}

impl Links {
    /// The link of a side.
    pub fn of(&self, side: Side) -> &LinkView {
        match side {
            Side::Master => &self.master,
            Side::Replica => &self.replica,
        }
    }

    /// Whether another replica is shown than `old` said: what was read of that one is not about this one.
    pub fn is_other_replica(&self, old: &Self) -> bool {
        (&self.replica.name, &self.replica.database) != (&old.replica.name, &old.replica.database)
    }

    /// Whether each side is connected: the master, the replica.
    pub fn up(&self) -> [bool; 2] {
        [self.master.is_up(), self.replica.is_up()]
    }

    /// The name that must be typed before a protected side is written to.
    pub fn name_wanted(&self, side: Side) -> Option<String> {
        let link = self.of(side);
        link.protected.then(|| link.name.clone())
    }
}
