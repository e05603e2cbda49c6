//! Both sides changed a row: rules per column, the kinds of conflicts, and what the log keeps of them.

use super::fixture::{Fixture, count, text};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use uuid::Uuid;

const TABLE: &str = "create table counters (id integer primary key, n bigint, exact numeric, tags text[], doc jsonb, note text, best integer,
    least timestamptz, mine text, late text, plain text, other text, updated_at timestamptz)";

/// A synced table with a rule on every column that can have one, and one row on both sides.
async fn with_rules(policy: &str) -> Fixture {
    let f = Fixture::new().await;
    for client in [&f.master, &f.replica] {
        client.batch_execute(TABLE).await.unwrap();
    }
    f.replica.batch_execute("select robbie_sync.watch('counters', array['updated_at'])").await.unwrap();
    f.master
        .batch_execute(&format!(
            "select robbie_sync.capture('counters', '{policy}');
             select robbie_sync.rule('counters', c, r) from (values ('n', 'delta'), ('exact', 'delta'), ('tags', 'set_union'),
                 ('doc', 'deep_merge'), ('note', 'concat'), ('best', 'max'), ('least', 'min'), ('mine', 'local'), ('late', 'newest')) v(c, r);
             insert into counters values (1, 10, 0.10, '{{a,b}}', '{{\"x\": 1, \"deep\": {{\"l\": 0, \"r\": 0}}}}', 'base', 5,
                 '2026-01-02 00:00:00+00', 'base', 'base', 'base', 'base', '2026-01-01 00:00:00+00')"
        ))
        .await
        .unwrap();
    f.cycle().await;
    f
}

/// Changes the row here and queues it whole, as an application does.
async fn edit(f: &Fixture, set: &str) -> Uuid {
    let entry = format!(
        "update counters set {set} where id = 1;
         insert into pending_sync (table_name, operation, data) select 'counters', 'UPDATE', to_jsonb(c) from counters c where id = 1"
    );
    f.replica.batch_execute(&entry).await.unwrap();
    let last = "select e.entry_id from robbie_sync.entry e order by e.seq desc limit 1";
    f.replica.query_one(last, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn every_rule_brings_both_sides_together_and_both_agree() {
    for policy in ["row", "column"] {
        let f = with_rules(policy).await;
        f.master
            .batch_execute(
                "update counters set n = n + 5, exact = exact + 0.0000000000000000000000000001, tags = '{b,c}', doc = '{\"x\": 2, \"deep\": {\"l\": 0, \"r\": 2}}',
                 note = 'theirs', best = 7, least = '2026-01-01 12:00:00+00', mine = 'theirs', late = 'theirs', updated_at = '2026-02-02 00:00:00+00'",
            )
            .await
            .unwrap();
        let entry = edit(
            &f,
            "n = n + 2, exact = exact + 0.2, tags = '{a,d}', doc = '{\"x\": 3, \"deep\": {\"l\": 1, \"r\": 0}, \"new\": true}', note = 'ours', best = 6,
             least = '2025-12-31 00:00:00+00', mine = 'ours', late = 'ours', updated_at = '2026-02-01 00:00:00+00'",
        )
        .await;
        f.cycle().await;
        assert_eq!(f.note(entry).await, "conflict_resolved update", "{policy}");
        let row = "select concat_ws(' | ', n, exact, tags, doc, note, best, least at time zone 'utc', mine, late) from counters";
        let expected = "17 | 0.3000000000000000000000000001 | {b,c,a,d} | {\"x\": 2, \"new\": true, \"deep\": {\"l\": 1, \"r\": 2}} | \
                        theirs\n=======\nours | 7 | 2025-12-31 00:00:00 | ours | theirs";
        assert_eq!(text(&f.master, row).await, expected, "{policy}");
        f.cycle().await;
        assert_eq!(text(&f.replica, row).await, expected, "{policy}");
        let logged = "select concat_ws(' ', kind, base ->> 'n', local ->> 'n', remote ->> 'n', result ->> 'n', entry_ids[1]) from robbie_sync.conflict";
        assert_eq!(text(&f.master, logged).await, format!("update_origin_differs 10 12 15 17 {entry}"));
        assert!(text(&f.master, "select rule from robbie_sync.conflict").await.contains("n delta"));
    }
}

#[tokio::test]
async fn a_sum_counts_every_increment_once_and_a_ruled_column_takes_no_row_away() {
    let f = with_rules("row").await;
    // Equal increments are two increments; one entry after another, over pulls, lost answers and edits of the master.
    let mut expected = 10;
    for round in 0..4 {
        f.master.batch_execute("update counters set n = n + 1").await.unwrap();
        for _ in 0..=round {
            edit(&f, "n = n + 1").await;
            expected += 1;
        }
        expected += 1;
        f.cycle().await;
    }
    f.cycle().await;
    for client in [&f.master, &f.replica] {
        assert_eq!(text(client, "select n from counters").await, expected.to_string());
    }
    // The counter moved there, a plain column here: no conflict, though the policy keeps rows.
    let before = count(&f.master, "robbie_sync.conflict").await;
    f.master.batch_execute("update counters set n = n + 1").await.unwrap();
    let plain = edit(&f, "plain = 'ours'").await;
    f.cycle().await;
    assert_eq!(f.note(plain).await, "applied update");
    // A plain column moved there: our counter goes through, our plain column does not.
    f.master.batch_execute("update counters set other = 'theirs'").await.unwrap();
    f.cycle().await;
    f.master.batch_execute("update counters set other = 'theirs again'").await.unwrap();
    edit(&f, "n = n + 1, plain = 'lost'").await;
    f.cycle().await;
    let row = "select concat_ws(' ', n, plain, other) from counters";
    assert_eq!(text(&f.master, row).await, format!("{} ours theirs again", expected + 2));
    assert_eq!(count(&f.master, "robbie_sync.conflict").await, before + 1);
    assert_eq!(
        text(&f.master, "select rule from robbie_sync.conflict order by conflict_id desc limit 1").await,
        "master wins the row"
    );
}

#[tokio::test]
async fn a_rule_is_refused_where_the_column_cannot_carry_it() {
    let f = with_rules("row").await;
    f.master.batch_execute("create table shapes (id integer primary key, p point, r real, d xml, generated integer generated always as (1) stored); select robbie_sync.capture('shapes')").await.unwrap();
    for (table, column, rule, why) in [
        ("counters", "note", "delta", "needs an integer or numeric column"),
        ("shapes", "r", "delta", "needs an integer or numeric column"),
        ("counters", "n", "set_union", "needs an array or jsonb column"),
        ("counters", "tags", "deep_merge", "needs a jsonb column"),
        ("counters", "doc", "concat", "needs a text column"),
        ("shapes", "p", "max", "whose values have an order"),
        ("shapes", "r", "newest", "stamp column"),
        ("counters", "id", "max", "never merged"),
        ("counters", "updated_at", "max", "never merged"),
        ("shapes", "generated", "local", "never merged"),
        ("counters", "colour", "local", "has no column colour"),
        ("users", "email", "local", "not synced"),
        ("counters", "n", "average", "there is no rule 'average'"),
    ] {
        let refused = f
            .master
            .execute("select robbie_sync.rule($1, $2, $3)", &[&table, &column, &rule])
            .await
            .expect_err(&format!("{table}.{column} {rule}"));
        let message = refused.as_db_error().unwrap().message();
        assert!(message.contains(why), "{message}");
    }
    f.master.batch_execute("select robbie_sync.rule('counters', 'n', null)").await.unwrap();
    assert_eq!(
        text(&f.master, "select rules ? 'n' from robbie_sync.synced_table where tbl = 'counters'").await,
        "false"
    );
}

#[tokio::test]
async fn each_kind_of_conflict_is_named_and_logged_once_with_its_images() {
    let f = with_rules("row").await;
    f.master
        .batch_execute("create unique index on counters (plain); create unique index on counters (other); insert into counters (id, plain, other) select n, n, n from generate_series(2, 9) n")
        .await
        .unwrap();
    f.cycle().await;
    let queue = async |operation: &str, data: &str| f.queue("counters", operation, data).await;
    let kind = async |entry: Uuid| {
        let images = "bool_and(base is not null)::int, bool_and(local is not null)::int, bool_and(remote is not null)::int, bool_and(result is not null)::int";
        let logged = format!(
            "select coalesce((select concat_ws(' ', min(kind), count(*), {images}) from robbie_sync.conflict
             where entry_ids @> array['{entry}'::uuid] having count(*) > 0), '')"
        );
        text(&f.master, &logged).await
    };
    // Images that must be there: base local remote result.
    f.master.batch_execute("insert into counters (id, plain) values (20, 'theirs')").await.unwrap();
    f.replica.batch_execute("insert into counters (id, plain) values (20, 'ours')").await.unwrap();
    let insert_exists = queue("INSERT", r#"{"id":20,"plain":"ours"}"#).await;
    f.master.batch_execute("update counters set best = 1, mine = 'm', other = 'x2' where id = 2; delete from counters where id = 3; update counters set other = 'x4' where id = 4; delete from counters where id = 5").await.unwrap();
    f.replica.batch_execute("update counters set other = 'y2' where id = 2; update counters set other = 'y3' where id = 3; delete from counters where id in (4, 5)").await.unwrap();
    let update_differs = queue("UPDATE", r#"{"id":2,"other":"y2"}"#).await;
    let update_missing = queue("UPDATE", r#"{"id":3,"other":"y3"}"#).await;
    let delete_differs = queue("DELETE", r#"{"id":4}"#).await;
    let delete_missing = queue("DELETE", r#"{"id":5}"#).await;
    f.cycle().await;
    assert_eq!(kind(insert_exists).await, "insert_exists 1 0 1 1 1");
    assert_eq!(kind(update_differs).await, "update_origin_differs 1 1 1 1 1");
    assert_eq!(kind(update_missing).await, "update_missing 1 1 1 0 0");
    assert_eq!(kind(delete_differs).await, "delete_origin_differs 1 1 0 1 1");
    assert_eq!(kind(delete_missing).await, "delete_missing 1 1 0 0 0");
    assert_eq!(f.note(delete_missing).await, "applied no_change", "nothing was lost");
    assert_eq!(count(&f.master, "robbie_sync.conflict where resolved_at is null").await, 4);
    f.cycle().await;
    let all = "select string_agg(concat_ws(' ', id, plain, other, best, mine), ', ' order by id) from counters where id in (2, 3, 4, 5, 20)";
    assert_eq!(text(&f.replica, all).await, text(&f.master, all).await);
    assert_eq!(text(&f.master, all).await, "2 2 x2 1 m, 4 4 x4, 20 theirs");
    // Two deletes of our own are no conflict.
    f.replica.batch_execute("delete from counters where id = 6").await.unwrap();
    let first = queue("DELETE", r#"{"id":6}"#).await;
    f.cycle().await;
    let second = queue("DELETE", r#"{"id":6}"#).await;
    f.replica
        .execute("update robbie_sync.entry set base = '{\"id\": 6}' where entry_id = $1", &[&second])
        .await
        .unwrap();
    f.cycle().await;
    assert_eq!((kind(first).await, kind(second).await), (String::new(), String::new()));
}

#[tokio::test]
async fn two_inserts_of_one_row_are_merged_where_columns_are() {
    let f = with_rules("column").await;
    f.master.batch_execute("insert into counters (id, n, plain) values (20, 3, 'theirs')").await.unwrap();
    f.replica
        .batch_execute("insert into counters (id, n, plain, other) values (20, 4, 'ours', 'only ours')")
        .await
        .unwrap();
    f.queue("counters", "INSERT", r#"{"id":20,"n":4,"plain":"ours","other":"only ours"}"#).await;
    f.cycle().await;
    let row = "select concat_ws(' ', n, plain, other) from counters where id = 20";
    assert_eq!(text(&f.master, row).await, "7 theirs only ours");
    f.cycle().await;
    assert_eq!(text(&f.replica, row).await, "7 theirs only ours");
}

#[tokio::test]
async fn stamps_of_a_wrong_clock_win_nothing_they_should_not() {
    let f = with_rules("column").await;
    let merge = async |ours: &str, theirs: &str| {
        let sql = format!(
            "select coalesce(written ->> 'late', 'theirs') from robbie_sync.merge('{{\"late\": \"base\"}}', '{{\"late\": \"ours\", \"updated_at\": \"{ours}\"}}',
             '{{\"late\": \"theirs\", \"updated_at\": \"{theirs}\"}}', 'column', '{{\"late\": {{\"rule\": \"newest\"}}}}', array['updated_at'], 'updated_at',
             '2026-01-01 00:05:00+00', false, false, false)"
        );
        text(&f.master, &sql).await
    };
    assert_eq!(merge("2026-01-01 00:00:02+00", "2026-01-01 00:00:01+00").await, "ours");
    assert_eq!(merge("2026-01-01 00:00:01+00", "2026-01-01 00:00:01+00").await, "theirs", "equal: the master's");
    assert_eq!(
        merge("2027-01-01 00:00:00+00", "2026-01-01 00:05:00+00").await,
        "theirs",
        "a stamp a year ahead is cut to the limit"
    );
    assert_eq!(merge("2025-12-31 00:00:00+00", "2026-01-01 00:00:00+00").await, "theirs");
}

#[tokio::test]
async fn the_merge_is_a_pure_function_of_its_inputs() {
    let f = with_rules("column").await;
    let value = prop_oneof![Just("null".to_owned()), (0..4).prop_map(|n: i32| n.to_string())];
    let image = proptest::collection::vec(value, 4);
    let inputs = (image.clone(), image.clone(), image, any::<bool>(), proptest::sample::select(vec!["row", "column"]));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..60 {
        let (base, ours, theirs, force, policy) = inputs.new_tree(&mut runner).unwrap().current();
        let json = |v: &[String]| format!(r#"{{"a":{},"b":{},"c":{},"d":{}}}"#, v[0], v[1], v[2], v[3]);
        let sql = format!(
            "select (m.written, m.lost, m.by_rule)::text from robbie_sync.merge('{}', '{}', '{}', '{policy}',
             '{{\"b\": {{\"rule\": \"delta\", \"type\": \"integer\"}}, \"c\": {{\"rule\": \"max\", \"type\": \"integer\"}}}}', '{{}}', null, now(), false, {force}, false) m",
            json(&base), json(&ours), json(&theirs)
        );
        let first = text(&f.master, &sql).await;
        f.master
            .batch_execute("set timezone = 'Asia/Tokyo'; set datestyle = 'German'; set enable_hashagg = off")
            .await
            .unwrap();
        assert_eq!(text(&f.master, &sql).await, first, "{sql}");
        f.master.batch_execute("reset all").await.unwrap();
        // Against a model: what is where both moved, and where only one did.
        let number = |v: &String| v.parse::<i64>().ok();
        let merged = text(
            &f.master,
            &sql.replace(
                "(m.written, m.lost, m.by_rule)::text",
                &format!("('{}'::jsonb || m.written) ->> 'b'", json(&theirs)),
            ),
        )
        .await;
        let (b, o, t) = (number(&base[1]), number(&ours[1]), number(&theirs[1]));
        let expected = if o == b || (o.is_none() && t != b) {
            t
        } else if t == b {
            o
        } else {
            Some(t.unwrap_or(0) + o.unwrap() - b.unwrap_or(0))
        };
        assert_eq!(merged.parse::<i64>().ok(), expected, "{sql}");
    }
}

#[tokio::test]
async fn an_edited_insert_does_not_bring_back_a_row_that_ended_since() {
    let f = with_rules("row").await;
    let entry = f.queue("counters", "INSERT", r#"{"id":30,"plain":"first"}"#).await;
    f.cycle().await;
    f.master.batch_execute("delete from counters where id = 30").await.unwrap();
    f.replica
        .execute("update pending_sync set data = data || '{\"other\": \"second\"}' where id = $1", &[&entry])
        .await
        .unwrap();
    // Known as settled, it is sent again as what it says now.
    f.replica.execute("update pending_sync set synced_at = null where id = $1", &[&entry]).await.unwrap();
    f.cycle().await;
    assert_eq!(count(&f.master, "counters where id = 30").await, 0);
    assert_eq!(f.note(entry).await, "conflict_resolved overwrites_newer");
    assert_eq!(
        text(&f.master, "select concat_ws(' ', kind, local ->> 'other') from robbie_sync.conflict").await,
        "update_missing second"
    );
}
