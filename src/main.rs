//! `robbie`: the terminal admin console and the sync engine of the Robbie databases.

fn main() {}
