use super::*;
use rstest::rstest;

fn stored(text: &str) -> Evidence<'_> {
    Evidence {
        table: "code_messages",
        operation: "INSERT",
        state: State::Failed,
        verdict: None,
        sqlstate: None,
        object: None,
        blocked_on: None,
        text,
        live: false,
        synced: false,
    }
}

/// The words are PostgreSQL's own; every code that a person can meet has its text, object, verdict and remedy.
#[rstest]
#[case(
    "22001",
    "value too long for type character varying(255)",
    Some("character varying(255)"),
    Verdict::SchemaMismatch,
    Fix::Edit
)]
#[case(
    "22003",
    "value \"99999999999\" is out of range for type integer",
    Some("integer"),
    Verdict::SchemaMismatch,
    Fix::Edit
)]
#[case("22003", "integer out of range", None, Verdict::SchemaMismatch, Fix::Edit)]
#[case(
    "22007",
    "invalid input syntax for type timestamp with time zone: \"soon\"",
    Some("timestamp with time zone"),
    Verdict::SchemaMismatch,
    Fix::Edit
)]
#[case("22008", "date/time field value out of range: \"2026-13-40\"", None, Verdict::SchemaMismatch, Fix::Edit)]
#[case("22021", "invalid byte sequence for encoding \"UTF8\": 0x00", Some("UTF8"), Verdict::SchemaMismatch, Fix::Edit)]
#[case("22P02", "invalid input syntax for type uuid: \"abc\"", Some("uuid"), Verdict::SchemaMismatch, Fix::Edit)]
#[case("22P02", "invalid input value for enum mood: \"sad\"", Some("mood"), Verdict::SchemaMismatch, Fix::Edit)]
#[case(
    "22P05",
    "unsupported Unicode escape sequence\nDETAIL:  \\u0000 cannot be converted to text.",
    None,
    Verdict::SchemaMismatch,
    Fix::Edit
)]
#[case(
    "23502",
    "null value in column \"role\" of relation \"code_messages\" violates not-null constraint",
    Some("code_messages.role"),
    Verdict::SchemaMismatch,
    Fix::Edit
)]
#[case(
    "23503",
    "insert or update on table \"code_messages\" violates foreign key constraint \"fk\"\nDETAIL:  Key (conversation_id)=(1) is not present in table \"code_conversations\".",
    Some("code_messages.conversation_id"),
    Verdict::WaitsForParent,
    Fix::QueueParent
)]
#[case(
    "23503",
    "insert or update on table \"code_messages\" violates foreign key constraint \"code_messages_fk\"",
    Some("code_messages_fk"),
    Verdict::WaitsForParent,
    Fix::QueueParent
)]
#[case(
    "23503",
    "update or delete on table \"users\" violates foreign key constraint \"fk\" on table \"api_keys\"",
    Some("fk"),
    Verdict::Constraint,
    Fix::Choose
)]
#[case(
    "23505",
    "duplicate key value violates unique constraint \"users_email_key\"",
    Some("users_email_key"),
    Verdict::Constraint,
    Fix::Choose
)]
#[case(
    "23514",
    "new row for relation \"code_messages\" violates check constraint \"role_check\"",
    Some("role_check"),
    Verdict::SchemaMismatch,
    Fix::Edit
)]
#[case(
    "23P01",
    "conflicting key value violates exclusion constraint \"no_overlap\"",
    Some("no_overlap"),
    Verdict::Constraint,
    Fix::Choose
)]
#[case("25006", "cannot execute INSERT in a read-only transaction", Some("INSERT"), Verdict::Fault, Fix::Server)]
#[case(
    "28P01",
    "password authentication failed for user \"aurora_app\"",
    Some("aurora_app"),
    Verdict::Fault,
    Fix::Server
)]
#[case("3D000", "database \"aurora\" does not exist", Some("aurora"), Verdict::Fault, Fix::Server)]
#[case("40001", "could not serialize access due to concurrent update", None, Verdict::Fault, Fix::Wait)]
#[case("40P01", "deadlock detected", None, Verdict::Fault, Fix::Wait)]
#[case("42501", "permission denied for table code_messages", Some("code_messages"), Verdict::Fault, Fix::Grant)]
#[case("42601", "syntax error at or near \"order\"", Some("order"), Verdict::Fault, Fix::Edit)]
#[case(
    "42703",
    "column \"colour\" of relation \"code_messages\" does not exist",
    Some("code_messages.colour"),
    Verdict::SchemaMismatch,
    Fix::Migrate
)]
#[case("42703", "column colour does not exist", Some("code_messages.colour"), Verdict::SchemaMismatch, Fix::Migrate)]
#[case(
    "42804",
    "column \"user_id\" is of type uuid but expression is of type text",
    Some("code_messages.user_id"),
    Verdict::SchemaMismatch,
    Fix::Migrate
)]
#[case("42P01", "relation \"sticky\" does not exist", Some("sticky"), Verdict::SchemaMismatch, Fix::Migrate)]
#[case(
    "42P10",
    "there is no unique or exclusion constraint matching the ON CONFLICT specification",
    None,
    Verdict::SchemaMismatch,
    Fix::Migrate
)]
#[case("53100", "could not extend file \"base/1/2\": No space left on device", None, Verdict::Fault, Fix::Server)]
#[case("53300", "sorry, too many clients already", None, Verdict::Fault, Fix::Wait)]
#[case(
    "54000",
    "index row size 2904 exceeds btree version 4 maximum 2704 for index \"idx_error\"",
    Some("idx_error"),
    Verdict::SchemaMismatch,
    Fix::Edit
)]
#[case("55P03", "canceling statement due to lock timeout", None, Verdict::Fault, Fix::Wait)]
#[case("57014", "canceling statement due to statement timeout", None, Verdict::Fault, Fix::Wait)]
#[case("57P01", "terminating connection due to administrator command", None, Verdict::Fault, Fix::Wait)]
#[case("57P03", "the database system is starting up", None, Verdict::Fault, Fix::Wait)]
#[case("08001", "connect ECONNREFUSED 127.0.0.1:25432", None, Verdict::Fault, Fix::Wait)]
#[case("08006", "server closed the connection unexpectedly", None, Verdict::Fault, Fix::Wait)]
fn every_code_is_recognised_by_its_words(
    #[case] code: &str,
    #[case] text: &str,
    #[case] object: Option<&str>,
    #[case] verdict: Verdict,
    #[case] fix: Fix,
) {
    let found = diagnose(&stored(text)).unwrap();
    assert_eq!(found.sqlstate.as_deref(), Some(code));
    assert_eq!(found.object.as_deref(), object);
    assert_eq!((found.verdict, found.fix), (verdict, fix));
    assert_eq!(found.proof, Proof::Inferred);
    assert!(!found.cause.contains('{') && !found.remedy.contains('{'), "{found:?}");
    // With the code noted by the engine the same is proven.
    let live = Evidence { sqlstate: Some(code), live: true, ..stored(text) };
    assert_eq!(diagnose(&live).unwrap().proof, Proof::Proven);
}

#[rstest]
#[case("23503: insert or update failed", Some("23503"))]
#[case("ERROR: 42P01 nothing", Some("42P01"))]
#[case("boom (SQLSTATE 22P05)", Some("22P05"))]
#[case("boom [XX000]", Some("XX000"))]
#[case("{\"code\":\"23505\"}", Some("23505"))]
#[case("no such customer in 22001 Hamburg", None)]
#[case("", None)]
fn a_written_code_counts_only_where_it_is_announced(#[case] text: &str, #[case] code: Option<&str>) {
    assert_eq!(recognise(text).as_deref(), code);
}

#[test]
fn every_listed_code_has_a_rule() {
    for code in CODES {
        let code = if code == "08" { "08003" } else { code };
        assert!(rules::of_code(code, "").is_some(), "{code}");
    }
}

#[test]
fn a_synced_entry_with_an_error_is_stale() {
    let evidence = Evidence { synced: true, state: State::Synced, live: true, ..stored("deadlock detected") };
    let found = diagnose(&evidence).unwrap();
    assert!(found.stale && found.fix == Fix::None && found.proof == Proof::Inferred);
    assert!(found.cause.starts_with("The error is older than the success"));
}

#[test]
fn nothing_is_said_of_what_did_not_fail() {
    assert_eq!(diagnose(&Evidence { state: State::Pending, ..stored("  ") }), None);
    assert_eq!(diagnose(&Evidence { verdict: Some(Verdict::Insert), state: State::Pending, ..stored("") }), None);
}

#[rstest]
#[case(Verdict::ZeroRows, Fix::Choose)]
#[case(Verdict::OverwritesNewer, Fix::Choose)]
#[case(Verdict::WaitsForChain, Fix::ChainFirst)]
#[case(Verdict::LacksKey, Fix::AdoptKey)]
#[case(Verdict::UnmappedUser, Fix::MapUser)]
fn a_verdict_without_a_code_has_its_remedy(#[case] verdict: Verdict, #[case] fix: Fix) {
    let evidence = Evidence { verdict: Some(verdict), state: State::Blocked, live: true, ..stored("") };
    let found = diagnose(&evidence).unwrap();
    assert_eq!((found.fix, found.verdict, found.proof), (fix, verdict, Proof::Proven));
}

#[test]
fn an_unknown_error_is_a_fault_and_says_so() {
    let found = diagnose(&stored("the moon is full")).unwrap();
    assert_eq!((found.verdict, found.sqlstate), (Verdict::Fault, None));
    assert!(found.cause.contains("no rule here"));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,120}") {
        let _ = diagnose(&stored(&text));
    }
}
