use super::super::sql::{Statement, Value};
use super::super::{Shape, State, Verdict};
use super::{Column, Comparison, Filter, Moment, Test, TextField, TimeField, parse};
use proptest::prelude::*;
use rstest::rstest;

fn migrated() -> Shape {
    Shape { migrated: true, has_error: true, has_retry_count: true, has_last_retry: true, ..Shape::default() }
}

fn sql(text: &str, shape: &Shape) -> Statement {
    let mut out = Statement::default();
    parse(text).unwrap().condition(shape, &mut out).unwrap();
    out
}

#[rstest]
#[case("", "")]
#[case("a b", "a b")]
#[case("a AND b", "a b")]
#[case("a OR b c", "a OR (b c)")]
#[case("(a OR b) c", "(a OR b) c")]
#[case("!a", "!a")]
#[case("!(a b)", "!(a b)")]
#[case("!!a", "!!a")]
#[case("\"a b\"", "\"a b\"")]
#[case("state:failed,blocked", "state:failed,blocked")]
#[case("STATE:FAILED", "state:failed")]
#[case("state:Discarded,failed", "state:discarded,failed")]
#[case("verdict:waits-for-parent", "verdict:waits_for_parent")]
#[case("age>60m", "age>1h")]
#[case("age<=90s", "age<=90s")]
#[case("created:2026-11-01..", "created:2026-11-01..")]
#[case("created:..2026-11-02T08:30", "created:..2026-11-02T08:30")]
#[case("created:2026-11-01", "created:2026-11-01")]
#[case("created>=\"2026-11-01 08:30:01\"", "created>=2026-11-01T08:30:01")]
#[case("attempts>3", "attempts>3")]
#[case("attempts:3", "attempts:3")]
#[case("data.metadata.model:gpt*", "data.metadata.model:gpt*")]
#[case("data.\"a b\".c:\"x y\",z", "data.\"a b\".c:\"x y\",z")]
#[case("data.n>9007199254740993", "data.n>9007199254740993")]
#[case("10:30", "\"10:30\"")]
#[case("-x", "-x")]
fn reads_and_prints(#[case] typed: &str, #[case] printed: &str) {
    let filter = parse(typed).unwrap();
    assert_eq!(filter.to_string(), printed);
    assert_eq!(parse(printed).unwrap(), filter);
}

#[rstest]
#[case("a )", 3, "closes nothing")]
#[case("(a", 1, "never closed")]
#[case("x \"abc", 3, "never closed")]
#[case("a OR", 5, "expected a word")]
#[case("OR a", 1, "put OR and AND in quotes")]
#[case("a ! b", 4, "what ! negates")]
#[case("()", 2, "before )")]
#[case("table:", 7, "expected a value for table")]
#[case("table:a,", 9, "expected a value for table")]
#[case("x colour:red", 3, "no field is called colour")]
#[case("state:failed,broken", 14, "expected a state")]
#[case("verdict:bad", 9, "expected a verdict")]
#[case("age>soon", 5, "expected an age")]
#[case("age>99999999999w", 5, "expected an age")]
#[case("attempts>many", 10, "expected a whole number")]
#[case("created:yesterday", 9, "expected a date")]
#[case("created:..", 9, "expected a date")]
#[case("created:2026-13-01", 9, "expected a date")]
#[case("table>a", 6, "table takes :")]
#[case("data..x:1", 1, "empty step")]
#[case("data.n>abc", 8, "expected a number")]
#[case("data.n>1e999999", 8, "expected a number")]
#[case("age>1h,2h", 5, "takes one value")]
fn errors_name_the_column_and_what_was_expected(#[case] typed: &str, #[case] column: usize, #[case] says: &str) {
    let error = parse(typed).unwrap_err();
    assert_eq!(error.column, column, "{error}");
    assert!(error.message.contains(says), "{error}");
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    assert!(parse(&"(".repeat(100_000)).unwrap_err().message.contains("nested deeper"));
    assert!(parse(&"!".repeat(100_000)).unwrap_err().message.contains("nested deeper"));
}

#[test]
fn values_are_parameters() {
    let out = sql("table:o'x op:x state:failed data.a.b:\"v'v\" error:50%", &migrated());
    assert!(!out.text.contains("o'x") && !out.text.contains("v'v") && !out.text.contains("50"));
    assert!(out.values.contains(&Value::Text("o'x".into())));
    assert!(out.values.contains(&Value::Texts(vec!["a".into(), "b".into()])));
    assert!(out.values.contains(&Value::Text("%50\\%%".into())), "{:?}", out.values);
    assert!(out.text.contains("e.state in ('retry', 'quarantined')"));
}

#[test]
fn a_full_id_uses_the_key() {
    let out = sql("id:4f2a0d7e-1111-4222-8333-444455556666", &migrated());
    assert!(out.text.contains("p.id = $1"));
    assert!(sql("id:4F2A", &migrated()).values.contains(&Value::Text("4f2a%".into())));
}

#[test]
fn what_a_deployed_queue_cannot_answer_is_refused_at_its_column() {
    let mut out = Statement::default();
    let shape = Shape { has_error: true, ..Shape::default() };
    let error = parse("a verdict:fault").unwrap().condition(&shape, &mut out).unwrap_err();
    assert_eq!(error.column, 3);
    assert!(error.message.contains("schema migrate"));
    assert_eq!(parse("tried>2026-11-01").unwrap().condition(&shape, &mut out).unwrap_err().column, 1);
}

#[test]
fn a_code_is_found_by_its_words_where_none_is_noted() {
    let shape = Shape { has_error: true, ..Shape::default() };
    let out = sql("sqlstate:23503", &shape);
    let Value::Texts(words) = &out.values[0] else { panic!("{:?}", out.values) };
    assert!(words.iter().any(|w| w.contains("violates foreign key constraint")));
}

#[test]
fn a_day_ends_before_the_next_begins() {
    let values = |text: &str| sql(text, &migrated()).values;
    let text = |s: &str| Value::Text(s.to_owned());
    assert_eq!(values("created:2026-11-01"), [text("2026-11-01T00:00:00Z"), text("2026-11-02T00:00:00Z")]);
    assert_eq!(values("created>2026-11-01"), [text("2026-11-02T00:00:00Z")]);
    assert_eq!(values("created<=2026-11-01"), [text("2026-11-02T00:00:00Z")]);
    assert_eq!(values("created<2026-11-01"), [text("2026-11-01T00:00:00Z")]);
}

#[rstest]
#[case("state:discarded", false, true)]
#[case("state:discarded age>1h", false, true)]
#[case("state:discarded,failed", true, true)]
#[case("state:discarded OR x", true, true)]
#[case("!state:discarded", true, false)]
#[case("!(state:discarded x)", true, true)]
#[case("state:discarded state:failed", false, false)]
#[case("state:pending,failed,blocked,synced", true, false)]
#[case("!state:pending,failed,blocked,synced", false, true)]
#[case("x", true, true)]
fn a_filter_knows_where_its_entries_can_stand(#[case] typed: &str, #[case] queue: bool, #[case] archive: bool) {
    let filter = parse(typed).unwrap();
    assert_eq!((filter.can_pass(&State::QUEUED), filter.can_pass(&[State::Discarded])), (queue, archive));
}

#[test]
fn nul_never_reaches_the_server() {
    let out = sql("\"a\0b\" data.x:\"\0\"", &migrated());
    for value in out.values {
        let has = match value {
            Value::Text(text) => text.contains('\0'),
            Value::Texts(texts) => texts.iter().any(|t| t.contains('\0')),
            _ => false,
        };
        assert!(!has);
    }
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9_.*/-]{1,8}", "\\PC{1,12}", Just("OR".to_owned()), Just("a\\\"b".to_owned())]
}

fn test_strategy() -> impl Strategy<Value = Test> {
    let sign = prop_oneof![
        Just(Comparison::More),
        Just(Comparison::AtLeast),
        Just(Comparison::Less),
        Just(Comparison::AtMost),
        Just(Comparison::Equal)
    ];
    let unequal = sign.clone().prop_filter("not equal", |s| *s != Comparison::Equal);
    let texts = || proptest::collection::vec(words(), 1..4);
    let day = (1990_i32..2100, 1_u32..13, 1_u32..29)
        .prop_map(|(y, m, d)| Moment::Day(chrono::NaiveDate::from_ymd_opt(y, m, d).unwrap()));
    let second = (0_i64..4_000_000_000)
        .prop_map(|s| Moment::Second(chrono::DateTime::from_timestamp(s, 0).unwrap().naive_utc()));
    let moment = prop_oneof![day, second];
    let field = prop_oneof![Just(TimeField::Created), Just(TimeField::Synced), Just(TimeField::Tried)];
    let text_field = prop_oneof![
        Just(TextField::Table),
        Just(TextField::Operation),
        Just(TextField::Error),
        Just(TextField::Sqlstate),
        Just(TextField::Object),
        Just(TextField::Id),
        Just(TextField::Key)
    ];
    prop_oneof![
        words().prop_map(Test::Word),
        (text_field, texts()).prop_map(|(f, v)| Test::Text(f, v)),
        proptest::sample::subsequence(State::ALL.to_vec(), 1..5).prop_map(Test::State),
        proptest::sample::subsequence(Verdict::ALL.to_vec(), 1..4).prop_map(Test::Verdict),
        (texts(), texts()).prop_map(|(p, v)| Test::DataIs(p, v)),
        (texts(), unequal.clone(), "-?[0-9]{1,20}(\\.[0-9]{1,9})?").prop_map(|(p, s, v)| Test::DataCompares(p, s, v)),
        (sign.clone(), 0_u64..1_000_000).prop_map(|(s, v)| Test::Age(s, v)),
        (field.clone(), moment.clone(), proptest::option::of(moment.clone())).prop_map(|(f, a, b)| Test::Time(
            f,
            Some(a),
            b
        )),
        (field, unequal, moment).prop_map(|(f, s, m)| Test::TimeCompares(f, s, m)),
        (sign, any::<u32>()).prop_map(|(s, n)| Test::Attempts(s, n)),
    ]
}

fn filter_strategy() -> impl Strategy<Value = Filter> {
    test_strategy().prop_map(|test| Filter::Test(test, Column::default())).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::All),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::Any),
            inner.prop_map(|f| Filter::Not(Box::new(f))),
        ]
    })
}

proptest! {
    #[test]
    fn printing_and_reading_is_the_identity(filter in filter_strategy()) {
        let printed = filter.to_string();
        prop_assert_eq!(parse(&printed)?, filter);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_nearly_right_text_panics(text in "[a-z!():,.<>=\"\\\\ OR0-9é]{0,40}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
        }
    }

    #[test]
    fn no_value_stands_in_the_statement(word in "zq[a-z';\"-]{4,12}") {
        let quoted = word.replace('"', "\\\"");
        for text in ["\"X\"", "table:\"X\"", "op:\"X\"", "error:\"X\"", "id:\"X\"", "key:\"X\"", "object:\"X\"",
                     "sqlstate:\"X\"", "data.\"X\":\"X\"", "data.a:\"X*\""] {
            let filter = parse(&text.replace('X', &quoted))?;
            let mut out = Statement::default();
            filter.condition(&migrated(), &mut out)?;
            prop_assert!(!out.text.contains("zq"), "{}", out.text);
        }
    }
}
