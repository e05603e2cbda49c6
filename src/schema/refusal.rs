//! What to tell a person when a migration file fails: the file and line, and what to grant or install.

use super::{Migration, Schema};
use crate::postgres::{Fault, Side, identifiers};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

/// Who runs the migration and where: what a GRANT has to name.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub role: String,
    pub database: String,
}

/// Judges the failure of one file.
pub(super) fn of_file(error: Error, side: Side, schema: Schema, file: &Migration, place: &Place) -> Fault {
    let Some(db) = error.as_db_error() else {
        return Fault::from_postgres(error, side).about(format!("migrations/{}/{}", schema.name(), file.name));
    };
    let line = match db.position() {
        Some(ErrorPosition::Original(position)) => Some(line_of(file.sql, *position)),
        _ => None,
    };
    let remedy = remedy(db, place);
    let location = match line {
        Some(line) => format!("migrations/{}/{}:{line}", schema.name(), file.name),
        None => format!("migrations/{}/{}", schema.name(), file.name),
    };
    let message = format!("{location}: {}", db.message());
    let mut fault = Fault::from_postgres(error, side).about(location);
    fault.message = message;
    fault.remedy = remedy.or(fault.remedy);
    fault
}

/// The line that a position (in characters, from 1) is on.
fn line_of(sql: &str, position: u32) -> usize {
    1 + sql.chars().take((position as usize).saturating_sub(1)).filter(|&c| c == '\n').count()
}

fn remedy(db: &DbError, place: &Place) -> Option<String> {
    if let Some(hint) = db.hint() {
        return Some(hint.to_owned());
    }
    let code = db.code();
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        Some(grant(db.message(), place))
    } else if *code == SqlState::LOCK_NOT_AVAILABLE {
        Some(
            "a long transaction holds the table (robbie status names it): let it end, then run the migration again"
                .to_owned(),
        )
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        Some("this session or server is read-only: connect to the primary, without read-only mode".to_owned())
    } else {
        None
    }
}

/// What to grant, from the server's words; where they are not English, everything that could be meant.
fn grant(message: &str, place: &Place) -> String {
    let role = identifiers::quote(&place.role);
    let database = identifiers::quote(&place.database);
    if message.contains("must be owner of") {
        format!("run the migration as the owner of that object, or, as its owner: GRANT the owner's role TO {role}")
    } else if message.contains("for database") {
        format!("as the owner of the database: GRANT CREATE ON DATABASE {database} TO {role}")
    } else if message.contains("for schema") {
        format!("as the owner of the schema: GRANT USAGE, CREATE ON SCHEMA public TO {role}")
    } else if message.contains("permission denied for table") {
        format!("as the owner of the table: GRANT SELECT, REFERENCES ON that table TO {role}")
    } else {
        format!(
            "{role} needs CREATE on database {database}, USAGE and CREATE on schema public, and to own the tables that \
             are already there"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_become_lines() {
        let sql = "-- é\nSELECT 1;\nSELECT oops;\n";
        assert_eq!(line_of(sql, 1), 1);
        assert_eq!(line_of(sql, 6), 2);
        assert_eq!(line_of(sql, 23), 3);
        assert_eq!(line_of(sql, 0), 1);
    }

    #[test]
    fn grants_name_role_and_database() {
        let place = Place { role: "aurora_app".to_owned(), database: "aurora".to_owned() };
        assert_eq!(
            grant("permission denied for database aurora", &place),
            r#"as the owner of the database: GRANT CREATE ON DATABASE "aurora" TO "aurora_app""#
        );
        assert!(grant("permission denied for schema public", &place).contains("ON SCHEMA public TO \"aurora_app\""));
        assert!(grant("must be owner of table users", &place).contains("GRANT the owner's role TO \"aurora_app\""));
        assert!(grant("keine Berechtigung", &place).contains("\"aurora_app\" needs CREATE on database \"aurora\""));
    }
}
