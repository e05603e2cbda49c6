//! What makes vectors: what the configuration names, or the built-in embedder.

use crate::conversation::embed::Embedder;
use crate::conversation::endpoint::{Endpoint, Key};
use crate::postgres::{Fault, Kind};
use crate::settings::Settings;
use clap::ValueEnum;

/// What makes vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EmbedderArg {
    /// The built-in one, of words; needs no network.
    Lexical,
    /// The endpoint of `[embeddings]` in the configuration.
    Endpoint,
}

/// The embedder that is asked for: by default the endpoint where one is configured.
pub fn embedder(settings: &Settings, asked: Option<EmbedderArg>) -> Result<Embedder, Fault> {
    let configured = settings.embeddings.as_ref();
    match (asked, configured) {
        (Some(EmbedderArg::Lexical), _) | (None, None) => Ok(Embedder::Lexical),
        (Some(EmbedderArg::Endpoint), None) => Err(Fault::new(Kind::Settings, "no endpoint is configured")
            .remedy("add [embeddings] with a url and a model to config.toml")),
        (_, Some(found)) => {
            let key = match (&found.key_command, &found.key_variable) {
                (Some(command), _) => Some(Key::PrintedBy(command.clone())),
                (None, Some(name)) => Some(
                    settings
                        .environment
                        .get(name)
                        .map_or_else(|| Key::Unset(name.clone()), |key| Key::Known(key.into())),
                ),
                (None, None) => None,
            };
            Endpoint::new(&found.url, &found.model, key).map(Embedder::Endpoint)
        }
    }
}
