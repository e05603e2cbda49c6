//! Why entries are stuck: groups, and the server's own words recognised.

use super::*;

#[tokio::test]
async fn groups_are_the_families_and_find_their_entries_again() {
    let (_test, client, shape) = deployed(
        "insert into pending_sync (table_name, operation, data, error, created_at)
         select 'code_messages', 'INSERT', jsonb_build_object('id', gen_random_uuid()),
                'insert or update on table \"code_messages\" violates foreign key constraint \"fk\"' || chr(10) ||
                'DETAIL:  Key (conversation_id)=(' || gen_random_uuid() || ') is not present in table \"code_conversations\".',
                now() - interval '2 hours'
         from generate_series(1, 31);
         insert into pending_sync (table_name, operation, data, error)
         select 'code_conversations', 'INSERT', '{}', 'column \"c' || n % 17 || '\" of relation \"code_conversations\" does not exist'
         from generate_series(0, 33) n;
         insert into pending_sync (table_name, operation, data, error)
         select 'learned_patterns', 'INSERT', '{}', 'no mapping for user ''guest''' from generate_series(1, 2);
         insert into pending_sync (table_name, operation, data, error, synced_at)
         values ('code_messages', 'INSERT', '{}', 'deadlock detected', now());
         insert into pending_sync (table_name, operation, data) values ('code_messages', 'INSERT', '{}')",
    )
    .await;
    let found = groups::read(&client, &shape, &Scope::default()).await.unwrap();
    assert_eq!((found.groups.len(), found.entries, found.cut), (19, 67, false));
    let first = &found.groups[0];
    assert_eq!((first.count, first.recent), (31, [0, 31, 31]));
    assert_eq!(first.diagnosis.verdict, Verdict::WaitsForParent);
    assert_eq!(first.diagnosis.object.as_deref(), Some("code_messages.conversation_id"));
    assert_eq!(first.diagnosis.proof, Proof::Inferred);
    assert!(first.first_s.unwrap() >= 7_200);
    assert_eq!(found.groups.iter().filter(|g| g.diagnosis.sqlstate.as_deref() == Some("42703")).count(), 17);
    assert!(found.groups.iter().any(|g| g.diagnosis.verdict == Verdict::UnmappedUser && g.count == 2));
    for group in &found.groups {
        let scope = Scope { states: vec![State::Failed], members: Some(group.members.clone()), ..Scope::default() };
        let entries = all(&client, &shape, &scope, 10, false).await;
        assert_eq!(entries.len() as i64, group.count, "{group:?}");
        assert!(entries.iter().any(|e| e.id == group.sample));
        assert_eq!(store::ids(&client, &shape, &scope).await.unwrap().len() as i64, group.count);
    }
    // The same rules give the same ids.
    assert_eq!(groups::read(&client, &shape, &Scope::default()).await.unwrap().groups[0].id, first.id);
}

/// Errors as PostgreSQL really says them: the code is found in the words alone.
#[tokio::test]
async fn words_of_the_server_are_recognised() {
    let test = support::bare_pair().await;
    let client = Arc::new(support::connect(&test.master).await);
    client
        .batch_execute(
            "create type mood as enum ('friendly');
             create table parent (id int primary key);
             create table t (id uuid primary key, name varchar(5) not null default '', n int unique, s smallint, d date,
               u uuid, m mood, p int references parent, j json, c int check (c > 0) , b text,
               x int4range, exclude using gist (x with &&));
             create index on t (b); insert into parent values (1);
             insert into t (id, n, p, x) values ('11111111-1111-4111-8111-111111111111', 1, 1, '[1,3]')",
        )
        .await
        .unwrap();
    let id = "gen_random_uuid()";
    for (code, statement) in [
        ("22001", format!("insert into t (id, name) values ({id}, 'too long')")),
        ("22003", format!("insert into t (id, s) values ({id}, 99999)")),
        ("22007", format!("insert into t (id, d) values ({id}, 'soon')")),
        ("22008", format!("insert into t (id, d) values ({id}, '2026-02-31')")),
        ("22021", "select convert_from('\\xff', 'UTF8')".to_owned()),
        ("22P02", format!("insert into t (id, u) values ({id}, 'abc')")),
        ("22P02", format!("insert into t (id, m) values ({id}, 'sad')")),
        ("22P05", "select '{\"a\":\"\\u0000\"}'::json ->> 'a'".to_owned()),
        ("23502", format!("insert into t (id, name) values ({id}, null)")),
        ("23503", format!("insert into t (id, p) values ({id}, 9)")),
        ("23503", "delete from parent".to_owned()),
        ("23505", format!("insert into t (id, n) values ({id}, 1)")),
        ("23514", format!("insert into t (id, c) values ({id}, -1)")),
        ("23P01", format!("insert into t (id, x) values ({id}, '[2,4]')")),
        ("25006", "begin read only; insert into parent values (5)".to_owned()),
        ("42501", "select * from pg_authid".to_owned()),
        ("42601", "insert int t".to_owned()),
        ("42703", "insert into t (nope) values (1)".to_owned()),
        ("42804", format!("insert into t (id, n) values ({id}, '2026-01-01'::date)")),
        ("42P01", "insert into nope values (1)".to_owned()),
        ("42P10", format!("insert into t (id) values ({id}) on conflict (b) do nothing")),
        (
            "54000",
            format!("insert into t (id, b) select {id}, string_agg(md5(n::text), '') from generate_series(1, 2000) n"),
        ),
        ("57014", "set statement_timeout = 5; select pg_sleep(1)".to_owned()),
    ] {
        let Err(error) = client.batch_execute(&statement).await else { panic!("{statement} did not fail") };
        let _ = client.batch_execute("rollback; reset all").await;
        let error = error.as_db_error().unwrap();
        assert_eq!(error.code().code(), code, "{statement}");
        let said =
            format!("{}\n{}", error.message(), error.detail().map(|d| format!("DETAIL:  {d}")).unwrap_or_default());
        assert_eq!(diagnosis::recognise(&said).as_deref(), Some(code), "{said}");
    }
}
