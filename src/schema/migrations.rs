//! The migration files, held in the binary. A new file needs one line here; the order is that of the names.

use super::Schema;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// One migration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its name, without the folder.
    pub name: &'static str,
    /// Its text.
    pub sql: &'static str,
}

impl Migration {
    /// The SHA-256 of its text, in hexadecimal. Line ends do not count: a checkout on Windows has the same checksum.
    pub fn checksum(&self) -> String {
        let digest = Sha256::digest(self.sql.replace("\r\n", "\n").as_bytes());
        digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

const SMART_ROBBIE: &[Migration] = &[
    Migration { name: "00-adoption.sql", sql: include_str!("../../migrations/smart-robbie/00-adoption.sql") },
    Migration { name: "01-smart-robbie.sql", sql: include_str!("../../migrations/smart-robbie/01-smart-robbie.sql") },
    Migration {
        name: "20-sync-infrastructure.sql",
        sql: include_str!("../../migrations/smart-robbie/20-sync-infrastructure.sql"),
    },
    Migration { name: "24-local-edits.sql", sql: include_str!("../../migrations/smart-robbie/24-local-edits.sql") },
    Migration { name: "25-settle.sql", sql: include_str!("../../migrations/smart-robbie/25-settle.sql") },
    Migration { name: "26-queue-lists.sql", sql: include_str!("../../migrations/smart-robbie/26-queue-lists.sql") },
];

const UNIFIED: &[Migration] = &[
    Migration { name: "00-adoption.sql", sql: include_str!("../../migrations/unified/00-adoption.sql") },
    Migration { name: "01-core.sql", sql: include_str!("../../migrations/unified/01-core.sql") },
    Migration { name: "10-extensions.sql", sql: include_str!("../../migrations/unified/10-extensions.sql") },
    Migration { name: "16-audit_log.sql", sql: include_str!("../../migrations/unified/16-audit_log.sql") },
    Migration {
        name: "20-sync-infrastructure.sql",
        sql: include_str!("../../migrations/unified/20-sync-infrastructure.sql"),
    },
    Migration { name: "21-user-id-mapping.sql", sql: include_str!("../../migrations/unified/21-user-id-mapping.sql") },
    Migration {
        name: "22-code-intelligence.sql",
        sql: include_str!("../../migrations/unified/22-code-intelligence.sql"),
    },
    Migration { name: "23-personality.sql", sql: include_str!("../../migrations/unified/23-personality.sql") },
    Migration { name: "24-capture.sql", sql: include_str!("../../migrations/unified/24-capture.sql") },
    Migration { name: "25-judge.sql", sql: include_str!("../../migrations/unified/25-judge.sql") },
    Migration { name: "26-push.sql", sql: include_str!("../../migrations/unified/26-push.sql") },
    Migration { name: "27-batch.sql", sql: include_str!("../../migrations/unified/27-batch.sql") },
];

impl Schema {
    /// Its files, in the order in which they run.
    pub fn migrations(self) -> &'static [Migration] {
        match self {
            Self::SmartRobbie => SMART_ROBBIE,
            Self::Unified => UNIFIED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every .sql file of the folder is in the list, and the list is in the order of the names.
    #[test]
    fn the_binary_has_every_file_in_order() {
        for schema in [Schema::SmartRobbie, Schema::Unified] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(schema.name());
            let mut on_disk: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| std::path::Path::new(name).extension().is_some_and(|e| e == "sql"))
                .collect();
            on_disk.sort();
            let embedded: Vec<&str> = schema.migrations().iter().map(|m| m.name).collect();
            assert_eq!(embedded, on_disk, "{}", schema.name());
        }
    }

    #[test]
    fn the_checksum_is_sha256_and_blind_to_line_ends() {
        let unix = Migration { name: "a", sql: "abc\n" };
        let windows = Migration { name: "a", sql: "abc\r\n" };
        assert_eq!(unix.checksum(), "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb");
        assert_eq!(unix.checksum(), windows.checksum());
        assert_ne!(unix.checksum(), Migration { name: "a", sql: "abd\n" }.checksum());
    }
}
