//! Filling embeddings: by the built-in embedder, and by an endpoint that answers, is busy, refuses and miscounts.

use super::{fixture, message, write};
use crate::queue::commands::command;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use robbie_console::conversation::embed::{Embedder, Filling};
use robbie_console::conversation::endpoint::{Endpoint, Key};
use robbie_console::conversation::search::{self, Mode};
use robbie_console::conversation::{Kind, Shape};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

/// An endpoint: the first question meets a busy one; a vector says how long the text was. `dimensions` numbers each.
#[expect(clippy::disallowed_methods, reason = "it ends with the test")]
async fn endpoint(dimensions: usize, asked: Arc<AtomicUsize>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let asked = Arc::clone(&asked);
            let answer = move |request: Request<Incoming>| {
                let asked = Arc::clone(&asked);
                async move {
                    let n = asked.fetch_add(1, Ordering::SeqCst);
                    assert_eq!(request.uri().path(), "/v1/embeddings");
                    let key = request.headers().get("authorization").map(|v| v.to_str().unwrap().to_owned());
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                    let status = match (n, key.as_deref()) {
                        (0, _) => StatusCode::TOO_MANY_REQUESTS,
                        (_, Some("Bearer secret")) => StatusCode::OK,
                        _ => StatusCode::UNAUTHORIZED,
                    };
                    let vector = |text: &str| {
                        let mut numbers = vec![0.0_f64; dimensions];
                        numbers[text.len() % 7] = 1.0;
                        numbers
                    };
                    let texts = body["input"].as_array().unwrap();
                    let data: Vec<_> = texts
                        .iter()
                        .enumerate()
                        .rev()
                        .map(|(i, t)| serde_json::json!({ "index": i, "embedding": vector(t.as_str().unwrap()) }))
                        .collect();
                    let text = serde_json::json!({ "data": data, "model": body["model"] }).to_string();
                    let mut response = Response::new(Full::new(Bytes::from(text)));
                    *response.status_mut() = status;
                    response.headers_mut().insert("retry-after", "0".parse().unwrap());
                    Ok::<_, std::convert::Infallible>(response)
                }
            };
            tokio::spawn(async move {
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .await;
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_vectors_are_filled_in_batches_and_never_mixed_with_others() {
    let f = fixture().await;
    let id = write(&f.replica, 1, "One", 0).await;
    for n in 0..7 {
        message(&f.replica, 10 + n, id, &format!("ivfflat probes {}", "x".repeat(usize::try_from(n).unwrap()))).await;
    }
    message(&f.replica, 30, id, " … ").await;
    let none = "select count(*) from code_messages where embedding is null";
    let missing = async || f.replica.query_one(none, &[]).await.unwrap().get::<_, i64>(0);

    let (code, dry) = command(&f.test, &["conversations", "embed", "--side", "replica", "--dry-run"]);
    assert_eq!((code, dry["tables"]["code_messages"]["missing"].as_i64(), missing().await), (0, Some(8), 8), "{dry}");
    // Three rows and no more: the next run goes on there.
    let lexical = ["conversations", "embed", "--side", "replica", "--embedder", "lexical", "--batch", "2"];
    // At sixty a minute the second batch begins a second after the first.
    let began = std::time::Instant::now();
    let (code, some) = command(&f.test, &[&lexical[..], &["--limit", "3", "--rate", "60"]].concat());
    assert!(began.elapsed() >= std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!((code, some["tables"]["code_messages"]["filled"].as_i64(), missing().await), (0, Some(3), 5), "{some}");
    let queued = "select count(*) from pending_sync where table_name = 'code_messages' and operation = 'UPDATE' and data ? 'embedding'";
    assert_eq!(f.replica.query_one(queued, &[]).await.unwrap().get::<_, i64>(0), 3, "what a replica fills is queued");

    let asked = Arc::new(AtomicUsize::new(0));
    let url = endpoint(1536, Arc::clone(&asked)).await;
    let shape = Shape::read(&f.pair.replica).await.unwrap();
    let made = |key: &str, url: &str| {
        Embedder::Endpoint(Endpoint::new(url, "test-model", Some(Key::Known(key.into()))).unwrap())
    };
    let right = made("secret", &url);
    let wrong = made("wrong", &url);
    let fill = |embedder| Filling { link: &f.pair.replica, shape: &shape, kind: Kind::Message, embedder };
    let batch = fill(&right).batch(None, 100).await.unwrap();
    assert_eq!((batch.looked, batch.filled, missing().await), (5, 4, 1), "what has no word gets none");
    assert_eq!(asked.load(Ordering::SeqCst), 2, "a busy endpoint is asked again");
    assert!(fill(&wrong).batch(None, 100).await.is_ok(), "nothing is left to be asked about");

    message(&f.replica, 40, id, "one more").await;
    let refused = fill(&wrong).batch(None, 100).await.unwrap_err();
    assert!(refused.message.contains("401") && !format!("{refused:?}").contains("wrong\""), "{refused}");
    let small = endpoint(8, Arc::new(AtomicUsize::new(1))).await;
    let eight = made("secret", &small);
    let misfit = fill(&eight).batch(None, 100).await.unwrap_err();
    assert!(misfit.message.contains("8 numbers, and the column takes 1536"), "{misfit}");
    assert_eq!(missing().await, 2, "nothing was written");

    // Each embedder finds its own.
    let by = "select count(*) from code_messages where metadata ->> 'embedder' = 'test-model'";
    assert_eq!(f.replica.query_one(by, &[]).await.unwrap().get::<_, i64>(0), 4);
    for (embedder, mine) in [(&Embedder::Lexical, 3), (&right, 4)] {
        let found =
            search::search(&f.pair.replica, &shape, "ivfflat probes", Mode::Similar, embedder, 10).await.unwrap();
        let left = found.not_compared["message"];
        assert_eq!((left.without, left.of_others), (2, Some(7 - mine)), "{}", embedder.id());
    }
    let gone = made("secret", "http://127.0.0.1:1/v1");
    let words = search::search(&f.pair.replica, &shape, "ivfflat probes", Mode::Hybrid, &gone, 10).await.unwrap();
    assert!(!words.results.is_empty() && words.notes.iter().any(|n| n.contains("by words only")), "{:?}", words.notes);
    assert_eq!(words.results[0].conversation_id, Some(Uuid::from_u128(1)));
}
