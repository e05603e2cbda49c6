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
}
