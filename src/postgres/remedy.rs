//! What to do about a SQLSTATE, where that does not depend on the entry or the row.
//!
//! What an entry's error means for its replay is judged in `queue`; here is what holds for any statement.

/// What to do next about an error with this code.
pub fn of(sqlstate: &str, message: &str) -> Option<&'static str> {
    Some(match sqlstate {
        "28P01" => {
            "check user and password: in the URL, MASTER_DB_PASSWORD or LOCAL_DB_PASSWORD, ~/.pgpass or password_command"
        }
        "28000" if message.contains("pg_hba.conf") && message.contains("no encryption") => {
            "the server wants TLS for this user: sslmode=require or stronger; else a line in its pg_hba.conf is missing"
        }
        "28000" if message.contains("pg_hba.conf") => {
            "pg_hba.conf on the server has no line for this user, database and address: add one and reload"
        }
        "28000" => "check the user name, and that the role may log in (ALTER ROLE … LOGIN)",
        "3D000" => "check the database name in the URL; `createdb` makes it, `robbie schema migrate` fills it",
        "25006" => "the session is read-only: the server is a standby, or --read-only or a profile's read_only is on",
        "42501" => "grant the privilege to the role we are, or use another role; `robbie doctor` lists what is missing",
        "42P01" | "42703" | "3F000" | "42883" | "42704" => {
            "a migration is missing: `robbie schema status` names it, `robbie schema migrate` applies it"
        }
        "42804" | "42P10" => "the table differs from what is expected: `robbie schema status` compares the two",
        "0A000" => "the server's version cannot do this: PostgreSQL 14 to 18 with pgvector is expected",
        "40001" | "40P01" => "it clashed with another transaction; it is tried again by itself",
        "55P03" => "another session holds the lock: the Health pane shows the longest transactions",
        "57014" => "it took longer than allowed, or was cancelled; look for locks and for missing indexes",
        "53300" => "all connections of the server are taken: close some, or raise max_connections",
        "53100" => "the server's disk is full: free space there first",
        "53200" | "53000" => "the server is out of memory or workers: try again later",
        "54000" => "the value is larger or deeper than PostgreSQL can hold: shorten it",
        "57P01" | "57P02" => "the server ended the session (restart or administrator); it comes back by itself",
        "57P03" => "the server is starting up or shutting down; it is tried again by itself",
        "57P04" => "the database was dropped",
        s if s.starts_with("08") => "the connection broke; it is made again by itself",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    fn every_failure_of_connection_privilege_and_schema_has_a_remedy(
        #[values(
            "08000", "08006", "25006", "28P01", "28000", "3D000", "40001", "40P01", "42501", "42703", "42804", "42P01",
            "42P10", "53100", "53300", "54000", "55P03", "57014", "57P01", "57P03"
        )]
        sqlstate: &str,
    ) {
        assert!(of(sqlstate, "").is_some());
    }

    #[test]
    fn a_missing_line_for_plain_connections_asks_for_tls() {
        let plain = "no pg_hba.conf entry for host \"10.0.0.1\", user \"a\", database \"d\", no encryption";
        assert!(of("28000", plain).unwrap().contains("sslmode=require"));
        let encrypted = "no pg_hba.conf entry for host \"10.0.0.1\", user \"a\", database \"d\", SSL encryption";
        assert!(of("28000", encrypted).unwrap().contains("add one and reload"));
    }
}
