//! Entries, groups and details for the tests of this pane.

use crate::queue::detail::{Attempt, Chained, Detail};
use crate::queue::diagnosis::{self, Evidence};
use crate::queue::groups::{Group, Groups};
use crate::queue::{Entry, Key, State, Verdict, page::Members};
use uuid::Uuid;

pub(super) fn id(n: u32) -> Uuid {
    Uuid::from_u128(0x4f2a_0d7e_1111_4222_8333_0000_0000_0000 + u128::from(n))
}

/// An entry whose number stands in `attempts`.
pub(super) fn entry(n: u32) -> Entry {
    let state = [State::Pending, State::Failed, State::Blocked, State::Synced][n as usize % 4];
    let failed = matches!(state, State::Failed | State::Blocked);
    Entry {
        id: id(n),
        key: Key(vec![Some(n.to_string())]),
        table: ["code_messages", "code_conversations", "learned_patterns"][n as usize % 3].to_owned(),
        operation: ["INSERT", "UPDATE", "DELETE"][n as usize % 3].to_owned(),
        state,
        engine_state: Some(["ready", "quarantined", "blocked", "applied"][n as usize % 4].to_owned()),
        row_key: Some(format!("{{\"id\": \"{}\"}}", id(n + 7_000))),
        created_at: Some("2026-11-22 08:14:02.123456+00".to_owned()),
        created_ms: Some(1_700_000_000_000),
        age_s: Some(7_200 - i64::from(n.min(7_000))),
        synced_at: (state == State::Synced).then(|| "2026-11-22 08:15:00+00".to_owned()),
        attempts: n as i32,
        verdict: failed.then_some(Verdict::WaitsForParent),
        sqlstate: failed.then(|| "23503".to_owned()),
        object: failed.then(|| "code_messages.conversation_id".to_owned()),
        live: true,
        blocked_on: (state == State::Blocked).then(|| "parent code_conversations 9b1e".to_owned()),
        error: failed
            .then(|| "insert or update on table \"code_messages\" violates foreign key constraint \"fk\"".to_owned()),
        preview: Some(format!(
            "{{\"id\": \"{}\", \"role\": \"user\", \"content\": \"How do I tune IVFFlat?\"}}",
            id(n)
        )),
        bytes: 220,
        discarded: None,
    }
}

pub(super) fn detail(n: u32) -> Detail {
    Detail {
        entry: entry(n),
        payload: "{\"id\": \"4f2a0d7e-1111-4222-8333-000000000001\", \"conversation_id\": \"9b1e0000-0000-4000-8000-000000000007\", \
                  \"content\": \"How do I tune IVFFlat lists?\", \"created_at\": \"2026-11-22T08:14:02.5Z\", \
                  \"tokens\": 9007199254740993, \"metadata\": {\"model\": \"x\", \"tags\": [\"a\", \"b\"]}}"
            .to_owned(),
        payload_chars: 300,
        error_text: Some(
            "insert or update on table \"code_messages\" violates foreign key constraint \"fk\"\nDETAIL:  Key \
             (conversation_id)=(9b1e0000-0000-4000-8000-000000000007) is not present in table \"code_conversations\"."
                .to_owned(),
        ),
        last_tried: Some("2026-11-22 10:10:00+00".to_owned()),
        next_attempt: Some("2026-11-22 10:20:00+00".to_owned()),
        blocked_by: None,
        base: None,
        tries: (1..4)
            .map(|t| Attempt {
                at: "2026-11-22 10:10:00+00".to_owned(),
                age_s: t * 240,
                actor: "engine".to_owned(),
                verdict: "waits_for_parent".to_owned(),
                outcome: "failed".to_owned(),
                sqlstate: Some("23503".to_owned()),
                message: Some("violates foreign key constraint \"fk\"".to_owned()),
                object: None,
                duration_ms: Some(1.2),
            })
            .collect(),
        chain: vec![Chained {
            id: id(900),
            operation: "UPDATE".to_owned(),
            state: State::Pending,
            age_s: Some(60),
            before: false,
        }],
    }
}

fn group(name: &str, count: i64, table: &str, sqlstate: Option<&str>, verdict: Option<Verdict>, text: &str) -> Group {
    let diagnosis = diagnosis::diagnose(&Evidence {
        table,
        operation: "INSERT",
        state: State::Failed,
        verdict,
        sqlstate,
        object: None,
        blocked_on: None,
        text,
        live: sqlstate.is_some(),
        synced: false,
    });
    Group {
        id: name.to_owned(),
        rules: 1,
        count,
        table: table.to_owned(),
        operation: "INSERT".to_owned(),
        state: State::Failed,
        diagnosis: diagnosis.unwrap(),
        pattern: crate::queue::mask::mask(text),
        first_s: Some(7_300),
        last_s: Some(240),
        recent: [count / 3, count, count],
        sample: id(1),
        members: Members {
            id: name.to_owned(),
            table: table.to_owned(),
            operation: "INSERT".to_owned(),
            marks: vec!["m".to_owned()],
        },
    }
}

/// The groups of the mock-up.
pub(super) fn groups() -> Groups {
    let foreign = "insert or update on table \"code_messages\" violates foreign key constraint \"fk\"\nDETAIL:  Key \
                   (conversation_id)=(1) is not present in table \"code_conversations\".";
    Groups {
        groups: vec![
            group("aa11bb22cc", 31, "code_messages", Some("23503"), None, foreign),
            group(
                "bb22cc33dd",
                4,
                "code_conversations",
                Some("22001"),
                None,
                "value too long for type character varying(255)",
            ),
            group(
                "cc33dd44ee",
                2,
                "learned_patterns",
                None,
                Some(Verdict::UnmappedUser),
                "no mapping for user 'guest'",
            ),
        ],
        entries: 37,
        cut: false,
    }
}
