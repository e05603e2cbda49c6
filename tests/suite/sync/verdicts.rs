//! Every verdict, met by really pushing.

use super::fixture::{ALLAN, Fixture, count, text};
use uuid::Uuid;

/// Queues one entry, runs a cycle, and returns the note and the stored error.
async fn tried(f: &Fixture, table: &str, operation: &str, data: &str) -> (String, String) {
    let id = f.queue(table, operation, data).await;
    f.cycle().await;
    let error = text(&f.replica, &format!("select error from pending_sync where id = '{id}'")).await;
    (f.note(id).await, error)
}

#[tokio::test]
async fn effects_are_named() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    let row = format!(r#"{{"id":"{id}","user_id":"allan","session_id":"s","title":"t"}}"#);
    assert_eq!(tried(&f, "code_conversations", "INSERT", &row).await.0, "applied insert");
    assert_eq!(tried(&f, "code_conversations", "UPSERT", &row).await.0, "applied no_change");
    assert_eq!(tried(&f, "code_conversations", "UPDATE", &row.replace("\"t\"", "\"u\"")).await.0, "applied update");
    assert_eq!(
        tried(&f, "public.code_conversations", "DELETE", &format!(r#"{{"id":"{id}"}}"#)).await.0,
        "applied delete"
    );
    assert_eq!(count(&f.master, "code_conversations").await, 0);
}

#[tokio::test]
async fn what_finds_no_row_or_a_newer_one_is_held_for_a_person() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    for operation in ["UPDATE", "DELETE"] {
        let (note, error) =
            tried(&f, "code_conversations", operation, &format!(r#"{{"id":"{}","title":"x"}}"#, Uuid::new_v4())).await;
        assert_eq!(note, "blocked zero_rows choice");
        assert!(error.contains("no such row"), "{error}");
    }
    // An old entry meets a row that was written since it was queued.
    f.master
        .batch_execute(&format!(
            "insert into code_conversations (id, session_id, title) values ('{id}', 's', 'newer');
             insert into code_blocks (id, file_path, language, content, session_id) values ('{id}', 'a.rs', 'rust', 'newer', 's')"
        ))
        .await
        .unwrap();
    f.replica
        .batch_execute(&format!(
            "insert into pending_sync (table_name, operation, data, created_at) values
             ('code_conversations', 'INSERT', '{{\"id\":\"{id}\",\"user_id\":\"allan\",\"session_id\":\"s\",\"title\":\"old\"}}', now() - interval '1 day'),
             ('code_blocks', 'UPSERT', '{{\"id\":\"{id}\",\"content\":\"old\"}}', now() - interval '1 day')"
        ))
        .await
        .unwrap();
    f.cycle().await;
    assert_eq!(
        count(
            &f.replica,
            "robbie_sync.entry where state = 'blocked' and verdict = 'overwrites_newer' and blocked_on = 'choice' and op = 'UPSERT'"
        )
        .await,
        1
    );
    // Two inserts of one row: the empty row is what they have in common, and the table's rule decides.
    let logged = "select concat_ws(' ', kind, rule, local ->> 'title', result ->> 'title') from robbie_sync.conflict";
    assert_eq!(text(&f.master, logged).await, "insert_exists master wins the row old newer");
    assert_eq!(
        text(&f.master, "select (select title from code_conversations) || (select content from code_blocks)").await,
        "newernewer"
    );
}

#[tokio::test]
async fn children_wait_for_their_parent_and_go_after_it() {
    let f = Fixture::new().await;
    let (parent, child) = (Uuid::new_v4(), Uuid::new_v4());
    let (note, error) = tried(
        &f,
        "code_messages",
        "INSERT",
        &format!(r#"{{"id":"{child}","conversation_id":"{parent}","role":"user","content":"c"}}"#),
    )
    .await;
    assert_eq!(note, format!(r#"blocked waits_for_parent 23503 parent code_conversations {{"id": "{parent}"}}"#));
    assert!(error.contains("code_conversations"), "{error}");
    // A second edit of the waiting row waits for the first.
    let (note, _) = tried(&f, "code_messages", "UPDATE", &format!(r#"{{"id":"{child}","content":"d"}}"#)).await;
    assert_eq!(note, "blocked waits_for_chain chain");
    f.conversation(parent, "at last").await;
    f.cycle().await;
    assert_eq!(text(&f.master, "select content from code_messages").await, "d");
    assert_eq!(count(&f.replica, "robbie_sync.entry where state <> 'applied'").await, 0);
    // Parent and child in one batch, the child first.
    let other = Uuid::new_v4();
    f.queue(
        "code_messages",
        "INSERT",
        &format!(r#"{{"id":"{other}","conversation_id":"{other}","role":"user","content":"c"}}"#),
    )
    .await;
    f.conversation(other, "same batch").await;
    assert_eq!(f.cycle().await.push.unwrap().applied, 2);
}

#[tokio::test]
async fn keys_users_and_schemas_that_do_not_fit_are_named() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    let cases = [
        (
            "code_blocks",
            r#"{"file_path":"a","language":"b","content":"c","session_id":"s"}"#.to_owned(),
            "blocked lacks_key key",
            "id",
        ),
        (
            "code_conversations",
            format!(r#"{{"id":"{id}","user_id":"nobody","session_id":"s"}}"#),
            "blocked unmapped_user mapping nobody",
            "nobody",
        ),
        (
            "code_conversations",
            format!(r#"{{"id":"{id}","colour":"red"}}"#),
            "blocked schema_mismatch 42703 schema",
            "colour",
        ),
        ("town_hall", r#"{"id":1}"#.to_owned(), "blocked schema_mismatch 42P01 schema", "town_hall"),
        ("users", format!(r#"{{"id":"{id}"}}"#), "blocked schema_mismatch 42P01 schema", "not synced"),
        (
            "code_conversations",
            format!(r#"{{"id":"{id}","user_id":"allan","session_id":"s","created_at":"soon"}}"#),
            "retry schema_mismatch 22007",
            "soon",
        ),
        (
            "code_conversations",
            format!(r#"{{"id":"{id}","user_id":"allan","session_id":"s","context_type":"poem"}}"#),
            "retry schema_mismatch 23514",
            "context_type",
        ),
        ("code_messages", format!(r#"{{"id":"{id}","role":"user"}}"#), "retry schema_mismatch 23502", "content"),
        ("code_messages", "[1]".to_owned(), "retry fault", "not a JSON object"),
    ];
    for (table, data, note, named) in cases {
        // Each on a row of its own, or they would wait for each other.
        let data = data.replace(&id.to_string(), &Uuid::new_v4().to_string());
        let (found, error) = tried(&f, table, "INSERT", &data).await;
        assert_eq!(found, note, "{table} {data}");
        assert!(error.contains(named), "{error}");
    }
    f.master
        .batch_execute(&format!(
            "insert into user_id_mapping (text_id, uuid_id, service) values ('nobody', '{ALLAN}', 'other')"
        ))
        .await
        .unwrap();
    f.cycle().await;
    assert_eq!(text(&f.master, "select user_id from code_conversations").await, ALLAN);
}

#[tokio::test]
async fn constraints_and_faults_are_told_apart() {
    let f = Fixture::new().await;
    f.master.batch_execute("insert into robbie_personality_state (user_id) values ('allan'), ('zoe')").await.unwrap();
    let (note, error) =
        tried(&f, "robbie_personality_state", "INSERT", &format!(r#"{{"id":"{}","user_id":"allan"}}"#, Uuid::new_v4()))
            .await;
    assert_eq!(note, "retry constraint 23505");
    assert!(error.contains("already exists"), "{error}");
    f.master
        .batch_execute(
            "create function moody() returns trigger language plpgsql as $$ begin raise exception 'not today'; end $$;
             create trigger moody before insert on learned_patterns for each row execute function moody()",
        )
        .await
        .unwrap();
    let pattern = format!(
        r#"{{"id":"{}","user_id":"allan","pattern_type":"testing","pattern_name":"n","example_code":"e"}}"#,
        Uuid::new_v4()
    );
    let (note, error) = tried(&f, "learned_patterns", "INSERT", &pattern).await;
    assert_eq!(note, "retry fault P0001");
    assert!(error.contains("not today"), "{error}");
}

#[tokio::test]
async fn rows_that_point_at_each_other_go_through_in_three_entries_and_in_two_where_a_constraint_can_be_deferred() {
    let f = Fixture::new().await;
    for (client, sync) in [(&f.master, "capture"), (&f.replica, "watch")] {
        client
            .batch_execute(&format!(
                "create table cat (id integer primary key, enemy integer, friend integer); create table dog (id integer primary key, enemy integer);
                 create table fox (id integer primary key, friend integer references cat deferrable initially deferred);
                 alter table cat add foreign key (friend) references fox deferrable initially deferred;
                 alter table cat add foreign key (enemy) references dog deferrable initially deferred;
                 alter table dog add foreign key (enemy) references cat deferrable initially deferred;
                 select robbie_sync.{sync}('cat'), robbie_sync.{sync}('dog'), robbie_sync.{sync}('fox')"
            ))
            .await
            .unwrap();
    }
    f.cycle().await;
    // Few of a kind go one by one, many by sets.
    for (first, last) in [(1, 1), (11, 30)] {
        for (table, op, data) in [
            ("cat", "INSERT", "jsonb_build_object('id', n, 'enemy', null)"),
            ("dog", "INSERT", "jsonb_build_object('id', n, 'enemy', n)"),
            ("cat", "UPDATE", "jsonb_build_object('id', n, 'enemy', n)"),
        ] {
            let sql = format!(
                "insert into pending_sync (table_name, operation, data) select '{table}', '{op}', {data} from generate_series({first}, {last}) n"
            );
            f.replica.batch_execute(&sql).await.unwrap();
        }
        f.cycle().await;
        assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
    }
    assert_eq!(count(&f.master, "cat join dog on cat.enemy = dog.id and dog.enemy = cat.id").await, 21);
    for rows in [2..=2, 101..=120] {
        circle(&f, rows).await;
        f.cycle().await;
        assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);
    }
    assert_eq!(count(&f.master, "cat join dog on cat.enemy = dog.id and dog.enemy = cat.id").await, 42);
    assert_eq!(count(&f.master, "robbie_sync.applied").await, count(&f.replica, "pending_sync").await);

    // Two circles with a cat in common.
    f.queue("cat", "INSERT", r#"{"id":301,"enemy":301,"friend":301}"#).await;
    f.queue("dog", "INSERT", r#"{"id":301,"enemy":301}"#).await;
    f.queue("fox", "INSERT", r#"{"id":301,"friend":301}"#).await;
    // One that can be deferred is enough.
    f.master.batch_execute("alter table dog alter constraint dog_enemy_fkey not deferrable").await.unwrap();
    circle(&f, 302..=302).await;
    f.cycle().await;
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);

    // They were queued at different times: one waits, the other comes, and then both go.
    let cat = f.queue("cat", "INSERT", r#"{"id":303,"enemy":303}"#).await;
    f.cycle().await;
    assert_eq!(f.note(cat).await, r#"blocked waits_for_parent 23503 parent dog {"id": 303}"#);
    f.queue("dog", "INSERT", r#"{"id":303,"enemy":303}"#).await;
    f.cycle().await;
    f.cycle().await;
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 0);

    // None can be deferred: each is refused, and the circle named.
    f.master.batch_execute("alter table cat alter constraint cat_enemy_fkey not deferrable").await.unwrap();
    circle(&f, 3..=3).await;
    circle(&f, 201..=210).await;
    f.cycle().await;
    let error = async |table: &str, n: i32| {
        let sql = format!("select error from pending_sync where table_name = '{table}' and data ->> 'id' = '{n}'");
        text(&f.replica, &sql).await
    };
    let ids = text(
        &f.replica,
        "select string_agg(id::text, ', ' order by table_name) from pending_sync where data ->> 'id' = '3'",
    );
    let (cat, dog, ids) = (error("cat", 3).await, error("dog", 3).await, ids.await);
    assert_eq!(
        cat,
        format!(
            "[23503] new rows that point at each other in a circle, so that none can go first: cat {{\"id\": 3}} → dog {{\"id\": 3}} → cat \
             {{\"id\": 3}} — entries {ids}; constraints cat.cat_enemy_fkey, dog.dog_enemy_fkey: none of them is DEFERRABLE"
        )
    );
    assert_eq!(cat, dog);
    assert!(
        error("dog", 207).await.contains("dog {\"id\": 207} → ")
            && error("cat", 207).await.contains("none of them is DEFERRABLE")
    );
    assert_eq!(count(&f.replica, "pending_sync where synced_at is null").await, 22);

    // The way out that is named: one goes without the reference, and gets it later.
    f.replica
        .batch_execute("update pending_sync set data = data || '{\"enemy\": null}' where table_name = 'cat' and data ->> 'id' = '3'")
        .await
        .unwrap();
    f.queue("cat", "UPDATE", r#"{"id":3,"enemy":3}"#).await;
    f.cycle().await;
    f.cycle().await;
    assert_eq!(count(&f.master, "cat join dog on cat.enemy = dog.id and dog.enemy = cat.id where cat.id = 3").await, 1);
}

/// Queues new cats and dogs that point at each other.
async fn circle(f: &Fixture, rows: std::ops::RangeInclusive<i32>) {
    let sql = format!(
        "insert into pending_sync (table_name, operation, data) select t, 'INSERT', jsonb_build_object('id', n, 'enemy', n)
         from generate_series({}, {}) n, (values ('cat'), ('dog')) t(t)",
        rows.start(),
        rows.end()
    );
    f.replica.batch_execute(&sql).await.unwrap();
}
