//! `/metrics` as Prometheus reads it.
#![allow(clippy::float_cmp, reason = "whole numbers")]

use super::fixture::Fixture;
use robbie_console::metrics::{Exporter, Source, listen};
use robbie_console::sync::{Engine, EngineOptions};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

/// Sends bytes and returns all of the answer.
async fn sent(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("the server ends the connection").ok();
    String::from_utf8(answer).unwrap()
}

/// A series with its labels in one order.
fn ordered(series: &str) -> String {
    let (name, labels) = series.split_once('{').unwrap();
    let mut labels: Vec<&str> = labels.trim_end_matches('}').split(',').collect();
    labels.sort_unstable();
    format!("{name}{{{}}}", labels.join(","))
}

/// The values of a scrape, by name and labels as written; every line is checked against the format.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    let (mut values, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "# EOF" {
            assert_eq!(lines.peek(), None, "nothing stands after the end");
            return values;
        }
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (keyword, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            match keyword {
                "HELP" | "UNIT" => assert!(!rest.is_empty(), "{line}"),
                "TYPE" => assert_eq!(kinds.insert(name.to_owned(), rest.to_owned()), None, "{line} a second time"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let name = series.split('{').next().unwrap();
        assert!(name.starts_with("robbie_sync_") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
        let family = kinds.keys().filter(|k| name.starts_with(k.as_str())).max_by_key(|k| k.len());
        let kind = &kinds[family.unwrap_or_else(|| panic!("{line} has no TYPE"))];
        assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        assert!(series.ends_with('}') && series.contains("replica=\""), "{line}");
        let value = value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        assert!(value.is_finite(), "{line}");
        assert_eq!(values.insert(ordered(series), value), None, "{line} a second time");
    }
    panic!("the end is missing")
}

#[tokio::test]
async fn a_scrape_says_where_queue_engine_and_master_stand() {
    let f = Fixture::new().await;
    let listener = listen("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let engine = Engine::start(f.pair.clone(), EngineOptions::default());
    let replica = "a \"town\"\\\n".to_owned();
    let exporter = Exporter::start(listener, vec![Source { replica, pair: f.pair.clone(), status: engine.status() }]);
    let mut status = engine.status();
    status.wait_for(|s| s.cycles > 0 && !s.busy).await.unwrap();
    f.conversation(Uuid::new_v4(), "up").await;
    f.queue("no_such_table", "INSERT", r#"{"id": 1}"#).await;
    f.master.batch_execute("insert into code_conversations (session_id, title) values ('s', 'down')").await.unwrap();
    let all_there = |s: &robbie_console::sync::EngineStatus| {
        s.figures.pushed.applied == 1 && s.figures.pushed.blocked >= 1 && s.figures.pull_lag.count > 0
    };
    tokio::time::timeout(Duration::from_secs(20), status.wait_for(all_there)).await.unwrap().unwrap();

    let answer = sent(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.contains("application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    let values = parsed(body);
    let town = r#"replica="a \"town\"\\\n""#;
    let value = |name: &str, labels: &str| {
        let series = ordered(&format!("{name}{{{town}{labels}}}"));
        *values.get(&series).unwrap_or_else(|| panic!("{series} is missing in\n{body}"))
    };
    assert_eq!(value("robbie_sync_engine_up", ""), 1.0);
    assert_eq!(value("robbie_sync_engine_faulty", ""), 0.0);
    assert_eq!(value("robbie_sync_push_entries_total", r#",outcome="applied""#), 1.0);
    assert_eq!(value("robbie_sync_table_pushed_rows_total", r#",table="code_conversations""#), 1.0);
    assert_eq!(value("robbie_sync_queue_entries", r#",table="no_such_table",state="blocked",reason="schema""#), 1.0);
    assert!(
        value("robbie_sync_queue_oldest_age_seconds", r#",table="no_such_table",state="blocked",reason="schema""#)
            < 60.0
    );
    assert!(value("robbie_sync_lag_quantile_seconds", r#",direction="pull",quantile="0.99""#) < 20.0);
    let inf = value("robbie_sync_lag_seconds_bucket", r#",direction="push",le="+Inf""#);
    assert_eq!(inf, value("robbie_sync_lag_seconds_count", r#",direction="push""#));
    assert!(inf >= 1.0 && value("robbie_sync_lag_seconds_bucket", r#",direction="push",le="0.05""#) <= inf);
    assert!(value("robbie_sync_clock_offset_seconds", "").abs() < 1.0, "both servers have one clock here");
    assert!(value("robbie_sync_changelog_bytes", "") > 0.0 && value("robbie_sync_ledger_bytes", "") > 0.0);
    assert_eq!(value("robbie_sync_live_replicas", ""), 1.0);
    assert!(value("robbie_sync_last_success_timestamp_seconds", "") > 1e9);

    for (request, wanted) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "),
        ("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 "),
        ("nonsense\r\n\r\n", "HTTP/1.1 400 "),
        ("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 "),
    ] {
        let answer = sent(address, request).await;
        assert!(answer.starts_with(wanted), "{request:?}: {answer}");
    }
    let endless = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nLong: {}\r\n\r\n", "x".repeat(100_000));
    let answer = sent(address, &endless).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    // Clients that say nothing do not keep others waiting.
    let silent: Vec<TcpStream> = {
        let mut silent = vec![];
        for _ in 0..7 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        silent
    };
    assert!(sent(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 200 "));
    drop(silent);
    engine.stop().await;
    drop(exporter);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_port_that_is_taken_and_an_address_that_is_none_are_said_at_once() {
    let taken = listen("127.0.0.1:0").await.unwrap();
    let fault = listen(&taken.local_addr().unwrap().to_string()).await.unwrap_err();
    assert_eq!(robbie_console::cli::Exit::of(&fault).code(), 2);
    assert!(
        fault.message.contains("--metrics") && fault.remedy.unwrap().contains("another program"),
        "{}",
        fault.message
    );
    for wrong in ["", "9187", "no.such.host.invalid:1", "127.0.0.1:99999"] {
        let fault = listen(wrong).await.unwrap_err();
        assert_eq!(robbie_console::cli::Exit::of(&fault).code(), 2, "{wrong}");
    }
}
