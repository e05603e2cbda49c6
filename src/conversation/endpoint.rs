//! An OpenAI-compatible endpoint that turns texts into vectors: `POST URL/embeddings`. Ollama's and llama.cpp's answer the same.

use super::similar::Origin;
use crate::postgres::tls::{TlsMode, TlsOptions};
use crate::postgres::{Fault, Kind as FaultKind, password};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often is asked again where the endpoint is busy or broke.
const TRIES: u32 = 5;
/// So much of an answer is read.
const MOST: usize = 64 << 20;
/// So many characters of a text are sent: models read no more, and some refuse.
const LONGEST: usize = 24_000;

/// The endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    uri: Uri,
    model: String,
    key: Option<Key>,
    /// What the key's command printed: it is run when the endpoint is first asked, and once.
    printed: Arc<OnceCell<SecretString>>,
}

/// Where the endpoint's key comes from.
#[derive(Clone, Debug)]
pub enum Key {
    /// The key itself.
    Known(SecretString),
    /// What a command prints.
    PrintedBy(String),
    /// A variable of the environment that is not set: asking the endpoint fails, and says so.
    Unset(String),
}

/// A vector as pgvector reads it, and how many numbers it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vector {
    /// `[0.1,…]`, digit by digit as the endpoint wrote it.
    pub text: String,
    /// Its dimensions.
    pub dimensions: i32,
}

/// What is to be done about an answer that is none.
enum Again {
    After(Duration, String),
    Never(Fault),
}

impl Endpoint {
    /// The endpoint at a URL, such as `http://localhost:11434/v1`.
    pub fn new(url: &str, model: &str, key: Option<Key>) -> Result<Self, Fault> {
        let whole = url.trim_end_matches('/');
        let whole = if whole.ends_with("/embeddings") { whole.to_owned() } else { format!("{whole}/embeddings") };
        let uri: Uri = whole.parse().map_err(|_| wrong("the URL of [embeddings] cannot be read".to_owned()))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(_)) => {
                Ok(Self { uri, model: model.to_owned(), key, printed: Arc::default() })
            }
            _ => Err(wrong("the URL of [embeddings] must begin with http:// or https:// and name a host".to_owned())),
        }
    }
    /// The name under which its vectors are stored: that of the model.
    pub fn id(&self) -> &str {
        &self.model
    }
    /// A text to be compared with what is stored.
    pub async fn origin(&self, text: &str) -> Result<Origin, Fault> {
        let vector = self.embed(&[text.to_owned()]).await?.pop().ok_or_else(|| self.said_nothing())?;
        Ok(Origin { vector: vector.text, dimensions: vector.dimensions, embedder: Some(self.model.clone()) })
    }
    fn said_nothing(&self) -> Fault {
        self.fault("the endpoint answered with fewer vectors than it was given texts".to_owned())
    }
    fn fault(&self, message: String) -> Fault {
        Fault::new(FaultKind::Local, message)
            .about(self.uri.to_string())
            .remedy("look at [embeddings] in the configuration, or use --embedder lexical")
    }
    async fn key(&self) -> Result<Option<&SecretString>, Fault> {
        match &self.key {
            None => Ok(None),
            Some(Key::Known(key)) => Ok(Some(key)),
            Some(Key::PrintedBy(command)) => {
                self.printed.get_or_try_init(|| password::printed_by(command)).await.map(Some)
            }
            Some(Key::Unset(name)) => Err(Fault::new(
                FaultKind::Settings,
                format!("{name} is not set: [embeddings] takes the endpoint's key from it"),
            )
            .remedy(format!("set {name}, or use --embedder lexical"))),
        }
    }
    /// Vectors of texts, in their order. Waits and asks again where the endpoint is busy.
    pub async fn embed(&self, texts: &[String]) -> Result<Vec<Vector>, Fault> {
        let cut: Vec<String> = texts.iter().map(|t| t.chars().take(LONGEST).collect()).collect();
        let body = serde_json::json!({ "model": self.model, "input": cut }).to_string();
        for attempt in 1.. {
            let asked = tokio::time::timeout(PATIENCE, self.ask(body.clone())).await;
            let again = match asked {
                Ok(Ok(answer)) => return self.read(&answer, texts.len()),
                Ok(Err(again)) => again,
                Err(_) => Again::After(Duration::from_secs(1), format!("no answer within {} s", PATIENCE.as_secs())),
            };
            match again {
                Again::Never(fault) => return Err(fault),
                Again::After(_, why) if attempt >= TRIES => {
                    return Err(self.fault(format!("the endpoint did not answer in {TRIES} tries: {why}")));
                }
                Again::After(wait, _) => tokio::time::sleep(wait.min(PATIENCE)).await,
            }
        }
        Err(self.said_nothing())
    }

    async fn ask(&self, body: String) -> Result<Bytes, Again> {
        let unreachable = |why: String| Again::After(Duration::from_millis(500), why);
        let host = self.uri.host().unwrap_or_default();
        let secure = self.uri.scheme_str() == Some("https");
        let port = self.uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream =
            TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(|e| unreachable(e.to_string()))?;
        if !secure {
            return self.send(TokioIo::new(stream), body).await;
        }
        let config =
            TlsOptions { mode: TlsMode::VerifyFull, ..TlsOptions::default() }.client_config().map_err(Again::Never)?;
        let name = tokio_rustls::rustls::pki_types::ServerName::try_from(host.to_owned())
            .map_err(|_| Again::Never(self.fault("its host is no name that TLS can check".to_owned())))?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.map_err(|e| unreachable(e.to_string()))?;
        self.send(TokioIo::new(stream), body).await
    }

    async fn send<S>(&self, stream: S, body: String) -> Result<Bytes, Again>
    where
        S: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    {
        let broke = |e: hyper::Error| Again::After(Duration::from_millis(500), e.to_string());
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.map_err(broke)?;
        let mut request = Request::post(self.uri.path_and_query().map_or("/", |p| p.as_str()))
            .header(header::HOST, self.uri.authority().map_or("", |a| a.as_str()))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json");
        if let Some(key) = self.key().await.map_err(Again::Never)? {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", key.expose_secret()));
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| Again::Never(self.fault("its key cannot stand in a header".to_owned())))?;
        // Driven here and not in a task of its own: it ends with this question.
        let (answer, ()) = tokio::join!(
            async {
                let answer = sender.send_request(request).await.map_err(broke)?;
                let status = answer.status();
                let wait = answer.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
                let body = Limited::new(answer.into_body(), MOST).collect().await;
                drop(sender);
                let body = body.map_err(|e| Again::After(Duration::from_millis(500), e.to_string()))?.to_bytes();
                Ok::<_, Again>((status, wait, body))
            },
            async {
                // What breaks it, the answer says.
                let _ = connection.await;
            }
        );
        let (status, wait, body) = answer?;
        if status.is_success() {
            return Ok(body);
        }
        // An endpoint's own words, without the texts it was sent.
        let said: String = String::from_utf8_lossy(&body).chars().filter(|c| !c.is_control()).take(200).collect();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let wait = wait.map_or(Duration::from_secs(1), Duration::from_secs);
            return Err(Again::After(wait, format!("{status}: {said}")));
        }
        Err(Again::Never(self.fault(format!("the endpoint refused: {status}: {said}"))))
    }

    fn read(&self, answer: &[u8], wanted: usize) -> Result<Vec<Vector>, Fault> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(borrow)]
            data: Vec<One<'a>>,
        }
        #[derive(Deserialize)]
        struct One<'a> {
            index: Option<usize>,
            #[serde(borrow)]
            embedding: &'a RawValue,
        }
        let unread = |e: serde_json::Error| self.fault(format!("the endpoint's answer is no list of embeddings: {e}"));
        let read: Answer<'_> = serde_json::from_slice(answer).map_err(unread)?;
        let mut vectors: Vec<Option<Vector>> = vec![None; wanted];
        for (n, one) in read.data.iter().enumerate() {
            let numbers: Vec<f32> = serde_json::from_str(one.embedding.get()).map_err(unread)?;
            let place = vectors.get_mut(one.index.unwrap_or(n)).ok_or_else(|| self.said_nothing())?;
            let text = one.embedding.get().split_whitespace().collect();
            *place = Some(Vector { text, dimensions: numbers.len() as i32 });
        }
        vectors.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| self.said_nothing())
    }
}

fn wrong(message: String) -> Fault {
    Fault::new(FaultKind::Settings, message).remedy("robbie config path says where it stands")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint::new("http://localhost:1/v1/", "m", None).unwrap()
    }

    #[test]
    fn the_url_is_that_of_the_api() {
        assert_eq!(endpoint().uri.to_string(), "http://localhost:1/v1/embeddings");
        assert!(Endpoint::new("localhost:1", "m", None).is_err() && Endpoint::new("ftp://x/y", "m", None).is_err());
    }

    #[test]
    fn an_answer_is_read_in_its_own_order_and_digits() {
        let answer = br#"{"data": [{"index": 1, "embedding": [0.10, -2e-3]}, {"index": 0, "embedding": [1, 0]}]}"#;
        let read = endpoint().read(answer, 2).unwrap();
        assert_eq!(read[1], Vector { text: "[0.10,-2e-3]".into(), dimensions: 2 });
        for wrong in [&b"{}"[..], br#"{"data": [{"embedding": ["x"]}]}"#, br#"{"data": [{"embedding": [1]}]}"#] {
            assert!(endpoint().read(wrong, 2).is_err());
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let secret = Endpoint::new("https://h/v1", "m", Some(Key::Known(SecretString::from("sk-123")))).unwrap();
        assert!(!format!("{secret:?}").contains("sk-123"));
    }

    #[tokio::test]
    async fn a_keys_command_runs_when_it_is_first_needed_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let noted = folder.path().join("runs");
        let command = format!("echo run >> '{}'; echo sk-1", noted.display());
        let endpoint = Endpoint::new("http://localhost:1", "m", Some(Key::PrintedBy(command))).unwrap();
        assert!(!noted.exists());
        for _ in 0..2 {
            assert_eq!(endpoint.key().await.unwrap().unwrap().expose_secret(), "sk-1");
        }
        assert_eq!(std::fs::read_to_string(noted).unwrap(), "run\n");
        let unset = Endpoint::new("http://localhost:1", "m", Some(Key::Unset("ROBBIE_KEY".into()))).unwrap();
        assert!(unset.key().await.unwrap_err().message.contains("ROBBIE_KEY is not set"));
    }
}
