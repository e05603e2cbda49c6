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
    /// Whether it only defines functions, types and triggers, so that a changed text is simply run again.
    pub repeatable: bool,
}

impl Migration {
    /// A file that runs once: what it made holds data.
    pub const fn once(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, repeatable: false }
    }
    /// A file of definitions, run again whenever it, or a repeatable one before it, says something else than it did.
    pub const fn repeatable(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, repeatable: true }
    }
    /// The functions of `robbie_sync` that it defines.
    pub(super) fn functions(&self) -> Vec<&'static str> {
        const DEFINES: &str = "CREATE OR REPLACE FUNCTION robbie_sync.";
        self.sql.split(DEFINES).skip(1).filter_map(|rest| rest.split('(').next()).map(str::trim).collect()
    }
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
    Migration::once("00-adoption.sql", include_str!("../../migrations/smart-robbie/00-adoption.sql")),
    Migration::once("01-smart-robbie.sql", include_str!("../../migrations/smart-robbie/01-smart-robbie.sql")),
    Migration::once(
        "20-sync-infrastructure.sql",
        include_str!("../../migrations/smart-robbie/20-sync-infrastructure.sql"),
    ),
    Migration::once("23-rules.sql", include_str!("../../migrations/smart-robbie/23-rules.sql")),
    Migration::repeatable("24-local-edits.sql", include_str!("../../migrations/smart-robbie/24-local-edits.sql")),
    Migration::repeatable("25-settle.sql", include_str!("../../migrations/smart-robbie/25-settle.sql")),
    Migration::repeatable("26-queue-lists.sql", include_str!("../../migrations/smart-robbie/26-queue-lists.sql")),
    Migration::repeatable("28-witness.sql", include_str!("../../migrations/smart-robbie/28-witness.sql")),
    Migration::repeatable("29-load.sql", include_str!("../../migrations/smart-robbie/29-load.sql")),
    Migration::repeatable("29-rest-triggers.sql", include_str!("../../migrations/smart-robbie/29-rest-triggers.sql")),
    Migration::repeatable("30-desk.sql", include_str!("../../migrations/smart-robbie/30-desk.sql")),
    Migration::once("31-jobs.sql", include_str!("../../migrations/smart-robbie/31-jobs.sql")),
    Migration::repeatable("32-lists.sql", include_str!("../../migrations/smart-robbie/32-lists.sql")),
    Migration::once("33-personality.sql", include_str!("../../migrations/smart-robbie/33-personality.sql")),
    Migration::once("34-search.sql", include_str!("../../migrations/smart-robbie/34-search.sql")),
    Migration::once("34-trash.sql", include_str!("../../migrations/smart-robbie/34-trash.sql")),
    Migration::repeatable("36-search-words.sql", include_str!("../../migrations/smart-robbie/36-search-words.sql")),
];

const UNIFIED: &[Migration] = &[
    Migration::once("00-adoption.sql", include_str!("../../migrations/unified/00-adoption.sql")),
    Migration::once("00-business.sql", include_str!("../../migrations/unified/00-business.sql")),
    Migration::once("01-core.sql", include_str!("../../migrations/unified/01-core.sql")),
    Migration::once("02-conversations.sql", include_str!("../../migrations/unified/02-conversations.sql")),
    Migration::once("03-vectors-rag.sql", include_str!("../../migrations/unified/03-vectors-rag.sql")),
    Migration::once(
        "04-enhanced-business-tables.sql",
        include_str!("../../migrations/unified/04-enhanced-business-tables.sql"),
    ),
    Migration::once("05-town-separation.sql", include_str!("../../migrations/unified/05-town-separation.sql")),
    Migration::once(
        "06-testpilot-simulations.sql",
        include_str!("../../migrations/unified/06-testpilot-simulations.sql"),
    ),
    Migration::once(
        "07-data-sharing-strategy.sql",
        include_str!("../../migrations/unified/07-data-sharing-strategy.sql"),
    ),
    Migration::once("08-universal-ai-state.sql", include_str!("../../migrations/unified/08-universal-ai-state.sql")),
    Migration::once(
        "09-google-workspace-sync.sql",
        include_str!("../../migrations/unified/09-google-workspace-sync.sql"),
    ),
    Migration::once("10-extensions.sql", include_str!("../../migrations/unified/10-extensions.sql")),
    Migration::once("11-tenancy.sql", include_str!("../../migrations/unified/11-tenancy.sql")),
    Migration::once("12-rbac_and_privacy.sql", include_str!("../../migrations/unified/12-rbac_and_privacy.sql")),
    Migration::once("13-slack.sql", include_str!("../../migrations/unified/13-slack.sql")),
    Migration::once("14-service_tables.sql", include_str!("../../migrations/unified/14-service_tables.sql")),
    Migration::once("15-indexes.sql", include_str!("../../migrations/unified/15-indexes.sql")),
    Migration::once("16-audit_log.sql", include_str!("../../migrations/unified/16-audit_log.sql")),
    Migration::once("17-crm-entities.sql", include_str!("../../migrations/unified/17-crm-entities.sql")),
    Migration::once(
        "18-linkedin-integration.sql",
        include_str!("../../migrations/unified/18-linkedin-integration.sql"),
    ),
    Migration::once(
        "19-interactions-database.sql",
        include_str!("../../migrations/unified/19-interactions-database.sql"),
    ),
    Migration::once("20-sync-infrastructure.sql", include_str!("../../migrations/unified/20-sync-infrastructure.sql")),
    Migration::once("21-user-id-mapping.sql", include_str!("../../migrations/unified/21-user-id-mapping.sql")),
    Migration::once("22-code-intelligence.sql", include_str!("../../migrations/unified/22-code-intelligence.sql")),
    Migration::once("23-personality.sql", include_str!("../../migrations/unified/23-personality.sql")),
    Migration::once("23-rules.sql", include_str!("../../migrations/unified/23-rules.sql")),
    Migration::repeatable("24-capture.sql", include_str!("../../migrations/unified/24-capture.sql")),
    Migration::repeatable("25-judge.sql", include_str!("../../migrations/unified/25-judge.sql")),
    Migration::repeatable("25-merge.sql", include_str!("../../migrations/unified/25-merge.sql")),
    Migration::repeatable("26-circles.sql", include_str!("../../migrations/unified/26-circles.sql")),
    Migration::repeatable("26-plain.sql", include_str!("../../migrations/unified/26-plain.sql")),
    Migration::repeatable("26-push.sql", include_str!("../../migrations/unified/26-push.sql")),
    Migration::repeatable("26-sets.sql", include_str!("../../migrations/unified/26-sets.sql")),
    Migration::repeatable("27-batch.sql", include_str!("../../migrations/unified/27-batch.sql")),
    Migration::repeatable("28-conflicts.sql", include_str!("../../migrations/unified/28-conflicts.sql")),
    Migration::repeatable("28-rivals.sql", include_str!("../../migrations/unified/28-rivals.sql")),
    Migration::repeatable("28-witness.sql", include_str!("../../migrations/unified/28-witness.sql")),
    Migration::repeatable("30-check.sql", include_str!("../../migrations/unified/30-check.sql")),
    Migration::repeatable("30-undo.sql", include_str!("../../migrations/unified/30-undo.sql")),
    Migration::repeatable("31-frozen.sql", include_str!("../../migrations/unified/31-frozen.sql")),
    Migration::once("33-personality.sql", include_str!("../../migrations/unified/33-personality.sql")),
    Migration::once("34-search.sql", include_str!("../../migrations/unified/34-search.sql")),
    Migration::once("34-trash.sql", include_str!("../../migrations/unified/34-trash.sql")),
    Migration::once("35-stamps.sql", include_str!("../../migrations/unified/35-stamps.sql")),
    Migration::repeatable("36-search-words.sql", include_str!("../../migrations/unified/36-search-words.sql")),
    Migration::once("37-synced-stamps.sql", include_str!("../../migrations/unified/37-synced-stamps.sql")),
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
    fn a_file_knows_the_functions_it_defines() {
        let sql = "CREATE OR REPLACE FUNCTION robbie_sync.one(a int) …\nCREATE OR REPLACE FUNCTION robbie_sync.two() …";
        assert_eq!(Migration::repeatable("a", sql).functions(), ["one", "two"]);
    }

    #[test]
    fn the_checksum_is_sha256_and_blind_to_line_ends() {
        let unix = Migration::once("a", "abc\n");
        let windows = Migration::once("a", "abc\r\n");
        assert_eq!(unix.checksum(), "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb");
        assert_eq!(unix.checksum(), windows.checksum());
        assert_ne!(unix.checksum(), Migration::once("a", "abd\n").checksum());
    }
}
