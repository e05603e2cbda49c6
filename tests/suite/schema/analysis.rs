//! Files with deliberate faults of each kind, loaded and told.

use super::support;
use robbie_console::postgres::Side;
use robbie_console::schema::analysis::{self, Class, Loaded};
use robbie_console::schema::{Family, Recognition, Score};
use std::path::PathBuf;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

async fn load(folders: &[&str]) -> Vec<Loaded> {
    let paths: Vec<PathBuf> = folders.iter().map(|f| folder(f)).collect();
    let servers = support::servers();
    let mut superuser = servers.superuser(Side::Master).unwrap();
    superuser.config.dbname("postgres");
    let mut all = Vec::new();
    for source in analysis::sources(&paths).unwrap() {
        all.push(analysis::load(&superuser, &servers.master, &source).await.unwrap());
    }
    all
}

#[tokio::test]
async fn every_fault_is_told_with_its_place_and_what_is_sound_is_loaded() {
    let all = load(&["tests/suite/schema/faulty"]).await;
    let [first, second] = all.as_slice() else { panic!("{all:?}") };
    let told: Vec<(String, &str, Class)> = first
        .failures
        .iter()
        .map(|f| (format!("{}:{}", f.file.rsplit('/').next().unwrap(), f.line), f.sqlstate.as_str(), f.class))
        .collect();
    assert_eq!(
        told,
        [
            ("01-core.sql:3".to_owned(), "0A000", Class::Environment),
            ("01-core.sql:7".to_owned(), "42601", Class::Syntax),
            ("02-tenancy.sql:7".to_owned(), "42804", Class::TypeClash),
            ("02-tenancy.sql:11".to_owned(), "42P01", Class::BrokenReference),
            ("02-tenancy.sql:13".to_owned(), "42P07", Class::Duplicate),
            ("02-tenancy.sql:14".to_owned(), "42883", Class::BrokenReference),
            ("02-tenancy.sql:15".to_owned(), "42601", Class::Syntax),
            ("02-tenancy.sql:16".to_owned(), "42501", Class::Environment),
            ("02-tenancy.sql:17".to_owned(), "22012", Class::Other),
        ],
        "{:#?}",
        first.failures
    );
    assert_eq!(first.faults(), 7);
    assert_eq!(first.notes.len(), 2, "{:?}", first.notes);
    let twice: Vec<(&str, &[String])> =
        first.twice.iter().map(|t| (t.table.as_str(), t.differences.as_slice())).collect();
    assert_eq!(
        twice,
        [
            ("companies", ["id: integer, then uuid".to_owned(), "slug only again".to_owned()].as_slice()),
            ("users", ["username only in the first".to_owned()].as_slice()),
        ]
    );
    assert_eq!(first.unindexed(), ["contacts(company_id)"]);
    let tables: Vec<&str> = first.database.tables().map(|t| t.name.as_str()).collect();
    assert_eq!(tables, ["companies", "contacts", "moods", "users"], "what stands alone ran alone");
    assert!(first.database.table("users").unwrap().indexes.iter().any(|i| i.name == "users_by_name"));

    let databases = [first.database.clone(), second.database.clone()];
    let clashes: Vec<String> =
        analysis::clashes(&databases).into_iter().map(|c| format!("{} {}", c.column, c.types.join(", "))).collect();
    assert_eq!(
        clashes,
        ["users.id first: uuid, second: integer", "users.username first: character varying(50), second: text"]
    );
    assert!(Score::of(&second.database).deductions.iter().any(|d| d.objects == ["api_keys(user_id)"]));
}

#[tokio::test]
async fn the_schemas_of_this_program_have_no_fault() {
    let all = load(&["migrations"]).await;
    let families: Vec<Family> = all.iter().map(|l| Recognition::of(&l.database).family).collect();
    assert_eq!(families, [Family::MainAurora, Family::SmartRobbie, Family::Unified]);
    for loaded in &all {
        let name = &loaded.database.name;
        assert!(loaded.failures.is_empty() && loaded.notes.is_empty(), "{name}: {:#?}", loaded.failures);
        assert_eq!(loaded.unindexed(), [""; 0], "{name}");
        assert_eq!(Score::of(&loaded.database).completeness, 100, "{name}");
    }
}
